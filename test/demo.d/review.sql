-- A reviewer at work: takes up to ten tasks, decides each in a transaction of
-- its own, and comes back for more until there is nothing left.
--
-- The packet shows what the AI proposes; what is true, the reviewer reads off
-- demo.truth.  Right: approve.  A wrong digit is amended to the right one, a
-- wrong finding is rejected.
SELECT CASE
           WHEN c.output = t.answer THEN
               format('SELECT hitl.approve(%s, lease => %s)', c.task, c.lease)
           WHEN c.workflow = 'digit-entry' THEN
               format('SELECT hitl.amend(%s, %L, %L, %L, lease => %s)', c.task,
                      t.answer, 'INCORRECT', 'read the form again', c.lease)
           ELSE
               format('SELECT hitl.reject(%s, %L, %L, lease => %s)', c.task,
                      'INCORRECT', 'biopsy says ' || (t.answer->>'finding'),
                      c.lease)
       END
  FROM hitl.claim(10) AS c
  JOIN demo.truth AS t ON t.subject = c.context->>'subject'
\gexec
SELECT :ROW_COUNT > 0 AS more \gset
\if :more
    \ir review.sql
\endif
