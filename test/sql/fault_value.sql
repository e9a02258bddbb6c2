-- Faults of the gate, one section each: values that are bad, huge or forged.
-- Whatever comes in, a decision is approved or rejected only if a policy says
-- so of values that are what they ought to be; all else goes to a person, or
-- fails and leaves nothing.
\set SHOW_CONTEXT never
\set ON_ERROR_ROLLBACK on
SET client_min_messages = error;

-- What was decided about the decisions of a workflow, oldest first.
CREATE FUNCTION pg_temp.told(flow text)
RETURNS TABLE (subject text, confidence float8, gate_route text, route text, reasons text, tasks bigint)
LANGUAGE sql AS $$
    SELECT d.subject, d.confidence, d.gate_route, d.route,
           (SELECT string_agg(concat_ws(' ', r ->> 'trigger', r ->> 'rule') || ': ' ||
                              regexp_replace(left(r ->> 'detail', 80), '^([0-9A-Z]{5}: ).*', '\1...'), '; ' ORDER BY n)
            FROM jsonb_array_elements(d.reasons) WITH ORDINALITY AS j (r, n)),
           (SELECT count(*) FROM hitl.task t WHERE t.decision = d.id)
    FROM hitl.decision d
    WHERE d.workflow = flow
    ORDER BY d.id
$$;
-- What is left of a workflow when a statement fails: nothing.
CREATE FUNCTION pg_temp.left_over(flow text)
RETURNS TABLE (decisions bigint, tasks bigint, events bigint)
LANGUAGE sql AS $$
    SELECT (SELECT count(*) FROM hitl.decision d WHERE d.workflow = flow),
           (SELECT count(*) FROM hitl.task t WHERE t.workflow = flow),
           (SELECT count(*) FROM hitl.event e WHERE e.workflow = flow AND e.decision IS NOT NULL)
$$;
-- Policies that let everything through, approved or rejected: what stops here
-- is stopped by the fault alone.
SELECT hitl.create_workflow('fv yes', queue => 'fv'), hitl.create_workflow('fv no', queue => 'fv'),
       hitl.create_workflow('fv', queue => 'fv');
SELECT hitl.set_policy('fv yes', upper => 0, audit_rate_approve => 0, audit_rate_reject => 0),
       hitl.set_policy('fv no', lower => 1, audit_rate_approve => 0, audit_rate_reject => 0),
       hitl.set_policy('fv', upper => 0.9, lower => 0.1, audit_rate_approve => 0, audit_rate_reject => 0);

-- F01 NaN for a confidence: to a person on every route, stored as NULL, and
-- what came stands in the reason.
BEGIN;
INSERT INTO hitl.decision (workflow, subject, confidence)
SELECT flow, 'insert', 'NaN' FROM unnest(ARRAY['fv yes', 'fv no', 'fv']) AS flow;
COPY hitl.decision (workflow, subject, confidence) FROM stdin;
fv yes	copy	NaN
fv no	copy	nan
\.
MERGE INTO hitl.decision d USING (VALUES ('fv yes'), ('fv no')) AS v (flow) ON false
WHEN NOT MATCHED THEN INSERT (workflow, subject, confidence) VALUES (flow, 'merge', 'NaN');
INSERT INTO hitl.decision (workflow, subject, confidence)
SELECT flow, 'json', ('{"confidence": "NaN"}'::jsonb ->> 'confidence')::float8
FROM unnest(ARRAY['fv yes', 'fv no']) AS flow;
SELECT * FROM pg_temp.told('fv yes');
SELECT * FROM pg_temp.told('fv no');
SELECT * FROM pg_temp.told('fv');
ROLLBACK;
-- ... in every mode: never at once "on the loop", and no matter what a shadow
-- would do.
BEGIN;
SELECT hitl.set_mode('fv yes', 'manual'), hitl.set_mode('fv no', 'manual');
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('fv yes', 'manual', 'NaN'), ('fv no', 'manual', 'NaN');
SELECT hitl.set_mode('fv yes', 'on_loop'), hitl.set_mode('fv no', 'on_loop');
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('fv yes', 'on_loop', 'NaN'), ('fv no', 'on_loop', 'NaN');
SELECT hitl.set_mode('fv yes', 'shadow'), hitl.set_mode('fv no', 'shadow');
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('fv yes', 'shadow', 'NaN'), ('fv no', 'shadow', 'NaN');
SELECT subject, confidence, gate_route, route, reasons FROM pg_temp.told('fv yes');
SELECT subject, confidence, gate_route, route, reasons FROM pg_temp.told('fv no');
ROLLBACK;
-- ... or an error, if the policy wants it so.
BEGIN;
SELECT hitl.set_policy('fv yes', on_invalid => 'error');
INSERT INTO hitl.decision (workflow, confidence) VALUES ('fv yes', 'NaN');
\echo :SQLSTATE
INSERT INTO hitl.decision (workflow, confidence) VALUES ('fv yes', 0.5), ('fv yes', 'NaN');
\echo :SQLSTATE
SELECT * FROM pg_temp.left_over('fv yes');
ROLLBACK;

-- F02 Infinity, and what is outside of 0 to 1 by however little: to a person.
-- Minus zero is zero.  What the type cannot hold is an error of the type.
BEGIN;
INSERT INTO hitl.decision (workflow, subject, confidence)
SELECT flow, value, value::float8
FROM unnest(ARRAY['fv yes', 'fv no']) AS flow,
     unnest(ARRAY['Infinity', '-Infinity', '1.0000001', '1.0000000000000002', '-0.1', '-5e-324', '97',
                  '1.7976931348623157e308', '-0', '5e-324', '0', '1']) AS value;
SELECT * FROM pg_temp.told('fv yes');
SELECT * FROM pg_temp.told('fv no');
ROLLBACK;
\set VERBOSITY sqlstate
INSERT INTO hitl.decision (workflow, confidence) VALUES ('fv yes', 0.5), ('fv yes', '1e-400');
INSERT INTO hitl.decision (workflow, confidence) VALUES ('fv yes', 0.5), ('fv yes', '1e400');
INSERT INTO hitl.decision (workflow, confidence) VALUES ('fv yes', 1e400);
SELECT * FROM pg_temp.left_over('fv yes');
BEGIN;
SELECT hitl.set_policy('fv yes', on_invalid => 'error');
INSERT INTO hitl.decision (workflow, confidence) VALUES ('fv yes', 'Infinity');
INSERT INTO hitl.decision (workflow, confidence) VALUES ('fv yes', '-Infinity');
INSERT INTO hitl.decision (workflow, confidence) VALUES ('fv yes', 1.0000001);
INSERT INTO hitl.decision (workflow, confidence) VALUES ('fv yes', -0.1);
SELECT * FROM pg_temp.left_over('fv yes');
INSERT INTO hitl.decision (workflow, confidence) VALUES ('fv yes', '-0'), ('fv yes', 1) RETURNING route;
ROLLBACK;
\set VERBOSITY default

-- F03 no confidence at all: to a person, even where an invalid one is an
-- error.  What is not a number is refused by the type; a source in JSON that
-- lacks it, or has something else there, is no error.
BEGIN;
SELECT hitl.set_policy('fv yes', on_invalid => 'error');
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('fv yes', 'null', NULL), ('fv no', 'null', NULL);
INSERT INTO hitl.decision (workflow, subject) VALUES ('fv yes', 'left out'), ('fv no', 'left out');
INSERT INTO hitl.decision (workflow, subject, confidence)
SELECT flow, 'key missing', ('{"other": 1}'::jsonb ->> 'confidence')::float8
FROM unnest(ARRAY['fv yes', 'fv no']) AS flow;
INSERT INTO hitl.decision (workflow, subject, confidence)
SELECT 'fv yes', 'json null', (j ->> 'confidence')::float8 FROM (VALUES ('{"confidence": null}'::jsonb), ('[]'), ('7')) AS v (j);
COPY hitl.decision (workflow, subject, confidence) FROM stdin;
fv yes	copy	\N
\.
SELECT * FROM pg_temp.told('fv yes');
SELECT * FROM pg_temp.told('fv no');
ROLLBACK;
-- (a rule that asks for it in JSON does not get an error either)
BEGIN;
SELECT hitl.set_rule('fv yes', 'validator', '$.signals.confidence < 0.5');
INSERT INTO hitl.decision (workflow, subject, confidence, signals) VALUES
    ('fv yes', 'number', 1, '{"confidence": 0.9}'), ('fv yes', 'text', 1, '{"confidence": "high"}'),
    ('fv yes', 'text with digits', 1, '{"confidence": "0.95abc"}'), ('fv yes', 'array', 1, '{"confidence": [[]]}'),
    ('fv yes', 'NaN', 1, '{"confidence": "NaN"}');
SELECT subject, route, tasks FROM pg_temp.told('fv yes');
ROLLBACK;
\set VERBOSITY sqlstate
INSERT INTO hitl.decision (workflow, confidence) VALUES ('fv yes', 'high');
INSERT INTO hitl.decision (workflow, confidence) VALUES ('fv yes', '0.95abc');
INSERT INTO hitl.decision (workflow, confidence) SELECT 'fv yes', ('{"c": "high"}'::jsonb ->> 'c')::float8;
\set VERBOSITY default
SELECT * FROM pg_temp.left_over('fv yes');

-- F04 a policy that is none: refused when it is written, also by hand.  Where
-- there is none, or not the one that the workflow names, all goes to people.
BEGIN;
\set VERBOSITY sqlstate
SELECT hitl.set_policy('fv', upper => 'NaN');
SELECT hitl.set_policy('fv', lower => 'NaN');
SELECT hitl.set_policy('fv', upper => 1.0000001);
SELECT hitl.set_policy('fv', upper => 'Infinity');
SELECT hitl.set_policy('fv', lower => -0.1);
SELECT hitl.set_policy('fv', upper => 0.2, lower => 0.3);
SELECT hitl.set_policy('fv', audit_rate_approve => 'NaN');
SELECT hitl.set_policy('fv', audit_rate_reject => 1.1);
SELECT hitl.set_policy('fv', novelty_limit => 'NaN');
SELECT hitl.set_policy('fv', fairness_limit => 'NaN');
SELECT hitl.set_policy('fv', on_invalid => 'approve');
INSERT INTO hitl.policy (workflow, version, created_at, created_by, upper) VALUES ('fv', 2, now(), 'me', 'NaN');
INSERT INTO hitl.policy (workflow, version, created_at, created_by, upper) VALUES ('fv', 2, now(), 'me', 1.1);
INSERT INTO hitl.policy (workflow, version, created_at, created_by, lower) VALUES ('fv', 2, now(), 'me', NULL);
INSERT INTO hitl.policy (workflow, version, created_at, created_by, lower) VALUES ('fv', 2, now(), 'me', '-Infinity');
-- (two of the same version)
INSERT INTO hitl.policy SELECT * FROM hitl.policy WHERE workflow = 'fv';
\set VERBOSITY default
SELECT policy_version FROM hitl.workflow WHERE name = 'fv';
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('fv', 'as before', 0.95);
SELECT hitl.create_workflow('fv bare', queue => 'fv'), hitl.set_mode('fv bare', 'in_loop');
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('fv bare', 'no policy', 1), ('fv bare', 'no policy', 0);
UPDATE hitl.workflow SET policy_version = 99 WHERE name = 'fv';
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('fv', 'no such policy', 1), ('fv', 'no such policy', 0);
UPDATE hitl.workflow SET policy_version = NULL WHERE name = 'fv';
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('fv', 'unset', 1);
SELECT * FROM pg_temp.told('fv');
SELECT * FROM pg_temp.told('fv bare');
ROLLBACK;

-- F05 a condition that cannot be: refused when the rule is written.
\set VERBOSITY sqlstate
SELECT hitl.set_rule('fv', 'bad', '$.input.amount >');
SELECT hitl.set_rule('fv', 'bad', '$.input.text like_regex "("');
SELECT hitl.set_rule('fv', 'bad', '$.input.text like_regex "a" flag "z"');
SELECT hitl.set_rule('fv', 'bad', '$.input.amount');
SELECT hitl.set_rule('fv', 'bad', '$.input.amount > $limit');
\set VERBOSITY default
SELECT policy_version, (SELECT count(*) FROM hitl.rule r WHERE r.workflow = 'fv') AS rules
FROM hitl.workflow WHERE name = 'fv';

-- F06 a condition that fails on a row: the row goes to a person, the rule and
-- what was wrong are on record, and the other rows are not disturbed.
BEGIN;
SELECT hitl.set_rule('fv yes', 'old', '$.input.d.datetime() < "2020-01-01T00:00:00+00".datetime()');
SELECT hitl.set_rule('fv yes', 'ratio', '10 / $.signals.n > 1000');
SELECT hitl.set_rule('fv yes', 'strict', 'strict $.input.a.b == 1');
SELECT hitl.set_rule('fv yes', 'number', '$.input.text.double() > 1000');
SELECT hitl.set_rule('fv yes', 'long', '$.input.list[*].size() > 1000');
SELECT hitl.set_rule('fv yes', 'tag', '$.input.d.datetime() < "2020-01-01T00:00:00+00".datetime()', route => NULL);
INSERT INTO hitl.decision (workflow, subject, confidence, input, signals) VALUES
    ('fv yes', 'fine', 0.95, '{"d": "2024-01-01T00:00:00+00", "a": {"b": 2}, "text": "1"}', '{"n": 1}'),
    ('fv yes', '0A000', 0.95, '{"d": "2024-01-01", "a": {"b": 2}, "text": "1"}', '{"n": 1}'),
    ('fv yes', '22012', 0.95, '{"d": "2024-01-01T00:00:00+00", "a": {"b": 2}, "text": "1"}', '{"n": 0}'),
    ('fv yes', '2203A', 0.95, '{"d": "2024-01-01T00:00:00+00", "a": {}, "text": "1"}', '{"n": 1}'),
    ('fv yes', '22P02', 0.95, '{"d": "2024-01-01T00:00:00+00", "a": {"b": 2}, "text": "x"}', '{"n": 1}'),
    ('fv yes', '22038', 0.95, '{"d": "2024-01-01T00:00:00+00", "a": {"b": 2}, "text": "1"}', '{"n": [1, 2]}'),
    ('fv yes', '22007', 0.95, '{"d": "never", "a": {"b": 2}, "text": "1"}', '{"n": 1}'),
    ('fv yes', 'fine again', 0.95, '{"d": "2024-01-01T00:00:00+00", "a": {"b": 2}, "text": "1"}', '{"n": 1}');
SELECT * FROM pg_temp.told('fv yes');
SELECT d.subject, r ->> 'trigger' AS trigger, r ->> 'rule' AS rule, left(r ->> 'detail', 6) AS detail
FROM hitl.decision d, jsonb_array_elements(d.reasons) WITH ORDINALITY AS j (r, n)
WHERE d.workflow = 'fv yes' AND subject = '0A000' ORDER BY n;
-- The statement goes on in the same transaction, and memory and error state
-- are those of before.
INSERT INTO hitl.decision (workflow, confidence, input, signals)
SELECT 'fv yes', 0.95, '{"d": "2024-01-01", "a": {"b": 2}, "text": "1"}', '{"n": 1}' FROM generate_series(1, 3000);
SELECT route, count(*) FROM hitl.decision WHERE workflow = 'fv yes' AND subject IS NULL GROUP BY 1;
ROLLBACK;
-- A rule that only records does not let pass what it could not look at.
BEGIN;
SELECT hitl.set_rule('fv yes', 'tag', '$.input.d.datetime() < "2020-01-01T00:00:00+00".datetime()', route => NULL);
INSERT INTO hitl.decision (workflow, subject, confidence, input) VALUES
    ('fv yes', 'tagged', 0.95, '{"d": "2019-01-01T00:00:00+00"}'), ('fv yes', 'failed', 0.95, '{"d": "2019-01-01"}');
SELECT subject, route, reasons, tasks FROM pg_temp.told('fv yes');
ROLLBACK;
-- A document so deep that the stack ends in the middle of it (54001).
BEGIN;
SELECT hitl.set_rule('fv yes', 'anywhere', 'exists($.input.** ? (@ == "secret"))');
CREATE TEMP TABLE deep ON COMMIT DROP AS
SELECT (repeat('[', 5000) || repeat(']', 5000))::jsonb AS j;
SET LOCAL max_stack_depth = '100kB';
INSERT INTO hitl.decision (workflow, subject, confidence, input) SELECT 'fv yes', 'deep', 0.95, j FROM deep;
RESET max_stack_depth;
INSERT INTO hitl.decision (workflow, subject, confidence, input) SELECT 'fv yes', 'not too deep', 0.95, '[[[]]]';
SELECT subject, route,
       (SELECT string_agg(DISTINCT (r ->> 'trigger') || CASE WHEN r ->> 'detail' ~ '54001' THEN ' 54001' ELSE '' END, ', ')
        FROM jsonb_array_elements(reasons) AS r) AS triggers
FROM hitl.decision WHERE workflow = 'fv yes' ORDER BY id;
ROLLBACK;

-- F07 a condition that never ends: it has a budget, after which the row goes
-- to a person.
SHOW hitl.policy_timeout;
BEGIN;
SELECT hitl.set_rule('fv yes', 'first', '$.subject == "never"');
SELECT hitl.set_rule('fv yes', 'endless', 'exists($.input.a[*] ? (@ == $.input.b[*]))', reason => 'is in both', route => NULL);
SELECT hitl.set_rule('fv yes', 'last', '$.subject == "never"', tier => 3, lane => 0);
CREATE TEMP TABLE long ON COMMIT DROP AS
SELECT jsonb_build_object('a', jsonb_agg(i), 'b', jsonb_agg(-i)) AS j FROM generate_series(1, 20000) AS i;
SET LOCAL statement_timeout = '30s';
INSERT INTO hitl.decision (workflow, subject, confidence, input) SELECT 'fv yes', 'long', 0.95, j FROM long;
INSERT INTO hitl.decision (workflow, subject, confidence, input) VALUES ('fv yes', 'short', 0.95, '{"a": [1], "b": [2]}');
SELECT * FROM pg_temp.told('fv yes');
-- (a rule that nobody came to asks for what it would ask for)
SELECT d.subject, t.lane, t.tier FROM hitl.task t JOIN hitl.decision d ON d.id = t.decision WHERE d.workflow = 'fv yes';
-- Each row has the whole budget.
INSERT INTO hitl.decision (workflow, subject, confidence, input)
SELECT 'fv yes', 'many', 0.95, CASE WHEN i % 2 = 0 THEN j ELSE '{"a": [1], "b": [2]}' END
FROM long, generate_series(1, 8) AS i;
SELECT route, count(*) FROM hitl.decision WHERE workflow = 'fv yes' AND subject = 'many' GROUP BY 1 ORDER BY 1;
-- The statement's own limit is not the budget: it ends the statement.
SET LOCAL statement_timeout = '100ms';
SET LOCAL hitl.policy_timeout = '1min';
INSERT INTO hitl.decision (workflow, subject, confidence, input) SELECT 'fv yes', 'cancelled', 0.95, j FROM long;
\echo :SQLSTATE
SET LOCAL hitl.policy_timeout = 0;
INSERT INTO hitl.decision (workflow, subject, confidence, input) SELECT 'fv yes', 'cancelled', 0.95, j FROM long;
\echo :SQLSTATE
RESET statement_timeout;
RESET hitl.policy_timeout;
SELECT count(*) AS cancelled FROM hitl.decision WHERE subject = 'cancelled';
ROLLBACK;
-- Not everybody sets it.
\set VERBOSITY sqlstate
CREATE ROLE regress_hitl_fault IN ROLE hitl_application;
SET ROLE regress_hitl_fault;
SET hitl.policy_timeout = 0;
SET hitl.max_payload = '1GB';
RESET ROLE;
\set VERBOSITY default

-- F08 payloads: up to hitl.max_payload as any other, above it refused with a
-- hint; the task has no copy of it.
SHOW hitl.max_payload;
BEGIN;
INSERT INTO hitl.decision (workflow, subject, confidence, input)
SELECT flow, 'large', 0.5, jsonb_build_object('text', repeat('x', 15 * 1024 * 1024))
FROM unnest(ARRAY['fv yes', 'fv']) AS flow
RETURNING workflow, route;
SELECT max(pg_column_size(t)) < 2000 AS small_task FROM hitl.task t WHERE t.workflow = 'fv';
INSERT INTO hitl.decision (workflow, subject, confidence, input)
SELECT 'fv yes', 'too large', 0.95, jsonb_build_object('text', repeat('x', 17 * 1024 * 1024));
\echo :SQLSTATE
\set VERBOSITY sqlstate
INSERT INTO hitl.decision (workflow, subject, confidence, output)
SELECT 'fv yes', 'too large', 0.95, jsonb_build_object('text', repeat('x', 17 * 1024 * 1024));
INSERT INTO hitl.decision (workflow, subject, confidence, context)
SELECT 'fv yes', 'too large', 0.95, jsonb_build_object('text', repeat('x', 17 * 1024 * 1024));
SET LOCAL hitl.max_payload = '8kB';
-- (what it is when it is read counts, not how well it is compressed)
INSERT INTO hitl.decision (workflow, subject, confidence, input)
SELECT 'fv yes', 'too large', 0.95, jsonb_build_object('text', repeat('x', 9000));
INSERT INTO hitl.decision (workflow, subject, confidence, input)
SELECT 'fv yes', 'fits', 0.95, jsonb_build_object('text', repeat('x', 7000)) RETURNING subject;
SET LOCAL hitl.max_payload = '100MB';
INSERT INTO hitl.decision (workflow, subject, confidence, input)
SELECT 'fv yes', 'fits', 0.95, jsonb_build_object('text', repeat('x', 17 * 1024 * 1024)) RETURNING subject;
RESET hitl.max_payload;
-- The type's own limits are the type's own errors.
INSERT INTO hitl.decision (workflow, input) SELECT 'fv yes', to_jsonb(repeat('x', 268435456));
INSERT INTO hitl.decision (workflow, input) SELECT 'fv yes', (repeat('[', 100000) || repeat(']', 100000))::jsonb;
INSERT INTO hitl.decision (workflow, input) SELECT 'fv yes', repeat('9', 140000)::jsonb;
\set VERBOSITY default
SELECT subject, count(*) FROM hitl.decision WHERE workflow = 'fv yes' GROUP BY 1 ORDER BY 1;
ROLLBACK;

-- F09 what is no text in this encoding: an error of the type, and nothing left.
\set VERBOSITY sqlstate
INSERT INTO hitl.decision (workflow, confidence, input) VALUES ('fv yes', 0.95, '{"a": "\u0000"}');
INSERT INTO hitl.decision (workflow, confidence, input) VALUES ('fv yes', 0.95, '{"a": "\ud800"}');
INSERT INTO hitl.decision (workflow, confidence, input) VALUES ('fv yes', 0.95, '{"a": "\udc00\ud800"}');
INSERT INTO hitl.decision (workflow, confidence, subject) VALUES ('fv yes', 0.95, convert_from('\xc328', 'UTF8'));
INSERT INTO hitl.decision (workflow, confidence, subject) VALUES ('fv yes', 0.95, E'a\x00b');
\set VERBOSITY default
SELECT * FROM pg_temp.left_over('fv yes');

-- F10 one document, however it is written, has one digest.
SELECT count(DISTINCT hitl.digest(j)) AS one
FROM (VALUES ('{"a": 1, "bb": [1, 2], "c": {"d": null}}'::jsonb), ('{"c": {"d": null}, "bb": [1, 2], "a": 1}'),
             ('{"a": 2, "a": 1, "bb": [1.0, 2e0], "c": {"d": null}}'), ('{"bb":[10e-1,2.00],"c":{"d":null},"a":1.000}'),
             ('{"c": {"d": null}, "bb": [1, 2], "a": 7, "a": 1}'::json::jsonb)) AS v (j);
SELECT count(DISTINCT hitl.digest(j)) AS seven
FROM (VALUES ('{"a": 1}'::jsonb), ('{"a": "1"}'), ('{"a": [1]}'), ('{"a": 1.0000000000000000000001}'), ('{"a": null}'),
             ('{}'), ('{"A": 1}')) AS v (j);

-- F11 an application that brings the gate's columns: no right to.  Who has it
-- brings all of them, from a dump, and is the owner; the row is taken as it is
-- and makes no task.
SET ROLE regress_hitl_fault;
\set VERBOSITY sqlstate
INSERT INTO hitl.decision (workflow, confidence, id) VALUES ('fv', 0.5, hitl.uuidv7());
INSERT INTO hitl.decision (workflow, confidence, created_at) VALUES ('fv', 0.5, now());
INSERT INTO hitl.decision (workflow, confidence, created_by) VALUES ('fv', 0.5, 'me');
INSERT INTO hitl.decision (workflow, confidence, policy_version) VALUES ('fv', 0.5, 1);
INSERT INTO hitl.decision (workflow, confidence, gate_route) VALUES ('fv', 0.5, 'auto_approve');
INSERT INTO hitl.decision (workflow, confidence, route) VALUES ('fv', 0.5, 'auto_approve');
INSERT INTO hitl.decision (workflow, confidence, reasons) VALUES ('fv', 0.5, '[]');
INSERT INTO hitl.decision (workflow, confidence, lane) VALUES ('fv', 0.5, 0);
INSERT INTO hitl.decision (workflow, confidence, audit_u) VALUES ('fv', 0.5, 0.99);
INSERT INTO hitl.decision (workflow, confidence, propensity) VALUES ('fv', 0.5, 0);
COPY hitl.decision (workflow, route) FROM stdin;
fv	auto_approve
\.
RESET ROLE;
BEGIN;
INSERT INTO hitl.decision (workflow, confidence, route) VALUES ('fv', 0.5, 'auto_approve');
INSERT INTO hitl.decision (workflow, confidence, propensity) VALUES ('fv', 0.5, 0);
INSERT INTO hitl.decision (workflow, confidence, policy_version) VALUES ('fv', 0.5, 1);
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('fv', 'stamped', 0.5);
CREATE TEMP TABLE dump ON COMMIT DROP AS SELECT * FROM hitl.decision WHERE workflow = 'fv';
UPDATE dump SET id = overlay(id::text PLACING '000000000001' FROM 25)::uuid, route = 'auto_approve',
                gate_route = 'auto_approve', propensity = 0;
GRANT INSERT, SELECT ON hitl.decision TO regress_hitl_fault;
GRANT SELECT ON dump TO regress_hitl_fault;
SET LOCAL ROLE regress_hitl_fault;
INSERT INTO hitl.decision SELECT * FROM dump;
RESET ROLE;
ALTER TABLE dump ALTER lane DROP NOT NULL;
UPDATE dump SET lane = NULL;
INSERT INTO hitl.decision SELECT * FROM dump;
UPDATE dump SET lane = 0;
\set VERBOSITY default
INSERT INTO hitl.decision SELECT * FROM dump;
SELECT d IS NOT DISTINCT FROM dump.* AS verbatim, (SELECT count(*) FROM hitl.task t WHERE t.decision = d.id) AS tasks
FROM hitl.decision d JOIN dump USING (id);
ROLLBACK;

-- F12 a trigger that comes after the gate and changes what it said: the
-- statement fails.
BEGIN;
CREATE FUNCTION pg_temp.meddle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW := jsonb_populate_record(NEW, NEW.signals);
    RETURN NEW;
END
$$;
CREATE TRIGGER zzz BEFORE INSERT ON hitl.decision FOR EACH ROW EXECUTE FUNCTION pg_temp.meddle();
\set VERBOSITY sqlstate
INSERT INTO hitl.decision (workflow, confidence, signals) VALUES ('fv', 0.5, '{"route": "auto_approve"}');
INSERT INTO hitl.decision (workflow, confidence, signals) VALUES ('fv', 0.5, '{"confidence": 0.99}');
INSERT INTO hitl.decision (workflow, confidence, signals) VALUES ('fv', 0.95, '{"route": "review", "propensity": 1}');
INSERT INTO hitl.decision (workflow, confidence, signals) VALUES ('fv', 0.5, NULL), ('fv', 0.5, '{"lane": 0}'), ('fv', 0.5, NULL);
\set VERBOSITY default
SELECT * FROM pg_temp.left_over('fv');
INSERT INTO hitl.decision (workflow, confidence, signals) VALUES ('fv', 0.5, '{"subject": "not judged"}') RETURNING subject, route;
ROLLBACK;

-- F13 a decision does not change, at whatever stage.
SELECT hitl.add_reviewer('fv_ann'), hitl.join_queue('fv_ann', 'fv');
CREATE FUNCTION pg_temp.swap(stage text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    told text := stage;
    statement text;
BEGIN
    FOREACH statement IN ARRAY ARRAY['SET input = ''{"swapped": true}''', 'SET output = ''true''',
                                     'SET route = ''auto_approve''', 'SET subject = subject'] LOOP
        BEGIN
            EXECUTE 'UPDATE hitl.decision ' || statement || ' WHERE workflow = ''fv''';
            told := told || ' changed';
        EXCEPTION WHEN OTHERS THEN
            told := told || ' ' || SQLSTATE;
        END;
    END LOOP;
    RETURN told;
END
$$;
BEGIN;
INSERT INTO hitl.decision (workflow, subject, confidence, input) VALUES ('fv', 'one', 0.5, '{"swapped": false}');
SELECT pg_temp.swap('waiting:');
SELECT count(*) AS claimed FROM hitl.claim(1, '{fv}', 'fv_ann');
SELECT pg_temp.swap('claimed:');
SELECT hitl.approve(id, reviewer => 'fv_ann') FROM hitl.task WHERE holder = 'fv_ann';
SELECT pg_temp.swap('decided:');
SET LOCAL session_replication_role = replica;
SELECT pg_temp.swap('in replica role:');
RESET session_replication_role;
SELECT input, route FROM hitl.decision WHERE workflow = 'fv';
ROLLBACK;

DROP ROLE regress_hitl_fault;
SELECT count(*) AS violations FROM hitl.check() c LEFT JOIN hitl.decision d ON d.id = c.decision
WHERE d.workflow ~ '^fv' OR d.id IS NULL;
