-- Audits drawn later: who is drawn, with what probability, and what rates make
-- of it.
\set SHOW_CONTEXT never
\set ON_ERROR_ROLLBACK on
SET timezone = 'UTC';

SELECT hitl.create_workflow('aud', queue => 'aud', lane => 2);
SELECT hitl.set_policy('aud', upper => 0.8, lower => 0.2, audit_rate_approve => 0, audit_rate_reject => 0);
SELECT hitl.add_reviewer('aud_ann', max_open => 10000), hitl.join_queue('aud_ann', 'aud');
INSERT INTO hitl.decision (workflow, subject, confidence) SELECT 'aud', 'a' || i, 0.8 + i / 10000.0 FROM generate_series(1, 180) i;
INSERT INTO hitl.decision (workflow, subject, confidence) SELECT 'aud', 'r' || i, i / 1000.0 FROM generate_series(1, 18) i;
INSERT INTO hitl.decision (workflow, subject, confidence) SELECT 'aud', 'h' || i, 0.5 FROM generate_series(1, 20) i;
SELECT hitl.set_mode('aud', 'shadow');
INSERT INTO hitl.decision (workflow, subject, confidence) SELECT 'aud', 'o' || i, 0.5 FROM generate_series(1, 2) i;
SELECT hitl.set_mode('aud', 'in_loop');

-- What cannot be drawn.
\set VERBOSITY sqlstate
SELECT hitl.draw_audit('aud', 0);
SELECT hitl.draw_audit('aud', NULL);
SELECT hitl.draw_audit(NULL, 1);
SELECT hitl.draw_audit('aud none', 1);
SELECT hitl.draw_audit('aud', 10, '2001-01-02', '2001-01-01');
SELECT hitl.draw_audit('aud', 10, '1900-01-01');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT hitl.draw_audit('aud', 10);
ROLLBACK;
\set VERBOSITY default
SELECT hitl.draw_audit('aud', 2);
-- Nothing in the period; nothing there at all.
SELECT hitl.draw_audit('aud', 10, '2001-01-01', '2002-01-01');
SELECT hitl.create_workflow('aud empty', queue => 'aud');
SELECT hitl.draw_audit('aud empty', 10);
SELECT count(*) AS draws FROM hitl.audit_draw;

-- 20 of 180 + 18 + 2: in proportion would be 18, 1.8 and 0.2; at least one each.
SELECT hitl.draw_audit('aud', 20);
SELECT route, population, drawn, probability, drawn_by = current_user AS by_me FROM hitl.audit_draw WHERE workflow = 'aud' ORDER BY id;
SELECT d.route, count(*) AS tasks, min(t.kind) AS kind, min(t.queue) AS queue, min(t.lane) AS lane, min(t.tier) AS tier,
       bool_and(t.submitter = d.created_by AND t.created_at > d.created_at AND t.holder IS NULL) AS as_made_now
FROM hitl.task t JOIN hitl.decision d ON d.id = t.decision WHERE t.workflow = 'aud' AND t.kind = 'audit' GROUP BY 1 ORDER BY 1;
SELECT count(*) AS picks, count(*) FILTER (WHERE t.id IS NOT NULL) AS with_task
FROM hitl.audit_pick k JOIN hitl.decision d ON d.id = k.decision LEFT JOIN hitl.task t ON t.decision = k.decision WHERE d.workflow = 'aud';
-- Evenly over the confidences: of 180 in order, one in every ten.
SELECT every_tenth, count(*) FROM (
    SELECT min(picked) = 1 AND max(picked) = 1 AS every_tenth
    FROM (SELECT (place - 1) / 10 AS tenth, count(k.decision) AS picked
          FROM (SELECT id, row_number() OVER (ORDER BY confidence, id) AS place
                FROM hitl.decision WHERE workflow = 'aud' AND route = 'auto_approve') d
          LEFT JOIN hitl.audit_pick k ON k.decision = d.id GROUP BY 1) t) s
GROUP BY 1;
SELECT kind, workflow, actor = current_user AS by_me, detail -> 'drawn' AS drawn, (detail #> '{strata,auto_approve}') - 'draw' AS approve
FROM hitl.event WHERE kind = 'audit_drawn' AND workflow = 'aud';
-- The probability of all in the frame is known, picked or not.
SELECT l.route, l.propensity, count(*), count(k.decision) AS picked, count(l.correct) AS correct
FROM hitl.label l LEFT JOIN hitl.audit_pick k ON k.decision = l.id WHERE l.workflow = 'aud' GROUP BY 1, 2 ORDER BY 1, 2;
SELECT * FROM hitl.check();

-- Nobody is drawn twice, and in the end all are: a frame is what is left.
SELECT hitl.draw_audit('aud', 90);
SELECT route, population, drawn, round(probability::numeric, 6) AS probability FROM hitl.audit_draw WHERE workflow = 'aud' ORDER BY id OFFSET 3;
SELECT route, propensity = 18 / 180.0::float8 + (1 - 18 / 180.0::float8) * 81 / 162.0::float8 AS approvals, propensity = 1 AS all_drawn
FROM hitl.label WHERE workflow = 'aud' AND route = 'auto_approve' GROUP BY 1, 2, 3;
SELECT hitl.draw_audit('aud', 1000);
SELECT hitl.draw_audit('aud', 1000);
SELECT route, propensity, count(*) FROM hitl.label WHERE workflow = 'aud' GROUP BY 1, 2 ORDER BY 1;
SELECT * FROM hitl.check();
-- Facts.
\set VERBOSITY sqlstate
UPDATE hitl.audit_draw SET drawn = 1;
DELETE FROM hitl.audit_pick;
TRUNCATE hitl.audit_draw, hitl.audit_pick;
\set VERBOSITY default

-- A period, and what comes after the draw has no part in it.
SELECT hitl.create_workflow('aud period', queue => 'aud');
SELECT hitl.set_policy('aud period', upper => 0.8, audit_rate_approve => 0.25);
INSERT INTO hitl.decision (workflow, subject, confidence) SELECT 'aud period', 'early', 0.9 FROM generate_series(1, 20);
SELECT pg_sleep(0.005);
SELECT clock_timestamp() AS noon \gset
INSERT INTO hitl.decision (workflow, subject, confidence) SELECT 'aud period', 'late', 0.9 FROM generate_series(1, 20);
SELECT hitl.draw_audit('aud period', 2, until => :'noon');
SELECT hitl.draw_audit('aud period', 2, since => :'noon');
INSERT INTO hitl.decision (workflow, subject, confidence) SELECT 'aud period', 'after', 0.9 FROM generate_series(1, 20);
SELECT d.subject, d.propensity, count(DISTINCT l.propensity) AS n,
       bool_and(abs(l.propensity - (1 - 0.75 * (1 - coalesce(w.probability, 0)))) < 1e-15) AS effective
FROM hitl.label l JOIN hitl.decision d USING (id)
LEFT JOIN hitl.audit_draw w ON w.workflow = l.workflow AND l.id >= w.since AND l.id < w.until
WHERE l.workflow = 'aud period' GROUP BY 1, 2 ORDER BY 1;
-- Those that the gate had drawn are not drawn again.
SELECT count(*) FROM hitl.audit_pick k JOIN hitl.decision d ON d.id = k.decision WHERE d.audit_u < d.propensity;
-- Own rows of the same transaction are there to be drawn.
BEGIN;
SELECT hitl.create_workflow('aud own', queue => 'aud');
SELECT hitl.set_policy('aud own', upper => 0.8, audit_rate_approve => 0);
INSERT INTO hitl.decision (workflow, confidence) SELECT 'aud own', 0.9 FROM generate_series(1, 50);
SELECT hitl.draw_audit('aud own', 50);
ROLLBACK;

-- What rules want of a task they want of this one, too.
BEGIN;
SELECT hitl.create_queue('aud senior'), hitl.create_sla('aud_hour', resolution => '1 hour'), hitl.create_sla('aud_day', resolution => '1 day');
SELECT hitl.create_workflow('aud rule', queue => 'aud', sla => 'aud_day');
SELECT hitl.set_policy('aud rule', upper => 0.8, audit_rate_approve => 0);
SELECT hitl.set_rule('aud rule', 'large', '$.exposure > 10', route => NULL, lane => 0, tier => 3, queue => 'aud senior', question => 'Really?');
SELECT hitl.set_rule('aud rule', 'odd', '$.exposure > 5', route => NULL, tier => 2, sla => 'aud_hour');
INSERT INTO hitl.decision (workflow, subject, confidence, exposure) VALUES ('aud rule', 'small', 0.9, 1), ('aud rule', 'large', 0.9, 100);
SELECT hitl.drop_rule('aud rule', 'large');
SELECT hitl.draw_audit('aud rule', 2);
SELECT d.subject, t.kind, t.queue, t.lane, t.tier, t.sla, t.question, t.resolution_at - t.created_at AS span
FROM hitl.task t JOIN hitl.decision d ON d.id = t.decision WHERE t.workflow = 'aud rule' ORDER BY 1;
ROLLBACK;

-- What is monitored can be drawn when its time for a veto is over.
SELECT hitl.create_workflow('aud loop', queue => 'aud', mode => 'on_loop');
SELECT hitl.set_policy('aud loop', upper => 0.9, audit_rate_approve => 0, veto_window => '1 hour');
INSERT INTO hitl.decision (workflow, subject, confidence) SELECT 'aud loop', 'm' || i, 0.5 FROM generate_series(1, 10) i;
SELECT hitl.draw_audit('aud loop', 10);
UPDATE hitl.task t SET resolution_at = now() - interval '1 second', due_at = now() - interval '1 second', wake_at = now() - interval '1 second'
FROM hitl.decision d WHERE d.id = t.decision AND d.workflow = 'aud loop' AND d.subject <> 'm5';
-- (the worker may have been at some of them already)
DO $$ BEGIN
    WHILE EXISTS (SELECT FROM hitl.task WHERE workflow = 'aud loop' AND wake_at <= clock_timestamp()) LOOP
        PERFORM hitl.tick();
    END LOOP;
END $$;
SELECT hitl.draw_audit('aud loop', 10);
SELECT d.subject, l.propensity FROM hitl.label l JOIN hitl.decision d USING (id) WHERE l.workflow = 'aud loop' ORDER BY d.id;
SELECT * FROM hitl.check();

-- A verdict that nobody was asked for is no label, until its decision is drawn;
-- then it needs no second one.
SELECT hitl.create_workflow('aud un', queue => 'aud');
SELECT hitl.set_policy('aud un', upper => 0.8, audit_rate_approve => 0);
INSERT INTO hitl.decision (workflow, subject, output, confidence) SELECT 'aud un', 'u' || i, '1', 0.9 FROM generate_series(1, 3) i;
SELECT hitl.correct(id, NULL, 'INCORRECT', 'no', 'aud_ann') FROM hitl.decision WHERE workflow = 'aud un' AND subject = 'u2';
SELECT subject, propensity, action, outcome, correct FROM hitl.label WHERE workflow = 'aud un' ORDER BY subject;
SELECT verdicts, overrides, labels, error_rate FROM hitl.workflow_report WHERE workflow = 'aud un';
SELECT hitl.draw_audit('aud un', 3);
SELECT subject, propensity, action, outcome, correct FROM hitl.label WHERE workflow = 'aud un' ORDER BY subject;
SELECT d.subject, t.kind FROM hitl.task t JOIN hitl.decision d ON d.id = t.decision WHERE d.workflow = 'aud un' ORDER BY 1;
SELECT count(hitl.approve(c.task, NULL, 'aud_ann')) FROM hitl.claim(1000, '{aud}', 'aud_ann') c WHERE c.workflow = 'aud un';
SELECT labels, error_rate = 1 / 3.0::float8 AS one_in_three, approvals_audited FROM hitl.workflow_report WHERE workflow = 'aud un';
SELECT * FROM hitl.check();

-- Nor is one of a review that time decided: those that somebody corrects later
-- are the wrong ones.
BEGIN;
SELECT hitl.create_sla('aud_late', resolution => '1 minute');
SELECT hitl.create_workflow('aud late', queue => 'aud', sla => 'aud_late', mode => 'in_loop');
SELECT hitl.set_policy('aud late', upper => 0.8, audit_rate_approve => 0, irreversible => false, on_timeout => 'approve');
INSERT INTO hitl.decision (workflow, subject, output, confidence) SELECT 'aud late', 'l' || i, '1', 0.5 FROM generate_series(1, 4) i;
SELECT count(hitl.approve(task, NULL, 'aud_ann')) FROM hitl.claim(1000, '{aud}', 'aud_ann') c JOIN hitl.decision d ON d.id = c.decision WHERE d.workflow = 'aud late' AND d.subject = 'l1';
UPDATE hitl.task SET holder = NULL, lease = NULL, lease_until = NULL, claimed_at = NULL, resolution_at = now() - interval '1 second', due_at = now() - interval '1 second', wake_at = now() - interval '1 second'
WHERE workflow = 'aud late';
SELECT hitl.tick() > 0 AS ticked;
SELECT hitl.correct(id, NULL, 'INCORRECT', 'no', 'aud_ann') FROM hitl.decision WHERE workflow = 'aud late' AND subject = 'l2';
SELECT hitl.correct(id, '2', 'INCORRECT', 'two', 'aud_ann') FROM hitl.decision WHERE workflow = 'aud late' AND subject = 'l3';
-- (what a person decided is a label, and the later word counts)
SELECT hitl.correct(id, NULL, 'INCORRECT', 'no', 'aud_ann') FROM hitl.decision WHERE workflow = 'aud late' AND subject = 'l1';
SELECT subject, propensity, action, outcome, correct FROM hitl.label WHERE workflow = 'aud late' ORDER BY subject;
SELECT labels, error_rate FROM hitl.workflow_report WHERE workflow = 'aud late';
SELECT * FROM hitl.check();
ROLLBACK;

-- Violations of all this are found.
CREATE FUNCTION pg_temp.violations() RETURNS TABLE (invariant text, subject text, has_task boolean, detail text)
LANGUAGE sql AS $$
    SELECT c.invariant, (SELECT d.subject FROM hitl.decision d WHERE d.id = c.decision), c.task IS NOT NULL,
           regexp_replace(c.detail, 'draw \d+', 'draw N')
    FROM hitl.check() c ORDER BY 1, 4, 2
$$;
BEGIN;
ALTER TABLE hitl.audit_pick DISABLE TRIGGER append_only;
DELETE FROM hitl.audit_pick k USING hitl.decision d WHERE d.id = k.decision AND d.workflow = 'aud un' AND d.subject = 'u1';
INSERT INTO hitl.audit_pick SELECT d.id, 0 FROM hitl.decision d WHERE d.workflow = 'aud loop' AND d.subject = 'm7';
SELECT * FROM pg_temp.violations();
ROLLBACK;
BEGIN;
DELETE FROM hitl.task t USING hitl.decision d WHERE d.id = t.decision AND d.workflow IN ('aud loop', 'aud un') AND d.subject IN ('m1', 'm5');
SELECT * FROM pg_temp.violations();
ROLLBACK;

-- The story of one that was drawn.
SELECT regexp_replace(regexp_replace(replace(line, current_user, 'ME'), '\d{4}-\S+ \S+\+00', 'TIME', 'g'), 'after \S+ s', 'after N s') AS story
FROM hitl.decision d, hitl.explain(d.id) AS line WHERE d.workflow = 'aud un' AND d.subject = 'u1';

--
-- Rates are right on the average, by lottery and draw together, though people
-- correct wrong decisions unasked before the draw; without weights they are
-- not.  The AI is wrong in 10 of 100 approvals, most where it is least sure,
-- and 15 of 30 rejections: 25 of 130.
--
SELECT hitl.create_workflow('aud sim', queue => 'aud');
SELECT hitl.set_policy('aud sim', upper => 0.8, lower => 0.2, audit_rate_approve => 0.05, audit_rate_reject => 0.5);
CREATE FUNCTION pg_temp.judge(ids uuid[], act text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO hitl.verdict (created_at, decision, workflow, reviewer, action, final, outcome)
    SELECT clock_timestamp(), d.id, d.workflow, 'aud_ann', act, true,
           CASE WHEN d.subject = 'right' THEN 'approved' ELSE 'rejected' END
    FROM hitl.decision d WHERE d.id = ANY (ids)
$$;
CREATE FUNCTION pg_temp.trial(n int, OUT error float8, OUT escape float8, OUT unweighted float8, OUT weight float8)
LANGUAGE plpgsql AS $$
DECLARE
    found text;
BEGIN
    BEGIN
        INSERT INTO hitl.decision (workflow, subject, confidence)
        SELECT 'aud sim', CASE WHEN i % 3 = 0 AND i <= 30 THEN 'wrong' ELSE 'right' END, 0.8 + i / 1000.0 FROM generate_series(1, 100) i;
        INSERT INTO hitl.decision (workflow, subject, confidence)
        SELECT 'aud sim', CASE WHEN i % 2 = 0 THEN 'wrong' ELSE 'right' END, i / 1000.0 FROM generate_series(1, 30) i;
        -- the gate's audits, and unasked corrections of every other wrong one
        PERFORM pg_temp.judge(array_agg(id), 'approve') FROM hitl.decision WHERE workflow = 'aud sim' AND audit_u < propensity;
        PERFORM pg_temp.judge(array_agg(id), 'correct') FROM hitl.decision
        WHERE workflow = 'aud sim' AND subject = 'wrong' AND (confidence * 1000)::int % 4 = 2;
        PERFORM hitl.draw_audit('aud sim', 20);
        PERFORM pg_temp.judge(array_agg(decision), 'approve') FROM hitl.task WHERE workflow = 'aud sim' AND kind = 'audit';
        SELECT (r).rate, (e).rate, u, w INTO error, escape, unweighted, weight
        FROM (SELECT hitl.rate(NOT correct, 1 / propensity) AS r,
                     hitl.rate(NOT correct, 1 / propensity) FILTER (WHERE route = 'auto_approve') AS e,
                     avg((NOT correct)::int) AS u, sum(1 / propensity) FILTER (WHERE correct IS NOT NULL) AS w
              FROM hitl.label WHERE workflow = 'aud sim') s;
        RAISE EXCEPTION '% % % %', error, escape, unweighted, weight USING ERRCODE = 'ZZ000';
    EXCEPTION WHEN SQLSTATE 'ZZ000' THEN
        found := SQLERRM;
    END;
    SELECT a[1], a[2], a[3], a[4] INTO error, escape, unweighted, weight FROM (SELECT string_to_array(found, ' ')::float8[]) AS t (a);
END
$$;
CREATE TEMP TABLE trial AS SELECT t.* FROM generate_series(1, 200) i, pg_temp.trial(i) t;
SELECT abs(avg(error) - 25 / 130.0) < 4 * stddev(error) / sqrt(count(*)) AS error_is_unbiased,
       abs(avg(escape) - 10 / 100.0) < 4 * stddev(escape) / sqrt(count(*)) AS escape_is_unbiased,
       abs(avg(unweighted) - 25 / 130.0) > 4 * stddev(unweighted) / sqrt(count(*)) AS unweighted_is_not,
       abs(avg(weight) / 130 - 1) < 0.03 AS weights_stand_for_all, count(*)
FROM trial;
DROP TABLE trial;
-- Each start is as likely as the next.
SELECT bool_and(r >= 0 AND r < 7) AS inside, count(DISTINCT r) AS "values",
       bool_and(abs(n - 1000) < 5 * sqrt(1000 * 6 / 7.0)) AS even
FROM (SELECT r, count(*) AS n FROM (SELECT hitl.random_below(7) AS r FROM generate_series(1, 7000)) s GROUP BY r) t;
SELECT hitl.random_below(1), hitl.random_below(9223372036854775807) >= 0 AS large;
\set VERBOSITY sqlstate
SELECT hitl.random_below(0);
SELECT hitl.open_audit(hitl.uuidv7());
\set VERBOSITY default
SELECT hitl.chance_of_any(p) AS "none" FROM unnest('{}'::float8[]) p;
SELECT hitl.chance_of_any(p) AS one FROM unnest('{0.1}'::float8[]) p;
SELECT hitl.chance_of_any(p) AS certain FROM unnest('{0.1,1,0.3}'::float8[]) p;
SELECT hitl.chance_of_any(p) AS three_quarters FROM unnest('{0.5,0,0.5}'::float8[]) p;
