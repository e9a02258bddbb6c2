-- More than one person: one after the other, or several at once; until enough
-- of them agree.
\set SHOW_CONTEXT never
\set ON_ERROR_ROLLBACK on

-- What a statement about a task ($1) is refused with.
CREATE FUNCTION pg_temp.refusal(statement text, task bigint) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    hint   text;
    answer text;
BEGIN
    EXECUTE statement INTO answer USING task;
    RETURN 'not refused: ' || coalesce(answer, 'NULL');
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
    RETURN concat_ws(E'\n    ', SQLSTATE || ': ' || regexp_replace(SQLERRM, 'task -?\d+', 'task N'), nullif(hint, ''));
END
$$;
-- A new policy with these fields, the rest as before.
CREATE FUNCTION pg_temp.demand(name text, fields jsonb) RETURNS int
LANGUAGE plpgsql AS $$
DECLARE
    v int;
BEGIN
    INSERT INTO hitl.policy
    SELECT (jsonb_populate_record(p, fields || jsonb_build_object('version', p.version + 1, 'base', p.version))).*
    FROM hitl.policy p WHERE p.workflow = demand.name ORDER BY p.version DESC LIMIT 1
    RETURNING version INTO v;
    UPDATE hitl.workflow w SET policy_version = v WHERE w.name = demand.name;
    RETURN v;
END
$$;
-- Claims as anybody: what a claim would refuse, a verdict must refuse too.
CREATE FUNCTION pg_temp.hand(task bigint, reviewer text) RETURNS bigint
LANGUAGE sql AS $$
    UPDATE hitl.task SET holder = hand.reviewer, lease = 4711, claimed_at = clock_timestamp(), lease_until = clock_timestamp() + interval '15 minutes',
                         policy_version = (SELECT w.policy_version FROM hitl.workflow w WHERE w.name = task.workflow)
    WHERE id = hand.task RETURNING id
$$;
CREATE FUNCTION pg_temp.start(name text, subject text) RETURNS bigint
LANGUAGE sql AS $$
    INSERT INTO hitl.decision (workflow, subject, output) VALUES (name, subject, '{"pay": 1}');
    SELECT max(id) FROM hitl.task WHERE workflow = name;
$$;
-- The task that a reviewer claims now.
CREATE FUNCTION pg_temp.take(reviewer text, queue text) RETURNS bigint
LANGUAGE sql AS $$ SELECT task FROM hitl.claim(1, ARRAY[queue], reviewer) $$;
CREATE VIEW pg_temp.task AS
SELECT d.subject, t.kind, t.tier, t.stage, t.panel, t.excluded, t.holder FROM hitl.task t JOIN hitl.decision d ON d.id = t.decision WHERE t.workflow ~ '^quo' ORDER BY t.id;
CREATE VIEW pg_temp.verdict AS
SELECT d.subject, v.kind, v.reviewer, v.action, v.output, v.final, v.outcome, v.policy_version AS policy FROM hitl.verdict v JOIN hitl.decision d ON d.id = v.decision
WHERE v.workflow ~ '^quo' ORDER BY v.id;

SELECT hitl.create_workflow('quo', queue => 'quo'), hitl.set_policy('quo', irreversible => true);
SELECT hitl.create_workflow('quo flat', queue => 'quo flat'), hitl.set_policy('quo flat', irreversible => true);
SELECT hitl.add_reviewer(r, tier => CASE r WHEN 'quo_cat' THEN 2 ELSE 1 END, max_open => 100), hitl.join_queue(r, 'quo')
FROM unnest('{quo_ann,quo_bob,quo_cat,quo_dan}'::text[]) r;
SELECT hitl.join_queue(r, 'quo flat') FROM unnest('{quo_ann,quo_bob,quo_dan}'::text[]) r;
SELECT hitl.add_reviewer('quo_far');

-- Two persons: the first verdict proposes, the second decides.
SELECT pg_temp.demand('quo', '{"approvals": 2}');
SELECT pg_temp.demand('quo flat', '{"approvals": 2}');
SELECT pg_temp.start('quo', 'agreed') AS t \gset
SELECT task = :t AS claimed, lease AS l FROM hitl.claim(1, '{quo}', 'quo_ann') \gset
SELECT hitl.approve(:t, 'fine', 'quo_ann');
SELECT * FROM pg_temp.task;
SELECT outcome, decided_by FROM hitl.outcome WHERE workflow = 'quo';
-- again: the first answer; something else: refused, also with a wrong token
SELECT hitl.approve(:t, 'fine', 'quo_ann'), hitl.approve(:t, 'fine', 'quo_ann', :l);
SELECT pg_temp.refusal(s, :t)
FROM (VALUES (1, $$SELECT hitl.approve($1, 'very fine', 'quo_ann')$$), (2, $$SELECT hitl.reject($1, 'INCORRECT', 'no', 'quo_ann')$$),
             (3, $$SELECT hitl.approve($1, 'fine', 'quo_ann', 1)$$), (4, $$SELECT hitl.approve($1, 'fine', 'quo_bob')$$),
             (5, $$SELECT hitl.release($1, 'quo_ann')$$)) v (n, s) ORDER BY n;
-- not the same person, whatever the client does
SELECT pg_temp.take('quo_ann', 'quo') IS NULL AS not_offered;
SELECT pg_temp.hand(:t, 'quo_ann') = :t AS handed;
SELECT pg_temp.refusal($$SELECT hitl.approve($1, 'again', 'quo_ann')$$, :t);
UPDATE hitl.task SET excluded = NULL WHERE id = :t;
SELECT pg_temp.refusal($$SELECT hitl.approve($1, 'again', 'quo_ann')$$, :t);
SELECT hitl.release(:t, 'quo_ann');
SELECT pg_temp.take('quo_bob', 'quo') = :t AS claimed;
SELECT hitl.approve(:t, reviewer => 'quo_bob');
SELECT * FROM pg_temp.verdict;
SELECT count(*) AS tasks FROM pg_temp.task;
SELECT outcome, decided_by FROM hitl.outcome WHERE workflow = 'quo';
-- afterwards each hears their own answer again
SELECT hitl.approve(:t, 'fine', 'quo_ann') AS ann, hitl.approve(:t, reviewer => 'quo_bob') AS bob;
SELECT pg_temp.refusal($$SELECT hitl.approve($1, reviewer => 'quo_ann')$$, :t)
UNION ALL SELECT pg_temp.refusal($$SELECT hitl.approve($1, reviewer => 'quo_dan')$$, :t)
UNION ALL SELECT pg_temp.refusal($$SELECT hitl.approve($1, reviewer => 'quo_far')$$, :t);

-- Disagreement: somebody of a higher tier, where there is one.  What two of them
-- say, holds.
SELECT pg_temp.start('quo', 'disputed') AS t \gset
SELECT hitl.approve(pg_temp.take('quo_ann', 'quo'), reviewer => 'quo_ann');
SELECT hitl.reject(pg_temp.take('quo_bob', 'quo'), 'INCORRECT', 'no', 'quo_bob');
SELECT * FROM pg_temp.task;
SELECT detail - 'asserted_by' AS detail FROM hitl.event WHERE task = :t AND kind = 'escalated';
SELECT pg_temp.take('quo_dan', 'quo') IS NULL AS not_for_dan;
SELECT hitl.reject(pg_temp.take('quo_cat', 'quo'), 'UNSAFE', 'no, no', 'quo_cat');
SELECT * FROM pg_temp.verdict WHERE subject = 'disputed';
SELECT pg_temp.start('quo flat', 'disputed in vain') AS t \gset
SELECT hitl.approve(pg_temp.take('quo_ann', 'quo flat'), reviewer => 'quo_ann');
SELECT hitl.reject(pg_temp.take('quo_bob', 'quo flat'), 'INCORRECT', 'no', 'quo_bob');
SELECT * FROM pg_temp.task;
SELECT hitl.approve(pg_temp.take('quo_dan', 'quo flat'), reviewer => 'quo_dan');

-- An amendment agrees with another of the same output.
SELECT pg_temp.start('quo', 'amended') AS t \gset
SELECT hitl.amend(pg_temp.take('quo_ann', 'quo'), '{"pay": 2}', 'INCORRECT', 'a', 'quo_ann');
SELECT hitl.amend(pg_temp.take('quo_bob', 'quo'), '{"pay": 3}', 'INCORRECT', 'b', 'quo_bob');
SELECT hitl.amend(pg_temp.take('quo_cat', 'quo'), '{"pay": 3.0}', 'UNSAFE', 'c', 'quo_cat');
SELECT * FROM pg_temp.verdict WHERE subject = 'amended';
SELECT outcome, output FROM hitl.outcome WHERE subject = 'amended' AND workflow = 'quo';

-- A task may demand more than the policy.
SELECT pg_temp.start('quo flat', 'three') AS t \gset
UPDATE hitl.task SET approvals = 3 WHERE id = :t;
SELECT hitl.approve(pg_temp.take(r, 'quo flat'), reviewer => r) FROM unnest('{quo_ann,quo_bob,quo_dan}'::text[]) WITH ORDINALITY x (r, n) ORDER BY n;
-- That nobody is left is said at once.
BEGIN;
SELECT pg_temp.start('quo flat', 'four') AS t \gset
UPDATE hitl.task SET approvals = 4 WHERE id = :t;
SELECT hitl.approve(pg_temp.take(r, 'quo flat'), reviewer => r) FROM unnest('{quo_ann,quo_bob,quo_dan}'::text[]) WITH ORDINALITY x (r, n) ORDER BY n;
SELECT kind, actor FROM hitl.event WHERE task = :t AND kind NOT IN ('claimed') ORDER BY id;
ROLLBACK;

-- The policy of the claim holds, whatever comes into force before the verdict.
SELECT pg_temp.start('quo', 'fewer') AS t \gset
SELECT pg_temp.take('quo_ann', 'quo') = :t AS claimed;
SELECT pg_temp.demand('quo', '{"approvals": 1}') AS one;
SELECT hitl.approve(:t, reviewer => 'quo_ann') IS NULL AS needs_two;
SELECT hitl.reject(pg_temp.take('quo_bob', 'quo'), 'UNSAFE', 'n', 'quo_bob') AS needs_one;
SELECT pg_temp.start('quo', 'more') AS t \gset
SELECT pg_temp.take('quo_ann', 'quo') = :t AS claimed;
SELECT pg_temp.demand('quo', '{"approvals": 2}') AS two;
SELECT hitl.approve(:t, reviewer => 'quo_ann') AS needs_one;
SELECT subject, reviewer, final, policy - (SELECT max(policy) FROM pg_temp.verdict WHERE policy IS NOT NULL) AS policy FROM pg_temp.verdict WHERE subject IN ('fewer', 'more');
-- Tier, skills and membership as well: who holds it may finish.
SELECT pg_temp.demand('quo', '{"approvals": 1}') IS NOT NULL AS one;
SELECT pg_temp.start('quo', 'finished') AS t \gset
SELECT pg_temp.take('quo_cat', 'quo') = :t AS claimed;
UPDATE hitl.task SET tier = 7, skills = '{juggling}' WHERE id = :t;
UPDATE hitl.reviewer SET tier = 1, paused = 'for a talk' WHERE name = 'quo_cat';
SELECT hitl.leave_queue('quo_cat', 'quo');
SELECT hitl.approve(:t, reviewer => 'quo_cat');
UPDATE hitl.reviewer SET tier = 2, paused = NULL WHERE name = 'quo_cat';
SELECT hitl.join_queue('quo_cat', 'quo');

-- A panel: three at once, two must agree.  The third copy ends with them.
SELECT pg_temp.demand('quo', '{"approvals": 2, "panel": 3}') IS NOT NULL AS panel;
SELECT pg_temp.start('quo', 'panel agreed') AS t3 \gset
SELECT :t3 - 2 AS t1, :t3 - 1 AS t2 \gset
SELECT * FROM pg_temp.task;
SELECT pg_temp.hand(:t1, 'quo_ann') = :t1 AND pg_temp.hand(:t2, 'quo_bob') = :t2 AND pg_temp.hand(:t3, 'quo_dan') = :t3 AS handed;
SELECT hitl.approve(:t1, reviewer => 'quo_ann');
SELECT * FROM pg_temp.task;
SELECT hitl.approve(:t1, reviewer => 'quo_ann');
SELECT pg_temp.refusal($$SELECT hitl.approve($1, 'no', 'quo_ann')$$, :t1);
SELECT hitl.approve(:t2, reviewer => 'quo_bob');
SELECT * FROM pg_temp.task;
SELECT * FROM pg_temp.verdict WHERE subject = 'panel agreed';
SELECT task = :t3 AS third, actor, detail FROM hitl.event WHERE kind = 'copy_closed';
-- its holder and the others of the queue hear that, others nothing
SELECT pg_temp.refusal(format('SELECT hitl.approve($1, reviewer => %L)', r), :t3) FROM unnest('{quo_dan,quo_ann,quo_cat,quo_far}'::text[]) WITH ORDINALITY x (r, n) ORDER BY n;
SELECT pg_temp.refusal($$SELECT hitl.release($1, 'quo_dan')$$, :t3);

-- Three opinions: nothing that is left could bring agreement, so one more.
SELECT pg_temp.start('quo', 'panel at odds') AS t3 \gset
SELECT :t3 - 2 AS t1, :t3 - 1 AS t2 \gset
SELECT pg_temp.hand(:t1, 'quo_ann') = :t1 AND pg_temp.hand(:t2, 'quo_bob') = :t2 AND pg_temp.hand(:t3, 'quo_dan') = :t3 AS handed;
SELECT hitl.approve(:t1, reviewer => 'quo_ann'), hitl.reject(:t2, 'UNSAFE', 'n', 'quo_bob');
SELECT hitl.amend(:t3, '{"pay": 2}', 'INCORRECT', 'n', 'quo_dan');
SELECT * FROM pg_temp.task;
SELECT hitl.amend(pg_temp.take('quo_cat', 'quo'), '{"pay": 2}', 'INCORRECT', 'n', 'quo_cat');
SELECT * FROM pg_temp.verdict WHERE subject = 'panel at odds';
-- All must agree, and two do not: the third need not look.
SELECT pg_temp.demand('quo', '{"approvals": 3, "panel": 3}') IS NOT NULL AS unanimous;
SELECT pg_temp.start('quo', 'panel split') AS t3 \gset
SELECT :t3 - 2 AS t1, :t3 - 1 AS t2 \gset
SELECT pg_temp.hand(:t1, 'quo_ann') = :t1 AND pg_temp.hand(:t2, 'quo_bob') = :t2 AS handed;
SELECT hitl.approve(:t1, reviewer => 'quo_ann'), hitl.reject(:t2, 'UNSAFE', 'n', 'quo_bob');
SELECT * FROM pg_temp.task;
SELECT hitl.approve(pg_temp.take('quo_cat', 'quo'), reviewer => 'quo_cat');
SELECT * FROM pg_temp.task;
SELECT hitl.add_reviewer('quo_eva', tier => 3), hitl.join_queue('quo_eva', 'quo');
SELECT hitl.approve(pg_temp.take('quo_eva', 'quo'), reviewer => 'quo_eva');
SELECT * FROM pg_temp.verdict WHERE subject = 'panel split';

-- Nobody votes twice: not with another login, not for somebody else, not
-- through somebody else.  A pooled login is nobody and may pass on many votes.
BEGIN;
SELECT pg_temp.demand('quo', '{"approvals": 2, "panel": 1}') IS NOT NULL AS two;
CREATE ROLE regress_hitl_quo_fay IN ROLE hitl_reviewer, hitl_delegate;
CREATE ROLE regress_hitl_quo_alias IN ROLE hitl_reviewer, hitl_delegate;
CREATE ROLE regress_hitl_quo_pool IN ROLE hitl_delegate;
SELECT hitl.add_reviewer('quo_fay', login => 'regress_hitl_quo_fay'), hitl.join_queue('quo_fay', 'quo');
INSERT INTO hitl.reviewer_login VALUES ('regress_hitl_quo_alias', 'quo_fay');
SELECT pg_temp.start('quo', 'twice') AS t \gset
SELECT pg_temp.hand(:t, 'quo_fay') = :t AS handed;
SET SESSION AUTHORIZATION regress_hitl_quo_fay;
SELECT hitl.approve(:t);
RESET SESSION AUTHORIZATION;
SELECT reviewer, asserted_by, login_method FROM hitl.verdict ORDER BY id DESC LIMIT 1;
-- as herself by an alias
UPDATE hitl.task SET excluded = NULL WHERE id = :t;
SELECT pg_temp.hand(:t, 'quo_fay') = :t AS handed;
SET SESSION AUTHORIZATION regress_hitl_quo_alias;
SELECT pg_temp.refusal('SELECT hitl.reject($1, ''UNSAFE'', ''n'')', :t);
RESET SESSION AUTHORIZATION;
-- for ann, by the login or the alias
SELECT pg_temp.hand(:t, 'quo_ann') = :t AS handed;
SET SESSION AUTHORIZATION regress_hitl_quo_fay;
SELECT pg_temp.refusal('SELECT hitl.approve($1, reviewer => ''quo_ann'')', :t);
SET SESSION AUTHORIZATION regress_hitl_quo_alias;
SELECT pg_temp.refusal('SELECT hitl.approve($1, reviewer => ''quo_ann'')', :t);
-- for ann first, then as herself
RESET SESSION AUTHORIZATION;
SELECT pg_temp.start('quo', 'twice the other way') AS u \gset
SELECT pg_temp.hand(:u, 'quo_ann') = :u AS handed;
SET SESSION AUTHORIZATION regress_hitl_quo_alias;
SELECT hitl.approve(:u, reviewer => 'quo_ann');
RESET SESSION AUTHORIZATION;
SELECT reviewer, asserted_by FROM hitl.verdict ORDER BY id DESC LIMIT 1;
SELECT pg_temp.hand(:u, 'quo_fay') = :u AS handed;
SET SESSION AUTHORIZATION regress_hitl_quo_fay;
SELECT pg_temp.refusal('SELECT hitl.approve($1)', :u);
-- for ann first, then for bob
RESET SESSION AUTHORIZATION;
SELECT pg_temp.hand(:u, 'quo_bob') = :u AS handed;
SET SESSION AUTHORIZATION regress_hitl_quo_fay;
SELECT pg_temp.refusal('SELECT hitl.approve($1, reviewer => ''quo_bob'')', :u);
-- by SET ROLE
RESET SESSION AUTHORIZATION;
GRANT regress_hitl_quo_pool TO regress_hitl_quo_fay;
SET SESSION AUTHORIZATION regress_hitl_quo_fay;
SET ROLE regress_hitl_quo_pool;
SELECT pg_temp.refusal('SELECT hitl.approve($1, reviewer => ''quo_bob'')', :u);
RESET ROLE;
-- by SET ROLE first
RESET SESSION AUTHORIZATION;
SELECT pg_temp.start('quo', 'behind a role') AS x \gset
SELECT pg_temp.hand(:x, 'quo_ann') = :x AS handed;
SET SESSION AUTHORIZATION regress_hitl_quo_fay;
SET ROLE regress_hitl_quo_pool;
SELECT hitl.approve(:x, reviewer => 'quo_ann');
RESET ROLE;
RESET SESSION AUTHORIZATION;
SELECT reviewer, asserted_by FROM hitl.verdict ORDER BY id DESC LIMIT 1;
SELECT pg_temp.hand(:x, 'quo_fay') = :x AS handed;
SET SESSION AUTHORIZATION regress_hitl_quo_fay;
SELECT pg_temp.refusal('SELECT hitl.approve($1)', :x);
-- the pool
SET SESSION AUTHORIZATION regress_hitl_quo_pool;
SELECT hitl.approve(:u, reviewer => 'quo_bob');
RESET SESSION AUTHORIZATION;
SELECT pg_temp.start('quo', 'pooled') AS u \gset
SELECT pg_temp.hand(:u, 'quo_ann') = :u AS handed;
SET SESSION AUTHORIZATION regress_hitl_quo_pool;
SELECT hitl.approve(:u, reviewer => 'quo_ann');
SELECT hitl.approve(task, reviewer => 'quo_bob') FROM hitl.claim(1, '{quo}', 'quo_bob');
RESET SESSION AUTHORIZATION;
ROLLBACK;

-- A second, independent look: on record, never the outcome.
SELECT pg_temp.demand('quo', '{"approvals": 1, "panel": 1, "overlap_rate": 1}') IS NOT NULL AS overlap;
SELECT pg_temp.start('quo', 'overlap first') AS t2 \gset
SELECT :t2 - 1 AS t1 \gset
SELECT pg_temp.hand(:t1, 'quo_ann') = :t1 AND pg_temp.hand(:t2, 'quo_bob') = :t2 AS handed;
SELECT hitl.reject(:t2, 'UNSAFE', 'n', 'quo_bob'), hitl.reject(:t2, 'UNSAFE', 'n', 'quo_bob') AS again;
SELECT outcome FROM hitl.outcome WHERE subject = 'overlap first' AND workflow = 'quo';
SELECT * FROM pg_temp.task;
SELECT hitl.approve(:t1, reviewer => 'quo_ann');
SELECT pg_temp.start('quo', 'overlap last') AS t2 \gset
SELECT :t2 - 1 AS t1 \gset
SELECT pg_temp.hand(:t1, 'quo_ann') = :t1 AND pg_temp.hand(:t2, 'quo_bob') = :t2 AS handed;
SELECT hitl.approve(:t1, reviewer => 'quo_ann');
SELECT * FROM pg_temp.task;
SELECT hitl.reject(:t2, 'UNSAFE', 'n', 'quo_bob');
SELECT * FROM pg_temp.verdict WHERE subject ~ 'overlap';
SELECT subject, outcome, decided_by FROM hitl.outcome WHERE subject ~ 'overlap' AND workflow = 'quo' ORDER BY id;
SELECT * FROM pg_temp.task;

-- A known answer: on record, never the outcome, and not to be told from a
-- review by what it returns.  Who is wrong too often is paused.
BEGIN;
SELECT pg_temp.demand('quo', '{"approvals": 1, "panel": 1, "overlap_rate": 0}') IS NOT NULL AS plain;
SELECT pg_temp.start('quo', 'known') AS t \gset
SELECT pg_temp.hand(:t, 'quo_ann') = :t AS handed;
SELECT hitl.approve(:t, reviewer => 'quo_ann');
SELECT hitl.add_gold((SELECT id FROM hitl.decision WHERE workflow = 'quo' AND subject = 'known'), 'approved');
UPDATE hitl.queue SET gold_bar = 0.5 WHERE name = 'quo';
CREATE FUNCTION pg_temp.gold(reviewer text) RETURNS bigint LANGUAGE sql AS $$
    INSERT INTO hitl.task (decision, workflow, kind, queue, lane, tier, sort_key, submitter, created_at, step, first_review_at, resolution_at, due_at, wake_at,
                           holder, lease, lease_until, claimed_at, policy_version)
    SELECT d.id, d.workflow, 'gold', 'quo', 1, 1, 0, 'postgres', now(), 0, 'infinity', 'infinity', 'infinity', 'infinity',
           gold.reviewer, 4711, clock_timestamp() + interval '15 minutes', clock_timestamp(), w.policy_version
    FROM hitl.decision d JOIN hitl.workflow w ON w.name = d.workflow WHERE d.workflow = 'quo' AND d.subject = 'known'
    RETURNING id
$$;
SELECT count(pg_temp.gold('quo_dan')) AS gold FROM generate_series(1, 4) n;
SELECT CASE row_number() OVER (ORDER BY id) WHEN 1 THEN hitl.approve(id, reviewer => 'quo_dan') ELSE hitl.reject(id, 'UNSAFE', 'n', 'quo_dan') END AS outcome
FROM hitl.task WHERE holder = 'quo_dan' ORDER BY id;
SELECT name, paused FROM hitl.reviewer WHERE name = 'quo_dan';
SELECT pg_temp.gold('quo_dan') AS g, pg_temp.gold('quo_dan') AS h \gset
SELECT hitl.reject(:g, 'UNSAFE', 'n', 'quo_dan');
SELECT name, paused IS NOT NULL AS paused FROM hitl.reviewer WHERE name = 'quo_dan';
SELECT actor, detail - 'reviewer' AS detail FROM hitl.event WHERE kind = 'reviewer_paused' AND detail ->> 'queue' = 'quo';
-- what they hold they may finish, and the answer is the same again
SELECT hitl.approve(:h, reviewer => 'quo_dan'), hitl.approve(:h, reviewer => 'quo_dan') AS again;
SELECT pg_temp.refusal($$SELECT hitl.reject($1, 'UNSAFE', 'n', 'quo_dan')$$, :h);
SELECT kind, reviewer, action, final, count(*) FROM pg_temp.verdict WHERE subject = 'known' GROUP BY 1, 2, 3, 4 ORDER BY 1, 3;
SELECT outcome, decided_by FROM hitl.outcome WHERE workflow = 'quo' AND subject = 'known';
-- where more persons are needed, it says so too; also where a rule asks for them
SELECT pg_temp.demand('quo', '{"approvals": 2}') IS NOT NULL AS two;
SELECT pg_temp.gold('quo_bob') AS g \gset
SELECT hitl.approve(:g, reviewer => 'quo_bob') IS NULL AS more_needed, hitl.approve(:g, reviewer => 'quo_bob') IS NULL AS again;
SELECT pg_temp.demand('quo', '{"approvals": 1, "overlap_rate": 1}') AS v \gset
INSERT INTO hitl.rule (workflow, version, name, position, condition, approvals) VALUES ('quo', :v, 'large', 1, '$.subject == "large"', 2);
UPDATE hitl.workflow SET policy_version = policy_version WHERE name = 'quo';
SELECT pg_temp.start('quo', 'large') AS t2 \gset
SELECT :t2 - 1 AS t1 \gset
SELECT kind, approvals FROM hitl.task WHERE id IN (:t1, :t2) ORDER BY id;
SELECT pg_temp.hand(:t1, 'quo_ann') = :t1 AND pg_temp.hand(:t2, 'quo_bob') = :t2 AS handed;
SELECT hitl.approve(:t1, reviewer => 'quo_ann') IS NULL AS review, hitl.approve(:t2, reviewer => 'quo_bob') IS NULL AS overlap, hitl.approve(:t2, reviewer => 'quo_bob') IS NULL AS again;
ROLLBACK;

-- All is in one state.
SELECT count(*) AS tasks FROM pg_temp.task;
SELECT c.invariant, d.subject, c.detail FROM hitl.check() c JOIN hitl.decision d ON d.id = c.decision WHERE d.workflow ~ '^quo';
