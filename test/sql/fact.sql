-- Facts: identifiers that are ordered by time, rows that never change, and
-- partitions that are there before they are needed.
\set SHOW_CONTEXT never
\set ON_ERROR_ROLLBACK on
SET timezone = 'UTC';
SET datestyle = 'ISO';

-- The identifier of a decision is a UUID of version 7 ...
SELECT count(*) AS ids, count(DISTINCT id) AS different,
       bool_and(substr(id::text, 15, 1) = '7') AS version_7,
       bool_and(substr(id::text, 20, 1) IN ('8', '9', 'a', 'b')) AS variant_2
FROM (SELECT hitl.uuidv7() AS id FROM generate_series(1, 10000)) s;
-- ... that is greater than the one before, in a session ...
SELECT bool_and(id > before) AS ascending
FROM (SELECT id, lag(id) OVER (ORDER BY n) AS before
      FROM (SELECT n, hitl.uuidv7() AS id
            FROM generate_series(1, 10000) AS n OFFSET 0) s) s
WHERE before IS NOT NULL;
-- ... and gives its time back, to the microsecond.
SELECT hitl.uuid_time('017f22e2-79b0-7cc3-98c4-dc0c0c07398f') AS example_of_rfc_9562,
       hitl.uuid_time('017f22e2-79b0-7fff-bfff-ffffffffffff') AS last_of_its_millisecond;
BEGIN;
SELECT hitl.uuidv7() AS id \gset
SELECT hitl.uuid_time(:'id') BETWEEN now() AND clock_timestamp() AS is_now;
COMMIT;

-- A UUID of another version has no time.
SELECT hitl.uuid_time('f47ac10b-58cc-4372-a567-0e02b2c3d479') AS version_4,
       hitl.uuid_time('00000000-0000-0000-0000-000000000000') AS nil,
       hitl.uuid_time(NULL) AS nothing;

-- The least id of a time: what to compare ids with when asking for a period.
SELECT t, hitl.uuid_floor(t), hitl.uuid_time(hitl.uuid_floor(t))
FROM (VALUES ('1970-01-01 00:00:00+00'::timestamptz),
             ('2022-02-22 19:22:22.123456+00'),
             ('10889-08-02 05:31:50.655999+00')) AS v (t)
ORDER BY t;
SELECT hitl.uuid_floor(hitl.uuid_time(:'id')) <= :'id' AS not_above,
       hitl.uuid_floor(hitl.uuid_time(:'id') + '1 ms') > :'id' AS next_is_above;
SELECT hitl.uuid_floor('1969-12-31 23:59:59.999999+00');
SELECT hitl.uuid_floor('10889-08-02 05:31:50.656+00');
SELECT hitl.uuid_floor('infinity');
\echo :SQLSTATE

-- A workflow, a decision for a person, their verdict: one row of each fact.
-- The id of this decision is of a month that has no partition.
SELECT hitl.create_workflow('fact', queue => 'fact');
SELECT hitl.set_policy('fact', upper => 0.9, lower => 0.2,
                       audit_rate_approve => 0, audit_rate_reject => 0);
SELECT hitl.add_reviewer('fact_ann');
SELECT hitl.join_queue('fact_ann', 'fact');

BEGIN;
INSERT INTO hitl.decision (id, workflow, confidence, subject)
VALUES (hitl.uuid_floor('2001-01-01'), 'fact', 0.5, 'S1')
RETURNING id, created_at, route;
SELECT hitl.approve(task, reviewer => 'fact_ann')
FROM hitl.claim(1, '{fact}', 'fact_ann');
SELECT tableoid::regclass FROM hitl.decision WHERE workflow = 'fact';

-- No row of it can be changed or deleted, not even by a superuser.
UPDATE hitl.decision SET subject = 'S2' WHERE workflow = 'fact';
\echo :SQLSTATE
DELETE FROM hitl.decision WHERE workflow = 'fact';
UPDATE hitl.decision_default SET output = '1' WHERE workflow = 'fact';
DELETE FROM hitl.decision_default WHERE workflow = 'fact';
-- (an UPDATE that would move it to another partition)
UPDATE hitl.decision SET id = hitl.uuidv7() WHERE workflow = 'fact';
UPDATE hitl.verdict SET outcome = 'rejected' WHERE workflow = 'fact';
DELETE FROM hitl.verdict WHERE workflow = 'fact';
UPDATE hitl.event SET actor = 'me' WHERE workflow = 'fact';
DELETE FROM hitl.event WHERE workflow = 'fact';
UPDATE hitl.policy SET upper = 0.1 WHERE workflow = 'fact';
DELETE FROM hitl.policy WHERE workflow = 'fact';
\echo :SQLSTATE

-- Nor truncated, through the parent or one by one.
TRUNCATE hitl.decision;
TRUNCATE hitl.decision_default;
TRUNCATE hitl.verdict;
TRUNCATE hitl.event;
TRUNCATE hitl.policy;
\echo :SQLSTATE

-- Nor by the ways around UPDATE and DELETE.
INSERT INTO hitl.decision_default (id, workflow, confidence)
VALUES (hitl.uuid_floor('2001-01-01'), 'fact', 0.5)
ON CONFLICT (id) DO UPDATE SET subject = 'S2';
MERGE INTO hitl.decision d
USING (VALUES ('fact')) AS v (workflow) ON d.workflow = v.workflow
WHEN MATCHED THEN UPDATE SET subject = 'S2';
MERGE INTO hitl.decision d
USING (VALUES ('fact')) AS v (workflow) ON d.workflow = v.workflow
WHEN MATCHED THEN DELETE;
\echo :SQLSTATE

-- Nor in the role in which a replica applies changes.
SET LOCAL session_replication_role = replica;
UPDATE hitl.decision SET subject = 'S2' WHERE workflow = 'fact';
DELETE FROM hitl.decision WHERE workflow = 'fact';
TRUNCATE hitl.decision_default;
DELETE FROM hitl.verdict WHERE workflow = 'fact';
UPDATE hitl.event SET actor = 'me' WHERE workflow = 'fact';
DELETE FROM hitl.policy WHERE workflow = 'fact';
RESET session_replication_role;

-- All is as it was.
SELECT d.subject, v.outcome, e.kind
FROM hitl.decision d
JOIN hitl.verdict v ON v.decision = d.id
JOIN hitl.event e ON e.decision = d.id
WHERE d.workflow = 'fact';
ROLLBACK;

-- Partitions, one a month (UTC), are made with the first workflow: this month
-- and the next three.  What fits none lands in the default partition.
SET timezone = 'UTC';
SELECT count(*) FILTER (WHERE relname = 'decision_' || to_char(now(), 'YYYY_MM')) AS this_month,
       count(*) FILTER (WHERE relname = 'decision_' || to_char(now() + '3 months', 'YYYY_MM')) AS in_three,
       count(*) FILTER (WHERE relname = 'decision_default') AS "default"
FROM pg_inherits JOIN pg_class ON oid = inhrelid
WHERE inhparent = 'hitl.decision'::regclass;
-- Making them again makes none.
SELECT hitl.make_partitions();
SELECT hitl.make_partitions(-1);
SELECT hitl.make_partitions(121);
\echo :SQLSTATE

-- The clock makes next month's where it is missing.
BEGIN;
SELECT 'decision_' || to_char(date_trunc('month', now()) + '1 month', 'YYYY_MM') AS next_month \gset
DROP TABLE hitl.:next_month;
SELECT hitl.tick() >= 0 AS ticked;
SELECT count(*) AS made FROM pg_inherits
WHERE inhparent = 'hitl.decision'::regclass AND inhrelid = to_regclass('hitl.' || :'next_month');
ROLLBACK;

-- A month whose rows came before its partition stays in the default one.
BEGIN;
INSERT INTO hitl.decision (id, workflow, confidence)
VALUES (hitl.uuid_floor(date_trunc('month', now()) + '5 months'), 'fact', 0.95);
SELECT hitl.make_partitions(6) AS made;
SELECT to_regclass('hitl.decision_' || to_char(now() + '4 months', 'YYYY_MM')) IS NOT NULL AS in_four,
       to_regclass('hitl.decision_' || to_char(now() + '5 months', 'YYYY_MM')) IS NOT NULL AS in_five,
       to_regclass('hitl.decision_' || to_char(now() + '6 months', 'YYYY_MM')) IS NOT NULL AS in_six;
ROLLBACK;

-- The id decides on the partition, and created_at agrees with it up to the
-- last microsecond of the month.
BEGIN;
INSERT INTO hitl.decision (id, workflow, confidence)
SELECT overlay(hitl.uuid_floor(date_trunc('month', now()) + after)::text
               PLACING fraction FROM 15 FOR 4)::uuid, 'fact', 0.5
FROM (VALUES ('1 month'::interval, '7000'),
             ('1 month -1 ms'::interval, '7fff')) AS v (after, fraction);
SELECT tableoid::regclass::text = 'hitl.decision_' || to_char(created_at, 'YYYY_MM') AS fits,
       created_at < date_trunc('month', now()) + '1 month' AS this_month,
       extract(microsecond FROM created_at)::int AS microseconds
FROM hitl.decision
WHERE workflow = 'fact'
ORDER BY id;
ROLLBACK;

-- A row may be inserted into its partition directly: it is gated all the
-- same, once.  A partition refuses rows of another month.
SELECT 'hitl.decision_' || to_char(now(), 'YYYY_MM') AS partition \gset
BEGIN;
INSERT INTO :partition (workflow, confidence) VALUES ('fact', 0.5) RETURNING route;
SELECT count(*) AS tasks FROM hitl.task WHERE workflow = 'fact';
\set VERBOSITY sqlstate
INSERT INTO :partition (id, workflow, confidence)
VALUES (hitl.uuid_floor('2001-01-01'), 'fact', 0.5);
-- The same id cannot come twice.
INSERT INTO :partition (id, workflow, confidence)
SELECT id, workflow, confidence FROM hitl.decision WHERE workflow = 'fact';
-- And no partition can be emptied.
TRUNCATE :partition;
DELETE FROM :partition WHERE workflow = 'fact';
\set VERBOSITY default
SELECT count(*) AS decisions,
       (SELECT count(*) FROM hitl.task WHERE workflow = 'fact') AS tasks
FROM hitl.decision
WHERE workflow = 'fact';
ROLLBACK;

-- A row that comes fully stamped is one that a dump or a replica brings back:
-- the owner and superusers may store it, and it is taken as it is, without a
-- task, whatever the policy says by now.
INSERT INTO hitl.decision (workflow, input, output, confidence, subject, tags, exposure)
VALUES ('fact', '{"a": 1}', '{"b": 2}', 0.95, 'S1', '{x,y}', 12.50)
RETURNING route;
BEGIN;
SELECT hitl.set_policy('fact', upper => 1);
CREATE TEMP TABLE dump ON COMMIT DROP AS
SELECT * FROM hitl.decision WHERE workflow = 'fact';
UPDATE dump SET id = overlay(id::text PLACING '000000000001' FROM 25)::uuid,
                created_by = 'somebody';
INSERT INTO hitl.decision SELECT * FROM dump;
SELECT d.created_by, d.policy_version, d.route, d IS NOT DISTINCT FROM dump.* AS verbatim
FROM hitl.decision d JOIN dump USING (id);
-- One that waited for a review comes without its task: tasks are dumped too.
UPDATE dump SET id = overlay(id::text PLACING '000000000002' FROM 25)::uuid,
                gate_route = 'review', route = 'review', propensity = 1;
INSERT INTO hitl.decision SELECT * FROM dump;
SELECT count(*) AS tasks FROM hitl.task WHERE workflow = 'fact';
-- There need not have been a policy ...
UPDATE dump SET id = overlay(id::text PLACING '000000000003' FROM 25)::uuid,
                policy_version = NULL;
INSERT INTO hitl.decision SELECT * FROM dump;
-- ... and the workflow may be gone by now.
UPDATE dump SET id = overlay(id::text PLACING '000000000004' FROM 25)::uuid,
                workflow = 'fact of old';
INSERT INTO hitl.decision SELECT * FROM dump;
SELECT workflow, count(*) FROM hitl.decision WHERE workflow ~ '^fact' GROUP BY 1 ORDER BY 1;

-- A row that is stamped in part is neither this nor that.
INSERT INTO hitl.decision (workflow, confidence, route) VALUES ('fact', 0.5, 'auto_approve');
INSERT INTO hitl.decision (workflow, confidence, policy_version) VALUES ('fact', 0.5, 1);
\echo :SQLSTATE
\set VERBOSITY sqlstate
INSERT INTO hitl.decision (workflow, confidence, created_at) VALUES ('fact', 0.5, now());
INSERT INTO hitl.decision (workflow, confidence, created_by) VALUES ('fact', 0.5, 'me');
INSERT INTO hitl.decision (workflow, confidence, gate_route) VALUES ('fact', 0.5, 'auto_approve');
INSERT INTO hitl.decision (workflow, confidence, reasons) VALUES ('fact', 0.5, '[]');
INSERT INTO hitl.decision (workflow, confidence, lane) VALUES ('fact', 0.5, 0);
INSERT INTO hitl.decision (workflow, confidence, audit_u) VALUES ('fact', 0.5, 0.5);
INSERT INTO hitl.decision (workflow, confidence, propensity) VALUES ('fact', 0.5, 0);
UPDATE dump SET id = overlay(id::text PLACING '000000000005' FROM 25)::uuid, lane = NULL;
INSERT INTO hitl.decision SELECT * FROM dump;
\set VERBOSITY default

-- Nobody else brings back stamped rows, even who may write all columns.
CREATE ROLE regress_hitl_fact IN ROLE hitl_application;
GRANT INSERT ON hitl.decision TO regress_hitl_fact;
GRANT SELECT ON dump TO regress_hitl_fact;
UPDATE dump SET lane = 1;
SET ROLE regress_hitl_fact;
INSERT INTO hitl.decision SELECT * FROM dump;
\echo :SQLSTATE
RESET ROLE;
ROLLBACK;

-- An id that the application makes up must be of version 7.
INSERT INTO hitl.decision (id, workflow, confidence)
VALUES ('f47ac10b-58cc-4372-a567-0e02b2c3d479', 'fact', 0.5);
\echo :SQLSTATE
INSERT INTO hitl.decision (id, workflow, confidence) VALUES (NULL, 'fact', 0.5);

-- created_at is the time of the id, and both are those of the database.
BEGIN;
INSERT INTO hitl.decision (workflow, confidence) VALUES ('fact', 0.99)
RETURNING created_at = hitl.uuid_time(id) AS same,
          created_at BETWEEN now() AND clock_timestamp() AS is_now,
          created_by = current_user AS is_me;
ROLLBACK;

-- Partitions that cannot be made are no reason for the clock to stop.
BEGIN;
DO $$
DECLARE
    next text := 'decision_' || to_char(date_trunc('month', now() AT TIME ZONE 'UTC')
                                        + interval '1 month', 'YYYY_MM');
BEGIN
    EXECUTE format('DROP TABLE hitl.%I', next);
    EXECUTE format('CREATE TABLE public.%1$I (id int); CREATE INDEX %2$I ON public.%1$I (id);'
                   'ALTER TABLE public.%1$I SET SCHEMA hitl; ALTER TABLE hitl.%1$I RENAME TO squatter',
                   next, next || '_id');
END
$$;
SET LOCAL client_min_messages = error;
SELECT hitl.tick() >= 0 AS ticks;
ROLLBACK;

-- The trigger functions are triggers and nothing else.
SELECT hitl.refuse_change();
SELECT hitl.config_changed();
SELECT hitl.gate();
SELECT hitl.enqueue();
\echo :SQLSTATE
