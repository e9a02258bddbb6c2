-- What a replay costs, in decisions a second.
--
--		psql -X -f test/bench/replay.sql [-v rows=2000000] -d SCRATCH
--
-- SCRATCH is a database of its own, without the extension: run by a superuser,
-- it makes the extension and fills it with decisions as a dump brings them
-- back, completely stamped (1.4 GB; shared_buffers of 2 GB keeps them in
-- memory).  The opponent is a count in plain SQL of what two thresholds would
-- do: a replay can hardly be cheaper than to read the rows.  Each query runs
-- five times in turn after one round to warm up, serially and without JIT.
--
-- Goal: 1,000,000 decisions a second on one core for a policy without rules.
\set ON_ERROR_STOP 1
\if :{?rows}
\else
	\set rows 2000000
\endif
SET client_min_messages = warning;
SET synchronous_commit = off;
SET jit = off;
SET max_parallel_workers_per_gather = 0;
CREATE EXTENSION hitl;
\o /dev/null
SELECT hitl.create_workflow('bench', queue => 'bench');
SELECT hitl.set_policy('bench', upper => 0.9, lower => 0.2);

-- Identifiers as the gate makes them, one in half a second.
INSERT INTO hitl.decision (id, created_at, created_by, workflow, input, output, confidence, model, subject,
                           context, signals, exposure, policy_version, gate_route, route, reasons, lane,
                           audit_u, propensity)
SELECT overlay(gen_random_uuid()::text PLACING left(hitl.uuid_floor(t)::text, 15) FROM 1)::uuid,
       t, current_user, 'bench',
       jsonb_build_object('claimant', 'C-' || i, 'product', 'household', 'peril', 'water', 'currency', 'EUR',
                          'amount', i % 5000, 'reported', '2026-03-02', 'text',
                          'The hose of the washing machine burst while nobody was at home; the parquet of two rooms is swollen and one cabinet is lost.'),
       '{"pay": true, "amount": 1790.50, "reserve": 0, "clause": "A 2.3", "letter": "settlement"}',
       c, 'model-1', 'case-' || i, '{"policy": {"no": "P-1"}}', '{"fairness": 0.9, "validator": "ok"}',
       i % 60000, 1, r, r, '[{"trigger": "confidence", "rule": null, "detail": "0.95 >= 0.9"}]',
       1, random(), CASE r WHEN 'review' THEN 1 ELSE 0.05 END
FROM (SELECT i, c, date_trunc('month', now()) + i * interval '0.5 s' AS t,
             CASE WHEN c >= 0.9 THEN 'auto_approve' WHEN c < 0.2 THEN 'auto_reject' ELSE 'review' END AS r
      FROM (SELECT i, random() AS c FROM generate_series(1, :rows) AS i) AS s) AS s;
VACUUM (ANALYZE, FREEZE) hitl.decision;
SELECT hitl.learn_baseline('bench');
SELECT hitl.set_rule('bench', 'large', '$.exposure > 50000', in_force => false);
SELECT hitl.set_rule('bench', 'words', '$.input.text like_regex "lawsuit|data breach" flag "i"', base => 2,
                     in_force => false);

\o

CREATE SCHEMA bench;
CREATE TABLE bench.query (id int, name text, text text);
INSERT INTO bench.query VALUES
    (1, 'count in plain SQL', 'SELECT gate_route, confidence >= 0.8, confidence < 0.2, count(*)
        FROM hitl.decision WHERE workflow = ''bench'' GROUP BY 1, 2, 3'),
    (2, 'thresholds', 'SELECT hitl.replay(''bench'', version => 1, upper => 0.8)'),
    (3, 'and fairness', 'SELECT hitl.replay(''bench'', version => 1, fairness_limit => 0.5)'),
    (4, 'and required context', 'SELECT hitl.replay(''bench'', version => 1, required_context => ''{context.policy.no}'')'),
    (5, 'and novelty', 'SELECT hitl.replay(''bench'', version => 1, novelty_limit => 6)'),
    (6, 'and a rule on exposure', 'SELECT hitl.replay(''bench'', version => 2)'),
    (7, 'and a regex on input too', 'SELECT hitl.replay(''bench'', version => 3)');
CREATE TABLE bench.run (id int, labels text, s float8);
CREATE PROCEDURE bench.measure(labels text, least_id int, most_id int) LANGUAGE plpgsql AS $$
DECLARE
    q record;
    start timestamptz;
BEGIN
    FOR i IN 0 .. 5 LOOP
        FOR q IN SELECT * FROM bench.query WHERE id BETWEEN least_id AND most_id ORDER BY id LOOP
            start := clock_timestamp();
            EXECUTE q.text;
            IF i > 0 THEN
                INSERT INTO bench.run
                VALUES (q.id, labels, extract(epoch FROM clock_timestamp() - start));
            END IF;
        END LOOP;
    END LOOP;
END
$$;
CALL bench.measure('none', 1, 7);

-- Labels: all audits, and one review in ten.
INSERT INTO hitl.verdict (created_at, decision, task, kind, workflow, queue, reviewer, action, seconds,
                          final, outcome, lease, lease_until)
SELECT d.created_at + interval '1 minute', d.id, row_number() OVER (), 'audit', 'bench', 'bench', 'ann',
       CASE WHEN wrong THEN 'reject' ELSE 'approve' END, 30, true,
       CASE WHEN wrong THEN 'rejected' ELSE 'approved' END, 1, d.created_at + interval '1 hour'
FROM (SELECT d.*, random() < 0.1 AS wrong FROM hitl.decision d) d
WHERE d.audit_u < d.propensity AND (d.route <> 'review' OR d.audit_u < 0.1);
VACUUM ANALYZE hitl.verdict;
SELECT count(*) AS labels FROM hitl.verdict \gset
CALL bench.measure(:'labels', 1, 2);

SELECT labels, name, round(median::numeric, 2) AS seconds, round(:rows / median::numeric) AS decisions_a_second,
       round((median / first_value(median) OVER (PARTITION BY labels ORDER BY id))::numeric, 2) AS ratio
FROM (SELECT labels, id, percentile_cont(0.5) WITHIN GROUP (ORDER BY s) AS median
      FROM bench.run GROUP BY labels, id) AS r JOIN bench.query USING (id)
ORDER BY labels = 'none' DESC, id;
DROP SCHEMA bench CASCADE;
