/*
 * launcher.c
 *		Starts a worker in each database that has the extension.
 *
 * One launcher serves the cluster.  It knows the databases, and starts one
 * worker in each to see whether the extension is there; where it is not, the
 * worker leaves, until a commit there asks to look again.  A worker that fails
 * is started anew, each time after twice as long.
 *
 * A launcher that is replaced leaves its workers behind.  They see by the
 * epoch that they are another's and leave; until then the new one keeps out
 * of their databases.
 */
#include "hitl.h"

#include "access/heapam.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "launcher.h"

/* how often the launcher looks for new databases by itself */
#define LAUNCHER_NAP_MS		10000

/* between two looks, however often it is asked */
#define LAUNCHER_REST_MS	100

/* a worker that failed is started again after this, doubled each time */
#define BACKOFF_MIN_MS		1000
#define BACKOFF_MAX_MS		60000

/* a worker that lived this long has recovered */
#define HEALTHY_MS			60000

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

PGDLLEXPORT void hitl_launcher_main(Datum arg);

static HTAB *databases = NULL;

static void
leave_launcher(int code, Datum arg)
{
	LWLockAcquire(hitl_shared->lock, LW_EXCLUSIVE);
	hitl_shared->launcher = NULL;
	LWLockRelease(hitl_shared->lock);
}

/*
 * Makes this process the launcher.  Workers of an earlier one leave.
 */
static void
take_over(void)
{
	LWLockAcquire(hitl_shared->lock, LW_EXCLUSIVE);
	hitl_shared->launcher = MyProc;
	hitl_shared->epoch++;
	for (int i = 0; i < hitl_shared->nslots; i++)
	{
		if (hitl_shared->slot[i].worker != NULL)
			SetLatch(&hitl_shared->slot[i].worker->procLatch);
		else
			hitl_shared->slot[i].state = HITL_SLOT_FREE;
	}
	LWLockRelease(hitl_shared->lock);
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

	LWLockAcquire(hitl_shared->lock, LW_EXCLUSIVE);
	for (int i = 0; i < hitl_shared->nslots; i++)
	{
		if (hitl_shared->slot[i].state == HITL_SLOT_FREE)
			result = i;
		else if (hitl_shared->slot[i].database == database)
			occupied = true;
	}
	if (occupied)
		result = -1;
	if (result >= 0)
	{
		HitlSlot	   *slot = &hitl_shared->slot[result];

		slot->state = HITL_SLOT_STARTING;
		slot->database = database;
		slot->worker = NULL;
		pg_atomic_write_u64(&slot->wake_at, (uint64) DT_NOEND);
	}
	LWLockRelease(hitl_shared->lock);
	return result;
}

static HitlSlotState
free_slot(int at)
{
	HitlSlotState	was;

	LWLockAcquire(hitl_shared->lock, LW_EXCLUSIVE);
	was = hitl_shared->slot[at].state;
	hitl_shared->slot[at].state = HITL_SLOT_FREE;
	LWLockRelease(hitl_shared->lock);
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
	memcpy(worker.bgw_extra, &hitl_shared->epoch, sizeof(hitl_shared->epoch));
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
	HitlSlotState	state;

	if (GetBackgroundWorkerPid(db->handle, &pid) != BGWH_STOPPED)
		return;
	state = free_slot(db->slot);
	pfree(db->handle);
	db->handle = NULL;
	db->slot = -1;
	db->absent = (state == HITL_SLOT_ABSENT);
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

	LWLockAcquire(hitl_shared->lock, LW_EXCLUSIVE);
	asked = hitl_shared->look_again != hitl_shared->looked;
	asked_for = hitl_shared->asked_for;
	hitl_shared->looked = hitl_shared->look_again;
	LWLockRelease(hitl_shared->lock);

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
		hitl_nap(sleep_ms);
	}
}

void
hitl_launcher_register(void)
{
	BackgroundWorker launcher = {0};

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
