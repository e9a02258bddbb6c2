-- G10: applications submit and go on; a request that comes twice makes one
-- decision.
\set SHOW_CONTEXT never
\set ON_ERROR_ROLLBACK on

-- What there is under the keys of a workflow.
CREATE FUNCTION pg_temp.requests(flow text)
RETURNS TABLE (request_id text, kept boolean, subject text, route text, tasks bigint)
LANGUAGE sql AS $$
    SELECT d.request_id, r.request_id IS NOT NULL, d.subject, d.route,
           (SELECT count(*) FROM hitl.task t WHERE t.decision = d.id)
    FROM hitl.decision d
    FULL JOIN (SELECT * FROM hitl.request q WHERE q.workflow = flow) r ON r.decision = d.id
    WHERE coalesce(d.workflow, flow) = flow
    ORDER BY d.id
$$;
-- An INSERT, and what its error says.
CREATE FUNCTION pg_temp.try(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    detail text;
    hint   text;
BEGIN
    EXECUTE statement;
    RETURN 'done';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN SQLSTATE || ': ' || concat_ws(' / ', SQLERRM, nullif(detail, ''), nullif(hint, ''));
END
$$;

SELECT hitl.create_workflow('sub', 'sub'), hitl.create_workflow('sub two', 'sub');
SELECT w, hitl.set_policy(w, upper => 0.9, lower => 0.1, audit_rate_approve => 0, audit_rate_reject => 0)
FROM unnest('{sub,sub two}'::text[]) AS w;

--
-- hitl.submit()
--

-- The first makes the decision, the second is given it, whatever else it says.
BEGIN;
SELECT id, route, reasons, created FROM hitl.submit('sub', '{"amount": 1}', '{"pay": 1}', 0.5, 'r1', subject => 'first') \gset first_
SELECT id, route, reasons, created FROM hitl.submit('sub', '{"amount": 2}', '{"pay": 2}', 0.99, 'r1', subject => 'second') \gset second_
SELECT :'first_id'::uuid = :'second_id'::uuid AS same, :'first_route' AS first, :'second_route' AS second,
       :'first_reasons'::jsonb = :'second_reasons'::jsonb AS same_reasons, :'first_created' AS first_created, :'second_created' AS second_created;
SELECT * FROM pg_temp.requests('sub');
-- In another workflow it is another request.
SELECT created, route FROM hitl.submit('sub two', confidence => 0.99, request_id => 'r1', subject => 'of two');
-- Keys are told apart by every byte.
SELECT r, created FROM unnest('{R1,"r1 "," r1",r1,r01}'::text[]) AS r, hitl.submit('sub', confidence => 0.99, request_id => r, subject => r);
SELECT count(*) AS requests FROM hitl.request WHERE workflow = 'sub';
ROLLBACK;
-- Without a key there is nothing to find.
BEGIN;
SELECT created FROM generate_series(1, 2) AS i, hitl.submit('sub', confidence => 0.99, subject => 's' || i);
SELECT count(*) AS decisions, count(request_id) AS keys FROM hitl.decision WHERE workflow = 'sub';
ROLLBACK;
-- All columns arrive.
BEGIN;
SELECT created, route, reasons FROM hitl.submit('sub', '{"i": 1}', '{"o": 1}', 0.95, 'all', 'm', 's', 'r', '["a"]', '{"c": 1}', '{"s": 1}',
                                                 12.5, false, '{"g": 1}', 'q?', '{t,u}', hitl.uuid_floor('2001-01-01'));
SELECT input, output, confidence, request_id, model, subject, reasoning, alternatives, context, signals, exposure, reversible, cohort, question, tags, parent
FROM hitl.decision WHERE workflow = 'sub';
ROLLBACK;
-- Errors are those of an INSERT, and keep no key.
BEGIN;
SELECT pg_temp.try($$SELECT hitl.submit('nowhere', confidence => 0.9, request_id => 'r')$$);
SELECT pg_temp.try($$SELECT hitl.submit(NULL, confidence => 0.9, request_id => 'r')$$);
SELECT pg_temp.try($$SELECT hitl.submit('sub', confidence => 0.9, request_id => '')$$);
SELECT pg_temp.try($$SELECT hitl.submit('sub', confidence => 0.9, request_id => repeat('x', 513))$$);
SELECT hitl.set_policy('sub', on_invalid => 'error');
SELECT pg_temp.try($$SELECT hitl.submit('sub', confidence => 'NaN', request_id => 'r')$$);
SELECT count(*) AS requests FROM hitl.request WHERE workflow IN ('sub', 'nowhere');
SELECT created FROM hitl.submit('sub', confidence => 0.9, request_id => 'r');
SELECT created FROM hitl.submit('sub', confidence => 'NaN', request_id => 'r') AS not_even_looked_at;
ROLLBACK;
-- The longest key.
BEGIN;
SELECT created FROM hitl.submit('sub', confidence => 0.9, request_id => repeat('x', 512));
SELECT created FROM hitl.submit('sub', confidence => 0.9, request_id => repeat('x', 512));
ROLLBACK;

-- The key goes with the decision: a savepoint, a transaction, a statement.
BEGIN;
SELECT created FROM hitl.submit('sub', confidence => 0.5, request_id => 'kept');
SAVEPOINT s;
SELECT created FROM hitl.submit('sub', confidence => 0.5, request_id => 'undone');
ROLLBACK TO s;
SELECT created FROM hitl.submit('sub', confidence => 0.5, request_id => 'kept');
SELECT created FROM hitl.submit('sub', confidence => 0.5, request_id => 'undone');
DO $$
BEGIN
    PERFORM hitl.submit('sub', confidence => 0.5, request_id => 'in a block');
    RAISE EXCEPTION 'undo';
EXCEPTION WHEN raise_exception THEN
    NULL;
END
$$;
SELECT created FROM hitl.submit('sub', confidence => 0.5, request_id => 'in a block');
SELECT * FROM pg_temp.requests('sub');
ROLLBACK;
SELECT * FROM pg_temp.requests('sub');
SELECT count(*) AS tasks FROM hitl.task WHERE workflow = 'sub';
BEGIN;
SELECT created FROM hitl.submit('sub', confidence => 0.5, request_id => 'kept');
ROLLBACK;
-- A decided one is found as well.
BEGIN;
SELECT hitl.add_reviewer('sub_ann'), hitl.join_queue('sub_ann', 'sub');
SELECT created FROM hitl.submit('sub', confidence => 0.5, request_id => 'decided');
SELECT hitl.approve(task, reviewer => 'sub_ann') FROM hitl.claim(1, '{sub}', 'sub_ann');
SELECT s.created, s.route, o.outcome FROM hitl.submit('sub', confidence => 0.5, request_id => 'decided') s JOIN hitl.outcome o USING (id);
ROLLBACK;

--
-- INSERT
--

-- The second fails and names the first.
SELECT hitl.uuid_floor('2001-01-01') AS one, hitl.uuid_floor('2001-01-02') AS two \gset
BEGIN;
INSERT INTO hitl.decision (id, workflow, subject, confidence, request_id) VALUES (:'one', 'sub', 'first', 0.5, 'r1');
INSERT INTO hitl.decision (workflow, subject, confidence, request_id) VALUES ('sub', 'second', 0.5, 'r1');
\echo :SQLSTATE
-- (by submit() too, and the other way round)
SELECT id = :'one' AS found, created FROM hitl.submit('sub', confidence => 0.9, request_id => 'r1');
SELECT created FROM hitl.submit('sub', confidence => 0.9, request_id => 'r2');
\set VERBOSITY sqlstate
INSERT INTO hitl.decision (workflow, subject, confidence, request_id) VALUES ('sub', 'second', 0.9, 'r2');
\set VERBOSITY default
-- The same in another workflow is another.
INSERT INTO hitl.decision (workflow, subject, confidence, request_id) VALUES ('sub two', 'of two', 0.5, 'r1');
-- What is refused leaves nothing.
SELECT * FROM pg_temp.requests('sub');
-- A savepoint frees the key.
SAVEPOINT s;
INSERT INTO hitl.decision (workflow, subject, confidence, request_id) VALUES ('sub', 'undone', 0.5, 'r3');
ROLLBACK TO s;
INSERT INTO hitl.decision (workflow, subject, confidence, request_id) VALUES ('sub', 'third', 0.5, 'r3');
SELECT * FROM pg_temp.requests('sub');
ROLLBACK;
-- A transaction too.
BEGIN;
INSERT INTO hitl.decision (workflow, subject, confidence, request_id) VALUES ('sub', 'once more', 0.95, 'r1');
SELECT * FROM pg_temp.requests('sub');
ROLLBACK;

-- Several rows of a statement: all or none.
BEGIN;
INSERT INTO hitl.decision (id, workflow, subject, confidence, request_id)
VALUES (:'one', 'sub', 'a', 0.95, 'm1'), (:'two', 'sub', 'b', 0.5, 'm2');
INSERT INTO hitl.decision (workflow, subject, confidence, request_id)
VALUES ('sub', 'c', 0.95, 'm3'), ('sub', 'd', 0.5, 'm2'), ('sub', 'e', 0.95, 'm4');
INSERT INTO hitl.decision (id, workflow, subject, confidence, request_id)
VALUES (hitl.uuid_floor('2001-01-03'), 'sub', 'f', 0.95, 'm5'), (hitl.uuid_floor('2001-01-04'), 'sub', 'g', 0.5, 'm5');
INSERT INTO hitl.decision (workflow, subject, confidence, request_id)
SELECT 'sub', 's' || i, 0.95, 'n' || i FROM generate_series(1, 1000) AS i;
SELECT count(*) AS decisions, count(r.decision) AS keys FROM hitl.decision d LEFT JOIN hitl.request r ON r.decision = d.id WHERE d.workflow = 'sub';
-- By COPY.
COPY hitl.decision (workflow, subject, confidence, request_id) FROM stdin;
sub	copy	0.95	c1
sub	copy	0.5	c2
sub	copy	0.95	\N
\.
\set VERBOSITY sqlstate
COPY hitl.decision (workflow, subject, confidence, request_id) FROM stdin;
sub	copy	0.95	c3
sub	copy	0.5	c1
\.
\set VERBOSITY default
SELECT * FROM pg_temp.requests('sub') WHERE subject = 'copy';
ROLLBACK;

-- A row that ON CONFLICT leaves out leaves no key; DO NOTHING is about the
-- table, not about keys.
BEGIN;
INSERT INTO hitl.decision (id, workflow, subject, confidence, request_id) VALUES (:'one', 'sub', 'first', 0.5, 'r1');
INSERT INTO hitl.decision (id, workflow, subject, confidence, request_id) VALUES (:'one', 'sub', 'left out', 0.5, 'r2') ON CONFLICT DO NOTHING;
INSERT INTO hitl.decision (id, workflow, subject, confidence, request_id) VALUES (:'one', 'sub', 'left out', 0.5, 'r1') ON CONFLICT DO NOTHING;
SELECT * FROM pg_temp.requests('sub');
INSERT INTO hitl.decision (id, workflow, subject, confidence, request_id) VALUES (:'two', 'sub', 'second', 0.5, 'r2') ON CONFLICT DO NOTHING;
SELECT * FROM pg_temp.requests('sub');
\set VERBOSITY sqlstate
INSERT INTO hitl.decision (workflow, subject, confidence, request_id) VALUES ('sub', 'third', 0.5, 'r2') ON CONFLICT DO NOTHING;
\set VERBOSITY default
ROLLBACK;

-- NULL is no key; empty and too long ones are refused.
BEGIN;
INSERT INTO hitl.decision (workflow, confidence, request_id) VALUES ('sub', 0.95, NULL), ('sub', 0.95, NULL);
INSERT INTO hitl.decision (workflow, confidence, request_id) VALUES ('sub', 0.95, '');
\echo :SQLSTATE
INSERT INTO hitl.decision (workflow, confidence, request_id) VALUES ('sub', 0.95, repeat('x', 513));
\echo :SQLSTATE
INSERT INTO hitl.decision (workflow, confidence, request_id) VALUES ('sub', 0.95, repeat('x', 512)), ('sub', 0.95, repeat('y', 512));
-- (a long key is not repeated in full)
SELECT length(pg_temp.try($$INSERT INTO hitl.decision (workflow, confidence, request_id) VALUES ('sub', 0.95, repeat('x', 512))$$)) < 300 AS short;
-- A key may have any text in it.
INSERT INTO hitl.decision (workflow, confidence, request_id) VALUES ('sub', 0.95, '%s %d "quoted" ''single'' \ {}');
SELECT pg_temp.try($$INSERT INTO hitl.decision (workflow, confidence, request_id) VALUES ('sub', 0.95, '%s %d "quoted" ''single'' \ {}')$$) LIKE '23505: request "\%s \%d "quoted" ''single'' \\ {}" of workflow "sub" was%' AS as_it_is;
ROLLBACK;

-- Keys are facts.
BEGIN;
INSERT INTO hitl.decision (workflow, confidence, request_id) VALUES ('sub', 0.95, 'fact');
\set VERBOSITY sqlstate
UPDATE hitl.request SET request_id = 'other';
DELETE FROM hitl.request;
TRUNCATE hitl.request;
UPDATE hitl.decision SET request_id = 'other' WHERE workflow = 'sub';
\set VERBOSITY default
ROLLBACK;
BEGIN READ ONLY;
SELECT pg_temp.try($$SELECT hitl.submit('sub', confidence => 0.9, request_id => 'r')$$);
ROLLBACK;

--
-- Applications
--

CREATE ROLE regress_hitl_one IN ROLE hitl_application;
CREATE ROLE regress_hitl_two IN ROLE hitl_application;
CREATE ROLE regress_hitl_mate IN ROLE hitl_application;
CREATE ROLE regress_hitl_team;
GRANT regress_hitl_team TO regress_hitl_mate, regress_hitl_one;
SELECT hitl.create_workflow('sub team', 'sub', application => 'regress_hitl_team'), hitl.set_policy('sub team', upper => 0.9, audit_rate_approve => 0);
-- Each role makes its own requests, and finds them again.
SET ROLE regress_hitl_one;
SELECT created, route FROM hitl.submit('sub', confidence => 0.95, request_id => 'shared');
SELECT created, route FROM hitl.submit('sub', confidence => 0.95, request_id => 'shared');
SELECT created, route FROM hitl.submit('sub team', confidence => 0.95, request_id => 'shared');
-- That of another application is not given away.
SET ROLE regress_hitl_two;
SELECT hitl.submit('sub', confidence => 0.95, request_id => 'shared');
\echo :SQLSTATE
SELECT hitl.submit('sub team', confidence => 0.95, request_id => 'shared');
\echo :SQLSTATE
\set VERBOSITY terse
INSERT INTO hitl.decision (workflow, confidence, request_id) VALUES ('sub', 0.95, 'shared');
\echo :SQLSTATE
INSERT INTO hitl.decision (workflow, confidence, request_id) VALUES ('sub team', 0.95, 'shared');
\echo :SQLSTATE
\set VERBOSITY default
SELECT count(*) AS seen FROM hitl.decision WHERE request_id = 'shared';
-- A member of the workflow's application reads its decisions, and finds its
-- requests.
SET ROLE regress_hitl_mate;
SELECT created, route FROM hitl.submit('sub team', confidence => 0.95, request_id => 'shared');
SELECT count(*) AS seen FROM hitl.decision WHERE request_id = 'shared';
-- The keys themselves are nobody's to read or write.
SELECT count(*) FROM hitl.request;
\echo :SQLSTATE
INSERT INTO hitl.request VALUES ('sub', 'mine', hitl.uuidv7());
\echo :SQLSTATE
RESET ROLE;
SELECT d.created_by, workflow, request_id FROM hitl.decision d WHERE request_id = 'shared' ORDER BY d.id;
-- Who must not call it.
CREATE ROLE regress_hitl_nobody;
GRANT USAGE ON SCHEMA hitl TO regress_hitl_nobody;
SET ROLE regress_hitl_nobody;
\set VERBOSITY sqlstate
SELECT hitl.submit('sub', confidence => 0.95, request_id => 'nobody');
SELECT hitl.find_request('sub', 'shared');
\set VERBOSITY default
RESET ROLE;

SELECT c.invariant, d.workflow, c.detail FROM hitl.check() c JOIN hitl.decision d ON d.id = c.decision WHERE d.workflow ~ '^sub';
UPDATE hitl.workflow SET application = NULL WHERE name = 'sub team';
DROP OWNED BY regress_hitl_one, regress_hitl_two, regress_hitl_mate, regress_hitl_team, regress_hitl_nobody;
DROP ROLE regress_hitl_one, regress_hitl_two, regress_hitl_mate, regress_hitl_team, regress_hitl_nobody;
