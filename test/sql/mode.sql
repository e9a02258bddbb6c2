-- Modes: what is done with a decision, given what the policy says of it; and
-- what time does with those that wait, or that may still be stopped.  A
-- background worker may be serving this database: whether it or tick() came
-- first, the result is the same.
\set SHOW_CONTEXT never
\set ON_ERROR_ROLLBACK on

-- What was done with the decisions of a workflow, oldest first.
CREATE FUNCTION pg_temp.done(flow text)
RETURNS TABLE (subject text, gate_route text, route text, fired text, propensity float8, task text, outcome text, decided_by text)
LANGUAGE sql AS $$
    SELECT d.subject, d.gate_route, d.route,
           (SELECT string_agg(r ->> 'trigger', ' ' ORDER BY n)
            FROM jsonb_array_elements(d.reasons) WITH ORDINALITY AS j (r, n)),
           d.propensity,
           (SELECT string_agg(t.kind, ' ' ORDER BY t.id) FROM hitl.task t WHERE t.decision = d.id),
           o.outcome, o.decided_by
    FROM hitl.decision d JOIN hitl.outcome o USING (id)
    WHERE d.workflow = flow
    ORDER BY d.id
$$;
-- The records of time, and of people.
CREATE FUNCTION pg_temp.record(flow text)
RETURNS TABLE (subject text, what text, who text, how text)
LANGUAGE sql AS $$
    SELECT d.subject, r.what, r.who, r.how
    FROM (SELECT e.decision, e.created_at, e.id, e.kind AS what, e.actor AS who,
                 coalesce(e.detail ->> 'clock', e.detail ->> 'holder') AS how
          FROM hitl.event e WHERE e.workflow = flow AND e.decision IS NOT NULL
          UNION ALL
          SELECT v.decision, v.created_at, v.id, concat_ws(' ', v.kind, v.action), v.reviewer, v.outcome
          FROM hitl.verdict v WHERE v.workflow = flow) r
    JOIN hitl.decision d ON d.id = r.decision
    ORDER BY d.id, r.created_at, r.id
$$;
-- Lets time pass: all deadlines of a workflow come nearer.
CREATE FUNCTION pg_temp.pass(flow text, span interval) RETURNS void
LANGUAGE sql AS $$
    UPDATE hitl.task
    SET first_review_at = first_review_at - span, resolution_at = resolution_at - span,
        due_at = due_at - span, wake_at = wake_at - span, lease_until = lease_until - span
    WHERE workflow = flow
$$;
-- The clock has nothing more to do for a workflow.
CREATE FUNCTION pg_temp.settle(flow text) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1 .. 1000 LOOP
        PERFORM hitl.tick();
        IF NOT EXISTS (SELECT FROM hitl.task
                       WHERE workflow = flow AND wake_at <= clock_timestamp()) THEN
            RETURN true;
        END IF;
        PERFORM pg_sleep(0.01);
    END LOOP;
    RETURN false;
END
$$;
-- One decision of each kind.
CREATE FUNCTION pg_temp.post(flow text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO hitl.decision (workflow, subject, confidence, exposure, reversible, signals, tags)
    VALUES (flow, 'high', 0.95, 1, true, NULL, NULL), (flow, 'grey', 0.5, 1, true, NULL, NULL),
           (flow, 'low', 0.1, 1, true, NULL, NULL),
           (flow, 'grey, rule', 0.5, 60000, true, NULL, NULL), (flow, 'grey, tag', 0.5, 1, true, NULL, '{vip}'),
           (flow, 'grey, irreversible', 0.5, 1, false, NULL, NULL), (flow, 'grey, not known', 0.5, 1, NULL, NULL, NULL),
           (flow, 'grey, novel', 0.5, 1, true, '{"novelty": 9}', NULL),
           (flow, 'invalid', 'NaN', 1, true, NULL, NULL), (flow, 'missing', NULL, 1, true, NULL, NULL),
           (flow, 'high, rule', 0.95, 60000, true, NULL, NULL)
$$;

SELECT hitl.create_queue('mod'), hitl.create_queue('mod_vip'), hitl.add_reviewer('mod_ann', max_open => 1000),
       hitl.join_queue('mod_ann', 'mod'), hitl.join_queue('mod_ann', 'mod_vip');
SELECT hitl.create_workflow(w, 'mod', mode => m)
FROM unnest('{mod manual,mod shadow,mod in,mod on,mod usual}'::text[], '{manual,shadow,in_loop,on_loop,NULL}'::text[]) AS f (w, m);
SELECT w, hitl.set_policy(w, upper => 0.9, lower => 0.3, audit_rate_approve => 0, audit_rate_reject => 0, novelty_limit => 5)
FROM unnest('{mod manual,mod shadow,mod in,mod on,mod usual}'::text[]) AS w;
SELECT hitl.set_rule(w, 'large', '$.exposure > 50000') +
       hitl.set_rule(w, 'vip', '$.tags[*] == "vip"', route => NULL, lane => 0, queue => 'mod_vip') AS both
FROM unnest('{mod manual,mod shadow,mod in,mod on,mod usual}'::text[]) AS w;

--
-- Each mode
--

-- G01, G02, G03: in the loop, three outcomes; what needs a person is held.
BEGIN;
SELECT pg_temp.post('mod in');
SELECT * FROM pg_temp.done('mod in');
ROLLBACK;
-- A workflow whose mode was never set is in the loop once it has a threshold.
BEGIN;
SELECT pg_temp.post('mod in'), pg_temp.post('mod usual');
(SELECT * FROM pg_temp.done('mod in') EXCEPT ALL SELECT * FROM pg_temp.done('mod usual'))
UNION ALL (SELECT * FROM pg_temp.done('mod usual') EXCEPT ALL SELECT * FROM pg_temp.done('mod in'));
ROLLBACK;

-- Manual: all to people.
BEGIN;
SELECT pg_temp.post('mod manual');
SELECT * FROM pg_temp.done('mod manual');
ROLLBACK;

-- G06: shadow.  Nothing takes effect and nobody waits.
BEGIN;
SELECT pg_temp.post('mod shadow');
SELECT * FROM pg_temp.done('mod shadow');
-- Audits: of each arm at its rate, of what would be reviewed at the greater.
SELECT hitl.set_policy('mod shadow', audit_rate_approve => 0.1, audit_rate_reject => 0.4);
INSERT INTO hitl.decision (workflow, confidence)
SELECT 'mod shadow', c FROM unnest('{0.95,0.5,0.1}'::float8[]) AS c, generate_series(1, 2000);
SELECT gate_route, propensity, count(*) AS decisions,
       -- (six standard errors)
       abs(count(t.id) - 2000 * propensity) < 6 * sqrt(2000 * propensity * (1 - propensity)) AS at_the_rate,
       bool_and((t.id IS NOT NULL) = (audit_u < propensity)) AS drawn_if_u_below, min(t.kind) AS least, max(t.kind) AS greatest
FROM hitl.decision d LEFT JOIN hitl.task t ON t.decision = d.id
WHERE d.workflow = 'mod shadow' AND subject IS NULL GROUP BY 1, 2 ORDER BY 1;
SELECT hitl.set_policy('mod shadow', audit_rate_approve => 0.4, audit_rate_reject => 0.1);
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('mod shadow', 'the greater', 0.5) RETURNING subject, propensity;
ROLLBACK;
-- An audit's verdict is on record; it is the only outcome there is.
BEGIN;
SELECT hitl.set_policy('mod shadow', audit_rate_approve => 1, audit_rate_reject => 1);
SELECT pg_temp.post('mod shadow');
SELECT kind, count(hitl.approve(task, reviewer => 'mod_ann')) FROM hitl.claim(1000, NULL, 'mod_ann')
WHERE workflow = 'mod shadow' GROUP BY 1;
SELECT subject, route, propensity, task, outcome, decided_by FROM pg_temp.done('mod shadow');
SELECT count(correct), min(propensity) FROM hitl.label WHERE workflow = 'mod shadow';
ROLLBACK;

-- G03: on the loop.  What the thresholds alone leave to a person takes effect
-- at once; what a rule, a doubt or the action asks for does not.
BEGIN;
SELECT pg_temp.post('mod on');
SELECT * FROM pg_temp.done('mod on');
-- The task of what is watched: open to a veto until the window closes; the
-- clocks of reviews do not run.  A rule that only records shapes it.
SELECT d.subject, t.kind, t.queue, t.lane, t.first_review_at,
       t.resolution_at - t.created_at AS resolution, t.wake_at = t.resolution_at AND t.due_at = t.resolution_at AS one_deadline
FROM hitl.task t JOIN hitl.decision d ON d.id = t.decision WHERE t.workflow = 'mod on' AND t.kind = 'monitor' ORDER BY t.id;
ROLLBACK;
-- Every other trigger, one by one, is enough for a review.
BEGIN;
SELECT hitl.set_policy('mod on', fairness_limit => 0.5);
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('mod on', 'fairness', 0.5);
SELECT hitl.set_policy('mod on', reset => '{fairness_limit}', field_limit => 0.5);
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('mod on', 'fields', 0.5);
SELECT hitl.set_policy('mod on', reset => '{field_limit}', step_limit => 0.5);
INSERT INTO hitl.decision (workflow, subject, confidence, parent) VALUES ('mod on', 'steps', 0.5, hitl.uuid_floor('2001-01-01'));
SELECT hitl.set_policy('mod on', reset => '{step_limit}', required_context => '{context.policy}');
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('mod on', 'context', 0.5);
SELECT hitl.set_policy('mod on', reset => '{required_context}', irreversible => false);
INSERT INTO hitl.decision (workflow, subject, confidence, reversible) VALUES ('mod on', 'irreversible, not asked', 0.5, false);
SELECT subject, route, fired, task FROM pg_temp.done('mod on');
-- Without upper the grey band reaches to 1; without a policy there is none.
SELECT hitl.set_policy('mod on', reset => '{upper,irreversible}');
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('mod on', 'no upper', 1) RETURNING subject, gate_route, route;
SELECT hitl.create_workflow('mod bare', 'mod', mode => 'on_loop');
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('mod bare', 'no policy', 1) RETURNING subject, gate_route, route;
ROLLBACK;
-- What is drawn for an audit is not watched as well: one task.
BEGIN;
SELECT hitl.set_policy('mod on', audit_rate_approve => 1);
SELECT pg_temp.post('mod on');
SELECT subject, route, propensity, task FROM pg_temp.done('mod on');
SELECT hitl.set_policy('mod on', audit_rate_approve => 0.3);
INSERT INTO hitl.decision (workflow, confidence) SELECT 'mod on', 0.5 FROM generate_series(1, 2000);
SELECT abs(count(*) FILTER (WHERE t.kind = 'audit') - 600) < 6 * sqrt(420) AS at_the_rate, count(*) AS tasks,
       bool_and((t.kind = 'audit') = (audit_u < propensity)) AS drawn_if_u_below, min(t.kind) AS least, max(t.kind) AS greatest
FROM hitl.decision d JOIN hitl.task t ON t.decision = d.id WHERE d.workflow = 'mod on' AND subject IS NULL;
ROLLBACK;

-- G04: from one mode to another and back; each decision stays as it was
-- decided.
BEGIN;
SELECT hitl.create_workflow('mod moves', 'mod'), hitl.set_policy('mod moves', upper => 0.9, audit_rate_approve => 0, audit_rate_reject => 0);
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('mod moves', 'never set', 0.5);
SELECT hitl.set_mode('mod moves', 'shadow');
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('mod moves', 'shadow', 0.5);
SELECT hitl.set_mode('mod moves', 'in_loop');
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('mod moves', 'in_loop', 0.5);
SELECT hitl.set_mode('mod moves', 'on_loop');
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('mod moves', 'on_loop', 0.5);
SELECT hitl.set_mode('mod moves', 'in_loop');
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('mod moves', 'in_loop again', 0.5);
SELECT hitl.set_mode('mod moves', 'manual');
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('mod moves', 'manual', 0.95);
SELECT subject, gate_route, route, fired, task, outcome FROM pg_temp.done('mod moves');
ROLLBACK;

-- G05: what always needs a person, in every mode.
SELECT hitl.create_workflow('mod human', 'mod', always_human => true);
SELECT hitl.set_policy('mod human', upper => 0.9, lower => 0.3, audit_rate_approve => 0, audit_rate_reject => 0);
BEGIN;
INSERT INTO hitl.decision (workflow, subject, confidence)
VALUES ('mod human', 'high', 0.95), ('mod human', 'grey', 0.5), ('mod human', 'low', 0.1);
SELECT hitl.set_mode('mod human', 'manual');
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('mod human', 'manual', 0.95);
SELECT hitl.set_mode('mod human', 'shadow');
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('mod human', 'shadow', 0.95);
SELECT * FROM pg_temp.done('mod human');
-- (a mode that slipped past the checks changes nothing)
UPDATE hitl.workflow SET mode = 'on_loop' WHERE name = 'mod human';
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('mod human', 'grey', 0.5), ('mod human', 'high', 0.95)
RETURNING route;
ROLLBACK;

-- G07: killed, in every mode.
BEGIN;
SELECT hitl.kill(w, 'complaints') FROM unnest('{mod manual,mod shadow,mod in,mod on}'::text[]) AS w;
INSERT INTO hitl.decision (workflow, confidence)
SELECT w, c FROM unnest('{mod manual,mod shadow,mod in,mod on}'::text[]) AS w, unnest('{0.95,0.5,0.1}'::float8[]) AS c;
SELECT workflow, route, (SELECT string_agg(r ->> 'trigger', ' ' ORDER BY n) FROM jsonb_array_elements(reasons) WITH ORDINALITY AS j (r, n)) AS fired, count(*)
FROM hitl.decision WHERE workflow ~ '^mod' GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
ROLLBACK;

-- G09, G14: a case of several steps, with gates at its start and its end; a
-- person changes one on the way and the case goes on.
BEGIN;
SELECT hitl.create_workflow('mod plan', 'mod', mode => 'in_loop'), hitl.set_policy('mod plan', upper => 0.9, audit_rate_approve => 0);
INSERT INTO hitl.decision (workflow, subject, confidence, output) VALUES ('mod plan', 'case 7', 0.5, '{"plan": "a"}') RETURNING id AS plan, route \gset
SELECT hitl.amend(task, '{"plan": "b"}', 'INCORRECT', 'b is better', reviewer => 'mod_ann') FROM hitl.claim(1, NULL, 'mod_ann');
INSERT INTO hitl.decision (workflow, subject, confidence, parent) VALUES ('mod on', 'case 7', 0.6, :'plan') RETURNING id AS step, route \gset
INSERT INTO hitl.decision (workflow, subject, confidence, parent) VALUES ('mod in', 'case 7', 0.95, :'step');
SELECT d.workflow, d.route, o.outcome, o.output, d.parent IS NOT NULL AS has_parent
FROM hitl.decision d JOIN hitl.outcome o USING (id) WHERE d.subject = 'case 7' ORDER BY d.id;
ROLLBACK;

--
-- The window for a veto
--

-- It closes: the task goes, on record, without a verdict.
SELECT hitl.create_workflow('mod lapse', 'mod', mode => 'on_loop'),
       hitl.set_policy('mod lapse', upper => 0.9, audit_rate_approve => 0, veto_window => '1 second');
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('mod lapse', 'a second', 0.5);
SELECT pg_sleep(1.1);
SELECT pg_temp.settle('mod lapse');
SELECT subject, route, task, outcome, decided_by FROM pg_temp.done('mod lapse');
SELECT * FROM pg_temp.record('mod lapse');
SELECT kind, task IS NOT NULL AS names_the_task, detail ->> 'queue' AS queue, (detail ->> 'due_at')::timestamptz = d.created_at + interval '1 second' AS due,
       e.created_at >= d.created_at + interval '1 second' AS not_before
FROM hitl.event e JOIN hitl.decision d ON d.id = e.decision WHERE e.workflow = 'mod lapse';
SELECT count(*) AS verdicts FROM hitl.verdict WHERE workflow = 'mod lapse';
-- The window runs from the decision, of the policy that it cites, whatever
-- the policy in force says later.
SELECT hitl.set_policy('mod lapse', veto_window => '1 hour');
INSERT INTO hitl.decision (id, workflow, subject, confidence) VALUES
    (hitl.uuid_floor(now() - interval '59 minutes'), 'mod lapse', '59 minutes old', 0.5),
    (hitl.uuid_floor(now() - interval '61 minutes'), 'mod lapse', '61 minutes old', 0.5);
SELECT hitl.set_policy('mod lapse', veto_window => '1 second');
SELECT pg_temp.settle('mod lapse');
SELECT subject, task FROM pg_temp.done('mod lapse');
-- Days are days of UTC; the longest window.
BEGIN;
SELECT hitl.set_policy('mod lapse', veto_window => '100 years');
SET LOCAL timezone = 'America/New_York';
INSERT INTO hitl.decision (id, workflow, subject, confidence) VALUES (hitl.uuid_floor('2010-02-28 23:00:00+00'), 'mod lapse', '100 years', 0.5);
SELECT hitl.set_policy('mod lapse', veto_window => '60 years 1 mon 3 days');
INSERT INTO hitl.decision (id, workflow, subject, confidence) VALUES (hitl.uuid_floor('2010-02-28 23:00:01+00'), 'mod lapse', '60 years', 0.5);
SELECT to_char(resolution_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') AS until FROM hitl.task
WHERE workflow = 'mod lapse' AND resolution_at > '2060-01-01' ORDER BY id;
ROLLBACK;
-- People look at it: a claim lasts no longer than the window; verdicts as on
-- any other task.
SELECT hitl.create_workflow('mod watch', 'mod_watch', mode => 'on_loop'), hitl.join_queue('mod_ann', 'mod_watch'),
       hitl.set_policy('mod watch', upper => 0.9, audit_rate_approve => 0, veto_window => '10 minutes');
INSERT INTO hitl.decision (workflow, subject, confidence, output)
SELECT 'mod watch', s, 0.5, '{"pay": 1}' FROM unnest('{approve,reject,amend,release,hold}'::text[]) AS s;
CREATE TEMP TABLE held AS SELECT c.*, d.subject FROM hitl.claim(5, '{mod_watch}', 'mod_ann') c JOIN hitl.decision d ON d.id = c.decision WHERE c.workflow = 'mod watch';
SELECT h.subject, h.kind, h.reasons -> -1 ->> 'detail' AS last_reason, h.due_at = t.resolution_at AS due, t.lease_until = t.resolution_at AS cut
FROM held h JOIN LATERAL (SELECT * FROM hitl.task WHERE id = h.task) t ON true ORDER BY h.task;
SELECT hitl.approve(task, reviewer => 'mod_ann') FROM held WHERE subject = 'approve';
SELECT hitl.reject(task, 'UNSAFE', 'no', reviewer => 'mod_ann') FROM held WHERE subject = 'reject';
SELECT hitl.amend(task, '{"pay": 2}', 'INCORRECT', 'two', reviewer => 'mod_ann') FROM held WHERE subject = 'amend';
SELECT hitl.release(task, reviewer => 'mod_ann') FROM held WHERE subject = 'release';
SELECT subject, task, outcome, decided_by FROM pg_temp.done('mod watch');
SELECT * FROM pg_temp.record('mod watch');
-- Whoever still holds it then is too late; the lease ends, then the window.
SELECT pg_temp.pass('mod watch', '11 minutes');
SELECT pg_temp.settle('mod watch');
SELECT subject, task, outcome, decided_by FROM pg_temp.done('mod watch');
SELECT * FROM pg_temp.record('mod watch') WHERE subject IN ('hold', 'release');
\set VERBOSITY sqlstate
SELECT hitl.reject(task, 'UNSAFE', 'late', reviewer => 'mod_ann') FROM held WHERE subject = 'hold';
SELECT hitl.reject(task, 'UNSAFE', 'late', reviewer => 'mod_ann') FROM held WHERE subject = 'release';
\set VERBOSITY default
-- A short window and a claim near its end.
INSERT INTO hitl.decision (id, workflow, subject, confidence) VALUES (hitl.uuid_floor(clock_timestamp() - interval '9 minutes 57 seconds'), 'mod watch', 'near the end', 0.5);
SELECT workflow, time_left < '3 seconds' AS hurry FROM hitl.claim(1, '{mod_watch}', 'mod_ann');
SELECT pg_sleep(3.1);
SELECT pg_temp.settle('mod watch');
SELECT * FROM pg_temp.record('mod watch') WHERE subject = 'near the end';

--
-- G12: nobody decides in time
--

SELECT hitl.create_queue('mod_late'), hitl.create_queue('mod_later'), hitl.join_queue('mod_ann', 'mod_late');
SELECT hitl.create_sla('mod_one', resolution => '30 minutes'), hitl.create_sla('mod_steps', resolution => '30 minutes'),
       hitl.create_sla('mod_both', first_review => '10 minutes', resolution => '30 minutes'), hitl.create_sla('mod_first', first_review => '10 minutes'),
       hitl.add_escalation('mod_steps', 1, to_queue => 'mod_later', within => '20 minutes');
SELECT hitl.create_workflow('mod ' || w, 'mod_late', sla => s, mode => 'in_loop')
FROM unnest('{approve,reject,keep,steps,both,first,held}'::text[], '{mod_one,mod_one,mod_one,mod_steps,mod_both,mod_first,mod_one}'::text[]) AS f (w, s);
SELECT w, hitl.set_policy('mod ' || w, upper => 0.9, audit_rate_approve => 0, irreversible => false, on_timeout => t)
FROM unnest('{approve,reject,keep,steps,both,first,held}'::text[], '{approve,reject,hold,approve,reject,reject,approve}'::text[]) AS f (w, t);
-- What is approved, rejected, or held.  What cannot be undone is not approved.
INSERT INTO hitl.decision (workflow, subject, confidence, reversible)
SELECT 'mod ' || w, s, c, r FROM unnest('{approve,reject,keep}'::text[]) AS w,
       (VALUES ('grey', 0.5, true), ('irreversible', 0.5, false), ('not known', 0.5, NULL), ('high', 0.95, true), ('invalid', 'NaN', true)) AS v (s, c, r);
SELECT pg_temp.pass('mod ' || w, '29 minutes'), pg_temp.settle('mod ' || w) FROM unnest('{approve,reject,keep}'::text[]) AS w;
SELECT count(*) AS too_early FROM hitl.verdict WHERE workflow ~ '^mod (approve|reject|keep)$';
SELECT pg_temp.pass('mod ' || w, '2 minutes'), pg_temp.settle('mod ' || w) FROM unnest('{approve,reject,keep}'::text[]) AS w;
SELECT w, r.* FROM unnest('{approve,reject,keep}'::text[]) AS w, pg_temp.record('mod ' || w) AS r;
SELECT w, subject, task, outcome, decided_by FROM unnest('{approve,reject,keep}'::text[]) AS w, pg_temp.done('mod ' || w);
-- The verdict of time.
SELECT kind, queue, task IS NOT NULL AS task, reviewer, asserted_by, action, output, code, note, seconds, lease, lease_until, final, outcome
FROM hitl.verdict WHERE workflow = 'mod reject' ORDER BY id LIMIT 1;
-- It is no label, and does not count as anybody's override.
SELECT count(*) AS decisions, count(correct) AS labels FROM hitl.label WHERE workflow ~ '^mod (approve|reject)$' AND route = 'review';

-- The policy in force says it, not the one that was in force then.
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('mod keep', 'policy changes', 0.5);
SELECT hitl.set_policy('mod keep', on_timeout => 'reject');
SELECT pg_temp.pass('mod keep', '31 minutes'), pg_temp.settle('mod keep');
SELECT subject, v.outcome, decided_by, note FROM pg_temp.done('mod keep') JOIN hitl.decision d USING (subject) JOIN hitl.verdict v ON v.decision = d.id AND v.action = 'timeout'
WHERE d.workflow = 'mod keep';

-- Time approves only what the thresholds alone left to a person: not what
-- anything else asked for, nor what was to be rejected and only a mode held back.
BEGIN;
SELECT hitl.set_policy('mod approve', lower => 0.3, novelty_limit => 5, fairness_limit => 0.8),
       hitl.set_rule('mod approve', 'large', '$.exposure > 50000'),
       hitl.set_rule('mod approve', 'noted', '$.exposure > 5', route => NULL);
INSERT INTO hitl.decision (workflow, subject, confidence, exposure, signals) VALUES
    ('mod approve', 'asked: grey', 0.5, 1, '{"novelty": 1, "fairness": 0.9}'), ('mod approve', 'asked: rule', 0.5, 60000, '{"novelty": 1, "fairness": 0.9}'),
    ('mod approve', 'asked: noted', 0.5, 6, '{"novelty": 1, "fairness": 0.9}'), ('mod approve', 'asked: novel', 0.5, 1, '{"novelty": 9, "fairness": 0.9}'),
    ('mod approve', 'asked: unfair', 0.5, 1, '{"novelty": 1, "fairness": 0.7}'), ('mod approve', 'asked: missing', NULL, 1, '{"novelty": 1, "fairness": 0.9}');
SELECT hitl.set_mode('mod approve', 'manual');
INSERT INTO hitl.decision (workflow, subject, confidence, exposure, signals)
SELECT 'mod approve', 'asked: mode, ' || c, c, 1, '{"novelty": 1, "fairness": 0.9}' FROM unnest('{0.95,0.5,0.1}'::float8[]) AS c;
SELECT hitl.set_mode('mod approve', 'in_loop');
SELECT pg_temp.pass('mod approve', '31 minutes'), pg_temp.settle('mod approve');
SELECT subject, gate_route, fired, task, outcome, decided_by FROM pg_temp.done('mod approve') WHERE subject ~ '^asked';
ROLLBACK;

-- Killed, manual, in the shadow, or in need of a person: held, also once that is
-- over, since the deadline has been dealt with.
BEGIN;
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('mod approve', 'killed', 0.5), ('mod reject', 'manual', 0.5), ('mod held', 'human', 0.5), ('mod keep', 'shadow', 0.5);
SELECT hitl.kill('mod approve', 'complaints'), hitl.set_mode('mod reject', 'manual'), hitl.set_mode('mod keep', 'shadow');
UPDATE hitl.workflow SET always_human = true WHERE name = 'mod held';
SELECT pg_temp.pass('mod ' || w, '31 minutes'), pg_temp.settle('mod ' || w) FROM unnest('{approve,reject,held,keep}'::text[]) AS w;
SELECT hitl.resume('mod approve'), hitl.set_mode('mod reject', 'in_loop'), hitl.set_mode('mod keep', 'in_loop');
SELECT pg_temp.pass('mod ' || w, '1 day'), pg_temp.settle('mod ' || w) FROM unnest('{approve,reject,keep}'::text[]) AS w;
SELECT r.* FROM unnest('{approve,reject,held,keep}'::text[]) AS w, pg_temp.record('mod ' || w) AS r WHERE subject IN ('killed', 'manual', 'human', 'shadow');
ROLLBACK;
-- Neither setting lets the other in.
\set VERBOSITY sqlstate
SELECT hitl.set_policy('mod human', on_timeout => 'approve');
SELECT hitl.set_policy('mod human', on_timeout => 'reject');
SELECT hitl.set_mode('mod human', 'on_loop');
SELECT hitl.set_always_human('mod approve');
SELECT hitl.set_always_human('mod on');
SELECT hitl.create_workflow('mod human on', 'mod', always_human => true, mode => 'on_loop');
\set VERBOSITY default

-- Steps of the escalation come first.
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('mod steps', 'x', 0.5);
SELECT pg_temp.pass('mod steps', '31 minutes'), pg_temp.settle('mod steps');
SELECT subject, task, outcome FROM pg_temp.done('mod steps');
SELECT pg_temp.pass('mod steps', '21 minutes'), pg_temp.settle('mod steps');
SELECT subject, task, outcome FROM pg_temp.done('mod steps');
SELECT * FROM pg_temp.record('mod steps');
SELECT queue FROM hitl.verdict WHERE workflow = 'mod steps';
-- So does the first review, also when both are over at once.
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('mod both', 'one by one', 0.5);
SELECT pg_temp.pass('mod both', '11 minutes'), pg_temp.settle('mod both');
SELECT subject, outcome FROM pg_temp.done('mod both');
SELECT pg_temp.pass('mod both', '20 minutes'), pg_temp.settle('mod both');
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('mod both', 'at once', 0.5);
SELECT pg_temp.pass('mod both', '31 minutes'), pg_temp.settle('mod both');
SELECT * FROM pg_temp.record('mod both');
-- A clock of first reviews alone decides nothing.
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('mod first', 'x', 0.5);
SELECT pg_temp.pass('mod first', '1 day'), pg_temp.settle('mod first'), pg_temp.settle('mod first');
SELECT subject, task, outcome FROM pg_temp.done('mod first');
SELECT * FROM pg_temp.record('mod first');

-- A task that somebody holds is decided as well; who held it hears so.  Where
-- the lease is over too, that is on record first.
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('mod held', 'held', 0.5), ('mod held', 'left', 0.5);
DROP TABLE held;
CREATE TEMP TABLE held AS SELECT c.task, d.subject FROM hitl.claim(100, '{mod_late}', 'mod_ann') c JOIN hitl.decision d ON d.id = c.decision WHERE c.workflow = 'mod held';
UPDATE hitl.task SET resolution_at = now() - interval '1 second', due_at = now() - interval '1 second', wake_at = now() - interval '1 second' WHERE workflow = 'mod held' AND id = (SELECT task FROM held WHERE subject = 'held');
SELECT pg_temp.settle('mod held');
SELECT pg_temp.pass('mod held', '31 minutes'), pg_temp.settle('mod held');
SELECT * FROM pg_temp.record('mod held');
\set VERBOSITY sqlstate
SELECT hitl.approve(task, reviewer => 'mod_ann') FROM held WHERE subject = 'held';
SELECT hitl.release(task, reviewer => 'mod_ann') FROM held WHERE subject = 'held';
SELECT hitl.reject(task, 'UNSAFE', 'no', reviewer => 'mod_ann') FROM held WHERE subject = 'left';
\set VERBOSITY default

-- Audits, and what is watched, are not decided by time.
BEGIN;
SELECT hitl.set_policy('mod approve', on_timeout => 'reject', audit_rate_approve => 1);
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('mod approve', 'audit', 0.95);
SELECT pg_temp.pass('mod approve', '31 minutes'), pg_temp.settle('mod approve');
SELECT subject, route, task, outcome, decided_by FROM pg_temp.done('mod approve') WHERE subject = 'audit';
SELECT hitl.set_mode('mod approve', 'on_loop'), hitl.set_policy('mod approve', audit_rate_approve => 0);
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('mod approve', 'watched', 0.5);
SELECT pg_temp.pass('mod approve', '1 day'), pg_temp.settle('mod approve');
SELECT subject, route, task, outcome, decided_by FROM pg_temp.done('mod approve') WHERE subject = 'watched';
-- (what a watched workflow sends to review may be rejected, whatever asked)
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('mod approve', 'on_loop', 'NaN');
SELECT pg_temp.pass('mod approve', '31 minutes'), pg_temp.settle('mod approve');
SELECT subject, route, task, outcome, decided_by FROM pg_temp.done('mod approve') WHERE subject = 'on_loop';
ROLLBACK;

-- The policy changes while a statement runs: each row goes by the one it cites.
BEGIN;
SELECT hitl.set_policy('mod lapse', veto_window => '2 hours') AS v \gset
INSERT INTO hitl.decision (workflow, subject, confidence)
SELECT 'mod lapse', 'row ' || i, CASE WHEN i = 1 OR hitl.set_policy('mod lapse', veto_window => '3 hours') > 0 THEN 0.5 END
FROM generate_series(1, 2) AS i;
SELECT d.subject, d.policy_version - :v AS later, t.resolution_at - t.created_at AS "window"
FROM hitl.decision d JOIN hitl.task t ON t.decision = d.id WHERE d.subject ~ '^row' ORDER BY d.id;
ROLLBACK;

-- The tasks left here are no longer wanted.
UPDATE hitl.task SET queue = 'mod', holder = NULL, lease = NULL, lease_until = NULL, claimed_at = NULL WHERE workflow ~ '^mod';
SELECT kind, count(hitl.approve(task, reviewer => 'mod_ann')) FROM hitl.claim(1000, '{mod}', 'mod_ann') GROUP BY 1 ORDER BY 1;
SELECT c.invariant, d.workflow, d.subject, c.detail FROM hitl.check() c JOIN hitl.decision d ON d.id = c.decision WHERE d.workflow ~ '^mod';
