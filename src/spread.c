/*
 * spread.c
 *		One verdict for all tasks that are alike.
 *
 * The holder of a task gives it a verdict, and the same one to the open tasks
 * of its workflow, queue and kind whose decisions have the same values in the
 * places that the caller names.  Each of those is claimed and decided in the
 * caller's transaction by the same person, who must be eligible for it, and
 * names in like_task the one that was looked at.
 *
 * - Nothing is spread to a task whose demands the verdict does not meet, or
 *   that the person has to do with already.  These come back as refused.
 * - What the person may not see is not compared either, for whether it is alike
 *   would tell what is in it: blind tasks, and those that they cannot be given.
 * - A second, independent look (kind overlap) is no target: it would measure
 *   nothing.
 * - Each counts as claimed in the person's shift; where there is no room left
 *   for any, nothing is decided.
 * - The open tasks of the queue are looked at in its order, and no more than
 *   MAX_LOOKED_AT of them.
 */
#include "hitl.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "cache.h"
#include "decision.h"
#include "digest.h"
#include "document.h"
#include "eligible.h"
#include "json.h"
#include "judgment.h"
#include "packet.h"
#include "people.h"
#include "policy.h"
#include "random.h"
#include "record.h"
#include "refusal.h"
#include "shift.h"
#include "task.h"
#include "text.h"
#include "verdict.h"

/* the most tasks that one call decides */
#define MAX_LIKE		1000

/* as many open tasks of the queue are looked at */
#define MAX_LOOKED_AT	10000

PG_FUNCTION_INFO_V1(hitl_decide_like);

/* the places, and what the first decision has there */
typedef struct Likeness
{
	int			n;
	HitlPath   *path;
	Jsonb	  **value;
	uint32		keys;			/* the columns */
} Likeness;

/* a verdict that is being spread */
typedef struct Spread
{
	HitlActor	actor;
	HitlGiven	given;
	HitlTask	first;
	Likeness	likeness;
	const char *kind;			/* of the first, as it is shown: nobody can
								 * tell by it which is only measured */
	int			limit;
	int			decided;		/* without the first */
	bool		found;			/* the first */
	const HitlPlace *place;		/* where they may claim */
	ReturnSetInfo *rsinfo;
} Spread;

/*
 * Likeness
 */

static Jsonb *
value_at(const HitlPath *path, Jsonb *document)
{
	JsonbValue	value;
	const char *step = hitl_key[path->key].name;

	value.type = jbvBinary;
	value.val.binary.data = &document->root;
	for (int i = 0; step != NULL; i++)
	{
		if (value.type != jbvBinary ||
			!JsonContainerIsObject(value.val.binary.data) ||
			getKeyJsonValueFromContainer(value.val.binary.data, step,
										 strlen(step), &value) == NULL)
			return NULL;
		step = i < path->nsteps ? path->step[i] : NULL;
	}
	return value.type == jbvNull ? NULL : JsonbValueToJsonb(&value);
}

static void
read_places(ArrayType *places, Likeness *likeness)
{
	char	  **name;

	likeness->n = hitl_names_read(places, &name);
	if (likeness->n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("no place is named in which decisions must be alike"),
				 errhint("Name places such as signals.cluster or input.")));
	likeness->path = palloc0(sizeof(HitlPath) * likeness->n);
	likeness->value = palloc0(sizeof(Jsonb *) * likeness->n);
	for (int i = 0; i < likeness->n; i++)
	{
		if (!hitl_path_read(name[i], &likeness->path[i]))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("\"%s\" is no place in a decision",
							hitl_clip(name[i])),
					 errhint("A place is a column, with keys after dots where it is jsonb, as in signals.cluster.")));
		likeness->keys |= 1U << likeness->path[i].key;
	}
}

/*
 * What the first decision has in the places: something in each.
 */
static void
read_likeness(Spread *spread)
{
	const HitlTask *task = &spread->first;
	Likeness   *likeness = &spread->likeness;
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	HitlDecision decision;

	if (hitl_decision_open(&decision, &task->decision, snapshot))
	{
		Jsonb	   *document = hitl_document(&decision.row, likeness->keys);

		for (int i = 0; i < likeness->n; i++)
			likeness->value[i] = value_at(&likeness->path[i], document);
		spread->kind = hitl_shown_kind(task, &decision);
		hitl_decision_close(&decision);
	}
	UnregisterSnapshot(snapshot);
	for (int i = 0; i < likeness->n; i++)
	{
		if (likeness->value[i] == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("the decision of task " INT64_FORMAT " has nothing in \"%s\"",
							task->id, hitl_clip(likeness->path[i].text)),
					 errhint("Name a place that it has.")));
	}
}

static bool
is_alike(const Likeness *likeness, const HitlDecision *decision)
{
	Jsonb	   *document = hitl_document(&decision->row, likeness->keys);

	for (int i = 0; i < likeness->n; i++)
	{
		Jsonb	   *value = value_at(&likeness->path[i], document);

		if (value == NULL || !hitl_same_json(value, likeness->value[i]))
			return false;
	}
	return true;
}

/*
 * Results
 */

/* task NULL: of all others */
static void
put_row(Spread *spread, const HitlTask *task, const char *outcome,
		const HitlRefusal *refusal)
{
	Datum		v[5] = {0};
	bool		n[5] = {0};

	n[0] = task == NULL;
	n[1] = task == NULL || !spread->found;
	if (task)
	{
		v[0] = Int64GetDatum(task->id);
		v[1] = UUIDPGetDatum(&task->decision);
	}
	n[2] = outcome == NULL;
	if (outcome)
		v[2] = CStringGetTextDatum(outcome);
	n[3] = n[4] = refusal == NULL;
	if (refusal)
	{
		v[3] = CStringGetTextDatum(unpack_sql_state(refusal->code));
		v[4] = CStringGetTextDatum(refusal->message);
	}
	tuplestore_putvalues(spread->rsinfo->setResult, spread->rsinfo->setDesc,
						 v, n);
}

/*
 * Tasks that are alike
 */

/*
 * Where the person may claim now: who may finish the first task need not be
 * there any more, or not for the same one.
 */
static bool
find_place(HitlRefusal *refusal, Spread *spread)
{
	const HitlReviewer *reviewer = spread->actor.reviewer;
	TimestampTz now = GetCurrentTimestamp();
	const char *queue = NameStr(spread->first.queue);
	HitlPlace  *places;
	int			n;

	if (!hitl_check_present(refusal, reviewer, now))
		return false;
	n = hitl_places(reviewer, now, &places);
	for (int i = 0; i < n; i++)
	{
		if (strcmp(NameStr(places[i].queue), queue) == 0)
		{
			spread->place = &places[i];
			return true;
		}
	}
	return hitl_refuse(refusal, ERRCODE_HITL_NOT_ELIGIBLE, NULL, NULL,
					   "reviewer \"%s\" is not a member of queue \"%s\"",
					   NameStr(reviewer->name), queue);
}

/*
 * Whether the person has nothing to do with the decision yet, and for whom
 * they would judge it.
 */
static bool
check_distinct(HitlRefusal *refusal, const Spread *spread,
			   const HitlTask *task, NameData *on_behalf_of)
{
	const char *name = NameStr(spread->actor.reviewer->name);
	TimestampTz now = GetCurrentTimestamp();
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	bool		may = hitl_may_take(&spread->actor, spread->place, task, now,
									snapshot, on_behalf_of);

	UnregisterSnapshot(snapshot);
	if (may)
		return true;
	if (hitl_task_is_own(task, &spread->actor))
		return hitl_refuse(refusal, ERRCODE_HITL_SELF_REVIEW, NULL, NULL,
						   "who acts for reviewer \"%s\" submitted the decision of task " INT64_FORMAT,
						   name, task->id);
	return hitl_refuse(refusal, ERRCODE_HITL_SELF_REVIEW, NULL, NULL,
					   "reviewer \"%s\" has to do with the decision of task " INT64_FORMAT " already",
					   name, task->id);
}

/*
 * Claims the task as the transition says, without waiting.
 */
static bool
claim(HitlRefusal *refusal, HitlDesk *desk, HitlTask *task,
	  const HitlTransition *transition, Snapshot snapshot)
{
	if (hitl_task_apply(desk, task, transition, snapshot,
						false) == HITL_WRITTEN)
		return true;
	return hitl_refuse(refusal, ERRCODE_LOCK_NOT_AVAILABLE, NULL, NULL,
					   "another session is at task " INT64_FORMAT, task->id);
}

/*
 * Gives an open task the verdict.  What could be refused is looked at before
 * the claim, which would otherwise be left behind.
 */
static bool
decide_one(HitlRefusal *refusal, Spread *spread, HitlTask *task,
		   bytea *packet_hash, const char **outcome)
{
	const HitlWorkflow *w = hitl_workflow(NameStr(task->workflow),
										  strlen(NameStr(task->workflow)));
	HitlTransition transition = {0};
	HitlGiven	given = spread->given;
	HitlTask	held = *task;
	HitlDesk	desk;
	Snapshot	snapshot;
	bool		claimed;
	bool		again;

	transition.act = HITL_ACT_CLAIM;
	transition.actor = spread->actor;
	if (!check_distinct(refusal, spread, task, &transition.on_behalf_of))
		return false;
	transition.policy_version = w ? w->policy->version : 0;
	transition.packet_hash = packet_hash;

	/* as it would be */
	held.held = true;
	held.holder = spread->actor.reviewer->name;
	held.judgment = NULL;
	held.policy_version = transition.policy_version;
	held.on_behalf_of = transition.on_behalf_of;
	held.login_method = NULL;
	held.packet_hash = packet_hash;
	given.task = task->id;
	given.like_task = spread->first.id;
	given.has_lease = false;

	hitl_desk_open(&desk);
	snapshot = RegisterSnapshot(GetTransactionSnapshot());
	claimed = hitl_verdict_may(refusal, &given, &spread->actor, &held);
	transition.now = GetCurrentTimestamp();
	claimed = claimed && claim(refusal, &desk, task, &transition, snapshot);
	UnregisterSnapshot(snapshot);
	hitl_desk_close(&desk);
	if (!claimed)
		return false;

	/* now it is held, and nothing stands against it */
	given.has_lease = true;
	given.lease = task->lease;
	return hitl_verdict_give(NULL, &given, &spread->actor, outcome, &again);
}

/*
 * Looks at an open task, and decides it if it is alike.
 */
static void
look_at(Spread *spread, HitlTask *task)
{
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	HitlDecision decision;
	HitlRefusal refusal = {0};
	const char *outcome = NULL;
	bytea	   *hash = NULL;

	if (hitl_decision_open(&decision, &task->decision, snapshot))
	{
		if (is_alike(&spread->likeness, &decision))
			hash = hitl_packet_hash_of(&decision.row);
		hitl_decision_close(&decision);
	}
	UnregisterSnapshot(snapshot);
	if (hash == NULL)
		return;
	if (decide_one(&refusal, spread, task, hash, &outcome))
	{
		spread->decided++;
		put_row(spread, task, outcome, NULL);
	}
	else
	{
		hitl_refusal_log(&refusal);
		put_row(spread, task, NULL, &refusal);
	}
}

static bool
is_target(const Spread *spread, const HitlTask *task)
{
	HitlBar		bar;

	if (task->id == spread->first.id || task->blind ||
		memcmp(&task->decision, &spread->first.decision, UUID_LEN) == 0 ||
		strcmp(hitl_kind_name(task->kind), spread->kind) != 0 ||
		strcmp(NameStr(task->workflow), NameStr(spread->first.workflow)) != 0)
		return false;
	bar = hitl_bar(&spread->actor, NULL, task, GetCurrentTimestamp());
	return bar != HITL_BAR_TIER && bar != HITL_BAR_SKILL;
}

/*
 * The open tasks that may be alike, in the order of the queue.
 */
static HitlTask *
find_open(const Spread *spread, int *n)
{
	Snapshot	snapshot = RegisterSnapshot(GetTransactionSnapshot());
	int			size = 64;
	HitlTask   *tasks = palloc(sizeof(HitlTask) * size);
	int			looked_at = 0;
	HitlDesk	desk;
	HitlScan	scan;
	ScanKeyData key;
	HitlTask	task;

	*n = 0;
	hitl_desk_open(&desk);
	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_TEXTEQ,
				CStringGetTextDatum(NameStr(spread->first.queue)));
	hitl_scan_begin(&scan, desk.task->rel, "task_ready", snapshot, &key, 1);
	while (looked_at++ < MAX_LOOKED_AT && hitl_scan_next(&scan))
	{
		CHECK_FOR_INTERRUPTS();
		hitl_task_read(scan.slot, &task);
		if (!is_target(spread, &task))
			continue;
		if (*n == size)
		{
			size *= 2;
			tasks = repalloc(tasks, sizeof(HitlTask) * size);
		}
		tasks[(*n)++] = task;
	}
	hitl_scan_end(&scan);
	hitl_desk_close(&desk);
	UnregisterSnapshot(snapshot);
	return tasks;
}

static void
spread_out(Spread *spread)
{
	int			n;
	HitlTask   *tasks;
	HitlRefusal refusal = {0};
	MemoryContext context;

	if (!find_place(&refusal, spread))
	{
		hitl_refusal_log(&refusal);
		put_row(spread, NULL, NULL, &refusal);
		return;
	}
	tasks = find_open(spread, &n);
	context = AllocSetContextCreate(CurrentMemoryContext, "hitl like task",
									ALLOCSET_DEFAULT_SIZES);
	for (int i = 0; i < n && spread->decided < spread->limit; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(context);

		CHECK_FOR_INTERRUPTS();
		look_at(spread, &tasks[i]);
		MemoryContextSwitchTo(old);
		MemoryContextReset(context);
	}
	MemoryContextDelete(context);
}

static void
write_event(const Spread *spread)
{
	HitlTransition transition = {0};
	HitlDesk	desk;
	HitlJson	json;
	JsonbParseState *state = NULL;
	JsonbValue	place;

	transition.now = GetCurrentTimestamp();
	transition.actor = spread->actor;
	transition.on_behalf_of = spread->first.on_behalf_of;
	(void) pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	for (int i = 0; i < spread->likeness.n; i++)
	{
		place.type = jbvString;
		place.val.string.val = spread->likeness.path[i].text;
		place.val.string.len = strlen(place.val.string.val);
		(void) pushJsonbValue(&state, WJB_ELEM, &place);
	}
	hitl_json_begin(&json);
	hitl_json_number(&json, "like_task", spread->first.id);
	hitl_json_jsonb(&json, "alike",
					JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_ARRAY,
													 NULL)));
	hitl_json_number(&json, "n", spread->decided);
	hitl_record_actor(&json, &transition);
	hitl_desk_open(&desk);
	hitl_event_write(&desk, &spread->first, &transition, "decided_like",
					 hitl_json_end(&json));
	hitl_desk_close(&desk);
}

/*
 * The arguments
 */

static HitlAction
action_arg(text *given)
{
	char	   *name = given ? text_to_cstring(given) : pstrdup("");

	for (HitlAction action = HITL_APPROVE; action <= HITL_AMEND; action++)
	{
		if (strcmp(name, hitl_action_name(action)) == 0)
			return action;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("action \"%s\" does not exist", hitl_clip(name)),
			 errhint("Use approve, reject or amend.")));
}

static Jsonb *
json_arg(FunctionCallInfo fcinfo, int i)
{
	return PG_ARGISNULL(i) ? NULL : PG_GETARG_JSONB_P(i);
}

/* the task of the first verdict as it is now, if the actor holds it */
static bool
find_first(Spread *spread)
{
	Snapshot	snapshot = RegisterSnapshot(GetTransactionSnapshot());
	HitlDesk	desk;
	bool		found;

	hitl_desk_open(&desk);
	found = hitl_task_find(&desk, spread->given.task, snapshot,
						   &spread->first) &&
		hitl_task_is_mine(&spread->first, &spread->actor,
						  spread->given.has_lease ? &spread->given.lease : NULL);
	hitl_desk_close(&desk);
	UnregisterSnapshot(snapshot);
	return found;
}

/*
 * (task, action, code, note, output, alike, n, reviewer, lease, explanation,
 * scores)
 */
Datum
hitl_decide_like(PG_FUNCTION_ARGS)
{
	Spread		spread = {0};
	const char *outcome;
	bool		again;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the task must not be null")));
	spread.actor = hitl_actor_from(hitl_text_arg(fcinfo, 7));
	spread.given.task = PG_GETARG_INT64(0);
	spread.given.action = action_arg(hitl_text_arg(fcinfo, 1));
	spread.given.code = hitl_text_arg(fcinfo, 2);
	spread.given.note = hitl_text_arg(fcinfo, 3);
	spread.given.output = json_arg(fcinfo, 4);
	spread.limit = PG_ARGISNULL(6) ? 0 : PG_GETARG_INT32(6);
	spread.given.has_lease = !PG_ARGISNULL(8);
	if (spread.given.has_lease)
		spread.given.lease = PG_GETARG_INT64(8);
	spread.given.explanation = hitl_text_arg(fcinfo, 9);
	spread.given.scores = json_arg(fcinfo, 10);
	if (spread.given.output && spread.given.action != HITL_AMEND)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("an output is only for an amendment")));
	if (spread.limit < 1 || spread.limit > MAX_LIKE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cannot decide %d like tasks at once", spread.limit),
				 errhint("Decide 1 to %d.", MAX_LIKE)));
	read_places(PG_ARGISNULL(5) ? NULL : PG_GETARG_ARRAYTYPE_P(5),
				&spread.likeness);
	InitMaterializedSRF(fcinfo, 0);
	spread.rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	spread.found = find_first(&spread);
	/* what was drawn to be looked at is looked at */
	if (spread.found && spread.first.kind == HITL_KIND_AUDIT)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("task " INT64_FORMAT " is an audit", spread.first.id),
				 errhint("Audits are judged one by one.")));
	if (spread.found)
	{
		hitl_reviewer_lock(NameStr(spread.actor.reviewer->name));
		spread.limit = hitl_shift_room(spread.actor.reviewer,
									   GetCurrentTimestamp(), spread.limit);
	}
	/* to say that a blind one has nothing there would tell something */
	if (spread.found &&
		(!spread.first.blind || (spread.first.judgment &&
								 !hitl_judged_just_now(spread.first.id))))
		read_likeness(&spread);
	(void) hitl_verdict_give(NULL, &spread.given, &spread.actor, &outcome,
							 &again);
	spread.first.id = spread.given.task;
	put_row(&spread, &spread.first, outcome, NULL);
	/*
	 * A repetition gets its answer again, and decides nothing anew.  Nor is
	 * there anything to be like if another session has judged a blind task
	 * since it was looked at here.
	 */
	if (spread.found && !again && spread.kind != NULL)
	{
		spread_out(&spread);
		hitl_shift_claimed(spread.actor.reviewer, GetCurrentTimestamp(),
						   spread.decided);
		write_event(&spread);
	}
	return (Datum) 0;
}
