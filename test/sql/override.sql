-- Veto and correct: people stop what the AI decided, or undo it later.  Who may,
-- what each makes of each route, that a correction names the outcome it wants and
-- needs the tier and the queue of what it undoes, and that a later final verdict
-- supersedes an earlier one without taking it back.
\set SHOW_CONTEXT never
\set ON_ERROR_ROLLBACK on

-- Somebody does something with a decision: the answer, or the error and hint.
CREATE FUNCTION pg_temp.act(who text, call text, id uuid) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    answer text;
    hint   text;
BEGIN
    EXECUTE format('SET LOCAL ROLE %I', 'regress_hitl_' || who);
    BEGIN
        EXECUTE 'SELECT hitl.' || call INTO answer USING id;
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
        answer := SQLSTATE || ': ' || replace(left(SQLERRM, 120), id::text, 'X') || coalesce(' (' || nullif(hint, '') || ')', '');
    END;
    RESET ROLE;
    RETURN answer;
END
$$;
-- What has become of it.
CREATE FUNCTION pg_temp.now_is(id uuid, OUT route text, OUT outcome text, OUT output jsonb, OUT by text, OUT task text, OUT verdicts bigint)
LANGUAGE sql AS $$
    SELECT o.route, o.outcome, o.output, o.decided_by,
           (SELECT string_agg(t.kind, ' ') FROM hitl.task t WHERE t.decision = o.id),
           (SELECT count(*) FROM hitl.verdict v WHERE v.decision = o.id)
    FROM hitl.outcome o WHERE o.id = now_is.id
$$;
CREATE FUNCTION pg_temp.verdicts(id uuid)
RETURNS TABLE (kind text, queue text, reviewer text, asserted_by name, action text, output jsonb, code text, note text, final boolean, outcome text, held boolean)
LANGUAGE sql AS $$
    SELECT v.kind, v.queue, v.reviewer, v.asserted_by, v.action, v.output, v.code, v.note, v.final, v.outcome, v.lease IS NOT NULL
    FROM hitl.verdict v WHERE v.decision = verdicts.id ORDER BY v.id
$$;

-- The clock has nothing more to do for a decision.
CREATE FUNCTION pg_temp.settle(id uuid) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1 .. 1000 LOOP
        PERFORM hitl.tick();
        IF NOT EXISTS (SELECT FROM hitl.task t WHERE t.decision = settle.id AND t.wake_at <= clock_timestamp()) THEN
            RETURN true;
        END IF;
        PERFORM pg_sleep(0.01);
    END LOOP;
    RETURN false;
END
$$;

-- A reviewer of the queue, one of another, two leads of whom one is a
-- reviewer, a pooled login that names reviewers, and an application; a reviewer
-- of a higher tier, without a login.
CREATE ROLE regress_hitl_rae IN ROLE hitl_reviewer, hitl_application;
CREATE ROLE regress_hitl_out IN ROLE hitl_reviewer;
CREATE ROLE regress_hitl_lea IN ROLE hitl_lead;
CREATE ROLE regress_hitl_liz IN ROLE hitl_lead;
CREATE ROLE regress_hitl_del IN ROLE hitl_delegate;
CREATE ROLE regress_hitl_app IN ROLE hitl_application;
SELECT hitl.create_queue('ovr'), hitl.create_queue('ovr_other'), hitl.create_queue('ovr_policy');
SELECT hitl.add_reviewer('ovr rae', 'regress_hitl_rae', max_open => 100), hitl.join_queue('ovr rae', 'ovr'),
       hitl.add_reviewer('ovr out', 'regress_hitl_out'), hitl.join_queue('ovr out', 'ovr_other'),
       hitl.add_reviewer('ovr liz', 'regress_hitl_liz'), hitl.add_reviewer('ovr bob'), hitl.join_queue('ovr bob', 'ovr'),
       hitl.add_reviewer('ovr sue', tier => 3), hitl.join_queue('ovr sue', 'ovr');
SELECT hitl.create_workflow('ovr', 'ovr', mode => 'on_loop'), hitl.create_workflow('ovr in', 'ovr', mode => 'in_loop'),
       hitl.create_workflow('ovr shadow', 'ovr', mode => 'shadow');
SELECT hitl.add_code('OVR', 'only there', 'ovr in');
SELECT w, hitl.set_policy(w, upper => 0.9, lower => 0.3, audit_rate_approve => 0, audit_rate_reject => 0)
FROM unnest('{ovr,ovr in,ovr shadow}'::text[]) AS w;
\set watched 'INSERT INTO hitl.decision (workflow, confidence, output) VALUES (''ovr'', 0.5, ''{"pay": 1}'') RETURNING id \\gset'
\set review 'INSERT INTO hitl.decision (workflow, confidence, output) VALUES (''ovr in'', 0.5, ''{"pay": 1}'') RETURNING id \\gset'
\set approved 'INSERT INTO hitl.decision (workflow, confidence, output) VALUES (''ovr in'', 0.95, ''{"pay": 1}'') RETURNING id \\gset'
\set rejected 'INSERT INTO hitl.decision (workflow, confidence, output) VALUES (''ovr in'', 0.1, ''{"pay": 1}'') RETURNING id \\gset'

--
-- Veto
--

-- G08: by a reviewer of the queue, one act: the outcome is there at once
-- and the task is gone.
:watched
SELECT * FROM pg_temp.now_is(:'id');
SELECT pg_temp.act('rae', 'veto($1, ''stop it'')', :'id');
SELECT * FROM pg_temp.now_is(:'id');
SELECT * FROM pg_temp.verdicts(:'id');
SELECT num_nulls(task, seconds, lease, lease_until) AS nulls, created_at BETWEEN now() - interval '1 minute' AND clock_timestamp() AS now
FROM hitl.verdict WHERE decision = :'id';
SELECT count(*) AS events FROM hitl.event WHERE decision = :'id';
-- Again the same: the answer again, and nothing new.  Another one is too late.
SELECT pg_temp.act('rae', 'veto($1, ''stop it'')', :'id');
SELECT pg_temp.act('rae', 'veto($1, ''stop that'')', :'id');
SELECT pg_temp.act('lea', 'veto($1, ''stop it'')', :'id');
SELECT verdicts FROM pg_temp.now_is(:'id');

-- Who may.
:watched
SELECT pg_temp.act('app', 'veto($1, ''no'')', :'id');
SELECT pg_temp.act('out', 'veto($1, ''no'')', :'id');
SELECT pg_temp.act('out', 'veto($1, ''no'', ''ovr rae'')', :'id');
SELECT pg_temp.act('rae', 'veto($1, ''no'', ''ovr nobody'')', :'id');
SELECT pg_temp.act('del', 'veto($1, ''no'')', :'id');
SELECT pg_temp.act('del', 'veto($1, ''no'', ''ovr out'')', :'id');
SELECT pg_temp.act('del', 'veto($1, ''no'', ''ovr nobody'')', :'id');
SELECT pg_temp.act('del', 'veto($1, ''no'', ''ovr liz'')', :'id') AS a_lead_by_name;
SELECT * FROM pg_temp.verdicts(:'id');
:watched
SELECT pg_temp.act('del', 'veto($1, ''no'', ''ovr bob'')', :'id');
SELECT * FROM pg_temp.verdicts(:'id');
:watched
SELECT pg_temp.act('rae', 'veto($1, ''no'', ''ovr rae'')', :'id') AS by_the_own_name;
SELECT * FROM pg_temp.verdicts(:'id');
:watched
SELECT pg_temp.act('lea', 'veto($1, ''no'')', :'id');
SELECT * FROM pg_temp.verdicts(:'id');
:watched
SELECT pg_temp.act('liz', 'veto($1, ''no'')', :'id') AS not_a_member;
SELECT * FROM pg_temp.verdicts(:'id');
-- The queue of the policy, and that of the task, count as well.
BEGIN;
SELECT hitl.set_policy('ovr', queue => 'ovr_policy'), hitl.join_queue('ovr out', 'ovr_policy');
:watched
SELECT pg_temp.act('out', 'veto($1, ''no'')', :'id');
SELECT kind, queue, reviewer FROM pg_temp.verdicts(:'id');
ROLLBACK;
BEGIN;
SELECT hitl.set_rule('ovr', 'other', '$.confidence > 0', route => NULL, queue => 'ovr_other');
:watched
SELECT pg_temp.act('out', 'veto($1, ''no'')', :'id');
SELECT kind, queue, reviewer FROM pg_temp.verdicts(:'id');
ROLLBACK;

-- What was said wrong changes nothing.
:watched
SELECT pg_temp.act('rae', 'veto(NULL, ''no'')', :'id');
SELECT pg_temp.act('rae', 'veto($1, ''no'')', hitl.uuid_floor('2001-01-01'));
SELECT pg_temp.act('rae', 'veto($1, NULL)', :'id');
SELECT pg_temp.act('rae', 'veto($1, '''')', :'id');
SELECT pg_temp.act('rae', E'veto($1, '' \t\n'')', :'id');
SELECT pg_temp.act('rae', 'veto($1, repeat(''x'', 65537))', :'id');
BEGIN READ ONLY;
SELECT pg_temp.act('rae', 'veto($1, ''no'')', :'id');
ROLLBACK;
SELECT * FROM pg_temp.now_is(:'id');

-- Rolled back, it was never there.
BEGIN;
SAVEPOINT s;
SELECT pg_temp.act('rae', 'veto($1, ''no'')', :'id');
ROLLBACK TO s;
SELECT * FROM pg_temp.now_is(:'id');
COMMIT;

-- A task that somebody holds ends too, and the holder hears so.
SELECT count(*) AS claimed FROM hitl.claim(100, '{ovr}', 'ovr bob') WHERE decision = :'id';
SELECT id AS task FROM hitl.task WHERE decision = :'id' \gset
SELECT pg_temp.act('lea', 'veto($1, ''stop'')', :'id');
SELECT * FROM pg_temp.now_is(:'id');
\set VERBOSITY sqlstate
SELECT hitl.approve(:task, reviewer => 'ovr bob');
SELECT hitl.release(:task, reviewer => 'ovr bob');
\set VERBOSITY default
-- The holder may veto instead of a verdict; a lease that ran out does not matter.
:watched
SELECT count(*) AS claimed FROM hitl.claim(100, '{ovr}', 'ovr rae') WHERE decision = :'id';
UPDATE hitl.task SET lease_until = now() - interval '1 second' WHERE decision = :'id';
SELECT pg_temp.act('rae', 'veto($1, ''no'')', :'id');
SELECT * FROM pg_temp.verdicts(:'id');

-- Drawn for an audit, it can be stopped as well; the audit ends with it.
BEGIN;
SELECT hitl.set_policy('ovr', audit_rate_approve => 1);
:watched
SELECT * FROM pg_temp.now_is(:'id');
SELECT pg_temp.act('rae', 'veto($1, ''no'')', :'id');
SELECT * FROM pg_temp.now_is(:'id');
SELECT * FROM pg_temp.verdicts(:'id');
SELECT correct, propensity FROM hitl.label WHERE id = :'id';
-- (decided by the audit, it is decided)
:watched
SELECT count(*) AS claimed FROM hitl.claim(100, '{ovr}', 'ovr bob') WHERE decision = :'id';
SELECT hitl.approve(id, reviewer => 'ovr bob') FROM hitl.task WHERE decision = :'id';
SELECT pg_temp.act('rae', 'veto($1, ''no'')', :'id');
ROLLBACK;
-- What nobody was asked about is no label: it would bias the rates.
SELECT count(*) AS vetoed, count(l.correct) AS labels FROM hitl.verdict v JOIN hitl.label l ON l.id = v.decision WHERE v.workflow = 'ovr' AND v.action = 'veto';

-- Not when the window is over, whether the clock was there or not.
INSERT INTO hitl.decision (id, workflow, confidence) VALUES (hitl.uuid_floor(now() - interval '1 hour 1 second'), 'ovr', 0.5) RETURNING id \gset
SELECT pg_temp.act('rae', 'veto($1, ''no'')', :'id');
SELECT pg_temp.settle(:'id');
SELECT pg_temp.act('lea', 'veto($1, ''no'')', :'id');
SELECT outcome, by, task, verdicts FROM pg_temp.now_is(:'id');
-- Nor what was decided in the usual way.
:watched
SELECT count(*) AS claimed FROM hitl.claim(100, '{ovr}', 'ovr bob') WHERE decision = :'id';
SELECT hitl.reject(id, 'UNSAFE', 'no', reviewer => 'ovr bob') FROM hitl.task WHERE decision = :'id';
SELECT pg_temp.act('rae', 'veto($1, ''no'')', :'id');

-- What waits for review: by a lead; a reviewer claims it.
:review
SELECT pg_temp.act('rae', 'veto($1, ''no'')', :'id');
SELECT pg_temp.act('del', 'veto($1, ''no'', ''ovr bob'')', :'id');
SELECT count(*) AS claimed FROM hitl.claim(100, '{ovr}', 'ovr bob') WHERE decision = :'id';
SELECT pg_temp.act('liz', 'veto($1, ''no'')', :'id');
SELECT * FROM pg_temp.now_is(:'id');
SELECT * FROM pg_temp.verdicts(:'id');
SELECT pg_temp.act('lea', 'veto($1, ''no'')', :'id');
-- What took effect otherwise, or never did.
:approved
SELECT pg_temp.act('lea', 'veto($1, ''no'')', :'id');
:rejected
SELECT pg_temp.act('lea', 'veto($1, ''no'')', :'id');
INSERT INTO hitl.decision (workflow, confidence) VALUES ('ovr shadow', 0.5) RETURNING id \gset
SELECT pg_temp.act('lea', 'veto($1, ''no'')', :'id');
SELECT * FROM pg_temp.now_is(:'id');

--
-- Correct
--

-- G13: of an approval, a reversal and back; each by one verdict, and all remain.
:approved
SELECT pg_temp.act('rae', 'correct($1, NULL, ''INCORRECT'', ''fraud'')', :'id');
SELECT * FROM pg_temp.now_is(:'id');
SELECT pg_temp.act('rae', 'correct($1, NULL, ''INCORRECT'', ''fraud'')', :'id') AS again;
SELECT pg_temp.act('lea', 'correct($1, NULL, ''INCORRECT'', ''no fraud'', outcome => ''approved'')', :'id');
SELECT * FROM pg_temp.now_is(:'id');
SELECT pg_temp.act('lea', 'correct($1, NULL, ''INCORRECT'', ''no fraud'', outcome => ''approved'')', :'id') AS again;
SELECT pg_temp.act('rae', 'correct($1, NULL, ''INCORRECT'', ''fraud'')', :'id') AS anew;
SELECT * FROM pg_temp.verdicts(:'id');
SELECT num_nulls(task, kind, queue, seconds, lease, lease_until) AS nulls FROM hitl.verdict WHERE decision = :'id' ORDER BY id LIMIT 1;
SELECT correct FROM hitl.label WHERE id = :'id';
-- Of a rejection: it is not undone by the way.
:rejected
SELECT pg_temp.act('rae', 'correct($1, NULL, ''INCORRECT'', ''was fine'')', :'id');
SELECT pg_temp.act('rae', 'correct($1, NULL, ''INCORRECT'', ''was fine'', outcome => ''rejected'')', :'id');
SELECT pg_temp.act('rae', 'correct($1, NULL, ''INCORRECT'', ''was fine'', outcome => ''approved'')', :'id');
SELECT pg_temp.act('rae', 'correct($1, NULL, ''INCORRECT'', ''was fine'', outcome => ''approved'')', :'id') AS again;
SELECT * FROM pg_temp.now_is(:'id');
SELECT pg_temp.act('rae', 'correct($1, NULL, ''INCORRECT'', ''was not'', outcome => ''rejected'')', :'id');
SELECT * FROM pg_temp.now_is(:'id');
-- The outcome is there already, whoever brought it about: two people who undo
-- the same do not undo each other.
:approved
SELECT pg_temp.act('rae', 'correct($1, NULL, ''INCORRECT'', ''fine'', outcome => ''approved'')', :'id');
SELECT pg_temp.act('rae', 'correct($1, NULL, ''INCORRECT'', ''fraud'')', :'id');
SELECT pg_temp.act('del', 'correct($1, NULL, ''INCORRECT'', ''fraud'', ''ovr bob'')', :'id') AS another_person;
SELECT pg_temp.act('rae', 'correct($1, NULL, ''INCORRECT'', ''fraud!'')', :'id') AS another_note;
SELECT pg_temp.act('rae', 'correct($1, NULL, ''UNSAFE'', ''fraud'')', :'id') AS another_code;
SELECT pg_temp.act('lea', 'correct($1, NULL, ''INCORRECT'', ''fraud'')', :'id') AS a_lead;
SELECT * FROM pg_temp.now_is(:'id');
-- A repetition that comes after somebody else's is another correction.
SELECT pg_temp.act('lea', 'correct($1, NULL, ''INCORRECT'', ''fine'', outcome => ''approved'')', :'id');
SELECT pg_temp.act('del', 'correct($1, NULL, ''INCORRECT'', ''fine'', ''ovr bob'', ''approved'')', :'id');
SELECT reviewer, note, outcome FROM pg_temp.verdicts(:'id');
-- With an output: amended, whatever it was; and from there.
:approved
SELECT pg_temp.act('rae', 'correct($1, ''{"pay": 2}'', ''INCORRECT'', ''two'')', :'id');
SELECT * FROM pg_temp.now_is(:'id');
SELECT pg_temp.act('rae', 'correct($1, ''{"pay": 2.0}'', ''INCORRECT'', ''two'')', :'id') AS again;
SELECT pg_temp.act('rae', 'correct($1, ''{"pay": 2}'', ''INCORRECT'', ''really two'')', :'id') AS the_same_output;
SELECT pg_temp.act('rae', 'correct($1, ''{"pay": 3}'', ''INCORRECT'', ''two'')', :'id');
SELECT pg_temp.act('rae', 'correct($1, NULL, ''INCORRECT'', ''two'')', :'id') AS nothing_at_all;
SELECT * FROM pg_temp.now_is(:'id');
SELECT pg_temp.act('rae', 'correct($1, ''{"pay": 4}'', ''INCORRECT'', ''two'')', :'id');
SELECT pg_temp.act('rae', 'correct($1, ''null'', ''INCORRECT'', ''two'')', :'id') AS to_null;
SELECT * FROM pg_temp.now_is(:'id');
SELECT action, output, outcome FROM pg_temp.verdicts(:'id');
-- To the proposed output: that is to approve, whatever is in effect.
:approved
SELECT pg_temp.act('rae', 'correct($1, ''{"pay": 1.00}'', ''INCORRECT'', ''one'')', :'id') AS of_an_approval;
SELECT pg_temp.act('rae', 'correct($1, NULL, ''INCORRECT'', ''n'')', :'id');
SELECT pg_temp.act('rae', 'correct($1, ''{"pay": 1}'', ''INCORRECT'', ''one'')', :'id') AS of_a_rejection;
SELECT pg_temp.act('rae', 'correct($1, ''{"pay": 2}'', ''INCORRECT'', ''two'', outcome => ''amended'')', :'id');
SELECT pg_temp.act('rae', 'correct($1, ''{"pay": 1}'', ''INCORRECT'', ''one'')', :'id') AS of_an_amendment;
SELECT pg_temp.act('rae', 'correct($1, NULL, ''INCORRECT'', ''one'', outcome => ''approved'')', :'id');
SELECT * FROM pg_temp.now_is(:'id');
SELECT action, output, outcome FROM pg_temp.verdicts(:'id');
-- A decision without an output.
INSERT INTO hitl.decision (workflow, confidence) VALUES ('ovr in', 0.95) RETURNING id \gset
SELECT pg_temp.act('rae', 'correct($1, NULL, ''INCORRECT'', ''n'')', :'id');
SELECT pg_temp.act('rae', 'correct($1, ''{"pay": 5}'', ''INCORRECT'', ''n'')', :'id');
SELECT pg_temp.act('rae', 'correct($1, NULL, ''INCORRECT'', ''n'')', :'id');
SELECT pg_temp.act('rae', 'correct($1, NULL, ''INCORRECT'', ''n'', outcome => ''approved'')', :'id');
SELECT action, output, outcome FROM pg_temp.verdicts(:'id');
-- In one transaction that keeps its snapshot, a person's own verdicts are seen.
:approved
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT pg_temp.act('rae', 'correct($1, NULL, ''INCORRECT'', ''n'')', :'id');
SELECT pg_temp.act('rae', 'correct($1, NULL, ''INCORRECT'', ''n'', outcome => ''approved'')', :'id');
SELECT outcome, verdicts FROM pg_temp.now_is(:'id');
COMMIT;

-- Outcomes that do not go with the output, or do not exist.
:approved
SELECT n, pg_temp.act('rae', format('correct($1, %L, ''INCORRECT'', ''n'', outcome => %L)', output, outcome), :'id') AS answer
FROM (VALUES (1, '{"pay": 2}', 'approved'), (2, '{"pay": 2}', 'rejected'), (3, NULL, 'amended'), (4, 'null', 'approved'),
             (5, NULL, 'held'), (6, NULL, ''), (7, NULL, 'Approved'), (8, NULL, repeat('x', 100))) AS v (n, output, outcome)
ORDER BY n;
SELECT * FROM pg_temp.now_is(:'id');

-- Who may: as with a veto.
:approved
SELECT pg_temp.act('app', 'correct($1, NULL, ''INCORRECT'', ''n'')', :'id');
SELECT pg_temp.act('out', 'correct($1, NULL, ''INCORRECT'', ''n'')', :'id');
SELECT pg_temp.act('out', 'correct($1, NULL, ''INCORRECT'', ''n'', ''ovr rae'')', :'id');
SELECT pg_temp.act('del', 'correct($1, NULL, ''INCORRECT'', ''n'')', :'id');
SELECT pg_temp.act('del', 'correct($1, NULL, ''INCORRECT'', ''n'', ''ovr bob'')', :'id');
SELECT pg_temp.act('liz', 'correct($1, NULL, ''INCORRECT'', ''n'', outcome => ''approved'')', :'id') AS not_a_member;
SELECT reviewer, asserted_by, outcome FROM pg_temp.verdicts(:'id');
-- What was said wrong changes nothing.
:approved
SELECT pg_temp.act('rae', 'correct(NULL, NULL, ''INCORRECT'', ''n'')', :'id');
SELECT pg_temp.act('rae', 'correct($1, NULL, ''INCORRECT'', ''n'')', hitl.uuid_floor('2001-01-01'));
SELECT pg_temp.act('rae', 'correct($1, NULL, NULL, ''n'')', :'id');
SELECT pg_temp.act('rae', 'correct($1, NULL, '' '', ''n'')', :'id');
SELECT pg_temp.act('rae', 'correct($1, NULL, ''WRONG'', ''n'')', :'id');
SELECT pg_temp.act('rae', 'correct($1, NULL, ''incorrect'', ''n'')', :'id');
SELECT pg_temp.act('rae', 'correct($1, NULL, ''INCORRECT'', NULL)', :'id');
SELECT pg_temp.act('rae', 'correct($1, NULL, ''INCORRECT'', '' '')', :'id');
SELECT pg_temp.act('rae', 'correct($1, NULL, ''INCORRECT'', repeat(''x'', 65537))', :'id');
BEGIN READ ONLY;
SELECT pg_temp.act('rae', 'correct($1, NULL, ''INCORRECT'', ''n'')', :'id');
ROLLBACK;
SELECT * FROM pg_temp.now_is(:'id');
-- (a code of the workflow is known there alone)
SELECT pg_temp.act('rae', 'correct($1, NULL, ''OVR'', ''n'')', :'id');
:watched
SELECT pg_temp.act('rae', 'correct($1, NULL, ''OVR'', ''n'')', :'id');

-- What is watched: its task ends, held or not; after the window as before.
:watched
SELECT pg_temp.act('rae', 'correct($1, ''{"pay": 2}'', ''INCORRECT'', ''two'')', :'id');
SELECT * FROM pg_temp.now_is(:'id');
SELECT kind, queue, action, outcome FROM pg_temp.verdicts(:'id');
SELECT pg_temp.act('rae', 'veto($1, ''no'')', :'id') AS then_a_veto;
INSERT INTO hitl.decision (id, workflow, confidence) VALUES (hitl.uuid_floor(now() - interval '1 hour 2 seconds'), 'ovr', 0.5) RETURNING id \gset
SELECT pg_temp.settle(:'id');
SELECT pg_temp.act('rae', 'correct($1, NULL, ''INCORRECT'', ''late'')', :'id');
SELECT outcome, by, task, verdicts FROM pg_temp.now_is(:'id');
-- After a veto.
:watched
SELECT pg_temp.act('rae', 'veto($1, ''no'')', :'id');
SELECT pg_temp.act('lea', 'correct($1, NULL, ''INCORRECT'', ''yes'')', :'id');
SELECT pg_temp.act('lea', 'correct($1, NULL, ''INCORRECT'', ''yes'', outcome => ''approved'')', :'id');
SELECT kind, reviewer, action, outcome FROM pg_temp.verdicts(:'id');

-- An open audit ends with it, whoever holds it, and the correction is its
-- label.
BEGIN;
SELECT hitl.set_policy('ovr in', audit_rate_approve => 1);
:approved
SELECT count(*) AS claimed FROM hitl.claim(100, '{ovr}', 'ovr bob') WHERE decision = :'id';
SELECT id AS task FROM hitl.task WHERE decision = :'id' \gset
SELECT pg_temp.act('rae', 'correct($1, NULL, ''INCORRECT'', ''n'')', :'id');
SELECT * FROM pg_temp.now_is(:'id');
SELECT kind, queue, reviewer, action, outcome, held FROM pg_temp.verdicts(:'id');
SELECT correct, propensity FROM hitl.label WHERE id = :'id';
\set VERBOSITY sqlstate
SELECT hitl.approve(:task, reviewer => 'ovr bob');
\set VERBOSITY default
-- After an audit's verdict, the later one counts.
:approved
SELECT count(*) AS claimed FROM hitl.claim(100, '{ovr}', 'ovr bob') WHERE decision = :'id';
SELECT hitl.approve(id, reviewer => 'ovr bob') FROM hitl.task WHERE decision = :'id';
SELECT pg_temp.act('rae', 'correct($1, NULL, ''INCORRECT'', ''n'')', :'id');
SELECT kind, reviewer, action, outcome FROM pg_temp.verdicts(:'id');
SELECT correct, outcome FROM hitl.label WHERE id = :'id';
ROLLBACK;

-- What waits for review has nothing to correct; once decided, by people or by
-- time, it has.
:review
SELECT pg_temp.act('lea', 'correct($1, NULL, ''INCORRECT'', ''n'')', :'id');
SELECT pg_temp.act('lea', 'correct($1, ''{"pay": 2}'', ''INCORRECT'', ''n'')', :'id');
SELECT count(*) AS claimed FROM hitl.claim(100, '{ovr}', 'ovr bob') WHERE decision = :'id';
SELECT hitl.amend(id, '{"pay": 2}', 'INCORRECT', 'two', reviewer => 'ovr bob') FROM hitl.task WHERE decision = :'id';
SELECT pg_temp.act('rae', 'correct($1, ''{"pay": 2}'', ''INCORRECT'', ''n'')', :'id');
SELECT pg_temp.act('rae', 'correct($1, NULL, ''INCORRECT'', ''n'')', :'id');
SELECT * FROM pg_temp.now_is(:'id');
BEGIN;
SELECT hitl.create_sla('ovr', resolution => '1 minute'), hitl.set_policy('ovr in', sla => 'ovr', on_timeout => 'approve');
INSERT INTO hitl.decision (id, workflow, confidence) VALUES (hitl.uuid_floor(now() - interval '2 minutes'), 'ovr in', 0.5) RETURNING id \gset
SELECT pg_temp.settle(:'id');
SELECT outcome, by FROM pg_temp.now_is(:'id');
SELECT pg_temp.act('lea', 'veto($1, ''no'')', :'id');
SELECT pg_temp.act('rae', 'correct($1, NULL, ''INCORRECT'', ''n'')', :'id');
SELECT outcome, by, verdicts FROM pg_temp.now_is(:'id');
SELECT action, correct FROM hitl.label WHERE id = :'id';
ROLLBACK;
INSERT INTO hitl.decision (workflow, confidence) VALUES ('ovr shadow', 0.95) RETURNING id \gset
SELECT pg_temp.act('lea', 'correct($1, NULL, ''INCORRECT'', ''n'')', :'id');
SELECT pg_temp.act('lea', 'correct($1, NULL, ''INCORRECT'', ''n'', outcome => ''approved'')', :'id');
SELECT * FROM pg_temp.now_is(:'id');

--
-- Whose authority a correction needs
--

-- The tier that a rule asked for, also when the rule is no longer there: what a
-- senior rejected, a junior does not approve.
BEGIN;
SELECT hitl.set_rule('ovr in', 'physician', '$.exposure > 10', tier => 3);
INSERT INTO hitl.decision (workflow, confidence, output, exposure) VALUES ('ovr in', 0.95, '{"pay": 1}', 11) RETURNING id \gset
SELECT hitl.drop_rule('ovr in', 'physician');
SELECT count(*) AS claimed FROM hitl.claim(100, '{ovr}', 'ovr bob') WHERE decision = :'id';
SELECT count(*) AS claimed FROM hitl.claim(100, '{ovr}', 'ovr sue') WHERE decision = :'id';
SELECT hitl.reject(id, 'UNSAFE', 'no', reviewer => 'ovr sue') FROM hitl.task WHERE decision = :'id';
SELECT pg_temp.act('rae', 'correct($1, NULL, ''INCORRECT'', ''yes'', outcome => ''approved'')', :'id') AS junior;
SELECT pg_temp.act('rae', 'correct($1, ''{"pay": 2}'', ''INCORRECT'', ''two'')', :'id') AS junior;
SELECT pg_temp.act('del', 'correct($1, ''{"pay": 2}'', ''INCORRECT'', ''two'', ''ovr sue'')', :'id') AS senior;
SELECT pg_temp.act('rae', 'correct($1, NULL, ''INCORRECT'', ''no'')', :'id') AS junior;
-- A lead stops it without the tier, but does not let it pass.
SELECT pg_temp.act('lea', 'correct($1, ''{"pay": 3}'', ''INCORRECT'', ''three'')', :'id') AS lead;
SELECT pg_temp.act('lea', 'correct($1, NULL, ''INCORRECT'', ''no'')', :'id') AS lead;
SELECT pg_temp.act('lea', 'correct($1, NULL, ''INCORRECT'', ''yes'', outcome => ''approved'')', :'id') AS lead;
SELECT pg_temp.act('liz', 'correct($1, NULL, ''INCORRECT'', ''yes'', outcome => ''approved'')', :'id') AS lead_of_tier_1;
SELECT pg_temp.act('rae', 'correct($1, NULL, ''INCORRECT'', ''yes'', outcome => ''approved'')', :'id') AS junior;
UPDATE hitl.reviewer SET tier = 3 WHERE name = 'ovr liz';
SELECT pg_temp.act('liz', 'correct($1, NULL, ''INCORRECT'', ''yes'', outcome => ''approved'')', :'id') AS lead_of_tier_3;
SELECT reviewer, action, outcome FROM pg_temp.verdicts(:'id');
-- Of what fired, the highest; of what did not fire, nothing.
SELECT hitl.set_rule('ovr in', 'two', '$.exposure > 1', tier => 2, route => NULL),
       hitl.set_rule('ovr in', 'three', '$.exposure > 2', tier => 3, route => NULL);
INSERT INTO hitl.decision (workflow, subject, confidence, exposure) SELECT 'ovr in', 'tier ' || e, 0.95, e FROM generate_series(1, 3) AS e;
SELECT subject, route, pg_temp.act('rae', 'correct($1, NULL, ''INCORRECT'', ''n'')', id) AS junior,
       pg_temp.act('del', 'correct($1, NULL, ''INCORRECT'', ''no'', ''ovr sue'')', id) AS senior
FROM hitl.decision WHERE workflow = 'ovr in' AND subject ~ '^tier' ORDER BY id;
ROLLBACK;
-- The tier of whoever decided.
:review
SELECT count(*) AS claimed FROM hitl.claim(100, '{ovr}', 'ovr sue') WHERE decision = :'id';
SELECT hitl.reject(id, 'UNSAFE', 'no', reviewer => 'ovr sue') FROM hitl.task WHERE decision = :'id';
SELECT pg_temp.act('rae', 'correct($1, NULL, ''INCORRECT'', ''yes'', outcome => ''approved'')', :'id') AS junior;
SELECT pg_temp.act('del', 'correct($1, NULL, ''INCORRECT'', ''yes'', ''ovr sue'', ''approved'')', :'id') AS senior;
SELECT pg_temp.act('rae', 'correct($1, NULL, ''INCORRECT'', ''no'')', :'id') AS junior;
SELECT reviewer, action, outcome FROM pg_temp.verdicts(:'id');
-- (of the latest verdict)
:review
SELECT count(*) AS claimed FROM hitl.claim(100, '{ovr}', 'ovr bob') WHERE decision = :'id';
SELECT hitl.reject(id, 'UNSAFE', 'no', reviewer => 'ovr bob') FROM hitl.task WHERE decision = :'id';
SELECT pg_temp.act('rae', 'correct($1, NULL, ''INCORRECT'', ''yes'', outcome => ''approved'')', :'id') AS among_juniors;
SELECT pg_temp.act('del', 'correct($1, NULL, ''INCORRECT'', ''no'', ''ovr sue'')', :'id') AS senior;
SELECT pg_temp.act('rae', 'correct($1, NULL, ''INCORRECT'', ''yes'', outcome => ''approved'')', :'id') AS junior;
-- The tier of a task that is open, as when it was escalated.  A veto only stops:
-- every member may.
:watched
UPDATE hitl.task SET tier = 2 WHERE decision = :'id';
SELECT pg_temp.act('rae', 'correct($1, NULL, ''INCORRECT'', ''n'')', :'id') AS correction;
SELECT pg_temp.act('rae', 'veto($1, ''n'')', :'id') AS veto;
SELECT reviewer, action, outcome FROM pg_temp.verdicts(:'id');
BEGIN;
SELECT hitl.set_rule('ovr', 'tier', '$.confidence > 0', tier => 3, route => NULL);
:watched
SELECT pg_temp.act('rae', 'correct($1, NULL, ''INCORRECT'', ''n'')', :'id') AS correction;
SELECT pg_temp.act('rae', 'veto($1, ''n'')', :'id') AS veto;
SELECT pg_temp.act('rae', 'correct($1, NULL, ''INCORRECT'', ''yes'', outcome => ''approved'')', :'id') AS then_a_correction;
ROLLBACK;

-- The queue of a task that is open, or else of the latest verdict.
BEGIN;
SELECT hitl.set_rule('ovr in', 'legal', '$.exposure > 10', queue => 'ovr_other');
INSERT INTO hitl.decision (workflow, confidence, output, exposure) VALUES ('ovr in', 0.95, '{"pay": 1}', 11) RETURNING id \gset
SELECT count(*) AS claimed FROM hitl.claim(100, '{ovr_other}', 'ovr out') WHERE decision = :'id';
SELECT hitl.reject(id, 'UNSAFE', 'no', reviewer => 'ovr out') FROM hitl.task WHERE decision = :'id';
SELECT pg_temp.act('rae', 'correct($1, NULL, ''INCORRECT'', ''yes'', outcome => ''approved'')', :'id') AS of_the_workflow;
SELECT pg_temp.act('out', 'correct($1, NULL, ''INCORRECT'', ''yes'', outcome => ''approved'')', :'id') AS of_the_verdict;
SELECT kind, queue, reviewer, action, outcome FROM pg_temp.verdicts(:'id');
SELECT hitl.set_policy('ovr in', audit_rate_approve => 1), hitl.set_rule('ovr in', 'legal', '$.exposure > 10', route => NULL, queue => 'ovr_other');
INSERT INTO hitl.decision (workflow, confidence, output, exposure) VALUES ('ovr in', 0.95, '{"pay": 1}', 11) RETURNING id \gset
SELECT pg_temp.act('rae', 'correct($1, NULL, ''INCORRECT'', ''n'')', :'id') AS of_the_workflow;
SELECT pg_temp.act('out', 'correct($1, NULL, ''INCORRECT'', ''n'')', :'id') AS of_the_audit;
SELECT kind, queue, reviewer, action, outcome FROM pg_temp.verdicts(:'id');
ROLLBACK;
-- Neither: the policy's, if it has one.
BEGIN;
SELECT hitl.set_policy('ovr in', queue => 'ovr_policy');
:approved
SELECT pg_temp.act('rae', 'correct($1, NULL, ''INCORRECT'', ''n'')', :'id') AS of_the_workflow;
SELECT hitl.join_queue('ovr out', 'ovr_policy');
SELECT pg_temp.act('out', 'correct($1, NULL, ''INCORRECT'', ''n'')', :'id') AS of_the_policy;
ROLLBACK;

--
-- Nobody overrides what they submitted
--

SET ROLE regress_hitl_rae;
INSERT INTO hitl.decision (workflow, confidence) VALUES ('ovr', 0.5) RETURNING id \gset
RESET ROLE;
SELECT pg_temp.act('rae', 'veto($1, ''no'')', :'id');
SELECT pg_temp.act('rae', 'correct($1, NULL, ''INCORRECT'', ''n'')', :'id');
SELECT pg_temp.act('del', 'veto($1, ''no'', ''ovr rae'')', :'id') AS through_a_delegate;
SELECT pg_temp.act('del', 'veto($1, ''no'', ''ovr bob'')', :'id');
SET ROLE regress_hitl_rae;
INSERT INTO hitl.decision (workflow, confidence) VALUES ('ovr in', 0.95) RETURNING id \gset
RESET ROLE;
SELECT pg_temp.act('rae', 'correct($1, NULL, ''INCORRECT'', ''n'')', :'id') AS without_a_task;
-- A lead who submitted.
GRANT hitl_application TO regress_hitl_lea, regress_hitl_del;
SET ROLE regress_hitl_lea;
INSERT INTO hitl.decision (workflow, confidence) VALUES ('ovr in', 0.5) RETURNING id \gset
RESET ROLE;
SELECT pg_temp.act('lea', 'veto($1, ''no'')', :'id');
-- A pooled login is nobody; a delegate who is a person is one.
SET ROLE regress_hitl_del;
INSERT INTO hitl.decision (workflow, confidence) VALUES ('ovr', 0.5) RETURNING id \gset
RESET ROLE;
BEGIN;
SELECT hitl.add_reviewer('ovr del', 'regress_hitl_del');
SELECT pg_temp.act('del', 'veto($1, ''no'', ''ovr bob'')', :'id') AS a_person;
ROLLBACK;
SELECT pg_temp.act('del', 'veto($1, ''no'', ''ovr bob'')', :'id') AS pooled;
-- Behind another role: as it was inserted, or as it is overridden.
GRANT regress_hitl_app, regress_hitl_lea TO regress_hitl_rae;
SET SESSION AUTHORIZATION regress_hitl_rae;
SET ROLE regress_hitl_app;
INSERT INTO hitl.decision (workflow, confidence) VALUES ('ovr', 0.5) RETURNING id AS hidden \gset
RESET ROLE;
INSERT INTO hitl.decision (workflow, confidence) VALUES ('ovr', 0.5) RETURNING id AS open \gset
\set VERBOSITY sqlstate
SELECT hitl.veto(:'hidden', 'no');
SELECT hitl.correct(:'hidden', NULL, 'INCORRECT', 'n');
SET ROLE regress_hitl_lea;
SELECT hitl.veto(:'open', 'no');
SELECT hitl.veto(:'hidden', 'no');
\set VERBOSITY default
RESET SESSION AUTHORIZATION;
SELECT pg_temp.act('lea', 'veto($1, ''no'')', :'open') AS another;

-- The queue and the tier of a decision outlive its task and later verdicts.
BEGIN;
SELECT hitl.add_reviewer('ovr legal', tier => 2), hitl.join_queue('ovr legal', 'ovr_policy');
SELECT hitl.set_rule('ovr in', 'legal', '$.input.legal == true', tier => 2, queue => 'ovr_policy') > 0 AS ruled;
SELECT hitl.set_rule('ovr in', 'plain', '$.input.plain == true', queue => 'ovr_policy') > 0 AS ruled;
INSERT INTO hitl.decision (workflow, confidence, input) VALUES ('ovr in', 0.95, '{"plain": true}') RETURNING id \gset
SELECT count(hitl.approve(task, reviewer => 'ovr legal')) FROM hitl.claim(1, '{ovr_policy}', 'ovr legal');
SELECT hitl.correct(:'id', NULL, 'INCORRECT', 'no', 'ovr legal');
SELECT hitl.correct(:'id', NULL, 'INCORRECT', 'no', 'ovr legal') AS again;
SELECT pg_temp.act('del', 'correct($1, NULL, ''INCORRECT'', ''yes'', ''ovr bob'', ''approved'')', :'id') AS not_a_member;
SELECT pg_temp.act('lea', 'correct($1, NULL, ''INCORRECT'', ''yes'', NULL, ''approved'')', :'id') AS lower_tier;
ROLLBACK;

SELECT c.invariant, d.workflow, c.detail FROM hitl.check() c JOIN hitl.decision d ON d.id = c.decision WHERE d.workflow ~ '^ovr';
-- The tasks left here are no longer wanted.
UPDATE hitl.task SET holder = NULL, lease = NULL, lease_until = NULL, claimed_at = NULL WHERE workflow ~ '^ovr';
SELECT count(hitl.approve(task, reviewer => 'ovr bob')) FROM hitl.claim(10, '{ovr}', 'ovr bob');
UPDATE hitl.reviewer SET login = NULL WHERE name ~ '^ovr';
DROP OWNED BY regress_hitl_rae, regress_hitl_out, regress_hitl_lea, regress_hitl_liz, regress_hitl_del, regress_hitl_app;
DROP ROLE regress_hitl_rae, regress_hitl_out, regress_hitl_lea, regress_hitl_liz, regress_hitl_del, regress_hitl_app;
