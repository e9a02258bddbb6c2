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

CREATE FUNCTION hitl.peek(
    n int DEFAULT 100, queues text[] DEFAULT NULL, reviewer text DEFAULT NULL,
    OUT task bigint, OUT queue text, OUT kind text, OUT workflow text,
    OUT lane smallint, OUT due_at timestamptz, OUT time_left interval,
    OUT waiting interval, OUT stage text)
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 100
AS 'MODULE_PATHNAME', 'hitl_peek';
COMMENT ON FUNCTION hitl.peek(int, text[], text)
    IS 'the next n (1 to 1000) tasks that the reviewer could claim, in the order of claims, without taking them and without what is decided; looks at the first 1000 tasks of their queues, or 10 n where that is more; nothing for who is paused or away; ZH012 when not a reviewer or not a member';

CREATE FUNCTION hitl.held(
    reviewer text DEFAULT NULL,
    OUT task bigint, OUT lease bigint, OUT decision uuid, OUT workflow text,
    OUT queue text, OUT kind text, OUT lane smallint, OUT due_at timestamptz,
    OUT time_left interval, OUT lease_until timestamptz, OUT lease_left interval,
    OUT asked_until timestamptz, OUT stage text, OUT on_behalf_of text,
    OUT judged boolean)
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 10
AS 'MODULE_PATHNAME', 'hitl_held';
COMMENT ON FUNCTION hitl.held(text)
    IS 'the tasks that the reviewer holds, the most urgent first; time_left stands still while an answer is waited for (asked_until); judged: whether the judgment of a blind task is stored, NULL for others; ZH012 when not a reviewer';

-- For queue_status.  They read hitl.task by its indexes themselves, which a
-- plan made on old statistics would not.
CREATE FUNCTION hitl.open_depth(
    queue text, OUT lane smallint, OUT open bigint, OUT more boolean,
    OUT overdue bigint, OUT oldest_at timestamptz, OUT next_due_at timestamptz)
RETURNS SETOF record
LANGUAGE c STABLE STRICT PARALLEL RESTRICTED ROWS 3
AS 'MODULE_PATHNAME', 'hitl_open_depth';
COMMENT ON FUNCTION hitl.open_depth(text)
    IS 'a row for each lane of a queue: its open tasks, counted up to 10000; more: there are more, and what is said is said of the first 10000 in the order in which they are served';

CREATE FUNCTION hitl.held_depth(
    OUT queue text, OUT lane smallint, OUT held bigint, OUT expired bigint,
    OUT overdue bigint, OUT oldest_at timestamptz, OUT next_due_at timestamptz)
RETURNS SETOF record
LANGUAGE c STABLE PARALLEL RESTRICTED ROWS 100
AS 'MODULE_PATHNAME', 'hitl_held_depth';
COMMENT ON FUNCTION hitl.held_depth()
    IS 'a row for each queue and lane of which tasks are held; expired: their lease is over, so they count as open; oldest_at is of those';

-- The planner knows how long a queue is without counting.
CREATE FUNCTION hitl.open_estimate(queue text, lane smallint)
RETURNS bigint
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    plan json;
BEGIN
    EXECUTE format('EXPLAIN (FORMAT JSON) SELECT FROM hitl.task WHERE holder IS NULL AND queue = %L AND lane = %s',
                   queue, lane) INTO plan;
    RETURN (plan #>> '{0,Plan,Plan Rows}')::float8;
END
$$;
COMMENT ON FUNCTION hitl.open_estimate(text, smallint)
    IS 'about how many tasks are open in a lane of a queue, by the statistics of the planner';

CREATE VIEW hitl.inbox WITH (security_invoker = true, security_barrier = true) AS
SELECT p.task, p.queue, p.kind, p.workflow, p.lane, p.due_at, p.time_left, p.waiting, p.stage
FROM hitl.peek() p;
COMMENT ON VIEW hitl.inbox IS 'the next 100 tasks that the reviewer who asks could claim, in the order of claims (see peek)';
COMMENT ON COLUMN hitl.inbox.kind IS 'review, confirm, audit or monitor; what only measures looks like one of these';
COMMENT ON COLUMN hitl.inbox.lane IS '0 before 1 before 2';
COMMENT ON COLUMN hitl.inbox.due_at IS 'the deadline in force, or the last one missed; NULL: none';
COMMENT ON COLUMN hitl.inbox.time_left IS 'until due_at; negative: overdue';
COMMENT ON COLUMN hitl.inbox.waiting IS 'since the task was made';
COMMENT ON COLUMN hitl.inbox.stage IS 'where the policy has stages';

CREATE VIEW hitl.my_tasks WITH (security_invoker = true, security_barrier = true) AS
SELECT h.task, h.lease, h.decision, h.workflow, h.queue, h.kind, h.lane, h.due_at, h.time_left,
       h.lease_until, h.lease_left, h.asked_until, h.stage, h.on_behalf_of, h.judged
FROM hitl.held() h;
COMMENT ON VIEW hitl.my_tasks IS 'what the reviewer who asks holds, the most urgent first (see held)';
COMMENT ON COLUMN hitl.my_tasks.lease IS 'fencing token of the claim';
COMMENT ON COLUMN hitl.my_tasks.kind IS 'review, confirm, audit or monitor; what only measures looks like one of these';
COMMENT ON COLUMN hitl.my_tasks.lane IS '0, 1 or 2';
COMMENT ON COLUMN hitl.my_tasks.due_at IS 'the deadline in force, or the last one missed; NULL: none';
COMMENT ON COLUMN hitl.my_tasks.lease_until IS 'end of the claim';
COMMENT ON COLUMN hitl.my_tasks.stage IS 'where the policy has stages';
COMMENT ON COLUMN hitl.my_tasks.time_left IS 'until due_at; negative: overdue; stands still while an answer is waited for';
COMMENT ON COLUMN hitl.my_tasks.lease_left IS 'until the task goes back to the queue; extend() gives more';
COMMENT ON COLUMN hitl.my_tasks.asked_until IS 'the clocks run on then, answered or not; NULL: nothing was asked';
COMMENT ON COLUMN hitl.my_tasks.on_behalf_of IS 'the absent reviewer for whom the task was taken; NULL: nobody';
COMMENT ON COLUMN hitl.my_tasks.judged IS 'whether the judgment of a blind task is stored; NULL: it is not blind';
