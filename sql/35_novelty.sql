-- Novelty: what a workflow's inputs usually look like, learnt from history.
-- A baseline is cited by the decisions that it sent to people: a fact.

CREATE TABLE hitl.baseline (
    workflow   text COLLATE "C" NOT NULL,
    version    int NOT NULL CHECK (version > 0),
    "rows"     bigint NOT NULL CHECK ("rows" > 0),
    since      timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by name NOT NULL,
    PRIMARY KEY (workflow, version)
);
COMMENT ON TABLE hitl.baseline IS 'what the inputs of a workflow usually look like, one row a version, never changed; the fields stand in baseline_field';
COMMENT ON COLUMN hitl.baseline.workflow IS 'whose inputs';
COMMENT ON COLUMN hitl.baseline.version IS 'counts up from 1; hitl.workflow.baseline names the one in force';
COMMENT ON COLUMN hitl.baseline."rows" IS 'how many decisions it was learnt from';
COMMENT ON COLUMN hitl.baseline.since IS 'the earliest decision that was asked for; NULL: any';
COMMENT ON COLUMN hitl.baseline.created_at IS 'when it was learnt';
COMMENT ON COLUMN hitl.baseline.created_by IS 'who had it learnt';

CREATE TABLE hitl.baseline_field (
    workflow     text COLLATE "C" NOT NULL,
    version      int NOT NULL,
    field        int NOT NULL,
    path         text[] COLLATE "C" NOT NULL,
    seen         bigint NOT NULL,
    expected     boolean NOT NULL,
    types        text[] NOT NULL,
    open         boolean NOT NULL,
    log          boolean,
    centre       float8,
    spread_below float8,
    spread_above float8,
    zero         boolean,
    "values"     text[] COLLATE "C",
    booleans     boolean[],
    PRIMARY KEY (workflow, version, field),
    CHECK (num_nulls(log, centre, spread_below, spread_above, zero) IN (0, 5)),
    CHECK (spread_below >= 0 AND spread_above >= 0)
);
COMMENT ON TABLE hitl.baseline_field IS 'what a field of the inputs usually is; never changed';
COMMENT ON COLUMN hitl.baseline_field.workflow IS 'whose inputs';
COMMENT ON COLUMN hitl.baseline_field.version IS 'of the baseline';
COMMENT ON COLUMN hitl.baseline_field.field IS 'counts the fields of a version';
COMMENT ON COLUMN hitl.baseline_field.path IS 'the keys that lead to it; {}: the input itself';
COMMENT ON COLUMN hitl.baseline_field.seen IS 'in how many decisions it was';
COMMENT ON COLUMN hitl.baseline_field.expected IS 'was there nearly always (99 %) when the object that it belongs to was';
COMMENT ON COLUMN hitl.baseline_field.types IS 'what it was: number, string, boolean, null, array, object';
COMMENT ON COLUMN hitl.baseline_field.open IS 'an object whose keys vary (more than 11 % had a rare one): new ones are not novel';
COMMENT ON COLUMN hitl.baseline_field.log IS 'spreads are those of its natural logarithm; NULL: never a number';
COMMENT ON COLUMN hitl.baseline_field.centre IS 'the median';
COMMENT ON COLUMN hitl.baseline_field.spread_below IS 'robust standard deviation below the centre; 0: nothing is below';
COMMENT ON COLUMN hitl.baseline_field.spread_above IS 'robust standard deviation above the centre; 0: nothing is above';
COMMENT ON COLUMN hitl.baseline_field.zero IS 'zero is usual, though it has no logarithm';
COMMENT ON COLUMN hitl.baseline_field."values" IS 'the strings that it may be; NULL: any';
COMMENT ON COLUMN hitl.baseline_field.booleans IS 'the booleans that it may be';

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['baseline', 'baseline_field'] LOOP
        EXECUTE format('CREATE TRIGGER config_changed AFTER INSERT OR UPDATE OR DELETE ON hitl.%I '
                       'FOR EACH ROW EXECUTE FUNCTION hitl.config_changed()', t);
        EXECUTE format('CREATE TRIGGER config_emptied AFTER TRUNCATE ON hitl.%I '
                       'FOR EACH STATEMENT EXECUTE FUNCTION hitl.config_changed()', t);
        EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON hitl.%I '
                       'FOR EACH ROW EXECUTE FUNCTION hitl.refuse_change()', t);
        EXECUTE format('CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON hitl.%I '
                       'FOR EACH STATEMENT EXECUTE FUNCTION hitl.refuse_change()', t);
        EXECUTE format('ALTER TABLE hitl.%I ENABLE ALWAYS TRIGGER config_changed', t);
        EXECUTE format('ALTER TABLE hitl.%I ENABLE ALWAYS TRIGGER config_emptied', t);
        EXECUTE format('ALTER TABLE hitl.%I ENABLE ALWAYS TRIGGER append_only', t);
        EXECUTE format('ALTER TABLE hitl.%I ENABLE ALWAYS TRIGGER append_only_truncate', t);
    END LOOP;
END
$$;

SELECT pg_extension_config_dump('hitl.baseline', '');
SELECT pg_extension_config_dump('hitl.baseline_field', '');

-- What the latest inputs have in common.  A tenth of them may be anything and must not
-- count as usual, hence medians and quantiles that a tenth cannot move, and
-- 0.89 wherever the bulk is asked for.  What is common to less than "support"
-- of them is not known at all.
CREATE FUNCTION hitl.describe_inputs(workflow text, since timestamptz, earliest timestamptz, n int, support bigint)
RETURNS TABLE (path text[], seen bigint, expected boolean, types text[], open boolean,
               log boolean, centre float8, spread_below float8, spread_above float8,
               zero boolean, "values" text[], booleans boolean[])
LANGUAGE sql STABLE PARALLEL SAFE
-- The planner has no idea how many fields there are, and would scan for each.
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off SET jit = off SET work_mem = '32MB'
AS $$
    WITH RECURSIVE node (row, path, kind, value) AS (
        SELECT row_number() OVER (), '{}'::text[] COLLATE "C", jsonb_typeof(i.input), i.input
        FROM (SELECT d.input
              FROM hitl.decision d
              WHERE d.workflow = describe_inputs.workflow
                AND d.id >= hitl.uuid_floor(earliest)
                AND (since IS NULL OR d.created_at >= since)
              ORDER BY d.id DESC LIMIT n) AS i
        WHERE i.input IS NOT NULL
      UNION ALL
        SELECT n.row, n.path || e.key COLLATE "C", jsonb_typeof(e.value), e.value
        FROM node n,
             jsonb_each(CASE n.kind WHEN 'object' THEN n.value ELSE '{}' END) AS e
        WHERE n.kind = 'object' AND cardinality(n.path) < 8
    ), kind AS MATERIALIZED (
        SELECT n.path, n.kind, count(*) AS seen
        FROM node n GROUP BY 1, 2
    ), field AS MATERIALIZED (
        SELECT k.path, sum(k.seen)::bigint AS seen,
               coalesce(sum(k.seen) FILTER (WHERE k.kind = 'object'), 0) AS objects,
               array_agg(k.kind ORDER BY k.seen DESC, k.kind) FILTER (WHERE k.seen >= support) AS types
        FROM kind k GROUP BY 1
    ), known AS MATERIALIZED (
        SELECT f.* FROM field f WHERE f.seen >= support
    ), varied AS (
        -- objects with keys that are not known, each counted once
        SELECT u.parent AS path, count(*) AS objects
        FROM (SELECT DISTINCT n.row, trim_array(n.path, 1) AS parent
              FROM node n
              WHERE cardinality(n.path) > 0
                AND n.path NOT IN (SELECT k.path FROM known k)) AS u
        GROUP BY 1
    ), number AS MATERIALIZED (
        -- as near as float8 can be: sums and quotients of these stay finite
        SELECT n.path, CASE WHEN v.x > 1e300 THEN 1e300 WHEN v.x < -1e300 THEN -1e300
                            WHEN abs(v.x) < 1e-300 THEN 0 ELSE v.x::float8 END AS x,
               v.x = 0 AS zero
        FROM node n JOIN kind k ON k.path = n.path AND k.kind = 'number' AND k.seen >= support,
             LATERAL (SELECT CASE n.kind WHEN 'number' THEN n.value::numeric END AS x
                      OFFSET 0) AS v
        WHERE n.kind = 'number'
    ), quantile AS (
        SELECT n.path, percentile_disc('{0.125,0.5,0.875}'::float8[]) WITHIN GROUP (ORDER BY n.x) AS q,
               count(*) FILTER (WHERE n.x > 0) >= 0.89 * count(*) AS positive,
               count(*) FILTER (WHERE n.x = floor(n.x)) >= 0.89 * count(*) AS whole,
               count(*) FILTER (WHERE n.x < 0) > 0.11 * count(*) AS negative,
               count(*) FILTER (WHERE n.zero) >= support AS zero
        FROM number n GROUP BY 1
    ), scale AS (
        -- the scale in which the bulk is the more symmetric
        SELECT q.path, q.q[2] AS centre, q.whole, q.negative, q.zero,
               CASE WHEN q.positive AND q.q[3] > q.q[1]
                    THEN abs(ln(q.q[3]) - 2 * ln(q.q[2]) + ln(q.q[1])) * (q.q[3] - q.q[1])
                         < abs(q.q[3] - 2 * q.q[2] + q.q[1]) * (ln(q.q[3]) - ln(q.q[1]))
                    ELSE false END AS log
        FROM quantile q
    ), deviation AS (
        -- A whole number stands for all up to the next.  Plausible is what is
        -- of the order of the centre.  Where that is 0, it is what is of no
        -- great size, and negative only where that is not rare.
        SELECT n.path, s.log, s.centre, s.zero,
               CASE WHEN s.log AND n.x > 0 THEN ln(n.x) - ln(s.centre)
                    WHEN s.log THEN -1000
                    WHEN abs(n.x - s.centre) < 1e-12 * CASE s.centre WHEN 0 THEN 1 ELSE abs(s.centre) END THEN 0
                    WHEN s.whole THEN n.x - s.centre + sign(n.x - s.centre)
                    ELSE n.x - s.centre END AS d,
               CASE WHEN s.centre = 0 THEN n.x <= 1e6 AND (n.x >= 0 OR s.negative AND n.x >= -1e6)
                    ELSE sign(n.x) = sign(s.centre)
                         AND abs(n.x) BETWEEN abs(s.centre) * 0.001 AND abs(s.centre) * 1000
               END AS plausible
        FROM number n JOIN scale s ON s.path = n.path
    ), side AS (
        SELECT d.path, d.log, d.centre, d.zero, s.above,
               percentile_disc('{0.5,0.75,0.78}'::float8[]) WITHIN GROUP (ORDER BY abs(d.d)) AS q,
               percentile_disc('{0.9,0.95,0.99}'::float8[]) WITHIN GROUP (ORDER BY abs(d.d))
                   FILTER (WHERE d.plausible) AS wide,
               percentile_disc(0.5) WITHIN GROUP (ORDER BY abs(d.d))
                   FILTER (WHERE d.plausible AND d.d <> 0) AS differing
        FROM deviation d, (VALUES (false), (true)) AS s (above)
        WHERE CASE WHEN s.above THEN d.d >= 0 ELSE d.d <= 0 END
        GROUP BY 1, 2, 3, 4, 5
    ), spread AS (
        -- Of normal numbers the standard deviation.  Where most are equal, the
        -- least quantile that is not, and half of those that differ within one
        -- spread.  Always what puts more than a tenth of all within three.
        SELECT s.path, s.log, s.centre, s.zero, s.above,
               greatest(CASE WHEN s.q[1] > 0 THEN s.q[1] * 1.482602218505602
                             WHEN s.q[2] > 0 THEN greatest(s.q[2] / 1.150349, s.differing)
                             WHEN s.wide[1] > 0 THEN greatest(s.wide[1] / 1.644854, s.differing)
                             WHEN s.wide[2] > 0 THEN greatest(s.wide[2] / 1.959964, s.differing)
                             WHEN s.wide[3] > 0 THEN greatest(s.wide[3] / 2.575829, s.differing)
                             ELSE 0 END,
                        s.q[3] / 3) AS spread
        FROM side s
    ), measured AS (
        SELECT s.path, s.log, s.centre, s.log AND s.zero AS zero,
               max(s.spread) FILTER (WHERE NOT s.above) AS below,
               max(s.spread) FILTER (WHERE s.above) AS above
        FROM spread s GROUP BY 1, 2, 3, 4
    ), word AS (
        SELECT n.path, n.value #>> '{}' AS word, count(*) AS seen
        FROM node n JOIN kind k ON k.path = n.path AND k.kind = 'string' AND k.seen >= support
        WHERE n.kind = 'string'
        GROUP BY 1, 2
    ), vocabulary AS (
        -- few words for nearly all; what came once may be anything
        SELECT w.path,
               array_agg(w.word ORDER BY w.word COLLATE "C") FILTER (WHERE common) AS "values"
        FROM (SELECT *, seen >= support AND octet_length(word) <= 1000 AS common FROM word) AS w
        GROUP BY 1
        HAVING count(*) FILTER (WHERE common) BETWEEN 1 AND 50
           AND sum(seen) FILTER (WHERE common) >= 0.89 * sum(seen)
           AND sum(seen) FILTER (WHERE common) >= 0.95 * sum(seen) FILTER (WHERE seen > 1)
    ), truth AS (
        SELECT b.path, array_agg(b.truth ORDER BY b.truth) AS booleans
        FROM (SELECT n.path, n.value = 'true' AS truth
              FROM node n WHERE n.kind = 'boolean'
              GROUP BY 1, 2 HAVING count(*) >= support) AS b
        GROUP BY 1
    )
    SELECT k.path, k.seen,
           k.seen >= 0.99 * CASE WHEN cardinality(k.path) > 0 THEN p.objects
                                 ELSE n END,
           coalesce(k.types, '{}'),
           coalesce(v.objects > 0.11 * k.objects, false),
           m.log, m.centre, m.below, m.above, m.zero, w."values", t.booleans
    FROM known k
    LEFT JOIN field p ON cardinality(k.path) > 0
                     AND p.path = CASE WHEN cardinality(k.path) > 0 THEN trim_array(k.path, 1) END
    LEFT JOIN varied v ON v.path = k.path
    LEFT JOIN measured m ON m.path = k.path
    LEFT JOIN vocabulary w ON w.path = k.path
    LEFT JOIN truth t ON t.path = k.path
$$;
COMMENT ON FUNCTION hitl.describe_inputs(text, timestamptz, timestamptz, int, bigint)
    IS 'the fields of the inputs of the latest n decisions and what they usually are, for hitl.baseline_field; what fewer than "support" have in common is left out; earliest: as since, but a time that an id can have';

CREATE FUNCTION hitl.learn_baseline(
    workflow text, since timestamptz DEFAULT NULL, max_rows int DEFAULT 10000)
RETURNS int
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    before CONSTANT hitl.workflow := hitl.require_workflow(workflow);
    -- spares the scan the partitions before
    earliest CONSTANT timestamptz :=
        CASE WHEN since BETWEEN '1970-01-01 UTC' AND '9999-12-31 UTC' THEN since
             ELSE '1970-01-01 UTC' END;
    n      int;
    made   int;
    fields int;
BEGIN
    IF max_rows IS NULL OR max_rows NOT BETWEEN 30 AND 1000000 THEN
        RAISE EXCEPTION 'max_rows is %, which is outside 30 to 1000000', coalesce(max_rows::text, 'NULL')
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- Decisions do not go away: these are as many as are then looked at.
    SELECT count(*) INTO n
    FROM (SELECT FROM hitl.decision d
          WHERE d.workflow = learn_baseline.workflow
            AND d.id >= hitl.uuid_floor(earliest)
            AND (since IS NULL OR d.created_at >= since)
          LIMIT max_rows) AS d;
    IF n < 30 THEN
        RAISE EXCEPTION 'workflow "%" has % decisions to learn from', workflow, n
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'A baseline needs at least 30.';
    END IF;

    made := 1 + coalesce((SELECT max(b.version) FROM hitl.baseline b
                          WHERE b.workflow = learn_baseline.workflow), 0);
    INSERT INTO hitl.baseline (workflow, version, "rows", since, created_by)
    VALUES (workflow, made, n, since, hitl.actor());
    INSERT INTO hitl.baseline_field (workflow, version, field, path, seen, expected, types, open,
                                     log, centre, spread_below, spread_above, zero, "values", booleans)
    SELECT learn_baseline.workflow, made, row_number() OVER (ORDER BY f.path COLLATE "C"), f.*
    FROM hitl.describe_inputs(workflow, since, earliest, n,
                              greatest(2, ceil(n * 0.001)::bigint)) AS f;
    GET DIAGNOSTICS fields = ROW_COUNT;
    PERFORM hitl.log_event('baseline_learnt', workflow,
                           jsonb_build_object('version', made, 'rows', n, 'since', since,
                                              'fields', fields));
    -- the first one only adds a reason to ask a person
    PERFORM hitl.change(before, 'baseline', to_jsonb(made), before.baseline IS NULL);
    RETURN made;
END
$$;
COMMENT ON FUNCTION hitl.learn_baseline(text, timestamptz, int)
    IS 'learns what the inputs of the latest decisions usually look like and puts that in force for the policy field novelty_limit; returns the version; 55000 with fewer than 30 decisions';

CREATE FUNCTION hitl.drop_baseline(workflow text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    before CONSTANT hitl.workflow := hitl.require_workflow(workflow);
BEGIN
    IF before.baseline IS NULL THEN
        RAISE EXCEPTION 'workflow "%" has no baseline', workflow
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    PERFORM hitl.change(before, 'baseline', 'null', false);
END
$$;
COMMENT ON FUNCTION hitl.drop_baseline(text)
    IS 'puts no baseline in force: novelty is not looked at; 55000 if there is none';
