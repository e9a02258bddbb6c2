/*
 * eligible.c
 *		Who may take a task.
 *
 * The rules on persons are written here once: for claims, for what a lead
 * hands out, and to find out that nobody is left.
 */
#include "hitl.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "cache.h"
#include "eligible.h"

/* who holds a task of the decision, or has judged it; by whom they were named */
static HitlQuery part_query = {
	.text =
	"SELECT t.holder, NULL::pg_catalog.text FROM hitl.task t"
	" WHERE t.decision OPERATOR(pg_catalog.=) $1"
	"   AND t.id OPERATOR(pg_catalog.<>) $2 AND t.holder IS NOT NULL"
	" UNION ALL"
	" SELECT v.reviewer, v.asserted_by::pg_catalog.text FROM hitl.verdict v"
	" WHERE v.decision OPERATOR(pg_catalog.=) $1"
	"   AND v.action OPERATOR(pg_catalog.<>) 'timeout'",
	.nargs = 2,
	.argtypes = {UUIDOID, INT8OID}
};

bool
hitl_check_present(HitlRefusal *refusal, const HitlReviewer *reviewer,
				   TimestampTz now)
{
	const HitlAbsence *away = hitl_away(reviewer, now);

	if (reviewer->paused)
		return hitl_refuse(refusal, ERRCODE_HITL_NOT_ELIGIBLE, NULL,
						   "A lead ends that by hitl.resume_reviewer().",
						   "reviewer \"%s\" is paused: %s",
						   NameStr(reviewer->name), reviewer->paused);
	if (away)
		return hitl_refuse(refusal, ERRCODE_HITL_NOT_ELIGIBLE,
						   NameStr(away->other)[0] == '\0' ? NULL :
						   psprintf("Reviewer \"%s\" stands in.",
									NameStr(away->other)),
						   "An admin ends that by hitl.end_absence().",
						   "reviewer \"%s\" is away until %s",
						   NameStr(reviewer->name),
						   timestamptz_to_str(away->until));
	return true;
}

/*
 * Places
 */

static HitlPlace *
find_place(HitlPlace *places, int n, const NameData *queue)
{
	for (int i = 0; i < n; i++)
	{
		if (strcmp(NameStr(places[i].queue), NameStr(*queue)) == 0)
			return &places[i];
	}
	return NULL;
}

static void
add_absent(HitlPlace *place, const NameData *name)
{
	for (int i = 0; i < place->nabsent; i++)
	{
		if (strcmp(NameStr(place->absent[i]), NameStr(*name)) == 0)
			return;
	}
	place->absent = place->absent == NULL ? palloc(sizeof(NameData)) :
		repalloc(place->absent, sizeof(NameData) * (place->nabsent + 1));
	place->absent[place->nabsent++] = *name;
}

int
hitl_places(const HitlReviewer *reviewer, TimestampTz now, HitlPlace **places)
{
	int			own = reviewer->nqueues;
	int			n = own;

	*places = palloc0(sizeof(HitlPlace) * Max(n, 1));
	for (int i = 0; i < n; i++)
		(*places)[i].queue = reviewer->queues[i];
	for (int i = 0; i < reviewer->nstands_in; i++)
	{
		const HitlAbsence *absence = &reviewer->stands_in[i];
		const HitlReviewer *absent;

		if (now < absence->since || absence->until <= now)
			continue;
		absent = hitl_reviewer(NameStr(absence->other));
		for (int j = 0; absent != NULL && j < absent->nqueues; j++)
		{
			const NameData *queue = &absent->queues[j];
			HitlPlace  *place = find_place(*places, n, queue);

			/* what one may do for oneself one does for oneself */
			if (place != NULL && place - *places < own)
				continue;
			if (place == NULL)
			{
				*places = repalloc(*places, sizeof(HitlPlace) * (n + 1));
				place = &(*places)[n++];
				memset(place, 0, sizeof(*place));
				place->queue = *queue;
			}
			add_absent(place, &absence->other);
		}
	}
	return n;
}

/*
 * Tasks
 */

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

static bool
is_excluded(const HitlTask *task, const HitlActor *actor)
{
	char	  **excluded;
	int			n = hitl_names_read(task->excluded, &excluded);

	for (int i = 0; i < n; i++)
	{
		if (hitl_actor_is_person(actor, excluded[i]))
			return true;
	}
	return false;
}

static HitlBar
bar_of_person(const HitlActor *actor, const HitlTask *task)
{
	if (hitl_task_is_own(task, actor))
		return HITL_BAR_OWN;
	return is_excluded(task, actor) ? HITL_BAR_EXCLUDED : HITL_NO_BAR;
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
hitl_has_part(const HitlActor *actor, const HitlTask *task, Snapshot snapshot)
{
	Datum		args[2];
	HitlSpi		spi;
	bool		result = false;

	if (task->panel == 1 && task->kind != HITL_KIND_GOLD)
		return false;
	args[0] = UUIDPGetDatum(&task->decision);
	args[1] = Int64GetDatum(task->id);
	hitl_spi_begin(&spi);
	hitl_spi_run(&part_query, args, snapshot, 0);
	for (uint64 row = 0; row < SPI_processed && !result; row++)
	{
		char	   *asserted_by = hitl_spi_string(row, 2);

		/* a pooled login is no person, and not among the actor's roles */
		result = (asserted_by && hitl_actor_is(actor, asserted_by)) ||
			hitl_actor_is_person(actor, hitl_spi_string(row, 1));
	}
	hitl_spi_end(&spi);
	return result;
}

bool
hitl_may_take(const HitlActor *actor, const HitlPlace *place,
			  const HitlTask *task, TimestampTz now, Snapshot snapshot,
			  NameData *on_behalf_of)
{
	memset(on_behalf_of, 0, sizeof(*on_behalf_of));
	if (place->nabsent == 0)
		return hitl_bar(actor, NULL, task, now) == HITL_NO_BAR &&
			!hitl_has_part(actor, task, snapshot);
	for (int i = 0; i < place->nabsent; i++)
	{
		const HitlReviewer *absent = hitl_reviewer(NameStr(place->absent[i]));
		HitlActor	other;

		if (absent == NULL ||
			hitl_bar(actor, absent, task, now) != HITL_NO_BAR)
			continue;
		other = hitl_actor_of(absent);
		if (hitl_has_part(actor, task, snapshot) ||
			hitl_has_part(&other, task, snapshot))
			continue;
		*on_behalf_of = place->absent[i];
		return true;
	}
	return false;
}

bool
hitl_somebody_may_take(const HitlTask *task)
{
	const HitlQueue *queue = hitl_queue(NameStr(task->queue));
	TimestampTz now = GetCurrentTimestamp();
	Snapshot	snapshot = NULL;
	bool		result = false;

	/* it is for copies alone, and each task made comes here */
	if (task->panel > 1)
		snapshot = RegisterSnapshot(GetLatestSnapshot());
	for (int i = 0; i < queue->nmembers && !result; i++)
	{
		const HitlReviewer *member = hitl_reviewer(NameStr(queue->member[i]));
		HitlActor	actor;

		if (member == NULL || member->paused)
			continue;
		if (task->tier > member->tier ||
			(task->skills && hitl_missing_skill(member, task, now)))
			continue;
		actor = hitl_actor_of(member);
		result = bar_of_person(&actor, task) == HITL_NO_BAR &&
			(snapshot == NULL || !hitl_has_part(&actor, task, snapshot));
	}
	if (snapshot)
		UnregisterSnapshot(snapshot);
	return result;
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
