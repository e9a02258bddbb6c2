-- Who may do and see what.  PUBLIC has nothing.  Applications insert through
-- the gate and read their own; reviewers execute the review functions and
-- read no table; viewers read.  Nobody is granted a write to a table.

REVOKE ALL ON SCHEMA hitl FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA hitl FROM PUBLIC;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA hitl FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA hitl FROM PUBLIC;

GRANT USAGE ON SCHEMA hitl
    TO hitl_application, hitl_reviewer, hitl_viewer, hitl_delegate;

-- Applications: all columns but the gate's; what the defaults, the condition
-- of the trigger and the policies below call.  They do not read the audit
-- lottery.  (That a task was made can still be told within one's transaction,
-- by the server's own statistics and locks.)
GRANT INSERT (workflow, input, output, confidence, model, subject, reasoning, alternatives,
              context, signals, exposure, reversible, cohort, question, tags, parent, request_id)
    ON hitl.decision TO hitl_application;
GRANT SELECT (id, created_at, created_by, workflow, input, output, confidence, model, subject,
              reasoning, alternatives, context, signals, exposure, reversible, cohort, question,
              tags, parent, request_id, policy_version, gate_route, route, reasons, lane)
    ON hitl.decision TO hitl_application;
GRANT SELECT ON hitl.outcome TO hitl_application;
GRANT SELECT (id, created_at, decision, kind, reviewer, action, output, code, final, outcome,
              delta, explanation)
    ON hitl.verdict TO hitl_application;
GRANT EXECUTE ON FUNCTION hitl.uuidv7(), hitl.actor(), hitl.find_request(text, text),
    hitl.submit(text, jsonb, jsonb, float8, text, text, text, text, jsonb, jsonb, jsonb, numeric,
                boolean, jsonb, text, text[], uuid),
    hitl.needs_task(uuid)
    TO hitl_application;

-- Reviewers, and those who act for them.
GRANT EXECUTE ON FUNCTION
    hitl.claim(int, text[], text), hitl.packet(bigint, text, bigint),
    hitl.peek(int, text[], text), hitl.held(text),
    hitl.approve(bigint, text, text, bigint, jsonb),
    hitl.reject(bigint, text, text, text, bigint, text, jsonb),
    hitl.amend(bigint, jsonb, text, text, text, bigint, text, jsonb),
    hitl.judge(bigint, jsonb, text, bigint),
    hitl.decide(jsonb, text),
    hitl.decide_like(bigint, text, text, text, jsonb, text[], int, text, bigint, text, jsonb),
    hitl.release(bigint, text, bigint)
    TO hitl_reviewer, hitl_delegate;
GRANT EXECUTE ON FUNCTION
    hitl.extend(bigint, text, bigint), hitl.escalate(bigint, text, text, text, bigint),
    hitl.ask(bigint, text, interval, text, bigint)
    TO hitl_reviewer, hitl_delegate;
GRANT EXECUTE ON FUNCTION
    hitl.answer(uuid, text), hitl.open_questions() TO hitl_application, hitl_lead;
GRANT EXECUTE ON FUNCTION hitl.withdraw(uuid, text) TO hitl_application;
GRANT EXECUTE ON FUNCTION
    hitl.reassign(bigint, text, text, text), hitl.requeue(bigint, text, int, int, text, text),
    hitl.recall(bigint, text, text), hitl.recall_all(text, text, text)
    TO hitl_lead, hitl_delegate;
GRANT EXECUTE ON FUNCTION hitl.step_up(bigint, text, text, bigint) TO hitl_delegate;
GRANT SELECT ON hitl.inbox, hitl.my_tasks TO hitl_reviewer;
GRANT EXECUTE ON FUNCTION
    hitl.veto(uuid, text, text),
    hitl.correct(uuid, jsonb, text, text, text, text)
    TO hitl_reviewer, hitl_delegate, hitl_lead;

-- Viewers: no input, reasoning, alternatives or context.
GRANT SELECT (id, created_at, created_by, workflow, output, confidence, model, subject, exposure,
              reversible, cohort, tags, parent, request_id, policy_version, gate_route, route,
              reasons, lane, audit_u, propensity, challenger_route)
    ON hitl.decision TO hitl_viewer;
GRANT SELECT ON hitl.verdict, hitl.event, hitl.workflow, hitl.policy, hitl.rule, hitl.queue,
    hitl.reviewer, hitl.reviewer_login, hitl.membership, hitl.credential, hitl.absence, hitl.shift,
    hitl.rubric, hitl.confidence_map, hitl.gold, hitl.sla, hitl.escalation_step, hitl.decision_code,
    hitl.proposal, hitl.baseline, hitl.audit_draw, hitl.audit_pick
    TO hitl_viewer;
-- Of a task not what the holder judged and was shown; the events of those who
-- judged say so, which is one reason why a reviewer must not be a viewer.
GRANT SELECT (id, decision, workflow, kind, queue, lane, tier, sort_key, submitter, submitter_login,
              created_at, question, sla, step, first_review_at, resolution_at, due_at, wake_at, holder,
              lease, lease_until, claimed_at, stage, skills, approvals, panel, exposure, confidence,
              excluded, passed, blind, asked_at, asked_until, policy_version, on_behalf_of, login_method)
    ON hitl.task TO hitl_viewer;
GRANT SELECT ON hitl.task_history, hitl.outcome, hitl.label, hitl.workflow_report, hitl.trigger_report, hitl.calibration_state,
    hitl.calibration, hitl.reliability, hitl.queue_status, hitl.challenger_disagreement,
    hitl.challenger_report, hitl.gold_verdict, hitl.person_verdict, hitl.independent_verdict,
    hitl.agreement, hitl.reviewer_report, hitl.reviewer_alarm, hitl.anchoring_report TO hitl_viewer;
GRANT EXECUTE ON FUNCTION hitl.uuid_time(uuid), hitl.uuid_floor(timestamptz), hitl.actor()
    TO hitl_viewer;

GRANT EXECUTE ON FUNCTION hitl.check(), hitl.doctor(),
    hitl.pause_reviewer(text, text), hitl.resume_reviewer(text)
    TO hitl_lead;
GRANT EXECUTE ON FUNCTION hitl.policy_diff(text, int, int), hitl.explain(uuid) TO hitl_viewer;
GRANT EXECUTE ON FUNCTION hitl.decision_path(uuid) TO hitl_viewer, hitl_application;
GRANT EXECUTE ON FUNCTION hitl.digest(jsonb), hitl.diff(jsonb, jsonb)
    TO hitl_application, hitl_reviewer, hitl_delegate;
GRANT EXECUTE ON FUNCTION hitl.packet_hash(uuid), hitl.open_depth(text), hitl.held_depth(),
    hitl.open_estimate(text, smallint) TO hitl_viewer;
GRANT EXECUTE ON FUNCTION hitl.draw_audit(text, int, timestamptz, timestamptz),
    hitl.replay(text, timestamptz, timestamptz, int, float8, float8, float8, float8, float8, float8,
                float8, float8, boolean, text[])
    TO hitl_lead;

GRANT EXECUTE ON FUNCTION
    hitl.create_queue(text, text, interval, interval, interval, float8, float8),
    hitl.set_queue(text, text, interval, interval, interval, float8, float8, text[]),
    hitl.create_workflow(text, text, text, regrole, int, text, boolean, text, int, text),
    hitl.set_workflow(text, text, text, int, text, int, text, regrole, text[]),
    hitl.set_mode(text, text), hitl.kill(text, text), hitl.resume(text),
    hitl.set_policy(text, float8, float8, float8, float8, float8, float8, text, text, float8, float8,
                    text[], boolean, text, text, interval, text, text, int, float8, float8, float8,
                    float8, int, int, text[], float8, boolean, float8, text[], int, boolean, int, int,
                    interval, boolean, text[], int, boolean),
    hitl.set_rule(text, text, jsonpath, text, int, int, text, text, text, text, text[], int, int, int,
                  boolean),
    hitl.drop_rule(text, text, int, boolean),
    hitl.activate_policy(text, int), hitl.set_always_human(text, boolean),
    hitl.protect(text, boolean), hitl.confirm(bigint), hitl.withdraw_proposal(bigint, text),
    hitl.learn_baseline(text, timestamptz, int), hitl.drop_baseline(text),
    hitl.add_reviewer(text, regrole, int, text[], int, interval, int, int),
    hitl.set_reviewer(text, regrole, int, text[], int, interval, int, int, text[]),
    hitl.add_login(text, regrole), hitl.drop_login(regrole),
    hitl.grant_credential(text, text, timestamptz), hitl.revoke_credential(text, text),
    hitl.set_absence(text, timestamptz, timestamptz, text), hitl.end_absence(bigint),
    hitl.set_rubric(text, jsonb),
    hitl.add_gold(uuid, text, jsonb, text), hitl.retire_gold(uuid),
    hitl.learn_confidence(text, timestamptz), hitl.drop_confidence(text),
    hitl.join_queue(text, text), hitl.leave_queue(text, text),
    hitl.add_code(text, text, text),
    hitl.create_sla(text, interval, interval),
    hitl.add_escalation(text, int, text, int, int, interval),
    hitl.tick(), hitl.make_partitions(int), hitl.start_worker(), hitl.adopt(regclass)
    TO hitl_admin;

-- The statistics are for whoever reads: every function over or about calib,
-- and every aggregate.
DO $$
DECLARE
    f regprocedure;
BEGIN
    FOR f IN
        SELECT p.oid
        FROM pg_proc p
        WHERE p.pronamespace = 'hitl'::regnamespace
          AND p.provolatile = 'i' AND p.proparallel = 's'
          AND p.proname NOT LIKE 'require\_%'
    LOOP
        EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO hitl_viewer', f);
    END LOOP;
END
$$;

-- An application sees what it inserted, and the workflows whose application
-- it is; a viewer sees all rows.
CREATE FUNCTION hitl.own_workflows()
RETURNS text[]
LANGUAGE sql STABLE PARALLEL RESTRICTED
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(array_agg(w.name::text), '{}')
    FROM hitl.workflow w
    WHERE w.application IS NOT NULL AND pg_has_role(hitl.actor(), w.application, 'USAGE')
$$;
COMMENT ON FUNCTION hitl.own_workflows()
    IS 'the workflows whose application the acting role is a member of';
REVOKE ALL ON FUNCTION hitl.own_workflows() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION hitl.own_workflows() TO hitl_application;

ALTER TABLE hitl.decision ENABLE ROW LEVEL SECURITY;
ALTER TABLE hitl.decision FORCE ROW LEVEL SECURITY;
CREATE POLICY application_inserts ON hitl.decision FOR INSERT TO hitl_application
    WITH CHECK (true);
CREATE POLICY application_reads ON hitl.decision FOR SELECT TO hitl_application
    USING (created_by = (SELECT hitl.actor())
           OR workflow = ANY ((SELECT hitl.own_workflows())::text[]));
CREATE POLICY viewer_reads ON hitl.decision FOR SELECT TO hitl_viewer
    USING (true);

ALTER TABLE hitl.verdict ENABLE ROW LEVEL SECURITY;
ALTER TABLE hitl.verdict FORCE ROW LEVEL SECURITY;
CREATE POLICY application_reads ON hitl.verdict FOR SELECT TO hitl_application
    -- what only measures reviewers is not about the case
    USING (kind IS DISTINCT FROM 'gold' AND kind IS DISTINCT FROM 'overlap'
           AND EXISTS (SELECT FROM hitl.decision d WHERE d.id = verdict.decision));
CREATE POLICY viewer_reads ON hitl.verdict FOR SELECT TO hitl_viewer
    USING (true);
