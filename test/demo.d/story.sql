-- All that happened to the case for two people.
SELECT hitl.explain(id) AS "what happened"
  FROM hitl.decision WHERE workflow = 'fna-surgery';
