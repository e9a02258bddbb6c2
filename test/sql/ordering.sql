-- The order in which tasks are served: orderings, aging, several queues.
\set SHOW_CONTEXT never

-- Tasks that arrived at a time of our choice: the id of a decision says when.
CREATE FUNCTION pg_temp.arrive(
    workflow text, subject text, at timestamptz, exposure numeric DEFAULT NULL,
    confidence float8 DEFAULT NULL)
RETURNS text LANGUAGE sql AS $$
    INSERT INTO hitl.decision (id, workflow, subject, exposure, confidence)
    VALUES (overlay(hitl.uuid_floor(at)::text PLACING right(gen_random_uuid()::text, 12) FROM 25)::uuid,
            workflow, subject, exposure, confidence)
    RETURNING subject
$$;
-- Claims all there is, one by one; in the order got.
CREATE FUNCTION pg_temp.served(who text, queues text[] DEFAULT NULL)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
    got    text;
BEGIN
    LOOP
        SELECT d.subject INTO got
        FROM hitl.claim(1, queues, who) c JOIN hitl.decision d ON d.id = c.decision;
        EXIT WHEN got IS NULL;
        result := concat_ws(' ', result, got);
    END LOOP;
    RETURN result;
END
$$;

SELECT hitl.create_queue('ord_exposure', 'exposure'), hitl.create_queue('ord_uncertainty', 'uncertainty'),
       hitl.create_queue('ord_loss', 'expected_loss'), hitl.create_queue('ord_fifo', 'fifo'),
       hitl.create_queue('ord_due');
SELECT hitl.create_workflow(replace(q, '_', ' '), q)
FROM unnest('{ord_exposure,ord_uncertainty,ord_loss,ord_fifo,ord_due}'::text[]) AS q;
SELECT hitl.create_sla('ord_hour', resolution => '1 hour');
SELECT hitl.create_workflow('ord due hour', 'ord_due', sla => 'ord_hour');
SELECT hitl.add_reviewer('ord_ann', max_open => 10000),
       hitl.join_queue('ord_ann', q)
FROM unnest('{ord_exposure}'::text[]) AS q;
SELECT hitl.join_queue('ord_ann', q)
FROM unnest('{ord_uncertainty,ord_loss,ord_fifo,ord_due}'::text[]) AS q;

--
-- The orderings.  What is not known is no exposure, and no confidence; what is
-- equal comes by age.
--
BEGIN;
SELECT count(pg_temp.arrive('ord exposure', s, now() - n * interval '1 minute', e::numeric, 0.5))
FROM (VALUES ('most', 1, '1e300'), ('none', 9, NULL), ('some', 8, '10'), ('zero', 7, '0'), ('less', 6, '-5'),
             ('more', 3, '1000'), ('some-too', 4, '10')) AS v (s, n, e);
SELECT pg_temp.served('ord_ann');
ROLLBACK;
BEGIN;
SELECT count(pg_temp.arrive('ord uncertainty', s, now() - n * interval '1 minute', NULL, c))
FROM (VALUES ('sure', 9, 1), ('sure-not', 8, 0), ('half', 2, 0.5), ('fair', 3, 0.7), ('fair-not', 4, 0.3),
             ('unknown', 1, NULL)) AS v (s, n, c);
SELECT pg_temp.served('ord_ann');
ROLLBACK;
BEGIN;
SELECT count(pg_temp.arrive('ord loss', s, now() - n * interval '1 minute', e::numeric, c))
FROM (VALUES ('infinite', 0, 'Infinity', 0.9), ('infinite-sure', 0, 'Infinity', 1), ('nan', 0, 'NaN', 0.5),
             ('sure', 9, '1e6', 1), ('small', 8, '10', 0.1), ('big-fair', 2, '1000', 0.7),
             ('big-unknown', 3, '1000', NULL), ('nothing', 4, NULL, 0.2)) AS v (s, n, e, c);
SELECT pg_temp.served('ord_ann');
ROLLBACK;
-- Where it is learnt what confidence is worth, that counts.
BEGIN;
INSERT INTO hitl.confidence_map (workflow, lo, hi, value)
VALUES ('ord loss', 0, 0.8, 0.9), ('ord loss', 0.8, 1, 0.2);
SELECT count(pg_temp.arrive('ord loss', s, now() - n * interval '1 minute', 100, c))
FROM (VALUES ('stated-low', 9, 0.5), ('stated-high', 8, 0.95)) AS v (s, n, c);
SELECT pg_temp.served('ord_ann');
ROLLBACK;

--
-- Lanes come first, whatever the ordering.
--
BEGIN;
SELECT pg_temp.arrive('ord exposure', 'internal', now() - interval '9 minutes', 1000000),
       pg_temp.arrive('ord exposure', 'safety', now(), 1);
UPDATE hitl.task t SET lane = CASE d.subject WHEN 'safety' THEN 0 ELSE 2 END
FROM hitl.decision d WHERE d.id = t.decision AND t.queue = 'ord_exposure';
SELECT pg_temp.arrive('ord exposure', 'customer', now() - interval '1 minute', 2);
SELECT pg_temp.served('ord_ann');
ROLLBACK;

--
-- Several queues.  Keys of one kind compare as they are: two queues by exposure,
-- deadlines and arrivals.
--
BEGIN;
SELECT hitl.create_queue('ord_exposure2', 'exposure'), hitl.create_workflow('ord exposure2', 'ord_exposure2'),
       hitl.join_queue('ord_ann', 'ord_exposure2');
SELECT count(pg_temp.arrive(w, e::text, now() - n * interval '1 minute', e))
FROM (VALUES ('ord exposure', 9, 10), ('ord exposure2', 2, 30), ('ord exposure', 3, 50),
             ('ord exposure2', 4, 5), ('ord exposure', 1, 20)) AS v (w, n, e);
SELECT pg_temp.served('ord_ann', '{ord_exposure,ord_exposure2}');
ROLLBACK;
BEGIN;
-- a deadline in 10 and in 50 minutes, one that is none, and arrivals
SELECT count(pg_temp.arrive(w, s, now() - n * interval '1 minute'))
FROM (VALUES ('ord due hour', 'due-10', 50), ('ord due hour', 'due-50', 10), ('ord due', 'no-deadline', 59),
             ('ord fifo', 'came-1', 1), ('ord fifo', 'came-30', 30)) AS v (w, s, n);
SELECT pg_temp.served('ord_ann', '{ord_due,ord_fifo}');
ROLLBACK;
-- Where kinds differ, heads compare by a time: that of their key, else that of
-- their arrival.  Within each queue its own order holds.
BEGIN;
SELECT count(pg_temp.arrive(w, s, now() - n * interval '1 minute', e, c))
FROM (VALUES ('ord exposure', 'exp-much', 20, 1000, 0.5), ('ord exposure', 'exp-little', 40, 1, 0.5),
             ('ord uncertainty', 'unc-half', 10, NULL, 0.5), ('ord uncertainty', 'unc-sure', 50, NULL, 1),
             ('ord fifo', 'came-30', 30, NULL, NULL), ('ord fifo', 'came-15', 15, NULL, NULL),
             ('ord fifo', 'came-5', 5, NULL, NULL)) AS v (w, s, n, e, c);
SELECT pg_temp.served('ord_ann', '{ord_exposure,ord_uncertainty,ord_fifo}');
ROLLBACK;
-- The order does not depend on the order in which queues are named.
BEGIN;
SELECT setseed(0.25);
SELECT count(pg_temp.arrive(w, n::text, now() - n * interval '1 second', (random() * 100)::int, round(random()::numeric, 1)))
FROM generate_series(1, 60) AS n,
     LATERAL (SELECT ('{ord exposure,ord uncertainty,ord loss,ord fifo,ord due hour}'::text[])[1 + n % 5]) AS v (w);
SAVEPOINT s;
CREATE TEMP TABLE ord_served (queues text[], served text);
DO $$
DECLARE
    queues text[];
    got    text;
BEGIN
    FOR i IN 1 .. 10 LOOP
        SELECT array_agg(q ORDER BY random()) INTO queues
        FROM unnest('{ord_exposure,ord_uncertainty,ord_loss,ord_fifo,ord_due}'::text[]) AS q;
        BEGIN
            got := pg_temp.served('ord_ann', queues);
            RAISE EXCEPTION USING ERRCODE = 'ZZZZZ';
        EXCEPTION WHEN SQLSTATE 'ZZZZZ' THEN
            INSERT INTO ord_served VALUES (queues, got);
        END;
    END LOOP;
END
$$;
SELECT count(DISTINCT queues) > 5 AS orders, count(DISTINCT served) AS results,
       min(cardinality(string_to_array(served, ' '))) AS tasks
FROM ord_served;
ROLLBACK;

--
-- Aging is a bound on overtaking: within queue and lane no task is served before
-- one that is older by more.  Tasks come at random and are claimed one by one,
-- slower than they come, so that the worst ones wait for long.  The most by
-- which a task that is served is younger than one that still waits:
--
CREATE FUNCTION pg_temp.overtaken(workflow text, seed float8, n int DEFAULT 400)
RETURNS interval LANGUAGE plpgsql AS $$
DECLARE
    start  CONSTANT timestamptz := now() - interval '10 days';
    at     timestamptz := start;
    worst  interval := '0';
    got    timestamptz;
    oldest timestamptz;
BEGIN
    PERFORM setseed(seed);
    FOR i IN 1 .. n LOOP
        -- one a minute, about
        at := at + random() * interval '2 minutes' + interval '1 millisecond';
        PERFORM pg_temp.arrive(workflow, i::text, at, (random() ^ 8 * 1e6)::int, random());
        IF i % 3 > 0 THEN
            CONTINUE;
        END IF;
        SELECT min(t.created_at) INTO oldest
        FROM hitl.task t WHERE t.workflow = overtaken.workflow AND t.holder IS NULL;
        SELECT t.created_at INTO got
        FROM hitl.claim(1, NULL, 'ord_ann') c JOIN hitl.task t ON t.id = c.task;
        worst := greatest(worst, got - oldest);
    END LOOP;
    RETURN worst;
END
$$;
-- Without it, there is no bound.
BEGIN;
SELECT workflow, pg_temp.overtaken(workflow, 0.5) > interval '2 hours' AS overtaken
FROM unnest('{ord exposure,ord uncertainty,ord loss}'::text[]) AS workflow;
ROLLBACK;
BEGIN;
SELECT count(hitl.create_queue('ord_aging_' || o, o, aging => '30 minutes')),
       count(hitl.create_workflow('ord aging ' || o, 'ord_aging_' || o)),
       count(hitl.join_queue('ord_ann', 'ord_aging_' || o))
FROM unnest('{exposure,uncertainty,expected_loss}'::text[]) AS o;
SELECT workflow, max(worst) > '0' AS overtaken, max(worst) <= interval '30 minutes' AS bound
FROM (SELECT workflow, pg_temp.overtaken(workflow, seed) AS worst
      FROM unnest('{ord aging exposure,ord aging uncertainty,ord aging expected_loss}'::text[]) AS workflow,
           unnest('{0.1,0.2,0.3}'::float8[]) AS seed OFFSET 0) s
GROUP BY 1 ORDER BY 1;
ROLLBACK;
-- By deadline: what has none is not overtaken for ever.
BEGIN;
SELECT hitl.create_queue('ord_aging', aging => '2 hours'), hitl.create_workflow('ord aging', 'ord_aging'),
       hitl.create_workflow('ord aging hour', 'ord_aging', sla => 'ord_hour'),
       hitl.join_queue('ord_ann', 'ord_aging');
SELECT pg_temp.arrive(w, 'none', now() - interval '3 hours'),
       pg_temp.arrive(w || ' hour', 'soon-1', now() - interval '10 minutes'),
       pg_temp.arrive(w || ' hour', 'soon-2', now() - interval '20 minutes'),
       pg_temp.arrive(w, 'new', now())
FROM unnest('{ord due,ord aging}'::text[]) AS w;
SELECT pg_temp.served('ord_ann', '{ord_due}') AS due, pg_temp.served('ord_ann', '{ord_aging}') AS aging;
ROLLBACK;

-- It takes effect on what waits already, and so does another ordering.
BEGIN;
SELECT pg_temp.arrive('ord exposure', s, now() - n * interval '1 minute', e, 0.5)
FROM (VALUES ('old', 60, 1), ('much', 3, 10), ('more', 1, 1000000)) AS v (s, n, e);
SAVEPOINT s;
SELECT pg_temp.served('ord_ann');
ROLLBACK TO s;
SELECT hitl.set_queue('ord_exposure', aging => '30 minutes');
SAVEPOINT s2;
SELECT pg_temp.served('ord_ann');
ROLLBACK TO s2;
SELECT hitl.set_queue('ord_exposure', ordering => 'fifo', reset => '{aging}');
SELECT pg_temp.served('ord_ann');
ROLLBACK;

--
-- claim(n) returns the same as n claims, in the same order.
--
BEGIN;
SELECT setseed(0.75);
SELECT count(pg_temp.arrive(w, n::text, now() - n * interval '1 second', (random() * 100)::int, round(random()::numeric, 1)))
FROM generate_series(1, 60) AS n,
     LATERAL (SELECT ('{ord exposure,ord uncertainty,ord loss,ord fifo,ord due hour}'::text[])[1 + n % 5]) AS v (w);
SAVEPOINT s;
SELECT pg_temp.served('ord_ann') AS one_by_one \gset
ROLLBACK TO s;
SELECT string_agg(d.subject, ' ' ORDER BY ordinality) = :'one_by_one' AS same
FROM hitl.claim(1000, NULL, 'ord_ann') WITH ORDINALITY AS c JOIN hitl.decision d ON d.id = c.decision;
ROLLBACK;
SELECT * FROM hitl.check();
