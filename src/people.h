/*
 * people.h
 *		Queues, reviewers, and who acts.
 */
#ifndef HITL_PEOPLE_H
#define HITL_PEOPLE_H

#include "utils/timestamp.h"

typedef enum HitlOrdering
{
	HITL_ORDER_DUE,
	HITL_ORDER_FIFO
} HitlOrdering;

typedef struct HitlQueue
{
	NameData	name;			/* hash key */
	uint64		generation;
	HitlOrdering ordering;
	Interval	lease;
} HitlQueue;

typedef struct HitlReviewer
{
	NameData	name;			/* hash key */
	uint64		generation;
	bool		exists;
	Oid			login;			/* InvalidOid: only delegates act for them */
	int32		tier;
	int32		max_open;
	int			nqueues;
	NameData   *queues;
} HitlReviewer;

/* who called: a reviewer, and the delegate that named them, if any */
typedef struct HitlActor
{
	const HitlReviewer *reviewer;
	Oid			asserted_by;	/* InvalidOid: the reviewer's own login */
	int			nroles;			/* the roles that are the persons who act: */
	NameData	role[3];		/* the reviewer's login, a delegate's own, the
								 * one behind SET ROLE */
} HitlActor;

extern bool hitl_actor_is(const HitlActor *actor, const char *role);

/* a queue that was deleted under its tasks answers as the default one */
extern const HitlQueue *hitl_queue(const char *name);

/*
 * Who acts, given the "reviewer" argument of the call (NULL: own login).
 * Raises an error unless it is a reviewer.  The result is good until the
 * configuration is looked up again.
 */
extern HitlActor hitl_actor_from(text *named);

/* the same, or a lead in their own name: no reviewer, and one role */
extern HitlActor hitl_actor_or_lead(text *named);

extern bool hitl_is_member(const HitlReviewer *reviewer, const char *queue);

#endif							/* HITL_PEOPLE_H */
