-- Facts: inserted once, never changed, never deleted.

CREATE FUNCTION hitl.uuidv7()
RETURNS uuid
LANGUAGE c VOLATILE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'hitl_uuidv7';
COMMENT ON FUNCTION hitl.uuidv7()
    IS 'a new UUID of version 7 (RFC 9562): ordered by time, increasing within a session, unique across nodes';

CREATE FUNCTION hitl.uuid_time(id uuid)
RETURNS timestamptz
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'hitl_uuid_time';
COMMENT ON FUNCTION hitl.uuid_time(uuid)
    IS 'the time in a UUID of version 7, to the microsecond; NULL for other versions';

CREATE FUNCTION hitl.uuid_floor("time" timestamptz)
RETURNS uuid
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'hitl_uuid_floor';
COMMENT ON FUNCTION hitl.uuid_floor(timestamptz)
    IS 'the least UUID of version 7 of this millisecond: id >= hitl.uuid_floor(t) selects by time and prunes partitions';

-- The model's output and the packet of a decision come from the application,
-- the rest from the gate.  Partitions carry the indexes themselves: an index
-- of the parent would be made twice when a dump is restored, once by the
-- extension and once by the dump.
CREATE TABLE hitl.decision (
    id             uuid NOT NULL DEFAULT hitl.uuidv7(),
    created_at     timestamptz NOT NULL,
    created_by     name NOT NULL,
    workflow       text COLLATE "C" NOT NULL,
    input          jsonb,
    output         jsonb,
    confidence     float8,
    model          text,
    subject        text,
    reasoning      text,
    alternatives   jsonb,
    context        jsonb,
    signals        jsonb,
    exposure       numeric,
    reversible     boolean NOT NULL DEFAULT true,
    cohort         jsonb,
    question       text,
    tags           text[],
    parent         uuid,
    request_id     text,
    policy_version int,
    gate_route     text NOT NULL,
    route          text NOT NULL,
    reasons        jsonb NOT NULL,
    lane           smallint NOT NULL,
    audit_u        float8 NOT NULL,
    propensity     float8 NOT NULL,
    challenger_route text
) PARTITION BY RANGE (id);
COMMENT ON TABLE hitl.decision IS 'what the AI decided and what the gate made of it; append-only';
COMMENT ON COLUMN hitl.decision.id IS 'UUID of version 7; its time is created_at';
COMMENT ON COLUMN hitl.decision.created_at IS 'when the row was made, by the database''s clock (gate)';
COMMENT ON COLUMN hitl.decision.created_by IS 'the role that inserted it (gate)';
COMMENT ON COLUMN hitl.decision.workflow IS 'the kind of decision; must exist';
COMMENT ON COLUMN hitl.decision.input IS 'what the model saw';
COMMENT ON COLUMN hitl.decision.output IS 'what the model proposes';
COMMENT ON COLUMN hitl.decision.confidence IS 'stated probability that the proposal is right, 0..1; what is no such number is kept in reasons and means review';
COMMENT ON COLUMN hitl.decision.model IS 'name and version of model or prompt';
COMMENT ON COLUMN hitl.decision.subject IS 'business key: claim number, ticket';
COMMENT ON COLUMN hitl.decision.reasoning IS 'the model''s reasoning';
COMMENT ON COLUMN hitl.decision.alternatives IS 'what else the model considered';
COMMENT ON COLUMN hitl.decision.context IS 'documents, policies, history for the reviewer';
COMMENT ON COLUMN hitl.decision.signals IS 'validators, flags, scores';
COMMENT ON COLUMN hitl.decision.exposure IS 'value at risk, in the workflow''s currency';
COMMENT ON COLUMN hitl.decision.reversible IS 'false: cannot be undone, always reviewed';
COMMENT ON COLUMN hitl.decision.cohort IS 'groups for fairness reports';
COMMENT ON COLUMN hitl.decision.question IS 'overrides the workflow''s question';
COMMENT ON COLUMN hitl.decision.tags IS 'free tags';
COMMENT ON COLUMN hitl.decision.parent IS 'an earlier step of the same case';
COMMENT ON COLUMN hitl.decision.request_id IS 'the application''s key, unique per workflow: a repetition fails (23505), or finds this decision by hitl.submit()';
COMMENT ON COLUMN hitl.decision.policy_version IS 'the policy applied; NULL: there was none (gate)';
COMMENT ON COLUMN hitl.decision.gate_route IS 'what the policy said: auto_approve, auto_reject or review (gate)';
COMMENT ON COLUMN hitl.decision.route IS 'what was done, given the mode: auto_approve, auto_reject, review, monitor (took effect, open to a veto) or observe (shadow: recorded only) (gate)';
COMMENT ON COLUMN hitl.decision.reasons IS 'everything that fired: array of {trigger, rule, detail} (gate)';
COMMENT ON COLUMN hitl.decision.lane IS 'urgency of a review: 0, 1 or 2 (gate)';
COMMENT ON COLUMN hitl.decision.audit_u IS 'the uniform number of the audit lottery, 0 <= u < 1; drawn for an audit when below propensity (gate)';
COMMENT ON COLUMN hitl.decision.propensity IS 'probability with which this decision was to get a verdict: 1 for a review, else the audit rate (gate)';
COMMENT ON COLUMN hitl.decision.challenger_route IS 'what the challenger of the policy would have said; NULL: there was none (gate)';

CREATE TABLE hitl.decision_default PARTITION OF hitl.decision DEFAULT;
COMMENT ON TABLE hitl.decision_default IS 'decisions for whose month no partition was made';

CREATE TABLE hitl.verdict (
    id          bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    created_at  timestamptz NOT NULL,
    decision    uuid NOT NULL,
    task        bigint,
    kind        text,
    workflow    text COLLATE "C" NOT NULL,
    queue       text COLLATE "C",
    reviewer    text COLLATE "C" NOT NULL,
    asserted_by name,
    action      text NOT NULL CHECK (action IN ('approve', 'reject', 'amend', 'escalate', 'timeout', 'veto',
                                           'withdraw', 'correct')),
    output      jsonb,
    code        text,
    note        text,
    seconds     float8,
    final       boolean NOT NULL,
    outcome     text CHECK (outcome IN ('approved', 'rejected', 'amended', 'withdrawn')),
    lease       bigint,
    lease_until timestamptz,
    stage       text,
    policy_version int,
    on_behalf_of text COLLATE "C",
    login_method text,
    packet_hash bytea,
    blind       boolean,
    judgment    jsonb,
    delta       jsonb,
    explanation text,
    rubric      int,
    scores      jsonb,
    like_task   bigint,
    CHECK (final = (outcome IS NOT NULL)),
    CHECK (num_nulls(task, kind, queue) IN (0, 3)),
    CHECK (num_nulls(lease, lease_until, seconds) IN (0, 3))
);
COMMENT ON TABLE hitl.verdict IS 'what people decided, or time for them; append-only';
COMMENT ON COLUMN hitl.verdict.created_at IS 'when, by the database''s clock; always before lease_until';
COMMENT ON COLUMN hitl.verdict.task IS 'the task on which it was given; NULL: there was none';
COMMENT ON COLUMN hitl.verdict.kind IS 'of the task: review, confirm, audit, overlap, monitor or gold';
COMMENT ON COLUMN hitl.verdict.reviewer IS 'who decided: a reviewer, the role of a lead who is none, or "clock"';
COMMENT ON COLUMN hitl.verdict.queue IS 'where the task was when it was decided';
COMMENT ON COLUMN hitl.verdict.asserted_by IS 'the hitl_delegate that named the reviewer; NULL: the reviewer''s own login acted';
COMMENT ON COLUMN hitl.verdict.action IS 'approve: the proposal is right; reject: it is wrong; amend: it is wrong, and output is right; timeout: nobody decided in time; escalate: somebody else must judge; veto: a proposal was stopped; withdraw: the application took it back; correct: an outcome was reversed, or replaced by output';
COMMENT ON COLUMN hitl.verdict.output IS 'the amended output';
COMMENT ON COLUMN hitl.verdict.code IS 'reason of a rejection or amendment, from decision_code';
COMMENT ON COLUMN hitl.verdict.seconds IS 'from claim to verdict; NULL: it was not the holder''s';
COMMENT ON COLUMN hitl.verdict.final IS 'settles the outcome; a later final verdict supersedes an earlier one; false: one of several persons, handed on, or of a task that only measures (overlap, gold)';
COMMENT ON COLUMN hitl.verdict.outcome IS 'approved, rejected, amended or withdrawn when final';
COMMENT ON COLUMN hitl.verdict.lease IS 'fencing token of the claim under which the verdict was given; NULL: it was not the holder''s';
COMMENT ON COLUMN hitl.verdict.lease_until IS 'end of that claim''s lease';
COMMENT ON COLUMN hitl.verdict.stage IS 'of the task, where the policy has stages';
COMMENT ON COLUMN hitl.verdict.policy_version IS 'the policy under which the task was claimed, whose demands on persons held; NULL: there was none, or no claim';
COMMENT ON COLUMN hitl.verdict.on_behalf_of IS 'the absent reviewer for whom the reviewer stood in; NULL: nobody';
COMMENT ON COLUMN hitl.verdict.login_method IS 'how the person had logged in, as the server knows or a hitl_delegate asserted; NULL: not known';
COMMENT ON COLUMN hitl.verdict.packet_hash IS 'SHA-256 of what was shown at the claim, equal to that of the decision at the verdict (see packet_hash()); NULL: nothing was shown';
COMMENT ON COLUMN hitl.verdict.blind IS 'whether the proposal was withheld until the judgment was stored; NULL: nobody held a task';
COMMENT ON COLUMN hitl.verdict.judgment IS 'what the reviewer judged before they saw the proposal';
COMMENT ON COLUMN hitl.verdict.delta IS 'what an amendment changed: array of {path, from, to}';
COMMENT ON COLUMN hitl.verdict.explanation IS 'why, in plain words, for the person whom it affects';
COMMENT ON COLUMN hitl.verdict.rubric IS 'version of the rubric of scores';
COMMENT ON COLUMN hitl.verdict.scores IS 'scores by criterion of the rubric';
COMMENT ON COLUMN hitl.verdict.like_task IS 'the task whose verdict was spread to this one; NULL: it was judged itself';
CREATE INDEX verdict_decision ON hitl.verdict (decision, id);
CREATE INDEX verdict_task ON hitl.verdict (task);

CREATE TABLE hitl.request (
    workflow   text COLLATE "C" NOT NULL,
    request_id text COLLATE "C" NOT NULL,
    decision   uuid NOT NULL,
    PRIMARY KEY (workflow, request_id)
);
COMMENT ON TABLE hitl.request IS 'the keys under which applications submitted decisions; append-only';
COMMENT ON COLUMN hitl.request.request_id IS 'the application''s key';
COMMENT ON COLUMN hitl.request.decision IS 'what was made of it';

CREATE TABLE hitl.event (
    id         bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    kind       text NOT NULL,
    decision   uuid,
    task       bigint,
    workflow   text COLLATE "C",
    actor      text NOT NULL,
    detail     jsonb
);
COMMENT ON TABLE hitl.event IS 'everything else that an auditor asks for; append-only';
COMMENT ON COLUMN hitl.event.kind IS 'claimed, released, lease_expired, sla_breached, escalated; workflow_created, policy_set, ...';
COMMENT ON COLUMN hitl.event.actor IS 'the reviewer or role that acted; "clock" for what time did';
COMMENT ON COLUMN hitl.event.detail IS 'what there is to know of this kind of event';
CREATE INDEX event_decision ON hitl.event (decision, id) WHERE decision IS NOT NULL;
CREATE INDEX event_closed ON hitl.event (task) WHERE kind = 'copy_closed';
CREATE INDEX event_ungated ON hitl.event (created_at) WHERE kind = 'ungated';

SELECT pg_extension_config_dump('hitl.decision', '');
SELECT pg_extension_config_dump('hitl.decision_default', '');
SELECT pg_extension_config_dump('hitl.verdict', '');
SELECT pg_extension_config_dump('hitl.verdict_id_seq', '');
SELECT pg_extension_config_dump('hitl.request', '');
SELECT pg_extension_config_dump('hitl.event', '');
SELECT pg_extension_config_dump('hitl.event_id_seq', '');

-- Append-only.  Row triggers reach every partition through the parent;
-- TRUNCATE triggers do not, so each partition has its own.
DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['decision', 'verdict', 'request', 'event'] LOOP
        EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON hitl.%I '
                       'FOR EACH ROW EXECUTE FUNCTION hitl.refuse_change()', t);
        EXECUTE format('ALTER TABLE hitl.%I ENABLE ALWAYS TRIGGER append_only', t);
    END LOOP;
    FOREACH t IN ARRAY ARRAY['decision', 'verdict', 'request', 'event'] LOOP
        EXECUTE format('CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON hitl.%I '
                       'FOR EACH STATEMENT EXECUTE FUNCTION hitl.refuse_change()', t);
        EXECUTE format('ALTER TABLE hitl.%I ENABLE ALWAYS TRIGGER append_only_truncate', t);
    END LOOP;
END
$$;

-- Row security without policies keeps everybody out of the partition itself,
-- whatever default privileges give; access through the parent does not ask it.
CREATE FUNCTION hitl.prepare_partition(partition regclass)
RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    name CONSTANT text := (SELECT relname FROM pg_class WHERE oid = partition);
BEGIN
    EXECUTE format('CREATE UNIQUE INDEX %I ON %s (id)', name || '_id', partition);
    EXECUTE format('CREATE INDEX %I ON %s (workflow, subject, id) WHERE subject IS NOT NULL',
                   name || '_subject', partition);
    EXECUTE format('CREATE INDEX %I ON %s USING brin (created_at)', name || '_created_at', partition);
    EXECUTE format('CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON %s '
                   'FOR EACH STATEMENT EXECUTE FUNCTION hitl.refuse_change()', partition);
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER append_only_truncate', partition);
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', partition);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', partition);
END
$$;
COMMENT ON FUNCTION hitl.prepare_partition(regclass)
    IS 'gives a partition of hitl.decision what it does not inherit: indexes, the trigger against TRUNCATE, row security';
SELECT hitl.prepare_partition('hitl.decision_default');

CREATE FUNCTION hitl.make_partitions(months_ahead int DEFAULT 3)
RETURNS int
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    first_month CONSTANT timestamp := date_trunc('month', now() AT TIME ZONE 'UTC');
    month timestamp;
    name  text;
    lo    uuid;
    hi    uuid;
    made  int := 0;
BEGIN
    IF months_ahead NOT BETWEEN 0 AND 120 THEN
        RAISE EXCEPTION 'months_ahead is %, which is outside 0 to 120', months_ahead
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    FOR i IN 0 .. months_ahead LOOP
        month := first_month + make_interval(months => i);
        name := 'decision_' || to_char(month, 'YYYY_MM');
        CONTINUE WHEN to_regclass('hitl.' || name) IS NOT NULL;

        -- One maker at a time; the other then finds the table.
        LOCK TABLE ONLY hitl.decision IN SHARE UPDATE EXCLUSIVE MODE;
        CONTINUE WHEN to_regclass('hitl.' || name) IS NOT NULL;
        lo := hitl.uuid_floor(month AT TIME ZONE 'UTC');
        hi := hitl.uuid_floor((month + interval '1 month') AT TIME ZONE 'UTC');
        -- Rows that came while the partition was missing keep it out;
        -- doctor() says so.
        CONTINUE WHEN EXISTS (SELECT FROM hitl.decision_default WHERE id >= lo AND id < hi);

        EXECUTE format('CREATE TABLE hitl.%I (LIKE hitl.decision INCLUDING DEFAULTS '
                       'INCLUDING CONSTRAINTS INCLUDING GENERATED INCLUDING STORAGE '
                       'INCLUDING COMPRESSION)', name);
        PERFORM hitl.prepare_partition(format('hitl.%I', name)::regclass);
        EXECUTE format('ALTER TABLE hitl.decision ATTACH PARTITION hitl.%I FOR VALUES FROM (%L) TO (%L)',
                       name, lo, hi);
        made := made + 1;
    END LOOP;
    RETURN made;
END
$$;
COMMENT ON FUNCTION hitl.make_partitions(int)
    IS 'makes the monthly partitions (UTC) of hitl.decision for this month and the next ones where missing; returns how many';
