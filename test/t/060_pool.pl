# Behind a pool of one connection: many clients, one session of the server.
#
# PgBouncer in transaction mode hands the session to whoever comes next, with
# all that the one before has set in it.  So nothing of hitl may live in a
# session, and who acts is said in each call: by the login of the pool, or by
# the name that a member of hitl_delegate gives.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use HitlTest;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my ($bouncer) = grep { -x } map { "$_/pgbouncer" } split(/:/, $ENV{PATH} // ''), '/usr/sbin', '/usr/local/sbin';
plan skip_all => 'PgBouncer is not installed' unless $bouncer;

my $clients = $ENV{HITL_POOL_CLIENTS} // 200;
my $each = 5;

my $node = hitl_node('pool');
make_desk($node, 'postgres');
$node->safe_psql(
	'postgres', qq{
	CREATE ROLE front LOGIN IN ROLE hitl_delegate;
	CREATE ROLE app LOGIN IN ROLE hitl_application;
	CREATE ROLE ann LOGIN IN ROLE hitl_reviewer;
	CREATE ROLE bob LOGIN IN ROLE hitl_reviewer;
	CREATE ROLE eve LOGIN IN ROLE hitl_reviewer;
	-- the person of eve uses the pool, too, and may become her there
	GRANT eve TO front;
	CREATE ROLE lea LOGIN IN ROLE hitl_lead;
	SELECT hitl.set_reviewer('ann', login => 'ann'), hitl.set_reviewer('bob', login => 'bob', tier => 2);
	SELECT hitl.add_reviewer('eve', login => 'eve'), hitl.join_queue('eve', 'desk');
	SELECT hitl.create_workflow('rush', queue => 'rush');
	SELECT hitl.add_reviewer('r' || i), hitl.join_queue('r' || i, 'rush') FROM generate_series(0, $clients - 1) i;
});

# The pool: a session of the server for each login.
my $dir = PostgreSQL::Test::Utils::tempdir_short();
my $port = PostgreSQL::Test::Cluster::get_free_port();
my $log = "$dir/log";
append_to_file("$dir/users", join '', map { qq{"$_" ""\n} } qw(front app ann bob eve lea));
append_to_file("$dir/ini", <<"INI");
[databases]
postgres = host=@{[ $node->host ]} port=@{[ $node->port ]}
[pgbouncer]
pool_mode = transaction
default_pool_size = 1
max_client_conn = @{[ $clients + 50 ]}
listen_port = $port
unix_socket_dir = $dir
auth_type = trust
auth_file = $dir/users
logfile = $log
pidfile = $dir/pid
ignore_startup_parameters = extra_float_digits,options
INI
my $pool = IPC::Run::start([ $bouncer, '-q', "$dir/ini" ], '<', \undef, '>', \my $pool_out, '2>', \my $pool_err);

END
{
	if ($pool)
	{
		my $rc = $?;
		$pool->kill_kill;
		$? = $rc;
	}
}

# pooled(LOGIN, SQL): what a new client of the pool is answered, or the SQLSTATE
# that it meets.
sub pooled
{
	my ($login, $sql) = @_;
	my ($out, $err) = ('', '');

	# from a file: a psql that is not let in reads no pipe
	append_to_file("$dir/statements.$$", $sql);
	IPC::Run::run([ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-v', 'VERBOSITY=sqlstate',
			'-f', "$dir/statements.$$",
			"host=$dir port=$port user=$login dbname=postgres" ],
		'<', \undef, '>', \$out, '2>', \$err);
	unlink "$dir/statements.$$";
	chomp $out;
	return $err =~ /ERROR:  (\w+)/ ? $1 : $err ne '' ? $err : $out;
}

my $up = 0;
for (1 .. 300)
{
	last if $up = pooled('app', 'SELECT 1') eq '1';
	usleep(100_000);
}
ok($up, 'the pool is there') or BAIL_OUT(slurp_file($log));

my $session = pooled('front', 'SELECT pg_backend_pid()');
sub same_session
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(pooled('front', 'SELECT pg_backend_pid()'), $session, "$_[0]: all in one session of the server");
}

# insert(): a decision of the application
sub insert
{
	return pooled('app', q{INSERT INTO hitl.decision (workflow, subject, output) VALUES ('loan', 's', '{"pay": 1}') RETURNING id});
}

# take(REVIEWER): a task for them
sub take
{
	return pooled('front', "SELECT task FROM hitl.claim(reviewer => '$_[0]')");
}

# verdicts(DECISION): who is on record with what
sub verdicts
{
	return $node->safe_psql('postgres',
		"SELECT string_agg(concat_ws(' ', action, reviewer, asserted_by), ', ' ORDER BY id) FROM hitl.verdict WHERE decision = '$_[0]'");
}

# The whole API, each call by another client.
{
	my @d = map { insert() } 1 .. 12;
	my $t;

	$t = take('ann');
	is(pooled('front', "SELECT count(*) FROM hitl.held(reviewer => 'ann')"), '1', 'held');
	is(pooled('front', "SELECT count(*) FROM hitl.held(reviewer => 'bob')"), '0', 'held: nothing by another');
	is(pooled('front', "SELECT count(*) FROM hitl.peek(reviewer => 'bob')"), '11', 'peek');
	is(pooled('front', "SELECT subject FROM hitl.packet($t, reviewer => 'ann') p JOIN (SELECT '$d[0]'::uuid, 's') AS d (id, subject) ON d.id = p.decision"),
		's', 'packet');
	is(pooled('front', "SELECT hitl.approve($t, reviewer => 'bob')"), 'ZH001', 'approve: not what another holds');
	is(pooled('front', "SELECT hitl.approve($t, reviewer => 'ann')"), 'approved', 'approve');
	is(verdicts($d[0]), 'approve ann front', 'and it is on record who said so for whom');

	$t = take('bob');
	is(pooled('front', "SELECT hitl.reject($t, 'INCORRECT', 'wrong', reviewer => 'bob')"), 'rejected', 'reject');
	is(verdicts($d[1]), 'reject bob front', 'by the other');

	$t = take('ann');
	is(pooled('front', qq{SELECT hitl.amend($t, '{"pay": 2}', 'INCORRECT', 'less', reviewer => 'ann')}), 'amended', 'amend');

	$t = take('ann');
	like(pooled('front', "SELECT hitl.extend($t, reviewer => 'ann')"), qr/^(20|ZH004)/, 'extend');
	like(pooled('front', "SELECT hitl.ask($t, 'which?', reviewer => 'ann')"), qr/^20/, 'ask');
	is(pooled('app', 'SELECT question FROM hitl.open_questions()'), 'which?', 'open_questions');
	is(pooled('app', "SELECT hitl.answer('$d[3]', 'that')"), '', 'answer');
	is(pooled('front', "SELECT hitl.release($t, reviewer => 'ann')"), '', 'release');
	$t = take('bob');
	is(pooled('front', "SELECT hitl.release($t, reviewer => 'ann')"), 'ZH001', 'release: not what another holds');
	is(pooled('front', "SELECT hitl.approve($t, reviewer => 'bob')"), 'approved', 'approve after all that');

	$t = take('ann');
	is(pooled('front', "SELECT hitl.escalate($t, 'too hard', reviewer => 'ann')"), '', 'escalate');
	$t = take('bob');
	is(pooled('front', "SELECT hitl.approve($t, reviewer => 'bob')"), 'approved', 'the next tier');
	is(verdicts($d[4]), 'escalate ann front, approve bob front', 'both are on record');

	$t = take('ann');
	is(pooled('front', qq{SELECT outcome FROM hitl.decide('[{"task": $t, "action": "approve"}]', reviewer => 'bob')}), '', 'decide: not what another holds');
	is(pooled('front', qq{SELECT outcome FROM hitl.decide('[{"task": $t, "action": "approve"}]', reviewer => 'ann')}), 'approved', 'decide');
	$t = take('ann');
	is(pooled('front', "SELECT count(*) FROM hitl.decide_like($t, 'approve', alike => '{subject}', n => 2, reviewer => 'ann')"), '3', 'decide_like');

	is(pooled('app', "SELECT hitl.withdraw('$d[9]')"), 'withdrawn', 'withdraw');
	is(pooled('lea', "SELECT hitl.veto('$d[10]', 'stop')"), 'rejected', 'veto');
	$t = take('ann');
	is(pooled('lea', "SELECT hitl.reassign($t, 'bob')"), '', 'reassign');
	is(pooled('front', "SELECT hitl.approve($t, reviewer => 'ann')"), 'ZH001', 'it is not hers any more');
	is(pooled('lea', "SELECT hitl.recall($t, 'again')"), '', 'recall');
	is(pooled('lea', "SELECT hitl.requeue($t, lane => 0)"), '', 'requeue');
	$t = take('bob');
	is(pooled('front', "SELECT hitl.reject($t, 'INCORRECT', 'no', reviewer => 'bob')"), 'rejected', 'reject at last');
	is(pooled('front', "SELECT hitl.correct('$d[11]', NULL, 'INCORRECT', 'yes', reviewer => 'bob', outcome => 'approved')"), 'approved', 'correct');
	is($node->safe_psql('postgres', 'SELECT count(*) FROM hitl.task'), '0', 'nothing is left');
	same_session('the whole API');
}

# What a client leaves behind in the session says nothing about who comes next.
for my $leftover (
	q{SET application_name = 'bob'},
	q{SET search_path = nowhere},
	q{SET role = none},
	q{SELECT set_config('role', 'none', false)},
	q{SET statement_timeout = '1h'},
	q{SET IntervalStyle = iso_8601; SET DateStyle = German; SET TimeZone = 'Asia/Tokyo'},
	q{SET client_encoding = LATIN1},
	q{SET extra_float_digits = -15; SET bytea_output = escape; SET xmloption = document},
	q{PREPARE claim AS SELECT 1},
	q{DECLARE claim CURSOR WITH HOLD FOR SELECT 1},
	q{CREATE TEMP TABLE task (id bigint); CREATE TEMP TABLE reviewer (name text)},
	q{SELECT pg_advisory_lock(1)},
	q{LISTEN hitl},
	q{SET plan_cache_mode = force_custom_plan},
	q{SET default_statistics_target = 1; SET enable_indexscan = off; SET enable_seqscan = off},
	q{SET session_preload_libraries = ''; SET lc_messages = 'C'},
	q{DISCARD ALL})
{
	pooled('front', $leftover);
	my $d = insert();
	my $t = take('ann');
	is(pooled('front', "SELECT hitl.approve($t, reviewer => 'ann')"), 'approved', "after $leftover");
	is(verdicts($d), 'approve ann front', 'the same person acts');
}
same_session('leftovers');

# A client who becomes another role stays that in the session, as far as the
# server goes; then the next one is no delegate, and is refused.
{
	my $d = insert();

	is(pooled('front', 'SET ROLE eve'), '', 'a client becomes another role');
	is(pooled('front', "SELECT count(*) FROM hitl.claim(reviewer => 'ann')"), '42501', 'the next client is refused');
	is(pooled('front', "SELECT count(*) FROM hitl.claim(reviewer => 'bob')"), '42501', 'and the one after');
	is(pooled('front', 'RESET ROLE'), '', 'until it is set right');
	is(pooled('front', 'SET SESSION AUTHORIZATION ann'), '42501', 'the session belongs to its login');
	is(pooled('front', q{SELECT set_config('session_authorization', 'ann', false)}), '42501', 'in whatever words');
	is(pooled('front', 'SET ROLE ann'), '42501', 'and becomes nobody who was not granted');
	is(pooled('front', 'SET ROLE hitl_admin'), '42501', 'nobody powerful either');
	for my $name (qw(hitl.reviewer hitl.user hitl.login hitl.delegate))
	{
		like(pooled('front', "SET $name = 'bob'"), qr/^4/, "there is no setting $name");
	}
	is(pooled('front', 'SELECT count(*) FROM hitl.claim()'), 'ZH012', 'the login of the pool is no reviewer');
	my $t = take('bob');
	is(pooled('front', "SELECT hitl.approve($t, reviewer => 'bob')"), 'approved', 'it goes on');
	is(verdicts($d), 'approve bob front', 'as the one who was named');
}

# Nobody else names another, and an application's own login reviews nothing of its own.
{
	my $d = insert();

	for my $login (qw(ann bob eve))
	{
		my $other = $login eq 'ann' ? 'bob' : 'ann';
		is(pooled($login, "SELECT count(*) FROM hitl.claim(reviewer => '$other')"), '42501', "$login cannot act as $other");
	}
	is(pooled('app', "SELECT count(*) FROM hitl.claim(reviewer => 'ann')"), '42501', 'nor can the application');
	my $t = pooled('ann', 'SELECT task FROM hitl.claim()');
	for my $call ("approve($t, reviewer => 'ann')", "reject($t, 'INCORRECT', 'no', reviewer => 'ann')",
		qq{amend($t, '1', 'INCORRECT', 'no', reviewer => 'ann')}, "release($t, reviewer => 'ann')",
		"extend($t, reviewer => 'ann')", "escalate($t, 'no', reviewer => 'ann')", "ask($t, 'no', reviewer => 'ann')",
		"judge($t, '1', reviewer => 'ann')", qq{decide('[{"task": $t, "action": "approve"}]', reviewer => 'ann')},
		"decide_like($t, 'approve', reviewer => 'ann')", "packet($t, reviewer => 'ann')",
		"held(reviewer => 'ann')", "peek(reviewer => 'ann')")
	{
		my $name = $call =~ /^(\w+)/ ? $1 : '';
		is(pooled('bob', "SELECT hitl.$call"), '42501', "$name: nobody but a delegate names another");
	}
	is(pooled('ann', "SELECT hitl.approve($t)"), 'approved', 'in their own name they work');
	is(verdicts($d), 'approve ann', 'and nobody is on record as having said so for them');
	is(pooled('ann', "SELECT count(*) FROM hitl.held(reviewer => 'ann')"), '0', 'to name oneself is no offence');
}

# Many clients at once, each another person, and some who leave things behind.
{
	my $all = $clients * $each;

	pooled('app', "INSERT INTO hitl.decision (workflow) SELECT 'rush' FROM generate_series(1, $all)");
	append_to_file("$dir/work.sql", <<'SQL');
SELECT task, lease FROM hitl.claim(1, reviewer => 'r' || :client_id) \gset
\if random(1, 4) = 1
SELECT hitl.release(:task, reviewer => 'r' || :client_id, lease => :lease);
SELECT task, lease FROM hitl.claim(1, reviewer => 'r' || :client_id) \gset
\endif
\if random(1, 2) = 1
SELECT hitl.approve(:task, 'r' || :client_id, reviewer => 'r' || :client_id, lease => :lease);
\else
SELECT hitl.reject(:task, 'INCORRECT', 'r' || :client_id, reviewer => 'r' || :client_id, lease => :lease);
\endif
SQL
	append_to_file("$dir/litter.sql", <<'SQL');
\set r random(0, 9)
SET search_path = nowhere;
SET application_name = 'r:r';
SET IntervalStyle = sql_standard;
SQL
	my @run = map {
		my ($file, $clients, $times) = @$_;
		my %r = (out => '');
		$r{handle} = IPC::Run::start([ 'pgbench', '-n', '-f', "$dir/$file.sql", '-c', $clients, '-j', 2, '-t', $times,
				'-h', $dir, '-p', $port, '-U', 'front', 'postgres' ], '<', \undef, '>&', \$r{out});
		\%r;
	} [ 'work', $clients, $each ], [ 'litter', 5, 40 ];
	for my $run (@run)
	{
		$run->{handle}->finish;
		ok(!$run->{handle}->result(0), 'many clients at once') or diag $run->{out};
	}
	is($node->safe_psql('postgres', q{SELECT count(*), count(DISTINCT task), count(*) FILTER (WHERE note <> reviewer OR asserted_by <> 'front') FROM hitl.verdict WHERE workflow = 'rush'}),
		"$all|$all|0", 'each task is decided once, by who said so');
	same_session("$clients clients");
}

# Nothing of hitl is left in the session.
pooled('front', 'DISCARD ALL; SELECT pg_advisory_unlock_all(); UNLISTEN *');
{
	my $d = insert();
	my $t = take('ann');
	pooled('front', "SELECT hitl.approve($t, reviewer => 'ann')");
	is(pooled('front', q{SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory'}), '0', 'no lock');
	is(pooled('front', q{SELECT count(*) FROM pg_listening_channels()}), '0', 'no channel');
	is(pooled('front', q{SELECT count(*) FROM pg_prepared_statements}), '0', 'no prepared statement');
	is(pooled('front', q{SELECT count(*) FROM pg_class WHERE relnamespace = pg_my_temp_schema()}), '0', 'no temporary table');
	is(pooled('front', q{SELECT count(*) FROM pg_settings WHERE source = 'session' AND name LIKE 'hitl%'}), '0', 'no setting');
}
sound($node, 'postgres', 'after all');
$pool->signal('INT');
$pool->finish;
undef $pool;
$node->stop;

done_testing();
