-- Workflows: "bench" sends 5 % of evenly spread confidences to people,
-- "bench-review" everything; what the last three send goes before that, by its
-- lane or its deadline.
CREATE EXTENSION hitl;
SELECT hitl.create_workflow('bench', queue => 'bench');
SELECT hitl.set_policy('bench', upper => 0.05, lower => 0,
                       audit_rate_approve => 0, audit_rate_reject => 0);
SELECT hitl.create_workflow('bench-review', queue => 'claims');
SELECT hitl.set_policy('bench-review', upper => 0.9, lower => 0);
SELECT hitl.create_sla('soon', resolution => '1 hour');
SELECT hitl.create_sla('later', resolution => '2 hours');
SELECT hitl.create_workflow('bench-urgent', queue => 'claims', lane => 0);
SELECT hitl.create_workflow('bench-soon', queue => 'claims', sla => 'soon');
SELECT hitl.create_workflow('bench-later', queue => 'claims', sla => 'later');
SELECT hitl.add_reviewer('reviewer-' || i, max_open => 1000, max_releases => 1000000)
  FROM generate_series(0, 63) AS i;
SELECT hitl.join_queue('reviewer-' || i, 'claims')
  FROM generate_series(0, 63) AS i;

-- What the bulk inserts read.
CREATE SCHEMA bench;
CREATE TABLE bench.source AS
SELECT 'bench'::text AS workflow, 'model-1'::text AS model,
       'case-' || i AS subject, :'input'::jsonb AS input,
       :'output'::jsonb AS output, random() AS confidence
  FROM generate_series(1, :rows) AS i;
ANALYZE bench.source;
