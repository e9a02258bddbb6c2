# People who go while they work: a session that dies, a client that hangs, a
# role that is renamed, dropped or made anew.  What was not committed has not
# happened; what was claimed comes back, with or without a worker; and a name
# alone gives nobody what another person held.
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

# make_people(NODE): the reviewers ann and bob with logins of their own, and
# decisions for them
sub make_people
{
	my ($node) = @_;

	make_desk($node, 'postgres');
	$node->safe_psql(
		'postgres', q{
		CREATE ROLE ann LOGIN IN ROLE hitl_reviewer;
		CREATE ROLE bob LOGIN IN ROLE hitl_reviewer;
		SELECT hitl.set_reviewer(r, login => r::regrole) FROM unnest('{ann,bob}'::text[]) AS r;
		-- what the session of a reviewer does, and the state of the only task
		CREATE FUNCTION public.done(OUT holder text, OUT events text) LANGUAGE sql SECURITY DEFINER AS $$
			SELECT (SELECT t.holder FROM hitl.task t ORDER BY id DESC LIMIT 1),
				   (SELECT string_agg(e.kind, ' ' ORDER BY e.id) FROM hitl.event e WHERE e.task = (SELECT max(id) FROM hitl.task))
		$$;
	});
	return;
}

# decision(NODE): a new one; nothing else is open
sub decision
{
	my ($node) = @_;

	$node->safe_psql(
		'postgres', q{
		SELECT hitl.withdraw(decision) FROM hitl.task;
		INSERT INTO hitl.decision (workflow) VALUES ('loan');
	});
	return;
}

# as_role(NODE, ROLE, SQL): what a session of this role is answered, or the
# SQLSTATE that it meets
sub as_role
{
	my ($node, $role, $sql) = @_;
	my ($rc, $out, $err) = $node->psql('postgres', $sql,
		extra_params => [ '-v', 'VERBOSITY=sqlstate', '-U', $role ]);

	return $err =~ /ERROR:  (\w{5})/ ? $1 : $out;
}

# state(NODE): who holds the latest task, and what has happened to it
sub state
{
	my ($node) = @_;

	return $node->safe_psql('postgres', 'SELECT * FROM public.done()');
}

# client(NODE, SQL): a client of ann that has done this and hangs there; its
# process, and the pid of its session
sub client
{
	my ($node, $sql) = @_;
	my ($in, $out, $err) = ("SELECT pg_backend_pid();\n$sql;\n\\echo there\n", '', '');
	my $handle = IPC::Run::start(
		[ 'psql', '-XqAt', '-U', 'ann', '-f', '-', $node->connstr('postgres') ],
		'<', \$in, '>', \$out, '2>', \$err,
		IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));

	$handle->pump until $out =~ /there/;
	return ($handle, $out =~ /^(\d+)/);
}

# ended(NODE, PID): the session is no more
sub ended
{
	my ($node, $pid) = @_;

	return $node->poll_query_until('postgres',
		"SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $pid)");
}

my $claim = 'SELECT count(*) FROM hitl.claim()';
my $approve = 'SELECT hitl.approve(task) FROM hitl.held()';

#
# Sessions that die, with nobody to clean up
#
my $lazy = hitl_node('lazy', conf => "shared_preload_libraries = ''\n");
make_people($lazy);
$lazy->safe_psql('postgres', q{SELECT hitl.set_queue('desk', lease => '3 seconds')});

for my $act ([ 'a claim' => $claim ], [ 'a claim and a verdict' => "$claim; SELECT hitl.approve(max(task)) FROM hitl.held()" ])
{
	my ($what, $sql) = @$act;

	decision($lazy);
	my ($handle, $pid) = client($lazy, "BEGIN; $sql");
	is(as_role($lazy, 'bob', $claim), '0', "$what, not committed: somebody else does not wait for it");
	$handle->kill_kill;
	ended($lazy, $pid);
	is(state($lazy), '|', "$what: the client is killed, and nothing has happened");
	is(as_role($lazy, 'bob', "BEGIN; $claim; ROLLBACK"), '1', '... somebody else gets the task');

	# the client hangs, and the connection with it
	($handle, $pid) = client($lazy, "SET idle_in_transaction_session_timeout = '300ms'; BEGIN; $sql");
	$handle->signal('STOP');
	is(as_role($lazy, 'bob', $claim), '0', "$what: the client hangs, and somebody else does not wait");
	ok(ended($lazy, $pid), '... the server ends the session');
	is(state($lazy), '|', '... and nothing has happened');
	is(as_role($lazy, 'bob', "BEGIN; $claim; ROLLBACK"), '1', '... somebody else gets the task');
	$handle->signal('CONT');
	$handle->kill_kill;
}

decision($lazy);
my ($handle, $pid) = client($lazy, $claim);
$lazy->safe_psql('postgres', "SELECT pg_terminate_backend($pid, 60000)");
$handle->kill_kill;
is(state($lazy), 'ann|claimed', 'a claim, committed: it outlives its session');
is(as_role($lazy, 'ann', 'SELECT count(*) FROM hitl.held()'), '1', '... another session of the reviewer finds it');
is(as_role($lazy, 'bob', $claim), '0', '... nobody else has it while the lease lasts');
my $until = $lazy->safe_psql('postgres', 'SELECT extract(epoch FROM lease_until) FROM hitl.task');
ok( $lazy->poll_query_until(
		'postgres', q{
		SELECT count(*) = 1 FROM hitl.claim(reviewer => 'bob')}),
	'... then the next claim gets it, without a worker');
my $late = $lazy->safe_psql('postgres', "SELECT extract(epoch FROM claimed_at) - $until FROM hitl.task");
cmp_ok($late, '>=', 0, '... not earlier');
note "claimed anew $late s after the end of the lease";
is(state($lazy), 'bob|claimed lease_expired claimed', '... once, and recorded');
is(as_role($lazy, 'ann', 'SELECT hitl.approve(max(id)) FROM (VALUES (1)) AS v (id)'), 'ZH003',
	'... a verdict of somebody who has nothing is refused');
is(as_role($lazy, 'bob', $approve), 'approved', '... and the new holder decides');

# the verdict is committed, and its answer is lost
decision($lazy);
my $task = as_role($lazy, 'ann', 'SELECT task FROM hitl.claim()');
($handle, $pid) = client($lazy, "SELECT hitl.approve($task, 'fine')");
$handle->kill_kill;
ended($lazy, $pid);
is(as_role($lazy, 'ann', "SELECT hitl.approve($task, 'fine')"), 'approved',
	'a verdict whose answer was lost is answered again');
is($lazy->safe_psql('postgres', "SELECT count(*) FROM hitl.verdict WHERE task = $task"), '1', '... and given once');
recovered($lazy, 'postgres', 'after all that');
$lazy->stop;

#
# Roles that are renamed, dropped, made anew
#
my $node = hitl_node('gone');
make_people($node);
ok(wait_for_worker($node, 'postgres'), 'a worker is there');

# gone_after(SQL, NAME): by the statement the holder is gone, and the task is
# open again
sub gone_after
{
	my ($sql, $name) = @_;
	my $before = time;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$node->safe_psql('postgres', $sql);
	poll_ok($node, 'postgres', 'SELECT holder IS NULL FROM hitl.task', $name);
	note sprintf 'open again after %.2f s',
	  $node->safe_psql('postgres', q{SELECT extract(epoch FROM max(created_at)) FROM hitl.event WHERE kind = 'reviewer_gone'}) - $before;
	return;
}

decision($node);
is(as_role($node, 'ann', $claim), '1', 'a reviewer holds a task');
$node->safe_psql('postgres', 'ALTER ROLE ann RENAME TO anna');
is(as_role($node, 'anna', $approve), 'approved', '... and decides it under the new name of the role');
is($node->safe_psql('postgres', 'SELECT reviewer FROM hitl.verdict ORDER BY id DESC LIMIT 1'),
	'ann', '... as the reviewer that they were');
$node->safe_psql('postgres', 'ALTER ROLE anna RENAME TO ann');

# paused, away, out of the queue: who has a task finishes it
decision($node);
is(as_role($node, 'ann', $claim), '1', 'a reviewer holds a task');
$node->safe_psql(
	'postgres', q{
	SELECT hitl.pause_reviewer('ann', 'check'), hitl.leave_queue('ann', 'desk');
	SELECT hitl.set_absence('ann', now() + interval '1 day');
	SELECT hitl.tick();
});
is(as_role($node, 'ann', $approve), 'approved', '... and decides it although paused, away and out of the queue');
$node->safe_psql(
	'postgres', q{
	SELECT hitl.resume_reviewer('ann'), hitl.join_queue('ann', 'desk'), hitl.end_absence(max(id)) FROM hitl.absence;
	CREATE ROLE ann2 LOGIN IN ROLE hitl_reviewer;
	SELECT hitl.add_login('ann', 'ann2');
});

# one login of two
decision($node);
is(as_role($node, 'ann2', $claim), '1', 'a reviewer with two logins holds a task');
$node->safe_psql('postgres', 'DROP ROLE ann2; SELECT hitl.tick()');
is(state($node), 'ann|claimed', '... and keeps it when one of them is dropped');
is(as_role($node, 'ann', 'SELECT count(*) FROM hitl.held()'), '1', '... as the other login shows');

# the last one; its session is still there
my $alive = $node->background_psql('postgres', on_error_stop => 0, extra_params => [ '-U', 'ann', '-v', 'VERBOSITY=sqlstate' ]);
is($alive->query('SELECT count(*) FROM hitl.held()'), '1', 'a session of the last login is there');
gone_after('DROP ROLE ann', '... the login is dropped, and the worker takes the task back');
is(state($node), '|claimed reviewer_gone', '... it is open, and recorded');
$alive->query($approve);
like($alive->{stderr}, qr/ERROR/, '... the session that was left can do nothing with it');
eval { $alive->quit };
is($node->safe_psql('postgres', q{SELECT finding FROM hitl.doctor() WHERE subject = 'reviewer ann'}),
	'the role of the login is gone', '... the doctor says so');

# somebody else with the same name
$node->safe_psql('postgres', 'CREATE ROLE ann LOGIN IN ROLE hitl_reviewer');
is(as_role($node, 'ann', $claim), 'ZH012', 'a role made anew with the same name is nobody');
is(as_role($node, 'ann', 'SELECT hitl.approve(1)'), 'ZH012', '... nor does it decide');
is(as_role($node, 'bob', $claim), '1', '... somebody else gets the task');

# the reviewer is removed
my $remove = q{DELETE FROM hitl.membership WHERE reviewer = 'bob'; DELETE FROM hitl.reviewer WHERE name = 'bob'};
gone_after($remove,
	'a reviewer is removed, and the worker takes the task back');
is(as_role($node, 'bob', 'SELECT hitl.approve(1)'), 'ZH012', '... the role is nobody now');
$node->safe_psql('postgres', q{SELECT hitl.add_reviewer('bob', login => 'bob'), hitl.join_queue('bob', 'desk')});
is(as_role($node, 'bob', 'SELECT count(*) FROM hitl.held()'), '0', '... made anew, the reviewer has nothing of the old one');

# at the row is somebody else: the worker comes back for it
is(as_role($node, 'bob', $claim), '1', 'the new one holds it');
my $lock = $node->background_psql('postgres');
$lock->query_safe('BEGIN; SELECT id FROM hitl.task FOR UPDATE');
my $then = $node->safe_psql('postgres', "$remove; SELECT clock_timestamp()");
poll_ok(
	$node,
	'postgres',
	"SELECT state = 'idle' AND query_start > '$then' FROM pg_stat_activity WHERE backend_type = 'hitl worker'",
	'somebody is at the task of one who is removed: the worker comes along');
is(state($node), 'bob|claimed reviewer_gone claimed reviewer_gone claimed', '... and does not wait');
$lock->query_safe('ROLLBACK');
$lock->quit;
poll_ok($node, 'postgres', 'SELECT holder IS NULL FROM hitl.task', '... it takes the task back later');
$node->safe_psql('postgres', q{SELECT hitl.add_reviewer('bob'), hitl.join_queue('bob', 'desk'), hitl.tick()});
recovered($node, 'postgres', 'after all that');

done_testing();
