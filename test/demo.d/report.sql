-- hitl.workflow_report of the day, turned so that it fits a screen.
CREATE TEMP VIEW line AS
SELECT r.workflow, l.*
  FROM hitl.workflow_report AS r,
       LATERAL (VALUES
           (1, 'decisions', decisions::text),
           (2, 'approved by itself', auto_approved::text),
           (3, 'rejected by itself', auto_rejected::text),
           (4, 'sent to people', format('%s (%s %%)', reviewed,
               to_char(100 * escalation_rate, 'FM990'))),
           (5, 'judged by people, with audits', verdicts::text),
           (6, 'overridden', format('%s (%s %%)', overrides,
               to_char(100 * override_rate, 'FM990'))),
           (7, 'AI wrong, in all decisions', demo.range(error_rate,
               error_rate_lo, error_rate_hi)),
           (8, 'approved but wrong (escapes)', demo.range(escape_rate,
               escape_rate_lo, escape_rate_hi)),
           (9, 'rejected but right', demo.range(false_rejection_rate,
               false_rejection_rate_lo, false_rejection_rate_hi)),
           (10, 'seconds to a verdict, median',
               to_char(seconds_to_verdict, 'FM999990.0'))
       ) AS l (rank, figure, value)
 WHERE r.day = (SELECT max(day) FROM hitl.workflow_report);

SELECT figure,
       max(value) FILTER (WHERE workflow = 'digit-entry') AS "digit-entry",
       max(value) FILTER (WHERE workflow = 'fna-triage') AS "fna-triage"
  FROM line
 GROUP BY rank, figure
 ORDER BY rank;
