-- Administration: functions that validate, write and log.

CREATE FUNCTION hitl.log_event(kind text, workflow text, detail jsonb)
RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO hitl.event (kind, workflow, actor, detail)
    VALUES (kind, workflow, hitl.actor(), detail)
$$;
COMMENT ON FUNCTION hitl.log_event(text, text, jsonb)
    IS 'records a change of the configuration, with who and when';

CREATE FUNCTION hitl.require_name(what text, name text)
RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF name IS NULL OR btrim(name) = '' THEN
        RAISE EXCEPTION 'the % needs a name', what
            USING ERRCODE = 'invalid_parameter_value';
    ELSIF octet_length(name) > 63 THEN
        RAISE EXCEPTION 'the % name is too long: "%..."', what, left(name, 30)
            USING ERRCODE = 'name_too_long', HINT = 'A name has at most 63 bytes.';
    ELSIF name ~ '[[:cntrl:]]' THEN
        RAISE EXCEPTION 'the % name has a control character', what
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
END
$$;
COMMENT ON FUNCTION hitl.require_name(text, text)
    IS 'raises 22023 or 42622 unless this can be a name';

-- Locks the workflow, so that changes of its policy come one after the other.
CREATE FUNCTION hitl.require_workflow(name text)
RETURNS hitl.workflow
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_row hitl.workflow;
BEGIN
    IF name IS NULL THEN
        RAISE EXCEPTION 'the workflow must not be null' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    SELECT * INTO found_row FROM hitl.workflow w WHERE w.name = require_workflow.name FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'workflow "%" does not exist', left(name, 63)
            USING ERRCODE = 'foreign_key_violation',
                  HINT = format('Create it by SELECT hitl.create_workflow(%L, queue => ''...'').', left(name, 63));
    END IF;
    RETURN found_row;
END
$$;
COMMENT ON FUNCTION hitl.require_workflow(text)
    IS 'the workflow of this name, locked; raises 23503 if there is none';

CREATE FUNCTION hitl.require_queue(name text)
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF name IS NULL THEN
        RAISE EXCEPTION 'the queue must not be null' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    IF NOT EXISTS (SELECT FROM hitl.queue q WHERE q.name = require_queue.name) THEN
        RAISE EXCEPTION 'queue "%" does not exist', left(name, 63)
            USING ERRCODE = 'foreign_key_violation',
                  HINT = format('Create it by SELECT hitl.create_queue(%L).', left(name, 63));
    END IF;
END
$$;
COMMENT ON FUNCTION hitl.require_queue(text) IS 'raises 23503 if there is no such queue';

CREATE FUNCTION hitl.require_sla(name text)
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF name IS NULL THEN
        RAISE EXCEPTION 'the SLA must not be null' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    IF NOT EXISTS (SELECT FROM hitl.sla s WHERE s.name = require_sla.name) THEN
        RAISE EXCEPTION 'SLA "%" does not exist', left(name, 63)
            USING ERRCODE = 'foreign_key_violation',
                  HINT = format('Create it by SELECT hitl.create_sla(%L, first_review => ''1 hour'').', left(name, 63));
    END IF;
END
$$;
COMMENT ON FUNCTION hitl.require_sla(text) IS 'raises 23503 if there is no such SLA';

CREATE FUNCTION hitl.create_queue(
    name text, ordering text DEFAULT 'due', lease interval DEFAULT '15 minutes')
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET intervalstyle = postgres
AS $$
BEGIN
    PERFORM hitl.require_name('queue', name);
    IF ordering IS NULL OR ordering NOT IN ('due', 'fifo') THEN
        RAISE EXCEPTION 'ordering "%" does not exist', coalesce(left(ordering, 63), 'NULL')
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Use due or fifo.';
    ELSIF lease IS NULL OR lease < '1 second' OR lease > '100 years' THEN
        RAISE EXCEPTION 'a lease of % is not possible', coalesce(lease::text, 'NULL')
            USING ERRCODE = 'invalid_parameter_value', HINT = 'A lease lasts from one second to 100 years.';
    END IF;
    INSERT INTO hitl.queue (name, ordering, lease)
    VALUES (name, ordering, lease)
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'queue "%" exists already', name USING ERRCODE = 'duplicate_object';
    END IF;
    PERFORM hitl.log_event('queue_created', NULL,
                           jsonb_build_object('queue', name, 'ordering', ordering, 'lease', lease));
END
$$;
COMMENT ON FUNCTION hitl.create_queue(text, text, interval)
    IS 'makes a queue; ordering: due or fifo; lease: how long a claim lasts; 42710 if it exists';

CREATE FUNCTION hitl.create_workflow(
    name text, queue text, question text DEFAULT NULL,
    application regrole DEFAULT NULL, lane int DEFAULT 1, sla text DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM hitl.require_name('workflow', name);
    PERFORM hitl.require_name('queue', queue);
    IF lane IS NULL OR lane NOT BETWEEN 0 AND 2 THEN
        RAISE EXCEPTION 'lane % does not exist', coalesce(lane::text, 'NULL')
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Use 0, 1 or 2.';
    END IF;
    IF sla IS NOT NULL THEN
        PERFORM hitl.require_sla(sla);
    END IF;
    IF NOT EXISTS (SELECT FROM hitl.queue q WHERE q.name = create_workflow.queue) THEN
        PERFORM hitl.create_queue(queue);
    END IF;
    INSERT INTO hitl.workflow (name, queue, question, application, lane, sla)
    VALUES (name, queue, question, application, lane, sla)
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'workflow "%" exists already', name USING ERRCODE = 'duplicate_object';
    END IF;
    PERFORM hitl.make_partitions();
    PERFORM hitl.log_event('workflow_created', name,
                           jsonb_build_object('queue', queue, 'lane', lane, 'sla', sla,
                                              'application', application::text));
END
$$;
COMMENT ON FUNCTION hitl.create_workflow(text, text, text, regrole, int, text)
    IS 'makes a workflow, and its queue where there is none; manual until it has a policy with a threshold; 42710 if it exists';

CREATE FUNCTION hitl.set_mode(workflow text, mode text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    before CONSTANT hitl.workflow := hitl.require_workflow(workflow);
BEGIN
    IF mode IS NULL OR mode NOT IN ('manual', 'in_loop') THEN
        RAISE EXCEPTION 'mode "%" does not exist', coalesce(left(mode, 63), 'NULL')
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Use manual or in_loop.';
    END IF;
    UPDATE hitl.workflow w SET mode = set_mode.mode WHERE w.name = set_mode.workflow;
    PERFORM hitl.log_event('mode_set', workflow, jsonb_build_object('from', before.mode, 'to', mode));
END
$$;
COMMENT ON FUNCTION hitl.set_mode(text, text)
    IS 'manual: all decisions to people; in_loop: the policy decides';

CREATE FUNCTION hitl.kill(workflow text, reason text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM hitl.require_workflow(workflow);
    IF reason IS NULL OR btrim(reason) = '' THEN
        RAISE EXCEPTION 'to kill workflow "%" needs a reason', workflow
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Whoever resumes it will read it.';
    END IF;
    UPDATE hitl.workflow w SET kill_reason = reason WHERE w.name = kill.workflow;
    PERFORM hitl.log_event('killed', workflow, jsonb_build_object('reason', reason));
END
$$;
COMMENT ON FUNCTION hitl.kill(text, text)
    IS 'sends every decision of the workflow to people until hitl.resume: once this has committed, no statement that starts later decides anything automatically';

CREATE FUNCTION hitl.resume(workflow text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    flow CONSTANT hitl.workflow := hitl.require_workflow(workflow);
BEGIN
    IF flow.kill_reason IS NULL THEN
        RAISE EXCEPTION 'workflow "%" is not killed', workflow
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    UPDATE hitl.workflow w SET kill_reason = NULL WHERE w.name = resume.workflow;
    PERFORM hitl.log_event('resumed', workflow, jsonb_build_object('killed_for', flow.kill_reason));
END
$$;
COMMENT ON FUNCTION hitl.resume(text)
    IS 'ends a kill: the mode and policy as they are count again; 55000 if the workflow is not killed';

-- Starts the next version: the policy as it is, with its rules.
CREATE FUNCTION hitl.next_policy(workflow text, without text DEFAULT NULL, OUT made hitl.policy)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    flow CONSTANT hitl.workflow := hitl.require_workflow(workflow);
BEGIN
    SELECT * INTO made FROM hitl.policy p
    WHERE p.workflow = next_policy.workflow AND p.version = flow.policy_version;
    made.workflow := workflow;
    made.version := 1 + coalesce((SELECT max(p.version) FROM hitl.policy p
                                  WHERE p.workflow = next_policy.workflow), 0);
    made.lower := coalesce(made.lower, 0);
    made.audit_rate_approve := coalesce(made.audit_rate_approve, 0.05);
    made.audit_rate_reject := coalesce(made.audit_rate_reject, 0.05);
    made.required_context := coalesce(made.required_context, '{}');
    made.irreversible := coalesce(made.irreversible, true);
    made.on_invalid := coalesce(made.on_invalid, 'review');
    made.on_timeout := coalesce(made.on_timeout, 'hold');
    made.veto_window := coalesce(made.veto_window, '1 hour');
    made.approvals := coalesce(made.approvals, 1);
    made.overlap_rate := coalesce(made.overlap_rate, 0);
    made.stages := coalesce(made.stages, '{}');
    made.blind := coalesce(made.blind, false);
    made.auto_tune := coalesce(made.auto_tune, false);
    made.base := flow.policy_version;
    made.created_at := now();
    made.created_by := hitl.actor();
    INSERT INTO hitl.rule
    SELECT r.workflow, made.version, r.name, r.position, r.condition, r.route, r.lane, r.tier,
           r.queue, r.sla, r.question, r.reason
    FROM hitl.rule r
    WHERE r.workflow = next_policy.workflow AND r.version = flow.policy_version
      AND r.name IS DISTINCT FROM without;
END
$$;
COMMENT ON FUNCTION hitl.next_policy(text, text)
    IS 'the next version of a policy, not yet stored, its rules carried over but for one; locks the workflow';

CREATE FUNCTION hitl.put_policy(made hitl.policy)
RETURNS int
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO hitl.policy SELECT made.*;
    UPDATE hitl.workflow w SET policy_version = made.version WHERE w.name = made.workflow;
    PERFORM hitl.log_event('policy_set', made.workflow,
                           to_jsonb(made) - '{workflow,created_at,created_by}'::text[]);
    RETURN made.version;
END
$$;
COMMENT ON FUNCTION hitl.put_policy(hitl.policy)
    IS 'stores a version and puts it in force; returns its number';

CREATE FUNCTION hitl.set_policy(
    workflow text, upper float8 DEFAULT NULL, lower float8 DEFAULT NULL,
    audit_rate_approve float8 DEFAULT NULL, audit_rate_reject float8 DEFAULT NULL)
RETURNS int
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    made hitl.policy := hitl.next_policy(workflow);
    field record;
BEGIN
    made.upper := coalesce(upper, made.upper);
    made.lower := coalesce(lower, made.lower);
    made.audit_rate_approve := coalesce(audit_rate_approve, made.audit_rate_approve);
    made.audit_rate_reject := coalesce(audit_rate_reject, made.audit_rate_reject);
    FOR field IN
        SELECT * FROM (VALUES ('upper', made.upper), ('lower', made.lower),
                              ('audit_rate_approve', made.audit_rate_approve),
                              ('audit_rate_reject', made.audit_rate_reject)) AS v (name, value)
    LOOP
        -- NaN is greater than every number
        IF field.value < 0 OR field.value > 1 THEN
            RAISE EXCEPTION '% of workflow "%" is %, which is outside 0 to 1',
                            field.name, workflow, field.value
                USING ERRCODE = 'ZH008';
        END IF;
    END LOOP;
    IF made.lower > made.upper THEN
        RAISE EXCEPTION 'lower (%) of workflow "%" is above upper (%)',
                        made.lower, workflow, made.upper
            USING ERRCODE = 'ZH008', HINT = 'What is not named carries over from the version before.';
    END IF;
    RETURN hitl.put_policy(made);
END
$$;
COMMENT ON FUNCTION hitl.set_policy(text, float8, float8, float8, float8)
    IS 'makes the next version of the policy and puts it in force; what is NULL is as before (at first: lower 0, audit rates 0.05), rules too; returns the version; ZH008 for an impossible policy';

CREATE FUNCTION hitl.set_rule(
    workflow text, name text, condition jsonpath, route text DEFAULT 'review',
    lane int DEFAULT NULL, tier int DEFAULT NULL, queue text DEFAULT NULL,
    sla text DEFAULT NULL, question text DEFAULT NULL, reason text DEFAULT NULL,
    "position" int DEFAULT NULL)
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
    END IF;
    IF queue IS NOT NULL THEN
        PERFORM hitl.require_queue(queue);
    END IF;
    IF sla IS NOT NULL THEN
        PERFORM hitl.require_sla(sla);
    END IF;
    -- What is no predicate, or has a variable, says so on any document.
    PERFORM jsonb_path_match('{}', condition);

    IF place IS NULL THEN
        SELECT coalesce(min(r.position) FILTER (WHERE r.name = set_rule.name),
                        max(r.position) + 1, 1)
        INTO place
        FROM hitl.rule r
        WHERE r.workflow = set_rule.workflow AND r.version = flow.policy_version;
    END IF;
    made := hitl.next_policy(workflow, without => name);
    INSERT INTO hitl.rule (workflow, version, name, "position", condition, route, lane, tier,
                           queue, sla, question, reason)
    VALUES (workflow, made.version, name, place, condition, route, lane, tier, queue, sla,
            question, reason);
    RETURN hitl.put_policy(made);
END
$$;
COMMENT ON FUNCTION hitl.set_rule(text, text, jsonpath, text, int, int, text, text, text, text, int)
    IS 'adds or replaces a rule, in the next version of the policy; route review, or NULL to record only; position: where in the order, NULL: in its place or last; returns the version; ZH008 for an impossible rule, 22038 when the condition is no predicate, 42704 when it has a variable';

CREATE FUNCTION hitl.drop_rule(workflow text, name text)
RETURNS int
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    flow CONSTANT hitl.workflow := hitl.require_workflow(workflow);
BEGIN
    IF NOT EXISTS (SELECT FROM hitl.rule r
                   WHERE r.workflow = drop_rule.workflow AND r.version = flow.policy_version
                     AND r.name = drop_rule.name) THEN
        RAISE EXCEPTION 'workflow "%" has no rule "%"', workflow, coalesce(left(name, 63), 'NULL')
            USING ERRCODE = 'undefined_object';
    END IF;
    RETURN hitl.put_policy(hitl.next_policy(workflow, without => name));
END
$$;
COMMENT ON FUNCTION hitl.drop_rule(text, text)
    IS 'leaves a rule out of the next version of the policy; returns the version; 42704 if there is no such rule';

CREATE FUNCTION hitl.policy_diff(workflow text, v1 int, v2 int)
RETURNS TABLE (item text, name text, "before" jsonb, "after" jsonb)
LANGUAGE sql STABLE PARALLEL SAFE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    WITH fact (version, item, name, value) AS (
        SELECT p.version, 'policy', f.key, f.value
        FROM hitl.policy p,
             jsonb_each(to_jsonb(p) - '{workflow,version,base,created_at,created_by}'::text[]) f
        WHERE p.workflow = policy_diff.workflow AND p.version IN (v1, v2)
      UNION ALL
        SELECT r.version, 'rule', r.name,
               jsonb_strip_nulls(to_jsonb(r) - '{workflow,version,name}'::text[])
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
    IS 'what differs between two versions of a policy: thresholds, rates and rules; NULL where a rule is missing';

CREATE FUNCTION hitl.add_reviewer(
    name text, login regrole DEFAULT NULL, tier int DEFAULT 1, max_open int DEFAULT 10)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM hitl.require_name('reviewer', name);
    IF tier IS NULL OR tier < 1 OR max_open IS NULL OR max_open < 1 THEN
        RAISE EXCEPTION 'tier % and max_open % of reviewer "%" must be 1 or more',
                        coalesce(tier::text, 'NULL'), coalesce(max_open::text, 'NULL'), name
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF EXISTS (SELECT FROM hitl.reviewer r WHERE r.name = add_reviewer.name) THEN
        RAISE EXCEPTION 'reviewer "%" exists already', name USING ERRCODE = 'duplicate_object';
    ELSIF EXISTS (SELECT FROM hitl.reviewer r WHERE r.login = add_reviewer.login) THEN
        RAISE EXCEPTION 'role % is the login of another reviewer', login
            USING ERRCODE = 'duplicate_object', HINT = 'A login is one person.';
    END IF;
    INSERT INTO hitl.reviewer (name, login, tier, max_open) VALUES (name, login, tier, max_open);
    PERFORM hitl.log_event('reviewer_added', NULL,
                           jsonb_build_object('reviewer', name, 'login', login::text,
                                              'tier', tier, 'max_open', max_open));
END
$$;
COMMENT ON FUNCTION hitl.add_reviewer(text, regrole, int, int)
    IS 'makes a reviewer; login: the role that acts as this person, a member of hitl_reviewer; NULL: only a hitl_delegate acts for them; 42710 if name or login is taken';

CREATE FUNCTION hitl.join_queue(reviewer text, queue text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF reviewer IS NULL THEN
        RAISE EXCEPTION 'the reviewer must not be null' USING ERRCODE = 'null_value_not_allowed';
    ELSIF NOT EXISTS (SELECT FROM hitl.reviewer r WHERE r.name = join_queue.reviewer) THEN
        RAISE EXCEPTION 'reviewer "%" does not exist', left(reviewer, 63)
            USING ERRCODE = 'foreign_key_violation',
                  HINT = format('Create them by SELECT hitl.add_reviewer(%L).', left(reviewer, 63));
    END IF;
    PERFORM hitl.require_queue(queue);
    INSERT INTO hitl.membership (reviewer, queue) VALUES (reviewer, queue)
    ON CONFLICT DO NOTHING;
    IF FOUND THEN
        PERFORM hitl.log_event('queue_joined', NULL,
                               jsonb_build_object('reviewer', reviewer, 'queue', queue));
    END IF;
END
$$;
COMMENT ON FUNCTION hitl.join_queue(text, text) IS 'lets a reviewer work on a queue';

CREATE FUNCTION hitl.leave_queue(reviewer text, queue text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    DELETE FROM hitl.membership m
    WHERE m.reviewer = leave_queue.reviewer AND m.queue = leave_queue.queue;
    IF FOUND THEN
        PERFORM hitl.log_event('queue_left', NULL,
                               jsonb_build_object('reviewer', reviewer, 'queue', queue));
    END IF;
END
$$;
COMMENT ON FUNCTION hitl.leave_queue(text, text)
    IS 'ends a reviewer''s work on a queue; what they hold they may finish';

CREATE FUNCTION hitl.add_code(code text, description text, workflow text DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM hitl.require_name('decision code', code);
    IF workflow IS NOT NULL THEN
        PERFORM hitl.require_workflow(workflow);
    END IF;
    IF description IS NULL THEN
        RAISE EXCEPTION 'decision code "%" needs a description', code
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    INSERT INTO hitl.decision_code (code, workflow, description)
    VALUES (code, workflow, description)
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'decision code "%" exists already', code USING ERRCODE = 'duplicate_object';
    END IF;
    PERFORM hitl.log_event('code_added', workflow, jsonb_build_object('code', code));
END
$$;
COMMENT ON FUNCTION hitl.add_code(text, text, text)
    IS 'adds a decision code, for one workflow or (NULL) for all';

CREATE FUNCTION hitl.create_sla(
    name text, first_review interval DEFAULT NULL, resolution interval DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET intervalstyle = postgres
AS $$
BEGIN
    PERFORM hitl.require_name('SLA', name);
    IF num_nonnulls(first_review, resolution) = 0 THEN
        RAISE EXCEPTION 'SLA "%" has no clock', name
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Give first_review or resolution.';
    ELSIF least(first_review, resolution) <= '0' OR greatest(first_review, resolution) > '100 years' THEN
        RAISE EXCEPTION 'the clocks of SLA "%" are outside 0 to 100 years', name
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    INSERT INTO hitl.sla (name, first_review, resolution) VALUES (name, first_review, resolution)
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'SLA "%" exists already', name USING ERRCODE = 'duplicate_object';
    END IF;
    PERFORM hitl.log_event('sla_created', NULL,
                           jsonb_build_object('sla', name, 'first_review', first_review,
                                              'resolution', resolution));
END
$$;
COMMENT ON FUNCTION hitl.create_sla(text, interval, interval)
    IS 'makes an SLA: time to the first claim and time to the verdict, from the start of a task; days are 24 hours';

CREATE FUNCTION hitl.add_escalation(
    sla text, step int, to_queue text DEFAULT NULL, tier int DEFAULT NULL,
    lane int DEFAULT NULL, within interval DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET intervalstyle = postgres
AS $$
DECLARE
    next CONSTANT int := 1 + coalesce((SELECT max(e.step) FROM hitl.escalation_step e
                                       WHERE e.sla = add_escalation.sla), 0);
BEGIN
    PERFORM hitl.require_sla(sla);
    IF to_queue IS NOT NULL THEN
        PERFORM hitl.require_queue(to_queue);
    END IF;
    IF step IS DISTINCT FROM next THEN
        RAISE EXCEPTION 'step % of SLA "%" is out of order', coalesce(step::text, 'NULL'), sla
            USING ERRCODE = 'invalid_parameter_value', HINT = format('The next step is %s.', next);
    ELSIF num_nonnulls(to_queue, tier, lane, within) = 0 THEN
        RAISE EXCEPTION 'step % of SLA "%" does nothing', step, sla
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Give to_queue, tier, lane or within.';
    ELSIF tier < 1 OR lane NOT BETWEEN 0 AND 2 OR within <= '0' OR within > '100 years' THEN
        RAISE EXCEPTION 'step % of SLA "%" is not possible', step, sla
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'A tier is 1 or more, a lane 0 to 2, a window more than 0.';
    END IF;
    INSERT INTO hitl.escalation_step (sla, step, to_queue, tier, lane, within)
    VALUES (sla, step, to_queue, tier, lane, within);
    PERFORM hitl.log_event('escalation_added', NULL,
                           jsonb_strip_nulls(jsonb_build_object(
                               'sla', sla, 'step', step, 'to_queue', to_queue,
                               'tier', tier, 'lane', lane, 'within', within)));
END
$$;
COMMENT ON FUNCTION hitl.add_escalation(text, int, text, int, int, interval)
    IS 'adds what the next breach of an SLA does: move to a queue, demand a tier (the greater counts), set the lane, start a new window; steps are numbered from 1';
