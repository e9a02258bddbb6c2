# F31: 64 sessions claim at once from 10000 tasks in three queues.  Each task is
# got exactly once, nobody waits for long, nobody runs into a deadlock, lanes are
# never inverted, and nobody holds more than they may.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use HitlTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $tasks = 10000;
my $sessions = 64;

my $node = hitl_node('claim_rush', conf => <<'CONF');
max_connections = 100
shared_buffers = 64MB
synchronous_commit = off
CONF
make_desk($node, 'postgres');
ok(wait_for_worker($node, 'postgres'), 'a worker is there');
$node->safe_psql(
	'postgres', qq{
	SELECT hitl.create_queue('fifo', 'fifo'), hitl.create_queue('risk', 'exposure', aging => '1 hour');
	SELECT hitl.create_workflow('fifo', 'fifo', lane => 2), hitl.create_workflow('risk', 'risk', lane => 0);
	-- two sessions are one person; a quarter stand in for somebody who is away
	SELECT hitl.add_reviewer('r' || i, max_open => 600) FROM generate_series(0, $sessions / 2 - 1) AS i;
	SELECT hitl.add_reviewer('a' || i, max_open => 600) FROM generate_series(0, $sessions / 2 - 1) AS i;
	SELECT hitl.join_queue(r.name, q.name) FROM hitl.reviewer r, hitl.queue q
	WHERE r.name ~ '^r[0-9]' AND right(r.name, 1) <> '0' OR r.name ~ '^a[0-9]';
	SELECT hitl.set_absence('a' || i, 'infinity', stand_in => 'r' || i)
	FROM generate_series(0, $sessions / 2 - 1) AS i;
	INSERT INTO hitl.decision (workflow, exposure)
	SELECT (ARRAY['loan', 'fifo', 'risk'])[1 + n % 3], n % 97 FROM generate_series(1, $tasks) AS n;
	CREATE TABLE got (task bigint, lane int, session int, n int);
	VACUUM ANALYZE hitl.task;
});

# each session is one client of pgbench, and ends when there is nothing left
my $script = $node->basedir . '/claim.sql';
append_to_file(
	$script, q{
\set r :client_id / 2
INSERT INTO got SELECT task, lane, :client_id, nextval('hitl.event_id_seq') FROM hitl.claim(1, NULL, 'r' || :r);
});
my $log = $node->basedir . '/claims';
command_ok(
	[ 'pgbench', '-n', '-M', 'prepared', '-c', $sessions, '-j', 2, '-t', int($tasks / $sessions) + 1,
		'-f', $script, '-l', '--log-prefix', $log, '-p', $node->port, '-h', $node->host, 'postgres' ],
	"$sessions sessions claim at once");
my @times;
for my $file (glob "$log*")
{
	open my $fh, '<', $file or die "$file: $!";
	push @times, map { (split)[2] / 1000 } <$fh>;
	close $fh;
}
@times = sort { $a <=> $b } @times;
note sprintf '%d claims, %.1f ms at the median, %.1f ms at the 99th percentile, %.1f ms at most',
	scalar @times, @times[ @times / 2, @times * 0.99, -1 ];

is( $node->safe_psql('postgres', 'SELECT count(*), count(DISTINCT task) FROM got'),
	"$tasks|$tasks", 'each task was got exactly once');
is( $node->safe_psql('postgres', 'SELECT count(*) FROM hitl.task WHERE holder IS NULL'),
	'0', 'none is left');
is( $node->safe_psql('postgres', q{
		SELECT count(*) FROM (SELECT holder FROM hitl.task GROUP BY 1 HAVING count(*) > 600) s}),
	'0', 'nobody holds more than they may');
# Two that overlap may be told in either order; by as many as there are sessions.
is( $node->safe_psql('postgres', qq{
		SELECT count(*) FROM (
			SELECT lane, max(lane) OVER (ORDER BY n ROWS BETWEEN UNBOUNDED PRECEDING AND $sessions * 4 PRECEDING) AS before
			FROM got) s
		WHERE lane < before}),
	'0', 'no lane is served before one that is more urgent');
is( $node->safe_psql('postgres', q{
		SELECT count(*) FROM hitl.task t
		WHERE (t.on_behalf_of IS NOT NULL) <> NOT EXISTS (
			SELECT FROM hitl.membership m WHERE m.reviewer = t.holder AND m.queue = t.queue)}),
	'0', 'who is no member works for somebody who is');
unlike(slurp_file($node->logfile), qr/deadlock detected|ERROR/, 'no deadlock, no error');
$node->safe_psql('postgres', 'DELETE FROM hitl.absence');
$node->safe_psql('postgres',
	"SELECT hitl.approve(id, reviewer => holder) FROM hitl.task");
recovered($node, 'postgres', 'after the rush');
$node->stop;

done_testing();
