-- What people stop or undo, without a claim.

CREATE FUNCTION hitl.veto(decision uuid, note text, reviewer text DEFAULT NULL)
RETURNS text
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'hitl_veto';
COMMENT ON FUNCTION hitl.veto(uuid, text, text)
    IS 'stops a proposal: one that took effect and is open to a veto, by a reviewer of its queue or a lead; one that waits for review, by a lead; returns the outcome, rejected; ZH003 when the time is over or it is decided, 55000 when its route knows no veto, ZH005 for one''s own, ZH012 when not a member';

CREATE FUNCTION hitl.correct(
    decision uuid, output jsonb, code text, note text, reviewer text DEFAULT NULL,
    outcome text DEFAULT NULL)
RETURNS text
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'hitl_correct';
COMMENT ON FUNCTION hitl.correct(uuid, jsonb, text, text, text, text)
    IS 'corrects an outcome, on record: with an output it becomes amended, without rejected, or approved where outcome says so; by a reviewer of the queue or a lead, whose tier is what was demanded or that of whoever decided (a lead may always reject); returns the new outcome; an open task of the decision ends with it; ZH003 when that is the outcome already, 55000 when there is none yet, ZH012 when not a member or of a lower tier';
