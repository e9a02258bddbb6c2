-- The quality of people's work: decisions with a known answer, who is paused
-- for missing too many of them, and what stated confidence has been worth.

CREATE TABLE hitl.gold (
    decision   uuid PRIMARY KEY,
    workflow   text COLLATE "C" NOT NULL,
    outcome    text NOT NULL CHECK (outcome IN ('approved', 'rejected', 'amended')),
    output     jsonb,
    note       text,
    created_by name NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    retired_at timestamptz,
    CHECK ((outcome = 'amended') = (output IS NOT NULL))
);
COMMENT ON TABLE hitl.gold IS 'decisions whose right answer is known: mixed into claims, they measure reviewers (queue.gold_rate, queue.gold_bar)';
COMMENT ON COLUMN hitl.gold.outcome IS 'the right verdict on the proposal: approved, rejected or amended';
COMMENT ON COLUMN hitl.gold.output IS 'what an amendment must say; NULL for the others';
COMMENT ON COLUMN hitl.gold.note IS 'why it is right, for who administers it: reviewers do not see it';
COMMENT ON COLUMN hitl.gold.created_by IS 'the role that added it, or put it in use again';
COMMENT ON COLUMN hitl.gold.retired_at IS 'since when it is not used and its verdicts count no more; NULL: in use';
CREATE INDEX gold_workflow ON hitl.gold (workflow) WHERE retired_at IS NULL;

SELECT pg_extension_config_dump('hitl.gold', '');

-- A reviewer's verdicts on known answers, and since when they count.
CREATE INDEX verdict_gold ON hitl.verdict (reviewer, id) WHERE kind = 'gold';
CREATE INDEX event_paused ON hitl.event ((detail ->> 'reviewer')) WHERE kind = 'reviewer_paused';

CREATE VIEW hitl.gold_verdict WITH (security_invoker = true, security_barrier = true) AS
SELECT v.id, v.created_at, v.decision, v.workflow, v.queue, v.reviewer, v.action,
       CASE v.action WHEN 'approve' THEN 'approved' WHEN 'reject' THEN 'rejected' ELSE 'amended' END = g.outcome
       AND (g.outcome <> 'amended' OR v.output = g.output) AS correct
FROM hitl.verdict v
JOIN hitl.gold g ON g.decision = v.decision
WHERE v.kind = 'gold' AND v.action IN ('approve', 'reject', 'amend') AND g.retired_at IS NULL;
COMMENT ON VIEW hitl.gold_verdict IS 'verdicts on decisions whose answer was known to us and not to the reviewer; without those on answers that were retired';
COMMENT ON COLUMN hitl.gold_verdict.action IS 'approve, reject or amend';
COMMENT ON COLUMN hitl.gold_verdict.correct IS 'whether it is the known answer: the same outcome, and the same output where that is amended';

CREATE FUNCTION hitl.add_gold(
    decision uuid, outcome text, output jsonb DEFAULT NULL, note text DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    flow     text;
    proposal jsonb;
    stands   text;
BEGIN
    IF decision IS NULL THEN
        RAISE EXCEPTION 'the decision must not be null' USING ERRCODE = 'null_value_not_allowed';
    ELSIF outcome IS NULL OR outcome NOT IN ('approved', 'rejected', 'amended') THEN
        RAISE EXCEPTION 'outcome "%" does not exist', coalesce(left(outcome, 63), 'NULL')
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Use approved, rejected or amended.';
    ELSIF (outcome = 'amended') <> (output IS NOT NULL) THEN
        RAISE EXCEPTION 'a known answer has an output if it is amended, and only then'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    SELECT d.workflow, d.output, o.outcome INTO flow, proposal, stands
    FROM hitl.decision d
    JOIN hitl.outcome o ON o.id = d.id
    WHERE d.id = add_gold.decision;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'decision % does not exist', decision USING ERRCODE = 'no_data_found';
    ELSIF stands NOT IN ('approved', 'rejected', 'amended') THEN
        RAISE EXCEPTION 'decision % is %', decision, stands
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Only what has been decided can be a known answer.';
    ELSIF output = proposal THEN
        RAISE EXCEPTION 'the amended output of decision % is the proposed one', decision
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Then the known answer is approved.';
    END IF;
    INSERT INTO hitl.gold AS g (decision, workflow, outcome, output, note, created_by)
    VALUES (decision, flow, outcome, output, note, hitl.actor())
    ON CONFLICT ON CONSTRAINT gold_pkey DO UPDATE
        SET outcome = excluded.outcome, output = excluded.output, note = excluded.note,
            created_by = excluded.created_by, created_at = excluded.created_at, retired_at = NULL
        WHERE g.retired_at IS NOT NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'decision % is a known answer already', decision
            USING ERRCODE = 'duplicate_object', HINT = 'First retire it: SELECT hitl.retire_gold(...).';
    END IF;
    PERFORM hitl.log_event('gold_added', flow,
                           jsonb_build_object('decision', decision, 'outcome', outcome));
END
$$;
COMMENT ON FUNCTION hitl.add_gold(uuid, text, jsonb, text)
    IS 'takes a decided decision as one whose right answer is known; outcome: approved, rejected or, with its output, amended; P0002 if there is no such decision, 55000 if it is pending or withdrawn, 42710 if it is one already';

CREATE FUNCTION hitl.retire_gold(decision uuid)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    flow text;
BEGIN
    UPDATE hitl.gold g SET retired_at = now()
    WHERE g.decision = retire_gold.decision AND g.retired_at IS NULL
    RETURNING g.workflow INTO flow;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'decision % is no known answer in use', coalesce(decision::text, 'NULL')
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    PERFORM hitl.log_event('gold_retired', flow, jsonb_build_object('decision', decision));
END
$$;
COMMENT ON FUNCTION hitl.retire_gold(uuid)
    IS 'uses a known answer no more; verdicts on it count no more; 55000 if it is none';

-- Called by the library, as the owner, after a verdict on a known answer.
-- Whoever was paused starts anew afterwards: else the first miss would pause
-- them again for what was dealt with.  The task is still locked here, so a
-- reviewer whose row is being changed is left for the next time.
CREATE FUNCTION hitl.gold_pause(reviewer text, queue text)
RETURNS boolean
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    bar    CONSTANT float8 := (SELECT q.gold_bar FROM hitl.queue q WHERE q.name = gold_pause.queue);
    since  timestamptz;
    judged int;
    hits   int;
BEGIN
    IF bar IS NULL THEN
        RETURN false;
    END IF;
    SELECT max(e.created_at) INTO since
    FROM hitl.event e
    WHERE e.kind = 'reviewer_paused' AND e.detail ->> 'reviewer' = gold_pause.reviewer
      AND e.actor = 'clock';
    SELECT count(*), count(*) FILTER (WHERE g.correct) INTO judged, hits
    FROM (SELECT g.correct
          FROM hitl.gold_verdict g
          WHERE g.reviewer = gold_pause.reviewer AND (since IS NULL OR g.created_at > since)
          ORDER BY g.id DESC
          LIMIT 20) g;
    IF judged < 5 OR hits >= bar * judged THEN
        RETURN false;
    END IF;
    UPDATE hitl.reviewer r
    SET paused = format('%s of %s known answers right, which is below the bar of queue "%s", %s',
                        hits, judged, queue, bar)
    WHERE r.name = (SELECT p.name FROM hitl.reviewer p
                    WHERE p.name = gold_pause.reviewer AND p.paused IS NULL
                    FOR UPDATE SKIP LOCKED);
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    INSERT INTO hitl.event (kind, actor, detail)
    VALUES ('reviewer_paused', 'clock',
            jsonb_build_object('reviewer', reviewer, 'queue', queue, 'share', hits::float8 / judged,
                               'bar', bar, 'verdicts', judged));
    RETURN true;
END
$$;
COMMENT ON FUNCTION hitl.gold_pause(text, text)
    IS 'pauses a reviewer whose share of right answers is below the gold_bar of a queue: of the last 20 known ones since they were last paused for it, 5 at least; returns whether it did';

-- The blocks cover 0..1: what lies between two that were seen counts with the
-- lower one.
CREATE FUNCTION hitl.learn_confidence(workflow text, since timestamptz DEFAULT NULL)
RETURNS int
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- spares the scan the partitions before
    earliest CONSTANT uuid := hitl.uuid_floor(CASE WHEN since BETWEEN '1970-01-01 UTC' AND '9999-12-31 UTC' THEN since
                                                   ELSE '1970-01-01 UTC' END);
    state    hitl.calib;
    labels   bigint;
    blocks   int;
BEGIN
    PERFORM hitl.require_workflow(workflow);
    SELECT count(*), hitl.calib_agg(l.confidence, l.correct, l.propensity) INTO labels, state
    FROM hitl.label l
    WHERE l.workflow = learn_confidence.workflow AND l.id >= earliest
      AND (since IS NULL OR l.created_at >= since)
      AND l.correct IS NOT NULL AND l.confidence IS NOT NULL AND l.propensity > 0;
    IF labels < 50 THEN
        RAISE EXCEPTION 'workflow "%" has % labels to learn from', workflow, labels
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'What confidence is worth shows in at least 50.';
    END IF;
    DELETE FROM hitl.confidence_map m WHERE m.workflow = learn_confidence.workflow;
    INSERT INTO hitl.confidence_map (workflow, lo, hi, value)
    SELECT learn_confidence.workflow,
           CASE WHEN b.n = 1 THEN 0 ELSE b.lo END,
           coalesce(lead(b.lo) OVER (ORDER BY b.n), 1), b.value
    FROM unnest(hitl.fit_isotonic(state)) WITH ORDINALITY AS b (lo, hi, value, n);
    GET DIAGNOSTICS blocks = ROW_COUNT;
    PERFORM hitl.log_event('confidence_learnt', workflow,
                           jsonb_build_object('labels', labels, 'since', since, 'blocks', blocks));
    RETURN blocks;
END
$$;
COMMENT ON FUNCTION hitl.learn_confidence(text, timestamptz)
    IS 'learns from labels since then (NULL: all) what the stated confidence of a workflow is worth, for the order of its tasks from now on; returns the number of steps in confidence_map; 55000 with fewer than 50 labels';

CREATE FUNCTION hitl.drop_confidence(workflow text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM hitl.require_workflow(workflow);
    DELETE FROM hitl.confidence_map m WHERE m.workflow = drop_confidence.workflow;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'nothing was learnt of the confidence of workflow "%"', workflow
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    PERFORM hitl.log_event('confidence_dropped', workflow, NULL);
END
$$;
COMMENT ON FUNCTION hitl.drop_confidence(text)
    IS 'takes the stated confidence of a workflow as it is again; 55000 if nothing was learnt of it';
