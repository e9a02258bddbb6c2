# Claims look at shared memory for what is next.  Whatever happens to the tasks
# meanwhile, they get what a search of the whole table says: with and without
# the lists, the same tasks in the same order.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use HitlTest;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = hitl_node('hint', conf => "max_prepared_transactions = 10\nhitl.sweep_interval = 100ms\n");
make_desk($node, 'postgres');
ok(wait_for_worker($node, 'postgres'), 'a worker is there');
$node->safe_psql('postgres', q{
	SELECT hitl.create_sla('soon', resolution => '1 hour');
	SELECT hitl.create_workflow('soon', queue => 'desk', sla => 'soon');
	SELECT hitl.create_workflow('first', queue => 'desk', lane => 0);
	SELECT hitl.create_queue('side', ordering => 'exposure');
	SELECT hitl.create_workflow('side', queue => 'side');
	SELECT hitl.add_reviewer(name) FROM unnest('{cat,dan}'::text[]) AS name;
	UPDATE hitl.reviewer SET max_open = 100000, max_releases = 100000;
	SELECT hitl.join_queue(name, queue)
	FROM unnest('{cat,dan}'::text[]) AS name, unnest('{desk,side}'::text[]) AS queue;
	-- the order, by sorting all that is open
	CREATE FUNCTION expect(queues text[]) RETURNS text LANGUAGE sql AS $$
		SELECT string_agg(id::text, ' ' ORDER BY lane, sort_key, id)
		FROM hitl.task WHERE holder IS NULL AND queue = ANY (queues)
	$$;
});

# got(N, QUEUES[, SQL]): what dan would get, who never keeps anything
sub got
{
	my ($n, $queues, $sql) = @_;

	return $node->safe_psql('postgres', ($sql // '')
		  . "BEGIN; SELECT string_agg(task::text, ' ') FROM hitl.claim($n, '$queues', 'dan'); ROLLBACK;");
}

# same(GOT, WANT, NAME): ids in order, and where they differ first
sub same
{
	my ($got, $want, $name) = @_;
	my @got = split / /, $got;
	my @want = split / /, $want;
	my $at = 0;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return if ok($got eq $want, $name);
	$at++ while $at < @got && $at < @want && $got[$at] == $want[$at];
	diag scalar(@got) . ' tasks, should be ' . scalar(@want) . "; number $at is "
	  . ($got[$at] // 'missing') . ', should be ' . ($want[$at] // 'missing');
	return;
}

# right(NAME[, QUEUES]): lists, index and a sort agree.  There is no sort for
# several queues: their heads are merged.
sub right
{
	my ($name, $queues) = @_;
	my ($lists, $index);

	$queues //= '{desk}';
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$lists = got(1000, $queues);
	$index = got(1000, $queues, 'SET hitl.ready_lists = off;');
	same($index, $node->safe_psql('postgres', "SELECT expect('$queues')"), "$name: by the index")
	  unless $queues =~ /,/;
	same($lists, $index, "$name: by the lists");
	same(got(1000, $queues), $index, "$name: after the rollback");
	return;
}

sub insert
{
	my ($workflow, $n) = @_;

	return "INSERT INTO hitl.decision (workflow, exposure) SELECT '$workflow', i FROM generate_series(1, $n) AS i;";
}

sub run
{
	return $node->safe_psql('postgres', join ';', @_);
}

# The lists are in use at all.
my $err;
run(insert('loan', 200));
$node->psql('postgres', q{SET client_min_messages = debug2;
	SELECT count(*) FROM hitl.claim(1, '{desk}', 'cat')}, stderr => \$err);
like($err, qr/ready list of queue "desk", lane 1: 64 tasks added/, 'a claim fills a list');
$node->psql('postgres', q{SET client_min_messages = debug2;
	SELECT count(*) FROM hitl.claim(1, '{desk}', 'cat')}, stderr => \$err);
unlike($err, qr/tasks added/, 'another one finds it');
right('filled');

# before and behind what the list names
run(insert('soon', 3));
right('nearer deadlines');
run(insert('first', 3));
right('another lane');
run(insert('first', 100), insert('soon', 100));
right('more than a list can name');
run(insert('loan', 10));
right('behind');
run(q{SELECT count(hitl.release(task, 'cat')) FROM hitl.claim(70, '{desk}', 'cat')});
right('released');
run(q{SELECT count(hitl.approve(task, reviewer => 'ann')) FROM hitl.claim(70, '{desk}', 'ann')});
right('decided');

# rollbacks
run('BEGIN', insert('first', 5), 'ROLLBACK');
right('an insert rolled back');
run(q{BEGIN; SELECT count(*) FROM hitl.claim(100, '{desk}', 'ann'); ROLLBACK});
right('a claim rolled back');
run(q{BEGIN; SAVEPOINT a; SELECT count(*) FROM hitl.claim(40, '{desk}', 'ann'); ROLLBACK TO a;
	SELECT count(*) FROM hitl.claim(10, '{desk}', 'ann'); RELEASE a; COMMIT});
right('a claim rolled back to a savepoint');
run(q{BEGIN; SAVEPOINT a; SELECT count(*) FROM hitl.claim(400, '{desk}', 'ann'); SAVEPOINT b;
	SELECT count(hitl.release(task, 'ann')) FROM hitl.held('ann'); RELEASE b; ROLLBACK TO a; COMMIT});
right('many of them');
run(q{BEGIN}, insert('first', 3), q{SELECT count(*) FROM hitl.claim(2, '{desk}', 'ann'); COMMIT});
right('claimed where it was inserted');

# Transactions that commit late, while others go on.
my $late = $node->background_psql('postgres');
$late->query_safe('BEGIN; ' . insert('first', 4));
my $rolled = $node->background_psql('postgres');
$rolled->query_safe(q{BEGIN; SELECT count(*) FROM hitl.claim(50, '{desk}', 'bob')});
run(q{SELECT count(hitl.approve(task, reviewer => 'ann')) FROM hitl.claim(80, '{desk}', 'ann')});
$late->query_safe('COMMIT');
$rolled->query_safe('ROLLBACK');
right('committed late, rolled back late');
$late->quit;
$rolled->quit;

# Killed in the middle.
my $doomed = $node->background_psql('postgres', on_error_stop => 0);
my $pid = $doomed->query_safe(q{BEGIN; SELECT pg_backend_pid()});
$doomed->query_safe(q{SELECT count(*) FROM hitl.claim(5, '{desk}', 'bob')});
run("SELECT pg_terminate_backend($pid, 60000)");
right('terminated');
eval { $doomed->quit };

# SQL past the library, of every kind
run(q{UPDATE hitl.task SET lane = 2 WHERE id IN (SELECT id FROM hitl.task WHERE holder IS NULL AND lane = 1 ORDER BY id LIMIT 5)});
right('moved by SQL');
run(q{BEGIN; UPDATE hitl.task SET lane = 0 WHERE holder IS NULL; ROLLBACK});
right('moved by SQL and rolled back');
run(q{CREATE TABLE gone AS SELECT * FROM hitl.task WHERE holder IS NULL ORDER BY lane, sort_key, id LIMIT 5;
	DELETE FROM hitl.task WHERE id IN (SELECT id FROM gone)});
right('deleted by SQL');
run(q{CREATE TABLE kept AS SELECT * FROM hitl.task; TRUNCATE hitl.task});
right('truncated');
run(q{INSERT INTO hitl.task SELECT * FROM kept UNION ALL SELECT * FROM gone; DROP TABLE kept, gone});
right('filled by SQL');
run('VACUUM FULL hitl.task');
right('rewritten');
# no trigger fires: the worker looks
run(q{SET session_replication_role = replica; ALTER TABLE hitl.task DISABLE TRIGGER written;
	UPDATE hitl.task SET lane = 0 WHERE id IN (SELECT id FROM hitl.task WHERE holder IS NULL AND lane = 2);
	ALTER TABLE hitl.task ENABLE ALWAYS TRIGGER written});
my $want = $node->safe_psql('postgres', q{SELECT expect('{desk}')});
my $tries = 0;
$tries++ while got(1000, '{desk}') ne $want && $tries < 1000;
cmp_ok($tries, '<', 1000, 'what was written in secret is found');
right('written in secret');

# Prepared transactions
run('BEGIN', insert('first', 3), q{PREPARE TRANSACTION 'opened'});
right('prepared');
run(q{COMMIT PREPARED 'opened'});
right('prepared and committed');
run(q{BEGIN; SELECT count(*) FROM hitl.claim(5, '{desk}', 'ann'); PREPARE TRANSACTION 'taken'});
# those of the prepared transaction look open to a sort
same(got(1, '{desk}'), $node->safe_psql('postgres', q{SELECT (string_to_array(expect('{desk}'), ' '))[6]}),
	'what is prepared is passed by');
run(q{ROLLBACK PREPARED 'taken'});
right('prepared and rolled back');
for my $i (1 .. 6)
{
	run('BEGIN', insert('first', 1), "PREPARE TRANSACTION 'many$i'");
}
right('many of them');
run("COMMIT PREPARED 'many$_'") for (1, 3, 5, 6);
right('many of them, some committed');
run(q{COMMIT PREPARED 'many2'}, q{ROLLBACK PREPARED 'many4'});
right('all of them ended');
run('BEGIN', insert('first', 1), q{PREPARE TRANSACTION 'restart'});
$node->stop('immediate');
$node->start;
right('after a crash, with one prepared');
run(q{COMMIT PREPARED 'restart'});
right('which is then committed');
$node->restart;
right('after a restart');

# REPEATABLE READ sees what its snapshot sees.
my $old = $node->background_psql('postgres');
$want = $node->safe_psql('postgres', q{SELECT expect('{desk}')});
$old->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM hitl.task');
run(insert('first', 1), insert('soon', 1));
same($old->query_safe(q{SELECT string_agg(task::text, ' ') FROM hitl.claim(1000, '{desk}', 'dan')}),
	$want, 'an old snapshot');
$old->query_safe('ROLLBACK');
$old->quit;
right('after an old snapshot');

# Two queues with keys of different kinds.
run(insert('side', 100), insert('loan', 20), insert('side', 20));
right('two queues', '{desk,side}');
right('by value', '{side}');
run(q{SELECT count(hitl.approve(task, reviewer => 'cat')) FROM hitl.claim(150, '{desk,side}', 'cat')});
right('two queues, decided', '{desk,side}');

# At random, and then nothing is left.
run(insert('loan', 500), insert('soon', 200), insert('first', 50), insert('side', 300));
$node->safe_psql('postgres', q{
	CREATE PROCEDURE mess(who text) LANGUAGE plpgsql AS $$
	DECLARE
		t bigint[];
	BEGIN
		FOR i IN 1 .. 150 LOOP
			SELECT array_agg(c.task) INTO t FROM hitl.claim(1 + (random() * 9)::int, NULL, who) AS c;
			CASE (random() * 6)::int
				WHEN 0 THEN ROLLBACK;
				WHEN 1 THEN
					PERFORM hitl.release(x, who) FROM unnest(t) AS x;
				WHEN 2 THEN
					INSERT INTO hitl.decision (workflow)
					SELECT (ARRAY['loan', 'soon', 'first', 'side'])[1 + (random() * 3)::int];
				ELSE
					PERFORM hitl.approve(x, reviewer => who) FROM unnest(t) AS x;
			END CASE;
			COMMIT;
			PERFORM hitl.approve(h.task, reviewer => who) FROM hitl.held(who) AS h;
			COMMIT;
		END LOOP;
	END $$;
	SELECT hitl.join_queue(r, 'side') FROM unnest('{ann,bob}'::text[]) AS r;
});
my @busy = map { IPC::Run::start([ 'psql', '-XqAt', '-c', "CALL mess('$_')", $node->connstr('postgres') ]) } qw(ann bob cat);
$_->finish for @busy;
right('after a mess', '{desk,side}');
is(run(q{SELECT count(hitl.approve(h.task, reviewer => r)) >= 0 FROM unnest('{ann,bob,cat}'::text[]) AS r, hitl.held(r) AS h}), 't', 'what is held is decided');
run(q{SELECT count(hitl.approve(task, reviewer => 'cat')) FROM hitl.claim(1000, NULL, 'cat')}) for 1 .. 3;
is(run('SELECT count(*) FROM hitl.task'), '0', 'nothing is left');
sound($node, 'postgres', 'at the end');
$node->stop;

done_testing();
