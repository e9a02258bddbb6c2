-- Many verdicts at once: each succeeds or fails by itself, with its reason; and
-- one verdict for tasks that are alike.
\set SHOW_CONTEXT never
\set ON_ERROR_ROLLBACK on

CREATE FUNCTION pg_temp.refusal(statement text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    hint   text;
BEGIN
    EXECUTE statement;
    RETURN 'not refused';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
    RETURN concat_ws(E'\n    ', SQLSTATE || ': ' || regexp_replace(SQLERRM, 'task -?\d+', 'task N'), nullif(hint, ''));
END
$$;
SELECT hitl.create_workflow('bat', queue => 'bat', question => 'pay?');
SELECT hitl.add_reviewer('bat_ann', max_open => 100), hitl.add_reviewer('bat_bob'), hitl.join_queue('bat_ann', 'bat'), hitl.join_queue('bat_bob', 'bat');
INSERT INTO hitl.decision (workflow, subject, output) SELECT 'bat', to_char(n, 'FM00'), '{"pay": 1}' FROM generate_series(1, 30) n;
SELECT count(*) AS of_ann FROM hitl.claim(20, '{bat}', 'bat_ann');
CREATE TEMP TABLE bat_task AS SELECT t.id, d.subject, t.lease FROM hitl.task t JOIN hitl.decision d ON d.id = t.decision WHERE t.workflow = 'bat';
-- What a batch answers, with the subjects instead of the ids of tasks.
CREATE FUNCTION pg_temp.decide(verdicts jsonb, reviewer text, OUT item int, OUT subject text, OUT outcome text, OUT sqlstate text, OUT message text, OUT hint text)
RETURNS SETOF record LANGUAGE sql AS $$
    SELECT d.item, t.subject, d.outcome, d.sqlstate, regexp_replace(d.message, 'task -?\d+', 'task N'), left(d.hint, 50)
    FROM hitl.decide(verdicts, reviewer) d LEFT JOIN bat_task t ON t.id = d.task ORDER BY d.item
$$;

SELECT count(*) AS of_bob FROM hitl.claim(1, '{bat}', 'bat_bob');
CREATE FUNCTION pg_temp.id(subject text) RETURNS text LANGUAGE sql AS $$ SELECT id::text FROM bat_task b WHERE b.subject = id.subject $$;
-- one item, or several, from {subject: item}; a number as "task" stays
CREATE FUNCTION pg_temp.items(VARIADIC item text[]) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_agg(CASE WHEN i ~ '^{"s"' THEN (i::jsonb - 's') || jsonb_build_object('task', pg_temp.id(i::jsonb ->> 's')::bigint) ELSE i::jsonb END ORDER BY n)
    FROM unnest(item) WITH ORDINALITY x (i, n)
$$;

-- Each by itself, whatever the order.
SELECT * FROM pg_temp.decide(pg_temp.items(
    '{"s": "03", "action": "amend", "output": {"pay": 2}, "code": "INCORRECT", "note": "two"}',
    '{"s": "01", "action": "approve"}',
    '{"s": "02", "action": "reject", "code": "UNSAFE", "note": "no", "explanation": "We cannot pay this."}',
    '{"s": "04", "action": "approve", "note": "fine", "code": null}'), 'bat_ann');
SELECT d.subject, v.action, v.output, v.code, v.note, v.explanation, v.delta, v.outcome FROM hitl.verdict v JOIN hitl.decision d ON d.id = v.decision WHERE v.workflow = 'bat' ORDER BY v.id;
-- What is refused, is data; the others stand.
SELECT * FROM pg_temp.decide(pg_temp.items(
    '{"s": "05", "action": "approve"}',
    '{"s": "06", "action": "reject", "code": "UNSAFE"}',
    '{"s": "06", "action": "reject", "code": "BECAUSE", "note": "n"}',
    '{"s": "06", "action": "amend", "code": "UNSAFE", "note": "n"}',
    '{"s": "06", "action": "amend", "code": "UNSAFE", "note": "n", "output": {"pay": 1.0}}',
    '{"s": "06", "action": "approve", "lease": 1}',
    '{"s": "06", "action": "approve", "scores": {"tone": 1}}',
    '{"s": "01", "action": "approve"}',
    '{"s": "01", "action": "approve", "note": "changed my mind"}',
    '{"s": "21", "action": "approve"}',
    '{"s": "22", "action": "approve"}',
    '{"task": 9223372036854775807, "action": "approve"}',
    '{"s": "07", "action": "approve"}'), 'bat_ann');
-- As an error would, a refusal of what is not theirs to do leaves a line in the log.
SET client_min_messages = log;
SET log_statement = 'none';
SELECT sqlstate FROM pg_temp.decide('[{"task": 0, "action": "approve"}, {"task": 0, "action": "reject"}]', 'bat_ann');
RESET client_min_messages;
RESET log_statement;
-- What is no item
SELECT * FROM pg_temp.decide(pg_temp.items(
    '1', 'null', '"x"', '[]', '[{"task": 1}]', '{}', '{"action": "approve"}', '{"s": "06"}', '{"s": "06", "action": "decline"}', '{"s": "06", "action": 7}',
    '{"s": "06", "action": "timeout"}', '{"s": "06", "action": "approve", "not": "e"}', '{"task": "x", "action": "approve"}', '{"task": 1.5, "action": "approve"}',
    '{"task": 9223372036854775808, "action": "approve"}', '{"task": null, "action": "approve"}', '{"task": {}, "action": "approve"}', '{"task": " 1", "action": "approve"}',
    '{"s": "06", "action": "approve", "lease": "x"}', '{"s": "06", "action": "approve", "note": {}}', '{"s": "06", "action": "approve", "output": 1}',
    '{"s": "06", "action": "approve", "queue": "bat"}', '{"s": "06", "action": "reject", "code": ["UNSAFE"], "note": "n"}', '{"s": "06", "action": "approve", "scores": 1}',
    '{"s": "08", "action": "approve"}'), 'bat_ann');
SELECT count(*) AS still_held FROM hitl.task WHERE id = pg_temp.id('06')::bigint AND holder = 'bat_ann';
-- The same task twice: a repetition, or decided already; in the order of the list.
SELECT * FROM pg_temp.decide(pg_temp.items('{"s": "09", "action": "approve"}', '{"s": "09", "action": "approve"}', '{"s": "09", "action": "reject", "code": "UNSAFE", "note": "n"}'), 'bat_ann');
SELECT count(*) AS verdicts FROM hitl.verdict WHERE task = pg_temp.id('09')::bigint;
-- Big numbers as strings, for clients that have none.
SELECT format('[{"task": "%s", "lease": "%s", "action": "approve"}]', id, lease) AS list FROM bat_task WHERE subject = '10' \gset
SELECT * FROM pg_temp.decide(:'list', 'bat_ann');
SELECT format('[{"task": %s.0, "lease": %s, "action": "approve"}]', id, lease) AS list FROM bat_task WHERE subject = '11' \gset
SELECT * FROM pg_temp.decide(:'list', 'bat_ann');
-- All at once, and none
SELECT count(*) AS items, count(outcome) AS approved FROM hitl.decide((SELECT jsonb_agg(jsonb_build_object('task', id, 'action', 'approve')) FROM bat_task WHERE subject BETWEEN '12' AND '15'), 'bat_ann');
SELECT * FROM pg_temp.decide('[]', 'bat_ann');
SELECT pg_temp.refusal(s) FROM unnest(ARRAY[$$SELECT hitl.decide(NULL, 'bat_ann')$$, $$SELECT hitl.decide('{"task": 1}', 'bat_ann')$$, $$SELECT hitl.decide('1', 'bat_ann')$$,
    $$SELECT hitl.decide((SELECT jsonb_agg(1) FROM generate_series(1, 1001)), 'bat_ann')$$, $$SELECT hitl.decide('[]', 'bat_nobody')$$]) s;
SELECT count(*) AS items, count(DISTINCT item) AS numbered, count(sqlstate) AS refused FROM hitl.decide((SELECT jsonb_agg(1) FROM generate_series(1, 1000)), 'bat_ann');
-- To give back and to hand on, too.
SELECT hitl.create_queue('bat far');
SELECT item, subject, outcome, sqlstate, message FROM pg_temp.decide(pg_temp.items('{"s": "18", "action": "release"}', '{"s": "19", "action": "escalate", "note": "not mine", "queue": "bat far"}',
    '{"s": "20", "action": "escalate", "queue": "bat far"}', '{"s": "20", "action": "escalate", "note": "n", "queue": "nowhere"}', '{"s": "20", "action": "escalate", "note": "n"}',
    '{"s": "20", "action": "release", "lease": 1}', '{"s": "18", "action": "release"}', '{"s": "21", "action": "release"}'), 'bat_ann');
SELECT b.subject, t.queue, t.holder, t.excluded FROM hitl.task t JOIN bat_task b USING (id) WHERE b.subject IN ('18', '19', '20') ORDER BY 1;
SELECT action, note, final FROM hitl.verdict WHERE task = pg_temp.id('19')::bigint;
-- What is rolled back is gone as a whole.
BEGIN;
SELECT * FROM pg_temp.decide(pg_temp.items('{"s": "16", "action": "approve"}', '{"s": "17", "action": "approve", "lease": 1}'), 'bat_ann');
ROLLBACK;
SELECT count(*) AS held FROM hitl.task WHERE id IN (pg_temp.id('16')::bigint, pg_temp.id('17')::bigint) AND holder = 'bat_ann';
-- What is no refusal ends the whole call.
BEGIN;
CREATE FUNCTION pg_temp.civil() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.note = 'damn' THEN
        RAISE EXCEPTION 'not civil' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER civil BEFORE INSERT ON hitl.verdict FOR EACH ROW EXECUTE FUNCTION pg_temp.civil();
SELECT pg_temp.refusal($$SELECT pg_temp.decide(pg_temp.items('{"s": "16", "action": "approve"}', '{"s": "17", "action": "approve", "note": "damn"}'), 'bat_ann')$$);
SELECT count(*) AS held FROM hitl.task WHERE id IN (pg_temp.id('16')::bigint, pg_temp.id('17')::bigint) AND holder = 'bat_ann';
ROLLBACK;
-- A lease that is over, and one that another has.
UPDATE hitl.task SET lease_until = now() - interval '1 second', claimed_at = now() - interval '1 hour' WHERE id = pg_temp.id('16')::bigint;
SELECT item, subject, outcome, sqlstate, message FROM pg_temp.decide(pg_temp.items('{"s": "16", "action": "approve"}', '{"s": "17", "action": "approve"}'), 'bat_ann');

-- One verdict for all that are alike.  A place is a column, or keys below it.
CREATE FUNCTION pg_temp.like(reviewer text, statement text, OUT subject text, OUT outcome text, OUT sqlstate text, OUT message text)
RETURNS SETOF record LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format($q$SELECT d.subject, l.outcome, l.sqlstate, regexp_replace(l.message, 'task -?\d+', 'task N')
        FROM hitl.claim(1, '{lik}', %L) c, LATERAL hitl.decide_like(c.task, %s, reviewer => %1$L) WITH ORDINALITY l (target, decision, outcome, sqlstate, message, n)
        LEFT JOIN hitl.decision d ON d.id = l.decision ORDER BY n$q$, reviewer, statement);
END
$$;
SELECT hitl.create_workflow('lik', queue => 'lik'), hitl.create_workflow('lik other', queue => 'lik'), hitl.create_queue('lik far');
SELECT hitl.add_reviewer('lik_ann'), hitl.add_reviewer('lik_bob', tier => 2), hitl.join_queue('lik_ann', 'lik'), hitl.join_queue('lik_bob', 'lik');
CREATE ROLE regress_hitl_lik_cat IN ROLE hitl_reviewer, hitl_application;
SELECT hitl.add_reviewer('lik_cat', login => 'regress_hitl_lik_cat'), hitl.join_queue('lik_cat', 'lik');
INSERT INTO hitl.decision (workflow, subject, output, signals, model) VALUES
    ('lik', 'first', '{"pay": 1}', '{"cluster": 7.0}', 'm1'), ('lik', 'like', '{"pay": 1}', '{"cluster": 7, "x": 1}', 'm1'), ('lik', 'another', '{"pay": 2}', '{"cluster": 7}', 'm2'),
    ('lik', 'unlike', '{"pay": 1}', '{"cluster": "7"}', 'm1'), ('lik', 'without', '{"pay": 1}', NULL, 'm1'), ('lik', 'null', '{"pay": 1}', '{"cluster": null}', 'm1'),
    ('lik other', 'other workflow', '{"pay": 1}', '{"cluster": 7}', 'm1'), ('lik', 'moved', '{"pay": 1}', '{"cluster": 7}', 'm1'), ('lik', 'high', '{"pay": 1}', '{"cluster": 7}', 'm1'),
    ('lik', 'skilled', '{"pay": 1}', '{"cluster": 7}', 'm1'), ('lik', 'blind', '{"pay": 1}', '{"cluster": 7}', 'm1'), ('lik', 'held', '{"pay": 1}', '{"cluster": 7}', 'm1'),
    ('lik', 'excluded', '{"pay": 1}', '{"cluster": 7}', 'm1'), ('lik', 'overlap', '{"pay": 1}', '{"cluster": 7}', 'm1'), ('lik', 'last', '{"pay": 1}', '{"cluster": 7}', 'm1');
UPDATE hitl.task t SET queue = CASE subject WHEN 'moved' THEN 'lik far' ELSE queue END, tier = CASE subject WHEN 'high' THEN 2 ELSE 1 END,
    skills = CASE subject WHEN 'skilled' THEN '{french}'::text[] END, blind = subject = 'blind', excluded = CASE subject WHEN 'excluded' THEN '{lik_ann}'::text[] END,
    kind = CASE subject WHEN 'overlap' THEN 'overlap' ELSE kind END, sort_key = CASE subject WHEN 'held' THEN -1 ELSE sort_key END
FROM hitl.decision d WHERE d.id = t.decision AND t.workflow ~ '^lik';
SELECT count(*) AS of_bob FROM hitl.claim(1, '{lik}', 'lik_bob');
SELECT pg_temp.refusal(format('SELECT pg_temp.like(''lik_ann'', %L)', s))
FROM unnest(ARRAY[$$'approve', alike => '{}'$$, $$'approve', alike => NULL$$, $$'approve', alike => '{signals.nothing}'$$, $$'approve', alike => '{signals.cluster,reasoning}'$$,
    $$'approve', alike => '{nothing}'$$, $$'approve', alike => '{model.x}'$$, $$'approve', alike => '{signals.}'$$, $$'approve', alike => '{id}'$$, $$'approve', n => 0$$, $$'approve', n => 1001$$,
    $$'escalate'$$, $$NULL$$, $$'reject'$$, $$'reject', 'NONE', 'n'$$, $$'amend', 'UNSAFE', 'n'$$, $$'approve', output => '1'$$, $$'approve', scores => '{"a": 1}'$$]) WITH ORDINALITY x (s, n) ORDER BY n;
SELECT * FROM pg_temp.like('lik_ann', $$'reject', 'UNSAFE', 'all of them', explanation => 'sorry'$$);
SELECT d.subject, v.reviewer, v.action, v.code, v.note, v.explanation, v.like_task = f.task AS like_first, v.seconds >= 0 AS seconds
FROM hitl.verdict v JOIN hitl.decision d ON d.id = v.decision, (SELECT f.task FROM hitl.verdict f JOIN hitl.decision e ON e.id = f.decision WHERE f.workflow = 'lik' AND e.subject = 'first') f
WHERE v.workflow = 'lik' ORDER BY v.id;
SELECT d.subject, e.actor, (e.detail ->> 'like_task')::bigint = e.task AS like_task, e.detail - 'like_task' - 'asserted_by' AS detail FROM hitl.event e JOIN hitl.decision d ON d.id = e.decision
WHERE e.kind = 'decided_like';
SELECT d.subject, t.holder FROM hitl.task t JOIN hitl.decision d ON d.id = t.decision WHERE t.workflow ~ '^lik' ORDER BY t.id;
SELECT count(*) AS not_claimed FROM hitl.event e JOIN hitl.decision d ON d.id = e.decision WHERE e.kind = 'claimed' AND d.workflow = 'lik' AND d.subject IN ('high', 'skilled', 'blind', 'excluded', 'overlap', 'unlike');
-- again: the first answer, and nothing new
INSERT INTO hitl.decision (workflow, subject, output, signals) VALUES ('lik', 'late', '{"pay": 1}', '{"cluster": 7}');
SELECT l.target = v.task AS first, l.outcome, l.sqlstate FROM hitl.verdict v JOIN hitl.decision d ON d.id = v.decision,
    LATERAL hitl.decide_like(v.task, 'reject', 'UNSAFE', 'all of them', explanation => 'sorry', reviewer => 'lik_ann') l WHERE v.workflow = 'lik' AND d.subject = 'first';
SELECT pg_temp.refusal(format('SELECT hitl.decide_like(%s, ''approve'', reviewer => ''lik_ann'')', v.task)) FROM hitl.verdict v JOIN hitl.decision d ON d.id = v.decision WHERE v.workflow = 'lik' AND d.subject = 'first';
-- no more than n; nobody decides what they submitted
UPDATE hitl.task SET queue = 'lik far' WHERE workflow ~ '^lik';
INSERT INTO hitl.decision (workflow, subject, output, signals) SELECT 'lik', 'n' || n, '{"pay": 1}', '{"cluster": {"a": [1, 2.0]}}' FROM generate_series(1, 5) n;
SELECT * FROM pg_temp.like('lik_ann', $$'approve', n => 2$$);
SET ROLE regress_hitl_lik_cat;
INSERT INTO hitl.decision (workflow, subject, output, signals) VALUES ('lik', 'own', '{"pay": 1}', '{"cluster": {"a": [1, 2]}}');
SELECT l.outcome, l.sqlstate, regexp_replace(l.message, '\d+', 'N') AS message FROM hitl.claim(1) c, hitl.decide_like(c.task, 'amend', 'UNSAFE', 'n', '{"pay": 0}') l;
RESET ROLE;
SELECT d.subject, v.output, v.delta FROM hitl.verdict v JOIN hitl.decision d ON d.id = v.decision WHERE v.workflow = 'lik' AND v.action = 'amend' ORDER BY v.id;
-- by a column, and by a whole document
UPDATE hitl.task SET queue = 'lik far' WHERE workflow = 'lik';
INSERT INTO hitl.decision (workflow, subject, input, output, model, tags) VALUES ('lik', 'm1', '{"a": 1, "b": 2}', '1', 'm1', '{x,y}'), ('lik', 'm1 too', '{"b": 2.0, "a": 1}', '1', 'm1', '{x,y}'),
    ('lik', 'm1 y', '{"a": 1}', '1', 'm1', '{x}'), ('lik', 'm2', '{"a": 1, "b": 2}', '1', 'm2', '{x,y}');
BEGIN;
SELECT * FROM pg_temp.like('lik_ann', $$'approve', alike => '{model}'$$);
ROLLBACK;
BEGIN;
SELECT * FROM pg_temp.like('lik_ann', $$'approve', alike => '{model,tags}'$$);
ROLLBACK;
SELECT * FROM pg_temp.like('lik_ann', $$'approve', alike => '{input}'$$);
-- A blind task tells nothing of its proposal that way: not even that it is there.
BEGIN;
UPDATE hitl.task SET blind = true WHERE workflow = 'lik';
SELECT pg_temp.refusal(format('SELECT pg_temp.like(''lik_ann'', %L)', s)) FROM unnest(ARRAY[$$'approve', alike => '{reasoning}'$$, $$'approve', alike => '{output}'$$]) s;
ROLLBACK;
-- Each counts in the shift.
BEGIN;
UPDATE hitl.task SET queue = 'lik' WHERE workflow = 'lik';
UPDATE hitl.reviewer SET shift_limit = 3 WHERE name = 'lik_ann';
SELECT count(outcome) FROM pg_temp.like('lik_ann', $$'approve', alike => '{output}'$$);
SELECT claimed FROM hitl.shift WHERE reviewer = 'lik_ann';
UPDATE hitl.task SET holder = 'lik_ann', lease = 4711, claimed_at = now(), lease_until = now() + interval '1 hour' WHERE id = (SELECT min(id) FROM hitl.task WHERE workflow = 'lik' AND holder IS NULL);
SELECT pg_temp.refusal(format($$SELECT hitl.decide_like(%s, 'approve', alike => '{output}', reviewer => 'lik_ann')$$, id)) ~ '^ZH004' AS no_room FROM hitl.task WHERE holder = 'lik_ann';
ROLLBACK;
-- Who must not claim does not spread either.
UPDATE hitl.reviewer SET paused = 'for a talk' WHERE name = 'lik_ann';
INSERT INTO hitl.decision (workflow, subject, output, model) VALUES ('lik', 'm1 late', '1', 'm1');
UPDATE hitl.task SET holder = 'lik_ann', lease = 4711, claimed_at = now(), lease_until = now() + interval '1 hour' WHERE decision = (SELECT id FROM hitl.decision WHERE subject = 'm1 y');
SELECT d.subject, l.outcome, l.sqlstate, l.message FROM hitl.task t, LATERAL hitl.decide_like(t.id, 'approve', alike => '{model}', reviewer => 'lik_ann') l LEFT JOIN hitl.decision d ON d.id = l.decision
WHERE t.holder = 'lik_ann';
SELECT count(*) AS open FROM hitl.task WHERE workflow = 'lik' AND holder IS NULL;
-- All in a transaction that keeps its snapshot
INSERT INTO hitl.decision (workflow, subject, output) VALUES ('lik', 'r1', '1'), ('lik', 'r2', '1'), ('lik', 'r3', '2');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT task AS t FROM hitl.claim(1, '{lik}', 'lik_bob') \gset
SELECT count(outcome) FROM hitl.decide_like(:t, 'approve', alike => '{output}', reviewer => 'lik_bob');
COMMIT;

-- All is in one state.
UPDATE hitl.reviewer SET login = NULL, paused = NULL WHERE name ~ '^lik';
UPDATE hitl.task SET holder = 'lik_bob', lease = 4711, claimed_at = now(), lease_until = now() + interval '1 hour', kind = 'review', blind = false, excluded = NULL
WHERE workflow ~ '^(bat|lik)';
SELECT DISTINCT outcome FROM hitl.decide((SELECT jsonb_agg(jsonb_build_object('task', id, 'action', 'approve')) FROM hitl.task WHERE holder = 'lik_bob'), 'lik_bob');
SELECT c.invariant, d.subject, c.detail FROM hitl.check() c JOIN hitl.decision d ON d.id = c.decision WHERE d.workflow ~ '^(bat|lik)';
DROP OWNED BY regress_hitl_lik_cat;
DROP ROLE regress_hitl_lik_cat;
