/*
 * gold.h
 *		Decisions whose answer is known, given to reviewers among others.
 */
#ifndef HITL_GOLD_H
#define HITL_GOLD_H

#include "task.h"

/*
 * Whether the one who acts gets such a decision in place of this task, which
 * is theirs to take; if so, fills in the task that is to be made of it.
 */
extern bool hitl_gold_draw(const HitlActor *actor, const HitlTask *in_place_of,
						   Snapshot snapshot, HitlTaskSpec *spec);

#endif							/* HITL_GOLD_H */
