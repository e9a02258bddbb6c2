-- queues.sql
--		:open open tasks in :queues queues, the reviewer in :mine of them.
CREATE EXTENSION hitl;
SELECT hitl.create_workflow('bench-review', queue => 'q1');
SELECT hitl.create_queue('q' || i) FROM generate_series(2, :queues) AS i;
SELECT hitl.add_reviewer('reviewer-0', max_open => 1000);
SELECT hitl.join_queue('reviewer-0', 'q' || i * (:queues / :mine)) FROM generate_series(1, :mine) AS i;
WITH filled AS (
    INSERT INTO hitl.decision (id, created_at, created_by, workflow, input, output,
                               confidence, model, subject, gate_route, route,
                               reasons, lane, audit_u, propensity, policy_version)
    SELECT id, hitl.uuid_time(id), current_user, 'bench-review', :'input', :'output',
           0.7, 'model-1', 'case-' || random(), 'review', 'review', '[]', 1, random(), 1, 1
      FROM (SELECT hitl.uuidv7() AS id FROM generate_series(1, :open) OFFSET 0) AS new
    RETURNING id, created_at)
INSERT INTO hitl.task (decision, workflow, kind, queue, lane, tier, sort_key, submitter, created_at, step,
                       first_review_at, resolution_at, due_at, wake_at, confidence)
SELECT id, 'bench-review', 'review', 'q' || 1 + (row_number() OVER ()) % :queues, 1, 1, 'infinity', current_user,
       created_at, 0, 'infinity', 'infinity', 'infinity', 'infinity', 0.7
  FROM filled;
VACUUM (ANALYZE) hitl.task;
VACUUM hitl.decision;
CHECKPOINT;
SELECT pg_sleep(3);
