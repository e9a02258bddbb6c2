/*
 * override.c
 *		Veto and correct: people stop or undo what was decided.
 *
 * Neither needs a claim.  A veto stops a proposal before or shortly after it
 * takes effect: one that is open to a veto, by a reviewer of its queue or a
 * lead; one that waits for review, by a lead.  A correction reverses or
 * replaces an outcome at any later time, and needs the tier that decided.  Both
 * are final verdicts like others and supersede earlier ones; nothing is taken
 * back from the record.
 *
 * If the decision has an open task, it ends here too, through the one
 * transition function, whoever holds it.  Overrides of one decision come one
 * after the other, so each sees what the one before has made of it.
 */
#include "hitl.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/snapmgr.h"

#include "cache.h"
#include "decision.h"
#include "judge.h"
#include "people.h"
#include "policy.h"
#include "task.h"
#include "text.h"
#include "verdict.h"
#include "votes.h"

PG_FUNCTION_INFO_V1(hitl_veto);
PG_FUNCTION_INFO_V1(hitl_correct);

static HitlQuery decision_query = {
	.text =
	"SELECT d.workflow, d.route, d.created_at, d.created_by, d.output,"
	"       p.veto_window, v.outcome, v.output, v.action, v.reviewer, v.code,"
	"       v.note, v.id,"
	"       COALESCE((SELECT t.queue FROM hitl.verdict t"
	"                  WHERE t.decision OPERATOR(pg_catalog.=) d.id"
	"                    AND t.kind OPERATOR(pg_catalog.<>) 'gold'"
	"                  ORDER BY t.id DESC LIMIT 1),"
	"                (SELECT e.detail OPERATOR(pg_catalog.->>) 'queue'"
	"                   FROM hitl.event e"
	"                  WHERE e.decision OPERATOR(pg_catalog.=) d.id"
	"                    AND e.kind OPERATOR(pg_catalog.=) 'veto_window_over'"
	"                  ORDER BY e.id DESC LIMIT 1)),"
	"       GREATEST((SELECT pg_catalog.max(r.tier) FROM hitl.verdict t"
	"                   JOIN hitl.reviewer r"
	"                     ON r.name OPERATOR(pg_catalog.=) t.reviewer"
	"                  WHERE t.decision OPERATOR(pg_catalog.=) d.id"
	"                    AND t.kind IS DISTINCT FROM 'gold'),"
	"                (SELECT pg_catalog.max((e.detail"
	"                          OPERATOR(pg_catalog.->>) 'tier')::pg_catalog.int4)"
	"                   FROM hitl.event e"
	"                  WHERE e.decision OPERATOR(pg_catalog.=) d.id"
	"                    AND e.kind OPERATOR(pg_catalog.=) 'escalated'),"
	"                (SELECT pg_catalog.max(r.tier)"
	"                   FROM pg_catalog.jsonb_array_elements(d.reasons) x"
	"                   JOIN hitl.rule r"
	"                     ON r.workflow OPERATOR(pg_catalog.=) d.workflow"
	"                    AND r.version OPERATOR(pg_catalog.=) d.policy_version"
	"                    AND r.name OPERATOR(pg_catalog.=)"
	"                        (x OPERATOR(pg_catalog.->>) 'rule')))"
	"  FROM hitl.decision d"
	"  LEFT JOIN hitl.policy p"
	"    ON p.workflow OPERATOR(pg_catalog.=) d.workflow"
	"   AND p.version OPERATOR(pg_catalog.=) d.policy_version"
	"  LEFT JOIN LATERAL"
	"       (SELECT id, outcome, output, action, reviewer, code, note"
	"          FROM hitl.verdict"
	"         WHERE decision OPERATOR(pg_catalog.=) d.id AND final"
	"         ORDER BY id DESC LIMIT 1) v ON true"
	" WHERE d.id OPERATOR(pg_catalog.=) $1",
	.nargs = 1,
	.argtypes = {UUIDOID}
};

/* the columns of decision_query */
enum
{
	COL_WORKFLOW = 1, COL_ROUTE, COL_CREATED_AT, COL_CREATED_BY, COL_OUTPUT,
	COL_VETO_WINDOW, COL_OUTCOME, COL_NEW_OUTPUT, COL_ACTION, COL_REVIEWER,
	COL_CODE, COL_NOTE, COL_VERDICT, COL_QUEUE, COL_TIER
};

/* a decision and what has become of it so far */
typedef struct State
{
	NameData	workflow;
	char	   *route;
	char	   *created_by;
	TimestampTz veto_until;
	Jsonb	   *proposed;		/* by the AI; NULL: nothing */
	int32		tier;			/* the greatest demanded, or of who decided */
	char	   *queue;			/* of its last task; NULL: none that ended */
	int64		verdict;		/* the latest; 0: none */
	char	   *outcome;
	char	   *action;
	char	   *reviewer;
	text	   *code;
	text	   *note;
	Jsonb	   *new_output;		/* of that verdict; NULL: none */
	Jsonb	   *output;			/* in effect; NULL: none */
} State;

/* what somebody wants of it */
typedef struct Wanted
{
	HitlAction	action;
	HitlOutcome outcome;
	pg_uuid_t	decision;
	Jsonb	   *output;
	text	   *code;
	text	   *note;
} Wanted;

static char *
id_text(const pg_uuid_t *id)
{
	return DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(id)));
}

static Jsonb *
json_column(int number)
{
	bool		isnull;
	Datum		value = hitl_spi_value(0, number, &isnull);

	return isnull ? NULL : DatumGetJsonbPCopy(value);
}

static text *
text_column(int number)
{
	bool		isnull;
	Datum		value = hitl_spi_value(0, number, &isnull);

	return isnull ? NULL : DatumGetTextPCopy(value);
}

static void
read_state(const pg_uuid_t *id, Snapshot snapshot, State *state)
{
	HitlSpi		spi;
	Datum		arg = UUIDPGetDatum(id);
	MemoryContext context = CurrentMemoryContext;
	Datum		value;
	Datum		created_at;
	bool		isnull;

	memset(state, 0, sizeof(*state));
	hitl_spi_begin(&spi);
	hitl_spi_run(&decision_query, &arg, snapshot, 1);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_NO_DATA_FOUND),
				 errmsg("decision %s does not exist", id_text(id))));
	MemoryContextSwitchTo(context);
	namestrcpy(&state->workflow, hitl_spi_string(0, COL_WORKFLOW));
	state->route = hitl_spi_string(0, COL_ROUTE);
	state->created_by = pstrdup(NameStr(*DatumGetName(hitl_spi_value(0, COL_CREATED_BY,
																	 &isnull))));
	created_at = hitl_spi_value(0, COL_CREATED_AT, &isnull);
	value = hitl_spi_value(0, COL_VETO_WINDOW, &isnull);
	state->veto_until = isnull ? DT_NOBEGIN :
		DatumGetTimestampTz(DirectFunctionCall2(timestamp_pl_interval,
												created_at, value));
	state->outcome = hitl_spi_string(0, COL_OUTCOME);
	state->action = hitl_spi_string(0, COL_ACTION);
	state->reviewer = hitl_spi_string(0, COL_REVIEWER);
	state->code = text_column(COL_CODE);
	state->note = text_column(COL_NOTE);
	state->new_output = json_column(COL_NEW_OUTPUT);
	state->proposed = json_column(COL_OUTPUT);
	state->output = state->outcome && strcmp(state->outcome, "amended") == 0 ?
		state->new_output : state->proposed;
	value = hitl_spi_value(0, COL_VERDICT, &isnull);
	state->verdict = isnull ? 0 : DatumGetInt64(value);
	state->queue = hitl_spi_string(0, COL_QUEUE);
	state->tier = hitl_spi_int32(0, COL_TIER, 1);
	hitl_spi_end(&spi);
}

static bool
has_route(const State *state, HitlRoute route)
{
	return strcmp(state->route, hitl_route_name(route)) == 0;
}

/* the outcome in effect, or NULL while there is none */
static const char *
outcome_now(const State *state)
{
	if (state->outcome)
		return state->outcome;
	if (has_route(state, HITL_AUTO_APPROVE) || has_route(state, HITL_MONITOR))
		return hitl_outcome_name(HITL_APPROVED);
	if (has_route(state, HITL_AUTO_REJECT))
		return hitl_outcome_name(HITL_REJECTED);
	return NULL;
}

/*
 * The task that ends with the override, and the copies that close with it.
 * What only measures people goes on.
 */
static bool
find_task(HitlDesk *desk, const pg_uuid_t *decision, Snapshot snapshot,
		  HitlTask *task, HitlCopies *copies)
{
	HitlTask   *tasks;
	int			n = hitl_tasks_of(desk, decision, snapshot, &tasks);
	bool		found = false;

	copies->n = 0;
	copies->copy = tasks;
	for (int i = 0; i < n; i++)
	{
		HitlTask	one = tasks[i];

		if (one.kind == HITL_KIND_OVERLAP || one.kind == HITL_KIND_GOLD)
			continue;
		if (found)
			copies->copy[copies->n++] = one;
		else
			*task = one;
		found = true;
	}
	return found;
}

/*
 * Persons
 */

pg_noreturn static void
raise_waits(const Wanted *wanted)
{
	ereport(ERROR,
			(errcode(ERRCODE_HITL_NOT_ELIGIBLE),
			 errmsg("decision %s waits for review", id_text(&wanted->decision)),
			 errhint("Claim its task, or leave the veto to a lead.")));
}

pg_noreturn static void
raise_no_outcome(const Wanted *wanted, bool shadow)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("decision %s has no outcome to correct",
					id_text(&wanted->decision)),
			 shadow ?
			 errhint("In mode \"shadow\" nothing takes effect.") :
			 errhint("It waits for review: claim its task, or veto it.")));
}

static void
check_person(const HitlActor *actor, const Wanted *wanted, const State *state,
			 const HitlTask *task)
{
	const HitlWorkflow *w = hitl_workflow(NameStr(state->workflow),
										  strlen(NameStr(state->workflow)));
	const char *queue;
	int32		tier;
	int32		own_tier;

	if (hitl_actor_is(actor, state->created_by) ||
		(task && hitl_task_is_own(task, actor)))
		ereport(ERROR,
				(errcode(ERRCODE_HITL_SELF_REVIEW),
				 errmsg("who acts submitted decision %s",
						id_text(&wanted->decision)),
				 errhint("Leave it to somebody else.")));
	/*
	 * To stop needs no tier.  To let pass needs the one that a rule demanded,
	 * or that of whoever decided, from leads too.
	 */
	tier = task ? Max(task->tier, state->tier) : state->tier;
	own_tier = actor->reviewer ? actor->reviewer->tier : 1;
	if (own_tier < tier &&
		(wanted->outcome != HITL_REJECTED ||
		 (wanted->action == HITL_CORRECT && !hitl_is_lead(actor))))
		ereport(ERROR,
				(errcode(ERRCODE_HITL_NOT_ELIGIBLE),
				 errmsg("\"%s\" has tier %d, and decision %s needs tier %d",
						actor->reviewer ? NameStr(actor->reviewer->name) :
						NameStr(actor->role[0]), own_tier,
						id_text(&wanted->decision), tier),
				 errhint("Leave it to a reviewer of that tier.")));
	if (hitl_is_lead(actor))
		return;

	/* where it is, or was decided, or would have gone */
	if (task)
		queue = NameStr(task->queue);
	else if (state->queue)
		queue = state->queue;
	else
		queue = w ? NameStr(*hitl_queue_of(w, w->policy)) : "";
	if (!hitl_is_member(actor->reviewer, queue))
		ereport(ERROR,
				(errcode(ERRCODE_HITL_NOT_ELIGIBLE),
				 errmsg("reviewer \"%s\" is not a member of queue \"%s\" of decision %s",
						NameStr(actor->reviewer->name), queue,
						id_text(&wanted->decision)),
				 errhint("An admin lets them join by hitl.join_queue(), or a lead does it.")));
}

/*
 * Who holds a task that withholds something (a known answer, a second look, a
 * judgment not given yet) hears what they would of any review that waits.
 */
static void
check_withheld(HitlDesk *desk, const HitlActor *actor, const Wanted *wanted,
			   Snapshot snapshot)
{
	HitlTask   *tasks;
	int			n;

	if (actor->reviewer == NULL)
		return;
	n = hitl_tasks_of(desk, &wanted->decision, snapshot, &tasks);
	for (int i = 0; i < n; i++)
	{
		if (!hitl_task_is_mine(&tasks[i], actor, NULL) ||
			(tasks[i].kind != HITL_KIND_GOLD &&
			 tasks[i].kind != HITL_KIND_OVERLAP &&
			 (!tasks[i].blind || tasks[i].judgment != NULL)))
			continue;
		if (wanted->action == HITL_VETO)
			raise_waits(wanted);
		raise_no_outcome(wanted, false);
	}
}

/*
 * A veto makes the outcome "rejected".
 */
static void
check_veto(const HitlActor *actor, const Wanted *wanted, const State *state,
		   TimestampTz now)
{
	const char *id = id_text(&wanted->decision);

	if (state->outcome)
		ereport(ERROR,
				(errcode(ERRCODE_HITL_ALREADY_DECIDED),
				 errmsg("decision %s is %s already", id, state->outcome),
				 strcmp(state->outcome,
						hitl_outcome_name(HITL_WITHDRAWN)) == 0 ? 0 :
				 errhint("hitl.correct() reverses an outcome.")));
	if (has_route(state, HITL_REVIEW))
	{
		if (!hitl_is_lead(actor))
			raise_waits(wanted);
		return;
	}
	if (!has_route(state, HITL_MONITOR))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("decision %s is not open to a veto: its route was \"%s\"",
						id, state->route),
				 has_route(state, HITL_OBSERVE) ?
				 errhint("In mode \"shadow\" nothing takes effect.") :
				 errhint("hitl.correct() reverses an outcome.")));
	if (now >= state->veto_until)
		ereport(ERROR,
				(errcode(ERRCODE_HITL_ALREADY_DECIDED),
				 errmsg("the time for a veto of decision %s is over", id),
				 errdetail("It ended at %s.",
						   timestamptz_to_str(state->veto_until)),
				 errhint("hitl.correct() reverses an outcome.")));
}

/*
 * A correction says which outcome is right, so that two people who undo the
 * same wrong one do not undo each other.
 */
static void
check_correction(const Wanted *wanted, const State *state)
{
	const char *id = id_text(&wanted->decision);
	const char *outcome = outcome_now(state);

	if (outcome && strcmp(outcome, hitl_outcome_name(HITL_WITHDRAWN)) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("decision %s was withdrawn by \"%s\"", id,
						state->reviewer),
				 errhint("There is nothing to correct; the application may insert it anew.")));
	if (outcome == NULL)
		raise_no_outcome(wanted, has_route(state, HITL_OBSERVE));
	if (wanted->outcome == HITL_AMENDED)
	{
		if (hitl_same_json(state->proposed, wanted->output))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("the corrected output of decision %s is the proposed one", id),
					 errhint("Leave the output NULL and give outcome => 'approved'.")));
		if (strcmp(outcome, hitl_outcome_name(HITL_AMENDED)) != 0 ||
			!hitl_same_json(state->output, wanted->output))
			return;
	}
	else if (strcmp(outcome, hitl_outcome_name(wanted->outcome)) != 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_HITL_ALREADY_DECIDED),
			 errmsg("decision %s is %s already", id, outcome),
			 wanted->outcome == HITL_REJECTED ?
			 errhint("To reverse a rejection give outcome => 'approved'.") : 0));
}

/*
 * Whether the latest verdict is this very one: a repetition gets its answer
 * again.
 */
static bool
was_given(const HitlActor *actor, const Wanted *wanted, const State *state)
{
	const char *name = actor->reviewer ?
		NameStr(actor->reviewer->name) : NameStr(actor->role[0]);

	return state->action != NULL &&
		strcmp(state->action, hitl_action_name(wanted->action)) == 0 &&
		strcmp(state->reviewer, name) == 0 &&
		hitl_same_text(state->code, wanted->code) &&
		hitl_same_text(state->note, wanted->note) &&
		strcmp(state->outcome, hitl_outcome_name(wanted->outcome)) == 0 &&
		hitl_same_json(state->new_output, wanted->output);
}

/*
 * What is decided is seen as it is now.  A transaction that keeps an older
 * snapshot must not decide over what it cannot see.
 */
static void
check_snapshot(const Wanted *wanted, const State *state, Snapshot snapshot)
{
	State		before;

	if (!IsolationUsesXactSnapshot())
		return;
	read_state(&wanted->decision, snapshot, &before);
	if (before.verdict != state->verdict)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not serialize access due to concurrent update"),
				 errhint("Repeat the transaction.")));
}

static text *
override(const Wanted *wanted, text *reviewer)
{
	HitlActor	actor = hitl_actor_or_lead(reviewer);
	HitlTransition transition = {0};
	HitlDesk	desk;
	HitlWrite	written;

	transition.act = HITL_ACT_OVERRIDE;
	transition.actor = actor;
	transition.action = wanted->action;
	transition.outcome = wanted->outcome;
	transition.output = wanted->output;
	transition.code = wanted->code;
	transition.note = wanted->note;

	PreventCommandIfReadOnly("a verdict");
	hitl_decision_lock(&wanted->decision);
	hitl_desk_open(&desk);
	do
	{
		Snapshot	snapshot;
		HitlTask	task;
		HitlCopies	copies;
		State		state;
		bool		has_task;

		CHECK_FOR_INTERRUPTS();
		snapshot = RegisterSnapshot(GetTransactionSnapshot());
		transition.now = GetCurrentTimestamp();
		read_state(&wanted->decision, GetLatestSnapshot(), &state);
		has_task = find_task(&desk, &wanted->decision, snapshot, &task,
							 &copies);
		check_withheld(&desk, &actor, wanted, snapshot);
		check_person(&actor, wanted, &state, has_task ? &task : NULL);
		if (was_given(&actor, wanted, &state))
		{
			UnregisterSnapshot(snapshot);
			hitl_desk_close(&desk);
			return cstring_to_text(state.outcome);
		}
		check_snapshot(wanted, &state, snapshot);
		if (wanted->action == HITL_VETO)
			check_veto(&actor, wanted, &state, transition.now);
		else
		{
			hitl_check_code(wanted->action, wanted->code,
							hitl_workflow(NameStr(state.workflow),
										  strlen(NameStr(state.workflow))));
			check_correction(wanted, &state);
		}
		written = HITL_WRITTEN;
		if (has_task)
			written = hitl_task_apply(&desk, &task, &transition, snapshot, true);
		else
		{
			memset(&task, 0, sizeof(task));
			task.decision = wanted->decision;
			task.workflow = state.workflow;
			hitl_verdict_write(&desk, &task, &transition);
		}
		if (written == HITL_WRITTEN)
			hitl_copies_close(&desk, &copies, &actor);
		UnregisterSnapshot(snapshot);
	} while (written != HITL_WRITTEN);
	hitl_desk_close(&desk);
	return cstring_to_text(hitl_outcome_name(transition.outcome));
}

static void
decision_arg(FunctionCallInfo fcinfo, Wanted *wanted)
{
	memset(wanted, 0, sizeof(*wanted));
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the decision must not be null")));
	wanted->decision = *PG_GETARG_UUID_P(0);
}

/* decision, note, reviewer */
Datum
hitl_veto(PG_FUNCTION_ARGS)
{
	Wanted		wanted;

	decision_arg(fcinfo, &wanted);
	wanted.action = HITL_VETO;
	wanted.outcome = HITL_REJECTED;
	wanted.note = hitl_text_arg(fcinfo, 1);
	hitl_check_note(HITL_VETO, wanted.note, true);
	PG_RETURN_TEXT_P(override(&wanted, hitl_text_arg(fcinfo, 2)));
}

static HitlOutcome
outcome_arg(text *given, bool has_output)
{
	char	   *name;

	if (given == NULL)
		return has_output ? HITL_AMENDED : HITL_REJECTED;
	name = text_to_cstring(given);
	for (HitlOutcome outcome = HITL_APPROVED; outcome <= HITL_AMENDED; outcome++)
	{
		if (strcmp(name, hitl_outcome_name(outcome)) == 0 &&
			has_output == (outcome == HITL_AMENDED))
			return outcome;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("outcome \"%s\" is not possible %s an output",
					hitl_clip(name), has_output ? "with" : "without"),
			 errhint("With an output it is amended, without it is rejected or approved.")));
}

/* decision, output, code, note, reviewer, outcome */
Datum
hitl_correct(PG_FUNCTION_ARGS)
{
	Wanted		wanted;

	decision_arg(fcinfo, &wanted);
	wanted.action = HITL_CORRECT;
	wanted.output = PG_ARGISNULL(1) ? NULL : PG_GETARG_JSONB_P(1);
	wanted.code = hitl_text_arg(fcinfo, 2);
	wanted.note = hitl_text_arg(fcinfo, 3);
	wanted.outcome = outcome_arg(hitl_text_arg(fcinfo, 5), wanted.output != NULL);
	hitl_check_note(HITL_CORRECT, wanted.note, true);
	PG_RETURN_TEXT_P(override(&wanted, hitl_text_arg(fcinfo, 4)));
}
