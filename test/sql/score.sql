-- Scores over rows, against the same figures in plain SQL arithmetic.
CREATE SCHEMA score_test;
SET search_path = score_test;

-- Confidences with two and four decimals (many lie on bin edges), outcomes
-- less often right than stated, weights of three sizes.
CREATE TABLE row_ AS
SELECT i,
       CASE WHEN i % 3 = 0 THEN (i * 7919 % 10001) / 10000.0
            ELSE (i * 7919 % 101) / 100.0 END::float8 AS c,
       (i * 104729 % 1000) / 1000.0 < (i * 7919 % 101) / 110.0 AS y,
       (ARRAY[1, 2.5, 20])[1 + i % 3]::float8 AS w
FROM generate_series(1, 20000) AS i;
ANALYZE row_;

CREATE FUNCTION near(a float8, b float8) RETURNS boolean
LANGUAGE sql IMMUTABLE AS 'SELECT abs(a - b) <= 1e-9 * greatest(1, abs(b))';

-- Bin k of m holds the confidences from k/m, so its number follows from that
-- of the edges not above; the last bin holds 1 too.
CREATE TABLE edge AS
SELECT m, array_agg(k / m::float8 ORDER BY k) AS edges
FROM (VALUES (1), (7), (10), (100), (1000)) AS v (m), generate_series(0, m - 1) AS k
GROUP BY m;

CREATE TABLE plain AS
SELECT m, weighted, bin, count(*) AS n, sum(w) AS w, sum(w * c) AS wc,
       sum(w * y::int) AS wy, sum(w * w) AS ww, sum(w * w * y::int) AS wwy,
       sum(w * (c - y::int) ^ 2) AS brier
FROM (SELECT m, weighted, width_bucket(c, edges) - 1 AS bin, c, y,
             CASE WHEN weighted THEN w ELSE 1 END AS w
      FROM row_, edge, (VALUES (false), (true)) AS u (weighted)) AS r
GROUP BY m, weighted, bin;

SELECT m, weighted,
       near(ece, (SELECT sum(abs(wc - wy)) / sum(w) FROM plain AS p
                  WHERE p.m = r.m AND p.weighted = r.weighted)) AS ece,
       near(gap, (SELECT sum(wc - wy) / sum(w) FROM plain AS p
                  WHERE p.m = r.m AND p.weighted = r.weighted)) AS gap,
       near(brier, (SELECT sum(brier) / sum(w) FROM plain AS p
                    WHERE p.m = r.m AND p.weighted = r.weighted)) AS brier
FROM (SELECT m, true AS weighted, hitl.ece(c, y, w, m),
             hitl.calibration_gap(c, y, w) AS gap,
             hitl.brier_score(c, y, w) AS brier
      FROM row_, (VALUES (1), (7), (10), (100), (1000)) AS b (m)
      GROUP BY m
      UNION ALL
      SELECT 10, false, hitl.ece(c, y), hitl.calibration_gap(c, y),
             hitl.brier_score(c, y)
      FROM row_) AS r
ORDER BY weighted, m;

-- Every bin of the curve, and no bin too many.
SELECT r.m, r.weighted, count(*) AS bins,
       bool_and(b.lo = b.bin / r.m::float8) AS lo,
       bool_and(b.hi = (b.bin + 1) / r.m::float8) AS hi,
       bool_and(b.n = coalesce(p.n, 0)) AS n,
       bool_and(near(b.weight_sum, coalesce(p.w, 0))) AS weight_sum,
       bool_and(near(b.mean_confidence, p.wc / p.w)) AS mean_confidence,
       bool_and(near(b.accuracy, p.wy / p.w)) AS accuracy,
       bool_and((b.n = 0) = (b.accuracy_lo IS NULL)) AS null_when_empty,
       bool_and(b.accuracy_lo <= b.accuracy AND b.accuracy <= b.accuracy_hi
                AND b.accuracy_lo >= 0 AND b.accuracy_hi <= 1) AS ordered
FROM (SELECT m, true AS weighted, hitl.reliability_curve(c, y, w, m) AS curve
      FROM row_, (VALUES (1), (7), (10), (100), (1000)) AS b (m)
      GROUP BY m
      UNION ALL
      SELECT 10, false, hitl.reliability_curve(c, y) FROM row_) AS r,
     unnest(curve) AS b
     LEFT JOIN plain AS p ON p.bin = b.bin
WHERE p.m IS NULL OR (p.m = r.m AND p.weighted = r.weighted)
GROUP BY r.m, r.weighted
ORDER BY r.weighted, r.m;

-- The interval of a bin is that of rate() over its rows, and at weight 1 that
-- of wilson() over its counts.
SELECT bool_and(near(b.accuracy_lo, r.lo) AND near(b.accuracy_hi, r.hi)) AS weighted
FROM (SELECT hitl.reliability_curve(c, y, w) AS curve FROM row_) AS s,
     unnest(curve) AS b,
     LATERAL (SELECT (hitl.rate(y, w)).* FROM row_
              WHERE width_bucket(c, (SELECT edges FROM edge WHERE m = 10)) - 1 = b.bin) AS r;
SELECT bool_and(near(b.accuracy_lo, r.lo) AND near(b.accuracy_hi, r.hi)) AS plain
FROM (SELECT hitl.reliability_curve(c, y) AS curve FROM row_) AS s,
     unnest(curve) AS b,
     LATERAL hitl.wilson(b.accuracy * b.n, b.n, 0.95) AS r;

-- Edges are the doubles nearest to k/m; a neighbour below is in the bin below.
SELECT m, count(*) AS probes, bool_and(got = want) AS right_bin
FROM (SELECT m, want, (SELECT b.bin FROM unnest(curve) AS b WHERE b.n = 1) AS got
      FROM (SELECT m, k AS want,
                   hitl.reliability_curve(k / m::float8, true, 1, m) AS curve
            FROM (VALUES (3), (10), (100), (1000)) AS v (m),
                 generate_series(0, m - 1) AS k
            GROUP BY m, k
            UNION ALL
            -- the factor takes a double to the next one below
            SELECT m, k - 1,
                   hitl.reliability_curve(k / m::float8 * 0.9999999999999999,
                                          true, 1, m)
            FROM (VALUES (3), (10), (100), (1000)) AS v (m),
                 generate_series(1, m) AS k
            GROUP BY m, k) AS s) AS t
GROUP BY m ORDER BY m;
SELECT hitl.ece(c, true, 1, 10) = 1 - c::float8 AS near_1
FROM (VALUES (1::float8), (0.9999999999999999)) AS v (c) GROUP BY c ORDER BY c;

-- -0 is 0.
SELECT hitl.brier_score('-0'::float8, false), hitl.ece('-0'::float8, false),
       (hitl.reliability_curve('-0'::float8, true))[1].n,
       (hitl.reliability_curve('-0'::float8, true))[1].mean_confidence;

-- NULL in any argument, and weight 0, take a row out; no row left gives NULL.
CREATE TABLE gap_row (c float8, y boolean, w float8, m int, e float8);
INSERT INTO gap_row VALUES
    (0.75, true, 2, 4, 0.9), (NULL, true, 2, 4, 0.9), (0.75, NULL, 2, 4, 0.9),
    (0.75, false, NULL, 4, 0.9), (0.75, false, 2, NULL, NULL),
    (0.75, false, 0, 4, 0.9), (7, false, 0, 0, 7), (0.25, false, 2, 4, 0.9);
SELECT hitl.brier_score(c, y, w) AS brier, hitl.ece(c, y, w, m) AS ece,
       (SELECT array_agg(n) FROM unnest(hitl.reliability_curve(c, y, w, m))) AS n,
       (hitl.rate(y, w)).n AS rate_n, (hitl.rate(y, w)).rate,
       (hitl.rate(y, w, e)).n AS level_n,
       round((hitl.rate(y, w, e)).lo::numeric, 12) AS lo
FROM gap_row;
SELECT hitl.brier_score(c, y) AS unweighted FROM gap_row WHERE c < 1;
SELECT hitl.brier_score(c, y), hitl.brier_score(c, y, w),
       hitl.calibration_gap(c, y), hitl.calibration_gap(c, y, w),
       hitl.ece(c, y), hitl.ece(c, y, w), hitl.ece(c, y, w, m),
       hitl.reliability_curve(c, y), hitl.reliability_curve(c, y, w),
       hitl.reliability_curve(c, y, w, m),
       hitl.rate(y), hitl.rate(y, w), hitl.rate(y, w, e)
FROM gap_row WHERE false;
SELECT hitl.brier_score(c, y, w) IS NULL AS brier, hitl.ece(c, y, w, m) IS NULL AS ece,
       (hitl.rate(y, w)).n IS NULL AS rate
FROM gap_row WHERE w = 0 OR w IS NULL;

-- One row, all equal, all wrong, all right.
SELECT hitl.brier_score(c, y), hitl.calibration_gap(c, y), hitl.ece(c, y),
       (hitl.rate(y)).rate, (hitl.rate(y)).std_error, (hitl.rate(y)).n_eff,
       round((hitl.rate(y)).lo::numeric, 9) AS lo,
       round((hitl.rate(y)).hi::numeric, 9) AS hi
FROM (VALUES (1, 0.5::float8, true), (2, 1, false), (2, 1, false),
             (3, 0, true), (3, 0, true), (4, 1, true)) AS v (g, c, y)
GROUP BY g ORDER BY g;

-- Order does not matter, nor do doubled rows; one bin gives the absolute gap.
SELECT near(a.v, b.v) AS ordered, near(a.v, d.v) AS doubled,
       near((SELECT hitl.ece(c, y, w, 1) FROM row_),
            abs((SELECT hitl.calibration_gap(c, y, w) FROM row_))) AS one_bin,
       near((SELECT hitl.calibration_gap(c, y, w) FROM row_),
            -(SELECT hitl.calibration_gap(1 - c, NOT y, w) FROM row_)) AS mirrored
FROM (SELECT hitl.ece(c, y, w ORDER BY c) AS v FROM row_) AS a,
     (SELECT hitl.ece(c, y, w ORDER BY i DESC) AS v FROM row_) AS b,
     (SELECT hitl.ece(c, y, w) AS v
      FROM (SELECT * FROM row_ UNION ALL SELECT * FROM row_) AS t) AS d;

-- The scale of the weights does not matter, however far it goes, nor that a
-- heavy row comes after light ones.
SELECT s AS scale,
       near(hitl.ece(c, y, w * s), (SELECT hitl.ece(c, y, w) FROM row_)) AS ece,
       near(hitl.brier_score(c, y, w * s),
            (SELECT hitl.brier_score(c, y, w) FROM row_)) AS brier,
       near((hitl.rate(y, w * s)).n_eff,
            (SELECT (hitl.rate(y, w)).n_eff FROM row_)) AS n_eff,
       near((hitl.rate(y, w * s)).weight_sum / s,
            (SELECT (hitl.rate(y, w)).weight_sum FROM row_)) AS weight_sum
FROM row_, (VALUES (1e-300::float8), (1e-160), (1e-12), (1e12), (1e160), (1e300)) AS v (s)
GROUP BY s ORDER BY s;
SELECT hitl.calibration_gap(c, y, w ORDER BY w) AS light_first,
       hitl.calibration_gap(c, y, w ORDER BY w DESC) AS heavy_first
FROM (VALUES (0.5::float8, true, 1e-250::float8), (0.75, false, 1),
             (0.25, true, 1e300)) AS v (c, y, w);
SELECT hitl.brier_score(0.5, true, 5e-324::float8) AS smallest,
       hitl.brier_score(0.5, true, 1.7e308::float8) AS largest;

-- Parameters come from the first row that counts, and stay.
\set VERBOSITY sqlstate
SELECT hitl.ece(c, y, w, i) FROM row_ WHERE i <= 2;
SELECT hitl.reliability_curve(c, y, w, i) FROM row_ WHERE i <= 2;
SELECT hitl.rate(y, w, i / 10.0) FROM row_ WHERE i <= 2;
SELECT hitl.ece(c, y, w, 0) FROM row_;
SELECT hitl.ece(c, y, w, -1) FROM row_;
SELECT hitl.ece(c, y, w, 10001) FROM row_;
SELECT array_length(hitl.reliability_curve(c, y, w, 10000), 1) FROM row_;
SELECT hitl.rate(y, w, 0) FROM row_;
SELECT hitl.rate(y, w, 1) FROM row_;
SELECT hitl.rate(y, w, 'NaN') FROM row_;
-- confidences
SELECT hitl.ece('NaN', true);
SELECT hitl.ece(-1e-300::float8, true);
SELECT hitl.ece(1.0000000000000002, true);
SELECT hitl.brier_score('Infinity', true);
SELECT hitl.calibration_gap('-Infinity', true, 1);
SELECT hitl.reliability_curve(2, true, 1, 10);
-- weights
SELECT hitl.brier_score(0.5, true, -1);
SELECT hitl.ece(0.5, true, 'NaN');
SELECT hitl.calibration_gap(0.5, true, 'Infinity');
SELECT hitl.reliability_curve(0.5, true, '-Infinity', 10);
SELECT hitl.rate(true, -1);
SELECT hitl.rate(true, 'NaN');
-- a sum of weights that has no double
SELECT hitl.rate(y, w * 1e304) FROM row_;
\set VERBOSITY default

-- wilson(): NULL in, NULL out; nothing known without trials.
SELECT round(lo::numeric, 12) AS lo, round(hi::numeric, 12) AS hi
FROM (VALUES (0, 10, 0.95), (10, 10, 0.95), (5, 10, 0.95), (0, 0, 0.95),
             (2.5, 17.25, 0.9), (1, 1e9, 0.999999)) AS v (k, n, level),
     LATERAL hitl.wilson(k, n, level);
SELECT * FROM hitl.wilson(0, 10);
SELECT * FROM hitl.wilson(NULL, 10);
\set VERBOSITY sqlstate
SELECT hitl.wilson(-1, 10);
SELECT hitl.wilson(11, 10);
SELECT hitl.wilson(1, 'Infinity');
SELECT hitl.wilson('NaN', 10);
SELECT hitl.wilson(1, 'NaN');
SELECT hitl.wilson(1, 10, 0);
SELECT hitl.wilson(1, 10, 1);
SELECT hitl.wilson(1, 10, 'NaN');
\set VERBOSITY default
-- The quantile behind it: at n trials, p = 0, the upper limit is z^2/(n + z^2).
SELECT level, round(sqrt(hi / (1 - hi))::numeric, 12) AS z
FROM (VALUES (0.0001), (0.5), (0.9), (0.95), (0.99), (0.999999999)) AS v (level),
     LATERAL hitl.wilson(0, 1, level);

-- As a window function a frame gives what its rows give.
SELECT bool_and(near(w.v, p.v)) AS window_
FROM (SELECT i, hitl.ece(c, y, w) OVER (ORDER BY i ROWS 99 PRECEDING) AS v FROM row_
      WHERE i <= 400) AS w,
     LATERAL (SELECT hitl.ece(c, y, w) AS v FROM row_ AS r
              WHERE r.i BETWEEN w.i - 99 AND w.i) AS p;

-- A parallel plan gives what the serial one gives.
CREATE TABLE result AS
SELECT 'serial' AS plan, hitl.ece(c, y) AS e2, hitl.ece(c, y, w) AS e3,
       hitl.ece(c, y, w, 15) AS e4, hitl.brier_score(c, y, w) AS b,
       hitl.calibration_gap(c, y, w * 1e300) AS g, (hitl.rate(y, w, 0.9)).hi,
       hitl.reliability_curve(c, y, w, 7) AS r
FROM row_;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
CREATE FUNCTION plan_has(query text, node text) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
        IF line LIKE '%' || node || '%' THEN
            RETURN true;
        END IF;
    END LOOP;
    RETURN false;
END $$;
SELECT plan_has($$SELECT hitl.ece(c, y), hitl.ece(c, y, w), hitl.ece(c, y, w, 15),
                  hitl.brier_score(c, y, w), hitl.calibration_gap(c, y, w),
                  hitl.rate(y, w, 0.9), hitl.reliability_curve(c, y, w, 7)
                  FROM row_$$, 'Partial Aggregate') AS parallel;
INSERT INTO result
SELECT 'parallel', hitl.ece(c, y), hitl.ece(c, y, w),
       hitl.ece(c, y, w, 15), hitl.brier_score(c, y, w),
       hitl.calibration_gap(c, y, w * 1e300), (hitl.rate(y, w, 0.9)).hi,
       hitl.reliability_curve(c, y, w, 7)
FROM row_;
SELECT near(a.e2, b.e2) AS e2, near(a.e3, b.e3) AS e3, near(a.e4, b.e4) AS e4,
       near(a.b, b.b) AS b, near(a.g, b.g) AS g, near(a.hi, b.hi) AS hi,
       (SELECT bool_and(x.n = y.n AND near(x.weight_sum, y.weight_sum)
                        AND near(x.accuracy_lo, y.accuracy_lo))
        FROM unnest(a.r) AS x JOIN unnest(b.r) AS y USING (bin)) AS r
FROM result AS a, result AS b WHERE a.plan = 'serial' AND b.plan = 'parallel';
-- partial states over a partitioned table, some of them empty, and of
-- different scales of weight
CREATE TABLE part (i int, c float8, y boolean, w float8) PARTITION BY RANGE (i);
CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (0) TO (7000);
CREATE TABLE part_2 PARTITION OF part FOR VALUES FROM (7000) TO (20001);
CREATE TABLE part_3 PARTITION OF part FOR VALUES FROM (20001) TO (30000);
INSERT INTO part SELECT i, c, y, w * CASE WHEN i < 7000 THEN 1e-250 ELSE 1e-251 END FROM row_;
SET enable_partitionwise_aggregate = on;
SET max_parallel_workers_per_gather = 0;
SELECT plan_has('SELECT hitl.ece(c, y, w) FROM part', 'Partial Aggregate') AS partitionwise;
SELECT near((SELECT hitl.ece(c, y, w, 15) FROM part),
            (SELECT hitl.ece(c, y, w * CASE WHEN i < 7000 THEN 10 ELSE 1 END, 15)
             FROM row_)) AS scaled;
SET max_parallel_workers_per_gather = 2;
\set VERBOSITY sqlstate
-- a parameter that differs between partial states
SELECT hitl.ece(c, y, w, CASE WHEN i < 7000 THEN 10 ELSE 11 END) FROM part;
\set VERBOSITY default

-- What the catalogs say: one set of support functions for each list of
-- arguments, everything immutable, parallel safe and commented.
SELECT pg_get_function_arguments(p.oid) AS arguments, count(*) AS aggregates,
       count(DISTINCT (aggtransfn, aggserialfn, aggdeserialfn, aggcombinefn, aggtransspace)) AS states
FROM pg_aggregate AS a JOIN pg_proc AS p ON p.oid = aggfnoid
WHERE pronamespace = 'hitl'::regnamespace
  AND proname IN ('ece', 'brier_score', 'calibration_gap', 'reliability_curve')
GROUP BY 1 ORDER BY 1;
SELECT proname, provolatile, proparallel, proisstrict,
       count(*), count(obj_description(oid, 'pg_proc')) AS commented
FROM pg_proc
WHERE pronamespace = 'hitl'::regnamespace
  AND proname ~ '^(score_|rate|brier_score|calibration_gap|ece|reliability_curve|wilson)'
  AND NOT 'hitl.calib'::text = ANY (ARRAY(SELECT format_type(t, NULL) FROM unnest(proargtypes) AS t))
GROUP BY 1, 2, 3, 4 ORDER BY 1;

RESET search_path;
SET client_min_messages = warning;
DROP SCHEMA score_test CASCADE;
