-- Configuration: workflows, versioned policies, people, codes, clocks.  What
-- is impossible is refused with a reason; what was done is on record.
\set SHOW_CONTEXT never

-- What a statement is refused with: SQLSTATE, message, hint.
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

CREATE ROLE regress_hitl_pol;

-- A new workflow has its queue and no policy: everything goes to people.
SELECT hitl.create_workflow('pol', queue => 'pol_q', question => 'Is it right?');
SELECT name, queue, lane, sla, question, application, mode, policy_version
FROM hitl.workflow WHERE name = 'pol';
SELECT name, ordering, lease FROM hitl.queue WHERE name = 'pol_q';
-- The queue may be there already, and have its own ways.
SELECT hitl.create_queue('pol_slow', 'fifo', '2 hours');
SELECT hitl.create_sla('pol_sla', first_review => '10 minutes', resolution => '1 day');
SELECT hitl.create_workflow('pol2', 'pol_slow', lane => 0, sla => 'pol_sla',
                            application => 'regress_hitl_pol');
SELECT name, queue, lane, sla, question, application FROM hitl.workflow WHERE name = 'pol2';
SELECT name, ordering, lease FROM hitl.queue WHERE name = 'pol_slow';

-- Each call of set_policy makes a version and puts it in force.  What is not
-- named is as in the version before, and at first: no upper, lower 0, audits
-- of one in twenty.
SELECT hitl.set_policy('pol');
SELECT hitl.set_policy('pol', upper => 0.9);
SELECT hitl.set_policy('pol', lower => 0.25, audit_rate_reject => 1);
SELECT hitl.set_policy('pol', audit_rate_approve => 0);
SELECT hitl.set_policy('pol', 0.8, 0.8, 0.125, 0);
SELECT version, upper, lower, audit_rate_approve, audit_rate_reject,
       created_by = current_user AS mine
FROM hitl.policy WHERE workflow = 'pol' ORDER BY version;
SELECT policy_version FROM hitl.workflow WHERE name = 'pol';
-- The ends of the range are possible.
SELECT hitl.set_policy('pol', 1, 1, 1, 1), hitl.set_policy('pol', 0, 0, 0, 0);
-- -0 is 0.
SELECT hitl.set_policy('pol', upper => '-0', lower => '-0');
SELECT upper = 0 AS upper, lower = 0 AS lower FROM hitl.policy WHERE workflow = 'pol' AND version = 8;

-- A policy that cannot be is refused, and no version is made.
SELECT pg_temp.refusal(format('SELECT hitl.set_policy(%L, %s)', 'pol2', args)) AS refusal
FROM (VALUES (1, 'upper => ''NaN'''), (2, 'lower => ''NaN'''),
             (3, 'upper => ''Infinity'''), (4, 'lower => ''-Infinity'''),
             (5, 'upper => 1.0000001'), (6, 'upper => -0.1'),
             (7, 'upper => 0.9, lower => 1.5'), (8, 'upper => 0.2, lower => 0.3'),
             (9, 'audit_rate_approve => ''NaN'''), (10, 'audit_rate_approve => 1.5'),
             (11, 'audit_rate_reject => -1'), (12, 'audit_rate_reject => ''Infinity''')) AS v (n, args)
ORDER BY n;
SELECT count(*) AS versions FROM hitl.policy WHERE workflow = 'pol2';
-- Also when half of it comes from the version before.
SELECT hitl.set_policy('pol2', upper => 0.5, lower => 0.4);
SELECT pg_temp.refusal('SELECT hitl.set_policy(''pol2'', lower => 0.6)')
UNION ALL
SELECT pg_temp.refusal('SELECT hitl.set_policy(''pol2'', upper => 0.3)');
SELECT policy_version FROM hitl.workflow WHERE name = 'pol2';
-- A row written past the functions meets the constraints.
SELECT left(pg_temp.refusal(format('INSERT INTO hitl.policy (workflow, version, upper, lower, created_by)
                                    VALUES (''pol2'', 2, %L, %L, ''me'')', upper, lower)), 5) AS refusal
FROM (VALUES ('NaN', '0'), ('1.1', '0'), ('0.5', 'NaN'), ('0.5', '-1'), ('0.4', '0.5')) AS v (upper, lower);

-- The mode: a workflow without one goes by its policy.
SELECT hitl.set_mode('pol', 'manual');
SELECT mode FROM hitl.workflow WHERE name = 'pol';
SELECT hitl.set_mode('pol', 'in_loop');
SELECT mode FROM hitl.workflow WHERE name = 'pol';

-- Names: up to 63 bytes, not blank, without control characters.  Anything
-- else may stand in one.
SELECT n, pg_temp.refusal(format('SELECT hitl.create_workflow(%L, %L)', name, 'pol_q')) AS refusal
FROM (VALUES (1, NULL), (2, ''), (3, '   '), (4, repeat('x', 64)),
             (5, E'two\nlines'), (6, E'\x1b[31mred'), (7, E'del\x7f')) AS v (n, name)
ORDER BY n;
SELECT n, pg_temp.refusal(statement) AS refusal
FROM (VALUES (1, $$SELECT hitl.create_workflow('pol3', '')$$),
             (2, $$SELECT hitl.create_queue(E'\t')$$),
             (3, $$SELECT hitl.add_reviewer(NULL)$$),
             (4, $$SELECT hitl.add_code('', 'nothing')$$),
             (5, $$SELECT hitl.create_sla(repeat('s', 64), '1 hour')$$)) AS v (n, statement)
ORDER BY n;
SELECT hitl.create_workflow(repeat('x', 63), 'pol_q'),
       hitl.create_workflow($$Bob; DROP TABLE "hitl".'task' \ %s$$, 'pol_q');
SELECT hitl.set_policy(repeat('x', 63), upper => 0.5),
       hitl.set_policy($$Bob; DROP TABLE "hitl".'task' \ %s$$, upper => 0.5);
INSERT INTO hitl.decision (workflow, confidence)
VALUES (repeat('x', 63), 0.4), ($$Bob; DROP TABLE "hitl".'task' \ %s$$, 0.4)
RETURNING workflow, route;

-- What exists cannot be made again.
SELECT hitl.add_reviewer('pol_ann', login => 'regress_hitl_pol', tier => 2, max_open => 3);
SELECT hitl.add_code('POL_LATE', 'came too late', workflow => 'pol');
SELECT n, pg_temp.refusal(statement) AS refusal
FROM (VALUES (1, $$SELECT hitl.create_workflow('pol', 'pol_q')$$),
             (2, $$SELECT hitl.create_queue('pol_q')$$),
             (3, $$SELECT hitl.add_reviewer('pol_ann')$$),
             (4, $$SELECT hitl.add_reviewer('pol_bob', login => 'hitl_viewer');
                   SELECT hitl.add_reviewer('pol_cid', login => 'hitl_viewer')$$),
             (5, $$SELECT hitl.add_code('POL_LATE', 'again', 'pol')$$),
             (6, $$SELECT hitl.add_code('UNSAFE', 'again')$$),
             (7, $$SELECT hitl.create_sla('pol_sla', '1 hour')$$)) AS v (n, statement)
ORDER BY n;
-- A code of one workflow may be a code of another.
SELECT hitl.add_code('POL_LATE', 'came too late', 'pol2');

-- What does not exist cannot be used.
SELECT n, pg_temp.refusal(statement) AS refusal
FROM (VALUES (1, $$SELECT hitl.set_policy('pol_no', upper => 0.9)$$),
             (2, $$SELECT hitl.set_policy(NULL, upper => 0.9)$$),
             (3, $$SELECT hitl.set_mode('pol_no', 'manual')$$),
             (4, $$SELECT hitl.create_workflow('pol3', 'pol_q', sla => 'pol_no')$$),
             (5, $$SELECT hitl.create_workflow('pol3', 'pol_q', application => 'pol_no')$$),
             (6, $$SELECT hitl.add_reviewer('pol_dan', login => 'pol_no')$$),
             (7, $$SELECT hitl.join_queue('pol_no', 'pol_q')$$),
             (8, $$SELECT hitl.join_queue('pol_ann', 'pol_no')$$),
             (9, $$SELECT hitl.add_code('POL_X', 'x', 'pol_no')$$),
             (10, $$SELECT hitl.add_escalation('pol_no', 1, tier => 2)$$),
             (11, $$SELECT hitl.add_escalation('pol_sla', 1, to_queue => 'pol_no')$$)) AS v (n, statement)
ORDER BY n;

-- What makes no sense is refused.
SELECT n, pg_temp.refusal(statement) AS refusal
FROM (VALUES (1, $$SELECT hitl.create_workflow('pol3', 'pol_q', lane => 3)$$),
             (2, $$SELECT hitl.create_workflow('pol3', 'pol_q', lane => -1)$$),
             (3, $$SELECT hitl.create_workflow('pol3', 'pol_q', lane => NULL)$$),
             (4, $$SELECT hitl.set_mode('pol', 'autopilot')$$),
             (5, $$SELECT hitl.set_mode('pol', NULL)$$),
             (6, $$SELECT hitl.create_queue('pol_q2', ordering => 'random')$$),
             (7, $$SELECT hitl.create_queue('pol_q2', lease => '0')$$),
             (8, $$SELECT hitl.create_queue('pol_q2', lease => '-1 hour')$$),
             (9, $$SELECT hitl.create_queue('pol_q2', lease => NULL)$$),
             (10, $$SELECT hitl.create_queue('pol_q2', lease => '101 years')$$),
             (11, $$SELECT hitl.add_reviewer('pol_dan', tier => 0)$$),
             (12, $$SELECT hitl.add_reviewer('pol_dan', max_open => 0)$$),
             (13, $$SELECT hitl.add_code('POL_X', NULL)$$),
             (14, $$SELECT hitl.create_sla('pol_sla2')$$),
             (15, $$SELECT hitl.create_sla('pol_sla2', first_review => '0')$$),
             (16, $$SELECT hitl.create_sla('pol_sla2', '1 hour', '-1 hour')$$),
             (17, $$SELECT hitl.create_sla('pol_sla2', '1 hour', '101 years')$$),
             (18, $$SELECT hitl.add_escalation('pol_sla', 2, tier => 2)$$),
             (19, $$SELECT hitl.add_escalation('pol_sla', NULL, tier => 2)$$),
             (20, $$SELECT hitl.add_escalation('pol_sla', 1)$$),
             (21, $$SELECT hitl.add_escalation('pol_sla', 1, tier => 0)$$),
             (22, $$SELECT hitl.add_escalation('pol_sla', 1, lane => 3)$$),
             (23, $$SELECT hitl.add_escalation('pol_sla', 1, within => '0')$$)) AS v (n, statement)
ORDER BY n;
-- Nothing of what was refused was made.
SELECT (SELECT count(*) FROM hitl.workflow WHERE name = 'pol3')
     + (SELECT count(*) FROM hitl.queue WHERE name IN ('pol_q2', ''))
     + (SELECT count(*) FROM hitl.reviewer WHERE name IN ('pol_bob', 'pol_cid', 'pol_dan'))
     + (SELECT count(*) FROM hitl.sla WHERE name = 'pol_sla2')
     + (SELECT count(*) FROM hitl.escalation_step WHERE sla = 'pol_sla')
     + (SELECT count(*) FROM hitl.decision_code WHERE code = 'POL_X') AS made;

-- Joining twice and leaving twice do no harm.
SELECT hitl.join_queue('pol_ann', 'pol_q'), hitl.join_queue('pol_ann', 'pol_q');
SELECT reviewer, queue FROM hitl.membership WHERE reviewer = 'pol_ann';
SELECT hitl.leave_queue('pol_ann', 'pol_q'), hitl.leave_queue('pol_ann', 'pol_q');
SELECT count(*) FROM hitl.membership WHERE reviewer = 'pol_ann';
SELECT hitl.add_escalation('pol_sla', 1, tier => 2, within => '1 hour'),
       hitl.add_escalation('pol_sla', 2, to_queue => 'pol_q', lane => 0);
SELECT step, to_queue, tier, lane, within FROM hitl.escalation_step WHERE sla = 'pol_sla' ORDER BY step;

-- Who changed what is on record.  (Of a policy, here, what differs from the
-- defaults, and the old fields.)
SELECT kind, workflow,
       CASE kind WHEN 'policy_set' THEN
           jsonb_strip_nulls(detail) - '{blind,stages,approvals,auto_tune,on_invalid,on_timeout,veto_window,irreversible,overlap_rate,required_context}'::text[]
           ELSE detail END AS detail,
       actor = current_user AS mine
FROM hitl.event
WHERE workflow ~ '^pol' OR detail ->> 'queue' ~ '^pol' OR detail ->> 'sla' ~ '^pol'
   OR detail ->> 'reviewer' ~ '^pol'
ORDER BY id;

-- A change that is rolled back did not happen, for this session neither.
BEGIN;
SELECT hitl.set_policy('pol2', upper => 0.1, lower => 0, audit_rate_approve => 0);
INSERT INTO hitl.decision (workflow, confidence) VALUES ('pol2', 0.2) RETURNING route, policy_version;
ROLLBACK;
INSERT INTO hitl.decision (workflow, confidence) VALUES ('pol2', 0.45) RETURNING route, policy_version;

-- Roles outlive the database.
DELETE FROM hitl.reviewer WHERE name = 'pol_ann';
UPDATE hitl.workflow SET application = NULL WHERE name = 'pol2';
DROP ROLE regress_hitl_pol;
