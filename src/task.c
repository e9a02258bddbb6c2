/*
 * task.c
 *		A task, and everything that can happen to it.
 *
 * A task is open, held or ended; only open and held ones have a row.
 *
 *		(gate) --> open --claim--> held --decide--> ended
 *					 ^--release, expire--'
 *		breach leaves it as it is, open or held, and moves it to another
 *		queue, tier, lane or deadline;
 *		time_out, lapse and override end it, open or held.
 *
 * All paths go through hitl_task_apply.  Each act writes the row once and
 * leaves one record: a verdict if it decides, an event otherwise.
 *
 * wake_at is the earliest time at which the clock has something to do with
 * the task: the end of the lease, or a deadline not yet breached.  It is
 * derived here and nowhere else.
 */
#include "hitl.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/snapmgr.h"

#include "cache.h"
#include "json.h"
#include "random.h"
#include "task.h"
#include "worker.h"

/* columns of hitl.task, as in sql/40_task.sql */
enum
{
	TASK_ID, TASK_DECISION, TASK_WORKFLOW, TASK_KIND, TASK_QUEUE, TASK_LANE,
	TASK_TIER, TASK_SORT_KEY, TASK_SUBMITTER, TASK_SUBMITTER_LOGIN,
	TASK_CREATED_AT, TASK_QUESTION, TASK_SLA, TASK_STEP, TASK_FIRST_REVIEW_AT, TASK_RESOLUTION_AT, TASK_DUE_AT,
	TASK_WAKE_AT, TASK_HOLDER, TASK_LEASE, TASK_LEASE_UNTIL, TASK_CLAIMED_AT,
	TASK_NATTS
};

/* columns of hitl.event and hitl.verdict, as in sql/30_fact.sql */
enum
{
	EVENT_ID, EVENT_CREATED_AT, EVENT_KIND, EVENT_DECISION, EVENT_TASK,
	EVENT_WORKFLOW, EVENT_ACTOR, EVENT_DETAIL,
	EVENT_NATTS
};

enum
{
	VERDICT_ID, VERDICT_CREATED_AT, VERDICT_DECISION, VERDICT_TASK,
	VERDICT_KIND, VERDICT_WORKFLOW, VERDICT_QUEUE, VERDICT_REVIEWER,
	VERDICT_ASSERTED_BY, VERDICT_ACTION, VERDICT_OUTPUT, VERDICT_CODE,
	VERDICT_NOTE, VERDICT_SECONDS, VERDICT_FINAL, VERDICT_OUTCOME,
	VERDICT_LEASE, VERDICT_LEASE_UNTIL,
	VERDICT_NATTS
};

/* a step of an escalation, as read from hitl.escalation_step */
typedef struct Step
{
	bool		exists;
	bool		has_queue;
	NameData	to_queue;
	int32		tier;			/* 0: as before */
	int16		lane;			/* -1: as before */
	bool		has_within;
	Interval	within;
} Step;

static HitlQuery step_query = {
	.text =
	"SELECT to_queue, tier, lane, within FROM hitl.escalation_step"
	" WHERE sla OPERATOR(pg_catalog.=) $1 AND step OPERATOR(pg_catalog.=) $2",
	.nargs = 2,
	.argtypes = {TEXTOID, INT4OID}
};

/* not rejected by the policy, and at most the thresholds asked for a person */
static HitlQuery approvable_query = {
	.text =
	"SELECT reversible AND gate_route OPERATOR(pg_catalog.<>) 'auto_reject'"
	"   AND NOT EXISTS ("
	"   SELECT FROM pg_catalog.jsonb_array_elements(reasons) r"
	"    WHERE (r OPERATOR(pg_catalog.->>) 'trigger') OPERATOR(pg_catalog.<>)"
	"          ALL ('{confidence,mode}'::pg_catalog.text[]))"
	"  FROM hitl.decision WHERE id OPERATOR(pg_catalog.=) $1",
	.nargs = 1,
	.argtypes = {UUIDOID}
};

static HitlQuery last_claim_query = {
	.text =
	"SELECT kind, detail OPERATOR(pg_catalog.->>) 'holder', created_at"
	"  FROM hitl.event"
	" WHERE decision OPERATOR(pg_catalog.=) $1"
	"   AND task OPERATOR(pg_catalog.=) $2"
	"   AND kind OPERATOR(pg_catalog.=)"
	"       ANY ('{claimed,released,lease_expired}'::pg_catalog.text[])"
	" ORDER BY id DESC LIMIT 1",
	.nargs = 2,
	.argtypes = {UUIDOID, INT8OID}
};

const char *
hitl_kind_name(HitlKind kind)
{
	switch (kind)
	{
		case HITL_KIND_REVIEW:
			return "review";
		case HITL_KIND_AUDIT:
			return "audit";
		case HITL_KIND_MONITOR:
			return "monitor";
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
		case HITL_TIMEOUT:
			return "timeout";
		case HITL_VETO:
			return "veto";
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

/*
 * A span added to a time.  Days are days of UTC, so that the result does not
 * depend on the time zone of whoever happens to insert the decision.
 */
static TimestampTz
add_span(TimestampTz when, const Interval *span)
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
	text	   *value = DatumGetTextPP(slot->tts_values[column]);
	size_t		len = VARSIZE_ANY_EXHDR(value);

	memset(to, 0, sizeof(NameData));
	memcpy(NameStr(*to), VARDATA_ANY(value), Min(len, NAMEDATALEN - 1));
}

void
hitl_task_read(TupleTableSlot *slot, HitlTask *task)
{
	const Datum *v;
	const bool *n;

	slot_getallattrs(slot);
	v = slot->tts_values;
	n = slot->tts_isnull;

	task->tid = slot->tts_tid;
	task->id = DatumGetInt64(v[TASK_ID]);
	task->decision = *DatumGetUUIDP(v[TASK_DECISION]);
	get_name(slot, TASK_WORKFLOW, &task->workflow);
	switch (*VARDATA_ANY(DatumGetTextPP(v[TASK_KIND])))
	{
		case 'a':
			task->kind = HITL_KIND_AUDIT;
			break;
		case 'm':
			task->kind = HITL_KIND_MONITOR;
			break;
		default:
			task->kind = HITL_KIND_REVIEW;
			break;
	}
	get_name(slot, TASK_QUEUE, &task->queue);
	task->lane = DatumGetInt16(v[TASK_LANE]);
	task->tier = DatumGetInt32(v[TASK_TIER]);
	task->sort_key = DatumGetFloat8(v[TASK_SORT_KEY]);
	get_name(slot, TASK_SUBMITTER, &task->submitter);
	task->has_login = !n[TASK_SUBMITTER_LOGIN];
	if (task->has_login)
		get_name(slot, TASK_SUBMITTER_LOGIN, &task->submitter_login);
	task->created_at = DatumGetTimestampTz(v[TASK_CREATED_AT]);
	task->question = n[TASK_QUESTION] ? NULL :
		TextDatumGetCString(v[TASK_QUESTION]);
	memset(&task->sla, 0, sizeof(task->sla));
	if (!n[TASK_SLA])
		get_name(slot, TASK_SLA, &task->sla);
	task->step = DatumGetInt32(v[TASK_STEP]);
	task->first_review_at = DatumGetTimestampTz(v[TASK_FIRST_REVIEW_AT]);
	task->resolution_at = DatumGetTimestampTz(v[TASK_RESOLUTION_AT]);
	task->due_at = DatumGetTimestampTz(v[TASK_DUE_AT]);
	task->wake_at = DatumGetTimestampTz(v[TASK_WAKE_AT]);
	task->held = !n[TASK_HOLDER];
	if (task->held)
	{
		get_name(slot, TASK_HOLDER, &task->holder);
		task->lease = DatumGetInt64(v[TASK_LEASE]);
		task->lease_until = DatumGetTimestampTz(v[TASK_LEASE_UNTIL]);
		task->claimed_at = DatumGetTimestampTz(v[TASK_CLAIMED_AT]);
	}
}

static Datum
string_of(const NameData *name)
{
	return CStringGetTextDatum(NameStr(*name));
}

static void
to_row(const HitlTask *task, Datum *v, bool *n)
{
	memset(n, 0, sizeof(bool) * TASK_NATTS);
	v[TASK_ID] = Int64GetDatum(task->id);
	v[TASK_DECISION] = UUIDPGetDatum(&task->decision);
	v[TASK_WORKFLOW] = string_of(&task->workflow);
	v[TASK_KIND] = CStringGetTextDatum(hitl_kind_name(task->kind));
	v[TASK_QUEUE] = string_of(&task->queue);
	v[TASK_LANE] = Int16GetDatum(task->lane);
	v[TASK_TIER] = Int32GetDatum(task->tier);
	v[TASK_SORT_KEY] = Float8GetDatum(task->sort_key);
	v[TASK_SUBMITTER] = string_of(&task->submitter);
	n[TASK_SUBMITTER_LOGIN] = !task->has_login;
	v[TASK_SUBMITTER_LOGIN] = task->has_login ?
		string_of(&task->submitter_login) : (Datum) 0;
	v[TASK_CREATED_AT] = TimestampTzGetDatum(task->created_at);
	n[TASK_QUESTION] = task->question == NULL;
	v[TASK_QUESTION] = task->question ?
		CStringGetTextDatum(task->question) : (Datum) 0;
	n[TASK_SLA] = NameStr(task->sla)[0] == '\0';
	v[TASK_SLA] = string_of(&task->sla);
	v[TASK_STEP] = Int32GetDatum(task->step);
	v[TASK_FIRST_REVIEW_AT] = TimestampTzGetDatum(task->first_review_at);
	v[TASK_RESOLUTION_AT] = TimestampTzGetDatum(task->resolution_at);
	v[TASK_DUE_AT] = TimestampTzGetDatum(task->due_at);
	v[TASK_WAKE_AT] = TimestampTzGetDatum(task->wake_at);
	n[TASK_HOLDER] = n[TASK_LEASE] = !task->held;
	n[TASK_LEASE_UNTIL] = n[TASK_CLAIMED_AT] = !task->held;
	v[TASK_HOLDER] = task->held ? string_of(&task->holder) : (Datum) 0;
	v[TASK_LEASE] = Int64GetDatum(task->lease);
	v[TASK_LEASE_UNTIL] = TimestampTzGetDatum(task->lease_until);
	v[TASK_CLAIMED_AT] = TimestampTzGetDatum(task->claimed_at);
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
 * What follows from the rest: the place in the queue and the next alarm.
 */
static void
derive(HitlTask *task)
{
	TimestampTz deadline = Min(task->first_review_at, task->resolution_at);

	/* a deadline that was missed stays visible until a new one is set */
	if (deadline != DT_NOEND)
		task->due_at = deadline;
	task->wake_at = deadline;
	if (task->held)
		task->wake_at = Min(task->wake_at, task->lease_until);

	switch (hitl_queue(NameStr(task->queue))->ordering)
	{
		case HITL_ORDER_DUE:
			task->sort_key = task->due_at == DT_NOEND ?
				get_float8_infinity() : (double) task->due_at;
			break;
		case HITL_ORDER_FIFO:
			task->sort_key = (double) task->created_at;
			break;
	}
}

void
hitl_task_create(const HitlTaskSpec *spec)
{
	const HitlSla *sla = hitl_sla(NameStr(spec->sla));
	HitlTask	task = {0};
	HitlTable  *table;
	Datum		values[TASK_NATTS];
	bool		nulls[TASK_NATTS];

	task.decision = spec->decision;
	task.workflow = spec->workflow;
	task.kind = spec->kind;
	task.queue = spec->queue;
	task.lane = spec->lane;
	task.tier = spec->tier;
	task.question = spec->question;
	task.created_at = spec->created_at;
	task.sla = spec->sla;
	task.first_review_at = DT_NOEND;
	task.resolution_at = DT_NOEND;
	if (spec->kind == HITL_KIND_MONITOR)
		task.resolution_at = add_span(spec->created_at, &spec->veto_window);
	else
	{
		if (sla->has_first_review)
			task.first_review_at = add_span(spec->created_at,
											&sla->first_review);
		if (sla->has_resolution)
			task.resolution_at = add_span(spec->created_at, &sla->resolution);
	}
	task.due_at = DT_NOEND;
	task.submitter = spec->submitter;
	task.has_login = spec->has_login;
	task.submitter_login = spec->submitter_login;
	derive(&task);

	table = hitl_table_open("task");
	task.id = hitl_next_id("task_id_seq");
	to_row(&task, values, nulls);
	hitl_table_insert(table, values, nulls, TASK_NATTS);
	hitl_table_close(table);
	hitl_worker_note(task.wake_at);
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

pg_noreturn static void
raise_lease_over(int64 id, TimestampTz lease_until)
{
	ereport(ERROR,
			(errcode(ERRCODE_HITL_LEASE_OVER),
			 errmsg("the lease on task " INT64_FORMAT " is over", id),
			 errdetail("It ended at %s.", timestamptz_to_str(lease_until)),
			 errhint("Claim again; the task may have gone to somebody else.")));
}

/*
 * Whether the last claim of an open task was this reviewer's and ran out.
 */
static bool
lease_ran_out(const HitlTask *task, const HitlActor *actor, TimestampTz *when)
{
	HitlSpi		spi;
	Datum		args[2];
	bool		isnull;
	bool		result = false;

	args[0] = UUIDPGetDatum(&task->decision);
	args[1] = Int64GetDatum(task->id);
	hitl_spi_begin(&spi);
	hitl_spi_run(&last_claim_query, args, GetLatestSnapshot(), 1);
	if (SPI_processed > 0)
	{
		char	   *kind = TextDatumGetCString(hitl_spi_value(0, 1, &isnull));
		Datum		holder = hitl_spi_value(0, 2, &isnull);

		result = strcmp(kind, "lease_expired") == 0 && !isnull &&
			strcmp(TextDatumGetCString(holder),
				   NameStr(actor->reviewer->name)) == 0;
		*when = DatumGetTimestampTz(hitl_spi_value(0, 3, &isnull));
	}
	hitl_spi_end(&spi);
	return result;
}

void
hitl_not_holder(int64 id, const HitlTask *found, const HitlActor *actor)
{
	TimestampTz ended;

	if (found && !found->held && lease_ran_out(found, actor, &ended))
		raise_lease_over(id, ended);
	ereport(ERROR,
			(errcode(ERRCODE_HITL_NOT_HOLDER),
			 errmsg("reviewer \"%s\" does not hold task " INT64_FORMAT,
					NameStr(actor->reviewer->name), id),
			 errhint("Claim tasks by SELECT * FROM hitl.claim().")));
}

void
hitl_lease_check(const HitlTask *task, TimestampTz now)
{
	if (now >= task->lease_until)
		raise_lease_over(task->id, task->lease_until);
}

/*
 * Records
 */

/* opens a table of records when it is first needed */
static void
open_record(HitlDesk *desk, HitlTable **table, const char *name)
{
	MemoryContext old;

	if (*table != NULL)
		return;
	old = MemoryContextSwitchTo(desk->context);
	*table = hitl_table_open(name);
	MemoryContextSwitchTo(old);
}

/*
 * Who acted: a reviewer, a lead who is none, or the clock.
 */
static Datum
name_of(const HitlActor *actor)
{
	if (actor->reviewer)
		return string_of(&actor->reviewer->name);
	return actor->nroles > 0 ? string_of(&actor->role[0]) :
		CStringGetTextDatum("clock");
}

static void
write_event(HitlDesk *desk, const HitlTask *task,
			const HitlTransition *transition, const char *kind, Jsonb *detail)
{
	Datum		v[EVENT_NATTS];
	bool		n[EVENT_NATTS] = {0};

	open_record(desk, &desk->event, "event");
	v[EVENT_ID] = Int64GetDatum(hitl_next_id("event_id_seq"));
	v[EVENT_CREATED_AT] = TimestampTzGetDatum(transition->now);
	v[EVENT_KIND] = CStringGetTextDatum(kind);
	v[EVENT_DECISION] = UUIDPGetDatum(&task->decision);
	v[EVENT_TASK] = Int64GetDatum(task->id);
	v[EVENT_WORKFLOW] = string_of(&task->workflow);
	v[EVENT_ACTOR] = name_of(&transition->actor);
	v[EVENT_DETAIL] = JsonbPGetDatum(detail);
	hitl_table_insert(desk->event, v, n, EVENT_NATTS);
}

/*
 * A verdict on a task that has just ended (ended), or on a decision without.
 */
static void
write_verdict(HitlDesk *desk, const HitlTask *task, bool ended,
			  const HitlTransition *transition)
{
	Oid			asserted_by = transition->actor.asserted_by;
	bool		by_holder = transition->act == HITL_ACT_DECIDE;
	Datum		v[VERDICT_NATTS];
	bool		n[VERDICT_NATTS] = {0};
	NameData	login;
	TimestampTz now = GetCurrentTimestamp();

	/* the row is ours now; getting it may have taken until the lease ended */
	if (by_holder)
		hitl_lease_check(task, now);

	open_record(desk, &desk->verdict, "verdict");
	v[VERDICT_ID] = Int64GetDatum(hitl_next_id("verdict_id_seq"));
	v[VERDICT_CREATED_AT] = TimestampTzGetDatum(now);
	v[VERDICT_DECISION] = UUIDPGetDatum(&task->decision);
	n[VERDICT_TASK] = n[VERDICT_KIND] = n[VERDICT_QUEUE] = !ended;
	v[VERDICT_TASK] = Int64GetDatum(task->id);
	v[VERDICT_KIND] = CStringGetTextDatum(hitl_kind_name(task->kind));
	v[VERDICT_WORKFLOW] = string_of(&task->workflow);
	v[VERDICT_QUEUE] = string_of(&task->queue);
	v[VERDICT_REVIEWER] = name_of(&transition->actor);
	n[VERDICT_ASSERTED_BY] = !OidIsValid(asserted_by);
	if (OidIsValid(asserted_by))
		namestrcpy(&login, GetUserNameFromId(asserted_by, false));
	v[VERDICT_ASSERTED_BY] = NameGetDatum(&login);
	v[VERDICT_ACTION] = CStringGetTextDatum(hitl_action_name(transition->action));
	n[VERDICT_OUTPUT] = transition->output == NULL;
	v[VERDICT_OUTPUT] = PointerGetDatum(transition->output);
	n[VERDICT_CODE] = transition->code == NULL;
	v[VERDICT_CODE] = PointerGetDatum(transition->code);
	n[VERDICT_NOTE] = transition->note == NULL;
	v[VERDICT_NOTE] = PointerGetDatum(transition->note);
	n[VERDICT_SECONDS] = n[VERDICT_LEASE] = n[VERDICT_LEASE_UNTIL] = !by_holder;
	v[VERDICT_SECONDS] = Float8GetDatum((double)
										(now - task->claimed_at) /
										USECS_PER_SEC);
	v[VERDICT_FINAL] = BoolGetDatum(true);
	v[VERDICT_OUTCOME] = CStringGetTextDatum(hitl_outcome_name(transition->outcome));
	v[VERDICT_LEASE] = Int64GetDatum(task->lease);
	v[VERDICT_LEASE_UNTIL] = TimestampTzGetDatum(task->lease_until);
	hitl_table_insert(desk->verdict, v, n, VERDICT_NATTS);
}

void
hitl_verdict_write(HitlDesk *desk, const HitlTask *of,
				   const HitlTransition *transition)
{
	write_verdict(desk, of, false, transition);
}

/*
 * The acts: each changes the task and returns the detail of its event.
 */

static Jsonb *
claim(HitlTask *task, const HitlTransition *t)
{
	HitlJson	json;
	Interval	lease = hitl_queue(NameStr(task->queue))->lease;

	task->held = true;
	task->holder = t->actor.reviewer->name;
	task->lease = hitl_random_token();
	task->lease_until = add_span(t->now, &lease);
	if (task->kind == HITL_KIND_MONITOR)	/* then the veto is too late */
		task->lease_until = Min(task->lease_until, task->resolution_at);
	task->claimed_at = t->now;
	if (task->first_review_at != DT_NOEND)
	{
		task->first_review_at = DT_NOEND;	/* met */
		task->due_at = DT_NOEND;
	}

	hitl_json_begin(&json);
	hitl_json_text(&json, "queue", NameStr(task->queue));
	hitl_json_time(&json, "lease_until", task->lease_until);
	if (OidIsValid(t->actor.asserted_by))
		hitl_json_text(&json, "asserted_by",
					   GetUserNameFromId(t->actor.asserted_by, false));
	return hitl_json_end(&json);
}

static Jsonb *
let_go(HitlTask *task, const HitlTransition *t)
{
	HitlJson	json;

	hitl_json_begin(&json);
	hitl_json_text(&json, "queue", NameStr(task->queue));
	hitl_json_text(&json, "holder", NameStr(task->holder));
	hitl_json_number(&json, "seconds",
					 (double) (t->now - task->claimed_at) / USECS_PER_SEC);
	if (OidIsValid(t->actor.asserted_by))
		hitl_json_text(&json, "asserted_by",
					   GetUserNameFromId(t->actor.asserted_by, false));
	task->held = false;
	return hitl_json_end(&json);
}

static void
read_step(const HitlTask *task, Step *step)
{
	HitlSpi		spi;
	Datum		args[2];
	Datum		value;
	bool		isnull;

	memset(step, 0, sizeof(*step));
	step->lane = -1;
	if (NameStr(task->sla)[0] == '\0')
		return;
	args[0] = string_of(&task->sla);
	args[1] = Int32GetDatum(task->step + 1);
	hitl_spi_begin(&spi);
	hitl_spi_run(&step_query, args, GetLatestSnapshot(), 1);
	if (SPI_processed > 0)
	{
		step->exists = true;
		value = hitl_spi_value(0, 1, &isnull);
		step->has_queue = !isnull;
		if (!isnull)
			namestrcpy(&step->to_queue, TextDatumGetCString(value));
		value = hitl_spi_value(0, 2, &isnull);
		if (!isnull)
			step->tier = DatumGetInt32(value);
		value = hitl_spi_value(0, 3, &isnull);
		if (!isnull)
			step->lane = DatumGetInt16(value);
		value = hitl_spi_value(0, 4, &isnull);
		step->has_within = !isnull;
		if (!isnull)
			step->within = *DatumGetIntervalP(value);
	}
	hitl_spi_end(&spi);
}

/*
 * The earlier of the deadlines that have passed is dealt with; if the other
 * one has passed too, its turn comes next.
 */
static Jsonb *
breach(HitlTask *task, const HitlTransition *t, const char **kind)
{
	bool		first = task->first_review_at <= task->resolution_at;
	TimestampTz *deadline = first ?
		&task->first_review_at : &task->resolution_at;
	NameData	from = task->queue;
	HitlJson	json;
	Step		step;

	Assert(*deadline <= t->now);
	read_step(task, &step);

	hitl_json_begin(&json);
	hitl_json_text(&json, "clock", first ? "first_review" : "resolution");
	hitl_json_time(&json, "due_at", *deadline);
	hitl_json_text(&json, "from_queue", NameStr(from));
	*deadline = DT_NOEND;
	*kind = step.exists ? "escalated" : "sla_breached";
	if (step.exists)
	{
		task->step++;
		hitl_json_number(&json, "step", task->step);
		if (step.has_queue)
			task->queue = step.to_queue;
		if (step.tier > task->tier)
			task->tier = step.tier;
		if (step.lane >= 0)
			task->lane = step.lane;
		if (step.has_within)
			*deadline = add_span(t->now, &step.within);
		hitl_json_text(&json, "to_queue", NameStr(task->queue));
		hitl_json_number(&json, "tier", task->tier);
		hitl_json_number(&json, "lane", task->lane);
		if (step.has_within)
			hitl_json_time(&json, "new_due_at", *deadline);
	}
	return hitl_json_end(&json);
}

/*
 * The policy in force says what happens when nobody decides.  Everything must
 * allow it still: a workflow that is killed, manual or in shadow, or whose
 * decisions always need a person, waits on; and nothing is approved that cannot
 * be undone, that the policy would have rejected, or that anything but the
 * thresholds sent to a person.
 */
bool
hitl_times_out(const HitlTask *task, HitlTransition *transition)
{
	const HitlWorkflow *w;
	HitlSpi		spi;
	Datum		id = UUIDPGetDatum(&task->decision);
	Step		step;
	bool		isnull;
	bool		approvable = false;

	if (task->kind != HITL_KIND_REVIEW ||
		task->resolution_at > transition->now ||
		task->first_review_at <= task->resolution_at)
		return false;
	w = hitl_workflow(NameStr(task->workflow), strlen(NameStr(task->workflow)));
	if (w == NULL || w->policy->on_timeout == HITL_TIMEOUT_HOLD ||
		w->always_human || w->kill_reason ||
		(w->mode != HITL_MODE_IN_LOOP && w->mode != HITL_MODE_ON_LOOP))
		return false;
	transition->action = HITL_TIMEOUT;
	transition->outcome = w->policy->on_timeout == HITL_TIMEOUT_APPROVE ?
		HITL_APPROVED : HITL_REJECTED;
	transition->note = cstring_to_text(psprintf("nobody decided in time; policy version %d",
												w->policy->version));

	read_step(task, &step);
	if (step.exists)
		return false;
	if (transition->outcome == HITL_REJECTED)
		return true;
	hitl_spi_begin(&spi);
	hitl_spi_run(&approvable_query, &id, GetLatestSnapshot(), 1);
	if (SPI_processed > 0)
		approvable = DatumGetBool(hitl_spi_value(0, 1, &isnull));
	hitl_spi_end(&spi);
	return approvable;
}

static Jsonb *
lapse(const HitlTask *task)
{
	HitlJson	json;

	hitl_json_begin(&json);
	hitl_json_text(&json, "queue", NameStr(task->queue));
	hitl_json_time(&json, "due_at", task->resolution_at);
	return hitl_json_end(&json);
}

/*
 * The acts after which there is no task any more.
 */
static HitlWrite
end_task(HitlDesk *desk, const HitlTask *task,
		 const HitlTransition *transition, Snapshot snapshot, bool wait)
{
	ItemPointerData tid = task->tid;
	HitlWrite	written = hitl_table_delete(desk->task, &tid, snapshot, wait);

	if (written != HITL_WRITTEN)
		return written;
	if (transition->act == HITL_ACT_LAPSE)
		write_event(desk, task, transition, "veto_window_over", lapse(task));
	else
		write_verdict(desk, task, true, transition);
	return written;
}

HitlWrite
hitl_task_apply(HitlDesk *desk, HitlTask *task,
				const HitlTransition *transition, Snapshot snapshot, bool wait)
{
	HitlTask	after = *task;
	Jsonb	   *detail = NULL;
	const char *kind = NULL;
	HitlWrite	written;
	Datum		values[TASK_NATTS];
	bool		nulls[TASK_NATTS];

	switch (transition->act)
	{
		case HITL_ACT_CLAIM:
			Assert(!task->held);
			detail = claim(&after, transition);
			kind = "claimed";
			break;
		case HITL_ACT_RELEASE:
			Assert(task->held);
			detail = let_go(&after, transition);
			kind = "released";
			break;
		case HITL_ACT_EXPIRE:
			Assert(task->held && task->lease_until <= transition->now);
			detail = let_go(&after, transition);
			kind = "lease_expired";
			break;
		case HITL_ACT_BREACH:
			detail = breach(&after, transition, &kind);
			break;
		case HITL_ACT_LAPSE:
		case HITL_ACT_TIME_OUT:
		case HITL_ACT_DECIDE:
		case HITL_ACT_OVERRIDE:
			return end_task(desk, task, transition, snapshot, wait);
	}

	derive(&after);
	to_row(&after, values, nulls);
	written = hitl_table_update(desk->task, &task->tid, values, nulls,
								TASK_NATTS, snapshot, wait);
	if (written == HITL_WRITTEN)
	{
		write_event(desk, task, transition, kind, detail);
		after.tid = desk->task->slot->tts_tid;
		*task = after;
		hitl_worker_note(task->wake_at);
	}
	return written;
}
