/*
 * life.c
 *		What the holder of a task does with it, short of a verdict.
 *
 * Release, extend, escalate, ask: each is lawful only for the holder within
 * the lease, and is looked at on the row version that the transition then
 * replaces.  If the row has changed meanwhile, it is looked at again.  All
 * that can be refused is found before anything is written (see refusal.c).
 */
#include "hitl.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/snapmgr.h"

#include "cache.h"
#include "demand.h"
#include "eligible.h"
#include "life.h"
#include "people.h"
#include "shift.h"
#include "task.h"
#include "text.h"
#include "verdict.h"

/* longest text, in bytes: it is read by people */
#define MAX_TEXT	65536

/* longest wait for an answer */
#define MAX_WAIT	(INT64CONST(366) * 100 * USECS_PER_DAY)

PG_FUNCTION_INFO_V1(hitl_release);
PG_FUNCTION_INFO_V1(hitl_extend);
PG_FUNCTION_INFO_V1(hitl_escalate);
PG_FUNCTION_INFO_V1(hitl_ask);

/* fills in the rest of the transition, if the act is lawful on this task */
typedef bool (*Prepare) (HitlRefusal *refusal, const HitlTask *task,
						 const void *wanted, HitlTransition *transition);

/*
 * The act of a holder.  *task is as after it.
 */
static bool
act(HitlRefusal *refusal, int64 id, const HitlActor *actor,
	const int64 *lease, Prepare prepare, const void *wanted,
	HitlTransition *transition, HitlTask *task)
{
	HitlDesk	desk;
	HitlWrite	written = HITL_MOVED;
	bool		lawful = true;

	transition->actor = *actor;
	hitl_desk_open(&desk);
	while (lawful && written != HITL_WRITTEN)
	{
		Snapshot	snapshot = RegisterSnapshot(GetTransactionSnapshot());
		bool		found = hitl_task_find(&desk, id, snapshot, task);

		CHECK_FOR_INTERRUPTS();
		transition->now = GetCurrentTimestamp();
		lawful = hitl_check_holder(refusal, id, found ? task : NULL, actor,
								   lease, transition->now) &&
			(prepare == NULL || prepare(refusal, task, wanted, transition));
		if (lawful)
		{
			transition->on_behalf_of = task->on_behalf_of;
			written = hitl_task_apply(&desk, task, transition, snapshot, true);
		}
		UnregisterSnapshot(snapshot);
	}
	hitl_desk_close(&desk);
	return lawful;
}

static int64
task_arg(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the task must not be null")));
	return PG_GETARG_INT64(0);
}

/* the last argument of the functions: the token, or NULL */
static const int64 *
lease_arg(FunctionCallInfo fcinfo, int64 *lease)
{
	int			last = PG_NARGS() - 1;

	if (PG_ARGISNULL(last))
		return NULL;
	*lease = PG_GETARG_INT64(last);
	return lease;
}

static bool
check_text(HitlRefusal *refusal, const char *what, text *given)
{
	if (hitl_is_blank(given))
		return hitl_refuse(refusal, ERRCODE_INVALID_PARAMETER_VALUE, NULL,
						   "Say it in a few words.", "the %s is missing", what);
	if (VARSIZE_ANY_EXHDR(given) > MAX_TEXT)
		return hitl_refuse(refusal, ERRCODE_STRING_DATA_RIGHT_TRUNCATION, NULL,
						   psprintf("It has at most %d bytes.", MAX_TEXT),
						   "the %s has %zu bytes", what,
						   (size_t) VARSIZE_ANY_EXHDR(given));
	return true;
}

/*
 * Release
 */

bool
hitl_release_task(HitlRefusal *refusal, int64 id, const HitlActor *actor,
				  const int64 *lease)
{
	HitlTransition transition = {0};
	HitlTask	task;

	/* what it counts in is locked before the task, as by a claim */
	hitl_reviewer_lock(NameStr(actor->reviewer->name));
	transition.act = HITL_ACT_RELEASE;
	if (!act(refusal, id, actor, lease, NULL, NULL, &transition, &task))
		return false;
	hitl_shift_released(actor->reviewer, transition.now);
	return true;
}

/* task, reviewer, lease */
Datum
hitl_release(PG_FUNCTION_ARGS)
{
	int64		id = task_arg(fcinfo);
	HitlActor	actor = hitl_actor_from(hitl_text_arg(fcinfo, 1));
	int64		lease;

	(void) hitl_release_task(NULL, id, &actor, lease_arg(fcinfo, &lease));
	PG_RETURN_VOID();
}

/*
 * Extend
 */

static bool
may_extend(HitlRefusal *refusal, const HitlTask *task, const void *wanted,
		   HitlTransition *transition)
{
	TimestampTz end = Min(hitl_lease_end(task, transition->now),
						  hitl_hold_end(task));

	if (task->asked)
		return hitl_refuse(refusal, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
						   NULL, "The lease lasts until there is an answer.",
						   "task " INT64_FORMAT " waits for an answer",
						   task->id);
	if (end <= task->lease_until)
		return hitl_refuse(refusal, ERRCODE_HITL_CAPACITY,
						   psprintf("The lease ends at %s.",
									timestamptz_to_str(task->lease_until)),
						   "Decide it, release it or escalate it.",
						   "task " INT64_FORMAT " cannot be held longer",
						   task->id);
	transition->until = end;
	return true;
}

/* task, reviewer, lease */
Datum
hitl_extend(PG_FUNCTION_ARGS)
{
	int64		id = task_arg(fcinfo);
	HitlActor	actor = hitl_actor_from(hitl_text_arg(fcinfo, 1));
	HitlTransition transition = {0};
	HitlTask	task;
	int64		lease;

	transition.act = HITL_ACT_EXTEND;
	(void) act(NULL, id, &actor, lease_arg(fcinfo, &lease), may_extend, NULL,
			   &transition, &task);
	PG_RETURN_TIMESTAMPTZ(task.lease_until);
}

/*
 * Escalate
 */

typedef struct Escalation
{
	text	   *note;
	const char *queue;			/* NULL: not said */
} Escalation;

/*
 * The stage after the present one: its name, and its number, which is its
 * tier.
 */
static int
next_stage(const HitlTask *task, char **name)
{
	const HitlPolicy *policy = hitl_policy_at(&task->workflow,
											  task->policy_version);
	char	  **stage;
	int			n = hitl_names_read(policy->stages, &stage);

	for (int i = 0; task->stage && i + 1 < n; i++)
	{
		if (strcmp(stage[i], task->stage) == 0)
		{
			*name = stage[i + 1];
			return i + 2;
		}
	}
	return 0;
}

static bool
may_escalate(HitlRefusal *refusal, const HitlTask *task, const void *wanted,
			 HitlTransition *transition)
{
	const Escalation *e = wanted;
	HitlMove   *move = &transition->move;
	int			tier;

	memset(move, 0, sizeof(*move));
	if (!check_text(refusal, "note", e->note))
		return false;
	if (e->queue)
	{
		if (!hitl_queue_exists(e->queue))
			return hitl_refuse(refusal, ERRCODE_FOREIGN_KEY_VIOLATION, NULL,
							   "Leave it out to go to the next stage or tier.",
							   "queue \"%s\" does not exist",
							   hitl_clip(e->queue));
		namestrcpy(&move->queue, e->queue);
		return true;
	}
	tier = next_stage(task, &move->stage);
	if (tier > 0)
		move->tier = Max(task->tier, tier);
	else if (hitl_tier_exists(NameStr(task->queue), task->tier + 1))
		move->tier = task->tier + 1;
	else
		return hitl_refuse(refusal, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
						   psprintf("Queue \"%s\" has no member of tier %d.",
									NameStr(task->queue), task->tier + 1),
						   "Name a queue, or decide it.",
						   "there is nobody to whom task " INT64_FORMAT " could be escalated",
						   task->id);
	return true;
}

bool
hitl_escalate_task(HitlRefusal *refusal, int64 id, const HitlActor *actor,
				   text *note, const char *queue, const int64 *lease)
{
	Escalation	wanted = {note, queue};
	HitlTransition transition = {0};
	HitlTask	task;

	transition.act = HITL_ACT_ESCALATE;
	transition.action = HITL_ESCALATE;
	transition.note = note;
	if (!act(refusal, id, actor, lease, may_escalate, &wanted, &transition,
			 &task))
		return false;
	if (task.kind != HITL_KIND_GOLD)	/* that one has ended */
		hitl_task_check_stuck(&task);
	return true;
}

/* task, note, queue, reviewer, lease */
Datum
hitl_escalate(PG_FUNCTION_ARGS)
{
	int64		id = task_arg(fcinfo);
	text	   *queue = hitl_text_arg(fcinfo, 2);
	HitlActor	actor = hitl_actor_from(hitl_text_arg(fcinfo, 3));
	int64		lease;

	(void) hitl_escalate_task(NULL, id, &actor, hitl_text_arg(fcinfo, 1),
							  queue ? text_to_cstring(queue) : NULL,
							  lease_arg(fcinfo, &lease));
	PG_RETURN_VOID();
}

/*
 * Ask
 */

static bool
may_ask(HitlRefusal *refusal, const HitlTask *task, const void *wanted,
		HitlTransition *transition)
{
	const Interval *within = wanted;

	if (task->asked)
		return hitl_refuse(refusal, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
						   NULL, "Wait for the answer, or decide without.",
						   "task " INT64_FORMAT " waits for an answer already",
						   task->id);
	if (task->kind == HITL_KIND_MONITOR)
		return hitl_refuse(refusal, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
						   "What took effect already cannot wait.",
						   "Veto it, or approve it.",
						   "the time for a veto of task " INT64_FORMAT " does not stand still",
						   task->id);
	transition->until = hitl_add_span(transition->now, within);
	if (transition->until <= transition->now ||
		transition->until - transition->now > MAX_WAIT)
		return hitl_refuse(refusal, ERRCODE_INVALID_PARAMETER_VALUE, NULL,
						   "Wait for more than nothing, and at most 100 years.",
						   "cannot wait so long for an answer to task " INT64_FORMAT,
						   task->id);
	return check_text(refusal, "question", transition->note);
}

/* task, question, within, reviewer, lease */
Datum
hitl_ask(PG_FUNCTION_ARGS)
{
	int64		id = task_arg(fcinfo);
	HitlActor	actor = hitl_actor_from(hitl_text_arg(fcinfo, 3));
	HitlTransition transition = {0};
	HitlTask	task;
	int64		lease;

	if (PG_ARGISNULL(2))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the time to wait for an answer must not be null")));
	transition.act = HITL_ACT_ASK;
	transition.note = hitl_text_arg(fcinfo, 1);
	(void) act(NULL, id, &actor, lease_arg(fcinfo, &lease), may_ask,
			   PG_GETARG_INTERVAL_P(2), &transition, &task);
	PG_RETURN_TIMESTAMPTZ(task.asked_until);
}
