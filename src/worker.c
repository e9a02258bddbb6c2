/*
 * worker.c
 *		The background worker of a database: what it does, what wakes it.
 *
 * A worker sleeps until the next deadline of its database and is woken by a
 * commit that brings a nearer one.  All its work is the batch that SQL can
 * call too (hitl.tick); this file has no rules of its own.  launcher.c starts
 * and ends workers.
 *
 * Shared memory holds hints alone: who serves which database, and until when
 * it means to sleep.  It never sleeps longer than hitl.sweep_interval, so only
 * a commit that brings a deadline within that span has to wake it: claims,
 * whose leases last minutes, do not.  A commit must not be missed between the
 * worker's look and its sleep; therefore it publishes the end of that span
 * before it takes the snapshot, and a nearer time only when it knows of one.
 * What no commit here announces (a prepared transaction, replayed rows) is
 * found at the end of the span.
 *
 * Nothing runs on a standby before promotion, nor in binary upgrade.  Without
 * preloading there is no worker, and hitl.tick() is for others to call.
 */
#include "hitl.h"

#include "access/xact.h"
#include "commands/extension.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "port/atomics.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "storage/shmem.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "hint.h"
#include "launcher.h"
#include "partition.h"
#include "policy.h"
#include "ready.h"
#include "sla.h"
#include "worker.h"

/* tasks a batch, and so a transaction, of the worker */
#define BATCH_SIZE			100

/* how long a pass looks for what ready lists were not told of */
#define HEAL_BUDGET_US		2000

/* when somebody else is at a row that is due: doubled each time */
#define BUSY_NAP_MS			20

static int	sweep_interval_ms = 1000;

HitlShared *hitl_shared = NULL;
static shmem_request_hook_type previous_shmem_request = NULL;
static shmem_startup_hook_type previous_shmem_startup = NULL;

/* what this transaction has to tell at its commit */
static TimestampTz noted_wake = DT_NOEND;
static bool noted_look = false;

PGDLLEXPORT void hitl_worker_main(Datum arg);

PG_FUNCTION_INFO_V1(hitl_start_worker);

/*
 * Shared memory
 */

static Size
shared_size(void)
{
	return add_size(offsetof(HitlShared, slot),
					mul_size(max_worker_processes, sizeof(HitlSlot)));
}

static void
shmem_request(void)
{
	if (previous_shmem_request)
		previous_shmem_request();
	RequestAddinShmemSpace(add_size(shared_size(), hitl_hint_shmem_size()));
	RequestNamedLWLockTranche("hitl", 1);
}

static void
shmem_startup(void)
{
	bool		found;

	if (previous_shmem_startup)
		previous_shmem_startup();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	hitl_shared = ShmemInitStruct("hitl", shared_size(), &found);
	if (!found)
	{
		memset(hitl_shared, 0, shared_size());
		hitl_shared->lock = &GetNamedLWLockTranche("hitl")->lock;
		hitl_shared->nslots = max_worker_processes;
		for (int i = 0; i < hitl_shared->nslots; i++)
			pg_atomic_init_u64(&hitl_shared->slot[i].wake_at, (uint64) DT_NOEND);
	}
	hitl_hint_shmem_init(hitl_shared->lock->tranche);
	LWLockRelease(AddinShmemInitLock);
}

/*
 * The slot of this database's worker, or NULL.  Remembered, since it rarely
 * changes; looked up without the lock, since it is only a hint.
 */
static HitlSlot *
my_slot(void)
{
	static int	last = 0;

	if (hitl_shared == NULL)
		return NULL;
	for (int i = 0; i < hitl_shared->nslots; i++)
	{
		int			at = (last + i) % hitl_shared->nslots;
		volatile HitlSlot *slot = &hitl_shared->slot[at];

		if (slot->state == HITL_SLOT_SERVING && slot->database == MyDatabaseId)
		{
			last = at;
			return &hitl_shared->slot[at];
		}
	}
	return NULL;
}

bool
hitl_worker_present(void)
{
	return my_slot() != NULL;
}

/*
 * From the transactions to the worker
 */

static void
wake_worker(HitlSlot *slot)
{
	LWLockAcquire(hitl_shared->lock, LW_SHARED);
	if (slot->state == HITL_SLOT_SERVING && slot->database == MyDatabaseId &&
		slot->worker != NULL)
		SetLatch(&slot->worker->procLatch);
	LWLockRelease(hitl_shared->lock);
}

static void
wake_launcher(void)
{
	LWLockAcquire(hitl_shared->lock, LW_EXCLUSIVE);
	hitl_shared->asked_for = hitl_shared->look_again == hitl_shared->looked ||
		hitl_shared->asked_for == MyDatabaseId ? MyDatabaseId : InvalidOid;
	hitl_shared->look_again++;
	if (hitl_shared->launcher != NULL)
		SetLatch(&hitl_shared->launcher->procLatch);
	LWLockRelease(hitl_shared->lock);
}

static void
at_transaction_end(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_COMMIT)
	{
		if (noted_look)
			wake_launcher();
		else if (noted_wake != DT_NOEND)
		{
			HitlSlot	   *slot = my_slot();

			if (slot == NULL)
				wake_launcher();	/* a database that it does not know yet */
			else if (noted_wake < (TimestampTz) pg_atomic_read_u64(&slot->wake_at))
				wake_worker(slot);
		}
	}
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT ||
		event == XACT_EVENT_PREPARE)
	{
		noted_wake = DT_NOEND;
		noted_look = false;
	}
}

static void
listen_to_transactions(void)
{
	static bool listening = false;

	if (!listening)
		RegisterXactCallback(at_transaction_end, NULL);
	listening = true;
}

void
hitl_worker_note(TimestampTz wake_at)
{
	if (hitl_shared == NULL || wake_at >= noted_wake)
		return;
	listen_to_transactions();
	noted_wake = wake_at;
}

Datum
hitl_start_worker(PG_FUNCTION_ARGS)
{
	if (hitl_shared != NULL)
	{
		listen_to_transactions();
		noted_look = true;
	}
	PG_RETURN_BOOL(hitl_shared != NULL);
}

/*
 * Sleeps, unless there is no time for it, and does what every loop must.
 */
void
hitl_nap(long ms)
{
	if (ms > 0)
	{
		(void) WaitLatch(MyLatch,
						 WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 ms, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
	}
	CHECK_FOR_INTERRUPTS();
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
	}
}

/*
 * The worker
 */

/* the slot that this process, a worker, was given, and by which launcher */
static HitlSlot *served = NULL;
static uint64 served_epoch = 0;

/*
 * The slot is the launcher's to free, unless it has gone.
 */
static void
leave_slot(int code, Datum arg)
{
	LWLockAcquire(hitl_shared->lock, LW_EXCLUSIVE);
	served->worker = NULL;
	if (hitl_shared->epoch != served_epoch)
		served->state = HITL_SLOT_FREE;
	if (hitl_shared->launcher != NULL)
		SetLatch(&hitl_shared->launcher->procLatch);
	LWLockRelease(hitl_shared->lock);
}

static void
set_state(HitlSlotState state)
{
	LWLockAcquire(hitl_shared->lock, LW_EXCLUSIVE);
	served->state = state;
	LWLockRelease(hitl_shared->lock);
}

/*
 * Takes the slot, unless the launcher that gave it has been replaced: the new
 * one may have given it to somebody else.
 */
static bool
take_up(const BackgroundWorker *me)
{
	bool		ours;

	served = &hitl_shared->slot[DatumGetInt32(me->bgw_main_arg)];
	memcpy(&served_epoch, me->bgw_extra, sizeof(served_epoch));
	LWLockAcquire(hitl_shared->lock, LW_EXCLUSIVE);
	ours = (hitl_shared->epoch == served_epoch);
	if (ours)
		served->worker = MyProc;
	LWLockRelease(hitl_shared->lock);
	if (ours)
		before_shmem_exit(leave_slot, (Datum) 0);
	return ours;
}

/*
 * One pass: a batch, in a transaction of its own.  Returns how long to sleep,
 * in milliseconds, or -1 if the extension is gone.
 */
static long
worker_pass(void)
{
	static int	busy_nap_ms = 0;
	TimestampTz horizon = TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
													  sweep_interval_ms);
	bool		busy = false;
	int			done = 0;
	TimestampTz next = DT_NOEND;
	TimestampTz heal = DT_NOEND;

	/* whatever commits from here on, and is due before we look again, wakes us */
	pg_atomic_write_u64(&served->wake_at, (uint64) horizon);
	pg_memory_barrier();

	pgstat_report_activity(STATE_RUNNING, "hitl: looking for what is due");
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	if (!OidIsValid(get_extension_oid("hitl", true)))
	{
		CommitTransactionCommand();
		return -1;
	}
	if (served->state != HITL_SLOT_SERVING)
		set_state(HITL_SLOT_SERVING);
	PushActiveSnapshot(GetTransactionSnapshot());
	if (hitl_in_use())
	{
		done = hitl_free_gone() + hitl_sweep(BATCH_SIZE, &busy);
		if (done == 0)
			hitl_partitions_ensure();
		next = hitl_next_wake();
		heal = hitl_ready_heal(HEAL_BUDGET_US, sweep_interval_ms * (USECS_PER_SEC / 1000));
	}
	PopActiveSnapshot();
	CommitTransactionCommand();
	pgstat_report_stat(true);
	pgstat_report_activity(STATE_IDLE, NULL);

	if (done > 0)
		return 0;
	if (busy)
	{
		busy_nap_ms = busy_nap_ms == 0 ? BUSY_NAP_MS : busy_nap_ms * 2;
		return busy_nap_ms = Min(busy_nap_ms, sweep_interval_ms);
	}
	busy_nap_ms = 0;
	next = Min(next, horizon);
	pg_atomic_write_u64(&served->wake_at, (uint64) next);
	return TimestampDifferenceMilliseconds(GetCurrentTimestamp(),
										   Min(next, heal));
}

/*
 * What a database or role may have been set to would end the worker, or let
 * it wait, or change what it does.
 */
static void
override_settings(void)
{
	static const char *const settings[][2] = {
		{"search_path", "pg_catalog, pg_temp"},
		{"default_transaction_read_only", "off"},
		{"default_transaction_isolation", "read committed"},
		{"default_transaction_deferrable", "off"},
		{"session_replication_role", "origin"},
		{"statement_timeout", "0"},
		{"lock_timeout", "0"},
		{"idle_in_transaction_session_timeout", "0"},
		{"transaction_timeout", "0"},	/* 17 */
	};

	for (int i = 0; i < (int) lengthof(settings); i++)
	{
		if (GetConfigOption(settings[i][0], true, false) == NULL)
			continue;
		SetConfigOption(settings[i][0], settings[i][1], PGC_SUSET,
						PGC_S_OVERRIDE);
	}
}

void
hitl_worker_main(Datum arg)
{
	long		sleep_ms;

	pqsignal(SIGTERM, die);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	BackgroundWorkerUnblockSignals();

	if (!take_up(MyBgworkerEntry))
		proc_exit(0);
	BackgroundWorkerInitializeConnectionByOid(served->database, InvalidOid, 0);
	override_settings();
	pgstat_report_appname("hitl worker");

	while ((sleep_ms = worker_pass()) >= 0)
	{
		if (hitl_shared->epoch != served_epoch)
			proc_exit(0);		/* another launcher, another worker */
		hitl_nap(sleep_ms);
	}
	set_state(HITL_SLOT_ABSENT);
	proc_exit(0);
}

void
hitl_worker_init(void)
{
	DefineCustomIntVariable("hitl.sweep_interval",
							"Sets the longest time that the worker sleeps.",
							"It wakes earlier for deadlines that it knows of; this bounds how late it finds those that it was not told of.",
							&sweep_interval_ms, 1000, 10, INT_MAX,
							PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);

	if (!process_shared_preload_libraries_in_progress || IsBinaryUpgrade)
		return;
	hitl_hint_init();
	previous_shmem_request = shmem_request_hook;
	shmem_request_hook = shmem_request;
	previous_shmem_startup = shmem_startup_hook;
	shmem_startup_hook = shmem_startup;

	hitl_launcher_register();
}
