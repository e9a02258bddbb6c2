-- The first automatic approval that an audit found wrong.
SELECT hitl.explain(id) AS "why"
  FROM (SELECT d.id FROM hitl.decision AS d JOIN hitl.verdict AS v ON v.decision = d.id
         WHERE d.route = 'auto_approve' AND v.outcome <> 'approved'
         ORDER BY d.id LIMIT 1) AS d;
