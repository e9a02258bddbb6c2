/*
 * packet.c
 *		What a reviewer is shown with a task.
 *
 * A task never copies the payload; the packet is made of the decision as it
 * was read for the claim, and what is shown is what the hash in the task is of
 * (see src/digest.c).
 *
 * - What only measures a reviewer must not be told from what is usual: a task
 *   of kind overlap is shown as a review, one of kind gold as what its decision
 *   would have become.
 * - Of a blind task nothing that the AI or anybody else thinks is shown before
 *   its holder has stored a judgment: hitl.judge() then returns what was
 *   withheld.  hitl.packet() shows what the claim did, and all of it then.
 */
#include "hitl.h"

#include "access/table.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/snapmgr.h"

#include "cache.h"
#include "demand.h"
#include "diff.h"
#include "history.h"
#include "judgment.h"
#include "json.h"
#include "judge.h"
#include "packet.h"
#include "refusal.h"
#include "text.h"

/* columns of hitl.claim, as in sql/45_review.sql */
enum
{
	PACKET_TASK, PACKET_LEASE, PACKET_DECISION, PACKET_WORKFLOW, PACKET_QUEUE,
	PACKET_KIND, PACKET_LANE, PACKET_DUE_AT, PACKET_TIME_LEFT, PACKET_QUESTION,
	PACKET_REASONS, PACKET_INPUT, PACKET_OUTPUT, PACKET_CONFIDENCE,
	PACKET_REASONING, PACKET_ALTERNATIVES, PACKET_CONTEXT, PACKET_HISTORY,
	PACKET_CODES, PACKET_RUBRIC, PACKET_CHANGES, PACKET_NOTES, PACKET_BLIND,
	PACKET_STAGE,
	PACKET_NATTS
};

PG_FUNCTION_INFO_V1(hitl_packet);

static HitlQuery rubric_query = {
	.text =
	"SELECT pg_catalog.jsonb_build_object('version', $2, 'criteria',"
	"         pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object("
	"           'criterion', criterion, 'description', description,"
	"           'least', least, 'most', most, 'required', required)"
	"           ORDER BY position, criterion))"
	"  FROM hitl.rubric"
	" WHERE workflow OPERATOR(pg_catalog.=) $1"
	"   AND version OPERATOR(pg_catalog.=) $2",
	.nargs = 2,
	.argtypes = {TEXTOID, INT4OID}
};

static bool
was_reviewed(const HitlDecision *decision)
{
	bool		isnull;
	Datum		route = hitl_decision_column(decision, "route", TEXTOID, &isnull);

	return !isnull && strcmp(TextDatumGetCString(route),
							 hitl_route_name(HITL_REVIEW)) == 0;
}

const char *
hitl_shown_kind(const HitlTask *task, const HitlDecision *decision)
{
	switch (task->kind)
	{
		case HITL_KIND_OVERLAP:
			return hitl_kind_name(HITL_KIND_REVIEW);
		case HITL_KIND_GOLD:
			return hitl_kind_name(was_reviewed(decision) ?
								  HITL_KIND_REVIEW : HITL_KIND_AUDIT);
		default:
			return hitl_kind_name(task->kind);
	}
}

Datum
hitl_time_left(TimestampTz until, TimestampTz now, bool *isnull)
{
	*isnull = until == DT_NOEND;
	return *isnull ? (Datum) 0 :
		DirectFunctionCall2(timestamp_mi, TimestampTzGetDatum(until),
							TimestampTzGetDatum(now));
}

/*
 * The reasons without what they say of the proposal.
 */
static Datum
bare_reasons(Jsonb *reasons)
{
	JsonbIterator *it = JsonbIteratorInit(&reasons->root);
	JsonbIteratorToken token;
	JsonbValue	item;
	HitlJson	result;

	hitl_json_begin_array(&result);
	while ((token = JsonbIteratorNext(&it, &item, true)) != WJB_DONE)
	{
		static const char *const key[] = {"trigger", "rule"};

		if (token != WJB_ELEM || item.type != jbvBinary)
			continue;
		hitl_json_begin_item(&result);
		for (int i = 0; i < (int) lengthof(key); i++)
		{
			JsonbValue	value;

			if (getKeyJsonValueFromContainer(item.val.binary.data, key[i],
											 strlen(key[i]), &value) &&
				value.type == jbvString)
				hitl_json_text(&result, key[i],
							   pnstrdup(value.val.string.val,
										value.val.string.len));
		}
		hitl_json_end_item(&result);
	}
	return JsonbPGetDatum(hitl_json_end_array(&result));
}

/*
 * What the proposal would change, where the context says how things are.
 */
static Datum
changes(const HitlRow *row, bool *isnull)
{
	Jsonb	   *context;
	JsonbValue	before;

	*isnull = true;
	if (row->isnull[HITL_KEY_CONTEXT] || row->isnull[HITL_KEY_OUTPUT])
		return (Datum) 0;
	context = DatumGetJsonbP(row->value[HITL_KEY_CONTEXT]);
	if (!JB_ROOT_IS_OBJECT(context) ||
		getKeyJsonValueFromContainer(&context->root, "before", 6,
									 &before) == NULL)
		return (Datum) 0;
	*isnull = false;
	return JsonbPGetDatum(hitl_diff_of(JsonbValueToJsonb(&before),
									   DatumGetJsonbP(row->value[HITL_KEY_OUTPUT])));
}

/*
 * What verdicts on the task are scored by: as the policy says under which it
 * was claimed.
 */
static Datum
rubric(const HitlTask *task, bool *isnull)
{
	MemoryContext context = CurrentMemoryContext;
	const HitlPolicy *policy = hitl_policy_at(&task->workflow,
											  task->policy_version);
	HitlSpi		spi;
	Datum		args[2];
	Datum		result;

	*isnull = true;
	if (policy->rubric == 0)
		return (Datum) 0;
	args[0] = CStringGetTextDatum(NameStr(task->workflow));
	args[1] = Int32GetDatum(policy->rubric);
	hitl_spi_begin(&spi);
	hitl_spi_run(&rubric_query, args, GetLatestSnapshot(), 1);
	result = hitl_spi_value(0, 1, isnull);
	MemoryContextSwitchTo(context);
	result = JsonbPGetDatum(DatumGetJsonbPCopy(result));
	hitl_spi_end(&spi);
	return result;
}

static void
put_task(const HitlTask *task, const HitlDecision *decision, TimestampTz now,
		 Datum *v, bool *n)
{
	/* its clocks may stand still */
	TimestampTz at = task->asked ? task->asked_at : now;

	v[PACKET_TASK] = Int64GetDatum(task->id);
	v[PACKET_LEASE] = Int64GetDatum(task->lease);
	v[PACKET_DECISION] = UUIDPGetDatum(&task->decision);
	v[PACKET_WORKFLOW] = CStringGetTextDatum(NameStr(task->workflow));
	v[PACKET_QUEUE] = CStringGetTextDatum(NameStr(task->queue));
	v[PACKET_KIND] = CStringGetTextDatum(hitl_shown_kind(task, decision));
	v[PACKET_LANE] = Int16GetDatum(task->lane);
	n[PACKET_DUE_AT] = task->due_at == DT_NOEND;
	v[PACKET_DUE_AT] = TimestampTzGetDatum(task->due_at);
	v[PACKET_TIME_LEFT] = hitl_time_left(task->due_at, at,
										 &n[PACKET_TIME_LEFT]);
	v[PACKET_BLIND] = BoolGetDatum(task->blind);
	n[PACKET_STAGE] = task->stage == NULL;
	if (task->stage)
		v[PACKET_STAGE] = CStringGetTextDatum(task->stage);
}

static void
put_decision(const HitlDecision *decision, bool withheld, Datum *v, bool *n)
{
	static const struct
	{
		int			column;
		HitlKey		key;
		bool		proposed;	/* by the AI */
	}			shown[] =
	{
		{PACKET_INPUT, HITL_KEY_INPUT, false},
		{PACKET_CONTEXT, HITL_KEY_CONTEXT, false},
		{PACKET_QUESTION, HITL_KEY_QUESTION, false},
		{PACKET_OUTPUT, HITL_KEY_OUTPUT, true},
		{PACKET_CONFIDENCE, HITL_KEY_CONFIDENCE, true},
		{PACKET_REASONING, HITL_KEY_REASONING, true},
		{PACKET_ALTERNATIVES, HITL_KEY_ALTERNATIVES, true}
	};
	const HitlRow *row = &decision->row;

	for (int i = 0; i < (int) lengthof(shown); i++)
	{
		int			column = shown[i].column;

		n[column] = row->isnull[shown[i].key] ||
			(withheld && shown[i].proposed);
		v[column] = n[column] ? (Datum) 0 : row->value[shown[i].key];
	}
	v[PACKET_REASONS] = hitl_decision_column(decision, "reasons", JSONBOID,
											 &n[PACKET_REASONS]);
	if (withheld && !n[PACKET_REASONS])
		v[PACKET_REASONS] = bare_reasons(DatumGetJsonbP(v[PACKET_REASONS]));
	n[PACKET_CHANGES] = withheld;
	if (!withheld)
		v[PACKET_CHANGES] = changes(row, &n[PACKET_CHANGES]);
}

/*
 * A rule's question comes before the decision's, and the workflow's is last.
 */
static void
put_workflow(const HitlTask *task, Datum *v, bool *n)
{
	const HitlWorkflow *workflow = hitl_workflow(NameStr(task->workflow),
												 strlen(NameStr(task->workflow)));
	const char *question = task->question;

	if (question == NULL && n[PACKET_QUESTION] && workflow)
		question = workflow->question;
	if (question)
	{
		v[PACKET_QUESTION] = CStringGetTextDatum(question);
		n[PACKET_QUESTION] = false;
	}
	n[PACKET_CODES] = workflow == NULL;
	n[PACKET_NOTES] = workflow == NULL || workflow->notes == NULL;
	if (workflow)
		v[PACKET_CODES] = workflow->codes;
	if (!n[PACKET_NOTES])
		v[PACKET_NOTES] = CStringGetTextDatum(workflow->notes);
}

void
hitl_packet_put(const HitlTask *task, const HitlDecision *decision,
				TimestampTz now, Snapshot snapshot, ReturnSetInfo *rsinfo)
{
	const HitlRow *row = &decision->row;
	Datum		v[PACKET_NATTS] = {0};
	bool		n[PACKET_NATTS] = {0};
	HitlView	view;

	view.withheld = task->blind && (task->judgment == NULL ||
									hitl_judged_just_now(task->id));
	view.alone = task->kind == HITL_KIND_OVERLAP ||
		task->kind == HITL_KIND_GOLD ||
		(task->kind == HITL_KIND_REVIEW && task->panel > 1);
	put_task(task, decision, now, v, n);
	put_decision(decision, view.withheld, v, n);
	v[PACKET_HISTORY] =
		JsonbPGetDatum(hitl_history(decision->reader, task,
									row->isnull[HITL_KEY_SUBJECT] ? NULL :
									DatumGetTextPP(row->value[HITL_KEY_SUBJECT]),
									&view, snapshot));
	v[PACKET_RUBRIC] = rubric(task, &n[PACKET_RUBRIC]);
	/* last: its codes are those of the cache, which look-ups may renew */
	put_workflow(task, v, n);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, v, n);
}

pg_noreturn static void
missing(const HitlTask *task)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("the decision of task " INT64_FORMAT " is missing",
					task->id),
			 errhint("SELECT * FROM hitl.check() lists what does not fit.")));
}

void
hitl_packet_open(HitlDecision *decision, const HitlTask *task,
				 Snapshot snapshot)
{
	if (!hitl_decision_open(decision, &task->decision, snapshot))
		missing(task);
}

void
hitl_packet_read(HitlDecision *decision, HitlReader *reader,
				 const HitlTask *task, Snapshot snapshot)
{
	if (!hitl_decision_read(decision, reader, &task->decision, snapshot))
		missing(task);
}

/*
 * The packet of a task that one holds, again: (task, reviewer, lease)
 */
Datum
hitl_packet(PG_FUNCTION_ARGS)
{
	HitlActor	actor = hitl_actor_from(hitl_text_arg(fcinfo, 1));
	int64		lease = PG_ARGISNULL(2) ? 0 : PG_GETARG_INT64(2);
	TimestampTz now = GetCurrentTimestamp();
	HitlDecision decision;
	HitlTask	task;
	Snapshot	snapshot;
	HitlScan	scan;
	ScanKeyData key;
	Relation	rel;
	bool		found;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the task must not be null")));
	InitMaterializedSRF(fcinfo, 0);
	snapshot = RegisterSnapshot(GetTransactionSnapshot());
	rel = table_open(hitl_relation_oid("task"), AccessShareLock);
	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_INT8EQ,
				PG_GETARG_DATUM(0));
	hitl_scan_begin(&scan, rel, "task_pkey", snapshot, &key, 1);
	found = hitl_scan_next(&scan);
	if (found)
		hitl_task_read(scan.slot, &task);
	hitl_scan_end(&scan);
	table_close(rel, AccessShareLock);

	(void) hitl_check_holder(NULL, PG_GETARG_INT64(0), found ? &task : NULL,
							 &actor, PG_ARGISNULL(2) ? NULL : &lease, now);
	hitl_packet_open(&decision, &task, snapshot);
	hitl_packet_put(&task, &decision, now, snapshot,
					(ReturnSetInfo *) fcinfo->resultinfo);
	hitl_decision_close(&decision);
	UnregisterSnapshot(snapshot);
	return (Datum) 0;
}
