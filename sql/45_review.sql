-- What reviewers call.  The functions run as the caller and reach the tables
-- by themselves; nobody needs a privilege on a table to work.

CREATE FUNCTION hitl.claim(
    n int DEFAULT 1, queues text[] DEFAULT NULL, reviewer text DEFAULT NULL,
    OUT task bigint, OUT lease bigint, OUT decision uuid, OUT workflow text,
    OUT queue text, OUT kind text, OUT lane smallint, OUT due_at timestamptz,
    OUT time_left interval, OUT question text, OUT reasons jsonb,
    OUT input jsonb, OUT output jsonb, OUT confidence float8,
    OUT reasoning text, OUT alternatives jsonb, OUT context jsonb,
    OUT history jsonb, OUT codes text[], OUT rubric jsonb, OUT changes jsonb,
    OUT notes text, OUT blind boolean, OUT stage text)
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 1
AS 'MODULE_PATHNAME', 'hitl_claim';
COMMENT ON FUNCTION hitl.claim(int, text[], text)
    IS 'claims up to n (1 to 1000) of the most urgent tasks that the reviewer may take, from all of their queues, those of absent members for whom they stand in, or those named, and returns what there is to know about each (see packet); no row when there is nothing; ZH004 at the limit of open tasks, of claims in a shift or of tasks given back, ZH012 when not a reviewer, not a member, paused or away';

CREATE FUNCTION hitl.approve(
    task bigint, note text DEFAULT NULL, reviewer text DEFAULT NULL,
    lease bigint DEFAULT NULL, scores jsonb DEFAULT NULL)
RETURNS text
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'hitl_approve';
COMMENT ON FUNCTION hitl.approve(bigint, text, text, bigint, jsonb)
    IS 'the proposal is right; scores by the rubric of the policy, {criterion: score}; returns the outcome, NULL while more persons are needed; ZH001 when not the holder, ZH002 when the lease is over, ZH003 when decided already, ZH005 for one''s own decision or a second vote, ZH007 when the decision is not what was shown, 28000 when the policy demands another login, 55000 when it is judged first (see judge), 22023 for scores that are not of the rubric';

CREATE FUNCTION hitl.reject(
    task bigint, code text, note text, reviewer text DEFAULT NULL,
    lease bigint DEFAULT NULL, explanation text DEFAULT NULL,
    scores jsonb DEFAULT NULL)
RETURNS text
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'hitl_reject';
COMMENT ON FUNCTION hitl.reject(bigint, text, text, text, bigint, text, jsonb)
    IS 'the proposal is wrong, for a reason from hitl.decision_code, with a note; explanation: why, in plain words, for the person whom it affects; returns the outcome, NULL while more persons are needed; errors as approve, and 22023 without code or note, or without an explanation where the policy demands one';

CREATE FUNCTION hitl.amend(
    task bigint, output jsonb, code text, note text,
    reviewer text DEFAULT NULL, lease bigint DEFAULT NULL,
    explanation text DEFAULT NULL, scores jsonb DEFAULT NULL)
RETURNS text
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'hitl_amend';
COMMENT ON FUNCTION hitl.amend(bigint, jsonb, text, text, text, bigint, text, jsonb)
    IS 'the proposal is wrong and this output is right; both are kept, and what differs (see diff); returns the outcome, NULL while more persons are needed; errors as reject, and 22023 when the output is the proposed one';

CREATE FUNCTION hitl.judge(
    task bigint, answer jsonb, reviewer text DEFAULT NULL,
    lease bigint DEFAULT NULL,
    OUT reasons jsonb, OUT output jsonb, OUT confidence float8,
    OUT reasoning text, OUT alternatives jsonb, OUT history jsonb,
    OUT changes jsonb)
RETURNS record
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'hitl_judge_task';
COMMENT ON FUNCTION hitl.judge(bigint, jsonb, text, bigint)
    IS 'stores what the holder of a blind task thinks themselves, up to 1 MB, and returns what was withheld until then; in a transaction block or within a function NULLs, since a judgment that can be taken back is none: then packet() returns it, or the same judgment again, once it has been committed, and no verdict counts before; the first judgment counts: ZH003 for another one, also after the task was given back; 55000 when the task is not blind; ZH001 and ZH002 as approve';

CREATE FUNCTION hitl.step_up(
    task bigint, method text, reviewer text DEFAULT NULL,
    lease bigint DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'hitl_step_up';
COMMENT ON FUNCTION hitl.step_up(bigint, text, text, bigint)
    IS 'a hitl_delegate says how the person who holds the task has logged in, by a name from the policy''s step_up; kept for the verdict; 42501 for others: the server knows how they logged in; ZH001 and ZH002 as approve';

CREATE FUNCTION hitl.decide(
    verdicts jsonb, reviewer text DEFAULT NULL,
    OUT item int, OUT task bigint, OUT outcome text, OUT sqlstate text,
    OUT message text, OUT hint text)
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 10
AS 'MODULE_PATHNAME', 'hitl_decide';
COMMENT ON FUNCTION hitl.decide(jsonb, text)
    IS 'many verdicts at once: array of at most 1000 objects with task, action (approve, reject, amend, escalate, release), and where the action takes them code, note, output, lease, explanation, scores, queue; each succeeds or fails by itself, in the order of the tasks; returns a row for each item, from 1, with the outcome as approve returns it, or with what it was refused by: sqlstate (NULL: done), message, hint; what is no refusal, as 40001, ends the whole call';

CREATE FUNCTION hitl.decide_like(
    task bigint, action text, code text DEFAULT NULL, note text DEFAULT NULL,
    output jsonb DEFAULT NULL, alike text[] DEFAULT '{signals.cluster}',
    n int DEFAULT 100, reviewer text DEFAULT NULL, lease bigint DEFAULT NULL,
    explanation text DEFAULT NULL, scores jsonb DEFAULT NULL)
RETURNS TABLE (target bigint, decision uuid, outcome text, sqlstate text, message text)
LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 10
AS 'MODULE_PATHNAME', 'hitl_decide_like';
COMMENT ON FUNCTION hitl.decide_like(bigint, text, text, text, jsonb, text[], int, text, bigint, text, jsonb)
    IS 'gives the task that the caller holds a verdict (approve, reject, amend), and the same to up to n (1 to 1000) open tasks of its workflow, queue and kind whose decisions have equal values in all places named in alike (a column, with keys after dots where it is jsonb); of the queue the first 10000 open tasks are looked at; those that are blind or that the person could not be given are left out; each is claimed and decided by the same person, and names the task in like_task; a row for each in target, the given task first, with the outcome or what it was refused by (target NULL: all others were); 22023 where the decision has nothing in a place; ZH004 where the shift has no room for more; the task itself as approve';
