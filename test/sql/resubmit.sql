-- A subject that comes again and again meets a person.
\set VERBOSITY terse

CREATE VIEW pg_temp.passed AS
SELECT subject, count(*) FILTER (WHERE route = 'auto_approve') AS passed,
       count(*) FILTER (WHERE route = 'review') AS reviews,
       array_agg(DISTINCT r ->> 'detail') FILTER (WHERE r ->> 'trigger' = 'resubmitted') AS why
FROM hitl.decision, jsonb_array_elements(reasons) r WHERE workflow = 'again' AND r ->> 'trigger' <> 'confidence'
   OR workflow = 'again' AND jsonb_array_length(reasons) = 1
GROUP BY subject ORDER BY subject;

SELECT hitl.create_workflow('again', queue => 'again'), hitl.set_policy('again', upper => 0.9, audit_rate_approve => 0);
SELECT hitl.create_workflow('again too', queue => 'again'), hitl.set_policy('again too', upper => 0.9, audit_rate_approve => 0);
SELECT hitl.set_policy('again', max_resubmits => 3, resubmit_window => '90 minutes');

-- one at a time, and all in one statement
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('again', 'one', 0.95);
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('again', 'one', 0.1);
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('again', 'one', 0.95);
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('again', 'one', 0.99);
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('again', 'one', 0.99);
INSERT INTO hitl.decision (workflow, subject, confidence) SELECT 'again', 'thousand', 0.9 + i / 1e5 FROM generate_series(1, 1000) i;
COPY hitl.decision (workflow, subject, confidence) FROM stdin;
again	copied	0.9
again	copied	0.9
again	copied	0.9
again	copied	0.9
again	copied	0.9
\.
-- who names nothing is not looked at; other subjects and workflows are others
INSERT INTO hitl.decision (workflow, subject, confidence) SELECT 'again', NULL, 0.95 FROM generate_series(1, 5);
INSERT INTO hitl.decision (workflow, subject, confidence) SELECT 'again', 'other ' || i, 0.95 FROM generate_series(1, 3) i;
INSERT INTO hitl.decision (workflow, subject, confidence) SELECT 'again too', 'elsewhere', 0.95 FROM generate_series(1, 9);
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('again', 'elsewhere', 0.95);
TABLE pg_temp.passed;
SELECT gate_route, route, lane, reasons FROM hitl.decision WHERE workflow = 'again' AND subject = 'one' ORDER BY id DESC LIMIT 1;

-- what was tried and rolled back was tried, in whatever way
BEGIN;
INSERT INTO hitl.decision (workflow, subject, confidence) SELECT 'again', 'undone', 0.95 FROM generate_series(1, 2) RETURNING route;
ROLLBACK;
BEGIN;
SAVEPOINT s;
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('again', 'undone', 0.95) RETURNING route;
ROLLBACK TO s;
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('again', 'undone', 0.95) RETURNING route;
ROLLBACK;
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('again', 'undone', 0.95) RETURNING route;

-- under a snapshot of before, others count all the same
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM hitl.decision WHERE workflow = 'again' AND subject = 'one';
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('again', 'one', 0.95) RETURNING route;
COMMIT;

-- the window ends: rows that a dump brings back are older
INSERT INTO hitl.decision
SELECT (jsonb_populate_record(d, jsonb_build_object('id', n.id, 'created_at', hitl.uuid_time(n.id), 'subject', s.name))).*
FROM hitl.decision d,
     (VALUES ('older', interval '91 minutes'), ('younger', '89 minutes')) AS s (name, age),
     LATERAL (SELECT overlay(left(hitl.uuid_floor(now() - s.age)::text, 23) || right(d.id::text, 13)
                             PLACING '7' FROM 15)::uuid AS id) AS n
WHERE d.workflow = 'again' AND d.subject = 'copied' AND d.route = 'auto_approve';
INSERT INTO hitl.decision (workflow, subject, confidence) VALUES ('again', 'older', 0.95), ('again', 'younger', 0.95) RETURNING subject, route;

-- without the index it takes longer and comes to the same
BEGIN;
DO $$
DECLARE
    i regclass;
BEGIN
    FOR i IN SELECT c.oid FROM pg_class c WHERE c.relnamespace = 'hitl'::regnamespace AND c.relname ~ '^decision_\d.*_subject$' LOOP
        EXECUTE 'DROP INDEX ' || i;
    END LOOP;
END
$$;
INSERT INTO hitl.decision (workflow, subject, confidence)
VALUES ('again', 'younger', 0.95), ('again', 'other 1', 0.95), ('again', 'older', 0.95) RETURNING subject, route;
ROLLBACK;

-- zero: the second attempt is one too many; replays say the same of what is stored
SELECT hitl.set_policy('again', max_resubmits => 0);
INSERT INTO hitl.decision (workflow, subject, confidence) SELECT 'again', 'zero', 0.95 FROM generate_series(1, 3) RETURNING route;
SELECT old_route, new_route, decisions FROM hitl.replay('again', version => 2) ORDER BY 1, 2;
SELECT old_route, new_route, decisions FROM hitl.replay('again', version => 1) ORDER BY 1, 2;
-- a challenger is judged alike
SELECT hitl.set_policy('again', reset => '{max_resubmits}', challenger => 3);
INSERT INTO hitl.decision (workflow, subject, confidence) SELECT 'again', 'challenged', 0.95 FROM generate_series(1, 2) RETURNING route, challenger_route;
SELECT * FROM hitl.check();
