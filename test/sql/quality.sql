-- The quality of people's work: known answers, what confidence is worth,
-- agreement, the report on reviewers, alarms, anchoring.  Verdicts are put in
-- directly where their number matters, and counted again by other formulas.
\set SHOW_CONTEXT never
\set ON_ERROR_ROLLBACK on
SET timezone = 'UTC';

CREATE FUNCTION pg_temp.near(a float8, b float8) RETURNS boolean LANGUAGE sql IMMUTABLE AS
    'SELECT coalesce(abs(a - b) <= 1e-9 * greatest(1, abs(b)), a IS NULL AND b IS NULL)';
-- Wilson's interval of k of n, level 0.95.
CREATE FUNCTION pg_temp.wilson(k float8, n float8, OUT lo float8, OUT hi float8) LANGUAGE sql IMMUTABLE AS $$
    SELECT (p + z2 / (2 * n) - h) / (1 + z2 / n), (p + z2 / (2 * n) + h) / (1 + z2 / n)
    FROM (SELECT *, sqrt(z2 * (p * (1 - p) / n + z2 / (4 * n * n))) AS h
          FROM (SELECT 3.841458820694124::float8 AS z2, k / nullif(n, 0) AS p) a WHERE p IS NOT NULL) b $$;
CREATE FUNCTION pg_temp.choose(n int, k int) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN k BETWEEN 0 AND n THEN factorial(n) / factorial(k) / factorial(n - k) ELSE 0 END $$;
-- n decisions, through the gate; their ids in order.
CREATE FUNCTION pg_temp.make(workflow text, n int, output jsonb DEFAULT '{"pay": 1}', confidence float8 DEFAULT 0.5) RETURNS uuid[] LANGUAGE plpgsql AS $$
DECLARE
    ids uuid[] := '{}';
    id  uuid;
BEGIN
    FOR i IN 1 .. n LOOP
        INSERT INTO hitl.decision AS d (workflow, output, confidence) VALUES (make.workflow, make.output, make.confidence) RETURNING d.id INTO id;
        ids := ids || id;
    END LOOP;
    RETURN ids;
END $$;
-- A verdict past the functions.
CREATE FUNCTION pg_temp.give(decision uuid, reviewer text, action text, kind text DEFAULT 'review', seconds float8 DEFAULT 60,
    output jsonb DEFAULT NULL, final boolean DEFAULT NULL, blind boolean DEFAULT false, judgment jsonb DEFAULT NULL,
    like_task bigint DEFAULT NULL, on_behalf_of text DEFAULT NULL, queue text DEFAULT 'qual') RETURNS bigint LANGUAGE sql AS $$
    INSERT INTO hitl.verdict (created_at, decision, task, kind, workflow, queue, reviewer, action, output, seconds, final, outcome,
                              lease, lease_until, blind, judgment, like_task, on_behalf_of)
    SELECT clock_timestamp(), d.id, 0, kind, d.workflow, queue, reviewer, action, give.output, seconds, f,
           CASE WHEN f THEN CASE action WHEN 'approve' THEN 'approved' WHEN 'reject' THEN 'rejected' ELSE 'amended' END END,
           0, 'infinity', blind, judgment, like_task, on_behalf_of
    FROM hitl.decision d,
         (SELECT coalesce(final, kind IN ('review', 'confirm', 'audit', 'monitor') AND action <> 'escalate') AS f) f
    WHERE d.id = decision RETURNING id $$;
CREATE FUNCTION pg_temp.refused(sql text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE sql;
    RETURN 'not refused';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ': ' || regexp_replace(SQLERRM, '[0-9a-f-]{36}', 'ID');
END $$;
CREATE FUNCTION pg_temp.last_event(OUT kind text, OUT workflow text, OUT actor boolean, OUT detail jsonb) LANGUAGE sql AS $$
    SELECT kind, workflow, actor = current_user, detail - 'decision' FROM hitl.event ORDER BY id DESC LIMIT 1 $$;

BEGIN;
SELECT hitl.create_queue('qual');
SELECT hitl.create_workflow('qual', 'qual');
SELECT count(hitl.add_reviewer(r, max_open => 1000)), count(hitl.join_queue(r, 'qual')) FROM unnest('{qual_ann,qual_bob,qual_cid,qual_dan,qual_eve}'::text[]) r;

-- Known answers.
SELECT (pg_temp.make('qual', 1))[1] AS open \gset
SELECT pg_temp.make('qual', 40) AS g \gset
SELECT count(pg_temp.give(id, 'qual_cid', 'approve')) FROM unnest(:'g'::uuid[]) id;
SELECT pg_temp.refused(format('SELECT hitl.add_gold(%L, %s)', id, args))
FROM (VALUES (1, NULL, $$'approved'$$), (2, '00000000-0000-7000-8000-000000000000', $$'approved'$$), (3, (:'g'::uuid[])[1], 'NULL'),
             (4, (:'g'::uuid[])[1], $$'pending'$$), (5, (:'g'::uuid[])[1], $$'amended'$$), (6, (:'g'::uuid[])[1], $$'rejected', '{"pay": 2}'$$),
             (7, (:'g'::uuid[])[1], $$'amended', '{"pay": 1.0}'$$), (8, :'open', $$'approved'$$)) AS v (n, id, args) ORDER BY n;
SELECT count(hitl.add_gold(id, 'approved')) FROM unnest((:'g'::uuid[])[1:20]) id;
SELECT count(hitl.add_gold(id, 'rejected', note => 'paid twice')) FROM unnest((:'g'::uuid[])[21:30]) id;
SELECT count(hitl.add_gold(id, 'amended', '{"pay": 2}')) FROM unnest((:'g'::uuid[])[31:40]) id;
SELECT * FROM pg_temp.last_event();
SELECT workflow, outcome, output, note, created_by = current_user AS by_me, retired_at, count(*) FROM hitl.gold GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 2;
SELECT pg_temp.refused(format('SELECT hitl.add_gold(%L, %L)', (:'g'::uuid[])[1], 'rejected'));
SELECT hitl.retire_gold((:'g'::uuid[])[40]);
SELECT * FROM pg_temp.last_event();
SELECT pg_temp.refused(format('SELECT hitl.retire_gold(%L)', (:'g'::uuid[])[40]));
SELECT hitl.retire_gold(NULL);
SELECT hitl.add_gold((:'g'::uuid[])[40], 'rejected');
SELECT outcome, output, retired_at FROM hitl.gold WHERE decision = (:'g'::uuid[])[40];

-- Who is right: approved as approved, amended only with the known output.
SAVEPOINT gold;
SELECT pg_temp.give((:'g'::uuid[])[1], 'qual_ann', 'approve', 'gold'), pg_temp.give((:'g'::uuid[])[2], 'qual_ann', 'reject', 'gold'),
       pg_temp.give((:'g'::uuid[])[21], 'qual_ann', 'reject', 'gold'), pg_temp.give((:'g'::uuid[])[22], 'qual_ann', 'amend', 'gold', output => '{"pay": 0}'),
       pg_temp.give((:'g'::uuid[])[31], 'qual_ann', 'amend', 'gold', output => '{"pay": 2.0}'), pg_temp.give((:'g'::uuid[])[32], 'qual_ann', 'amend', 'gold', output => '{"pay": 3}'),
       pg_temp.give((:'g'::uuid[])[33], 'qual_ann', 'escalate', 'gold'), pg_temp.give((:'g'::uuid[])[3], 'qual_bob', 'approve', 'review') \g /dev/null
SELECT g.action, k.outcome, k.output AS known, g.correct FROM hitl.gold_verdict g JOIN hitl.gold k USING (decision) ORDER BY g.id;
-- The bar: 3 of 6 is not below one half, and is below 0.6.
SELECT hitl.gold_pause('qual_ann', 'qual') AS no_bar;
UPDATE hitl.queue SET gold_bar = 0.5 WHERE name = 'qual';
SELECT hitl.gold_pause('qual_ann', 'qual') AS at_the_bar, hitl.gold_pause('qual_ann', 'nowhere') AS no_queue, hitl.gold_pause('qual_bob', 'qual') AS none_given;
UPDATE hitl.queue SET gold_bar = 0.6 WHERE name = 'qual';
SELECT hitl.gold_pause('qual_ann', 'qual') AS below;
SELECT name, paused FROM hitl.reviewer WHERE paused IS NOT NULL;
SELECT kind, actor, detail FROM hitl.event ORDER BY id DESC LIMIT 1;
SELECT hitl.gold_pause('qual_ann', 'qual') AS paused_already;
-- Resumed, they start anew: five more are needed.
UPDATE hitl.reviewer SET paused = NULL WHERE name = 'qual_ann';
SELECT hitl.gold_pause('qual_ann', 'qual') AS dealt_with;
SELECT count(pg_temp.give(id, 'qual_ann', 'reject', 'gold')) FROM unnest((:'g'::uuid[])[4:7]) id;
SELECT hitl.gold_pause('qual_ann', 'qual') AS four;
SELECT pg_temp.give((:'g'::uuid[])[8], 'qual_ann', 'reject', 'gold') \g /dev/null
SELECT hitl.gold_pause('qual_ann', 'qual') AS five;
SELECT paused FROM hitl.reviewer WHERE name = 'qual_ann';
ROLLBACK TO gold;
-- A pause by hand does not forget.
UPDATE hitl.queue SET gold_bar = 0.6 WHERE name = 'qual';
SELECT count(pg_temp.give(id, 'qual_ann', 'reject', 'gold')) FROM unnest((:'g'::uuid[])[1:5]) id;
INSERT INTO hitl.event (kind, actor, detail) VALUES ('reviewer_paused', 'somebody', '{"reviewer": "qual_ann"}');
SELECT hitl.gold_pause('qual_ann', 'qual') AS below;
ROLLBACK TO gold;
-- Only the last 20 count: 10 wrong and then 12 right are 12 of 20.
UPDATE hitl.queue SET gold_bar = 0.6 WHERE name = 'qual';
SELECT count(pg_temp.give(id, 'qual_ann', 'reject', 'gold')) FROM unnest((:'g'::uuid[])[1:10]) id;
SELECT count(pg_temp.give(id, 'qual_ann', 'approve', 'gold')) FROM unnest((:'g'::uuid[])[9:19]) id;
SAVEPOINT eleven;
SELECT hitl.gold_pause('qual_ann', 'qual') AS eleven;
ROLLBACK TO eleven;
SELECT pg_temp.give((:'g'::uuid[])[20], 'qual_ann', 'approve', 'gold') \g /dev/null
SELECT hitl.gold_pause('qual_ann', 'qual') AS twelve;
-- What was retired counts no more.
SELECT count(hitl.retire_gold(id)) FROM unnest((:'g'::uuid[])[15:20]) id;
SELECT hitl.gold_pause('qual_ann', 'qual') AS six_less;
SELECT detail ->> 'verdicts' AS verdicts, detail ->> 'share' AS share FROM hitl.event ORDER BY id DESC LIMIT 1;
ROLLBACK TO gold;

-- In earnest: five known answers among the tasks of bob, who rejects them all.
UPDATE hitl.queue SET gold_bar = 0.6 WHERE name = 'qual';
INSERT INTO hitl.task (decision, workflow, kind, queue, lane, tier, sort_key, submitter, created_at, step, first_review_at, resolution_at, due_at, wake_at)
SELECT id, 'qual', 'gold', 'qual', 0, 1, 0, 'somebody', now(), 0, 'infinity', 'infinity', 'infinity', 'infinity' FROM unnest((:'g'::uuid[])[18:22]) id;
SELECT task AS t1 FROM hitl.claim(1, '{qual}', 'qual_bob') \gset
SELECT hitl.reject(:t1, 'INCORRECT', 'no', 'qual_bob') AS outcome;
SELECT count(hitl.reject(task, 'INCORRECT', 'no', 'qual_bob')) FROM hitl.claim(4, '{qual}', 'qual_bob') WHERE lane = 0;
SELECT kind, action, final, count(*) FROM hitl.verdict WHERE reviewer = 'qual_bob' GROUP BY 1, 2, 3;
SELECT name, paused FROM hitl.reviewer WHERE paused IS NOT NULL;
SELECT count(*) FROM hitl.task WHERE kind = 'gold';
SELECT outcome, decided_by FROM hitl.outcome WHERE id = (:'g'::uuid[])[18];
ROLLBACK TO gold;

-- What confidence is worth: stated 0.3, 0.6 and 0.9 are right in 10 of 40,
-- 10 of 40 and 16 of 20.
SELECT hitl.create_workflow('qual worth', 'qual');
SELECT hitl.learn_confidence('nowhere');
SELECT hitl.learn_confidence('qual worth');
SELECT count(pg_temp.give(id, 'qual_ann', CASE WHEN n <= 10 THEN 'approve' ELSE 'reject' END)) FROM unnest(pg_temp.make('qual worth', 40, confidence => 0.3)) WITH ORDINALITY AS t (id, n);
SELECT count(pg_temp.give(id, 'qual_ann', CASE WHEN n <= 2 THEN 'approve' ELSE 'reject' END)) FROM unnest(pg_temp.make('qual worth', 9, confidence => 0.6)) WITH ORDINALITY AS t (id, n);
SELECT hitl.learn_confidence('qual worth');
SELECT count(pg_temp.give(id, 'qual_ann', CASE WHEN n <= 8 THEN 'approve' ELSE 'reject' END)) FROM unnest(pg_temp.make('qual worth', 31, confidence => 0.6)) WITH ORDINALITY AS t (id, n);
SELECT count(pg_temp.give(id, 'qual_ann', CASE WHEN n <= 16 THEN 'approve' ELSE 'reject' END)) FROM unnest(pg_temp.make('qual worth', 20, confidence => 0.9)) WITH ORDINALITY AS t (id, n);
INSERT INTO hitl.confidence_map VALUES ('qual worth', 0.5, 1, 1), ('qual', 0, 1, 0.5);
SELECT hitl.learn_confidence('qual worth', since => clock_timestamp());
SELECT hitl.learn_confidence('qual worth', since => '-infinity');
SELECT lo, hi, value FROM hitl.confidence_map WHERE workflow = 'qual worth' ORDER BY lo;
SELECT * FROM pg_temp.last_event();
-- tasks made from now on are ordered by it
SELECT hitl.set_policy('qual worth', upper => 0.99);
INSERT INTO hitl.decision (workflow, subject, confidence) SELECT 'qual worth', 'new', c FROM unnest('{0,0.3,0.75,0.9,0.95}'::float8[]) c;
SELECT d.confidence AS stated, t.confidence AS worth FROM hitl.task t JOIN hitl.decision d ON d.id = t.decision WHERE d.subject = 'new' ORDER BY 1;
SELECT hitl.drop_confidence('qual worth');
SELECT count(*) FROM hitl.confidence_map WHERE workflow = 'qual worth';
SELECT hitl.drop_confidence('qual worth');
ROLLBACK TO gold;

-- Agreement.  30 decisions judged twice, and 10 by a panel of three; what is
-- no independent look does not count.
SELECT hitl.create_workflow('qual pair', 'qual');
CREATE TEMP TABLE pair ON COMMIT DROP AS
SELECT id, n, CASE WHEN n <= 12 THEN 'approve' WHEN n <= 20 THEN 'reject' WHEN n <= 22 THEN 'amend' ELSE 'approve' END AS a,
       CASE WHEN n <= 12 THEN 'approve' WHEN n <= 20 THEN 'reject' WHEN n <= 22 THEN 'amend' ELSE 'reject' END AS b
FROM unnest(pg_temp.make('qual pair', 30)) WITH ORDINALITY AS t (id, n);
-- (who comes first does not matter, their names do)
SELECT count(pg_temp.give(id, 'qual_bob', b, 'review')) FROM pair WHERE n % 2 = 0;
SELECT count(pg_temp.give(id, 'qual_ann', a, 'overlap')) FROM pair WHERE n % 2 = 0;
SELECT count(pg_temp.give(id, 'qual_ann', a, 'review')) FROM pair WHERE n % 2 = 1;
SELECT count(pg_temp.give(id, 'qual_bob', b, 'overlap')) FROM pair WHERE n % 2 = 1;
CREATE TEMP TABLE panel ON COMMIT DROP AS
SELECT id, r, CASE WHEN n <= 6 OR r = 'qual_ann' THEN 'approve' WHEN n <= 8 THEN 'reject' WHEN r = 'qual_bob' THEN 'amend' ELSE 'reject' END AS a
FROM unnest(pg_temp.make('qual pair', 10)) WITH ORDINALITY AS t (id, n), unnest('{qual_ann,qual_bob,qual_cid}'::text[]) r;
SELECT count(pg_temp.give(id, r, a, 'review', final => r = 'qual_cid')) FROM panel;
-- the outcome was confirmed, known, spread, corrected, handed on; one was judged by one; the same person again
SELECT pg_temp.give(id, 'qual_eve', 'reject', 'confirm'), pg_temp.give(id, 'qual_eve', 'reject', 'gold'), pg_temp.give(id, 'qual_dan', 'reject', 'overlap', like_task => 1),
       pg_temp.give(id, 'qual_dan', 'correct', 'audit', final => false), pg_temp.give(id, 'qual_dan', 'escalate', 'review'), pg_temp.give(id, 'qual_ann', 'reject', 'audit') FROM pair LIMIT 1 \g /dev/null
SELECT pg_temp.give((pg_temp.make('qual pair', 1))[1], 'qual_ann', 'reject', 'review') \g /dev/null
-- of the panel: 6 times all agree, 2 times one of three pairs, 2 times none
SELECT items, verdicts, pairs, pg_temp.near(percent_agreement, (22 + 6 + 2 / 3.0) / 40) AS percent_agreement,
       pg_temp.near(percent_agreement_lo, w.lo) AND pg_temp.near(percent_agreement_hi, w.hi) AS limits,
       -- of pairs 22 / 30; by chance ann: 20, 8, 2, bob: 12, 16, 2
       pg_temp.near(cohen_kappa, (22 / 30.0 - (20 * 12 + 8 * 16 + 2 * 2) / 900.0) / (1 - (20 * 12 + 8 * 16 + 2 * 2) / 900.0)) AS cohen_kappa
FROM hitl.agreement, pg_temp.wilson(22 + 6 + 2 / 3.0, 40) w WHERE workflow = 'qual pair';
WITH i AS (
    SELECT hitl.krippendorff_alpha(c) AS alpha, hitl.fleiss_kappa(c) AS fleiss, hitl.gwet_ac1(c) AS gwet
    FROM (SELECT ARRAY[count(*) FILTER (WHERE a = 'approve'), count(*) FILTER (WHERE a = 'reject'), count(*) FILTER (WHERE a = 'amend')]::int[] AS c
          FROM (SELECT id, a FROM pair UNION ALL SELECT id, b FROM pair UNION ALL SELECT id, a FROM panel) x GROUP BY id) x)
SELECT pg_temp.near(krippendorff_alpha, alpha) AS krippendorff_alpha, pg_temp.near(fleiss_kappa, fleiss) AS fleiss_kappa,
       pg_temp.near(gwet_ac1, gwet) AS gwet_ac1, round(alpha::numeric, 6) AS alpha, round(fleiss::numeric, 6) AS fleiss, round(gwet::numeric, 6) AS gwet
FROM i, hitl.agreement WHERE workflow = 'qual pair';
SELECT count(*) FROM hitl.agreement WHERE workflow = 'qual';
SELECT label, verdicts, count(*) FROM hitl.independent_verdict WHERE workflow = 'qual pair' GROUP BY 1, 2 ORDER BY 2, 1;
-- each one's part: ann with bob 22 of 30 and 6 of 10, with cid 6 of 10
SELECT reviewer, pairs, agreed, pg_temp.near(agreement, agreed::float8 / nullif(pairs, 0)) AS agreement,
       pg_temp.near(agreement_lo, w.lo) AND pg_temp.near(agreement_hi, w.hi) AS limits
FROM hitl.reviewer_report LEFT JOIN LATERAL pg_temp.wilson(agreed, pairs) w ON pairs > 0 WHERE workflow = 'qual pair' ORDER BY 1;
ROLLBACK TO gold;

-- The report.  Ann really claims three, gives one back, lets one expire.
SELECT hitl.create_workflow('qual report', 'qual');
SELECT pg_temp.make('qual report', 50) AS d \gset
SELECT hitl.approve(min(task), 'fine', 'qual_ann') FROM hitl.claim(1, '{qual}', 'qual_ann') \g /dev/null
DELETE FROM hitl.task WHERE workflow <> 'qual report' OR decision = ANY ((:'d'::uuid[])[4:]);
SELECT count(*) FROM hitl.claim(3, '{qual}', 'qual_ann');
SELECT hitl.release(min(id), 'qual_ann') FROM hitl.task WHERE holder = 'qual_ann';
SELECT hitl.approve(min(id), 'fine', 'qual_ann') FROM hitl.task WHERE holder = 'qual_ann';
UPDATE hitl.task SET lease_until = now() - interval '1 second', wake_at = now() - interval '1 second' WHERE holder = 'qual_ann';
SELECT hitl.tick() > 0 AS expired;
-- 12 verdicts more: 4 overrides; 10, 20, 30, ... s; the fourth in 1.5 s.  The median of all is 60, so fast is below 6.
SELECT count(pg_temp.give((:'d'::uuid[])[10 + n], 'qual_ann', CASE WHEN n > 8 THEN 'reject' ELSE 'approve' END, CASE n WHEN 2 THEN 'confirm' WHEN 3 THEN 'overlap' WHEN 5 THEN 'audit' ELSE 'review' END,
                          CASE WHEN n = 4 THEN 1.5 ELSE 10 * n END, on_behalf_of => CASE WHEN n IN (1, 5) THEN 'qual_dan' END,
                          blind => n > 6, judgment => CASE WHEN n IN (7, 9) THEN '{"pay": 1}' WHEN n > 6 THEN '{"pay": 5}' END::jsonb))
FROM generate_series(1, 12) n;
SELECT count(pg_temp.give((:'d'::uuid[])[30 + n], 'qual_ann', 'reject', like_task => 7, seconds => 0)) FROM generate_series(1, 3) n;
SELECT count(pg_temp.give((:'d'::uuid[])[40 + n], 'qual_bob', 'approve', seconds => 62)) FROM generate_series(1, 10) n;
SELECT pg_temp.give((:'d'::uuid[])[9], 'qual_bob', 'escalate'), pg_temp.give((:'d'::uuid[])[9], 'qual_bob', 'approve', 'gold') \g /dev/null
SELECT count(pg_temp.give(id, 'qual_bob', 'approve', 'gold')) FROM unnest((:'g'::uuid[])[18:22]) id;
-- the 8th, 11th and 12th are undone by corrections (which was undone for the 12th), the 6th by another person;
-- the 3rd had settled nothing
INSERT INTO hitl.verdict (created_at, decision, workflow, reviewer, action, final, outcome)
SELECT now(), (:'d'::uuid[])[10 + n], 'qual report', 'qual_eve', 'correct', true, 'rejected' FROM unnest('{3,8,11,12,12}'::int[]) n;
SELECT pg_temp.give((:'d'::uuid[])[16], 'qual_eve', 'reject', 'confirm') \g /dev/null
INSERT INTO hitl.verdict (created_at, decision, workflow, reviewer, action, final, outcome)
SELECT now(), (:'d'::uuid[])[16], 'qual report', 'qual_eve', 'correct', true, 'approved';
\x on
SELECT reviewer, verdicts, overrides, timed, CASE WHEN reviewer <> 'qual_ann' THEN median_seconds END AS median_seconds, fast, claims, releases, leases_expired, escalations,
       gold, gold_right, pairs, agreed, finals, corrected, judged_first, differed, switched, spread, on_behalf
FROM hitl.reviewer_report WHERE workflow = 'qual report' ORDER BY 1;
\x off
SELECT reviewer, gold, gold_right, gold_share, pg_temp.near(gold_share_lo, w.lo) AND pg_temp.near(gold_share_hi, w.hi) AS limits, verdicts
FROM hitl.reviewer_report, pg_temp.wilson(3, 5) w WHERE workflow = 'qual' AND gold > 0;
SELECT pg_temp.near(override_rate, 7 / 16.0) AS override_rate, pg_temp.near(override_rate_lo, w.lo) AND pg_temp.near(override_rate_hi, w.hi) AS limits,
       pg_temp.near(fast_share, fast / 13.0) AS fast_share, pg_temp.near(switch_rate, 1 / 4.0) AS switch_rate,
       pg_temp.near(fast_below, (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) / 10 FROM hitl.verdict
                                 WHERE workflow = 'qual report' AND kind <> 'gold' AND action IN ('approve', 'reject') AND like_task IS NULL)) AS fast_below,
       median_seconds
FROM hitl.reviewer_report, pg_temp.wilson(7, 16) w WHERE workflow = 'qual report' AND reviewer = 'qual_ann';
-- Who only gave answers that were known is there too.
SELECT reviewer, verdicts, override_rate, gold FROM hitl.reviewer_report WHERE workflow = 'qual' ORDER BY 1;
ROLLBACK TO gold;

-- Alarms.  Ann, bob and cid override 20 of 100 each, dan none of 40, eve all of 20.
CREATE FUNCTION pg_temp.alarms(workflow text) RETURNS TABLE (sign text, reviewer text, kind text, route text, n bigint, value numeric, expected numeric, p_value text, level numeric) LANGUAGE sql AS $$
    SELECT sign, reviewer, kind, route, n, round(value::numeric, 4), round(expected::numeric, 4), to_char(p_value, '9.99EEEE'), round(level::numeric, 6)
    FROM hitl.reviewer_alarm a WHERE a.workflow = alarms.workflow ORDER BY 1, 2, 3 $$;
SELECT hitl.create_workflow('qual sign', 'qual');
SELECT pg_temp.make('qual sign', 1) AS d \gset
SELECT count(pg_temp.give((:'d'::uuid[])[1], r, CASE WHEN n % 5 = 0 THEN 'reject' ELSE 'approve' END)) FROM unnest('{qual_ann,qual_bob,qual_cid}'::text[]) r, generate_series(1, 100) n;
SELECT * FROM pg_temp.alarms('qual sign');
SAVEPOINT sign;
SELECT count(pg_temp.give((:'d'::uuid[])[1], 'qual_dan', 'approve')) FROM generate_series(1, 40) n;
SELECT count(pg_temp.give((:'d'::uuid[])[1], 'qual_eve', 'amend', output => '0')) FROM generate_series(1, 20) n;
SELECT * FROM pg_temp.alarms('qual sign');
-- the same by counting: none of 40 and 80 in all of 360; all of 20 and 60 of 340
SELECT sign, reviewer, pg_temp.near(p_value / p, 1) AS equal
FROM hitl.reviewer_alarm
JOIN (VALUES ('never_overrides', pg_temp.choose(320, 80) / pg_temp.choose(360, 80)), ('always_overrides', 1 / pg_temp.choose(360, 80) * pg_temp.choose(340, 60))) AS v (sign, p) USING (sign)
WHERE workflow = 'qual sign' ORDER BY 1;
-- Not so: with one override; with 19 verdicts; where all was spread.
ROLLBACK TO sign;
SELECT count(pg_temp.give((:'d'::uuid[])[1], 'qual_dan', CASE n WHEN 1 THEN 'reject' ELSE 'approve' END)) FROM generate_series(1, 20) n;
SELECT count(pg_temp.give((:'d'::uuid[])[1], 'qual_eve', 'amend', output => '0')) FROM generate_series(1, 19) n;
SELECT count(pg_temp.give((:'d'::uuid[])[1], 'qual_fay', 'approve', like_task => 1)) FROM generate_series(1, 100) n;
SELECT * FROM pg_temp.alarms('qual sign');
ROLLBACK TO sign;
-- Like is compared with like: who confirms overrides less than who reviews, and that is no sign.
SELECT count(pg_temp.give((:'d'::uuid[])[1], r, CASE WHEN n = 1 THEN 'reject' ELSE 'approve' END, 'confirm')) FROM unnest('{qual_dan,qual_eve}'::text[]) r, generate_series(1, 60) n;
SELECT * FROM pg_temp.alarms('qual sign');
-- Over several kinds of work: 0 of 15 and 0 of 30, where others have 20 of 100 thrice and 1 of 60 twice.
SELECT count(pg_temp.give((:'d'::uuid[])[1], 'qual_fay', 'approve')) FROM generate_series(1, 15) n;
SELECT count(pg_temp.give((:'d'::uuid[])[1], 'qual_fay', 'approve', 'confirm')) FROM generate_series(1, 30) n;
SELECT * FROM pg_temp.alarms('qual sign');
SELECT count(pg_temp.give((:'d'::uuid[])[1], 'qual_fay', 'approve')) FROM generate_series(1, 15) n;
SELECT * FROM pg_temp.alarms('qual sign');
SELECT pg_temp.near(p_value / (pg_temp.choose(300, 60) / pg_temp.choose(330, 60) * pg_temp.choose(120, 2) / pg_temp.choose(150, 2)), 1) AS equal, pg_temp.near(expected, (30 * 0.2 + 30 / 60.0) / 60) AS expected
FROM hitl.reviewer_alarm WHERE workflow = 'qual sign';
ROLLBACK TO sign;
-- Twice as many as the others, who by that differ less.
SELECT count(pg_temp.give((:'d'::uuid[])[1], 'qual_dan', CASE WHEN n % 5 < 2 THEN 'reject' ELSE 'approve' END)) FROM generate_series(1, 100) n;
SELECT * FROM pg_temp.alarms('qual sign');
SELECT pg_temp.near(a.p_value, sum(p) FILTER (WHERE p <= pg_temp.choose(100, 40) * pg_temp.choose(300, 60))::float8 / sum(p)::float8) AS equal
FROM hitl.reviewer_alarm a, (SELECT pg_temp.choose(100, x) * pg_temp.choose(300, 100 - x) AS p FROM generate_series(0, 100) x) s
WHERE workflow = 'qual sign' AND reviewer = 'qual_dan' GROUP BY a.p_value;
ROLLBACK TO sign;
-- Another share of overrides than before, all in all the same as that of peers.
SELECT count(pg_temp.give((:'d'::uuid[])[1], 'qual_dan', CASE WHEN n > 80 THEN 'reject' ELSE 'approve' END)) FROM generate_series(1, 100) n;
SELECT * FROM pg_temp.alarms('qual sign');
ROLLBACK TO sign;
-- Fast: 4 of 20 in under 6 s, a tenth of the median; 3 are not too many.
SELECT count(pg_temp.give((:'d'::uuid[])[1], 'qual_dan', CASE WHEN n % 5 = 0 THEN 'reject' ELSE 'approve' END, seconds => CASE WHEN n <= 4 THEN 5.9 ELSE 60 END)) FROM generate_series(1, 20) n;
SELECT count(pg_temp.give((:'d'::uuid[])[1], 'qual_eve', CASE WHEN n % 5 = 0 THEN 'reject' ELSE 'approve' END, seconds => CASE WHEN n <= 3 THEN 5.9 ELSE 6 END)) FROM generate_series(1, 20) n;
SELECT * FROM pg_temp.alarms('qual sign');
ROLLBACK TO sign;
SELECT count(pg_temp.give((:'d'::uuid[])[1], 'qual_dan', CASE WHEN n % 5 = 0 THEN 'reject' ELSE 'approve' END, seconds => CASE WHEN n <= 5 THEN 5.9 ELSE 60 END)) FROM generate_series(1, 20) n;
SELECT * FROM pg_temp.alarms('qual sign');
SELECT pg_temp.near(p_value, 1 - sum(pg_temp.choose(20, x) * 0.05 ^ x * 0.95 ^ (20 - x))::float8) AS equal
FROM hitl.reviewer_alarm, generate_series(0, 4) x WHERE workflow = 'qual sign' GROUP BY p_value;
ROLLBACK TO sign;
-- Where all take half a second, all are fast.
SELECT hitl.create_workflow('qual rush', 'qual');
SELECT count(pg_temp.give((pg_temp.make('qual rush', 1))[1], 'qual_dan', CASE WHEN n % 5 = 0 THEN 'reject' ELSE 'approve' END, seconds => 0.5)) FROM generate_series(1, 20) n;
SELECT * FROM pg_temp.alarms('qual rush');
SELECT median_seconds, fast_below, fast, fast_share FROM hitl.reviewer_report WHERE workflow = 'qual rush';
ROLLBACK TO sign;
-- Ann, bob and cid are of one mind in 90 of 90 pairs, dan with them in 20 of 30.
SELECT hitl.create_workflow('qual mind', 'qual');
SELECT count(pg_temp.give(id, (ARRAY['qual_ann', 'qual_bob', 'qual_cid'])[1 + n % 3], CASE WHEN n % 4 = 0 THEN 'reject' ELSE 'approve' END)),
       count(pg_temp.give(id, CASE WHEN n > 90 THEN 'qual_dan' ELSE (ARRAY['qual_ann', 'qual_bob', 'qual_cid'])[1 + (n + 1) % 3] END,
                          CASE WHEN (n % 4 = 0) = (n <= 110) THEN 'reject' ELSE 'approve' END, 'overlap'))
FROM unnest(pg_temp.make('qual mind', 120)) WITH ORDINALITY AS t (id, n);
SELECT * FROM pg_temp.alarms('qual mind') WHERE sign = 'disagrees';
SELECT pairs, agreed FROM hitl.reviewer_report WHERE workflow = 'qual mind' ORDER BY reviewer;
SELECT pg_temp.near(p_value / p::float8, 1) AS equal
FROM hitl.reviewer_alarm, (SELECT pg_temp.choose(30, 10) / pg_temp.choose(120, 10) AS p) p
WHERE workflow = 'qual mind' AND sign = 'disagrees' AND reviewer = 'qual_dan';
ROLLBACK TO sign;
-- 3 of 5 known answers right: below 0.7, not below 0.6; of the last 20, and with the newest queue's bar.
SELECT count(pg_temp.give(id, 'qual_bob', 'approve', 'gold')) FROM unnest((:'g'::uuid[])[18:22]) id;
SELECT * FROM pg_temp.alarms('qual');
UPDATE hitl.queue SET gold_bar = 0.6 WHERE name = 'qual';
SELECT * FROM pg_temp.alarms('qual');
UPDATE hitl.queue SET gold_bar = 0.7 WHERE name = 'qual';
SELECT * FROM pg_temp.alarms('qual');
SELECT pg_temp.near(p_value, sum(pg_temp.choose(5, x) * 0.7 ^ x * 0.3 ^ (5 - x))::float8) AS equal
FROM hitl.reviewer_alarm, generate_series(0, 3) x WHERE workflow = 'qual' GROUP BY p_value;
SELECT count(pg_temp.give(id, 'qual_bob', 'approve', 'gold')) FROM unnest((:'g'::uuid[])[1:18]) id;
SELECT * FROM pg_temp.alarms('qual');
ROLLBACK TO gold;

-- Anchoring: of each arm under a policy that draws one in four to judge first.
SELECT hitl.create_workflow('qual arm', 'qual');
INSERT INTO hitl.policy (workflow, version, blind, blind_rate, created_by) VALUES ('qual arm', 1, true, 0.25, current_user), ('qual arm', 2, true, 0.5, current_user), ('qual arm', 3, true, 1, current_user), ('qual arm', 4, false, 0.5, current_user);
CREATE FUNCTION pg_temp.arm(version int, n int, overrides int, blind boolean, switched int DEFAULT 0, kind text DEFAULT 'review', like_task bigint DEFAULT NULL) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    d uuid;
BEGIN
    UPDATE hitl.workflow SET policy_version = version WHERE name = 'qual arm';
    FOR i IN 1 .. n LOOP
        d := (pg_temp.make('qual arm', 1))[1];
        PERFORM pg_temp.give(d, 'qual_ann', CASE WHEN i <= overrides THEN 'reject' ELSE 'approve' END, kind, blind => arm.blind, like_task => arm.like_task,
                             judgment => CASE WHEN NOT arm.blind THEN NULL WHEN i <= overrides + switched THEN '{"pay": 9}' ELSE '{"pay": 1}' END::jsonb);
    END LOOP;
    RETURN n;
END $$;
SELECT pg_temp.arm(1, 20, 8, true, 3), pg_temp.arm(1, 60, 6, false), pg_temp.arm(2, 10, 1, true, 1), pg_temp.arm(2, 10, 2, false);
-- all or none draw nothing; spread, known and monitored ones are not judged alike
SELECT pg_temp.arm(3, 5, 5, true), pg_temp.arm(4, 5, 5, false), pg_temp.arm(1, 5, 5, true, kind => 'gold'), pg_temp.arm(1, 5, 5, false, like_task => 1), pg_temp.arm(1, 5, 5, false, kind => 'monitor') \g /dev/null
SELECT blind, verdicts, round(weight_sum::numeric, 9) AS weight_sum, round(override_rate::numeric, 9) AS override_rate, round(difference::numeric, 9) AS difference, judged_first, differed, switched, round(switch_rate::numeric, 9) AS switch_rate
FROM hitl.anchoring_report WHERE workflow = 'qual arm' ORDER BY blind;
-- by weight: 8 * 4 + 1 * 2 of 20 * 4 + 10 * 2; 6 * 4 / 3 + 2 * 2 of 60 * 4 / 3 + 10 * 2
WITH r AS (
    SELECT blind, sum(w * y) / sum(w) AS p, sum(w) AS w, sum(w * w) AS ww FROM (VALUES (true, 20, 8, 4.0), (true, 10, 1, 2), (false, 60, 6, 4 / 3.0), (false, 10, 2, 2)) v (blind, n, k, w),
         LATERAL (SELECT (i <= k)::int AS y FROM generate_series(1, n) i) y GROUP BY 1
), v AS (
    SELECT r.blind, r.p, sum(x * x * (y - p) ^ 2) / r.w ^ 2 AS v FROM r JOIN (VALUES (true, 20, 8, 4.0), (true, 10, 1, 2), (false, 60, 6, 4 / 3.0), (false, 10, 2, 2)) v (blind, n, k, x) USING (blind),
         LATERAL (SELECT (i <= k)::int AS y FROM generate_series(1, n) i) y GROUP BY 1, 2, r.w
)
SELECT a.blind, pg_temp.near(a.override_rate, v.p::float8) AS rate, pg_temp.near(a.difference_std_error, (SELECT sqrt(sum(v))::float8 FROM v)) AS std_error,
       override_rate_lo < override_rate AND override_rate < override_rate_hi AS limits,
       pg_temp.near(switch_rate_lo, w.lo) AND pg_temp.near(switch_rate_hi, w.hi) AS switch_limits
FROM hitl.anchoring_report a JOIN v USING (blind) LEFT JOIN pg_temp.wilson(4, 13) w ON a.blind WHERE workflow = 'qual arm' ORDER BY 1;
-- one arm alone
UPDATE hitl.workflow SET policy_version = 1 WHERE name = 'qual';
INSERT INTO hitl.policy (workflow, version, blind, blind_rate, created_by) VALUES ('qual', 1, true, 0.25, current_user);
SELECT count(pg_temp.give((pg_temp.make('qual', 1))[1], 'qual_ann', 'approve')) FROM generate_series(1, 4);
SELECT blind, verdicts, weight_sum, override_rate, difference, difference_std_error, switch_rate FROM hitl.anchoring_report WHERE workflow = 'qual';
ROLLBACK TO gold;

-- Everything says what it is.
SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
WHERE c.relnamespace = 'hitl'::regnamespace AND c.relname IN ('gold', 'gold_verdict', 'person_verdict', 'independent_verdict', 'agreement', 'reviewer_report', 'reviewer_alarm', 'anchoring_report')
  AND col_description(c.oid, a.attnum) IS NULL AND a.attname NOT IN ('id', 'created_at', 'decision', 'workflow', 'queue', 'reviewer');
ROLLBACK;
