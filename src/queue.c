/*
 * queue.c
 *		Hands a reviewer the most urgent tasks that they may take.
 *
 * Each queue of the reviewer is read in its own order from the index
 * task_ready; the heads are merged by lane, key and age.  Nothing is sorted
 * and nothing is locked beforehand: the claim is the update of the row, which
 * fails at once when somebody else is at it, and then the next row is tried.
 * So two sessions never hold one task, and neither waits for the other.
 *
 * What a reviewer holds at once is bounded, so the claims of one reviewer
 * come one after the other, by a lock on the reviewer's name that lasts as
 * long as the transaction.  It is taken before any task (see src/README.md on
 * the order of locks).
 *
 * A lease ends by itself.  The clock puts the task back into the index; where
 * no worker runs, or it is late, the claim does that first.
 */
#include "hitl.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"

#include "cache.h"
#include "eligible.h"
#include "packet.h"
#include "people.h"
#include "sla.h"
#include "task.h"
#include "text.h"
#include "worker.h"

/* the most tasks that one call claims */
#define MAX_CLAIM	1000

/* leases that a claim ends where the clock has not */
#define CLAIM_SWEEP	100

/* one queue, read in order */
typedef struct Source
{
	HitlScan	scan;
	bool		empty;			/* no task is left */
	HitlTask	head;
} Source;

PG_FUNCTION_INFO_V1(hitl_claim);
PG_FUNCTION_INFO_V1(hitl_release);

static void
lock_reviewer(const HitlReviewer *reviewer)
{
	uint64		hash = hash_bytes_extended((const unsigned char *) NameStr(reviewer->name),
										   strlen(NameStr(reviewer->name)), 0);
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, (uint32) (hash >> 32),
						 (uint32) hash, HITL_LOCK_REVIEWER);
	(void) LockAcquire(&tag, ExclusiveLock, false, false);
}

/*
 * How many tasks the reviewer holds.  Looks at what has committed by now,
 * also in a transaction with an older snapshot.
 */
static int
count_held(HitlDesk *desk, const HitlReviewer *reviewer, TimestampTz now)
{
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	HitlScan	scan;
	ScanKeyData key;
	int			held = 0;

	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_TEXTEQ,
				CStringGetTextDatum(NameStr(reviewer->name)));
	hitl_scan_begin(&scan, desk->task->rel, "task_held", snapshot, &key, 1);
	while (hitl_scan_next(&scan))
	{
		HitlTask	task;

		hitl_task_read(scan.slot, &task);
		if (task.lease_until > now)
			held++;
	}
	hitl_scan_end(&scan);
	UnregisterSnapshot(snapshot);
	return held;
}

/*
 * The queues to claim from: all of the reviewer's, or those that the caller
 * names.
 */
static int
choose_queues(const HitlReviewer *reviewer, ArrayType *wanted,
			  const char ***result)
{
	Datum	   *elems;
	bool	   *nulls;
	int			nelems;
	int			n = 0;

	if (wanted == NULL)
	{
		*result = palloc(sizeof(char *) * Max(reviewer->nqueues, 1));
		for (int i = 0; i < reviewer->nqueues; i++)
			(*result)[n++] = pstrdup(NameStr(reviewer->queues[i]));
		return n;
	}

	deconstruct_array(wanted, TEXTOID, -1, false, TYPALIGN_INT,
					  &elems, &nulls, &nelems);
	*result = palloc(sizeof(char *) * Max(nelems, 1));
	for (int i = 0; i < nelems; i++)
	{
		char	   *name = nulls[i] ? NULL : TextDatumGetCString(elems[i]);
		bool		seen = false;

		if (name == NULL || !hitl_is_member(reviewer, name))
			ereport(ERROR,
					(errcode(ERRCODE_HITL_NOT_ELIGIBLE),
					 errmsg("reviewer \"%s\" is not a member of queue \"%s\"",
							NameStr(reviewer->name), name ? hitl_clip(name) : "NULL"),
					 errhint("An admin changes that by hitl.join_queue().")));
		for (int j = 0; j < n; j++)
			seen |= strcmp((*result)[j], name) == 0;
		if (!seen)
			(*result)[n++] = name;
	}
	return n;
}

static void
advance(Source *source)
{
	source->empty = !hitl_scan_next(&source->scan);
	if (!source->empty)
		hitl_task_read(source->scan.slot, &source->head);
}

static Source *
open_sources(HitlDesk *desk, const char **queues, int nqueues,
			 Snapshot snapshot)
{
	Source	   *sources = palloc0(sizeof(Source) * Max(nqueues, 1));

	for (int i = 0; i < nqueues; i++)
	{
		ScanKeyData key;

		ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_TEXTEQ,
					CStringGetTextDatum(queues[i]));
		hitl_scan_begin(&sources[i].scan, desk->task->rel, "task_ready",
						snapshot, &key, 1);
		advance(&sources[i]);
	}
	return sources;
}

static bool
before(const HitlTask *a, const HitlTask *b)
{
	if (a->lane != b->lane)
		return a->lane < b->lane;
	if (a->sort_key != b->sort_key)
		return a->sort_key < b->sort_key;
	return a->id < b->id;
}

static Source *
most_urgent(Source *sources, int nsources)
{
	Source	   *best = NULL;

	for (int i = 0; i < nsources; i++)
	{
		if (!sources[i].empty &&
			(best == NULL || before(&sources[i].head, &best->head)))
			best = &sources[i];
	}
	return best;
}

static bool
may_take(const HitlActor *actor, const HitlTask *task)
{
	return hitl_bar(actor, NULL, task, GetCurrentTimestamp()) == HITL_NO_BAR;
}

/*
 * Claims up to n tasks into *claimed; returns how many it got.
 */
static int
claim_tasks(HitlDesk *desk, const HitlActor *actor, const char **queues,
			int nqueues, int n, HitlTask *claimed)
{
	Snapshot	snapshot = RegisterSnapshot(GetTransactionSnapshot());
	Source	   *sources = open_sources(desk, queues, nqueues, snapshot);
	Source	   *source;
	int			got = 0;

	while (got < n && (source = most_urgent(sources, nqueues)) != NULL)
	{
		CHECK_FOR_INTERRUPTS();
		if (may_take(actor, &source->head))
		{
			HitlTransition transition = {0};

			const HitlWorkflow *w = hitl_workflow(NameStr(source->head.workflow),
												  strlen(NameStr(source->head.workflow)));

			transition.act = HITL_ACT_CLAIM;
			transition.now = GetCurrentTimestamp();
			transition.actor = *actor;
			transition.policy_version = w ? w->policy->version : 0;
			claimed[got] = source->head;
			if (hitl_task_apply(desk, &claimed[got], &transition, snapshot,
								false) == HITL_WRITTEN)
				got++;
		}
		advance(source);
	}
	for (int i = 0; i < nqueues; i++)
		hitl_scan_end(&sources[i].scan);
	UnregisterSnapshot(snapshot);
	return got;
}

Datum
hitl_claim(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	int32		n = PG_ARGISNULL(0) ? 1 : PG_GETARG_INT32(0);
	ArrayType  *wanted = PG_ARGISNULL(1) ? NULL : PG_GETARG_ARRAYTYPE_P(1);
	text	   *named = PG_ARGISNULL(2) ? NULL : PG_GETARG_TEXT_PP(2);
	HitlActor	actor = hitl_actor_from(named);
	HitlTask   *claimed;
	const char **queues;
	HitlDesk	desk;
	TimestampTz now;
	int			nqueues;
	int			held;
	int			got = 0;
	bool		busy;

	if (n < 1 || n > MAX_CLAIM)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cannot claim %d tasks at once", n),
				 errhint("Claim 1 to %d.", MAX_CLAIM)));
	nqueues = choose_queues(actor.reviewer, wanted, &queues);
	InitMaterializedSRF(fcinfo, 0);

	lock_reviewer(actor.reviewer);
	if (!hitl_worker_present())
		(void) hitl_sweep(CLAIM_SWEEP, &busy);

	hitl_desk_open(&desk);
	now = GetCurrentTimestamp();
	held = count_held(&desk, actor.reviewer, now);
	if (held >= actor.reviewer->max_open)
		ereport(ERROR,
				(errcode(ERRCODE_HITL_CAPACITY),
				 errmsg("reviewer \"%s\" holds %d tasks already",
						NameStr(actor.reviewer->name), held),
				 errdetail("The limit (max_open) is %d.",
						   actor.reviewer->max_open),
				 errhint("Decide or release some first.")));
	n = Min(n, actor.reviewer->max_open - held);
	claimed = palloc(sizeof(HitlTask) * n);
	got = claim_tasks(&desk, &actor, queues, nqueues, n, claimed);

	/* a lease may be over without the clock having been here */
	if (got < n && hitl_worker_present() &&
		hitl_sweep(CLAIM_SWEEP, &busy) > 0)
		got += claim_tasks(&desk, &actor, queues, nqueues, n - got,
						   claimed + got);
	hitl_desk_close(&desk);

	hitl_packets(claimed, got, now, rsinfo->setResult, rsinfo->setDesc);
	return (Datum) 0;
}

Datum
hitl_release(PG_FUNCTION_ARGS)
{
	int64		id = PG_ARGISNULL(0) ? 0 : PG_GETARG_INT64(0);
	text	   *named = PG_ARGISNULL(1) ? NULL : PG_GETARG_TEXT_PP(1);
	int64		lease = PG_ARGISNULL(2) ? 0 : PG_GETARG_INT64(2);
	HitlActor	actor = hitl_actor_from(named);
	HitlTransition transition = {0};
	HitlDesk	desk;
	HitlTask	task;
	HitlWrite	written;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the task must not be null")));
	transition.act = HITL_ACT_RELEASE;
	transition.actor = actor;
	hitl_desk_open(&desk);
	do
	{
		Snapshot	snapshot;
		bool		found;

		CHECK_FOR_INTERRUPTS();
		snapshot = RegisterSnapshot(GetTransactionSnapshot());
		found = hitl_task_find(&desk, id, snapshot, &task);

		if (!found ||
			!hitl_task_is_mine(&task, &actor,
							   PG_ARGISNULL(2) ? NULL : &lease))
			hitl_not_holder(id, found ? &task : NULL, &actor);
		transition.now = GetCurrentTimestamp();
		hitl_lease_check(&task, transition.now);
		written = hitl_task_apply(&desk, &task, &transition, snapshot, true);
		UnregisterSnapshot(snapshot);
	} while (written != HITL_WRITTEN);
	hitl_desk_close(&desk);
	PG_RETURN_VOID();
}
