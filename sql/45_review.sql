-- What reviewers call.  The functions run as the caller and reach the tables
-- by themselves; nobody needs a privilege on a table to work.

CREATE FUNCTION hitl.claim(
    n int DEFAULT 1, queues text[] DEFAULT NULL, reviewer text DEFAULT NULL,
    OUT task bigint, OUT lease bigint, OUT decision uuid, OUT workflow text,
    OUT queue text, OUT kind text, OUT lane smallint, OUT due_at timestamptz,
    OUT time_left interval, OUT question text, OUT reasons jsonb,
    OUT input jsonb, OUT output jsonb, OUT confidence float8,
    OUT reasoning text, OUT alternatives jsonb, OUT context jsonb,
    OUT history jsonb, OUT codes text[], OUT rubric jsonb)
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 1
AS 'MODULE_PATHNAME', 'hitl_claim';
COMMENT ON FUNCTION hitl.claim(int, text[], text)
    IS 'claims up to n of the most urgent tasks that the reviewer may take, from all of their queues or those named, and returns what there is to know about each; no row when there is nothing; ZH004 at the limit of open tasks, ZH012 when not a reviewer or not a member';

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

CREATE FUNCTION hitl.release(
    task bigint, reviewer text DEFAULT NULL, lease bigint DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'hitl_release';
COMMENT ON FUNCTION hitl.release(bigint, text, bigint)
    IS 'gives a task back undecided; errors as approve';
