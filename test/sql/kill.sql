-- The kill switch, and why a decision went where it went.
\set SHOW_CONTEXT never
SELECT hitl.create_workflow('kil', queue => 'kil');
SELECT hitl.set_policy('kil', upper => 0.9, lower => 0.1, audit_rate_approve => 0, audit_rate_reject => 0);
SELECT hitl.set_rule('kil', 'large', '$.exposure > 1000', reason => 'more than a thousand');
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('kil', 'before', 0.95), ('kil', 'low', 0.05);

-- From the next statement on nothing is automatic, whatever mode and policy say.
SELECT hitl.kill('kil', 'ten complaints since noon');
INSERT INTO hitl.decision (workflow, subject, confidence, exposure) VALUES
    ('kil', 'killed', 0.95, 1), ('kil', 'killed low', 0.05, 1), ('kil', 'killed large', 0.95, 2000);
SELECT hitl.set_policy('kil', upper => 0.8);
SELECT hitl.set_mode('kil', 'in_loop');
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('kil', 'still', 0.95);
SELECT subject, gate_route, route, propensity, reasons -> -1 ->> 'trigger' AS last, reasons -> -1 ->> 'detail' AS detail
FROM hitl.decision WHERE workflow = 'kil' ORDER BY id;
SELECT severity, subject, finding, hint FROM hitl.doctor() WHERE subject = 'workflow kil';

-- It ends when somebody says so, or when it is rolled back.
SELECT hitl.resume('kil');
BEGIN;
SELECT hitl.kill('kil', 'a rehearsal');
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('kil', 'rehearsal', 0.95) RETURNING route;
ROLLBACK;
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('kil', 'after', 0.95) RETURNING route;
SELECT kind, actor = current_user AS me, detail FROM hitl.event
WHERE workflow = 'kil' AND kind IN ('killed', 'resumed') ORDER BY id;

\set VERBOSITY sqlstate
SELECT hitl.resume('kil');
SELECT hitl.kill('kil', ' ');
SELECT hitl.kill('kil', NULL);
SELECT hitl.kill('nowhere', 'why not');
SELECT hitl.resume('nowhere');
\set VERBOSITY default

-- Which triggers fire, and how often people then override.
SELECT hitl.add_reviewer('kil_ann'), hitl.join_queue('kil_ann', 'kil');
SELECT count(task) AS claimed FROM hitl.claim(10, NULL, 'kil_ann');
SELECT d.subject, CASE WHEN d.subject = 'killed large' THEN hitl.reject(t.id, 'UNSAFE', 'no', 'kil_ann')
                       ELSE hitl.approve(t.id, 'fine', 'kil_ann') END
FROM hitl.task t JOIN hitl.decision d ON d.id = t.decision WHERE t.holder = 'kil_ann' ORDER BY t.id;
SELECT trigger, rule, fired, share, judged, overridden, override_rate FROM hitl.trigger_report
WHERE workflow = 'kil' ORDER BY 1, 2;

-- One decision's story, without its times.
CREATE FUNCTION pg_temp.story(subject text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT regexp_replace(regexp_replace(replace(line, current_user, 'ME'), '\d{4}-\S+ \S+\+00', 'TIME', 'g'), 'after \S+ s', 'after N s')
    FROM hitl.decision d, hitl.explain(d.id) AS line WHERE d.workflow = 'kil' AND d.subject = story.subject $$;
SELECT * FROM pg_temp.story('before');
SELECT * FROM pg_temp.story('low');
SELECT * FROM pg_temp.story('killed large');
SELECT count(*) FROM hitl.explain(hitl.uuidv7());

SELECT count(*) AS violations FROM hitl.check() c JOIN hitl.decision d ON d.id = c.decision
WHERE d.workflow = 'kil';
