-- NULLs of the function mean: nothing can be certified.
SELECT model, to_char(p.upper, '0.00') AS "now",
       coalesce(to_char(u.threshold, '0.00'), 'none') AS "safe from",
       to_char(100 * u.coverage, 'FM990') || ' %' AS covers,
       u.n_labelled AS verdicts, u.errors AS wrong,
       to_char(100 * u.risk, 'FM990.0') || ' %' AS rate,
       to_char(100 * u.risk_upper, 'FM990.0') || ' %' AS "at most"
  FROM hitl.calibration_state AS c
  JOIN hitl.workflow AS w ON w.name = c.workflow
  JOIN hitl.policy AS p ON p.workflow = w.name AND p.version = w.policy_version
 CROSS JOIN LATERAL hitl.upper_threshold(c.state, 0.05) AS u
 ORDER BY model;
