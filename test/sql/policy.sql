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
SELECT field, left(pg_temp.refusal(format('INSERT INTO hitl.policy (workflow, version, created_by, %I)
                                           VALUES (''pol2'', 2, ''me'', %L)', field, value)), 5) AS refusal
FROM (VALUES ('base', '2'), ('novelty_limit', 'NaN'), ('novelty_limit', '0'), ('fairness_limit', 'NaN'),
             ('field_limit', 'NaN'), ('step_limit', '-1'), ('required_context', '{NULL}'), ('on_invalid', ''),
             ('on_timeout', ''), ('veto_window', '0'), ('challenger', '2'), ('target_error', '0'),
             ('confidence_level', 'NaN'), ('cost_error', 'Infinity'), ('cost_review', 'NaN'), ('approvals', '0'),
             ('overlap_rate', 'NaN')) AS v (field, value);

-- The mode: a workflow without one goes by its policy.
SELECT hitl.set_mode('pol', 'manual');
SELECT mode FROM hitl.workflow WHERE name = 'pol';
SELECT hitl.set_mode('pol', 'shadow'), hitl.set_mode('pol', 'on_loop');
SELECT mode FROM hitl.workflow WHERE name = 'pol';
SELECT hitl.set_mode('pol', 'in_loop');
SELECT mode FROM hitl.workflow WHERE name = 'pol';

-- All other fields, and what the columns are without a word.
CREATE FUNCTION pg_temp.fields(flow text, version int) RETURNS jsonb LANGUAGE sql
SET intervalstyle = postgres AS $$
    SELECT to_jsonb(p) - '{workflow,version,base,created_at,created_by}'::text[] FROM hitl.policy p
    WHERE p.workflow = flow AND p.version = fields.version $$;
SELECT hitl.create_workflow('pol4', 'pol_q'), hitl.create_queue('pol_fair'),
       hitl.create_sla('pol_soon', first_review => '1 minute');
SELECT hitl.set_policy('pol4');
SELECT jsonb_pretty(pg_temp.fields('pol4', 1));
SELECT hitl.set_policy('pol4', upper => 0.1::float8 + 0.2, lower => 1e-17, novelty_limit => 1e15,
    fairness_limit => 0.75, fairness_queue => 'pol_fair', fairness_sla => 'pol_soon', field_limit => 0.5,
    step_limit => 1, required_context => '{context.policy,subject,input.a b.c,tags}', irreversible => false,
    on_invalid => 'error', on_timeout => 'reject', veto_window => '1 mon 2 days 03:04:05.678901',
    queue => 'pol_slow', sla => 'pol_sla', challenger => 1, target_error => 0.01, confidence_level => 0.95,
    cost_error => 1234.5678, cost_review => 0, approvals => 1, overlap_rate => 0, stages => '{}', blind => false,
    auto_tune => false);
SELECT item, name, before, after FROM hitl.policy_diff('pol4', 1, 2);
-- Everything carries over, to the last digit, whatever the session's settings.
SET extra_float_digits = -10;
SET intervalstyle = iso_8601;
SET datestyle = 'German';
SELECT hitl.set_policy('pol4', cost_review => 0.1::float8 + 0.2), hitl.set_policy('pol4', step_limit => 0.1::float8 + 0.7);
RESET extra_float_digits; RESET intervalstyle; RESET datestyle;
SELECT item, name, before, after FROM hitl.policy_diff('pol4', 2, 4);
SELECT version, base, upper, lower, veto_window, required_context FROM hitl.policy
WHERE workflow = 'pol4' AND version > 1 ORDER BY 1;
-- The record says the same.
SELECT count(*) AS same FROM hitl.event e
WHERE e.workflow = 'pol4' AND e.kind = 'policy_set'
  AND e.detail - '{version,base}'::text[] = pg_temp.fields('pol4', (e.detail ->> 'version')::int);

-- reset: fields as they are at first; the others stay.
SELECT hitl.set_policy('pol4', upper => 0.9, reset => '{lower,on_timeout,novelty_limit,required_context,queue,veto_window}');
SELECT item, name, before, after FROM hitl.policy_diff('pol4', 4, 5);
SELECT hitl.set_policy('pol4', reset => '{}') AS made;
SELECT count(*) AS differences FROM hitl.policy_diff('pol4', 5, 6);
SELECT hitl.set_policy('pol4', reset => array_agg(f)) AS made FROM jsonb_object_keys(pg_temp.fields('pol4', 6)) AS f;
SELECT count(*) AS differences FROM hitl.policy_diff('pol4', 1, 7);

-- base: another version to start from, its rules too.
SELECT hitl.set_rule('pol4', 'one', '$.exposure > 1') AS made;
SELECT hitl.set_rule('pol4', 'two', '$.exposure > 2') AS made;
SELECT hitl.set_policy('pol4', upper => 0.7, base => 8) AS made;
SELECT hitl.set_policy('pol4', upper => 0.8, base => 1) AS made;
SELECT hitl.set_rule('pol4', 'three', '$.exposure > 3', base => 9) AS made;
SELECT hitl.drop_rule('pol4', 'one', base => 9) AS made;
SELECT p.version, p.base, p.upper, (SELECT string_agg(r.name || ' ' || r.position, ', ' ORDER BY r.position) FROM hitl.rule r
                                    WHERE r.workflow = p.workflow AND r.version = p.version) AS rules
FROM hitl.policy p WHERE workflow = 'pol4' AND version > 7 ORDER BY 1;

-- Drafts: stored, and not in force until somebody says so; then back again.
SELECT hitl.set_policy('pol4', upper => 0.6, in_force => false) AS draft;
SELECT hitl.set_rule('pol4', 'four', '$.exposure > 4', base => 14, in_force => false) AS draft;
SELECT hitl.drop_rule('pol4', 'two', base => 15, in_force => false) AS draft;
SELECT policy_version FROM hitl.workflow WHERE name = 'pol4';
INSERT INTO hitl.decision (workflow, confidence) VALUES ('pol4', 0.65) RETURNING policy_version, gate_route;
SELECT hitl.set_policy('pol4', upper => 0.9, challenger => 14) AS made;
INSERT INTO hitl.decision (workflow, confidence) VALUES ('pol4', 0.65) RETURNING policy_version, gate_route;
SELECT hitl.activate_policy('pol4', 14);
INSERT INTO hitl.decision (workflow, confidence) VALUES ('pol4', 0.65) RETURNING policy_version, gate_route;
SELECT hitl.activate_policy('pol4', 17);
INSERT INTO hitl.decision (workflow, confidence) VALUES ('pol4', 0.65) RETURNING policy_version, gate_route;
-- The next one starts from what is in force, and has a number of its own.
SELECT hitl.set_policy('pol4', lower => 0.1) AS made;
SELECT version, base, upper, lower, challenger FROM hitl.policy WHERE workflow = 'pol4' AND version > 13 ORDER BY 1;
SELECT kind, CASE kind WHEN 'policy_activated' THEN detail ELSE detail -> 'version' END AS detail
FROM hitl.event WHERE workflow = 'pol4' ORDER BY id DESC LIMIT 7;

-- Refused, and nothing is made of it.
SELECT n, args, pg_temp.refusal(format('SELECT hitl.set_policy(%L, %s)', 'pol4', args)) AS refusal
FROM (VALUES (1, 'novelty_limit => 0'), (2, 'novelty_limit => -1'), (3, 'novelty_limit => ''NaN'''),
             (4, 'novelty_limit => ''Infinity'''),
             (5, 'fairness_limit => 1.1'), (6, 'fairness_limit => ''NaN'''), (7, 'field_limit => -0.1'),
             (8, 'field_limit => ''NaN'''), (9, 'step_limit => 2'), (10, 'step_limit => ''-Infinity'''),
             (11, 'fairness_queue => ''pol_no'''), (12, 'fairness_sla => ''pol_no'''),
             (13, 'queue => ''pol_no'''), (14, 'sla => ''pol_no'''), (15, 'queue => '''''),
             (16, 'on_invalid => ''ignore'''), (17, 'on_invalid => '''''), (18, 'on_timeout => ''amend'''),
             (19, 'veto_window => ''0'''), (20, 'veto_window => ''-1 hour'''),
             (21, 'veto_window => ''101 years'''),
             (22, 'challenger => 99'), (23, 'challenger => 19'), (24, 'challenger => 0'), (25, 'challenger => -1'),
             (26, 'target_error => 0'), (27, 'target_error => 1'), (28, 'target_error => ''NaN'''),
             (29, 'confidence_level => 1'), (30, 'confidence_level => ''NaN'''),
             (31, 'cost_error => -1'), (32, 'cost_error => ''NaN'''), (33, 'cost_review => ''Infinity'''),
             (34, 'required_context => ''{confidence,nothing}'''), (35, 'required_context => ''{context..a}'''),
             (36, 'required_context => ''{context.}'''), (37, 'required_context => ''{.context}'''),
             (38, 'required_context => ''{""}'''), (39, 'required_context => ''{NULL}'''),
             (40, 'required_context => ''{route}'''), (41, 'required_context => ''{subject.a}'''),
             (42, 'required_context => ''{Context}'''), (43, 'required_context => ''{{context},{input}}'''),
             (44, 'approvals => 101'), (45, 'approvals => 0'), (46, 'overlap_rate => 1.1'),
             (47, 'overlap_rate => ''NaN'''), (48, 'stages => ''{triage,triage}'''), (49, 'stages => ''{NULL}'''),
             (50, 'blind_rate => -1'), (51, 'auto_tune => true'),
             (62, 'panel => 0'), (63, 'panel => 101'), (64, 'approvals => 3, panel => 2'),
             (65, 'blind_rate => ''NaN'''), (66, 'stages => ''{triage,""}'''), (67, 'stages => ''{{a},{b}}'''),
             (68, $x$stages => E'{a\nb}'$x$), (69, 'step_up => ''{cert," "}'''), (70, 'step_up => ''{cert,cert}'''),
             (71, 'step_up_tier => 0'), (72, 'rubric => 1'), (73, 'max_resubmits => -1'),
             (74, 'resubmit_window => ''0'''), (75, 'resubmit_window => ''101 years'''),
             (76, format('stages => %L', ARRAY[repeat('x', 64)])),
             (52, 'reset => ''{no_such}'''), (53, 'reset => ''{version}'''), (54, 'reset => ''{NULL}'''),
             (55, 'upper => 0.5, reset => ''{lower,upper}'''), (56, 'reset => ''{created_by}'''),
             (57, 'base => 99'), (58, 'base => 0'), (59, 'base => 99, in_force => false'),
             (60, 'upper => 2, in_force => false'), (61, 'upper => 0.05'),
             (77, 'rubric => 1, reset => ''{rubric}''')) AS v (n, args)
ORDER BY n;
SELECT n, pg_temp.refusal(statement) AS refusal
FROM (VALUES (1, $$SELECT hitl.activate_policy('pol4', 99)$$), (2, $$SELECT hitl.activate_policy('pol4', NULL)$$),
             (3, $$SELECT hitl.activate_policy('pol_no', 1)$$), (4, $$SELECT hitl.activate_policy('pol2', 3)$$),
             (5, $$SELECT hitl.set_rule('pol4', 'x', '$.exposure > 1', base => 99)$$),
             (6, $$SELECT hitl.drop_rule('pol4', 'two', base => 1)$$),
             (7, $$SELECT hitl.drop_rule('pol4', 'two', base => 99)$$),
             -- of another workflow
             (8, $$SELECT hitl.set_policy('pol2', challenger => 9)$$),
             (9, $$SELECT hitl.set_policy('pol2', base => 9)$$)) AS v (n, statement)
ORDER BY n;
SELECT policy_version, (SELECT max(version) FROM hitl.policy WHERE workflow = 'pol4') AS last,
       (SELECT count(*) FROM hitl.rule WHERE workflow = 'pol4' AND version > 18) AS rules,
       (SELECT detail ->> 'version' FROM hitl.event ORDER BY id DESC LIMIT 1) AS last_event
FROM hitl.workflow WHERE name = 'pol4';

-- A workflow that always needs a person: neither mode nor timeout gets round
-- it, whichever came first.
SELECT hitl.create_workflow('pol5', 'pol_q', always_human => true, mode => 'in_loop'),
       hitl.create_workflow('pol6', 'pol_q', mode => 'on_loop'), hitl.create_workflow('pol7', 'pol_q', mode => 'shadow');
SELECT hitl.set_policy('pol7', upper => 0.5, on_timeout => 'approve') AS made;
SELECT hitl.set_policy('pol7', on_timeout => 'hold') AS made;
SELECT n, pg_temp.refusal(statement) AS refusal
FROM (VALUES (1, $$SELECT hitl.create_workflow('pol8', 'pol_q', always_human => true, mode => 'on_loop')$$),
             (2, $$SELECT hitl.create_workflow('pol8', 'pol_q', always_human => NULL)$$),
             (3, $$SELECT hitl.create_workflow('pol8', 'pol_q', mode => 'autopilot')$$),
             (4, $$SELECT hitl.set_mode('pol5', 'on_loop')$$),
             (5, $$SELECT hitl.set_policy('pol5', upper => 0.9, on_timeout => 'approve')$$),
             (6, $$SELECT hitl.set_policy('pol5', on_timeout => 'reject', in_force => false)$$),
             (7, $$SELECT hitl.set_always_human('pol6')$$),
             (8, $$SELECT hitl.set_always_human('pol6', NULL)$$),
             (9, $$SELECT hitl.set_policy('pol6', on_timeout => 'reject');
                   SELECT hitl.set_mode('pol6', 'in_loop'); SELECT hitl.set_always_human('pol6')$$),
             (10, $$SELECT hitl.set_always_human('pol7'); SELECT hitl.activate_policy('pol7', 1)$$)) AS v (n, statement)
ORDER BY n;
SELECT name, mode, always_human, policy_version FROM hitl.workflow WHERE name IN ('pol5', 'pol6', 'pol7', 'pol8') ORDER BY 1;
SELECT hitl.set_always_human('pol7'), hitl.set_always_human('pol7');
SELECT hitl.set_policy('pol5', upper => 0.9, on_timeout => 'hold') AS made;
SELECT hitl.set_always_human('pol7', false), hitl.activate_policy('pol7', 1);
SELECT kind, detail FROM hitl.event WHERE workflow = 'pol7' AND kind <> 'policy_set' ORDER BY id;

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
             (24, $$SELECT hitl.add_reviewer('clock')$$),
             (25, $$SELECT hitl.add_reviewer('policy', login => 'hitl_viewer')$$),
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
           - '{panel,step_up,blind_rate,explanation,step_up_tier,resubmit_window}'::text[]
           ELSE detail END AS detail,
       actor = current_user AS mine
FROM hitl.event
WHERE (workflow ~ '^pol' OR detail ->> 'queue' ~ '^pol' OR detail ->> 'sla' ~ '^pol'
       OR detail ->> 'reviewer' ~ '^pol')
  AND coalesce(workflow, '') !~ '^pol[4-7]'
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
