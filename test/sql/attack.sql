-- Who wants to cheat: each attempt in the role of whoever makes it, and what it
-- comes to.  The ids are those of the list of attacks.
\set SHOW_CONTEXT never

-- Tries a statement as a role, or as a role that another login has become; $1
-- is the task or decision meant.  Ids are masked.
CREATE FUNCTION pg_temp.try(who text, statement text, of text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    answer text;
    hint   text;
BEGIN
    EXECUTE format('SET LOCAL ROLE %I', 'regress_hitl_att_' || who);
    BEGIN
        EXECUTE replace(statement, '$1', coalesce(quote_literal(of), 'NULL')) INTO answer;
        answer := 'ok: ' || coalesce(answer, 'NULL');
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
        answer := SQLSTATE || ': ' || SQLERRM || coalesce(' (' || nullif(hint, '') || ')', '');
    END;
    RESET ROLE;
    RETURN CASE WHEN of IS NULL THEN answer ELSE regexp_replace(answer, '\m' || of || '\M', 'N', 'g') END;
END
$$;
-- The same statement by several, or several by the same: who, what, the answer.
CREATE FUNCTION pg_temp.all_of(who text[], statement text[], of text)
RETURNS TABLE (n bigint, by text, tried text, answer text)
LANGUAGE sql AS $$
    SELECT row_number() OVER (), w, left(replace(s, 'SELECT hitl.', ''), 60), pg_temp.try(w, s, of)
    FROM unnest(who) WITH ORDINALITY AS w (w, i), unnest(statement) WITH ORDINALITY AS s (s, j) ORDER BY i, j
$$;
CREATE FUNCTION pg_temp.item(task text, action text) RETURNS jsonb
LANGUAGE sql AS $$
    SELECT jsonb_build_array(jsonb_build_object('task', task::bigint, 'action', action, 'code', 'INCORRECT', 'note', 'n') - CASE action WHEN 'reject' THEN '{}' ELSE '{code,note}'::text[] END)
$$;
-- Puts a task into somebody's hands, past every check of a claim.
CREATE FUNCTION pg_temp.hand(task bigint, reviewer text) RETURNS bigint
LANGUAGE sql AS $$
    UPDATE hitl.task SET holder = hand.reviewer, lease = 4711, claimed_at = clock_timestamp(),
           lease_until = clock_timestamp() + interval '15 minutes', packet_hash = hitl.packet_hash(task.decision)
    WHERE id = hand.task RETURNING id
$$;
CREATE FUNCTION pg_temp.submit(who text, workflow text, subject text, confidence float8 DEFAULT 0.5) RETURNS uuid
LANGUAGE plpgsql AS $$
DECLARE
    id uuid;
BEGIN
    EXECUTE format('SET LOCAL ROLE %I', 'regress_hitl_att_' || who);
    INSERT INTO hitl.decision (workflow, subject, confidence, input, output, signals)
    VALUES (submit.workflow, submit.subject, submit.confidence, '{"secret": "s3cret"}', '{"pay": 4711}', '{"cluster": 7}') RETURNING decision.id INTO id;
    RESET ROLE;
    RETURN id;
END
$$;

-- eve has two logins; ann and bob review; far reviews elsewhere; svc is the
-- pooled login of an application, and may name reviewers; adm is an admin and
-- a reviewer, lea a lead and a reviewer
CREATE ROLE regress_hitl_att_eve IN ROLE hitl_reviewer, hitl_application;
CREATE ROLE regress_hitl_att_eve2 IN ROLE hitl_application, hitl_reviewer;
CREATE ROLE regress_hitl_att_ann IN ROLE hitl_reviewer;
CREATE ROLE regress_hitl_att_bob IN ROLE hitl_reviewer;
CREATE ROLE regress_hitl_att_far IN ROLE hitl_reviewer;
CREATE ROLE regress_hitl_att_app IN ROLE hitl_application;
CREATE ROLE regress_hitl_att_app2 IN ROLE hitl_application;
CREATE ROLE regress_hitl_att_svc IN ROLE hitl_delegate, hitl_application;
CREATE ROLE regress_hitl_att_adm IN ROLE hitl_admin, hitl_reviewer, hitl_application;
CREATE ROLE regress_hitl_att_lea IN ROLE hitl_lead, hitl_reviewer, hitl_application;
GRANT regress_hitl_att_app TO regress_hitl_att_eve;
SELECT hitl.create_workflow('att', queue => 'att'), hitl.set_policy('att', upper => 0.9, lower => 0.1, audit_rate_approve => 0, audit_rate_reject => 0);
SELECT hitl.create_workflow('att far', queue => 'att far');
SELECT hitl.create_workflow('att ' || n, queue => 'att ' || n), hitl.set_policy('att ' || n, upper => 0.9, lower => 0.1, audit_rate_approve => 0, audit_rate_reject => 0)
FROM unnest('{again,late,many,long}'::text[]) n;
SELECT hitl.add_reviewer('att_' || n, login => ('regress_hitl_att_' || n)::regrole, max_open => 100), hitl.join_queue('att_' || n, CASE n WHEN 'far' THEN 'att far' ELSE 'att' END)
FROM unnest('{eve,ann,bob,far,adm,lea}'::text[]) n;
SELECT hitl.join_queue('att_' || n, 'att ' || q) FROM unnest('{ann,bob}'::text[]) n, unnest('{again,late,many,long}'::text[]) q;
SELECT hitl.add_login('att_eve', 'regress_hitl_att_eve2');

--
-- S01: a reviewer decides their own proposal: by the same login, by another of
-- theirs, behind SET ROLE, through the application's login, for somebody away.
--
CREATE TEMP TABLE own (how text, decision uuid);
INSERT INTO own VALUES
    ('login', pg_temp.submit('eve', 'att', 'own')),
    ('second login', pg_temp.submit('eve2', 'att', 'own'));
SET SESSION AUTHORIZATION regress_hitl_att_eve;
SET ROLE regress_hitl_att_app;
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('att', 'own behind a role', 0.5);
RESET SESSION AUTHORIZATION;
INSERT INTO own SELECT 'set role', id FROM hitl.decision WHERE subject = 'own behind a role';
-- nothing of that is given to her, under whatever login
SELECT pg_temp.try(who, 'SELECT count(*) FROM hitl.claim(10)') FROM unnest('{eve,eve2}'::text[]) who;
-- and if she holds it all the same, every way out is closed
SELECT how, a.by, a.tried, a.answer
FROM own, LATERAL (SELECT pg_temp.hand(id, 'att_eve') AS task FROM hitl.task WHERE decision = own.decision) t,
     LATERAL pg_temp.all_of('{eve,eve2}', ARRAY[
         'SELECT hitl.approve($1)',
         'SELECT hitl.reject($1, ''INCORRECT'', ''n'')',
         'SELECT hitl.amend($1, ''{}'', ''INCORRECT'', ''n'')',
         'SELECT sqlstate FROM hitl.decide(pg_temp.item($1, ''approve''))',
         'SELECT sqlstate FROM hitl.decide_like($1, ''approve'', alike => ''{subject}'')'], t.task::text) a
ORDER BY own.decision, a.n;
SELECT count(*) AS verdicts FROM hitl.verdict v JOIN own USING (decision);
-- her own proposal that took effect she can neither stop nor change
INSERT INTO own VALUES ('passed', pg_temp.submit('eve', 'att', 'own', 0.95));
SELECT a.by, a.tried, a.answer FROM own, LATERAL pg_temp.all_of('{eve,eve2}', ARRAY[
    'SELECT hitl.correct($1, NULL, ''INCORRECT'', ''n'')', 'SELECT hitl.veto($1, ''n'')'], own.decision::text) a WHERE how = 'passed';
-- A pooled login is nobody: what it inserts may be reviewed by whom it names.
-- (Whoever lets people submit through it must keep them apart by rules.)
INSERT INTO own VALUES ('delegate', pg_temp.submit('svc', 'att', 'of the service'));
SELECT pg_temp.try('svc', 'SELECT count(*) FROM hitl.claim(10, reviewer => ''att_bob'')');
SELECT a.* FROM own, LATERAL (SELECT pg_temp.hand(id, 'att_bob') AS task FROM hitl.task WHERE decision = own.decision) t,
     LATERAL pg_temp.all_of('{svc}', ARRAY['SELECT hitl.approve($1, reviewer => ''att_bob'')'], t.task::text) a WHERE how = 'delegate';
-- whoever stands in for her takes nothing of hers on her behalf
UPDATE hitl.task SET holder = NULL, lease = NULL, lease_until = NULL, claimed_at = NULL, packet_hash = NULL WHERE workflow = 'att';
SELECT hitl.add_reviewer('att_sue'), hitl.set_absence('att_eve', 'infinity', stand_in => 'att_sue') > 0 AS away;
SELECT d.subject FROM hitl.claim(10, reviewer => 'att_sue') c JOIN hitl.decision d ON d.id = c.decision;
UPDATE hitl.absence SET until = now() WHERE reviewer = 'att_eve';
-- others may: the record says who did
SELECT pg_temp.try('ann', 'SELECT count(hitl.approve(task)) FROM hitl.claim(10)');
SELECT own.how, v.reviewer, v.action FROM own LEFT JOIN hitl.verdict v USING (decision) ORDER BY own.decision, v.id;

--
-- S02: an admin decides their own proposal.
--
SELECT pg_temp.submit('adm', 'att', 'of the admin') AS d \gset
SELECT id AS t FROM hitl.task WHERE decision = :'d' \gset
SELECT pg_temp.try('adm', 'SELECT count(*) FROM hitl.claim(10)');
SELECT answer FROM pg_temp.all_of('{adm}', ARRAY['SELECT hitl.veto($1, ''n'')', 'SELECT hitl.correct($1, ''{}'', ''INCORRECT'', ''n'')'], :'d');
SELECT pg_temp.hand(:t, 'att_adm') = :t AS handed;
SELECT answer FROM pg_temp.all_of('{adm}', ARRAY['SELECT hitl.approve($1)', 'SELECT hitl.reject($1, ''INCORRECT'', ''n'')'], :'t');
-- not by another person that they make up and are, nor as somebody else
SELECT pg_temp.try('adm', 'SELECT hitl.approve($1, reviewer => ''att_ann'')', :'t');
SELECT pg_temp.try('adm', 'SELECT hitl.add_reviewer(''att_twin'', login => ''regress_hitl_att_adm'')');
SELECT pg_temp.try('adm', 'UPDATE hitl.task SET submitter = ''nobody''');
SELECT pg_temp.try('adm', 'INSERT INTO hitl.verdict (decision) VALUES ($1)', :'d');

-- a lead does not move their own to whom they like, nor away from who has it
SELECT pg_temp.submit('lea', 'att', 'of the lead') AS d \gset
SELECT id AS t FROM hitl.task WHERE decision = :'d' \gset
SELECT answer FROM pg_temp.all_of('{lea}', ARRAY['SELECT hitl.reassign($1, ''att_bob'')', 'SELECT hitl.requeue($1, queue => ''att far'')',
    'SELECT hitl.requeue($1, lane => 0)'], :'t');

--
-- S03: a reviewer reads what another team works on.
--
SELECT pg_temp.submit('app', 'att', 'the secret') AS d \gset
SELECT id AS t FROM hitl.task WHERE decision = :'d' \gset
SELECT pg_temp.hand(:t, 'att_ann') = :t AS handed;
SELECT tried, answer FROM pg_temp.all_of('{far}', ARRAY[
    'SELECT input FROM hitl.decision', 'SELECT * FROM hitl.task', 'SELECT * FROM hitl.verdict', 'SELECT * FROM hitl.event', 'SELECT * FROM hitl.request',
    'SELECT * FROM hitl.outcome', 'SELECT * FROM hitl.label', 'SELECT * FROM hitl.queue_status', 'SELECT * FROM hitl.gold', 'SELECT * FROM hitl.baseline_field',
    'EXPLAIN SELECT input FROM hitl.decision', 'EXPLAIN ANALYZE SELECT * FROM hitl.task', 'INSERT INTO hitl.decision (workflow) VALUES (''att'') RETURNING input',
    'UPDATE hitl.task SET lane = lane RETURNING *', 'DELETE FROM hitl.task RETURNING *', 'DECLARE c CURSOR FOR SELECT * FROM hitl.decision',
    'SELECT input FROM hitl.decision FOR SHARE', 'CREATE VIEW pg_temp.v AS SELECT * FROM hitl.decision; SELECT * FROM pg_temp.v',
    'CREATE TEMP TABLE t AS TABLE hitl.decision', 'SELECT hitl.explain($1)', 'SELECT hitl.packet_hash($1)', 'SELECT hitl.decision_path($1)',
    'SELECT hitl.find_request(''att'', ''r'')', 'SELECT count(*) FROM hitl.claim(10, ''{att}'')', 'SELECT count(*) FROM hitl.claim(10)',
    'SELECT string_agg(most_common_vals::text, '''') FROM pg_stats WHERE schemaname = ''hitl''',
    'SELECT string_agg(query, '''') FROM pg_stat_activity WHERE query LIKE ''%s3cret%'' AND pid <> pg_backend_pid()'], :'d');
COPY (SELECT pg_temp.try('far', 'SELECT count(*) FROM hitl.inbox')) TO stdout;
-- what functions say of it holds nothing of it
SELECT bool_or(answer ~ 's3cret|4711') AS told, array_agg(DISTINCT left(answer, 5)) AS answers FROM pg_temp.all_of('{far,bob}', ARRAY[
    'SELECT hitl.packet($1)', 'SELECT hitl.approve($1)', 'SELECT hitl.reject($1, ''INCORRECT'', ''n'')', 'SELECT hitl.amend($1, ''{"pay": 4}'', ''INCORRECT'', ''n'')',
    'SELECT hitl.judge($1, ''{}'')', 'SELECT hitl.decide_like($1, ''approve'')', 'SELECT hitl.decide_like($1, ''approve'', alike => ''{input.secret}'')',
    'SELECT hitl.release($1)'], :'t');

--
-- S04: whether something exists is not told by keys or by errors.
--
SELECT c.relname, p.privilege FROM pg_class c, unnest('{INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER}'::text[]) AS p (privilege)
WHERE c.relnamespace = 'hitl'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'S') AND has_table_privilege('hitl_reviewer', c.oid, p.privilege);
-- a task of others, one that others hold, and one that never was: the same words
SELECT tried, count(DISTINCT answer) AS answers, min(answer) AS answer
FROM (SELECT a.tried, a.answer FROM (VALUES (:'t'::text), ('9223372036854775807'), ('0')) AS v (task),
      LATERAL pg_temp.all_of('{far}', ARRAY[
          'SELECT hitl.packet($1)', 'SELECT hitl.approve($1)', 'SELECT hitl.reject($1, ''INCORRECT'', ''n'')', 'SELECT hitl.amend($1, ''{}'', ''INCORRECT'', ''n'')',
          'SELECT hitl.judge($1, ''{}'')', 'SELECT hitl.release($1)', 'SELECT hitl.extend($1)', 'SELECT hitl.escalate($1, ''n'')', 'SELECT hitl.ask($1, ''q'')',
          'SELECT hitl.decide_like($1, ''approve'')',
          'SELECT message FROM hitl.decide(pg_temp.item($1, ''approve''))',
          'SELECT message FROM hitl.decide(pg_temp.item($1, ''release''))'], v.task) a) x
GROUP BY 1 ORDER BY 1;
-- a decision of another application, and none
SELECT tried, count(DISTINCT answer) AS answers, min(answer) AS answer
FROM (SELECT a.tried, a.answer FROM (VALUES (:'d'::text), ('01900000-0000-7000-8000-000000000000')) AS v (decision),
      LATERAL pg_temp.all_of('{app2}', ARRAY[
          'SELECT hitl.withdraw($1)', 'SELECT hitl.answer($1, ''a'')', 'SELECT count(*) FROM hitl.decision_path($1)', 'SELECT outcome FROM hitl.outcome WHERE id = $1',
          'INSERT INTO hitl.decision (workflow, parent) VALUES (''att far'', $1) RETURNING route'], v.decision) a) x
GROUP BY 1 ORDER BY 1;

--
-- S05: a function that leaks what it is asked about, before row security.
--
CREATE FUNCTION pg_temp.leak(v anyelement) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS $$ BEGIN RAISE NOTICE 'leaked %', v; RETURN true; END $$;
SET ROLE regress_hitl_att_app2;
SELECT subject FROM hitl.decision WHERE pg_temp.leak(subject) AND workflow ~ '^att';
SELECT subject FROM hitl.outcome WHERE pg_temp.leak(subject) AND workflow ~ '^att';
SELECT 1 FROM hitl.decision WHERE 1 / length(subject) > 0 AND workflow = 'att';
SELECT subject::int FROM hitl.decision WHERE workflow = 'att';
RESET ROLE;
SET ROLE regress_hitl_att_far;
SELECT count(*) FROM hitl.inbox WHERE pg_temp.leak(workflow);
SELECT count(*) FROM hitl.my_tasks WHERE pg_temp.leak(decision);
RESET ROLE;

--
-- S06: the application sets what the gate sets.
--
SELECT tried, answer FROM pg_temp.all_of('{app}', ARRAY[
    'INSERT INTO hitl.decision (workflow, route) VALUES (''att'', ''auto_approve'')', 'INSERT INTO hitl.decision (workflow, gate_route, reasons) VALUES (''att'', ''auto_approve'', ''[]'')',
    'INSERT INTO hitl.decision (workflow, created_by) VALUES (''att'', ''regress_hitl_att_app2'')', 'INSERT INTO hitl.decision (workflow, audit_u, propensity) VALUES (''att'', 1, 0)',
    'INSERT INTO hitl.decision (workflow, lane) VALUES (''att'', 0)', 'INSERT INTO hitl.decision (id, workflow) VALUES (hitl.uuidv7(), ''att'')',
    'UPDATE hitl.decision SET route = ''auto_approve''', 'UPDATE hitl.decision SET confidence = 1 WHERE id = $1', 'DELETE FROM hitl.decision WHERE id = $1',
    'INSERT INTO hitl.decision (workflow) VALUES (''att'') ON CONFLICT (id) DO UPDATE SET confidence = 1', 
    'MERGE INTO hitl.decision d USING (VALUES (1)) v ON d.id = $1 WHEN MATCHED THEN UPDATE SET confidence = 1', 'MERGE INTO hitl.decision d USING (VALUES (1)) v ON d.id = $1 WHEN MATCHED THEN DELETE',
    'CREATE TRIGGER zzz BEFORE INSERT ON hitl.decision FOR EACH ROW EXECUTE FUNCTION hitl.gate()', 'CREATE RULE r AS ON INSERT TO hitl.decision DO INSTEAD NOTHING',
    'ALTER TABLE hitl.decision DISABLE TRIGGER ALL', 'INSERT INTO hitl.task (decision) VALUES ($1)', 'UPDATE hitl.task SET due_at = now()', 'INSERT INTO hitl.verdict (decision) VALUES ($1)',
    'INSERT INTO hitl.decision_default (workflow, route) VALUES (''att'', ''auto_approve'')', 'SET session_replication_role = replica', 'SELECT hitl.regate(''hitl.decision_default'', ''(0,1)'')'], :'d');

-- S07, a payload that is swapped between the look and the verdict, is the
-- isolation test packet-change.

--
-- S08: the application tries until it passes, deletes what did not, or asks
-- for another reviewer.
--
SELECT hitl.set_policy('att again', max_resubmits => 4);
SELECT pg_temp.try('app', $$
    WITH tries AS (INSERT INTO hitl.decision (workflow, subject, confidence, request_id)
                   SELECT 'att again', 'again and again', 0.9 + i / 10000.0, 'try ' || i FROM generate_series(1, 1000) i RETURNING route)
    SELECT count(*) FILTER (WHERE route = 'auto_approve') || ' of ' || count(*) || ' passed' FROM tries $$);
SELECT pg_temp.try('app', 'DELETE FROM hitl.decision WHERE subject = ''again and again''');
SELECT pg_temp.try('app', 'INSERT INTO hitl.decision (workflow, subject, confidence) VALUES (''att again'', ''again and again'', 1) RETURNING route');
SELECT pg_temp.try('app2', 'INSERT INTO hitl.decision (workflow, subject, confidence) VALUES (''att again'', ''again and again'', 1) RETURNING route');
-- the reviewer sees that it was tried before
SELECT jsonb_array_length(c.history -> 'subject') > 3 AS earlier, c.reasons @> '[{"trigger": "resubmitted"}]' AS told
FROM hitl.claim(1, '{att again}', 'att_bob') c JOIN hitl.decision d ON d.id = c.decision WHERE d.subject = 'again and again';

--
-- S09: a verdict after the lease, with the token of another, with a guess.
--
SELECT pg_temp.submit('app', 'att late', 'late') AS d \gset
SELECT task AS t, lease AS l FROM hitl.claim(1, '{att late}', 'att_ann') \gset
SELECT answer FROM pg_temp.all_of('{bob}', ARRAY['SELECT hitl.approve($1, lease => ' || :l || ')', 'SELECT hitl.release($1, lease => ' || :l || ')'], :'t');
SELECT count(*) AS guessed FROM generate_series(1, 1000) i, LATERAL pg_temp.try('ann', format('SELECT hitl.approve($1, lease => %s)', (i * 7919)), :'t') AS a WHERE a !~ '^ZH001';
SELECT pg_temp.try('ann', 'SELECT hitl.approve($1, lease => ' || (:l # (1::bigint << b)) || ')', :'t') = pg_temp.try('ann', 'SELECT hitl.approve($1, lease => -1)', :'t') AS one_bit_off FROM generate_series(0, 63, 21) b;
UPDATE hitl.task SET claimed_at = now() - interval '1 hour', lease_until = now() - interval '1 microsecond', wake_at = now() - interval '1 microsecond' WHERE id = :t;
SELECT answer FROM pg_temp.all_of('{ann}', ARRAY['SELECT hitl.approve($1)', 'SELECT hitl.approve($1, lease => ' || :l || ')', 'SELECT hitl.release($1)',
    'SELECT hitl.extend($1)', 'SELECT hitl.escalate($1, ''n'')', 'SELECT hitl.packet($1)'], :'t');
SELECT task = :t AS again, lease <> :l AS another_token FROM hitl.claim(1, '{att late}', 'att_bob');
SELECT answer FROM pg_temp.all_of('{ann}', ARRAY['SELECT hitl.approve($1)', 'SELECT hitl.approve($1, lease => ' || :l || ')'], :'t');
SELECT pg_temp.try('bob', 'SELECT hitl.approve($1, lease => ' || :l || ')', :'t');

--
-- S10: twice the same verdict, another one, and one that is replayed.
--
SELECT tried, answer FROM pg_temp.all_of('{bob}', ARRAY['SELECT hitl.reject($1, ''INCORRECT'', ''n'')', 'SELECT hitl.reject($1, ''INCORRECT'', ''n'')',
    'SELECT hitl.approve($1)', 'SELECT hitl.reject($1, ''INCORRECT'', ''another'')', 'SELECT hitl.amend($1, ''{}'', ''INCORRECT'', ''n'')', 'SELECT hitl.release($1)',
    'SELECT coalesce(outcome, sqlstate) FROM hitl.decide(pg_temp.item($1, ''reject''))',
    'SELECT coalesce(outcome, sqlstate) FROM hitl.decide(pg_temp.item($1, ''approve''))'], :'t');
SELECT pg_temp.try('ann', 'SELECT hitl.reject($1, ''INCORRECT'', ''n'')', :'t');
SELECT count(*) AS verdicts FROM hitl.verdict WHERE task = :t;

--
-- S11: more than one may hold; giving back until a better one comes; choosing.
--
SELECT pg_temp.submit('app', 'att many', 'work ' || i) IS NOT NULL AS made FROM generate_series(1, 6) i;
UPDATE hitl.task SET holder = NULL, lease = NULL, lease_until = NULL, claimed_at = NULL, packet_hash = NULL, policy_version = NULL WHERE holder = 'att_ann';
SELECT hitl.set_reviewer('att_ann', max_open => 2, max_releases => 3);
SELECT pg_temp.try('ann', 'SELECT count(*) FROM hitl.claim(100, ''{att many}'')');
SELECT pg_temp.try('ann', 'SELECT count(*) FROM hitl.claim(1, ''{att many}'')');
-- given back, it comes last, and not for ever
DO $$
DECLARE
    t bigint;
BEGIN
    FOR i IN 1 .. 10 LOOP
        PERFORM pg_temp.try('ann', 'SELECT hitl.release($1)', id::text) FROM hitl.task WHERE holder = 'att_ann';
        PERFORM pg_temp.try('ann', 'SELECT count(*) FROM hitl.claim(2, ''{att many}'')');
    END LOOP;
END $$;
SELECT pg_temp.try('ann', 'SELECT count(*) FROM hitl.claim(1, ''{att many}'')') ~ '^ZH004' AS refused, (SELECT count(*) FROM hitl.event WHERE kind = 'released' AND actor = 'att_ann') AS released;
-- nobody asks for a certain task: no function that takes one hands it out
SELECT p.oid::regprocedure AS hands_out FROM pg_proc p WHERE p.pronamespace = 'hitl'::regnamespace AND has_function_privilege('hitl_reviewer', p.oid, 'EXECUTE')
  AND p.proname ~ 'claim|take|assign|grab' ORDER BY 1;
SELECT pg_temp.try('bob', 'SELECT hitl.packet($1)', (SELECT max(id)::text FROM hitl.task WHERE workflow = 'att many' AND holder IS NULL)) ~ '^ZH001' AS not_shown;
SELECT hitl.set_reviewer('att_ann', max_open => 100, reset => '{max_releases}');

--
-- S12: holding a task for ever.
--
SELECT pg_temp.submit('app', 'att long', 'long') IS NOT NULL AS made;
SELECT hitl.set_queue('att long', lease => '10 minutes', max_hold => '30 minutes');
SELECT task AS t FROM hitl.claim(1, '{att long}', 'att_bob') \gset
SELECT pg_temp.try('bob', 'SELECT hitl.extend($1) <= now() + interval ''30 minutes''', :'t');
DO $$
BEGIN
    FOR i IN 1 .. 10 LOOP
        UPDATE hitl.task SET claimed_at = claimed_at - interval '5 minutes', lease_until = lease_until - interval '5 minutes' WHERE holder = 'att_bob';
        PERFORM pg_temp.try('bob', 'SELECT hitl.extend($1)', id::text) FROM hitl.task WHERE holder = 'att_bob';
    END LOOP;
END $$;
SELECT left(pg_temp.try('bob', 'SELECT hitl.extend($1)', :'t'), 5) AS extend, left(pg_temp.try('bob', 'SELECT hitl.approve($1)', :'t'), 5) AS verdict,
       (SELECT lease_until <= claimed_at + interval '30 minutes' FROM hitl.task WHERE id = :t) AS within;

--
-- S38: one application floods the queue.
--
SELECT hitl.create_workflow('att flood', queue => 'att', quota => 50);
SELECT left(a, 10) AS answer, count(*)
FROM (SELECT pg_temp.try('app2', format('INSERT INTO hitl.decision (workflow, confidence) VALUES (''att flood'', %s) RETURNING route', i / 200.0)) AS a FROM generate_series(1, 200) i) x
GROUP BY 1 ORDER BY 1;
SELECT pg_temp.try('app', 'INSERT INTO hitl.decision (workflow, confidence) VALUES (''att'', 0.5) RETURNING route');

-- Roles outlive the database.
SELECT * FROM hitl.check();
UPDATE hitl.task SET submitter = current_user, submitter_login = NULL, holder = NULL, lease = NULL, lease_until = NULL, claimed_at = NULL, packet_hash = NULL, policy_version = NULL WHERE workflow ~ '^att';
SELECT hitl.set_reviewer(name, reset => '{login}') FROM hitl.reviewer WHERE name ~ '^att_' AND login IS NOT NULL ORDER BY name;
DROP FUNCTION pg_temp.leak(anyelement);
SELECT hitl.drop_login('regress_hitl_att_eve2');
DROP OWNED BY regress_hitl_att_eve, regress_hitl_att_eve2, regress_hitl_att_ann, regress_hitl_att_bob, regress_hitl_att_far, regress_hitl_att_app, regress_hitl_att_app2, regress_hitl_att_svc, regress_hitl_att_adm, regress_hitl_att_lea;
DROP ROLE regress_hitl_att_eve, regress_hitl_att_eve2, regress_hitl_att_ann, regress_hitl_att_bob, regress_hitl_att_far, regress_hitl_att_app, regress_hitl_att_app2, regress_hitl_att_svc, regress_hitl_att_adm, regress_hitl_att_lea;
