# Faults of the gate that SQL alone does not show: memory after huge payloads,
# encodings, cancelling, what only newer servers have, crashes with prepared
# transactions, and who notices that the gate was taken away.  Numbers are those
# of the sections in test/sql/fault_value.sql and fault_sql.sql.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use HitlTest;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# bytes go to the server as they stand here
$ENV{PGCLIENTENCODING} = 'UTF8';

my $node = hitl_node('faults', conf => <<'CONF');
max_wal_size = 4GB
shared_buffers = 16MB
autovacuum = off
CONF
my $version = $node->safe_psql('postgres', q{SELECT current_setting('server_version_num')::int / 10000});
my $dir = PostgreSQL::Test::Utils::tempdir();

make_desk($node, 'postgres');
$node->safe_psql(
	'postgres', q{
	SELECT hitl.create_workflow('sure', queue => 'desk');
	SELECT hitl.set_policy('sure', upper => 0.9, lower => 0.1, audit_rate_approve => 0, audit_rate_reject => 0);
});
ok(wait_for_worker($node, 'postgres'), 'a worker is there');

# states(DB, SQL): the SQLSTATEs of a script that goes on after errors, and what
# it printed
sub states
{
	my ($db, $sql) = @_;
	my ($stdout, $stderr);

	$node->psql($db, "\\set VERBOSITY sqlstate\n$sql", on_error_stop => 0,
		stdout => \$stdout, stderr => \$stderr);
	return (join(' ', $stderr =~ /ERROR:  (\w{5})$/mg), $stdout);
}

# told(WORKFLOW[, DB]): its decisions by route, and their tasks
sub told
{
	my ($workflow, $db) = @_;

	return $node->safe_psql($db // 'postgres', qq{
		SELECT d.route, count(DISTINCT d.id), count(t.id)
		FROM hitl.decision d LEFT JOIN hitl.task t ON t.decision = d.id
		WHERE d.workflow = '$workflow' GROUP BY 1 ORDER BY 1});
}

sub new_workflow
{
	my ($name, $db) = @_;

	$node->safe_psql($db // 'postgres', qq{
		SELECT hitl.create_workflow('$name', queue => 'desk');
		SELECT hitl.set_policy('$name', upper => 0.9, lower => 0.1, audit_rate_approve => 0, audit_rate_reject => 0);
	});
	return;
}

# F07 whoever runs into a condition without end can be cancelled, also where
# there is no budget.
new_workflow('f07');
$node->safe_psql('postgres', q{
	SELECT hitl.set_rule('f07', 'endless', 'exists($.input.a[*] ? (@ == $.input.b[*]))');
	CREATE TABLE long AS SELECT jsonb_build_object('a', jsonb_agg(i), 'b', jsonb_agg(-i)) AS j
	FROM generate_series(1, 50000) AS i;
});
{
	my $err = '';

	append_to_file("$dir/endless.sql", q{
		SET hitl.policy_timeout = 0;
		SET application_name = 'endless';
		INSERT INTO hitl.decision (workflow, confidence, input) SELECT 'f07', 0.97, j FROM long;
	});
	my $client = IPC::Run::start(
		[ 'psql', '-XqAt', '-v', 'VERBOSITY=sqlstate', '-v', 'ON_ERROR_STOP=1', '-f', "$dir/endless.sql",
			'-d', $node->connstr('postgres') ],
		'2>', \$err, IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));

	poll_ok($node, 'postgres',
		q{SELECT count(pg_cancel_backend(pid)) = 1 FROM pg_stat_activity
		  WHERE application_name = 'endless' AND state = 'active'
			AND clock_timestamp() > query_start + interval '200 milliseconds'},
		'F07: a backend in a condition without end is cancelled');
	$client->finish;
	like($err, qr/ERROR:  57014/, 'F07: ... and says so');
	is(told('f07'), '', 'F07: ... and has stored nothing');
}

# F08 memory is what it was before, whether large payloads were taken, refused
# by the gate, or refused by the type.
new_workflow('f08');
$node->safe_psql('postgres', q{SELECT hitl.set_rule('f08', 'words', '$.input.text starts with "y"')});
{
	my $report = q{
		SELECT 'memory ' || sum(total_bytes) FROM pg_backend_memory_contexts;
		SELECT 'resident ' || (regexp_match(pg_read_file('/proc/self/status'), 'VmRSS:\s+(\d+)'))[1];
	};
	my $insert = sub {
		return qq{INSERT INTO hitl.decision (workflow, confidence, input)
			SELECT 'f08', 0.97, jsonb_build_object('text', repeat('x', $_[0] * 1024 * 1024));\n};
	};
	my $bad = q{
		INSERT INTO hitl.decision (workflow, input) SELECT 'f08', to_jsonb(repeat('x', 268435456));
		INSERT INTO hitl.decision (workflow, input) SELECT 'f08', (repeat('[', 100000) || repeat(']', 100000))::jsonb;
		INSERT INTO hitl.decision (workflow, input) SELECT 'f08', repeat('9', 140000)::jsonb;
	};
	# the second time shows what stays; the first also fills caches
	my ($states, $out) = states('postgres',
		$insert->(15) . $insert->(200) . $bad . $report
		. $insert->(15) x 5 . $insert->(200) x 3 . $bad . $report);
	my @memory = $out =~ /^memory (\d+)/mg;
	my @resident = $out =~ /^resident (\d+)/mg;

	is($states, '54000 54000 54001 22003 54000 54000 54000 54000 54001 22003',
		'F08: payloads of 200 MB are refused, and what the type refuses, by the type');
	is(told('f08'), 'auto_approve|6|0', 'F08: payloads of 15 MB are gated');
	cmp_ok($memory[1] - $memory[0], '<', 256 * 1024, 'F08: the backend has given back its memory');
  SKIP:
	{
		skip 'no /proc here', 1 unless @resident == 2;
		# (shared buffers that it has touched count as well)
		cmp_ok($resident[1] - $resident[0], '<', 64 * 1024, 'F08: ... to the system, too');
	}
	note "contexts @memory bytes, resident @resident kB";
}

# F09 the same texts in databases of three encodings: what is none is an error
# of the type, what is one is gated and has one digest.
my %digest;
for my $encoding ('UTF8', 'LATIN1', 'SQL_ASCII')
{
	my $db = lc $encoding;
	my $e = "\xc3\xa9";			# e acute
	my $flow = "cr${e}dit";

	$node->safe_psql('postgres', qq{
		CREATE DATABASE $db TEMPLATE template0 ENCODING '$encoding' LC_COLLATE 'C' LC_CTYPE 'C'});
	$node->safe_psql($db, qq{
		CREATE EXTENSION hitl;
		SELECT hitl.create_workflow('$flow', queue => 'd${e}sk', question => 'Pay${e} ?');
		SELECT hitl.set_policy('$flow', upper => 0.9, audit_rate_approve => 0);
		SELECT hitl.set_rule('$flow', 'r${e}serv$e', '\$.input.city == "Orl${e}ans" || \$.input.city like_regex "^S${e}t"',
							 reason => 'r${e}serv${e} aux adultes', question => 'Vraiment$e ?');
		SELECT hitl.add_reviewer('Ren$e'), hitl.join_queue('Ren$e', 'd${e}sk');
	});
	my $insert = "INSERT INTO hitl.decision (workflow, confidence, input) VALUES ('$flow', 0.97, ";
	my ($states, $out) = states($db, qq{
		$insert '{"a": "\\u0000"}');
		$insert '{"a": "\\ud800"}');
		$insert '{"a": "\\udc00\\ud800"}');
		$insert '{"a": "\xc3\x28"}');
		$insert '{"a": "\xff"}');
		INSERT INTO hitl.decision (workflow, confidence, subject) VALUES ('$flow', 0.97, '\xc3\x28');
		INSERT INTO hitl.decision (workflow, confidence) VALUES ('cr\xe9dit', 0.97);
	});
	is($states, '22P05 22P02 22P02 22021 22021 22021 22021', "F09: $encoding: what is no text is refused");
	is($node->safe_psql($db, 'SELECT count(*) FROM hitl.decision'), '0', "F09: $encoding: ... and nothing is stored");
	if ($encoding eq 'LATIN1')
	{
		($states, $out) = states($db, "$insert '{\"a\": \"\xe2\x82\xac\"}');");
		is($states, '22P05', 'F09: LATIN1 has no euro');
	}

	is($node->safe_psql($db, qq{
			$insert '{"city": "Orl${e}ans"}'), ('$flow', 0.97, '{"city": "S${e}te"}'), ('$flow', 0.97, '{"city": "Lille"}')
			RETURNING route, (SELECT string_agg((r ->> 'rule') || ': ' || (r ->> 'detail'), ', ')
							  FROM jsonb_array_elements(reasons) AS r WHERE r ->> 'rule' IS NOT NULL)}),
		"review|r${e}serv$e: r${e}serv${e} aux adultes\n" x 2 . 'auto_approve|',
		"F09: $encoding: rules and reasons are in the database's encoding");
	is($node->safe_psql($db, qq{
			SELECT queue, question, hitl.approve(task, 'tr${e}s bien', 'Ren$e') FROM hitl.claim(10, '{d${e}sk}', 'Ren$e')}),
		join("\n", ("d${e}sk|Vraiment$e ?|approved") x 2), "F09: $encoding: and so is the packet");
	# (keys are of other lengths and in another order in each)
	$digest{$encoding} = $node->safe_psql($db, qq{
		SELECT hitl.digest('{"$e": 1, "zz": 2.0, "a": "Orl${e}ans", "${e}$e": ["$e", null, true], "zzz": {}}')});
	is($node->safe_psql($db, 'SELECT * FROM hitl.check()'), '', "F09: $encoding: no invariant is broken");
}
is($digest{$_}, $digest{UTF8}, "F09: $_: the digest is that of UTF8") for 'LATIN1', 'SQL_ASCII';

# F14, F18 many rows by COPY and by one INSERT: each is gated, and memory does
# not grow with their number.
$node->safe_psql('postgres', 'CREATE DATABASE many');
make_desk($node, 'many');
new_workflow('f14', 'many');
{
	my $path = "$dir/many.data";
	my $rows = 100_000;

	append_to_file($path, join '', map { "f14\tcopy\t0." . ($_ % 20 ? 95 : 5) . "\n" } 1 .. $rows);
	$node->safe_psql('many', "COPY hitl.decision (workflow, subject, confidence) FROM '$path'");
	is(told('f14', 'many'), sprintf("auto_approve|%d|0\nreview|%d|%d", $rows * 0.95, $rows * 0.05, $rows * 0.05),
		"F14: each of $rows rows of a COPY is gated");

	my $peak = q{SELECT 'peak ' || (regexp_match(pg_read_file('/proc/self/status'), 'VmHWM:\s+(\d+)'))[1];};
	my $insert = sub {
		return qq{INSERT INTO hitl.decision (workflow, subject, confidence)
			SELECT 'f14', 'insert', 0.97 FROM generate_series(1, $_[0]);\n};
	};
	my ($states, $out) = states('many',
		$insert->(20_000) . $peak . $insert->($rows) . $peak);
	my @peak = $out =~ /^peak (\d+)/mg;

	is($states, '', 'F18: one INSERT of as many');
  SKIP:
	{
		skip 'no /proc here', 1 unless @peak == 2;
		# shared buffers that it has touched count as well
		cmp_ok($peak[1] - $peak[0], '<', 32 * 1024, 'F18: memory is flat');
		note "peak of @peak kB";
	}
	sound($node, 'many', 'F14');
	$node->safe_psql('postgres', 'DROP DATABASE many WITH (FORCE)');
}

# F14, F15 what newer servers have: a bad row that COPY leaves out has left
# nothing, a MERGE tells what the gate made of its rows.
SKIP:
{
	skip 'ON_ERROR and MERGE ... RETURNING are of PostgreSQL 17', 5 if $version < 17;
	new_workflow('f15');
	append_to_file("$dir/bad.data", "f15\tone\t0.97\nf15\ttwo\thigh\nf15\tthree\t0.5\nf15\tfour\t1e400\nf15\tfive\tNaN\n");
	my ($states, $out) = states('postgres', qq{
		COPY hitl.decision (workflow, subject, confidence) FROM '$dir/bad.data' WITH (ON_ERROR ignore);
		SELECT d.subject, d.route, t.kind FROM hitl.decision d LEFT JOIN hitl.task t ON t.decision = d.id
		WHERE d.workflow = 'f15' ORDER BY d.id;
	});
	is($states, '', 'F14: COPY with ON_ERROR ignore passes');
	is($out, "one|auto_approve|\nthree|review|review\nfive|review|review",
		'F14: rows that it left out have left no task');
	# what the gate refuses is no error of a value
	append_to_file("$dir/worse.data", "f15\tsix\t0.5\nnowhere\tseven\t0.5\n");
	($states, $out) = states('postgres', qq{
		COPY hitl.decision (workflow, subject, confidence) FROM '$dir/worse.data' WITH (ON_ERROR ignore);
		SELECT count(*) FROM hitl.decision WHERE subject IN ('six', 'seven');
	});
	is("$states $out", '23503 0', 'F14: what the gate refuses ends the COPY');
	($states, $out) = states('postgres', q{
		MERGE INTO hitl.decision d USING (VALUES ('m1', 0.97::float8), ('m2', 0.5), ('m3', 'NaN')) AS v (s, c) ON d.subject = v.s
		WHEN NOT MATCHED THEN INSERT (workflow, subject, confidence) VALUES ('f15', s, c)
		RETURNING merge_action(), d.subject, d.route;
		MERGE INTO hitl.decision d USING (VALUES ('m1')) AS v (s) ON d.subject = v.s
		WHEN MATCHED THEN UPDATE SET route = 'auto_approve' RETURNING merge_action();
		MERGE INTO hitl.decision d USING (VALUES ('m1')) AS v (s) ON d.subject = v.s
		WHEN MATCHED THEN DELETE RETURNING merge_action();
	});
	is(join("\n", sort split /\n/, $out), "INSERT|m1|auto_approve\nINSERT|m2|review\nINSERT|m3|review", 'F15: MERGE ... RETURNING shows the route');
	is($states, 'ZH009 ZH009', 'F15: ... and neither updates nor deletes');
}

# F19 the partition comes while a session is at work, with its columns in
# another order: each row is gated once, wherever it lands.
new_workflow('f19');
{
	my ($in, $out, $err) = ('', '', '');
	my $client = IPC::Run::start(
		[ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres') ],
		'<', \$in, '>', \$out, '2>', \$err,
		IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
	my $ask = sub {
		$out = '';
		$in .= "$_[0];\n\\echo done\n";
		$client->pump until $out =~ s/^done\n//m || $err ne '';
		return $out . $err;
	};

	$ask->(q{PREPARE add AS INSERT INTO hitl.decision (id, workflow, subject, confidence) VALUES
		(hitl.uuid_floor(('2001-01-01'::timestamptz + random() * interval '20 days')), 'f19', 'parent', 0.5),
		(hitl.uuid_floor(('2001-01-01'::timestamptz + random() * interval '20 days')), 'f19', 'parent', 0.97)
		RETURNING tableoid::regclass, route});
	is($ask->('BEGIN; EXECUTE add; ROLLBACK'), "hitl.decision_default|review\nhitl.decision_default|auto_approve\n",
		'F19: into the default partition');
	$node->safe_psql('postgres', q{
		CREATE TABLE hitl.late (junk int, confidence float8);
		DO $$
		DECLARE
			c record;
		BEGIN
			FOR c IN SELECT format('%I %s COLLATE %s %s', attname, format_type(atttypid, atttypmod),
								   coalesce(quote_ident(l.collname), '"default"'), CASE WHEN attnotnull THEN 'NOT NULL' END) AS def,
							attcollation <> 0 AS collated,
							format('%I %s %s', attname, format_type(atttypid, atttypmod), CASE WHEN attnotnull THEN 'NOT NULL' END) AS plain
					 FROM pg_attribute a LEFT JOIN pg_collation l ON l.oid = a.attcollation
					 WHERE attrelid = 'hitl.decision'::regclass AND attnum > 0 AND NOT attisdropped AND attname <> 'confidence'
					 ORDER BY attname DESC
			LOOP
				EXECUTE 'ALTER TABLE hitl.late ADD ' || CASE WHEN c.collated THEN c.def ELSE c.plain END;
			END LOOP;
		END
		$$;
		ALTER TABLE hitl.late DROP junk;
		SELECT hitl.prepare_partition('hitl.late');
		ALTER TABLE hitl.decision ATTACH PARTITION hitl.late
			FOR VALUES FROM (hitl.uuid_floor('2001-01-01')) TO (hitl.uuid_floor('2001-02-01'));
	});
	is($ask->('EXECUTE add'), "hitl.late|review\nhitl.late|auto_approve\n", 'F19: into one that came later');
	is($ask->(q{INSERT INTO hitl.late (id, workflow, subject, confidence)
			VALUES (hitl.uuid_floor('2001-01-30'), 'f19', 'leaf', 0.5) RETURNING route}),
		"review\n", 'F19: into the leaf directly');
	$client->finish;
	is(told('f19'), "auto_approve|1|0\nreview|2|2", 'F19: gated once each');
	is($node->safe_psql('postgres', q{SELECT * FROM hitl.doctor() WHERE subject = 'table late'}),
		'', 'F19: the doctor has nothing against the partition');
}

# F25 ten thousand savepoints: what is undone is undone with its task, and
# nothing but the savepoints takes a subtransaction.
new_workflow('f25');
{
	my $n = 10_000;
	my $xid = 'SELECT pg_current_xact_id();';
	my $row = q{INSERT INTO hitl.decision (workflow, confidence) VALUES ('f25', 0.5);};

	append_to_file("$dir/savepoints.sql",
		"SELECT pg_current_xact_id() AS before \\gset\nBEGIN;\n"
		. join('', map { "SAVEPOINT s; $row " . ($_ % 2 ? 'ROLLBACK TO s; RELEASE s;' : 'RELEASE s;') . "\n" } 1 .. $n)
		. "COMMIT;\nSELECT pg_current_xact_id()::text::bigint - :before;\n");
	my $used = `psql -XqAt -f "$dir/savepoints.sql" -d "@{[$node->connstr('postgres')]}"`;

	is(told('f25'), sprintf('review|%d|%d', $n / 2, $n / 2), 'F25: what was undone has left no task');
	# (the worker may have had some)
	cmp_ok($used, '>=', $n, 'F25: each savepoint took a transaction id');
	cmp_ok($used, '<', $n + 100, 'F25: ... and the gate took none');

	# without savepoints nobody asks for the parent of a subtransaction
	my $slru = q{SELECT sum(blks_zeroed + blks_hit + blks_read) FROM pg_stat_slru WHERE name ILIKE 'subtrans%'};
	my $reset = $version >= 17 ? 'subtransaction' : 'Subtrans';

	$node->safe_psql('postgres', "SELECT pg_stat_reset_slru('$reset')");
	$node->safe_psql('postgres', qq{
		BEGIN;
		INSERT INTO hitl.decision (workflow, confidence) SELECT 'f25', 0.5 FROM generate_series(1, $n / 2);
		SELECT count(*) FROM hitl.claim(1000, '{desk}', 'ann');
		SELECT count(hitl.approve(id, reviewer => 'ann')) FROM hitl.task WHERE holder = 'ann';
		COMMIT;
	});
	is($node->safe_psql('postgres', $slru), '0', 'F25: gate, claim and verdict make no subtransaction');
	sound($node, 'postgres', 'F25');
}

# F26 prepared transactions that lie over a crash: an insert, a claim, a
# verdict, and an insert that is given up.
new_workflow('f26');
{
	my $insert = q{INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('f26', '%s', 0.5);};

	$node->safe_psql('postgres', q{
		SELECT hitl.create_queue('two'), hitl.join_queue('ann', 'two'), hitl.join_queue('bob', 'two'),
			hitl.add_reviewer('cy'), hitl.join_queue('cy', 'two');
		SELECT hitl.set_rule('f26', 'two', '$.subject starts with "2"', queue => 'two', tier => 1, lane => 0, question => 'Two?');
	});
	$node->safe_psql('postgres', sprintf("$insert " x 2, '2 claimed', '2 decided'));
	$node->safe_psql('postgres', q{
		BEGIN; } . sprintf($insert, '2 inserted') . q{ PREPARE TRANSACTION 'insert';
		BEGIN; } . sprintf($insert, '2 given up') . q{ PREPARE TRANSACTION 'gone';
		BEGIN; SELECT task FROM hitl.claim(1, '{two}', 'ann'); PREPARE TRANSACTION 'claim';
		BEGIN; SELECT hitl.reject(task, 'UNSAFE', 'no', 'bob') FROM hitl.claim(1, '{two}', 'bob'); PREPARE TRANSACTION 'verdict';
	});
	for my $round ('before', 'after')
	{
		is($node->safe_psql('postgres', q{SELECT gid FROM pg_prepared_xacts ORDER BY 1}), "claim\ngone\ninsert\nverdict",
			"F26: four transactions are prepared $round a crash");
		is(told('f26'), 'review|2|2', "F26: what is prepared is not there yet $round a crash");
		is($node->safe_psql('postgres', q{SELECT count(*) FROM hitl.claim(10, '{two}', 'cy')}), '0',
			"F26: ... nor can it be claimed");
		sound($node, 'postgres', "F26: $round a crash");
		next if $round eq 'after';
		$node->stop('immediate');
		$node->start;
		ok(wait_for_worker($node, 'postgres'), 'F26: a worker is there after the crash');
	}
	$node->safe_psql('postgres', "COMMIT PREPARED '$_'") for 'insert', 'claim', 'verdict';
	$node->safe_psql('postgres', "ROLLBACK PREPARED 'gone'");
	is($node->safe_psql('postgres', q{
			SELECT d.subject, t.queue, t.lane, t.question, t.holder, o.outcome
			FROM hitl.decision d LEFT JOIN hitl.task t ON t.decision = d.id JOIN hitl.outcome o ON o.id = d.id
			WHERE d.workflow = 'f26' ORDER BY 1}),
		"2 claimed|two|0|Two?|ann|pending\n2 decided|||||rejected\n2 inserted|two|0|Two?||pending",
		'F26: COMMIT PREPARED brings the task, the lease, the verdict');
	is($node->safe_psql('postgres', q{
			SELECT hitl.approve(id, reviewer => 'ann') FROM hitl.task WHERE holder = 'ann' AND queue = 'two';
			SELECT hitl.approve(task, reviewer => 'bob') FROM hitl.claim(1, '{two}', 'bob')}),
		"approved\napproved", 'F26: and the work goes on');
	recovered($node, 'postgres', 'F26');
}

# F29 the owner takes the gate away: the doctor says so at once, and as long as
# half of the gate is there no row passes.
for my $case (
	[ 'ALTER TABLE hitl.decision DISABLE TRIGGER gate', 'trigger "gate" is not always enabled',
		'ALTER TABLE hitl.decision ENABLE ALWAYS TRIGGER gate', 'ZH006' ],
	[ 'ALTER TABLE hitl.decision ENABLE TRIGGER gate', 'trigger "gate" is not always enabled',
		'ALTER TABLE hitl.decision ENABLE ALWAYS TRIGGER gate', '' ],
	[ 'ALTER TABLE hitl.decision DISABLE TRIGGER enqueue', 'trigger "enqueue" is not always enabled',
		'ALTER TABLE hitl.decision ENABLE ALWAYS TRIGGER enqueue', undef ],
	[ 'DROP TRIGGER gate ON hitl.decision', 'trigger "gate" is missing',
		'CREATE TRIGGER gate BEFORE INSERT ON hitl.decision FOR EACH ROW EXECUTE FUNCTION hitl.gate();
		 ALTER TABLE hitl.decision ENABLE ALWAYS TRIGGER gate', 'ZH006' ],
	[ 'CREATE RULE past AS ON INSERT TO hitl.decision DO INSTEAD NOTHING', 'has the rule "past", which can bypass the gate or change what is on record',
		'DROP RULE past ON hitl.decision', undef ])
{
	my ($harm, $finding, $mend, $state) = @$case;
	my $found = qq{SELECT count(*) > 0 FROM hitl.doctor()
		WHERE severity = 'error' AND subject = 'table decision' AND finding = '$finding'};

	is($node->safe_psql('postgres', $found), 'f', "F29: before: $harm");
	$node->safe_psql('postgres', $harm);
	is($node->safe_psql('postgres', $found), 't', 'F29: ... the doctor finds it');
	if (defined $state)
	{
		my ($got) = states('postgres', q{
			INSERT INTO hitl.decision (id, created_at, created_by, workflow, gate_route, route, reasons, lane, audit_u, propensity)
			VALUES (DEFAULT, now(), 'me', 'sure', 'auto_approve', 'auto_approve', '[]', 1, 0.5, 0)}) if $state ne '';

		is($got // '', $state, 'F29: ... no row passes');
	}
	$node->safe_psql('postgres', $mend);
	is($node->safe_psql('postgres', q{SELECT * FROM hitl.doctor() WHERE severity = 'error'}), '', 'F29: ... and is content when it is mended');
}

recovered($node, 'postgres', 'at the end');
my $log = slurp_file($node->logfile);
unlike($log, qr/PANIC|TRAP:|terminated by signal/, 'no process died');
$node->stop;

done_testing();
