-- Writes one INSERT statement per row of the stream, in the order of the
-- stream; :app picks the workflow.
SELECT format('INSERT INTO hitl.decision (workflow, model, subject, input, '
              'output, confidence, alternatives, context, cohort) '
              'VALUES (%L, %L, %L, %L, %L, %L, %L, %L, %L);',
              workflow, model, external_id, input,
              demo.answer(workflow, prediction), confidence, alternatives,
              jsonb_build_object('subject', external_id),
              jsonb_build_object('cohort', cohort))
  FROM demo.stream
 WHERE workflow = :'workflow'
 ORDER BY seq, model;
