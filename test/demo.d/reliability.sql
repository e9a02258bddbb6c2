-- A drawing 36 characters wide: a bar as long as the share that was right, and
-- the mean stated confidence as an upright stroke.
SELECT to_char(lo, '0.0') || ' -' || to_char(hi, '0.0') AS :"says",
       overlay(rpad(repeat('#', round(36 * accuracy)::int), 37)
               PLACING '|' FROM 1 + round(36 * mean_confidence)::int)
           AS "0     right: #    says: |           1",
       to_char(accuracy, '0.00') AS "right",
       to_char(accuracy_lo, '0.00') || ' -' || to_char(accuracy_hi, '0.00')
           AS "95 % range",
       n AS labels
  FROM hitl.reliability
 WHERE model = :'model' AND n > 0
 ORDER BY bin;
