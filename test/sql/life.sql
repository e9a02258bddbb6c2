-- What happens to a task short of a verdict: by its holder, by the
-- application, by leads.

\set VERBOSITY default
SET client_min_messages = warning;
CREATE ROLE regress_hitl_life_app;
CREATE ROLE regress_hitl_life_other;
CREATE ROLE regress_hitl_life_boss;
CREATE ROLE regress_hitl_life_ann;
GRANT hitl_application TO regress_hitl_life_app, regress_hitl_life_other;
GRANT hitl_lead TO regress_hitl_life_boss;
GRANT hitl_reviewer TO regress_hitl_life_ann;
DO $$ BEGIN
    PERFORM hitl.create_queue('life', lease => '1 hour', max_hold => '90 minutes');
    PERFORM hitl.create_queue('life else');
    PERFORM hitl.create_sla('life', resolution => '1 day');
    PERFORM hitl.create_workflow('life', queue => 'life', sla => 'life');
    PERFORM hitl.add_reviewer('life ann', login => 'regress_hitl_life_ann', max_releases => 2);
    PERFORM hitl.add_reviewer('life bob', tier => 2, max_open => 2);
    PERFORM hitl.add_reviewer('life cat', skills => '{french}');
    PERFORM hitl.join_queue(r, 'life') FROM unnest('{life ann,life bob,life cat}'::text[]) AS r;
END $$;

-- the task of a subject, whoever is asked, and the decision
CREATE FUNCTION pg_temp.task(subject text) RETURNS bigint LANGUAGE sql AS $$
    SELECT t.id FROM hitl.task t JOIN hitl.decision d ON d.id = t.decision
    WHERE d.workflow = 'life' AND d.subject = task.subject $$;
CREATE FUNCTION pg_temp.made(subject text) RETURNS uuid LANGUAGE sql SECURITY DEFINER AS $$
    SELECT id FROM hitl.decision d WHERE d.workflow = 'life' AND d.subject = made.subject $$;
-- what an act left behind
CREATE FUNCTION pg_temp.last_event(subject text)
RETURNS TABLE (kind text, actor text, detail jsonb) LANGUAGE sql AS $$
    SELECT e.kind, e.actor,
           e.detail - '{asserted_by,seconds,lease_until,until,paused_seconds}'::text[]
    FROM hitl.event e JOIN hitl.decision d ON d.id = e.decision
    WHERE d.workflow = 'life' AND d.subject = last_event.subject
    ORDER BY e.id DESC LIMIT 1 $$;
-- runs a statement that names tasks by $1; the message without the numbers
CREATE FUNCTION pg_temp.try(statement text, subject text, role text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    id     bigint := pg_temp.task(subject);
    which  uuid := pg_temp.made(subject);
    result text;
BEGIN
    IF role IS NOT NULL THEN
        EXECUTE format('SET LOCAL ROLE %I', role);
    END IF;
    EXECUTE replace(replace(statement, '$1', coalesce(id, 0)::text), '$2', quote_literal(which)) INTO result;
    RESET ROLE;
    RETURN 'done';
EXCEPTION WHEN OTHERS THEN
    RESET ROLE;
    RETURN SQLSTATE || ': ' || regexp_replace(regexp_replace(SQLERRM, '[0-9a-f-]{36}', 'ID'), 'task \d+', 'task N');
END $$;

SET ROLE regress_hitl_life_app;
INSERT INTO hitl.decision (workflow, subject, confidence)
SELECT 'life', 's' || i, 0.5 FROM generate_series(1, 9) AS i;
RESET ROLE;

--
-- Release: it is offered to others first, and not for ever.
--
SELECT count(*) FROM hitl.claim(1, reviewer => 'life ann');
SELECT pg_temp.try('SELECT hitl.release($1, ''life bob'')', 's1');
SELECT pg_temp.try('SELECT hitl.release($1, ''life ann'', 1)', 's1');
SELECT pg_temp.try('SELECT hitl.release(NULL, ''life ann'')', 's1');
SELECT hitl.release(pg_temp.task('s1'), 'life ann');
SELECT * FROM pg_temp.last_event('s1');
SELECT d.subject FROM hitl.claim(1, reviewer => 'life ann') c JOIN hitl.decision d ON d.id = c.decision;
SELECT d.subject FROM hitl.claim(1, reviewer => 'life cat') c JOIN hitl.decision d ON d.id = c.decision;
SELECT passed IS NULL AS forgotten FROM hitl.task WHERE id = pg_temp.task('s1');
SELECT hitl.release(pg_temp.task('s2'), 'life ann');
SELECT count(*) FROM hitl.claim(1, reviewer => 'life ann');
SELECT hitl.release(pg_temp.task('s3'), 'life ann');
SELECT pg_temp.try('SELECT hitl.claim(1, reviewer => ''life ann'')', 's1');
SELECT hitl.set_reviewer('life ann', max_releases => 100);

--
-- Extend: up to the queue's max_hold after the claim.
--
SELECT pg_temp.try('SELECT hitl.extend($1, ''life ann'')', 's1');
SELECT e - clock_timestamp() BETWEEN '59 minutes' AND '1 hour' AS whole_lease
FROM hitl.extend(pg_temp.task('s1'), 'life cat') AS e;
SELECT * FROM pg_temp.last_event('s1');
-- (as if the claim were 40 minutes old)
UPDATE hitl.task SET claimed_at = claimed_at - interval '40 minutes', lease_until = lease_until - interval '40 minutes'
WHERE id = pg_temp.task('s1');
SELECT e = t.claimed_at + interval '90 minutes' AS to_the_end
FROM hitl.task t, hitl.extend(t.id, 'life cat') AS e WHERE t.id = pg_temp.task('s1');
SELECT pg_temp.try('SELECT hitl.extend($1, ''life cat'')', 's1');

--
-- Ask and answer: the clocks stand still.
--
SELECT pg_temp.try('SELECT hitl.ask($1, '' '', reviewer => ''life cat'')', 's1');
SELECT pg_temp.try('SELECT hitl.ask($1, repeat(''x'', 70000), reviewer => ''life cat'')', 's1');
SELECT pg_temp.try('SELECT hitl.ask($1, ''why?'', ''-1 hour'', ''life cat'')', 's1');
SELECT pg_temp.try('SELECT hitl.ask($1, ''why?'', ''200 years'', ''life cat'')', 's1');
SELECT pg_temp.try('SELECT hitl.ask($1, ''why?'', NULL, ''life cat'')', 's1');
SELECT pg_temp.try('SELECT hitl.ask($1, ''why?'', reviewer => ''life bob'')', 's1');
SELECT a - clock_timestamp() BETWEEN '119 minutes' AND '2 hours' AS until
FROM hitl.ask(pg_temp.task('s1'), 'which policy?', '2 hours', 'life cat') AS a;
SELECT * FROM pg_temp.last_event('s1');
SELECT pg_temp.try('SELECT hitl.ask($1, ''again?'', reviewer => ''life cat'')', 's1');
SELECT pg_temp.try('SELECT hitl.extend($1, ''life cat'')', 's1');
SELECT asked_until < lease_until AS keeps_it, wake_at = asked_until AS wakes FROM hitl.task WHERE id = pg_temp.task('s1');
SET ROLE regress_hitl_life_app;
SELECT workflow, subject, question FROM hitl.open_questions();
RESET ROLE;
SET ROLE regress_hitl_life_other;
SELECT count(*) FROM hitl.open_questions();
RESET ROLE;
SELECT pg_temp.try('SELECT hitl.answer($2, ''B'')', 's1', 'regress_hitl_life_other');
SELECT pg_temp.try('SELECT hitl.answer($2, '''')', 's1', 'regress_hitl_life_app');
SELECT pg_temp.try('SELECT hitl.answer($2, ''B'')', 's4', 'regress_hitl_life_app');
SELECT pg_temp.try('SELECT hitl.answer($2, ''B'')', 's1', 'regress_hitl_life_ann');
-- (as if it had taken an hour)
UPDATE hitl.task SET asked_at = asked_at - interval '1 hour' WHERE id = pg_temp.task('s1');
SELECT resolution_at AS before FROM hitl.task WHERE id = pg_temp.task('s1') \gset
SELECT pg_temp.try('SELECT hitl.answer($2, ''B'')', 's1', 'regress_hitl_life_app');
SELECT * FROM pg_temp.last_event('s1');
SELECT resolution_at - :'before' BETWEEN '1 hour' AND '61 minutes' AS moved, due_at = resolution_at AS due, asked_at,
       lease_until - clock_timestamp() BETWEEN '59 minutes' AND '1 hour' AS whole_lease
FROM hitl.task WHERE id = pg_temp.task('s1');
-- the packet tells; a verdict does not have to wait
SELECT history -> 'questions' -> 0 ->> 'question' AS question, history -> 'questions' -> 0 ->> 'answer' AS answer
FROM hitl.packet(pg_temp.task('s1'), 'life cat');
SELECT hitl.ask(pg_temp.task('s1'), 'sure?', reviewer => 'life cat') > now() AS asked;
SELECT hitl.approve(pg_temp.task('s1'), reviewer => 'life cat');
-- nobody answers: the clock goes on, and the holder has it still
SELECT d.subject FROM hitl.claim(1, reviewer => 'life cat') c JOIN hitl.decision d ON d.id = c.decision;
SELECT hitl.ask(pg_temp.task('s2'), 'who?', '1 hour', 'life cat') > now() AS asked;
UPDATE hitl.task SET asked_at = asked_at - interval '2 hours', asked_until = asked_until - interval '2 hours',
    wake_at = wake_at - interval '2 hours' WHERE id = pg_temp.task('s2');
SELECT hitl.tick() > 0 AS ticked;
SELECT * FROM pg_temp.last_event('s2');
SELECT holder, asked_at FROM hitl.task WHERE id = pg_temp.task('s2');
SELECT hitl.release(pg_temp.task('s2'), 'life cat');

--
-- Escalate: to a queue, or a tier.
--
SELECT d.subject FROM hitl.claim(1, reviewer => 'life ann') c JOIN hitl.decision d ON d.id = c.decision;
SELECT pg_temp.try('SELECT hitl.escalate($1, NULL, reviewer => ''life ann'')', 's4');
SELECT pg_temp.try('SELECT hitl.escalate($1, ''hm'', ''no such'', ''life ann'')', 's4');
SELECT pg_temp.try('SELECT hitl.escalate($1, ''hm'', reviewer => ''life cat'')', 's4');
SELECT hitl.escalate(pg_temp.task('s4'), 'beyond me', reviewer => 'life ann');
SELECT * FROM pg_temp.last_event('s4');
SELECT tier, queue, holder, excluded, passed FROM hitl.task WHERE id = pg_temp.task('s4');
SELECT d.subject FROM hitl.claim(1, reviewer => 'life bob') c JOIN hitl.decision d ON d.id = c.decision WHERE d.subject = 's2';
SELECT hitl.release(t.id, 'life bob') FROM hitl.task t WHERE t.holder = 'life bob';
SET ROLE regress_hitl_life_boss;
SELECT hitl.reassign(t.id, 'life bob') FROM hitl.task t JOIN hitl.decision d ON d.id = t.decision WHERE d.subject = 's4' AND t.workflow = 'life';
RESET ROLE;
-- nobody is above him: 55000; another queue takes it, and nobody is there
SELECT pg_temp.try('SELECT hitl.escalate($1, ''hm'', reviewer => ''life bob'')', 's4');
SELECT hitl.escalate(pg_temp.task('s4'), 'for the others', 'life else', 'life bob');
SELECT tier, queue, holder, excluded FROM hitl.task WHERE id = pg_temp.task('s4');
SELECT v.reviewer, v.action, v.final, v.outcome, v.note FROM hitl.verdict v WHERE v.decision = pg_temp.made('s4') ORDER BY v.id;
SELECT severity, finding FROM hitl.doctor() WHERE subject = 'queue life else';

--
-- Stages: the n-th needs tier n.
--
SELECT hitl.create_workflow('life staged', queue => 'life');
SELECT hitl.set_policy('life staged', stages => '{triage,expert}');
SET ROLE regress_hitl_life_app;
INSERT INTO hitl.decision (workflow, subject) VALUES ('life staged', 'staged');
RESET ROLE;
SELECT stage, tier FROM hitl.task WHERE workflow = 'life staged';
UPDATE hitl.task SET lane = 0 WHERE workflow = 'life staged';
SELECT stage FROM hitl.claim(1, reviewer => 'life ann');
SELECT hitl.escalate(id, 'borderline', reviewer => 'life ann') FROM hitl.task WHERE workflow = 'life staged';
SELECT stage, tier, holder FROM hitl.task WHERE workflow = 'life staged';
SELECT stage FROM hitl.claim(1, reviewer => 'life bob');
SELECT hitl.approve(id, reviewer => 'life bob') FROM hitl.task WHERE workflow = 'life staged';
SELECT stage, action, reviewer, final FROM hitl.verdict WHERE workflow = 'life staged' ORDER BY id;

--
-- Withdraw: by the application alone, and only what waits.
--
SELECT pg_temp.try('SELECT hitl.withdraw($2)', 's5', 'regress_hitl_life_other');
SELECT pg_temp.try('SELECT hitl.withdraw($2)', 's5', 'regress_hitl_life_ann');
SELECT pg_temp.try('SELECT hitl.withdraw(NULL)', 's5', 'regress_hitl_life_app');
SELECT pg_temp.try('SELECT hitl.withdraw($2)', 's1', 'regress_hitl_life_app');
SET ROLE regress_hitl_life_app;
SELECT hitl.withdraw(pg_temp.made('s5'), 'the customer has called it off');
SELECT hitl.withdraw(pg_temp.made('s5'));
RESET ROLE;
SELECT outcome, decided_by FROM hitl.outcome WHERE id = pg_temp.made('s5');
SELECT correct, action, outcome FROM hitl.label WHERE id = pg_temp.made('s5');
SELECT count(*) FROM hitl.task WHERE decision = pg_temp.made('s5');
SELECT pg_temp.try('SELECT hitl.correct($2, NULL, ''UNSAFE'', ''no'', ''life bob'')', 's5');
SELECT pg_temp.try('SELECT hitl.veto($2, ''no'')', 's5', 'regress_hitl_life_boss');
-- all copies of it end
SELECT hitl.create_workflow('life panel', queue => 'life');
SELECT hitl.set_policy('life panel', approvals => 2, panel => 3, overlap_rate => 1);
SET ROLE regress_hitl_life_app;
INSERT INTO hitl.decision (workflow, subject) VALUES ('life panel', 'panel');
SELECT hitl.withdraw(id) FROM hitl.decision WHERE workflow = 'life panel';
RESET ROLE;
SELECT kind, count(*) FROM hitl.event WHERE workflow = 'life panel' AND task IS NOT NULL GROUP BY 1 ORDER BY 1;
SELECT action, final, outcome FROM hitl.verdict WHERE workflow = 'life panel';
SELECT count(*) FROM hitl.task WHERE workflow = 'life panel';
SELECT reviewed, pending, verdicts, overrides, withdrawn FROM hitl.workflow_report WHERE workflow = 'life panel';
-- a second look is not about the case, and nothing for the application to read
SET ROLE regress_hitl_life_app;
INSERT INTO hitl.decision (workflow, subject) VALUES ('life panel', 'overlap');
RESET ROLE;
DELETE FROM hitl.task WHERE workflow = 'life panel' AND kind <> 'overlap';
UPDATE hitl.task SET lane = 0 WHERE workflow = 'life panel';
SELECT kind FROM hitl.claim(1, reviewer => 'life cat');
SELECT hitl.reject(id, 'UNSAFE', 'no', 'life cat') FROM hitl.task WHERE workflow = 'life panel';
SELECT kind, action, final FROM hitl.verdict v JOIN hitl.decision d ON d.id = v.decision
WHERE d.workflow = 'life panel' AND d.subject = 'overlap';
SET ROLE regress_hitl_life_app;
SELECT count(*) FROM hitl.verdict v JOIN hitl.decision d ON d.id = v.decision
WHERE d.workflow = 'life panel' AND d.subject = 'overlap';
RESET ROLE;
INSERT INTO hitl.verdict (created_at, decision, workflow, reviewer, action, final, outcome)
SELECT now(), id, workflow, 'regress_hitl_life_app', 'withdraw', true, 'withdrawn'
FROM hitl.decision WHERE workflow = 'life panel' AND subject = 'overlap';
-- what took effect is not taken back so
SELECT hitl.create_workflow('life auto', queue => 'life');
SELECT hitl.set_policy('life auto', upper => 0.5, audit_rate_approve => 0);
SET ROLE regress_hitl_life_app;
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('life auto', 'auto', 0.9);
DO $$ BEGIN
    PERFORM hitl.withdraw(id) FROM hitl.decision WHERE workflow = 'life auto';
EXCEPTION WHEN OTHERS THEN RAISE NOTICE '%', SQLSTATE; END $$;
RESET ROLE;

--
-- Leads
--
SELECT pg_temp.try('SELECT hitl.' || f, 's6', 'regress_hitl_life_ann')
FROM unnest('{"reassign($1, ''life bob'')","requeue($1)","recall($1)","recall_all(''life ann'')"}'::text[]) AS f;
SET SESSION AUTHORIZATION regress_hitl_life_boss;
SELECT pg_temp.try(s, 's6') FROM unnest(ARRAY[
    $$SELECT hitl.reassign($1, 'nobody')$$, $$SELECT hitl.reassign($1, NULL)$$, $$SELECT hitl.reassign(0, 'life bob')$$,
    $$SELECT hitl.requeue($1, 'no such')$$, $$SELECT hitl.requeue($1, lane => 3)$$, $$SELECT hitl.requeue($1, tier => 0)$$,
    $$SELECT hitl.recall($1)$$, $$SELECT hitl.recall_all(NULL)$$, $$SELECT hitl.requeue(NULL)$$]) AS s;
RESET SESSION AUTHORIZATION;
SELECT pg_temp.try('SELECT hitl.requeue($1, tier => 2)', 's6', 'regress_hitl_life_boss');
SELECT pg_temp.try('SELECT hitl.requeue($1, tier => 1)', 's6', 'regress_hitl_life_boss');
SELECT pg_temp.try('SELECT hitl.reassign($1, ''life ann'')', 's6', 'regress_hitl_life_boss');
SELECT pg_temp.try('SELECT hitl.reassign($1, ''life bob'', ''yours'')', 's6', 'regress_hitl_life_boss');
SELECT pg_temp.try('SELECT hitl.reassign($1, ''life bob'')', 's6', 'regress_hitl_life_boss');
SELECT pg_temp.try('SELECT hitl.reassign($1, ''life bob'')', 's7', 'regress_hitl_life_boss');
SELECT pg_temp.try('SELECT hitl.reassign($1, ''life bob'')', 's8', 'regress_hitl_life_boss');
SELECT * FROM pg_temp.last_event('s6');
SELECT holder, tier FROM hitl.task WHERE id = pg_temp.task('s6');
-- who holds more than they may since the limit was lowered finishes that
SELECT hitl.set_reviewer('life bob', max_open => 1);
SELECT * FROM hitl.check();
SELECT hitl.set_reviewer('life bob', max_open => 2);
-- the new holder sees it, and decides
SELECT task = pg_temp.task('s6') AS it, kind FROM hitl.packet(pg_temp.task('s6'), 'life bob');
SELECT hitl.approve(pg_temp.task('s6'), reviewer => 'life bob');
SELECT pg_temp.try('SELECT hitl.recall($1, ''too long'')', 's7', 'regress_hitl_life_boss');
SELECT pg_temp.try('SELECT hitl.requeue($1, ''life else'', 0, note => ''there'')', 's7', 'regress_hitl_life_boss');
SELECT pg_temp.try('SELECT hitl.reassign($1, ''life bob'')', 's7', 'regress_hitl_life_boss');
SELECT * FROM pg_temp.last_event('s7');
-- skills, stand-ins' absences, pauses
UPDATE hitl.task SET skills = '{french}' WHERE id = pg_temp.task('s8');
SELECT pg_temp.try('SELECT hitl.reassign($1, ''life bob'')', 's8', 'regress_hitl_life_boss');
SELECT hitl.pause_reviewer('life cat', 'in court');
SELECT pg_temp.try('SELECT hitl.reassign($1, ''life cat'')', 's8', 'regress_hitl_life_boss');
SELECT hitl.resume_reviewer('life cat');
SELECT pg_temp.try('SELECT hitl.reassign($1, ''life cat'')', 's8', 'regress_hitl_life_boss');
SET ROLE regress_hitl_life_boss;
SELECT hitl.recall_all('life cat', 'all of it');
RESET ROLE;
SELECT count(*) FROM hitl.task WHERE holder = 'life cat';
-- not with what oneself submitted
GRANT hitl_application TO regress_hitl_life_boss;
SET ROLE regress_hitl_life_boss;
INSERT INTO hitl.decision (workflow, subject) VALUES ('life', 'own');
RESET ROLE;
SELECT pg_temp.try('SELECT hitl.requeue($1, lane => 0)', 'own', 'regress_hitl_life_boss');
-- nor to who submitted it
GRANT hitl_application TO regress_hitl_life_ann;
SET ROLE regress_hitl_life_ann;
INSERT INTO hitl.decision (workflow, subject) VALUES ('life', 'of ann');
RESET ROLE;
SELECT pg_temp.try('SELECT hitl.reassign($1, ''life ann'')', 'of ann', 'regress_hitl_life_boss');

--
-- What is withheld from a holder, no veto or correction tells either.
--
SELECT hitl.create_workflow('life blind', queue => 'life');
SELECT hitl.set_policy('life blind', upper => 0.5, audit_rate_approve => 1, blind => true);
SET ROLE regress_hitl_life_app;
INSERT INTO hitl.decision (workflow, subject, output, confidence) VALUES ('life blind', 'blind', '1', 0.9);
RESET ROLE;
UPDATE hitl.task SET lane = 0 WHERE workflow = 'life blind';
SELECT kind, blind, output FROM hitl.claim(1, reviewer => 'life cat');
CREATE FUNCTION pg_temp.tell(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN 'done';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ': ' || regexp_replace(SQLERRM, '[0-9a-f-]{36}', 'ID');
END $$;
SELECT pg_temp.tell('SELECT hitl.veto(id, ''no'', ''life cat'') FROM hitl.decision WHERE workflow = ''life blind''');
SELECT pg_temp.tell('SELECT hitl.correct(id, ''1'', ''INCORRECT'', ''no'', ''life cat'') FROM hitl.decision WHERE workflow = ''life blind''');
SELECT j.output FROM hitl.task t, hitl.judge(t.id, '1', 'life cat') AS j WHERE t.workflow = 'life blind';
SELECT hitl.approve(id, reviewer => 'life cat') FROM hitl.task WHERE workflow = 'life blind';

--
-- What was spread from another is no label, and audits are not spread at all.
--
SELECT hitl.create_workflow('life like', queue => 'life', mode => 'manual', lane => 0);
SELECT hitl.set_policy('life like', upper => 0.5, audit_rate_approve => 1);
SET ROLE regress_hitl_life_app;
INSERT INTO hitl.decision (workflow, subject, confidence, signals) SELECT 'life like', 'l' || i, 0.9, '{"cluster": 1}' FROM generate_series(1, 3) i;
RESET ROLE;
SELECT count(*) FROM hitl.claim(1, reviewer => 'life cat');
SELECT l.outcome FROM hitl.task t, hitl.decide_like(t.id, 'approve', reviewer => 'life cat') AS l
WHERE t.workflow = 'life like' AND t.holder = 'life cat';
SELECT outcome, correct, count(*) FROM hitl.label WHERE workflow = 'life like' GROUP BY 1, 2 ORDER BY 2;
SELECT hitl.set_mode('life like', 'in_loop');
SET ROLE regress_hitl_life_app;
INSERT INTO hitl.decision (workflow, subject, confidence, signals) SELECT 'life like', 'a' || i, 0.9, '{"cluster": 1}' FROM generate_series(1, 2) i;
RESET ROLE;
SELECT kind FROM hitl.claim(1, reviewer => 'life cat');
SELECT pg_temp.tell(format('SELECT hitl.decide_like(%s, ''approve'', reviewer => ''life cat'')', id)) ~ '^55000' AS refused
FROM hitl.task WHERE workflow = 'life like' AND holder = 'life cat';
SELECT hitl.approve(id, reviewer => 'life cat') FROM hitl.task WHERE workflow = 'life like' AND holder = 'life cat';
SELECT count(*) FROM hitl.claim(1, reviewer => 'life cat');
SELECT hitl.approve(id, reviewer => 'life cat') FROM hitl.task WHERE workflow = 'life like' AND holder = 'life cat';

--
-- The doctor sees who can read what is withheld, with whichever login.
--
CREATE ROLE regress_hitl_life_cat;
GRANT hitl_reviewer, hitl_viewer TO regress_hitl_life_cat;
SELECT hitl.add_login('life cat', 'regress_hitl_life_cat');
SELECT finding, hint FROM hitl.doctor() WHERE subject = 'reviewer life cat' ORDER BY finding;
REVOKE hitl_viewer FROM regress_hitl_life_cat;
SELECT finding, hint FROM hitl.doctor() WHERE subject = 'reviewer life cat' ORDER BY finding;

--
-- Every act is on record, in one view.
--
SELECT record, act, actor, final FROM hitl.task_history WHERE decision = pg_temp.made('s1') ORDER BY created_at;
SELECT * FROM hitl.check();
DELETE FROM hitl.task WHERE workflow ~ '^life' AND kind = 'overlap';

-- The tasks left here are no longer wanted.
SET ROLE regress_hitl_life_app;
SELECT count(hitl.withdraw(d.id)) FROM hitl.decision d JOIN hitl.outcome o ON o.id = d.id
WHERE d.workflow ~ '^life' AND d.created_by = 'regress_hitl_life_app' AND o.outcome = 'pending';
RESET ROLE;
SET ROLE regress_hitl_life_ann;
SELECT count(hitl.withdraw(id)) FROM hitl.decision WHERE workflow = 'life' AND subject = 'of ann';
RESET ROLE;
SET ROLE regress_hitl_life_boss;
SELECT count(hitl.withdraw(id)) FROM hitl.decision WHERE workflow = 'life' AND subject = 'own';
RESET ROLE;
SELECT count(*) FROM hitl.task WHERE workflow ~ '^life';
SELECT * FROM hitl.check();
