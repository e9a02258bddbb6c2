-- What people on duty and BI tools read.  All run with the reader's rights.

CREATE VIEW hitl.outcome WITH (security_invoker = true, security_barrier = true) AS
SELECT d.id, d.workflow, d.subject, d.route,
       coalesce(v.outcome, CASE d.route WHEN 'auto_approve' THEN 'approved'
                                        WHEN 'auto_reject' THEN 'rejected'
                                        ELSE 'pending' END) AS outcome,
       CASE WHEN v.outcome = 'amended' THEN v.output ELSE d.output END AS output,
       coalesce(v.reviewer, CASE WHEN d.route <> 'review' THEN 'policy' END) AS decided_by,
       coalesce(v.created_at, CASE WHEN d.route <> 'review' THEN d.created_at END) AS decided_at
FROM hitl.decision d
LEFT JOIN LATERAL (SELECT v.outcome, v.output, v.reviewer, v.created_at
                   FROM hitl.verdict v
                   WHERE v.decision = d.id AND v.final
                   ORDER BY v.id DESC
                   LIMIT 1) v ON true;
COMMENT ON VIEW hitl.outcome IS 'the final state of each decision; the latest final verdict counts';
COMMENT ON COLUMN hitl.outcome.outcome IS 'approved, rejected, amended or pending';
COMMENT ON COLUMN hitl.outcome.output IS 'as amended, else as proposed';
COMMENT ON COLUMN hitl.outcome.decided_by IS 'the reviewer, or "policy"; NULL while pending';
COMMENT ON COLUMN hitl.outcome.route IS 'auto_approve, auto_reject or review';
COMMENT ON COLUMN hitl.outcome.decided_at IS 'when the outcome came about; NULL while pending';

-- A label says whether the AI was right.  Unaudited rows have none; those
-- that could not be audited (propensity 0) stand for no others and are
-- counted apart.
CREATE VIEW hitl.label WITH (security_invoker = true, security_barrier = true) AS
SELECT d.id, d.created_at, d.workflow, d.model, d.policy_version, d.route, d.reasons,
       d.confidence, d.propensity, v.action = 'approve' AS correct, v.action, v.code, v.reviewer, v.seconds,
       v.created_at AS labelled_at
FROM hitl.decision d
LEFT JOIN LATERAL (SELECT v.action, v.code, v.reviewer, v.seconds, v.created_at
                   FROM hitl.verdict v
                   WHERE v.decision = d.id AND v.final
                   ORDER BY v.id DESC
                   LIMIT 1) v ON true;
COMMENT ON VIEW hitl.label IS 'each decision with what people found: the ground of every rate';
COMMENT ON COLUMN hitl.label.policy_version IS 'the policy applied; NULL: there was none';
COMMENT ON COLUMN hitl.label.reasons IS 'everything that fired: array of {trigger, rule, detail}';
COMMENT ON COLUMN hitl.label.correct IS 'whether the proposal was right; NULL: nobody looked';
COMMENT ON COLUMN hitl.label.propensity IS 'probability with which somebody was to look; a label weighs 1/propensity';
COMMENT ON COLUMN hitl.label.route IS 'auto_approve, auto_reject or review';
COMMENT ON COLUMN hitl.label.action IS 'of the latest final verdict: approve, reject or amend';
COMMENT ON COLUMN hitl.label.seconds IS 'from claim to verdict';
COMMENT ON COLUMN hitl.label.labelled_at IS 'when the verdict was given';

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
       r.seconds_to_verdict, r.seconds_of_work
FROM (SELECT l.workflow, (l.created_at AT TIME ZONE 'UTC')::date AS day,
             count(*) AS decisions,
             count(*) FILTER (WHERE l.route = 'auto_approve') AS auto_approved,
             count(*) FILTER (WHERE l.route = 'auto_reject') AS auto_rejected,
             count(*) FILTER (WHERE l.route = 'review') AS reviewed,
             count(*) FILTER (WHERE l.route = 'review' AND l.action IS NULL) AS pending,
             count(l.action) AS verdicts,
             count(*) FILTER (WHERE NOT l.correct) AS overrides,
             hitl.rate(NOT l.correct, 1 / l.propensity)
                 FILTER (WHERE l.propensity > 0) AS error,
             hitl.rate(NOT l.correct, 1 / l.propensity)
                 FILTER (WHERE l.route = 'auto_approve' AND l.propensity > 0) AS escape,
             hitl.rate(l.correct, 1 / l.propensity)
                 FILTER (WHERE l.route = 'auto_reject' AND l.propensity > 0) AS false_rejection,
             percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM l.labelled_at - l.created_at))
                 FILTER (WHERE l.route = 'review' AND l.action IS NOT NULL) AS seconds_to_verdict,
             sum(l.seconds) AS seconds_of_work
      FROM hitl.label l
      GROUP BY 1, 2) r;
COMMENT ON VIEW hitl.workflow_report IS 'per workflow and day (UTC) on which the decisions were made';
COMMENT ON COLUMN hitl.workflow_report.escalation_rate IS 'reviewed / decisions';
COMMENT ON COLUMN hitl.workflow_report.pending IS 'reviews without a verdict yet';
COMMENT ON COLUMN hitl.workflow_report.verdicts IS 'decisions that people judged, in reviews and audits';
COMMENT ON COLUMN hitl.workflow_report.overrides IS 'verdicts that the AI''s proposal was wrong: rejected or amended';
COMMENT ON COLUMN hitl.workflow_report.override_rate IS 'overrides / verdicts: of what people saw, not of all';
COMMENT ON COLUMN hitl.workflow_report.error_rate IS 'share of all proposals that are wrong, estimated from labels weighted by 1/propensity';
COMMENT ON COLUMN hitl.workflow_report.error_rate_lo IS 'lower Wilson limit, level 0.95, at the effective sample size';
COMMENT ON COLUMN hitl.workflow_report.escape_rate IS 'share of automatic approvals that are wrong, estimated from their audits';
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

-- The reason "confidence" stands in every decision; it fired where the
-- thresholds by themselves asked for a person.
CREATE VIEW hitl.trigger_report WITH (security_invoker = true, security_barrier = true) AS
SELECT f.workflow, f.trigger, f.rule, count(*) AS fired,
       count(*)::float8 / n.decisions AS share,
       count(f.action) AS judged,
       count(*) FILTER (WHERE f.action <> 'approve') AS overridden,
       count(*) FILTER (WHERE f.action <> 'approve')::float8 / nullif(count(f.action), 0) AS override_rate
FROM (SELECT l.workflow, r.reason ->> 'trigger' AS trigger, r.reason ->> 'rule' AS rule, l.action
      FROM hitl.label l
      CROSS JOIN LATERAL jsonb_array_elements(l.reasons) AS r (reason)
      LEFT JOIN hitl.policy p ON p.workflow = l.workflow AND p.version = l.policy_version
      WHERE r.reason ->> 'trigger' <> 'confidence'
         OR NOT (coalesce(l.confidence >= p.upper, false) OR coalesce(l.confidence < p.lower, false))) f
JOIN (SELECT d.workflow, count(*) AS decisions FROM hitl.decision d GROUP BY d.workflow) n
     ON n.workflow = f.workflow
GROUP BY f.workflow, f.trigger, f.rule, n.decisions;
COMMENT ON VIEW hitl.trigger_report IS 'per workflow: how often each trigger fires, and how often people then override: which rules earn their keep';
COMMENT ON COLUMN hitl.trigger_report.trigger IS 'confidence, confidence_invalid, no_policy, irreversible, mode, killed or rule';
COMMENT ON COLUMN hitl.trigger_report.rule IS 'name of the rule, of all versions of the policy; NULL for other triggers';
COMMENT ON COLUMN hitl.trigger_report.fired IS 'decisions in which it fired';
COMMENT ON COLUMN hitl.trigger_report.share IS 'fired / decisions of the workflow';
COMMENT ON COLUMN hitl.trigger_report.judged IS 'of these, judged by people';
COMMENT ON COLUMN hitl.trigger_report.overridden IS 'of these, rejected or amended';
COMMENT ON COLUMN hitl.trigger_report.override_rate IS 'overridden / judged';

CREATE FUNCTION hitl.explain(decision uuid)
RETURNS SETOF text
LANGUAGE sql STABLE PARALLEL RESTRICTED
SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET datestyle = 'ISO' SET timezone = 'UTC'
AS $$
    SELECT line
    FROM (
        SELECT d.created_at AS at, 1 AS place, 0::bigint AS n,
               format('%s: a decision of workflow "%s" was inserted by "%s"%s.',
                      d.created_at, d.workflow, d.created_by,
                      CASE WHEN d.confidence IS NULL THEN ' without a confidence'
                           ELSE format(' with confidence %s', d.confidence) END) AS line
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
        SELECT d.created_at, 3, r.n,
               format('Trigger %s: %s.', concat_ws(' ', r.reason ->> 'trigger', '"' || (r.reason ->> 'rule') || '"'),
                      r.reason ->> 'detail')
        FROM hitl.decision d,
             jsonb_array_elements(d.reasons) WITH ORDINALITY AS r (reason, n)
        WHERE d.id = explain.decision
      UNION ALL
        SELECT d.created_at, 4, 0,
               CASE d.route WHEN 'review' THEN format('So it went to a person, in lane %s.', d.lane)
                            WHEN 'auto_approve' THEN 'So it was approved'
                            ELSE 'So it was rejected' END
               || CASE WHEN d.route = 'review' THEN ''
                       WHEN d.audit_u < d.propensity THEN format(', and drawn for an audit (rate %s).', d.propensity)
                       ELSE format(', and not drawn for an audit (rate %s).', d.propensity) END
        FROM hitl.decision d WHERE d.id = explain.decision
      UNION ALL
        SELECT e.created_at, 5, e.id, format('%s: %s by "%s".', e.created_at, replace(e.kind, '_', ' '), e.actor)
        FROM hitl.event e WHERE e.decision = explain.decision
      UNION ALL
        SELECT v.created_at, 6, v.id,
               format('%s: %s by "%s" after %s s%s%s.', v.created_at, v.outcome, v.reviewer,
                      round(v.seconds::numeric, 1), ' (' || v.code || ')', ': ' || v.note)
        FROM hitl.verdict v WHERE v.decision = explain.decision
      UNION ALL
        SELECT 'infinity', 7, t.id,
               CASE WHEN t.holder IS NULL THEN format('It waits in queue "%s".', t.queue)
                    ELSE format('"%s" holds it until %s.', t.holder, t.lease_until) END
        FROM hitl.task t WHERE t.decision = explain.decision
    ) AS story
    ORDER BY at, place, n
$$;
COMMENT ON FUNCTION hitl.explain(uuid)
    IS 'why this decision went where it went and what became of it, in words, a line each, times in UTC; no row for a decision that is not there';

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

CREATE VIEW hitl.queue_status WITH (security_invoker = true, security_barrier = true) AS
SELECT q.name AS queue, s.waiting, s.waiting_p0, s.waiting_p1, s.waiting_p2, s.held,
       s.overdue, s.next_due_at, s.oldest_at,
       statement_timestamp() - s.oldest_at AS oldest_wait,
       m.reviewers
FROM hitl.queue q
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE open) AS waiting,
           count(*) FILTER (WHERE open AND lane = 0) AS waiting_p0,
           count(*) FILTER (WHERE open AND lane = 1) AS waiting_p1,
           count(*) FILTER (WHERE open AND lane = 2) AS waiting_p2,
           count(*) FILTER (WHERE NOT open) AS held,
           count(*) FILTER (WHERE due_at <= statement_timestamp()) AS overdue,
           min(due_at) FILTER (WHERE due_at > statement_timestamp()
                               AND due_at < 'infinity') AS next_due_at,
           min(created_at) FILTER (WHERE open) AS oldest_at
    FROM (SELECT t.lane, t.due_at, t.created_at,
                 t.holder IS NULL OR t.lease_until <= statement_timestamp() AS open
          FROM hitl.task t
          WHERE t.queue = q.name) t) s
CROSS JOIN LATERAL (SELECT count(*) AS reviewers FROM hitl.membership m WHERE m.queue = q.name) m;
COMMENT ON VIEW hitl.queue_status IS 'per queue: what waits, what is held, what is late';
COMMENT ON COLUMN hitl.queue_status.waiting IS 'open to claims, also those whose lease is over';
COMMENT ON COLUMN hitl.queue_status.overdue IS 'past their deadline, waiting or held';
COMMENT ON COLUMN hitl.queue_status.oldest_wait IS 'age of the oldest task that waits';
COMMENT ON COLUMN hitl.queue_status.waiting_p0 IS 'waiting in lane 0';
COMMENT ON COLUMN hitl.queue_status.waiting_p1 IS 'waiting in lane 1';
COMMENT ON COLUMN hitl.queue_status.waiting_p2 IS 'waiting in lane 2';
COMMENT ON COLUMN hitl.queue_status.held IS 'claimed, the lease running';
COMMENT ON COLUMN hitl.queue_status.next_due_at IS 'nearest deadline still ahead; NULL: none';
COMMENT ON COLUMN hitl.queue_status.oldest_at IS 'start of the oldest task that waits';
COMMENT ON COLUMN hitl.queue_status.reviewers IS 'members of the queue';
