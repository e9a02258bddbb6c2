/*
 * sla.c
 *		One batch of what time brings: leases that end, deadlines that pass.
 *
 * The index on wake_at holds the tasks in the order in which the clock must
 * look at them, so a batch costs what it finds, and so does finding nothing.
 * A row at which somebody else is, is left for the next batch.  Nothing here
 * needs the background worker: claims and hitl.tick() call it as well.
 */
#include "hitl.h"

#include "access/table.h"
#include "access/xact.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "cache.h"
#include "partition.h"
#include "sla.h"
#include "task.h"

/* tick() ends after so many tasks, to keep its transaction short */
#define TICK_LIMIT	10000

PG_FUNCTION_INFO_V1(hitl_tick);

/*
 * Does the one thing that is next for this task.
 */
static HitlWrite
sweep_one(HitlDesk *desk, HitlTask *task, TimestampTz now, Snapshot snapshot)
{
	HitlTransition transition = {0};

	transition.now = now;
	transition.act = HITL_ACT_BREACH;
	if (task->held && task->lease_until <= now)
		transition.act = HITL_ACT_EXPIRE;
	else if (task->held && task->asked)
		transition.act = HITL_ACT_UNANSWERED;
	else if (task->kind == HITL_KIND_MONITOR)
		transition.act = HITL_ACT_LAPSE;
	else if (hitl_times_out(task, &transition))
		transition.act = HITL_ACT_TIME_OUT;
	return hitl_task_apply(desk, task, &transition, snapshot, false);
}

int
hitl_sweep(int limit, bool *busy)
{
	TimestampTz now = GetCurrentTimestamp();
	Snapshot	snapshot;
	HitlDesk	desk;
	HitlScan	scan;
	ScanKeyData key;
	MemoryContext outer = CurrentMemoryContext;
	MemoryContext each = AllocSetContextCreate(outer, "hitl sweep",
											   ALLOCSET_DEFAULT_SIZES);
	int			done = 0;

	CommandCounterIncrement();	/* see what a claim has written so far */
	snapshot = RegisterSnapshot(GetTransactionSnapshot());
	*busy = false;
	hitl_desk_open(&desk);
	ScanKeyInit(&key, 1, BTLessEqualStrategyNumber, F_TIMESTAMPTZ_LE,
				TimestampTzGetDatum(now));
	hitl_scan_begin(&scan, desk.task->rel, "task_wake", snapshot, &key, 1);
	while (done < limit && hitl_scan_next(&scan))
	{
		HitlTask	task;

		CHECK_FOR_INTERRUPTS();
		hitl_task_read(scan.slot, &task);
		MemoryContextSwitchTo(each);
		if (sweep_one(&desk, &task, now, snapshot) == HITL_WRITTEN)
			done++;
		else
			*busy = true;
		MemoryContextSwitchTo(outer);
		MemoryContextReset(each);
	}
	MemoryContextDelete(each);
	hitl_scan_end(&scan);
	hitl_desk_close(&desk);
	UnregisterSnapshot(snapshot);
	return done;
}

TimestampTz
hitl_next_wake(void)
{
	TimestampTz result = DT_NOEND;
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	Relation	rel = table_open(hitl_relation_oid("task"), AccessShareLock);
	HitlScan	scan;

	hitl_scan_begin(&scan, rel, "task_wake", snapshot, NULL, 0);
	if (hitl_scan_next(&scan))
	{
		HitlTask	task;

		hitl_task_read(scan.slot, &task);
		result = task.wake_at;
	}
	hitl_scan_end(&scan);
	table_close(rel, AccessShareLock);
	UnregisterSnapshot(snapshot);
	return result;
}

Datum
hitl_tick(PG_FUNCTION_ARGS)
{
	int			done = 0;
	int			batch;
	bool		busy;

	/* a task may have more than one thing to do: the next batch sees it */
	do
	{
		batch = hitl_sweep(TICK_LIMIT - done, &busy);
		done += batch;
	} while (batch > 0 && done < TICK_LIMIT);
	hitl_partitions_ensure();
	PG_RETURN_INT32(done);
}
