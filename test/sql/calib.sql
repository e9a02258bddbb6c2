-- The type calib: what goes in, what comes out, what is refused.
CREATE SCHEMA calib_test;
SET search_path = calib_test;

-- Confidences with two and four decimals, three propensities, and automatic
-- decisions that mostly lack a verdict.
CREATE TABLE row_ AS
SELECT i, c, q, CASE WHEN q = 1 OR i % 5 = 0 THEN y END AS y
FROM (SELECT i,
             CASE WHEN i % 3 = 0 THEN (i * 7919 % 10001) / 10000.0
                  ELSE (i * 7919 % 101) / 100.0 END::float8 AS c,
             (ARRAY[1, 0.2, 0.05])[1 + i % 3]::float8 AS q,
             (i * 104729 % 1000) / 1000.0 < (i * 7919 % 101) / 110.0 AS y
      FROM generate_series(1, 20000) AS i) AS s;
ANALYZE row_;

CREATE FUNCTION near(a float8, b float8) RETURNS boolean
LANGUAGE sql IMMUTABLE AS 'SELECT abs(a - b) <= 1e-9 * greatest(1, abs(b))';
-- equal but for the rounding of sums: number by number in the text form
CREATE FUNCTION same(a hitl.calib, b hitl.calib) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT bool_and(coalesce(x = y OR near(x::float8, y::float8), false))
    FROM ROWS FROM (regexp_split_to_table(a::text, '[^0-9.+-]*[][{}:, ]+'),
                    regexp_split_to_table(b::text, '[^0-9.+-]*[][{}:, ]+')) AS t (x, y)
$$;

-- The text form: cell, rows, verdicts, right ones, sums of c, c^2, c where right.
SELECT hitl.calib_agg(c, y, q)
FROM (VALUES (0.5::float8, true, 1::float8), (0.5, false, 1), (0.5009765625, true, 1),
             (0.501, NULL, 1), (0, true, 0.25), ('-0', true, 0.25), (1, false, 0.25),
             (0.9999999999999999, NULL, 0.25), (NULL, true, 1), (0.5, true, NULL)) AS v (c, y, q);
SELECT pg_typeof(j), j -> 'strata' -> 1 -> 'propensity' AS propensity
FROM (SELECT hitl.calib_agg(c, y, q)::text::jsonb AS j FROM row_) AS s;

-- Counts and cells, against plain SQL.
SELECT k.*, k.n_rows = r.n_rows AND k.n_labelled = r.n_labelled AND k.n_right = r.n_right
            AND near(k.weight_sum, r.weight_sum) AND k.propensities = r.propensities AS equal
FROM (SELECT (hitl.calib_counts(hitl.calib_agg(c, y, q))).* FROM row_) AS k,
     (SELECT count(*) AS n_rows, count(y) AS n_labelled, count(*) FILTER (WHERE y) AS n_right,
             sum(1 / q) FILTER (WHERE y IS NOT NULL) AS weight_sum,
             count(DISTINCT q) AS propensities FROM row_) AS r;
WITH got AS (
    SELECT (s ->> 'propensity')::float8 AS q, (e ->> 0)::int AS cell, (e ->> 1)::bigint AS n,
           coalesce((e ->> 2)::bigint, 0) AS m, coalesce((e ->> 3)::bigint, 0) AS k,
           coalesce((e ->> 4)::float8, 0) AS sc, coalesce((e ->> 5)::float8, 0) AS scc,
           coalesce((e ->> 6)::float8, 0) AS scy
    FROM (SELECT hitl.calib_agg(c, y, q)::text::jsonb AS j FROM row_) AS a,
         jsonb_array_elements(j -> 'strata') AS s, jsonb_array_elements(s -> 'cells') AS e
), want AS (
    SELECT q, CASE WHEN c = 1 THEN 1000 ELSE width_bucket(c, edges) - 1 END AS cell,
           count(*) AS n, count(y) AS m, count(*) FILTER (WHERE y) AS k,
           coalesce(sum(c) FILTER (WHERE y IS NOT NULL), 0) AS sc,
           coalesce(sum(c * c) FILTER (WHERE y IS NOT NULL), 0) AS scc,
           coalesce(sum(c) FILTER (WHERE y), 0) AS scy
    FROM row_, (SELECT array_agg(k / 1000::float8 ORDER BY k) AS edges
                FROM generate_series(0, 999) AS k) AS e
    GROUP BY q, cell
)
SELECT count(*) AS cells, count(*) FILTER (WHERE g.n = w.n AND g.m = w.m AND g.k = w.k
           AND near(g.sc, w.sc) AND near(g.scc, w.scc) AND near(g.scy, w.scy)) AS equal
FROM got AS g FULL JOIN want AS w USING (q, cell);
-- every edge k/1000 and the double below it
SELECT count(*) AS probes, bool_and(cell = want) AS right_cell
FROM (SELECT want, ((hitl.calib_agg(c, NULL, 1))::text::jsonb
                    #>> '{strata,0,cells,0,0}')::int AS cell
      FROM (SELECT k AS want, k / 1000::float8 AS c FROM generate_series(0, 1000) AS k
            UNION ALL
            SELECT k - 1, k / 1000::float8 * 0.9999999999999999
            FROM generate_series(1, 1000) AS k) AS p
      GROUP BY want, c) AS r;

-- Scores equal those of the rows at weight 1/propensity, for every number of
-- bins that divides 1000.
SELECT bins, near(hitl.ece(k, bins), e) AS ece, near(hitl.brier_score(k), b) AS brier,
       near(hitl.calibration_gap(k), g) AS gap,
       (SELECT bool_and(x.n = y.n AND x.lo = y.lo AND x.hi = y.hi
                        AND near(x.weight_sum, y.weight_sum)
                        AND (x.mean_confidence IS NULL) = (y.mean_confidence IS NULL)
                        AND coalesce(near(x.mean_confidence, y.mean_confidence)
                                     AND near(x.accuracy, y.accuracy)
                                     AND near(x.accuracy_lo, y.accuracy_lo)
                                     AND near(x.accuracy_hi, y.accuracy_hi), true))
        FROM unnest(hitl.reliability_curve(k, bins)) AS x FULL JOIN unnest(r) AS y USING (bin)) AS curve
FROM (SELECT bins, hitl.calib_agg(c, y, q) AS k, hitl.ece(c, y, 1 / q, bins) AS e,
             hitl.brier_score(c, y, 1 / q) AS b, hitl.calibration_gap(c, y, 1 / q) AS g,
             hitl.reliability_curve(c, y, 1 / q, bins) AS r
      FROM row_, generate_series(1, 1000) AS bins
      WHERE 1000 % bins = 0 GROUP BY bins) AS s
ORDER BY bins;
SELECT hitl.ece(k) = hitl.ece(k, 10) AS ece,
       hitl.reliability_curve(k) = hitl.reliability_curve(k, 10) AS curve
FROM (SELECT hitl.calib_agg(c, y, q) AS k FROM row_) AS s;

-- No row, no verdict, one row, all wrong, all right.
SELECT hitl.calib_agg(c, y, q) AS agg, hitl.calib_rollup(NULL) AS rollup FROM row_ WHERE false;
SELECT name, hitl.brier_score(k) AS brier, hitl.calibration_gap(k) AS gap, hitl.ece(k) AS ece,
       array_length(hitl.reliability_curve(k), 1) AS bins, hitl.calib_counts(k) AS counts
FROM (SELECT '1 no row' AS name, '{"calib":1,"strata":[]}'::hitl.calib AS k
      UNION ALL SELECT '2 no verdict', hitl.calib_agg(c, NULL, q) FROM row_
      UNION ALL SELECT '3 one row', hitl.calib_agg(0.75, true, 0.5)
      UNION ALL SELECT '4 all wrong', hitl.calib_agg(1, false, 1) FROM generate_series(1, 5)
      UNION ALL SELECT '5 all right', hitl.calib_agg(1, true, 1) FROM generate_series(1, 5)
      UNION ALL SELECT '6 NULL', NULL) AS s
ORDER BY name;

-- Merging: states of parts give the state of the whole.
CREATE TABLE part AS
SELECT i % 7 AS g, hitl.calib_agg(c, y, q) AS k FROM row_ GROUP BY 1;
INSERT INTO part VALUES (7, NULL), (8, '{"calib":1,"strata":[]}');
SELECT same((SELECT hitl.calib_rollup(k) FROM part), a.k) AS rollup,
       same((SELECT hitl.calib_merge(hitl.calib_agg(c, y, q) FILTER (WHERE i <= 99),
                                     hitl.calib_agg(c, y, q) FILTER (WHERE i > 99)) FROM row_), a.k) AS merge,
       same((SELECT hitl.calib_agg(c, y, q) FILTER (WHERE q = 1) OPERATOR(hitl.+)
                    hitl.calib_agg(c, y, q) FILTER (WHERE q < 1) FROM row_), a.k) AS plus,
       same((SELECT hitl.calib_agg(c, y, q ORDER BY i DESC) FROM row_), a.k) AS ordered,
       NOT same((SELECT hitl.calib_agg(c, y, q) FROM row_ WHERE i > 1), a.k) AS differs
FROM (SELECT hitl.calib_agg(c, y, q) AS k FROM row_) AS a;
SELECT hitl.calib_merge(NULL, k) IS NULL AS strict FROM part WHERE g = 1;

-- Text and binary round trips are exact, also through a compressed column.
SELECT count(*), bool_and(hitl.calib_send(k::text::hitl.calib) = hitl.calib_send(k)) AS exact
FROM part;
SELECT E' {"calib" :1,\n"strata":[ {"propensity":5e-324,"cells":[[3,9223372036854775805]]},{"propensity":1.0,"cells":[[0,2,1,1,0,0e0,-0]]} ] } '::hitl.calib;
\copy (SELECT g, k FROM part ORDER BY g) TO 'results/calib.bin' (FORMAT binary)
CREATE TABLE copy_ (LIKE part);
\copy copy_ FROM 'results/calib.bin' (FORMAT binary)
SELECT count(*), bool_and(hitl.calib_send(a.k) = hitl.calib_send(b.k)
                          OR a.k IS NULL AND b.k IS NULL) AS exact
FROM part AS a FULL JOIN copy_ AS b USING (g);
SELECT pg_column_size(hitl.calib_agg(c, y, q)) < 32 * count(DISTINCT (q, floor(c * 1000))) AS compact
FROM row_;

-- Refused values.
\set VERBOSITY sqlstate
SELECT hitl.calib_agg(c, true, 1) FROM (VALUES (1.0000000000000002::float8)) AS v (c);
SELECT hitl.calib_agg('-1e-300', true, 1);
SELECT hitl.calib_agg('NaN', NULL, 1);
SELECT hitl.calib_agg('Infinity', true, 1);
SELECT hitl.calib_agg(0.5, true, 0);
SELECT hitl.calib_agg(0.5, true, -0.5);
SELECT hitl.calib_agg(0.5, NULL, 1.0000000000000002);
SELECT hitl.calib_agg(0.5, true, 'NaN');
SELECT hitl.calib_agg(0.5, true, 'Infinity');
SELECT (hitl.calib_counts(hitl.calib_agg(0.5, true, 1.0 / i))).propensities FROM generate_series(1, 256) AS i;
SELECT (hitl.calib_counts(hitl.calib_agg(0.5, true, 1.0 / i))).propensities FROM generate_series(1, 257) AS i;
SELECT hitl.calib_rollup(k) FROM (SELECT hitl.calib_agg(0.5, true, 1.0 / i) AS k FROM generate_series(1, 257) AS i GROUP BY i) AS s;
SELECT hitl.calib_merge(k, k) FROM (SELECT '{"calib":1,"strata":[{"propensity":1,"cells":[[3,9223372036854775807]]}]}'::hitl.calib AS k) AS s;
SELECT '{"calib":1,"strata":[{"propensity":1,"cells":[[3,9223372036854775807],[4,1]]}]}'::hitl.calib;
SELECT hitl.ece(k, 3) FROM part;
SELECT hitl.ece(k, 2000) FROM part;
SELECT hitl.ece(k, 0) FROM part;
SELECT hitl.ece(k, -10) FROM part;
SELECT hitl.reliability_curve(k, 2000) FROM part;
SELECT (hitl.calib_counts(hitl.calib_agg(0.5, true, 5e-324))).weight_sum;
\set VERBOSITY default
-- tiny propensities alone are no error
SELECT hitl.brier_score(k), hitl.ece(k) FROM (SELECT hitl.calib_agg(0.5, i = 1, q) AS k
    FROM generate_series(1, 2) AS i, (VALUES (5e-324::float8), (1e-310), (1)) AS v (q)) AS s;
SELECT hitl.calib_agg(0.5, true, 1.0 / i) FROM generate_series(1, 257) AS i;

CREATE FUNCTION sqlstate_of(query text) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE query;
    RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END $$;
SELECT sqlstate_of(format('SELECT %L::hitl.calib', t)) AS state, t AS text
FROM (VALUES
    (1, ''), (2, '{}'), (3, 'null'), (4, '{"calib":2,"strata":[]}'), (5, '{"calib":1,"strata":[]} x'),
    (6, '{"calib":1,"strata":[{"propensity":1,"cells":[]}]}'),
    (7, '{"calib":1,"strata":[{"propensity":0,"cells":[[1,1]]}]}'),
    (8, '{"calib":1,"strata":[{"propensity":1.1,"cells":[[1,1]]}]}'),
    (9, '{"calib":1,"strata":[{"propensity":1e999,"cells":[[1,1]]}]}'),
    (10, '{"calib":1,"strata":[{"propensity":1,"cells":[[1,1]]},{"propensity":1,"cells":[[1,1]]}]}'),
    (11, '{"calib":1,"strata":[{"propensity":1,"cells":[[1,1]]},{"propensity":0.5,"cells":[[1,1]]}]}'),
    (12, '{"calib":1,"strata":[{"propensity":1,"cells":[[1001,1]]}]}'),
    (13, '{"calib":1,"strata":[{"propensity":1,"cells":[[-1,1]]}]}'),
    (14, '{"calib":1,"strata":[{"propensity":1,"cells":[[1,1],[1,1]]}]}'),
    (15, '{"calib":1,"strata":[{"propensity":1,"cells":[[1,0]]}]}'),
    (16, '{"calib":1,"strata":[{"propensity":1,"cells":[[1,9223372036854775808]]}]}'),
    (17, '{"calib":1,"strata":[{"propensity":1,"cells":[[1,1,2,0,0.001,0,0]]}]}'),
    (18, '{"calib":1,"strata":[{"propensity":1,"cells":[[1,1,1,2,0.001,1e-6,0.001]]}]}'),
    (19, '{"calib":1,"strata":[{"propensity":1,"cells":[[1,1,1,0,0.5,0.25,0]]}]}'),
    (20, '{"calib":1,"strata":[{"propensity":1,"cells":[[500,1,1,1,0.5,0.25,0.4]]}]}'),
    (21, '{"calib":1,"strata":[{"propensity":1,"cells":[[500,1,1,0,0.5,0.25,0.5]]}]}'),
    (22, '{"calib":1,"strata":[{"propensity":1,"cells":[[500,1,1,0,0.5,0.5,0]]}]}'),
    (23, '{"calib":1,"strata":[{"propensity":1,"cells":[[500,1,1,0,NaN,0.25,0]]}]}'),
    (24, '{"calib":1,"strata":[{"propensity":1,"cells":[[500,1,1,0,1e999,0.25,0]]}]}'),
    (25, '{"calib":1,"strata":[{"propensity":1,"cells":[[500,1,1,0,0.5,0.25]]}]}'),
    (26, '{"calib":1,"strata":[{"propensity":1,"cells":[[500,1,0,0,0.1,0,0]]}]}'),
    (27, '{"calib":1,"strata":[{"propensity":1,"cells":[[500,1,1,0,0.5.,0.25,0]]}]}'),
    (28, '{"calib":1,"strata":[{"propensity":1,"cells":[[500,1,1,0,0x1p-1,0.25,0]]}]}'),
    (29, '{"calib":1,"strata":[{"propensity":1,"cells":[[500,1,1,0,'||repeat('0',70)||'0.5,0.25,0]]}]}'),
    (30, '{"calib":1,"strata":[{"propensity":1,"cells":[[500,1,1,0,0.5,0.25,0]]}'),
    (31, '{"calib":1,"strata":[{"propensity":1,"cells":[[500,1,1,0,0.5,0.25,0]]}]}')) AS v (i, t)
ORDER BY i;
-- the message says where
SELECT '{"calib":1,"strata":[{"propensity":1,"cells":[[1,0]]}]}'::hitl.calib;

-- Bytes from the wire: a bytea on its way out is a calib on its way in.
CREATE TABLE wire (k hitl.calib);
\set VERBOSITY sqlstate
\copy (SELECT '\x'::bytea) TO 'results/calib.bin' (FORMAT binary)
\copy wire FROM 'results/calib.bin' (FORMAT binary)
\copy (SELECT '\x0200'::bytea) TO 'results/calib.bin' (FORMAT binary)
\copy wire FROM 'results/calib.bin' (FORMAT binary)
\copy (SELECT '\x01ffffffffffffffff7f'::bytea) TO 'results/calib.bin' (FORMAT binary)
\copy wire FROM 'results/calib.bin' (FORMAT binary)
\copy (SELECT '\x010000'::bytea) TO 'results/calib.bin' (FORMAT binary)
\copy wire FROM 'results/calib.bin' (FORMAT binary)
\copy (SELECT hitl.calib_send(k) || '\x00' FROM part WHERE g = 0) TO 'results/calib.bin' (FORMAT binary)
\copy wire FROM 'results/calib.bin' (FORMAT binary)
\copy (SELECT substr(hitl.calib_send(k), 1, 99) FROM part WHERE g = 0) TO 'results/calib.bin' (FORMAT binary)
\copy wire FROM 'results/calib.bin' (FORMAT binary)
\copy (SELECT hitl.calib_send(k) FROM part WHERE g = 0) TO 'results/calib.bin' (FORMAT binary)
\copy wire FROM 'results/calib.bin' (FORMAT binary)
\set VERBOSITY default
SELECT count(*) FROM wire;

-- Bytes on disk: whatever one byte is changed to, the value is refused as
-- corrupt, or it is a state with that and no other byte form.
CREATE CAST (bytea AS hitl.calib) WITHOUT FUNCTION;
CREATE FUNCTION outcome_of(b bytea) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
    IF hitl.calib_send((b::hitl.calib)::text::hitl.calib) = b THEN
        RETURN 'one form';
    END IF;
    RETURN 'another form';
EXCEPTION
    WHEN data_corrupted THEN
        RETURN 'corrupt';
END $$;
SELECT outcome_of(b) AS outcome, count(*) > 0 AS some
FROM (SELECT hitl.calib_send(hitl.calib_agg(c, y, q)) AS sample FROM row_ WHERE i <= 30) AS s,
     LATERAL (SELECT set_byte(sample, at, value) AS b
              FROM generate_series(0, length(sample) - 1) AS at,
                   unnest(ARRAY[0, 1, 2, 63, 64, 127, 128, 129, 191, 192, 240, 254, 255]) AS value
              UNION ALL
              SELECT substr(sample, 1, n) FROM generate_series(0, length(sample) - 1) AS n) AS m
GROUP BY 1 ORDER BY 1;
DROP CAST (bytea AS hitl.calib);

-- A parallel plan gives what the serial one gives.
CREATE TABLE result AS
SELECT 'serial' AS plan, hitl.calib_agg(c, y, q) AS k,
       (SELECT hitl.calib_rollup(k) FROM part) AS r FROM row_;
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
ALTER TABLE part SET (parallel_workers = 2);
SELECT plan_has('SELECT hitl.calib_agg(c, y, q) FROM row_', 'Partial Aggregate') AS agg,
       plan_has('SELECT hitl.calib_rollup(k) FROM part', 'Partial Aggregate') AS rollup;
INSERT INTO result
SELECT 'parallel', k, r FROM (SELECT hitl.calib_agg(c, y, q) AS k FROM row_) AS a,
     (SELECT hitl.calib_rollup(k) AS r FROM part) AS b;
SELECT same(a.k, b.k) AS agg, same(a.r, b.r) AS rollup
FROM result AS a, result AS b WHERE a.plan = 'serial' AND b.plan = 'parallel';

SELECT proname, provolatile, proparallel, proisstrict,
       count(*), count(obj_description(oid, 'pg_proc')) AS commented
FROM pg_proc
WHERE pronamespace = 'hitl'::regnamespace
  AND (proname ~ '^calib_'
       OR 'hitl.calib' = ANY (ARRAY(SELECT format_type(t, NULL) FROM unnest(proargtypes) AS t)))
  AND proname !~ '_threshold'
GROUP BY 1, 2, 3, 4 ORDER BY 1;

RESET search_path;
SET client_min_messages = warning;
DROP SCHEMA calib_test CASCADE;
