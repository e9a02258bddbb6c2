# Processes are killed and servers stopped hard while applications and
# reviewers are at work: what a client was told is there afterwards, nothing is
# decided twice, and the work goes on by itself.
#
# Clients write down what they were told.  psql prints a row only when the
# server has reported the end of the command, which it does after the commit.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use HitlTest;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

# no new round after this many seconds
my $limit = 25;

my @victims = (
	'client backend', 'hitl worker', 'immediate stop', 'client backend',
	'checkpointer', 'postmaster', 'client backend', 'hitl launcher',
	'walwriter', 'immediate stop', 'client backend', 'hitl worker');

my $node = hitl_node('crash', conf => "log_min_messages = warning\n");
my $dir = PostgreSQL::Test::Utils::tempdir();

make_desk($node, 'postgres');
$node->safe_psql(
	'postgres', q{
	-- what a killed session held comes back soon
	SELECT hitl.create_queue('quick', lease => '1 second');
	SELECT hitl.create_queue('boss', lease => '1 second');
	SELECT hitl.join_queue(name, queue) FROM unnest(ARRAY['ann', 'bob']) AS name,
		unnest(ARRAY['quick', 'boss']) AS queue;
	SELECT hitl.create_sla('fast', first_review => '200 milliseconds', resolution => '2 seconds');
	SELECT hitl.add_escalation('fast', 1, lane => 0, within => '300 milliseconds');
	SELECT hitl.add_escalation('fast', 2, to_queue => 'boss');
	SELECT hitl.create_workflow('claims', queue => 'quick', sla => 'fast');
	SELECT hitl.set_policy('claims', upper => 0.8, lower => 0.2, audit_rate_approve => 0.3,
						   audit_rate_reject => 0.3);
});
ok(wait_for_worker($node, 'postgres'), 'a worker is there');

# The clients' statements: rows one by one and many at once, a claim and its
# verdict in two transactions and in one.
my %script = (
	application => q{
		INSERT INTO hitl.decision (workflow, confidence) VALUES ('claims', random())
		RETURNING 'insert ' || id;
		INSERT INTO hitl.decision (workflow, confidence)
		SELECT 'claims', random() FROM generate_series(1, 5) RETURNING 'insert ' || id;
		SELECT FROM pg_sleep(0.005);
	},
	ann => q{
		\unset task
		SELECT task, lease FROM hitl.claim(reviewer => 'ann') \gset
		\if :{?task}
		SELECT 'verdict ' || :task || ' ' || hitl.approve(:task, reviewer => 'ann', lease => :lease);
		\endif
	},
	bob => q{
		SELECT 'verdict ' || task || ' ' || hitl.reject(task, 'INCORRECT', 'no', reviewer => 'bob')
		FROM hitl.claim(7, reviewer => 'bob');
		SELECT FROM hitl.claim(2, reviewer => 'bob');
	});
append_to_file("$dir/$_.sql", $script{$_} x 300) for keys %script;

# start_client(SCRIPT, N): connects again whenever it has to, as long as the
# file "go" is there
sub start_client
{
	my ($script, $n) = @_;
	my $loop = q{
		my ($dir, $script, $n, $connstr) = @ARGV;
		open STDOUT, '>>', "$dir/told.$script.$n" or die;
		open STDERR, '>>', "$dir/errors" or die;
		while (-e "$dir/go")
		{
			system('psql', '-XqAt', '-f', "$dir/$script.sql", $connstr) == 0
			  or select undef, undef, undef, 0.05;
		}};

	return IPC::Run::start(
		[ $^X, '-e', $loop, $dir, $script, $n, $node->connstr('postgres') ]);
}

# progress(): waits until every kind of client has got answers
sub progress
{
	my %size = map { $_ => -s $_ } glob "$dir/told.*";
	my $end = time + $PostgreSQL::Test::Utils::timeout_default;

	while (grep { -s $_ < $size{$_} + 1000 } keys %size)
	{
		return 0 if time > $end;
		usleep(10_000);
	}
	return 1;
}

append_to_file("$dir/go", '');
my @clients = map { start_client(@$_) }
  ([ 'application', 1 ], [ 'application', 2 ], [ 'ann', 1 ], [ 'ann', 2 ], [ 'bob', 1 ], [ 'bob', 2 ]);
usleep(10_000) until scalar(my @files = glob "$dir/told.*") == @clients;

ok(progress(), 'the clients are at work');
my $start = time;
my $rounds = 0;
my $longest = 0;
my %killed;
while (time - $start < $limit)
{
	my $victim = $victims[ $rounds++ % @victims ];
	my $began = time;

	if ($victim eq 'immediate stop')
	{
		$node->stop('immediate');
		$node->start;
	}
	elsif ($victim eq 'postmaster')
	{
		# its children see that by themselves; until they are gone nothing starts
		my $end = time + $PostgreSQL::Test::Utils::timeout_default;

		$node->kill9;
		until ($node->start(fail_ok => 1))
		{
			last if time > $end;
			$node->stop('immediate', fail_ok => 1);
			usleep(100_000);
		}
	}
	else
	{
		my $pid = $node->safe_psql('postgres', qq{
			SELECT pid FROM pg_stat_activity
			WHERE backend_type = '$victim' AND pid <> pg_backend_pid()
			ORDER BY state = 'active' DESC NULLS LAST, random() LIMIT 1});

		# there may be none just now
		next unless $pid ne '' && kill('KILL', $pid);
	}
	$killed{$victim}++;
	ok(progress(), "all clients are at work after: $victim") or last;
	$longest = time - $began if time - $began > $longest;
}
note sprintf '%d rounds in %.1f s; all clients had new answers after at most %.2f s',
  $rounds, time - $start, $longest;
note join ', ', map { "$_: $killed{$_}" } sort keys %killed;
ok($killed{'client backend'} && $killed{'hitl worker'}, 'some were killed in the middle of their work');

unlink "$dir/go";
$_->finish for @clients;

# what they were told
my (@inserts, @verdicts);
for my $file (glob "$dir/told.*")
{
	for my $line (split /\n/, slurp_file($file))
	{
		push @inserts, $1 if $line =~ /^insert (\S+)$/;
		push @verdicts, "$1\t$2" if $line =~ /^verdict (\d+) (\w+)$/;
	}
}
note scalar(@inserts) . ' inserts and ' . scalar(@verdicts) . ' verdicts were acknowledged';
$node->safe_psql('postgres',
		"CREATE TABLE told_insert (id uuid); COPY told_insert FROM stdin;\n"
	  . join("\n", @inserts) . "\n\\.\n"
	  . "CREATE TABLE told_verdict (task bigint, outcome text); COPY told_verdict FROM stdin;\n"
	  . join("\n", @verdicts) . "\n\\.\n");

is($node->safe_psql('postgres', q{
		SELECT count(*) FROM told_insert t WHERE NOT EXISTS (SELECT FROM hitl.decision d WHERE d.id = t.id)}),
	'0', 'every decision that was acknowledged exists');
is($node->safe_psql('postgres', q{
		SELECT count(*) FROM told_verdict t
		WHERE NOT EXISTS (SELECT FROM hitl.verdict v WHERE v.task = t.task AND v.outcome = t.outcome)}),
	'0', 'every verdict that was acknowledged counts');
is($node->safe_psql('postgres', 'SELECT count(*) - count(DISTINCT task) FROM told_verdict'),
	'0', 'nobody was told of a second verdict');
is($node->safe_psql('postgres', 'SELECT count(*) - count(DISTINCT decision) FROM hitl.verdict'),
	'0', 'nothing is decided twice');
is($node->safe_psql('postgres', q{
		SELECT count(*) FROM (
			SELECT task, detail->>'step' FROM hitl.event WHERE kind = 'escalated'
			GROUP BY 1, 2 HAVING count(*) > 1) AS twice}),
	'0', 'no step of an escalation was done twice');

# without an operator
ok(wait_for_worker($node, 'postgres'), 'a worker is there again');
poll_ok($node, 'postgres', 'SELECT count(*) = 0 FROM hitl.task WHERE wake_at <= clock_timestamp()',
	'what fell due is dealt with');
poll_ok($node, 'postgres', 'SELECT count(*) = 0 FROM hitl.task WHERE lease_until <= clock_timestamp()',
	'no task is stuck with somebody who is gone');
recovered($node, 'postgres', 'after the crashes');
is($node->safe_psql('postgres', q{
		WITH all_of_them AS MATERIALIZED (SELECT task FROM hitl.claim(1000, reviewer => 'ann'))
		SELECT count(*) > 0 FROM all_of_them WHERE hitl.approve(task, reviewer => 'ann') = 'approved'}),
	't', 'what was left over is claimed and decided');
sound($node, 'postgres', 'at the end');
is($node->safe_psql('postgres', q{SELECT * FROM hitl.doctor() WHERE severity <> 'info'}),
	'', 'the doctor has nothing to mend');

my $log = slurp_file($node->logfile);
unlike($log, qr/PANIC|TRAP:|terminated by signal (?!9\b)/, 'no process died but those that were killed');
my %ours = map { $_ => 1 } slurp_file("$dir/errors") =~ /ERROR:  (.*)/g;
delete $ours{$_} for grep { /^(the lease on task|reviewer "\w+" does not hold task) / } keys %ours;
is(join('; ', sort keys %ours), '', 'clients met no errors but those of late verdicts');
$node->stop;

done_testing();
