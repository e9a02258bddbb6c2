/*
 * quota.c
 *		How many open tasks a workflow may have.
 *
 * One application that sends everything to people must not bury the work of
 * all others.  Each open task of a workflow with a quota has a row in
 * hitl.quota_task.  A session counts those rows, uncommitted ones included, and
 * may then make some tasks before it counts again: a thirty-second of the
 * quota, for a second.  So counting costs some thirty index entries a task at
 * most, and a workflow may exceed its quota by a thirty-second for each session
 * that inserts for it at the same time.  What a transaction has made itself
 * counts exactly.
 *
 * An insert is refused before the audit lottery is drawn: if only what was drawn
 * were refused, to try again would be the way to be drawn less often.
 *
 * A row may be left over whose task has ended: while the quota was being set,
 * another session may have ended the task without knowing of it.  So before an
 * insert is refused, the tasks themselves are looked for.
 */
#include "hitl.h"

#include "access/relscan.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "cache.h"
#include "quota.h"
#include "store.h"

#define SHARE			32		/* of the quota, between two counts */
#define MAX_ROOM		1000
#define MAX_AGE			USECS_PER_SEC

/* columns of hitl.quota_task */
enum
{
	COL_WORKFLOW, COL_TASK, NATTS
};

/* what this session knows of a workflow */
typedef struct Use
{
	NameData	workflow;		/* hash key */
	int32		quota;			/* when counted */
	int32		room;			/* tasks to make before counting again */
	TimestampTz counted_at;
} Use;

static HTAB *uses = NULL;

static HitlQuery any_query = {
	.text =
	"SELECT FROM hitl.workflow WHERE quota IS NOT NULL"
};

/*
 * Whether any workflow has a quota.
 */
static bool
in_use(void)
{
	static uint64 known_at = 0;
	static bool known = false;
	uint64		generation = hitl_generation();

	if (known_at != generation)
	{
		HitlSpi		spi;

		hitl_spi_begin(&spi);
		hitl_spi_run(&any_query, NULL, GetLatestSnapshot(), 1);
		known = SPI_processed > 0;
		hitl_spi_end(&spi);
		known_at = generation;
	}
	return known;
}

static bool
task_is_there(Relation rel, Datum id)
{
	SnapshotData dirty;
	HitlScan	scan;
	ScanKeyData key;
	bool		found;

	InitDirtySnapshot(dirty);
	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_INT8EQ, id);
	hitl_scan_begin(&scan, rel, "task_pkey", &dirty, &key, 1);
	found = hitl_scan_next(&scan);
	hitl_scan_end(&scan);
	return found;
}

/*
 * Open tasks of the workflow as of now, at most so many.  The newest come
 * first: entries of ended ones, which a long transaction may keep for long, are
 * mostly old.  Of those not too many are looked at.
 */
static int32
count(const char *workflow, int32 most, bool verify)
{
	Relation	rel = table_open(hitl_relation_oid("quota_task"),
								 AccessShareLock);
	Relation	task = table_open(hitl_relation_oid("task"), AccessShareLock);
	SnapshotData dirty;
	HitlScan	scan;
	ScanKeyData key;
	int64		entries = 2 * (int64) most + 1000;
	int32		result = 0;

	InitDirtySnapshot(dirty);
	ScanKeyInit(&key, COL_WORKFLOW + 1, BTEqualStrategyNumber, F_TEXTEQ,
				CStringGetTextDatum(workflow));
	hitl_scan_begin(&scan, rel, "quota_task_pkey", &dirty, &key, 1);
	while (result < most && entries-- > 0 &&
		   index_getnext_tid(scan.scan, BackwardScanDirection) != NULL)
	{
		bool		isnull;

		if (!index_fetch_heap(scan.scan, scan.slot))
			continue;
		if (verify && !task_is_there(task, slot_getattr(scan.slot, COL_TASK + 1,
														&isnull)))
			continue;
		result++;
	}
	hitl_scan_end(&scan);
	table_close(task, AccessShareLock);
	table_close(rel, AccessShareLock);
	return result;
}

void
hitl_quota_check(const char *workflow, int32 quota)
{
	TimestampTz now;
	Use		   *use;
	int32		used;

	if (quota == 0)
		return;
	now = GetCurrentTimestamp();
	use = hitl_cache_entry(&uses, "hitl quotas", sizeof(Use), workflow);
	if (use->quota == quota && use->room > 0 && now >= use->counted_at &&
		now - use->counted_at < MAX_AGE)
		return;

	use->quota = 0;
	used = count(workflow, quota, false);
	if (used >= quota)
		used = count(workflow, quota, true);
	if (used >= quota)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("workflow \"%s\" has as many open tasks as its quota allows",
						workflow),
				 errdetail("The quota is %d.", quota),
				 errhint("Insert again when people have worked off some, or let an admin raise it by hitl.set_workflow('%s', quota => ...).",
						 workflow)));
	use->room = Min(quota - used, Max(Min(quota / SHARE, MAX_ROOM), 1));
	use->counted_at = now;
	use->quota = quota;
}

void
hitl_quota_enter(const char *workflow, int64 task)
{
	HitlTable  *table = hitl_table_open("quota_task");
	Use		   *use = hitl_cache_entry(&uses, "hitl quotas", sizeof(Use),
									   workflow);
	Datum		values[NATTS];
	bool		nulls[NATTS] = {false};

	values[COL_WORKFLOW] = CStringGetTextDatum(workflow);
	values[COL_TASK] = Int64GetDatum(task);
	hitl_table_insert(table, values, nulls, NATTS);
	hitl_table_close(table);
	use->room--;
}

void
hitl_quota_leave(const char *workflow, int64 task)
{
	HitlTable  *table;
	HitlScan	scan;
	ScanKeyData key[NATTS];

	if (!in_use())
		return;
	table = hitl_table_open("quota_task");
	ScanKeyInit(&key[0], COL_WORKFLOW + 1, BTEqualStrategyNumber, F_TEXTEQ,
				CStringGetTextDatum(workflow));
	ScanKeyInit(&key[1], COL_TASK + 1, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(task));
	hitl_scan_begin(&scan, table->rel, "quota_task_pkey", SnapshotSelf, key,
					NATTS);
	if (hitl_scan_next(&scan))
	{
		/* whoever ends a task has it alone: nobody else is at this row */
		ItemPointerData tid = scan.slot->tts_tid;

		(void) hitl_table_delete(table, &tid, SnapshotSelf, true);
	}
	hitl_scan_end(&scan);
	hitl_table_close(table);
}
