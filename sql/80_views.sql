-- What people on duty and BI tools read.  All run with the reader's rights.

CREATE VIEW hitl.outcome WITH (security_invoker = true, security_barrier = true) AS
SELECT d.id, d.workflow, d.subject, d.route,
       coalesce(v.outcome, CASE d.route WHEN 'auto_approve' THEN 'approved'
                                        WHEN 'monitor' THEN 'approved'
                                        WHEN 'auto_reject' THEN 'rejected'
                                        ELSE 'pending' END) AS outcome,
       CASE WHEN v.outcome = 'amended' THEN v.output ELSE d.output END AS output,
       coalesce(v.reviewer, CASE WHEN d.route IN ('auto_approve', 'monitor', 'auto_reject')
                                 THEN 'policy' END) AS decided_by,
       coalesce(v.created_at, CASE WHEN d.route IN ('auto_approve', 'monitor', 'auto_reject')
                                   THEN d.created_at END) AS decided_at
FROM hitl.decision d
LEFT JOIN LATERAL (SELECT v.outcome, v.output, v.reviewer, v.created_at
                   FROM hitl.verdict v
                   WHERE v.decision = d.id AND v.final
                   ORDER BY v.id DESC
                   LIMIT 1) v ON true;
COMMENT ON VIEW hitl.outcome IS 'the final state of each decision; the latest final verdict counts';
COMMENT ON COLUMN hitl.outcome.outcome IS 'approved, rejected, amended, withdrawn (the application took it back), or pending: nobody has decided yet, and (review, observe) the policy may not';
COMMENT ON COLUMN hitl.outcome.output IS 'as amended, else as proposed';
COMMENT ON COLUMN hitl.outcome.decided_by IS 'the reviewer or lead, the role that took it back, "clock" when nobody decided in time, or "policy"; NULL while pending';
COMMENT ON COLUMN hitl.outcome.route IS 'auto_approve, auto_reject, review, monitor or observe';
COMMENT ON COLUMN hitl.outcome.decided_at IS 'when the outcome came about; NULL while pending';

-- A label says whether the AI was right.  Only decisions that were chosen by
-- chance, or all alike, have one: a veto or a correction of others, or of what
-- time decided, would count wrong ones more often than right ones.  A decision in the frame of later
-- draws had a chance in each, whether picked or not.  Decisions that could not
-- be audited (propensity 0) stand for no others and are counted apart.
CREATE VIEW hitl.label WITH (security_invoker = true, security_barrier = true) AS
SELECT d.id, d.created_at, d.workflow, d.model, d.policy_version, d.route, d.reasons, d.confidence,
       CASE WHEN d.route = 'review' OR NOT (SELECT EXISTS (SELECT FROM hitl.audit_draw))
            THEN d.propensity
            ELSE coalesce(hitl.either_chance(d.propensity,
                                             (SELECT hitl.chance_of_any(w.probability)
                                              FROM hitl.audit_draw w
                                              WHERE w.workflow = d.workflow AND w.route = d.route
                                                AND d.id >= w.since AND d.id < w.until)),
                          d.propensity) END AS propensity,
       CASE WHEN v.outcome IS NOT NULL AND v.like_task IS NULL
                 AND (d.route = 'review' AND NOT EXISTS (SELECT FROM hitl.verdict t
                                                         WHERE t.decision = d.id AND t.action = 'timeout')
                      OR d.route <> 'review' AND d.audit_u < d.propensity
                      OR EXISTS (SELECT FROM hitl.audit_pick k WHERE k.decision = d.id))
            THEN v.outcome = 'approved' END AS correct,
       CASE WHEN v.outcome IS NULL AND d.route = 'review'
            THEN (SELECT t.action FROM hitl.verdict t
                  WHERE t.decision = d.id AND t.final
                  ORDER BY t.id DESC
                  LIMIT 1)
            ELSE v.action END AS action,
       v.code, v.reviewer,
       CASE WHEN v.outcome IS NOT NULL
            THEN (SELECT sum(t.seconds) FROM hitl.verdict t
                  WHERE t.decision = d.id AND t.kind IS DISTINCT FROM 'gold') END AS seconds,
       CASE WHEN v.outcome IS NOT NULL
            THEN (SELECT min(t.created_at) FROM hitl.verdict t
                  WHERE t.decision = d.id AND t.final
                    AND t.action NOT IN ('timeout', 'withdraw')) END AS labelled_at,
       v.outcome, d.subject, d.gate_route, d.challenger_route
FROM hitl.decision d
LEFT JOIN LATERAL (SELECT v.action, v.outcome, v.code, v.reviewer, v.like_task
                   FROM hitl.verdict v
                   WHERE v.decision = d.id AND v.final AND v.action NOT IN ('timeout', 'withdraw')
                   ORDER BY v.id DESC
                   LIMIT 1) v ON true;
COMMENT ON VIEW hitl.label IS 'each decision with what people found: the ground of every rate';
COMMENT ON COLUMN hitl.label.policy_version IS 'the policy applied; NULL: there was none';
COMMENT ON COLUMN hitl.label.reasons IS 'everything that fired: array of {trigger, rule, detail}';
COMMENT ON COLUMN hitl.label.correct IS 'whether the proposal was right; NULL: nobody looked, or somebody who was not asked to, which says nothing about the others; or the verdict on another was spread to it (like_task)';
COMMENT ON COLUMN hitl.label.propensity IS 'probability with which somebody was to look, by the lottery of the gate or any later draw; a label weighs 1/propensity';
COMMENT ON COLUMN hitl.label.route IS 'auto_approve, auto_reject, review, monitor or observe';
COMMENT ON COLUMN hitl.label.action IS 'of the latest final verdict of a person: approve, reject, amend, veto or correct; timeout: time decided, and nobody since; withdraw: the application took it back';
COMMENT ON COLUMN hitl.label.seconds IS 'from claim to verdict, of all its verdicts; NULL: nobody had claimed it';
COMMENT ON COLUMN hitl.label.labelled_at IS 'when the first verdict of a person was given';
COMMENT ON COLUMN hitl.label.outcome IS 'of the person''s verdict: approved, rejected or amended; NULL: there is none';
COMMENT ON COLUMN hitl.label.gate_route IS 'what the policy said: auto_approve, auto_reject or review';
COMMENT ON COLUMN hitl.label.challenger_route IS 'what the challenger of the policy said; NULL: there was none';

CREATE VIEW hitl.workflow_report WITH (security_invoker = true, security_barrier = true) AS
SELECT r.workflow, r.day, r.decisions, r.auto_approved, r.auto_rejected, r.reviewed,
       r.reviewed::float8 / r.decisions AS escalation_rate,
       r.pending, r.verdicts, r.overrides,
       r.overrides::float8 / nullif(r.verdicts, 0) AS override_rate,
       coalesce((r.error).n, 0) AS labels, (r.error).rate AS error_rate,
       (r.error).lo AS error_rate_lo, (r.error).hi AS error_rate_hi,
       coalesce((r.escape).n, 0) AS approvals_audited, (r.escape).rate AS escape_rate,
       (r.escape).lo AS escape_rate_lo, (r.escape).hi AS escape_rate_hi,
       coalesce((r.false_rejection).n, 0) AS rejections_audited,
       (r.false_rejection).rate AS false_rejection_rate,
       (r.false_rejection).lo AS false_rejection_rate_lo,
       (r.false_rejection).hi AS false_rejection_rate_hi,
       r.seconds_to_verdict, r.seconds_of_work,
       r.monitored, r.observed,
       coalesce(a.vetoed, 0) AS vetoed, coalesce(a.timed_out, 0) AS timed_out, r.withdrawn
FROM (SELECT l.workflow, (l.created_at AT TIME ZONE 'UTC')::date AS day,
             count(*) AS decisions,
             count(*) FILTER (WHERE l.route = 'auto_approve') AS auto_approved,
             count(*) FILTER (WHERE l.route = 'auto_reject') AS auto_rejected,
             count(*) FILTER (WHERE l.route = 'review') AS reviewed,
             count(*) FILTER (WHERE l.route = 'monitor') AS monitored,
             count(*) FILTER (WHERE l.route = 'observe') AS observed,
             count(*) FILTER (WHERE l.route = 'review' AND l.action IS NULL) AS pending,
             count(*) FILTER (WHERE l.action = 'withdraw') AS withdrawn,
             count(l.outcome) AS verdicts,
             count(*) FILTER (WHERE l.outcome <> 'approved') AS overrides,
             hitl.rate(NOT l.correct, 1 / l.propensity)
                 FILTER (WHERE l.propensity > 0) AS error,
             hitl.rate(NOT l.correct, 1 / l.propensity)
                 FILTER (WHERE l.route IN ('auto_approve', 'monitor') AND l.propensity > 0) AS escape,
             hitl.rate(l.correct, 1 / l.propensity)
                 FILTER (WHERE l.route = 'auto_reject' AND l.propensity > 0) AS false_rejection,
             percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM l.labelled_at - l.created_at))
                 FILTER (WHERE l.route = 'review' AND l.outcome IS NOT NULL) AS seconds_to_verdict,
             sum(l.seconds) AS seconds_of_work
      FROM hitl.label l
      GROUP BY 1, 2) r
LEFT JOIN (SELECT v.workflow, (hitl.uuid_time(v.decision) AT TIME ZONE 'UTC')::date AS day,
                  count(DISTINCT v.decision) FILTER (WHERE v.action = 'veto') AS vetoed,
                  count(DISTINCT v.decision) FILTER (WHERE v.action = 'timeout') AS timed_out
           FROM hitl.verdict v
           WHERE v.action IN ('veto', 'timeout')
           GROUP BY 1, 2) a ON a.workflow = r.workflow AND a.day = r.day;
COMMENT ON VIEW hitl.workflow_report IS 'per workflow and day (UTC) on which the decisions were made';
COMMENT ON COLUMN hitl.workflow_report.escalation_rate IS 'reviewed / decisions';
COMMENT ON COLUMN hitl.workflow_report.pending IS 'reviews that nobody has decided yet, nor time';
COMMENT ON COLUMN hitl.workflow_report.verdicts IS 'decisions that people judged, asked or not: in reviews and audits, by vetoes and corrections';
COMMENT ON COLUMN hitl.workflow_report.overrides IS 'verdicts that the AI''s proposal was wrong: rejected, amended or vetoed';
COMMENT ON COLUMN hitl.workflow_report.override_rate IS 'overrides / verdicts: of what people saw, not of all';
COMMENT ON COLUMN hitl.workflow_report.error_rate IS 'share of the proposals that are wrong, estimated from labels weighted by 1/propensity; of those that people or the lottery reach: what time decided (timed_out) or the application took back (withdrawn) is in no rate';
COMMENT ON COLUMN hitl.workflow_report.error_rate_lo IS 'lower Wilson limit, level 0.95, at the effective sample size';
COMMENT ON COLUMN hitl.workflow_report.escape_rate IS 'share of automatic and monitored approvals that are wrong, estimated from their audits';
COMMENT ON COLUMN hitl.workflow_report.false_rejection_rate IS 'share of automatic rejections of proposals that are right, estimated from their audits';
COMMENT ON COLUMN hitl.workflow_report.seconds_to_verdict IS 'median from decision to verdict, of reviews';
COMMENT ON COLUMN hitl.workflow_report.seconds_of_work IS 'total from claim to verdict';
COMMENT ON COLUMN hitl.workflow_report.decisions IS 'all decisions of the day';
COMMENT ON COLUMN hitl.workflow_report.auto_approved IS 'approved by the policy alone';
COMMENT ON COLUMN hitl.workflow_report.auto_rejected IS 'rejected by the policy alone';
COMMENT ON COLUMN hitl.workflow_report.reviewed IS 'sent to people';
COMMENT ON COLUMN hitl.workflow_report.labels IS 'verdicts behind error_rate';
COMMENT ON COLUMN hitl.workflow_report.error_rate_hi IS 'upper Wilson limit';
COMMENT ON COLUMN hitl.workflow_report.approvals_audited IS 'verdicts behind escape_rate';
COMMENT ON COLUMN hitl.workflow_report.escape_rate_lo IS 'lower Wilson limit, level 0.95';
COMMENT ON COLUMN hitl.workflow_report.escape_rate_hi IS 'upper Wilson limit';
COMMENT ON COLUMN hitl.workflow_report.rejections_audited IS 'verdicts behind false_rejection_rate';
COMMENT ON COLUMN hitl.workflow_report.false_rejection_rate_lo IS 'lower Wilson limit, level 0.95';
COMMENT ON COLUMN hitl.workflow_report.false_rejection_rate_hi IS 'upper Wilson limit';
COMMENT ON COLUMN hitl.workflow_report.monitored IS 'took effect, open to a veto for a while';
COMMENT ON COLUMN hitl.workflow_report.observed IS 'in shadow mode: on record only';
COMMENT ON COLUMN hitl.workflow_report.vetoed IS 'decisions that somebody vetoed, whatever came later';
COMMENT ON COLUMN hitl.workflow_report.withdrawn IS 'reviews that the application took back before anybody had decided; look at them where they are many: what was about to be rejected is in no rate then';
COMMENT ON COLUMN hitl.workflow_report.timed_out IS 'decisions that nobody decided in time, so that the policy did, whatever came later';

-- The reason "confidence" stands in every decision; it fired where the
-- thresholds by themselves asked for a person.
CREATE VIEW hitl.trigger_report WITH (security_invoker = true, security_barrier = true) AS
SELECT f.workflow, f.trigger, f.rule, count(*) AS fired,
       count(*)::float8 / n.decisions AS share,
       count(f.outcome) AS judged,
       count(*) FILTER (WHERE f.outcome <> 'approved') AS overridden,
       count(*) FILTER (WHERE f.outcome <> 'approved')::float8 / nullif(count(f.outcome), 0) AS override_rate,
       count(*) FILTER (WHERE f.correct IS NOT NULL AND f.propensity > 0) AS labels,
       (hitl.rate(NOT f.correct, 1 / f.propensity) FILTER (WHERE f.propensity > 0)).rate AS error_rate,
       (hitl.rate(NOT f.correct, 1 / f.propensity) FILTER (WHERE f.propensity > 0)).lo AS error_rate_lo,
       (hitl.rate(NOT f.correct, 1 / f.propensity) FILTER (WHERE f.propensity > 0)).hi AS error_rate_hi
FROM (SELECT l.workflow, r.trigger, r.rule, l.outcome, l.correct, l.propensity
      FROM hitl.label l
      CROSS JOIN LATERAL (SELECT DISTINCT x ->> 'trigger' AS trigger, x ->> 'rule' AS rule
                          FROM jsonb_array_elements(l.reasons) x) r
      LEFT JOIN hitl.policy p ON p.workflow = l.workflow AND p.version = l.policy_version
      WHERE r.trigger <> 'confidence'
         OR NOT (coalesce(l.confidence >= p.upper, false) OR coalesce(l.confidence < p.lower, false))) f
JOIN (SELECT d.workflow, count(*) AS decisions FROM hitl.decision d GROUP BY d.workflow) n
     ON n.workflow = f.workflow
GROUP BY f.workflow, f.trigger, f.rule, n.decisions;
COMMENT ON VIEW hitl.trigger_report IS 'per workflow: how often each trigger fires, and how often people then override: which rules earn their keep';
COMMENT ON COLUMN hitl.trigger_report.trigger IS 'confidence, confidence_invalid, no_policy, context_missing, field_confidence, step_confidence, rule, policy_error, novelty, fairness, irreversible, mode, always_human or killed';
COMMENT ON COLUMN hitl.trigger_report.rule IS 'name of the rule, of all versions of the policy; NULL for other triggers';
COMMENT ON COLUMN hitl.trigger_report.fired IS 'decisions in which it fired';
COMMENT ON COLUMN hitl.trigger_report.share IS 'fired / decisions of the workflow';
COMMENT ON COLUMN hitl.trigger_report.judged IS 'of these, judged by people';
COMMENT ON COLUMN hitl.trigger_report.overridden IS 'of these, rejected, amended or vetoed';
COMMENT ON COLUMN hitl.trigger_report.override_rate IS 'overridden / judged: of what people saw, not of all';
COMMENT ON COLUMN hitl.trigger_report.labels IS 'verdicts behind error_rate';
COMMENT ON COLUMN hitl.trigger_report.error_rate IS 'share of the proposals on which it fired that are wrong, estimated from labels weighted by 1/propensity';
COMMENT ON COLUMN hitl.trigger_report.error_rate_lo IS 'lower Wilson limit, level 0.95, at the effective sample size';
COMMENT ON COLUMN hitl.trigger_report.error_rate_hi IS 'upper Wilson limit';

CREATE VIEW hitl.challenger_disagreement WITH (security_invoker = true, security_barrier = true) AS
SELECT l.id, l.created_at, l.workflow, l.subject, l.confidence, l.policy_version, p.challenger,
       l.gate_route, l.challenger_route, l.correct, l.propensity
FROM hitl.label l
JOIN hitl.policy p ON p.workflow = l.workflow AND p.version = l.policy_version
WHERE l.challenger_route <> l.gate_route;
COMMENT ON VIEW hitl.challenger_disagreement IS 'each decision that the policy and its challenger judged differently';
COMMENT ON COLUMN hitl.challenger_disagreement.policy_version IS 'the policy applied';
COMMENT ON COLUMN hitl.challenger_disagreement.challenger IS 'the version that judged as well';
COMMENT ON COLUMN hitl.challenger_disagreement.gate_route IS 'what the policy said';
COMMENT ON COLUMN hitl.challenger_disagreement.challenger_route IS 'what the challenger said';
COMMENT ON COLUMN hitl.challenger_disagreement.correct IS 'whether the proposal was right, see label';
COMMENT ON COLUMN hitl.challenger_disagreement.propensity IS 'probability with which somebody was to look; a label weighs 1/propensity';

CREATE VIEW hitl.challenger_report WITH (security_invoker = true, security_barrier = true) AS
SELECT c.workflow, c.policy_version, c.challenger, c.gate_route, c.challenger_route, c.decisions,
       c.decisions::float8
           / sum(c.decisions) OVER (PARTITION BY c.workflow, c.policy_version)::float8 AS share,
       coalesce((c.error).n, 0) AS labels, (c.error).rate AS error_rate,
       (c.error).lo AS error_rate_lo, (c.error).hi AS error_rate_hi
FROM (SELECT l.workflow, l.policy_version, p.challenger, l.gate_route, l.challenger_route,
             count(*) AS decisions,
             hitl.rate(NOT l.correct, 1 / l.propensity) FILTER (WHERE l.propensity > 0) AS error
      FROM hitl.label l
      JOIN hitl.policy p ON p.workflow = l.workflow AND p.version = l.policy_version
      WHERE l.challenger_route IS NOT NULL
      GROUP BY l.workflow, l.policy_version, p.challenger, l.gate_route, l.challenger_route) c;
COMMENT ON VIEW hitl.challenger_report IS 'per policy with a challenger: how often the two say what, agreeing or not, and how often the proposal is wrong then';
COMMENT ON COLUMN hitl.challenger_report.policy_version IS 'the policy applied';
COMMENT ON COLUMN hitl.challenger_report.challenger IS 'the version that judged as well';
COMMENT ON COLUMN hitl.challenger_report.gate_route IS 'what the policy said';
COMMENT ON COLUMN hitl.challenger_report.challenger_route IS 'what the challenger said';
COMMENT ON COLUMN hitl.challenger_report.decisions IS 'decisions of which they said so';
COMMENT ON COLUMN hitl.challenger_report.share IS 'decisions / all that both judged';
COMMENT ON COLUMN hitl.challenger_report.labels IS 'verdicts behind error_rate';
COMMENT ON COLUMN hitl.challenger_report.error_rate IS 'share of these proposals that are wrong, estimated from labels weighted by 1/propensity; NULL: no label';
COMMENT ON COLUMN hitl.challenger_report.error_rate_lo IS 'lower Wilson limit, level 0.95, at the effective sample size';
COMMENT ON COLUMN hitl.challenger_report.error_rate_hi IS 'upper Wilson limit';

-- Row security is the caller's: a step that they may not see ends the path.
CREATE FUNCTION hitl.decision_path(decision uuid)
RETURNS TABLE ("position" int, id uuid, workflow text, model text, confidence float8, route text, outcome text)
LANGUAGE sql STABLE STRICT PARALLEL RESTRICTED ROWS 5
SET search_path = pg_catalog, pg_temp
AS $$
    WITH RECURSIVE step AS (
        SELECT d.id, d.workflow, d.model, d.confidence, d.parent, 1 AS back, ARRAY[d.id] AS seen
        FROM hitl.decision d
        WHERE d.id = decision_path.decision
      UNION ALL
        SELECT d.id, d.workflow, d.model, d.confidence, d.parent, s.back + 1, s.seen || d.id
        FROM step s
        JOIN hitl.decision d ON d.id = s.parent
        WHERE d.id <> ALL (s.seen)
    )
    SELECT (count(*) OVER () - s.back + 1)::int, s.id, s.workflow, s.model, s.confidence, o.route, o.outcome
    FROM step s
    -- one look-up a step, not a join with all outcomes
    JOIN LATERAL (SELECT o.route, o.outcome FROM hitl.outcome o WHERE o.id = s.id OFFSET 0) o ON true
    ORDER BY 1
$$;
COMMENT ON FUNCTION hitl.decision_path(uuid)
    IS 'the steps of a case up to this decision, from parent to parent, the first step first: what each was sure of and what became of it; only steps that the caller may read';

CREATE FUNCTION hitl.explain(decision uuid)
RETURNS SETOF text
LANGUAGE sql STABLE PARALLEL RESTRICTED
SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET datestyle = 'ISO' SET timezone = 'UTC'
SET extra_float_digits = 1
AS $$
    SELECT regexp_replace(line, '\.\.$', '.')
    FROM (
        SELECT d.created_at AS at, 1 AS place, 0::bigint AS n,
               format('%s: a decision of workflow "%s" was inserted by "%s"%s%s.',
                      d.created_at, d.workflow, d.created_by,
                      CASE WHEN d.confidence IS NULL THEN ' without a confidence'
                           ELSE format(' with confidence %s', d.confidence) END,
                      ', as request "' || d.request_id || '"') AS line
        FROM hitl.decision d WHERE d.id = explain.decision
      UNION ALL
        SELECT d.created_at, 2, 0,
               CASE WHEN d.policy_version IS NULL THEN 'The workflow had no policy.'
                    ELSE format('Policy version %s approves %s and rejects %s.', p.version,
                                coalesce('from ' || p.upper, 'nothing'),
                                CASE WHEN p.lower > 0 THEN 'below ' || p.lower ELSE 'nothing' END) END
        FROM hitl.decision d
        LEFT JOIN hitl.policy p ON p.workflow = d.workflow AND p.version = d.policy_version
        WHERE d.id = explain.decision
      UNION ALL
        -- with the field of the policy that asks for it
        SELECT d.created_at, 3, r.n,
               format('Trigger %s: %s%s%s.', concat_ws(' ', r.reason ->> 'trigger', '"' || (r.reason ->> 'rule') || '"'),
                      r.reason ->> 'detail',
                      ' (' || f.field || ' ' || (to_jsonb(p) ->> f.field) || ')',
                      ' (' || nullif(concat_ws(', ', CASE WHEN u.name IS NOT NULL AND u.route IS NULL THEN 'recorded only' END,
                                        'lane ' || u.lane, 'tier ' || u.tier, 'queue "' || u.queue || '"',
                                        'SLA "' || u.sla || '"'), '') || ')')
        FROM hitl.decision d
        CROSS JOIN LATERAL jsonb_array_elements(d.reasons) WITH ORDINALITY AS r (reason, n)
        LEFT JOIN hitl.policy p ON p.workflow = d.workflow AND p.version = d.policy_version
        LEFT JOIN (VALUES ('novelty', 'novelty_limit'), ('fairness', 'fairness_limit'),
                          ('field_confidence', 'field_limit'), ('step_confidence', 'step_limit'),
                          ('context_missing', 'required_context')) AS f (trigger, field)
               ON f.trigger = r.reason ->> 'trigger'
        LEFT JOIN hitl.rule u ON u.workflow = d.workflow AND u.version = d.policy_version
                             AND u.name = r.reason ->> 'rule'
                             AND (u.route IS NULL OR num_nonnulls(u.lane, u.tier, u.queue, u.sla) > 0)
        WHERE d.id = explain.decision
      UNION ALL
        SELECT d.created_at, 4, 0,
               format('By itself the policy would have %s.',
                      CASE d.gate_route WHEN 'auto_approve' THEN 'approved it'
                                        WHEN 'auto_reject' THEN 'rejected it'
                                        ELSE 'sent it to a person' END)
        FROM hitl.decision d WHERE d.id = explain.decision AND d.route <> d.gate_route
      UNION ALL
        SELECT d.created_at, 5, 0,
               CASE d.route WHEN 'review' THEN format('So it went to a person, in lane %s', d.lane)
                            WHEN 'auto_approve' THEN 'So it was approved'
                            WHEN 'monitor' THEN format('So it took effect; open to a veto until %s',
                                                       d.created_at + p.veto_window)
                            WHEN 'observe' THEN 'So it was only put on record'
                            ELSE 'So it was rejected' END
               || CASE WHEN d.route = 'review' THEN '.'
                       WHEN d.audit_u < d.propensity THEN format(', and drawn for an audit (rate %s).', d.propensity)
                       ELSE format(', and not drawn for an audit (rate %s).', d.propensity) END
        FROM hitl.decision d
        LEFT JOIN hitl.policy p ON p.workflow = d.workflow AND p.version = d.policy_version
        WHERE d.id = explain.decision
      UNION ALL
        SELECT d.created_at, 6, 0,
               format('Challenger version %s would have said %s%s.', p.challenger, d.challenger_route,
                      CASE WHEN d.challenger_route = d.gate_route THEN ' as well'
                           ELSE ' where the policy said ' || d.gate_route END)
        FROM hitl.decision d
        JOIN hitl.policy p ON p.workflow = d.workflow AND p.version = d.policy_version
        WHERE d.id = explain.decision AND d.challenger_route IS NOT NULL
      UNION ALL
        SELECT e.created_at, CASE WHEN e.detail ? 'why' THEN 10 ELSE 7 END, e.id,
               CASE e.kind
                   WHEN 'veto_window_over' THEN format('%s: the time for a veto was over.', e.created_at)
                   WHEN 'escalated' THEN
                       CASE WHEN e.detail ? 'clock' THEN format('%s: the deadline for the %s passed; step %s of its SLA: queue "%s", tier %s, lane %s%s.',
                              e.created_at, replace(e.detail ->> 'clock', '_', ' '), e.detail ->> 'step',
                              e.detail ->> 'to_queue', e.detail ->> 'tier', e.detail ->> 'lane',
                              ', new deadline ' || (e.detail ->> 'new_due_at'))
                       ELSE format('%s: handed on (%s): queue "%s", tier %s, lane %s%s.', e.created_at,
                                   e.detail ->> 'why', e.detail ->> 'to_queue', e.detail ->> 'tier',
                                   e.detail ->> 'lane', ', stage ' || (e.detail ->> 'stage')) END
                   WHEN 'nobody_eligible' THEN
                       format('%s: nobody could take its task in queue "%s"%s.', e.created_at,
                              e.detail ->> 'from_queue', '; moved to queue "' || (e.detail ->> 'to_queue') || '"')
                   WHEN 'asked' THEN format('%s: "%s" asked: %s.', e.created_at, e.actor, e.detail ->> 'question')
                   WHEN 'answered' THEN format('%s: "%s" answered: %s.', e.created_at, e.actor, e.detail ->> 'answer')
                   WHEN 'reassigned' THEN format('%s: given to "%s" by "%s".', e.created_at, e.detail ->> 'to', e.actor)
                   WHEN 'sla_breached' THEN
                       format('%s: the deadline for the %s passed, and no step of its SLA was left.',
                              e.created_at, replace(e.detail ->> 'clock', '_', ' '))
                   WHEN 'lease_expired' THEN
                       format('%s: the lease of "%s" ran out.', e.created_at, e.detail ->> 'holder')
                   WHEN 'ungated' THEN format('%s: stored past the gate by "%s".', e.created_at, e.actor)
                   ELSE format('%s: %s by "%s".', e.created_at, replace(e.kind, '_', ' '), e.actor) END
        FROM hitl.event e WHERE e.decision = explain.decision
      UNION ALL
        SELECT w.created_at, 8, w.id,
               format('%s: drawn for an audit by "%s", one of %s out of %s.', w.created_at, w.drawn_by,
                      w.drawn, w.population)
        FROM hitl.audit_pick k JOIN hitl.audit_draw w ON w.id = k.draw
        WHERE k.decision = explain.decision
      UNION ALL
        SELECT v.created_at, 9, v.id,
               format('%s: %s%s%s.', v.created_at,
                      CASE v.action
                          WHEN 'timeout' THEN format('%s by the policy', v.outcome)
                          WHEN 'veto' THEN format('vetoed by "%s"', v.reviewer)
                          WHEN 'correct' THEN format('corrected by "%s", now %s', v.reviewer, v.outcome)
                          WHEN 'withdraw' THEN format('taken back by "%s"', v.reviewer)
                          WHEN 'escalate' THEN format('handed on by "%s"', v.reviewer)
                          ELSE format('%s by "%s"%s%s',
                                      coalesce(v.outcome,
                                               CASE v.action WHEN 'approve' THEN 'found right'
                                                             WHEN 'amend' THEN 'found to need a change'
                                                             ELSE 'found wrong' END),
                                      v.reviewer,
                                      ' after ' || round(v.seconds::numeric, 1) || ' s',
                                      CASE v.kind WHEN 'audit' THEN ' in an audit'
                                                  WHEN 'overlap' THEN ' in an independent look'
                                                  WHEN 'gold' THEN ' as a test of the reviewer' END) END,
                      ' (' || nullif(concat_ws(', ', v.code, 'for "' || v.on_behalf_of || '"',
                                               'asserted by "' || v.asserted_by || '"'), '') || ')',
                      ': ' || v.note)
        FROM hitl.verdict v WHERE v.decision = explain.decision
      UNION ALL
        SELECT 'infinity', 11, t.id,
               CASE WHEN t.holder IS NOT NULL THEN format('"%s" holds it until %s.', t.holder, t.lease_until)
                    WHEN t.kind = 'audit' THEN format('Its audit waits in queue "%s".', t.queue)
                    WHEN t.kind = 'monitor' THEN format('It can be looked at in queue "%s".', t.queue)
                    WHEN t.kind = 'confirm' THEN format('It waits for one more person in queue "%s".', t.queue)
                    ELSE format('It waits in queue "%s".', t.queue) END
        FROM hitl.task t WHERE t.decision = explain.decision
    ) AS story
    ORDER BY at, place, n
$$;
COMMENT ON FUNCTION hitl.explain(uuid)
    IS 'why this decision went where it went and what became of it, in words, a line each, times in UTC; no row for a decision that is not there';

-- Every transition leaves an event or, where somebody judged, a verdict.
CREATE VIEW hitl.task_history WITH (security_invoker = true, security_barrier = true) AS
SELECT e.decision, e.task, e.workflow, e.created_at, 'event' AS record, e.kind AS act, e.actor,
       NULL::boolean AS final, NULL::text AS outcome, e.detail
FROM hitl.event e
WHERE e.decision IS NOT NULL AND e.task IS NOT NULL
UNION ALL
SELECT v.decision, v.task, v.workflow, v.created_at, 'verdict', v.action, v.reviewer, v.final, v.outcome,
       jsonb_strip_nulls(jsonb_build_object('kind', v.kind, 'queue', v.queue, 'stage', v.stage, 'code', v.code,
                                            'note', v.note, 'asserted_by', v.asserted_by,
                                            'on_behalf_of', v.on_behalf_of, 'like_task', v.like_task))
FROM hitl.verdict v;
COMMENT ON VIEW hitl.task_history IS 'all that happened to tasks and decisions after the gate, one row a transition: ask for one decision or task, ordered by created_at';
COMMENT ON COLUMN hitl.task_history.task IS 'NULL: a verdict on a decision without an open task';
COMMENT ON COLUMN hitl.task_history.record IS 'where it stands: event or verdict';
COMMENT ON COLUMN hitl.task_history.act IS 'kind of the event, or action of the verdict';
COMMENT ON COLUMN hitl.task_history.actor IS 'the reviewer or role that acted; "clock" for what time did';
COMMENT ON COLUMN hitl.task_history.final IS 'of a verdict: whether it settled the outcome';
COMMENT ON COLUMN hitl.task_history.outcome IS 'of a final verdict: approved, rejected, amended or withdrawn';
COMMENT ON COLUMN hitl.task_history.detail IS 'what there is to know of this act';

CREATE VIEW hitl.calibration_state WITH (security_invoker = true, security_barrier = true) AS
SELECT l.workflow, l.model,
       count(*) AS decisions,
       count(*) FILTER (WHERE l.confidence IS NULL OR NOT l.propensity > 0) AS left_out,
       hitl.calib_agg(l.confidence, l.correct, l.propensity)
           FILTER (WHERE l.propensity > 0) AS state
FROM hitl.label l
GROUP BY l.workflow, l.model;
COMMENT ON VIEW hitl.calibration_state IS 'per workflow and model, the mergeable state from which all calibration figures follow';
COMMENT ON COLUMN hitl.calibration_state.left_out IS 'decisions without a confidence, or that could not be audited';
COMMENT ON COLUMN hitl.calibration_state.state IS 'for hitl.brier_score, ece, calibration_gap, reliability_curve, upper_threshold, ...';
COMMENT ON COLUMN hitl.calibration_state.decisions IS 'all decisions, also those left out';

CREATE VIEW hitl.calibration WITH (security_invoker = true, security_barrier = true) AS
SELECT c.workflow, c.model, c.decisions, c.left_out, n.n_labelled AS labels, n.weight_sum,
       hitl.brier_score(c.state) AS brier_score,
       hitl.ece(c.state) AS ece,
       hitl.calibration_gap(c.state) AS calibration_gap
FROM hitl.calibration_state c
LEFT JOIN LATERAL hitl.calib_counts(c.state) n ON true;
COMMENT ON VIEW hitl.calibration IS 'per workflow and model: whether the stated confidence means anything';
COMMENT ON COLUMN hitl.calibration.labels IS 'decisions judged by people; each weighs 1/propensity';
COMMENT ON COLUMN hitl.calibration.weight_sum IS 'what the labels stand for, in decisions';
COMMENT ON COLUMN hitl.calibration.brier_score IS 'mean squared difference of confidence and truth, 0 (best) to 1';
COMMENT ON COLUMN hitl.calibration.ece IS 'expected calibration error over 10 bins, 0 (best) to 1';
COMMENT ON COLUMN hitl.calibration.calibration_gap IS 'mean confidence less accuracy; positive: over-confident';
COMMENT ON COLUMN hitl.calibration.decisions IS 'all decisions, also those left out';
COMMENT ON COLUMN hitl.calibration.left_out IS 'decisions without a confidence, or that could not be audited';

CREATE VIEW hitl.reliability WITH (security_invoker = true, security_barrier = true) AS
SELECT c.workflow, c.model, b.bin, b.lo, b.hi, b.n, b.weight_sum, b.mean_confidence,
       b.accuracy, b.accuracy_lo, b.accuracy_hi
FROM hitl.calibration_state c
CROSS JOIN LATERAL unnest(hitl.reliability_curve(c.state, 10)) AS b;
COMMENT ON VIEW hitl.reliability IS 'per workflow, model and tenth of the confidence: stated confidence against how often it was right';
COMMENT ON COLUMN hitl.reliability.n IS 'labels in the bin';
COMMENT ON COLUMN hitl.reliability.accuracy IS 'share right, weighted by 1/propensity, with Wilson limits of level 0.95';
COMMENT ON COLUMN hitl.reliability.bin IS '0 to 9';
COMMENT ON COLUMN hitl.reliability.lo IS 'confidence from here';
COMMENT ON COLUMN hitl.reliability.hi IS 'to below here; the last bin includes 1';
COMMENT ON COLUMN hitl.reliability.weight_sum IS 'what the labels stand for, in decisions';
COMMENT ON COLUMN hitl.reliability.mean_confidence IS 'weighted mean of the stated confidence; NULL in an empty bin';
COMMENT ON COLUMN hitl.reliability.accuracy_lo IS 'lower Wilson limit, level 0.95';
COMMENT ON COLUMN hitl.reliability.accuracy_hi IS 'upper Wilson limit';

-- Cheap at any length of the queues: see open_depth().
CREATE VIEW hitl.queue_status WITH (security_invoker = true, security_barrier = true) AS
WITH held AS MATERIALIZED (SELECT * FROM hitl.held_depth())
SELECT q.name AS queue, o.lane,
       CASE WHEN o.more THEN greatest(o.open, hitl.open_estimate(q.name, o.lane)) ELSE o.open END
       + coalesce(h.expired, 0) AS open,
       o.more AS open_estimated,
       coalesce(h.held, 0) AS held,
       o.overdue + coalesce(h.overdue, 0) AS overdue,
       least(o.next_due_at, h.next_due_at) AS next_due_at,
       least(o.next_due_at, h.next_due_at) - statement_timestamp() AS time_left,
       least(o.oldest_at, h.oldest_at) AS oldest_at,
       statement_timestamp() - least(o.oldest_at, h.oldest_at) AS oldest_wait,
       m.members, m.present
FROM hitl.queue q
CROSS JOIN LATERAL hitl.open_depth(q.name) o
LEFT JOIN held h ON h.queue = q.name AND h.lane = o.lane
CROSS JOIN LATERAL (
    SELECT count(*) AS members,
           count(*) FILTER (WHERE r.paused IS NULL
                            AND NOT EXISTS (SELECT FROM hitl.absence a
                                            WHERE a.reviewer = r.name AND a.since <= statement_timestamp()
                                              AND a.until > statement_timestamp())) AS present
    FROM hitl.membership m
    JOIN hitl.reviewer r ON r.name = m.reviewer
    WHERE m.queue = q.name) m;
COMMENT ON VIEW hitl.queue_status IS 'per queue and lane: what waits, what is held, what is late, who is there';
COMMENT ON COLUMN hitl.queue_status.lane IS '0 before 1 before 2';
COMMENT ON COLUMN hitl.queue_status.open IS 'open to claims, also those whose lease is over';
COMMENT ON COLUMN hitl.queue_status.open_estimated IS 'there are more than 10000: open is what the planner estimates, and overdue, next_due_at and oldest_at are of the first 10000 in the order in which they are served';
COMMENT ON COLUMN hitl.queue_status.held IS 'claimed, the lease running';
COMMENT ON COLUMN hitl.queue_status.overdue IS 'past their deadline, open or held';
COMMENT ON COLUMN hitl.queue_status.next_due_at IS 'nearest deadline still ahead; NULL: none';
COMMENT ON COLUMN hitl.queue_status.time_left IS 'until next_due_at';
COMMENT ON COLUMN hitl.queue_status.oldest_at IS 'start of the oldest open task';
COMMENT ON COLUMN hitl.queue_status.oldest_wait IS 'its age';
COMMENT ON COLUMN hitl.queue_status.members IS 'reviewers who work on the queue';
COMMENT ON COLUMN hitl.queue_status.present IS 'members who are neither paused nor away';
