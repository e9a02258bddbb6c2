/*
 * eligible.h
 *		Who may take a task.
 */
#ifndef HITL_ELIGIBLE_H
#define HITL_ELIGIBLE_H

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

/*
 * Whether the one who acts may take the task, found in a queue on which they
 * may work; for nobody else if on_behalf_of is NULL.  Limits of the person,
 * such as how many tasks they hold, are not looked at.
 */
extern HitlBar hitl_bar(const HitlActor *actor, const HitlReviewer *on_behalf_of,
						const HitlTask *task, TimestampTz now);

/* the skill that is missing, for a message */
extern const char *hitl_missing_skill(const HitlReviewer *reviewer,
									  const HitlTask *task, TimestampTz now);

/* whether any member of its queue may take it, sooner or later */
extern bool hitl_somebody_may_take(const HitlTask *task);

/* whether any member of the queue has this tier at least */
extern bool hitl_tier_exists(const char *queue, int32 tier);

#endif							/* HITL_ELIGIBLE_H */
