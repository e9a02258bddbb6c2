-- Another policy over the decisions on record.

CREATE FUNCTION hitl.replay(
    workflow text, since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL,
    version int DEFAULT NULL, upper float8 DEFAULT NULL, lower float8 DEFAULT NULL,
    audit_rate_approve float8 DEFAULT NULL, audit_rate_reject float8 DEFAULT NULL,
    novelty_limit float8 DEFAULT NULL, fairness_limit float8 DEFAULT NULL,
    field_limit float8 DEFAULT NULL, step_limit float8 DEFAULT NULL,
    irreversible boolean DEFAULT NULL, required_context text[] DEFAULT NULL)
RETURNS TABLE (
    old_route text, new_route text, decisions bigint, labels bigint, weight_sum float8,
    error_rate float8, error_rate_lo float8, error_rate_hi float8,
    expected_errors float8, expected_errors_lo float8, expected_errors_hi float8,
    extra_reviews bigint, expected_audits float8, review_seconds float8, peak_hour bigint)
LANGUAGE c STABLE PARALLEL UNSAFE COST 1000000 ROWS 9
AS 'MODULE_PATHNAME', 'hitl_replay';
COMMENT ON FUNCTION hitl.replay(text, timestamptz, timestamptz, int, float8, float8, float8, float8,
    float8, float8, float8, float8, boolean, text[])
    IS 'what a policy would have said of the decisions made from since to before until (NULL: all); writes nothing. '
       'The policy: this version, in force or not (NULL: the one in force), with the fields that are named in place of its own; '
       'novelty by the baseline in force now. One row per pair of routes that occurs; NULL is what is not known. '
       'old_route: gate_route on record, what the policy of then said; new_route: what this one says; decisions: how many; '
       'labels: of these, judged by people under a known probability; weight_sum: decisions that the labels stand for, each 1/propensity; '
       'error_rate: share of the proposals that are wrong, by the labels so weighted; error_rate_lo, error_rate_hi: its Wilson limits, level 0.95, at the effective sample size; '
       'expected_errors: auto_approve: decisions * error_rate, wrong proposals approved; auto_reject: decisions * (1 - error_rate), right proposals rejected; review: 0; expected_errors_lo, expected_errors_hi: the same at the limits; '
       'extra_reviews: decisions if they newly go to review, less than 0 if they no longer do; '
       'expected_audits: decisions * the audit rate of the new route, 0 for review; '
       'review_seconds: decisions that now go to review * mean seconds from claim to verdict in the workflow; '
       'peak_hour: most of these decisions that come to review within one hour of the clock (UTC). '
       'ZH008 for an impossible policy, 23503 if there is no such workflow, 22023 if since is not before until';
