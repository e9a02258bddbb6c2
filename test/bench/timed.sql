-- timed.sql
--		What claims take inside the server, in microseconds: :cycles claims of
--		:batch tasks, and as many verdicts, each in its own transaction.
SELECT set_config('bench.cycles', :'cycles', false), set_config('bench.batch', :'batch', false) \g /dev/null
CREATE TEMP TABLE IF NOT EXISTS took (us float8);
TRUNCATE took;
DO $$
DECLARE
    batch  CONSTANT int := current_setting('bench.batch');
    began  timestamptz;
    ended  timestamptz;
    tasks  bigint[];
BEGIN
    FOR i IN 1 .. current_setting('bench.cycles')::int LOOP
        began := clock_timestamp();
        SELECT array_agg(task) INTO tasks FROM hitl.claim(batch, reviewer => 'reviewer-0');
        ended := clock_timestamp();
        IF cardinality(tasks) IS DISTINCT FROM batch THEN
            RAISE EXCEPTION 'a claim of % got %', batch, coalesce(cardinality(tasks), 0);
        END IF;
        COMMIT;
        PERFORM hitl.approve(t, reviewer => 'reviewer-0') FROM unnest(tasks) AS t;
        INSERT INTO took VALUES (1e6 * extract(epoch FROM ended - began));
        COMMIT;
    END LOOP;
END
$$;
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY us),
       percentile_cont(0.99) WITHIN GROUP (ORDER BY us)
  FROM took;
