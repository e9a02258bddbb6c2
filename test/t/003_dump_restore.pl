# A dump, in every form, brings back every row as it was: no new task, no id
# given twice, and the work goes on.
use strict;
use warnings;

use Digest::MD5 qw(md5_hex);
use FindBin;
use lib $FindBin::RealBin;
use HitlTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = hitl_node('dump');
my $dir = PostgreSQL::Test::Utils::tempdir();
my @tables = qw(decision verdict event task workflow policy queue reviewer
  membership sla escalation_step decision_code);

# state(SERVER, DB): the digest of every table, where the decisions are stored,
# and how far the sequences are
sub state
{
	my ($server, $db) = @_;
	my %result;

	$result{$_} = $server->safe_psql($db,
			"SELECT count(*), md5(string_agg(t::text, chr(10) ORDER BY t::text)) "
		  . "FROM hitl.$_ AS t")
	  for @tables;
	$result{partitions} = $server->safe_psql($db,
			'SELECT tableoid::regclass, count(*), min(id::text), max(id::text) FROM hitl.decision '
		  . 'GROUP BY tableoid ORDER BY tableoid::regclass::text');
	$result{sequences} = $server->safe_psql($db,
			'SELECT sequencename, last_value FROM pg_sequences '
		  . "WHERE schemaname = 'hitl' ORDER BY 1");
	return \%result;
}

# objects(SERVER, DB): what there is in the schema besides rows
sub objects
{
	my ($server, $db) = @_;

	return $server->safe_psql(
		$db, q{
		SELECT c.oid::regclass, c.relkind, pg_get_expr(c.relpartbound, c.oid), c.relrowsecurity,
			(SELECT string_agg(pg_get_indexdef(i.indexrelid), '; ' ORDER BY i.indexrelid::regclass::text)
			 FROM pg_index i WHERE i.indrelid = c.oid),
			(SELECT string_agg(t.tgname::text || t.tgenabled::text, ' ' ORDER BY t.tgname)
			 FROM pg_trigger t WHERE t.tgrelid = c.oid),
			(SELECT string_agg(a::text, ' ' ORDER BY a::text) FROM unnest(c.relacl) AS a)
		FROM pg_class c WHERE c.relnamespace = 'hitl'::regnamespace AND c.relkind NOT IN ('t', 'i')
		ORDER BY c.oid::regclass::text});
}

my ($before, $objects, $held, $lease);

# restored(SERVER, DB, NAME[, elsewhere => 1]): all is there, perhaps in other
# partitions, and the work goes on
sub restored
{
	my ($server, $db, $name, %may_be) = @_;

	subtest $name => sub {
		my $after = state($server, $db);

		$after->{partitions} = $before->{partitions} if $may_be{elsewhere};
		is_deeply($after, $before, 'rows, their places and the sequences are the same');
		is(objects($server, $db), $objects, 'and so is the schema')
		  unless $may_be{elsewhere};
		sound($server, $db, $name);
		ok(wait_for_worker($server, $db), 'a worker is there');
		is( $server->safe_psql($db,
				q{SELECT * FROM hitl.doctor() WHERE subject NOT IN ('table decision_default', '}
				  . ($may_be{elsewhere} ? 'table decision' : '') . q{')}),
			'',
			'the doctor has nothing to mend');
		is( $server->safe_psql($db,
				"SELECT hitl.approve($held, reviewer => 'ann', lease => $lease)"),
			'approved',
			'who held a task decides it');
		is( $server->safe_psql(
				$db, q{
				INSERT INTO hitl.decision (workflow, confidence)
				VALUES ('claims', 0.95), ('claims', 0.5)
				RETURNING policy_version, route}),
			"2|auto_approve\n2|review",
			'the policy is in force');
		recovered($server, $db, $name);
		is( $server->safe_psql(
				$db, q{
				SELECT count(*) - count(DISTINCT id) FROM hitl.verdict
				UNION ALL SELECT count(*) - count(DISTINCT id) FROM hitl.event
				UNION ALL SELECT count(*) - count(DISTINCT id) FROM hitl.decision}),
			"0\n0\n0",
			'no id was given twice');
		cmp_ok($server->safe_psql($db, 'SELECT hitl.make_partitions(5)'),
			'>=', 2, 'partitions are made on')
		  unless $may_be{elsewhere};
		sound($server, $db, "$name, at work");
	};
	return;
}

# digest(FILE): of a plain dump, without what differs each time
sub digest
{
	my ($file) = @_;

	return md5_hex(slurp_file($file) =~ s/^\\(un)?restrict .*$//mgr);
}

# fresh(DB[, EXTENSION]): an empty database
sub fresh
{
	my ($db, $extension) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $db TEMPLATE template0");
	$node->safe_psql($db, 'CREATE EXTENSION hitl') if $extension;
	return $db;
}

#
# A source with everything in it: partitions of several months and rows beside
# them, held and open tasks, audits, amendments, and an own code
#
fresh('source');
make_desk($node, 'source');
wait_for_worker($node, 'source');
$node->safe_psql(
	'source', q{
	SELECT hitl.create_queue('boss', ordering => 'fifo', lease => '2 days');
	SELECT hitl.create_sla('day', first_review => '1 day', resolution => '30 days');
	SELECT hitl.add_escalation('day', 1, to_queue => 'boss', tier => 2, within => '1 day');
	SELECT hitl.add_reviewer('eve', tier => 2), hitl.join_queue('eve', 'boss');
	SELECT hitl.create_workflow('claims', queue => 'desk', question => 'Pay?', lane => 0,
								sla => 'day');
	SELECT hitl.set_policy('claims', upper => 0.8, lower => 0.2, audit_rate_approve => 0.3,
						   audit_rate_reject => 0.3);
	SELECT hitl.set_policy('claims', upper => 0.9);
	SELECT hitl.set_policy('loan', upper => 1, lower => 0), hitl.set_mode('loan', 'manual');
	SELECT hitl.add_code('ODD', 'does not look right', 'claims');

	-- months gone by, and one far ahead that has no partition
	CREATE FUNCTION id_at(t timestamptz, n int) RETURNS uuid LANGUAGE sql AS $$
		SELECT (left(hitl.uuid_floor(t)::text, -12) || lpad(to_hex(n), 12, '0'))::uuid $$;
	DO $$
	DECLARE
		month timestamptz;
		name text;
	BEGIN
		FOREACH month IN ARRAY ARRAY['2024-02-01 00:00+00', '2024-03-01 00:00+00']::timestamptz[] LOOP
			name := 'decision_' || to_char(month, 'YYYY_MM');
			EXECUTE format('CREATE TABLE hitl.%I (LIKE hitl.decision INCLUDING DEFAULTS '
						   'INCLUDING CONSTRAINTS)', name);
			PERFORM hitl.prepare_partition(format('hitl.%I', name)::regclass);
			EXECUTE format('ALTER TABLE hitl.decision ATTACH PARTITION hitl.%I FOR VALUES FROM (%L) TO (%L)',
						   name, hitl.uuid_floor(month), hitl.uuid_floor(month + interval '1 month'));
		END LOOP;
	END $$;
	INSERT INTO hitl.decision (id, workflow, input, output, confidence, subject, exposure, tags,
							   cohort, reversible)
	SELECT id_at(t, i), 'claims', jsonb_build_object('n', i, 'text', E'tab\t quote\' back\\\\ end'),
		jsonb_build_object('pay', i), CASE WHEN i % 17 = 0 THEN 'NaN' ELSE (i % 11) / 10.0 END,
		'case ' || i % 40, i * 1.5, ARRAY['a', 'b "c"', NULL], '{"region": "x"}', i % 7 <> 0
	FROM unnest(ARRAY['2024-02-10 00:00+00', '2024-03-31 23:59+00', '2023-12-24 00:00+00',
					  (date_trunc('year', now()) + interval '10 years')::text]::timestamptz[]) AS t, generate_series(1, 60) AS i;
	INSERT INTO hitl.decision (workflow, input, output, confidence)
	SELECT 'claims', '{}', '{"pay": 1}', (i % 11) / 10.0 FROM generate_series(1, 200) AS i;
	INSERT INTO hitl.decision (workflow) SELECT 'loan' FROM generate_series(1, 50);
});

# the old ones are overdue; once the clock has been there, all is at rest
poll_ok($node, 'source', 'SELECT count(*) = 0 FROM hitl.task WHERE wake_at <= now()',
	'the clock has dealt with what is due');
$node->safe_psql(
	'source', q{
	SELECT hitl.approve(task, 'fine', reviewer => 'eve') FROM hitl.claim(3, reviewer => 'eve');
	SELECT hitl.approve(task, reviewer => 'ann') FROM hitl.claim(40, reviewer => 'ann');
	SELECT hitl.reject(task, 'ODD', E'no\nand no', reviewer => 'ann')
	FROM hitl.claim(1, reviewer => 'ann');
	SELECT hitl.amend(task, '{"pay": 0}', 'INCORRECT', 'too much', reviewer => 'ann')
	FROM hitl.claim(1, reviewer => 'ann');
	SELECT hitl.release(task, reviewer => 'bob') FROM hitl.claim(5, reviewer => 'bob');
	SELECT FROM hitl.claim(5, reviewer => 'ann');
	SELECT FROM hitl.claim(2, reviewer => 'eve');
});
$before = state($node, 'source');
$objects = objects($node, 'source');
($held, $lease) = split /\|/, $node->safe_psql('source',
	q{SELECT id, lease FROM hitl.task WHERE holder = 'ann' ORDER BY id LIMIT 1});
sound($node, 'source', 'the source');
note $before->{partitions};
unlike($before->{$_}, qr/^0\|/, "the source has rows in $_") for @tables;

#
# The forms of a dump
#
$node->command_ok([ 'pg_dump', '-f', "$dir/plain.sql", $node->connstr('source') ], 'pg_dump, plain');
$node->command_ok([ 'pg_dump', '-Fc', '-f', "$dir/custom", $node->connstr('source') ], 'pg_dump, custom');
$node->command_ok([ 'pg_dump', '-Fd', '-j2', '-f', "$dir/directory", $node->connstr('source') ],
	'pg_dump, directory, parallel');
$node->command_ok([ 'pg_dump', '--inserts', '-f', "$dir/inserts.sql", $node->connstr('source') ],
	'pg_dump, INSERT commands');

# Row security would hide rows from a dump by others, so the server refuses.
$node->safe_psql('postgres', q{CREATE ROLE backup LOGIN; GRANT pg_read_all_data TO backup});
my @as_backup = ('pg_dump', '-f', "$dir/backup.sql", $node->connstr('source') . ' user=backup');
$node->command_fails_like(\@as_backup, qr/affected by row-level security/,
	'a dump by a reader of all data is refused');
$node->safe_psql('postgres', 'ALTER ROLE backup BYPASSRLS');
$node->command_ok(\@as_backup, 'a dump by one who bypasses row security');
is(digest("$dir/backup.sql"), digest("$dir/plain.sql"), 'is the same as that of the owner');
is_deeply(state($node, 'source'), $before, 'dumping changes nothing');

fresh('plain');
$node->command_ok([ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-o', "$dir/log", '-f', "$dir/plain.sql",
		$node->connstr('plain') ], 'psql');
restored($node, 'plain', 'a plain dump');

fresh('inserts');
$node->command_ok([ 'psql', '-XqAt', '-1', '-v', 'ON_ERROR_STOP=1', '-o', "$dir/log", '-f',
		"$dir/inserts.sql", $node->connstr('inserts') ], 'psql, INSERT commands');
restored($node, 'inserts', 'a dump of INSERT commands');

fresh('single');
$node->command_ok([ 'pg_restore', '-1', '-d', $node->connstr('single'), "$dir/custom" ],
	'pg_restore in one transaction');
restored($node, 'single', 'pg_restore -1');

fresh('jobs');
$node->command_ok([ 'pg_restore', '-j4', '-e', '-d', $node->connstr('jobs'), "$dir/directory" ],
	'pg_restore by four jobs');
restored($node, 'jobs', 'pg_restore -j4');

# The rows alone, into an extension that is there already.  It has no partition
# of other months, so the rows find their places anew.
fresh('data', 1);
$node->command_ok([ 'pg_dump', '--data-only', '--load-via-partition-root', '-f', "$dir/data.sql",
		$node->connstr('source') ], 'pg_dump --data-only');
$node->command_ok([ 'psql', '-XqAt', '-1', '-v', 'ON_ERROR_STOP=1', '-o', "$dir/log", '-f',
		"$dir/data.sql", $node->connstr('data') ], 'psql, rows alone');
restored($node, 'data', 'rows alone', elsewhere => 1);

# The schema alone; without --extension the server would leave out the tables of
# the extension.
fresh('schema');
$node->command_ok([ 'pg_dump', '--schema=hitl', '--extension=hitl', '-f', "$dir/schema.sql", $node->connstr('source') ],
	'pg_dump --schema=hitl');
$node->command_ok([ 'psql', '-XqAt', '-1', '-v', 'ON_ERROR_STOP=1', '-o', "$dir/log", '-f',
		"$dir/schema.sql", $node->connstr('schema') ], 'psql, the schema alone');
restored($node, 'schema', 'the schema alone');

#
# Another cluster, without the roles or with roles of the same names
#
my $roles = q{SELECT string_agg(rolname, ' ' ORDER BY rolname) FROM pg_roles WHERE rolname LIKE 'hitl%'};
my $all = 'hitl_admin hitl_application hitl_delegate hitl_lead hitl_reviewer hitl_viewer';
my $elsewhere = hitl_node('elsewhere');

$elsewhere->safe_psql('postgres', 'CREATE ROLE hitl_reviewer LOGIN');
my ($rc, $out, $err) =
  $elsewhere->psql('postgres', "\\set VERBOSITY sqlstate\nCREATE EXTENSION hitl");
like($err, qr/ERROR:  42710/, 'a role of the same name that can log in is refused');
is($elsewhere->safe_psql('postgres', $roles), 'hitl_reviewer', 'and nothing is left of the attempt');
is($elsewhere->safe_psql('postgres', q{SELECT count(*) FROM pg_namespace WHERE nspname = 'hitl'}),
	'0', '... not the schema either');
$elsewhere->safe_psql('postgres', 'DROP ROLE hitl_reviewer');

$elsewhere->safe_psql('postgres', 'CREATE DATABASE plain TEMPLATE template0');
$elsewhere->command_ok([ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-o', "$dir/log", '-f',
		"$dir/plain.sql", $elsewhere->connstr('plain') ], 'psql, in another cluster');
is($elsewhere->safe_psql('postgres', $roles), $all, 'the extension makes its roles');
restored($elsewhere, 'plain', 'a dump in another cluster');

# roles first, as pg_dumpall brings them back
$elsewhere->stop;
my $last = hitl_node('last');
$node->command_ok([ 'pg_dumpall', '--roles-only', '-f', "$dir/roles.sql", '-d', $node->connstr('postgres') ],
	'pg_dumpall --roles-only');
# the superuser is there already
$last->command_ok([ 'psql', '-XqAt', '-o', "$dir/log", '-f', "$dir/roles.sql", $last->connstr('postgres') ],
	'psql, the roles');
is($last->safe_psql('postgres', $roles), $all, 'the roles come before the extension');
$last->safe_psql('postgres', 'CREATE DATABASE plain TEMPLATE template0');
$last->command_ok([ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-o', "$dir/log", '-f',
		"$dir/plain.sql", $last->connstr('plain') ], 'psql, after the roles');
restored($last, 'plain', 'a dump after its roles');
$last->stop;
$node->stop;

done_testing();
