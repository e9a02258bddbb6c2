-- opponents.sql
--		What hitl is measured against.
--
-- plain	the same table with the same partitions, indexes and columns, filled
--			by defaults: what an application pays for storing a decision at all.
-- plgate	the same, and a gate in PL/pgSQL as a careful user writes it: one
--			look at the policy, a stamp BEFORE ROW, a task AFTER ROW with WHEN.
-- hand		tasks, verdicts and events with SKIP LOCKED in plain SQL: the same
--			rows in and out, and no checks beyond "you hold it".
--
-- Every row is as wide as the one that hitl writes.

CREATE FUNCTION pg_temp.copy_decision(to_schema text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    part record;
BEGIN
    EXECUTE format('CREATE TABLE %I.decision (LIKE hitl.decision INCLUDING ALL) '
                   'PARTITION BY RANGE (id)', to_schema);
    FOR part IN
        SELECT c.relname, pg_get_expr(c.relpartbound, c.oid) AS bound
          FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
         WHERE i.inhparent = 'hitl.decision'::regclass
    LOOP
        EXECUTE format('CREATE TABLE %I.%I (LIKE hitl.%I INCLUDING ALL)',
                       to_schema, part.relname, part.relname);
        EXECUTE format('ALTER TABLE %I.decision ATTACH PARTITION %I.%I %s',
                       to_schema, to_schema, part.relname, part.bound);
    END LOOP;
END
$$;

-- ---------------------------------------------------------------------------
CREATE SCHEMA plain;
SELECT pg_temp.copy_decision('plain');
ALTER TABLE plain.decision
    ALTER created_at SET DEFAULT clock_timestamp(),
    ALTER created_by SET DEFAULT current_user,
    ALTER policy_version SET DEFAULT 1,
    ALTER gate_route SET DEFAULT 'auto_approve',
    ALTER route SET DEFAULT 'auto_approve',
    ALTER reasons SET DEFAULT '[]',
    ALTER lane SET DEFAULT 1,
    ALTER audit_u SET DEFAULT random(),
    ALTER propensity SET DEFAULT 0.05;

-- ---------------------------------------------------------------------------
CREATE SCHEMA plgate;
SELECT pg_temp.copy_decision('plgate');
CREATE TABLE plgate.task (LIKE hitl.task INCLUDING ALL);
CREATE TABLE plgate.policy (
    workflow           text PRIMARY KEY,
    version            int NOT NULL,
    upper              float8 NOT NULL,
    lower              float8 NOT NULL,
    audit_rate_approve float8 NOT NULL,
    audit_rate_reject  float8 NOT NULL,
    queue              text NOT NULL,
    lane               smallint NOT NULL
);
INSERT INTO plgate.policy
SELECT p.workflow, p.version, p.upper, p.lower, p.audit_rate_approve,
       p.audit_rate_reject, w.queue, w.lane
  FROM hitl.policy AS p JOIN hitl.workflow AS w
    ON w.name = p.workflow AND w.policy_version = p.version;

CREATE FUNCTION plgate.stamp() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    p plgate.policy;
BEGIN
    SELECT * INTO p FROM plgate.policy WHERE workflow = NEW.workflow;
    IF NOT FOUND THEN
        RAISE foreign_key_violation
            USING MESSAGE = format('workflow "%s" does not exist', NEW.workflow);
    END IF;
    NEW.created_at := clock_timestamp();
    NEW.created_by := session_user;
    NEW.policy_version := p.version;
    NEW.lane := p.lane;
    NEW.audit_u := random();
    NEW.reasons := '[]';
    IF NEW.confidence >= p.upper AND NEW.confidence <= 1 THEN
        NEW.route := 'auto_approve';
        NEW.propensity := p.audit_rate_approve;
    ELSIF NEW.confidence < p.lower AND NEW.confidence >= 0 THEN
        NEW.route := 'auto_reject';
        NEW.propensity := p.audit_rate_reject;
    ELSE
        NEW.route := 'review';
        NEW.propensity := 1;
        NEW.reasons := jsonb_build_array(jsonb_build_object(
            'trigger', 'confidence', 'rule', NULL,
            'detail', format('%s < %s', NEW.confidence, p.upper)));
    END IF;
    NEW.gate_route := NEW.route;
    RETURN NEW;
END
$$;
CREATE TRIGGER gate BEFORE INSERT ON plgate.decision
    FOR EACH ROW EXECUTE FUNCTION plgate.stamp();

CREATE FUNCTION plgate.enqueue() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO plgate.task (decision, workflow, kind, queue, lane, tier,
                             sort_key, submitter, created_at, step,
                             first_review_at, resolution_at, due_at, wake_at)
    SELECT NEW.id, NEW.workflow,
           CASE NEW.route WHEN 'review' THEN 'review' ELSE 'audit' END,
           p.queue, p.lane, 1, extract(epoch FROM NEW.created_at),
           session_user, NEW.created_at, 0,
           'infinity', 'infinity', 'infinity', 'infinity'
      FROM plgate.policy AS p WHERE p.workflow = NEW.workflow;
    RETURN NULL;
END
$$;
CREATE TRIGGER enqueue AFTER INSERT ON plgate.decision
    FOR EACH ROW WHEN (NEW.route = 'review' OR NEW.audit_u < NEW.propensity)
    EXECUTE FUNCTION plgate.enqueue();

-- ---------------------------------------------------------------------------
CREATE SCHEMA hand;
SELECT pg_temp.copy_decision('hand');
CREATE TABLE hand.task (LIKE hitl.task INCLUDING ALL EXCLUDING INDEXES);
ALTER TABLE hand.task ADD PRIMARY KEY (id);
CREATE INDEX ON hand.task (queue, lane, sort_key, id) WHERE holder IS NULL;
CREATE TABLE hand.verdict (LIKE hitl.verdict INCLUDING ALL);
CREATE TABLE hand.event (LIKE hitl.event INCLUDING ALL);
CREATE SEQUENCE hand.lease;
