/*
 * inbox.c
 *		What a reviewer would get, and what they have.
 *
 * Both only look: nothing is locked or written, so they work on a standby and
 * in read-only transactions.  Neither shows anything of the decision: that
 * comes with the claim.  What only measures looks like any other task (see
 * packet.c); of several copies of one review the reviewer sees one.
 *
 * The inbox walks the queues as a claim does, and ends after so many tasks as
 * are asked for, or when it has looked at LOOK_AT times as many; so it costs the
 * same at any length of the queues, also for who may take hardly anything.
 */
#include "hitl.h"

#include "access/table.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "cache.h"
#include "eligible.h"
#include "line.h"
#include "packet.h"
#include "queue.h"
#include "task.h"
#include "text.h"

/* the most tasks that one call shows */
#define MAX_PEEK	1000

/* tasks looked at for one that is shown, and at least */
#define LOOK_AT			10
#define LOOK_AT_LEAST	1000

PG_FUNCTION_INFO_V1(hitl_peek);
PG_FUNCTION_INFO_V1(hitl_held);

/* columns of hitl.peek, as in sql/42_inbox.sql */
enum
{
	PEEK_TASK, PEEK_QUEUE, PEEK_KIND, PEEK_WORKFLOW, PEEK_LANE, PEEK_DUE_AT,
	PEEK_TIME_LEFT, PEEK_WAITING, PEEK_STAGE,
	PEEK_NATTS
};

/* columns of hitl.held */
enum
{
	HELD_TASK, HELD_LEASE, HELD_DECISION, HELD_WORKFLOW, HELD_QUEUE, HELD_KIND,
	HELD_LANE, HELD_DUE_AT, HELD_TIME_LEFT, HELD_LEASE_UNTIL, HELD_LEASE_LEFT,
	HELD_ASKED_UNTIL, HELD_STAGE, HELD_ON_BEHALF_OF, HELD_JUDGED,
	HELD_NATTS
};

/* one call of peek() */
typedef struct Peek
{
	HitlActor	actor;
	TimestampTz now;
	int			wanted;
	int			shown;
	int			npassed;		/* given back by the reviewer: shown last */
	HitlTask   *passed;
	int			nshared;		/* decisions that others judge as well */
	pg_uuid_t  *shared;
	Snapshot	snapshot;
	ReturnSetInfo *rsinfo;
} Peek;

/* a value, or null where it is none */
#define PUT(column, missing, value) \
	do { \
		n[column] = (missing); \
		v[column] = n[column] ? (Datum) 0 : (value); \
	} while (0)

static Datum
shown_kind(const HitlTask *task, Snapshot snapshot)
{
	HitlDecision decision;
	Datum		result;

	/* only what a known answer looks like depends on its decision */
	if (task->kind != HITL_KIND_GOLD)
		return CStringGetTextDatum(hitl_shown_kind(task, NULL));
	hitl_packet_open(&decision, task, snapshot);
	result = CStringGetTextDatum(hitl_shown_kind(task, &decision));
	hitl_decision_close(&decision);
	return result;
}

static void
show(Peek *peek, const HitlTask *task)
{
	Datum		v[PEEK_NATTS];
	bool		n[PEEK_NATTS] = {0};
	bool		never;

	v[PEEK_TASK] = Int64GetDatum(task->id);
	v[PEEK_QUEUE] = CStringGetTextDatum(NameStr(task->queue));
	v[PEEK_KIND] = shown_kind(task, peek->snapshot);
	v[PEEK_WORKFLOW] = CStringGetTextDatum(NameStr(task->workflow));
	v[PEEK_LANE] = Int16GetDatum(task->lane);
	PUT(PEEK_DUE_AT, task->due_at == DT_NOEND,
		TimestampTzGetDatum(task->due_at));
	v[PEEK_TIME_LEFT] = hitl_time_left(task->due_at, peek->now,
									   &n[PEEK_TIME_LEFT]);
	v[PEEK_WAITING] = hitl_time_left(peek->now, task->created_at, &never);
	PUT(PEEK_STAGE, task->stage == NULL, CStringGetTextDatum(task->stage));
	tuplestore_putvalues(peek->rsinfo->setResult, peek->rsinfo->setDesc, v, n);
	peek->shown++;
	if (task->panel > 1)
		peek->shared[peek->nshared++] = task->decision;
}

static bool
shown_copy(const Peek *peek, const HitlTask *task)
{
	for (int i = 0; i < peek->nshared; i++)
	{
		if (memcmp(&peek->shared[i], &task->decision, UUID_LEN) == 0)
			return true;
	}
	return false;
}

static void
walk(Peek *peek, HitlLine *line)
{
	MemoryContext outer = CurrentMemoryContext;
	MemoryContext each = AllocSetContextCreate(outer, "hitl peek",
											   ALLOCSET_DEFAULT_SIZES);
	const char *name = NameStr(peek->actor.reviewer->name);
	int			left = Max(peek->wanted * LOOK_AT, LOOK_AT_LEAST);
	const HitlPlace *place;
	NameData	on_behalf_of;
	HitlTask	task;

	MemoryContextSwitchTo(each);
	while (peek->shown < peek->wanted && left-- > 0 &&
		   hitl_line_next(line, &task, &place))
	{
		CHECK_FOR_INTERRUPTS();
		if (!shown_copy(peek, &task) &&
			hitl_may_take(&peek->actor, place, &task, peek->now,
						  peek->snapshot, &on_behalf_of))
		{
			if (!hitl_names_has(task.passed, name))
				show(peek, &task);
			else if (peek->npassed < peek->wanted)
			{
				MemoryContextSwitchTo(outer);
				hitl_line_read(line, &peek->passed[peek->npassed++]);
				MemoryContextSwitchTo(each);
			}
		}
		MemoryContextReset(each);
	}
	MemoryContextSwitchTo(outer);
	MemoryContextDelete(each);
}

/* (n, queues, reviewer) */
Datum
hitl_peek(PG_FUNCTION_ARGS)
{
	int32		n = PG_ARGISNULL(0) ? MAX_PEEK : PG_GETARG_INT32(0);
	ArrayType  *wanted = PG_ARGISNULL(1) ? NULL : PG_GETARG_ARRAYTYPE_P(1);
	Peek		peek = {0};
	HitlRefusal absent = {0};
	HitlPlace  *places;
	HitlLine   *line;
	Relation	rel;
	int			nplaces;

	if (n < 1 || n > MAX_PEEK)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cannot show %d tasks at once", n),
				 errhint("Ask for 1 to %d.", MAX_PEEK)));
	peek.actor = hitl_actor_from(hitl_text_arg(fcinfo, 2));
	peek.now = GetCurrentTimestamp();
	peek.wanted = n;
	nplaces = hitl_wanted_places(peek.actor.reviewer, wanted, peek.now,
								 &places);
	InitMaterializedSRF(fcinfo, 0);
	peek.rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	if (!hitl_check_present(&absent, peek.actor.reviewer, peek.now))
		return (Datum) 0;

	peek.passed = palloc(sizeof(HitlTask) * n);
	peek.shared = palloc(sizeof(pg_uuid_t) * n);
	peek.snapshot = RegisterSnapshot(GetActiveSnapshot());
	rel = table_open(hitl_relation_oid("task"), AccessShareLock);
	line = hitl_line_open(rel, places, nplaces, peek.snapshot);
	walk(&peek, line);
	hitl_line_close(line);
	table_close(rel, AccessShareLock);
	for (int i = 0; i < peek.npassed && peek.shown < peek.wanted; i++)
	{
		if (!shown_copy(&peek, &peek.passed[i]))
			show(&peek, &peek.passed[i]);
	}
	UnregisterSnapshot(peek.snapshot);
	return (Datum) 0;
}

/*
 * What one holds
 */

static void
show_held(const HitlTask *task, TimestampTz now, Snapshot snapshot,
		  ReturnSetInfo *rsinfo)
{
	Datum		v[HELD_NATTS];
	bool		n[HELD_NATTS] = {0};
	bool		never;

	v[HELD_TASK] = Int64GetDatum(task->id);
	v[HELD_LEASE] = Int64GetDatum(task->lease);
	v[HELD_DECISION] = UUIDPGetDatum(&task->decision);
	v[HELD_WORKFLOW] = CStringGetTextDatum(NameStr(task->workflow));
	v[HELD_QUEUE] = CStringGetTextDatum(NameStr(task->queue));
	v[HELD_KIND] = shown_kind(task, snapshot);
	v[HELD_LANE] = Int16GetDatum(task->lane);
	PUT(HELD_DUE_AT, task->due_at == DT_NOEND,
		TimestampTzGetDatum(task->due_at));
	/* its clocks may stand still */
	v[HELD_TIME_LEFT] = hitl_time_left(task->due_at,
									   task->asked ? task->asked_at : now,
									   &n[HELD_TIME_LEFT]);
	v[HELD_LEASE_UNTIL] = TimestampTzGetDatum(task->lease_until);
	v[HELD_LEASE_LEFT] = hitl_time_left(task->lease_until, now, &never);
	PUT(HELD_ASKED_UNTIL, !task->asked,
		TimestampTzGetDatum(task->asked_until));
	PUT(HELD_STAGE, task->stage == NULL, CStringGetTextDatum(task->stage));
	PUT(HELD_ON_BEHALF_OF, NameStr(task->on_behalf_of)[0] == '\0',
		CStringGetTextDatum(NameStr(task->on_behalf_of)));
	PUT(HELD_JUDGED, !task->blind, BoolGetDatum(task->judgment != NULL));
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, v, n);
}

/* the most urgent first */
static int
compare_tasks(const void *a, const void *b)
{
	const HitlTask *x = a;
	const HitlTask *y = b;

	if (x->lane != y->lane)
		return x->lane < y->lane ? -1 : 1;
	if (x->due_at != y->due_at)
		return x->due_at < y->due_at ? -1 : 1;
	return (x->id > y->id) - (x->id < y->id);
}

/* (reviewer) */
Datum
hitl_held(PG_FUNCTION_ARGS)
{
	HitlActor	actor = hitl_actor_from(hitl_text_arg(fcinfo, 0));
	TimestampTz now = GetCurrentTimestamp();
	Snapshot	snapshot = RegisterSnapshot(GetActiveSnapshot());
	Relation	rel = table_open(hitl_relation_oid("task"), AccessShareLock);
	int			n = 0;
	int			size = 16;
	HitlTask   *tasks = palloc(sizeof(HitlTask) * size);
	HitlScan	scan;
	ScanKeyData key;

	InitMaterializedSRF(fcinfo, 0);
	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_TEXTEQ,
				CStringGetTextDatum(NameStr(actor.reviewer->name)));
	hitl_scan_begin(&scan, rel, "task_held", snapshot, &key, 1);
	while (hitl_scan_next(&scan))
	{
		CHECK_FOR_INTERRUPTS();
		if (n == size)
		{
			size *= 2;
			tasks = repalloc(tasks, sizeof(HitlTask) * size);
		}
		hitl_task_read(scan.slot, &tasks[n]);
		if (now < tasks[n].lease_until)
			n++;
	}
	hitl_scan_end(&scan);
	table_close(rel, AccessShareLock);
	qsort(tasks, n, sizeof(HitlTask), compare_tasks);
	for (int i = 0; i < n; i++)
		show_held(&tasks[i], now, snapshot,
				  (ReturnSetInfo *) fcinfo->resultinfo);
	UnregisterSnapshot(snapshot);
	return (Datum) 0;
}
