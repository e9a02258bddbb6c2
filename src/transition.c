/*
 * transition.c
 *		Everything that can happen to a task.
 *
 * A task is open, held or ended; only open and held ones have a row.
 *
 *		(gate) --> open --claim, reassign--> held --decide, cast--> ended
 *					 ^--release, recall, expire, gone--'
 *					 ^--escalate, propose: elsewhere, for somebody else
 *		extend, ask, answer, judge, step_up: stays held
 *		requeue, breach, stuck: to another queue, tier, lane or deadline
 *		time_out, lapse, close, withdraw, override: ended, open or held
 *
 * All paths go through hitl_task_apply.  Each act writes the row once and
 * leaves one record: a verdict if somebody judged, an event otherwise; what
 * judges and also moves the task elsewhere leaves both.
 */
#include "hitl.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/snapmgr.h"

#include "cache.h"
#include "json.h"
#include "notes.h"
#include "quota.h"
#include "random.h"
#include "record.h"
#include "task.h"

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

/*
 * The acts: each changes the task and returns the detail of its event.
 */

static void
begin_detail(HitlJson *json, const HitlTask *task)
{
	hitl_json_begin(json);
	hitl_json_text(json, "queue", NameStr(task->queue));
}

static void
add_note(HitlJson *json, const char *key, text *note)
{
	if (note)
		hitl_json_text(json, key, text_to_cstring(note));
}

/*
 * The clocks have stood still since the question was asked.
 */
static void
resume(HitlTask *task, TimestampTz now)
{
	TimestampTz pause = now - task->asked_at;

	if (!task->asked)
		return;
	if (task->first_review_at != DT_NOEND)
		task->first_review_at += pause;
	if (task->resolution_at != DT_NOEND)
		task->resolution_at += pause;
	task->asked = false;
}

static void
hold(HitlTask *task, const HitlReviewer *holder, const HitlTransition *t)
{
	task->held = true;
	task->holder = holder->name;
	task->lease = hitl_random_token();
	task->lease_until = hitl_lease_end(task, t->now);
	task->claimed_at = t->now;
	task->judgment = NULL;
	task->asked = false;
	task->policy_version = t->policy_version;
	task->on_behalf_of = t->on_behalf_of;
	task->login_method = NULL;
	task->packet_hash = t->packet_hash;
	if (!hitl_names_has(task->passed, NameStr(holder->name)))
		task->passed = NULL;
	if (task->first_review_at != DT_NOEND)
	{
		task->first_review_at = DT_NOEND;	/* met */
		task->due_at = DT_NOEND;
	}
}

static Jsonb *
claim(HitlTask *task, const HitlTransition *t)
{
	HitlJson	json;

	hold(task, t->actor.reviewer, t);
	begin_detail(&json, task);
	hitl_json_time(&json, "lease_until", task->lease_until);
	hitl_record_actor(&json, t);
	return hitl_json_end(&json);
}

/*
 * From held to open.  Whoever gave it back comes last for it.
 */
static void
let_go(HitlTask *task, TimestampTz now)
{
	resume(task, now);
	task->passed = hitl_names_add(task->passed, NameStr(task->holder));
	task->held = false;
}

static Jsonb *
give_back(HitlTask *task, const HitlTransition *t)
{
	HitlJson	json;

	begin_detail(&json, task);
	hitl_json_text(&json, "holder", NameStr(task->holder));
	hitl_json_number(&json, "seconds",
					 (double) (t->now - task->claimed_at) / USECS_PER_SEC);
	add_note(&json, "note", t->note);
	hitl_record_actor(&json, t);
	let_go(task, t->now);
	return hitl_json_end(&json);
}

static Jsonb *
reassign(HitlTask *task, const HitlTransition *t)
{
	HitlJson	json;

	begin_detail(&json, task);
	if (task->held)
		hitl_json_text(&json, "from", NameStr(task->holder));
	hitl_json_text(&json, "to", NameStr(t->to->name));
	add_note(&json, "note", t->note);
	hitl_record_actor(&json, t);
	if (task->held)
		let_go(task, t->now);
	hold(task, t->to, t);
	hitl_json_time(&json, "lease_until", task->lease_until);
	return hitl_json_end(&json);
}

/*
 * Moves the task, and says where it is now.
 */
static void
move(HitlTask *task, const HitlMove *to, HitlJson *json)
{
	if (NameStr(to->queue)[0] != '\0')
		task->queue = to->queue;
	if (to->has_lane)
		task->lane = to->lane;
	if (to->tier > 0)
		task->tier = to->tier;
	if (to->stage)
		task->stage = to->stage;
	hitl_json_text(json, "to_queue", NameStr(task->queue));
	hitl_json_number(json, "tier", task->tier);
	hitl_json_number(json, "lane", task->lane);
	if (task->stage)
		hitl_json_text(json, "stage", task->stage);
}

static Jsonb *
requeue(HitlTask *task, const HitlTransition *t)
{
	NameData	from = task->queue;
	HitlJson	json;

	hitl_json_begin(&json);
	hitl_json_text(&json, "from_queue", NameStr(from));
	if (task->held)
	{
		hitl_json_text(&json, "holder", NameStr(task->holder));
		let_go(task, t->now);
	}
	move(task, &t->move, &json);
	add_note(&json, "note", t->note);
	hitl_record_actor(&json, t);
	return hitl_json_end(&json);
}

/*
 * The holder has judged, and somebody else shall.  NULL if the task stays
 * where it is.
 */
static Jsonb *
hand_on(HitlTask *task, const HitlTransition *t)
{
	HitlTask	before = *task;
	HitlJson	json;
	Jsonb	   *detail;

	hitl_json_begin(&json);
	hitl_json_text(&json, "from_queue", NameStr(before.queue));
	hitl_json_text(&json, "why",
				   t->act == HITL_ACT_ESCALATE ? "reviewer" : "disagreement");
	task->excluded = hitl_names_add(task->excluded, NameStr(task->holder));
	let_go(task, t->now);
	task->passed = NULL;
	move(task, &t->move, &json);
	if (t->act == HITL_ACT_PROPOSE)
		task->kind = HITL_KIND_CONFIRM;
	hitl_record_actor(&json, t);
	detail = hitl_json_end(&json);
	return t->act == HITL_ACT_ESCALATE || task->tier != before.tier ?
		detail : NULL;
}

static Jsonb *
extend(HitlTask *task, const HitlTransition *t)
{
	HitlJson	json;

	task->lease_until = t->until;
	begin_detail(&json, task);
	hitl_json_time(&json, "lease_until", task->lease_until);
	hitl_record_actor(&json, t);
	return hitl_json_end(&json);
}

static Jsonb *
ask(HitlTask *task, const HitlTransition *t)
{
	HitlJson	json;

	task->asked = true;
	task->asked_at = t->now;
	task->asked_until = t->until;
	task->lease_until = hitl_lease_end(task, t->until);
	begin_detail(&json, task);
	add_note(&json, "question", t->note);
	hitl_json_time(&json, "until", t->until);
	hitl_record_actor(&json, t);
	return hitl_json_end(&json);
}

static Jsonb *
answer(HitlTask *task, const HitlTransition *t)
{
	HitlJson	json;

	begin_detail(&json, task);
	add_note(&json, "answer", t->note);
	hitl_json_number(&json, "paused_seconds",
					 (double) (t->now - task->asked_at) / USECS_PER_SEC);
	resume(task, t->now);
	task->lease_until = hitl_lease_end(task, t->now);
	return hitl_json_end(&json);
}

static Jsonb *
judge(HitlTask *task, const HitlTransition *t)
{
	HitlJson	json;

	task->judgment = t->judgment;
	begin_detail(&json, task);
	hitl_json_jsonb(&json, "judgment", t->judgment);
	hitl_json_number(&json, "seconds",
					 (double) (t->now - task->claimed_at) / USECS_PER_SEC);
	hitl_record_actor(&json, t);
	return hitl_json_end(&json);
}

static Jsonb *
step_up(HitlTask *task, const HitlTransition *t)
{
	HitlJson	json;

	task->login_method = pstrdup(t->method);
	begin_detail(&json, task);
	hitl_json_text(&json, "method", t->method);
	hitl_record_actor(&json, t);
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
	args[0] = CStringGetTextDatum(NameStr(task->sla));
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
 * Takes a step of the escalation and says so.
 */
static void
take_step(HitlTask *task, const Step *step, TimestampTz now,
		  TimestampTz *deadline, HitlJson *json)
{
	task->step++;
	hitl_json_number(json, "step", task->step);
	if (step->has_queue)
		task->queue = step->to_queue;
	if (step->tier > task->tier)
		task->tier = step->tier;
	if (step->lane >= 0)
		task->lane = step->lane;
	if (step->has_within)
		*deadline = hitl_add_span(now, &step->within);
	hitl_json_text(json, "to_queue", NameStr(task->queue));
	hitl_json_number(json, "tier", task->tier);
	hitl_json_number(json, "lane", task->lane);
	if (step->has_within)
		hitl_json_time(json, "new_due_at", *deadline);
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
		take_step(task, &step, t->now, deadline, &json);
	return hitl_json_end(&json);
}

/*
 * Nobody may take the task.  It does not wait for a deadline to go where
 * somebody may.
 */
static Jsonb *
stuck(HitlTask *task, const HitlTransition *t)
{
	NameData	from = task->queue;
	HitlJson	json;
	Step		step;

	read_step(task, &step);
	hitl_json_begin(&json);
	hitl_json_text(&json, "from_queue", NameStr(from));
	if (step.exists)
		take_step(task, &step, t->now, &task->resolution_at, &json);
	ereport(LOG,
			(errmsg("nobody may take task " INT64_FORMAT " of queue \"%s\"",
					task->id, NameStr(from)),
			 errhint("SELECT * FROM hitl.doctor() says what is missing.")));
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

	if ((task->kind != HITL_KIND_REVIEW && task->kind != HITL_KIND_CONFIRM) ||
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
		hitl_event_write(desk, task, transition, "veto_window_over",
						 lapse(task));
	else if (transition->act == HITL_ACT_CLOSE)
	{
		HitlJson	json;

		begin_detail(&json, task);
		if (task->held)
			hitl_json_text(&json, "holder", NameStr(task->holder));
		hitl_event_write(desk, task, transition, "copy_closed",
						 hitl_json_end(&json));
	}
	else
		hitl_record_verdict(desk, task, true,
							transition->act != HITL_ACT_CAST, transition);
	hitl_quota_leave(NameStr(task->workflow), task->id);
	return written;
}

void
hitl_task_claim(HitlDesk *desk, HitlTask *task, const HitlTransition *t)
{
	Jsonb	   *detail = claim(task, t);

	hitl_event_write(desk, task, t, "claimed", detail);
}

void
hitl_task_stuck(HitlTask *task)
{
	HitlTransition transition = {0};
	HitlDesk	desk;
	Snapshot	snapshot;

	CommandCounterIncrement();
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	transition.act = HITL_ACT_STUCK;
	transition.now = GetCurrentTimestamp();
	hitl_desk_open(&desk);
	(void) hitl_task_apply(&desk, task, &transition, snapshot, true);
	hitl_desk_close(&desk);
	UnregisterSnapshot(snapshot);
}

/*
 * Changes *task as the act does.  *kind is NULL if no event is due.
 */
static Jsonb *
perform(HitlTask *task, const HitlTransition *t, const char **kind)
{
	switch (t->act)
	{
		case HITL_ACT_CLAIM:
			Assert(!task->held);
			*kind = "claimed";
			return claim(task, t);
		case HITL_ACT_REASSIGN:
			*kind = "reassigned";
			return reassign(task, t);
		case HITL_ACT_RELEASE:
			*kind = "released";
			return give_back(task, t);
		case HITL_ACT_RECALL:
			*kind = "recalled";
			return give_back(task, t);
		case HITL_ACT_EXPIRE:
			Assert(task->lease_until <= t->now);
			*kind = "lease_expired";
			return give_back(task, t);
		case HITL_ACT_GONE:
			*kind = "reviewer_gone";
			return give_back(task, t);
		case HITL_ACT_REQUEUE:
			*kind = "requeued";
			return requeue(task, t);
		case HITL_ACT_ESCALATE:
		case HITL_ACT_PROPOSE:
			*kind = "escalated";
			return hand_on(task, t);
		case HITL_ACT_EXTEND:
			*kind = "extended";
			return extend(task, t);
		case HITL_ACT_ASK:
			*kind = "asked";
			return ask(task, t);
		case HITL_ACT_ANSWER:
			*kind = "answered";
			return answer(task, t);
		case HITL_ACT_UNANSWERED:
			*kind = "unanswered";
			return answer(task, t);
		case HITL_ACT_JUDGE:
			*kind = "judged";
			return judge(task, t);
		case HITL_ACT_STEP_UP:
			*kind = "stepped_up";
			return step_up(task, t);
		case HITL_ACT_BREACH:
			return breach(task, t, kind);
		case HITL_ACT_STUCK:
			*kind = "nobody_eligible";
			return stuck(task, t);
		case HITL_ACT_REORDER:
		case HITL_ACT_LAPSE:
		case HITL_ACT_TIME_OUT:
		case HITL_ACT_DECIDE:
		case HITL_ACT_CAST:
		case HITL_ACT_CLOSE:
		case HITL_ACT_WITHDRAW:
		case HITL_ACT_OVERRIDE:
			break;
	}
	return NULL;
}

/* writes the row as it is after the act */
static HitlWrite
rewrite(HitlDesk *desk, HitlTask *task, HitlTask *after, Snapshot snapshot,
		bool wait)
{
	Datum		values[HITL_TASK_NATTS];
	bool		nulls[HITL_TASK_NATTS];
	HitlWrite	written;

	hitl_task_derive(after);
	hitl_task_row(after, values, nulls);
	written = hitl_table_update(desk->task, &task->tid, values, nulls,
								HITL_TASK_NATTS, snapshot, wait);
	after->tid = desk->task->slot->tts_tid;
	return written;
}

HitlWrite
hitl_task_apply(HitlDesk *desk, HitlTask *task,
				const HitlTransition *transition, Snapshot snapshot, bool wait)
{
	HitlTask	after = *task;
	Jsonb	   *detail;
	const char *kind = NULL;
	HitlWrite	written;
	bool		ends;

	if (!task->held)
		hitl_note_touched(task);
	switch (transition->act)
	{
		case HITL_ACT_LAPSE:
		case HITL_ACT_TIME_OUT:
		case HITL_ACT_DECIDE:
		case HITL_ACT_CAST:
		case HITL_ACT_CLOSE:
		case HITL_ACT_WITHDRAW:
		case HITL_ACT_OVERRIDE:
			return end_task(desk, task, transition, snapshot, wait);
		default:
			break;
	}

	detail = perform(&after, transition, &kind);
	/* what tests a reviewer is for nobody else */
	ends = after.kind == HITL_KIND_GOLD && !after.held;
	written = ends ?
		hitl_table_delete(desk->task, &task->tid, snapshot, wait) :
		rewrite(desk, task, &after, snapshot, wait);
	if (written != HITL_WRITTEN)
		return written;
	if (transition->act == HITL_ACT_ESCALATE ||
		transition->act == HITL_ACT_PROPOSE)
		hitl_record_verdict(desk, task, true, false, transition);
	if (detail)
		hitl_event_write(desk, task, transition, kind, detail);
	*task = after;
	if (!ends)
		hitl_task_announce(task);
	return written;
}
