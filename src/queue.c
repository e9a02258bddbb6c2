/*
 * queue.c
 *		Hands a reviewer the most urgent tasks that they may take.
 *
 * The queues on which the reviewer works are walked in their order (line.c).
 * Nothing is sorted and nothing is locked beforehand: the claim is the update
 * of the row, which fails at once when somebody else is at it, and then the
 * next row is tried.  So two sessions never hold one task, and neither waits
 * for the other.  No plan takes part, so none can make it take more.
 *
 * What a reviewer has in hand is bounded, so the claims of one reviewer come
 * one after the other, by a lock on the reviewer's name that lasts as long as
 * the transaction.  It is taken before any task (see src/README.md on the
 * order of locks), and what is counted under it is what has committed by then,
 * also in a transaction with an older snapshot.
 *
 * What the reviewer gave back is offered to them again only when there is
 * nothing else: others come first.
 *
 * A lease ends by itself.  The clock puts the task back into the index; where
 * no worker runs, or it is late, the claim does that first.
 */
#include "hitl.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "cache.h"
#include "decision.h"
#include "digest.h"
#include "eligible.h"
#include "gold.h"
#include "line.h"
#include "packet.h"
#include "people.h"
#include "queue.h"
#include "shift.h"
#include "sla.h"
#include "task.h"
#include "text.h"
#include "worker.h"

/* the most tasks that one call claims */
#define MAX_CLAIM	1000

/* leases that a claim ends where the clock has not */
#define CLAIM_SWEEP	100

/* a task that may be taken, and for whom */
typedef struct Offer
{
	HitlTask	task;
	const HitlPlace *place;
	NameData	on_behalf_of;
} Offer;

/* one call of claim() */
typedef struct Claim
{
	HitlActor	actor;
	TimestampTz now;			/* when it began */
	const HitlPlace *place;
	int			nplaces;
	int			wanted;
	int			got;
	HitlDesk	desk;
	HitlReader	reader;
	Snapshot	snapshot;		/* of the present pass */
	Snapshot	latest;			/* what has committed under the lock */
	int			npassed;
	Offer	   *passed;			/* given back by the reviewer, in order */
	int			nshared;
	pg_uuid_t  *shared;			/* got, and judged by others as well */
	ReturnSetInfo *rsinfo;
} Claim;

static int	max_claim_xact = 60;

PG_FUNCTION_INFO_V1(hitl_claim);

int
hitl_count_held(HitlDesk *desk, const HitlReviewer *reviewer,
				Snapshot snapshot, TimestampTz now)
{
	HitlScan	scan;
	ScanKeyData key;
	int			held = 0;

	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_TEXTEQ,
				CStringGetTextDatum(NameStr(reviewer->name)));
	hitl_scan_begin(&scan, desk->task->rel, "task_held", snapshot, &key, 1);
	while (hitl_scan_next(&scan))
	{
		slot_getallattrs(scan.slot);
		if (DatumGetTimestampTz(scan.slot->tts_values[HITL_TASK_LEASE_UNTIL]) > now)
			held++;
	}
	hitl_scan_end(&scan);
	return held;
}

int
hitl_wanted_places(const HitlReviewer *reviewer, ArrayType *wanted,
				   TimestampTz now, HitlPlace **places)
{
	HitlPlace  *all;
	int			nall = hitl_places(reviewer, now, &all);
	Datum	   *elems;
	bool	   *nulls;
	int			nelems;
	int			n = 0;

	*places = all;
	if (wanted == NULL)
		return nall;
	deconstruct_array(wanted, TEXTOID, -1, false, TYPALIGN_INT,
					  &elems, &nulls, &nelems);
	*places = palloc(sizeof(HitlPlace) * Max(nelems, 1));
	for (int i = 0; i < nelems; i++)
	{
		char	   *name = nulls[i] ? NULL : TextDatumGetCString(elems[i]);
		int			at = 0;
		bool		seen = false;

		while (at < nall &&
			   (name == NULL || strcmp(NameStr(all[at].queue), name) != 0))
			at++;
		if (at == nall)
			ereport(ERROR,
					(errcode(ERRCODE_HITL_NOT_ELIGIBLE),
					 errmsg("reviewer \"%s\" is not a member of queue \"%s\"",
							NameStr(reviewer->name), name ? hitl_clip(name) : "NULL"),
					 errhint("An admin changes that by hitl.join_queue().")));
		for (int j = 0; j < n; j++)
			seen |= strcmp(NameStr((*places)[j].queue), name) == 0;
		if (!seen)
			(*places)[n++] = all[at];
	}
	return n;
}

/*
 * Whether the task is one of several on a decision of which this call has got
 * one.
 */
static bool
got_copy(const Claim *claim, const HitlTask *task)
{
	for (int i = 0; i < claim->nshared; i++)
	{
		if (memcmp(&claim->shared[i], &task->decision, UUID_LEN) == 0)
			return true;
	}
	return false;
}

/*
 * Claims a task that may be taken, or makes one of a known answer in its
 * place, and shows it.  False if somebody else was at the task.  The line, if
 * it is given, has just reached the task.
 */
static bool
take(Claim *claim, Offer *offer, HitlLine *line, const HitlTaskSpec *gold)
{
	HitlTask   *task = &offer->task;
	HitlTransition transition = {0};
	const HitlWorkflow *w;
	HitlDecision decision;
	bool		taken = true;

	if (gold)
	{
		task->decision = gold->decision;
		task->workflow = gold->workflow;
	}
	else if (line && !hitl_line_take(line, task))
		return false;
	w = hitl_workflow(NameStr(task->workflow), strlen(NameStr(task->workflow)));
	hitl_packet_read(&decision, &claim->reader, task, claim->snapshot);
	transition.act = HITL_ACT_CLAIM;
	transition.actor = claim->actor;
	transition.on_behalf_of = offer->on_behalf_of;
	transition.policy_version = w ? w->policy->version : 0;
	transition.packet_hash = hitl_packet_hash_of(&decision.row);
	transition.now = GetCurrentTimestamp();
	if (gold)
		hitl_task_create_held(&claim->desk, gold, &transition, task);
	else
		taken = hitl_task_apply(&claim->desk, task, &transition,
								claim->snapshot, false) == HITL_WRITTEN;
	if (taken)
	{
		claim->got++;
		if (task->panel > 1 || gold)
			claim->shared[claim->nshared++] = task->decision;
		hitl_packet_put(task, &decision, claim->now, claim->snapshot,
						claim->rsinfo);
	}
	return taken;
}

/*
 * Takes the task that the offer names.  Before it, by chance, come decisions
 * with a known answer; not for those who stand in for somebody, whose work is
 * not theirs.
 */
static void
take_or_measure(Claim *claim, Offer *offer, HitlLine *line)
{
	bool		own = NameStr(offer->on_behalf_of)[0] == '\0';
	HitlTaskSpec gold;

	while (own && claim->got < claim->wanted &&
		   hitl_gold_draw(&claim->actor, &offer->task, claim->latest, &gold))
	{
		Offer		other = *offer;

		(void) take(claim, &other, NULL, &gold);
		/* the next one is another */
		CommandCounterIncrement();
		UnregisterSnapshot(claim->latest);
		claim->latest = RegisterSnapshot(GetLatestSnapshot());
	}
	if (claim->got < claim->wanted)
		(void) take(claim, offer, line, NULL);
}

/*
 * The task at hand may be newer than what the pass began with, and so may its
 * decision.
 */
static void
use_snapshot(Claim *claim, Snapshot snapshot)
{
	if (snapshot == claim->snapshot)
		return;
	UnregisterSnapshot(claim->snapshot);
	claim->snapshot = RegisterSnapshot(snapshot);
}

/*
 * Walks the queues once.
 */
static void
walk(Claim *claim)
{
	MemoryContext outer = CurrentMemoryContext;
	MemoryContext each = AllocSetContextCreate(outer, "hitl claim",
											   ALLOCSET_DEFAULT_SIZES);
	const char *name = NameStr(claim->actor.reviewer->name);
	HitlLine   *line = hitl_line_open(claim->desk.task->rel, claim->place,
									  claim->nplaces, claim->snapshot);
	Offer		offer;

	claim->npassed = 0;
	MemoryContextSwitchTo(each);
	while (claim->got < claim->wanted &&
		   hitl_line_next(line, &offer.task, &offer.place))
	{
		CHECK_FOR_INTERRUPTS();
		use_snapshot(claim, hitl_line_snapshot(line));
		if (!got_copy(claim, &offer.task) &&
			hitl_may_take(&claim->actor, offer.place, &offer.task,
						  GetCurrentTimestamp(), claim->latest,
						  &offer.on_behalf_of))
		{
			if (!hitl_names_has(offer.task.passed, name))
				take_or_measure(claim, &offer, line);
			else if (claim->npassed < claim->wanted)
			{
				MemoryContextSwitchTo(outer);
				hitl_line_read(line, &offer.task);
				claim->passed[claim->npassed++] = offer;
				MemoryContextSwitchTo(each);
			}
		}
		MemoryContextReset(each);
	}
	MemoryContextSwitchTo(outer);
	hitl_line_close(line);
	MemoryContextDelete(each);
}

static void
begin_pass(Claim *claim)
{
	claim->snapshot = RegisterSnapshot(GetTransactionSnapshot());
	claim->latest = RegisterSnapshot(GetLatestSnapshot());
}

static void
end_pass(Claim *claim)
{
	UnregisterSnapshot(claim->latest);
	UnregisterSnapshot(claim->snapshot);
}

static void
claim_tasks(Claim *claim)
{
	bool		busy;

	begin_pass(claim);
	walk(claim);
	/* a lease may be over without the clock having been here */
	if (claim->got < claim->wanted && hitl_worker_present() &&
		hitl_sweep(CLAIM_SWEEP, &busy) > 0)
	{
		end_pass(claim);
		begin_pass(claim);
		walk(claim);
	}
	for (int i = 0; i < claim->npassed && claim->got < claim->wanted; i++)
	{
		if (!got_copy(claim, &claim->passed[i].task))
			(void) take(claim, &claim->passed[i], NULL, NULL);
	}
	end_pass(claim);
}

/*
 * How many tasks the reviewer may claim now, at most n.
 */
static int
check_limits(HitlDesk *desk, const HitlReviewer *reviewer, TimestampTz now,
			 int n)
{
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	int			held = hitl_count_held(desk, reviewer, snapshot, now);

	UnregisterSnapshot(snapshot);
	if (held >= reviewer->max_open)
		ereport(ERROR,
				(errcode(ERRCODE_HITL_CAPACITY),
				 errmsg("reviewer \"%s\" holds %d tasks already",
						NameStr(reviewer->name), held),
				 errdetail("The limit (max_open) is %d.", reviewer->max_open),
				 errhint("Decide or release some first.")));
	return hitl_shift_room(reviewer, now,
						   Min(n, reviewer->max_open - held));
}

static void
warn_if_old(TimestampTz now)
{
	int64		seconds = (now - GetCurrentTransactionStartTimestamp()) /
		USECS_PER_SEC;

	if (max_claim_xact >= 0 && seconds > max_claim_xact)
		ereport(WARNING,
				(errmsg("claim in a transaction that began " INT64_FORMAT " seconds ago",
						seconds),
				 errhint("Commit soon: until then the leases run, and nobody else can take the tasks.")));
}

/* (n, queues, reviewer) */
Datum
hitl_claim(PG_FUNCTION_ARGS)
{
	int32		n = PG_ARGISNULL(0) ? 1 : PG_GETARG_INT32(0);
	ArrayType  *wanted = PG_ARGISNULL(1) ? NULL : PG_GETARG_ARRAYTYPE_P(1);
	Claim		claim = {0};
	const HitlReviewer *reviewer;
	HitlPlace  *places;
	bool		busy;

	if (n < 1 || n > MAX_CLAIM)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cannot claim %d tasks at once", n),
				 errhint("Claim 1 to %d.", MAX_CLAIM)));
	claim.actor = hitl_actor_from(hitl_text_arg(fcinfo, 2));
	reviewer = claim.actor.reviewer;
	claim.rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	/* to make the descriptor anew costs as much as to find the task */
	InitMaterializedSRF(fcinfo, claim.rsinfo && claim.rsinfo->expectedDesc ?
						MAT_SRF_USE_EXPECTED_DESC : 0);

	hitl_reviewer_lock(NameStr(reviewer->name));
	/* what has changed while this waited counts */
	if (hitl_reviewer(NameStr(reviewer->name)) == NULL)
		claim.actor = hitl_actor_from(hitl_text_arg(fcinfo, 2));
	claim.now = GetCurrentTimestamp();
	(void) hitl_check_present(NULL, reviewer, claim.now);
	claim.nplaces = hitl_wanted_places(reviewer, wanted, claim.now, &places);
	claim.place = places;
	if (!hitl_worker_present())
		(void) hitl_sweep(CLAIM_SWEEP, &busy);

	hitl_desk_open(&claim.desk);
	hitl_reader_open(&claim.reader);
	claim.now = GetCurrentTimestamp();
	warn_if_old(claim.now);
	claim.wanted = check_limits(&claim.desk, reviewer, claim.now, n);
	claim.passed = palloc(sizeof(Offer) * claim.wanted);
	claim.shared = palloc(sizeof(pg_uuid_t) * claim.wanted);
	claim_tasks(&claim);
	hitl_reader_close(&claim.reader);
	hitl_desk_close(&claim.desk);
	hitl_shift_claimed(reviewer, claim.now, claim.got);
	return (Datum) 0;
}

void
hitl_queue_init(void)
{
	DefineCustomIntVariable("hitl.max_claim_xact",
							"Warns of claims in transactions that are older than this.",
							"Leases run from the claim, and tasks stay locked to the end of the transaction; -1 warns of none.",
							&max_claim_xact, 60, -1, INT_MAX / 1000,
							PGC_USERSET, GUC_UNIT_S, NULL, NULL, NULL);
}
