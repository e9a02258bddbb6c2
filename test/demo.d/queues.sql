SELECT queue, reviewers, waiting, held, overdue,
       to_char(oldest_wait, 'MI:SS.MS') AS "oldest waits"
  FROM hitl.queue_status
 ORDER BY queue;
