SELECT w.name AS workflow,
       CASE WHEN p.upper IS NULL THEN 'nothing (no policy)'
            ELSE format('confidence >= %s', to_char(p.upper, 'FM0.00')) END
           AS "approved by itself",
       CASE WHEN coalesce(p.lower, 0) = 0 THEN 'nothing'
            ELSE format('confidence < %s', to_char(p.lower, 'FM0.00')) END
           AS "rejected by itself",
       coalesce(to_char(100 * p.audit_rate_approve, 'FM990') || ' %', '-')
           AS audited,
       w.queue
  FROM hitl.workflow AS w
  LEFT JOIN hitl.policy AS p ON p.workflow = w.name
                            AND p.version = w.policy_version
 ORDER BY w.name;
