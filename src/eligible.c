/*
 * eligible.c
 *		Who may take a task.
 *
 * The rules on persons are written here once: for claims, for what a lead
 * hands out, and to find out that nobody is left.
 */
#include "hitl.h"

#include "cache.h"
#include "eligible.h"

const char *
hitl_missing_skill(const HitlReviewer *reviewer, const HitlTask *task,
				   TimestampTz now)
{
	char	  **skills;
	int			n = hitl_names_read(task->skills, &skills);

	for (int i = 0; i < n; i++)
	{
		if (!hitl_has_skill(reviewer, skills[i], now))
			return skills[i];
	}
	return NULL;
}

static HitlBar
bar_of_person(const HitlActor *actor, const HitlTask *task)
{
	if (hitl_task_is_own(task, actor))
		return HITL_BAR_OWN;
	if (task->excluded &&
		hitl_names_has(task->excluded, NameStr(actor->reviewer->name)))
		return HITL_BAR_EXCLUDED;
	return HITL_NO_BAR;
}

HitlBar
hitl_bar(const HitlActor *actor, const HitlReviewer *on_behalf_of,
		 const HitlTask *task, TimestampTz now)
{
	HitlBar		bar;

	if (task->tier > actor->reviewer->tier)
		return HITL_BAR_TIER;
	if (task->skills && hitl_missing_skill(actor->reviewer, task, now))
		return HITL_BAR_SKILL;
	bar = bar_of_person(actor, task);
	if (bar == HITL_NO_BAR && on_behalf_of != NULL)
	{
		HitlActor	absent = hitl_actor_of(on_behalf_of);

		bar = bar_of_person(&absent, task);
	}
	return bar;
}

bool
hitl_somebody_may_take(const HitlTask *task)
{
	const HitlQueue *queue = hitl_queue(NameStr(task->queue));
	TimestampTz now = GetCurrentTimestamp();

	for (int i = 0; i < queue->nmembers; i++)
	{
		const HitlReviewer *member = hitl_reviewer(NameStr(queue->member[i]));
		HitlActor	actor;

		if (member == NULL || member->paused)
			continue;
		if (task->tier > member->tier ||
			(task->skills && hitl_missing_skill(member, task, now)))
			continue;
		actor = hitl_actor_of(member);
		if (bar_of_person(&actor, task) == HITL_NO_BAR)
			return true;
	}
	return false;
}

bool
hitl_tier_exists(const char *queue, int32 tier)
{
	const HitlQueue *q = hitl_queue(queue);

	for (int i = 0; i < q->nmembers; i++)
	{
		const HitlReviewer *member = hitl_reviewer(NameStr(q->member[i]));

		if (member != NULL && member->tier >= tier)
			return true;
	}
	return false;
}
