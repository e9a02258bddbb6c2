/*
 * worker.c
 *		The background workers: who runs them, what wakes them.
 *
 * One launcher serves the cluster.  It knows the databases, and starts one
 * worker in each to see whether the extension is there; where it is not, the
 * worker leaves.  A worker sleeps until the next deadline of its database and
 * is woken by a commit that brings a nearer one.  All its work is the batch
 * that SQL can call too (hitl.tick); this file has no rules of its own.
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

#include "access/heapam.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
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

#include "partition.h"
#include "policy.h"
#include "sla.h"
#include "worker.h"

/* tasks a batch, and so a transaction, of the worker */
#define BATCH_SIZE			100

/* when somebody else is at a row that is due: doubled each time */
#define BUSY_NAP_MS			20

/* how often the launcher looks for new databases by itself */
#define LAUNCHER_NAP_MS		10000

/* between two looks, however often it is asked */
#define LAUNCHER_REST_MS	100

/* a worker that failed is started again after this, doubled each time */
#define BACKOFF_MIN_MS		1000
#define BACKOFF_MAX_MS		60000

/* a worker that lived this long has recovered */
#define HEALTHY_MS			60000

typedef enum SlotState
{
	SLOT_FREE,
	SLOT_STARTING,				/* the launcher has asked for a worker */
	SLOT_SERVING,				/* the worker is at work */
	SLOT_ABSENT					/* the worker found no extension and left */
} SlotState;

typedef struct Slot
{
	SlotState	state;
	Oid			database;
	PGPROC	   *worker;			/* NULL when not running */
	pg_atomic_uint64 wake_at;	/* a commit that brings less wakes it */
} Slot;

typedef struct Shared
{
	LWLock	   *lock;			/* for all but wake_at */
	PGPROC	   *launcher;
	uint64		looked;			/* look_again when the launcher last looked */
	uint64		epoch;			/* counts launchers; workers serve but one */
	uint64		look_again;		/* counts requests to look at a database */
	Oid			asked_for;		/* of the last one; InvalidOid: of several */
	int			nslots;
	Slot		slot[FLEXIBLE_ARRAY_MEMBER];
} Shared;

/* what the launcher remembers of a database */
typedef struct Database
{
	Oid			oid;			/* hash key */
	bool		listed;			/* in pg_database at the last look */
	bool		absent;			/* no extension when last looked */
	bool		wanted;			/* asked for since a worker was started */
	int			slot;			/* -1: no worker */
	BackgroundWorkerHandle *handle;
	TimestampTz started_at;
	TimestampTz retry_at;
	int			backoff_ms;
} Database;

static int	sweep_interval_ms = 1000;

static Shared *shared = NULL;
static shmem_request_hook_type previous_shmem_request = NULL;
static shmem_startup_hook_type previous_shmem_startup = NULL;

/* what this transaction has to tell at its commit */
static TimestampTz noted_wake = DT_NOEND;
static bool noted_look = false;

PGDLLEXPORT void hitl_launcher_main(Datum arg);
PGDLLEXPORT void hitl_worker_main(Datum arg);

PG_FUNCTION_INFO_V1(hitl_start_worker);

/*
 * Shared memory
 */

static Size
shared_size(void)
{
	return add_size(offsetof(Shared, slot),
					mul_size(max_worker_processes, sizeof(Slot)));
}

static void
shmem_request(void)
{
	if (previous_shmem_request)
		previous_shmem_request();
	RequestAddinShmemSpace(shared_size());
	RequestNamedLWLockTranche("hitl", 1);
}

static void
shmem_startup(void)
{
	bool		found;

	if (previous_shmem_startup)
		previous_shmem_startup();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	shared = ShmemInitStruct("hitl", shared_size(), &found);
	if (!found)
	{
		memset(shared, 0, shared_size());
		shared->lock = &GetNamedLWLockTranche("hitl")->lock;
		shared->nslots = max_worker_processes;
		for (int i = 0; i < shared->nslots; i++)
			pg_atomic_init_u64(&shared->slot[i].wake_at, (uint64) DT_NOEND);
	}
	LWLockRelease(AddinShmemInitLock);
}

/*
 * The slot of this database's worker, or NULL.  Remembered, since it rarely
 * changes; looked up without the lock, since it is only a hint.
 */
static Slot *
my_slot(void)
{
	static int	last = 0;

	if (shared == NULL)
		return NULL;
	for (int i = 0; i < shared->nslots; i++)
	{
		int			at = (last + i) % shared->nslots;
		volatile Slot *slot = &shared->slot[at];

		if (slot->state == SLOT_SERVING && slot->database == MyDatabaseId)
		{
			last = at;
			return &shared->slot[at];
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
wake_worker(Slot *slot)
{
	LWLockAcquire(shared->lock, LW_SHARED);
	if (slot->state == SLOT_SERVING && slot->database == MyDatabaseId &&
		slot->worker != NULL)
		SetLatch(&slot->worker->procLatch);
	LWLockRelease(shared->lock);
}

static void
wake_launcher(void)
{
	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	shared->asked_for = shared->look_again == shared->looked ||
		shared->asked_for == MyDatabaseId ? MyDatabaseId : InvalidOid;
	shared->look_again++;
	if (shared->launcher != NULL)
		SetLatch(&shared->launcher->procLatch);
	LWLockRelease(shared->lock);
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
			Slot	   *slot = my_slot();

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
	if (shared == NULL || wake_at >= noted_wake)
		return;
	listen_to_transactions();
	noted_wake = wake_at;
}

Datum
hitl_start_worker(PG_FUNCTION_ARGS)
{
	if (shared != NULL)
	{
		listen_to_transactions();
		noted_look = true;
	}
	PG_RETURN_BOOL(shared != NULL);
}

/*
 * Sleeps, unless there is no time for it, and does what every loop must.
 */
static void
nap(long ms)
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
static Slot *served = NULL;
static uint64 served_epoch = 0;

/*
 * The slot is the launcher's to free, unless it has gone.
 */
static void
leave_slot(int code, Datum arg)
{
	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	served->worker = NULL;
	if (shared->epoch != served_epoch)
		served->state = SLOT_FREE;
	if (shared->launcher != NULL)
		SetLatch(&shared->launcher->procLatch);
	LWLockRelease(shared->lock);
}

static void
set_state(SlotState state)
{
	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	served->state = state;
	LWLockRelease(shared->lock);
}

/*
 * Takes the slot, unless the launcher that gave it has been replaced: the new
 * one may have given it to somebody else.
 */
static bool
take_up(const BackgroundWorker *me)
{
	bool		ours;

	served = &shared->slot[DatumGetInt32(me->bgw_main_arg)];
	memcpy(&served_epoch, me->bgw_extra, sizeof(served_epoch));
	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	ours = (shared->epoch == served_epoch);
	if (ours)
		served->worker = MyProc;
	LWLockRelease(shared->lock);
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
	if (served->state != SLOT_SERVING)
		set_state(SLOT_SERVING);
	PushActiveSnapshot(GetTransactionSnapshot());
	if (hitl_in_use())
	{
		done = hitl_sweep(BATCH_SIZE, &busy);
		if (done == 0)
			hitl_partitions_ensure();
		next = hitl_next_wake();
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
	return TimestampDifferenceMilliseconds(GetCurrentTimestamp(), next);
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
		if (shared->epoch != served_epoch)
			proc_exit(0);		/* another launcher, another worker */
		nap(sleep_ms);
	}
	set_state(SLOT_ABSENT);
	proc_exit(0);
}

/*
 * The launcher
 */

static HTAB *databases = NULL;

static void
leave_launcher(int code, Datum arg)
{
	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	shared->launcher = NULL;
	LWLockRelease(shared->lock);
}

/*
 * Makes this process the launcher.  Workers of an earlier one leave.
 */
static void
take_over(void)
{
	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	shared->launcher = MyProc;
	shared->epoch++;
	for (int i = 0; i < shared->nslots; i++)
	{
		if (shared->slot[i].worker != NULL)
			SetLatch(&shared->slot[i].worker->procLatch);
		else
			shared->slot[i].state = SLOT_FREE;
	}
	LWLockRelease(shared->lock);
	before_shmem_exit(leave_launcher, (Datum) 0);
}

/*
 * Brings the list of databases up to date.
 */
static void
list_databases(void)
{
	Relation	rel;
	TableScanDesc scan;
	HeapTuple	tuple;
	HASH_SEQ_STATUS seq;
	Database   *db;

	hash_seq_init(&seq, databases);
	while ((db = hash_seq_search(&seq)) != NULL)
		db->listed = false;

	StartTransactionCommand();
	(void) GetTransactionSnapshot();
	rel = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(rel, 0, NULL);
	while (HeapTupleIsValid(tuple = heap_getnext(scan, ForwardScanDirection)))
	{
		Form_pg_database form = (Form_pg_database) GETSTRUCT(tuple);
		bool		found;

		/* -2: left invalid by a DROP DATABASE that did not end */
		if (!form->datallowconn || form->datistemplate ||
			form->datconnlimit == -2)
			continue;
		db = hash_search(databases, &form->oid, HASH_ENTER, &found);
		if (!found)
		{
			memset((char *) db + sizeof(Oid), 0, sizeof(Database) - sizeof(Oid));
			db->slot = -1;
		}
		db->listed = true;
	}
	table_endscan(scan);
	table_close(rel, AccessShareLock);
	CommitTransactionCommand();
}

/*
 * A free slot, or -1: none is left, or an earlier launcher's worker is still
 * in this database.
 */
static int
take_slot(Oid database)
{
	int			result = -1;
	bool		occupied = false;

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	for (int i = 0; i < shared->nslots; i++)
	{
		if (shared->slot[i].state == SLOT_FREE)
			result = i;
		else if (shared->slot[i].database == database)
			occupied = true;
	}
	if (occupied)
		result = -1;
	if (result >= 0)
	{
		Slot	   *slot = &shared->slot[result];

		slot->state = SLOT_STARTING;
		slot->database = database;
		slot->worker = NULL;
		pg_atomic_write_u64(&slot->wake_at, (uint64) DT_NOEND);
	}
	LWLockRelease(shared->lock);
	return result;
}

static SlotState
free_slot(int at)
{
	SlotState	was;

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	was = shared->slot[at].state;
	shared->slot[at].state = SLOT_FREE;
	LWLockRelease(shared->lock);
	return was;
}

static void
back_off(Database *db, TimestampTz now)
{
	db->backoff_ms = db->backoff_ms == 0 ? BACKOFF_MIN_MS :
		Min(db->backoff_ms * 2, BACKOFF_MAX_MS);
	db->retry_at = TimestampTzPlusMilliseconds(now, db->backoff_ms);
}

static void
start_worker(Database *db, TimestampTz now)
{
	BackgroundWorker worker = {0};

	db->slot = take_slot(db->oid);
	if (db->slot < 0)
	{
		back_off(db, now);
		return;
	}
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS |
		BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	strlcpy(worker.bgw_library_name, "hitl", BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, "hitl_worker_main", BGW_MAXLEN);
	strlcpy(worker.bgw_name, "hitl worker", BGW_MAXLEN);
	strlcpy(worker.bgw_type, "hitl worker", BGW_MAXLEN);
	worker.bgw_main_arg = Int32GetDatum(db->slot);
	memcpy(worker.bgw_extra, &shared->epoch, sizeof(shared->epoch));
	worker.bgw_notify_pid = MyProcPid;
	if (!RegisterDynamicBackgroundWorker(&worker, &db->handle))
	{
		static TimestampTz warned = 0;

		if (TimestampDifferenceExceeds(warned, now, BACKOFF_MAX_MS))
		{
			warned = now;
			ereport(WARNING,
					(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
					 errmsg("could not start a worker of hitl"),
					 errhint("Increase max_worker_processes.")));
		}
		(void) free_slot(db->slot);
		db->slot = -1;
		db->handle = NULL;
		back_off(db, now);
		return;
	}
	db->started_at = now;
	db->wanted = false;
}

/*
 * Sees what became of a worker.
 */
static void
check_worker(Database *db, TimestampTz now)
{
	pid_t		pid;
	SlotState	state;

	if (GetBackgroundWorkerPid(db->handle, &pid) != BGWH_STOPPED)
		return;
	state = free_slot(db->slot);
	pfree(db->handle);
	db->handle = NULL;
	db->slot = -1;
	db->absent = (state == SLOT_ABSENT);
	if (db->absent)
	{
		db->backoff_ms = 0;
		db->retry_at = TimestampTzPlusMilliseconds(now, BACKOFF_MIN_MS);
	}
	else
	{
		if (TimestampDifferenceExceeds(db->started_at, now, HEALTHY_MS))
			db->backoff_ms = 0;
		back_off(db, now);
	}
}

/*
 * Marks the databases that a commit has asked us to look at again: those to
 * which the extension may have come.
 */
static void
take_requests(void)
{
	bool		asked;
	Oid			asked_for;
	HASH_SEQ_STATUS seq;
	Database   *db;

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	asked = shared->look_again != shared->looked;
	asked_for = shared->asked_for;
	shared->looked = shared->look_again;
	LWLockRelease(shared->lock);

	hash_seq_init(&seq, databases);
	while ((db = hash_seq_search(&seq)) != NULL)
		db->wanted |= asked &&
			(!OidIsValid(asked_for) || asked_for == db->oid);
}

/*
 * One look at all databases.  Returns how long to sleep, in milliseconds.
 */
static long
launcher_pass(void)
{
	TimestampTz now = GetCurrentTimestamp();
	long		sleep_ms = LAUNCHER_NAP_MS;
	HASH_SEQ_STATUS seq;
	Database   *db;

	list_databases();
	take_requests();
	hash_seq_init(&seq, databases);
	while ((db = hash_seq_search(&seq)) != NULL)
	{
		if (db->slot >= 0)
			check_worker(db, now);
		if (db->slot >= 0)
			continue;
		if (!db->listed)
		{
			(void) hash_search(databases, &db->oid, HASH_REMOVE, NULL);
			continue;
		}
		if (db->absent && !db->wanted)
			continue;
		/* a clock that was set back does not keep it away for long */
		if (db->retry_at > now &&
			!TimestampDifferenceExceeds(now, db->retry_at, BACKOFF_MAX_MS))
		{
			sleep_ms = Min(sleep_ms,
						   TimestampDifferenceMilliseconds(now, db->retry_at));
			continue;
		}
		start_worker(db, now);
		if (db->slot < 0)
			sleep_ms = Min(sleep_ms, db->backoff_ms);
	}
	return sleep_ms;
}

void
hitl_launcher_main(Datum arg)
{
	HASHCTL		ctl;
	long		sleep_ms;

	pqsignal(SIGTERM, die);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	pgstat_report_appname("hitl launcher");

	ctl.keysize = sizeof(Oid);
	ctl.entrysize = sizeof(Database);
	ctl.hcxt = TopMemoryContext;
	databases = hash_create("hitl databases", 32, &ctl,
							HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	take_over();

	for (;;)
	{
		MemoryContextSwitchTo(TopMemoryContext);	/* handles outlive passes */
		sleep_ms = launcher_pass();
		(void) WaitLatch(MyLatch, WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 LAUNCHER_REST_MS, PG_WAIT_EXTENSION);
		nap(sleep_ms);
	}
}

void
hitl_worker_init(void)
{
	BackgroundWorker launcher = {0};

	DefineCustomIntVariable("hitl.sweep_interval",
							"Sets the longest time that the worker sleeps.",
							"It wakes earlier for deadlines that it knows of; this bounds how late it finds those that it was not told of.",
							&sweep_interval_ms, 1000, 10, INT_MAX,
							PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);

	if (!process_shared_preload_libraries_in_progress || IsBinaryUpgrade)
		return;
	previous_shmem_request = shmem_request_hook;
	shmem_request_hook = shmem_request;
	previous_shmem_startup = shmem_startup_hook;
	shmem_startup_hook = shmem_startup;

	launcher.bgw_flags = BGWORKER_SHMEM_ACCESS |
		BGWORKER_BACKEND_DATABASE_CONNECTION;
	launcher.bgw_start_time = BgWorkerStart_RecoveryFinished;
	launcher.bgw_restart_time = 1;
	strlcpy(launcher.bgw_library_name, "hitl", BGW_MAXLEN);
	strlcpy(launcher.bgw_function_name, "hitl_launcher_main", BGW_MAXLEN);
	strlcpy(launcher.bgw_name, "hitl launcher", BGW_MAXLEN);
	strlcpy(launcher.bgw_type, "hitl launcher", BGW_MAXLEN);
	RegisterBackgroundWorker(&launcher);
}
