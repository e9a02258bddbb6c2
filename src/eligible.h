/*
 * eligible.h
 *		Who may take a task.
 */
#ifndef HITL_ELIGIBLE_H
#define HITL_ELIGIBLE_H

#include "refusal.h"
#include "task.h"

/* why somebody may not, the least private reason last */
typedef enum HitlBar
{
	HITL_NO_BAR,
	HITL_BAR_TIER,
	HITL_BAR_SKILL,
	HITL_BAR_OWN,				/* they, or whom they stand in for, submitted it */
	HITL_BAR_EXCLUDED			/* they, or whom they stand in for, judged it */
} HitlBar;

/* a queue on which a reviewer may work */
typedef struct HitlPlace
{
	NameData	queue;
	int			nabsent;		/* 0: a member, for nobody else */
	NameData   *absent;			/* else the members that they stand in for */
} HitlPlace;

/*
 * Whether the reviewer may take anything now: ZH012 for who is paused or away.
 */
extern bool hitl_check_present(HitlRefusal *refusal,
							   const HitlReviewer *reviewer, TimestampTz now);

/*
 * The queues on which the reviewer may work now: their own, then those of
 * members for whom they stand in.  Returns their number.
 */
extern int	hitl_places(const HitlReviewer *reviewer, TimestampTz now,
						HitlPlace **places);

/*
 * Whether the one who acts may take the task, found in a queue on which they
 * may work; for nobody else if on_behalf_of is NULL.  Limits of the person,
 * such as how many tasks they hold, are not looked at.
 */
extern HitlBar hitl_bar(const HitlActor *actor, const HitlReviewer *on_behalf_of,
						const HitlTask *task, TimestampTz now);

/*
 * Whether several persons judge the decision, each without the others, and
 * the one who acts is one of them already: holds a task of it, or has judged
 * it.  To hitl_bar it is HITL_BAR_EXCLUDED.
 */
extern bool hitl_has_part(const HitlActor *actor, const HitlTask *task,
						  Snapshot snapshot);

/*
 * Whether the one who acts may take the task, found in this place, and for
 * whom (empty: nobody else).  The snapshot is the latest.
 */
extern bool hitl_may_take(const HitlActor *actor, const HitlPlace *place,
						  const HitlTask *task, TimestampTz now,
						  Snapshot snapshot, NameData *on_behalf_of);

/* the skill that is missing, for a message */
extern const char *hitl_missing_skill(const HitlReviewer *reviewer,
									  const HitlTask *task, TimestampTz now);

/* whether any member of its queue may take it, sooner or later */
extern bool hitl_somebody_may_take(const HitlTask *task);

/* whether any member of the queue has this tier at least */
extern bool hitl_tier_exists(const char *queue, int32 tier);

#endif							/* HITL_ELIGIBLE_H */
