-- Triggers: everything that can send a decision to a person.  What lets a
-- decision pass is tested, never what stops it: what is missing, of a wrong
-- type or not to be understood does not pass.
\set SHOW_CONTEXT never
\set ON_ERROR_ROLLBACK on

-- What was said of the decisions of a workflow, and where they went; "at" is
-- queue, lane and tier of the open task.
CREATE FUNCTION pg_temp.said(flow text)
RETURNS TABLE (subject text, gate_route text, reasons text, at text)
LANGUAGE sql AS $$
    SELECT d.subject, d.gate_route,
           (SELECT string_agg(concat_ws(' ', r ->> 'trigger', '"' || (r ->> 'rule') || '"')
                              || ': ' || (r ->> 'detail'), '; ' ORDER BY n)
            FROM jsonb_array_elements(d.reasons) WITH ORDINALITY AS j (r, n)),
           (SELECT string_agg(concat_ws(' ', t.queue, t.lane, t.tier, t.sla), ' and ' ORDER BY t.id)
            FROM hitl.task t WHERE t.decision = d.id)
    FROM hitl.decision d
    WHERE d.workflow = flow
    ORDER BY d.id
$$;

SELECT hitl.create_queue('trg'), hitl.create_queue('trg_officer'), hitl.create_queue('trg_fair');
SELECT hitl.create_sla('trg_fair', first_review => '10 minutes');
SELECT hitl.create_workflow('trg', 'trg');
SELECT hitl.set_policy('trg', upper => 0.8, lower => 0.5, audit_rate_approve => 0, audit_rate_reject => 0);

-- T01, T03: below upper there is a task in the same transaction, gone with it;
-- at upper and above none; below lower it is rejected.
BEGIN;
INSERT INTO hitl.decision (workflow, subject, confidence)
VALUES ('trg', 'upper', 0.8), ('trg', 'grey', 0.79), ('trg', 'lower', 0.5), ('trg', 'low', 0.49);
SELECT * FROM pg_temp.said('trg');
SELECT count(*) AS tasks, count(DISTINCT t.xmin::text) = 1 AND min(t.xmin::text) = min(d.xmin::text) AS same_transaction
FROM hitl.task t JOIN hitl.decision d ON d.id = t.decision WHERE t.workflow = 'trg';
ROLLBACK;
SELECT count(*) AS tasks FROM hitl.task WHERE workflow = 'trg';

-- T02: thresholds are those of the workflow.
SELECT hitl.create_workflow('trg compliance', 'trg'),
       hitl.set_policy('trg compliance', upper => 0.92, audit_rate_approve => 0);
BEGIN;
INSERT INTO hitl.decision (workflow, subject, confidence)
SELECT flow, c, c FROM unnest('{trg,trg compliance}'::text[]) AS flow, unnest('{0.79,0.8,0.91,0.92}'::float8[]) AS c;
SELECT workflow, subject, route FROM hitl.decision WHERE workflow IN ('trg', 'trg compliance') ORDER BY id;
ROLLBACK;

--
-- T04: fairness, a second threshold of its own
--

SELECT hitl.set_policy('trg', fairness_limit => 0.8);
BEGIN;
INSERT INTO hitl.decision (workflow, subject, confidence, signals) VALUES
    ('trg', 'at the limit', 0.9, '{"fairness": 0.8}'),
    ('trg', 'below', 0.9, '{"fairness": 0.7999999999999999}'),
    ('trg', 'both', 0.6, '{"fairness": 0.1}'),
    ('trg', 'rejected', 0.1, '{"fairness": 0.1}'),
    ('trg', 'confidence alone', 0.6, '{"fairness": 1}'),
    ('trg', 'rejection alone', 0.1, '{"fairness": 1}');
-- What is no number does not pass; nor does what is not there.
INSERT INTO hitl.decision (workflow, subject, confidence, signals) VALUES
    ('trg', 'no signals', 0.9, NULL), ('trg', 'empty', 0.9, '{}'),
    ('trg', 'json null', 0.9, 'null'), ('trg', 'null', 0.9, '{"fairness": null}'),
    ('trg', 'text', 0.9, '{"fairness": "0.9"}'), ('trg', 'true', 0.9, '{"fairness": true}'),
    ('trg', 'array', 0.9, '{"fairness": [0.9]}'), ('trg', 'object', 0.9, '{"fairness": {"fairness": 0.9}}'),
    ('trg', 'signals a number', 0.9, '0.9'), ('trg', 'signals a text', 0.9, '"fairness"'),
    ('trg', 'signals an array', 0.9, '["fairness", 0.9]'), ('trg', 'signals objects', 0.9, '[{"fairness": 0.9}]'),
    ('trg', 'other case', 0.9, '{"Fairness": 0.9}'), ('trg', 'huge', 0.9, '{"fairness": 1e400}'),
    ('trg', 'minus huge', 0.9, '{"fairness": -1e400}'), ('trg', 'minus', 0.9, '{"fairness": -1}'),
    ('trg', 'tiny', 0.9, '{"fairness": 1e-400}'), ('trg', 'twice', 0.9, '{"fairness": 0.1, "fairness": 0.9}');
SELECT * FROM pg_temp.said('trg');
ROLLBACK;
-- Its own way: queue and SLA, unless a rule names others first.
SELECT hitl.set_policy('trg', fairness_queue => 'trg_fair', fairness_sla => 'trg_fair');
SELECT hitl.set_rule('trg', 'boss', '$.tags[*] == "boss"', route => NULL, queue => 'trg_officer');
BEGIN;
INSERT INTO hitl.decision (workflow, subject, confidence, signals, tags) VALUES
    ('trg', 'unfair', 0.9, '{"fairness": 0.1}', NULL),
    ('trg', 'unfair, with a rule', 0.9, '{"fairness": 0.1}', '{boss}'),
    ('trg', 'fair', 0.6, '{"fairness": 0.9}', NULL);
SELECT subject, gate_route, at FROM pg_temp.said('trg');
SELECT subject, CASE WHEN isfinite(first_review_at) THEN first_review_at - t.created_at END AS first_review
FROM hitl.task t JOIN hitl.decision d ON d.id = t.decision WHERE t.workflow = 'trg' ORDER BY t.id;
ROLLBACK;
-- The least and the greatest limit.
BEGIN;
SELECT hitl.set_policy('trg', fairness_limit => 0);
INSERT INTO hitl.decision (workflow, subject, confidence, signals) VALUES
    ('trg', 'zero', 0.9, '{"fairness": 0}'), ('trg', 'missing', 0.9, NULL);
SELECT hitl.set_policy('trg', fairness_limit => 1);
INSERT INTO hitl.decision (workflow, subject, confidence, signals) VALUES
    ('trg', 'one', 0.9, '{"fairness": 1}'), ('trg', 'above', 0.9, '{"fairness": 2}'), ('trg', 'near', 0.9, '{"fairness": 0.999}');
SELECT subject, gate_route, reasons FROM pg_temp.said('trg');
ROLLBACK;
SELECT hitl.set_policy('trg', reset => '{fairness_limit,fairness_queue,fairness_sla}');

--
-- T05, T06: novelty, by the caller's signal and by what was learnt
--

SELECT hitl.set_policy('trg', novelty_limit => 3);
BEGIN;
INSERT INTO hitl.decision (workflow, subject, confidence, signals) VALUES
    ('trg', 'none', 0.9, NULL), ('trg', 'null', 0.9, '{"novelty": null}'),
    ('trg', 'at the limit', 0.9, '{"novelty": 3}'), ('trg', 'minus', 0.9, '{"novelty": -5}'),
    ('trg', 'above', 0.9, '{"novelty": 3.0000000000000004}'), ('trg', 'huge', 0.9, '{"novelty": 1e400}'),
    ('trg', 'text', 0.9, '{"novelty": "low"}'), ('trg', 'false', 0.9, '{"novelty": false}'),
    ('trg', 'empty', 0.9, '{"novelty": {}}'), ('trg', 'rejected', 0.1, '{"novelty": 9}');
SELECT subject, gate_route, reasons FROM pg_temp.said('trg');
ROLLBACK;
SELECT hitl.create_workflow('trg novel', 'trg'),
       hitl.set_policy('trg novel', upper => 0.8, audit_rate_approve => 0, novelty_limit => 5);
INSERT INTO hitl.decision (workflow, confidence, input)
SELECT 'trg novel', 0.9, jsonb_build_object('amount', 90 + i % 21, 'intent', (ARRAY['refund', 'address', 'invoice'])[1 + i % 3])
FROM generate_series(1, 300) AS i;
SELECT hitl.learn_baseline('trg novel');
BEGIN;
INSERT INTO hitl.decision (workflow, subject, confidence, input) VALUES
    ('trg novel', 'usual', 0.9, '{"amount": 100, "intent": "refund"}'),
    ('trg novel', 'out of range', 0.9, '{"amount": 100000, "intent": "refund"}'),
    ('trg novel', 'new intent', 0.9, '{"amount": 100, "intent": "divorce"}'),
    ('trg novel', 'new format', 0.9, '{"amount": "100 EUR", "intent": "refund"}'),
    ('trg novel', 'missing', 0.9, '{"intent": "refund"}'),
    ('trg novel', 'no input', 0.9, NULL), ('trg novel', 'array', 0.9, '[]');
SELECT subject, gate_route,
       (SELECT string_agg(r ->> 'trigger', ' ') FROM jsonb_array_elements(reasons) r) AS triggers,
       (SELECT bool_or(r ->> 'detail' ~ CASE subject WHEN 'new intent' THEN 'intent' ELSE 'amount|input' END)
        FROM jsonb_array_elements(reasons) r WHERE r ->> 'trigger' = 'novelty') AS says_what
FROM hitl.decision WHERE workflow = 'trg novel' AND subject IS NOT NULL ORDER BY id;
ROLLBACK;
SELECT hitl.set_policy('trg', reset => '{novelty_limit}');

--
-- T07 to T22: rules, one for each kind of signal
--

SELECT hitl.set_rule('trg', 'T07 amount', '$.input.amount > 10000', reason => 'above the limit of the policy');
SELECT hitl.set_rule('trg', 'T07 aml', '$.signals.aml == true', lane => 0);
SELECT hitl.set_rule('trg', 'T08 officer', '$.input.treatment == "surgery"', queue => 'trg_officer', tier => 3,
                     reason => 'a physician must sign');
SELECT hitl.set_rule('trg', 'T09 words', '$.input.text like_regex "lawsuit|data breach" flag "i" || exists($.output.** ? (@ like_regex "guarantee"))');
SELECT hitl.set_rule('trg', 'T10 mood', '$.signals.sentiment < -0.5');
SELECT hitl.set_rule('trg', 'T11 validator', '$.signals.validator[*] == "schema" || $.signals.citations == 0 || exists($.signals.restricted[*])');
SELECT hitl.set_rule('trg', 'T12 customer', '$.signals.tier == "gold" || $.signals.health < 40');
SELECT hitl.set_rule('trg', 'T14 exposure', '$.exposure >= 50000 || $.signals.risk == "high"');
SELECT hitl.set_rule('trg', 'T15 conflict', '$.alternatives[*].p > 0.3 || $.signals.models[0] != $.signals.models[1]');
SELECT hitl.set_rule('trg', 'T16 complex', '$.signals.complex == true || $.signals.ambiguity > 0.7');
SELECT hitl.set_rule('trg', 'T17 identity', '$.signals.identity_verified == false');
SELECT hitl.set_rule('trg', 'T18 csat', '$.signals.predicted_csat <= 2');
SELECT hitl.set_rule('trg', 'T19 drift', '$.signals.drift == true');
SELECT hitl.set_rule('trg', 'T20 hand-over', '$.output.give_up == true', question => 'The agent gave up. What now?');
SELECT hitl.set_rule('trg', 'T21 entity', '$.signals.entities[*].type == "MINOR"');
SELECT hitl.set_rule('trg', 'T22 combined', '($.signals.tier == "new" && $.exposure > 100) || ($.cohort.country == "XX" && !($.model starts with "v2"))');

BEGIN;
INSERT INTO hitl.decision (workflow, subject, confidence, input, output, signals, exposure, alternatives, cohort, model) VALUES
    ('trg', 'nothing', 0.9, '{"amount": 1, "text": "hello"}', '{"pay": 1}', '{"tier": "new"}', 1, '[]', '{"country": "DE"}', 'v1'),
    ('trg', 'T07', 0.99, '{"amount": 10001}', NULL, '{"aml": true}', NULL, NULL, NULL, NULL),
    ('trg', 'T08', 0.99, '{"treatment": "surgery"}', NULL, NULL, NULL, NULL, NULL, NULL),
    ('trg', 'T09', 0.99, '{"text": "see my LAWSUIT"}', NULL, NULL, NULL, NULL, NULL, NULL),
    ('trg', 'T09 in JSON', 0.99, NULL, '{"a": [{"b": "we guarantee it"}]}', NULL, NULL, NULL, NULL, NULL),
    ('trg', 'T10', 0.99, NULL, NULL, '{"sentiment": -0.9}', NULL, NULL, NULL, NULL),
    ('trg', 'T11', 0.99, NULL, NULL, '{"validator": ["length", "schema"]}', NULL, NULL, NULL, NULL),
    ('trg', 'T11 citation', 0.99, NULL, NULL, '{"citations": 0}', NULL, NULL, NULL, NULL),
    ('trg', 'T11 content', 0.99, NULL, NULL, '{"restricted": ["iban"]}', NULL, NULL, NULL, NULL),
    ('trg', 'T12', 0.99, NULL, NULL, '{"tier": "gold", "health": 90}', NULL, NULL, NULL, NULL),
    ('trg', 'T14', 0.99, NULL, NULL, NULL, 50000, NULL, NULL, NULL),
    ('trg', 'T14 risk', 0.99, NULL, NULL, '{"risk": "high"}', 1, NULL, NULL, NULL),
    ('trg', 'T15', 0.99, NULL, NULL, '{"models": ["pay", "refuse"]}', NULL, '[{"p": 0.4}, {"p": 0.1}]', NULL, NULL),
    ('trg', 'T16', 0.99, NULL, NULL, '{"complex": true}', NULL, NULL, NULL, NULL),
    ('trg', 'T17', 0.99, NULL, NULL, '{"identity_verified": false}', NULL, NULL, NULL, NULL),
    ('trg', 'T18', 0.99, NULL, NULL, '{"predicted_csat": 2}', NULL, NULL, NULL, NULL),
    ('trg', 'T19', 0.99, NULL, NULL, '{"drift": true}', NULL, NULL, NULL, NULL),
    ('trg', 'T21', 0.99, NULL, NULL, '{"entities": [{"type": "ORG"}, {"type": "MINOR"}]}', NULL, NULL, NULL, NULL),
    ('trg', 'T22 one arm', 0.99, NULL, NULL, '{"tier": "new"}', 101, NULL, NULL, NULL),
    ('trg', 'T22 the other', 0.99, NULL, NULL, NULL, 1, NULL, '{"country": "XX"}', 'v1'),
    ('trg', 'T22 neither', 0.99, NULL, NULL, '{"tier": "new"}', 100, NULL, '{"country": "XX"}', 'v2.1');
-- T13: what cannot be undone.
INSERT INTO hitl.decision (workflow, subject, confidence, reversible) VALUES ('trg', 'T13', 0.99, false);
-- T20: the agent hands over, with all that it knows.
INSERT INTO hitl.decision (workflow, subject, confidence, output, context, reasoning)
VALUES ('trg', 'T20', 0.99, '{"give_up": true}', '{"dialogue": ["hello", "?"]}', 'I cannot read it');
-- T22: everything that fires is on record, in the order of the rules.
INSERT INTO hitl.decision (workflow, subject, confidence, input, signals, exposure, reversible)
VALUES ('trg', 'all', 0.6, '{"amount": 20000, "text": "lawsuit", "treatment": "surgery"}',
        '{"aml": true, "drift": true, "identity_verified": false}', 90000, false);
SELECT d.subject, d.gate_route, s.at, (SELECT string_agg(coalesce(r ->> 'rule', r ->> 'trigger'), ', ' ORDER BY n)
                                       FROM jsonb_array_elements(d.reasons) WITH ORDINALITY AS j (r, n)) AS fired
FROM hitl.decision d JOIN pg_temp.said('trg') s USING (subject) WHERE d.workflow = 'trg' ORDER BY d.id;
SELECT hitl.add_reviewer('trg_ann', tier => 3, max_open => 100), hitl.join_queue('trg_ann', 'trg'),
       hitl.add_reviewer('trg_ben', max_open => 100), hitl.join_queue('trg_ben', 'trg_officer');
-- (not just any reviewer: the tier counts)
SELECT count(*) AS for_the_junior FROM hitl.claim(100, NULL, 'trg_ben');
SELECT question, context, reasoning, output FROM hitl.claim(100, NULL, 'trg_ann') WHERE question IS NOT NULL;
-- T24: how often each fires.
SELECT trigger, rule, fired, round(share::numeric, 3) AS share FROM hitl.trigger_report
WHERE workflow = 'trg' ORDER BY 1, 2;
ROLLBACK;

-- Signals of any type do no harm: compared with a number or a text, they do
-- not hold or cannot be evaluated.
BEGIN;
INSERT INTO hitl.decision (workflow, subject, confidence, signals)
SELECT 'trg', s, 0.99, s::jsonb
FROM unnest(ARRAY['1', '"x"', 'true', 'null', '[]', '[1, "2", null, {"a": []}]',
                  '{"health": "39"}', '{"health": {"of": 39}}', '{"health": [90, 39]}', '{"health": null}',
                  '{"identity_verified": "false"}', '{"aml": "true"}', '{"unknown": {"keys": [1]}, "": 0}']) AS s;
SELECT subject, gate_route, (SELECT string_agg(r ->> 'rule' || substring(r ->> 'detail' FROM ' \(could not be evaluated\)'), ', ' ORDER BY n)
                             FROM jsonb_array_elements(reasons) WITH ORDINALITY AS j (r, n)) AS not_evaluated
FROM hitl.decision WHERE workflow = 'trg' ORDER BY id;
ROLLBACK;

--
-- T23: confidence of fields and of steps
--

SELECT hitl.create_workflow('trg field', 'trg'),
       hitl.set_policy('trg field', upper => 0.8, lower => 0.1, audit_rate_approve => 0, audit_rate_reject => 0,
                       field_limit => 0.7);
INSERT INTO hitl.decision (workflow, subject, confidence, signals) VALUES
    ('trg field', 'all', 0.9, '{"confidences": {"name": 0.7, "sum": 1}}'),
    ('trg field', 'one', 0.9, '{"confidences": {"name": 0.69, "sum": 1}}'),
    ('trg field', 'two', 0.9, '{"confidences": {"name": 0.69, "sum": 0, "tax": 0.9}}'),
    ('trg field', 'rejected', 0.05, '{"confidences": {"name": 0.69}}'),
    ('trg field', 'above', 0.9, '{"confidences": {"name": 1.01, "sum": 97}}'),
    ('trg field', 'types', 0.9, '{"confidences": {"a": "0.9", "b": null, "c": true, "d": [0.9], "e": {"x": 0.9}}}'),
    ('trg field', 'huge', 0.9, '{"confidences": {"name": 1e400, "sum": -1e400}}'),
    ('trg field', 'none', 0.9, '{"confidences": {}}'),
    ('trg field', 'array', 0.9, '{"confidences": [0.9]}'),
    ('trg field', 'number', 0.9, '{"confidences": 0.9}'),
    ('trg field', 'null', 0.9, '{"confidences": null}'),
    ('trg field', 'missing', 0.9, '{}'),
    ('trg field', 'signals a number', 0.9, '0.9'),
    ('trg field', 'no signals', 0.9, NULL),
    ('trg field', 'empty key', 0.9, '{"confidences": {"": 0.1}}');
SELECT subject, gate_route, reasons FROM pg_temp.said('trg field');
-- Names of fields are clipped, at most 20 are named, and the others counted.
INSERT INTO hitl.decision (workflow, subject, confidence, signals)
SELECT 'trg field', 'low ' || n, 0.9, jsonb_build_object('confidences', (SELECT jsonb_object_agg('f' || i, 0.1) FROM generate_series(1, n) AS i))
FROM unnest('{19,20,21,2000}'::int[]) AS n;
INSERT INTO hitl.decision (workflow, subject, confidence, signals)
SELECT 'trg field', 'mixed', 0.9, jsonb_build_object('confidences', jsonb_object_agg('f' || i, CASE i % 3 WHEN 0 THEN '0.9' WHEN 1 THEN '97' ELSE 'null' END::jsonb))
FROM generate_series(1, 99) AS i;
INSERT INTO hitl.decision (workflow, subject, confidence, signals)
SELECT 'trg field', s, 0.9, jsonb_build_object('confidences', jsonb_build_object(name, value))
FROM (VALUES ('long', repeat('x', 1000000), '0.1'::jsonb), ('long in bytes', repeat('é', 40), '0.1'), ('long and no number', repeat('y', 64), '"0.1"'), ('long and fine', repeat('z', 64), '0.9')) AS v (s, name, value);
SELECT d.subject, d.gate_route, jsonb_array_length(d.reasons) AS reasons, count(DISTINCT r ->> 'detail') FILTER (WHERE r ->> 'trigger' = 'field_confidence') AS distinct_fields,
       max(octet_length(r ->> 'detail')) AS longest, d.reasons -> -1 ->> 'trigger' AS last_trigger, left(d.reasons -> -1 ->> 'detail', 80) AS last_detail
FROM hitl.decision d LEFT JOIN LATERAL jsonb_array_elements(d.reasons) AS r ON true
WHERE d.workflow = 'trg field' AND d.subject ~ '^(low|mixed|long)' GROUP BY d.id, d.subject, d.gate_route, d.reasons ORDER BY d.id;

BEGIN;
SELECT hitl.create_workflow('trg ocr', 'trg'), hitl.create_workflow('trg step', 'trg'),
       hitl.set_policy('trg step', upper => 0.8, lower => 0.1, audit_rate_approve => 0, audit_rate_reject => 0,
                       step_limit => 0.6);
-- A case of several steps, of any workflow; one weak step is enough.
CREATE FUNCTION pg_temp.step(flow text, subject text, n int, parent int, confidence float8) RETURNS void LANGUAGE sql AS $$
    INSERT INTO hitl.decision (id, workflow, subject, confidence, parent)
    VALUES (hitl.uuid_floor('2001-01-01'::timestamptz + make_interval(secs => n)), flow, subject, confidence,
            hitl.uuid_floor('2001-01-01'::timestamptz + make_interval(secs => parent))) $$;
SELECT pg_temp.step('trg ocr', 'start', 1, NULL, 0.6), pg_temp.step('trg step', 'second', 2, 1, 0.9),
       pg_temp.step('trg step', 'third', 3, 2, 0.9);
SELECT pg_temp.step('trg ocr', 'weak', 4, NULL, 0.59), pg_temp.step('trg step', 'after weak', 5, 4, 0.9),
       pg_temp.step('trg step', 'two after weak', 6, 5, 0.9), pg_temp.step('trg step', 'rejected after weak', 7, 6, 0.05);
SELECT pg_temp.step('trg ocr', 'unsure', 8, NULL, NULL), pg_temp.step('trg step', 'after unsure', 9, 8, 0.9),
       pg_temp.step('trg ocr', 'percent', 10, NULL, 97), pg_temp.step('trg step', 'after percent', 11, 10, 0.9);
SELECT pg_temp.step('trg step', 'missing parent', 12, 1000, 0.9), pg_temp.step('trg step', 'after missing parent', 13, 12, 0.9),
       pg_temp.step('trg step', 'its own parent', 14, 14, 0.9);
-- (a cycle: what comes after it is not let through, and does not hang)
SELECT pg_temp.step('trg ocr', 'round', 15, 16, 0.9), pg_temp.step('trg ocr', 'and round', 16, 15, 0.9),
       pg_temp.step('trg step', 'after a cycle', 17, 16, 0.9), pg_temp.step('trg step', 'after itself', 18, 14, 0.9);
-- (a row of the same statement is not there yet)
INSERT INTO hitl.decision (id, workflow, subject, confidence, parent) VALUES
    (hitl.uuid_floor('2001-01-01 00:00:20'), 'trg step', 'first row', 0.9, NULL),
    (hitl.uuid_floor('2001-01-01 00:00:21'), 'trg step', 'second row', 0.9, hitl.uuid_floor('2001-01-01 00:00:20'));
SELECT subject, gate_route, reasons FROM pg_temp.said('trg step');
-- A chain of many steps ends at 64.
INSERT INTO hitl.decision (id, workflow, subject, confidence, parent)
SELECT hitl.uuid_floor('2001-02-01'::timestamptz + make_interval(secs => i)), 'trg step', 'chain ' || i, 0.9,
       CASE WHEN i > 0 THEN hitl.uuid_floor('2001-02-01'::timestamptz + make_interval(secs => i - 1)) END
FROM generate_series(0, 70) AS i;
INSERT INTO hitl.decision (id, workflow, subject, confidence, parent)
SELECT hitl.uuid_floor('2001-02-02'::timestamptz + make_interval(secs => i)), 'trg step', 'after ' || i, 0.9,
       hitl.uuid_floor('2001-02-01'::timestamptz + make_interval(secs => i))
FROM unnest('{0,62,63,64,65,70}'::int[]) AS i;
SELECT subject, gate_route, reasons FROM pg_temp.said('trg step') WHERE subject ~ '^after \d';
ROLLBACK;

--
-- Required context
--

SELECT hitl.create_workflow('trg context', 'trg'),
       hitl.set_policy('trg context', upper => 0.8, lower => 0.1, audit_rate_approve => 0, audit_rate_reject => 0,
                       required_context => '{subject,context.policy,input.a.b.c}');
INSERT INTO hitl.decision (workflow, subject, confidence, context, input, model) VALUES
    ('trg context', 's', 0.9, '{"policy": "P1"}', '{"a": {"b": {"c": 0}}}', 'complete'),
    ('trg context', 's', 0.9, '{"policy": false}', '{"a": {"b": {"c": false}}}', 'false is there'),
    ('trg context', NULL, 0.9, '{"policy": "P1"}', '{"a": {"b": {"c": 1}}}', 'no subject'),
    ('trg context', '', 0.9, '{"policy": "P1"}', '{"a": {"b": {"c": 1}}}', 'empty subject'),
    ('trg context', 's', 0.9, NULL, NULL, 'nothing'),
    ('trg context', 's', 0.9, '{}', '{"a": {"b": {}}}', 'no keys'),
    ('trg context', 's', 0.9, '{"policy": null}', '{"a": {"b": {"c": null}}}', 'null'),
    ('trg context', 's', 0.9, '{"policy": ""}', '{"a": {"b": {"c": []}}}', 'empty'),
    ('trg context', 's', 0.9, '{"policy": {}}', '{"a": {"b": {"c": {}}}}', 'empty objects'),
    ('trg context', 's', 0.9, '"policy"', '"a"', 'texts'),
    ('trg context', 's', 0.9, '["policy"]', '["a"]', 'arrays'),
    ('trg context', 's', 0.9, '[{"policy": 1}]', '{"a": [{"b": {"c": 1}}]}', 'objects in arrays'),
    ('trg context', 's', 0.9, 'null', '{"a": {"b": 1}}', 'too short'),
    ('trg context', 's', 0.9, '{"Policy": 1}', '{"a.b.c": 1}', 'other keys'),
    ('trg context', 's', 0.05, '{}', '{"a": {"b": {"c": 1}}}', 'not even rejected');
SELECT d.model, s.gate_route, s.reasons
FROM hitl.decision d, LATERAL (SELECT d.gate_route, string_agg((r ->> 'trigger') || ': ' || (r ->> 'detail'), '; ' ORDER BY n) AS reasons
                               FROM jsonb_array_elements(d.reasons) WITH ORDINALITY AS j (r, n)) s
WHERE workflow = 'trg context' ORDER BY id;
-- All columns, and whole documents.
SELECT hitl.set_policy('trg context', required_context =>
    '{workflow,input,output,confidence,model,subject,reasoning,alternatives,context,signals,exposure,reversible,cohort,question,tags,parent}');
INSERT INTO hitl.decision (workflow, confidence, reversible) VALUES ('trg context', NULL, NULL) RETURNING gate_route, reasons -> 0 AS reason, reasons -> 1 ->> 'detail' AS missing;
INSERT INTO hitl.decision (workflow, input, output, confidence, model, subject, reasoning, alternatives, context, signals,
                           exposure, reversible, cohort, question, tags, parent)
VALUES ('trg context', '0', 'false', 0.9, 'm', 's', 'r', '[1]', '"c"', '{"s": null}', 0, true, '{"c": 1}', 'q', '{t}', hitl.uuid_floor('2001-01-01'))
RETURNING gate_route, reasons;
INSERT INTO hitl.decision (workflow, input, output, confidence, model, subject, reasoning, alternatives, context, signals,
                           exposure, reversible, cohort, question, tags, parent)
VALUES ('trg context', 'null', '""', 0.9, '', '', '', '[]', '{}', 'null', 0, true, '""', '', '{t}', hitl.uuid_floor('2001-01-01'))
RETURNING gate_route, reasons -> 1 ->> 'detail' AS missing;

--
-- Switches: on_invalid, irreversible
--

SELECT hitl.create_workflow('trg switch', 'trg'),
       hitl.set_policy('trg switch', upper => 0.8, lower => 0.1, audit_rate_approve => 0, audit_rate_reject => 0,
                       on_invalid => 'error', irreversible => false);
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('trg switch', 'missing', NULL), ('trg switch', 'one', 1);
INSERT INTO hitl.decision (workflow, confidence) VALUES ('trg switch', 0.9), ('trg switch', 'NaN');
\echo :SQLSTATE
\set VERBOSITY sqlstate
INSERT INTO hitl.decision (workflow, confidence) VALUES ('trg switch', 'Infinity');
INSERT INTO hitl.decision (workflow, confidence) VALUES ('trg switch', -0.1);
INSERT INTO hitl.decision (workflow, confidence) VALUES ('trg switch', 97);
COPY hitl.decision (workflow, confidence) FROM stdin;
trg switch	0.9
trg switch	-Infinity
\.
\set VERBOSITY default
INSERT INTO hitl.decision (workflow, subject, confidence, reversible) VALUES
    ('trg switch', 'irreversible', 0.9, false), ('trg switch', 'not known', 0.9, NULL), ('trg switch', 'irreversible', 0.5, false);
SELECT * FROM pg_temp.said('trg switch');
SELECT subject, reversible FROM hitl.decision WHERE workflow = 'trg switch' ORDER BY id;
SELECT hitl.set_policy('trg switch', reset => '{on_invalid,irreversible}');
INSERT INTO hitl.decision (workflow, subject, confidence, reversible) VALUES
    ('trg switch', 'irreversible', 0.9, false), ('trg switch', 'NaN', 'NaN', true)
RETURNING subject, route, jsonb_array_length(reasons) AS reasons;

--
-- Challenger: on record, never enforced
--

SELECT hitl.create_workflow('trg duel', 'trg'), hitl.set_policy('trg duel', upper => 0.8, lower => 0.1, audit_rate_approve => 0, audit_rate_reject => 0);
-- (a draft: another threshold, and a rule that decides nothing)
SELECT hitl.set_policy('trg duel', upper => 0.6, lower => 0.3, queue => 'trg_officer', on_invalid => 'error', audit_rate_approve => 1, in_force => false);
SELECT hitl.set_rule('trg duel', 'gold', '$.signals.tier == "gold"', lane => 0, tier => 9, queue => 'trg_fair', base => 2, in_force => false);
SELECT hitl.set_policy('trg duel', challenger => 3);
INSERT INTO hitl.decision (workflow, subject, confidence, signals, reversible) VALUES
    ('trg duel', 'agree', 0.9, NULL, true), ('trg duel', 'would approve', 0.7, NULL, true), ('trg duel', 'would review', 0.9, '{"tier": "gold"}', true),
    ('trg duel', 'would reject', 0.2, NULL, true), ('trg duel', 'both review', 0.5, NULL, true),
    ('trg duel', 'invalid', 'NaN', NULL, true), ('trg duel', 'irreversible', 0.9, NULL, false);
SELECT d.subject, d.policy_version, d.gate_route, d.challenger_route, s.reasons, s.at
FROM hitl.decision d JOIN pg_temp.said('trg duel') s USING (subject) WHERE d.workflow = 'trg duel' ORDER BY d.id;
SELECT count(*) AS audits FROM hitl.task WHERE workflow = 'trg duel' AND kind <> 'review';
-- Not more than one deep; put in force, it is no challenger any more.
SELECT hitl.activate_policy('trg duel', 3);
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('trg duel', 'promoted', 0.7) RETURNING policy_version, route, challenger_route;
SELECT hitl.set_policy('trg duel', base => 4, reset => '{challenger}');
INSERT INTO hitl.decision (workflow, confidence) VALUES ('trg duel', 0.9) RETURNING policy_version, route, challenger_route;

--
-- Size
--

-- A thousand rules: all are looked at, and all that fire are on record.
SELECT hitl.create_workflow('trg many', 'trg'), hitl.set_policy('trg many', upper => 0.8, audit_rate_approve => 0);
SELECT hitl.set_rule('trg many', 'r1', '$.input.n == 1', reason => '1') AS v \gset
INSERT INTO hitl.rule (workflow, version, name, position, condition, route, reason)
SELECT 'trg many', :v, 'r' || i, i, format('$.input.n %% %s == 0', i)::jsonpath, 'review', i
FROM generate_series(2, 1000) AS i;
BEGIN;
SET LOCAL hitl.policy_timeout = 0;
INSERT INTO hitl.decision (workflow, subject, confidence, input) VALUES
    ('trg many', 'none', 0.9, '{"n": 1009}'), ('trg many', 'first', 0.9, '{"n": 1}'), ('trg many', 'last', 0.9, '{"n": 1000}'),
    ('trg many', 'all', 0.9, '{"n": 0}'), ('trg many', 'unknown', 0.9, '{"n": "x"}'), ('trg many', 'missing', 0.9, NULL);
SELECT subject, route, jsonb_array_length(reasons) AS reasons, reasons -> -1 ->> 'rule' AS last_rule
FROM hitl.decision WHERE workflow = 'trg many' ORDER BY id;
ROLLBACK;

-- 10 MB of JSON, and JSON of many levels: read like any other.
SELECT hitl.create_workflow('trg large', 'trg'),
       hitl.set_policy('trg large', upper => 0.8, audit_rate_approve => 0, required_context => '{input.end}', fairness_limit => 0.5),
       hitl.set_rule('trg large', 'end', '$.input.end == "bad"');
BEGIN;
SET LOCAL hitl.policy_timeout = 0;
INSERT INTO hitl.decision (workflow, subject, confidence, signals, input)
SELECT 'trg large', v, 0.9, '{"fairness": 1}', jsonb_build_object('fill', repeat('x', 10000000)) || v::jsonb
FROM unnest('{"{\"end\": \"good\"}","{\"end\": \"bad\"}","{}"}'::text[]) AS v
RETURNING subject, route, reasons;
INSERT INTO hitl.decision (workflow, subject, confidence, signals, input)
SELECT 'trg large', 'deep', 0.9, (repeat('{"fairness":', 3000) || '1' || repeat('}', 3000))::jsonb,
       jsonb_build_object('end', (repeat('[', 3000) || repeat(']', 3000))::jsonb)
RETURNING subject, route, reasons;
ROLLBACK;

SELECT c.invariant, d.workflow, d.subject, c.detail FROM hitl.check() c JOIN hitl.decision d ON d.id = c.decision WHERE d.workflow ~ '^trg';
