-- Judgment first: of a blind task the server withholds what the AI says until
-- the holder has stored what they think themselves.
\set SHOW_CONTEXT never
\set ON_ERROR_ROLLBACK on

CREATE FUNCTION pg_temp.refusal(statement text, task bigint) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    hint   text;
    detail text;
    answer text;
BEGIN
    EXECUTE statement INTO answer USING task;
    RETURN 'not refused: ' || coalesce(answer, 'NULL');
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT, detail = PG_EXCEPTION_DETAIL;
    RETURN concat_ws(E'\n    ', SQLSTATE || ': ' || regexp_replace(SQLERRM, 'task -?\d+', 'task N'), nullif(detail, ''), nullif(hint, ''));
END
$$;
CREATE FUNCTION pg_temp.demand(name text, fields jsonb) RETURNS int
LANGUAGE plpgsql AS $$
DECLARE
    v int;
BEGIN
    INSERT INTO hitl.policy
    SELECT (jsonb_populate_record(p, fields || jsonb_build_object('version', p.version + 1, 'base', p.version))).*
    FROM hitl.policy p WHERE p.workflow = demand.name ORDER BY p.version DESC LIMIT 1
    RETURNING version INTO v;
    UPDATE hitl.workflow w SET policy_version = v WHERE w.name = demand.name;
    RETURN v;
END
$$;

SELECT hitl.create_workflow('bli', queue => 'bli'), hitl.set_policy('bli', irreversible => true);
SELECT hitl.add_reviewer('bli_ann', max_open => 100), hitl.add_reviewer('bli_bob'), hitl.join_queue('bli_ann', 'bli'), hitl.join_queue('bli_bob', 'bli');

-- Who looks at a task that is not blind need not judge first.
INSERT INTO hitl.decision (workflow, subject, input, output, confidence, reasoning, alternatives)
VALUES ('bli', 'open', '{"amount": 900}', '{"pay": true}', 0.7, 'looks fine', '[{"pay": false}]');
SELECT task AS t, blind, output, confidence FROM hitl.claim(1, '{bli}', 'bli_ann') \gset
SELECT :'blind' AS blind, :'output' AS output, :'confidence' AS confidence;
SELECT pg_temp.refusal($$SELECT hitl.judge($1, 'true', 'bli_ann')$$, :t);
SELECT hitl.approve(:t, reviewer => 'bli_ann');
SELECT blind, judgment FROM hitl.verdict WHERE task = :t;

-- A blind one: everything but what the AI says.
SELECT pg_temp.demand('bli', '{"blind": true}') IS NOT NULL AS demanded;
INSERT INTO hitl.decision (workflow, subject, input, output, confidence, reasoning, alternatives, context)
VALUES ('bli', 'blind', '{"amount": 901}', '{"pay": true}', 0.7, 'looks fine', '[{"pay": false}]', '{"before": {"pay": null}}');
SELECT task AS t, lease AS l FROM hitl.claim(1, '{bli}', 'bli_ann') \gset
SELECT blind, input, output, confidence, reasoning, alternatives, changes, history ? 'verdicts' AS verdicts, reasons -> 0 ? 'trigger' AS trigger, reasons -> 0 ? 'detail' AS detail
FROM hitl.packet(:t, 'bli_ann');
-- no verdict before the judgment; to hand it on or back is none
SELECT pg_temp.refusal(s, :t)
FROM unnest(ARRAY[$$SELECT hitl.approve($1, reviewer => 'bli_ann')$$, $$SELECT hitl.reject($1, 'UNSAFE', 'n', 'bli_ann')$$, $$SELECT hitl.amend($1, '1', 'UNSAFE', 'n', 'bli_ann')$$,
                  $$SELECT sqlstate FROM hitl.decide(jsonb_build_array(jsonb_build_object('task', $1, 'action', 'approve')), 'bli_ann')$$]) WITH ORDINALITY x (s, n) ORDER BY n;
-- the judgment is the holder's, under the claim
SELECT pg_temp.refusal(s, :t)
FROM unnest(ARRAY[$$SELECT hitl.judge($1, NULL, 'bli_ann')$$, $$SELECT hitl.judge(NULL, 'true', 'bli_ann')$$, $$SELECT hitl.judge($1, 'true', 'bli_bob')$$, $$SELECT hitl.judge($1, 'true', 'bli_ann', 1)$$,
                  $$SELECT hitl.judge(0, 'true', 'bli_ann')$$, $$SELECT hitl.judge($1, to_jsonb(repeat('x', 1048576)), 'bli_ann')$$]) WITH ORDINALITY x (s, n) ORDER BY n;
SELECT count(*) AS nothing_yet FROM hitl.task WHERE id = :t AND judgment IS NULL;
-- it is stored, and shows what was withheld
SELECT output, confidence, reasoning, alternatives, changes, reasons -> 0 ? 'detail' AS detail, history FROM hitl.judge(:t, '{"pay": false}', 'bli_ann', :l);
SELECT output, confidence FROM hitl.packet(:t, 'bli_ann');
SELECT judgment FROM hitl.task WHERE id = :t;
SELECT kind, actor, detail -> 'judgment' AS judgment, (detail ->> 'seconds')::float8 >= 0 AS seconds FROM hitl.event WHERE task = :t ORDER BY id;
-- the first one counts; again, it is shown again
SELECT pg_temp.refusal($$SELECT hitl.judge($1, '{"pay": true}', 'bli_ann')$$, :t);
SELECT output FROM hitl.judge(:t, '{"pay": false}', 'bli_ann');
SELECT count(*) AS judged_once FROM hitl.event WHERE task = :t AND kind = 'judged';
SELECT hitl.approve(:t, reviewer => 'bli_ann');
SELECT action, blind, judgment, packet_hash = hitl.packet_hash(decision) AS as_shown FROM hitl.verdict WHERE task = :t;
SELECT pg_temp.refusal($$SELECT hitl.judge($1, '{"pay": false}', 'bli_ann')$$, :t);

-- Whoever gives it back takes their judgment along.
INSERT INTO hitl.decision (workflow, subject, output) VALUES ('bli', 'returned', '{"pay": true}');
SELECT task AS t FROM hitl.claim(1, '{bli}', 'bli_ann') \gset
SELECT output FROM hitl.judge(:t, '1', 'bli_ann');
SELECT hitl.release(:t, 'bli_ann');
SELECT task = :t AS same, output FROM hitl.claim(1, '{bli}', 'bli_bob');
SELECT judgment FROM hitl.task WHERE id = :t;
SELECT pg_temp.refusal($$SELECT hitl.approve($1, reviewer => 'bli_bob')$$, :t);
SELECT output FROM hitl.judge(:t, '2', 'bli_bob');
SELECT hitl.approve(:t, reviewer => 'bli_bob');
SELECT judgment FROM hitl.verdict WHERE task = :t;

-- A judgment that can still be taken back is none: the proposal is shown when
-- it has been committed, and nothing tells of it before.
INSERT INTO hitl.decision (workflow, subject, output) VALUES ('bli', 'taken back', '{"pay": true}');
SELECT task AS t FROM hitl.claim(1, '{bli}', 'bli_ann') \gset
BEGIN;
SELECT output FROM hitl.judge(:t, '1', 'bli_ann');
SELECT output FROM hitl.judge(:t, '1', 'bli_ann') AS again;
SELECT output FROM hitl.packet(:t, 'bli_ann');
SELECT pg_temp.refusal(s, :t)
FROM unnest(ARRAY[$$SELECT hitl.amend($1, '{"pay": true}', 'UNSAFE', 'n', 'bli_ann')$$, $$SELECT hitl.decide_like($1, 'approve', alike => '{output}', reviewer => 'bli_ann')$$,
                  $$SELECT sqlstate FROM hitl.decide(jsonb_build_array(jsonb_build_object('task', $1, 'action', 'approve')), 'bli_ann')$$]) WITH ORDINALITY x (s, n) ORDER BY n;
SAVEPOINT s;
SELECT output FROM hitl.judge(:t, '1', 'bli_ann');
ROLLBACK;
SELECT judgment FROM hitl.task WHERE id = :t;
-- in a function, in a statement that another follows, in a block
SELECT pg_temp.refusal($$SELECT output FROM hitl.judge($1, '1', 'bli_ann')$$, :t);
SELECT pg_temp.refusal($$SELECT output FROM hitl.packet($1, 'bli_ann')$$, :t) AS committed;
SELECT hitl.release(:t, 'bli_ann');
SELECT task = :t AS same FROM hitl.claim(1, '{bli}', 'bli_ann');
-- who has seen it, does not judge anew
SELECT output FROM hitl.packet(:t, 'bli_ann');
SELECT pg_temp.refusal($$SELECT output FROM hitl.judge($1, '2', 'bli_ann')$$, :t);
SELECT output FROM hitl.judge(:t, '1', 'bli_ann') \; SELECT 1 / 0;
SELECT judgment FROM hitl.task WHERE id = :t;
DO $$
DECLARE
    said text;
BEGIN
    SELECT output INTO said FROM hitl.judge((SELECT id FROM hitl.task WHERE holder = 'bli_ann'), '1', 'bli_ann');
    RAISE EXCEPTION 'seen: %', said;
END
$$;
BEGIN;
SELECT output FROM hitl.judge(:t, '1', 'bli_ann');
COMMIT;
SELECT output FROM hitl.packet(:t, 'bli_ann');
SELECT output FROM hitl.judge(:t, '1', 'bli_ann');
BEGIN;
SELECT output FROM hitl.judge(:t, '1', 'bli_ann');
SELECT hitl.approve(:t, reviewer => 'bli_ann');
COMMIT;
-- who makes the statement fail that was shown the proposal is known: the log
-- names them
INSERT INTO hitl.decision (workflow, subject, output) VALUES ('bli', 'failed', '{"pay": true}');
SELECT task AS t FROM hitl.claim(1, '{bli}', 'bli_ann') \gset
SELECT output ->> 'pay' FROM hitl.judge(:t, '1', 'bli_ann') UNION ALL SELECT (1 / (random() < 0)::int)::text;
SELECT output FROM hitl.judge(:t, '2', 'bli_ann');
SELECT hitl.approve(:t, reviewer => 'bli_ann');

-- In one's own name, with no privilege on any table.
CREATE ROLE regress_hitl_bli IN ROLE hitl_reviewer;
SELECT hitl.add_reviewer('bli_cat', login => 'regress_hitl_bli'), hitl.join_queue('bli_cat', 'bli');
INSERT INTO hitl.decision (workflow, subject, output) VALUES ('bli', 'own name', '{"pay": true}');
SET ROLE regress_hitl_bli;
SELECT task AS t, output FROM hitl.claim() \gset
SELECT output FROM hitl.judge(:t, '"no"');
SELECT hitl.reject(:t, 'UNSAFE', 'n');
RESET ROLE;
SELECT reviewer, asserted_by, judgment FROM hitl.verdict WHERE task = :t;
UPDATE hitl.reviewer SET login = NULL WHERE name = 'bli_cat';
DROP ROLE regress_hitl_bli;

-- By chance: the others show what seeing the proposal does.
SELECT pg_temp.demand('bli', '{"blind_rate": 0.5}') IS NOT NULL AS half;
INSERT INTO hitl.decision (workflow, subject) SELECT 'bli', 'arm' FROM generate_series(1, 400) n;
SELECT count(*) FILTER (WHERE blind) BETWEEN 140 AND 260 AS about_half FROM hitl.task WHERE workflow = 'bli';
UPDATE hitl.task SET holder = 'bli_ann', lease = 4711, claimed_at = now(), lease_until = now() + interval '1 hour', blind = false WHERE workflow = 'bli';
SELECT DISTINCT outcome FROM hitl.decide((SELECT jsonb_agg(jsonb_build_object('task', id, 'action', 'approve')) FROM hitl.task WHERE workflow = 'bli'), 'bli_ann');
-- a confirmer does not see the proposer's verdict
SELECT pg_temp.demand('bli', '{"blind_rate": 1, "approvals": 2}') IS NOT NULL AS two;
INSERT INTO hitl.decision (workflow, subject, output) VALUES ('bli', 'two', '{"pay": true}');
SELECT task AS t FROM hitl.claim(1, '{bli}', 'bli_ann') \gset
SELECT output FROM hitl.judge(:t, '1', 'bli_ann');
SELECT hitl.approve(:t, 'she is right', 'bli_ann');
SELECT task = :t AS same, kind, output, history ? 'verdicts' AS verdicts FROM hitl.claim(1, '{bli}', 'bli_bob');
SELECT output, history -> 'verdicts' -> 0 ->> 'note' AS note FROM hitl.judge(:t, '2', 'bli_bob');
SELECT hitl.approve(:t, reviewer => 'bli_bob');
SELECT reviewer, judgment, final FROM hitl.verdict WHERE task = :t ORDER BY id;

-- All is in one state.
SELECT count(*) AS tasks FROM hitl.task WHERE workflow = 'bli';
SELECT c.invariant, d.subject, c.detail FROM hitl.check() c JOIN hitl.decision d ON d.id = c.decision WHERE d.workflow = 'bli';
