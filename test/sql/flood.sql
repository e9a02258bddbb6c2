-- One application sends everything to people: how many open tasks a workflow
-- may have, and that the work of others is done all the same.
\set SHOW_CONTEXT never

SELECT hitl.create_workflow('flood', queue => 'pool', quota => 64), hitl.set_policy('flood', upper => 0.9, audit_rate_approve => 0);
SELECT hitl.create_workflow('calm', queue => 'pool'), hitl.set_policy('calm', upper => 0.9, audit_rate_approve => 0);
SELECT hitl.add_reviewer('flo', max_open => 1000), hitl.join_queue('flo', 'pool');
CREATE FUNCTION pg_temp.flood(n int, confidence float8 DEFAULT 0.5, name text DEFAULT 'flood') RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    made bigint;
BEGIN
    INSERT INTO hitl.decision (workflow, confidence) SELECT name, flood.confidence FROM generate_series(1, n);
    GET DIAGNOSTICS made = ROW_COUNT;
    RETURN made;
EXCEPTION WHEN configuration_limit_exceeded THEN
    RETURN SQLSTATE || ': ' || SQLERRM;
END
$$;
-- people work off some, the oldest first
CREATE FUNCTION pg_temp.work_off(n int) RETURNS bigint
LANGUAGE sql AS $$
    SELECT count(hitl.approve(task, reviewer => 'flo')) FROM hitl.claim(n, reviewer => 'flo')
$$;
CREATE VIEW pg_temp.open AS
SELECT (SELECT count(*) FROM hitl.task WHERE workflow = 'flood') AS tasks,
       (SELECT count(*) FROM hitl.quota_task WHERE workflow = 'flood') AS counted,
       (SELECT count(*) FROM hitl.quota_task WHERE workflow <> 'flood') AS others;

-- a statement comes in as a whole or not at all
SELECT pg_temp.flood(1), pg_temp.flood(62), pg_temp.flood(2), pg_temp.flood(1), pg_temp.flood(1);
TABLE pg_temp.open;
INSERT INTO hitl.decision (workflow, confidence) VALUES ('flood', 0.5);
-- what needs nobody passes, other workflows pass
SELECT pg_temp.flood(100, 0.95), pg_temp.flood(100, 0.5, 'calm');
TABLE pg_temp.open;

-- each task that ends makes room, however it ends
BEGIN;
SELECT pg_temp.work_off(64), pg_temp.flood(64), pg_temp.flood(1);
ROLLBACK;
TABLE pg_temp.open;
SELECT pg_temp.work_off(2), pg_temp.flood(3), pg_temp.flood(2);
-- and what is rolled back takes none
BEGIN;
SELECT pg_temp.work_off(1);
SAVEPOINT s;
SELECT pg_temp.flood(1), pg_temp.flood(1);
ROLLBACK TO s;
SELECT pg_temp.flood(1), pg_temp.flood(1);
ROLLBACK;
SELECT pg_temp.flood(1);
TABLE pg_temp.open;

-- rows that are left over do not count
BEGIN;
CREATE TABLE pg_temp.kept AS SELECT * FROM hitl.quota_task;
SELECT pg_temp.work_off(64);
INSERT INTO hitl.quota_task SELECT * FROM pg_temp.kept ON CONFLICT DO NOTHING;
TABLE pg_temp.open;
SELECT pg_temp.flood(63), pg_temp.flood(62), pg_temp.flood(1);
SELECT hitl.set_workflow('flood', quota => 65);
TABLE pg_temp.open;
ROLLBACK;

-- an insert that the lottery might send to people is refused before it is
-- drawn: to try again changes nothing
SELECT hitl.set_policy('flood', audit_rate_approve => 0.000001);
SELECT DISTINCT pg_temp.flood(1, 0.95) FROM generate_series(1, 100);
SELECT hitl.set_policy('flood', audit_rate_approve => 1);
SELECT pg_temp.flood(1, 0.95);
SELECT hitl.set_policy('flood', audit_rate_approve => 0);
SELECT pg_temp.flood(1, 0.95);
SELECT hitl.set_mode('flood', 'on_loop');
SELECT pg_temp.flood(1, 0.5);
SELECT hitl.set_mode('flood', 'in_loop');

-- every copy of a review counts
BEGIN;
SELECT hitl.set_workflow('flood', quota => 70), hitl.set_policy('flood', approvals => 2, panel => 3);
SELECT pg_temp.flood(1);
TABLE pg_temp.open;
SELECT pg_temp.flood(2), pg_temp.flood(1);
TABLE pg_temp.open;
ROLLBACK;

-- the quota counts from when it is set, what is open already included
SELECT hitl.set_workflow('flood', reset => '{quota}');
TABLE pg_temp.open;
SELECT pg_temp.flood(100);
SELECT hitl.set_workflow('flood', quota => 100);
TABLE pg_temp.open;
SELECT pg_temp.flood(1);
SELECT hitl.set_workflow('flood', quota => 1000);
SELECT pg_temp.flood(1), pg_temp.flood(836), pg_temp.flood(835), pg_temp.flood(1);
TABLE pg_temp.open;

SELECT * FROM hitl.check();

-- A flood whose deadlines are near comes after a task without any, in one
-- queue: an aging span bounds how long that is held back.  Without, it is last.
CREATE FUNCTION pg_temp.place(stream text) RETURNS TABLE (ahead bigint, of bigint, claimed text)
LANGUAGE plpgsql AS $$
DECLARE
    quiet hitl.task;
BEGIN
    INSERT INTO hitl.decision (workflow) VALUES ('quiet ' || stream);
    PERFORM pg_sleep(1.1);
    INSERT INTO hitl.decision (workflow) SELECT 'torrent ' || stream FROM generate_series(1, 20000);
    SELECT * INTO quiet FROM hitl.task t WHERE t.workflow = 'quiet ' || stream;
    RETURN QUERY
    SELECT count(*) FILTER (WHERE (t.sort_key, t.id) < (quiet.sort_key, quiet.id)), count(*) - 1,
           (SELECT string_agg(c.workflow, ' ') FROM hitl.claim(1, reviewer => 'flo', queues => ARRAY[stream]) c)
    FROM hitl.task t WHERE t.queue = stream;
END
$$;
SELECT hitl.create_sla('near', resolution => '1 minute');
SELECT hitl.create_queue('river', aging => '1 second'), hitl.create_queue('brook');
SELECT hitl.join_queue('flo', q), hitl.create_workflow('quiet ' || q, queue => q), hitl.create_workflow('torrent ' || q, queue => q, sla => 'near')
FROM unnest('{river,brook}'::text[]) q;
BEGIN;
SELECT * FROM pg_temp.place('river');
SELECT * FROM pg_temp.place('brook');
ROLLBACK;

-- Time approves nothing that anything but the thresholds sent to a person: a
-- flood of variants, or of what a rule stops, waits on.
SELECT hitl.create_sla('no time', resolution => '1 microsecond');
SELECT hitl.create_workflow('wave', queue => 'river', sla => 'no time'),
       hitl.set_policy('wave', upper => 0.9, audit_rate_approve => 0, on_timeout => 'approve', max_resubmits => 1);
SELECT hitl.set_rule('wave', 'large', '$.exposure > 1000');
INSERT INTO hitl.decision (workflow, subject, confidence) SELECT 'wave', 'variant', 0.95 FROM generate_series(1, 5);
INSERT INTO hitl.decision (workflow, subject, confidence, exposure) VALUES ('wave', 'large', 0.95, 1e6);
INSERT INTO hitl.decision (workflow, confidence) SELECT 'wave', NULL FROM generate_series(1, 3);
SELECT count(*) AS tasks FROM hitl.task WHERE workflow = 'wave';
DO $$ BEGIN
    WHILE EXISTS (SELECT FROM hitl.task WHERE workflow = 'wave' AND wake_at <= clock_timestamp()) LOOP
        PERFORM hitl.tick();
    END LOOP;
END $$;
SELECT o.route, o.outcome, o.decided_by, count(*) FROM hitl.outcome o WHERE o.workflow = 'wave' GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
SELECT * FROM hitl.check();
