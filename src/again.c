/*
 * again.c
 *		Verdicts that come again, or too late.
 *
 * The same verdict given twice (a double click, a retry after a lost answer)
 * gets the first answer again; a different one is refused.  Whoever has no
 * business with the queue hears the same as for a task that never was.
 */
#include "hitl.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "again.h"
#include "cache.h"
#include "demand.h"
#include "people.h"
#include "refusal.h"
#include "text.h"
#include "votes.h"

/* the latest verdict on a task, of this reviewer if there is one */
static HitlQuery earlier_query = {
	.text =
	"SELECT reviewer, action, output, code, note, lease, outcome, queue,"
	"       explanation, scores, kind, workflow, policy_version, decision"
	"  FROM hitl.verdict WHERE task OPERATOR(pg_catalog.=) $1"
	" ORDER BY (reviewer OPERATOR(pg_catalog.=) $2) DESC, id DESC LIMIT 1",
	.nargs = 2,
	.argtypes = {INT8OID, TEXTOID}
};

/* the columns of earlier_query */
enum
{
	COL_REVIEWER = 1, COL_ACTION, COL_OUTPUT, COL_CODE, COL_NOTE, COL_LEASE,
	COL_OUTCOME, COL_QUEUE, COL_EXPLANATION, COL_SCORES, COL_KIND,
	COL_WORKFLOW, COL_POLICY_VERSION, COL_DECISION
};

/* a copy of a review that ended with another */
static HitlQuery closed_query = {
	.text =
	"SELECT detail OPERATOR(pg_catalog.->>) 'queue',"
	"       detail OPERATOR(pg_catalog.->>) 'holder'"
	"  FROM hitl.event WHERE task OPERATOR(pg_catalog.=) $1"
	"   AND kind OPERATOR(pg_catalog.=) 'copy_closed' LIMIT 1",
	.nargs = 1,
	.argtypes = {INT8OID}
};

HitlOutcome
hitl_outcome_of(HitlAction action)
{
	return action == HITL_APPROVE ? HITL_APPROVED :
		action == HITL_AMEND ? HITL_AMENDED : HITL_REJECTED;
}

static text *
earlier_text(int number)
{
	bool		isnull;
	Datum		value = hitl_spi_value(0, number, &isnull);

	return isnull ? NULL : DatumGetTextPP(value);
}

static Jsonb *
earlier_json(int number)
{
	bool		isnull;
	Datum		value = hitl_spi_value(0, number, &isnull);

	return isnull ? NULL : DatumGetJsonbP(value);
}

/* whether the earlier verdict is this very one */
static bool
is_same(const HitlGiven *given)
{
	bool		isnull;
	Datum		lease = hitl_spi_value(0, COL_LEASE, &isnull);

	return strcmp(hitl_spi_string(0, COL_ACTION),
				  hitl_action_name(given->action)) == 0 &&
		hitl_same_json(earlier_json(COL_OUTPUT), given->output) &&
		hitl_same_text(earlier_text(COL_CODE), given->code) &&
		hitl_same_text(earlier_text(COL_NOTE), given->note) &&
		hitl_same_text(earlier_text(COL_EXPLANATION), given->explanation) &&
		hitl_same_json(earlier_json(COL_SCORES), given->scores) &&
		(!given->has_lease || (!isnull && given->lease == DatumGetInt64(lease)));
}

/*
 * The outcome that a verdict on a task which is only measured would have had
 * on a review: who gave it must not learn which it was.
 */
const char *
hitl_pretended_outcome(HitlAction action, int needed)
{
	return needed > 1 ? NULL : hitl_outcome_name(hitl_outcome_of(action));
}

/* the same, of the verdict just read */
static const char *
earlier_outcome(HitlAction action)
{
	char	   *kind = hitl_spi_string(0, COL_KIND);
	char	   *outcome = hitl_spi_string(0, COL_OUTCOME);
	NameData	workflow;
	pg_uuid_t	decision;
	int32		version;
	int			needed;
	bool		isnull;

	if (strcmp(kind, hitl_kind_name(HITL_KIND_OVERLAP)) != 0 &&
		strcmp(kind, hitl_kind_name(HITL_KIND_GOLD)) != 0)
		return outcome;
	hitl_spi_name(0, COL_WORKFLOW, &workflow);
	version = hitl_spi_int32(0, COL_POLICY_VERSION, 0);
	decision = *DatumGetUUIDP(hitl_spi_value(0, COL_DECISION, &isnull));
	needed = Max(hitl_policy_at(&workflow, version)->approvals,
				 hitl_votes_demanded(&decision));
	return hitl_pretended_outcome(action, needed);
}

/*
 * Whether the task ended as a copy with which this reviewer had to do.
 */
static bool
was_closed(const HitlGiven *given, const HitlActor *actor)
{
	Datum		arg = Int64GetDatum(given->task);
	char	   *queue;
	char	   *holder;

	hitl_spi_run(&closed_query, &arg, GetLatestSnapshot(), 1);
	if (SPI_processed == 0)
		return false;
	queue = hitl_spi_string(0, 1);
	holder = hitl_spi_string(0, 2);
	return (holder && strcmp(holder, NameStr(actor->reviewer->name)) == 0) ||
		(queue && hitl_is_member(actor->reviewer, queue));
}

/*
 * The reviewer does not hold the task (found; NULL: it is not there).
 * Succeeds if they gave this very verdict before; otherwise refuses by what is
 * due.  Whoever has no business with the queue hears the same as for a task
 * that never was.
 */
bool
hitl_answer_again(HitlRefusal *refusal, const HitlGiven *given,
				  const HitlActor *actor, const HitlTask *found,
				  const char **outcome)
{
	MemoryContext context = CurrentMemoryContext;
	const char *reviewer = NameStr(actor->reviewer->name);
	HitlSpi		spi;
	Datum		args[2];
	bool		mine;
	bool		theirs = false;
	bool		closed = false;
	bool		same;

	args[0] = Int64GetDatum(given->task);
	args[1] = CStringGetTextDatum(reviewer);
	hitl_spi_begin(&spi);
	hitl_spi_run(&earlier_query, args, GetLatestSnapshot(), 1);
	MemoryContextSwitchTo(context);
	mine = SPI_processed > 0 &&
		strcmp(hitl_spi_string(0, COL_REVIEWER), reviewer) == 0;
	/* what they have only handed on, they may not judge any more */
	if (found && mine && strcmp(hitl_spi_string(0, COL_ACTION),
								hitl_action_name(HITL_ESCALATE)) == 0)
		mine = false;
	same = mine && is_same(given);
	if (same)
		*outcome = earlier_outcome(given->action);
	if (!found && SPI_processed > 0)
		theirs = hitl_is_member(actor->reviewer, hitl_spi_string(0, COL_QUEUE));
	else if (!found)
		closed = was_closed(given, actor);
	hitl_spi_end(&spi);

	if (same)
		return true;
	if (found && mine)
		return hitl_refuse(refusal, ERRCODE_HITL_ALREADY_DECIDED, NULL, NULL,
						   "reviewer \"%s\" has judged task " INT64_FORMAT " already",
						   reviewer, given->task);
	if (closed)
		return hitl_refuse(refusal, ERRCODE_HITL_ALREADY_DECIDED, NULL, NULL,
						   "task " INT64_FORMAT " has ended with another copy of the review",
						   given->task);
	if (mine || theirs)
		return hitl_refuse(refusal, ERRCODE_HITL_ALREADY_DECIDED, NULL, NULL,
						   "task " INT64_FORMAT " is decided already",
						   given->task);
	return hitl_check_holder(refusal, given->task, found, actor,
							 given->has_lease ? &given->lease : NULL,
							 DT_NOEND);
}
