# Many reviewers at once: each task is decided exactly once, nobody starves and
# none is left over.
#
# The work is shared out by claims alone.  Among the sessions are two of the
# same person, whose claims come one after the other, some that give tasks
# back, and some that roll back.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use HitlTest;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $tasks = 20000;
my $sessions = 32;

my $node = hitl_node('concurrency', conf => <<'CONF');
max_connections = 60
shared_buffers = 64MB
synchronous_commit = off
CONF
make_desk($node, 'postgres');
ok(wait_for_worker($node, 'postgres'), 'a worker is there');
$node->safe_psql(
	'postgres', qq{
	SELECT hitl.add_reviewer('r' || i, max_open => 60, max_releases => 1000000), hitl.join_queue('r' || i, 'desk')
	FROM generate_series(1, $sessions - 1) AS i;
	CREATE TABLE here (session int);
	CREATE TABLE done (task bigint, session int, outcome text);

	-- claims, one at a time or many, until there is nothing; what others roll
	-- back or give back comes round again
	CREATE PROCEDURE work(session int, reviewer text) LANGUAGE plpgsql AS \$\$
	DECLARE
		many CONSTANT int := (ARRAY[1, 7, 50])[1 + session % 3];
		batch bigint[];
		n int := 0;
	BEGIN
		-- all start together
		INSERT INTO here VALUES (session);
		COMMIT;
		WHILE (SELECT count(*) FROM here) < $sessions LOOP
			PERFORM pg_sleep(0.01);
		END LOOP;
		LOOP
			SELECT array_agg(c.task) INTO batch FROM hitl.claim(many, reviewer => work.reviewer) c;
			COMMIT;
			IF batch IS NULL THEN
				EXIT WHEN NOT EXISTS (SELECT FROM hitl.task);
				PERFORM pg_sleep(0.01);
				CONTINUE;
			END IF;
			n := n + 1;
			IF session % 4 = 0 AND n % 5 = 0 THEN
				PERFORM hitl.release(t, reviewer => work.reviewer) FROM unnest(batch) AS t;
				COMMIT;
			ELSE
				INSERT INTO done
				SELECT t, session, hitl.approve(t, reviewer => work.reviewer)
				FROM unnest(batch) AS t;
				IF session % 4 = 1 AND n % 5 = 0 THEN
					ROLLBACK;
					INSERT INTO done
					SELECT t, session, hitl.reject(t, 'UNSAFE', 'on second thought',
												   reviewer => work.reviewer)
					FROM unnest(batch) AS t;
				END IF;
				COMMIT;
			END IF;
		END LOOP;
	END \$\$;
});

my $start = time;
$node->safe_psql('postgres',
	"INSERT INTO hitl.decision (workflow, confidence) SELECT 'loan', 0.5 FROM generate_series(1, $tasks)");
note sprintf '%d decisions gated in %.1f s', $tasks, time - $start;
is($node->safe_psql('postgres', 'SELECT count(*) FROM hitl.task'), $tasks, 'each has a task');

$start = time;
my @runs;
for my $i (1 .. $sessions)
{
	# the last two are one person
	my $reviewer = 'r' . ($i < $sessions ? $i : $i - 1);
	my %run = (session => $i, err => '');

	$run{handle} = IPC::Run::start(
		[ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-c', "CALL work($i, '$reviewer')",
			$node->connstr('postgres') ],
		'<', \undef, '>', \$run{out}, '2>', \$run{err});
	push @runs, \%run;
}
my @errors;
for my $run (@runs)
{
	$run->{handle}->finish;
	push @errors, "session $run->{session}: $run->{err}" if $run->{err} ne '' or $run->{handle}->result(0);
}
my $took = time - $start;
note sprintf '%d sessions: %d verdicts in %.1f s, %.0f a second', $sessions, $tasks, $took, $tasks / $took;
is_deeply(\@errors, [], 'no session met an error');

is($node->safe_psql('postgres', 'SELECT count(*) FROM hitl.task'), '0', 'no task is left');
is( $node->safe_psql('postgres', q{
		SELECT count(*), count(DISTINCT task), count(DISTINCT decision), bool_and(final) FROM hitl.verdict}),
	"$tasks|$tasks|$tasks|t",
	'each has one verdict');
is( $node->safe_psql('postgres', q{
		SELECT count(*) FROM done d FULL JOIN hitl.verdict v ON v.task = d.task
		WHERE d.outcome IS DISTINCT FROM v.outcome}),
	'0', 'the one that its reviewer was told');
is( $node->safe_psql('postgres', q{
		SELECT count(*) FROM hitl.event WHERE kind = 'claimed'}),
	$node->safe_psql('postgres', qq{
		SELECT $tasks + count(*) FROM hitl.event WHERE kind IN ('released', 'lease_expired')}),
	'each claim ended in one way');
# from its claim to its verdict or release a task is one person's
is( $node->safe_psql('postgres', q{
		SELECT count(*) FROM (
			SELECT kind, lag(kind) OVER (PARTITION BY task ORDER BY id) AS before FROM hitl.event
			WHERE kind IN ('claimed', 'released', 'lease_expired')) AS e
		WHERE (kind = 'claimed') = (before IS NOT DISTINCT FROM 'claimed')}),
	'0', 'no task was claimed twice');
is( $node->safe_psql('postgres', 'SELECT count(DISTINCT session) FROM done'),
	$sessions, 'every session got work');
note 'verdicts by reviewer: ', $node->safe_psql('postgres', q{
	SELECT string_agg(reviewer || ' ' || n, ', ' ORDER BY n DESC)
	FROM (SELECT reviewer, count(*) AS n FROM hitl.verdict GROUP BY reviewer) AS r});
unlike(slurp_file($node->logfile), qr/deadlock detected/, 'no deadlock');
recovered($node, 'postgres', 'after the rush');
$node->stop;

done_testing();
