-- Agreement between people, against the definitions in plain SQL and published
-- examples; exact tests; and isotonic regression.
CREATE SCHEMA agreement_test;
SET search_path = agreement_test;

CREATE FUNCTION near(a float8, b float8) RETURNS boolean
LANGUAGE sql IMMUTABLE AS 'SELECT a IS NULL AND b IS NULL
    OR coalesce(abs(a - b) <= 1e-9 * greatest(1, abs(b)), false)';

-- 3000 items, up to five people, four labels of which the first is frequent;
-- most people see the truth, some judgments are missing.
CREATE TABLE judgment AS
SELECT i AS item, p AS person,
       CASE WHEN (i * 7919 + p * 104729) % 100 < 70 THEN i * i % 7 % 4 ELSE (i * 31 + p * 17) % 4 END AS label
FROM generate_series(1, 3000) AS i, generate_series(1, 5) AS p
WHERE (i * 13 + p * 7) % 11 < 6;
CREATE TABLE item AS
SELECT item, ARRAY[count(*) FILTER (WHERE label = 0), count(*) FILTER (WHERE label = 1),
                   count(*) FILTER (WHERE label = 2), count(*) FILTER (WHERE label = 3)]::int[] AS counts
FROM judgment GROUP BY item;
INSERT INTO item VALUES (0, '{0,0,0,0}'), (-1, NULL);
CREATE VIEW pair AS
SELECT a.item, a.label AS a, b.label AS b
FROM judgment a JOIN judgment b USING (item) WHERE a.person = 1 AND b.person = 2;
ANALYZE judgment, item;

-- Each definition, row by row in numeric arithmetic.
CREATE FUNCTION plain_kappa() RETURNS numeric LANGUAGE sql AS $$
    SELECT (po - pe) / (1 - pe)
    FROM (SELECT avg((a = b)::int) AS po FROM pair) o,
         (SELECT sum(x.n * y.n) / (SELECT count(*) ^ 2 FROM pair)::numeric AS pe
          FROM (SELECT a AS label, count(*) AS n FROM pair GROUP BY 1) x
          JOIN (SELECT b AS label, count(*) AS n FROM pair GROUP BY 1) y USING (label)) e
$$;
CREATE VIEW long AS
SELECT i.item, c.label, c.n::numeric AS n, sum(c.n) OVER (PARTITION BY i.item)::numeric AS m
FROM item i, unnest(i.counts) WITH ORDINALITY AS c (n, label);
CREATE VIEW plain AS
WITH pa AS (
    SELECT avg(a) AS pa FROM (SELECT sum(n * (n - 1)) / (m * (m - 1)) AS a FROM long WHERE m >= 2 GROUP BY item, m) s
), p AS (
    SELECT avg(n / m) AS p FROM long WHERE m > 0 GROUP BY label
), pe AS (
    SELECT sum(p * p) AS fleiss, sum(p * (1 - p)) / (count(*) - 1) AS gwet FROM p
), alpha AS (
    SELECT 1 - (sum(spread) / sum(m))
               / (SELECT (t ^ 2 - s2) / (t * (t - 1))
                  FROM (SELECT sum(k) AS t, sum(k * k) AS s2
                        FROM (SELECT sum(n) AS k FROM long WHERE m >= 2 GROUP BY label) k) t) AS alpha
    FROM (SELECT m, (m * m - sum(n * n)) / (m - 1) AS spread FROM long WHERE m >= 2 GROUP BY item, m) s
)
SELECT pa AS percent, (pa - fleiss) / (1 - fleiss) AS fleiss, (pa - gwet) / (1 - gwet) AS gwet, alpha
FROM pa, pe, alpha;

SELECT round(hitl.cohen_kappa(a, b)::numeric, 6) AS kappa,
       near(hitl.cohen_kappa(a, b), plain_kappa()::float8) AS equal FROM pair;
SELECT round(percent, 6) AS percent, round(fleiss, 6) AS fleiss, round(gwet, 6) AS gwet, round(alpha, 6) AS alpha,
       near(p, percent::float8) AS percent, near(f, fleiss::float8) AS fleiss, near(g, gwet::float8) AS gwet, near(k, alpha::float8) AS alpha
FROM plain, (SELECT hitl.percent_agreement(counts) AS p, hitl.fleiss_kappa(counts) AS f, hitl.gwet_ac1(counts) AS g,
                    hitl.krippendorff_alpha(counts) AS k FROM item) AS got;

-- Published examples.  Cohen 1960: 20, 5, 10 and 15 of 50.  Fleiss 1971, as in
-- textbooks: 14 judgments of each of 10 subjects, 0.210.  Krippendorff 2011:
-- four observers with gaps, nominal, 0.743.
SELECT round(hitl.cohen_kappa(a, b)::numeric, 12) AS "0.4"
FROM (VALUES ('y', 'y', 20), ('y', 'n', 5), ('n', 'y', 10), ('n', 'n', 15)) AS v (a, b, n), generate_series(1, n);
SELECT round(hitl.fleiss_kappa(c)::numeric, 3) AS "0.210"
FROM unnest(ARRAY['{0,0,0,0,14}', '{0,2,6,4,2}', '{0,0,3,5,6}', '{0,3,9,2,0}', '{2,2,8,1,1}', '{7,7,0,0,0}',
                  '{3,2,6,3,0}', '{2,5,3,2,2}', '{6,5,2,1,0}', '{0,2,2,3,7}']) AS t, LATERAL (SELECT t::int[]) AS s (c);
SELECT round(hitl.krippendorff_alpha(ARRAY(SELECT (length(u) - length(replace(u, l::text, '')))::int FROM generate_series(1, 5) l))::numeric, 3) AS "0.743"
FROM unnest('{111,2232,3333,3333,2222,1234,4444,1121,2222,555,11,3}'::text[]) AS u;

-- In a parallel plan, with labels of all kinds.
CREATE COLLATION blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
BEGIN;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL max_parallel_workers_per_gather = 4;
SET LOCAL parallel_leader_participation = off;
CREATE TABLE pairs AS SELECT a, b, 'label ' || repeat(a::text, 3000) AS ta, 'label ' || repeat(b::text, 3000) AS tb,
       chr(65 + a) AS ca, chr(97 + b) AS cb FROM pair;
CREATE TYPE two AS (x int, y text);
DO $$
DECLARE
    line text;
BEGIN
    FOR line IN EXPLAIN SELECT hitl.cohen_kappa(a, b), hitl.percent_agreement(ARRAY[a, b]) FROM pairs LOOP
        IF line ~ 'Partial Aggregate' THEN
            RETURN;
        END IF;
    END LOOP;
    RAISE 'the plan is not parallel';
END $$;
SELECT near(hitl.cohen_kappa(a, b), plain_kappa()::float8) AS int, near(hitl.cohen_kappa(ta, tb), plain_kappa()::float8) AS text,
       near(hitl.cohen_kappa(a::numeric, b::numeric), plain_kappa()::float8) AS numeric,
       near(hitl.cohen_kappa(to_jsonb(a), to_jsonb(b)), plain_kappa()::float8) AS jsonb,
       near(hitl.cohen_kappa((a, ta)::two, (b, tb)::two), plain_kappa()::float8) AS composite,
       near(hitl.cohen_kappa(ARRAY[a], ARRAY[b]), plain_kappa()::float8) AS "array",
       near(hitl.cohen_kappa(a::bit(4), b::bit(4)), plain_kappa()::float8) AS bit,
       near(hitl.cohen_kappa(a::text::name, b::text::name), plain_kappa()::float8) AS name,
       near(hitl.cohen_kappa(ca COLLATE blind, cb), plain_kappa()::float8) AS blind, hitl.cohen_kappa(ca, cb) AS "C" FROM pairs;
SELECT near(hitl.percent_agreement(counts), (SELECT percent FROM plain)::float8) AS percent,
       near(hitl.fleiss_kappa(counts), (SELECT fleiss FROM plain)::float8) AS fleiss,
       near(hitl.gwet_ac1(counts), (SELECT gwet FROM plain)::float8) AS gwet,
       near(hitl.krippendorff_alpha(counts), (SELECT alpha FROM plain)::float8) AS alpha FROM item;
ROLLBACK;
-- Over a frame: final functions only read.
SELECT count(*), bool_and(near(w, (SELECT hitl.percent_agreement(s.counts) FROM (SELECT * FROM item WHERE item BETWEEN 1 AND x.item) s))) AS equal
FROM (SELECT item, hitl.percent_agreement(counts) OVER (ORDER BY item) AS w FROM item WHERE item BETWEEN 1 AND 200) x;

-- What labels are equal is for their type and collation to say.
SELECT hitl.cohen_kappa(a, b) AS numeric FROM (VALUES (1.0, 1.00), (2, 2.000), (1, 2)) AS v (a, b);
SELECT hitl.cohen_kappa(a, b) AS "C", hitl.cohen_kappa(a COLLATE blind, b) AS blind FROM (VALUES ('Yes', 'yes'), ('no', 'NO')) AS v (a, b);
SELECT hitl.cohen_kappa(a, b) AS float8 FROM (VALUES ('NaN'::float8, 'NaN'::float8), (0, '-0'), (1, 2)) AS v (a, b);
SELECT round(hitl.cohen_kappa(a, b)::numeric, 6) AS "int and bigint" FROM (VALUES (1, 1::bigint), (1, 2), (2, 2)) AS v (a, b);
-- the nearer to chance, the nearer to 0; below by as much as can be
SELECT hitl.cohen_kappa(a, b) AS "0" FROM (VALUES (1, 1), (1, 2), (2, 1), (2, 2)) AS v (a, b);
SELECT hitl.cohen_kappa(a, b) AS "-1" FROM (VALUES (1, 2), (2, 1)) AS v (a, b);
-- one who differs, of 100 thousand: 1 - 100001/299999
SELECT hitl.cohen_kappa(a, b) FROM (SELECT i > 1 AS a, true AS b FROM generate_series(1, 100000) i UNION ALL SELECT false, false) v;

-- Where there is nothing to say.
SELECT hitl.cohen_kappa(a, b) FROM (VALUES (1, NULL), (NULL, 1), (NULL, NULL)) AS v (a, b);
SELECT hitl.cohen_kappa(a, b) AS one_label FROM (VALUES (1, 1), (1, 1)) AS v (a, b);
SELECT hitl.cohen_kappa(1, 1) WHERE false;
SELECT hitl.percent_agreement(c), hitl.fleiss_kappa(c), hitl.gwet_ac1(c), hitl.krippendorff_alpha(c)
FROM (VALUES ('{1,0}'::int[]), ('{0,1}'), ('{0,0}'), (NULL)) AS v (c);
SELECT hitl.percent_agreement(c), hitl.fleiss_kappa(c), hitl.gwet_ac1(c), hitl.krippendorff_alpha(c)
FROM (VALUES ('{2,0}'::int[]), ('{5,0}')) AS v (c);
SELECT hitl.percent_agreement(c), hitl.fleiss_kappa(c), hitl.gwet_ac1(c), hitl.krippendorff_alpha(c)
FROM (VALUES ('{2}'::int[]), ('{5}')) AS v (c);
SELECT hitl.percent_agreement(c), hitl.gwet_ac1(c) FROM (VALUES ('{}'::int[]), ('{}')) AS v (c);
-- an item judged once counts for what labels are frequent, and for alpha not at all
SELECT round(hitl.fleiss_kappa(c)::numeric, 6) AS fleiss, round(hitl.krippendorff_alpha(c)::numeric, 6) AS alpha
FROM (VALUES ('{2,0}'::int[]), ('{0,2}'), ('{1,1}')) AS v (c);
SELECT round(hitl.fleiss_kappa(c)::numeric, 6) AS fleiss, round(hitl.krippendorff_alpha(c)::numeric, 6) AS alpha
FROM (VALUES ('{2,0}'::int[]), ('{0,2}'), ('{1,1}'), ('{1,0}'), ('{1,0}')) AS v (c);

-- What is refused.
\set VERBOSITY sqlstate
SELECT hitl.percent_agreement(c) FROM (VALUES ('{2,0}'::int[]), ('{2,0,0}')) AS v (c);
SELECT hitl.percent_agreement(c) FROM (VALUES ('{0,0}'::int[]), ('{2,0,0}')) AS v (c);
SELECT hitl.krippendorff_alpha('{{1,2},{3,4}}'::int[]);
SELECT hitl.gwet_ac1('{1,NULL}'::int[]);
SELECT hitl.fleiss_kappa('{1,-1}'::int[]);
SELECT hitl.fleiss_kappa(array_fill(0, ARRAY[1000001]));
SELECT hitl.cohen_kappa('1'::json, '1'::json);
SELECT hitl.cohen_kappa(1, 'a'::text);
SELECT hitl.cohen_kappa(ARRAY['1'::json], ARRAY['1'::json]);
\set VERBOSITY default

-- Exact tests.  The lady who tasted tea: three of four cups, and one of four.
SELECT round(lower::numeric, 9) AS lower, round(upper::numeric, 9) AS "17/70", round(two_sided::numeric, 9) AS "34/70"
FROM hitl.fisher_exact(3, 4, 1, 4);
-- All tables of up to 9 and 12 against factorials.
CREATE FUNCTION choose(n int, k int) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN k BETWEEN 0 AND n THEN factorial(n) / factorial(k) / factorial(n - k) ELSE 0 END $$;
CREATE FUNCTION plain_fisher(a int, n int, b int, m int, OUT lower numeric, OUT upper numeric, OUT two_sided numeric) LANGUAGE sql AS $$
    SELECT sum(p) FILTER (WHERE x <= a) / sum(p), sum(p) FILTER (WHERE x >= a) / sum(p),
           sum(p) FILTER (WHERE p <= choose(n, a) * choose(m, b)) / sum(p)
    FROM (SELECT x, choose(n, x) * choose(m, a + b - x) AS p FROM generate_series(0, n) x) s $$;
SELECT count(*), count(*) FILTER (WHERE near(f.lower, p.lower::float8) AND near(f.upper, p.upper::float8)
                                        AND near(f.two_sided, p.two_sided::float8)) AS equal
FROM (VALUES (0, 0), (1, 0), (0, 5), (3, 4), (9, 12), (9, 9), (1, 12)) AS t (n, m), generate_series(0, n) a, generate_series(0, m) b,
     hitl.fisher_exact(a, n, b, m) f, plain_fisher(a, n, b, m) p;
-- far out, and large: 0 of 100 against 50 of 100 is 1 in 4.5e17; a small tail keeps its digits
SELECT abs(f.lower / p.lower::float8 - 1) < 1e-9 AS lower, f.upper, abs(f.two_sided / p.two_sided::float8 - 1) < 1e-9 AS two_sided
FROM hitl.fisher_exact(0, 100, 50, 100) f, plain_fisher(0, 100, 50, 100) p;
SELECT round(lower::numeric, 3) AS lower, round(upper::numeric, 3) AS upper FROM hitl.fisher_exact(500000, 1000000, 500000, 1000000);
SELECT lower, upper, two_sided FROM hitl.fisher_exact(0, 1000000, 1000000, 1000000);
CREATE FUNCTION plain_tail(k int, n int, r numeric) RETURNS numeric LANGUAGE sql AS $$
    SELECT coalesce(sum(choose(n, x) * CASE WHEN x = 0 THEN 1 ELSE r ^ x END * CASE WHEN x = n THEN 1 ELSE (1 - r) ^ (n - x) END), 0) FROM generate_series(k, n) x $$;
SELECT count(*), count(*) FILTER (WHERE near(hitl.binomial_tail(k, n, r::float8), plain_tail(k, n, r)::float8)) AS equal
FROM generate_series(0, 12) n, generate_series(0, n) k, unnest('{0,0.001,0.3,0.5,0.99,1}'::numeric[]) r;
SELECT hitl.binomial_tail(10, 10, 1e-20) / 1e-200 - 1 < 1e-12 AS small, hitl.binomial_tail(100, 100, 1e-20) AS vanished,
       round(hitl.binomial_tail(500000, 1000000, 0.5)::numeric, 3) AS large, hitl.binomial_tail(0, 0, 0.5) AS none;
\set VERBOSITY sqlstate
SELECT hitl.binomial_tail(3, 2, 0.5);
SELECT hitl.binomial_tail(-1, 2, 0.5);
SELECT hitl.binomial_tail(1, 2, 'NaN');
SELECT hitl.binomial_tail(1, 2, 1.5);
SELECT hitl.fisher_exact(3, 2, 1, 2);
SELECT hitl.fisher_exact(1, 2, 1, 0);
\set VERBOSITY default

-- Isotonic regression: where the fit is rising, the value at each cell is the
-- greatest of the least averages that begin at or before it and end there or later.
CREATE TABLE stated AS
SELECT c, q, (i * 104729 % 1000) / 1000.0 < c ^ 2 AS y
FROM (SELECT i, (i * 7919 % 97) / 100.0::float8 AS c, (ARRAY[1, 0.25])[1 + i % 2]::float8 AS q FROM generate_series(1, 3000) i) s;
CREATE TABLE cell AS
SELECT row_number() OVER (ORDER BY c) AS i, c, sum(1 / q) AS w, sum(y::int / q) AS wy FROM stated GROUP BY c;
WITH span AS (
    SELECT a.i AS a, b.i AS b, sum(m.wy) / sum(m.w) AS mean FROM cell a JOIN cell b ON b.i >= a.i JOIN cell m ON m.i BETWEEN a.i AND b.i GROUP BY 1, 2
), want AS (
    SELECT i, max(least) AS value
    FROM (SELECT x.i, s.a, min(s.mean) AS least FROM cell x JOIN span s ON x.i BETWEEN s.a AND s.b GROUP BY 1, 2) l GROUP BY 1
), block AS (
    SELECT b.* FROM unnest((SELECT hitl.fit_isotonic(hitl.calib_agg(c, y, q)) FROM stated)) b
)
SELECT count(*) AS cells, count(*) FILTER (WHERE near(b.value, w.value)) AS equal,
       (SELECT count(*) BETWEEN 5 AND 60 FROM block) AS blocks,
       (SELECT bool_and(value > before AND lo > last) FROM (SELECT value, lo, lag(value) OVER (ORDER BY lo) AS before, lag(hi) OVER (ORDER BY lo) AS last FROM block) r) AS rising
FROM cell c JOIN want w USING (i) LEFT JOIN block b ON c.c BETWEEN b.lo AND b.hi;
SELECT hitl.fit_isotonic(hitl.calib_agg(c, y, 1)) FROM (VALUES (0.2::float8, true), (0.4, false), (1, true), (1, true)) AS v (c, y);
SELECT hitl.fit_isotonic(hitl.calib_agg(c, y, 1)) FROM (VALUES (0.2::float8, true), (0.4, true), (0, true)) AS v (c, y);
SELECT hitl.fit_isotonic(hitl.calib_agg(0.5, NULL, 1)), hitl.fit_isotonic(NULL);
-- weights beyond the range of a double
SELECT hitl.fit_isotonic(hitl.calib_agg(c, y, q)) FROM (VALUES (0.2::float8, true, 1e-308::float8), (0.4, false, 1e-308), (0.8, false, 1), (0.9, true, 1)) AS v (c, y, q);

SET client_min_messages = warning;
DROP SCHEMA agreement_test CASCADE;
