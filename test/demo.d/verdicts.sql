SELECT reviewer, count(*) AS verdicts,
       count(*) FILTER (WHERE kind = 'review') AS reviews,
       count(*) FILTER (WHERE kind = 'audit') AS audits,
       count(*) FILTER (WHERE action = 'approve') AS approved,
       count(*) FILTER (WHERE action = 'amend') AS amended,
       count(*) FILTER (WHERE action = 'reject') AS rejected,
       to_char(100.0 * count(*) FILTER (WHERE action <> 'approve') / count(*),
               'FM990') || ' %' AS overrode
  FROM hitl.verdict
 GROUP BY reviewer
 ORDER BY reviewer;
