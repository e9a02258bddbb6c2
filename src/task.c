/*
 * task.c
 *		A row of hitl.task: how it is read, made and found, and what follows
 *		from it.
 *
 * What can happen to a task stands in transition.c.
 *
 * wake_at is the earliest time at which the clock has something to do with
 * the task: the end of the lease, a deadline not yet breached, or the end of
 * the wait for an answer.  It and the place in the queue are derived here and
 * nowhere else.
 */
#include "hitl.h"

#include <math.h>

#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"

#include "eligible.h"
#include "notes.h"
#include "quota.h"
#include "task.h"
#include "worker.h"

const char *
hitl_kind_name(HitlKind kind)
{
	switch (kind)
	{
		case HITL_KIND_REVIEW:
			return "review";
		case HITL_KIND_CONFIRM:
			return "confirm";
		case HITL_KIND_AUDIT:
			return "audit";
		case HITL_KIND_OVERLAP:
			return "overlap";
		case HITL_KIND_MONITOR:
			return "monitor";
		case HITL_KIND_GOLD:
			return "gold";
	}
	return NULL;				/* keep the compiler quiet */
}

const char *
hitl_action_name(HitlAction action)
{
	switch (action)
	{
		case HITL_APPROVE:
			return "approve";
		case HITL_REJECT:
			return "reject";
		case HITL_AMEND:
			return "amend";
		case HITL_ESCALATE:
			return "escalate";
		case HITL_TIMEOUT:
			return "timeout";
		case HITL_VETO:
			return "veto";
		case HITL_WITHDRAW:
			return "withdraw";
		case HITL_CORRECT:
			return "correct";
	}
	return NULL;				/* keep the compiler quiet */
}

const char *
hitl_outcome_name(HitlOutcome outcome)
{
	switch (outcome)
	{
		case HITL_APPROVED:
			return "approved";
		case HITL_REJECTED:
			return "rejected";
		case HITL_AMENDED:
			return "amended";
		case HITL_WITHDRAWN:
			return "withdrawn";
	}
	return NULL;				/* keep the compiler quiet */
}

void
hitl_desk_open(HitlDesk *desk)
{
	desk->context = CurrentMemoryContext;
	desk->task = hitl_table_open("task");
	desk->event = NULL;
	desk->verdict = NULL;
}

void
hitl_desk_close(HitlDesk *desk)
{
	if (desk->verdict)
		hitl_table_close(desk->verdict);
	if (desk->event)
		hitl_table_close(desk->event);
	hitl_table_close(desk->task);
	CommandCounterIncrement();	/* the next call sees what was written */
}

TimestampTz
hitl_add_span(TimestampTz when, const Interval *span)
{
	return DatumGetTimestampTz(DirectFunctionCall2(timestamp_pl_interval,
												   TimestampTzGetDatum(when),
												   IntervalPGetDatum(span)));
}

/*
 * Row to struct and back
 */

static void
get_name(TupleTableSlot *slot, int column, NameData *to)
{
	text	   *value;
	size_t		len;

	memset(to, 0, sizeof(NameData));
	if (slot->tts_isnull[column])
		return;
	value = DatumGetTextPP(slot->tts_values[column]);
	len = VARSIZE_ANY_EXHDR(value);
	memcpy(NameStr(*to), VARDATA_ANY(value), Min(len, NAMEDATALEN - 1));
}

static HitlKind
get_kind(Datum value)
{
	text	   *name = DatumGetTextPP(value);

	for (HitlKind kind = HITL_KIND_REVIEW; kind <= HITL_KIND_GOLD; kind++)
	{
		const char *known = hitl_kind_name(kind);

		if (VARSIZE_ANY_EXHDR(name) == strlen(known) &&
			memcmp(VARDATA_ANY(name), known, strlen(known)) == 0)
			return kind;
	}
	return HITL_KIND_REVIEW;
}

static char *
get_string(TupleTableSlot *slot, int column)
{
	return slot->tts_isnull[column] ? NULL :
		TextDatumGetCString(slot->tts_values[column]);
}

static void
read_holder(TupleTableSlot *slot, HitlTask *task)
{
	const Datum *v = slot->tts_values;
	const bool *n = slot->tts_isnull;

	get_name(slot, HITL_TASK_HOLDER, &task->holder);
	task->lease = DatumGetInt64(v[HITL_TASK_LEASE]);
	task->lease_until = DatumGetTimestampTz(v[HITL_TASK_LEASE_UNTIL]);
	task->claimed_at = DatumGetTimestampTz(v[HITL_TASK_CLAIMED_AT]);
	task->judgment = n[HITL_TASK_JUDGMENT] ? NULL :
		DatumGetJsonbPCopy(v[HITL_TASK_JUDGMENT]);
	task->asked = !n[HITL_TASK_ASKED_AT];
	task->asked_at = DatumGetTimestampTz(v[HITL_TASK_ASKED_AT]);
	task->asked_until = DatumGetTimestampTz(v[HITL_TASK_ASKED_UNTIL]);
	task->policy_version = n[HITL_TASK_POLICY_VERSION] ? 0 :
		DatumGetInt32(v[HITL_TASK_POLICY_VERSION]);
	get_name(slot, HITL_TASK_ON_BEHALF_OF, &task->on_behalf_of);
	task->login_method = get_string(slot, HITL_TASK_LOGIN_METHOD);
	task->packet_hash = n[HITL_TASK_PACKET_HASH] ? NULL :
		DatumGetByteaPCopy(v[HITL_TASK_PACKET_HASH]);
}

void
hitl_task_read(TupleTableSlot *slot, HitlTask *task)
{
	const Datum *v;
	const bool *n;

	slot_getallattrs(slot);
	v = slot->tts_values;
	n = slot->tts_isnull;

	memset(task, 0, sizeof(*task));
	task->tid = slot->tts_tid;
	task->id = DatumGetInt64(v[HITL_TASK_ID]);
	task->decision = *DatumGetUUIDP(v[HITL_TASK_DECISION]);
	get_name(slot, HITL_TASK_WORKFLOW, &task->workflow);
	task->kind = get_kind(v[HITL_TASK_KIND]);
	get_name(slot, HITL_TASK_QUEUE, &task->queue);
	task->lane = DatumGetInt16(v[HITL_TASK_LANE]);
	task->tier = DatumGetInt32(v[HITL_TASK_TIER]);
	task->sort_key = DatumGetFloat8(v[HITL_TASK_SORT_KEY]);
	get_name(slot, HITL_TASK_SUBMITTER, &task->submitter);
	task->has_login = !n[HITL_TASK_SUBMITTER_LOGIN];
	get_name(slot, HITL_TASK_SUBMITTER_LOGIN, &task->submitter_login);
	task->created_at = DatumGetTimestampTz(v[HITL_TASK_CREATED_AT]);
	task->question = get_string(slot, HITL_TASK_QUESTION);
	get_name(slot, HITL_TASK_SLA, &task->sla);
	task->step = DatumGetInt32(v[HITL_TASK_STEP]);
	task->first_review_at = DatumGetTimestampTz(v[HITL_TASK_FIRST_REVIEW_AT]);
	task->resolution_at = DatumGetTimestampTz(v[HITL_TASK_RESOLUTION_AT]);
	task->due_at = DatumGetTimestampTz(v[HITL_TASK_DUE_AT]);
	task->wake_at = DatumGetTimestampTz(v[HITL_TASK_WAKE_AT]);
	task->stage = get_string(slot, HITL_TASK_STAGE);
	task->skills = hitl_names_copy(v[HITL_TASK_SKILLS], n[HITL_TASK_SKILLS]);
	task->approvals = DatumGetInt32(v[HITL_TASK_APPROVALS]);
	task->panel = DatumGetInt32(v[HITL_TASK_PANEL]);
	task->no_exposure = n[HITL_TASK_EXPOSURE];
	task->exposure = task->no_exposure ? 0 :
		DatumGetFloat8(v[HITL_TASK_EXPOSURE]);
	task->confidence = n[HITL_TASK_CONFIDENCE] ? -1 :
		DatumGetFloat8(v[HITL_TASK_CONFIDENCE]);
	task->excluded = hitl_names_copy(v[HITL_TASK_EXCLUDED],
									 n[HITL_TASK_EXCLUDED]);
	task->passed = hitl_names_copy(v[HITL_TASK_PASSED], n[HITL_TASK_PASSED]);
	task->blind = DatumGetBool(v[HITL_TASK_BLIND]);
	task->held = !n[HITL_TASK_HOLDER];
	if (task->held)
		read_holder(slot, task);
}

static Datum
string_of(const NameData *name)
{
	return CStringGetTextDatum(NameStr(*name));
}

/* a value, or null where it is none */
#define PUT(column, missing, value) \
	do { \
		n[column] = (missing); \
		v[column] = n[column] ? (Datum) 0 : (value); \
	} while (0)

static bool
is_empty(const NameData *name)
{
	return NameStr(*name)[0] == '\0';
}

void
hitl_task_row(const HitlTask *task, Datum *v, bool *n)
{
	bool		open = !task->held;

	memset(n, 0, sizeof(bool) * HITL_TASK_NATTS);
	v[HITL_TASK_ID] = Int64GetDatum(task->id);
	v[HITL_TASK_DECISION] = UUIDPGetDatum(&task->decision);
	v[HITL_TASK_WORKFLOW] = string_of(&task->workflow);
	v[HITL_TASK_KIND] = CStringGetTextDatum(hitl_kind_name(task->kind));
	v[HITL_TASK_QUEUE] = string_of(&task->queue);
	v[HITL_TASK_LANE] = Int16GetDatum(task->lane);
	v[HITL_TASK_TIER] = Int32GetDatum(task->tier);
	v[HITL_TASK_SORT_KEY] = Float8GetDatum(task->sort_key);
	v[HITL_TASK_SUBMITTER] = string_of(&task->submitter);
	PUT(HITL_TASK_SUBMITTER_LOGIN, !task->has_login,
		string_of(&task->submitter_login));
	v[HITL_TASK_CREATED_AT] = TimestampTzGetDatum(task->created_at);
	PUT(HITL_TASK_QUESTION, task->question == NULL,
		CStringGetTextDatum(task->question));
	PUT(HITL_TASK_SLA, is_empty(&task->sla), string_of(&task->sla));
	v[HITL_TASK_STEP] = Int32GetDatum(task->step);
	v[HITL_TASK_FIRST_REVIEW_AT] = TimestampTzGetDatum(task->first_review_at);
	v[HITL_TASK_RESOLUTION_AT] = TimestampTzGetDatum(task->resolution_at);
	v[HITL_TASK_DUE_AT] = TimestampTzGetDatum(task->due_at);
	v[HITL_TASK_WAKE_AT] = TimestampTzGetDatum(task->wake_at);
	PUT(HITL_TASK_STAGE, task->stage == NULL,
		CStringGetTextDatum(task->stage));
	PUT(HITL_TASK_SKILLS, task->skills == NULL, PointerGetDatum(task->skills));
	v[HITL_TASK_APPROVALS] = Int32GetDatum(task->approvals);
	v[HITL_TASK_PANEL] = Int32GetDatum(task->panel);
	PUT(HITL_TASK_EXPOSURE, task->no_exposure, Float8GetDatum(task->exposure));
	PUT(HITL_TASK_CONFIDENCE, task->confidence < 0,
		Float8GetDatum(task->confidence));
	PUT(HITL_TASK_EXCLUDED, task->excluded == NULL,
		PointerGetDatum(task->excluded));
	PUT(HITL_TASK_PASSED, task->passed == NULL, PointerGetDatum(task->passed));
	v[HITL_TASK_BLIND] = BoolGetDatum(task->blind);

	PUT(HITL_TASK_HOLDER, open, string_of(&task->holder));
	PUT(HITL_TASK_LEASE, open, Int64GetDatum(task->lease));
	PUT(HITL_TASK_LEASE_UNTIL, open, TimestampTzGetDatum(task->lease_until));
	PUT(HITL_TASK_CLAIMED_AT, open, TimestampTzGetDatum(task->claimed_at));
	PUT(HITL_TASK_JUDGMENT, open || task->judgment == NULL,
		JsonbPGetDatum(task->judgment));
	PUT(HITL_TASK_ASKED_AT, open || !task->asked,
		TimestampTzGetDatum(task->asked_at));
	PUT(HITL_TASK_ASKED_UNTIL, open || !task->asked,
		TimestampTzGetDatum(task->asked_until));
	PUT(HITL_TASK_POLICY_VERSION, open || task->policy_version == 0,
		Int32GetDatum(task->policy_version));
	PUT(HITL_TASK_ON_BEHALF_OF, open || is_empty(&task->on_behalf_of),
		string_of(&task->on_behalf_of));
	PUT(HITL_TASK_LOGIN_METHOD, open || task->login_method == NULL,
		CStringGetTextDatum(task->login_method));
	PUT(HITL_TASK_PACKET_HASH, open || task->packet_hash == NULL,
		PointerGetDatum(task->packet_hash));
}

bool
hitl_task_find(HitlDesk *desk, int64 id, Snapshot snapshot, HitlTask *task)
{
	HitlScan	scan;
	ScanKeyData key;
	bool		found;

	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(id));
	hitl_scan_begin(&scan, desk->task->rel, "task_pkey", snapshot, &key, 1);
	found = hitl_scan_next(&scan);
	if (found)
		hitl_task_read(scan.slot, task);
	hitl_scan_end(&scan);
	return found;
}

/*
 * How much a task is worth its queue's while, from 0 on; what is not known
 * counts as no exposure, and as no confidence.
 */
static double
merit(const HitlTask *task, HitlOrdering ordering)
{
	double		exposure = Max(task->exposure, 0.0);
	double		confidence = Max(task->confidence, 0.0);

	switch (ordering)
	{
		case HITL_ORDER_EXPOSURE:
			return exposure;
		case HITL_ORDER_UNCERTAINTY:
			return task->confidence < 0 ? 1.0 :
				1.0 - 2.0 * fabs(confidence - 0.5);
		case HITL_ORDER_LOSS:
			/* nothing is lost for sure, whatever is at risk */
			return confidence < 1.0 ? exposure * (1.0 - confidence) : 0.0;
		case HITL_ORDER_DUE:
		case HITL_ORDER_FIFO:
			break;
	}
	return 0.0;
}

/*
 * The place within queue and lane, least first.  With aging the key is a time,
 * and merit buys at most the aging span: so nobody who came later by more than
 * that is served before.  Merit without bound is brought below 1 by its
 * logarithm, which keeps the order.
 */
static double
sort_key(const HitlTask *task, const HitlQueue *queue)
{
	double		value;

	switch (queue->ordering)
	{
		case HITL_ORDER_DUE:
			value = task->due_at == DT_NOEND ? get_float8_infinity() :
				(double) task->due_at;
			return queue->aging > 0 ?
				Min(value, (double) task->created_at + queue->aging) : value;
		case HITL_ORDER_FIFO:
			return (double) task->created_at;
		case HITL_ORDER_EXPOSURE:
		case HITL_ORDER_UNCERTAINTY:
		case HITL_ORDER_LOSS:
			break;
	}
	value = merit(task, queue->ordering);
	if (queue->aging == 0)
		return value == 0.0 ? 0.0 : -value;
	if (queue->ordering != HITL_ORDER_UNCERTAINTY)
		value = isinf(value) ? 1.0 : log1p(value) / (1.0 + log1p(value));
	return (double) task->created_at - queue->aging * value;
}

void
hitl_task_derive(HitlTask *task)
{
	TimestampTz deadline = Min(task->first_review_at, task->resolution_at);

	/* a deadline that was missed stays visible until a new one is set */
	if (deadline != DT_NOEND)
		task->due_at = deadline;
	task->wake_at = deadline;
	if (task->held && task->asked)	/* the clocks stand still */
		task->wake_at = task->asked_until;
	if (task->held)
		task->wake_at = Min(task->wake_at, task->lease_until);
	task->sort_key = sort_key(task, hitl_queue(NameStr(task->queue)));
}

static void
set_clocks(const HitlTaskSpec *spec, HitlTask *task)
{
	const HitlSla *sla = hitl_sla(NameStr(spec->sla));

	task->first_review_at = task->resolution_at = task->due_at = DT_NOEND;
	if (spec->due_at != 0)
		task->due_at = spec->due_at;
	if (spec->kind == HITL_KIND_MONITOR)
		task->resolution_at = hitl_add_span(spec->created_at,
											&spec->veto_window);
	else
	{
		if (sla->has_first_review)
			task->first_review_at = hitl_add_span(spec->created_at,
												  &sla->first_review);
		if (sla->has_resolution)
			task->resolution_at = hitl_add_span(spec->created_at,
												&sla->resolution);
	}
}

static void
from_spec(const HitlTaskSpec *spec, HitlTask *task)
{
	memset(task, 0, sizeof(*task));
	task->id = hitl_next_id("task_id_seq");
	task->decision = spec->decision;
	task->workflow = spec->workflow;
	task->kind = spec->kind;
	task->queue = spec->queue;
	task->lane = spec->lane;
	task->tier = Max(spec->tier, 1);
	task->stage = spec->stage;
	task->skills = spec->skills;
	task->approvals = Max(spec->approvals, 1);
	task->panel = Max(spec->panel, 1);
	task->no_exposure = spec->no_exposure;
	task->exposure = spec->exposure;
	task->confidence = spec->confidence;
	task->blind = spec->blind;
	task->question = spec->question;
	task->created_at = spec->created_at;
	task->sla = spec->sla;
	task->submitter = spec->submitter;
	task->has_login = spec->has_login;
	task->submitter_login = spec->submitter_login;
	set_clocks(spec, task);
}

static void
insert(HitlTable *table, HitlTask *task)
{
	Datum		values[HITL_TASK_NATTS];
	bool		nulls[HITL_TASK_NATTS];

	hitl_task_derive(task);
	hitl_task_row(task, values, nulls);
	hitl_table_insert(table, values, nulls, HITL_TASK_NATTS);
	task->tid = table->slot->tts_tid;
	hitl_task_announce(task);
}

void
hitl_task_create(const HitlTaskSpec *spec)
{
	HitlTask	task;
	HitlTable  *table = hitl_table_open("task");

	from_spec(spec, &task);
	insert(table, &task);
	hitl_table_close(table);
	if (spec->quota > 0)
		hitl_quota_enter(NameStr(task.workflow), task.id);
	hitl_task_check_stuck(&task);
}

void
hitl_task_check_stuck(HitlTask *task)
{
	const HitlQueue *queue;

	if (hitl_somebody_may_take(task))
		return;
	queue = hitl_queue(NameStr(task->queue));
	if (queue->nmembers > 0 || NameStr(task->sla)[0] != '\0')
		hitl_task_stuck(task);
	else if (hitl_queue_unattended(queue))
		ereport(LOG,
				(errmsg("queue \"%s\" has no members", NameStr(task->queue)),
				 errhint("Let reviewers join by hitl.join_queue().")));
}

void
hitl_task_create_held(HitlDesk *desk, const HitlTaskSpec *spec,
					  const HitlTransition *claim, HitlTask *task)
{
	from_spec(spec, task);
	hitl_task_claim(desk, task, claim);
	insert(desk->task, task);
}

void
hitl_task_announce(const HitlTask *task)
{
	hitl_worker_note(task->wake_at);
	if (!task->held)
		hitl_note_opened(task);
}

TimestampTz
hitl_lease_end(const HitlTask *task, TimestampTz now)
{
	Interval	lease = hitl_queue(NameStr(task->queue))->lease;
	TimestampTz end = hitl_add_span(now, &lease);

	/* afterwards the veto is too late */
	if (task->kind == HITL_KIND_MONITOR)
		end = Min(end, task->resolution_at);
	return end;
}

TimestampTz
hitl_hold_end(const HitlTask *task)
{
	const HitlQueue *queue = hitl_queue(NameStr(task->queue));
	Interval	lease = queue->lease;
	Interval	max_hold = queue->max_hold;

	return Max(hitl_add_span(task->claimed_at, &lease),
			   hitl_add_span(task->claimed_at, &max_hold));
}

bool
hitl_task_is_own(const HitlTask *task, const HitlActor *actor)
{
	return hitl_actor_is(actor, NameStr(task->submitter)) ||
		(task->has_login &&
		 hitl_actor_is(actor, NameStr(task->submitter_login)));
}

bool
hitl_task_is_mine(const HitlTask *task, const HitlActor *actor,
				  const int64 *lease)
{
	return task->held &&
		strcmp(NameStr(task->holder), NameStr(actor->reviewer->name)) == 0 &&
		(lease == NULL || *lease == task->lease);
}
