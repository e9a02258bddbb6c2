-- Requests that may come twice.

CREATE FUNCTION hitl.find_request(
    workflow text, request_id text, OUT id uuid, OUT route text, OUT reasons jsonb)
RETURNS record
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'hitl_find_request';
COMMENT ON FUNCTION hitl.find_request(text, text)
    IS 'the decision that was made of this request; NULL if none, and then others who ask wait until this session has inserted it, asks for another, or ends the transaction; 23505 if another application''s';

-- It runs as its caller: who acts, and may insert, is asked as for an INSERT.
CREATE FUNCTION hitl.submit(
    workflow text, input jsonb DEFAULT NULL, output jsonb DEFAULT NULL,
    confidence float8 DEFAULT NULL, request_id text DEFAULT NULL, model text DEFAULT NULL,
    subject text DEFAULT NULL, reasoning text DEFAULT NULL, alternatives jsonb DEFAULT NULL,
    context jsonb DEFAULT NULL, signals jsonb DEFAULT NULL, exposure numeric DEFAULT NULL,
    reversible boolean DEFAULT true, cohort jsonb DEFAULT NULL, question text DEFAULT NULL,
    tags text[] DEFAULT NULL, parent uuid DEFAULT NULL,
    OUT id uuid, OUT route text, OUT reasons jsonb, OUT created boolean)
RETURNS record
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    IF submit.request_id IS NOT NULL THEN
        SELECT f.id, f.route, f.reasons INTO id, route, reasons
        FROM hitl.find_request(submit.workflow, submit.request_id) f;
    END IF;
    created := id IS NULL;
    IF created THEN
        INSERT INTO hitl.decision AS d (workflow, input, output, confidence, request_id, model, subject,
                                        reasoning, alternatives, context, signals, exposure,
                                        reversible, cohort, question, tags, parent)
        VALUES (submit.workflow, submit.input, submit.output, submit.confidence,
                submit.request_id, submit.model, submit.subject, submit.reasoning,
                submit.alternatives, submit.context, submit.signals, submit.exposure,
                submit.reversible, submit.cohort, submit.question, submit.tags, submit.parent)
        RETURNING d.id, d.route, d.reasons INTO id, route, reasons;
    END IF;
END
$$;
COMMENT ON FUNCTION hitl.submit(text, jsonb, jsonb, float8, text, text, text, text, jsonb, jsonb, jsonb, numeric, boolean, jsonb, text, text[], uuid)
    IS 'inserts a decision and returns what the gate made of it; a request_id that was submitted before, by this or another session, gets the existing decision instead (created: false), whatever else is given; errors as INSERT';
