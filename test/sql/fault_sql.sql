-- Faults of the gate, one section each: every way that SQL has to bring a row
-- in, to change it, or to get around.  A row is gated once, or the statement
-- fails and leaves nothing.
\set SHOW_CONTEXT never
\set ON_ERROR_ROLLBACK on
SET client_min_messages = error;

-- The decisions of a workflow, by subject, and what was made of them.
CREATE FUNCTION pg_temp.told(flow text)
RETURNS TABLE (subject text, decisions bigint, approved bigint, reviews bigint, tasks bigint)
LANGUAGE sql AS $$
    SELECT d.subject, count(DISTINCT d.id), count(DISTINCT d.id) FILTER (WHERE d.route = 'auto_approve'),
           count(DISTINCT d.id) FILTER (WHERE d.route = 'review'), count(t.id)
    FROM hitl.decision d LEFT JOIN hitl.task t ON t.decision = d.id
    WHERE d.workflow = flow
    GROUP BY 1 ORDER BY 1
$$;
CREATE FUNCTION pg_temp.left_over(flow text)
RETURNS TABLE (decisions bigint, tasks bigint, events bigint)
LANGUAGE sql AS $$
    SELECT (SELECT count(*) FROM hitl.decision d WHERE d.workflow = flow),
           (SELECT count(*) FROM hitl.task t WHERE t.workflow = flow),
           (SELECT count(*) FROM hitl.event e WHERE e.workflow = flow AND e.decision IS NOT NULL)
$$;
-- What the doctor says of tables.
CREATE FUNCTION pg_temp.of_tables() RETURNS TABLE (severity text, subject text, finding text)
LANGUAGE sql AS $$
    SELECT severity, replace(subject, to_char(now() AT TIME ZONE 'UTC', 'YYYY_MM'), 'THIS_MONTH'),
           replace(regexp_replace(finding, '(last by "[^"]*") at .*', '\1 at SOME TIME'), current_user, 'ME')
    FROM hitl.doctor()
    WHERE subject ~ '^table' AND finding !~ 'no partition fitted' ORDER BY 2, 3
$$;
-- A partition for a month of the past, with its columns in the parent's order
-- or in another one, and rubble of dropped ones between.
CREATE FUNCTION pg_temp.make_partition(name text, month date, shuffled boolean DEFAULT false) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    c record;
BEGIN
    IF NOT shuffled THEN
        EXECUTE format('CREATE TABLE hitl.%I (LIKE hitl.decision INCLUDING DEFAULTS INCLUDING GENERATED)', name);
    ELSE
        EXECUTE format('CREATE TABLE hitl.%I (junk1 int, route text NOT NULL, junk2 text, confidence float8)', name);
        FOR c IN SELECT attname, format_type(atttypid, atttypmod) AS type, attnotnull, coll.collname, attgenerated,
                        pg_get_expr(d.adbin, d.adrelid) AS expr
                 FROM pg_attribute a LEFT JOIN pg_collation coll ON coll.oid = a.attcollation
                 LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
                 WHERE attrelid = 'hitl.decision'::regclass AND attnum > 0 AND NOT attisdropped
                   AND attname NOT IN ('route', 'confidence')
                 ORDER BY attgenerated <> '', attnum DESC
        LOOP
            EXECUTE format('ALTER TABLE hitl.%I ADD %I %s %s %s %s', name, c.attname, c.type,
                           'COLLATE ' || quote_ident(c.collname), CASE WHEN c.attnotnull THEN 'NOT NULL' END,
                           CASE c.attgenerated WHEN 's' THEN format('GENERATED ALWAYS AS (%s) STORED', c.expr)
                                               WHEN 'v' THEN format('GENERATED ALWAYS AS (%s) VIRTUAL', c.expr) END);
        END LOOP;
        EXECUTE format('ALTER TABLE hitl.%I DROP junk1, DROP junk2', name);
    END IF;
    PERFORM hitl.prepare_partition(format('hitl.%I', name)::regclass);
    EXECUTE format('ALTER TABLE hitl.decision ATTACH PARTITION hitl.%I FOR VALUES FROM (%L) TO (%L)', name,
                   hitl.uuid_floor(month), hitl.uuid_floor(month + interval '1 month'));
END
$$;

SELECT hitl.create_workflow('fs', queue => 'fs');
SELECT hitl.set_policy('fs', upper => 0.9, lower => 0, audit_rate_approve => 0);
SELECT hitl.add_reviewer('fs_ann', max_open => 1000), hitl.join_queue('fs_ann', 'fs');
CREATE ROLE regress_hitl_fault IN ROLE hitl_application;
SELECT 'hitl.decision_' || to_char(now() AT TIME ZONE 'UTC', 'YYYY_MM') AS this_month \gset

-- F14 COPY: every row is gated; a bad one ends the statement, and nothing is
-- left of it.
BEGIN;
COPY hitl.decision (workflow, subject, confidence) FROM stdin;
fs	text	0.97
fs	text	0.5
fs	text	NaN
fs	text	\N
\.
COPY hitl.decision (workflow, subject, confidence) FROM stdin WITH (FORMAT csv, HEADER);
workflow,subject,confidence
fs,csv,0.97
fs,csv,
\.
COPY :this_month (workflow, subject, confidence) FROM stdin;
fs	partition	0.97
fs	partition	0.5
\.
SELECT * FROM pg_temp.told('fs');
ROLLBACK;
\set VERBOSITY sqlstate
COPY hitl.decision (workflow, subject, confidence) FROM stdin;
fs	bad type	0.5
fs	bad type	high
\.
COPY hitl.decision (workflow, subject, confidence) FROM stdin;
fs	no such workflow	0.5
nowhere	no such workflow	0.5
\.
COPY hitl.decision (workflow, subject, confidence) FROM stdin WITH (FREEZE);
fs	frozen	0.5
\.
\set VERBOSITY default
SELECT * FROM pg_temp.left_over('fs');
-- Frozen rows, where the server lets them in at all, pass the gate as well.
\set ON_ERROR_ROLLBACK off
BEGIN;
SELECT pg_temp.make_partition('decision_1995_01', '1995-01-01');
COPY hitl.decision_1995_01 (id, workflow, subject, confidence) FROM stdin WITH (FREEZE);
00b7b459-d000-7000-8000-000000000001	fs	frozen	0.97
00b7b459-d000-7000-8000-000000000002	fs	frozen	0.5
\.
SELECT * FROM pg_temp.told('fs');
ROLLBACK;
\set ON_ERROR_ROLLBACK on

-- F15 MERGE: what it inserts is gated; it updates and deletes nothing.
BEGIN;
MERGE INTO hitl.decision d USING (VALUES ('a', 0.97::float8), ('b', 0.5), ('c', 'NaN')) AS v (s, c) ON d.workflow = 'fs' AND d.subject = v.s
WHEN NOT MATCHED THEN INSERT (workflow, subject, confidence) VALUES ('fs', s, c);
-- (again: nothing is missing now)
MERGE INTO hitl.decision d USING (VALUES ('a', 0.97::float8), ('b', 0.5), ('c', 'NaN')) AS v (s, c) ON d.workflow = 'fs' AND d.subject = v.s
WHEN NOT MATCHED THEN INSERT (workflow, subject, confidence) VALUES ('fs', s, c)
WHEN MATCHED THEN DO NOTHING;
\set VERBOSITY sqlstate
MERGE INTO hitl.decision d USING (VALUES ('a'), ('z')) AS v (s) ON d.workflow = 'fs' AND d.subject = v.s
WHEN NOT MATCHED THEN INSERT (workflow, subject, confidence) VALUES ('fs', s, 0.5)
WHEN MATCHED THEN UPDATE SET route = 'auto_approve';
MERGE INTO hitl.decision d USING (VALUES ('a'), ('z')) AS v (s) ON d.workflow = 'fs' AND d.subject = v.s
WHEN NOT MATCHED THEN INSERT (workflow, subject, confidence) VALUES ('fs', s, 0.5)
WHEN MATCHED THEN DELETE;
SET LOCAL ROLE regress_hitl_fault;
MERGE INTO hitl.decision d USING (VALUES ('a')) AS v (s) ON d.workflow = 'fs' AND d.subject = v.s
WHEN MATCHED THEN UPDATE SET route = 'auto_approve';
MERGE INTO hitl.decision d USING (VALUES ('a')) AS v (s) ON d.workflow = 'fs' AND d.subject = v.s WHEN MATCHED THEN DELETE;
MERGE INTO hitl.decision d USING (VALUES ('a')) AS v (s) ON d.workflow = 'fs' AND d.subject = v.s
WHEN NOT MATCHED THEN INSERT (workflow, subject, confidence) VALUES ('fs', 'by application', 0.97);
RESET ROLE;
\set VERBOSITY default
SELECT * FROM pg_temp.told('fs');
ROLLBACK;

-- F16 ON CONFLICT DO NOTHING: a row left out has left no task, no event, and
-- no number of one burned.
BEGIN;
INSERT INTO hitl.decision (id, workflow, subject, confidence) VALUES (hitl.uuid_floor('1995-01-01'), 'fs', 'first', 0.5);
SELECT (SELECT last_value FROM hitl.task_id_seq) AS tasks_before, (SELECT last_value FROM hitl.event_id_seq) AS events_before \gset
INSERT INTO hitl.decision (id, workflow, subject, confidence)
SELECT hitl.uuid_floor('1995-01-01'), 'fs', 'again', 0.5 FROM generate_series(1, 5)
ON CONFLICT DO NOTHING RETURNING subject;
SELECT (SELECT last_value FROM hitl.task_id_seq) - :tasks_before AS tasks_numbered,
       (SELECT last_value FROM hitl.event_id_seq) - :events_before AS events_numbered;
INSERT INTO hitl.decision (id, workflow, subject, confidence)
VALUES (hitl.uuid_floor('1995-01-01'), 'fs', 'again', 0.5), (hitl.uuid_floor('1995-01-02'), 'fs', 'new', 0.5),
       (hitl.uuid_floor('1995-01-02'), 'fs', 'again', 0.5)
ON CONFLICT DO NOTHING RETURNING subject;
SELECT (SELECT last_value FROM hitl.task_id_seq) - :tasks_before AS tasks_numbered;
SELECT * FROM pg_temp.told('fs');
SELECT * FROM pg_temp.left_over('fs');
ROLLBACK;

-- F17 ON CONFLICT DO UPDATE: changes nothing, for nobody.
BEGIN;
INSERT INTO hitl.decision (id, workflow, subject, confidence) VALUES (hitl.uuid_floor('1995-01-01'), 'fs', 'first', 0.5);
\set VERBOSITY sqlstate
INSERT INTO hitl.decision_default (id, workflow, subject, confidence) VALUES (hitl.uuid_floor('1995-01-01'), 'fs', 'x', 0.5)
ON CONFLICT (id) DO UPDATE SET route = 'auto_approve';
INSERT INTO hitl.decision_default (id, workflow, subject, confidence) VALUES (hitl.uuid_floor('1995-01-01'), 'fs', 'x', 0.5)
ON CONFLICT (id) DO UPDATE SET route = excluded.route WHERE excluded.confidence = 0.5;
-- (its WHERE says no: nothing happens)
INSERT INTO hitl.decision_default (id, workflow, subject, confidence) VALUES (hitl.uuid_floor('1995-01-01'), 'fs', 'x', 0.5)
ON CONFLICT (id) DO UPDATE SET route = 'auto_approve' WHERE false;
-- (the whole table has no constraint to name)
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('fs', 'x', 0.5)
ON CONFLICT (id) DO UPDATE SET route = 'auto_approve';
SET LOCAL ROLE regress_hitl_fault;
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('fs', 'x', 0.5)
ON CONFLICT (id) DO UPDATE SET route = 'auto_approve';
INSERT INTO hitl.decision_default (workflow, subject, confidence) VALUES ('fs', 'x', 0.5)
ON CONFLICT (id) DO UPDATE SET route = 'auto_approve';
RESET ROLE;
\set VERBOSITY default
SELECT * FROM pg_temp.told('fs');
ROLLBACK;

-- F18 many rows in one statement, and statements within statements: RETURNING
-- shows what the gate made of each.
BEGIN;
WITH made AS (INSERT INTO hitl.decision (workflow, subject, confidence)
              SELECT 'fs', 'many', (i % 10) / 10.0 FROM generate_series(1, 20000) AS i
              RETURNING confidence, route, gate_route, reasons)
SELECT route, gate_route, reasons -> 0 ->> 'trigger' AS trigger, count(*), min(confidence), max(confidence)
FROM made GROUP BY 1, 2, 3 ORDER BY 1;
WITH first AS (INSERT INTO hitl.decision (workflow, subject, confidence)
               VALUES ('fs', 'chain 1', 0.97), ('fs', 'chain 1', 0.5) RETURNING id, route, confidence),
     second AS (INSERT INTO hitl.decision (workflow, subject, confidence, parent)
                SELECT 'fs', 'chain 2', confidence, id FROM first WHERE route = 'review' RETURNING id, route, confidence),
     third AS (INSERT INTO hitl.decision (workflow, subject, confidence, parent)
               SELECT 'fs', 'chain 3', 0.95, id FROM second RETURNING id, route)
SELECT * FROM (SELECT 1 AS step, route FROM first UNION ALL SELECT 2, route FROM second
               UNION ALL SELECT 3, route FROM third) AS all_steps ORDER BY 1, 2;
INSERT INTO hitl.decision (workflow, subject, confidence)
SELECT workflow, 'from itself', confidence FROM hitl.decision WHERE workflow = 'fs' AND subject ~ '^chain';
SELECT * FROM pg_temp.told('fs');
SELECT count(*) AS violations FROM hitl.check() c JOIN hitl.decision d ON d.id = c.decision WHERE d.workflow = 'fs';
ROLLBACK;

-- F19 through the parent, into the leaf, into a partition that was not there
-- when the session began, into the default one: gated once each.
BEGIN;
PREPARE add (text, uuid) AS INSERT INTO hitl.decision (id, workflow, subject, confidence)
VALUES ($2, 'fs', $1, 0.5), (overlay($2::text PLACING '9' FROM 36)::uuid, 'fs', $1, 0.97) RETURNING route, tableoid::regclass;
EXECUTE add ('default', hitl.uuid_floor('1995-02-01'));
INSERT INTO hitl.decision_default (id, workflow, subject, confidence) VALUES (hitl.uuid_floor('1995-02-02'), 'fs', 'default leaf', 0.5);
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('fs', 'parent', 0.5), ('fs', 'parent', 0.97);
INSERT INTO :this_month (workflow, subject, confidence) VALUES ('fs', 'leaf', 0.5), ('fs', 'leaf', 0.97);
SELECT pg_temp.make_partition('decision_1995_03', '1995-03-01');
EXECUTE add ('later', hitl.uuid_floor('1995-03-01'));
INSERT INTO hitl.decision_1995_03 (id, workflow, subject, confidence) VALUES (hitl.uuid_floor('1995-03-02'), 'fs', 'later leaf', 0.5);
SELECT * FROM pg_temp.told('fs');
-- (one event of each claim, one task of each decision: nothing twice)
SELECT count(*) AS claimed, count(DISTINCT decision) AS decisions FROM hitl.claim(100, '{fs}', 'fs_ann');
SELECT count(*) AS violations FROM hitl.check() c JOIN hitl.decision d ON d.id = c.decision WHERE d.workflow = 'fs';
ROLLBACK;
DEALLOCATE add;

-- F20 an UPDATE that would move a row to another partition.
BEGIN;
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('fs', 'stays', 0.5);
\set VERBOSITY sqlstate
UPDATE hitl.decision SET id = hitl.uuid_floor('1995-01-01') WHERE workflow = 'fs';
UPDATE :this_month SET id = hitl.uuid_floor('1995-01-01') WHERE workflow = 'fs';
UPDATE hitl.decision SET id = hitl.uuidv7(), route = 'auto_approve' WHERE workflow = 'fs';
\set VERBOSITY default
SELECT subject, route, tableoid = :'this_month'::regclass AS here FROM hitl.decision WHERE workflow = 'fs';
ROLLBACK;

-- F21 a partition attached with rows that no gate has seen: check() and the
-- doctor tell, adopt() gates them.  What they claim to be does not count, nor
-- where their columns stand.
BEGIN;
CREATE TABLE hitl.decision_1995_01 (LIKE hitl.decision INCLUDING DEFAULTS);
INSERT INTO hitl.decision_1995_01 (id, created_at, created_by, workflow, subject, confidence, policy_version, gate_route, route,
                                   reasons, lane, audit_u, propensity)
SELECT id, hitl.uuid_time(id), 'somebody', 'fs', v.subject, v.confidence, v.version, v.route, v.route,
       jsonb_build_array(jsonb_build_object('trigger', v.trigger, 'rule', NULL, 'detail', '')), 1, 0.5,
       CASE v.route WHEN 'review' THEN 1 ELSE 0 END
FROM (VALUES (1, '1 low', 0.2::float8, 1, 'auto_approve', 'confidence'), (2, '2 high', 0.97, NULL, 'auto_approve', 'confidence'),
             (3, '3 no number', 'NaN', 1, 'auto_approve', 'confidence'), (4, '4 no task', 0.5, 1, 'review', 'confidence'),
             (5, '5 no such policy', 0.97, 99, 'auto_approve', 'confidence'), (6, '6 said to fail', 0.97, 1, 'auto_approve', 'policy_error'),
             (7, '7 as a gate would', 0.97, 1, 'auto_approve', 'confidence')
     ) AS v (n, subject, confidence, version, route, trigger),
     LATERAL (SELECT hitl.uuid_floor('1995-01-01'::timestamptz + make_interval(days => n))) AS i (id);
SELECT hitl.adopt('hitl.decision_1995_01');
\echo :SQLSTATE
ALTER TABLE hitl.decision ATTACH PARTITION hitl.decision_1995_01
    FOR VALUES FROM (hitl.uuid_floor('1995-01-01')) TO (hitl.uuid_floor('1995-02-01'));
SELECT d.subject, c.invariant, c.detail FROM hitl.check() c JOIN hitl.decision d ON d.id = c.decision
WHERE d.workflow = 'fs' ORDER BY 1, 2, 3;
SELECT * FROM pg_temp.of_tables();
SET LOCAL ROLE regress_hitl_fault;
SELECT hitl.adopt('hitl.decision_1995_01');
\echo :SQLSTATE
RESET ROLE;
SELECT hitl.adopt('hitl.decision_1995_01') AS adopted;
SELECT subject, confidence, policy_version, gate_route, route, reasons -> 0 ->> 'trigger' AS trigger, created_by,
       audit_u <> 0.5 AS drawn, (SELECT count(*) FROM hitl.task t WHERE t.decision = d.id) AS tasks
FROM hitl.decision d WHERE workflow = 'fs' ORDER BY id;
SELECT count(*) AS violations FROM hitl.check() c JOIN hitl.decision d ON d.id = c.decision WHERE d.workflow = 'fs';
SELECT * FROM pg_temp.of_tables();
SELECT hitl.adopt('hitl.decision_1995_01') AS adopted_again;
SELECT kind, actor = current_user AS me, detail FROM hitl.event WHERE kind = 'adopted' ORDER BY id;
-- They are decisions like any other: claimed, decided, and no more changed.
SELECT count(hitl.approve(task, reviewer => 'fs_ann')) AS approved FROM hitl.claim(10, '{fs}', 'fs_ann');
\set VERBOSITY sqlstate
UPDATE hitl.decision SET route = 'auto_approve' WHERE workflow = 'fs';
TRUNCATE hitl.decision_1995_01;
SELECT hitl.adopt(NULL);
SELECT hitl.adopt('hitl.task');
SELECT hitl.adopt('hitl.decision');
\set VERBOSITY default
SELECT count(*) AS violations FROM hitl.check() c JOIN hitl.decision d ON d.id = c.decision WHERE d.workflow = 'fs';
ROLLBACK;

-- F22 the owner makes a child or a rule: the server refuses the one, the
-- doctor reports the other, on a partition as well.
BEGIN;
\set VERBOSITY sqlstate
CREATE TABLE hitl.child () INHERITS (hitl.decision);
CREATE TABLE hitl.child () INHERITS (hitl.decision_default);
CREATE TABLE hitl.child (LIKE hitl.decision);
ALTER TABLE hitl.child INHERIT hitl.decision;
\set VERBOSITY default
SELECT * FROM pg_temp.of_tables();
CREATE RULE away AS ON INSERT TO hitl.decision DO INSTEAD NOTHING;
CREATE RULE aside AS ON INSERT TO hitl.decision_default WHERE new.subject = 's' DO INSTEAD NOTHING;
SELECT * FROM pg_temp.of_tables();
ROLLBACK;
BEGIN;
CREATE RULE quiet AS ON UPDATE TO hitl.decision DO INSTEAD NOTHING;
SELECT * FROM pg_temp.of_tables();
ROLLBACK;

-- F23 columns that the owner adds: plain, stored, virtual where the server has
-- it.  The gate goes by names.
BEGIN;
DO $$
BEGIN
    EXECUTE 'ALTER TABLE hitl.decision ADD region text DEFAULT ''EU'', ADD score float8, ADD loud text GENERATED ALWAYS AS '
            '(upper(subject)) STORED, ADD doubled float8 GENERATED ALWAYS AS (confidence * 2) '
            || CASE WHEN current_setting('server_version_num')::int >= 180000 THEN 'VIRTUAL' ELSE 'STORED' END;
END
$$;
INSERT INTO hitl.decision (workflow, subject, confidence, region) VALUES
    ('fs', 'added', 0.97, 'US'), ('fs', 'added', 0.5, DEFAULT), ('fs', 'added', 'NaN', NULL)
RETURNING confidence, route, region, loud, doubled;
COPY hitl.decision (workflow, subject, confidence, score) FROM stdin;
fs	copied	0.97	1
fs	copied	0.5	2
\.
-- (a condition is on the decision, not on the owner's columns)
SELECT hitl.set_rule('fs', 'region', '$.region == "US"');
INSERT INTO hitl.decision (workflow, subject, confidence, region) VALUES ('fs', 'by rule', 0.97, 'US') RETURNING route, region;
-- A partition made now has them, too.
SELECT pg_temp.make_partition('decision_1995_01', '1995-01-01');
INSERT INTO hitl.decision (id, workflow, subject, confidence, region) VALUES
    (hitl.uuid_floor('1995-01-01'), 'fs', 'in a new one', 0.97, 'US'), (hitl.uuid_floor('1995-01-02'), 'fs', 'in a new one', 0.5, 'US')
RETURNING route, region, loud, doubled, tableoid::regclass;
SELECT * FROM pg_temp.told('fs');
ROLLBACK;

-- F24 columns dropped, added, and in another place in each partition, while
-- the session remembers where they were.
BEGIN;
PREPARE add (text) AS INSERT INTO hitl.decision (id, workflow, subject, confidence, input) VALUES
    (hitl.uuid_floor('1995-01-01 01:00') , 'fs', $1, 0.97, '{"a": 1}'), (hitl.uuid_floor('1995-01-01 02:00'), 'fs', $1, 0.5, '{}'),
    (hitl.uuid_floor('1995-02-01 01:00'), 'fs', $1, 0.97, '{"a": 1}'), (hitl.uuid_floor('1995-02-01 02:00'), 'fs', $1, 'NaN', '{}')
    RETURNING tableoid::regclass AS partition, confidence, route;
SAVEPOINT s;
EXECUTE add ('before');
ROLLBACK TO s;
SELECT pg_temp.make_partition('decision_1995_01', '1995-01-01', shuffled => true),
       pg_temp.make_partition('decision_1995_02', '1995-02-01');
EXECUTE add ('two orders');
SELECT * FROM pg_temp.told('fs');
ROLLBACK TO s;
SELECT pg_temp.make_partition('decision_1995_01', '1995-01-01'),
       pg_temp.make_partition('decision_1995_02', '1995-02-01', shuffled => true);
EXECUTE add ('the other way round');
SELECT * FROM pg_temp.told('fs');
ROLLBACK TO s;
SELECT pg_temp.make_partition('decision_1995_01', '1995-01-01', shuffled => true);
ALTER TABLE hitl.decision ADD one int, ADD two text DEFAULT 'two', DROP cohort, DROP tags;
ALTER TABLE hitl.decision DROP one, ADD three text;
EXECUTE add ('dropped and added');
SELECT hitl.set_rule('fs', 'a', '$.input.a == 1 && $.tags[*] == "x"');
SELECT hitl.set_rule('fs', 'b', '$.input.a == 1 && $.cohort != "x"');
INSERT INTO hitl.decision (id, workflow, subject, confidence, input) VALUES
    (hitl.uuid_floor('1995-01-01 03:00'), 'fs', 'with rules', 0.97, '{"a": 1}'), (hitl.uuid_floor('1995-02-01 03:00'), 'fs', 'with rules', 0.97, '{"a": 2}')
RETURNING tableoid::regclass AS partition, route;
SELECT * FROM pg_temp.told('fs');
-- Without a column that the gate needs there is no gate, and no row.
ALTER TABLE hitl.decision DROP reversible CASCADE;
\set VERBOSITY sqlstate
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('fs', 'no column', 0.97);
\set VERBOSITY default
ROLLBACK;
DEALLOCATE add;
-- (all is forgotten with the transaction)
BEGIN;
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('fs', 'as ever', 0.97), ('fs', 'as ever', 0.5) RETURNING route;
ROLLBACK;

-- F25 savepoints and blocks with exceptions: tasks and events go back with
-- their rows, and what comes later is gated as ever.
BEGIN;
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('fs', '1 kept', 0.5);
SAVEPOINT a;
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('fs', '2 undone', 0.5);
SELECT count(*) AS claimed FROM hitl.claim(10, '{fs}', 'fs_ann');
SAVEPOINT b;
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('fs', '3 undone', 0.5);
RELEASE b;
ROLLBACK TO a;
SELECT * FROM pg_temp.left_over('fs');
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('fs', '4 kept', 0.5);
RELEASE a;
SELECT * FROM pg_temp.told('fs');
-- (in the middle of a statement, too)
DO $$
BEGIN
    FOR i IN 1 .. 100 LOOP
        BEGIN
            INSERT INTO hitl.decision (workflow, subject, confidence)
            SELECT 'fs', CASE i % 2 WHEN 0 THEN '5 kept' ELSE '6 undone' END, 0.5 / (j - i % 2) FROM generate_series(1, 3) AS j;
        EXCEPTION WHEN division_by_zero THEN
            INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('fs', '7 instead', 0.97);
        END;
    END LOOP;
END
$$;
SELECT * FROM pg_temp.told('fs');
-- A policy set in what is undone is undone for the gate as well.
SAVEPOINT c;
SELECT hitl.set_policy('fs', upper => 0.5);
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('fs', '8', 0.6) RETURNING route, policy_version;
ROLLBACK TO c;
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('fs', '8', 0.6) RETURNING route, policy_version;
ROLLBACK;
-- The gate, a claim and a verdict take no transaction id beyond that of their
-- statement.
SELECT pg_current_xact_id()::text::bigint AS before \gset
BEGIN;
INSERT INTO hitl.decision (workflow, subject, confidence)
SELECT 'fs', 'xid', 0.5 FROM generate_series(1, 100);
SELECT count(*) AS claimed FROM hitl.claim(100, '{fs}', 'fs_ann');
SELECT count(hitl.approve(id, reviewer => 'fs_ann')) AS approved FROM hitl.task WHERE workflow = 'fs';
ROLLBACK;
SELECT pg_current_xact_id()::text::bigint - :before < 50 AS few;

-- F28 replica role: a row that brings no stamp is gated as ever; one that
-- brings a whole one passes, but not unseen.
BEGIN;
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('fs', 'model', 0.97);
CREATE TEMP TABLE dump ON COMMIT DROP AS SELECT * FROM hitl.decision WHERE workflow = 'fs';
SET LOCAL session_replication_role = replica;
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('fs', 'no stamp', 0.97), ('fs', 'no stamp', 0.5);
COPY hitl.decision (workflow, subject, confidence) FROM stdin;
fs	no stamp copied	0.97
fs	no stamp copied	0.5
\.
\set VERBOSITY sqlstate
INSERT INTO hitl.decision (workflow, subject, confidence, route) VALUES ('fs', 'part of a stamp', 0.5, 'auto_approve');
\set VERBOSITY default
UPDATE dump SET id = overlay(id::text PLACING '000000000001' FROM 25)::uuid, subject = 'stamped', confidence = 0.1;
INSERT INTO hitl.decision SELECT * FROM dump;
RESET session_replication_role;
SELECT * FROM pg_temp.told('fs');
SELECT e.kind, d.subject, e.workflow, e.actor = current_user AS me FROM hitl.event e LEFT JOIN hitl.decision d ON d.id = e.decision
WHERE e.workflow = 'fs' AND e.kind = 'ungated';
SELECT * FROM pg_temp.of_tables() WHERE subject = 'table decision';
-- (it cannot have been approved by a gate, and check() knows that too)
SELECT d.subject, c.invariant, c.detail FROM hitl.check() c JOIN hitl.decision d ON d.id = c.decision WHERE d.workflow = 'fs';
ROLLBACK;
-- Nobody else comes into that role.
SET ROLE regress_hitl_fault;
\set VERBOSITY sqlstate
SET session_replication_role = replica;
\set VERBOSITY default
RESET ROLE;

-- F29 triggers disabled or dropped: the doctor sees each, and a row that
-- passed only half of the gate is not stored.
BEGIN;
ALTER TABLE hitl.decision DISABLE TRIGGER gate;
SELECT * FROM pg_temp.of_tables() WHERE subject !~ '(\d|MONTH)$';
\set VERBOSITY sqlstate
INSERT INTO hitl.decision (created_at, created_by, workflow, gate_route, route, reasons, lane, audit_u, propensity)
VALUES (now(), 'me', 'fs', 'auto_approve', 'auto_approve', '[]', 1, 0.5, 0);
\set VERBOSITY default
ROLLBACK;
BEGIN;
ALTER TABLE hitl.decision ENABLE REPLICA TRIGGER enqueue;
ALTER TABLE hitl.decision_default DISABLE TRIGGER ALL;
SELECT * FROM pg_temp.of_tables() WHERE subject !~ '(\d|MONTH)$';
ROLLBACK;
BEGIN;
DROP TRIGGER gate ON hitl.decision;
DROP TRIGGER append_only ON hitl.decision;
DROP TRIGGER append_only_truncate ON hitl.event;
SELECT * FROM pg_temp.of_tables() WHERE subject !~ '(\d|MONTH)$';
ROLLBACK;
SELECT * FROM pg_temp.of_tables();

-- F30 DELETE and TRUNCATE: for nobody, in no role, of no partition.
BEGIN;
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('fs', 'stays', 0.5);
\set VERBOSITY sqlstate
DELETE FROM hitl.decision;
DELETE FROM hitl.decision WHERE workflow = 'fs';
DELETE FROM :this_month WHERE workflow = 'fs';
WITH gone AS (DELETE FROM hitl.decision WHERE workflow = 'fs' RETURNING id) SELECT count(*) FROM gone;
TRUNCATE hitl.decision;
TRUNCATE :this_month;
TRUNCATE hitl.decision_default;
TRUNCATE hitl.decision, hitl.task, hitl.verdict, hitl.event RESTART IDENTITY CASCADE;
SET LOCAL session_replication_role = replica;
DELETE FROM hitl.decision WHERE workflow = 'fs';
TRUNCATE hitl.decision;
RESET session_replication_role;
SET LOCAL ROLE regress_hitl_fault;
DELETE FROM hitl.decision WHERE workflow = 'fs';
TRUNCATE hitl.decision;
RESET ROLE;
\set VERBOSITY default
SELECT * FROM pg_temp.told('fs');
ROLLBACK;

DROP ROLE regress_hitl_fault;
SELECT count(*) AS violations FROM hitl.check() c LEFT JOIN hitl.decision d ON d.id = c.decision
WHERE d.workflow = 'fs' OR d.id IS NULL;
