SELECT workflow, model, count(*) AS sent,
       count(*) FILTER (WHERE route = 'auto_approve') AS approved,
       count(*) FILTER (WHERE route = 'auto_reject') AS rejected,
       count(*) FILTER (WHERE route = 'review') AS "to review",
       count(*) FILTER (WHERE route <> 'review' AND audit_u < propensity)
           AS "to audit"
  FROM hitl.decision
 GROUP BY workflow, model
 ORDER BY workflow, model DESC;
