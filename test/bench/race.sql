-- What the race left behind, one finding a line: what, how many, how many
-- there ought to be.  bench.race holds the decisions that were open before.
WITH v AS (
    SELECT r.decision, count(v.id) AS n
      FROM bench.race AS r
      LEFT JOIN hitl.verdict AS v ON v.decision = r.decision AND v.final
     GROUP BY r.decision),
e AS (
    SELECT count(*) FILTER (WHERE e.kind = 'claimed') AS claimed,
           count(*) FILTER (WHERE e.kind = 'released') AS released
      FROM bench.race AS r JOIN hitl.event AS e ON e.decision = r.decision)
SELECT 'decided once', count(*) FILTER (WHERE n = 1), count(*) FROM v
UNION ALL
SELECT 'decided more than once', count(*) FILTER (WHERE n > 1), 0 FROM v
UNION ALL
SELECT 'never decided', count(*) FILTER (WHERE n = 0), 0 FROM v
UNION ALL
SELECT 'tasks left', count(*), 0 FROM hitl.task WHERE queue = 'claims'
UNION ALL
SELECT 'claims that ended in a verdict or a release', released + decided, claimed
  FROM e, (SELECT sum(n)::bigint AS decided FROM v) AS s
UNION ALL
SELECT 'violations found by hitl.check()', count(*), 0 FROM hitl.check();
