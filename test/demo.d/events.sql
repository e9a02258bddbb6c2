-- When each thing happened, counted from the moment the case came in.
SELECT to_char(1000 * extract(epoch FROM h.created_at - d.created_at),
               'FM999990') || ' ms' AS after,
       h.event, h.actor AS "done by", h.detail
  FROM hitl.decision AS d
  JOIN (SELECT decision, created_at, kind AS event, actor,
               CASE kind WHEN 'escalated' THEN
                   format('%s is over: %s -> %s, %s more',
                          detail->>'clock', detail->>'from_queue',
                          detail->>'to_queue',
                          date_trunc('second',
                              (detail->>'new_due_at')::timestamptz - created_at
                              + interval '0.5 s'))
               END AS detail
          FROM hitl.event
         UNION ALL
        SELECT decision, created_at, 'verdict', reviewer,
               format('%s: %s', outcome, note)
          FROM hitl.verdict) AS h ON h.decision = d.id
 WHERE d.workflow = 'fna-urgent'
 ORDER BY h.created_at;
