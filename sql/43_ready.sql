-- The library tells its ready lists of what it writes to hitl.task.  SQL that
-- writes past it fires these; the library does not.
CREATE FUNCTION hitl.task_written()
RETURNS trigger
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'hitl_task_written';
COMMENT ON FUNCTION hitl.task_written()
    IS 'trigger: rows of hitl.task were written by SQL; claims look for them';

CREATE TRIGGER written AFTER INSERT OR UPDATE OR DELETE ON hitl.task
    FOR EACH STATEMENT EXECUTE FUNCTION hitl.task_written();
CREATE TRIGGER written_truncate AFTER TRUNCATE ON hitl.task
    FOR EACH STATEMENT EXECUTE FUNCTION hitl.task_written();
ALTER TABLE hitl.task ENABLE ALWAYS TRIGGER written;
ALTER TABLE hitl.task ENABLE ALWAYS TRIGGER written_truncate;
