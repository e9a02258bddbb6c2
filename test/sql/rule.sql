-- Rules: conditions on the whole decision that send it to a person, whatever
-- the confidence, and shape the task.
\set SHOW_CONTEXT never
SELECT hitl.create_workflow('rul', queue => 'rul', question => 'Pay?');
SELECT hitl.create_queue('rul_legal'), hitl.create_queue('rul_senior');
SELECT hitl.create_sla('rul_fast', first_review => '10 minutes');
SELECT hitl.set_policy('rul', upper => 0.9, lower => 0.1, audit_rate_approve => 0, audit_rate_reject => 0);

-- Each rule makes a version; rules are carried over.
SELECT hitl.set_rule('rul', 'large', '$.exposure > 50000', lane => 0, tier => 2,
                     reason => 'a senior adjuster must sign');
SELECT hitl.set_rule('rul', 'legal', '$.input.text like_regex "lawsuit|data breach" flag "i"',
                     queue => 'rul_legal', sla => 'rul_fast', question => 'May we answer?');
SELECT hitl.set_rule('rul', 'shaky', '($.signals.validator == "failed" || $.signals.csat < 2) && $.confidence < 0.99',
                     lane => 2, queue => 'rul_senior', tier => 3);
SELECT hitl.set_rule('rul', 'vip', '$.tags[*] == "vip"', route => NULL, lane => 1, reason => 'a good customer');
SELECT version, name, position, route, lane, tier, queue, sla FROM hitl.rule
WHERE workflow = 'rul' AND version = 5 ORDER BY position;

-- What a decision becomes: all rules that fired are on record, in their order.
CREATE FUNCTION pg_temp.rules(reasons jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg((r ->> 'rule') || ': ' || (r ->> 'detail'), '; ' ORDER BY i)
    FROM jsonb_array_elements(reasons) WITH ORDINALITY AS e (r, i) WHERE r ->> 'trigger' = 'rule' $$;
INSERT INTO hitl.decision (workflow, subject, confidence, exposure, input, signals, tags) VALUES
    ('rul', 'plain', 0.95, 100, '{"text": "hello"}', '{"csat": 5}', '{}'),
    ('rul', 'large', 0.95, 60000, '{}', NULL, NULL),
    ('rul', 'words', 0.95, 100, '{"text": "my LAWSUIT"}', NULL, NULL),
    ('rul', 'failed', 0.95, 100, NULL, '{"validator": "failed"}', NULL),
    ('rul', 'sure', 0.995, 100, NULL, '{"validator": "failed"}', NULL),
    ('rul', 'vip', 0.95, 100, NULL, NULL, '{"new","vip"}'),
    ('rul', 'all', 0.05, 60000, '{"text": "data breach"}', '{"csat": 1}', '{vip}');
SELECT subject, gate_route, route, lane, pg_temp.rules(reasons) FROM hitl.decision
WHERE workflow = 'rul' ORDER BY id;
-- Of several rules the most urgent lane, the highest tier, the first queue, SLA and question.
SELECT d.subject, t.queue, t.lane, t.tier, t.sla, t.question, CASE WHEN isfinite(t.first_review_at) THEN t.first_review_at - t.created_at END AS within
FROM hitl.task t JOIN hitl.decision d ON d.id = t.decision WHERE t.workflow = 'rul' ORDER BY t.id;
SELECT policy_version, jsonb_array_length(reasons) AS reasons FROM hitl.decision
WHERE workflow = 'rul' AND subject = 'all';

-- The reviewer of the rule's queue and tier gets it, with the rule's question.
SELECT hitl.add_reviewer('rul_ann', tier => 2), hitl.join_queue('rul_ann', 'rul'),
       hitl.join_queue('rul_ann', 'rul_legal');
SELECT queue, lane, question, input FROM hitl.claim(10, NULL, 'rul_ann');

-- What cannot be evaluated counts as fired and says so; what is missing is false.
INSERT INTO hitl.decision (workflow, subject, confidence, exposure, signals, input) VALUES
    ('rul', 'text for a number', 0.95, 1, '{"csat": "bad"}', NULL),
    ('rul', 'not a number', 0.95, 'NaN', NULL, NULL),
    ('rul', 'infinite', 0.95, 'Infinity', NULL, NULL),
    ('rul', 'scalar', 0.95, 1, '17', '"lawsuit"'),
    ('rul', 'null', 0.95, NULL, 'null', 'null'),
    ('rul', 'other keys', 0.95, 1, '{"nothing": {"of": [1, {"this": true}]}}', '[]'),
    ('rul', 'no confidence', 'NaN', 1, '{"validator": "failed"}', NULL);
SELECT subject, route, pg_temp.rules(reasons) FROM hitl.decision
WHERE workflow = 'rul' AND policy_version = 5 AND subject NOT IN
      ('plain', 'large', 'words', 'failed', 'sure', 'vip', 'all') ORDER BY id;
SELECT hitl.set_rule('rul', 'zero', '1 / $.signals.n > 2');
INSERT INTO hitl.decision (workflow, subject, confidence, signals) VALUES
    ('rul', 'division by zero', 0.95, '{"n": 0}'), ('rul', 'division', 0.95, '{"n": 1}'),
    ('rul', 'nothing to divide by', 0.95, '{}')
RETURNING subject, route, pg_temp.rules(reasons);

-- A record-only rule shapes the audit as well; rollback takes all along.
BEGIN;
SELECT hitl.set_policy('rul', audit_rate_approve => 1);
INSERT INTO hitl.decision (workflow, confidence, signals, tags) VALUES ('rul', 0.95, '{"n": 1}', '{vip}')
RETURNING route, lane, pg_temp.rules(reasons);
SAVEPOINT s;
INSERT INTO hitl.decision (workflow, confidence, exposure, signals) VALUES ('rul', 0.95, 70000, '{"n": 1}');
ROLLBACK TO s;
SELECT kind, lane, tier FROM hitl.task WHERE workflow = 'rul' ORDER BY id DESC LIMIT 1;
ROLLBACK;

-- Rows of one statement keep their rules' wishes apart, by COPY too.
CREATE TEMP TABLE many AS
SELECT 'rul' AS workflow, 'm' || i AS subject, 0.95::float8 AS confidence,
       CASE i % 3 WHEN 0 THEN 60000 ELSE 1 END AS exposure,
       CASE i % 2 WHEN 0 THEN '{"text": "lawsuit"}' ELSE '{}' END::jsonb AS input
FROM generate_series(1, 600) AS i;
INSERT INTO hitl.decision (workflow, subject, confidence, exposure, input, signals)
SELECT *, '{"n": 1}' FROM many;
SELECT d.exposure > 50000 AS large, d.input ? 'text' AS words, t.queue, t.lane, t.tier, t.question, count(*)
FROM hitl.decision d LEFT JOIN hitl.task t ON t.decision = d.id
WHERE d.workflow = 'rul' AND d.subject ~ '^m' GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 2;
COPY hitl.decision (workflow, subject, confidence, exposure, signals) FROM stdin;
rul	copy 1	0.95	60000	{"n": 1}
rul	copy 2	0.95	1	{"n": 1}
\.
SELECT subject, route, lane FROM hitl.decision WHERE workflow = 'rul' AND subject ~ '^copy' ORDER BY 1;

-- To replace a rule keeps its place; to drop one leaves the rest; versions stay.
SELECT hitl.set_rule('rul', 'legal', '$.input.text starts with "sue"', reason => 'legal');
SELECT hitl.drop_rule('rul', 'zero');
SELECT name, position, condition FROM hitl.rule WHERE workflow = 'rul' AND version = 8 ORDER BY position;
SELECT * FROM hitl.policy_diff('rul', 6, 8);
SELECT hitl.set_policy('rul', upper => 0.8);
SELECT item, name, before, after FROM hitl.policy_diff('rul', 8, 9);
SELECT count(*) FROM hitl.policy_diff('rul', 9, 9);
UPDATE hitl.rule SET lane = 0 WHERE workflow = 'rul';
DELETE FROM hitl.rule WHERE workflow = 'rul';
TRUNCATE hitl.rule;

-- Impossible rules are refused when they are set, and change nothing.
\set VERBOSITY sqlstate
SELECT hitl.set_rule('rul', 'bad', '$.exposure >');
SELECT hitl.set_rule('rul', 'bad', '$.input.text like_regex "("');
SELECT hitl.set_rule('rul', 'bad', '$.exposure');
SELECT hitl.set_rule('rul', 'bad', '$.exposure ? (@ > 1)');
SELECT hitl.set_rule('rul', 'bad', '$.exposure > $limit');
SELECT hitl.set_rule('rul', 'bad', NULL);
SELECT hitl.set_rule('rul', '', '$.exposure > 1');
SELECT hitl.set_rule('rul', repeat('x', 64), '$.exposure > 1');
SELECT hitl.set_rule('rul', 'bad', '$.exposure > 1', route => 'approve');
SELECT hitl.set_rule('rul', 'bad', '$.exposure > 1', lane => 3);
SELECT hitl.set_rule('rul', 'bad', '$.exposure > 1', tier => 0);
SELECT hitl.set_rule('rul', 'bad', '$.exposure > 1', queue => 'nowhere');
SELECT hitl.set_rule('rul', 'bad', '$.exposure > 1', sla => 'nowhere');
SELECT hitl.set_rule('nowhere', 'bad', '$.exposure > 1');
SELECT hitl.drop_rule('rul', 'bad');
SELECT hitl.drop_rule('nowhere', 'bad');
\set VERBOSITY default
SELECT policy_version FROM hitl.workflow WHERE name = 'rul';

-- A rule may look at the whole document, and names that hide in texts are none.
BEGIN;
SELECT hitl.create_workflow('rul2', queue => 'rul');
SELECT hitl.set_policy('rul2', upper => 0.5, lower => 0, audit_rate_approve => 0);
SELECT hitl.set_rule('rul2', 'anywhere', 'exists($.** ? (@ == "$.\"secret\""))');
SELECT hitl.set_rule('rul2', 'subject', '$.subject == "s" && $.reversible == true && exists($.id)');
INSERT INTO hitl.decision (workflow, subject, confidence, input) VALUES
    ('rul2', 's', 0.9, '{}'), ('rul2', 't', 0.9, '{"a": ["$.\"secret\""]}'), ('rul2', 't', 0.9, '{}')
RETURNING subject, route, pg_temp.rules(reasons);
ROLLBACK;

-- What cannot be evaluated means review, for a rule that is only recorded too.
BEGIN;
SELECT hitl.create_workflow('rul3', queue => 'rul');
SELECT hitl.set_policy('rul3', upper => 0.5, lower => 0, audit_rate_approve => 0);
SELECT hitl.set_rule('rul3', 'odd', '$.signals.n > 1', route => NULL);
INSERT INTO hitl.decision (workflow, confidence, signals) VALUES
    ('rul3', 0.9, '{"n": 2}'), ('rul3', 0.9, '{"n": 1}'), ('rul3', 0.9, '{"n": "2"}')
RETURNING signals, route, pg_temp.rules(reasons);
ROLLBACK;

-- A path that begins with no column would never hold; in a text it is no path.
SELECT hitl.set_rule('rul', 'slip', '$.inptu.amount > 5');
\echo :SQLSTATE
SELECT hitl.set_rule('rul', 'slip', '$.input.amount > 5 || $.subject == "$.amount" && $.amount > 5');
SELECT policy_version = (SELECT max(version) FROM hitl.rule r WHERE r.workflow = 'rul') AS unchanged
FROM hitl.workflow WHERE name = 'rul';

-- Conditions see every column, whatever it holds; what is not there is null.
BEGIN;
SELECT hitl.create_workflow('rul4', queue => 'rul');
SELECT hitl.set_policy('rul4', upper => 0.5, lower => 0, audit_rate_approve => 0);
CREATE TEMP TABLE sees (name text, condition jsonpath);
INSERT INTO sees VALUES
    ('workflow', '$.workflow == "rul4"'), ('input', '$.input.a[1] == 2 && $.input.o.p == "q"'),
    ('output', '$.output.b.c == "d"'), ('confidence', '$.confidence == 0.9'),
    ('model', '$.model == "m-\u00e9"'), ('subject', '$.subject == ""'), ('reasoning', '$.reasoning like_regex "^r+$"'),
    ('alternatives', '$.alternatives[*] == "y"'), ('context', '$.context.type() == "object"'), ('signals', '$.signals == 7.5'),
    ('exposure', '$.exposure == 12.5'), ('reversible', '$.reversible == true'), ('cohort', '$.cohort == "one"'),
    ('question', '$.question == "q"'), ('tags', '$.tags[*] == "t2"'), ('no tag', '$.tags[*] == null'),
    ('parent', '$.parent == "01000000-0000-7000-8000-000000000000"'), ('id', '$.id.type() == "string"'),
    ('whole', 'exists($.** ? (@ == "d"))'), ('keys', '$.keyvalue().key == "alternatives"'),
    ('nothing', '$.context == null && $.output == null && $.tags == null && $.exposure == null && $.subject == null');
SELECT count(hitl.set_rule('rul4', name, condition, route => NULL)) FROM sees;
INSERT INTO hitl.decision (workflow, input, output, confidence, model, subject, reasoning, alternatives, context,
                           signals, exposure, cohort, question, tags, parent)
VALUES ('rul4', '{"a": [1, 2, {"x": null}], "o": {"p": "q"}, "n": 1e3}', '{"b": {"c": "d"}}', 0.9, 'm-é', '', repeat('r', 5000),
        '["x", "y"]', '{}', '7.5', 12.50, '"one"', 'q', '{t1,NULL,t2}', '01000000-0000-7000-8000-000000000000'),
       ('rul4', NULL, NULL, 0.9, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
SELECT d.route, d.input IS NULL AS empty,
       (SELECT string_agg(s.name, ', ' ORDER BY s.name) FROM sees s
        WHERE NOT d.reasons @> jsonb_build_array(jsonb_build_object('rule', s.name))) AS unseen
FROM hitl.decision d WHERE d.workflow = 'rul4' ORDER BY d.id;
ROLLBACK;

SELECT count(*) AS violations FROM hitl.check() c JOIN hitl.decision d ON d.id = c.decision
WHERE d.workflow = 'rul';
