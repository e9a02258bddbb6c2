-- Who may do and see what: the group roles, row by row and function by
-- function.
\set SHOW_CONTEXT never
\set ON_ERROR_ROLLBACK on

--
-- What the catalogs say
--

-- PUBLIC has nothing.
SELECT p.oid::regprocedure AS executable_by_public
FROM pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
WHERE p.pronamespace = 'hitl'::regnamespace AND a.grantee = 0
ORDER BY 1;
SELECT c.oid::regclass AS usable_by_public
FROM pg_class c, aclexplode(c.relacl) a
WHERE c.relnamespace = 'hitl'::regnamespace AND a.grantee = 0
UNION ALL
SELECT a.attrelid::regclass
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid, aclexplode(a.attacl) x
WHERE c.relnamespace = 'hitl'::regnamespace AND x.grantee = 0;
SELECT has_schema_privilege('public', 'hitl', 'USAGE') AS "usage",
       has_schema_privilege('public', 'hitl', 'CREATE') AS "create";

-- Who may use which table or view, and how.  Nobody may write to one, but an
-- application inserts decisions, without the columns of the gate.
SELECT c.relname, r.rolname, string_agg(DISTINCT a.privilege_type, ', ') AS privileges
FROM pg_class c, aclexplode(c.relacl) a JOIN pg_roles r ON r.oid = a.grantee
WHERE c.relnamespace = 'hitl'::regnamespace AND a.grantee <> c.relowner AND NOT c.relispartition
GROUP BY 1, 2 ORDER BY 2, 1;
SELECT c.relname, r.rolname, x.privilege_type,
       string_agg(a.attname, ' ' ORDER BY a.attnum) AS columns
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid, aclexplode(a.attacl) x
JOIN pg_roles r ON r.oid = x.grantee
WHERE c.relnamespace = 'hitl'::regnamespace AND x.grantee <> c.relowner AND NOT c.relispartition
GROUP BY 1, 2, 3 ORDER BY 2, 1, 3;
-- A partition is reached through its parent alone.
SELECT count(*) AS grants_on_partitions
FROM pg_class c, aclexplode(c.relacl) a
WHERE c.relnamespace = 'hitl'::regnamespace AND a.grantee <> c.relowner AND c.relispartition;

-- Who may call which function.  (The statistics, which read no table, are
-- those of hitl_viewer.)
SELECT p.oid::regprocedure AS function, string_agg(r.rolname, ' ' ORDER BY r.rolname) AS may_call
FROM pg_proc p
LEFT JOIN LATERAL aclexplode(p.proacl) a ON a.grantee <> p.proowner
LEFT JOIN pg_roles r ON r.oid = a.grantee
WHERE p.pronamespace = 'hitl'::regnamespace AND NOT (p.provolatile = 'i' AND p.proparallel = 's')
GROUP BY p.oid
ORDER BY 2 NULLS FIRST, p.oid::regprocedure::text COLLATE "C";
SELECT p.proname IN ('digest', 'diff') AS of_values, string_agg(DISTINCT r.rolname, ' ') AS may_call_statistics
FROM pg_proc p, aclexplode(p.proacl) a JOIN pg_roles r ON r.oid = a.grantee
WHERE p.pronamespace = 'hitl'::regnamespace AND a.grantee <> p.proowner
  AND p.provolatile = 'i' AND p.proparallel = 's'
GROUP BY 1 ORDER BY 1;
-- Group roles, and who is a member of whom.
SELECT r.rolname, r.rolcanlogin OR r.rolsuper OR r.rolcreaterole OR r.rolcreatedb OR r.rolbypassrls AS powers,
       (SELECT string_agg(g.rolname, ' ') FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
        WHERE m.member = r.oid) AS is_member_of
FROM pg_roles r WHERE r.rolname ~ '^hitl_' ORDER BY 1;

-- Functions that run with their owner's rights, and all that are not in C,
-- say where they look for names.
SELECT p.oid::regprocedure AS without_search_path
FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
WHERE p.pronamespace = 'hitl'::regnamespace AND (p.prosecdef OR l.lanname IN ('sql', 'plpgsql'))
  AND NOT coalesce('search_path=pg_catalog, pg_temp' = ANY (p.proconfig), false)
  AND NOT (l.lanname = 'sql' AND NOT p.prosecdef AND p.prosqlbody IS NOT NULL)
ORDER BY 1;
-- Functions in C that run with their owner's rights: none.
SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
WHERE p.pronamespace = 'hitl'::regnamespace AND p.prosecdef AND l.lanname = 'c';
-- A view runs with the reader's rights, and keeps the rows that it hides.
SELECT c.relname AS view_without
FROM pg_class c
WHERE c.relnamespace = 'hitl'::regnamespace AND c.relkind IN ('v', 'm')
  AND NOT coalesce(c.reloptions @> '{security_invoker=true,security_barrier=true}', false);
-- Where rows belong to somebody, the owner of the table is bound as well; and
-- a partition is closed to all, whatever default privileges give.
SELECT DISTINCT regexp_replace(relname, '_\d{4}_\d\d$', '_YYYY_MM') AS relname,
       relrowsecurity AS rls, relforcerowsecurity AS forced
FROM pg_class WHERE relnamespace = 'hitl'::regnamespace AND relrowsecurity ORDER BY 1;

-- Everything that a user meets says what it is.
SELECT p.oid::regprocedure AS function_without_comment
FROM pg_proc p
WHERE p.pronamespace = 'hitl'::regnamespace AND obj_description(p.oid, 'pg_proc') IS NULL
ORDER BY p.oid::regprocedure::text COLLATE "C";
SELECT c.relname AS relation_without_comment
FROM pg_class c
WHERE c.relnamespace = 'hitl'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm') AND NOT c.relispartition
  AND obj_description(c.oid, 'pg_class') IS NULL
ORDER BY 1;
SELECT t.typname AS type_without_comment
FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid
WHERE t.typnamespace = 'hitl'::regnamespace AND coalesce(c.relkind, 'c') = 'c' AND t.typcategory <> 'A'
  AND obj_description(t.oid, 'pg_type') IS NULL
ORDER BY 1;
-- (of a table, these names explain themselves)
SELECT c.relname, string_agg(a.attname, ' ' ORDER BY a.attnum) AS columns_without_comment
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = 'hitl'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition
  AND a.attnum > 0 AND NOT a.attisdropped AND col_description(c.oid, a.attnum) IS NULL
  AND a.attname NOT IN ('id', 'name', 'created_at', 'created_by', 'workflow', 'queue', 'reviewer', 'decision', 'task',
                        'sla', 'step', 'model', 'subject', 'confidence', 'code', 'note', 'version', 'day')
GROUP BY 1 ORDER BY 1;

--
-- What each role can do
--
CREATE ROLE regress_hitl_app1 IN ROLE hitl_application;
CREATE ROLE regress_hitl_app2 IN ROLE hitl_application;
CREATE ROLE regress_hitl_team;
CREATE ROLE regress_hitl_app3 IN ROLE hitl_application, regress_hitl_team;
CREATE ROLE regress_hitl_rev IN ROLE hitl_reviewer;
CREATE ROLE regress_hitl_view IN ROLE hitl_viewer;
CREATE ROLE regress_hitl_lead IN ROLE hitl_lead;
CREATE ROLE regress_hitl_adm IN ROLE hitl_admin;
CREATE ROLE regress_hitl_none;

-- An admin configures ...
SET ROLE regress_hitl_adm;
SELECT hitl.create_workflow('rol', 'rol');
SELECT hitl.create_workflow('rol team', 'rol', application => 'regress_hitl_team');
SELECT hitl.set_policy('rol', upper => 0.9, audit_rate_approve => 0);
SELECT hitl.add_reviewer('rol_rev', login => 'regress_hitl_rev'), hitl.join_queue('rol_rev', 'rol');
-- ... but neither by hand, nor past the gate, nor in the place of reviewers.
INSERT INTO hitl.workflow (name, queue) VALUES ('rol2', 'rol');
UPDATE hitl.workflow SET policy_version = 1 WHERE name = 'rol';
DELETE FROM hitl.membership;
INSERT INTO hitl.decision (workflow, confidence) VALUES ('rol', 0.97);
INSERT INTO hitl.event (kind, actor) VALUES ('forged', 'somebody');
INSERT INTO hitl.verdict SELECT * FROM hitl.verdict;
UPDATE hitl.task SET lane = 0;
SELECT hitl.log_event('forged', 'rol', NULL);
SELECT hitl.claim(reviewer => 'rol_rev');
\echo :SQLSTATE
RESET ROLE;
SELECT kind, actor FROM hitl.event
WHERE workflow ~ '^rol' OR detail ->> 'reviewer' = 'rol_rev' ORDER BY id;

-- An application inserts, and sees what it inserted: RETURNING, the table, the
-- outcome.
SET ROLE regress_hitl_app1;
INSERT INTO hitl.decision (workflow, subject, confidence, input, output, model, reasoning, alternatives, context,
                           signals, exposure, reversible, cohort, question, tags, parent)
VALUES ('rol', 'app1 high', 0.97, '{"i": 1}', '{"o": 1}', 'm', 'r', '[]', '{}', '{}', 1, true, '{}', 'q', '{t}', NULL),
       ('rol', 'app1 middle', 0.5, '{"i": 2}', '{"o": 2}', 'm', 'r', '[]', '{}', '{}', 1, true, '{}', 'q', '{t}', NULL)
RETURNING subject, route, created_by;
SET ROLE regress_hitl_app2;
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('rol', 'app2', 0.5) RETURNING subject, route;
SELECT subject, input FROM hitl.decision ORDER BY id;
SELECT subject, outcome FROM hitl.outcome ORDER BY id;
SELECT count(*) FROM hitl.decision WHERE subject = 'app1 high';
-- A function of its own that tells what it is given is given nothing else.
CREATE FUNCTION pg_temp.leak(t text) RETURNS boolean COST 0.0000001 LANGUAGE plpgsql
AS $$ BEGIN RAISE NOTICE 'leaked %', t; RETURN true; END $$;
SELECT count(*) FROM hitl.decision WHERE pg_temp.leak(subject);
SELECT count(*) FROM hitl.outcome WHERE pg_temp.leak(subject);
-- A plan made by one role is not that of another.
PREPARE mine AS SELECT subject FROM hitl.decision ORDER BY id;
EXECUTE mine;
SET ROLE regress_hitl_app1;
EXECUTE mine;
RESET ROLE;

-- The columns of the gate are not for applications.
SET ROLE regress_hitl_app1;
\set VERBOSITY sqlstate
INSERT INTO hitl.decision (workflow, id) VALUES ('rol', gen_random_uuid());
INSERT INTO hitl.decision (workflow, created_at) VALUES ('rol', now());
INSERT INTO hitl.decision (workflow, created_by) VALUES ('rol', 'regress_hitl_app2');
INSERT INTO hitl.decision (workflow, policy_version) VALUES ('rol', 1);
INSERT INTO hitl.decision (workflow, gate_route) VALUES ('rol', 'auto_approve');
INSERT INTO hitl.decision (workflow, route) VALUES ('rol', 'auto_approve');
INSERT INTO hitl.decision (workflow, reasons) VALUES ('rol', '[]');
INSERT INTO hitl.decision (workflow, lane) VALUES ('rol', 0);
INSERT INTO hitl.decision (workflow, audit_u) VALUES ('rol', 0.99);
INSERT INTO hitl.decision (workflow, propensity) VALUES ('rol', 0);
INSERT INTO hitl.decision SELECT * FROM hitl.decision;
-- Nor is anything but INSERT.
UPDATE hitl.decision SET route = 'auto_approve';
DELETE FROM hitl.decision;
TRUNCATE hitl.decision;
INSERT INTO hitl.decision (workflow, subject) VALUES ('rol', 'x') ON CONFLICT (id) DO UPDATE SET route = 'auto_approve';
MERGE INTO hitl.decision d USING (VALUES ('rol')) AS v (w) ON d.workflow = v.w WHEN MATCHED THEN DELETE;
MERGE INTO hitl.decision d USING (VALUES ('rol')) AS v (w) ON d.workflow = v.w WHEN MATCHED THEN UPDATE SET lane = 0;
SELECT 1 FROM hitl.decision FOR UPDATE;
BEGIN; LOCK TABLE hitl.decision IN ACCESS EXCLUSIVE MODE; ROLLBACK;
ALTER TABLE hitl.decision DISABLE TRIGGER gate;
CREATE TRIGGER mine BEFORE INSERT ON hitl.decision FOR EACH ROW EXECUTE FUNCTION hitl.gate();
CREATE RULE mine AS ON INSERT TO hitl.decision DO INSTEAD NOTHING;
-- A partition, another table, a function of others, a sequence.
SELECT 1 FROM hitl.decision_default;
INSERT INTO hitl.decision_default (workflow) VALUES ('rol');
SELECT 1 FROM hitl.task;
SELECT 1 FROM hitl.policy;
SELECT 1 FROM hitl.event;
SELECT note FROM hitl.verdict;
SELECT hitl.claim();
SELECT hitl.set_policy('rol', upper => 0);
SELECT hitl.tick();
SELECT hitl.check();
SELECT nextval('hitl.task_id_seq');
SET session_replication_role = replica;
-- The part of the gate that an INSERT calls says nothing to others.
SELECT hitl.needs_task(hitl.uuidv7());
\set VERBOSITY default
RESET ROLE;
SELECT count(*) AS decisions FROM hitl.decision WHERE workflow = 'rol';

-- Who acts is who logged in, or became another by SET ROLE: not whom a
-- function runs as.
CREATE FUNCTION rol_submit() RETURNS text LANGUAGE sql SECURITY DEFINER
AS $$ INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('rol', 'by function', 0.5)
      RETURNING created_by::text || ', not ' || CASE WHEN current_user = session_user THEN 'the owner' END $$;
SET ROLE regress_hitl_app1;
SELECT rol_submit();
SELECT hitl.actor();
RESET ROLE;
DROP FUNCTION rol_submit();

-- A workflow with an application is for its members: they insert, and read
-- what others of them inserted.
SET ROLE regress_hitl_app1;
INSERT INTO hitl.decision (workflow, subject) VALUES ('rol team', 'intruder');
\echo :SQLSTATE
SET ROLE regress_hitl_app3;
INSERT INTO hitl.decision (workflow, subject) VALUES ('rol team', 'of the team') RETURNING route;
RESET ROLE;
GRANT regress_hitl_team TO regress_hitl_app2;
SET ROLE regress_hitl_app2;
SELECT workflow, subject FROM hitl.decision ORDER BY id;
SET ROLE regress_hitl_app1;
SELECT count(*) FROM hitl.decision WHERE workflow = 'rol team';
RESET ROLE;
REVOKE regress_hitl_team FROM regress_hitl_app2;
SET ROLE regress_hitl_app2;
SELECT count(*) FROM hitl.decision WHERE workflow = 'rol team';
RESET ROLE;

-- A reviewer calls the functions and reads no table.
SET ROLE regress_hitl_rev;
SELECT queue, kind, workflow FROM hitl.inbox LIMIT 1;
SELECT hitl.reject(task, 'UNSAFE', 'secret note', NULL) FROM hitl.claim();
SELECT count(*) FROM hitl.my_tasks;
\set VERBOSITY sqlstate
SELECT 1 FROM hitl.decision;
SELECT 1 FROM hitl.task;
SELECT 1 FROM hitl.verdict;
SELECT 1 FROM hitl.outcome;
SELECT 1 FROM hitl.queue_status;
SELECT 1 FROM hitl.gold;
SELECT hitl.open_depth('rol');
SELECT hitl.packet_hash(hitl.uuidv7());
SELECT hitl.withdraw(gen_random_uuid());
SELECT hitl.answer(gen_random_uuid(), 'yes');
SELECT hitl.recall_all('rol_rev');
SELECT hitl.step_up(1, 'cert');
SELECT hitl.reorder_queue('rol');
SELECT hitl.gold_pause('rol_rev', 'rol');
INSERT INTO hitl.decision (workflow) VALUES ('rol');
UPDATE hitl.task SET holder = 'rol_rev';
SELECT hitl.join_queue('rol_rev', 'fact');
SELECT hitl.check();
COPY (SELECT * FROM hitl.decision) TO stdout;
DO $$ BEGIN PERFORM hitl.gate(); END $$;
\set VERBOSITY default
RESET ROLE;

-- The application learns the outcome, not what reviewers note among
-- themselves.
SET ROLE regress_hitl_app1;
SELECT subject, outcome, decided_by FROM hitl.outcome WHERE workflow = 'rol' ORDER BY id;
SELECT reviewer, action, code, outcome FROM hitl.verdict;
SET ROLE regress_hitl_app2;
SELECT reviewer, action, code, outcome FROM hitl.verdict;
RESET ROLE;

-- A viewer reads all outcomes and reports, and no input.
SET ROLE regress_hitl_view;
SELECT subject, outcome FROM hitl.outcome WHERE workflow ~ '^rol' ORDER BY id;
SELECT workflow, sum(decisions) AS decisions FROM hitl.workflow_report WHERE workflow ~ '^rol' GROUP BY 1 ORDER BY 1;
SELECT queue, lane, open FROM hitl.queue_status WHERE queue = 'rol' ORDER BY lane;
SELECT count(*) > 0 AS calibration FROM hitl.calibration;
SELECT count(*) >= 0 AS reliability FROM hitl.reliability;
SELECT hitl.brier_score(confidence, correct) IS NULL AS brier FROM hitl.label WHERE workflow = 'rol team';
\set VERBOSITY sqlstate
SELECT input FROM hitl.decision;
SELECT * FROM hitl.decision;
SELECT reasoning FROM hitl.decision;
SELECT context FROM hitl.decision;
SELECT signals FROM hitl.decision;
SELECT d FROM hitl.decision d;
INSERT INTO hitl.decision (workflow) VALUES ('rol');
SELECT hitl.claim();
SELECT hitl.check();
SELECT hitl.create_queue('rol2');
\set VERBOSITY default
RESET ROLE;

-- A lead reads the same, and what is wrong.
SET ROLE regress_hitl_lead;
SELECT count(*) >= 0 AS may_check FROM hitl.check();
SELECT count(*) >= 0 AS may_ask_the_doctor FROM hitl.doctor();
SELECT hitl.set_policy('rol', upper => 0);
\echo :SQLSTATE
RESET ROLE;

-- Whoever is in no group is in no place.
SET ROLE regress_hitl_none;
SELECT 1 FROM hitl.decision;
SELECT hitl.claim();
SELECT hitl.uuidv7();
\echo :SQLSTATE
RESET ROLE;

-- Roles outlive the database.
SELECT count(hitl.approve(task, reviewer => 'rol_rev')) AS decided FROM hitl.claim(10, '{rol}', 'rol_rev');
UPDATE hitl.workflow SET application = NULL WHERE name = 'rol team';
UPDATE hitl.reviewer SET login = NULL WHERE name = 'rol_rev';
UPDATE hitl.task SET submitter = current_user WHERE workflow ~ '^rol';
DROP FUNCTION pg_temp.leak(text);
DROP ROLE regress_hitl_app1, regress_hitl_app2, regress_hitl_app3, regress_hitl_team, regress_hitl_rev,
          regress_hitl_view, regress_hitl_lead, regress_hitl_adm, regress_hitl_none;
