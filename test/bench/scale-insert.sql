-- One session: it wakes up, meets each workflow once, then inserts :rows rows
-- of one workflow and :rows rows of all of them in turn.
INSERT INTO hitl.decision (workflow, confidence) VALUES ('warm', 0.5);
INSERT INTO hitl.decision (workflow, model, subject, input, output, confidence)
SELECT 'scale-' || i, 'model-1', 'case-' || i, :'input', :'output', 0.5
  FROM generate_series(0, :workflows - 1) AS i;
INSERT INTO hitl.decision (workflow, model, subject, input, output, confidence)
SELECT 'scale-' || i % 1, 'model-1', 'case-' || i, :'input', :'output', 0.5
  FROM generate_series(1, :rows) AS i;
INSERT INTO hitl.decision (workflow, model, subject, input, output, confidence)
SELECT 'scale-' || i % :workflows, 'model-1', 'case-' || i, :'input', :'output', 0.5
  FROM generate_series(1, :rows) AS i;
