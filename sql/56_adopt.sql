-- Rows that came into a partition past the gate.

CREATE FUNCTION hitl.regate(partition regclass, place tid)
RETURNS void
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'hitl_regate';
COMMENT ON FUNCTION hitl.regate(regclass, tid)
    IS 'gates a stored row anew: new stamp, and its task';

CREATE FUNCTION hitl.adopt(partition regclass)
RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    place   tid;
    adopted bigint := 0;
BEGIN
    IF partition IS NULL OR NOT EXISTS (SELECT FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                                        WHERE i.inhparent = 'hitl.decision'::regclass
                                          AND i.inhrelid = partition AND c.relispartition) THEN
        RAISE EXCEPTION '% is not a partition of hitl.decision', coalesce(partition::text, 'NULL')
            USING ERRCODE = 'wrong_object_type',
                  HINT = 'Attach it first, by ALTER TABLE hitl.decision ATTACH PARTITION.';
    END IF;
    IF NOT EXISTS (SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = partition AND a.attname = 'id'
                   WHERE i.indrelid = partition AND i.indisunique AND i.indnkeyatts = 1
                     AND i.indkey[0] = a.attnum AND i.indpred IS NULL) THEN
        PERFORM hitl.prepare_partition(partition);
    END IF;
    EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', partition);
    FOR place IN EXECUTE format('SELECT p.ctid FROM %s p WHERE p.id IN '
                                '(SELECT m.decision FROM hitl.misrouted($1) m)', partition)
                 USING partition
    LOOP
        PERFORM hitl.regate(partition, place);
        adopted := adopted + 1;
    END LOOP;
    PERFORM hitl.log_event('adopted', NULL,
                           jsonb_build_object('partition', partition::text, 'rows', adopted));
    RETURN adopted;
END
$$;
COMMENT ON FUNCTION hitl.adopt(regclass)
    IS 'gates the rows of a partition attached by hand that no gate has seen, prepares the partition if need be, and returns how many rows; 42809 when it is no partition of hitl.decision';
