-- Certified thresholds, against the procedure written out row by row.
CREATE SCHEMA threshold_test;
SET search_path = threshold_test;

CREATE TABLE row_ AS
SELECT i, c, q, CASE WHEN q = 1 OR i % 3 = 0 THEN y END AS y
FROM (SELECT i, c, CASE WHEN c >= 0.8 OR c < 0.2 THEN 0.25 WHEN c >= 0.7 THEN 0.5 ELSE 1 END::float8 AS q,
             (i * 104729 % 1009) / 1009.0 < c AS y
      FROM (SELECT i, CASE WHEN i % 50 = 0 THEN 1 ELSE (i * 7919 % 1000) / 1000.0 END::float8 AS c
            FROM generate_series(1, 900) AS i) AS s) AS t;

CREATE FUNCTION near(a float8, b float8) RETURNS boolean
LANGUAGE sql IMMUTABLE AS 'SELECT a IS NULL AND b IS NULL
    OR coalesce(abs(a - b) <= 1e-9 * greatest(1, abs(b)), false)';

-- P(Bin(n, u) <= k), summed, and the u that gives it the value a, halved.
CREATE FUNCTION plain_tail(k int, n int, u float8) RETURNS float8
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    term float8 := (1 - u) ^ n;
    total float8 := term;
BEGIN
    FOR i IN 0 .. k - 1 LOOP
        term := term * (n - i) / (i + 1) * (u / (1 - u));
        total := total + term;
    END LOOP;
    RETURN total;
END $$;
CREATE FUNCTION plain_limit(k int, n int, a float8) RETURNS float8
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    lo float8 := 0;
    hi float8 := 1;
BEGIN
    IF n = 0 OR k = n THEN
        RETURN 1;
    END IF;
    FOR i IN 1 .. 52 LOOP
        IF plain_tail(k, n, (lo + hi) / 2) > a THEN
            lo := (lo + hi) / 2;
        ELSE
            hi := (lo + hi) / 2;
        END IF;
    END LOOP;
    RETURN (lo + hi) / 2;
END $$;

CREATE TYPE result AS (threshold float8, coverage float8, n_decisions bigint, n_labelled bigint,
                       errors bigint, risk float8, risk_upper float8, level_used float8);
CREATE FUNCTION plain_threshold(upper_ boolean, max_risk float8, delta float8, starts float8[],
                                grid int, scope text) RETURNS result
LANGUAGE plpgsql AS $$
DECLARE
    best result;
    s record;
    cut float8;
    n_all bigint := (SELECT count(*) FROM row_);
    carry float8 := 0;
    level float8;
    used boolean[] := array_fill(false, ARRAY[cardinality(starts)]);
BEGIN
    FOR i IN 0 .. grid LOOP
        cut := CASE WHEN upper_ THEN grid - i ELSE i END / grid::float8;
        CONTINUE WHEN NOT EXISTS (SELECT FROM row_ WHERE CASE WHEN upper_ THEN c >= cut ELSE c < cut END);
        level := carry;
        FOR j IN 1 .. cardinality(starts) LOOP
            IF NOT used[j] AND
               (SELECT count(*) FROM row_ WHERE CASE WHEN upper_ THEN c >= cut ELSE c < cut END)
               / n_all::float8 >= starts[j] THEN
                used[j] := true;
                level := level + delta / cardinality(starts);
            END IF;
        END LOOP;
        CONTINUE WHEN level = 0;
        SELECT sum(n) AS n, sum(m) AS m, sum(k) AS k, sum(n * k / m::float8) / sum(n) AS risk,
               sum(CASE WHEN scope = 'window' AND q = 1 THEN k + n - m
                        ELSE n * plain_limit(k::int, m::int, level / h) END) / sum(n) AS bound
        INTO s
        FROM (SELECT *, count(*) FILTER (WHERE scope = 'future' OR q < 1) OVER () AS h
              FROM (SELECT q, count(*) AS n, count(y) AS m, count(*) FILTER (WHERE y <> upper_) AS k
                    FROM row_ WHERE CASE WHEN upper_ THEN c >= cut ELSE c < cut END
                    GROUP BY q) AS strata) AS t;
        IF s.bound <= max_risk THEN
            carry := level;
            best := (cut, s.n / n_all::float8, s.n, s.m, s.k, s.risk, s.bound, level);
        ELSE
            carry := 0;
        END IF;
    END LOOP;
    RETURN best;
END $$;

SELECT case_, max_risk, delta, grid, scope, round(u.threshold::numeric, 3) AS upper,
       near(u.threshold, pu.threshold) AND near(u.coverage, pu.coverage)
       AND u.n_decisions IS NOT DISTINCT FROM pu.n_decisions
       AND u.n_labelled IS NOT DISTINCT FROM pu.n_labelled
       AND u.errors IS NOT DISTINCT FROM pu.errors AND near(u.risk, pu.risk)
       AND near(u.risk_upper, pu.risk_upper) AND near(u.level_used, pu.level_used) AS equal,
       round(l.threshold::numeric, 3) AS lower,
       near(l.threshold, pl.threshold) AND near(l.coverage, pl.coverage)
       AND l.n_decisions IS NOT DISTINCT FROM pl.n_decisions
       AND l.n_labelled IS NOT DISTINCT FROM pl.n_labelled
       AND l.errors IS NOT DISTINCT FROM pl.errors AND near(l.risk, pl.risk)
       AND near(l.risk_upper, pl.risk_upper) AND near(l.level_used, pl.level_used) AS equal
FROM (SELECT hitl.calib_agg(c, y, q) AS k FROM row_) AS a,
     (VALUES (1, 0.3, 0.05, '{0.1,0.3,0.5,0.7,0.9}', 20, 'future'),
             (2, 0.3, 0.05, '{0.1,0.3,0.5,0.7,0.9}', 20, 'window'),
             (3, 0.25, 0.5, '{0}', 25, 'future'),
             (4, 0.5, 0.1, '{0.05,0.2,0.2}', 10, 'window'),
             (5, 0.9, 0.01, '{0.02,1}', 8, 'future'),
             (6, 0.999, 0.9, '{0.5}', 1, 'window'),
             (7, 0.2, 0.2, '{0.02,0.05,0.1}', 50, 'future'),
             (8, 0.001, 0.05, '{0.1}', 20, 'future'))
         AS v (case_, max_risk, delta, starts, grid, scope),
     LATERAL hitl.upper_threshold(k, max_risk, delta, starts::float8[], grid, scope) AS u,
     LATERAL plain_threshold(true, max_risk, delta, starts::float8[], grid, scope) AS pu,
     LATERAL hitl.lower_threshold(k, max_risk, delta, starts::float8[], grid, scope) AS l,
     LATERAL plain_threshold(false, max_risk, delta, starts::float8[], grid, scope) AS pl
ORDER BY case_;

-- The limit itself: one stratum, one candidate (every decision), one start.
-- It solves its equation, and k = 0 has the closed form 1 - a^(1/n).
SELECT n, k, a, near(t.risk_upper, plain_limit(k, n, a)) AS limit_,
       CASE WHEN k = 0 THEN near(t.risk_upper, 1 - a ^ (1.0 / n)) END AS closed_form
FROM (VALUES (1, 0, 0.5), (10, 0, 0.01), (400, 0, 1e-6), (10, 9, 0.05), (400, 1, 0.95),
             (400, 37, 0.01), (400, 200, 1e-9), (25, 24, 0.999)) AS v (n, k, a),
     LATERAL (SELECT hitl.calib_agg(0.5, i > k, 1) AS calib FROM generate_series(1, n) AS i) AS s,
     LATERAL hitl.upper_threshold(calib, 0.999999, a, '{1}', 1) AS t;
-- Millions of verdicts: between the share and the share plus five deviations.
SELECT t.risk, t.risk_upper > 0.1 AND t.risk_upper < 0.1 + 5 * sqrt(0.09 / 4e12) AS narrow
FROM (SELECT '{"calib":1,"strata":[{"propensity":1,"cells":[[500,4000000000000,4000000000000,3600000000000,2e12,1e12,1.8e12]]}]}'::hitl.calib AS calib) AS s,
     LATERAL hitl.upper_threshold(calib, 0.2) AS t;

-- The mirror image gives the same certificate.  (No decision lies on the grid,
-- where "from" and "below" differ.)
SELECT near(u.threshold, 1 - l.threshold) AND u.n_decisions = l.n_decisions
       AND u.errors = l.errors AND near(u.risk_upper, l.risk_upper) AS mirrored
FROM (SELECT hitl.calib_agg(c, y, q) AS a, hitl.calib_agg(1 - c, NOT y, q) AS b
      FROM (SELECT least(c, 0.999) + 0.0005 AS c, y, q FROM row_) AS s) AS s,
     LATERAL hitl.upper_threshold(a, 0.3, starts => '{0.1,0.4}') AS u,
     LATERAL hitl.lower_threshold(b, 0.3, starts => '{0.1,0.4}') AS l;

-- Nothing to go by: no row, no verdict, all wrong; and NULL arguments.
SELECT name, t.* FROM (
    SELECT '1 no row' AS name, '{"calib":1,"strata":[]}'::hitl.calib AS k
    UNION ALL SELECT '2 no verdict', hitl.calib_agg(c, NULL, q) FROM row_
    UNION ALL SELECT '3 all wrong', hitl.calib_agg(c, false, q) FROM row_
    UNION ALL SELECT '4 NULL', NULL) AS s,
    LATERAL hitl.upper_threshold(k, 0.9) AS t
ORDER BY name;
-- A group without verdicts counts as wrong in both figures.
SELECT t.threshold, t.n_decisions, t.n_labelled, t.errors, t.risk,
       near(t.risk_upper, (10 + 1000 * (1 - 0.005 ^ 0.001)) / 1010) AS risk_upper
FROM (SELECT hitl.calib_agg(1, CASE WHEN q = 1 THEN true END, q) AS k
      FROM (SELECT CASE WHEN i <= 10 THEN 0.01 ELSE 1 END::float8 AS q FROM generate_series(1, 1010) AS i) AS s) AS a,
     LATERAL hitl.upper_threshold(k, 0.05, starts => '{0.1,0.3,0.5,0.7,0.9}', delta => 0.01) AS t;
-- Confidence 1 alone: the first candidate is c >= 1, and c < 1 leaves it out.
SELECT u.threshold AS upper, u.coverage AS upper_coverage, l.threshold AS lower, l.coverage AS lower_coverage
FROM (SELECT hitl.calib_agg(c, c = 1, 1) AS k
      FROM generate_series(1, 200), (VALUES (1), (0.99999)) AS v (c)) AS s,
     LATERAL hitl.upper_threshold(k, 0.1) AS u, LATERAL hitl.lower_threshold(k, 0.1) AS l;

-- Refused arguments.
\set VERBOSITY sqlstate
CREATE TABLE calib AS SELECT hitl.calib_agg(c, y, q) AS k FROM row_;
SELECT hitl.upper_threshold(k, 0) FROM calib;
SELECT hitl.upper_threshold(k, 1) FROM calib;
SELECT hitl.upper_threshold(k, 'NaN') FROM calib;
SELECT hitl.upper_threshold(k, 0.1, 0) FROM calib;
SELECT hitl.upper_threshold(k, 0.1, 1) FROM calib;
SELECT hitl.upper_threshold(k, 0.1, 'NaN') FROM calib;
SELECT hitl.upper_threshold(k, 0.1, starts => '{}') FROM calib;
SELECT hitl.upper_threshold(k, 0.1, starts => '{0.1,NULL}') FROM calib;
SELECT hitl.upper_threshold(k, 0.1, starts => '{{0.1},{0.2}}') FROM calib;
SELECT hitl.upper_threshold(k, 0.1, starts => '{1.1}') FROM calib;
SELECT hitl.upper_threshold(k, 0.1, starts => '{-0.1}') FROM calib;
SELECT hitl.upper_threshold(k, 0.1, starts => '{NaN}') FROM calib;
SELECT hitl.upper_threshold(k, 0.1, grid => 0) FROM calib;
SELECT hitl.upper_threshold(k, 0.1, grid => -10) FROM calib;
SELECT hitl.upper_threshold(k, 0.1, grid => 3) FROM calib;
SELECT hitl.upper_threshold(k, 0.1, grid => 2000) FROM calib;
SELECT hitl.upper_threshold(k, 0.1, scope => 'past') FROM calib;
SELECT hitl.lower_threshold(k, 0.1, scope => 'Future') FROM calib;
SELECT hitl.lower_threshold(k, 2) FROM calib;
\set VERBOSITY default
SELECT hitl.upper_threshold(k, NULL) IS NULL AS strict FROM calib;

SELECT proname, provolatile, proparallel, proisstrict, obj_description(oid, 'pg_proc') IS NOT NULL AS commented
FROM pg_proc
WHERE pronamespace = 'hitl'::regnamespace AND proname IN ('upper_threshold', 'lower_threshold')
ORDER BY 1;

RESET search_path;
SET client_min_messages = warning;
DROP SCHEMA threshold_test CASCADE;
