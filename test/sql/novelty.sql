-- Novelty: what a workflow's inputs usually look like is learnt from history,
-- and an input that does not look like it goes to a person, with a note.
\set SHOW_CONTEXT never
\pset format unaligned
CREATE SCHEMA novelty_test;
SET search_path = novelty_test, public;

-- Numbers that look random and are the same everywhere.
CREATE FUNCTION u(i bigint, series int) RETURNS float8 IMMUTABLE LANGUAGE sql AS $$
    SELECT 1e-9 + (1 - 2e-9) * (x - floor(x))
    FROM (SELECT i * ('{0.6180339887, 0.7548776662, 0.5698402910, 0.8191725134}'::float8[])[series] AS x) AS s $$;
CREATE FUNCTION gauss(i bigint) RETURNS float8 IMMUTABLE LANGUAGE sql AS $$
    SELECT sqrt(-2 * ln(u(i, 1))) * cos(2 * pi() * u(i, 2)) $$;
CREATE FUNCTION claim(i bigint) RETURNS jsonb IMMUTABLE LANGUAGE sql AS $$
    SELECT jsonb_build_object(
        'amount', round(exp(7 + gauss(i))::numeric, 2),
        'score', round((100 + 15 * gauss(i + 7))::numeric, 3),
        'wait', round((-ln(u(i, 3)))::numeric, 4),
        'visits', CASE WHEN u(i, 4) < 0.6 THEN 0 ELSE floor(1 - 3 * ln(u(i, 3))) END,
        'refunds', CASE WHEN u(i, 4) < 0.95 THEN 0 ELSE floor(1 - 2 * ln(u(i, 3))) END,
        'version', 2,
        'country', (ARRAY['DE', 'FR', 'IT', 'Österreich'])[1 + i % 4],
        'text', 'claim number ' || i,
        'checked', true,
        'urgent', i % 3 = 0,
        'who', jsonb_build_object('age', 20 + i % 50, 'iban', md5(i::text)),
        'lines', jsonb_build_array(i, 'x'))
        || CASE WHEN i % 5 = 0 THEN '{"remark": "late"}' ELSE '{}'::jsonb END $$;
CREATE FUNCTION notes(reasons jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(r ->> 'detail', ' | ') FROM jsonb_array_elements(reasons) r WHERE r ->> 'trigger' = 'novelty' $$;
-- Decides on a usual claim with these fields instead.
CREATE FUNCTION try(fields jsonb, workflow text DEFAULT 'nov') RETURNS text LANGUAGE sql AS $$
    INSERT INTO hitl.decision (workflow, confidence, input)
    SELECT workflow, 0.99, jsonb_strip_nulls(claim(1) - '{remark}'::text[] || fields)
    RETURNING route || coalesce(': ' || notes(reasons), '') $$;

SELECT hitl.create_workflow('nov', queue => 'nov');
SELECT hitl.set_policy('nov', upper => 0.5, audit_rate_approve => 0);

-- There must be something to learn from.
INSERT INTO hitl.decision (workflow, confidence, input)
SELECT 'nov', 0.99, claim(i) FROM generate_series(1, 29) AS i;
SELECT hitl.learn_baseline('nov');
SELECT try('{"amount": 9000000}');
SELECT hitl.learn_baseline('nov', since => 'infinity');
SELECT hitl.learn_baseline('nov', since => now() + interval '1 day');
SELECT hitl.drop_baseline('nov');
\set VERBOSITY sqlstate
SELECT hitl.learn_baseline('nowhere');
SELECT hitl.learn_baseline(NULL);
SELECT hitl.learn_baseline('nov', max_rows => 29);
SELECT hitl.learn_baseline('nov', max_rows => NULL);
SELECT hitl.drop_baseline('nowhere');
\set VERBOSITY default
BEGIN;
INSERT INTO hitl.decision (workflow, confidence, input) SELECT 'nov', 0.99, claim(30);
SELECT hitl.learn_baseline('nov', since => '-infinity', max_rows => 30);
SELECT hitl.learn_baseline('nov', since => now() - interval '1 day');
ROLLBACK;

INSERT INTO hitl.decision (workflow, confidence, input)
SELECT 'nov', 0.99, claim(i) FROM generate_series(30, 3000) AS i;
SELECT hitl.learn_baseline('nov');
SELECT version, "rows", since FROM hitl.baseline WHERE workflow = 'nov';
SELECT baseline FROM hitl.workflow WHERE name = 'nov';
SELECT path, seen, expected, types, open, log, round(centre::numeric, 1) AS centre,
       round(spread_below::numeric, 1) AS below, round(spread_above::numeric, 1) AS above,
       zero, "values", booleans
FROM hitl.baseline_field WHERE workflow = 'nov' ORDER BY field;

-- It is looked at where the policy sets a limit.
SELECT try('{"amount": 9000000}');
SELECT hitl.set_policy('nov', novelty_limit => 6);
SELECT try('{}');
SELECT try('{"amount": 9000000}');
SELECT try('{"amount": 100000}');
SELECT try('{"amount": 1}');
SELECT try('{"amount": 0}');
SELECT try('{"amount": -1}');
SELECT try('{"score": 191}');
SELECT try('{"score": 211.5}');
SELECT try('{"score": -17}');
SELECT try('{"visits": 7}');
SELECT try('{"visits": 70}');
SELECT try('{"visits": -1}');
SELECT try('{"refunds": 3}');
SELECT try('{"refunds": 300}');
SELECT try('{"version": 2.0}');
SELECT try('{"version": 3}');
SELECT try('{"country": "Österreich"}');
SELECT try('{"country": "XX"}');
SELECT try('{"country": ""}');
SELECT try('{"text": "never seen before"}');
SELECT try('{"checked": false}');
SELECT try('{"urgent": false}');
SELECT try('{"amount": "12"}');
SELECT try('{"who": 1, "lines": {}, "text": true, "urgent": []}');
SELECT try('{"who": {"iban": "x", "age": 200}}');
SELECT try('{"who": {"age": 30, "iban": "x", "name": "y"}}');
SELECT try('{"who": {}}');
SELECT try('{"remark": "late"}');
SELECT try('{"remark": "early"}');
SELECT try('{"foo": 1}');
SELECT try('{"foo": 1, "bar": 2, "a": 3, "b": 4, "country": "XX"}');
-- null is a type of its own; the column may be NULL, a scalar, an array
INSERT INTO hitl.decision (workflow, confidence, input)
VALUES ('nov', 0.99, claim(1) || '{"amount": null}'), ('nov', 0.99, claim(1) - 'amount'),
       ('nov', 0.99, NULL), ('nov', 0.99, 'null'), ('nov', 0.99, '3'), ('nov', 0.99, '"x"'),
       ('nov', 0.99, 'true'), ('nov', 0.99, '[1, 2]'), ('nov', 0.99, '[]'), ('nov', 0.99, '{}')
RETURNING route, notes(reasons);

-- The caller's own figure counts as well; the limit can be moved.
INSERT INTO hitl.decision (workflow, confidence, input, signals)
VALUES ('nov', 0.99, claim(2), '{"novelty": 7}'), ('nov', 0.99, claim(2), '{"novelty": 5}'),
       ('nov', 0.99, claim(2) || '{"version": 3}', '{"novelty": 7}')
RETURNING route, notes(reasons);
SELECT hitl.set_policy('nov', novelty_limit => 2);
SELECT try('{"score": 191}');
SELECT hitl.set_policy('nov', novelty_limit => 1e308);
SELECT try('{"score": 1e300, "amount": 1e-300, "wait": 1e5000}');
SELECT try('{"version": 3}');
SELECT hitl.set_policy('nov', novelty_limit => 5e-324);
SELECT try('{}') ~ '^review: .* robust deviations' AS nothing_is_usual;
SELECT hitl.set_policy('nov', novelty_limit => 6);

-- Whatever comes, the note is short and harmless.
SELECT try(format('{"country": "%s"}', repeat('é', 10000))::jsonb);
SELECT try(jsonb_build_object('country', E'a"b\r\n\t\x1b[31m' || U&'\0085\202E\200B|'));
SELECT try(jsonb_build_object(E'a.b\n' || repeat('k', 100), 1));
SELECT try(jsonb_build_object('', 1, 'neu-ä', 2));
SELECT try('{"score": 1e400}');
SELECT try(format('{"score": -%s.5}', repeat('9', 130000))::jsonb);
SELECT try(format('{"score": 100.%s1}', repeat('0', 16000))::jsonb);
SELECT try(('{"score": ' || repeat('{"a":', 2000) || '1' || repeat('}', 2000) || '}')::jsonb);
SELECT length(try((SELECT jsonb_object_agg(repeat('k', 200) || i, i) FROM generate_series(1, 50000) AS i)));

-- False alarms: fresh claims of the same kind, 6 numbers that vary in each.
CREATE FUNCTION alarms(workflow text) RETURNS text LANGUAGE sql AS $$
    WITH made AS (
        INSERT INTO hitl.decision (workflow, confidence, input)
        SELECT workflow, 0.99, claim(i) FROM generate_series(1000001, 1005000) AS i RETURNING reasons)
    SELECT CASE WHEN count(*) FILTER (WHERE notes(reasons) IS NOT NULL) < 0.01 * count(*)
                THEN 'below 1 %' ELSE count(*) FILTER (WHERE notes(reasons) IS NOT NULL) || ' of ' || count(*) END
    FROM made $$;
SELECT alarms('nov');

-- A tenth of the history is wild: what it did is novel all the same, and
-- what the rest did is not.  Odd keys and words are seen once each.
SELECT hitl.create_workflow('nov_bad', queue => 'nov');
SELECT hitl.set_policy('nov_bad', upper => 0.5, audit_rate_approve => 0);
INSERT INTO hitl.decision (workflow, confidence, input)
SELECT 'nov_bad', 0.99, claim(i) || CASE WHEN i % 10 <> 0 THEN '{}' ELSE
       jsonb_build_object('amount', wild, 'score', wild, 'wait', wild, 'visits', wild, 'refunds', wild,
                          'version', wild, 'country', 'odd ' || i, 'odd ' || i, i) END
FROM generate_series(1, 3000) AS i,
     LATERAL (SELECT (ARRAY['1e12', '-1e12', '1e-300', '1e400', '-9e307', '1e-400'])[1 + i / 10 % 6]::numeric AS wild) AS w;
SELECT hitl.learn_baseline('nov_bad');
SELECT hitl.set_policy('nov_bad', novelty_limit => 6);
SELECT path, expected, types, open, log, spread_below <= 1.5 * s.below AND spread_above <= 1.5 * s.above AS near,
       round(spread_below::numeric, 1) AS below, round(spread_above::numeric, 1) AS above,
       zero, "values"
FROM hitl.baseline_field b
LEFT JOIN (SELECT path, log, spread_below AS below, spread_above AS above
           FROM hitl.baseline_field WHERE workflow = 'nov') AS s USING (path, log)
WHERE workflow = 'nov_bad' AND cardinality(path) = 1 AND (centre IS NOT NULL OR "values" IS NOT NULL)
ORDER BY field;
SELECT alarms('nov_bad');
SELECT key, try(jsonb_build_object(key, wild), 'nov_bad')
FROM unnest(ARRAY['amount', 'score', 'visits', 'refunds', 'version']) AS key,
     unnest('{1e12,-1e12,-50,1e400}'::numeric[]) AS wild;
SELECT try('{"country": "odd 10"}', 'nov_bad');
SELECT try('{"odd 10": 10}', 'nov_bad');

-- Objects whose keys vary, fields of many types, words that are too many.
SELECT hitl.create_workflow('nov_map', queue => 'nov');
SELECT hitl.set_policy('nov_map', upper => 0.5, audit_rate_approve => 0, novelty_limit => 6);
INSERT INTO hitl.decision (workflow, confidence, input)
SELECT 'nov_map', 0.99,
       jsonb_build_object('map', jsonb_build_object('id ' || i, i, 'fixed', 1),
                          'mixed', (ARRAY['1', '"a"', 'null', 'true', '[]', '{"deep": 1}'])[1 + i % 6]::jsonb,
                          'many', 'word ' || i % 51, 'few', 'word ' || i % 50,
                          'long', repeat('x', 2000), 'huge', 9007199254740993 + i % 2, 'same', 12345678901234567890,
                          repeat('key', 1000), i % 2 = 0)
       || CASE WHEN i % 2 = 0 THEN '{"d1": {"d2": {"d3": {"d4": {"d5": {"d6": {"d7": {"d8": {"d9": 1}}}}}}}}}' ELSE '{}'::jsonb END
FROM generate_series(1, 510) AS i;
SELECT hitl.learn_baseline('nov_map');
SELECT array_to_string(ARRAY(SELECT left(k, 10) FROM unnest(path) AS k), '.') AS path, expected, types, open,
       cardinality("values") AS "values", spread_above
FROM hitl.baseline_field WHERE workflow = 'nov_map' ORDER BY field;
WITH usual AS (SELECT input FROM hitl.decision WHERE workflow = 'nov_map' ORDER BY id DESC LIMIT 1)
INSERT INTO hitl.decision (workflow, confidence, input)
SELECT 'nov_map', 0.99, input || fields FROM usual, (VALUES
    (1, '{}'::jsonb), (2, '{"map": {"id x": 1, "fixed": 1}}'), (3, '{"map": {"id x": 1, "fixed": 2}}'),
    (4, '{"mixed": "b"}'), (5, '{"mixed": 2}'), (6, '{"mixed": {"deeper": 1}}'), (7, '{"many": "word x"}'),
    (8, '{"few": "word x"}'), (9, '{"long": "x"}'), (10, '{"huge": 9007199254740992}'),
    (11, '{"huge": 9e15, "same": 12345678901234567891}'),
    (12, '{"d1": {"d2": {"d3": {"d4": {"d5": {"d6": {"d7": {"d8": {"d9": "new"}}}}}}}}}'),
    (13, '{"d1": {"d2": {"d3": {"d4": {"d5": {"d6": {"d7": {"d8": 1}}}}}}}}')) AS v (i, fields)
ORDER BY i
RETURNING route, notes(reasons);

-- Inputs that are no objects are learnt as well; so is that there are none.
SELECT hitl.create_workflow('nov_text', queue => 'nov'), hitl.create_workflow('nov_none', queue => 'nov');
SELECT hitl.set_policy(w, upper => 0.5, audit_rate_approve => 0, novelty_limit => 6)
FROM unnest(ARRAY['nov_text', 'nov_none']) AS w;
INSERT INTO hitl.decision (workflow, confidence, input)
SELECT 'nov_text', 0.99, to_jsonb((ARRAY['yes', 'no'])[1 + i % 2]) FROM generate_series(1, 40) AS i;
INSERT INTO hitl.decision (workflow, confidence) SELECT 'nov_none', 0.99 FROM generate_series(1, 40);
SELECT hitl.learn_baseline('nov_text'), hitl.learn_baseline('nov_none');
INSERT INTO hitl.decision (workflow, confidence, input)
VALUES ('nov_text', 0.99, '"yes"'), ('nov_text', 0.99, '"perhaps"'), ('nov_text', 0.99, NULL), ('nov_text', 0.99, '{}'),
       ('nov_none', 0.99, NULL), ('nov_none', 0.99, '1')
RETURNING workflow, route, notes(reasons);

-- A baseline is a fact; a new one takes effect at once, and none again.
UPDATE hitl.baseline SET "rows" = 1 WHERE workflow = 'nov';
DELETE FROM hitl.baseline_field WHERE workflow = 'nov';
TRUNCATE hitl.baseline_field;
TRUNCATE hitl.baseline;
BEGIN;
INSERT INTO hitl.decision (workflow, confidence, input)
SELECT 'nov', 0.99, claim(i) || '{"version": 3}' FROM generate_series(1, 30) AS i;
SELECT hitl.learn_baseline('nov', max_rows => 30);
SELECT try('{"version": 3}');
SELECT try('{"version": 2}');
ROLLBACK;
SELECT try('{"version": 3}');
SELECT hitl.drop_baseline('nov');
SELECT try('{"version": 3}');
SELECT hitl.drop_baseline('nov');
SELECT kind, actor = session_user AS actor, detail FROM hitl.event
WHERE workflow = 'nov' AND kind ~ 'baseline' ORDER BY id;

-- A baseline that is gone means review, never silent approval.
UPDATE hitl.workflow SET baseline = 99 WHERE name = 'nov';
SELECT try('{}');
UPDATE hitl.workflow SET baseline = NULL WHERE name = 'nov';

SELECT c.relname, obj_description(c.oid, 'pg_class') IS NOT NULL AS commented, count(*) AS columns,
       count(col_description(c.oid, a.attnum)) AS commented
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
WHERE c.oid IN ('hitl.baseline'::regclass, 'hitl.baseline_field'::regclass)
GROUP BY c.oid, 1 ORDER BY 1;

RESET search_path;
SET client_min_messages = warning;
DROP SCHEMA novelty_test CASCADE;
