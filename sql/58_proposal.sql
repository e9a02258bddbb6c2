-- What changes a workflow as a whole: mode, kill switch, policy in force.  Of
-- a protected workflow, what could make more automatic is first a proposal,
-- and takes effect when a second admin confirms it; what makes less so never
-- waits.  The workflow is locked before its proposals, everywhere.

-- What a proposal of this kind would replace.
CREATE FUNCTION hitl.state(flow hitl.workflow, kind text)
RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(CASE kind
        WHEN 'policy' THEN to_jsonb(flow.policy_version)
        WHEN 'mode' THEN to_jsonb(flow.mode)
        WHEN 'resume' THEN to_jsonb(flow.kill_reason)
        WHEN 'protect' THEN to_jsonb(flow.two_admins)
        WHEN 'always_human' THEN to_jsonb(flow.always_human)
        WHEN 'baseline' THEN to_jsonb(flow.baseline) END, 'null')
$$;
COMMENT ON FUNCTION hitl.state(hitl.workflow, text)
    IS 'what a change of this kind, as in proposal, would replace';

CREATE FUNCTION hitl.require_possible(flow hitl.workflow, kind text, wanted jsonb)
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF kind = 'policy' THEN
        PERFORM hitl.require_sound(flow, hitl.require_policy(flow, wanted::int));
    ELSIF kind = 'mode' THEN
        PERFORM hitl.require_mode(flow.name, flow.always_human, wanted #>> '{}');
    ELSIF kind = 'resume' AND flow.kill_reason IS NULL THEN
        RAISE EXCEPTION 'workflow "%" is not killed', flow.name
            USING ERRCODE = 'object_not_in_prerequisite_state';
    ELSIF kind = 'always_human' AND wanted::boolean THEN
        IF flow.mode = 'on_loop' THEN
            RAISE EXCEPTION 'workflow "%" is in mode on_loop, so it cannot always need a person', flow.name
                USING ERRCODE = 'ZH008', HINT = format('First hitl.set_mode(%L, ''in_loop'').', flow.name);
        ELSIF EXISTS (SELECT FROM hitl.policy p
                      WHERE p.workflow = flow.name AND p.version = flow.policy_version
                        AND p.on_timeout <> 'hold') THEN
            RAISE EXCEPTION 'a timeout decides in workflow "%", so it cannot always need a person', flow.name
                USING ERRCODE = 'ZH008',
                      HINT = format('First hitl.set_policy(%L, on_timeout => ''hold'').', flow.name);
        END IF;
    END IF;
END
$$;
COMMENT ON FUNCTION hitl.require_possible(hitl.workflow, text, jsonb)
    IS 'raises unless this change can be made to the workflow as it is';

CREATE FUNCTION hitl.carry_out(flow hitl.workflow, kind text, wanted jsonb)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    detail CONSTANT jsonb := jsonb_build_object('from', hitl.state(flow, kind), 'to', wanted);
BEGIN
    PERFORM hitl.require_possible(flow, kind, wanted);
    IF kind = 'policy' THEN
        UPDATE hitl.workflow w SET policy_version = wanted::int WHERE w.name = flow.name;
        PERFORM hitl.log_event('policy_activated', flow.name, detail);
    ELSIF kind = 'mode' THEN
        UPDATE hitl.workflow w SET mode = wanted #>> '{}' WHERE w.name = flow.name;
        PERFORM hitl.log_event('mode_set', flow.name, detail);
    ELSIF kind = 'resume' THEN
        UPDATE hitl.workflow w SET kill_reason = NULL WHERE w.name = flow.name;
        PERFORM hitl.log_event('resumed', flow.name, jsonb_build_object('killed_for', flow.kill_reason));
    ELSIF kind = 'protect' THEN
        UPDATE hitl.workflow w SET two_admins = wanted::boolean WHERE w.name = flow.name;
        PERFORM hitl.log_event('protection_set', flow.name, detail);
    ELSIF kind = 'always_human' THEN
        UPDATE hitl.workflow w SET always_human = wanted::boolean WHERE w.name = flow.name;
        PERFORM hitl.log_event('always_human_set', flow.name, detail);
    ELSIF kind = 'baseline' THEN
        UPDATE hitl.workflow w SET baseline = nullif(wanted, 'null')::int WHERE w.name = flow.name;
        PERFORM hitl.log_event('baseline_set', flow.name, detail);
    END IF;
END
$$;
COMMENT ON FUNCTION hitl.carry_out(hitl.workflow, text, jsonb)
    IS 'makes a change to a locked workflow, of a kind as in proposal';

CREATE FUNCTION hitl.propose(flow hitl.workflow, kind text, wanted jsonb)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    made hitl.proposal;
BEGIN
    PERFORM hitl.require_possible(flow, kind, wanted);
    INSERT INTO hitl.proposal (workflow, kind, detail, version, proposed_by, proposed_login)
    VALUES (flow.name, kind, jsonb_build_object('from', hitl.state(flow, kind), 'to', wanted),
            CASE kind WHEN 'policy' THEN wanted::int END, hitl.actor(), session_user)
    RETURNING * INTO made;
    PERFORM hitl.log_event('proposed', flow.name, to_jsonb(made));
    RAISE NOTICE 'workflow "%" is protected, so this waits for a second admin as proposal %',
                 flow.name, made.id
        USING HINT = format('Another admin puts it in force by SELECT hitl.confirm(%s).', made.id);
END
$$;
COMMENT ON FUNCTION hitl.propose(hitl.workflow, text, jsonb)
    IS 'leaves a change to a locked workflow for a second admin, and says so';

CREATE FUNCTION hitl.change(flow hitl.workflow, kind text, wanted jsonb, at_once boolean)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF flow.two_admins AND NOT at_once THEN
        PERFORM hitl.propose(flow, kind, wanted);
    ELSE
        PERFORM hitl.carry_out(flow, kind, wanted);
    END IF;
END
$$;
COMMENT ON FUNCTION hitl.change(hitl.workflow, text, jsonb, boolean)
    IS 'makes a change to a locked workflow; if that is protected and the change cannot be made at once, proposes it';

CREATE FUNCTION hitl.set_mode(workflow text, mode text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    flow CONSTANT hitl.workflow := hitl.require_workflow(workflow);
BEGIN
    PERFORM hitl.require_mode(workflow, flow.always_human, mode);
    PERFORM hitl.change(flow, 'mode', to_jsonb(mode), mode = 'manual');
END
$$;
COMMENT ON FUNCTION hitl.set_mode(text, text)
    IS 'manual: all decisions to people; shadow: nothing takes effect, what the policy says is on record; in_loop: the policy decides; on_loop: the grey band takes effect at once, open to a veto';

CREATE FUNCTION hitl.set_always_human(workflow text, always_human boolean DEFAULT true)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    flow CONSTANT hitl.workflow := hitl.require_workflow(workflow);
BEGIN
    IF always_human IS NULL THEN
        RAISE EXCEPTION 'always_human must not be null' USING ERRCODE = 'null_value_not_allowed';
    ELSIF always_human <> flow.always_human THEN
        PERFORM hitl.change(flow, 'always_human', to_jsonb(always_human), always_human);
    END IF;
END
$$;
COMMENT ON FUNCTION hitl.set_always_human(text, boolean)
    IS 'whether nothing of the workflow is ever final without a person; ZH008 while its mode is on_loop or a timeout decides';

CREATE FUNCTION hitl.kill(workflow text, reason text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    gone hitl.proposal;
BEGIN
    PERFORM hitl.require_workflow(workflow);
    IF reason IS NULL OR btrim(reason) = '' THEN
        RAISE EXCEPTION 'to kill workflow "%" needs a reason', workflow
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Whoever resumes it will read it.';
    END IF;
    UPDATE hitl.workflow w SET kill_reason = reason WHERE w.name = kill.workflow;
    PERFORM hitl.log_event('killed', workflow, jsonb_build_object('reason', reason));
    -- To end an earlier kill is not to end this one.
    FOR gone IN
        DELETE FROM hitl.proposal p WHERE p.workflow = kill.workflow AND p.kind = 'resume'
        RETURNING *
    LOOP
        PERFORM hitl.log_event('proposal_withdrawn', workflow,
                               to_jsonb(gone) || jsonb_build_object('reason', 'killed again'));
    END LOOP;
END
$$;
COMMENT ON FUNCTION hitl.kill(text, text)
    IS 'sends every decision of the workflow to people until hitl.resume: once this has committed, no statement that starts later decides anything automatically';

CREATE FUNCTION hitl.resume(workflow text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM hitl.change(hitl.require_workflow(workflow), 'resume', 'null', false);
END
$$;
COMMENT ON FUNCTION hitl.resume(text)
    IS 'ends a kill: the mode and policy as they are count again; 55000 if the workflow is not killed';

CREATE FUNCTION hitl.protect(workflow text, protected boolean DEFAULT true)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    flow CONSTANT hitl.workflow := hitl.require_workflow(workflow);
BEGIN
    IF protected IS NULL THEN
        RAISE EXCEPTION 'protected must not be null' USING ERRCODE = 'null_value_not_allowed';
    ELSIF protected <> flow.two_admins THEN
        PERFORM hitl.change(flow, 'protect', to_jsonb(protected), protected);
    END IF;
END
$$;
COMMENT ON FUNCTION hitl.protect(text, boolean)
    IS 'whether changes of the workflow that could make more automatic need a second admin: set_policy, set_rule, drop_rule, activate_policy, set_mode but to manual, set_always_human(..., false), learn_baseline over another, drop_baseline, resume, and the end of this protection; they leave a row in hitl.proposal';

CREATE FUNCTION hitl.confirm(proposal bigint)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    waiting hitl.proposal;
    flow    hitl.workflow;
BEGIN
    SELECT * INTO waiting FROM hitl.proposal p WHERE p.id = confirm.proposal;
    IF FOUND THEN
        flow := hitl.require_workflow(waiting.workflow);
        DELETE FROM hitl.proposal p WHERE p.id = confirm.proposal;
    END IF;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'proposal % is not open', coalesce(proposal::text, 'NULL')
            USING ERRCODE = 'undefined_object',
                  HINT = 'It was confirmed or withdrawn before, or was never made.';
    ELSIF ARRAY[hitl.actor(), session_user::name] && ARRAY[waiting.proposed_by, waiting.proposed_login] THEN
        RAISE EXCEPTION 'proposal % is your own', proposal
            USING ERRCODE = 'ZH005',
                  HINT = 'Somebody else must confirm it: another role, and another login.';
    ELSIF waiting.detail -> 'from' <> hitl.state(flow, waiting.kind) THEN
        RAISE EXCEPTION 'proposal % was made from % %, in force is %', proposal,
                        CASE waiting.kind WHEN 'policy' THEN 'version' ELSE waiting.kind END,
                        waiting.detail -> 'from', hitl.state(flow, waiting.kind)
            USING ERRCODE = 'ZH008',
                  HINT = format('Propose it anew, and end this one by hitl.withdraw_proposal(%s, ''...'').', proposal);
    END IF;
    PERFORM hitl.log_event('confirmed', flow.name, to_jsonb(waiting));
    PERFORM hitl.carry_out(flow, waiting.kind, waiting.detail -> 'to');
END
$$;
COMMENT ON FUNCTION hitl.confirm(bigint)
    IS 'puts a proposal of another admin in force; ZH005 for one''s own, whether by role or by login, ZH008 if what it would replace is no longer in force, 42704 if it is not open';

CREATE FUNCTION hitl.withdraw_proposal(proposal bigint, reason text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    gone hitl.proposal;
BEGIN
    IF reason IS NULL OR btrim(reason) = '' THEN
        RAISE EXCEPTION 'to withdraw proposal % needs a reason', coalesce(proposal::text, 'NULL')
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    DELETE FROM hitl.proposal p WHERE p.id = withdraw_proposal.proposal RETURNING * INTO gone;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'proposal % is not open', coalesce(proposal::text, 'NULL')
            USING ERRCODE = 'undefined_object',
                  HINT = 'It was confirmed or withdrawn before, or was never made.';
    END IF;
    PERFORM hitl.log_event('proposal_withdrawn', gone.workflow,
                           to_jsonb(gone) || jsonb_build_object('reason', reason));
END
$$;
COMMENT ON FUNCTION hitl.withdraw_proposal(bigint, text)
    IS 'ends a proposal, one''s own or not, without effect; 42704 if it is not open';
