/*
 * lead.c
 *		What leads do with the tasks of others.
 *
 * Leads see and move work: they give a task to somebody, take it back, or put
 * it elsewhere.  They do not decide by that, and may not do so with what they
 * submitted themselves.  To whom a task is given is bound by the same rules as
 * a claim: who may take it, and how many tasks a person holds.
 */
#include "hitl.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "cache.h"
#include "digest.h"
#include "eligible.h"
#include "life.h"
#include "packet.h"
#include "people.h"
#include "queue.h"
#include "task.h"
#include "text.h"
#include "verdict.h"

PG_FUNCTION_INFO_V1(hitl_reassign);
PG_FUNCTION_INFO_V1(hitl_requeue);
PG_FUNCTION_INFO_V1(hitl_recall);
PG_FUNCTION_INFO_V1(hitl_recall_all);
PG_FUNCTION_INFO_V1(hitl_reorder_queue);

static HitlQuery queued_query = {
	.text =
	"SELECT id FROM hitl.task WHERE queue OPERATOR(pg_catalog.=) $1"
	" ORDER BY id",
	.nargs = 1,
	.argtypes = {TEXTOID}
};

static HitlQuery held_query = {
	.text =
	"SELECT id FROM hitl.task WHERE holder OPERATOR(pg_catalog.=) $1"
	" ORDER BY id",
	.nargs = 1,
	.argtypes = {TEXTOID}
};

/* fills in the rest of the transition, or raises what stands against it */
typedef void (*Prepare) (const HitlTask *task, Snapshot snapshot,
						 HitlTransition *transition);

static HitlActor
lead_arg(FunctionCallInfo fcinfo, int i)
{
	HitlActor	actor = hitl_actor_or_lead(hitl_text_arg(fcinfo, i));

	if (!hitl_is_lead(&actor))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("\"%s\" is not a lead",
						NameStr(actor.reviewer->name)),
				 errhint("Only members of hitl_lead move the tasks of others.")));
	return actor;
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

static text *
note_arg(FunctionCallInfo fcinfo, int i)
{
	text	   *note = hitl_text_arg(fcinfo, i);

	hitl_check_note(HITL_ESCALATE, note, false);
	return note;
}

/*
 * The ids of the tasks that the query finds.
 */
static int64
read_ids(HitlQuery *query, const char *name, int64 **ids)
{
	MemoryContext context = CurrentMemoryContext;
	Datum		arg = CStringGetTextDatum(name);
	HitlSpi		spi;
	int64		n;

	hitl_spi_begin(&spi);
	hitl_spi_run(query, &arg, GetLatestSnapshot(), 0);
	n = SPI_processed;
	*ids = MemoryContextAllocHuge(context, sizeof(int64) * Max(n, 1));
	for (int64 i = 0; i < n; i++)
	{
		bool		isnull;

		(*ids)[i] = DatumGetInt64(hitl_spi_value(i, 1, &isnull));
	}
	hitl_spi_end(&spi);
	return n;
}

static void
act(int64 id, Prepare prepare, HitlTransition *transition, HitlTask *task)
{
	HitlDesk	desk;
	HitlWrite	written;

	hitl_desk_open(&desk);
	do
	{
		Snapshot	snapshot = RegisterSnapshot(GetTransactionSnapshot());

		CHECK_FOR_INTERRUPTS();
		if (!hitl_task_find(&desk, id, snapshot, task))
			ereport(ERROR,
					(errcode(ERRCODE_NO_DATA_FOUND),
					 errmsg("task " INT64_FORMAT " does not exist", id),
					 errhint("It may be decided by now.")));
		if (hitl_task_is_own(task, &transition->actor))
			ereport(ERROR,
					(errcode(ERRCODE_HITL_SELF_REVIEW),
					 errmsg("who acts submitted the decision of task " INT64_FORMAT,
							id),
					 errhint("Leave it to another lead.")));
		transition->now = GetCurrentTimestamp();
		prepare(task, snapshot, transition);
		written = hitl_task_apply(&desk, task, transition, snapshot, true);
		UnregisterSnapshot(snapshot);
	} while (written != HITL_WRITTEN);
	hitl_desk_close(&desk);
}

/*
 * Reassign
 */

static void
check_room(const HitlReviewer *to, TimestampTz now)
{
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	HitlDesk	desk;
	int			held;

	hitl_desk_open(&desk);
	held = hitl_count_held(&desk, to, snapshot, now);
	hitl_desk_close(&desk);
	UnregisterSnapshot(snapshot);
	if (held >= to->max_open)
		ereport(ERROR,
				(errcode(ERRCODE_HITL_CAPACITY),
				 errmsg("reviewer \"%s\" holds %d tasks already",
						NameStr(to->name), held),
				 errdetail("The limit (max_open) is %d.", to->max_open),
				 errhint("Give it to somebody else.")));
}

/*
 * The place of the task among those where the reviewer works.
 */
static const HitlPlace *
place_of(const HitlReviewer *to, const HitlTask *task, TimestampTz now)
{
	HitlPlace  *places;
	int			n = hitl_places(to, now, &places);

	for (int i = 0; i < n; i++)
	{
		if (strcmp(NameStr(places[i].queue), NameStr(task->queue)) == 0)
			return &places[i];
	}
	ereport(ERROR,
			(errcode(ERRCODE_HITL_NOT_ELIGIBLE),
			 errmsg("reviewer \"%s\" is not a member of queue \"%s\"",
					NameStr(to->name), NameStr(task->queue)),
			 errhint("Give it to a member, or put it into another queue first by hitl.requeue().")));
}

static void
may_reassign(const HitlTask *task, Snapshot snapshot, HitlTransition *t)
{
	const HitlReviewer *to = t->to;
	HitlActor	person = hitl_actor_of(to);
	const HitlPlace *place = place_of(to, task, t->now);
	const HitlWorkflow *w;
	HitlDecision decision;
	Snapshot	latest;
	bool		may;

	if (task->held && strcmp(NameStr(task->holder), NameStr(to->name)) == 0 &&
		t->now < task->lease_until)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("reviewer \"%s\" holds task " INT64_FORMAT " already",
						NameStr(to->name), task->id)));
	if (task->kind == HITL_KIND_GOLD)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("task " INT64_FORMAT " tests its holder", task->id),
				 errhint("Recall it instead: it ends then.")));
	latest = RegisterSnapshot(GetLatestSnapshot());
	may = hitl_may_take(&person, place, task, t->now, latest,
						&t->on_behalf_of);
	UnregisterSnapshot(latest);
	if (!may)
	{
		HitlBar		bar = hitl_bar(&person, NULL, task, t->now);
		bool		lacks = bar == HITL_BAR_TIER || bar == HITL_BAR_SKILL;

		ereport(ERROR,
				(errcode(lacks ? ERRCODE_HITL_NOT_ELIGIBLE :
						 ERRCODE_HITL_SELF_REVIEW),
				 bar == HITL_BAR_TIER ?
				 errmsg("reviewer \"%s\" has tier %d, and task " INT64_FORMAT " needs tier %d",
						NameStr(to->name), to->tier, task->id, task->tier) :
				 bar == HITL_BAR_SKILL ?
				 errmsg("reviewer \"%s\" lacks \"%s\", which task " INT64_FORMAT " needs",
						NameStr(to->name),
						hitl_missing_skill(to, task, t->now), task->id) :
				 errmsg("reviewer \"%s\" submitted or has judged the decision of task " INT64_FORMAT,
						NameStr(to->name), task->id),
				 errhint("Give it to somebody else.")));
	}
	w = hitl_workflow(NameStr(task->workflow), strlen(NameStr(task->workflow)));
	t->policy_version = w ? w->policy->version : 0;
	hitl_packet_open(&decision, task, snapshot);
	t->packet_hash = hitl_packet_hash_of(&decision.row);
	hitl_decision_close(&decision);
}

/* task, to_reviewer, note, reviewer */
Datum
hitl_reassign(PG_FUNCTION_ARGS)
{
	int64		id = task_arg(fcinfo);
	text	   *name = hitl_text_arg(fcinfo, 1);
	HitlTransition transition = {0};
	HitlTask	task;
	TimestampTz now;

	transition.act = HITL_ACT_REASSIGN;
	transition.actor = lead_arg(fcinfo, 3);
	transition.note = note_arg(fcinfo, 2);
	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the reviewer who gets the task must not be null")));
	transition.to = hitl_reviewer(text_to_cstring(name));
	if (transition.to == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
				 errmsg("reviewer \"%s\" does not exist",
						hitl_clip(text_to_cstring(name)))));
	/* as a claim does; nobody gets more in hand than they may */
	hitl_reviewer_lock(NameStr(transition.to->name));
	now = GetCurrentTimestamp();
	(void) hitl_check_present(NULL, transition.to, now);
	check_room(transition.to, now);
	act(id, may_reassign, &transition, &task);
	PG_RETURN_VOID();
}

/*
 * Requeue
 */

static void
may_requeue(const HitlTask *task, Snapshot snapshot, HitlTransition *t)
{
	if (task->kind == HITL_KIND_GOLD)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("task " INT64_FORMAT " tests its holder", task->id),
				 errhint("Recall it instead: it ends then.")));
	/* a rule, a stage or a disagreement has demanded it */
	if (t->move.tier > 0 && t->move.tier < task->tier)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("task " INT64_FORMAT " needs tier %d, and cannot go down to tier %d",
						task->id, task->tier, t->move.tier),
				 errhint("Put it into a queue with a reviewer of that tier.")));
}

static void
queue_arg(FunctionCallInfo fcinfo, int i, HitlMove *move)
{
	text	   *given = hitl_text_arg(fcinfo, i);
	char	   *name;

	if (given == NULL)
		return;
	name = text_to_cstring(given);
	if (!hitl_queue_exists(name))
		ereport(ERROR,
				(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
				 errmsg("queue \"%s\" does not exist", hitl_clip(name))));
	namestrcpy(&move->queue, name);
}

/* task, queue, lane, tier, note, reviewer */
Datum
hitl_requeue(PG_FUNCTION_ARGS)
{
	int64		id = task_arg(fcinfo);
	HitlTransition transition = {0};
	HitlMove   *move = &transition.move;
	HitlTask	task;

	transition.act = HITL_ACT_REQUEUE;
	transition.actor = lead_arg(fcinfo, 5);
	transition.note = note_arg(fcinfo, 4);
	queue_arg(fcinfo, 1, move);
	move->has_lane = !PG_ARGISNULL(2);
	if (move->has_lane)
	{
		int32		lane = PG_GETARG_INT32(2);

		if (lane < 0 || lane > 2)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("lane %d does not exist", lane),
					 errhint("Use 0, 1 or 2.")));
		move->lane = lane;
	}
	if (!PG_ARGISNULL(3))
	{
		move->tier = PG_GETARG_INT32(3);
		if (move->tier < 1)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("tier %d is not possible", move->tier),
					 errhint("The least tier is 1.")));
	}
	act(id, may_requeue, &transition, &task);
	hitl_task_check_stuck(&task);
	PG_RETURN_VOID();
}

/*
 * Recall
 */

static void
may_recall(const HitlTask *task, Snapshot snapshot, HitlTransition *t)
{
	if (!task->held)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("nobody holds task " INT64_FORMAT, task->id)));
}

/* task, note, reviewer */
Datum
hitl_recall(PG_FUNCTION_ARGS)
{
	int64		id = task_arg(fcinfo);
	HitlTransition transition = {0};
	HitlTask	task;

	transition.act = HITL_ACT_RECALL;
	transition.actor = lead_arg(fcinfo, 2);
	transition.note = note_arg(fcinfo, 1);
	act(id, may_recall, &transition, &task);
	PG_RETURN_VOID();
}

/*
 * The act on all tasks that the query finds by the name and that are still
 * wanted when it is their turn.  Those at which somebody is are waited for, in
 * the order in which a batch of verdicts takes them.  Returns how many.
 */
static int64
act_on_all(HitlQuery *query, const char *name,
		   bool (*is_wanted) (const HitlTask *, const HitlActor *,
							  const char *),
		   HitlTransition *transition)
{
	int64	   *ids;
	int64		n = read_ids(query, name, &ids);
	int64		done = 0;
	HitlDesk	desk;

	hitl_desk_open(&desk);
	for (int64 i = 0; i < n; i++)
	{
		HitlTask	task;
		HitlWrite	written = HITL_MOVED;

		while (written != HITL_WRITTEN)
		{
			Snapshot	snapshot = RegisterSnapshot(GetTransactionSnapshot());

			CHECK_FOR_INTERRUPTS();
			written = HITL_WRITTEN;
			if (hitl_task_find(&desk, ids[i], snapshot, &task) &&
				is_wanted(&task, &transition->actor, name))
			{
				transition->now = GetCurrentTimestamp();
				written = hitl_task_apply(&desk, &task, transition, snapshot,
										  true);
				done += written == HITL_WRITTEN;
			}
			UnregisterSnapshot(snapshot);
		}
	}
	hitl_desk_close(&desk);
	return done;
}

/*
 * Takes back all that a reviewer holds, also of one who is no more.  What the
 * lead submitted stays.
 */
static bool
is_recalled(const HitlTask *task, const HitlActor *lead, const char *holder)
{
	return task->held && strcmp(NameStr(task->holder), holder) == 0 &&
		!hitl_task_is_own(task, lead);
}

/* holder, note, reviewer */
Datum
hitl_recall_all(PG_FUNCTION_ARGS)
{
	text	   *holder = hitl_text_arg(fcinfo, 0);
	HitlTransition transition = {0};

	transition.act = HITL_ACT_RECALL;
	transition.actor = lead_arg(fcinfo, 2);
	transition.note = note_arg(fcinfo, 1);
	if (holder == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the holder must not be null")));
	PG_RETURN_INT32(act_on_all(&held_query, text_to_cstring(holder),
							   is_recalled, &transition));
}

/*
 * The tasks of a queue get their places by its new order.
 */
static bool
is_queued(const HitlTask *task, const HitlActor *actor, const char *queue)
{
	return strcmp(NameStr(task->queue), queue) == 0;
}

Datum
hitl_reorder_queue(PG_FUNCTION_ARGS)
{
	HitlTransition transition = {0};

	transition.act = HITL_ACT_REORDER;
	PG_RETURN_INT64(act_on_all(&queued_query,
							   text_to_cstring(PG_GETARG_TEXT_PP(0)),
							   is_queued, &transition));
}
