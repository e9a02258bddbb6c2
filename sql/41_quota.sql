-- Open tasks of the workflows that have a quota, to count them.  A row comes
-- and goes with its task, in the same transaction; src/quota.c counts.  Other
-- workflows have none here, and pay nothing.
CREATE TABLE hitl.quota_task (
    workflow text COLLATE "C" NOT NULL,
    task     bigint NOT NULL,
    PRIMARY KEY (workflow, task)
);
COMMENT ON TABLE hitl.quota_task IS 'the open tasks of workflows that have a quota, but known answers';
COMMENT ON COLUMN hitl.quota_task.workflow IS 'of the task';
COMMENT ON COLUMN hitl.quota_task.task IS 'the open task';
SELECT pg_extension_config_dump('hitl.quota_task', '');

-- What a session that has not heard of the quota yet makes or ends meanwhile
-- is missed; a row that is left over does not count.
CREATE FUNCTION hitl.quota_changed()
RETURNS trigger
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    DELETE FROM hitl.quota_task q
    WHERE q.workflow = NEW.name
      AND (NEW.quota IS NULL OR NOT EXISTS (SELECT FROM hitl.task t WHERE t.id = q.task));
    INSERT INTO hitl.quota_task
    SELECT t.workflow, t.id FROM hitl.task t
    WHERE NEW.quota IS NOT NULL AND t.workflow = NEW.name AND t.kind <> 'gold'
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION hitl.quota_changed()
    IS 'trigger: counts the open tasks of a workflow from when it has a quota';
CREATE TRIGGER quota_changed AFTER UPDATE OF quota ON hitl.workflow
    FOR EACH ROW
    WHEN (OLD.quota IS DISTINCT FROM NEW.quota)
    EXECUTE FUNCTION hitl.quota_changed();
