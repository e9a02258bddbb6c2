-- What happens to a task between claim and verdict: by its holder, by leads,
-- and by the application.

CREATE FUNCTION hitl.release(
    task bigint, reviewer text DEFAULT NULL, lease bigint DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'hitl_release';
COMMENT ON FUNCTION hitl.release(bigint, text, bigint)
    IS 'gives a task back undecided; it is offered to others first; how many a shift takes stands in reviewer.max_releases; ZH001 when not the holder, ZH002 when the lease is over';

CREATE FUNCTION hitl.extend(
    task bigint, reviewer text DEFAULT NULL, lease bigint DEFAULT NULL)
RETURNS timestamptz
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'hitl_extend';
COMMENT ON FUNCTION hitl.extend(bigint, text, bigint)
    IS 'a new lease from now, up to the queue''s max_hold after the claim; returns its end; ZH004 when it cannot be held longer; other errors as release';

CREATE FUNCTION hitl.escalate(
    task bigint, note text, queue text DEFAULT NULL, reviewer text DEFAULT NULL,
    lease bigint DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'hitl_escalate';
COMMENT ON FUNCTION hitl.escalate(bigint, text, text, text, bigint)
    IS 'hands a task on: to the queue, else to the next stage, else to a tier above; a verdict that is not final, after which its giver does not get the task again; 22023 without a note, 23503 for a queue that does not exist, 55000 when there is nowhere to go; other errors as release';

CREATE FUNCTION hitl.ask(
    task bigint, question text, within interval DEFAULT '1 day',
    reviewer text DEFAULT NULL, lease bigint DEFAULT NULL)
RETURNS timestamptz
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'hitl_ask';
COMMENT ON FUNCTION hitl.ask(bigint, text, interval, text, bigint)
    IS 'asks the application; the clocks stand still until answer(), at most for the span within, up to 100 years; the task stays with its holder, who may decide without; returns when the clocks run on; 55000 when it waits already; other errors as release';

CREATE FUNCTION hitl.answer(decision uuid, answer text)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'hitl_answer';
COMMENT ON FUNCTION hitl.answer(uuid, text)
    IS 'the application of a decision, or a lead, answers the question of its reviewer; the clocks run on, and the lease begins anew; P0002 for a decision of others, 55000 when nobody waits for an answer';

CREATE FUNCTION hitl.open_questions(
    OUT decision uuid, OUT workflow text, OUT subject text, OUT question text,
    OUT asked_at timestamptz, OUT asked_until timestamptz)
RETURNS SETOF record
LANGUAGE sql STABLE PARALLEL RESTRICTED
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT t.decision, t.workflow, d.subject, e.question, t.asked_at, t.asked_until
    FROM hitl.task t
    JOIN hitl.decision d ON d.id = t.decision
    LEFT JOIN hitl.workflow w ON w.name = t.workflow
    LEFT JOIN LATERAL (SELECT e.detail ->> 'question' AS question
                       FROM hitl.event e
                       WHERE e.decision = t.decision AND e.task = t.id AND e.kind = 'asked'
                       ORDER BY e.id DESC
                       LIMIT 1) e ON true
    WHERE t.holder IS NOT NULL AND t.asked_at IS NOT NULL AND t.kind <> 'gold'
      AND (d.created_by = hitl.actor()
           OR w.application IS NOT NULL AND pg_has_role(hitl.actor(), w.application, 'USAGE')
           OR pg_has_role(hitl.actor(), 'hitl_lead', 'USAGE'))
    ORDER BY t.asked_until, t.id
$$;
COMMENT ON FUNCTION hitl.open_questions()
    IS 'what reviewers have asked and nobody has answered yet: about decisions of the application that calls, or all for a lead';

CREATE FUNCTION hitl.withdraw(decision uuid, note text DEFAULT NULL)
RETURNS text
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'hitl_withdraw';
COMMENT ON FUNCTION hitl.withdraw(uuid, text)
    IS 'the application takes back a decision that waits for people; its tasks end, whoever holds them; returns the outcome, withdrawn; ZH003 when it is decided, 55000 when its route was not review, P0002 for a decision of others';

CREATE FUNCTION hitl.reassign(
    task bigint, to_reviewer text, note text DEFAULT NULL, reviewer text DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'hitl_reassign';
COMMENT ON FUNCTION hitl.reassign(bigint, text, text, text)
    IS 'a lead gives a task, open or held, to a reviewer who may take it, with a new lease; ZH012 when they may not (queue, tier, skill, away, paused), ZH005 when it is their own or they have judged it, or it is the lead''s own, ZH004 when they hold as many as they may, 42501 for who is no lead';

CREATE FUNCTION hitl.requeue(
    task bigint, queue text DEFAULT NULL, lane int DEFAULT NULL, tier int DEFAULT NULL,
    note text DEFAULT NULL, reviewer text DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'hitl_requeue';
COMMENT ON FUNCTION hitl.requeue(bigint, text, int, int, text, text)
    IS 'a lead puts a task elsewhere, open to claims; NULL: as before; 23503 for a queue that does not exist, 22023 for a lane that does not, or a tier below the task''s; ZH005 for the lead''s own, 42501 for who is no lead';

CREATE FUNCTION hitl.recall(task bigint, note text DEFAULT NULL, reviewer text DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'hitl_recall';
COMMENT ON FUNCTION hitl.recall(bigint, text, text)
    IS 'a lead takes a task from its holder; it is offered to others first; 55000 when nobody holds it; ZH005 for the lead''s own, 42501 for who is no lead';

CREATE FUNCTION hitl.recall_all(holder text, note text DEFAULT NULL, reviewer text DEFAULT NULL)
RETURNS int
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'hitl_recall_all';
COMMENT ON FUNCTION hitl.recall_all(text, text, text)
    IS 'a lead takes all that a reviewer holds, but for what the lead submitted; returns how many tasks; 42501 for who is no lead';

CREATE FUNCTION hitl.reorder_queue(queue text)
RETURNS bigint
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'hitl_reorder_queue';
COMMENT ON FUNCTION hitl.reorder_queue(text)
    IS 'gives the tasks of a queue their places by its present ordering; returns how many';
