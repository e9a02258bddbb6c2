-- Clocks: deadlines run from the insert of a decision, and what follows a
-- breach happens once, in order.  A background worker may be serving this
-- database: whether it or tick() came first, the result is the same.
\set SHOW_CONTEXT never
\set ON_ERROR_ROLLBACK on

-- Where a task is, with its times relative to its start.
CREATE FUNCTION pg_temp.state(flow text)
RETURNS TABLE (subject text, queue text, lane smallint, tier int, step int, holder text,
               first_review interval, resolution interval, due interval, wake interval)
LANGUAGE sql AS $$
    SELECT d.subject, t.queue, t.lane, t.tier, t.step, t.holder,
           CASE WHEN t.first_review_at < 'infinity' THEN t.first_review_at - t.created_at END,
           CASE WHEN t.resolution_at < 'infinity' THEN t.resolution_at - t.created_at END,
           CASE WHEN t.due_at < 'infinity' THEN t.due_at - t.created_at END,
           CASE WHEN t.wake_at < 'infinity' THEN t.wake_at - t.created_at END
    FROM hitl.task t JOIN hitl.decision d ON d.id = t.decision
    WHERE t.workflow = flow
    ORDER BY t.id
$$;
-- What the clock did, and told.
CREATE FUNCTION pg_temp.record(flow text)
RETURNS TABLE (subject text, kind text, actor text, clock text, step text, from_queue text,
               to_queue text, tier text, lane text, late boolean, new_due_at boolean)
LANGUAGE sql AS $$
    SELECT d.subject, e.kind, e.actor, e.detail ->> 'clock', e.detail ->> 'step',
           e.detail ->> 'from_queue', e.detail ->> 'to_queue', e.detail ->> 'tier',
           e.detail ->> 'lane', (e.detail ->> 'due_at')::timestamptz <= e.created_at,
           (e.detail ->> 'new_due_at')::timestamptz > e.created_at
    FROM hitl.event e JOIN hitl.decision d ON d.id = e.decision
    WHERE e.workflow = flow AND e.actor = 'clock'
    ORDER BY d.id, e.id
$$;
-- Lets time pass: all deadlines of a workflow come nearer.
CREATE FUNCTION pg_temp.pass(flow text, span interval) RETURNS void
LANGUAGE sql AS $$
    UPDATE hitl.task
    SET first_review_at = first_review_at - span, resolution_at = resolution_at - span,
        due_at = due_at - span, wake_at = wake_at - span, lease_until = lease_until - span
    WHERE workflow = flow
$$;
-- The clock has nothing more to do for a workflow.  (Whoever updates a task at
-- the same time makes tick() leave it for later.)
CREATE FUNCTION pg_temp.settle(flow text) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1 .. 1000 LOOP
        PERFORM hitl.tick();
        IF NOT EXISTS (SELECT FROM hitl.task
                       WHERE workflow = flow AND wake_at <= clock_timestamp()) THEN
            RETURN true;
        END IF;
        PERFORM pg_sleep(0.01);
    END LOOP;
    RETURN false;
END
$$;

-- An SLA has one clock or two.  Both start with the decision; what is nearer
-- is due.
SELECT hitl.create_queue('clk'), hitl.create_queue('clk_second'), hitl.create_queue('clk_third', 'fifo');
SELECT hitl.create_sla('clk_first', first_review => '10 minutes'),
       hitl.create_sla('clk_resolution', resolution => '2 hours'),
       hitl.create_sla('clk_both', first_review => '10 minutes', resolution => '2 hours');
SELECT hitl.create_workflow('clk none', 'clk'),
       hitl.create_workflow('clk first', 'clk', sla => 'clk_first'),
       hitl.create_workflow('clk resolution', 'clk', sla => 'clk_resolution'),
       hitl.create_workflow('clk both', 'clk', sla => 'clk_both');
SELECT hitl.add_reviewer('clk_ann', tier => 1, max_open => 100), hitl.add_reviewer('clk_boss', tier => 5);
SELECT hitl.join_queue('clk_ann', 'clk'), hitl.join_queue('clk_boss', 'clk'), hitl.join_queue('clk_boss', 'clk_second');
BEGIN;
INSERT INTO hitl.decision (workflow, subject)
VALUES ('clk none', 'a'), ('clk first', 'b'), ('clk resolution', 'c'), ('clk both', 'd');
SELECT subject, first_review, resolution, due, wake
FROM unnest('{clk none,clk first,clk resolution,clk both}'::text[]) AS flow, pg_temp.state(flow)
ORDER BY subject;
SELECT created_at = (SELECT created_at FROM hitl.decision d WHERE d.id = t.decision) AS from_the_decision
FROM hitl.task t WHERE workflow = 'clk both';
-- A claim meets the first review; what is left is the resolution, and the end
-- of the lease.
SELECT count(*) FROM hitl.claim(10, '{clk}', 'clk_ann');
SELECT subject, holder, first_review, resolution, due, date_trunc('minute', wake + '10 seconds') AS wake
FROM unnest('{clk none,clk first,clk resolution,clk both}'::text[]) AS flow, pg_temp.state(flow)
ORDER BY subject;
-- A release does not start it again.
SELECT count(hitl.release(id, 'clk_ann')::text) FROM hitl.task WHERE holder = 'clk_ann';
SELECT subject, holder, first_review, resolution, due, wake
FROM unnest('{clk none,clk first,clk resolution,clk both}'::text[]) AS flow, pg_temp.state(flow)
ORDER BY subject;
ROLLBACK;

-- Days have 24 hours, whatever the time zone of the session and its daylight
-- saving.
SELECT hitl.create_sla('clk_days', resolution => '1 year');
SELECT hitl.create_workflow('clk days', 'clk', sla => 'clk_days');
BEGIN;
SET LOCAL timezone = 'America/New_York';
INSERT INTO hitl.decision (id, workflow, subject) VALUES (hitl.uuid_floor('2001-02-28 23:00:00+00'), 'clk days', 'NY');
SET LOCAL timezone = 'Australia/Lord_Howe';
INSERT INTO hitl.decision (id, workflow, subject) VALUES (hitl.uuid_floor('2001-02-28 23:00:00.001+00'), 'clk days', 'LH');
SELECT to_char(resolution_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.MS') AS resolution_at
FROM hitl.task WHERE workflow = 'clk days' ORDER BY id;
ROLLBACK;

-- Nothing is due: nothing happens.
INSERT INTO hitl.decision (workflow, subject) VALUES ('clk first', 'waits');
SELECT pg_temp.settle('clk first');
SELECT * FROM pg_temp.record('clk first');

-- A breach without a step to take is put on record, once; the task waits on,
-- and stays overdue.
SELECT pg_temp.pass('clk first', '11 minutes');
SELECT pg_temp.settle('clk first'), pg_temp.settle('clk first');
SELECT subject, queue, step, first_review, due < '0' AS overdue, wake FROM pg_temp.state('clk first');
SELECT * FROM pg_temp.record('clk first');
-- It can be claimed and decided as before.
SELECT hitl.approve(task, reviewer => 'clk_ann') FROM hitl.claim(1, '{clk}', 'clk_ann');

-- The steps of an escalation, one a breach: another queue and a new window; a
-- higher tier; a lane.  After the last the task is held where it is.
SELECT hitl.create_sla('clk_steps', first_review => '5 minutes');
SELECT hitl.add_escalation('clk_steps', 1, to_queue => 'clk_second', within => '10 minutes'),
       hitl.add_escalation('clk_steps', 2, tier => 3, within => '20 minutes'),
       hitl.add_escalation('clk_steps', 3, to_queue => 'clk_third', tier => 2, lane => 0, within => '30 minutes');
SELECT hitl.create_workflow('clk steps', 'clk', sla => 'clk_steps');
INSERT INTO hitl.decision (workflow, subject) VALUES ('clk steps', 'x'), ('clk steps', 'y');
SELECT pg_temp.pass('clk steps', '6 minutes');
SELECT pg_temp.settle('clk steps');
SELECT subject, queue, lane, tier, step, first_review < '1 hour' AS first_review, due = wake AS due_is_wake
FROM pg_temp.state('clk steps');
-- (the window counts from the step)
SELECT bool_and(first_review_at - clock_timestamp() BETWEEN '9 minutes' AND '10 minutes') AS window_
FROM hitl.task WHERE workflow = 'clk steps';
SELECT pg_temp.pass('clk steps', '11 minutes');
SELECT pg_temp.settle('clk steps');
SELECT subject, queue, lane, tier, step FROM pg_temp.state('clk steps');
SELECT pg_temp.pass('clk steps', '21 minutes');
SELECT pg_temp.settle('clk steps');
-- (a step does not lower a tier)
SELECT subject, queue, lane, tier, step FROM pg_temp.state('clk steps');
SELECT pg_temp.pass('clk steps', '31 minutes');
SELECT pg_temp.settle('clk steps');
SELECT pg_temp.pass('clk steps', '1 day');
SELECT pg_temp.settle('clk steps');
SELECT subject, queue, lane, tier, step, wake FROM pg_temp.state('clk steps');
SELECT * FROM pg_temp.record('clk steps');
-- In its new queue it stands in that queue's order, here first in first out.
SELECT subject, t.sort_key = extract(epoch FROM t.created_at - '2000-01-01 00:00:00+00')::float8 * 1000000 AS by_age
FROM hitl.task t JOIN hitl.decision d ON d.id = t.decision WHERE t.workflow = 'clk steps' ORDER BY t.id;

-- Two clocks, both over: one breach each, the earlier first, each with its
-- step.
SELECT hitl.create_sla('clk_two', first_review => '5 minutes', resolution => '30 minutes');
SELECT hitl.add_escalation('clk_two', 1, lane => 0), hitl.add_escalation('clk_two', 2, to_queue => 'clk_second');
SELECT hitl.create_workflow('clk two', 'clk', sla => 'clk_two');
INSERT INTO hitl.decision (workflow, subject) VALUES ('clk two', 'both');
SELECT pg_temp.pass('clk two', '31 minutes');
SELECT pg_temp.settle('clk two');
SELECT subject, queue, lane, step, first_review, resolution, wake FROM pg_temp.state('clk two');
SELECT subject, kind, clock, step, from_queue, to_queue, lane FROM pg_temp.record('clk two');

-- A breach does not take the task from whoever holds it; the resolution runs
-- on while it is held.
SELECT hitl.create_sla('clk_held', resolution => '30 minutes');
SELECT hitl.add_escalation('clk_held', 1, to_queue => 'clk_second', tier => 4);
SELECT hitl.create_workflow('clk held', 'clk', sla => 'clk_held');
INSERT INTO hitl.decision (workflow, subject) VALUES ('clk held', 'busy');
SELECT task AS t FROM hitl.claim(1, '{clk}', 'clk_ann') WHERE workflow = 'clk held' \gset
UPDATE hitl.task SET resolution_at = now() - interval '1 second', wake_at = now() - interval '1 second' WHERE id = :t;
SELECT pg_temp.settle('clk held');
SELECT subject, queue, tier, step, holder FROM pg_temp.state('clk held');
SELECT hitl.approve(:t, reviewer => 'clk_ann');

-- A lease that is over ends: the task goes back to its queue and the record
-- says who had it.
INSERT INTO hitl.decision (workflow, subject) VALUES ('clk none', 'left');
SELECT count(*) FROM hitl.claim(1, '{clk}', 'clk_ann');
SELECT pg_temp.pass('clk none', '16 minutes');
SELECT pg_temp.settle('clk none');
SELECT subject, queue, holder, wake FROM pg_temp.state('clk none');
SELECT kind, actor, detail ->> 'holder' AS holder FROM hitl.event
WHERE workflow = 'clk none' AND task IS NOT NULL ORDER BY id;
SELECT hitl.approve(task, reviewer => 'clk_boss') FROM hitl.claim(1, '{clk}', 'clk_boss');

-- A real clock: a deadline of one second is over after one.
SELECT hitl.create_sla('clk_second', first_review => '1 second');
SELECT hitl.add_escalation('clk_second', 1, lane => 0);
SELECT hitl.create_workflow('clk second', 'clk', lane => 2, sla => 'clk_second');
INSERT INTO hitl.decision (workflow, subject) VALUES ('clk second', 'quick');
SELECT pg_sleep(1.1);
SELECT pg_temp.settle('clk second');
SELECT subject, lane, step, wake FROM pg_temp.state('clk second');
SELECT subject, kind, clock, late, new_due_at FROM pg_temp.record('clk second');
SELECT count(*) AS records FROM hitl.event WHERE workflow = 'clk second' AND decision IS NOT NULL;

-- An SLA that is gone: the task stays and can be claimed.
SELECT hitl.create_sla('clk_gone', first_review => '5 minutes');
SELECT hitl.add_escalation('clk_gone', 1, lane => 0);
SELECT hitl.create_workflow('clk gone', 'clk', sla => 'clk_gone');
INSERT INTO hitl.decision (workflow, subject) VALUES ('clk gone', 'before');
DELETE FROM hitl.escalation_step WHERE sla = 'clk_gone';
DELETE FROM hitl.sla WHERE name = 'clk_gone';
INSERT INTO hitl.decision (workflow, subject) VALUES ('clk gone', 'after');
SELECT pg_temp.pass('clk gone', '6 minutes');
SELECT pg_temp.settle('clk gone');
SELECT subject, lane, step, due < '0' AS overdue, wake FROM pg_temp.state('clk gone');
SELECT subject, kind FROM pg_temp.record('clk gone');

-- A deadline without an SLA, as an operator may set one by hand.
INSERT INTO hitl.decision (workflow, subject) VALUES ('clk none', 'by hand');
UPDATE hitl.task SET resolution_at = now() - interval '1 second', wake_at = now() - interval '1 second'
WHERE workflow = 'clk none';
SELECT pg_temp.settle('clk none');
SELECT subject, kind, clock FROM pg_temp.record('clk none') WHERE subject = 'by hand';

-- A step to a queue that is gone: the task waits there until it is back.
SELECT hitl.create_queue('clk_lost');
SELECT hitl.create_sla('clk_lost', first_review => '5 minutes');
SELECT hitl.add_escalation('clk_lost', 1, to_queue => 'clk_lost');
SELECT hitl.create_workflow('clk lost', 'clk', sla => 'clk_lost');
INSERT INTO hitl.decision (workflow, subject) VALUES ('clk lost', 'found');
DELETE FROM hitl.queue WHERE name = 'clk_lost';
SELECT pg_temp.pass('clk lost', '6 minutes');
SELECT pg_temp.settle('clk lost');
SELECT subject, queue, step, wake FROM pg_temp.state('clk lost');
SELECT hitl.create_queue('clk_lost'), hitl.join_queue('clk_boss', 'clk_lost');
SELECT workflow, queue, hitl.approve(task, reviewer => 'clk_boss')
FROM hitl.claim(1, '{clk_lost}', 'clk_boss');

-- tick() says how much it did: nothing, when all is done.
SELECT pg_temp.settle('clk gone');
BEGIN;
SELECT hitl.tick() AS did;
ROLLBACK;

-- The tasks left here are no longer wanted.
UPDATE hitl.task SET tier = 1, lane = 1, queue = 'clk' WHERE workflow ~ '^clk';
SELECT count(hitl.approve(task, reviewer => 'clk_ann')) FROM hitl.claim(100, '{clk}', 'clk_ann');
SELECT c.* FROM hitl.check() c JOIN hitl.decision d ON d.id = c.decision WHERE d.workflow ~ '^clk';
