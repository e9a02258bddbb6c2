-- Queues, workflows and people as admins configure them: each function leaves
-- a row and an event, and refuses what cannot be.
\set SHOW_CONTEXT never
SET timezone = 'UTC';
SET intervalstyle = 'postgres';

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
-- The events since this was asked last.
CREATE TEMP TABLE seen AS SELECT max(id) AS id FROM hitl.event;
CREATE FUNCTION pg_temp.news() RETURNS TABLE (kind text, workflow text, detail jsonb)
LANGUAGE sql AS $$
    WITH latest AS (UPDATE seen SET id = (SELECT max(e.id) FROM hitl.event e) RETURNING 1)
    SELECT e.kind, e.workflow, e.detail FROM hitl.event e, seen s WHERE e.id > s.id AND e.actor = current_user
    ORDER BY e.id
$$;

CREATE ROLE regress_hitl_ann IN ROLE hitl_reviewer;
CREATE ROLE regress_hitl_ann2 IN ROLE hitl_reviewer;
CREATE ROLE regress_hitl_bob IN ROLE hitl_reviewer, hitl_lead;
CREATE ROLE regress_hitl_lead IN ROLE hitl_lead;
CREATE ROLE "regress_hitl Odd" IN ROLE hitl_reviewer;

--
-- Queues
--
SELECT hitl.create_queue('peo'),
       hitl.create_queue('peo loss', ordering => 'expected_loss', lease => '1 hour', max_hold => '2 days',
                         aging => '1 day', gold_rate => 0.1, gold_bar => 0.8);
SELECT name, ordering, lease, max_hold, aging, gold_rate, gold_bar FROM hitl.queue WHERE name ~ '^peo' ORDER BY 1;
SELECT hitl.set_queue('peo', gold_rate => 0.05, gold_bar => 0.5, lease => '10 minutes');
SELECT hitl.set_queue('peo', max_hold => '1 hour', gold_rate => 0, reset => '{gold_bar,lease}');
SELECT ordering, lease, max_hold, aging, gold_rate, gold_bar FROM hitl.queue WHERE name = 'peo';
-- What is as it was is no change.
SELECT hitl.set_queue('peo'), hitl.set_queue('peo', ordering => 'due', reset => '{aging}');
SELECT * FROM pg_temp.news();
SELECT n, pg_temp.refusal(statement) AS refusal
FROM (VALUES (1, $$SELECT hitl.create_queue('peo2', ordering => 'random')$$),
             (2, $$SELECT hitl.create_queue('peo2', ordering => NULL)$$),
             (3, $$SELECT hitl.create_queue('peo2', max_hold => NULL)$$),
             (4, $$SELECT hitl.create_queue('peo2', max_hold => '0')$$),
             (5, $$SELECT hitl.create_queue('peo2', max_hold => '101 years')$$),
             (6, $$SELECT hitl.create_queue('peo2', aging => '0')$$),
             (7, $$SELECT hitl.create_queue('peo2', aging => '-1 day')$$),
             (8, $$SELECT hitl.create_queue('peo2', aging => '101 years')$$),
             (9, $$SELECT hitl.create_queue('peo2', gold_rate => NULL)$$),
             (10, $$SELECT hitl.create_queue('peo2', gold_rate => 'NaN')$$),
             (11, $$SELECT hitl.create_queue('peo2', gold_rate => 1.1)$$),
             (12, $$SELECT hitl.create_queue('peo2', gold_bar => -0.1)$$),
             (13, $$SELECT hitl.create_queue('peo2', gold_bar => 'NaN')$$),
             (14, $$SELECT hitl.create_queue('peo')$$),
             (15, $$SELECT hitl.set_queue('peo2', lease => '1 hour')$$),
             (16, $$SELECT hitl.set_queue(NULL, lease => '1 hour')$$),
             (17, $$SELECT hitl.set_queue('peo', lease => '0')$$),
             (18, $$SELECT hitl.set_queue('peo', ordering => 'random')$$),
             (19, $$SELECT hitl.set_queue('peo', gold_bar => 'Infinity')$$),
             (20, $$SELECT hitl.set_queue('peo', reset => '{name}')$$),
             (21, $$SELECT hitl.set_queue('peo', reset => '{NULL}')$$),
             (22, $$SELECT hitl.set_queue('peo', lease => '1 hour', reset => '{lease}')$$)) AS v (n, statement)
ORDER BY n;
-- Another ordering, or another aging, holds for what waits, too.
SELECT hitl.create_queue('peo order', ordering => 'fifo'), hitl.create_workflow('peo order', 'peo order');
INSERT INTO hitl.decision (workflow, subject, exposure) VALUES ('peo order', 'first', 1), ('peo order', 'second', 9), ('peo order', 'third', 5);
CREATE FUNCTION pg_temp.line() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(d.subject, ' ' ORDER BY t.sort_key, t.id)
    FROM hitl.task t JOIN hitl.decision d ON d.id = t.decision WHERE t.queue = 'peo order'
$$;
SELECT pg_temp.line();
SELECT hitl.set_queue('peo order', ordering => 'exposure');
SELECT pg_temp.line();
SELECT sort_key FROM hitl.task WHERE queue = 'peo order' ORDER BY 1;
SELECT hitl.set_queue('peo order', aging => '1 day');
SELECT pg_temp.line(), bool_and(sort_key > 0) AS as_times FROM hitl.task WHERE queue = 'peo order';
SELECT hitl.set_queue('peo order', reset => '{ordering,aging}');
SELECT pg_temp.line();
UPDATE seen SET id = (SELECT max(id) FROM hitl.event);

--
-- Workflows
--
SELECT hitl.create_workflow('peo', 'peo', question => 'Is it?', quota => 1000, notes => 'The model is new.');
SELECT hitl.create_sla('peo sla', '1 hour');
SELECT queue, lane, sla, question, application, quota, notes FROM hitl.workflow WHERE name = 'peo';
SELECT hitl.set_workflow('peo', queue => 'peo loss', lane => 0, sla => 'peo sla', application => '"regress_hitl Odd"');
SELECT hitl.set_workflow('peo', question => 'Is it so?', reset => '{quota,notes,application}');
SELECT queue, lane, sla, question, application, quota, notes FROM hitl.workflow WHERE name = 'peo';
SELECT hitl.set_workflow('peo', queue => 'peo', notes => 'It cannot read handwriting.', reset => '{lane,sla}');
SELECT hitl.set_workflow('peo');
SELECT queue, lane, sla, question, application, quota, notes FROM hitl.workflow WHERE name = 'peo';
SELECT * FROM pg_temp.news();
-- The decisions to come go where it says now.
INSERT INTO hitl.decision (workflow, subject) VALUES ('peo', 'peo 1');
SELECT hitl.set_workflow('peo', queue => 'peo loss', lane => 2);
INSERT INTO hitl.decision (workflow, subject) VALUES ('peo', 'peo 2');
SELECT t.queue, t.lane FROM hitl.task t WHERE workflow = 'peo' ORDER BY id;
SELECT n, pg_temp.refusal(statement) AS refusal
FROM (VALUES (1, $$SELECT hitl.create_workflow('peo2', 'peo', quota => 0)$$),
             (2, $$SELECT hitl.create_workflow('peo2', 'peo', lane => 70000)$$),
             (3, $$SELECT hitl.set_workflow('peo2', lane => 1)$$),
             (4, $$SELECT hitl.set_workflow(NULL)$$),
             (5, $$SELECT hitl.set_workflow('peo', queue => 'peo_no')$$),
             (6, $$SELECT hitl.set_workflow('peo', sla => 'peo_no')$$),
             (7, $$SELECT hitl.set_workflow('peo', lane => 3)$$),
             (8, $$SELECT hitl.set_workflow('peo', lane => 70000)$$),
             (9, $$SELECT hitl.set_workflow('peo', quota => 0)$$),
             (10, $$SELECT hitl.set_workflow('peo', reset => '{queue}')$$),
             (11, $$SELECT hitl.set_workflow('peo', reset => '{mode}')$$),
             (12, $$SELECT hitl.set_workflow('peo', reset => '{two_admins}')$$),
             (13, $$SELECT hitl.set_workflow('peo', lane => 1, reset => '{lane}')$$),
             (14, $$SELECT hitl.set_workflow('peo', application => 'regress_hitl_nobody')$$)) AS v (n, statement)
ORDER BY n;

--
-- Reviewers
--
SELECT hitl.add_reviewer('peo_ann', 'regress_hitl_ann', 2, '{german,fraud}', 5, '4 hours', 100, 3),
       hitl.add_reviewer('peo_bob', 'regress_hitl_bob'), hitl.add_reviewer('peo_cat');
SELECT name, login, tier, skills, max_open, shift, shift_limit, max_releases, paused
FROM hitl.reviewer WHERE name ~ '^peo' ORDER BY 1;
SELECT hitl.set_reviewer('peo_cat', login => '"regress_hitl Odd"', tier => 3, skills => '{x-ray}', shift_limit => 7);
SELECT hitl.set_reviewer('peo_cat', max_open => 1, max_releases => 0, shift => '1 day', reset => '{tier,skills,shift_limit}');
SELECT hitl.set_reviewer('peo_cat'), hitl.set_reviewer('peo_cat', login => '"regress_hitl Odd"', max_open => 1);
SELECT name, login, tier, skills, max_open, shift, shift_limit, max_releases, paused
FROM hitl.reviewer WHERE name = 'peo_cat';
SELECT hitl.set_reviewer('peo_cat', reset => '{login}');
SELECT * FROM pg_temp.news();
SELECT n, pg_temp.refusal(statement) AS refusal
FROM (VALUES (1, $$SELECT hitl.add_reviewer('peo_ann')$$),
             (2, $$SELECT hitl.add_reviewer('peo_dan', login => 'regress_hitl_ann')$$),
             (3, $$SELECT hitl.add_reviewer('peo_dan', tier => NULL)$$),
             (4, $$SELECT hitl.add_reviewer('peo_dan', max_open => NULL)$$),
             (5, $$SELECT hitl.add_reviewer('peo_dan', skills => NULL)$$),
             (6, $$SELECT hitl.add_reviewer('peo_dan', skills => '{NULL}')$$),
             (7, $$SELECT hitl.add_reviewer('peo_dan', skills => '{german," "}')$$),
             (8, $$SELECT hitl.add_reviewer('peo_dan', skills => '{german,german}')$$),
             (9, $$SELECT hitl.add_reviewer('peo_dan', skills => '{{a},{b}}')$$),
             (10, $$SELECT hitl.add_reviewer('peo_dan', skills => E'{a,"\x1b[31mred"}')$$),
             (11, $$SELECT hitl.add_reviewer('peo_dan', skills => ARRAY[repeat('x', 64)])$$),
             (12, $$SELECT hitl.add_reviewer('peo_dan', shift => NULL)$$),
             (13, $$SELECT hitl.add_reviewer('peo_dan', shift => '0')$$),
             (14, $$SELECT hitl.add_reviewer('peo_dan', shift => '101 years')$$),
             (15, $$SELECT hitl.add_reviewer('peo_dan', shift_limit => 0)$$),
             (16, $$SELECT hitl.add_reviewer('peo_dan', max_releases => -1)$$),
             (17, $$SELECT hitl.add_reviewer('peo_dan', max_releases => NULL)$$),
             (18, $$SELECT hitl.set_reviewer('peo_dan', tier => 2)$$),
             (19, $$SELECT hitl.set_reviewer(NULL, tier => 2)$$),
             (20, $$SELECT hitl.set_reviewer('peo_cat', tier => 0)$$),
             (21, $$SELECT hitl.set_reviewer('peo_cat', skills => '{NULL}')$$),
             (22, $$SELECT hitl.set_reviewer('peo_cat', login => 'regress_hitl_ann')$$),
             (23, $$SELECT hitl.set_reviewer('peo_cat', reset => '{name}')$$),
             (24, $$SELECT hitl.set_reviewer('peo_cat', reset => '{paused}')$$),
             (25, $$SELECT hitl.set_reviewer('peo_cat', tier => 2, reset => '{tier}')$$)) AS v (n, statement)
ORDER BY n;

--
-- Further logins: all of them are the person.
--
SELECT hitl.add_login('peo_ann', 'regress_hitl_ann2'), hitl.add_login('peo_ann', '"regress_hitl Odd"');
SELECT login, reviewer FROM hitl.reviewer_login WHERE reviewer = 'peo_ann' ORDER BY login::text;
SELECT n, pg_temp.refusal(statement) AS refusal
FROM (VALUES (1, $$SELECT hitl.add_login('peo_bob', 'regress_hitl_ann2')$$),
             (2, $$SELECT hitl.add_login('peo_ann', 'regress_hitl_ann2')$$),
             (3, $$SELECT hitl.add_login('peo_ann', 'regress_hitl_ann')$$),
             (4, $$SELECT hitl.add_login('peo_cat', 'regress_hitl_bob')$$),
             (5, $$SELECT hitl.add_reviewer('peo_dan', login => 'regress_hitl_ann2')$$),
             (6, $$SELECT hitl.set_reviewer('peo_cat', login => 'regress_hitl_ann2')$$),
             (7, $$SELECT hitl.add_login('peo_dan', 'regress_hitl_lead')$$),
             (8, $$SELECT hitl.add_login(NULL, 'regress_hitl_lead')$$),
             (9, $$SELECT hitl.add_login('peo_ann', NULL)$$),
             (10, $$SELECT hitl.add_login('peo_ann', 'regress_hitl_nobody')$$),
             (11, $$SELECT hitl.drop_login('regress_hitl_bob')$$),
             (12, $$SELECT hitl.drop_login('regress_hitl_lead')$$),
             (13, $$SELECT hitl.drop_login(NULL)$$)) AS v (n, statement)
ORDER BY n;
-- Ann claims by her other login what Bob submitted, not what she submitted herself by a third.
SELECT hitl.join_queue('peo_ann', 'peo'), hitl.join_queue('peo_bob', 'peo'), hitl.join_queue('peo_cat', 'peo');
SELECT hitl.set_workflow('peo', queue => 'peo', reset => '{lane}');
GRANT hitl_application TO "regress_hitl Odd", regress_hitl_bob;
SET ROLE "regress_hitl Odd";
INSERT INTO hitl.decision (workflow, subject) VALUES ('peo', 'peo of ann');
SET ROLE regress_hitl_bob;
INSERT INTO hitl.decision (workflow, subject) VALUES ('peo', 'peo of bob');
RESET ROLE;
SET ROLE regress_hitl_ann2;
SELECT count(*) FROM hitl.claim(10, '{peo}');
RESET ROLE;
SELECT d.subject, t.holder FROM hitl.task t JOIN hitl.decision d ON d.id = t.decision
WHERE t.workflow = 'peo' AND t.queue = 'peo' ORDER BY 1;
SELECT hitl.drop_login('regress_hitl_ann2');
SET ROLE regress_hitl_ann2;
SELECT pg_temp.refusal($$SELECT hitl.claim()$$);
RESET ROLE;
SELECT * FROM pg_temp.news();

--
-- Credentials
--
SELECT hitl.grant_credential('peo_ann', 'physician'),
       hitl.grant_credential('peo_ann', 'adjuster', '2999-01-01 UTC'),
       hitl.grant_credential('peo_ann', 'adjuster', '2999-12-31 UTC');
SELECT credential, valid_until FROM hitl.credential WHERE reviewer = 'peo_ann' ORDER BY 1;
SELECT hitl.revoke_credential('peo_ann', 'physician');
SELECT credential FROM hitl.credential WHERE reviewer = 'peo_ann' ORDER BY 1;
SELECT * FROM pg_temp.news();
SELECT n, pg_temp.refusal(statement) AS refusal
FROM (VALUES (1, $$SELECT hitl.grant_credential('peo_dan', 'physician')$$),
             (2, $$SELECT hitl.grant_credential(NULL, 'physician')$$),
             (3, $$SELECT hitl.grant_credential('peo_ann', ' ')$$),
             (4, $$SELECT hitl.grant_credential('peo_ann', NULL)$$),
             (5, $$SELECT hitl.grant_credential('peo_ann', 'physician', NULL)$$),
             (6, $$SELECT hitl.grant_credential('peo_ann', 'physician', '2001-01-01 UTC')$$),
             (7, $$SELECT hitl.grant_credential('peo_ann', 'physician', '-infinity')$$),
             (8, $$SELECT hitl.revoke_credential('peo_ann', 'physician')$$),
             (9, $$SELECT hitl.revoke_credential('peo_dan', 'adjuster')$$),
             (10, $$SELECT hitl.revoke_credential(NULL, NULL)$$)) AS v (n, statement)
ORDER BY n;

--
-- Absence
--
SELECT hitl.set_absence('peo_ann', '2999-01-10 UTC', '2999-01-01 UTC', 'peo_bob') AS ann1 \gset
SELECT hitl.set_absence('peo_ann', '2999-01-20 UTC', '2999-01-10 UTC') AS ann2 \gset
SELECT hitl.set_absence('peo_bob', 'infinity') AS bob \gset
SELECT reviewer, until, stand_in FROM hitl.absence WHERE reviewer IN ('peo_ann', 'peo_bob') ORDER BY id;
SELECT since <= statement_timestamp() AS begun FROM hitl.absence WHERE id = :bob;
SELECT kind, detail - '{id,since}'::text[] AS detail FROM pg_temp.news();
SELECT n, pg_temp.refusal(statement) AS refusal
FROM (VALUES (1, $$SELECT hitl.set_absence('peo_dan', 'infinity')$$),
             (2, $$SELECT hitl.set_absence(NULL, 'infinity')$$),
             (3, $$SELECT hitl.set_absence('peo_cat', NULL)$$),
             (4, $$SELECT hitl.set_absence('peo_cat', 'infinity', NULL)$$),
             (5, $$SELECT hitl.set_absence('peo_cat', '2999-01-01 UTC', '2999-01-01 UTC')$$),
             (6, $$SELECT hitl.set_absence('peo_cat', '2999-01-01 UTC', '2999-01-02 UTC')$$),
             (7, $$SELECT hitl.set_absence('peo_cat', '2001-01-02 UTC', '2001-01-01 UTC')$$),
             (8, $$SELECT hitl.set_absence('peo_cat', 'infinity', 'infinity')$$),
             (9, $$SELECT hitl.set_absence('peo_cat', 'infinity', '-infinity')$$),
             (10, $$SELECT hitl.set_absence('peo_cat', 'infinity', '2999-01-01 UTC', stand_in => 'peo_cat')$$),
             (11, $$SELECT hitl.set_absence('peo_cat', 'infinity', '2999-01-01 UTC', stand_in => 'peo_dan')$$),
             (12, $$SELECT hitl.end_absence(NULL)$$),
             (13, $$SELECT hitl.end_absence(-1)$$)) AS v (n, statement)
ORDER BY n;
-- Two of one person do not overlap; the end does not belong to it.
SELECT n, left(pg_temp.refusal(format('SELECT hitl.set_absence(%L, %L, %L)', 'peo_ann', until, since)), 5) AS refusal
FROM (VALUES (1, '2999-01-01 12:00 UTC', '2998-12-31 UTC'), (2, '2999-01-30 UTC', '2999-01-19 UTC'),
             (3, '2999-01-03 UTC', '2999-01-02 UTC'), (4, 'infinity', '2998-01-01 UTC')) AS v (n, until, since)
ORDER BY n;
-- One that has not begun never was; one that has ends now, and ends once.
SELECT hitl.end_absence(:ann1), hitl.end_absence(:bob);
SELECT hitl.set_absence('peo_ann', '2999-01-10 UTC', '2999-01-01 UTC') > :ann1 AS anew;
SELECT count(*) FROM hitl.absence WHERE id = :ann1;
SELECT until <= clock_timestamp() AS ended FROM hitl.absence WHERE id = :bob;
SELECT left(pg_temp.refusal(format('SELECT hitl.end_absence(%s)', :bob)), 5) AS again;
SELECT kind, detail ->> 'reviewer' AS reviewer, detail ->> 'until' AS until FROM pg_temp.news();
-- Back within the transaction in which one left: never away.
BEGIN;
SELECT hitl.set_absence('peo_cat', 'infinity') AS cat \gset
SELECT hitl.end_absence(:cat);
COMMIT;
SELECT count(*) AS away FROM hitl.absence WHERE reviewer = 'peo_cat' AND until > clock_timestamp();

--
-- Pauses
--
SET ROLE regress_hitl_lead;
SELECT hitl.pause_reviewer('peo_bob', 'on a course');
SELECT hitl.pause_reviewer('peo_bob', 'on a longer course');
RESET ROLE;
SELECT paused FROM hitl.reviewer WHERE name = 'peo_bob';
-- A lead does not end their own, by whatever login.
SELECT hitl.pause_reviewer('peo_ann', 'too fast'), hitl.add_login('peo_bob', 'regress_hitl_ann2');
GRANT hitl_lead TO regress_hitl_ann2;
SET ROLE regress_hitl_bob;
SELECT pg_temp.refusal($$SELECT hitl.resume_reviewer('peo_bob')$$);
SELECT hitl.resume_reviewer('peo_ann');
SET ROLE regress_hitl_ann2;
SELECT pg_temp.refusal($$SELECT hitl.resume_reviewer('peo_bob')$$);
RESET ROLE;
SELECT hitl.resume_reviewer('peo_bob');
SELECT name, paused FROM hitl.reviewer WHERE name IN ('peo_ann', 'peo_bob') ORDER BY 1;
SELECT kind, actor, detail FROM hitl.event WHERE kind ~ 'reviewer_(paused|resumed)' AND detail ->> 'reviewer' ~ '^peo' ORDER BY id;
SELECT n, pg_temp.refusal(statement) AS refusal
FROM (VALUES (1, $$SELECT hitl.pause_reviewer('peo_bob', NULL)$$),
             (2, $$SELECT hitl.pause_reviewer('peo_bob', ' ')$$),
             (3, $$SELECT hitl.pause_reviewer('peo_dan', 'gone')$$),
             (4, $$SELECT hitl.pause_reviewer(NULL, 'gone')$$),
             (5, $$SELECT hitl.resume_reviewer('peo_bob')$$),
             (6, $$SELECT hitl.resume_reviewer('peo_dan')$$),
             (7, $$SELECT hitl.resume_reviewer(NULL)$$)) AS v (n, statement)
ORDER BY n;
UPDATE seen SET id = (SELECT max(id) FROM hitl.event);

--
-- Rubrics
--
SELECT hitl.set_rubric('peo', '[{"criterion": "correct", "description": "is it right?"},
                                {"criterion": "tone", "description": "is it kind?", "least": -1, "most": 1, "required": false}]') AS made;
SELECT hitl.set_rubric('peo', '[{"criterion": "correct", "description": "is it right?", "least": 0, "most": 10}]') AS made;
SELECT version, position, criterion, description, least, most, required FROM hitl.rubric WHERE workflow = 'peo' ORDER BY 1, 2;
SELECT * FROM pg_temp.news();
-- A policy names its version; one that there is, of its own workflow.
SELECT hitl.create_workflow('peo other', 'peo');
SELECT hitl.set_policy('peo', rubric => 2) AS version;
SELECT pg_temp.refusal($$SELECT hitl.set_policy('peo', rubric => 3)$$);
SELECT pg_temp.refusal($$SELECT hitl.set_policy('peo other', rubric => 1)$$);
SELECT n, pg_temp.refusal(format('SELECT hitl.set_rubric(%L, %L)', 'peo', criteria)) AS refusal
FROM (VALUES (1, NULL), (2, 'null'), (3, '{}'), (4, '[]'), (5, '[1]'), (6, '["tone"]'), (7, '[[]]'), (8, '[{}]'),
             (9, '[{"criterion": 1, "description": "d"}]'), (10, '[{"criterion": "", "description": "d"}]'),
             (11, '[{"criterion": "a"}]'), (12, '[{"criterion": "a", "description": " "}]'),
             (13, '[{"criterion": "a", "description": 5}]'),
             (14, '[{"criterion": "a", "description": "d", "least": 5, "most": 5}]'),
             (15, '[{"criterion": "a", "description": "d", "most": 1}]'),
             (16, '[{"criterion": "a", "description": "d", "most": 2.5}]'),
             (17, '[{"criterion": "a", "description": "d", "most": "5"}]'),
             (18, '[{"criterion": "a", "description": "d", "most": null}]'),
             (19, '[{"criterion": "a", "description": "d", "most": 1e30}]'),
             (20, '[{"criterion": "a", "description": "d", "required": "yes"}]'),
             (21, '[{"criterion": "a", "description": "d", "requred": true}]'),
             (22, '[{"criterion": "a", "description": "d"}, {"criterion": "a", "description": "e"}]')) AS v (n, criteria)
ORDER BY n;
SELECT pg_temp.refusal($$SELECT hitl.set_rubric('peo_no', '[{"criterion": "a", "description": "d"}]')$$)
UNION ALL
SELECT left(pg_temp.refusal(format('SELECT hitl.set_rubric(%L, %L)', 'peo',
    (SELECT jsonb_agg(jsonb_build_object('criterion', 'c' || i, 'description', 'd')) FROM generate_series(1, 101) AS i))), 5);
SELECT max(version) FROM hitl.rubric WHERE workflow = 'peo';
-- A version is a fact.
SELECT n, left(pg_temp.refusal(statement), 5) AS refusal
FROM (VALUES (1, $$UPDATE hitl.rubric SET most = 100$$), (2, $$DELETE FROM hitl.rubric$$),
             (3, $$TRUNCATE hitl.rubric$$)) AS v (n, statement)
ORDER BY n;

--
-- Rules may ask for skills and for several persons; the demands of versions
-- are told apart.
--
SELECT hitl.set_rule('peo', 'large', '$.exposure > 1000', skills => '{adjuster,german}', approvals => 2) AS version;
SELECT hitl.set_policy('peo', approvals => 2, panel => 3, stages => '{triage,expert}', overlap_rate => 0.25,
                       blind => true, blind_rate => 0.5, step_up => '{cert}', step_up_tier => 2, explanation => true,
                       max_resubmits => 3, resubmit_window => '2 days') AS version;
SELECT hitl.set_rule('peo', 'large', '$.exposure > 1000') AS version;
SELECT * FROM hitl.policy_diff('peo', 2, 3);
SELECT * FROM hitl.policy_diff('peo', 3, 4);
-- Back to the first ones: the rule as well, by its version.
SELECT hitl.set_policy('peo', base => 3, reset => '{approvals,panel,stages,overlap_rate,blind,blind_rate,step_up,step_up_tier,explanation,rubric,max_resubmits,resubmit_window}') AS version;
SELECT version, name, skills, approvals FROM hitl.rule WHERE workflow = 'peo' ORDER BY 1, 2;
SELECT item, name, "after" FROM hitl.policy_diff('peo', 2, 5);
SELECT n, pg_temp.refusal(format('SELECT hitl.set_rule(%L, %L, %L, %s)', 'peo', 'r', '$.exposure > 1', args)) AS refusal
FROM (VALUES (1, 'approvals => 0'), (2, 'approvals => 101'), (3, 'skills => ''{NULL}'''), (4, 'skills => ''{""}'''),
             (5, 'skills => ''{a,a}'''), (6, 'skills => ''{{a},{b}}''')) AS v (n, args)
ORDER BY n;

-- Who may: admins all of it, leads the pauses, others nothing.
SET ROLE regress_hitl_lead;
SELECT n, left(pg_temp.refusal(statement), 5) AS refusal
FROM (VALUES (1, $$SELECT hitl.set_queue('peo', lease => '1 hour')$$), (2, $$SELECT hitl.set_workflow('peo', lane => 0)$$),
             (3, $$SELECT hitl.set_reviewer('peo_bob', tier => 9)$$), (4, $$SELECT hitl.add_login('peo_bob', 'regress_hitl_lead')$$),
             (5, $$SELECT hitl.drop_login('regress_hitl_ann2')$$), (6, $$SELECT hitl.grant_credential('peo_bob', 'x')$$),
             (7, $$SELECT hitl.revoke_credential('peo_ann', 'adjuster')$$), (8, $$SELECT hitl.set_absence('peo_ann', 'infinity')$$),
             (9, $$SELECT hitl.end_absence(1)$$), (10, $$SELECT hitl.set_rubric('peo', '[]')$$)) AS v (n, statement)
ORDER BY n;
SET ROLE regress_hitl_ann;
SELECT left(pg_temp.refusal($$SELECT hitl.pause_reviewer('peo_bob', 'why not')$$), 5) AS pause,
       left(pg_temp.refusal($$SELECT hitl.resume_reviewer('peo_bob')$$), 5) AS resume;
RESET ROLE;

-- A viewer reads what is configured, and not what somebody judged and has not
-- yet decided.
CREATE ROLE regress_hitl_view IN ROLE hitl_viewer;
SET ROLE regress_hitl_view;
SELECT count(*) >= 0 AS may FROM hitl.reviewer_login, hitl.credential, hitl.absence, hitl.rubric, hitl.shift,
    hitl.confidence_map, hitl.gold;
SELECT count(holder) FROM hitl.task WHERE workflow = 'peo';
SELECT left(pg_temp.refusal('SELECT judgment FROM hitl.task'), 5) AS judgment,
       left(pg_temp.refusal('SELECT packet_hash FROM hitl.task'), 5) AS packet_hash,
       left(pg_temp.refusal('SELECT * FROM hitl.task'), 5) AS "all";
RESET ROLE;
-- Every other column of a task may be read: also one that is made later.
SELECT string_agg(a.attname, ' ') AS hidden
FROM pg_attribute a
WHERE a.attrelid = 'hitl.task'::regclass AND a.attnum > 0 AND NOT a.attisdropped
  AND NOT has_column_privilege('hitl_viewer', a.attrelid, a.attnum, 'SELECT');

SELECT * FROM hitl.check();
-- Roles outlive the database.
DELETE FROM hitl.reviewer_login;
UPDATE hitl.reviewer SET login = NULL WHERE name ~ '^peo';
DROP ROLE regress_hitl_ann, regress_hitl_ann2, regress_hitl_bob, regress_hitl_lead, "regress_hitl Odd",
    regress_hitl_view;
