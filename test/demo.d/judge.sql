-- One person's turn at the case: takes it, judges, is shown what the AI says,
-- and decides by that.  Says at each step what was seen.
SELECT task, lease, output IS NULL AND confidence IS NULL AS hidden
  FROM hitl.claim(1, '{pathology}') \gset
SELECT output AS said
  FROM hitl.judge(:task, jsonb_build_object('finding', :'finding'), lease => :lease) \gset
SELECT :'said'::jsonb ->> 'finding' = :'finding' AS same \gset
\if :same
    SELECT coalesce(hitl.approve(:task, 'I see it too', lease => :lease),
                    'one more person is needed') AS outcome \gset
\else
    SELECT coalesce(hitl.reject(:task, 'INCORRECT', 'I see no sign of it', lease => :lease),
                    'one more person is needed') AS outcome \gset
\endif
SELECT session_user AS reviewer, CASE WHEN :'hidden' THEN 'hidden' ELSE 'shown' END AS "AI's output",
       :'finding' AS "own judgment", :'said'::jsonb ->> 'finding' AS "the AI said",
       CASE WHEN :'same' THEN 'approve' ELSE 'reject' END AS verdict,
       :'outcome' AS outcome;
