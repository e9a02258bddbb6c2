-- What a reviewer can look at without taking it, and again after taking it.

CREATE FUNCTION hitl.packet(
    task bigint, reviewer text DEFAULT NULL, lease bigint DEFAULT NULL,
    OUT task bigint, OUT lease bigint, OUT decision uuid, OUT workflow text,
    OUT queue text, OUT kind text, OUT lane smallint, OUT due_at timestamptz,
    OUT time_left interval, OUT question text, OUT reasons jsonb,
    OUT input jsonb, OUT output jsonb, OUT confidence float8,
    OUT reasoning text, OUT alternatives jsonb, OUT context jsonb,
    OUT history jsonb, OUT codes text[], OUT rubric jsonb, OUT changes jsonb,
    OUT notes text, OUT blind boolean, OUT stage text)
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 1
AS 'MODULE_PATHNAME', 'hitl_packet';
COMMENT ON FUNCTION hitl.packet(bigint, text, bigint)
    IS 'what claim() returns, once more, for a task that the reviewer holds: after a reassignment, or with what was withheld once it is judged; kind is shown so that a task which only measures looks like any other; history: subject (decisions before on the same subject), verdicts, questions; rubric: {version, criteria}; changes: what the output would change in context.before; blind: nothing that was proposed or decided is shown before judge(); ZH001 when not the holder, ZH002 when the lease is over';
