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
	HITL_ORDER_FIFO,
	HITL_ORDER_EXPOSURE,
	HITL_ORDER_UNCERTAINTY,
	HITL_ORDER_LOSS
} HitlOrdering;

typedef struct HitlQueue
{
	NameData	name;			/* hash key */
	uint64		generation;
	HitlOrdering ordering;
	Interval	lease;
	Interval	max_hold;
	double		aging;			/* microseconds; 0: none */
	double		gold_rate;
	int			nmembers;
	NameData   *member;
	bool		reported;		/* that it has none */
} HitlQueue;

/* a skill, or an authority that runs out */
typedef struct HitlSkill
{
	char	   *name;
	TimestampTz valid_until;
} HitlSkill;

/* a time in which a reviewer is away, or stands in for another who is */
typedef struct HitlAbsence
{
	NameData	other;			/* who stands in, or is stood in for; or empty */
	TimestampTz since;
	TimestampTz until;
} HitlAbsence;

typedef struct HitlReviewer
{
	NameData	name;			/* hash key */
	uint64		generation;
	bool		exists;
	Oid			login;			/* InvalidOid: only delegates act for them */
	int			nlogins;
	Oid		   *logins;			/* this one and further ones */
	int32		tier;
	int32		max_open;
	Interval	shift;
	int32		shift_limit;	/* 0: none */
	int32		max_releases;
	char	   *paused;			/* NULL: not paused */
	int			nqueues;
	NameData   *queues;
	int			nskills;
	HitlSkill  *skills;
	int			naway;
	HitlAbsence *away;			/* their own absences */
	int			nstands_in;
	HitlAbsence *stands_in;		/* those of others */
	MemoryContext context;		/* of what is pointed to here */
} HitlReviewer;

/*
 * Who called: a reviewer, and the delegate that named them, if any.  The
 * persons who act are known by roles: all logins of the reviewer, a delegate's
 * own, the one behind SET ROLE.
 */
typedef struct HitlActor
{
	const HitlReviewer *reviewer;
	Oid			asserted_by;	/* InvalidOid: the reviewer's own login */
	int			nroles;
	NameData   *role;			/* the first one acts */
} HitlActor;

extern bool hitl_actor_is(const HitlActor *actor, const char *role);

/* whether this reviewer is one of the persons who act, under whatever login */
extern bool hitl_actor_is_person(const HitlActor *actor, const char *name);

/* a queue that was deleted under its tasks answers as the default one */
extern const HitlQueue *hitl_queue(const char *name);

extern bool hitl_queue_exists(const char *name);

/* whether it has no members and that is worth saying: not again and again */
extern bool hitl_queue_unattended(const HitlQueue *queue);

/* the reviewer of this name, or NULL; good until the next look-up */
extern const HitlReviewer *hitl_reviewer(const char *name);

/*
 * Whether nobody can act as this reviewer any more: there is none, or they had
 * logins and all are gone.
 */
extern bool hitl_reviewer_gone(const char *name);

/*
 * Who acts, given the "reviewer" argument of the call (NULL: own login).
 * Raises an error unless it is a reviewer.  The result is good until the
 * configuration is looked up again.
 */
extern HitlActor hitl_actor_from(text *named);

/* the same, or a lead in their own name: no reviewer, and their roles */
extern HitlActor hitl_actor_or_lead(text *named);

/* the reviewer as if they acted by themselves */
extern HitlActor hitl_actor_of(const HitlReviewer *reviewer);

/*
 * Lets what depends on how much the reviewer has in hand happen one after the
 * other, to the end of the transaction.  Taken before any task (see
 * src/README.md).
 */
extern void hitl_reviewer_lock(const char *name);

/* whether who acts is a lead */
extern bool hitl_is_lead(const HitlActor *actor);

extern bool hitl_is_member(const HitlReviewer *reviewer, const char *queue);

/* whether they have it, and it has not run out */
extern bool hitl_has_skill(const HitlReviewer *reviewer, const char *skill,
						   TimestampTz now);

/* the absence that holds now, or NULL */
extern const HitlAbsence *hitl_away(const HitlReviewer *reviewer,
									TimestampTz now);

#endif							/* HITL_PEOPLE_H */
