-- The gate: stamps a decision before it is stored, makes its task afterwards.

CREATE FUNCTION hitl.gate()
RETURNS trigger
LANGUAGE c VOLATILE
AS 'MODULE_PATHNAME', 'hitl_gate';
COMMENT ON FUNCTION hitl.gate()
    IS 'trigger: validates a decision, applies the policy, draws the audit lottery, stamps the row';

-- Runs between the storing of the row and its AFTER trigger, still in the
-- order of the rows: the place to see that nobody changed the stamp.  It is
-- given as little as possible, for the server reads and compiles the condition
-- anew in each statement.
CREATE FUNCTION hitl.needs_task(id uuid)
RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'hitl_needs_task';
COMMENT ON FUNCTION hitl.needs_task(uuid)
    IS 'condition of the trigger enqueue: whether there is more to do for the row just stored, a task or a request_id; ZH006 if the row is not as the gate stamped it';

CREATE FUNCTION hitl.enqueue()
RETURNS trigger
LANGUAGE c VOLATILE
AS 'MODULE_PATHNAME', 'hitl_enqueue';
COMMENT ON FUNCTION hitl.enqueue()
    IS 'trigger: makes the task of a decision that goes to review, was drawn for an audit or is open to a veto, and keeps its request_id';

CREATE TRIGGER gate BEFORE INSERT ON hitl.decision
    FOR EACH ROW EXECUTE FUNCTION hitl.gate();
CREATE TRIGGER enqueue AFTER INSERT ON hitl.decision
    FOR EACH ROW
    WHEN (hitl.needs_task(NEW.id))
    EXECUTE FUNCTION hitl.enqueue();
ALTER TABLE hitl.decision ENABLE ALWAYS TRIGGER gate;
ALTER TABLE hitl.decision ENABLE ALWAYS TRIGGER enqueue;
