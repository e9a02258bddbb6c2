# A standby shows the work and changes nothing; promoted, it goes on where the
# primary stopped: leases by the clock, deadlines by the worker.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use HitlTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $primary = hitl_node('primary', init => [ allows_streaming => 1 ]);
make_desk($primary, 'postgres');
ok(wait_for_worker($primary, 'postgres'), 'the primary has a worker');

$primary->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
$standby->start;

$primary->safe_psql(
	'postgres', q{
	SELECT hitl.set_policy('loan', upper => 0.9, lower => 0.1,
						   audit_rate_approve => 0.5, audit_rate_reject => 0.5);
	INSERT INTO hitl.decision (workflow, subject, confidence)
	SELECT 'loan', i::text, (i % 11) / 10.0 FROM generate_series(1, 100) AS i;
	SELECT hitl.approve(task, reviewer => 'ann') FROM hitl.claim(20, reviewer => 'ann');
	CREATE TABLE claimed AS SELECT task, lease FROM hitl.claim(2, reviewer => 'ann');
	CREATE TABLE mine AS SELECT c.*, t.lease_until FROM claimed c JOIN hitl.task t ON t.id = c.task;
	-- falls due when nobody is there to see it
	SELECT hitl.create_queue('boss');
	SELECT hitl.create_sla('soon', first_review => '1 day');
	SELECT hitl.add_escalation('soon', 1, to_queue => 'boss');
	SELECT hitl.create_workflow('soon', queue => 'slow', sla => 'soon');
	INSERT INTO hitl.decision (workflow) VALUES ('soon');
});
$primary->wait_for_catchup($standby);

# what can be read
for my $what ('hitl.outcome', 'hitl.workflow_report', 'hitl.calibration',
	'hitl.reliability', 'hitl.queue_status', 'hitl.task', 'hitl.verdict')
{
	my $query = "SELECT count(*), md5(coalesce(string_agg(t::text, chr(10) ORDER BY t::text), '')) FROM "
	  . ($what eq 'hitl.queue_status'
		? '(SELECT queue, lane, open, open_estimated, held, overdue, next_due_at, oldest_at, members, present FROM hitl.queue_status)'
		: $what)
	  . ' AS t';
	my $shown = $standby->safe_psql('postgres', $query);

	is($shown, $primary->safe_psql('postgres', $query), "the standby shows the same $what");
	unlike($shown, qr/^0\|/, '... with rows');
}
is($standby->safe_psql('postgres', 'SELECT * FROM hitl.check()'), '', 'it checks the invariants');
is($standby->safe_psql('postgres', q{SELECT * FROM hitl.doctor() WHERE subject = 'worker'}),
	'', 'the doctor does not miss a worker there');

is( $standby->safe_psql('postgres', q{
		SELECT count(*), bool_and(p.input IS NOT DISTINCT FROM d.input)
		FROM hitl.held('ann') h, hitl.packet(h.task, 'ann') p JOIN hitl.decision d ON d.id = p.decision}),
	'2|t', 'who holds tasks sees them there');
is( $standby->safe_psql('postgres', "SELECT array_agg(task) FROM hitl.peek(5, NULL, 'bob')"),
	$primary->safe_psql('postgres', "SELECT array_agg(task) FROM hitl.peek(5, NULL, 'bob')"),
	'the inbox is the same');

# what cannot be done
for my $act (
	q{SELECT * FROM hitl.claim(reviewer => 'bob')},
	q{SELECT hitl.approve((SELECT min(task) FROM mine), reviewer => 'ann')},
	q{SELECT hitl.release((SELECT min(task) FROM mine), reviewer => 'ann')},
	q{INSERT INTO hitl.decision (workflow) VALUES ('loan')},
	q{SELECT hitl.set_policy('loan', upper => 0.8)},
	q{SELECT hitl.create_queue('another')},
	q{SELECT hitl.tick()})
{
	my ($rc, $out, $err) = $standby->psql('postgres', "\\set VERBOSITY sqlstate\n$act");

	is($err =~ s/^psql:<stdin>:\d+: //r, 'ERROR:  25006', "on the standby refused: $act");
}
is( $standby->safe_psql('postgres',
		"SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'hitl %'"),
	'0',
	'no worker runs there');

# the primary goes, and a deadline passes unseen
$primary->safe_psql('postgres', q{
	BEGIN;
	UPDATE hitl.task SET first_review_at = clock_timestamp() + interval '1 ms',
		due_at = clock_timestamp() + interval '1 ms', wake_at = clock_timestamp() + interval '1 ms'
	WHERE workflow = 'soon';
	PREPARE TRANSACTION 'later';
});
$primary->wait_for_catchup($standby);
$primary->stop('immediate');
my $start = time;
$standby->promote;
my $got = $standby->safe_psql('postgres', q{SELECT task FROM hitl.claim(reviewer => 'bob')});
note sprintf 'promoted and claimed in %.2f s', time - $start;
isnt($got, '', 'promoted, it gives out work at once');
ok(wait_for_worker($standby, 'postgres'), 'and has a worker');

is($standby->safe_psql('postgres', q{
		SELECT count(*) FROM mine m JOIN hitl.task t ON t.id = m.task
		WHERE t.lease = m.lease AND t.lease_until = m.lease_until AND t.holder = 'ann'}),
	'2', 'leases are what they were');
is($standby->safe_psql('postgres', q{
		SELECT DISTINCT hitl.approve(task, reviewer => 'ann', lease => lease) FROM mine}),
	'approved', 'their holder decides');
is($standby->safe_psql('postgres', qq{SELECT hitl.approve($got, reviewer => 'bob')}),
	'approved', 'and so does a new one');
$standby->safe_psql('postgres', q{COMMIT PREPARED 'later'});
poll_ok($standby, 'postgres', q{SELECT queue = 'boss' FROM hitl.task WHERE workflow = 'soon'},
	'what fell due meanwhile is escalated');
recovered($standby, 'postgres', 'after promotion');
is($standby->safe_psql('postgres', 'SELECT count(*) = count(DISTINCT id) FROM hitl.decision'),
	't', 'no id was given twice');
$standby->stop;

done_testing();
