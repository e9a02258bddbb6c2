-- What calibration costs over 10 million rows.
--
--		psql -X -f test/bench/calib.sql -d SCRATCH
--
-- It makes an unlogged table of 10 million decisions in schema calib_bench
-- (about 500 MB; shared_buffers of 1 GB keeps it in memory), and runs each query
-- five times, serially and with two parallel workers.  It reports the median
-- of each and its ratio to avg(confidence), the cheapest aggregate over the
-- same column that does some arithmetic.  Read the ratios; the milliseconds are
-- those of the machine.  Rounds are interleaved, so that load from elsewhere
-- falls on all queries alike; with a busy machine run it again.
--
-- Goals: scores at most 1.1 times avg(confidence), calib_agg at most 1.5 times,
-- serially and in parallel.
\set ON_ERROR_STOP 1
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS hitl;
DROP SCHEMA IF EXISTS calib_bench CASCADE;
CREATE SCHEMA calib_bench;
SET search_path = calib_bench;
SET jit = off;

CREATE UNLOGGED TABLE decided AS
SELECT c AS confidence, random() < c AS outcome,
       CASE WHEN c >= 0.9 THEN 0.05 ELSE 1 END::float8 AS propensity,
       CASE WHEN c >= 0.9 THEN 20 ELSE 1 END::float8 AS weight
FROM (SELECT round(random()::numeric, 4)::float8 AS c
      FROM generate_series(1, 10000000)) AS s;
VACUUM ANALYZE decided;

CREATE TABLE query (id int, name text, text text);
INSERT INTO query VALUES
    (1, 'avg(confidence)', 'SELECT avg(confidence) FROM decided'),
    (2, 'ece + brier + curve', 'SELECT hitl.ece(confidence, outcome), hitl.brier_score(confidence, outcome),
        hitl.reliability_curve(confidence, outcome) FROM decided'),
    (3, 'the same, weighted', 'SELECT hitl.ece(confidence, outcome, weight), hitl.brier_score(confidence, outcome, weight),
        hitl.reliability_curve(confidence, outcome, weight) FROM decided'),
    (4, 'calib_agg', 'SELECT hitl.calib_agg(confidence, outcome, propensity) FROM decided'),
    (5, 'count(*)', 'SELECT count(*) FROM decided'),
    (6, 'ece + brier in SQL', 'SELECT sum(abs(gap)) / sum(n), sum(brier) / sum(n)
        FROM (SELECT sum(confidence - outcome::int) AS gap, count(*) AS n, sum((confidence - outcome::int) ^ 2) AS brier
              FROM decided GROUP BY floor(confidence * 10)) AS b');
CREATE TABLE run (id int, workers int, ms float8);

DO $$
DECLARE
    q record;
    start timestamptz;
BEGIN
    FOR w IN 0 .. 2 BY 2 LOOP
        PERFORM set_config('max_parallel_workers_per_gather', w::text, false);
        FOR i IN 0 .. 5 LOOP
            FOR q IN SELECT * FROM query ORDER BY id LOOP
                start := clock_timestamp();
                EXECUTE q.text;
                -- the first round only warms up
                IF i > 0 THEN
                    INSERT INTO run
                    VALUES (q.id, w, 1000 * extract(epoch FROM clock_timestamp() - start));
                END IF;
            END LOOP;
        END LOOP;
    END LOOP;
END $$;

SELECT workers, name, round(ms::numeric) AS ms, round((ms / first_value(ms) OVER w)::numeric, 2) AS ratio
FROM (SELECT workers, id, percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) AS ms
      FROM run GROUP BY workers, id) AS r JOIN query USING (id)
WINDOW w AS (PARTITION BY workers ORDER BY id)
ORDER BY workers, id;
DROP SCHEMA calib_bench CASCADE;
