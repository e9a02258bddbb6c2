SELECT queue, max(members) AS reviewers, sum(open) AS waiting, sum(held) AS held, sum(overdue) AS overdue,
       to_char(max(oldest_wait), 'MI:SS.MS') AS "oldest waits"
  FROM hitl.queue_status
 GROUP BY queue
 ORDER BY queue;
