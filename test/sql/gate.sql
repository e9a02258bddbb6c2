-- The gate: which decision needs a person?  It stamps the route, says why,
-- and makes the task in the same transaction.
\set SHOW_CONTEXT never
\set ON_ERROR_ROLLBACK on

-- What was decided about the decisions of a workflow, oldest first; "task"
-- counts the open tasks of each.
CREATE FUNCTION pg_temp.decided(flow text)
RETURNS TABLE (subject text, confidence float8, gate_route text, route text, reasons text, task bigint)
LANGUAGE sql AS $$
    SELECT d.subject, d.confidence, d.gate_route, d.route,
           (SELECT string_agg((r ->> 'trigger') || ': ' || (r ->> 'detail'), '; ' ORDER BY n)
            FROM jsonb_array_elements(d.reasons) WITH ORDINALITY AS j (r, n)),
           (SELECT count(*) FROM hitl.task t WHERE t.decision = d.id)
    FROM hitl.decision d
    WHERE d.workflow = flow
    ORDER BY d.id
$$;

-- Without a policy everything goes to people.
SELECT hitl.create_workflow('gate', queue => 'gate');
INSERT INTO hitl.decision (workflow, confidence) VALUES ('gate', 0.99)
RETURNING gate_route, route, reasons, policy_version, lane, propensity;

-- With a policy: at upper and above is approved, below lower is rejected,
-- what lies between goes to a person.  The edges are exact.
SELECT hitl.set_policy('gate', upper => 0.9, lower => 0.3,
                       audit_rate_approve => 0, audit_rate_reject => 0);
BEGIN;
INSERT INTO hitl.decision (workflow, subject, confidence)
VALUES ('gate', 'one', 1), ('gate', 'high', 0.97),
       ('gate', 'upper', 0.9), ('gate', 'just below upper', 0.8999999999999999),
       ('gate', 'middle', 0.5),
       ('gate', 'lower', 0.3), ('gate', 'just below lower', 0.29999999999999993),
       ('gate', 'tiny', 1e-300), ('gate', 'zero', 0), ('gate', 'minus zero', '-0');
SELECT * FROM pg_temp.decided('gate') WHERE subject IS NOT NULL;
-- The stamp names the policy; a review is certain to get a verdict.
SELECT route, count(*), min(policy_version) AS policy_version, min(lane) AS lane,
       min(propensity) AS propensity, bool_and(audit_u >= 0 AND audit_u < 1) AS u_in_range
FROM hitl.decision WHERE workflow = 'gate' AND policy_version IS NOT NULL
GROUP BY 1 ORDER BY 1;
ROLLBACK;

-- What is no confidence goes to a person, never through: stored as NULL, and
-- what came instead stands in the reason.
BEGIN;
INSERT INTO hitl.decision (workflow, subject, confidence)
VALUES ('gate', 'null', NULL), ('gate', 'nan', 'NaN'), ('gate', 'inf', 'Infinity'),
       ('gate', '-inf', '-Infinity'), ('gate', 'above', 1.0000001),
       ('gate', 'next above', 1.0000000000000002), ('gate', 'below', -0.1),
       ('gate', 'next below', -5e-324), ('gate', 'percent', 97);
INSERT INTO hitl.decision (workflow, subject) VALUES ('gate', 'missing');
INSERT INTO hitl.decision (workflow, subject, confidence)
SELECT 'gate', 'json without it', ('{"other": 1}'::jsonb ->> 'confidence')::float8;
SELECT * FROM pg_temp.decided('gate') WHERE subject IS NOT NULL;
ROLLBACK;
-- What is not even a number is refused by the type.
INSERT INTO hitl.decision (workflow, confidence) VALUES ('gate', 'high');
INSERT INTO hitl.decision (workflow, confidence) VALUES ('gate', '0.95abc');
INSERT INTO hitl.decision (workflow, confidence) VALUES ('gate', '1e400');
INSERT INTO hitl.decision (workflow, confidence) VALUES ('gate', '1e-400');
\echo :SQLSTATE

-- What cannot be undone goes to a person, whatever the confidence; both
-- reasons are given.  So does that of which nobody knows.
BEGIN;
INSERT INTO hitl.decision (workflow, subject, confidence, reversible)
VALUES ('gate', 'high', 0.97, false), ('gate', 'low', 0.1, false), ('gate', 'nan', 'NaN', false),
       ('gate', 'unknown', 0.97, NULL);
SELECT * FROM pg_temp.decided('gate') WHERE subject IS NOT NULL;
SELECT reversible FROM hitl.decision WHERE workflow = 'gate' AND subject = 'unknown';
ROLLBACK;

-- Policies at their ends.
BEGIN;
SELECT hitl.create_workflow('gate no upper', 'gate'),
       hitl.set_policy('gate no upper', lower => 0.3, audit_rate_reject => 0);
SELECT hitl.create_workflow('gate no lower', 'gate'),
       hitl.set_policy('gate no lower', upper => 0.9, audit_rate_approve => 0);
SELECT hitl.create_workflow('gate all', 'gate'),
       hitl.set_policy('gate all', upper => 0, audit_rate_approve => 0);
SELECT hitl.create_workflow('gate none', 'gate'),
       hitl.set_policy('gate none', upper => 1, lower => 1, audit_rate_approve => 0, audit_rate_reject => 0);
SELECT hitl.create_workflow('gate no threshold', 'gate'), hitl.set_policy('gate no threshold');
INSERT INTO hitl.decision (workflow, subject, confidence)
SELECT workflow, confidence, confidence
FROM unnest('{gate no upper,gate no lower,gate all,gate none,gate no threshold}'::text[]) AS workflow,
     unnest('{0,0.3,1,NaN}'::float8[]) AS confidence;
SELECT * FROM pg_temp.decided('gate no upper');
SELECT * FROM pg_temp.decided('gate no lower');
SELECT * FROM pg_temp.decided('gate all');
SELECT * FROM pg_temp.decided('gate none');
SELECT * FROM pg_temp.decided('gate no threshold');
ROLLBACK;

-- The mode "manual" sends all to people, and keeps what the policy would have
-- done.  A policy with a threshold does not end it, since it was set.
BEGIN;
SELECT hitl.set_mode('gate', 'manual');
INSERT INTO hitl.decision (workflow, subject, confidence)
VALUES ('gate', 'high', 0.97), ('gate', 'middle', 0.5), ('gate', 'low', 0.1);
SELECT hitl.set_policy('gate', upper => 0.95);
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('gate', 'high', 0.97);
SELECT * FROM pg_temp.decided('gate') WHERE subject IS NOT NULL;
ROLLBACK;
-- The mode "in_loop" without a policy still approves nothing.
BEGIN;
SELECT hitl.create_workflow('gate bare', 'gate'), hitl.set_mode('gate bare', 'in_loop');
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('gate bare', 'high', 1);
SELECT * FROM pg_temp.decided('gate bare');
ROLLBACK;

-- A workflow must exist, and be named.
INSERT INTO hitl.decision (workflow, confidence) VALUES ('gaet', 0.97);
\echo :SQLSTATE
INSERT INTO hitl.decision (workflow, confidence) VALUES ('Gate', 0.97);
INSERT INTO hitl.decision (workflow, confidence) VALUES ('', 0.97);
INSERT INTO hitl.decision (confidence) VALUES (0.97);
\echo :SQLSTATE
\set VERBOSITY sqlstate
INSERT INTO hitl.decision (workflow, confidence) VALUES (repeat('gate', 1000), 0.97);
\set VERBOSITY default

-- Audits: a share of what passed is drawn for a person to look at afterwards.
-- The draw and its probability are on the row.
BEGIN;
SELECT hitl.set_policy('gate', audit_rate_approve => 1, audit_rate_reject => 0);
INSERT INTO hitl.decision (workflow, subject, confidence)
VALUES ('gate', 'high', 0.97), ('gate', 'low', 0.1);
SELECT hitl.set_policy('gate', audit_rate_approve => 0, audit_rate_reject => 1);
INSERT INTO hitl.decision (workflow, subject, confidence)
VALUES ('gate', 'high', 0.97), ('gate', 'low', 0.1);
SELECT d.subject, d.route, d.propensity, t.kind, t.queue, t.lane, t.tier
FROM hitl.decision d LEFT JOIN hitl.task t ON t.decision = d.id
WHERE d.workflow = 'gate' AND d.policy_version > 1
ORDER BY d.id;
ROLLBACK;
-- (the bounds are six standard errors off)
BEGIN;
SELECT hitl.set_policy('gate', audit_rate_approve => 0.3);
INSERT INTO hitl.decision (workflow, confidence) SELECT 'gate', 0.97 FROM generate_series(1, 3000);
SELECT count(t.id) BETWEEN 750 AND 1050 AS share,
       avg(audit_u) BETWEEN 0.46 AND 0.54 AS mean,
       bool_and((t.id IS NOT NULL) = (audit_u < propensity)) AS drawn_if_u_below_propensity,
       count(DISTINCT audit_u) > 2990 AS different
FROM hitl.decision d LEFT JOIN hitl.task t ON t.decision = d.id
WHERE d.workflow = 'gate' AND d.policy_version > 1;
ROLLBACK;

-- A task comes and goes with its decision.
BEGIN;
INSERT INTO hitl.decision (workflow, confidence) VALUES ('gate', 0.5);
SELECT count(*) AS tasks FROM hitl.task WHERE workflow = 'gate';
SAVEPOINT s;
INSERT INTO hitl.decision (workflow, confidence) VALUES ('gate', 0.5), ('gate', 0.6);
SELECT count(*) AS tasks FROM hitl.task WHERE workflow = 'gate';
ROLLBACK TO s;
SELECT count(*) AS tasks FROM hitl.task WHERE workflow = 'gate';
ROLLBACK;
SELECT count(*) AS tasks FROM hitl.task WHERE workflow = 'gate';

-- The ways to insert: each row is gated once.
BEGIN;
INSERT INTO hitl.decision (workflow, subject, confidence)
VALUES ('gate', 'values', 0.97), ('gate', 'values', 0.5);
COPY hitl.decision (workflow, subject, confidence) FROM stdin;
gate	copy	0.97
gate	copy	0.5
gate	copy	NaN
\.
INSERT INTO hitl.decision (workflow, subject, confidence)
SELECT 'gate', 'select', c FROM unnest('{0.97,0.5}'::float8[]) AS c;
WITH raw (c) AS (VALUES (0.97), (0.5)), made AS (
    INSERT INTO hitl.decision (workflow, subject, confidence)
    SELECT 'gate', 'cte', c FROM raw RETURNING route)
SELECT route, count(*) FROM made GROUP BY 1 ORDER BY 1;
PREPARE submit (text, float8) AS
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ($1, 'prepared', $2) RETURNING route;
EXECUTE submit ('gate', 0.97);
EXECUTE submit ('gate', 0.5);
MERGE INTO hitl.decision d
USING (VALUES (0.97::float8), (0.5)) AS v (c) ON d.subject = 'merge'
WHEN NOT MATCHED THEN INSERT (workflow, subject, confidence) VALUES ('gate', 'merge', c);
DO $$
BEGIN
    INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('gate', 'plpgsql', 0.97);
    BEGIN
        INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('gate', 'undone', 0.5);
        RAISE EXCEPTION 'undo';
    EXCEPTION WHEN raise_exception THEN
        INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('gate', 'plpgsql', 0.5);
    END;
END
$$;
CREATE VIEW gate_view AS SELECT workflow, subject, confidence FROM hitl.decision;
INSERT INTO gate_view VALUES ('gate', 'view', 0.97), ('gate', 'view', 0.5);
SET LOCAL session_replication_role = replica;
INSERT INTO hitl.decision (workflow, subject, confidence)
VALUES ('gate', 'replica role', 0.97), ('gate', 'replica role', 0.5);
RESET session_replication_role;
SELECT subject, count(*) AS decisions, count(t.id) AS tasks,
       count(*) FILTER (WHERE d.route = 'auto_approve') AS approved,
       count(*) FILTER (WHERE d.route = 'review') AS reviews
FROM hitl.decision d LEFT JOIN hitl.task t ON t.decision = d.id
WHERE d.workflow = 'gate' AND subject IS NOT NULL
GROUP BY 1 ORDER BY 1;
ROLLBACK;

-- A statement with a row that cannot be leaves nothing.
COPY hitl.decision (workflow, subject, confidence) FROM stdin;
gate	copy	0.5
gaet	copy	0.5
\.
SELECT count(*) AS tasks FROM hitl.task WHERE workflow = 'gate';

-- A row that meets one of the same id and is left out leaves nothing behind.
BEGIN;
INSERT INTO hitl.decision (id, workflow, subject, confidence)
VALUES (hitl.uuid_floor('2001-01-01'), 'gate', 'first', 0.5);
INSERT INTO hitl.decision (id, workflow, subject, confidence)
VALUES (hitl.uuid_floor('2001-01-01'), 'gate', 'second', 0.5),
       (hitl.uuid_floor('2001-01-02'), 'gate', 'third', 0.5)
ON CONFLICT DO NOTHING;
SELECT * FROM pg_temp.decided('gate') WHERE subject IS NOT NULL;
SELECT count(*) AS tasks FROM hitl.task WHERE workflow = 'gate';
ROLLBACK;

-- Other triggers on hitl.decision: one that comes before "gate" may fill what
-- the application left out.
BEGIN;
CREATE FUNCTION pg_temp.fill() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.confidence := (NEW.output ->> 'p')::float8;
    NEW.subject := coalesce(NEW.subject, 'filled');
    RETURN NEW;
END
$$;
CREATE TRIGGER aaa BEFORE INSERT ON hitl.decision FOR EACH ROW EXECUTE FUNCTION pg_temp.fill();
INSERT INTO hitl.decision (workflow, output) VALUES ('gate', '{"p": 0.97}'), ('gate', '{"p": 0.5}');
SELECT * FROM pg_temp.decided('gate') WHERE subject IS NOT NULL;
ROLLBACK;
-- One that comes after it and changes what was judged, or the judgement, makes
-- the statement fail.
CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW := jsonb_populate_record(NEW, NEW.signals);
    RETURN NEW;
END
$$;
CREATE TRIGGER zzz BEFORE INSERT ON hitl.decision FOR EACH ROW EXECUTE FUNCTION meddle();
INSERT INTO hitl.decision (workflow, confidence, signals) VALUES ('gate', 0.5, '{"route": "auto_approve"}');
\echo :SQLSTATE
\set VERBOSITY sqlstate
INSERT INTO hitl.decision (workflow, confidence, signals) VALUES ('gate', 0.5, '{"gate_route": "auto_approve"}');
INSERT INTO hitl.decision (workflow, confidence, signals) VALUES ('gate', 0.5, '{"confidence": 0.97}');
INSERT INTO hitl.decision (workflow, confidence, signals) VALUES ('gate', 'NaN', '{"confidence": 0.97}');
INSERT INTO hitl.decision (workflow, confidence, signals) VALUES ('gate', 0.97, '{"propensity": 0.5}');
INSERT INTO hitl.decision (workflow, confidence, signals) VALUES ('gate', 0.97, '{"audit_u": 0.5}');
INSERT INTO hitl.decision (workflow, confidence, signals) VALUES ('gate', 0.97, '{"created_by": "me"}');
INSERT INTO hitl.decision (workflow, confidence, signals) VALUES ('gate', 0.97, '{"created_at": "2001-01-01"}');
INSERT INTO hitl.decision (workflow, confidence, signals) VALUES ('gate', 0.97, '{"policy_version": 1000}');
INSERT INTO hitl.decision (workflow, confidence, signals) VALUES ('gate', 0.97, '{"reasons": []}');
INSERT INTO hitl.decision (workflow, confidence, signals) VALUES ('gate', 0.97, '{"lane": 2}');
INSERT INTO hitl.decision (workflow, confidence, signals) VALUES ('gate', 0.97, '{"reversible": false}');
INSERT INTO hitl.decision (workflow, confidence, signals) VALUES ('gate', 0.97, '{"workflow": "gate2"}');
INSERT INTO hitl.decision (workflow, confidence, signals)
SELECT 'gate', 0.97, jsonb_build_object('id', hitl.uuidv7());
\set VERBOSITY default
-- (in a statement of many rows no row is stored)
INSERT INTO hitl.decision (workflow, confidence, signals)
VALUES ('gate', 0.5, '{}'), ('gate', 0.5, '{"route": "auto_approve"}'), ('gate', 0.5, '{}');
-- What the gate does not judge may be changed.
BEGIN;
INSERT INTO hitl.decision (workflow, confidence, signals) VALUES ('gate', 0.97, '{"subject": "later"}')
RETURNING subject, route;
-- What it does judge may not: here a rule looks at the subject.
SELECT hitl.set_rule('gate', 'spam', '$.subject == "spam"');
INSERT INTO hitl.decision (workflow, subject, confidence, signals)
VALUES ('gate', 'fine', 0.97, '{"subject": "spam"}');
ROLLBACK;
DROP TRIGGER zzz ON hitl.decision;
DROP FUNCTION meddle();

-- A trigger that inserts further decisions, before or after, at any depth.
BEGIN;
CREATE FUNCTION pg_temp.follow_up() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF length(NEW.subject) < 4 THEN
        INSERT INTO hitl.decision (workflow, subject, confidence, parent)
        VALUES (NEW.workflow, NEW.subject || left(TG_NAME, 1), NEW.confidence - 0.01, NEW.id),
               (NEW.workflow, NEW.subject || '.', 0.97, NEW.id);
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER before BEFORE INSERT ON hitl.decision FOR EACH ROW EXECUTE FUNCTION pg_temp.follow_up();
CREATE TRIGGER later BEFORE INSERT ON hitl.decision FOR EACH ROW EXECUTE FUNCTION pg_temp.follow_up();
CREATE TRIGGER after AFTER INSERT ON hitl.decision FOR EACH ROW EXECUTE FUNCTION pg_temp.follow_up();
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('gate', 'xx', 0.5), ('gate', 'yy', 0.97);
SELECT left(subject, 1) AS family, count(*) AS decisions,
       count(*) FILTER (WHERE route = 'review') AS reviews, count(t.id) AS tasks
FROM hitl.decision d LEFT JOIN hitl.task t ON t.decision = d.id
WHERE d.workflow = 'gate' AND subject IS NOT NULL
GROUP BY 1 ORDER BY 1;
SELECT count(*) AS violations FROM hitl.check() c JOIN hitl.decision d ON d.id = c.decision
WHERE d.workflow = 'gate';
ROLLBACK;

-- However deep the triggers are nested.
BEGIN;
CREATE FUNCTION pg_temp.chain() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.confidence > 0.4 THEN
        INSERT INTO hitl.decision (workflow, subject, confidence)
        VALUES (NEW.workflow, NEW.subject, NEW.confidence - 1 / 32.0);
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER chain AFTER INSERT ON hitl.decision FOR EACH ROW EXECUTE FUNCTION pg_temp.chain();
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('gate', 'deep', 1);
SELECT d.route, count(*) AS decisions, count(t.id) AS tasks
FROM hitl.decision d LEFT JOIN hitl.task t ON t.decision = d.id
WHERE d.workflow = 'gate' AND subject = 'deep' GROUP BY 1 ORDER BY 1;
ROLLBACK;

-- Without the gate nothing is stored: its other half notices.
BEGIN;
ALTER TABLE hitl.decision DISABLE TRIGGER gate;
INSERT INTO hitl.decision (created_at, created_by, workflow, gate_route, route, reasons, lane, audit_u, propensity)
VALUES (now(), 'me', 'gate', 'auto_approve', 'auto_approve', '[]', 1, 0.5, 0);
\echo :SQLSTATE
ROLLBACK;

-- A change of the policy holds from the next row on, also for a prepared
-- statement.
BEGIN;
EXECUTE submit ('gate', 0.85);
SELECT hitl.set_policy('gate', upper => 0.8);
EXECUTE submit ('gate', 0.85);
SELECT hitl.set_mode('gate', 'manual');
EXECUTE submit ('gate', 0.85);
ROLLBACK;
EXECUTE submit ('gate', 0.1);
-- What a session remembers can be lost all at once (a publication of all
-- tables tells every session to forget).
BEGIN;
SET LOCAL client_min_messages = error;
CREATE PUBLICATION gate_all FOR ALL TABLES;
EXECUTE submit ('gate', 0.85);
ROLLBACK;
DEALLOCATE submit;

-- The owner may add columns and drop them: the gate goes by names.
BEGIN;
ALTER TABLE hitl.decision ADD COLUMN region text DEFAULT 'EU', ADD COLUMN gone int,
                          ADD COLUMN shout text GENERATED ALWAYS AS (upper(subject)) STORED;
INSERT INTO hitl.decision (workflow, subject, confidence, region)
VALUES ('gate', 'added', 0.97, 'US'), ('gate', 'added', 0.5, DEFAULT)
RETURNING route, region, shout;
ALTER TABLE hitl.decision DROP COLUMN gone, DROP COLUMN cohort;
INSERT INTO hitl.decision (workflow, subject, confidence, region)
VALUES ('gate', 'dropped', 0.97, 'US'), ('gate', 'dropped', 0.5, DEFAULT)
RETURNING route, region, shout;
-- A partition whose columns stand in another order, too.
CREATE TABLE hitl.decision_2001 (shout text, route text NOT NULL, junk int, confidence float8);
ALTER TABLE hitl.decision_2001 DROP COLUMN junk, DROP COLUMN shout;
DO $$
DECLARE
    c record;
BEGIN
    FOR c IN SELECT attname, format_type(atttypid, atttypmod) AS type,
                    CASE WHEN attnotnull THEN 'NOT NULL' ELSE '' END AS constr,
                    CASE WHEN attgenerated = 's' THEN 'GENERATED ALWAYS AS (upper(subject)) STORED'
                         ELSE '' END AS gen,
                    coll.collname
             FROM pg_attribute a LEFT JOIN pg_collation coll ON coll.oid = a.attcollation
             WHERE attrelid = 'hitl.decision'::regclass AND attnum > 0 AND NOT attisdropped
               AND attname NOT IN ('route', 'confidence')
             ORDER BY attgenerated <> '', attnum DESC
    LOOP
        EXECUTE format('ALTER TABLE hitl.decision_2001 ADD COLUMN %I %s %s %s %s', c.attname, c.type,
                       'COLLATE ' || quote_ident(c.collname), c.constr, c.gen);
    END LOOP;
END
$$;
ALTER TABLE hitl.decision ATTACH PARTITION hitl.decision_2001
    FOR VALUES FROM (hitl.uuid_floor('2001-01-01')) TO (hitl.uuid_floor('2002-01-01'));
INSERT INTO hitl.decision (id, workflow, subject, confidence)
VALUES (hitl.uuid_floor('2001-01-01'), 'gate', 'reordered', 0.97),
       (hitl.uuid_floor('2001-01-02'), 'gate', 'reordered', 0.5)
RETURNING route, region, shout, tableoid::regclass;
SELECT * FROM pg_temp.decided('gate') WHERE subject IS NOT NULL;
ROLLBACK;

-- The gate belongs on hitl.decision alone.
CREATE TEMP TABLE other (id int);
CREATE TRIGGER gate BEFORE INSERT ON other FOR EACH ROW EXECUTE FUNCTION hitl.gate();
INSERT INTO other VALUES (1);
\echo :SQLSTATE
DROP TRIGGER gate ON other;
CREATE TRIGGER gate BEFORE INSERT ON other EXECUTE FUNCTION hitl.gate();
INSERT INTO other VALUES (1);
\echo :SQLSTATE
DROP TABLE other;
CREATE TEMP TABLE other (LIKE hitl.decision);
ALTER TABLE other ALTER id DROP NOT NULL, ALTER created_at DROP NOT NULL,
    ALTER created_by DROP NOT NULL, ALTER route DROP NOT NULL, ALTER gate_route DROP NOT NULL,
    ALTER reasons DROP NOT NULL, ALTER lane DROP NOT NULL, ALTER audit_u DROP NOT NULL,
    ALTER propensity DROP NOT NULL, ALTER reversible DROP NOT NULL;
CREATE TRIGGER enqueue AFTER INSERT ON other FOR EACH ROW EXECUTE FUNCTION hitl.enqueue();
INSERT INTO other (workflow) VALUES ('gate');
\echo :SQLSTATE
DROP TABLE other;

-- Nothing was left behind.
SELECT route, count(*) FROM hitl.decision WHERE workflow = 'gate' GROUP BY 1 ORDER BY 1;
