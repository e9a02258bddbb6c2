-- Verdicts: approve, reject, amend are the only way out of the queue, and
-- each decision goes out once.
\set SHOW_CONTEXT never
\set ON_ERROR_ROLLBACK on

-- What a statement about a task ($1) is refused with: SQLSTATE, message, hint.
CREATE FUNCTION pg_temp.refusal(statement text, task bigint) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    hint text;
    answer text;
BEGIN
    EXECUTE statement INTO answer USING task;
    RETURN 'not refused: ' || coalesce(answer, 'NULL');
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
    RETURN concat_ws(E'\n    ', SQLSTATE || ': ' || regexp_replace(SQLERRM, 'task -?\d+', 'task N'),
                     nullif(hint, ''));
END
$$;

SELECT hitl.create_workflow('ver', queue => 'ver');
SELECT hitl.add_code('VER_OWN', 'of this workflow', 'ver');
SELECT hitl.create_workflow('ver2', queue => 'ver2');
SELECT hitl.add_code('VER_OTHER', 'of the other workflow', 'ver2');
SELECT hitl.add_reviewer('ver_ann', max_open => 100), hitl.add_reviewer('ver_bob'),
       hitl.add_reviewer('ver_far');
SELECT hitl.join_queue('ver_ann', 'ver'), hitl.join_queue('ver_bob', 'ver'),
       hitl.join_queue('ver_far', 'ver2');

-- The three verdicts.  Each settles the outcome, and the task is gone.
INSERT INTO hitl.decision (workflow, subject, output)
VALUES ('ver', 'right', '{"pay": 1}'), ('ver', 'wrong', '{"pay": 2}'), ('ver', 'nearly', '{"pay": 3}');
SELECT max(task) FILTER (WHERE output = '{"pay": 1}') AS t1, max(task) FILTER (WHERE output = '{"pay": 2}') AS t2,
       max(task) FILTER (WHERE output = '{"pay": 3}') AS t3, max(lease) FILTER (WHERE output = '{"pay": 1}') AS l1
FROM hitl.claim(3, '{ver}', 'ver_ann') \gset
SELECT hitl.approve(:t1, reviewer => 'ver_ann', lease => :l1);
SELECT hitl.reject(:t2, 'INCORRECT', 'not owed', 'ver_ann');
SELECT hitl.amend(:t3, '{"pay": 30}', 'VER_OWN', 'a zero is missing', 'ver_ann');
SELECT d.subject, v.kind, v.queue, v.reviewer, v.asserted_by = current_user AS by_me, v.action, v.output,
       v.code, v.note, v.final, v.outcome
FROM hitl.verdict v JOIN hitl.decision d ON d.id = v.decision
WHERE v.workflow = 'ver' ORDER BY v.id;
SELECT bool_and(seconds BETWEEN 0 AND 600) AS seconds, bool_and(created_at < lease_until) AS in_time,
       bool_and(lease_until - created_at BETWEEN '10 minutes' AND '15 minutes') AS lease
FROM hitl.verdict WHERE workflow = 'ver';
SELECT subject, route, outcome, output, decided_by FROM hitl.outcome WHERE workflow = 'ver' ORDER BY id;
SELECT count(*) AS tasks FROM hitl.task WHERE workflow = 'ver';

-- A double click: the same verdict gets the same answer, and is not stored
-- again; a different one is refused.
SELECT hitl.approve(:t1, reviewer => 'ver_ann');
SELECT hitl.approve(:t1, reviewer => 'ver_ann', lease => :l1);
SELECT hitl.reject(:t2, 'INCORRECT', 'not owed', 'ver_ann');
SELECT hitl.amend(:t3, '{"pay": 30.0}', 'VER_OWN', 'a zero is missing', 'ver_ann');
SELECT pg_temp.refusal(statement, task)
FROM (VALUES (1, $$SELECT hitl.reject($1, 'INCORRECT', 'after all', 'ver_ann')$$, :t1),
             (2, $$SELECT hitl.approve($1, 'with a note', 'ver_ann')$$, :t1),
             (3, $$SELECT hitl.approve($1, reviewer => 'ver_bob')$$, :t1),
             (4, $$SELECT hitl.approve($1, reviewer => 'ver_ann', lease => 1)$$, :t1),
             (5, $$SELECT hitl.reject($1, 'UNSAFE', 'not owed', 'ver_ann')$$, :t2),
             (6, $$SELECT hitl.reject($1, 'INCORRECT', 'not owed!', 'ver_ann')$$, :t2),
             (7, $$SELECT hitl.amend($1, '{"pay": 31}', 'VER_OWN', 'a zero is missing', 'ver_ann')$$, :t3)
     ) AS v (n, statement, task) ORDER BY n;
-- A task that is decided cannot be given back either.
SELECT pg_temp.refusal($$SELECT hitl.release($1, 'ver_ann')$$, :t1);
SELECT count(*) FROM hitl.verdict WHERE workflow = 'ver';

-- Only the holder decides.  A task of others, one that never was, and one
-- decided in a queue of others look the same.
INSERT INTO hitl.decision (workflow, subject, output) VALUES ('ver', 'held', '{"a": 1, "b": [1, 2]}');
SELECT pg_temp.refusal($$SELECT hitl.approve($1, reviewer => 'ver_ann')$$, (SELECT id FROM hitl.task WHERE workflow = 'ver'));
SELECT task AS t, lease AS l FROM hitl.claim(1, '{ver}', 'ver_ann') \gset
SELECT pg_temp.refusal(statement, task)
FROM (VALUES (1, $$SELECT hitl.approve($1, reviewer => 'ver_bob')$$, :t),
             (2, $$SELECT hitl.approve($1, reviewer => 'ver_far')$$, :t),
             (3, $$SELECT hitl.approve($1, reviewer => 'ver_far')$$, :t1),
             (4, $$SELECT hitl.approve($1, reviewer => 'ver_far')$$, 9223372036854775807),
             (5, $$SELECT hitl.approve($1, reviewer => 'ver_far')$$, 0),
             (6, $$SELECT hitl.release($1, reviewer => 'ver_bob')$$, :t),
             (7, $$SELECT hitl.release($1, reviewer => 'ver_bob')$$, -1)) AS v (n, statement, task)
ORDER BY n;
-- The token of the claim may be said, and must then be the one of the live
-- claim.
SELECT pg_temp.refusal(format('SELECT hitl.approve($1, reviewer => ''ver_ann'', lease => %s)', :l # 1), :t)
UNION ALL
SELECT pg_temp.refusal(format('SELECT hitl.release($1, reviewer => ''ver_ann'', lease => %s)', :l # 1), :t);

-- A rejection or an amendment says why: a code of the workflow and a note.
SELECT pg_temp.refusal(statement, :t)
FROM (VALUES (1, $$SELECT hitl.reject($1, NULL, 'n', 'ver_ann')$$),
             (2, $$SELECT hitl.reject($1, ' ', 'n', 'ver_ann')$$),
             (3, $$SELECT hitl.reject($1, 'INCORRECT', NULL, 'ver_ann')$$),
             (4, $$SELECT hitl.reject($1, 'INCORRECT', E' \n\t', 'ver_ann')$$),
             (5, $$SELECT hitl.reject($1, 'BECAUSE', 'n', 'ver_ann')$$),
             (6, $$SELECT hitl.reject($1, 'incorrect', 'n', 'ver_ann')$$),
             (7, $$SELECT hitl.reject($1, 'VER_OTHER', 'n', 'ver_ann')$$),
             (8, $$SELECT hitl.amend($1, '1', NULL, 'n', 'ver_ann')$$),
             (9, $$SELECT hitl.amend($1, '1', 'INCORRECT', '', 'ver_ann')$$),
             (10, $$SELECT hitl.amend($1, NULL, 'INCORRECT', 'n', 'ver_ann')$$),
             (11, $$SELECT hitl.approve($1, repeat('x', 65537), 'ver_ann')$$),
             (12, $$SELECT hitl.approve(NULL, reviewer => 'ver_ann')$$),
             (13, $$SELECT hitl.release(NULL, reviewer => 'ver_ann')$$)) AS v (n, statement)
ORDER BY n;
-- An amendment that changes nothing would count as an error of the AI: it is
-- an approval.  Equal is what jsonb calls equal.
SELECT pg_temp.refusal($$SELECT hitl.amend($1, '{"b": [1.0, 2], "a": 1}', 'INCORRECT', 'n', 'ver_ann')$$, :t);
-- Nothing of all this changed the task: its holder can decide it.
SELECT holder, lease = :l AS same_lease FROM hitl.task WHERE id = :t;
SELECT hitl.amend(:t, '{"b": [2, 1], "a": 1}', 'INCORRECT', 'turned round', 'ver_ann', :l);

-- A verdict that is rolled back is none, for the session neither.
INSERT INTO hitl.decision (workflow, subject) VALUES ('ver', 'undone');
SELECT task AS t, lease AS l FROM hitl.claim(1, '{ver}', 'ver_ann') \gset
BEGIN;
SELECT hitl.approve(:t, reviewer => 'ver_ann');
SAVEPOINT s;
SELECT hitl.approve(:t, reviewer => 'ver_ann');
ROLLBACK TO s;
ROLLBACK;
SELECT outcome FROM hitl.outcome WHERE workflow = 'ver' AND subject = 'undone';
SELECT hitl.reject(:t, 'UNSAFE', 'on second thoughts', 'ver_ann');
SELECT outcome FROM hitl.outcome WHERE workflow = 'ver' AND subject = 'undone';

-- A release gives the task back, to its old place; the record says so.
INSERT INTO hitl.decision (workflow, subject) VALUES ('ver', 'returned'), ('ver', 'next');
SELECT task AS t, lease AS l FROM hitl.claim(1, '{ver}', 'ver_ann') \gset
SELECT hitl.release(:t, 'ver_ann', :l);
SELECT holder, lease, lease_until, claimed_at FROM hitl.task WHERE id = :t;
SELECT pg_temp.refusal($$SELECT hitl.release($1, 'ver_ann')$$, :t);
SELECT pg_temp.refusal($$SELECT hitl.approve($1, reviewer => 'ver_ann')$$, :t);
SELECT task = :t AS same_task, lease <> :l AS new_lease FROM hitl.claim(1, '{ver}', 'ver_bob');
SELECT pg_temp.refusal(format('SELECT hitl.approve($1, reviewer => ''ver_bob'', lease => %s)', :l), :t);
SELECT hitl.approve(:t, E'fine \\ "quoted" \x01', 'ver_bob');
SELECT kind, actor, detail ->> 'queue' AS queue, detail ->> 'holder' AS holder,
       (detail ->> 'seconds')::float8 >= 0 AS seconds, detail ->> 'asserted_by' = current_user AS by_me
FROM hitl.event WHERE task = :t ORDER BY id;
SELECT note = E'fine \\ "quoted" \x01' AS verbatim FROM hitl.verdict WHERE task = :t;

-- Who leaves the queue may finish what they hold.
SELECT task AS t FROM hitl.claim(1, '{ver}', 'ver_bob') \gset
SELECT hitl.leave_queue('ver_bob', 'ver');
SELECT hitl.approve(:t, reviewer => 'ver_bob');
SELECT hitl.join_queue('ver_bob', 'ver');

-- The reviewer's own login acts: nothing is asserted.  A reviewer sees no
-- table, and decides by the functions alone.
CREATE ROLE regress_hitl_vic IN ROLE hitl_reviewer;
SELECT hitl.add_reviewer('ver_vic', login => 'regress_hitl_vic'), hitl.join_queue('ver_vic', 'ver');
INSERT INTO hitl.decision (workflow, subject) VALUES ('ver', 'by login');
SET ROLE regress_hitl_vic;
SELECT hitl.approve(task) FROM hitl.claim();
RESET ROLE;
SELECT v.reviewer, v.asserted_by FROM hitl.verdict v JOIN hitl.decision d ON d.id = v.decision
WHERE d.workflow = 'ver' AND d.subject = 'by login';

-- Nobody decides what they submitted, even if they got hold of it: here the
-- login becomes the reviewer's after the claim.
GRANT hitl_application TO regress_hitl_vic;
SELECT hitl.add_reviewer('ver_twin'), hitl.join_queue('ver_twin', 'ver');
SET ROLE regress_hitl_vic;
INSERT INTO hitl.decision (workflow, subject) VALUES ('ver', 'own');
RESET ROLE;
SELECT task AS t FROM hitl.claim(1, '{ver}', 'ver_twin') \gset
UPDATE hitl.reviewer SET login = NULL WHERE name = 'ver_vic';
UPDATE hitl.reviewer SET login = 'regress_hitl_vic' WHERE name = 'ver_twin';
SELECT pg_temp.refusal($$SELECT hitl.approve($1, reviewer => 'ver_twin')$$, :t);
SELECT hitl.release(:t, 'ver_twin');
SELECT hitl.approve(task, reviewer => 'ver_ann') FROM hitl.claim(1, '{ver}', 'ver_ann');

-- An audit looks at what took effect already; its verdict supersedes the
-- policy's.
SELECT hitl.set_policy('ver', upper => 0.9, lower => 0.1, audit_rate_approve => 1, audit_rate_reject => 1);
INSERT INTO hitl.decision (workflow, subject, confidence, output)
VALUES ('ver', 'audit right', 0.95, '1'), ('ver', 'audit escaped', 0.95, '2'),
       ('ver', 'audit amended', 0.95, '3'), ('ver', 'audit rejected wrongly', 0.05, '4'),
       ('ver', 'audit open', 0.95, '5');
SELECT subject, outcome, output, decided_by FROM hitl.outcome
WHERE workflow = 'ver' AND subject ~ '^audit' ORDER BY id;
SELECT kind, hitl.approve(task, reviewer => 'ver_ann') FROM hitl.claim(1, '{ver}', 'ver_ann');
SELECT kind, hitl.reject(task, 'UNSAFE', 'n', 'ver_ann') FROM hitl.claim(1, '{ver}', 'ver_ann');
SELECT kind, hitl.amend(task, '33', 'INCORRECT', 'n', 'ver_ann') FROM hitl.claim(1, '{ver}', 'ver_ann');
SELECT kind, hitl.approve(task, reviewer => 'ver_ann') FROM hitl.claim(1, '{ver}', 'ver_ann');
SELECT o.subject, o.route, v.action, o.outcome, o.output, o.decided_by
FROM hitl.outcome o LEFT JOIN hitl.verdict v ON v.decision = o.id
WHERE o.workflow = 'ver' AND o.subject ~ '^audit' ORDER BY o.id;

-- The owner's triggers on records fire, and may refuse.
BEGIN;
CREATE TABLE ver_log (record text, what text);
CREATE FUNCTION pg_temp.note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_WHEN = 'BEFORE' THEN
        NEW.note := upper(NEW.note);
        IF NEW.note = 'NEVER' THEN
            RAISE EXCEPTION 'refused' USING ERRCODE = 'check_violation';
        END IF;
    ELSE
        INSERT INTO ver_log VALUES (TG_TABLE_NAME, CASE TG_TABLE_NAME WHEN 'event' THEN to_jsonb(NEW) ->> 'kind'
                                                                      ELSE to_jsonb(NEW) ->> 'note' END);
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER note BEFORE INSERT ON hitl.verdict FOR EACH ROW EXECUTE FUNCTION pg_temp.note();
CREATE TRIGGER log AFTER INSERT ON hitl.verdict FOR EACH ROW EXECUTE FUNCTION pg_temp.note();
CREATE TRIGGER log AFTER INSERT ON hitl.event FOR EACH ROW EXECUTE FUNCTION pg_temp.note();
SELECT task AS t FROM hitl.claim(1, '{ver}', 'ver_ann') \gset
SELECT pg_temp.refusal($$SELECT hitl.approve($1, 'never', 'ver_ann')$$, :t);
SELECT count(*) AS still_held FROM hitl.task WHERE id = :t AND holder = 'ver_ann';
SELECT hitl.approve(:t, 'gladly', 'ver_ann');
SELECT note FROM hitl.verdict WHERE task = :t;
SELECT * FROM ver_log;
ROLLBACK;

-- Columns that the owner adds are the owner's: defaults, constraints and
-- generation hold, and acts leave them as they are.
BEGIN;
ALTER TABLE hitl.task ADD COLUMN region text NOT NULL DEFAULT 'EU',
                      ADD COLUMN shout text GENERATED ALWAYS AS (upper(region)) STORED;
ALTER TABLE hitl.event ADD COLUMN seen boolean NOT NULL DEFAULT false;
ALTER TABLE hitl.verdict ADD COLUMN length int GENERATED ALWAYS AS (length(note)) STORED,
                         ADD COLUMN paid boolean DEFAULT false,
                         ADD CONSTRAINT civil CHECK (note <> 'damn');
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('ver', 'extra', 0.5);
SELECT DISTINCT region, shout FROM hitl.task WHERE workflow = 'ver' ORDER BY 1;
UPDATE hitl.task SET region = 'US' WHERE workflow = 'ver';
SELECT max(task) AS t FROM hitl.claim(100, '{ver}', 'ver_ann') \gset
SELECT DISTINCT region, shout, holder FROM hitl.task WHERE workflow = 'ver' ORDER BY 1;
SELECT hitl.release(:t, 'ver_ann');
SELECT region, shout, holder FROM hitl.task WHERE id = :t;
SELECT count(task) AS again FROM hitl.claim(1, '{ver}', 'ver_ann');
SELECT DISTINCT kind, seen FROM hitl.event WHERE task = :t ORDER BY 1;
SELECT pg_temp.refusal($$SELECT hitl.approve($1, 'damn', 'ver_ann')$$, :t);
SELECT hitl.approve(:t, 'fine', 'ver_ann');
SELECT note, length, paid FROM hitl.verdict WHERE task = :t;
ROLLBACK;

-- Nobody decides what they submitted: behind another role (SET ROLE), or while
-- they act for somebody else.  A pooled login is nobody and may do both.
BEGIN;
CREATE ROLE regress_hitl_una;
CREATE ROLE regress_hitl_app IN ROLE hitl_application;
CREATE ROLE regress_hitl_pool IN ROLE hitl_application, hitl_delegate;
GRANT hitl_reviewer, hitl_application, hitl_delegate, regress_hitl_app TO regress_hitl_una;
SELECT hitl.add_reviewer('ver_una', 'regress_hitl_una'), hitl.join_queue('ver_una', 'ver2');
SELECT hitl.join_queue('ver_bob', 'ver2');
SET LOCAL SESSION AUTHORIZATION regress_hitl_una;
SET LOCAL ROLE regress_hitl_app;
INSERT INTO hitl.decision (workflow) VALUES ('ver2');
RESET ROLE;
SELECT count(*) AS own_behind_a_role FROM hitl.claim(1, '{ver2}');
SELECT count(*) AS own_for_another FROM hitl.claim(1, '{ver2}', 'ver_bob');
RESET SESSION AUTHORIZATION;
SELECT submitter, submitter_login FROM hitl.task WHERE workflow = 'ver2';
SELECT task AS t FROM hitl.claim(1, '{ver2}', 'ver_bob') \gset
SET LOCAL SESSION AUTHORIZATION regress_hitl_una;
SELECT pg_temp.refusal($$SELECT hitl.approve($1, reviewer => 'ver_bob')$$, :t);
RESET SESSION AUTHORIZATION;
SELECT hitl.approve(:t, reviewer => 'ver_bob');
SET LOCAL SESSION AUTHORIZATION regress_hitl_pool;
INSERT INTO hitl.decision (workflow) VALUES ('ver2');
SELECT task AS t FROM hitl.claim(1, '{ver2}', 'ver_bob') \gset
SELECT hitl.approve(:t, reviewer => 'ver_bob');
RESET SESSION AUTHORIZATION;
ROLLBACK;

-- A person is all of their logins, behind whatever role, also as an admin or a
-- delegate; whoever got hold of the task.
BEGIN;
CREATE ROLE regress_hitl_una IN ROLE hitl_reviewer;
CREATE ROLE regress_hitl_una2 IN ROLE hitl_reviewer, hitl_application, hitl_delegate, hitl_admin;
CREATE ROLE regress_hitl_pool IN ROLE hitl_application, hitl_delegate;
GRANT regress_hitl_pool TO regress_hitl_una, regress_hitl_una2;
SELECT hitl.add_reviewer('ver_una', 'regress_hitl_una'), hitl.add_login('ver_una', 'regress_hitl_una2'), hitl.join_queue('ver_una', 'ver2'), hitl.join_queue('ver_bob', 'ver2');
CREATE FUNCTION pg_temp.hand(reviewer text) RETURNS bigint LANGUAGE sql AS $$
    UPDATE hitl.task SET holder = hand.reviewer, lease = 4711, claimed_at = clock_timestamp(), lease_until = clock_timestamp() + interval '15 minutes' WHERE workflow = 'ver2' RETURNING id
$$;
SET LOCAL SESSION AUTHORIZATION regress_hitl_una2;
INSERT INTO hitl.decision (workflow, output) VALUES ('ver2', '1');
RESET SESSION AUTHORIZATION;
SELECT pg_temp.hand('ver_una') AS t \gset
SET LOCAL SESSION AUTHORIZATION regress_hitl_una;
SELECT pg_temp.refusal(s, :t) FROM unnest(ARRAY['SELECT hitl.approve($1)', 'SELECT hitl.reject($1, ''UNSAFE'', ''n'')', 'SELECT hitl.amend($1, ''2'', ''UNSAFE'', ''n'')',
    'SELECT sqlstate FROM hitl.decide(jsonb_build_array(jsonb_build_object(''task'', $1, ''action'', ''approve'')))', 'SELECT hitl.decide_like($1, ''approve'', alike => ''{output}'')']) WITH ORDINALITY x (s, n) ORDER BY n;
SET LOCAL SESSION AUTHORIZATION regress_hitl_una2;
SELECT pg_temp.refusal('SELECT hitl.approve($1)', :t);
SET LOCAL ROLE regress_hitl_pool;
SELECT pg_temp.refusal('SELECT hitl.approve($1, reviewer => ''ver_una'')', :t);
RESET SESSION AUTHORIZATION;
SELECT pg_temp.hand('ver_bob') AS t \gset
SET LOCAL SESSION AUTHORIZATION regress_hitl_una2;
SELECT pg_temp.refusal('SELECT hitl.approve($1, reviewer => ''ver_bob'')', :t);
SET LOCAL ROLE regress_hitl_pool;
SELECT pg_temp.refusal('SELECT hitl.approve($1, reviewer => ''ver_bob'')', :t);
SET LOCAL SESSION AUTHORIZATION regress_hitl_una;
SET LOCAL ROLE regress_hitl_pool;
SELECT pg_temp.refusal('SELECT hitl.approve($1, reviewer => ''ver_bob'')', :t);
RESET SESSION AUTHORIZATION;
SELECT hitl.approve(:t, reviewer => 'ver_bob');
-- a pooled login submits for everybody, but who submits behind it is known
SET LOCAL SESSION AUTHORIZATION regress_hitl_una;
SET LOCAL ROLE regress_hitl_pool;
INSERT INTO hitl.decision (workflow) VALUES ('ver2');
RESET SESSION AUTHORIZATION;
SELECT pg_temp.hand('ver_una') AS t \gset
SET LOCAL SESSION AUTHORIZATION regress_hitl_pool;
SELECT pg_temp.refusal('SELECT hitl.approve($1, reviewer => ''ver_una'')', :t);
RESET SESSION AUTHORIZATION;
-- who stands in for the submitter does not decide it for them
SELECT pg_temp.hand('ver_bob') AS t \gset
UPDATE hitl.task SET on_behalf_of = 'ver_una' WHERE id = :t;
SELECT pg_temp.refusal('SELECT hitl.approve($1, reviewer => ''ver_bob'')', :t);
UPDATE hitl.task SET on_behalf_of = 'ver_ann' WHERE id = :t;
SELECT hitl.approve(:t, reviewer => 'ver_bob');
SELECT reviewer, on_behalf_of FROM hitl.verdict WHERE task = :t;
ROLLBACK;

-- The first answer is given again wherever the task has gone meanwhile.
BEGIN;
INSERT INTO hitl.decision (workflow) VALUES ('ver2');
SELECT hitl.join_queue('ver_bob', 'ver2');
SELECT task AS t FROM hitl.claim(1, '{ver2}', 'ver_bob') \gset
UPDATE hitl.task SET queue = 'ver' WHERE id = :t;
SELECT hitl.leave_queue('ver_bob', 'ver2');
SELECT hitl.approve(:t, reviewer => 'ver_bob');
SELECT hitl.approve(:t, reviewer => 'ver_bob');
ROLLBACK;

-- A statement that changes a task and decides it at once is told so.
BEGIN;
INSERT INTO hitl.decision (workflow) VALUES ('ver2');
SELECT hitl.join_queue('ver_bob', 'ver2');
SELECT task AS t FROM hitl.claim(1, '{ver2}', 'ver_bob') \gset
SELECT pg_temp.refusal($$UPDATE hitl.task SET sort_key = sort_key WHERE id = $1
                         RETURNING hitl.approve(id, reviewer => 'ver_bob')$$, :t);
ROLLBACK;

-- What the policy demands of whoever judges: here by the policies themselves.
CREATE FUNCTION pg_temp.demand(fields jsonb) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    v int;
BEGIN
    INSERT INTO hitl.policy
    SELECT (jsonb_populate_record(p, fields || jsonb_build_object('version', p.version + 1, 'base', p.version))).*
    FROM hitl.policy p WHERE p.workflow = 'dem' ORDER BY p.version DESC LIMIT 1
    RETURNING version INTO v;
    UPDATE hitl.workflow w SET policy_version = v WHERE w.name = 'dem';
    RETURN v;
END
$$;
SELECT hitl.create_workflow('dem', queue => 'dem'), hitl.set_policy('dem', irreversible => true);
CREATE ROLE regress_hitl_dem IN ROLE hitl_reviewer;
SELECT hitl.add_reviewer('dem_ann', login => 'regress_hitl_dem'), hitl.join_queue('dem_ann', 'dem');
INSERT INTO hitl.rubric (workflow, version, criterion, position, description, least, most, required) VALUES
    ('dem', 1, 'tone', 2, 'is it polite', 1, 5, false), ('dem', 1, 'right', 1, 'is it right', -1, 1, true), ('dem', 2, 'right', 1, 'is it right', 0, 10, true);
INSERT INTO hitl.decision (workflow, subject, output) SELECT 'dem', 's' || n, '{"pay": 1}' FROM generate_series(1, 6) n;
-- scores by the rubric that the policy of the claim names
SELECT pg_temp.demand('{"rubric": 1}') IS NOT NULL AS rubric;
SELECT task AS t FROM hitl.claim(1, '{dem}', 'dem_ann') \gset
SELECT pg_temp.demand('{"rubric": 2}') IS NOT NULL AS another;
SELECT pg_temp.refusal(format('SELECT hitl.approve($1, reviewer => ''dem_ann'', scores => %L)', s), :t)
FROM unnest(ARRAY[NULL, '{}', '{"tone": 3}', '{"right": 2}', '{"right": -2}', '{"right": 0.5}', '{"right": "1"}', '{"right": null}', '{"right": [1]}', '{"right": 1, "tone": 0}',
                  '{"right": 1, "speed": 1}', '{"right": 1, "": 1}', '[1]', '1', 'null', '{"right": 1e1000}']) WITH ORDINALITY x (s, n) ORDER BY n;
SELECT hitl.approve(:t, reviewer => 'dem_ann', scores => '{"right": -1.0, "tone": 5}');
SELECT rubric, scores, policy_version = (SELECT max(version) - 1 FROM hitl.policy WHERE workflow = 'dem') AS of_the_claim FROM hitl.verdict WHERE task = :t;
SELECT hitl.approve(:t, reviewer => 'dem_ann', scores => '{"right": -1, "tone": 5}') AS again;
SELECT pg_temp.refusal($$SELECT hitl.approve($1, reviewer => 'dem_ann', scores => '{"right": 1, "tone": 5}')$$, :t)
UNION ALL SELECT pg_temp.refusal($$SELECT hitl.approve($1, reviewer => 'dem_ann')$$, :t);
SELECT task AS t FROM hitl.claim(1, '{dem}', 'dem_ann') \gset
SELECT hitl.reject(:t, 'UNSAFE', 'n', 'dem_ann', scores => '{"right": 10}');
-- an explanation for whoever it affects: of a rejection
SELECT pg_temp.demand('{"rubric": null, "explanation": true}') IS NOT NULL AS explanation;
SELECT task AS t FROM hitl.claim(1, '{dem}', 'dem_ann') \gset
SELECT pg_temp.refusal(s, :t)
FROM unnest(ARRAY[$$SELECT hitl.reject($1, 'UNSAFE', 'n', 'dem_ann')$$, $$SELECT hitl.reject($1, 'UNSAFE', 'n', 'dem_ann', explanation => E' \n')$$,
                  $$SELECT hitl.reject($1, 'UNSAFE', 'n', 'dem_ann', explanation => repeat('x', 65537))$$]) WITH ORDINALITY x (s, n) ORDER BY n;
SELECT hitl.reject(:t, 'UNSAFE', 'n', 'dem_ann', explanation => 'Your income was not stated.');
SELECT explanation FROM hitl.verdict WHERE task = :t;
SELECT hitl.reject(:t, 'UNSAFE', 'n', 'dem_ann', explanation => 'Your income was not stated.') AS again;
SELECT pg_temp.refusal($$SELECT hitl.reject($1, 'UNSAFE', 'n', 'dem_ann', explanation => 'Sorry.')$$, :t);
SELECT hitl.amend(task, '{"pay": 2, "currency": "EUR"}', 'INCORRECT', 'n', 'dem_ann') FROM hitl.claim(1, '{dem}', 'dem_ann');
SELECT output, delta FROM hitl.verdict WHERE workflow = 'dem' ORDER BY id DESC LIMIT 1;
-- a login: the server knows how a session of one's own began, a delegate says it
SELECT pg_temp.demand('{"explanation": false, "step_up": ["cert", "scram-sha-256", "peer"]}') IS NOT NULL AS step_up;
SELECT task AS t, lease AS l FROM hitl.claim(1, '{dem}', 'dem_ann') \gset
SET ROLE regress_hitl_dem;
SELECT pg_temp.refusal('SELECT hitl.approve($1)', :t);
SELECT pg_temp.refusal('SELECT hitl.step_up($1, ''cert'')', :t);
RESET ROLE;
SELECT pg_temp.refusal(s, :t)
FROM unnest(ARRAY['SELECT hitl.approve($1, reviewer => ''dem_ann'')', 'SELECT hitl.step_up($1, NULL, ''dem_ann'')', 'SELECT hitl.step_up($1, '' '', ''dem_ann'')',
                  'SELECT hitl.step_up($1, repeat(''x'', 64), ''dem_ann'')', 'SELECT hitl.step_up(NULL, ''cert'', ''dem_ann'')', 'SELECT hitl.step_up($1, ''cert'', ''ver_bob'')',
                  'SELECT hitl.step_up($1, ''cert'', ''dem_ann'', 1)', 'SELECT hitl.step_up(0, ''cert'', ''dem_ann'')']) WITH ORDINALITY x (s, n) ORDER BY n;
SELECT hitl.step_up(:t, 'password', 'dem_ann');
SELECT pg_temp.refusal('SELECT hitl.approve($1, reviewer => ''dem_ann'')', :t);
SELECT hitl.step_up(:t, 'cert', 'dem_ann', :l), hitl.step_up(:t, 'cert', 'dem_ann');
SELECT kind, actor, detail ->> 'method' AS method, detail ->> 'asserted_by' = current_user AS by_me FROM hitl.event WHERE task = :t ORDER BY id;
-- what a delegate said does not count for a session of one's own
SET ROLE regress_hitl_dem;
SELECT pg_temp.refusal('SELECT hitl.approve($1)', :t);
RESET ROLE;
SELECT hitl.approve(:t, reviewer => 'dem_ann');
SELECT reviewer, asserted_by = current_user AS asserted, login_method FROM hitl.verdict WHERE task = :t;
-- not below a tier; and the server's own word
SELECT pg_temp.demand('{"step_up": ["trust"], "step_up_tier": 2}') IS NOT NULL AS step_up;
SELECT task AS t FROM hitl.claim(1, '{dem}', 'dem_ann') \gset
SELECT hitl.approve(:t, reviewer => 'dem_ann');
SELECT pg_temp.demand('{"step_up_tier": 1}') IS NOT NULL AS step_up;
INSERT INTO hitl.decision (workflow) VALUES ('dem');
SET ROLE regress_hitl_dem;
SELECT hitl.approve(task) FROM hitl.claim();
RESET ROLE;
SELECT asserted_by IS NULL AS oneself, login_method FROM hitl.verdict WHERE workflow = 'dem' ORDER BY id DESC LIMIT 2;
UPDATE hitl.reviewer SET login = NULL WHERE name = 'dem_ann';
DROP ROLE regress_hitl_dem;

-- All is in one state.
SELECT count(*) AS violations FROM hitl.check() c JOIN hitl.decision d ON d.id = c.decision
WHERE d.workflow = 'ver';

DELETE FROM hitl.membership WHERE reviewer = 'ver_twin';
DELETE FROM hitl.reviewer WHERE name = 'ver_twin';
DROP ROLE regress_hitl_vic;
