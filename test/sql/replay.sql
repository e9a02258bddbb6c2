-- Replay: another policy over the decisions on record says what the live gate
-- would have said; figures against the same ones computed by hand.
\set SHOW_CONTEXT never
SET timezone = 'UTC';
SET extra_float_digits = 0;
CREATE FUNCTION pg_temp.refusal(statement text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    hint text;
BEGIN
    EXECUTE statement;
    RETURN 'not refused';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
    RETURN concat_ws(E'\n    ', SQLSTATE || ': ' || SQLERRM, nullif(hint, ''));
END
$$;

-- Decisions of all kinds, each column with a rhythm of its own.
CREATE TEMP TABLE source AS
SELECT i, 's' || i AS subject,
       CASE WHEN i % 37 = 0 THEN NULL WHEN i % 41 = 0 THEN 'NaN' WHEN i % 43 = 0 THEN 1.5
            ELSE (i * 7919 % 1009) / 1008.0 END::float8 AS confidence,
       CASE WHEN i % 29 = 0 THEN NULL WHEN i % 31 = 0 THEN '"plain"'
            ELSE jsonb_build_object('amount', i * 31 % 501, 'country', (ARRAY['DE', 'FR', 'PL'])[1 + i % 3],
                                    'text', CASE i % 17 WHEN 0 THEN 'a lawsuit' ELSE 'a claim' END)
                 || CASE i % 23 WHEN 0 THEN '{"amount": 90000}' WHEN 1 THEN '{"iban": "x"}' ELSE '{}' END::jsonb
            END AS input,
       CASE i % 13 WHEN 0 THEN NULL WHEN 1 THEN '[]'
            ELSE jsonb_build_object('fairness', (i * 53 % 101) / 100.0,
                                    'confidences', jsonb_build_object('name', (i * 17 % 97) / 96.0, 'sum', 0.9))
                 || CASE i % 19 WHEN 0 THEN '{"fairness": "?", "novelty": 7}'
                                WHEN 1 THEN '{"confidences": {}}' ELSE '{}' END::jsonb
            END AS signals,
       CASE WHEN i % 7 = 0 THEN NULL WHEN i % 59 = 0 THEN 'NaN'::numeric ELSE i * 71 % 60013 END AS exposure,
       CASE WHEN i % 53 = 0 THEN NULL ELSE i % 11 <> 0 END AS reversible,
       CASE i % 5 WHEN 0 THEN NULL WHEN 1 THEN '{"policy": ""}' ELSE '{"policy": {"no": 1}}' END::jsonb AS context,
       CASE i % 6 WHEN 0 THEN '{vip,new}' WHEN 1 THEN '{old}' END::text[] AS tags
FROM generate_series(1, 3000) AS i;
CREATE FUNCTION pg_temp.feed(workflow text, lo int, hi int) RETURNS void LANGUAGE sql AS $$
    INSERT INTO hitl.decision (workflow, subject, confidence, input, signals, exposure, reversible,
                               context, tags, parent)
    SELECT feed.workflow, s.subject, s.confidence, s.input, s.signals, s.exposure, s.reversible,
           s.context, s.tags, p.id
    FROM source s
    -- every third is a step of the case that an earlier row began
    LEFT JOIN hitl.decision p ON p.workflow = 'rpl' AND s.i > 1000 AND s.i % 3 = 0
                             AND p.subject = 's' || s.i - 1000
    WHERE s.i BETWEEN lo AND hi ORDER BY s.i
$$;
-- Both workflows learn the same baseline from the first 1000.
SELECT hitl.create_workflow('rpl', queue => 'rpl'), hitl.create_workflow('rpl other', queue => 'rpl other');
SELECT hitl.set_policy('rpl', upper => 0.7, lower => 0.2, audit_rate_approve => 0.3, audit_rate_reject => 0.4);
SELECT hitl.set_rule('rpl', 'large', '$.exposure > 50000');
SELECT hitl.set_rule('rpl', 'words', '$.input.text like_regex "lawsuit"', lane => 0);
SELECT hitl.set_rule('rpl', 'vip', '$.tags[*] == "vip"', route => NULL);
SELECT hitl.set_rule('rpl', 'anywhere', 'exists($.** ? (@ == 17))');
SELECT pg_temp.feed('rpl', 1, 1000), pg_temp.feed('rpl other', 1, 1000);
SELECT hitl.learn_baseline('rpl'), hitl.learn_baseline('rpl other');
SELECT pg_sleep(0.01);
SELECT clock_timestamp() AS mark \gset

-- The other policy, a draft of the first workflow and in force in the second.
SELECT hitl.set_policy('rpl', upper => 0.6, lower => 0.3, audit_rate_approve => 0.1,
    novelty_limit => 6, fairness_limit => 0.2, field_limit => 0.15, step_limit => 0.1,
    required_context => '{context.policy,subject}', irreversible => false, in_force => false);
SELECT hitl.set_rule('rpl', 'large', '$.exposure > 20000', base => 6, in_force => false);
SELECT hitl.set_policy('rpl other', upper => 0.6, lower => 0.3, audit_rate_approve => 0.1,
    novelty_limit => 6, fairness_limit => 0.2, field_limit => 0.15, step_limit => 0.1,
    required_context => '{context.policy,subject}', irreversible => false);
SELECT hitl.set_rule('rpl other', 'large', '$.exposure > 20000');
SELECT hitl.set_rule('rpl other', 'words', '$.input.text like_regex "lawsuit"', lane => 0);
SELECT hitl.set_rule('rpl other', 'anywhere', 'exists($.** ? (@ == 17))');
SELECT pg_sleep(0.01);
SELECT pg_temp.feed('rpl', 1001, 2000), pg_temp.feed('rpl other', 1001, 2000),
       pg_temp.feed('rpl', 2001, 3000), pg_temp.feed('rpl other', 2001, 3000);

-- The same policy says the same again.
SELECT old_route, new_route, decisions, extra_reviews FROM hitl.replay('rpl');
SELECT r.old_route = r.new_route AS same, r.decisions = d.n AS equal, r.extra_reviews
FROM hitl.replay('rpl') r
FULL JOIN (SELECT gate_route, count(*) AS n FROM hitl.decision WHERE workflow = 'rpl' GROUP BY 1) d
     ON d.gate_route = r.old_route;
SELECT old_route, new_route, decisions FROM hitl.replay('rpl other', :'mark');

-- The other policy says what it said live, row by row of the table.
CREATE TEMP VIEW live AS
SELECT a.gate_route AS old_route, b.gate_route AS new_route, a.id, a.created_at
FROM hitl.decision a JOIN hitl.decision b USING (subject)
WHERE a.workflow = 'rpl' AND b.workflow = 'rpl other'
  AND a.created_at >= :'mark' AND b.created_at >= :'mark';
SELECT old_route, new_route, decisions, extra_reviews FROM hitl.replay('rpl', :'mark', version => 7);
(SELECT old_route, new_route, decisions FROM hitl.replay('rpl', :'mark', version => 7)
 EXCEPT SELECT old_route, new_route, count(*) FROM live GROUP BY 1, 2)
UNION ALL
(SELECT old_route, new_route, count(*) FROM live GROUP BY 1, 2
 EXCEPT SELECT old_route, new_route, decisions FROM hitl.replay('rpl', :'mark', version => 7));

-- A field that is named does what it does in a version, and changes something.
CREATE FUNCTION pg_temp.both(field text, value text) RETURNS TABLE (equal boolean, changed boolean)
LANGUAGE plpgsql AS $$
DECLARE
    draft int;
    named text;
    stored text;
    plain text;
BEGIN
    EXECUTE format('SELECT hitl.set_policy(''rpl'', base => 7, in_force => false, %I => %L)', field, value) INTO draft;
    EXECUTE format('SELECT string_agg(r::text, '';'') FROM hitl.replay(''rpl'', version => 7, %I => %L) r', field, value) INTO named;
    EXECUTE format('SELECT string_agg(r::text, '';'') FROM hitl.replay(''rpl'', version => %s) r', draft) INTO stored;
    EXECUTE 'SELECT string_agg(r::text, '';'') FROM hitl.replay(''rpl'', version => 7) r' INTO plain;
    RETURN QUERY SELECT named = stored, named <> plain;
END
$$;
SELECT field, b.*
FROM (VALUES (1, 'upper', '0.5'), (2, 'lower', '0.1'), (3, 'audit_rate_approve', '0.5'),
             (4, 'audit_rate_reject', '0.7'), (5, 'novelty_limit', '1'), (6, 'fairness_limit', '0.5'),
             (7, 'field_limit', '0.4'), (8, 'step_limit', '0.5'), (9, 'irreversible', 'true'),
             (10, 'required_context', '{input.iban}'), (11, 'required_context', '{}')) AS v (n, field, value)
CROSS JOIN LATERAL pg_temp.both(field, value) b ORDER BY n;

-- A period: all of it, in parts, or none.
SELECT old_route, new_route, sum(decisions)
FROM (SELECT * FROM hitl.replay('rpl', until => :'mark', version => 7)
      UNION ALL SELECT * FROM hitl.replay('rpl', :'mark', 'infinity', 7)) r
GROUP BY 1, 2
EXCEPT SELECT old_route, new_route, decisions FROM hitl.replay('rpl', '-infinity', version => 7);
SELECT sum(decisions) FROM hitl.replay('rpl', until => :'mark');
SELECT count(*) FROM hitl.replay('rpl', until => '2020-01-01');
SELECT count(*) FROM hitl.replay('rpl', since => '2200-01-01');

-- Without verdicts nothing is known of errors, nor of the time of a review.
SELECT old_route, new_route, labels, weight_sum, error_rate, error_rate_lo, error_rate_hi, expected_errors,
       expected_errors_lo, expected_errors_hi, review_seconds
FROM hitl.replay('rpl', version => 7);

-- Verdicts on what waits.  Of tasks to approve one in nine proposals is wrong,
-- of others one in two; some are never judged.
SELECT hitl.add_reviewer('rpl_ann', max_open => 1000), hitl.join_queue('rpl_ann', 'rpl');
DO $$
DECLARE
    c record;
    n int;
BEGIN
    FOR round IN 1 .. 15 LOOP
        n := 0;
        FOR c IN SELECT k.task, k.decision, substr(d.subject, 2)::int AS i, d.gate_route
                 FROM hitl.claim(100, '{rpl}', 'rpl_ann') k JOIN hitl.decision d ON d.id = k.decision
        LOOP
            n := n + 1;
            IF c.i % (CASE c.gate_route WHEN 'auto_approve' THEN 9 ELSE 2 END) = 0 THEN
                PERFORM hitl.reject(c.task, 'INCORRECT', 'wrong', 'rpl_ann');
            ELSE
                PERFORM hitl.approve(c.task, NULL, 'rpl_ann');
            END IF;
        END LOOP;
        EXIT WHEN n = 0;
    END LOOP;
END
$$;

-- All columns, computed by hand from the second workflow's routes and the labels.
CREATE TEMP TABLE hand AS
SELECT old_route, new_route, count(*) AS decisions, count(l.correct) AS labels,
       coalesce(sum(1 / l.propensity) FILTER (WHERE l.correct IS NOT NULL), 0) AS weight_sum,
       hitl.rate(NOT l.correct, 1 / l.propensity) FILTER (WHERE l.propensity > 0) AS error
FROM live JOIN hitl.label l USING (id) GROUP BY 1, 2;
CREATE TEMP TABLE replayed AS SELECT * FROM hitl.replay('rpl', :'mark', version => 7);
CREATE FUNCTION pg_temp.near(a float8, b float8) RETURNS boolean LANGUAGE sql AS
$$ SELECT CASE WHEN a IS NULL OR b IS NULL THEN a IS NULL AND b IS NULL
               ELSE abs(a - b) <= 1e-9 * greatest(1, abs(b)) END $$;
SELECT r.old_route, r.new_route, r.decisions = h.decisions AS decisions, r.labels = h.labels AS labels,
       r.labels > 0 AS some, pg_temp.near(r.weight_sum, h.weight_sum) AS weight_sum,
       pg_temp.near(r.error_rate, (h.error).rate) AS rate,
       pg_temp.near(r.error_rate_lo, (h.error).lo) AND pg_temp.near(r.error_rate_hi, (h.error).hi) AS limits,
       pg_temp.near(r.expected_errors, e.p * h.decisions) AS errors,
       pg_temp.near(r.expected_errors_lo, e.lo * h.decisions)
           AND pg_temp.near(r.expected_errors_hi, e.hi * h.decisions) AS error_limits,
       r.expected_errors_lo <= r.expected_errors AND r.expected_errors <= r.expected_errors_hi AS ordered,
       r.extra_reviews = h.decisions * ((r.new_route = 'review')::int - (r.old_route = 'review')::int) AS extra,
       pg_temp.near(r.expected_audits, h.decisions * CASE r.new_route WHEN 'auto_approve' THEN 0.1
                                                     WHEN 'auto_reject' THEN 0.4 ELSE 0 END) AS audits
FROM replayed r FULL JOIN hand h USING (old_route, new_route)
CROSS JOIN LATERAL (SELECT 0::float8 AS p, 0::float8 AS lo, 0::float8 AS hi WHERE r.new_route = 'review'
                    UNION ALL SELECT (h.error).rate, (h.error).lo, (h.error).hi WHERE r.new_route = 'auto_approve'
                    UNION ALL SELECT 1 - (h.error).rate, 1 - (h.error).hi, 1 - (h.error).lo
                    WHERE r.new_route = 'auto_reject') e
ORDER BY array_position('{auto_approve,auto_reject,review}', r.old_route),
         array_position('{auto_approve,auto_reject,review}', r.new_route);
SELECT r.old_route, r.new_route, pg_temp.near(r.review_seconds, r.decisions * s.mean) AS seconds,
       r.peak_hour = h.peak AS peak
FROM replayed r
CROSS JOIN (SELECT avg(seconds) AS mean FROM hitl.verdict WHERE workflow = 'rpl') s
JOIN (SELECT old_route, max(n) AS peak
      FROM (SELECT old_route, date_trunc('hour', created_at), count(*) AS n FROM live
            WHERE new_route = 'review' GROUP BY 1, 2) x GROUP BY 1) h USING (old_route)
WHERE r.new_route = 'review' ORDER BY 1;
SELECT DISTINCT review_seconds, peak_hour FROM replayed WHERE new_route <> 'review';

-- Verdicts that nobody was asked for, and those of time, are no labels.
BEGIN;
CREATE TEMP TABLE before ON COMMIT DROP AS SELECT sum(labels) AS labels FROM hitl.replay('rpl');
INSERT INTO hitl.verdict (created_at, decision, workflow, reviewer, action, final, outcome)
SELECT now(), d.id, 'rpl', 'somebody', 'correct', true, 'rejected'
FROM hitl.decision d
WHERE d.workflow = 'rpl' AND d.route <> 'review' AND d.audit_u >= d.propensity ORDER BY id LIMIT 5;
INSERT INTO hitl.verdict (created_at, decision, workflow, reviewer, action, final, outcome)
SELECT now(), d.id, 'rpl', 'clock', 'timeout', true, 'approved'
FROM hitl.decision d
WHERE d.workflow = 'rpl' AND d.route = 'review'
  AND NOT EXISTS (SELECT FROM hitl.verdict v WHERE v.decision = d.id) ORDER BY id LIMIT 5;
SELECT sum(r.labels) - min(b.labels) AS more FROM hitl.replay('rpl') r, before b;
-- The latest counts.
CREATE TEMP TABLE wrong ON COMMIT DROP AS
SELECT sum(error_rate * weight_sum) AS wrong FROM hitl.replay('rpl');
INSERT INTO hitl.verdict (created_at, decision, workflow, reviewer, action, final, outcome)
SELECT now(), d.id, 'rpl', 'somebody', 'correct', true, 'rejected'
FROM hitl.decision d
WHERE d.workflow = 'rpl' AND d.route = 'auto_approve'
  AND (SELECT v.action FROM hitl.verdict v WHERE v.decision = d.id ORDER BY v.id DESC LIMIT 1) = 'approve'
ORDER BY d.id LIMIT 1;
SELECT sum(r.labels) - min(b.labels) AS more,
       pg_temp.near(sum(r.error_rate * r.weight_sum) - min(w.wrong), 1 / 0.3) AS heavier
FROM hitl.replay('rpl') r, before b, wrong w;
ROLLBACK;

-- Peak hours, among rows that came back from a dump; a route that no policy
-- gives is not known.
BEGIN;
SELECT hitl.create_workflow('rpl hours', queue => 'rpl'), hitl.set_policy('rpl hours', upper => 0.5);
INSERT INTO hitl.decision (id, created_at, created_by, workflow, confidence, gate_route, route, reasons,
                           lane, audit_u, propensity)
SELECT hitl.uuidv7(), t, 'app', 'rpl hours', c, r, r, '[]', 1, 0.5, 1
FROM (VALUES ('1999-12-31 22:59:59'::timestamptz, 0.1, 'review'), ('1999-12-31 23:00', 0.1, 'review'),
             ('1999-12-31 23:59:59.999999', 0.1, 'review'), ('2000-01-01 00:00', 0.1, 'review'),
             ('2026-01-01 12:00', 0.1, 'auto_approve'), ('2026-01-01 13:59', 0.1, 'auto_approve'),
             ('2026-01-01 14:00', 0.1, 'auto_approve'), ('2026-01-01 14:30', 0.1, 'auto_approve'),
             ('2026-01-01 12:30', 0.1, 'auto_approve'), ('2026-01-01 12:45', 0.1, 'auto_approve'),
             ('infinity', 0.9, 'review'), ('2026-01-01 00:00', 0.9, 'elsewhere'),
             ('-infinity', NULL, 'elsewhere')) AS v (t, c, r);
SELECT old_route, new_route, decisions, extra_reviews, expected_audits, peak_hour FROM hitl.replay('rpl hours');
ROLLBACK;

-- A workflow without a policy: what its first one would say.
SELECT hitl.create_workflow('rpl new', queue => 'rpl');
SELECT pg_temp.feed('rpl new', 1, 300);
SELECT old_route, new_route, decisions FROM hitl.replay('rpl new');
BEGIN;
CREATE TEMP TABLE first ON COMMIT DROP AS SELECT * FROM hitl.replay('rpl new', upper => 0.8, lower => 0.1);
SELECT hitl.set_policy('rpl new', upper => 0.8, lower => 0.1);
SELECT old_route, new_route, decisions, expected_audits FROM first;
SELECT count(*) AS different FROM (SELECT * FROM first EXCEPT SELECT * FROM hitl.replay('rpl new')) d;
ROLLBACK;
SELECT hitl.create_workflow('rpl empty', queue => 'rpl');
SELECT * FROM hitl.replay('rpl empty');

-- Nothing is written, and it needs no right to write.
SELECT (SELECT count(*) FROM hitl.event) AS events, (SELECT count(*) FROM hitl.task) AS tasks,
       (SELECT count(*) FROM hitl.policy) AS policies \gset
BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY;
SELECT sum(decisions) FROM hitl.replay('rpl', version => 7, upper => 0.9);
SELECT pg_current_xact_id_if_assigned() IS NULL AS wrote_nothing;
COMMIT;
SELECT (SELECT count(*) FROM hitl.event) = :events AS events, (SELECT count(*) FROM hitl.task) = :tasks AS tasks,
       (SELECT count(*) FROM hitl.policy) = :policies AS policies;

-- Whoever is granted it needs no other right, and nothing of theirs takes part.
SELECT has_function_privilege('hitl_viewer', oid, 'EXECUTE') AS viewer,
       has_function_privilege('hitl_reviewer', oid, 'EXECUTE') AS reviewer,
       has_function_privilege('hitl_application', oid, 'EXECUTE') AS application
FROM pg_proc WHERE proname = 'replay' AND pronamespace = 'hitl'::regnamespace;
BEGIN;
CREATE ROLE regress_hitl_rpl;
CREATE SCHEMA rpl_evil;
CREATE FUNCTION rpl_evil.no(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT false';
CREATE OPERATOR rpl_evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = rpl_evil.no);
CREATE FUNCTION rpl_evil.no(uuid, uuid) RETURNS boolean LANGUAGE sql AS 'SELECT false';
CREATE OPERATOR rpl_evil.>= (LEFTARG = uuid, RIGHTARG = uuid, FUNCTION = rpl_evil.no);
GRANT USAGE ON SCHEMA hitl, rpl_evil TO regress_hitl_rpl;
GRANT EXECUTE ON FUNCTION hitl.replay TO regress_hitl_rpl;
SET ROLE regress_hitl_rpl;
SET search_path = rpl_evil, pg_catalog;
SELECT sum(decisions), sum(labels) > 1000 AS labels FROM hitl.replay('rpl', since => '2020-01-01', version => 7);
SELECT current_user;
ROLLBACK;

-- What cannot be is refused, as in set_policy.
SELECT pg_temp.refusal(format('SELECT * FROM hitl.replay(%s)', args)) AS refusal
FROM (VALUES (1, 'NULL'), (2, '''nowhere'''), (3, '''''' ), (4, 'repeat(''x'', 100)'),
             (5, '''rpl'', version => 0'), (6, '''rpl'', version => 999'), (7, '''rpl new'', version => 1'),
             (8, '''rpl'', upper => ''NaN'''), (9, '''rpl'', upper => 1.0000001'),
             (10, '''rpl'', lower => ''-Infinity'''), (11, '''rpl'', upper => 0.1'),
             (12, '''rpl'', lower => 0.8'), (13, '''rpl new'', upper => 0.1, lower => 0.2'),
             (14, '''rpl'', audit_rate_approve => -1'), (15, '''rpl'', audit_rate_reject => 2'),
             (16, '''rpl'', fairness_limit => 2'), (17, '''rpl'', field_limit => ''NaN'''),
             (18, '''rpl'', step_limit => -0.1'), (19, '''rpl'', novelty_limit => 0'),
             (20, '''rpl'', novelty_limit => ''NaN'''), (21, '''rpl'', novelty_limit => ''Infinity'''),
             (22, '''rpl'', required_context => ''{nothing}'''), (23, '''rpl'', required_context => ''{input.}'''),
             (24, '''rpl'', required_context => ''{input..a}'''), (25, '''rpl'', required_context => ''{id}'''),
             (26, '''rpl'', required_context => ''{subject.a}'''), (27, '''rpl'', required_context => ''{NULL}'''),
             (28, '''rpl'', required_context => ''{""}'''), (29, '''rpl'', required_context => ''{{input},{output}}'''),
             (30, '''rpl'', required_context => ''{request_id}'''), (31, '''rpl'', ''2026-02-01'', ''2026-01-01'''),
             (32, '''rpl'', ''2026-02-01'', ''2026-02-01'''), (33, '''rpl'', ''infinity'''),
             (34, '''rpl'', until => ''1950-01-01''')) AS v (n, args)
ORDER BY n;
