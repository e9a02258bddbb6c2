/*
 * votes.h
 *		Decisions that more than one person makes.
 */
#ifndef HITL_VOTES_H
#define HITL_VOTES_H

#include "verdict.h"

/* other copies of the same review */
typedef struct HitlCopies
{
	int			n;
	HitlTask   *copy;
} HitlCopies;

/* the open tasks of a decision; returns how many */
extern int	hitl_tasks_of(HitlDesk *desk, const pg_uuid_t *decision,
						  Snapshot snapshot, HitlTask **tasks);

/* whether a verdict on this task may depend on those of others */
extern bool hitl_votes_needed(const HitlTask *task, const HitlPolicy *policy);

/* how many persons the rules demanded that fired for the decision */
extern int	hitl_votes_demanded(const pg_uuid_t *decision);

/*
 * What the verdict in *transition does to the task: it decides, is one of
 * several, or waits for one more person.  The decision must be locked since
 * before the snapshot was taken.  Also returns the copies that end with it.
 */
extern bool hitl_votes_count(HitlRefusal *refusal, HitlDesk *desk,
							 const HitlTask *task, const HitlPolicy *policy,
							 HitlTransition *transition, Snapshot snapshot,
							 HitlCopies *closed);

/* ends the copies, whoever holds them */
extern void hitl_copies_close(HitlDesk *desk, const HitlCopies *copies,
							  const HitlActor *actor);

#endif							/* HITL_VOTES_H */
