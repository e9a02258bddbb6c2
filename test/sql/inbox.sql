-- What a reviewer would get, what they have, and how long the queues are.
\set SHOW_CONTEXT never
\set ON_ERROR_ROLLBACK on

SELECT hitl.create_sla('inb_hour', resolution => '1 hour');
SELECT hitl.create_queue('inb_a'), hitl.create_queue('inb_b', 'exposure');
SELECT hitl.create_workflow('inb a', 'inb_a'), hitl.create_workflow('inb a hour', 'inb_a', lane => 0, sla => 'inb_hour'),
       hitl.create_workflow('inb b', 'inb_b', lane => 2);
CREATE ROLE regress_hitl_inb IN ROLE hitl_reviewer, hitl_application;
CREATE ROLE regress_hitl_inb_bot IN ROLE hitl_delegate;
CREATE ROLE regress_hitl_inb_view IN ROLE hitl_viewer;
SELECT hitl.add_reviewer('inb_ann', 'regress_hitl_inb', max_open => 3000), hitl.add_reviewer('inb_bob', max_open => 3000);
SELECT hitl.join_queue(r, q) FROM unnest('{inb_ann,inb_bob}'::text[]) AS r, unnest('{inb_a,inb_b}'::text[]) AS q;

--
-- The inbox is what claims will give, in their order, and takes nothing.
--
BEGIN;
INSERT INTO hitl.decision (workflow, subject, exposure)
SELECT (ARRAY['inb a', 'inb a hour', 'inb b'])[1 + n % 3], n::text, n * 7919 % 100 FROM generate_series(1, 60) AS n;
SET LOCAL ROLE regress_hitl_inb;
INSERT INTO hitl.decision (workflow, subject) VALUES ('inb a hour', 'own');
SELECT lane, queue, kind, workflow, due_at IS NULL AS no_deadline, time_left BETWEEN '59 minutes' AND '1 hour' AS hour,
       waiting < '1 minute' AS new, stage, count(*)
FROM hitl.inbox GROUP BY 1, 2, 3, 4, 5, 6, 7, 8 ORDER BY 1, 2;
SELECT array_agg(task ORDER BY ordinality) AS shown, count(*) FROM hitl.peek(1000) WITH ORDINALITY \gset
SELECT array_agg(task ORDER BY ordinality) = (:'shown'::bigint[])[1:7] AS first_seven FROM hitl.peek(7) WITH ORDINALITY;
SELECT count(*) FROM hitl.peek(1000, '{inb_b}');
SELECT count(*) FROM hitl.my_tasks;
SELECT count(*) AS claimed, array_agg(task ORDER BY ordinality) = :'shown' AS same FROM hitl.claim(1000) WITH ORDINALITY;
SELECT count(*) AS left FROM hitl.inbox;
SELECT count(*) AS claimed, array_agg(task) @> :'shown' AS same FROM hitl.my_tasks;
RESET ROLE;
ROLLBACK;
-- Who is paused or away would get nothing; stand-ins see for whom they do.
BEGIN;
INSERT INTO hitl.decision (workflow) VALUES ('inb a');
SELECT hitl.pause_reviewer('inb_bob', 'on a course');
SELECT count(*) FROM hitl.peek(reviewer => 'inb_bob');
SELECT hitl.resume_reviewer('inb_bob');
SELECT count(*) FROM hitl.peek(reviewer => 'inb_bob');
SELECT hitl.add_reviewer('inb_cid');
SELECT hitl.set_absence('inb_bob', 'infinity', stand_in => 'inb_cid') > 0 AS away;
SELECT count(*) FROM hitl.peek(reviewer => 'inb_bob');
SELECT count(*) FROM hitl.peek(reviewer => 'inb_cid');
SELECT count(*) FROM hitl.peek(1, '{inb_a,inb_b}', 'inb_cid');
ROLLBACK;
-- What one gave back comes last; of several copies one is shown, and a second
-- look is a review like any other.
BEGIN;
SELECT hitl.set_policy('inb a', overlap_rate => 1, stages => '{triage,expert}');
INSERT INTO hitl.decision (workflow, subject) VALUES ('inb a', '1'), ('inb a', '2');
SELECT count(*), count(DISTINCT decision) FROM hitl.task WHERE workflow = 'inb a';
SELECT min(task) AS first FROM hitl.peek(10, NULL, 'inb_ann') \gset
SELECT task - :first AS task, kind, stage FROM hitl.peek(10, NULL, 'inb_ann') WITH ORDINALITY ORDER BY ordinality;
SELECT task = :first AS first FROM hitl.claim(1, NULL, 'inb_ann');
SELECT task - :first AS task FROM hitl.peek(10, NULL, 'inb_ann') WITH ORDINALITY ORDER BY ordinality;
SELECT task - :first AS task, kind FROM hitl.peek(10, NULL, 'inb_bob') WITH ORDINALITY ORDER BY ordinality;
SELECT hitl.release(:first, 'inb_ann');
SELECT task - :first AS task FROM hitl.peek(10, NULL, 'inb_ann') WITH ORDINALITY ORDER BY ordinality;
SELECT task - :first AS task FROM hitl.claim(10, NULL, 'inb_ann') WITH ORDINALITY ORDER BY ordinality;
ROLLBACK;
-- Who may take hardly anything is not shown what is far behind: to look costs
-- the same at any length.  The claim finds it.
BEGIN;
INSERT INTO hitl.decision (workflow) SELECT 'inb a' FROM generate_series(1, 1100);
UPDATE hitl.task SET tier = 2 WHERE workflow = 'inb a';
INSERT INTO hitl.decision (workflow) VALUES ('inb a');
SELECT count(*) FROM hitl.peek(1, NULL, 'inb_ann');
SELECT count(*) FROM hitl.peek(200, NULL, 'inb_ann');
SELECT count(*) FROM hitl.claim(1, NULL, 'inb_ann');
ROLLBACK;
-- Limits, and queues of others.
SELECT count(*) FROM hitl.peek(0, NULL, 'inb_ann');
SELECT count(*) FROM hitl.peek(1001, NULL, 'inb_ann');
\echo :SQLSTATE
SELECT count(*) FROM hitl.peek(1, '{que_due}', 'inb_ann');
\echo :SQLSTATE

--
-- What one holds.
--
BEGIN;
INSERT INTO hitl.decision (workflow, subject) VALUES ('inb a', 'plain'), ('inb a hour', 'hour'), ('inb b', 'asked'), ('inb b', 'over');
SELECT count(*) FROM hitl.claim(10, NULL, 'inb_ann');
UPDATE hitl.task t SET asked_at = now(), asked_until = now() + interval '1 day', due_at = now() + interval '2 hours',
                       lease_until = now() + interval '25 hours', blind = true
FROM hitl.decision d WHERE d.id = t.decision AND d.subject = 'asked' AND t.workflow = 'inb b';
UPDATE hitl.task t SET lease_until = now()
FROM hitl.decision d WHERE d.id = t.decision AND d.subject = 'over' AND t.workflow = 'inb b';
SET LOCAL ROLE regress_hitl_inb;
SELECT workflow, queue, kind, lane, due_at IS NULL AS no_deadline,
       CASE WHEN asked_until IS NULL THEN time_left BETWEEN '59 minutes' AND '1 hour'
            ELSE time_left = '2 hours' END AS time_left,
       lease_left BETWEEN '14 minutes' AND '25 hours' AS lease_left, asked_until IS NOT NULL AS asked,
       stage, on_behalf_of, judged
FROM hitl.my_tasks;
SELECT count(*) FROM hitl.my_tasks m JOIN hitl.held() h USING (task, lease, decision);
RESET ROLE;
SELECT count(*) FROM hitl.held('inb_bob');
ROLLBACK;

--
-- Who may look: a reviewer at their own, a delegate at anybody's.
--
\set VERBOSITY sqlstate
SET ROLE regress_hitl_inb;
SELECT count(*) FROM hitl.inbox;
SELECT count(*) FROM hitl.my_tasks;
SELECT count(*) FROM hitl.held('inb_ann');
SELECT count(*) FROM hitl.held('inb_bob');
SELECT count(*) FROM hitl.peek(1, NULL, 'inb_nobody');
SELECT count(*) FROM hitl.queue_status;
SELECT count(*) FROM hitl.open_depth('inb_a');
SET ROLE regress_hitl_inb_bot;
SELECT count(*) FROM hitl.held('inb_bob');
SELECT count(*) FROM hitl.peek(1, NULL, 'inb_bob');
SELECT count(*) FROM hitl.peek(1, NULL, 'inb_nobody');
SELECT count(*) FROM hitl.inbox;
SET ROLE regress_hitl_inb_view;
SELECT count(*) FROM hitl.inbox;
SELECT count(*) FROM hitl.held('inb_bob');
SELECT count(*) FROM hitl.queue_status WHERE queue = 'inb_a';
RESET ROLE;
\set VERBOSITY default
-- Looking writes nothing.
BEGIN READ ONLY;
SELECT count(*) FROM hitl.peek(1, NULL, 'inb_bob');
SELECT count(*) FROM hitl.held('inb_bob');
SELECT count(*) FROM hitl.packet(1, 'inb_bob');
SELECT count(*) FROM hitl.queue_status WHERE queue = 'inb_a';
ROLLBACK;

--
-- The queues.
--
BEGIN;
INSERT INTO hitl.decision (workflow) SELECT w FROM unnest('{inb a,inb a,inb a hour,inb a hour,inb a hour,inb b}'::text[]) AS w;
SELECT count(*) FROM hitl.claim(2, '{inb_a}', 'inb_ann');
SELECT hitl.pause_reviewer('inb_bob', 'ill');
SELECT queue, lane, open, open_estimated, held, overdue, time_left BETWEEN '59 minutes' AND '1 hour' AS hour,
       next_due_at = now() + time_left - (now() - statement_timestamp()) AS consistent, oldest_wait < '1 minute' AS new,
       members, present
FROM hitl.queue_status WHERE queue ~ '^inb' ORDER BY queue, lane;
-- overdue, open and held; a lease that is over
UPDATE hitl.task SET due_at = now() - interval '1 hour' WHERE workflow = 'inb a hour';
UPDATE hitl.task SET lease_until = now() WHERE id = (SELECT max(id) FROM hitl.task WHERE holder = 'inb_ann');
SELECT hitl.set_absence('inb_ann', 'infinity') > 0 AS away;
SELECT lane, open, held, overdue, next_due_at, time_left, present
FROM hitl.queue_status WHERE queue = 'inb_a' ORDER BY lane;
ROLLBACK;
-- At any length it costs the same: what is long is estimated, and says so.
BEGIN;
CREATE FUNCTION pg_temp.fill(lane int, first int, last int) RETURNS void LANGUAGE sql AS $$
    INSERT INTO hitl.task (decision, workflow, kind, queue, lane, tier, sort_key, submitter, created_at, step,
                           first_review_at, resolution_at, due_at, wake_at)
    SELECT gen_random_uuid(), 'inb a', 'review', 'inb_a', lane, 1, i, 'x', now() - interval '1 day', 0,
           'infinity', 'infinity', CASE WHEN i <= 10 THEN now() - interval '1 hour' ELSE now() + i * interval '1 second' END,
           'infinity'
    FROM generate_series(first, last) AS i
$$;
CREATE FUNCTION pg_temp.buffers(query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    plan json;
BEGIN
    EXECUTE 'EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF, SUMMARY OFF, FORMAT JSON) ' || query INTO plan;
    RETURN (plan #>> '{0,Plan,Shared Hit Blocks}')::bigint + (plan #>> '{0,Plan,Shared Read Blocks}')::bigint;
END
$$;
SELECT pg_temp.fill(1, 1, 10000);
ANALYZE hitl.task;
SELECT lane, open, open_estimated, overdue FROM hitl.queue_status WHERE queue = 'inb_a' ORDER BY lane;
SELECT pg_temp.buffers('SELECT * FROM hitl.queue_status') AS status,
       pg_temp.buffers('SELECT * FROM hitl.peek(100, NULL, ''inb_ann'')') AS peek,
       pg_temp.buffers('SELECT * FROM hitl.held(''inb_ann'')') AS held \gset short_
SELECT pg_temp.fill(1, 10001, 200000);
ANALYZE hitl.task;
SELECT lane, open BETWEEN 150000 AND 250000 AS about, open_estimated, overdue, oldest_wait > '23 hours' AS oldest
FROM hitl.queue_status WHERE queue = 'inb_a' ORDER BY lane;
SELECT pg_temp.buffers('SELECT * FROM hitl.queue_status') AS status,
       pg_temp.buffers('SELECT * FROM hitl.peek(100, NULL, ''inb_ann'')') AS peek,
       pg_temp.buffers('SELECT * FROM hitl.held(''inb_ann'')') AS held \gset long_
SELECT :long_status < 2 * :short_status AS status, :long_peek < 2 * :short_peek AS peek, :long_held < 2 * :short_held AS held;
-- Without statistics as well.
SELECT pg_temp.fill(2, 1, 200000);
SELECT pg_temp.buffers($$SELECT * FROM hitl.queue_status$$) < 4 * :short_status AS status;
ROLLBACK;

DELETE FROM hitl.membership WHERE reviewer = 'inb_ann';
DELETE FROM hitl.reviewer WHERE name = 'inb_ann';
DROP ROLE regress_hitl_inb, regress_hitl_inb_bot, regress_hitl_inb_view;
SELECT * FROM hitl.check();
