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
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "cache.h"
#include "decision.h"
#include "partition.h"
#include "ready.h"
#include "sla.h"
#include "task.h"
#include "votes.h"

/* tick() ends after so many tasks, to keep its transaction short */
#define TICK_LIMIT	10000

PG_FUNCTION_INFO_V1(hitl_tick);

/*
 * Time decides on a review that several judge, each on a copy.  It does so
 * under the lock of the decision, as their votes do, and never waits for it.
 * The other copies close first: if somebody is at one, all waits for the next
 * batch.
 */
static HitlWrite
time_out_copies(HitlDesk *desk, HitlTask *task,
				const HitlTransition *transition, Snapshot snapshot,
				bool *closed)
{
	HitlTransition close = {0};
	HitlTask   *tasks;
	int			n;

	if (!hitl_decision_lock_if_free(&task->decision))
		return HITL_BUSY;
	close.act = HITL_ACT_CLOSE;
	close.now = transition->now;
	n = hitl_tasks_of(desk, &task->decision, snapshot, &tasks);
	for (int i = 0; i < n; i++)
	{
		if (tasks[i].id == task->id ||
			(tasks[i].kind != HITL_KIND_REVIEW &&
			 tasks[i].kind != HITL_KIND_CONFIRM))
			continue;
		if (hitl_task_apply(desk, &tasks[i], &close, snapshot,
							false) != HITL_WRITTEN)
			return HITL_BUSY;
		*closed = true;
	}
	return hitl_task_apply(desk, task, transition, snapshot, false);
}

/*
 * Does the one thing that is next for this task.
 */
static HitlWrite
sweep_one(HitlDesk *desk, HitlTask *task, TimestampTz now, Snapshot snapshot,
		  bool *closed)
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
	{
		transition.act = HITL_ACT_TIME_OUT;
		if (task->panel > 1)
			return time_out_copies(desk, task, &transition, snapshot, closed);
	}
	return hitl_task_apply(desk, task, &transition, snapshot, false);
}

static bool roles_changed = true;

static void
role_changed(Datum arg, int cacheid, uint32 hashvalue)
{
	roles_changed = true;
}

/*
 * Whether anybody may have gone since the last look: a role or the
 * configuration has changed, or a second has passed.
 */
static bool
is_time_to_look(TimestampTz now)
{
	static bool listening = false;
	static TimestampTz last_look = 0;
	static uint64 last_generation = 0;
	uint64		generation = hitl_generation();

	if (!listening)
		CacheRegisterSyscacheCallback(AUTHOID, role_changed, (Datum) 0);
	listening = true;
	if (!roles_changed && generation == last_generation &&
		now >= last_look && now < last_look + USECS_PER_SEC)
		return false;
	roles_changed = false;
	last_look = now;
	last_generation = generation;
	return true;
}

/*
 * Holders are found one by one along the index, however much they hold.
 */
static bool
next_holder(Relation rel, const NameData *after, Snapshot snapshot,
			NameData *holder)
{
	HitlScan	scan;
	ScanKeyData key;
	bool		found;

	ScanKeyInit(&key, 1, BTGreaterStrategyNumber, F_TEXT_GT,
				CStringGetTextDatum(NameStr(*after)));
	hitl_scan_begin(&scan, rel, "task_held", snapshot, &key, 1);
	found = hitl_scan_next(&scan);
	if (found)
	{
		HitlTask	task;

		hitl_task_read(scan.slot, &task);
		*holder = task.holder;
	}
	hitl_scan_end(&scan);
	return found;
}

static int
release_all(HitlDesk *desk, const NameData *holder, TimestampTz now,
			Snapshot snapshot)
{
	HitlTransition transition = {0};
	HitlScan	scan;
	ScanKeyData key;
	int			done = 0;

	transition.act = HITL_ACT_GONE;
	transition.now = now;
	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_TEXTEQ,
				CStringGetTextDatum(NameStr(*holder)));
	hitl_scan_begin(&scan, desk->task->rel, "task_held", snapshot, &key, 1);
	while (hitl_scan_next(&scan))
	{
		HitlTask	task;

		hitl_task_read(scan.slot, &task);
		if (hitl_task_apply(desk, &task, &transition, snapshot,
							false) == HITL_WRITTEN)
			done++;
	}
	hitl_scan_end(&scan);
	return done;
}

int
hitl_free_gone(void)
{
	TimestampTz now = GetCurrentTimestamp();
	Snapshot	snapshot;
	HitlDesk	desk;
	NameData	holder = {0};
	int			done = 0;

	if (!is_time_to_look(now))
		return 0;
	snapshot = RegisterSnapshot(GetTransactionSnapshot());
	hitl_desk_open(&desk);
	while (next_holder(desk.task->rel, &holder, snapshot, &holder))
	{
		CHECK_FOR_INTERRUPTS();
		if (hitl_reviewer_gone(NameStr(holder)))
			done += release_all(&desk, &holder, now, snapshot);
	}
	hitl_desk_close(&desk);
	UnregisterSnapshot(snapshot);
	return done;
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
	bool		closed = false;

	CommandCounterIncrement();	/* see what a claim has written so far */
	snapshot = RegisterSnapshot(GetTransactionSnapshot());
	*busy = false;
	hitl_desk_open(&desk);
	ScanKeyInit(&key, 1, BTLessEqualStrategyNumber, F_TIMESTAMPTZ_LE,
				TimestampTzGetDatum(now));
	hitl_scan_begin(&scan, desk.task->rel, "task_wake", snapshot, &key, 1);
	/* what the batch has in hand may be a copy that was closed by it */
	while (done < limit && !closed && hitl_scan_next(&scan))
	{
		HitlTask	task;

		CHECK_FOR_INTERRUPTS();
		hitl_task_read(scan.slot, &task);
		MemoryContextSwitchTo(each);
		if (sweep_one(&desk, &task, now, snapshot, &closed) == HITL_WRITTEN)
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
	int			done = hitl_free_gone();
	int			batch;
	bool		busy;

	/* a task may have more than one thing to do: the next batch sees it */
	do
	{
		batch = hitl_sweep(TICK_LIMIT - done, &busy);
		done += batch;
	} while (batch > 0 && done < TICK_LIMIT);
	(void) hitl_ready_heal(0, 0);
	hitl_partitions_ensure();
	PG_RETURN_INT32(done);
}
