-- Brings the open tasks of both contenders to :open, and both sets of tables
-- into the same state.  Older tasks stay older: they are served first.
INSERT INTO hitl.decision (workflow, model, subject, input, output, confidence)
SELECT 'bench-review', 'model-1', 'case-' || random(), :'input', :'output', 0.7
  FROM generate_series(1, :open - (SELECT count(*) FROM hitl.task
                                    WHERE queue = 'claims'));

WITH filled AS (
    INSERT INTO hand.decision (created_at, created_by, workflow, input, output,
                               confidence, model, subject, gate_route, route,
                               reasons, lane, audit_u, propensity)
    SELECT clock_timestamp(), current_user, 'bench-review', :'input',
           :'output', 0.7, 'model-1', 'case-' || random(), 'review', 'review',
           '[{"trigger": "policy", "rule": null, "detail": "none"}]', 1,
           random(), 1
      FROM generate_series(1, :open - (SELECT count(*) FROM hand.task))
    RETURNING *)
INSERT INTO hand.task (decision, workflow, kind, queue, lane, tier, sort_key,
                       submitter, created_at, step, first_review_at,
                       resolution_at, due_at, wake_at)
SELECT id, workflow, 'review', 'claims', lane, 1,
       extract(epoch FROM created_at), current_user, created_at, 0,
       'infinity', 'infinity', 'infinity', 'infinity'
  FROM filled;

VACUUM (ANALYZE) hitl.task, hand.task;
VACUUM hitl.decision, hand.decision, hitl.verdict, hand.verdict, hitl.event, hand.event;
CHECKPOINT;
