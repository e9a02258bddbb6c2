-- The draft over the decisions of the day.  What only the demo knows stands in
-- the last column: how many of those that pass are wrong in truth.
WITH truth AS (
    SELECT d.gate_route AS old_route,
           CASE WHEN d.model = 'logistic' AND d.confidence >= :upper THEN 'auto_approve'
                ELSE 'review' END AS new_route,
           count(*) FILTER (WHERE d.output <> t.answer) AS wrong
      FROM hitl.decision AS d JOIN demo.truth AS t ON t.subject = d.subject
     WHERE d.workflow = 'digit-entry'
     GROUP BY 1, 2)
SELECT r.old_route AS "went to", r.new_route AS "would go to", r.decisions,
       r.labels AS judged, r.extra_reviews AS "more reviews",
       CASE r.new_route WHEN 'review' THEN '-'
            ELSE format('%s (%s - %s)', to_char(r.expected_errors, 'FM990.0'),
                        to_char(r.expected_errors_lo, 'FM990.0'),
                        to_char(r.expected_errors_hi, 'FM990.0')) END AS "wrong, expected",
       CASE r.new_route WHEN 'review' THEN '-' ELSE t.wrong::text END AS "in truth"
  FROM hitl.replay('digit-entry', version => :draft) AS r
  LEFT JOIN truth AS t USING (old_route, new_route)
 ORDER BY 1, 2;
