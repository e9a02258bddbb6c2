-- A verdict for every decision on record that went to review or was drawn for
-- an audit, about one in ten.
INSERT INTO hitl.verdict (created_at, decision, task, kind, workflow, queue, reviewer, action, code, note,
                          seconds, final, outcome, lease, lease_until)
SELECT now(), id, row_number() OVER (), CASE route WHEN 'review' THEN 'review' ELSE 'audit' END,
       workflow, 'stored', 'reviewer-1', CASE WHEN sound THEN 'approve' ELSE 'reject' END,
       CASE WHEN NOT sound THEN 'INCORRECT' END, CASE WHEN NOT sound THEN 'wrong' END,
       60 + 60 * random(), true, CASE WHEN sound THEN 'approved' ELSE 'rejected' END,
       row_number() OVER (), now() + interval '1 hour'
  FROM (SELECT *, random() < confidence AS sound FROM hitl.decision
         WHERE route = 'review' OR audit_u < propensity OFFSET 0) AS d;
VACUUM ANALYZE hitl.verdict;
