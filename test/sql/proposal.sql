-- Protected workflows: what could make more automatic needs a second admin;
-- what makes less so does not wait.
\set SHOW_CONTEXT never

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
GRANT EXECUTE ON FUNCTION pg_temp.refusal TO PUBLIC;

CREATE ROLE regress_hitl_ann LOGIN IN ROLE hitl_admin;
CREATE ROLE regress_hitl_bob LOGIN IN ROLE hitl_admin;
-- one that both may become
CREATE ROLE regress_hitl_both IN ROLE hitl_admin;
GRANT regress_hitl_both TO regress_hitl_ann, regress_hitl_bob;
CREATE ROLE regress_hitl_pool LOGIN;
GRANT regress_hitl_ann, regress_hitl_bob TO regress_hitl_pool;
CREATE ROLE regress_hitl_see LOGIN IN ROLE hitl_lead;

-- The state that a proposal must not touch, and what waits.
CREATE VIEW pg_temp.state AS
    SELECT mode, always_human, two_admins, policy_version, kill_reason FROM hitl.workflow WHERE name = 'pro';
CREATE VIEW pg_temp.waiting AS
    SELECT id AS n, kind, detail, version, proposed_by, proposed_login FROM hitl.proposal ORDER BY id;
GRANT SELECT ON pg_temp.state, pg_temp.waiting TO PUBLIC;

SET SESSION AUTHORIZATION regress_hitl_ann;
SELECT hitl.create_workflow('pro', 'pro', mode => 'in_loop');
SELECT hitl.set_policy('pro', upper => 0.9, audit_rate_approve => 0);
SELECT hitl.set_rule('pro', 'large', '$.exposure > 100');
SELECT hitl.protect('pro');
SELECT hitl.protect('pro');
TABLE pg_temp.state;

-- Each of these waits.
SELECT hitl.set_policy('pro', upper => 0.5);
SELECT hitl.set_rule('pro', 'small', '$.exposure > 1');
SELECT hitl.drop_rule('pro', 'large');
SELECT hitl.activate_policy('pro', 1);
SELECT hitl.set_mode('pro', 'on_loop');
SELECT hitl.protect('pro', false);
TABLE pg_temp.state;
TABLE pg_temp.waiting;
RESET SESSION AUTHORIZATION;
INSERT INTO hitl.decision (workflow, confidence) VALUES ('pro', 0.6), ('pro', 0.95) RETURNING route, policy_version;
SET SESSION AUTHORIZATION regress_hitl_ann;
-- A draft that nobody is to put in force is no proposal.
SELECT hitl.set_policy('pro', upper => 0.4, in_force => false);
SELECT count(*) FROM pg_temp.waiting;
-- What is impossible is refused now, not when it is confirmed.
SELECT n, pg_temp.refusal(statement) AS refusal
FROM (VALUES (1, $$SELECT hitl.set_policy('pro', upper => 2)$$), (2, $$SELECT hitl.set_mode('pro', 'autopilot')$$),
             (3, $$SELECT hitl.activate_policy('pro', 99)$$), (4, $$SELECT hitl.resume('pro')$$),
             (5, $$SELECT hitl.protect('pro', NULL)$$), (6, $$SELECT hitl.protect('pro_no')$$)) AS v (n, statement)
ORDER BY n;
SELECT count(*), max(version) FROM pg_temp.waiting;

-- Nobody confirms their own: not as the same role, not by SET ROLE, not out of
-- another role that they had become.
SELECT pg_temp.refusal('SELECT hitl.confirm(1)');
SET ROLE regress_hitl_both;
SELECT pg_temp.refusal('SELECT hitl.confirm(1)');
SELECT hitl.set_mode('pro', 'on_loop');
SELECT proposed_by, proposed_login FROM pg_temp.waiting ORDER BY n DESC LIMIT 1;
RESET ROLE;
SELECT pg_temp.refusal('SELECT hitl.confirm(7)');
-- The role that proposed may not confirm, whoever logged in.
SET SESSION AUTHORIZATION regress_hitl_bob;
SET ROLE regress_hitl_both;
SELECT pg_temp.refusal('SELECT hitl.confirm(7)');
-- Nor may one pooled login for two people, nor one of them by another way.
SET SESSION AUTHORIZATION regress_hitl_pool;
SET ROLE regress_hitl_bob;
SELECT hitl.set_mode('pro', 'on_loop');
SET ROLE regress_hitl_ann;
SELECT pg_temp.refusal('SELECT hitl.confirm(8)');
SELECT pg_temp.refusal('SELECT hitl.confirm(1)');
SET SESSION AUTHORIZATION regress_hitl_bob;
SET ROLE regress_hitl_both;
SELECT pg_temp.refusal('SELECT hitl.confirm(8)');
-- A function that runs as its owner hides nobody.
RESET SESSION AUTHORIZATION;
CREATE FUNCTION pro_confirm(bigint) RETURNS void LANGUAGE sql SECURITY DEFINER AS 'SELECT hitl.confirm($1)';
SET SESSION AUTHORIZATION regress_hitl_ann;
SELECT pg_temp.refusal('SELECT pro_confirm(1)');
RESET SESSION AUTHORIZATION;
DROP FUNCTION pro_confirm(bigint);
-- Who is no admin reads what waits, and does not confirm.
SET SESSION AUTHORIZATION regress_hitl_see;
SELECT count(*) FROM hitl.proposal;
SELECT left(pg_temp.refusal(s), 5) AS refusal
FROM (VALUES ('SELECT hitl.confirm(1)'), ('SELECT hitl.withdraw_proposal(1, ''no'')'), ('SELECT hitl.protect(''pro'')'),
             ('DELETE FROM hitl.proposal'), ('UPDATE hitl.proposal SET proposed_by = ''x''')) AS v (s);
-- An admin has no other way either.
SET SESSION AUTHORIZATION regress_hitl_bob;
SELECT left(pg_temp.refusal(s), 5) AS refusal
FROM (VALUES ('INSERT INTO hitl.proposal SELECT * FROM hitl.proposal'), ('UPDATE hitl.proposal SET proposed_by = ''x'''),
             ('DELETE FROM hitl.proposal'), ('UPDATE hitl.workflow SET two_admins = false'),
             ('SELECT hitl.change(w, ''protect'', ''false'', true) FROM hitl.workflow w'),
             ('SELECT hitl.carry_out(w, ''protect'', ''false'') FROM hitl.workflow w'),
             ('SELECT hitl.put_policy(w, p, true) FROM hitl.workflow w, hitl.policy p')) AS v (s);
TABLE pg_temp.state;

-- Another admin confirms, and it takes effect.
SELECT hitl.confirm(1);
TABLE pg_temp.state;
RESET SESSION AUTHORIZATION;
INSERT INTO hitl.decision (workflow, confidence, exposure) VALUES ('pro', 0.6, 1), ('pro', 0.6, 200)
RETURNING route, policy_version;
SET SESSION AUTHORIZATION regress_hitl_bob;
-- Once only.
SELECT pg_temp.refusal('SELECT hitl.confirm(1)') UNION ALL SELECT pg_temp.refusal('SELECT hitl.confirm(NULL)')
UNION ALL SELECT pg_temp.refusal('SELECT hitl.withdraw_proposal(1, ''late'')');
-- What was made from a version no longer in force is out of date, and stays so.
SELECT n, pg_temp.refusal(format('SELECT hitl.confirm(%s)', n)) FROM (VALUES (2), (3), (4)) AS v (n);
TABLE pg_temp.state;
SELECT n, kind FROM pg_temp.waiting;

-- Anybody of the admins withdraws it, with a reason.
SELECT pg_temp.refusal('SELECT hitl.withdraw_proposal(2, '' '')') UNION ALL
SELECT pg_temp.refusal('SELECT hitl.withdraw_proposal(2, NULL)');
SELECT hitl.withdraw_proposal(2, 'out of date');
SET SESSION AUTHORIZATION regress_hitl_ann;
SELECT hitl.withdraw_proposal(3, 'mine, and out of date'), hitl.withdraw_proposal(4, 'so too'),
       hitl.withdraw_proposal(8, 'twice is enough');
TABLE pg_temp.state;
SELECT n, kind FROM pg_temp.waiting;

-- Back to an earlier version, with rules.
SET SESSION AUTHORIZATION regress_hitl_bob;
SELECT hitl.activate_policy('pro', 2);
SET SESSION AUTHORIZATION regress_hitl_ann;
SELECT hitl.confirm(9);
TABLE pg_temp.state;

-- The mode: less automatic at once, more by two.
SET SESSION AUTHORIZATION regress_hitl_bob;
SELECT hitl.confirm(5);
TABLE pg_temp.state;
SELECT hitl.set_mode('pro', 'manual');
TABLE pg_temp.state;
-- (the other proposal was to end in_loop)
SET SESSION AUTHORIZATION regress_hitl_pool;
SELECT pg_temp.refusal('SELECT hitl.confirm(7)');
SET ROLE regress_hitl_bob;
SELECT pg_temp.refusal('SELECT hitl.confirm(7)');
SELECT hitl.set_mode('pro', 'manual');
SELECT hitl.set_mode('pro', 'in_loop');
SET SESSION AUTHORIZATION regress_hitl_ann;
SELECT hitl.confirm(10);
TABLE pg_temp.state;

-- The kill switch: one admin kills, two resume, and not what was killed since.
SELECT hitl.kill('pro', 'complaints');
SELECT hitl.resume('pro');
TABLE pg_temp.state;
SELECT hitl.kill('pro', 'complaints');
SELECT hitl.resume('pro');
SELECT n, kind, detail FROM pg_temp.waiting;
SET SESSION AUTHORIZATION regress_hitl_bob;
SELECT pg_temp.refusal('SELECT hitl.confirm(11)');
SELECT hitl.confirm(12);
TABLE pg_temp.state;

-- Always human: at once; back by two.
SELECT hitl.set_always_human('pro');
SELECT hitl.set_always_human('pro', false);
TABLE pg_temp.state;
-- A mode that has become impossible is refused when it is confirmed.
SELECT hitl.withdraw_proposal(7, 'no');
SELECT pg_temp.refusal('SELECT hitl.set_mode(''pro'', ''on_loop'')');
SET SESSION AUTHORIZATION regress_hitl_ann;
SELECT hitl.confirm(13);
SELECT hitl.set_mode('pro', 'on_loop');
SELECT hitl.set_policy('pro', on_timeout => 'reject');
SELECT hitl.set_always_human('pro');
SET SESSION AUTHORIZATION regress_hitl_bob;
SELECT pg_temp.refusal('SELECT hitl.confirm(14)') UNION ALL SELECT pg_temp.refusal('SELECT hitl.confirm(15)');
TABLE pg_temp.state;

-- The end of the protection needs two, and then one is enough again; what
-- waits still needs two.
SELECT hitl.confirm(6);
TABLE pg_temp.state;
SELECT hitl.set_always_human('pro', false), hitl.set_policy('pro', upper => 0.3);
SET SESSION AUTHORIZATION regress_hitl_ann;
SELECT pg_temp.refusal('SELECT hitl.confirm(14)');
SELECT hitl.withdraw_proposal(14, 'over'), hitl.withdraw_proposal(15, 'over');
TABLE pg_temp.state;
SELECT count(*) FROM pg_temp.waiting;
RESET SESSION AUTHORIZATION;

-- A rolled back confirmation leaves the proposal where it was.
SELECT hitl.protect('pro');
SELECT hitl.set_policy('pro', upper => 0.2);
SET SESSION AUTHORIZATION regress_hitl_ann;
BEGIN;
SELECT hitl.confirm(16);
TABLE pg_temp.state;
ROLLBACK;
TABLE pg_temp.state;
SELECT n, kind, version FROM pg_temp.waiting;
SELECT hitl.confirm(16);
TABLE pg_temp.state;
RESET SESSION AUTHORIZATION;

-- A first baseline takes effect at once; another one, or none, needs two.
INSERT INTO hitl.decision (workflow, input) SELECT 'pro', jsonb_build_object('n', i) FROM generate_series(1, 40) i;
SELECT hitl.learn_baseline('pro'), hitl.learn_baseline('pro'), hitl.drop_baseline('pro');
SELECT baseline FROM hitl.workflow WHERE name = 'pro';
SELECT n, kind FROM pg_temp.waiting;
SET SESSION AUTHORIZATION regress_hitl_ann;
SELECT hitl.confirm(17);
SELECT pg_temp.refusal('SELECT hitl.confirm(18)');
RESET SESSION AUTHORIZATION;
SELECT baseline FROM hitl.workflow WHERE name = 'pro';

-- In shadow nothing reaches a person, so that needs two as well.
SELECT hitl.set_mode('pro', 'shadow');
SELECT hitl.withdraw_proposal(19, 'rather not');

-- All of it is on record.
SELECT kind, actor = 'regress_hitl_ann' AS ann, actor = 'regress_hitl_bob' AS bob, detail ->> 'id' AS proposal,
       CASE WHEN kind IN ('policy_set', 'policy_drafted') THEN detail -> 'version' WHEN detail ? 'id' THEN detail -> 'detail' ELSE detail END AS detail,
       detail ->> 'reason' AS reason
FROM hitl.event WHERE workflow = 'pro' AND decision IS NULL ORDER BY id;
-- with the whole proposal
SELECT detail - 'created_at' AS detail FROM hitl.event WHERE workflow = 'pro' AND detail ->> 'id' = '9' ORDER BY id;

DROP ROLE regress_hitl_ann, regress_hitl_bob, regress_hitl_both, regress_hitl_pool, regress_hitl_see;
