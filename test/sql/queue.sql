-- Queues and claims: who gets which task, and in which order.
\set SHOW_CONTEXT never
\set ON_ERROR_ROLLBACK on

-- A claim, as the subjects of the decisions that it got, in the order got.
CREATE FUNCTION pg_temp.claim(who text, n int DEFAULT 1, queues text[] DEFAULT NULL)
RETURNS TABLE (subject text, workflow text, queue text, lane smallint, kind text)
LANGUAGE sql AS $$
    SELECT (SELECT d.subject FROM hitl.decision d WHERE d.id = c.decision),
           c.workflow, c.queue, c.lane, c.kind
    FROM hitl.claim(n, queues, who) WITH ORDINALITY AS c
    ORDER BY ordinality
$$;
-- Gives back all that a reviewer holds.
CREATE FUNCTION pg_temp.give_back(who text) RETURNS bigint
LANGUAGE sql AS $$
    SELECT count(*) FROM (SELECT hitl.release(t.id, who)
                          FROM hitl.task t WHERE t.holder = who OFFSET 0) s
$$;

-- Workflows of all three lanes share a queue; some have a deadline.
SELECT hitl.create_sla('que_hour', resolution => '1 hour'),
       hitl.create_sla('que_day', first_review => '2 days', resolution => '1 day');
SELECT hitl.create_queue('que_due'), hitl.create_queue('que_fifo', 'fifo'),
       hitl.create_queue('que_other');
SELECT hitl.create_workflow('que p0', 'que_due', lane => 0),
       hitl.create_workflow('que p1', 'que_due'),
       hitl.create_workflow('que p1 day', 'que_due', sla => 'que_day'),
       hitl.create_workflow('que p1 hour', 'que_due', sla => 'que_hour'),
       hitl.create_workflow('que p2 hour', 'que_due', lane => 2, sla => 'que_hour');
SELECT hitl.create_workflow('que fifo', 'que_fifo'),
       hitl.create_workflow('que fifo hour', 'que_fifo', sla => 'que_hour');
SELECT hitl.create_workflow('que other', 'que_other', lane => 0);
SELECT hitl.add_reviewer('que_ann'), hitl.add_reviewer('que_bob'),
       hitl.add_reviewer('que_eve', tier => 2, max_open => 2);
SELECT hitl.join_queue('que_ann', 'que_due'), hitl.join_queue('que_ann', 'que_fifo'),
       hitl.join_queue('que_bob', 'que_due'), hitl.join_queue('que_eve', 'que_due');

-- A lane is served before the next one; within a lane the earliest deadline
-- comes first, what has none last and by age.
INSERT INTO hitl.decision (workflow, subject)
VALUES ('que p2 hour', 'a'), ('que p1', 'b'), ('que p1', 'c'), ('que p1 day', 'd'),
       ('que p1 hour', 'e'), ('que p1 hour', 'f'), ('que p0', 'g');
BEGIN;
SELECT * FROM pg_temp.claim('que_ann', 10);
-- They are gone for the next one ...
SELECT * FROM pg_temp.claim('que_bob', 10);
-- ... until they are given back, each to its place.
SELECT pg_temp.give_back('que_ann');
SELECT * FROM pg_temp.claim('que_bob', 2);
SELECT * FROM pg_temp.claim('que_ann', 3);
ROLLBACK;

-- First in, first out: no deadline counts.
INSERT INTO hitl.decision (workflow, subject)
VALUES ('que fifo', 'k'), ('que fifo hour', 'l'), ('que fifo', 'm'), ('que fifo hour', 'n');
BEGIN;
SELECT * FROM pg_temp.claim('que_ann', 3, '{que_fifo}');
ROLLBACK;

-- A reviewer works on all their queues, lane by lane; or on those they name.
INSERT INTO hitl.decision (workflow, subject) VALUES ('que other', 'z');
BEGIN;
SELECT lane, count(*), string_agg(DISTINCT queue, ', ' ORDER BY queue) AS queues
FROM pg_temp.claim('que_ann', 20) GROUP BY lane ORDER BY lane;
ROLLBACK;
BEGIN;
SELECT subject, queue FROM pg_temp.claim('que_ann', 1, '{que_fifo,que_due,que_fifo}');
SELECT subject, queue FROM pg_temp.claim('que_ann', 1, '{que_fifo}');
SELECT subject, queue FROM pg_temp.claim('que_ann', 1, '{}');
-- Nobody claims from a queue of others.
SELECT * FROM pg_temp.claim('que_ann', 1, '{que_due,que_other}');
\echo :SQLSTATE
SELECT * FROM pg_temp.claim('que_ann', 1, '{que_nowhere}');
SELECT * FROM pg_temp.claim('que_ann', 1, ARRAY[NULL]);
\echo :SQLSTATE
-- What is equally urgent comes by age, also from different queues.
SELECT hitl.join_queue('que_ann', 'que_other');
INSERT INTO hitl.decision (workflow, subject) VALUES ('que p0', 'after z');
SELECT subject, queue FROM pg_temp.claim('que_ann', 2);
-- Who leaves a queue gets nothing more from it.
SELECT hitl.leave_queue('que_ann', q) FROM unnest('{que_due,que_fifo,que_other}'::text[]) AS q;
SELECT * FROM pg_temp.claim('que_ann');
SELECT * FROM pg_temp.claim('que_ann', 1, '{que_due}');
ROLLBACK;

-- A task of a higher tier is for reviewers of that tier, who take the others
-- as well.
BEGIN;
UPDATE hitl.task t SET tier = 2
FROM hitl.decision d WHERE d.id = t.decision AND d.workflow = 'que p0';
SELECT subject FROM pg_temp.claim('que_bob');
SELECT subject FROM pg_temp.claim('que_eve', 2);
ROLLBACK;

-- Nobody holds more than they may.
BEGIN;
SELECT subject FROM pg_temp.claim('que_eve', 5);
SELECT subject FROM pg_temp.claim('que_eve');
\echo :SQLSTATE
SELECT hitl.release(id, 'que_eve') FROM hitl.task WHERE holder = 'que_eve' ORDER BY lane LIMIT 1;
-- (what was given back comes last)
SELECT subject FROM pg_temp.claim('que_eve', 5);
ROLLBACK;

-- One call claims 1 to 1000 tasks.
SELECT subject FROM pg_temp.claim('que_ann', 0);
SELECT subject FROM pg_temp.claim('que_ann', 1001);
SELECT subject FROM pg_temp.claim('que_ann', -2147483648);
\echo :SQLSTATE
BEGIN;
SELECT subject FROM pg_temp.claim('que_ann', NULL);
ROLLBACK;

-- Who claims: the login of a reviewer, or a delegate that names one.
CREATE ROLE regress_hitl_cid IN ROLE hitl_reviewer;
CREATE ROLE regress_hitl_dan IN ROLE hitl_reviewer;
CREATE ROLE regress_hitl_bot IN ROLE hitl_delegate;
SELECT hitl.add_reviewer('que_cid', login => 'regress_hitl_cid');
SELECT hitl.join_queue('que_cid', 'que_due');
BEGIN;
SET LOCAL ROLE regress_hitl_cid;
SELECT lane, workflow FROM hitl.claim();
SELECT lane, workflow FROM hitl.claim(reviewer => 'que_cid');
-- Naming somebody else is for delegates alone; whether there is such a person
-- is not said.
SELECT lane, workflow FROM hitl.claim(reviewer => 'que_ann');
\echo :SQLSTATE
SELECT lane, workflow FROM hitl.claim(reviewer => 'que_nobody');
\echo :SQLSTATE
SET LOCAL ROLE regress_hitl_dan;
SELECT lane, workflow FROM hitl.claim();
\echo :SQLSTATE
SET LOCAL ROLE regress_hitl_bot;
SELECT lane, workflow FROM hitl.claim(reviewer => 'que_ann');
SELECT lane, workflow FROM hitl.claim(reviewer => 'que_nobody');
\echo :SQLSTATE
\set VERBOSITY sqlstate
SELECT lane, workflow FROM hitl.claim(reviewer => repeat('x', 1000));
\set VERBOSITY default
SELECT lane, workflow FROM hitl.claim();
RESET ROLE;
-- The record says who was named by whom.
SELECT e.actor, e.detail ->> 'asserted_by' AS asserted_by, e.detail ->> 'queue' AS queue,
       (e.detail ->> 'lease_until')::timestamptz - e.created_at AS lease
FROM hitl.event e
WHERE e.kind = 'claimed' AND e.workflow ~ '^que' ORDER BY e.id;
ROLLBACK;

-- Nobody reviews what they submitted: it is not offered to them.
GRANT hitl_application TO regress_hitl_cid;
BEGIN;
SET LOCAL ROLE regress_hitl_cid;
INSERT INTO hitl.decision (workflow, subject, question) VALUES ('que p0', 'own', 'mine?');
SELECT count(*) FILTER (WHERE question = 'mine?') AS own, count(*) AS all FROM hitl.claim(10);
RESET ROLE;
SELECT subject FROM pg_temp.claim('que_bob', 10);
ROLLBACK;

-- The packet: all that there is to know.
BEGIN;
SELECT hitl.add_code('QUE_DUPLICATE', 'paid before', 'que p1 hour');
INSERT INTO hitl.decision (workflow, subject, confidence, output)
VALUES ('que p0', 'C-17', 0.3, '{"other workflow": true}'),
       ('que p1 hour', 'C-17', 0.4, '{"pay": 1}'), ('que p1 hour', 'C-17', 0.5, '{"pay": 2}');
SELECT count(*) FROM (SELECT hitl.reject(task, 'UNSAFE', 'look again', 'que_ann')
                      FROM hitl.claim(8, '{que_due}', 'que_ann') AS c
                      WHERE output ->> 'pay' = '1') s;
INSERT INTO hitl.decision (workflow, subject, confidence, input, output, reasoning, alternatives,
                           context, question)
VALUES ('que p1 hour', 'C-17', 0.75, '{"amount": 900}', '{"pay": 900}', 'as in the contract',
        '[{"pay": 0}]', '{"contract": "C"}', 'Pay C-17 in full?');
UPDATE hitl.task t SET lane = 0, sort_key = 0
FROM hitl.decision d WHERE d.id = t.decision AND d.context IS NOT NULL AND t.workflow ~ '^que';
\x on
SELECT task > 0 AS task, lease IS NOT NULL AS lease, decision IS NOT NULL AS decision, workflow, queue, kind,
       lane, due_at > now() AS due, time_left BETWEEN '59 minutes' AND '1 hour' AS left, question, reasons,
       input, output, confidence, reasoning, alternatives, context, codes, rubric
FROM hitl.claim(1, NULL, 'que_bob');
\x off
-- What was decided before on this subject in this workflow, the latest first.
SELECT pg_temp.give_back('que_bob');
SELECT h ->> 'confidence' AS confidence, h ->> 'output' AS output, h ->> 'route' AS route,
       h ->> 'outcome' AS outcome, h ->> 'note' AS note
FROM hitl.claim(1, NULL, 'que_ann'), jsonb_array_elements(history -> 'subject') WITH ORDINALITY AS j (h, n)
ORDER BY n;
-- A decision without question, deadline and history.
SELECT question, due_at, time_left, history, codes FROM hitl.claim(1, '{que_due}', 'que_ann');
ROLLBACK;
-- Without its own question a decision has that of the workflow; the history is
-- not longer than five.
BEGIN;
SELECT hitl.create_workflow('que long', 'que_long', question => 'Is it right?'),
       hitl.join_queue('que_ann', 'que_long');
INSERT INTO hitl.decision (workflow, subject, confidence) SELECT 'que long', 'S', n / 10.0 FROM generate_series(1, 9) AS n;
SELECT question, confidence, jsonb_path_query_array(history, '$.subject[*].confidence') AS before
FROM hitl.claim(10, '{que_long}', 'que_ann');
-- A change of the policy leaves the question as it is.
SELECT hitl.set_policy('que long', upper => 0.99);
SELECT pg_temp.give_back('que_ann');
SELECT question, confidence FROM hitl.claim(1, '{que_long}', 'que_ann');
ROLLBACK;

-- An end to the lease: who holds a task for longer than the queue allows can
-- no longer decide it, and the next one gets it.
BEGIN;
SELECT hitl.create_queue('que_short', lease => '1 second');
SELECT hitl.create_workflow('que short', 'que_short');
SELECT hitl.join_queue('que_ann', 'que_short'), hitl.join_queue('que_bob', 'que_short');
INSERT INTO hitl.decision (workflow, subject) VALUES ('que short', 's1');
SELECT task AS late, lease FROM hitl.claim(1, '{que_short}', 'que_ann') \gset
SELECT subject FROM pg_temp.claim('que_bob', 1, '{que_short}');
SELECT pg_sleep(1.1);
\set VERBOSITY sqlstate
SELECT hitl.approve(:late, reviewer => 'que_ann');
SELECT hitl.release(:late, reviewer => 'que_ann');
-- (also when the clock has put it back meanwhile)
SELECT hitl.tick() > 0 AS ticked;
SELECT hitl.approve(:late, reviewer => 'que_ann');
SELECT hitl.release(:late, reviewer => 'que_ann');
SELECT subject FROM pg_temp.claim('que_bob', 1, '{que_short}');
SELECT hitl.approve(:late, reviewer => 'que_ann', lease => :lease);
SELECT hitl.release(:late, reviewer => 'que_ann');
\set VERBOSITY default
SELECT hitl.approve(:late, reviewer => 'que_bob');
SELECT kind, actor, detail ->> 'holder' AS holder FROM hitl.event WHERE task = :late ORDER BY id;
SELECT reviewer, outcome FROM hitl.verdict WHERE task = :late;
ROLLBACK;

-- A lease that is over does not count as held.
BEGIN;
SELECT hitl.create_workflow('que short', 'que_short');
SELECT hitl.join_queue('que_eve', 'que_short');
INSERT INTO hitl.decision (workflow, subject) VALUES ('que short', 's1'), ('que short', 's2'), ('que short', 's3');
SELECT subject FROM pg_temp.claim('que_eve', 5, '{que_short}');
UPDATE hitl.task SET lease_until = now() - interval '1 second', wake_at = now() - interval '1 second'
WHERE holder = 'que_eve';
SELECT subject FROM pg_temp.claim('que_eve', 5, '{que_short}') ORDER BY 1;
ROLLBACK;

-- A claim that gets less than it asked for looks whether the clock is behind:
-- also at what it has just claimed.
BEGIN;
SELECT hitl.create_workflow('que short', 'que_short');
SELECT hitl.join_queue('que_eve', 'que_short');
INSERT INTO hitl.decision (workflow, subject) VALUES ('que short', 'late');
UPDATE hitl.task SET resolution_at = now() - interval '1 hour', wake_at = now() - interval '1 hour',
                     due_at = now() - interval '1 hour'
WHERE queue = 'que_short';
SELECT subject FROM pg_temp.claim('que_eve', 2, '{que_short}');
SELECT kind, actor FROM hitl.event
WHERE task = (SELECT max(id) FROM hitl.task WHERE queue = 'que_short') ORDER BY kind;
SELECT holder, resolution_at, wake_at = lease_until AS wakes FROM hitl.task WHERE queue = 'que_short';
ROLLBACK;

-- A claim that is rolled back is none.
BEGIN;
SELECT subject FROM pg_temp.claim('que_bob');
SAVEPOINT s;
SELECT subject FROM pg_temp.claim('que_bob');
ROLLBACK TO s;
SELECT subject FROM pg_temp.claim('que_bob');
ROLLBACK;
SELECT count(*) FROM hitl.task WHERE holder ~ '^que';

-- Many at once are each got once.
BEGIN;
SELECT hitl.add_reviewer('que_all', max_open => 5000), hitl.join_queue('que_all', 'que_due');
INSERT INTO hitl.decision (workflow) SELECT 'que p1' FROM generate_series(1, 1500);
SELECT count(DISTINCT task), count(DISTINCT lease) FROM hitl.claim(1000, NULL, 'que_all');
SELECT count(DISTINCT task), count(DISTINCT lease) FROM hitl.claim(1000, NULL, 'que_all');
SELECT count(*) FROM hitl.claim(1000, NULL, 'que_all');
ROLLBACK;

DELETE FROM hitl.membership WHERE reviewer = 'que_cid';
DELETE FROM hitl.reviewer WHERE name = 'que_cid';
DROP ROLE regress_hitl_cid, regress_hitl_dan, regress_hitl_bot;
