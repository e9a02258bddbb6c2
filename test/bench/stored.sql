-- stored.sql
--		:stored decisions on record for replays, written with their stamp, and a
--		policy that is to be replayed over them: version 1 without rules, the
--		one in force with ten.
SELECT hitl.create_workflow('stored', queue => 'stored');
SELECT hitl.set_policy('stored', upper => 0.9, lower => 0.1);
SELECT bench.add_rules('stored');
SELECT setseed(0.25);
INSERT INTO hitl.decision (id, created_at, created_by, workflow, input, output, confidence, signals,
                           exposure, tags, policy_version, gate_route, route, reasons, lane, audit_u, propensity)
SELECT id, hitl.uuid_time(id), current_user, 'stored',
       '{"amount": 1840.50, "currency": "EUR", "text": "The hose of the washing machine burst.",
         "insured": {"address": {"country": "DE"}}, "documents": ["invoice.pdf"]}',
       '{"pay": true, "amount": 1790.50}', confidence, '{"sentiment": 0.2, "validators": {"schema": true}}',
       1840.50, '{household}', 1, route, route, '[]', 1, random(),
       CASE route WHEN 'review' THEN 1 ELSE 0.05 END
  FROM (SELECT id, confidence,
               CASE WHEN confidence >= 0.05 THEN 'auto_approve' ELSE 'review' END AS route
          FROM (SELECT hitl.uuidv7() AS id, random() AS confidence
                  FROM generate_series(1, :stored) OFFSET 0) AS d
        OFFSET 0) AS d;
VACUUM ANALYZE;
CHECKPOINT;
