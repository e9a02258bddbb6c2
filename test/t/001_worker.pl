# The background workers: where they run, what wakes them, what ends them, and
# that nothing which falls due is lost or done twice while they are away.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use HitlTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $node = hitl_node('worker', conf => "log_min_messages = warning\n");

# escalations(DB, SUBJECT): the steps that were done for this decision
sub escalations
{
	my ($db, $subject) = @_;

	return $node->safe_psql(
		$db, qq{
		SELECT string_agg(e.kind || ' ' || coalesce(e.detail->>'step', '-'), ', ' ORDER BY e.id)
		FROM hitl.event e JOIN hitl.decision d ON d.id = e.decision
		WHERE d.subject = '$subject' AND e.actor = 'clock'});
}

# sweep_interval(VALUE): sets it in the running server
sub sweep_interval
{
	my ($value) = @_;

	$node->append_conf('postgresql.conf', "hitl.sweep_interval = '$value'");
	$node->reload;
	poll_ok($node, 'one', "SELECT current_setting('hitl.sweep_interval') = '$value'",
		"the server goes by a sweep interval of $value");
	return;
}

#
# Where they run
#
is( $node->safe_psql('postgres',
		"SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'hitl launcher'"
	),
	'1',
	'a launcher runs');
for my $db ('one', 'two')
{
	$node->safe_psql('postgres', "CREATE DATABASE $db");
	make_desk($node, $db);
}
my $before = time;
ok(wait_for_worker($node, $_), "database $_ has a worker") for 'one', 'two';
note sprintf 'the workers are there after %.2f s', time - $before;
poll_ok(
	$node,
	'postgres',
	q{SELECT array_agg(datname ORDER BY datname) = '{one,two}'
	FROM pg_stat_activity WHERE backend_type = 'hitl worker'},
	'no other database has one');
is($node->safe_psql('one', 'SELECT * FROM hitl.doctor() WHERE severity <> $$info$$'),
	'', 'the doctor misses nothing');

my $other = worker_pid($node, 'two');
$node->safe_psql(
	'one', q{
	SELECT hitl.create_queue('quick', lease => '1 second');
	SELECT hitl.create_queue('boss');
	SELECT hitl.join_queue('ann', 'quick');
	SELECT hitl.create_sla('soon', resolution => '2 seconds');
	SELECT hitl.create_sla('later', resolution => '2 hours');
	SELECT hitl.create_sla('steps', resolution => '100 milliseconds');
	SELECT hitl.add_escalation('soon', 1, to_queue => 'boss');
	SELECT hitl.add_escalation('steps', 1, tier => 2, within => '100 milliseconds');
	SELECT hitl.add_escalation('steps', 2, lane => 0, within => '100 milliseconds');
	SELECT hitl.add_escalation('steps', 3, to_queue => 'boss');
	SELECT hitl.create_workflow('quick', queue => 'quick');
	SELECT hitl.create_workflow('soon', queue => 'desk', sla => 'soon');
	SELECT hitl.create_workflow('later', queue => 'desk', sla => 'later');
	SELECT hitl.create_workflow('steps', queue => 'desk', sla => 'steps');
});

#
# A lease ends without any client
#
$node->safe_psql('one', "INSERT INTO hitl.decision (workflow, subject) VALUES ('quick', 'lease')");
$node->safe_psql('one', "SELECT FROM hitl.claim(queues => '{quick}', reviewer => 'ann')");
poll_ok(
	$node,
	'one',
	q{SELECT holder IS NULL FROM hitl.task WHERE workflow = 'quick'},
	'a lease that is over is taken back');
is(escalations('one', 'lease'), 'lease_expired -', '... once, and recorded');

#
# The worker is woken by the commit, and sleeps until the deadline
#
sweep_interval('10min');
my $pid = wait_for_worker($node, 'one');
$node->safe_psql('one', "INSERT INTO hitl.decision (workflow, subject) VALUES ('later', 'later')");
$node->safe_psql('one', "INSERT INTO hitl.decision (workflow, subject) VALUES ('soon', 'soon')");
is( $node->safe_psql(
		'one', qq{
		CREATE FUNCTION looks() RETURNS text LANGUAGE plpgsql AS \$\$
		DECLARE
			due timestamptz := (SELECT resolution_at FROM hitl.task WHERE workflow = 'soon');
			asleep timestamptz;
			changed timestamptz;
		BEGIN
			LOOP
				PERFORM pg_stat_clear_snapshot();
				SELECT state_change INTO changed FROM pg_stat_activity
				WHERE pid = $pid AND state = 'idle';
				-- it may still be at work on the commit
				asleep := CASE WHEN due - clock_timestamp() > interval '1 s'
							   THEN changed ELSE coalesce(asleep, changed) END;
				IF clock_timestamp() >= due THEN
					RETURN 'slept to the end';
				ELSIF due - clock_timestamp() <= interval '1 s'
					AND changed IS DISTINCT FROM asleep AND clock_timestamp() < due THEN
					RETURN 'looked at ' || coalesce(changed::text, 'something');
				END IF;
				PERFORM pg_sleep(0.01);
			END LOOP;
		END \$\$;
		SELECT looks()}),
	'slept to the end',
	'the worker sleeps until the deadline');
poll_ok($node, 'one', q{SELECT queue = 'boss' FROM hitl.task WHERE workflow = 'soon'},
	'a breach is escalated although the sweep interval is far longer');
my $late = $node->safe_psql(
	'one', q{
	SELECT extract(epoch FROM e.created_at - (e.detail->>'due_at')::timestamptz)
	FROM hitl.event e JOIN hitl.decision d ON d.id = e.decision
	WHERE d.subject = 'soon' AND e.kind = 'escalated'});
cmp_ok($late, '>=', 0, 'not before its time');
cmp_ok($late, '<', 10, 'soon after it');
note sprintf 'escalated %.1f ms after its time', 1000 * $late;
is(escalations('one', 'soon'), 'escalated 1', 'once');

# asleep, it stands in nobody's way
wait_for_worker($node, 'one');
is( $node->safe_psql('postgres',
		"SELECT backend_xid IS NULL AND backend_xmin IS NULL AND xact_start IS NULL, "
		  . "(SELECT count(*) FROM pg_locks l WHERE l.pid = a.pid) "
		  . "FROM pg_stat_activity a WHERE pid = $pid"),
	't|0',
	'asleep it holds no snapshot and no lock');

# a commit that brings nothing nearer leaves it asleep, a nearer one wakes it
$node->safe_psql('one', "INSERT INTO hitl.decision (workflow, subject) VALUES ('steps', 'steps')");
poll_ok($node, 'one', q{SELECT queue = 'boss' FROM hitl.task WHERE workflow = 'steps'},
	'all steps are done, one after the other');
is(escalations('one', 'steps'), 'escalated 1, escalated 2, escalated 3', 'each once, in order');
is(worker_pid($node, 'one'), $pid, 'all that by the same worker');
sound($node, 'one', 'after escalations');

#
# A prepared transaction: nothing wakes the worker, so the sweep finds it
#
sweep_interval('1s');
$node->safe_psql(
	'one', q{
	BEGIN;
	INSERT INTO hitl.decision (workflow, subject) VALUES ('steps', 'prepared');
	PREPARE TRANSACTION 'p';
});
$node->stop('immediate');
$node->start;
is($node->safe_psql('one', q{SELECT count(*) FROM hitl.task JOIN hitl.decision d ON d.id = decision
	WHERE subject = 'prepared'}), '0', 'a prepared decision survives a crash, unseen');
$node->safe_psql('one', q{COMMIT PREPARED 'p'});
is($node->safe_psql('one', q{SELECT count(*) FROM hitl.task JOIN hitl.decision d ON d.id = decision
	WHERE subject = 'prepared'}), '1', 'its task appears with COMMIT PREPARED');
poll_ok($node, 'one', q{SELECT t.queue = 'boss' FROM hitl.task t JOIN hitl.decision d ON d.id = t.decision
	WHERE d.subject = 'prepared'}, 'and is escalated');
is(escalations('one', 'prepared'), 'escalated 1, escalated 2, escalated 3', 'each step once');

#
# Signals
#
$pid = wait_for_worker($node, 'one');
$node->safe_psql('postgres', "SELECT pg_cancel_backend($pid)");
ok(wait_for_worker($node, 'one'), 'a worker is there after pg_cancel_backend');
$pid = wait_for_worker($node, 'one');
$other = wait_for_worker($node, 'two');
$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
my $new = wait_for_worker($node, 'one', $pid);
ok($new, 'another worker after pg_terminate_backend');
is(worker_pid($node, 'two'), $other, 'that of the other database stayed');

my $launcher = $node->safe_psql('postgres',
	"SELECT pid FROM pg_stat_activity WHERE backend_type = 'hitl launcher'");
$node->safe_psql('postgres', "SELECT pg_terminate_backend($launcher)");
poll_ok($node, 'postgres',
	"SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'hitl launcher' AND pid <> $launcher",
	'another launcher after pg_terminate_backend');
# it has looked at all databases when it has served two new ones
for my $db ('three', 'four')
{
	$node->safe_psql('postgres', "CREATE DATABASE $db");
	make_desk($node, $db);
	ok(wait_for_worker($node, $db), "the new launcher serves the new database $db");
}
poll_ok(
	$node,
	'postgres',
	q{SELECT string_agg(datname, ' ' ORDER BY datname) = 'four one three two'
	FROM pg_stat_activity WHERE backend_type = 'hitl worker'},
	'and each of the others has one worker again, not two');
$node->safe_psql('one', "INSERT INTO hitl.decision (workflow, subject) VALUES ('steps', 'term')");
poll_ok($node, 'one', q{SELECT t.queue = 'boss' FROM hitl.task t JOIN hitl.decision d ON d.id = t.decision
	WHERE d.subject = 'term'}, 'the clock goes on');
is(escalations('one', 'term'), 'escalated 1, escalated 2, escalated 3', 'each step once');

#
# What a database sets for its sessions is not meant for the worker
#
$pid = wait_for_worker($node, 'one');
$node->safe_psql('postgres', "ALTER DATABASE one SET $_")
  for 'default_transaction_read_only = on', 'default_transaction_isolation = serializable',
  'default_transaction_deferrable = on', 'session_replication_role = replica',
  'lock_timeout = 1', 'search_path = nowhere';
$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
$node->safe_psql(
	'one', q{
	SET default_transaction_read_only = off;
	INSERT INTO hitl.decision (workflow, subject) VALUES ('steps', 'settings');
});
poll_ok($node, 'one', q{SELECT t.queue = 'boss' FROM hitl.task t JOIN hitl.decision d ON d.id = t.decision
	WHERE d.subject = 'settings'}, 'the worker has settings of its own');
is(escalations('one', 'settings'), 'escalated 1, escalated 2, escalated 3', 'each step once');
$node->safe_psql('postgres', 'ALTER DATABASE one RESET ALL');

#
# A crash
#
$pid = wait_for_worker($node, 'one');
$node->safe_psql('one', q{
	INSERT INTO hitl.decision (workflow, subject)
	SELECT w, 'crash ' || w FROM unnest(ARRAY['soon', 'steps', 'quick']) AS w;
	SELECT FROM hitl.claim(queues => '{quick}', reviewer => 'ann');
});
kill 'KILL', $pid;
$node->poll_query_until('postgres', 'SELECT true');
ok(wait_for_worker($node, 'one', $pid), 'a worker is back after SIGKILL and crash restart');
poll_ok($node, 'one', q{SELECT count(*) = 2 FROM hitl.task t JOIN hitl.decision d ON d.id = t.decision
	WHERE d.subject LIKE 'crash s%' AND t.queue = 'boss'}, 'what fell due meanwhile is caught up');
is(escalations('one', 'crash soon'), 'escalated 1', 'once');
is(escalations('one', 'crash steps'), 'escalated 1, escalated 2, escalated 3', 'each step once');
poll_ok($node, 'one', q{SELECT bool_and(holder IS NULL) FROM hitl.task WHERE workflow = 'quick'},
	'leases that ended meanwhile too');
recovered($node, 'one', 'after SIGKILL');

#
# A stop that lasts longer than the deadlines
#
$node->safe_psql('one', q{
	BEGIN;
	INSERT INTO hitl.decision (workflow, subject) VALUES ('soon', 'stop b'), ('steps', 'stop a');
	UPDATE hitl.task SET resolution_at = 'infinity', wake_at = 'infinity'
	WHERE decision IN (SELECT id FROM hitl.decision WHERE subject LIKE 'stop %');
	COMMIT;
});
$node->stop;
# where no worker runs, the deadlines get into the past
my $sql = 'UPDATE hitl.task t SET resolution_at = w.past, wake_at = w.past '
  . 'FROM hitl.decision d, '
  . "(VALUES ('stop a', now() - interval '1 h'), ('stop b', now() - interval '2 h')) AS w (subject, past) "
  . "WHERE d.id = t.decision AND d.subject = w.subject\n";
run_log([ 'postgres', '--single', '-F', '-D', $node->data_dir, 'one' ], '<', \$sql)
  or die 'single-user mode failed';
$node->start;
poll_ok($node, 'one', q{SELECT count(*) = 2 FROM hitl.task t JOIN hitl.decision d ON d.id = t.decision
	WHERE d.subject LIKE 'stop %' AND t.queue = 'boss'}, 'deadlines that passed during a stop are caught up');
is( $node->safe_psql('one', q{
		SELECT string_agg(d.subject || ' ' || (e.detail->>'step'), ', ' ORDER BY e.id)
		FROM hitl.event e JOIN hitl.decision d ON d.id = e.decision
		WHERE d.subject LIKE 'stop %' AND e.kind = 'escalated'}),
	'stop b 1, stop a 1, stop a 2, stop a 3',
	'in the order of the deadlines, each step once');
sound($node, 'one', 'after a stop');

#
# The extension goes and comes
#
wait_for_worker($node, 'two');
$node->safe_psql('two', 'DROP EXTENSION hitl');
poll_ok($node, 'postgres',
	q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'hitl worker' AND datname = 'two'},
	'the worker leaves after DROP EXTENSION');
make_desk($node, 'two');
ok(wait_for_worker($node, 'two'), 'and is back after CREATE EXTENSION');

#
# The database goes
#
for my $db ('three', 'four')
{
	wait_for_worker($node, $db);
	$node->safe_psql('postgres', "DROP DATABASE $db WITH (FORCE)");
	is(worker_pid($node, $db), '', "DROP DATABASE $db WITH (FORCE) ends its worker");
}
$node->safe_psql('two', 'DROP EXTENSION hitl');
poll_ok($node, 'postgres',
	q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'hitl worker' AND datname = 'two'},
	'without the extension no worker');
$node->safe_psql('postgres', 'CREATE DATABASE copy TEMPLATE two');
$node->safe_psql('postgres', 'DROP DATABASE two');
pass('stands in the way of CREATE DATABASE ... TEMPLATE and DROP DATABASE');

ok(wait_for_worker($node, 'one'), 'the remaining worker is at work');
my $log = slurp_file($node->logfile);
unlike($log, qr/PANIC|TRAP|segfault|terminated by signal (?!9)/, 'no crash but the one that was made');
$node->stop;

done_testing();
