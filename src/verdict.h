/*
 * verdict.h
 *		A verdict: what it must bring, and giving it.
 */
#ifndef HITL_VERDICT_H
#define HITL_VERDICT_H

#include "policy.h"
#include "refusal.h"
#include "task.h"

/* a verdict as its caller gives it */
typedef struct HitlGiven
{
	HitlAction	action;			/* approve, reject or amend */
	int64		task;
	Jsonb	   *output;
	text	   *code;
	text	   *note;
	text	   *explanation;
	Jsonb	   *scores;
	bool		has_lease;
	int64		lease;
	int64		like_task;		/* whose verdict this is; 0: judged by itself */
} HitlGiven;

/*
 * Gives a verdict.  *outcome is NULL while more persons are needed, *again is
 * whether this very verdict was given before.
 */
extern bool hitl_verdict_give(HitlRefusal *refusal, const HitlGiven *given,
							  const HitlActor *actor, const char **outcome,
							  bool *again);

/*
 * Whether it could be given on a task that the actor is about to claim; *task
 * as it would be held then.  Locks the decision if others judge it too.
 */
extern bool hitl_verdict_may(HitlRefusal *refusal, const HitlGiven *given,
							 const HitlActor *actor, const HitlTask *task);

extern bool hitl_is_blank(text *value);

/* NULL is the same as NULL alone */
extern bool hitl_same_json(Jsonb *a, Jsonb *b);

/* not blank if needed, and not too long */
extern void hitl_check_note(HitlAction action, text *note, bool needed);
/* not blank, and one of the workflow's (NULL: none is) */
extern void hitl_check_code(HitlAction action, text *code,
							const HitlWorkflow *workflow);

#endif							/* HITL_VERDICT_H */
