/*
 * life.h
 *		What the holder of a task does with it, short of a verdict.
 */
#ifndef HITL_LIFE_H
#define HITL_LIFE_H

#include "refusal.h"

/* Gives a task back undecided. */
extern bool hitl_release_task(HitlRefusal *refusal, int64 id,
							  const HitlActor *actor, const int64 *lease);

/*
 * Hands a task on: to the queue, or where there is none to the next stage, or
 * to a higher tier.
 */
extern bool hitl_escalate_task(HitlRefusal *refusal, int64 id,
							   const HitlActor *actor, text *note,
							   const char *queue, const int64 *lease);

#endif							/* HITL_LIFE_H */
