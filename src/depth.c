/*
 * depth.c
 *		How much waits in a queue, and how much is held.
 *
 * A queue may be of any length, and whoever looks at it looks often: so of each
 * lane the first MAX_COUNTED tasks are counted, in the order in which they are
 * served, and no more.  What is said of a longer lane is said of those, and
 * that there are more is said as well.
 *
 * What is held is bounded by what people may hold, and counted whole.
 */
#include "hitl.h"

#include "access/table.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/snapmgr.h"

#include "cache.h"
#include "task.h"

#define NLANES		3

/* of each lane so many tasks are counted */
#define MAX_COUNTED	10000

PG_FUNCTION_INFO_V1(hitl_open_depth);
PG_FUNCTION_INFO_V1(hitl_held_depth);

/* columns of hitl.open_depth, as in sql/42_inbox.sql */
enum
{
	OPEN_LANE, OPEN_TASKS, OPEN_MORE, OPEN_OVERDUE, OPEN_OLDEST_AT,
	OPEN_NEXT_DUE_AT,
	OPEN_NATTS
};

/* columns of hitl.held_depth */
enum
{
	DEPTH_QUEUE, DEPTH_LANE, DEPTH_HELD, DEPTH_EXPIRED, DEPTH_OVERDUE,
	DEPTH_OLDEST_AT, DEPTH_NEXT_DUE_AT,
	DEPTH_NATTS
};

/* what is said of some tasks */
typedef struct Depth
{
	NameData	queue;			/* hash key, with the lane */
	int32		lane;
	int64		tasks;
	int64		expired;		/* held, but the lease is over */
	int64		overdue;
	TimestampTz oldest_at;		/* DT_NOEND: none is open */
	TimestampTz next_due_at;
} Depth;

static void
begin(Depth *depth)
{
	depth->tasks = depth->expired = depth->overdue = 0;
	depth->oldest_at = depth->next_due_at = DT_NOEND;
}

static void
count(Depth *depth, const Datum *task, bool open, TimestampTz now)
{
	TimestampTz due_at = DatumGetTimestampTz(task[HITL_TASK_DUE_AT]);
	TimestampTz created_at = DatumGetTimestampTz(task[HITL_TASK_CREATED_AT]);

	depth->tasks++;
	if (due_at <= now)
		depth->overdue++;
	else
		depth->next_due_at = Min(depth->next_due_at, due_at);
	if (open)
		depth->oldest_at = Min(depth->oldest_at, created_at);
}

/* a value, or null where it is none */
#define PUT(column, missing, value) \
	do { \
		n[column] = (missing); \
		v[column] = n[column] ? (Datum) 0 : (value); \
	} while (0)

/* (queue) */
Datum
hitl_open_depth(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	TimestampTz now = GetCurrentTimestamp();
	Snapshot	snapshot = RegisterSnapshot(GetActiveSnapshot());
	Relation	rel = table_open(hitl_relation_oid("task"), AccessShareLock);

	InitMaterializedSRF(fcinfo, 0);
	for (int16 lane = 0; lane < NLANES; lane++)
	{
		Datum		v[OPEN_NATTS];
		bool		n[OPEN_NATTS] = {0};
		ScanKeyData key[2];
		HitlScan	scan;
		Depth		depth;
		bool		more;

		begin(&depth);
		ScanKeyInit(&key[0], 1, BTEqualStrategyNumber, F_TEXTEQ,
					PG_GETARG_DATUM(0));
		ScanKeyInit(&key[1], 2, BTEqualStrategyNumber, F_INT2EQ,
					Int16GetDatum(lane));
		hitl_scan_begin(&scan, rel, "task_ready", snapshot, key, 2);
		while ((more = hitl_scan_next(&scan)) && depth.tasks < MAX_COUNTED)
		{
			CHECK_FOR_INTERRUPTS();
			slot_getallattrs(scan.slot);
			count(&depth, scan.slot->tts_values, true, now);
		}
		hitl_scan_end(&scan);

		v[OPEN_LANE] = Int16GetDatum(lane);
		v[OPEN_TASKS] = Int64GetDatum(depth.tasks);
		v[OPEN_MORE] = BoolGetDatum(more);
		v[OPEN_OVERDUE] = Int64GetDatum(depth.overdue);
		PUT(OPEN_OLDEST_AT, depth.oldest_at == DT_NOEND,
			TimestampTzGetDatum(depth.oldest_at));
		PUT(OPEN_NEXT_DUE_AT, depth.next_due_at == DT_NOEND,
			TimestampTzGetDatum(depth.next_due_at));
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, v, n);
	}
	table_close(rel, AccessShareLock);
	UnregisterSnapshot(snapshot);
	return (Datum) 0;
}

static HTAB *
make_depths(void)
{
	HASHCTL		ctl;

	ctl.keysize = offsetof(Depth, tasks);
	ctl.entrysize = sizeof(Depth);
	ctl.hcxt = CurrentMemoryContext;
	return hash_create("hitl held tasks", 256, &ctl,
					   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

static void
count_held(HTAB *depths, TupleTableSlot *slot, TimestampTz now)
{
	const Datum *task = slot->tts_values;
	bool		expired;
	bool		found;
	Depth		key;
	Depth	   *depth;

	slot_getallattrs(slot);
	memset(&key, 0, sizeof(key));
	namestrcpy(&key.queue, TextDatumGetCString(task[HITL_TASK_QUEUE]));
	key.lane = DatumGetInt16(task[HITL_TASK_LANE]);
	depth = hash_search(depths, &key, HASH_ENTER, &found);
	if (!found)
		begin(depth);
	expired = DatumGetTimestampTz(task[HITL_TASK_LEASE_UNTIL]) <= now;
	count(depth, task, expired, now);
	if (expired)
		depth->expired++;
}

Datum
hitl_held_depth(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	TimestampTz now = GetCurrentTimestamp();
	Snapshot	snapshot = RegisterSnapshot(GetActiveSnapshot());
	Relation	rel = table_open(hitl_relation_oid("task"), AccessShareLock);
	HTAB	   *depths = make_depths();
	HASH_SEQ_STATUS status;
	HitlScan	scan;
	Depth	   *depth;

	InitMaterializedSRF(fcinfo, 0);
	hitl_scan_begin(&scan, rel, "task_held", snapshot, NULL, 0);
	while (hitl_scan_next(&scan))
	{
		CHECK_FOR_INTERRUPTS();
		count_held(depths, scan.slot, now);
	}
	hitl_scan_end(&scan);

	hash_seq_init(&status, depths);
	while ((depth = hash_seq_search(&status)) != NULL)
	{
		Datum		v[DEPTH_NATTS];
		bool		n[DEPTH_NATTS] = {0};

		v[DEPTH_QUEUE] = CStringGetTextDatum(NameStr(depth->queue));
		v[DEPTH_LANE] = Int16GetDatum(depth->lane);
		v[DEPTH_HELD] = Int64GetDatum(depth->tasks - depth->expired);
		v[DEPTH_EXPIRED] = Int64GetDatum(depth->expired);
		v[DEPTH_OVERDUE] = Int64GetDatum(depth->overdue);
		PUT(DEPTH_OLDEST_AT, depth->oldest_at == DT_NOEND,
			TimestampTzGetDatum(depth->oldest_at));
		PUT(DEPTH_NEXT_DUE_AT, depth->next_due_at == DT_NOEND,
			TimestampTzGetDatum(depth->next_due_at));
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, v, n);
	}
	table_close(rel, AccessShareLock);
	UnregisterSnapshot(snapshot);
	return (Datum) 0;
}
