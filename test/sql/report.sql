-- What people read: outcomes and reports, against the same figures counted by
-- hand; and the two that look for trouble: check() and doctor().
\set SHOW_CONTEXT never
\set ON_ERROR_ROLLBACK on
SET timezone = 'UTC';
SET datestyle = 'ISO';

-- A small set.  Of ten decisions of model m1, six are approved (all audited),
-- two rejected (all audited) and two reviewed; one of m2 has no confidence.
SELECT hitl.create_workflow('rep', queue => 'rep');
SELECT hitl.set_policy('rep', upper => 0.8, lower => 0.2, audit_rate_approve => 1, audit_rate_reject => 1);
SELECT hitl.add_reviewer('rep_ann', max_open => 100), hitl.join_queue('rep_ann', 'rep');
INSERT INTO hitl.decision (workflow, model, subject, confidence, output)
VALUES ('rep', 'm1', 'a1', 0.95, '1'), ('rep', 'm1', 'a2', 0.95, '2'), ('rep', 'm1', 'a3', 0.95, '3'),
       ('rep', 'm1', 'a4', 0.95, '4'), ('rep', 'm1', 'a5', 0.85, '5'), ('rep', 'm1', 'a6', 0.85, '6'),
       ('rep', 'm1', 'r1', 0.15, '7'), ('rep', 'm1', 'r2', 0.05, '8'),
       ('rep', 'm1', 'h1', 0.55, '9'), ('rep', 'm1', 'h2', 0.45, '10'),
       ('rep', 'm2', 'n1', NULL, '11');
-- Verdicts on all but a6 and h2: a4 was wrong, a5 nearly right, r2 right.
CREATE FUNCTION pg_temp.judge() RETURNS TABLE (subject text, verdict text) LANGUAGE plpgsql AS $$
DECLARE
    c record;
BEGIN
    FOR c IN SELECT * FROM hitl.claim(100, '{rep}', 'rep_ann') ORDER BY task LOOP
        subject := (SELECT d.subject FROM hitl.decision d WHERE d.id = c.decision);
        IF subject IN ('a6', 'h2') THEN
            PERFORM hitl.release(c.task, 'rep_ann');
            verdict := NULL;
        ELSIF subject IN ('a4', 'r1') THEN
            verdict := hitl.reject(c.task, 'INCORRECT', 'no', 'rep_ann');
        ELSIF subject = 'a5' THEN
            verdict := hitl.amend(c.task, '55', 'INCOMPLETE', 'more', 'rep_ann');
        ELSE
            verdict := hitl.approve(c.task, NULL, 'rep_ann');
        END IF;
        RETURN NEXT;
    END LOOP;
END
$$;
SELECT * FROM pg_temp.judge() ORDER BY subject;

-- One decision that was not to be audited.
SELECT hitl.create_workflow('rep auto', queue => 'rep');
SELECT hitl.set_policy('rep auto', upper => 0.8, audit_rate_approve => 0);
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('rep auto', 'z1', 0.9);

-- The outcome of each: what people said last, else what the policy did.
SELECT subject, route, outcome, output, decided_by, decided_at IS NOT NULL AS decided
FROM hitl.outcome WHERE workflow = 'rep' ORDER BY subject;
-- The labels: was the AI right?
SELECT d.subject, l.route, l.confidence, l.propensity, l.correct, l.action, l.code
FROM hitl.label l JOIN hitl.decision d USING (id) WHERE l.workflow = 'rep' ORDER BY subject;

-- Per day (UTC); all this happened on one.
SELECT decisions, auto_approved, auto_rejected, reviewed, pending, verdicts, overrides, labels,
       approvals_audited, rejections_audited
FROM hitl.workflow_report WHERE workflow = 'rep';
-- The rates of a day, each in plain arithmetic: 3 of 11 to people, 3 overrides
-- in 9 verdicts, 2 wrong of 5 audited approvals, 1 right of 2 rejections.
SELECT abs(escalation_rate - 3 / 11.0) < 1e-12 AS escalation, abs(override_rate - 3 / 9.0) < 1e-12 AS override,
       abs(error_rate - 3 / 9.0) < 1e-12 AS error, abs(escape_rate - 2 / 5.0) < 1e-12 AS escape,
       abs(false_rejection_rate - 1 / 2.0) < 1e-12 AS false_rejection
FROM hitl.workflow_report WHERE workflow = 'rep';
-- The limits are Wilson's: (p + z2/2n -+ z sqrt(p(1-p)/n + z2/4n2)) / (1 + z2/n),
-- with z2 = 3.841458820694124 and n = 9, p = 1/3.
WITH w AS (SELECT 3.841458820694124::float8 AS z2, 9::float8 AS n, 1 / 3::float8 AS p)
SELECT abs(error_rate_lo - (p + z2 / (2 * n) - sqrt(z2 * (p * (1 - p) / n + z2 / (4 * n * n)))) / (1 + z2 / n)) < 1e-12 AS lo,
       abs(error_rate_hi - (p + z2 / (2 * n) + sqrt(z2 * (p * (1 - p) / n + z2 / (4 * n * n)))) / (1 + z2 / n)) < 1e-12 AS hi
FROM hitl.workflow_report, w WHERE workflow = 'rep';
SELECT seconds_to_verdict BETWEEN 0 AND 600 AS seconds_to_verdict,
       abs(seconds_of_work - (SELECT sum(seconds) FROM hitl.verdict WHERE workflow = 'rep')) < 1e-9 AS seconds_of_work
FROM hitl.workflow_report WHERE workflow = 'rep';

-- Calibration: Brier score, expected calibration error over ten bins, mean
-- confidence less accuracy.
WITH l AS (
    SELECT model, confidence AS c, correct::int AS y FROM hitl.label
    WHERE workflow = 'rep' AND confidence IS NOT NULL AND correct IS NOT NULL
), bin AS (
    SELECT model, least(floor(c * 10), 9) AS b, count(*) AS n, abs(avg(c) - avg(y)) AS gap
    FROM l GROUP BY 1, 2
), plain AS (
    SELECT model, count(*) AS n, avg((c - y) ^ 2) AS brier, avg(c) - avg(y) AS gap,
           (SELECT sum(b.n * b.gap) / sum(b.n) FROM bin b WHERE b.model = l.model) AS ece
    FROM l GROUP BY model
)
SELECT c.model, c.decisions, c.left_out, c.labels, c.weight_sum, n = labels AS n,
       abs(brier_score - brier) < 1e-12 AS brier_score, abs(c.ece - p.ece) < 1e-12 AS ece,
       abs(calibration_gap - gap) < 1e-12 AS calibration_gap
FROM hitl.calibration c LEFT JOIN plain p USING (model)
WHERE c.workflow = 'rep' ORDER BY c.model;
-- Tenths of the confidence.
SELECT model, bin, lo, hi, n, weight_sum, round(mean_confidence::numeric, 9) AS mean_confidence,
       round(accuracy::numeric, 9) AS accuracy, accuracy_lo <= accuracy AND accuracy <= accuracy_hi AS inside
FROM hitl.reliability WHERE workflow = 'rep' AND n > 0 ORDER BY model, bin;

-- A label weighs 1 / propensity: two of eight approvals are audited, at one in
-- four; the estimates stand for all eight, and for the reviews beside them.
BEGIN;
SELECT hitl.create_workflow('rep weighted', queue => 'rep');
SELECT hitl.set_policy('rep weighted', upper => 0.8, audit_rate_approve => 0.25);
INSERT INTO hitl.decision (workflow, confidence) SELECT 'rep weighted', 0.5 FROM generate_series(1, 2);
-- (rows of another database, as a dump brings them, so that the draw is known)
CREATE TEMP TABLE dump ON COMMIT DROP AS
SELECT * FROM hitl.decision WHERE workflow = 'rep weighted' ORDER BY id LIMIT 1;
UPDATE dump SET confidence = 0.9, gate_route = 'auto_approve', route = 'auto_approve', propensity = 0.25;
INSERT INTO hitl.decision
SELECT (jsonb_populate_record(dump, jsonb_build_object(
            'id', overlay(id::text PLACING lpad(n::text, 12, '0') FROM 25),
            'audit_u', CASE WHEN n <= 2 THEN 0.1 ELSE 0.9 END))).*
FROM dump, generate_series(1, 8) AS n;
INSERT INTO hitl.task (decision, workflow, kind, queue, lane, tier, sort_key, submitter, created_at, step,
                       first_review_at, resolution_at, due_at, wake_at)
SELECT id, workflow, 'audit', 'rep', 0, 1, 0, current_user, created_at, 0,
       'infinity', 'infinity', 'infinity', 'infinity'
FROM hitl.decision WHERE workflow = 'rep weighted' AND audit_u < propensity AND route <> 'review';
SELECT kind, hitl.approve(task, reviewer => 'rep_ann') FROM hitl.claim(1, '{rep}', 'rep_ann');
SELECT kind, hitl.reject(task, 'UNSAFE', 'no', 'rep_ann') FROM hitl.claim(1, '{rep}', 'rep_ann');
SELECT count(hitl.approve(task, reviewer => 'rep_ann')) FROM hitl.claim(100, '{rep}', 'rep_ann') WHERE workflow = 'rep weighted';
-- error: 4 of 4 + 4 + 1 + 1 by weight
SELECT decisions, auto_approved, reviewed, verdicts, overrides, override_rate, labels, error_rate, approvals_audited,
       escape_rate, rejections_audited, false_rejection_rate
FROM hitl.workflow_report WHERE workflow = 'rep weighted';
SELECT decisions, left_out, labels, weight_sum, round(calibration_gap::numeric, 12) = round((8 * 0.9 + 2 * 0.5) / 10 - 0.6, 12) AS gap
FROM hitl.calibration WHERE workflow = 'rep weighted';
SELECT count(*) AS violations FROM hitl.check() c JOIN hitl.decision d ON d.id = c.decision WHERE d.workflow ~ '^rep';
ROLLBACK;

-- What the modes and those who interfere make of it.  Of ten decisions
-- two are approved, four monitored, one reviewed, and three are in shadow mode.
BEGIN;
SELECT hitl.create_sla('rep_soon', resolution => '1 hour');
SELECT hitl.create_workflow('rep loop', queue => 'rep', mode => 'on_loop', sla => 'rep_soon');
SELECT hitl.set_policy('rep loop', upper => 0.9, lower => 0.3, audit_rate_approve => 0, audit_rate_reject => 0,
                       veto_window => '2 hours', on_timeout => 'reject', fairness_limit => 0.8, in_force => false);
SELECT hitl.set_policy('rep loop', upper => 0.8, challenger => 1, base => 1);
INSERT INTO hitl.decision (workflow, subject, confidence, signals, request_id)
VALUES ('rep loop', 'approved', 0.95, '{"fairness": 0.9}', 'R-1'), ('rep loop', 'corrected', 0.85, '{"fairness": 0.9}', NULL),
       ('rep loop', 'monitored', 0.5, '{"fairness": 0.9}', NULL), ('rep loop', 'vetoed', 0.5, '{"fairness": 0.9}', NULL),
       ('rep loop', 'lapsed', 0.5, '{"fairness": 0.9}', NULL), ('rep loop', 'seen', 0.5, '{"fairness": 0.9}', NULL),
       ('rep loop', 'unfair', 0.5, '{"fairness": 0.7}', NULL);
SELECT hitl.set_mode('rep loop', 'shadow');
INSERT INTO hitl.decision (workflow, subject, confidence, signals)
SELECT 'rep loop', 'shadow ' || c, c, '{"fairness": 1}' FROM unnest('{0.95,0.5,0.1}'::float8[]) c;
SELECT hitl.set_mode('rep loop', 'on_loop');
CREATE FUNCTION pg_temp.id(subject text) RETURNS uuid LANGUAGE sql AS $$
    SELECT d.id FROM hitl.decision d WHERE d.workflow = 'rep loop' AND d.subject = id.subject $$;
SELECT hitl.veto(pg_temp.id('vetoed'), 'stop', 'rep_ann');
SELECT hitl.correct(pg_temp.id('corrected'), '{"pay": 1}', 'INCORRECT', 'one at most', 'rep_ann');
SELECT hitl.approve(c.task, 'fine', 'rep_ann') FROM (
    SELECT c.task FROM hitl.claim(100, '{rep}', 'rep_ann') c WHERE c.decision = pg_temp.id('seen') OFFSET 0) c;
SELECT count(hitl.release(id, 'rep_ann')) AS released FROM hitl.task WHERE holder = 'rep_ann';
UPDATE hitl.task SET resolution_at = now() - interval '1 second', wake_at = now() - interval '1 second'
WHERE decision IN (pg_temp.id('lapsed'), pg_temp.id('unfair'));
SELECT hitl.tick();
SELECT subject, gate_route, o.route, challenger_route, propensity, outcome, o.output, decided_by, decided_at IS NOT NULL AS decided
FROM hitl.outcome o JOIN hitl.decision d USING (id, subject) WHERE o.workflow = 'rep loop' ORDER BY d.id;
SELECT subject, action, outcome, correct FROM hitl.label WHERE workflow = 'rep loop' AND action IS NOT NULL ORDER BY id;
SELECT decisions, auto_approved, monitored, observed, reviewed, pending, verdicts, overrides, labels, approvals_audited, vetoed, timed_out
FROM hitl.workflow_report WHERE workflow = 'rep loop';
-- Escapes are of all that took effect as approved, monitored or not.
SELECT hitl.draw_audit('rep loop', 6, until => hitl.uuid_time(pg_temp.id('shadow 0.95')));
SELECT route, population, drawn FROM hitl.audit_draw WHERE workflow = 'rep loop' ORDER BY id;
SELECT count(hitl.reject(c.task, 'INCORRECT', 'no', 'rep_ann')) FROM (
    SELECT c.task FROM hitl.claim(100, '{rep}', 'rep_ann') c WHERE c.decision = pg_temp.id('approved') OFFSET 0) c;
SELECT count(hitl.release(id, 'rep_ann')) AS released FROM hitl.task WHERE holder = 'rep_ann';
SELECT subject, propensity, correct FROM hitl.label WHERE workflow = 'rep loop' ORDER BY id;
SELECT labels, error_rate, approvals_audited, escape_rate FROM hitl.workflow_report WHERE workflow = 'rep loop';
SELECT trigger, rule, fired, share, judged, overridden FROM hitl.trigger_report WHERE workflow = 'rep loop' ORDER BY 1, 2;
-- Where the challenger would have gone.
SELECT subject, confidence, policy_version, challenger, gate_route, challenger_route, correct, propensity
FROM hitl.challenger_disagreement WHERE workflow = 'rep loop' ORDER BY id;
SELECT policy_version, challenger, gate_route, challenger_route, decisions, share, labels, error_rate, error_rate_lo < error_rate_hi AS wide
FROM hitl.challenger_report WHERE workflow = 'rep loop' ORDER BY 3, 4;
-- The stories.
CREATE FUNCTION pg_temp.story(subject text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT regexp_replace(regexp_replace(replace(line, current_user, 'ME'), '\d{4}-\S+ \S+\+00', 'TIME', 'g'), 'after \S+ s', 'after N s')
    FROM hitl.explain(pg_temp.id(story.subject)) AS line $$;
SELECT pg_temp.story('approved');
SELECT pg_temp.story('corrected');
SELECT pg_temp.story('monitored');
SELECT pg_temp.story('vetoed');
SELECT pg_temp.story('lapsed');
SELECT pg_temp.story('seen');
SELECT pg_temp.story('unfair');
SELECT pg_temp.story('shadow 0.5');
SELECT c.invariant, d.subject, c.detail FROM hitl.check() c JOIN hitl.decision d ON d.id = c.decision WHERE d.workflow ~ '^rep';
-- Stamps that do not follow from the mode, the arm or the challenger.
ALTER TABLE hitl.decision DISABLE TRIGGER append_only;
UPDATE hitl.decision SET propensity = 0.5 WHERE id IN (pg_temp.id('monitored'), pg_temp.id('shadow 0.1'));
UPDATE hitl.decision SET audit_u = 0.9 WHERE workflow = 'rep loop';
UPDATE hitl.decision SET route = 'monitor' WHERE id IN (pg_temp.id('unfair'), pg_temp.id('shadow 0.5'));
UPDATE hitl.decision SET reasons = '[{"trigger": "killed", "rule": null, "detail": "x"}]' WHERE id = pg_temp.id('approved');
UPDATE hitl.decision SET challenger_route = NULL WHERE id = pg_temp.id('seen');
UPDATE hitl.decision SET challenger_route = 'auto_approve' WHERE id = pg_temp.id('lapsed');
UPDATE hitl.decision SET reasons = '{}', route = 'elsewhere' WHERE id = pg_temp.id('shadow 0.95');
DELETE FROM hitl.task WHERE decision = pg_temp.id('monitored');
ALTER TABLE hitl.request DISABLE TRIGGER append_only;
UPDATE hitl.request SET decision = pg_temp.id('seen') WHERE request_id = 'R-1' AND workflow = 'rep loop';
SELECT c.invariant, d.subject, c.detail FROM hitl.check() c JOIN hitl.decision d ON d.id = c.decision WHERE d.workflow ~ '^rep' ORDER BY 2, 1, 3;
ROLLBACK;

-- A case of several steps, as far as the caller may see it.
BEGIN;
CREATE ROLE regress_hitl_rep IN ROLE hitl_application;
INSERT INTO hitl.decision (workflow, subject, model, confidence) VALUES ('rep', 'c0', 'm0', 0.99) RETURNING id AS c0 \gset
SET ROLE regress_hitl_rep;
INSERT INTO hitl.decision (workflow, subject, model, confidence, parent) VALUES ('rep', 'c1', 'm1', 0.9, :'c0') RETURNING id AS c1 \gset
INSERT INTO hitl.decision (workflow, subject, model, confidence, parent) VALUES ('rep', 'c2', 'm2', 0.5, :'c1') RETURNING id AS c2 \gset
RESET ROLE;
SELECT position, id = :'c0' AS c0, model, confidence, route, outcome FROM hitl.decision_path(:'c2');
SELECT position, model FROM hitl.decision_path(:'c1');
SELECT count(*) FROM hitl.decision_path(hitl.uuidv7());
SELECT count(*) FROM hitl.decision_path(NULL);
GRANT EXECUTE ON FUNCTION hitl.decision_path(uuid) TO regress_hitl_rep;
SET ROLE regress_hitl_rep;
SELECT position, model FROM hitl.decision_path(:'c2');
RESET ROLE;
-- (a ring cannot come about, but by force)
ALTER TABLE hitl.decision DISABLE TRIGGER append_only;
UPDATE hitl.decision SET parent = :'c2' WHERE id = :'c0';
SELECT position, model FROM hitl.decision_path(:'c2');
ROLLBACK;

-- What could not be audited stands for nothing, and is counted apart.
BEGIN;
SELECT hitl.create_workflow('rep blind', queue => 'rep');
SELECT hitl.set_policy('rep blind', upper => 0.8, audit_rate_approve => 0);
INSERT INTO hitl.decision (workflow, confidence) VALUES ('rep blind', 0.9), ('rep blind', 0.9);
SELECT decisions, auto_approved, verdicts, override_rate, labels, error_rate, escape_rate FROM hitl.workflow_report WHERE workflow = 'rep blind';
SELECT decisions, left_out, labels, brier_score, ece, calibration_gap FROM hitl.calibration WHERE workflow = 'rep blind';
SELECT count(*) FROM hitl.reliability WHERE workflow = 'rep blind' AND n > 0;
ROLLBACK;

-- Queues: what waits, by lane, what is held, what is late.
BEGIN;
SELECT hitl.create_sla('rep_hour', resolution => '1 hour');
SELECT hitl.create_workflow('rep p0', 'rep_q', lane => 0), hitl.create_workflow('rep p2', 'rep_q', lane => 2, sla => 'rep_hour');
SELECT queue, lane, open, held, overdue, next_due_at, oldest_at, oldest_wait, members FROM hitl.queue_status WHERE queue = 'rep_q' ORDER BY lane;
SELECT hitl.join_queue('rep_ann', 'rep_q');
INSERT INTO hitl.decision (workflow) VALUES ('rep p0'), ('rep p0'), ('rep p2'), ('rep p2'), ('rep p2');
SELECT count(*) FROM hitl.claim(1, '{rep_q}', 'rep_ann');
UPDATE hitl.task SET due_at = now() - interval '1 minute' WHERE id = (SELECT max(id) FROM hitl.task WHERE workflow = 'rep p2');
SELECT lane, open, open_estimated, held, overdue,
       next_due_at - now() BETWEEN '59 minutes' AND '1 hour 1 minute' AS next_due, oldest_wait < '10 minutes' AS oldest,
       members, present
FROM hitl.queue_status WHERE queue = 'rep_q' ORDER BY lane;
-- A lease that is over counts as open.
UPDATE hitl.task SET lease_until = now() - interval '1 second' WHERE holder = 'rep_ann';
SELECT lane, open, held FROM hitl.queue_status WHERE queue = 'rep_q' ORDER BY lane;
ROLLBACK;

--
-- check(): nothing, on a sound database.  All that the tests before this one
-- left behind is looked at as well.
--
SELECT * FROM hitl.check();

-- Each violation is found.  They can only be made by force.
CREATE FUNCTION pg_temp.violations() RETURNS TABLE (invariant text, subject text, has_task boolean, detail text)
LANGUAGE sql AS $$
    SELECT c.invariant, (SELECT d.subject FROM hitl.decision d WHERE d.id = c.decision), c.task IS NOT NULL,
           regexp_replace(c.detail, '\d{4}-\S+ \S+', 'TIME')
    FROM hitl.check() c ORDER BY 1, 4, 2
$$;
-- I1: a task without a decision, and a verdict without one.
BEGIN;
ALTER TABLE hitl.verdict DISABLE TRIGGER append_only;
UPDATE hitl.task SET decision = hitl.uuidv7() WHERE workflow = 'rep' AND kind = 'audit';
UPDATE hitl.verdict v SET decision = hitl.uuidv7() FROM hitl.decision d
WHERE d.id = v.decision AND d.workflow = 'rep' AND d.subject = 'h1';
SELECT * FROM pg_temp.violations();
-- (such a task cannot be shown to anybody)
\set VERBOSITY sqlstate
SELECT count(*) FROM hitl.claim(2, '{rep}', 'rep_ann');
\set VERBOSITY default
ROLLBACK;
-- I2: a review without a task, with two, with a task and an outcome; an audit
-- that was drawn and is lost, and one that was not drawn.
BEGIN;
DELETE FROM hitl.task WHERE workflow = 'rep';
SELECT * FROM pg_temp.violations();
ROLLBACK;
BEGIN;
INSERT INTO hitl.task
SELECT (jsonb_populate_record(t, jsonb_build_object('id', nextval('hitl.task_id_seq')))).*
FROM hitl.task t WHERE workflow = 'rep';
SELECT * FROM pg_temp.violations();
ROLLBACK;
BEGIN;
INSERT INTO hitl.task
SELECT (jsonb_populate_record(t, jsonb_build_object('id', nextval('hitl.task_id_seq'), 'decision', d.id))).*
FROM hitl.task t, hitl.decision d WHERE t.workflow = 'rep' AND t.kind = 'review' AND d.workflow = 'rep' AND d.subject = 'h1';
SELECT * FROM pg_temp.violations();
ROLLBACK;
BEGIN;
INSERT INTO hitl.task
SELECT (jsonb_populate_record(t, jsonb_build_object('id', nextval('hitl.task_id_seq'), 'decision', d.id, 'workflow', d.workflow))).*
FROM hitl.task t, hitl.decision d WHERE t.workflow = 'rep' AND t.kind = 'audit' AND d.workflow = 'rep auto';
SELECT * FROM pg_temp.violations();
ROLLBACK;
-- I3: two verdicts on one task; a task that is decided and still there.
BEGIN;
INSERT INTO hitl.verdict
SELECT (jsonb_populate_record(v, jsonb_build_object('id', nextval('hitl.verdict_id_seq')))).*
FROM hitl.verdict v JOIN hitl.decision d ON d.id = v.decision WHERE d.workflow = 'rep' AND d.subject = 'h1';
SELECT * FROM pg_temp.violations();
ROLLBACK;
BEGIN;
INSERT INTO hitl.task
SELECT (jsonb_populate_record(t, jsonb_build_object('id', v.task, 'decision', v.decision))).*
FROM hitl.task t, hitl.verdict v JOIN hitl.decision d ON d.id = v.decision
WHERE t.workflow = 'rep' AND t.kind = 'review' AND d.workflow = 'rep' AND d.subject = 'h1';
SELECT * FROM pg_temp.violations();
ROLLBACK;
-- More persons were demanded than agreed; who was excluded holds the task.
BEGIN;
ALTER TABLE hitl.policy DISABLE TRIGGER append_only;
UPDATE hitl.policy p SET approvals = 2
FROM hitl.verdict v JOIN hitl.decision d ON d.id = v.decision
WHERE p.workflow = v.workflow AND p.version = v.policy_version AND d.workflow = 'rep' AND d.subject = 'h1';
SELECT * FROM pg_temp.violations();
ROLLBACK;
BEGIN;
SELECT count(*) FROM hitl.claim(1, '{rep}', 'rep_ann');
UPDATE hitl.task SET excluded = '{rep_bob,rep_ann}', kind = CASE kind WHEN 'review' THEN 'confirm' ELSE kind END
WHERE holder = 'rep_ann';
SELECT * FROM pg_temp.violations();
ROLLBACK;
-- I4: a verdict after the end of its lease.
BEGIN;
ALTER TABLE hitl.verdict DISABLE TRIGGER append_only;
UPDATE hitl.verdict v SET lease_until = v.created_at FROM hitl.decision d
WHERE d.id = v.decision AND d.workflow = 'rep' AND d.subject = 'h1';
SELECT * FROM pg_temp.violations();
ROLLBACK;
-- I5: more held than allowed.
BEGIN;
SELECT count(*) FROM hitl.claim(2, '{rep}', 'rep_ann');
UPDATE hitl.reviewer SET max_open = 1 WHERE name = 'rep_ann';
SELECT * FROM pg_temp.violations();
ROLLBACK;
-- I6: a verdict on one's own decision.
BEGIN;
CREATE ROLE regress_hitl_rep;
ALTER TABLE hitl.decision DISABLE TRIGGER append_only;
UPDATE hitl.decision SET created_by = 'regress_hitl_rep' WHERE workflow = 'rep' AND subject = 'h1';
UPDATE hitl.reviewer SET login = 'regress_hitl_rep' WHERE name = 'rep_ann';
SELECT * FROM pg_temp.violations();
-- (by a further login, and by whom they stood in for)
UPDATE hitl.reviewer SET login = NULL WHERE name = 'rep_ann';
INSERT INTO hitl.reviewer_login VALUES ('regress_hitl_rep', 'rep_ann');
SELECT * FROM pg_temp.violations();
UPDATE hitl.reviewer_login SET reviewer = 'rep_bob' WHERE reviewer = 'rep_ann';
SELECT * FROM pg_temp.violations();
ALTER TABLE hitl.verdict DISABLE TRIGGER append_only;
UPDATE hitl.verdict v SET on_behalf_of = 'rep_bob' FROM hitl.decision d
WHERE d.id = v.decision AND d.workflow = 'rep' AND d.subject = 'h1';
SELECT * FROM pg_temp.violations();
ROLLBACK;
-- I7: the decision is not what was shown.
BEGIN;
ALTER TABLE hitl.decision DISABLE TRIGGER append_only;
UPDATE hitl.decision SET output = '"another"' WHERE workflow = 'rep' AND subject = 'h1';
SELECT * FROM pg_temp.violations();
ROLLBACK;
-- I9: a stamp that does not follow from what it cites.
BEGIN;
ALTER TABLE hitl.decision DISABLE TRIGGER append_only;
UPDATE hitl.decision SET confidence = 0.5 WHERE workflow = 'rep' AND subject = 'a1';
UPDATE hitl.decision SET gate_route = 'auto_reject' WHERE workflow = 'rep' AND subject = 'a2';
UPDATE hitl.decision SET propensity = 0 WHERE workflow = 'rep' AND subject = 'a3';
UPDATE hitl.decision SET created_at = created_at + interval '1 second' WHERE workflow = 'rep' AND subject = 'a4';
UPDATE hitl.decision SET policy_version = NULL WHERE workflow = 'rep' AND subject = 'a5';
UPDATE hitl.decision SET reversible = false WHERE workflow = 'rep' AND subject = 'r1';
UPDATE hitl.decision SET audit_u = 'NaN' WHERE workflow = 'rep' AND subject = 'h1';
SELECT * FROM pg_temp.violations();
ROLLBACK;
-- A partition that comes with rows that the gate never saw.
BEGIN;
CREATE TABLE hitl.decision_1999 (LIKE hitl.decision);
INSERT INTO hitl.decision_1999 (id, created_at, created_by, workflow, subject, confidence, reversible, gate_route, route, reasons, lane, audit_u, propensity)
VALUES (hitl.uuid_floor('1999-01-01'), '1999-01-01 00:00:00+00', 'me', 'rep', 'forged', 0.99, true, 'auto_approve', 'auto_approve', '[]', 1, 0.5, 0);
ALTER TABLE hitl.decision ATTACH PARTITION hitl.decision_1999
    FOR VALUES FROM (hitl.uuid_floor('1999-01-01')) TO (hitl.uuid_floor('2000-01-01'));
SELECT * FROM pg_temp.violations();
ROLLBACK;
-- I10: a deadline that passed and nothing happened.
BEGIN;
UPDATE hitl.task SET first_review_at = now() - interval '1 hour' WHERE workflow = 'rep' AND kind = 'review';
SELECT * FROM pg_temp.violations();
ROLLBACK;
-- All is sound again.
SELECT * FROM hitl.check();

--
-- doctor(): what an operator should mend.  Each block makes one thing wrong;
-- what is found besides comes from before and is not shown.
--
CREATE TEMP TABLE before AS SELECT * FROM hitl.doctor();
CREATE FUNCTION pg_temp.findings() RETURNS TABLE (severity text, subject text, finding text, hint text)
LANGUAGE sql AS $$
    SELECT severity, regexp_replace(subject, '_\d{4}_\d{2}', '_YYYY_MM'), finding,
           regexp_replace(hint, '_\d{4}_\d{2}', '_YYYY_MM', 'g')
    FROM (SELECT * FROM hitl.doctor() EXCEPT SELECT * FROM before) s
    WHERE subject <> 'worker'
    GROUP BY 1, 2, 3, 4
    ORDER BY 1, 2, 3
$$;
SELECT * FROM pg_temp.findings();
\x on
-- A trigger that is disabled, or not always enabled, or gone.
BEGIN;
ALTER TABLE hitl.decision DISABLE TRIGGER gate;
SELECT * FROM pg_temp.findings();
ROLLBACK;
BEGIN;
ALTER TABLE hitl.verdict ENABLE TRIGGER append_only;
ALTER TABLE hitl.event DISABLE TRIGGER append_only_truncate;
SELECT * FROM pg_temp.findings();
ROLLBACK;
-- A rule.
BEGIN;
CREATE RULE away AS ON INSERT TO hitl.decision DO INSTEAD NOTHING;
SELECT * FROM pg_temp.findings();
ROLLBACK;
BEGIN;
CREATE RULE twice AS ON INSERT TO hitl.verdict DO ALSO NOTHING;
SELECT * FROM pg_temp.findings();
ROLLBACK;
-- A table whose rows pass for those of another.
BEGIN;
CREATE TABLE rep_forged () INHERITS (hitl.verdict);
SELECT * FROM pg_temp.findings();
ROLLBACK;
-- A partition that comes with rows that the gate never saw.
BEGIN;
CREATE TABLE "rep Forged" (LIKE hitl.decision);
INSERT INTO "rep Forged" (id, created_at, created_by, workflow, subject, confidence, reversible, gate_route, route, reasons, lane, audit_u, propensity)
VALUES (hitl.uuid_floor('1999-01-01'), '1999-01-01 00:00:00+00', 'me', 'rep', 'forged', 0.5, true, 'review', 'review', '[]', 1, 0.5, 1);
ALTER TABLE hitl.decision ATTACH PARTITION "rep Forged"
    FOR VALUES FROM (hitl.uuid_floor('1999-01-01')) TO (hitl.uuid_floor('2000-01-01'));
SELECT * FROM pg_temp.findings();
ROLLBACK;
-- Rows stored past the gate.
BEGIN;
INSERT INTO hitl.event (kind, workflow, actor, created_at) VALUES ('ungated', 'rep', 'mallory', now() - interval '31 days');
SELECT * FROM pg_temp.findings();
INSERT INTO hitl.event (kind, workflow, actor, created_at) VALUES ('ungated', 'rep', 'mallory', '2001-01-01 12:00+00');
INSERT INTO hitl.event (kind, workflow, actor) VALUES ('ungated', 'rep', 'mallory'), ('ungated', 'rep', 'oscar');
SELECT severity, subject, regexp_replace(finding, 'at .*', 'at TIME') AS finding, hint FROM pg_temp.findings();
ROLLBACK;
-- Nobody looks at what could be vetoed; a change waits for a second admin.
BEGIN;
SELECT hitl.create_workflow('rep nobody', 'rep_nobody', mode => 'on_loop');
SELECT hitl.set_policy('rep nobody', upper => 0.9);
SELECT * FROM pg_temp.findings();
SELECT hitl.set_policy('rep nobody', queue => 'rep');
SELECT hitl.protect('rep nobody');
SET LOCAL client_min_messages = warning;
SELECT hitl.set_mode('rep nobody', 'in_loop');
SELECT severity, subject, regexp_replace(regexp_replace(replace(finding, current_user, 'ME'), 'since .*', 'since TIME'), 'proposal \d+', 'proposal N') AS finding,
       regexp_replace(hint, '\d+', 'N', 'g') AS hint
FROM pg_temp.findings();
ROLLBACK;
-- A partition of somebody's own making, without its index and its guard.
BEGIN;
CREATE TABLE hitl.decision_1999_01 PARTITION OF hitl.decision
    FOR VALUES FROM (hitl.uuid_floor('1999-01-01')) TO (hitl.uuid_floor('1999-02-01'));
SELECT * FROM pg_temp.findings();
ROLLBACK;
-- Rows in the default partition, and no partition for next month.
BEGIN;
INSERT INTO hitl.decision (id, workflow, confidence) VALUES (hitl.uuid_floor('2001-01-01'), 'rep', 0.5);
SELECT format('DROP TABLE hitl.decision_%s', to_char(date_trunc('month', now()) + '1 month', 'YYYY_MM')) AS drop \gset
:drop;
SELECT * FROM hitl.doctor() WHERE subject IN ('table decision', 'table decision_default') ORDER BY 2;
ROLLBACK;
-- Workflows without policy, queue, SLA.
BEGIN;
SELECT hitl.create_sla('rep_gone', '1 hour');
SELECT hitl.create_workflow('rep gone', 'rep_gone', sla => 'rep_gone');
DELETE FROM hitl.queue WHERE name = 'rep_gone';
DELETE FROM hitl.sla WHERE name = 'rep_gone';
SELECT * FROM pg_temp.findings();
ROLLBACK;
-- Tasks that nobody may take.
BEGIN;
UPDATE hitl.task SET tier = 7 WHERE workflow = 'rep';
SELECT * FROM pg_temp.findings();
ROLLBACK;
BEGIN;
SELECT hitl.leave_queue('rep_ann', 'rep');
SELECT * FROM pg_temp.findings();
ROLLBACK;
-- Reviewers whose login does not do.
BEGIN;
CREATE ROLE regress_hitl_rep;
SELECT hitl.add_reviewer('rep_bob', login => 'regress_hitl_rep');
SELECT * FROM pg_temp.findings();
DROP ROLE regress_hitl_rep;
SELECT * FROM pg_temp.findings();
ROLLBACK;
\x off
DROP TABLE before;
