-- What people's verdicts say about the people: agreement, a report on each,
-- signs that should be looked into, and what seeing the proposal does.  Known
-- answers (gold) are counted apart everywhere, and verdicts that were spread
-- to like tasks only where nothing is said about how somebody judges.

CREATE VIEW hitl.person_verdict WITH (security_invoker = true, security_barrier = true) AS
SELECT v.id, v.created_at, v.decision, v.workflow, d.route,
       CASE v.kind WHEN 'overlap' THEN 'review' ELSE v.kind END AS kind,
       v.reviewer, v.action, v.action <> 'approve' AS overridden,
       CASE WHEN v.like_task IS NULL THEN v.seconds END AS seconds,
       v.like_task IS NOT NULL AS spread, v.on_behalf_of, v.final,
       CASE WHEN v.final THEN
            coalesce((SELECT n.action = 'correct' FROM hitl.verdict n
                      WHERE n.decision = v.decision AND n.id > v.id AND n.final
                      ORDER BY n.id LIMIT 1), false) END AS corrected,
       v.blind,
       CASE WHEN v.judgment IS NOT NULL THEN v.judgment IS DISTINCT FROM d.output END AS differed,
       d.policy_version
FROM hitl.verdict v
JOIN hitl.decision d ON d.id = v.decision
WHERE v.kind IN ('review', 'overlap', 'confirm', 'audit', 'monitor')
  AND v.action IN ('approve', 'reject', 'amend');
COMMENT ON VIEW hitl.person_verdict IS 'what people judged on tasks that they held, without known answers';
COMMENT ON COLUMN hitl.person_verdict.route IS 'of the decision: auto_approve, auto_reject, review, monitor or observe';
COMMENT ON COLUMN hitl.person_verdict.kind IS 'review (also a second, independent one), confirm, audit or monitor';
COMMENT ON COLUMN hitl.person_verdict.action IS 'approve, reject or amend';
COMMENT ON COLUMN hitl.person_verdict.overridden IS 'the proposal was found wrong: rejected or amended';
COMMENT ON COLUMN hitl.person_verdict.seconds IS 'from claim to verdict; NULL where spread';
COMMENT ON COLUMN hitl.person_verdict.spread IS 'the verdict of a like task, not judged by itself';
COMMENT ON COLUMN hitl.person_verdict.on_behalf_of IS 'the absent reviewer for whom the reviewer stood in; NULL: nobody';
COMMENT ON COLUMN hitl.person_verdict.final IS 'it settled the outcome, then';
COMMENT ON COLUMN hitl.person_verdict.corrected IS 'whether a correction superseded it; NULL where not final';
COMMENT ON COLUMN hitl.person_verdict.blind IS 'the reviewer had to judge before they saw the proposal';
COMMENT ON COLUMN hitl.person_verdict.differed IS 'whether what they judged then is not the proposal; NULL: they stored no judgment';
COMMENT ON COLUMN hitl.person_verdict.policy_version IS 'of the decision';

-- Who confirms, or looks at what was monitored, knows what others said.
CREATE VIEW hitl.independent_verdict WITH (security_invoker = true, security_barrier = true) AS
SELECT v.decision, v.workflow, v.reviewer, v.label, count(*) OVER (PARTITION BY v.workflow, v.decision) AS verdicts
FROM (SELECT DISTINCT ON (v.workflow, v.decision, v.reviewer) v.decision, v.workflow, v.reviewer,
             CASE v.action WHEN 'approve' THEN 'approved' WHEN 'reject' THEN 'rejected' ELSE 'amended' END AS label
      FROM hitl.verdict v
      WHERE v.kind IN ('review', 'overlap', 'audit') AND v.action IN ('approve', 'reject', 'amend')
        AND v.like_task IS NULL
      ORDER BY v.workflow, v.decision, v.reviewer, v.id) v;
COMMENT ON VIEW hitl.independent_verdict IS 'what people said of the same decision without knowing of each other: copies of a review for a panel, second looks (overlap), audits; one row a person';
COMMENT ON COLUMN hitl.independent_verdict.label IS 'approved, rejected or amended';
COMMENT ON COLUMN hitl.independent_verdict.verdicts IS 'how many persons judged the decision; agreement shows where two or more did';

CREATE VIEW hitl.agreement WITH (security_invoker = true, security_barrier = true) AS
SELECT a.workflow, a.items, a.verdicts, a.pairs, a.percent_agreement,
       w.lo AS percent_agreement_lo, w.hi AS percent_agreement_hi,
       a.cohen_kappa, a.krippendorff_alpha, a.fleiss_kappa, a.gwet_ac1
FROM (SELECT i.workflow, count(*) AS items, sum(i.verdicts)::bigint AS verdicts,
             count(*) FILTER (WHERE i.verdicts = 2) AS pairs,
             hitl.percent_agreement(i.counts) AS percent_agreement,
             hitl.cohen_kappa(i.labels[1], i.labels[2]) FILTER (WHERE i.verdicts = 2) AS cohen_kappa,
             hitl.krippendorff_alpha(i.counts) AS krippendorff_alpha,
             hitl.fleiss_kappa(i.counts) AS fleiss_kappa,
             hitl.gwet_ac1(i.counts) AS gwet_ac1
      FROM (SELECT v.workflow, v.decision, count(*) AS verdicts,
                   array_agg(v.label ORDER BY v.reviewer) AS labels,
                   ARRAY[count(*) FILTER (WHERE v.label = 'approved'),
                         count(*) FILTER (WHERE v.label = 'rejected'),
                         count(*) FILTER (WHERE v.label = 'amended')]::int[] AS counts
            FROM hitl.independent_verdict v
            WHERE v.verdicts >= 2
            GROUP BY v.workflow, v.decision) i
      GROUP BY i.workflow) a
CROSS JOIN LATERAL hitl.wilson(a.percent_agreement * a.items, a.items, 0.95) w;
COMMENT ON VIEW hitl.agreement IS 'per workflow: how far people agree who judged the same decision without knowing of each other; labels approved, rejected and amended, whatever the amended output';
COMMENT ON COLUMN hitl.agreement.items IS 'decisions with two or more such verdicts, the ground of all figures but cohen_kappa';
COMMENT ON COLUMN hitl.agreement.verdicts IS 'verdicts on them';
COMMENT ON COLUMN hitl.agreement.pairs IS 'decisions with exactly two, the ground of cohen_kappa';
COMMENT ON COLUMN hitl.agreement.percent_agreement IS 'mean share of pairs of verdicts on a decision that agree, 0..1';
COMMENT ON COLUMN hitl.agreement.percent_agreement_lo IS 'lower Wilson limit, level 0.95, by items';
COMMENT ON COLUMN hitl.agreement.percent_agreement_hi IS 'upper Wilson limit';
COMMENT ON COLUMN hitl.agreement.cohen_kappa IS 'agreement beyond chance of two persons, the first and the second by name; NULL: there is only one label';
COMMENT ON COLUMN hitl.agreement.krippendorff_alpha IS 'agreement beyond chance of any number of persons; NULL: there is only one label';
COMMENT ON COLUMN hitl.agreement.fleiss_kappa IS 'agreement beyond chance by the mean share of each label; NULL: there is only one label';
COMMENT ON COLUMN hitl.agreement.gwet_ac1 IS 'agreement beyond chance where one label prevails';

CREATE VIEW hitl.reviewer_report WITH (security_invoker = true, security_barrier = true) AS
WITH pace AS (
    SELECT p.workflow,
           greatest(percentile_cont(0.5) WITHIN GROUP (ORDER BY p.seconds) / 10, 2) AS fast_below
    FROM hitl.person_verdict p
    WHERE p.seconds IS NOT NULL
    GROUP BY p.workflow
), verdict AS (
    SELECT p.reviewer, p.workflow, count(*) AS verdicts,
           count(*) FILTER (WHERE p.overridden) AS overrides, hitl.rate(p.overridden) AS override,
           count(p.seconds) AS timed,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY p.seconds) AS median_seconds,
           c.fast_below, count(*) FILTER (WHERE p.seconds < c.fast_below) AS fast,
           count(*) FILTER (WHERE p.final) AS finals, count(*) FILTER (WHERE p.corrected) AS corrected,
           count(p.differed) AS judged_first, count(*) FILTER (WHERE p.differed) AS differed,
           count(*) FILTER (WHERE p.differed AND NOT p.overridden) AS switched,
           count(*) FILTER (WHERE p.spread) AS spread, count(p.on_behalf_of) AS on_behalf
    FROM hitl.person_verdict p
    LEFT JOIN pace c ON c.workflow = p.workflow
    GROUP BY p.reviewer, p.workflow, c.fast_below
), act AS (
    SELECT a.reviewer, a.workflow, count(*) FILTER (WHERE a.kind = 'claimed') AS claims,
           count(*) FILTER (WHERE a.kind = 'released') AS releases,
           count(*) FILTER (WHERE a.kind = 'lease_expired') AS leases_expired,
           count(*) FILTER (WHERE a.kind = 'escalate') AS escalations
    FROM (SELECT e.kind, e.workflow,
                 (CASE e.kind WHEN 'lease_expired' THEN e.detail ->> 'holder' ELSE e.actor END) COLLATE "C" AS reviewer
          FROM hitl.event e
          WHERE e.kind IN ('claimed', 'released', 'lease_expired')
        UNION ALL
          SELECT v.action, v.workflow, v.reviewer FROM hitl.verdict v WHERE v.action = 'escalate') a
    WHERE a.reviewer IS NOT NULL
    GROUP BY a.reviewer, a.workflow
), gold AS (
    SELECT g.reviewer, g.workflow, count(*) AS gold, count(*) FILTER (WHERE g.correct) AS gold_right,
           hitl.rate(g.correct) AS share
    FROM hitl.gold_verdict g
    GROUP BY g.reviewer, g.workflow
), pair AS (
    SELECT a.reviewer, a.workflow, count(*) AS pairs, count(*) FILTER (WHERE a.label = b.label) AS agreed,
           hitl.rate(a.label = b.label) AS agreement
    FROM hitl.independent_verdict a
    JOIN hitl.independent_verdict b ON b.decision = a.decision AND b.reviewer <> a.reviewer
    GROUP BY a.reviewer, a.workflow
)
SELECT reviewer, workflow,
       coalesce(v.verdicts, 0) AS verdicts, coalesce(v.overrides, 0) AS overrides,
       (v.override).rate AS override_rate, (v.override).lo AS override_rate_lo, (v.override).hi AS override_rate_hi,
       coalesce(v.timed, 0) AS timed, v.median_seconds, v.fast_below, coalesce(v.fast, 0) AS fast,
       v.fast::float8 / nullif(v.timed, 0) AS fast_share,
       coalesce(t.claims, 0) AS claims, coalesce(t.releases, 0) AS releases,
       coalesce(t.leases_expired, 0) AS leases_expired, coalesce(t.escalations, 0) AS escalations,
       coalesce(g.gold, 0) AS gold, coalesce(g.gold_right, 0) AS gold_right,
       (g.share).rate AS gold_share, (g.share).lo AS gold_share_lo, (g.share).hi AS gold_share_hi,
       coalesce(p.pairs, 0) AS pairs, coalesce(p.agreed, 0) AS agreed,
       (p.agreement).rate AS agreement, (p.agreement).lo AS agreement_lo, (p.agreement).hi AS agreement_hi,
       coalesce(v.finals, 0) AS finals, coalesce(v.corrected, 0) AS corrected,
       coalesce(v.judged_first, 0) AS judged_first, coalesce(v.differed, 0) AS differed,
       coalesce(v.switched, 0) AS switched, v.switched::float8 / nullif(v.differed, 0) AS switch_rate,
       coalesce(v.spread, 0) AS spread, coalesce(v.on_behalf, 0) AS on_behalf
FROM verdict v
FULL JOIN act t USING (reviewer, workflow)
FULL JOIN gold g USING (reviewer, workflow)
FULL JOIN pair p USING (reviewer, workflow);
COMMENT ON VIEW hitl.reviewer_report IS 'per reviewer and workflow: how much, how fast and how they judge; limits are Wilson''s, level 0.95';
COMMENT ON COLUMN hitl.reviewer_report.verdicts IS 'approvals, rejections and amendments on tasks that they held, without known answers';
COMMENT ON COLUMN hitl.reviewer_report.overrides IS 'rejections and amendments among verdicts';
COMMENT ON COLUMN hitl.reviewer_report.override_rate IS 'overrides / verdicts';
COMMENT ON COLUMN hitl.reviewer_report.override_rate_lo IS 'lower limit';
COMMENT ON COLUMN hitl.reviewer_report.override_rate_hi IS 'upper limit';
COMMENT ON COLUMN hitl.reviewer_report.timed IS 'verdicts whose time is known: without those spread to like tasks';
COMMENT ON COLUMN hitl.reviewer_report.median_seconds IS 'from claim to verdict';
COMMENT ON COLUMN hitl.reviewer_report.fast_below IS 'verdicts in fewer seconds are fast: a tenth of the median of all reviewers of the workflow, 2 at least';
COMMENT ON COLUMN hitl.reviewer_report.fast IS 'fast verdicts among timed';
COMMENT ON COLUMN hitl.reviewer_report.fast_share IS 'fast / timed';
COMMENT ON COLUMN hitl.reviewer_report.claims IS 'tasks claimed, known answers too';
COMMENT ON COLUMN hitl.reviewer_report.releases IS 'tasks given back';
COMMENT ON COLUMN hitl.reviewer_report.leases_expired IS 'leases that ran out';
COMMENT ON COLUMN hitl.reviewer_report.escalations IS 'tasks handed on';
COMMENT ON COLUMN hitl.reviewer_report.gold IS 'verdicts on known answers';
COMMENT ON COLUMN hitl.reviewer_report.gold_right IS 'right ones among gold';
COMMENT ON COLUMN hitl.reviewer_report.gold_share IS 'gold_right / gold';
COMMENT ON COLUMN hitl.reviewer_report.gold_share_lo IS 'lower limit';
COMMENT ON COLUMN hitl.reviewer_report.gold_share_hi IS 'upper limit';
COMMENT ON COLUMN hitl.reviewer_report.pairs IS 'times that another person judged the same decision, neither knowing of the other';
COMMENT ON COLUMN hitl.reviewer_report.agreed IS 'times among pairs that both said the same';
COMMENT ON COLUMN hitl.reviewer_report.agreement IS 'agreed / pairs';
COMMENT ON COLUMN hitl.reviewer_report.agreement_lo IS 'lower limit';
COMMENT ON COLUMN hitl.reviewer_report.agreement_hi IS 'upper limit';
COMMENT ON COLUMN hitl.reviewer_report.finals IS 'verdicts that settled an outcome';
COMMENT ON COLUMN hitl.reviewer_report.corrected IS 'among finals, those that a correction superseded';
COMMENT ON COLUMN hitl.reviewer_report.judged_first IS 'verdicts for which a judgment was stored before the proposal was shown';
COMMENT ON COLUMN hitl.reviewer_report.differed IS 'among judged_first, those whose judgment was not the proposal';
COMMENT ON COLUMN hitl.reviewer_report.switched IS 'among differed, those that approved the proposal all the same';
COMMENT ON COLUMN hitl.reviewer_report.switch_rate IS 'switched / differed';
COMMENT ON COLUMN hitl.reviewer_report.spread IS 'among verdicts, those spread from a like task';
COMMENT ON COLUMN hitl.reviewer_report.on_behalf IS 'among verdicts, those given for an absent reviewer';

-- Each sign is an exact test and names its evidence.  Peers are compared on
-- the same kind of work only: an audit of approvals finds less wrong than a
-- review does.
CREATE VIEW hitl.reviewer_alarm WITH (security_invoker = true, security_barrier = true) AS
WITH verdict AS (
    SELECT p.id, p.reviewer, p.workflow, p.kind, p.route, p.overridden, p.seconds
    FROM hitl.person_verdict p
    WHERE NOT p.spread
), work AS (
    SELECT s.reviewer, s.workflow, s.kind, s.route, s.n, s.hits, s.all_n - s.n AS other_n, s.all_hits - s.hits AS other_hits
    FROM (SELECT v.reviewer, v.workflow, v.kind, v.route,
                 count(*) AS n, count(*) FILTER (WHERE v.overridden) AS hits,
                 (sum(count(*)) OVER peers)::bigint AS all_n,
                 (sum(count(*) FILTER (WHERE v.overridden)) OVER peers)::bigint AS all_hits
          FROM verdict v
          GROUP BY v.reviewer, v.workflow, v.kind, v.route
          WINDOW peers AS (PARTITION BY v.workflow, v.kind, v.route)) s
    WHERE s.all_n > s.n
), alike AS (
    -- given all overrides, the probability of none, or of nothing else, is the
    -- product over the kinds of work
    SELECT w.reviewer, w.workflow, sum(w.n)::bigint AS n, sum(w.hits)::bigint AS hits,
           sum(w.n * w.other_hits::float8 / w.other_n) / sum(w.n) AS expected,
           CASE WHEN min(f.lower) > 0 THEN exp(sum(ln(greatest(f.lower, 1e-300)))) ELSE 0 END AS none,
           CASE WHEN min(f.upper) > 0 THEN exp(sum(ln(greatest(f.upper, 1e-300)))) ELSE 0 END AS all_
    FROM work w, hitl.fisher_exact(w.hits, w.n, w.other_hits, w.other_n) f
    GROUP BY w.reviewer, w.workflow
    HAVING sum(w.n) >= 20 AND sum(w.hits) IN (0, sum(w.n))
), peer AS (
    SELECT w.*, f.two_sided AS p_value, 0.01 / count(*) OVER (PARTITION BY w.workflow) AS level
    FROM work w, hitl.fisher_exact(w.hits, w.n, w.other_hits, w.other_n) f
    WHERE w.n >= 20
), change AS (
    SELECT c.*, f.two_sided AS p_value, 0.01 / count(*) OVER (PARTITION BY c.workflow) AS level
    FROM (SELECT s.reviewer, s.workflow, s.kind, s.route,
                 count(*) FILTER (WHERE s.age <= 50) AS n, count(*) FILTER (WHERE s.age <= 50 AND s.overridden) AS hits,
                 count(*) FILTER (WHERE s.age > 50) AS other_n, count(*) FILTER (WHERE s.age > 50 AND s.overridden) AS other_hits
          FROM (SELECT v.*, row_number() OVER (PARTITION BY v.reviewer, v.workflow, v.kind, v.route ORDER BY v.id DESC) AS age
                FROM verdict v) s
          GROUP BY s.reviewer, s.workflow, s.kind, s.route
          HAVING count(*) >= 100) c,
         hitl.fisher_exact(c.hits, c.n, c.other_hits, c.other_n) f
), pace AS (
    SELECT s.reviewer, s.workflow, count(*) AS n, count(*) FILTER (WHERE s.seconds < m.fast_below) AS hits
    FROM verdict s
    JOIN (SELECT v.workflow, greatest(percentile_cont(0.5) WITHIN GROUP (ORDER BY v.seconds) / 10, 2) AS fast_below
          FROM verdict v WHERE v.seconds IS NOT NULL GROUP BY v.workflow) m ON m.workflow = s.workflow
    WHERE s.seconds IS NOT NULL
    GROUP BY s.reviewer, s.workflow
    HAVING count(*) >= 20
), pair AS (
    SELECT s.*, f.lower AS p_value, 0.01 / count(*) OVER (PARTITION BY s.workflow) AS level
    FROM (SELECT o.reviewer, o.workflow, o.n, o.hits, (a.n - 2 * o.n) / 2 AS other_n, (a.hits - 2 * o.hits) / 2 AS other_hits
          FROM (SELECT x.reviewer, x.workflow, count(*) AS n, count(*) FILTER (WHERE x.label = y.label) AS hits
                FROM hitl.independent_verdict x
                JOIN hitl.independent_verdict y ON y.decision = x.decision AND y.reviewer <> x.reviewer
                GROUP BY x.reviewer, x.workflow) o
          JOIN (SELECT x.workflow, count(*) AS n, count(*) FILTER (WHERE x.label = y.label) AS hits
                FROM hitl.independent_verdict x
                JOIN hitl.independent_verdict y ON y.decision = x.decision AND y.reviewer <> x.reviewer
                GROUP BY x.workflow) a ON a.workflow = o.workflow
          WHERE o.n >= 20 AND a.n > 2 * o.n) s,
         hitl.fisher_exact(s.hits, s.n, s.other_hits, s.other_n) f
), gold AS (
    SELECT s.reviewer, s.workflow, count(*) AS n, count(*) FILTER (WHERE s.correct) AS hits, q.gold_bar
    FROM (SELECT g.reviewer, g.workflow, g.correct,
                 row_number() OVER last AS age, first_value(g.queue) OVER last AS queue
          FROM hitl.gold_verdict g
          WINDOW last AS (PARTITION BY g.reviewer, g.workflow ORDER BY g.id DESC)) s
    JOIN hitl.queue q ON q.name = s.queue
    WHERE s.age <= 20
    GROUP BY s.reviewer, s.workflow, q.gold_bar
    HAVING count(*) >= 5
)
SELECT a.reviewer, a.workflow, a.sign, a.kind, a.route, a.n, a.value, a.expected, a.p_value, a.level
FROM (
    SELECT p.reviewer, p.workflow, 'too_fast' AS sign, NULL AS kind, NULL AS route, p.n,
           p.hits::float8 / p.n AS value, 0.05::float8 AS expected,
           hitl.binomial_tail(p.hits, p.n, 0.05) AS p_value, 0.01::float8 AS level
    FROM pace p
  UNION ALL
    SELECT s.reviewer, s.workflow, 'never_overrides', NULL, NULL, s.n, 0, s.expected, s.none, 0.01
    FROM alike s WHERE s.hits = 0
  UNION ALL
    SELECT s.reviewer, s.workflow, 'always_overrides', NULL, NULL, s.n, 1, s.expected, s.all_, 0.01
    FROM alike s WHERE s.hits > 0
  UNION ALL
    SELECT p.reviewer, p.workflow, 'differs_from_peers', p.kind, p.route, p.n, p.hits::float8 / p.n,
           p.other_hits::float8 / p.other_n, p.p_value, p.level
    FROM peer p
  UNION ALL
    SELECT c.reviewer, c.workflow, 'sudden_change', c.kind, c.route, c.n, c.hits::float8 / c.n,
           c.other_hits::float8 / c.other_n, c.p_value, c.level
    FROM change c
  UNION ALL
    SELECT o.reviewer, o.workflow, 'disagrees', NULL, NULL, o.n, o.hits::float8 / o.n,
           o.other_hits::float8 / o.other_n, o.p_value, o.level
    FROM pair o
  UNION ALL
    SELECT g.reviewer, g.workflow, 'below_gold', NULL, NULL, g.n, g.hits::float8 / g.n, g.gold_bar,
           hitl.binomial_tail(g.n - g.hits, g.n, 1 - g.gold_bar), NULL
    FROM gold g WHERE g.hits < g.gold_bar * g.n
) a
WHERE a.level IS NULL OR a.p_value < a.level;
COMMENT ON VIEW hitl.reviewer_alarm IS 'signs that somebody should talk to a reviewer, with the evidence: by chance alone a sign of one kind appears in about one of a hundred workflows (never_overrides, always_overrides, too_fast: reviewers)';
COMMENT ON COLUMN hitl.reviewer_alarm.sign IS 'too_fast: more than one in twenty verdicts is fast (see reviewer_report.fast_below); never_overrides, always_overrides: as peers'' share of overrides makes unlikely; differs_from_peers: another share of overrides than theirs on the same kind of work; disagrees: on decisions judged by two independently, less often of one mind than the others are; sudden_change: another share of overrides in the last 50 than before; below_gold: too few of the last 20 known answers right';
COMMENT ON COLUMN hitl.reviewer_alarm.kind IS 'the kind of task compared; NULL: all';
COMMENT ON COLUMN hitl.reviewer_alarm.route IS 'the route of the decisions compared; NULL: all';
COMMENT ON COLUMN hitl.reviewer_alarm.n IS 'verdicts that the sign is about, at least 20 (below_gold: 5), without those spread to like tasks; for disagrees: pairs';
COMMENT ON COLUMN hitl.reviewer_alarm.value IS 'the share among them: of overrides, of fast ones, of agreement, of right ones';
COMMENT ON COLUMN hitl.reviewer_alarm.expected IS 'the same share of peers, or before; for too_fast what is tolerated, for below_gold the bar of the queue';
COMMENT ON COLUMN hitl.reviewer_alarm.p_value IS 'probability of such a share, or one further off, if there were no difference: exact (Fisher; binomial for too_fast and below_gold)';
COMMENT ON COLUMN hitl.reviewer_alarm.level IS 'the sign shows when p_value is below: 0.01, where peers, pairs or times are compared shared by all such tests of the workflow; NULL: the bar decides';

CREATE VIEW hitl.anchoring_report WITH (security_invoker = true, security_barrier = true) AS
WITH arm AS (
    SELECT p.workflow, p.blind, count(*) AS verdicts,
           hitl.rate(p.overridden, 1 / CASE WHEN p.blind THEN o.blind_rate ELSE 1 - o.blind_rate END) AS override,
           count(p.differed) AS judged_first, count(*) FILTER (WHERE p.differed) AS differed,
           count(*) FILTER (WHERE p.differed AND NOT p.overridden) AS switched,
           hitl.rate(NOT p.overridden) FILTER (WHERE p.differed) AS switch
    FROM hitl.person_verdict p
    JOIN hitl.policy o ON o.workflow = p.workflow AND o.version = p.policy_version
    WHERE o.blind AND o.blind_rate > 0 AND o.blind_rate < 1
      AND p.kind IN ('review', 'confirm', 'audit') AND p.blind IS NOT NULL AND NOT p.spread
      AND NOT EXISTS (SELECT FROM hitl.audit_pick k WHERE k.decision = p.decision)
    GROUP BY p.workflow, p.blind
)
SELECT a.workflow, a.blind, a.verdicts, (a.override).weight_sum,
       (a.override).rate AS override_rate, (a.override).lo AS override_rate_lo, (a.override).hi AS override_rate_hi,
       CASE WHEN a.blind THEN (a.override).rate - (b.override).rate
            ELSE (b.override).rate - (a.override).rate END AS difference,
       sqrt((a.override).std_error ^ 2 + (b.override).std_error ^ 2) AS difference_std_error,
       a.judged_first, a.differed, a.switched, (a.switch).rate AS switch_rate,
       (a.switch).lo AS switch_rate_lo, (a.switch).hi AS switch_rate_hi
FROM arm a
LEFT JOIN arm b ON b.workflow = a.workflow AND b.blind <> a.blind;
COMMENT ON VIEW hitl.anchoring_report IS 'per workflow, what seeing the proposal first does to people: tasks of policies that drew by chance (0 < blind_rate < 1) who judges before; no row where all or none did';
COMMENT ON COLUMN hitl.anchoring_report.blind IS 'true: judged before the proposal was shown; false: saw it at once';
COMMENT ON COLUMN hitl.anchoring_report.verdicts IS 'of this arm, without known answers, later draws and those spread to like tasks';
COMMENT ON COLUMN hitl.anchoring_report.weight_sum IS 'what they stand for: each weighs 1 / the chance of its arm under its policy';
COMMENT ON COLUMN hitl.anchoring_report.override_rate IS 'share of rejections and amendments, so weighted';
COMMENT ON COLUMN hitl.anchoring_report.override_rate_lo IS 'lower Wilson limit, level 0.95';
COMMENT ON COLUMN hitl.anchoring_report.override_rate_hi IS 'upper Wilson limit';
COMMENT ON COLUMN hitl.anchoring_report.difference IS 'override_rate of who judged before less that of who did not: positive where seeing the proposal first makes people follow it; NULL: one arm is empty';
COMMENT ON COLUMN hitl.anchoring_report.difference_std_error IS 'its standard error, verdicts taken as independent';
COMMENT ON COLUMN hitl.anchoring_report.judged_first IS 'verdicts with a stored judgment';
COMMENT ON COLUMN hitl.anchoring_report.differed IS 'among judged_first, those whose judgment was not the proposal';
COMMENT ON COLUMN hitl.anchoring_report.switched IS 'among differed, those that approved the proposal all the same';
COMMENT ON COLUMN hitl.anchoring_report.switch_rate IS 'switched / differed';
COMMENT ON COLUMN hitl.anchoring_report.switch_rate_lo IS 'lower Wilson limit, level 0.95';
COMMENT ON COLUMN hitl.anchoring_report.switch_rate_hi IS 'upper Wilson limit';
