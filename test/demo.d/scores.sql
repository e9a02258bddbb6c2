-- Estimated from the verdicts, and as it really is.
SELECT c.model, c.labels AS verdicts,
       to_char(c.calibration_gap, 'SG0.000') AS "gap",
       to_char(c.ece, '0.000') AS "ECE", to_char(t.ece, '0.000') AS "in truth",
       to_char(c.brier_score, '0.000') AS "Brier",
       to_char(t.brier, '0.000') AS "in truth"
  FROM hitl.calibration AS c
  JOIN (SELECT workflow, model, hitl.ece(confidence, correct) AS ece,
               hitl.brier_score(confidence, correct) AS brier
          FROM demo.stream GROUP BY workflow, model) AS t
       USING (workflow, model)
 ORDER BY c.ece DESC;
