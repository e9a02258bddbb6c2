/*
 * verdict.c
 *		Approve, reject, amend: the only way out of the queue.
 *
 * A verdict counts only from the holder, with the token of the live claim if
 * one is given, before the lease ends by the database's clock, and for what
 * was shown at the claim.  All that is looked at on the row version that the
 * transition then removes or changes; if the row has changed meanwhile, it is
 * looked at again.
 *
 * Nothing is written before all that can be refused has been looked at, so a
 * refusal leaves nothing behind (see refusal.c).  That holds for the lease too:
 * the row is won at once, or waited for before the clock is read.
 */
#include "hitl.h"

#include "access/tableam.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/snapmgr.h"

#include "again.h"
#include "cache.h"
#include "decision.h"
#include "demand.h"
#include "diff.h"
#include "digest.h"
#include "judgment.h"
#include "people.h"
#include "policy.h"
#include "task.h"
#include "text.h"
#include "verdict.h"
#include "votes.h"

/* longest note or explanation, in bytes: it is read by people */
#define MAX_NOTE	65536

PG_FUNCTION_INFO_V1(hitl_approve);
PG_FUNCTION_INFO_V1(hitl_reject);
PG_FUNCTION_INFO_V1(hitl_amend);

static HitlQuery gold_query = {
	.text =
	"SELECT hitl.gold_pause($1, $2)",
	.nargs = 2,
	.argtypes = {TEXTOID, TEXTOID}
};

bool
hitl_is_blank(text *value)
{
	return value == NULL ||
		hitl_only_spaces(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
}

bool
hitl_same_json(Jsonb *a, Jsonb *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return DatumGetBool(DirectFunctionCall2(jsonb_eq, JsonbPGetDatum(a),
											JsonbPGetDatum(b)));
}

/*
 * What is given
 */

static bool
check_code(HitlRefusal *refusal, HitlAction action, text *given,
		   const HitlWorkflow *workflow)
{
	Datum	   *elems;
	int			nelems;
	StringInfoData list;
	char	   *code;

	if (hitl_is_blank(given))
		return hitl_refuse(refusal, ERRCODE_INVALID_PARAMETER_VALUE, NULL,
						   "The codes are in the packet and in hitl.decision_code.",
						   "verdict \"%s\" needs a decision code",
						   hitl_action_name(action));
	code = text_to_cstring(given);
	initStringInfo(&list);
	if (workflow != NULL)
	{
		deconstruct_array(DatumGetArrayTypeP(workflow->codes), TEXTOID, -1,
						  false, TYPALIGN_INT, &elems, NULL, &nelems);
		for (int i = 0; i < nelems; i++)
		{
			char	   *known = TextDatumGetCString(elems[i]);

			if (strcmp(known, code) == 0)
				return true;
			appendStringInfo(&list, "%s%s", i > 0 ? ", " : "", known);
		}
	}
	return hitl_refuse(refusal, ERRCODE_INVALID_PARAMETER_VALUE, NULL,
					   psprintf("Use one of: %s.", list.data),
					   "decision code \"%s\" does not exist", hitl_clip(code));
}

void
hitl_check_code(HitlAction action, text *given, const HitlWorkflow *workflow)
{
	(void) check_code(NULL, action, given, workflow);
}

static bool
check_length(HitlRefusal *refusal, const char *what, const char *hint,
			 text *given)
{
	if (given == NULL || VARSIZE_ANY_EXHDR(given) <= MAX_NOTE)
		return true;
	return hitl_refuse(refusal, ERRCODE_STRING_DATA_RIGHT_TRUNCATION, NULL,
					   psprintf(hint, MAX_NOTE),
					   "the %s has %zu bytes", what,
					   (size_t) VARSIZE_ANY_EXHDR(given));
}

static bool
check_note(HitlRefusal *refusal, HitlAction action, text *note, bool needed)
{
	if (!check_length(refusal, "note", "A note has at most %d bytes.", note))
		return false;
	return !needed || !hitl_is_blank(note) ||
		hitl_refuse(refusal, ERRCODE_INVALID_PARAMETER_VALUE, NULL,
					"Say in a few words what is wrong.",
					"verdict \"%s\" needs a note", hitl_action_name(action));
}

void
hitl_check_note(HitlAction action, text *note, bool needed)
{
	(void) check_note(NULL, action, note, needed);
}

/*
 * What can be said of the arguments alone.
 */
static bool
check_given(HitlRefusal *refusal, const HitlGiven *given)
{
	if (given->action != HITL_APPROVE && hitl_is_blank(given->code))
		return check_code(refusal, given->action, given->code, NULL);
	if (!check_note(refusal, given->action, given->note,
					given->action != HITL_APPROVE) ||
		!check_length(refusal, "explanation",
					  "An explanation has at most %d bytes.",
					  given->explanation))
		return false;
	return given->action != HITL_AMEND || given->output != NULL ||
		hitl_refuse(refusal, ERRCODE_INVALID_PARAMETER_VALUE, NULL,
					"Give what the output should have been.",
					"verdict \"amend\" needs an output");
}

/*
 * What the verdict is on
 */

static bool
check_person(HitlRefusal *refusal, const HitlActor *actor,
			 const HitlTask *task)
{
	const HitlReviewer *absent = NULL;
	bool		own = hitl_task_is_own(task, actor);

	if (!own && NameStr(task->on_behalf_of)[0] != '\0')
		absent = hitl_reviewer(NameStr(task->on_behalf_of));
	if (absent)
	{
		HitlActor	other = hitl_actor_of(absent);

		own = hitl_task_is_own(task, &other);
	}
	if (own)
		return hitl_refuse(refusal, ERRCODE_HITL_SELF_REVIEW, NULL,
						   "Release it to somebody else.",
						   "who acts for reviewer \"%s\" submitted the decision of task " INT64_FORMAT,
						   NameStr(actor->reviewer->name), task->id);
	if (task->excluded &&
		hitl_names_has(task->excluded, NameStr(actor->reviewer->name)))
		return hitl_refuse(refusal, ERRCODE_HITL_SELF_REVIEW, NULL,
						   "Release it to somebody else.",
						   "reviewer \"%s\" has judged or handed on task " INT64_FORMAT " before",
						   NameStr(actor->reviewer->name), task->id);
	return true;
}

/*
 * What was shown must still be there.  An amendment that changes nothing is
 * an approval, and would count as an error of the AI.
 */
static bool
check_packet(HitlRefusal *refusal, const HitlGiven *given,
			 const HitlTask *task, HitlTransition *transition)
{
	Snapshot	snapshot;
	HitlDecision decision;
	Jsonb	   *proposed = NULL;
	bytea	   *hash = NULL;

	if (task->packet_hash == NULL && given->action != HITL_AMEND)
		return true;
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	if (hitl_decision_open(&decision, &task->decision, snapshot))
	{
		hash = hitl_packet_hash_of(&decision.row);
		if (given->action == HITL_AMEND &&
			!decision.row.isnull[HITL_KEY_OUTPUT])
			proposed = DatumGetJsonbPCopy(decision.row.value[HITL_KEY_OUTPUT]);
		hitl_decision_close(&decision);
	}
	UnregisterSnapshot(snapshot);

	if (task->packet_hash &&
		(hash == NULL || VARSIZE_ANY(hash) != VARSIZE_ANY(task->packet_hash) ||
		 memcmp(hash, task->packet_hash, VARSIZE_ANY(hash)) != 0))
		return hitl_refuse(refusal, ERRCODE_HITL_PAYLOAD_DIFFERS, NULL,
						   "Release it, claim it again and look at it anew.",
						   "the decision of task " INT64_FORMAT " is not what was shown at the claim",
						   task->id);
	if (given->action != HITL_AMEND)
		return true;
	if (hitl_same_json(proposed, given->output))
		return hitl_refuse(refusal, ERRCODE_INVALID_PARAMETER_VALUE, NULL,
						   "Approve the task instead.",
						   "the amended output of task " INT64_FORMAT " is the proposed one",
						   task->id);
	transition->delta = hitl_diff_of(proposed, given->output);
	return true;
}

/*
 * Whether the verdict is lawful for the task, which the actor holds or is
 * about to hold, and what it will leave behind.
 */
static bool
check_lawful(HitlRefusal *refusal, const HitlGiven *given,
			 const HitlActor *actor, const HitlTask *task,
			 HitlTransition *transition)
{
	if (!check_given(refusal, given) ||
		!check_person(refusal, actor, task))
		return false;
	if (task->blind && task->judgment == NULL)
		return hitl_refuse(refusal, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
						   "The proposal is withheld until then.",
						   "Store your own judgment by hitl.judge().",
						   "task " INT64_FORMAT " is not judged yet", task->id);
	if (task->blind && hitl_judged_just_now(task->id))
		return hitl_refuse(refusal, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
						   "The proposal is withheld until then.",
						   "Commit, and look at the proposal by hitl.packet().",
						   "the judgment of task " INT64_FORMAT " is not committed yet",
						   task->id);
	if (given->code &&
		!check_code(refusal, given->action, given->code,
					hitl_workflow(NameStr(task->workflow),
								  strlen(NameStr(task->workflow)))))
		return false;
	transition->actor = *actor;
	transition->on_behalf_of = task->on_behalf_of;
	transition->action = given->action;
	transition->outcome = hitl_outcome_of(given->action);
	transition->output = given->output;
	transition->code = given->code;
	transition->note = given->note;
	transition->explanation = given->explanation;
	transition->scores = given->scores;
	transition->like_task = given->like_task;
	return hitl_check_demands(refusal,
							  hitl_policy_at(&task->workflow,
											 task->policy_version),
							  given, actor, task, transition) &&
		check_packet(refusal, given, task, transition);
}

/*
 * Giving it
 */

/* a verdict on its way */
typedef struct Giving
{
	HitlDesk	desk;
	HitlTask	task;
	HitlTransition transition;
	int			needed;			/* persons who must agree */
	HitlCopies	closed;			/* copies that end with it */
	bool		locked;			/* the decision */
	bool		won;			/* the row, after waiting for it */
} Giving;

/* whether a verdict on it never settles the outcome */
static bool
is_measured(const HitlTask *task)
{
	return task->kind == HITL_KIND_OVERLAP || task->kind == HITL_KIND_GOLD;
}

/*
 * What the verdict does to the task.  False also if the decision had to be
 * locked first; then everything is looked at anew.
 */
static bool
choose_act(HitlRefusal *refusal, Giving *g, Snapshot snapshot, bool *again)
{
	const HitlPolicy *policy;

	*again = false;
	g->closed.n = 0;
	g->transition.act = HITL_ACT_DECIDE;
	if (is_measured(&g->task))
		g->transition.act = HITL_ACT_CAST;
	policy = hitl_policy_at(&g->task.workflow, g->task.policy_version);
	g->needed = Max(policy->approvals, g->task.approvals);
	if (!hitl_votes_needed(&g->task, policy))
		return true;
	if (!g->locked)
	{
		hitl_decision_lock(&g->task.decision);
		g->locked = *again = true;
		return false;
	}
	return hitl_votes_count(refusal, &g->desk, &g->task, policy,
							&g->transition, snapshot, &g->closed);
}

bool
hitl_verdict_may(HitlRefusal *refusal, const HitlGiven *given,
				 const HitlActor *actor, const HitlTask *task)
{
	Giving		g = {.task = *task};
	bool		again;
	bool		may;

	if (!check_lawful(refusal, given, actor, task, &g.transition))
		return false;
	hitl_desk_open(&g.desk);
	do
	{
		Snapshot	snapshot = RegisterSnapshot(GetTransactionSnapshot());

		may = choose_act(refusal, &g, snapshot, &again);
		UnregisterSnapshot(snapshot);
	} while (again);
	hitl_desk_close(&g.desk);
	return may;
}

/*
 * Waits for whoever is at the row, and keeps others from it.  What has become
 * of it the caller sees anew.
 */
static bool
wait_for_row(Giving *g, Snapshot snapshot)
{
	Relation	rel = g->desk.task->rel;
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	TM_FailureData tmfd;
	TM_Result	result;

	result = table_tuple_lock(rel, &g->task.tid, snapshot, slot,
							  GetCurrentCommandId(true),
							  LockTupleExclusive, LockWaitBlock, 0, &tmfd);
	ExecDropSingleTupleTableSlot(slot);
	return result == TM_Ok;
}

/*
 * One attempt.  *done is false if it must be repeated.
 */
static bool
attempt(HitlRefusal *refusal, const HitlGiven *given, const HitlActor *actor,
		Giving *g, Snapshot snapshot, const char **outcome, bool *again,
		bool *done)
{
	const int64 *lease = given->has_lease ? &given->lease : NULL;
	bool		found = hitl_task_find(&g->desk, given->task, snapshot,
									   &g->task);
	bool		repeat;

	*done = true;
	*again = false;
	memset(&g->transition, 0, sizeof(g->transition));
	if (!found || !hitl_task_is_mine(&g->task, actor, lease))
	{
		*again = true;
		return hitl_answer_again(refusal, given, actor,
								 found ? &g->task : NULL, outcome);
	}
	g->transition.now = GetCurrentTimestamp();
	if (!hitl_check_holder(refusal, given->task, &g->task, actor, lease,
						   g->transition.now) ||
		!check_lawful(refusal, given, actor, &g->task, &g->transition))
		return false;
	if (!choose_act(refusal, g, snapshot, &repeat))
	{
		*done = !repeat;
		return repeat;
	}

	g->transition.won = true;
	switch (hitl_task_apply(&g->desk, &g->task, &g->transition, snapshot,
							g->won))
	{
		case HITL_WRITTEN:
			break;
		case HITL_BUSY:
			g->won = wait_for_row(g, snapshot);
			*done = false;
			return true;
		case HITL_MOVED:
			g->won = false;
			*done = false;
			return true;
	}
	if (g->transition.act == HITL_ACT_DECIDE)
		*outcome = hitl_outcome_name(g->transition.outcome);
	else if (is_measured(&g->task))
		*outcome = hitl_pretended_outcome(given->action, g->needed);
	else
		*outcome = NULL;
	return true;
}

/*
 * One person less is left for the other copies of a review.
 */
static void
check_copies(const HitlTask *task)
{
	Snapshot	snapshot;
	HitlDesk	desk;
	HitlTask   *copies;
	int			n;

	CommandCounterIncrement();
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	hitl_desk_open(&desk);
	n = hitl_tasks_of(&desk, &task->decision, snapshot, &copies);
	hitl_desk_close(&desk);
	UnregisterSnapshot(snapshot);
	for (int i = 0; i < n; i++)
	{
		if (!copies[i].held)
			hitl_task_check_stuck(&copies[i]);
	}
}

/*
 * What follows from a verdict that is written.
 */
static void
follow_up(Giving *g)
{
	bool		gold = g->task.kind == HITL_KIND_GOLD;

	if (g->closed.n > 0)
	{
		CommandCounterIncrement();
		hitl_copies_close(&g->desk, &g->closed, &g->transition.actor);
	}
	hitl_desk_close(&g->desk);
	if (g->transition.act == HITL_ACT_PROPOSE)
		hitl_task_check_stuck(&g->task);
	if (g->transition.act == HITL_ACT_CAST && g->task.panel > 1)
		check_copies(&g->task);
	if (gold)
	{
		HitlSpi		spi;
		Datum		args[2];

		args[0] = CStringGetTextDatum(NameStr(g->transition.actor.reviewer->name));
		args[1] = CStringGetTextDatum(NameStr(g->task.queue));
		hitl_spi_begin(&spi);
		hitl_spi_write(&gold_query, args);
		hitl_spi_end(&spi);
	}
}

bool
hitl_verdict_give(HitlRefusal *refusal, const HitlGiven *given,
				  const HitlActor *actor, const char **outcome, bool *again)
{
	Giving		g = {0};
	bool		lawful;
	bool		done;

	if (!check_given(refusal, given))
		return false;
	hitl_desk_open(&g.desk);
	do
	{
		Snapshot	snapshot;

		CHECK_FOR_INTERRUPTS();
		snapshot = RegisterSnapshot(GetTransactionSnapshot());
		lawful = attempt(refusal, given, actor, &g, snapshot, outcome, again,
						 &done);
		UnregisterSnapshot(snapshot);
	} while (lawful && !done);
	if (lawful && !*again)
		follow_up(&g);
	else
		hitl_desk_close(&g.desk);
	return lawful;
}

/*
 * The SQL functions
 */

static Datum
give(FunctionCallInfo fcinfo, HitlGiven *given, int note, int reviewer)
{
	HitlActor	actor = hitl_actor_from(hitl_text_arg(fcinfo, reviewer));
	int			lease = reviewer + 1;
	const char *outcome;
	bool		again;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the task must not be null")));
	given->task = PG_GETARG_INT64(0);
	given->note = hitl_text_arg(fcinfo, note);
	given->has_lease = !PG_ARGISNULL(lease);
	if (given->has_lease)
		given->lease = PG_GETARG_INT64(lease);
	(void) hitl_verdict_give(NULL, given, &actor, &outcome, &again);
	if (outcome == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(outcome));
}

/* (task, note, reviewer, lease, scores) */
Datum
hitl_approve(PG_FUNCTION_ARGS)
{
	HitlGiven	given = {.action = HITL_APPROVE};

	given.scores = PG_ARGISNULL(4) ? NULL : PG_GETARG_JSONB_P(4);
	return give(fcinfo, &given, 1, 2);
}

/* (task, code, note, reviewer, lease, explanation, scores) */
Datum
hitl_reject(PG_FUNCTION_ARGS)
{
	HitlGiven	given = {.action = HITL_REJECT};

	given.code = hitl_text_arg(fcinfo, 1);
	given.explanation = hitl_text_arg(fcinfo, 5);
	given.scores = PG_ARGISNULL(6) ? NULL : PG_GETARG_JSONB_P(6);
	return give(fcinfo, &given, 2, 3);
}

/* (task, output, code, note, reviewer, lease, explanation, scores) */
Datum
hitl_amend(PG_FUNCTION_ARGS)
{
	HitlGiven	given = {.action = HITL_AMEND};

	given.output = PG_ARGISNULL(1) ? NULL : PG_GETARG_JSONB_P(1);
	given.code = hitl_text_arg(fcinfo, 2);
	given.explanation = hitl_text_arg(fcinfo, 6);
	given.scores = PG_ARGISNULL(7) ? NULL : PG_GETARG_JSONB_P(7);
	return give(fcinfo, &given, 3, 4);
}
