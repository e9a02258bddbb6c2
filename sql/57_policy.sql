-- Policies: every change makes a version, which is never changed again and is
-- in force only while its workflow points to it.  A version that is not is a
-- draft, a challenger, or history.  Changes of a workflow come one after the
-- other, by its lock; what a change may do by itself stands in 58_proposal.sql.

CREATE FUNCTION hitl.policy_default()
RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT hitl.defaults_of('hitl.policy') - '{workflow,version,base,created_at,created_by}'::text[]
$$;
COMMENT ON FUNCTION hitl.policy_default()
    IS 'the fields of a policy of which nothing was said';

-- Starts the next version from another one, with its rules.
CREATE FUNCTION hitl.next_policy(
    flow hitl.workflow, base int, without text DEFAULT NULL, OUT made hitl.policy)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF base IS NOT NULL THEN
        made := hitl.require_policy(flow, base);
    ELSE
        SELECT * INTO made FROM hitl.policy p
        WHERE p.workflow = flow.name AND p.version = flow.policy_version;
        IF NOT FOUND THEN
            made := jsonb_populate_record(NULL::hitl.policy, hitl.policy_default());
        END IF;
    END IF;
    made.base := made.version;
    made.workflow := flow.name;
    made.version := 1 + coalesce((SELECT max(p.version) FROM hitl.policy p
                                  WHERE p.workflow = flow.name), 0);
    made.created_at := now();
    made.created_by := hitl.actor();
    INSERT INTO hitl.rule
    SELECT r.workflow, made.version, r.name, r.position, r.condition, r.route, r.lane, r.tier,
           r.queue, r.sla, r.question, r.reason, r.skills, r.approvals
    FROM hitl.rule r
    WHERE r.workflow = flow.name AND r.version = made.base
      AND r.name IS DISTINCT FROM without;
END
$$;
COMMENT ON FUNCTION hitl.next_policy(hitl.workflow, int, text)
    IS 'the next version of a policy, not yet stored, from that of this number (NULL: the one in force), its rules carried over but for one; the workflow must be locked';

CREATE FUNCTION hitl.require_policy(flow hitl.workflow, version int)
RETURNS hitl.policy
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_row hitl.policy;
BEGIN
    SELECT * INTO found_row FROM hitl.policy p
    WHERE p.workflow = flow.name AND p.version = require_policy.version;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'version % of the policy of workflow "%" does not exist',
                        coalesce(version::text, 'NULL'), flow.name
            USING ERRCODE = 'ZH008';
    END IF;
    RETURN found_row;
END
$$;
COMMENT ON FUNCTION hitl.require_policy(hitl.workflow, int)
    IS 'this version of the policy; raises ZH008 if there is none';

CREATE FUNCTION hitl.require_paths(workflow text, paths text[])
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    path  text;
    parts text[];
BEGIN
    IF array_ndims(paths) > 1 THEN
        RAISE EXCEPTION 'required_context of workflow "%" is no plain list', workflow
            USING ERRCODE = 'ZH008';
    END IF;
    FOREACH path IN ARRAY paths LOOP
        parts := string_to_array(path, '.');
        -- Only what is jsonb has parts.
        CONTINUE WHEN coalesce('' <> ALL (parts)
            AND (parts[1] IN ('input', 'output', 'alternatives', 'context', 'signals', 'cohort')
                 OR path IN ('workflow', 'confidence', 'model', 'subject', 'reasoning', 'exposure',
                             'reversible', 'question', 'tags', 'parent')), false);
        RAISE EXCEPTION 'required_context of workflow "%" has "%", which is no place in a decision',
                        workflow, coalesce(left(path, 63), 'NULL')
            USING ERRCODE = 'ZH008',
                  HINT = 'Begin with a column, and name the keys in it: subject, context.policy.';
    END LOOP;
END
$$;
COMMENT ON FUNCTION hitl.require_paths(text, text[])
    IS 'raises ZH008 unless each of these is a place in a decision';

CREATE FUNCTION hitl.require_sound(flow hitl.workflow, made hitl.policy)
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    field record;
    name  text;
BEGIN
    -- NaN is greater than every number.
    FOR field IN
        SELECT *
        FROM (VALUES
            ('upper', made.upper::text, made.upper BETWEEN 0 AND 1, 'outside 0 to 1'),
            ('lower', made.lower::text, made.lower BETWEEN 0 AND 1, 'outside 0 to 1'),
            ('audit_rate_approve', made.audit_rate_approve::text,
             made.audit_rate_approve BETWEEN 0 AND 1, 'outside 0 to 1'),
            ('audit_rate_reject', made.audit_rate_reject::text,
             made.audit_rate_reject BETWEEN 0 AND 1, 'outside 0 to 1'),
            ('novelty_limit', made.novelty_limit::text,
             made.novelty_limit > 0 AND made.novelty_limit < 'Infinity', 'no finite number above 0'),
            ('fairness_limit', made.fairness_limit::text,
             made.fairness_limit BETWEEN 0 AND 1, 'outside 0 to 1'),
            ('field_limit', made.field_limit::text, made.field_limit BETWEEN 0 AND 1, 'outside 0 to 1'),
            ('step_limit', made.step_limit::text, made.step_limit BETWEEN 0 AND 1, 'outside 0 to 1'),
            ('on_invalid', made.on_invalid, made.on_invalid IN ('review', 'error'),
             'neither review nor error'),
            ('on_timeout', made.on_timeout, made.on_timeout IN ('hold', 'approve', 'reject'),
             'none of hold, approve and reject'),
            ('veto_window', made.veto_window::text,
             made.veto_window > '0' AND made.veto_window <= '100 years', 'outside 0 to 100 years'),
            ('challenger', made.challenger::text,
             EXISTS (SELECT FROM hitl.policy p
                     WHERE p.workflow = flow.name AND p.version = made.challenger
                       AND p.version <> made.version), 'no other version of its policy'),
            ('target_error', made.target_error::text,
             made.target_error > 0 AND made.target_error < 1, 'not between 0 and 1'),
            ('confidence_level', made.confidence_level::text,
             made.confidence_level > 0 AND made.confidence_level < 1, 'not between 0 and 1'),
            ('cost_error', made.cost_error::text,
             made.cost_error >= 0 AND made.cost_error < 'Infinity', 'no finite number from 0 on'),
            ('cost_review', made.cost_review::text,
             made.cost_review >= 0 AND made.cost_review < 'Infinity', 'no finite number from 0 on'),
            ('approvals', made.approvals::text, made.approvals BETWEEN 1 AND 100, 'outside 1 to 100'),
            ('panel', made.panel::text, made.panel BETWEEN 1 AND 100, 'outside 1 to 100'),
            ('overlap_rate', made.overlap_rate::text, made.overlap_rate BETWEEN 0 AND 1, 'outside 0 to 1'),
            ('blind_rate', made.blind_rate::text, made.blind_rate BETWEEN 0 AND 1, 'outside 0 to 1'),
            ('step_up_tier', made.step_up_tier::text, made.step_up_tier > 0, 'less than 1'),
            ('rubric', made.rubric::text,
             EXISTS (SELECT FROM hitl.rubric r
                     WHERE r.workflow = flow.name AND r.version = made.rubric), 'no version of its rubric'),
            ('max_resubmits', made.max_resubmits::text, made.max_resubmits >= 0, 'less than 0'),
            ('resubmit_window', made.resubmit_window::text,
             made.resubmit_window > '0' AND made.resubmit_window <= '100 years', 'outside 0 to 100 years')
            ) AS v (name, value, sound, wrong)
        WHERE v.value IS NOT NULL AND NOT v.sound
    LOOP
        RAISE EXCEPTION '% of workflow "%" is %, which is %',
                        field.name, flow.name, left(field.value, 63), field.wrong
            USING ERRCODE = 'ZH008';
    END LOOP;
    IF made.lower > made.upper THEN
        RAISE EXCEPTION 'lower (%) of workflow "%" is above upper (%)',
                        made.lower, flow.name, made.upper
            USING ERRCODE = 'ZH008', HINT = 'What is not named carries over from the version before.';
    ELSIF made.panel > 1 AND made.panel < made.approvals THEN
        RAISE EXCEPTION 'a panel of % of workflow "%" cannot give % approvals',
                        made.panel, flow.name, made.approvals
            USING ERRCODE = 'ZH008', HINT = 'A panel has as many persons as must agree, or more; 1: one after the other.';
    ELSIF made.auto_tune THEN
        RAISE EXCEPTION 'auto_tune of workflow "%" cannot be true yet', flow.name
            USING ERRCODE = 'feature_not_supported';
    ELSIF flow.always_human AND made.on_timeout <> 'hold' THEN
        RAISE EXCEPTION 'workflow "%" always needs a person, so its on_timeout cannot be %',
                        flow.name, made.on_timeout
            USING ERRCODE = 'ZH008',
                  HINT = format('Use hold, or first hitl.set_always_human(%L, false).', flow.name);
    END IF;
    FOREACH name IN ARRAY array_remove(ARRAY[made.queue, made.fairness_queue], NULL) LOOP
        PERFORM hitl.require_queue(name);
    END LOOP;
    FOREACH name IN ARRAY array_remove(ARRAY[made.sla, made.fairness_sla], NULL) LOOP
        PERFORM hitl.require_sla(name);
    END LOOP;
    PERFORM hitl.require_paths(flow.name, made.required_context);
    PERFORM hitl.require_names(format('stages of workflow "%s"', flow.name), made.stages, 'ZH008');
    PERFORM hitl.require_names(format('step_up of workflow "%s"', flow.name), made.step_up, 'ZH008');
END
$$;
COMMENT ON FUNCTION hitl.require_sound(hitl.workflow, hitl.policy)
    IS 'raises unless this can be in force: ZH008 for an impossible value, 23503 for a missing queue or SLA, 0A000 for auto_tune, which nothing enforces yet';

CREATE FUNCTION hitl.put_policy(flow hitl.workflow, made hitl.policy, in_force boolean)
RETURNS int
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET intervalstyle = postgres SET extra_float_digits = 1
AS $$
DECLARE
    wanted CONSTANT boolean := coalesce(in_force, true);
    at_once CONSTANT boolean := wanted AND NOT flow.two_admins;
BEGIN
    PERFORM hitl.require_sound(flow, made);
    INSERT INTO hitl.policy SELECT made.*;
    PERFORM hitl.log_event(CASE WHEN at_once THEN 'policy_set' ELSE 'policy_drafted' END, flow.name,
                           to_jsonb(made) - '{workflow,created_at,created_by}'::text[]);
    IF at_once THEN
        UPDATE hitl.workflow w SET policy_version = made.version WHERE w.name = flow.name;
    ELSIF wanted THEN
        PERFORM hitl.propose(flow, 'policy', to_jsonb(made.version));
    END IF;
    RETURN made.version;
END
$$;
COMMENT ON FUNCTION hitl.put_policy(hitl.workflow, hitl.policy, boolean)
    IS 'stores a version and puts it in force, or (of a protected workflow) proposes to; returns its number';

CREATE FUNCTION hitl.set_policy(
    workflow text, upper float8 DEFAULT NULL, lower float8 DEFAULT NULL,
    audit_rate_approve float8 DEFAULT NULL, audit_rate_reject float8 DEFAULT NULL,
    novelty_limit float8 DEFAULT NULL,
    fairness_limit float8 DEFAULT NULL, fairness_queue text DEFAULT NULL, fairness_sla text DEFAULT NULL,
    field_limit float8 DEFAULT NULL, step_limit float8 DEFAULT NULL,
    required_context text[] DEFAULT NULL, irreversible boolean DEFAULT NULL,
    on_invalid text DEFAULT NULL, on_timeout text DEFAULT NULL, veto_window interval DEFAULT NULL,
    queue text DEFAULT NULL, sla text DEFAULT NULL, challenger int DEFAULT NULL,
    target_error float8 DEFAULT NULL, confidence_level float8 DEFAULT NULL,
    cost_error float8 DEFAULT NULL, cost_review float8 DEFAULT NULL,
    approvals int DEFAULT NULL, panel int DEFAULT NULL, stages text[] DEFAULT NULL,
    overlap_rate float8 DEFAULT NULL, blind boolean DEFAULT NULL, blind_rate float8 DEFAULT NULL,
    step_up text[] DEFAULT NULL, step_up_tier int DEFAULT NULL,
    explanation boolean DEFAULT NULL, rubric int DEFAULT NULL,
    max_resubmits int DEFAULT NULL, resubmit_window interval DEFAULT NULL,
    auto_tune boolean DEFAULT NULL,
    reset text[] DEFAULT NULL, base int DEFAULT NULL, in_force boolean DEFAULT true)
RETURNS int
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET intervalstyle = postgres SET extra_float_digits = 1
AS $$
DECLARE
    flow CONSTANT hitl.workflow := hitl.require_workflow(workflow);
BEGIN
    -- What was said, in a form that keeps every value as it is.
    RETURN hitl.put_policy(flow, jsonb_populate_record(
        hitl.next_policy(flow, base),
        hitl.fields_to_set('hitl.policy', jsonb_build_object(
            'upper', upper, 'lower', lower,
            'audit_rate_approve', audit_rate_approve, 'audit_rate_reject', audit_rate_reject,
            'novelty_limit', novelty_limit, 'fairness_limit', fairness_limit,
            'fairness_queue', fairness_queue, 'fairness_sla', fairness_sla,
            'field_limit', field_limit, 'step_limit', step_limit,
            'required_context', required_context, 'irreversible', irreversible,
            'on_invalid', on_invalid, 'on_timeout', on_timeout, 'veto_window', veto_window,
            'queue', queue, 'sla', sla, 'challenger', challenger,
            'target_error', target_error, 'confidence_level', confidence_level,
            'cost_error', cost_error, 'cost_review', cost_review,
            'approvals', approvals, 'panel', panel, 'stages', stages,
            'overlap_rate', overlap_rate, 'blind', blind, 'blind_rate', blind_rate,
            'step_up', step_up, 'step_up_tier', step_up_tier,
            'explanation', explanation, 'rubric', rubric,
            'max_resubmits', max_resubmits, 'resubmit_window', resubmit_window,
            'auto_tune', auto_tune), reset, 'ZH008')), in_force);
END
$$;
COMMENT ON FUNCTION hitl.set_policy(text, float8, float8, float8, float8, float8, float8, text, text,
    float8, float8, text[], boolean, text, text, interval, text, text, int, float8, float8, float8, float8,
    int, int, text[], float8, boolean, float8, text[], int, boolean, int, int, interval, boolean,
    text[], int, boolean)
    IS 'makes the next version of the policy and puts it in force; what is NULL is as before, what reset names is as at first (see the columns of hitl.policy), rules are carried over; base: the version to start from, NULL: the one in force; in_force false: only stored, for a challenger, a replay or activate_policy; returns the version; ZH008 for an impossible policy';

CREATE FUNCTION hitl.require_columns(rule text, condition jsonpath)
RETURNS void
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'hitl_require_columns';
COMMENT ON FUNCTION hitl.require_columns(text, jsonpath)
    IS 'raises ZH008 if a path of the condition begins with what is no column of a decision';

CREATE FUNCTION hitl.set_rule(
    workflow text, name text, condition jsonpath, route text DEFAULT 'review',
    lane int DEFAULT NULL, tier int DEFAULT NULL, queue text DEFAULT NULL,
    sla text DEFAULT NULL, question text DEFAULT NULL, reason text DEFAULT NULL,
    skills text[] DEFAULT '{}', approvals int DEFAULT NULL,
    "position" int DEFAULT NULL, base int DEFAULT NULL, in_force boolean DEFAULT true)
RETURNS int
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    flow CONSTANT hitl.workflow := hitl.require_workflow(workflow);
    made hitl.policy;
    place int := set_rule.position;
BEGIN
    PERFORM hitl.require_name('rule', name);
    IF condition IS NULL THEN
        RAISE EXCEPTION 'rule "%" has no condition', name USING ERRCODE = 'ZH008';
    ELSIF route <> 'review' THEN
        RAISE EXCEPTION 'route "%" of rule "%" does not exist', left(route, 63), name
            USING ERRCODE = 'ZH008', HINT = 'Use review, or NULL for a rule that is only recorded.';
    ELSIF lane NOT BETWEEN 0 AND 2 OR tier < 1 THEN
        RAISE EXCEPTION 'lane or tier of rule "%" is not possible', name
            USING ERRCODE = 'ZH008', HINT = 'A lane is 0 to 2, a tier 1 or more.';
    ELSIF approvals NOT BETWEEN 1 AND 100 THEN
        RAISE EXCEPTION 'approvals of rule "%" are %, which is outside 1 to 100', name, approvals
            USING ERRCODE = 'ZH008';
    END IF;
    PERFORM hitl.require_names(format('skills of rule "%s"', name), skills, 'ZH008');
    IF queue IS NOT NULL THEN
        PERFORM hitl.require_queue(queue);
    END IF;
    IF sla IS NOT NULL THEN
        PERFORM hitl.require_sla(sla);
    END IF;
    -- What is no predicate, or has a variable, says so on any document.
    PERFORM jsonb_path_match('{}', condition);
    PERFORM hitl.require_columns(name, condition);

    made := hitl.next_policy(flow, base, without => name);
    IF place IS NULL THEN
        SELECT coalesce(min(r.position) FILTER (WHERE r.name = set_rule.name),
                        max(r.position) + 1, 1)
        INTO place
        FROM hitl.rule r
        WHERE r.workflow = flow.name AND r.version = made.base;
    END IF;
    INSERT INTO hitl.rule (workflow, version, name, "position", condition, route, lane, tier,
                           queue, sla, question, reason, skills, approvals)
    VALUES (workflow, made.version, name, place, condition, route, lane, tier, queue, sla,
            question, reason, coalesce(skills, '{}'), approvals);
    RETURN hitl.put_policy(flow, made, in_force);
END
$$;
COMMENT ON FUNCTION hitl.set_rule(text, text, jsonpath, text, int, int, text, text, text, text, text[], int, int, int, boolean)
    IS 'adds or replaces a rule, in the next version of the policy; route review, or NULL to record only; skills: what the reviewer must have, skills or credentials; approvals: how many persons must agree; position: where in the order, NULL: in its place or last; base and in_force as in set_policy; returns the version; ZH008 for an impossible rule, 22038 when the condition is no predicate, 42704 when it has a variable';

CREATE FUNCTION hitl.drop_rule(
    workflow text, name text, base int DEFAULT NULL, in_force boolean DEFAULT true)
RETURNS int
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    flow CONSTANT hitl.workflow := hitl.require_workflow(workflow);
    made CONSTANT hitl.policy := hitl.next_policy(flow, base, without => name);
BEGIN
    IF NOT EXISTS (SELECT FROM hitl.rule r
                   WHERE r.workflow = flow.name AND r.version = made.base
                     AND r.name = drop_rule.name) THEN
        RAISE EXCEPTION 'workflow "%" has no rule "%"', workflow, coalesce(left(name, 63), 'NULL')
            USING ERRCODE = 'undefined_object';
    END IF;
    RETURN hitl.put_policy(flow, made, in_force);
END
$$;
COMMENT ON FUNCTION hitl.drop_rule(text, text, int, boolean)
    IS 'leaves a rule out of the next version of the policy; base and in_force as in set_policy; returns the version; 42704 if there is no such rule';

CREATE FUNCTION hitl.activate_policy(workflow text, version int)
RETURNS int
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    flow CONSTANT hitl.workflow := hitl.require_workflow(workflow);
BEGIN
    PERFORM hitl.require_policy(flow, version);
    PERFORM hitl.change(flow, 'policy', to_jsonb(version), false);
    RETURN version;
END
$$;
COMMENT ON FUNCTION hitl.activate_policy(text, int)
    IS 'puts a version in force that exists already: a draft, a challenger, or an earlier one; returns it; ZH008 if there is no such version';

CREATE FUNCTION hitl.policy_diff(workflow text, v1 int, v2 int)
RETURNS TABLE (item text, name text, "before" jsonb, "after" jsonb)
LANGUAGE sql STABLE PARALLEL SAFE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET intervalstyle = postgres SET extra_float_digits = 1
AS $$
    WITH fact (version, item, name, value) AS (
        SELECT p.version, 'policy', f.key, f.value
        FROM hitl.policy p,
             jsonb_each(to_jsonb(p) - '{workflow,version,base,created_at,created_by}'::text[]) f
        WHERE p.workflow = policy_diff.workflow AND p.version IN (v1, v2)
      UNION ALL
        SELECT r.version, 'rule', r.name,
               jsonb_strip_nulls(to_jsonb(r) - '{workflow,version,name}'::text[]
                                 || jsonb_build_object('skills', nullif(r.skills, '{}')))
        FROM hitl.rule r
        WHERE r.workflow = policy_diff.workflow AND r.version IN (v1, v2)
    )
    SELECT coalesce(a.item, b.item), coalesce(a.name, b.name), a.value, b.value
    FROM (SELECT * FROM fact WHERE version = v1) a
    FULL JOIN (SELECT * FROM fact WHERE version = v2) b USING (item, name)
    WHERE a.value IS DISTINCT FROM b.value
    ORDER BY 1, 2
$$;
COMMENT ON FUNCTION hitl.policy_diff(text, int, int)
    IS 'what differs between two versions of a policy: all fields, and rules; NULL where a rule is missing';
