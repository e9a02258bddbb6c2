/*
 * votes.c
 *		Decisions that more than one person makes.
 *
 * A decision is made as soon as so many distinct persons as are demanded
 * agree: on the outcome, and where it is amended on the output.  They judge one
 * after the other, on one task that each hands on; or at once, each on a copy.
 *
 * - All votes of a decision are given under a lock on it, and counted after
 *   the lock was got.  So of votes that come at the same time the last one
 *   sees all others, and the outcome is derived once.
 * - As long as the copies left can bring enough agreement, a vote just ends
 *   its own copy.  When they cannot, they are closed, and the task waits for
 *   one more person; when people disagree, for one of a higher tier.
 * - Nobody votes twice on a decision, under whatever name: not with another
 *   login, and not through a delegate who is a person.
 */
#include "hitl.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"

#include "cache.h"
#include "eligible.h"
#include "votes.h"

static HitlQuery votes_query = {
	.text =
	"SELECT reviewer, asserted_by::pg_catalog.text, action, output"
	"  FROM hitl.verdict"
	" WHERE decision OPERATOR(pg_catalog.=) $1 AND NOT final"
	"   AND kind OPERATOR(pg_catalog.=)"
	"       ANY ('{review,confirm}'::pg_catalog.text[])"
	"   AND action OPERATOR(pg_catalog.=)"
	"       ANY ('{approve,reject,amend}'::pg_catalog.text[])"
	" ORDER BY id",
	.nargs = 1,
	.argtypes = {UUIDOID}
};

static HitlQuery demanded_query = {
	.text =
	"SELECT pg_catalog.max(r.approvals)"
	"  FROM hitl.decision d, pg_catalog.jsonb_array_elements(d.reasons) x"
	"  JOIN hitl.rule r ON r.name OPERATOR(pg_catalog.=)"
	"                      (x OPERATOR(pg_catalog.->>) 'rule')"
	" WHERE d.id OPERATOR(pg_catalog.=) $1"
	"   AND r.workflow OPERATOR(pg_catalog.=) d.workflow"
	"   AND r.version OPERATOR(pg_catalog.=) d.policy_version",
	.nargs = 1,
	.argtypes = {UUIDOID}
};

typedef struct Vote
{
	char	   *reviewer;
	char	   *asserted_by;	/* NULL: nobody */
	char	   *action;
	Jsonb	   *output;			/* NULL: none */
} Vote;

typedef struct Votes
{
	int			n;
	Vote	   *vote;
} Votes;

bool
hitl_votes_needed(const HitlTask *task, const HitlPolicy *policy)
{
	return task->kind == HITL_KIND_CONFIRM ||
		(task->kind == HITL_KIND_REVIEW &&
		 (task->panel > 1 || Max(task->approvals, policy->approvals) > 1));
}

int
hitl_votes_demanded(const pg_uuid_t *decision)
{
	Datum		arg = UUIDPGetDatum(decision);
	HitlSpi		spi;
	int			result;

	hitl_spi_begin(&spi);
	hitl_spi_run(&demanded_query, &arg, GetLatestSnapshot(), 1);
	result = hitl_spi_int32(0, 1, 1);
	hitl_spi_end(&spi);
	return result;
}

static void
read_votes(const pg_uuid_t *decision, Snapshot snapshot, Votes *votes)
{
	MemoryContext context = CurrentMemoryContext;
	Datum		arg = UUIDPGetDatum(decision);
	HitlSpi		spi;

	hitl_spi_begin(&spi);
	hitl_spi_run(&votes_query, &arg, snapshot, 0);
	MemoryContextSwitchTo(context);
	votes->n = SPI_processed;
	votes->vote = palloc0(sizeof(Vote) * (votes->n + 1));
	for (int i = 0; i < votes->n; i++)
	{
		Vote	   *vote = &votes->vote[i];
		bool		isnull;
		Datum		output = hitl_spi_value(i, 4, &isnull);

		vote->reviewer = hitl_spi_string(i, 1);
		vote->asserted_by = hitl_spi_string(i, 2);
		vote->action = hitl_spi_string(i, 3);
		vote->output = isnull ? NULL : DatumGetJsonbPCopy(output);
	}
	hitl_spi_end(&spi);
}

/*
 * A transaction that keeps an older snapshot must not count what it cannot
 * see.
 */
static void
check_snapshot(const HitlTask *task, const Votes *votes, Snapshot snapshot)
{
	Votes		seen;

	if (!IsolationUsesXactSnapshot())
		return;
	read_votes(&task->decision, snapshot, &seen);
	if (seen.n != votes->n)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not serialize access due to concurrent update"),
				 errhint("Repeat the transaction.")));
}

/*
 * Whether the one who acts had a hand in the vote.  A pooled login is no
 * person, so it is not among the actor's roles.
 */
static bool
is_by(const Vote *vote, const HitlActor *actor)
{
	const HitlReviewer *voter;
	HitlActor	other;

	if (strcmp(vote->reviewer, NameStr(actor->reviewer->name)) == 0 ||
		(vote->asserted_by && hitl_actor_is(actor, vote->asserted_by)))
		return true;
	voter = hitl_reviewer(vote->reviewer);
	if (voter == NULL)
		return false;
	other = hitl_actor_of(voter);
	for (int i = 0; i < other.nroles; i++)
	{
		if (hitl_actor_is(actor, NameStr(other.role[i])))
			return true;
	}
	return false;
}

static bool
agree(const Vote *a, const Vote *b)
{
	return strcmp(a->action, b->action) == 0 &&
		hitl_same_json(a->output, b->output);
}

/*
 * The greatest number of votes that agree.
 */
static int
greatest_agreement(const Votes *votes)
{
	int			greatest = 0;

	for (int i = 0; i < votes->n; i++)
	{
		int			n = 0;

		for (int j = 0; j < votes->n; j++)
			n += agree(&votes->vote[i], &votes->vote[j]);
		greatest = Max(greatest, n);
	}
	return greatest;
}

int
hitl_tasks_of(HitlDesk *desk, const pg_uuid_t *decision, Snapshot snapshot,
			  HitlTask **tasks)
{
	HitlScan	scan;
	ScanKeyData key;
	int			n = 0;
	int			size = 4;

	*tasks = palloc(sizeof(HitlTask) * size);
	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_UUID_EQ,
				UUIDPGetDatum(decision));
	hitl_scan_begin(&scan, desk->task->rel, "task_decision", snapshot, &key, 1);
	while (hitl_scan_next(&scan))
	{
		if (n == size)
			*tasks = repalloc(*tasks, sizeof(HitlTask) * (size *= 2));
		hitl_task_read(scan.slot, &(*tasks)[n++]);
	}
	hitl_scan_end(&scan);
	return n;
}

static void
find_copies(HitlDesk *desk, const HitlTask *task, Snapshot snapshot,
			HitlCopies *copies)
{
	int			n;

	copies->n = 0;
	if (task->panel == 1)
		return;
	n = hitl_tasks_of(desk, &task->decision, snapshot, &copies->copy);
	for (int i = 0; i < n; i++)
	{
		HitlTask   *other = &copies->copy[i];

		if (other->id != task->id && (other->kind == HITL_KIND_REVIEW ||
									  other->kind == HITL_KIND_CONFIRM))
			copies->copy[copies->n++] = *other;
	}
}

bool
hitl_votes_count(HitlRefusal *refusal, HitlDesk *desk, const HitlTask *task,
				 const HitlPolicy *policy, HitlTransition *transition,
				 Snapshot snapshot, HitlCopies *closed)
{
	int			needed = Max(task->approvals, policy->approvals);
	Votes		votes;
	Vote	   *mine;
	int			agreeing = 1;

	read_votes(&task->decision, GetLatestSnapshot(), &votes);
	check_snapshot(task, &votes, snapshot);
	mine = &votes.vote[votes.n];
	mine->action = unconstify(char *, hitl_action_name(transition->action));
	mine->output = transition->output;
	for (int i = 0; i < votes.n; i++)
	{
		if (is_by(&votes.vote[i], &transition->actor))
			return hitl_refuse(refusal, ERRCODE_HITL_SELF_REVIEW, NULL,
							   "Release it to somebody else.",
							   "who acts for reviewer \"%s\" has judged the decision of task " INT64_FORMAT " already",
							   NameStr(transition->actor.reviewer->name),
							   task->id);
		agreeing += agree(&votes.vote[i], mine);
	}
	votes.n++;

	find_copies(desk, task, snapshot, closed);
	if (agreeing >= needed)
		transition->act = HITL_ACT_DECIDE;
	else if (closed->n > 0 &&
			 greatest_agreement(&votes) + closed->n >= needed)
	{
		transition->act = HITL_ACT_CAST;
		closed->n = 0;
	}
	else
	{
		transition->act = HITL_ACT_PROPOSE;
		if (agreeing < votes.n &&
			hitl_tier_exists(NameStr(task->queue), task->tier + 1))
			transition->move.tier = task->tier + 1;
	}
	return true;
}

void
hitl_copies_close(HitlDesk *desk, const HitlCopies *copies,
				  const HitlActor *actor)
{
	HitlTransition transition = {0};

	transition.act = HITL_ACT_CLOSE;
	transition.actor = *actor;
	for (int i = 0; i < copies->n; i++)
	{
		HitlTask	copy = copies->copy[i];
		HitlWrite	written = HITL_MOVED;
		bool		found = true;

		while (found && written != HITL_WRITTEN)
		{
			Snapshot	snapshot = RegisterSnapshot(GetTransactionSnapshot());

			CHECK_FOR_INTERRUPTS();
			found = hitl_task_find(desk, copy.id, snapshot, &copy);
			transition.now = GetCurrentTimestamp();
			if (found)
				written = hitl_task_apply(desk, &copy, &transition, snapshot,
										  true);
			UnregisterSnapshot(snapshot);
		}
	}
}
