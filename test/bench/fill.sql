-- Brings the open tasks of both contenders to :open, and both sets of tables
-- into the same state.  Older tasks stay older: they are served first.  What the
-- gate would write is written directly, as the gate is not what is measured.
CREATE OR REPLACE FUNCTION pg_temp.fill(schema text, open int, input jsonb, output jsonb)
RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format($q$
        WITH filled AS (
            INSERT INTO %1$I.decision (id, created_at, created_by, workflow,
                                       input, output, confidence, model, subject,
                                       policy_version, gate_route, route,
                                       reasons, lane, audit_u, propensity)
            SELECT id, hitl.uuid_time(id), current_user, 'bench-review', $2, $3,
                   0.7, 'model-1', 'case-' || random(), 1, 'review', 'review',
                   '[{"trigger": "confidence", "rule": null, "detail": "0.7 < 0.9"}]',
                   1, random(), 1
              FROM (SELECT hitl.uuidv7() AS id
                      FROM generate_series(1, $1 - (SELECT count(*) FROM %1$I.task
                                                     WHERE queue = 'claims'))
                    OFFSET 0) AS new
            RETURNING *)
        INSERT INTO %1$I.task (decision, workflow, kind, queue, lane, tier,
                               sort_key, submitter, created_at, step,
                               first_review_at, resolution_at, due_at, wake_at,
                               confidence)
        SELECT id, workflow, 'review', 'claims', lane, 1, 'infinity',
               current_user, created_at, 0, 'infinity', 'infinity', 'infinity',
               'infinity', confidence
          FROM filled$q$, schema) USING open, input, output;
END
$$;
SELECT pg_temp.fill('hitl', :open, :'input', :'output');
SELECT pg_temp.fill('hand', :open, :'input', :'output');
VACUUM (ANALYZE) hitl.task, hand.task;
VACUUM hitl.decision, hand.decision, hitl.verdict, hand.verdict, hitl.event, hand.event;
CHECKPOINT;
-- what is written past the library is found by the worker's next look
SELECT pg_sleep(1.5);
