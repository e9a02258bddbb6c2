/*
 * again.h
 *		Verdicts that come again, or too late.
 */
#ifndef HITL_AGAIN_H
#define HITL_AGAIN_H

#include "verdict.h"

/*
 * The reviewer does not hold the task (found; NULL: it is not there).
 * Succeeds if they gave this very verdict before, with the answer of then;
 * otherwise refuses by what is due.
 */
extern bool hitl_answer_again(HitlRefusal *refusal, const HitlGiven *given,
							  const HitlActor *actor, const HitlTask *found,
							  const char **outcome);

extern HitlOutcome hitl_outcome_of(HitlAction action);

/*
 * The outcome that a verdict on a task which is only measured would have had
 * on a review, where so many persons must agree.
 */
extern const char *hitl_pretended_outcome(HitlAction action, int needed);

#endif							/* HITL_AGAIN_H */
