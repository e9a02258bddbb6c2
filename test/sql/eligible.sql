-- Who may take which task: skills, credentials, absence, limits, copies,
-- known answers; and what the packet shows of it.
\set SHOW_CONTEXT never
\set ON_ERROR_ROLLBACK on

-- A claim, as the subjects of what it got.
CREATE FUNCTION pg_temp.claim(who text, n int DEFAULT 1, queues text[] DEFAULT NULL)
RETURNS SETOF text LANGUAGE sql AS $$
    SELECT (SELECT d.subject FROM hitl.decision d WHERE d.id = c.decision)
    FROM hitl.claim(n, queues, who) WITH ORDINALITY AS c
    ORDER BY ordinality
$$;
CREATE FUNCTION pg_temp.task(subject text, who text DEFAULT NULL) RETURNS bigint
LANGUAGE sql AS $$
    SELECT min(t.id) FROM hitl.task t JOIN hitl.decision d ON d.id = t.decision
    WHERE d.subject = $1 AND t.holder IS NOT DISTINCT FROM $2
$$;
SELECT hitl.create_queue('eli_a'), hitl.create_queue('eli_b');
SELECT hitl.create_workflow('eli a', 'eli_a'), hitl.create_workflow('eli b', 'eli_b');
SELECT hitl.add_reviewer(r, max_open => 100), hitl.join_queue(r, 'eli_a')
FROM unnest('{eli_ann,eli_bob}'::text[]) AS r;
SELECT hitl.add_reviewer('eli_cid', max_open => 100), hitl.join_queue('eli_cid', 'eli_b');

--
-- Skills: all that rules demand, of the person or issued to them.
--
BEGIN;
SELECT hitl.set_policy('eli a', upper => 0.9);
SELECT hitl.set_rule('eli a', 'german', '$.tags[*] == "de"', skills => '{german}'),
       hitl.set_rule('eli a', 'medical', '$.tags[*] == "med"', skills => '{medical,licence}', tier => 2);
INSERT INTO hitl.decision (workflow, subject, tags)
VALUES ('eli a', 'both', '{de,med}'), ('eli a', 'german', '{de}'), ('eli a', 'plain', '{}');
SELECT pg_temp.claim('eli_ann', 10);
SELECT hitl.set_reviewer('eli_ann', skills => '{german,medical}');
SELECT pg_temp.claim('eli_ann', 10);
SELECT hitl.grant_credential('eli_ann', 'licence');
-- the skills suffice now, the tier does not
SELECT pg_temp.claim('eli_ann', 10);
SELECT hitl.set_reviewer('eli_ann', tier => 2);
SAVEPOINT s;
SELECT pg_temp.claim('eli_ann', 10);
ROLLBACK TO s;
-- What was issued counts until it runs out.
UPDATE hitl.credential SET valid_until = clock_timestamp() + interval '0.2 seconds' WHERE reviewer = 'eli_ann';
SAVEPOINT s;
SELECT pg_temp.claim('eli_ann', 10);
ROLLBACK TO s;
SELECT pg_sleep(0.3);
SELECT pg_temp.claim('eli_ann', 10);
ROLLBACK;

--
-- Who has judged it, or handed it on, does not get it again, under whatever
-- login.
--
CREATE ROLE regress_hitl_eli IN ROLE hitl_reviewer, hitl_application, hitl_delegate;
CREATE ROLE regress_hitl_eli2 IN ROLE hitl_application;
CREATE ROLE regress_hitl_eli_lead IN ROLE hitl_lead;
BEGIN;
SELECT hitl.add_login('eli_ann', 'regress_hitl_eli'), hitl.add_login('eli_ann', 'regress_hitl_eli2');
INSERT INTO hitl.decision (workflow, subject) VALUES ('eli a', 'judged');
UPDATE hitl.task SET excluded = '{eli_ann}' WHERE workflow = 'eli a';
SELECT pg_temp.claim('eli_ann');
-- also not as a delegate of somebody else
SET LOCAL ROLE regress_hitl_eli;
SELECT count(*) FROM hitl.claim(1, NULL, 'eli_bob');
RESET ROLE;
SELECT pg_temp.claim('eli_bob');
ROLLBACK;
-- Nobody reviews what they submitted with another login.
BEGIN;
SELECT hitl.add_login('eli_ann', 'regress_hitl_eli'), hitl.add_login('eli_ann', 'regress_hitl_eli2');
SET LOCAL ROLE regress_hitl_eli2;
INSERT INTO hitl.decision (workflow, subject) VALUES ('eli a', 'own');
SET LOCAL ROLE regress_hitl_eli;
SELECT count(*) FROM hitl.claim();
SELECT count(*) FROM hitl.claim(1, NULL, 'eli_bob');
RESET ROLE;
SELECT pg_temp.claim('eli_ann');
SELECT pg_temp.claim('eli_bob');
ROLLBACK;

--
-- Absence.  Who is away claims nothing; the stand-in works on their queues
-- too, with their own tier, and the record names both.
--
BEGIN;
INSERT INTO hitl.decision (workflow, subject) VALUES ('eli b', 'b1'), ('eli b', 'b2'), ('eli a', 'a1');
UPDATE hitl.task SET tier = 2 WHERE id = pg_temp.task('b2');
SELECT pg_temp.claim('eli_ann', 10, '{eli_b}');
\echo :SQLSTATE
SELECT hitl.set_absence('eli_cid', 'infinity', stand_in => 'eli_ann') > 0 AS away;
SELECT pg_temp.claim('eli_cid');
\echo :SQLSTATE
SELECT pg_temp.claim('eli_ann', 10, '{eli_b}');
SELECT t.holder, t.on_behalf_of, e.actor, e.detail ->> 'on_behalf_of' AS recorded
FROM hitl.task t JOIN hitl.event e ON e.task = t.id AND e.kind = 'claimed'
WHERE t.id = pg_temp.task('b1', 'eli_ann');
SELECT hitl.approve(pg_temp.task('b1', 'eli_ann'), reviewer => 'eli_ann');
SELECT reviewer, on_behalf_of FROM hitl.verdict WHERE task = (SELECT max(task) FROM hitl.verdict);
-- Their own work they do for themselves.
SELECT pg_temp.claim('eli_ann', 10);
SELECT on_behalf_of FROM hitl.task WHERE id = pg_temp.task('a1', 'eli_ann');
-- Nobody else stands in, and the absence of one who names nobody is just that.
SELECT pg_temp.claim('eli_bob', 10, '{eli_b}');
ROLLBACK;
-- A stand-in does not see to what the absent person submitted or judged.
BEGIN;
SELECT hitl.add_login('eli_cid', 'regress_hitl_eli2');
SELECT hitl.set_absence('eli_cid', 'infinity', stand_in => 'eli_ann') > 0 AS away;
SET LOCAL ROLE regress_hitl_eli2;
INSERT INTO hitl.decision (workflow, subject) VALUES ('eli b', 'of cid');
RESET ROLE;
INSERT INTO hitl.decision (workflow, subject) VALUES ('eli b', 'judged by cid'), ('eli b', 'free');
UPDATE hitl.task SET excluded = '{eli_cid}' WHERE id = pg_temp.task('judged by cid');
SELECT pg_temp.claim('eli_ann', 10);
-- On behalf of somebody else they may: of two who are away, the one who can.
SELECT hitl.add_reviewer('eli_dan'), hitl.join_queue('eli_dan', 'eli_b');
SELECT hitl.set_absence('eli_dan', 'infinity', stand_in => 'eli_ann') > 0 AS away;
SELECT pg_temp.claim('eli_ann', 10);
SELECT d.subject, t.on_behalf_of FROM hitl.task t JOIN hitl.decision d ON d.id = t.decision
WHERE t.queue = 'eli_b' ORDER BY t.id;
ROLLBACK;
-- Only from then until then; and a stand-in who is away takes nothing.
BEGIN;
INSERT INTO hitl.decision (workflow, subject) VALUES ('eli b', 'b1');
SELECT hitl.set_absence('eli_cid', now() + interval '2 days', since => now() + interval '1 day', stand_in => 'eli_ann') > 0 AS away;
SELECT pg_temp.claim('eli_ann', 1, '{eli_b}');
SELECT pg_temp.claim('eli_ann');
UPDATE hitl.absence SET since = now() - interval '2 days', until = now() - interval '1 day' WHERE reviewer = 'eli_cid';
SELECT pg_temp.claim('eli_ann', 1, '{eli_b}');
UPDATE hitl.absence SET until = 'infinity' WHERE reviewer = 'eli_cid';
SELECT hitl.set_absence('eli_ann', 'infinity') > 0 AS away;
SELECT pg_temp.claim('eli_ann', 1, '{eli_b}');
\echo :SQLSTATE
ROLLBACK;

--
-- Who is paused claims nothing, and is told why; what they hold they finish.
--
BEGIN;
INSERT INTO hitl.decision (workflow, subject) VALUES ('eli a', 'held'), ('eli a', 'other');
SELECT pg_temp.claim('eli_ann');
SELECT hitl.pause_reviewer('eli_ann', 'on a course');
SELECT pg_temp.claim('eli_ann');
\echo :SQLSTATE
SELECT hitl.approve(pg_temp.task('held', 'eli_ann'), reviewer => 'eli_ann');
SELECT hitl.resume_reviewer('eli_ann');
SELECT pg_temp.claim('eli_ann');
ROLLBACK;

--
-- Limits.  A shift begins with the first claim after the last one's span.
--
BEGIN;
SELECT hitl.set_reviewer('eli_ann', shift_limit => 3, shift => '2 hours');
INSERT INTO hitl.decision (workflow, subject) SELECT 'eli a', 's' || n FROM generate_series(1, 9) AS n;
SELECT pg_temp.claim('eli_ann', 2);
SELECT pg_temp.claim('eli_ann', 2);
SELECT claimed, released FROM hitl.shift WHERE reviewer = 'eli_ann';
SELECT hitl.approve(pg_temp.task('s1', 'eli_ann'), reviewer => 'eli_ann');
\set VERBOSITY terse
SELECT pg_temp.claim('eli_ann');
\echo :SQLSTATE
\set VERBOSITY default
-- until two hours have passed
UPDATE hitl.shift SET began_at = began_at - interval '1 hour 59 minutes';
\set VERBOSITY sqlstate
SELECT pg_temp.claim('eli_ann');
\set VERBOSITY default
UPDATE hitl.shift SET began_at = began_at - interval '2 minutes';
SELECT pg_temp.claim('eli_ann', 10);
SELECT claimed, released, began_at > now() - interval '1 hour' AS anew FROM hitl.shift WHERE reviewer = 'eli_ann';
ROLLBACK;
-- Giving back is limited as well (S11): claim and release to find the pleasant
-- ones.  What is given back goes to others first.
BEGIN;
SELECT hitl.set_reviewer('eli_ann', max_releases => 2);
INSERT INTO hitl.decision (workflow, subject) SELECT 'eli a', 'r' || n FROM generate_series(1, 4) AS n;
CREATE FUNCTION pg_temp.give_back(who text) RETURNS bigint LANGUAGE sql AS $$
    SELECT count(*) FROM (SELECT hitl.release(t.id, who) FROM hitl.task t WHERE t.holder = who OFFSET 0) s
$$;
SELECT pg_temp.claim('eli_ann');
SELECT pg_temp.give_back('eli_ann');
SELECT pg_temp.claim('eli_ann');
SELECT pg_temp.give_back('eli_ann');
-- the others first, then again what they gave back, in its order
SELECT pg_temp.claim('eli_ann', 3);
SELECT pg_temp.give_back('eli_ann');
\set VERBOSITY terse
SELECT pg_temp.claim('eli_ann');
\echo :SQLSTATE
\set VERBOSITY default
SELECT claimed, released FROM hitl.shift WHERE reviewer = 'eli_ann';
SELECT pg_temp.claim('eli_bob', 10);
-- Somebody else had them: they are as new.
SELECT DISTINCT passed FROM hitl.task WHERE workflow = 'eli a';
ROLLBACK;

--
-- Copies: nobody gets two of one decision, at once or later.
--
BEGIN;
SELECT hitl.set_policy('eli a', panel => 3, approvals => 2);
INSERT INTO hitl.decision (workflow, subject) VALUES ('eli a', 'panel');
SELECT count(*) AS copies FROM hitl.task WHERE workflow = 'eli a';
SELECT pg_temp.claim('eli_ann', 10);
SELECT pg_temp.claim('eli_ann', 10);
SELECT hitl.approve(pg_temp.task('panel', 'eli_ann'), reviewer => 'eli_ann');
SELECT pg_temp.claim('eli_ann', 10);
-- given back is not judged
SELECT pg_temp.claim('eli_bob', 10);
SELECT hitl.release(pg_temp.task('panel', 'eli_bob'), reviewer => 'eli_bob');
SELECT pg_temp.claim('eli_bob', 10);
-- What the others think is not shown.
SELECT kind, history FROM hitl.packet(pg_temp.task('panel', 'eli_bob'), 'eli_bob');
ROLLBACK;
-- When they disagree, and nobody is left who has not judged it, that is said at
-- once.
BEGIN;
SELECT hitl.set_policy('eli a', panel => 2, approvals => 2);
INSERT INTO hitl.decision (workflow, subject) VALUES ('eli a', 'panel');
SELECT pg_temp.claim('eli_ann', 10), pg_temp.claim('eli_bob', 10);
SELECT hitl.approve(pg_temp.task('panel', 'eli_ann'), reviewer => 'eli_ann');
SELECT hitl.reject(pg_temp.task('panel', 'eli_bob'), 'UNSAFE', 'no', 'eli_bob');
SELECT kind, holder, excluded FROM hitl.task WHERE workflow = 'eli a';
SELECT pg_temp.claim('eli_ann', 10);
SELECT kind, actor, detail ->> 'from_queue' AS from_queue FROM hitl.event
WHERE task = pg_temp.task('panel') AND kind = 'nobody_eligible';
ROLLBACK;
-- Not while somebody is.
BEGIN;
SELECT hitl.set_policy('eli a', panel => 2, approvals => 2), hitl.join_queue('eli_cid', 'eli_a');
INSERT INTO hitl.decision (workflow, subject) VALUES ('eli a', 'panel');
SELECT pg_temp.claim('eli_ann', 10), pg_temp.claim('eli_bob', 10);
SELECT hitl.approve(pg_temp.task('panel', 'eli_ann'), reviewer => 'eli_ann');
SELECT hitl.reject(pg_temp.task('panel', 'eli_bob'), 'UNSAFE', 'no', 'eli_bob');
SELECT count(*) FROM hitl.event WHERE task = pg_temp.task('panel') AND kind = 'nobody_eligible';
SELECT pg_temp.claim('eli_cid', 10);
ROLLBACK;
-- The same of a second look; nobody can tell which one it is.
BEGIN;
SELECT hitl.set_policy('eli a', overlap_rate => 1);
INSERT INTO hitl.decision (workflow, subject) VALUES ('eli a', 'twice');
SELECT kind, panel FROM hitl.task WHERE workflow = 'eli a' ORDER BY id;
SELECT c.kind, t.kind AS in_truth FROM hitl.claim(10, NULL, 'eli_ann') c JOIN hitl.task t ON t.id = c.task;
SELECT hitl.approve(pg_temp.task('twice', 'eli_ann'), reviewer => 'eli_ann');
SELECT pg_temp.claim('eli_ann', 10);
SELECT c.kind, t.kind AS in_truth, c.history
FROM hitl.claim(10, NULL, 'eli_bob') c JOIN hitl.task t ON t.id = c.task;
ROLLBACK;

--
-- Known answers, at a rate: in place of a task that one would get, of a
-- decision that one has not judged nor submitted.
--
BEGIN;
SELECT hitl.set_policy('eli a', upper => 0.9);
INSERT INTO hitl.decision (workflow, subject, confidence)
SELECT 'eli a', 'known' || n, 0.5 FROM generate_series(1, 3) AS n;
SET LOCAL ROLE regress_hitl_eli2;
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('eli a', 'known4', 0.5);
RESET ROLE;
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('eli a', 'automatic', 0.95);
SELECT count(hitl.approve(c.task, reviewer => 'eli_bob')) FROM hitl.claim(10, NULL, 'eli_bob') c;
SELECT count(hitl.add_gold(d.id, 'approved')) FROM hitl.decision d WHERE d.workflow = 'eli a';
SELECT hitl.retire_gold(id) FROM hitl.decision WHERE workflow = 'eli a' AND subject = 'known3';
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('eli a', 'new', 0.5);
UPDATE hitl.task SET due_at = '2030-01-01' WHERE workflow = 'eli a';
-- at the rate 0 there are none
SAVEPOINT s;
SELECT pg_temp.claim('eli_ann', 10);
ROLLBACK TO s;
SELECT hitl.set_queue('eli_a', gold_rate => 1);
-- who has judged them gets none
SAVEPOINT s;
SELECT pg_temp.claim('eli_bob', 10);
ROLLBACK TO s;
-- another one gets each once, and then the task; kinds and reasons tell nothing
SAVEPOINT s;
CREATE TEMP TABLE eli_got AS SELECT * FROM hitl.claim(10, NULL, 'eli_ann') WITH ORDINALITY;
SELECT d.subject, c.kind, t.kind AS in_truth, c.lane, c.due_at, c.reasons,
       c.lease = t.lease AS lease, t.packet_hash = hitl.packet_hash(t.decision) AS hash
FROM eli_got c
JOIN hitl.task t ON t.id = c.task JOIN hitl.decision d ON d.id = c.decision
ORDER BY d.subject COLLATE "C";
SELECT subject FROM hitl.decision WHERE id = (SELECT decision FROM eli_got ORDER BY ordinality DESC LIMIT 1);
SELECT pg_temp.claim('eli_ann', 10);
ROLLBACK TO s;
-- nor one's own
SELECT hitl.add_login('eli_ann', 'regress_hitl_eli2');
SAVEPOINT s;
SELECT count(*), count(*) FILTER (WHERE d.subject = 'known4') AS own
FROM hitl.claim(10, NULL, 'eli_ann') c JOIN hitl.decision d ON d.id = c.decision;
ROLLBACK TO s;
-- one in place of the only task: that stays for the next claim
SELECT count(*) FROM hitl.claim(1, NULL, 'eli_ann');
SELECT count(*), bool_and(kind = 'gold') FROM hitl.task WHERE workflow = 'eli a' AND holder = 'eli_ann';
SELECT count(*), bool_and(kind = 'review') FROM hitl.task WHERE workflow = 'eli a' AND holder IS NULL;
-- Without work there is no test either.
DELETE FROM hitl.task WHERE workflow = 'eli a' AND holder IS NULL;
SELECT pg_temp.claim('eli_ann', 10);
ROLLBACK;
-- With a rate in between, about so many.
BEGIN;
INSERT INTO hitl.decision (workflow, subject) SELECT 'eli a', 'known' FROM generate_series(1, 300) AS n;
SELECT hitl.set_reviewer('eli_bob', max_open => 1000);
SELECT count(hitl.approve(c.task, reviewer => 'eli_bob')) FROM hitl.claim(1000, NULL, 'eli_bob') c;
SELECT count(hitl.add_gold(d.id, 'approved')) FROM hitl.decision d WHERE d.workflow = 'eli a' AND d.subject = 'known';
SELECT hitl.set_queue('eli_a', gold_rate => 0.25), hitl.set_reviewer('eli_ann', max_open => 1000);
INSERT INTO hitl.decision (workflow, subject) SELECT 'eli a', 'new' FROM generate_series(1, 600) AS n;
SELECT count(*) FROM hitl.claim(400, NULL, 'eli_ann');
SELECT count(*) AS held, count(*) FILTER (WHERE kind = 'gold') BETWEEN 60 AND 145 AS known
FROM hitl.task WHERE holder = 'eli_ann';
ROLLBACK;

--
-- The packet of who must judge first: nothing that the AI or others think.
-- A judgment counts when it has committed.
--
SELECT hitl.create_workflow('eli blind', 'eli_blind'), hitl.join_queue('eli_ann', 'eli_blind'),
       hitl.join_queue('eli_bob', 'eli_blind');
SELECT hitl.set_policy('eli blind', blind => true, upper => 0.9, approvals => 2);
INSERT INTO hitl.decision (workflow, subject, confidence, input, output, reasoning, alternatives, context)
VALUES ('eli blind', 'same', 0.4, '{"n": 1}', '{"pay": 1}', 'old', '[1]', NULL);
INSERT INTO hitl.decision (workflow, subject, confidence, input, output, reasoning, alternatives, context)
VALUES ('eli blind', 'same', 0.5, '{"n": 2}', '{"pay": 2, "to": "A"}', 'because', '[{"pay": 3}]', '{"before": {"pay": 1, "to": "A"}}');
\x on
SELECT kind, blind, stage, input, output, confidence, reasoning, alternatives, context, changes, reasons,
       history #- '{subject,0,decision}' #- '{subject,0,created_at}' AS history
FROM hitl.claim(2, NULL, 'eli_ann') WHERE input ->> 'n' = '2';
SELECT input, output, confidence, reasoning, alternatives, changes, reasons,
       history #- '{subject,0,decision}' #- '{subject,0,created_at}' AS history
FROM hitl.packet((SELECT max(id) FROM hitl.task WHERE workflow = 'eli blind'), 'eli_ann');
-- Judged, all is shown; but not of the other one, which is to be judged yet.
SELECT count(*) FROM hitl.judge((SELECT max(id) FROM hitl.task WHERE workflow = 'eli blind'), '"pay"', 'eli_ann');
SELECT blind, input, output, confidence, reasoning, alternatives, changes, reasons,
       history #- '{subject,0,decision}' #- '{subject,0,created_at}' AS history
FROM hitl.packet((SELECT max(id) FROM hitl.task WHERE workflow = 'eli blind'), 'eli_ann');
-- The next person does not see what the first one said either, before their own.
SELECT hitl.approve((SELECT max(id) FROM hitl.task WHERE workflow = 'eli blind'), 'fine', reviewer => 'eli_ann');
SELECT kind, output, reasons, history -> 'verdicts' AS verdicts
FROM hitl.claim(2, NULL, 'eli_bob') WHERE input ->> 'n' = '2';
SELECT count(*) FROM hitl.judge((SELECT max(id) FROM hitl.task WHERE workflow = 'eli blind'), '"pay"', 'eli_bob');
SELECT output, history #- '{verdicts,0,created_at}' -> 'verdicts' AS verdicts
FROM hitl.packet((SELECT max(id) FROM hitl.task WHERE workflow = 'eli blind'), 'eli_bob');
\x off
-- What is decided is history.
SELECT count(hitl.judge(id, '"pay"', holder)) FROM hitl.task WHERE workflow = 'eli blind' AND holder = 'eli_ann';
SELECT hitl.approve(id, reviewer => 'eli_ann') FROM hitl.task WHERE workflow = 'eli blind' AND holder = 'eli_ann';
SELECT count(*) FROM hitl.claim(1, '{eli_blind}', 'eli_bob');
SELECT count(hitl.judge(id, '"pay"', 'eli_bob')) FROM hitl.task WHERE workflow = 'eli blind' AND judgment IS NULL;
SELECT hitl.approve(min(id), reviewer => 'eli_bob') FROM hitl.task WHERE workflow = 'eli blind';
SELECT history #- '{subject,0,decision}' #- '{subject,0,created_at}' -> 'subject' AS subject
FROM hitl.packet((SELECT id FROM hitl.task WHERE workflow = 'eli blind'), 'eli_bob');
SELECT hitl.approve(id, reviewer => 'eli_bob') FROM hitl.task WHERE workflow = 'eli blind';

--
-- The rubric, the notes and the stage.
--
BEGIN;
SELECT hitl.set_workflow('eli a', notes => 'It cannot count.');
SELECT hitl.set_rubric('eli a', '[{"criterion": "tone", "description": "polite?", "most": 3, "required": false},
                                  {"criterion": "facts", "description": "true?"}]');
SELECT hitl.set_policy('eli a', rubric => 1, stages => '{triage,expert}');
INSERT INTO hitl.decision (workflow, subject, output, context)
VALUES ('eli a', 'scored', '{"a": 2}', '{"before": {"a": 1}}'), ('eli a', 'removed', '{"a": 2}', '{"before": null}'),
       ('eli a', 'as is', '{"a": 2}', '[]'), ('eli a', 'no output', NULL, '{"before": 1}');
SELECT rubric, notes, stage FROM hitl.claim(1, NULL, 'eli_ann');
SELECT d.subject, c.changes FROM hitl.claim(3, NULL, 'eli_ann') WITH ORDINALITY AS c
JOIN hitl.decision d ON d.id = c.decision ORDER BY ordinality;
-- It is that of the policy under which the task was claimed.
SELECT hitl.set_rubric('eli a', '[{"criterion": "speed", "description": "fast?"}]');
SELECT hitl.set_policy('eli a', rubric => 2);
SELECT rubric -> 'version' AS version, rubric #> '{criteria,0,criterion}' AS first
FROM hitl.packet(pg_temp.task('scored', 'eli_ann'), 'eli_ann');
ROLLBACK;

--
-- The packet again: for who holds the task, and nobody else; who does not is
-- told the same whether there is such a task or not.
--
BEGIN;
INSERT INTO hitl.decision (workflow, subject, output) VALUES ('eli a', 'mine', '1');
SELECT task, lease FROM hitl.claim(1, NULL, 'eli_ann') \gset
SELECT task = :task AS task, lease = :lease AS lease, output, kind, time_left FROM hitl.packet(:task, 'eli_ann');
SELECT output FROM hitl.packet(:task, 'eli_ann', :lease);
\set VERBOSITY sqlstate
SELECT output FROM hitl.packet(:task, 'eli_ann', :lease + 1);
SELECT output FROM hitl.packet(NULL, 'eli_ann');
\set VERBOSITY default
DO $$
DECLARE
    mine    CONSTANT bigint := pg_temp.task('mine', 'eli_ann');
    foreign_task text;
    no_task text;
BEGIN
    BEGIN
        PERFORM hitl.packet(mine, 'eli_bob');
    EXCEPTION WHEN SQLSTATE 'ZH001' THEN
        foreign_task := replace(sqlerrm, mine::text, 'N');
    END;
    BEGIN
        PERFORM hitl.packet(mine + 1000000, 'eli_bob');
    EXCEPTION WHEN SQLSTATE 'ZH001' THEN
        no_task := replace(sqlerrm, (mine + 1000000)::text, 'N');
    END;
    RAISE NOTICE '%: %', foreign_task, foreign_task = no_task;
END
$$;
UPDATE hitl.task SET lease_until = now(), claimed_at = now() - interval '1 hour' WHERE id = :task;
\set VERBOSITY sqlstate
SELECT output FROM hitl.packet(:task, 'eli_ann');
\set VERBOSITY default
ROLLBACK;

--
-- Questions and answers are shown to whoever holds the task next, and to who
-- gets it from a lead; of what others asked nothing is shown to who judges
-- alone.
--
BEGIN;
INSERT INTO hitl.decision (workflow, subject, output) VALUES ('eli a', 'asked', '1');
SELECT task, decision FROM hitl.claim(1, NULL, 'eli_ann') \gset
SELECT hitl.ask(:task, 'how much?', reviewer => 'eli_ann') IS NOT NULL AS asked;
SELECT jsonb_path_query_array(history, '$.questions[*].question') AS questions, history #> '{questions,0,answer}' AS answer
FROM hitl.packet(:task, 'eli_ann');
SELECT hitl.answer(:'decision', 'a lot');
SELECT hitl.ask(:task, 'and when?', reviewer => 'eli_ann') IS NOT NULL AS asked;
SELECT hitl.release(:task, 'eli_ann');
SELECT q ->> 'question' AS question, q ->> 'asked_by' AS asked_by, q ->> 'answer' AS answer,
       q ? 'asked_at' AS asked_at, q ? 'answered_at' AS answered_at, q ->> 'answered_by' = current_user AS answered_by
FROM hitl.claim(1, NULL, 'eli_bob'), jsonb_array_elements(history -> 'questions') WITH ORDINALITY AS e (q, n)
ORDER BY n;
SET LOCAL ROLE regress_hitl_eli_lead;
SELECT hitl.reassign(:task, 'eli_ann', 'she asked');
RESET ROLE;
SELECT jsonb_array_length(history -> 'questions') AS questions, output FROM hitl.packet(:task, 'eli_ann');
SET LOCAL ROLE regress_hitl_eli_lead;
SELECT hitl.recall(:task, 'or not');
RESET ROLE;
UPDATE hitl.task SET panel = 2 WHERE id = :task;
SELECT history FROM hitl.claim(1, NULL, 'eli_bob');
SELECT hitl.ask(:task, 'who?', reviewer => 'eli_bob') IS NOT NULL AS asked;
SELECT jsonb_path_query_array(history, '$.questions[*].question') AS questions FROM hitl.packet(:task, 'eli_bob');
ROLLBACK;

--
-- F32: claim(n) is not planned, so no plan makes it take more.
--
BEGIN;
INSERT INTO hitl.decision (workflow) SELECT 'eli a' FROM generate_series(1, 2000);
ANALYZE hitl.task;
DELETE FROM hitl.task WHERE workflow = 'eli a' AND id % 2 = 0;
SET LOCAL enable_hashjoin = off;
SET LOCAL enable_mergejoin = off;
SET LOCAL enable_material = off;
SET LOCAL enable_indexscan = off;
SET LOCAL enable_bitmapscan = off;
SELECT count(*), count(DISTINCT task) FROM hitl.claim(7, NULL, 'eli_ann');
SET LOCAL enable_hashjoin = on;
SET LOCAL enable_nestloop = off;
SET LOCAL enable_seqscan = off;
SELECT count(*), count(DISTINCT c.task) FROM hitl.claim(8, NULL, 'eli_ann') c JOIN hitl.task t ON t.id = c.task;
SELECT count(*) FROM hitl.task WHERE holder = 'eli_ann';
ROLLBACK;

--
-- F38: leases run from the clock, not from the start of the transaction, and
-- a claim in an old one is warned of.
--
BEGIN;
INSERT INTO hitl.decision (workflow) SELECT 'eli a' FROM generate_series(1, 3);
SET LOCAL hitl.max_claim_xact = 0;
SELECT pg_sleep(1.2);
SELECT count(*) FROM hitl.claim(1, NULL, 'eli_ann');
SELECT claimed_at > now() + interval '1 second' AS by_the_clock, lease_until - claimed_at AS lease
FROM hitl.task WHERE holder = 'eli_ann';
SET LOCAL hitl.max_claim_xact = '1h';
SELECT count(*) FROM hitl.claim(1, NULL, 'eli_ann');
SET LOCAL hitl.max_claim_xact = -1;
SELECT count(*) FROM hitl.claim(1, NULL, 'eli_ann');
ROLLBACK;

DROP ROLE regress_hitl_eli, regress_hitl_eli2, regress_hitl_eli_lead;
SELECT * FROM hitl.check();
