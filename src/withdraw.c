/*
 * withdraw.c
 *		What the application says to a decision that waits: takes it back, or
 *		answers a question.
 *
 * The application is whoever may read the decision as its own: the role that
 * inserted it, and members of the workflow's application.  A decision that is
 * not theirs is not there for them.
 */
#include "hitl.h"

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
#include "people.h"
#include "policy.h"
#include "task.h"
#include "text.h"
#include "verdict.h"
#include "votes.h"

PG_FUNCTION_INFO_V1(hitl_withdraw);
PG_FUNCTION_INFO_V1(hitl_answer);

static HitlQuery state_query = {
	.text =
	"SELECT d.workflow, d.route, d.created_by, v.action, v.outcome, v.reviewer"
	"  FROM hitl.decision d"
	"  LEFT JOIN LATERAL"
	"       (SELECT action, outcome, reviewer FROM hitl.verdict"
	"         WHERE decision OPERATOR(pg_catalog.=) d.id AND final"
	"         ORDER BY id DESC LIMIT 1) v ON true"
	" WHERE d.id OPERATOR(pg_catalog.=) $1",
	.nargs = 1,
	.argtypes = {UUIDOID}
};

/* a decision and what has become of it */
typedef struct State
{
	NameData	workflow;
	char	   *route;
	NameData	created_by;
	char	   *outcome;		/* NULL: none yet */
	char	   *reviewer;
} State;

static pg_uuid_t
decision_arg(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the decision must not be null")));
	return *PG_GETARG_UUID_P(0);
}

static char *
id_text(const pg_uuid_t *id)
{
	return DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(id)));
}

static bool
read_state(const pg_uuid_t *id, State *state)
{
	HitlSpi		spi;
	Datum		arg = UUIDPGetDatum(id);
	MemoryContext context = CurrentMemoryContext;
	bool		found;
	bool		isnull;

	memset(state, 0, sizeof(*state));
	hitl_spi_begin(&spi);
	hitl_spi_run(&state_query, &arg, GetLatestSnapshot(), 1);
	MemoryContextSwitchTo(context);
	found = SPI_processed > 0;
	if (found)
	{
		hitl_spi_name(0, 1, &state->workflow);
		state->route = hitl_spi_string(0, 2);
		state->created_by = *DatumGetName(hitl_spi_value(0, 3, &isnull));
		state->outcome = hitl_spi_string(0, 5);
		state->reviewer = hitl_spi_string(0, 6);
	}
	hitl_spi_end(&spi);
	return found;
}

static bool
is_theirs(const State *state, Oid role)
{
	const HitlWorkflow *w = hitl_workflow(NameStr(state->workflow),
										  strlen(NameStr(state->workflow)));

	return strcmp(NameStr(state->created_by),
				  GetUserNameFromId(role, false)) == 0 ||
		(w && OidIsValid(w->application) &&
		 has_privs_of_role(role, w->application));
}

static HitlActor
acting_role(void)
{
	HitlActor	actor = {0};

	actor.role = palloc(sizeof(NameData));
	actor.nroles = 1;
	namestrcpy(&actor.role[0], GetUserNameFromId(GetOuterUserId(), false));
	return actor;
}

pg_noreturn static void
raise_missing(const pg_uuid_t *id)
{
	ereport(ERROR,
			(errcode(ERRCODE_NO_DATA_FOUND),
			 errmsg("decision %s does not exist", id_text(id))));
}

/*
 * Withdraw
 */

/*
 * One of the tasks on which the decision waits ends with the withdrawal, the
 * others close; a test of a reviewer goes on.  False if a row has changed
 * meanwhile.
 */
static bool
end_tasks(HitlDesk *desk, HitlTask *tasks, int n, HitlTransition *transition,
		  Snapshot snapshot, bool *recorded)
{
	for (int i = 0; i < n; i++)
	{
		HitlTask   *task = &tasks[i];
		bool		waits = task->kind == HITL_KIND_REVIEW ||
			task->kind == HITL_KIND_CONFIRM;

		if (task->kind == HITL_KIND_GOLD)
			continue;
		transition->act = waits && !*recorded ?
			HITL_ACT_WITHDRAW : HITL_ACT_CLOSE;
		if (hitl_task_apply(desk, task, transition, snapshot,
							true) != HITL_WRITTEN)
			return false;
		*recorded |= transition->act == HITL_ACT_WITHDRAW;
	}
	return true;
}

/* decision, note */
Datum
hitl_withdraw(PG_FUNCTION_ARGS)
{
	pg_uuid_t	id = decision_arg(fcinfo);
	HitlTransition transition = {0};
	HitlDesk	desk;
	State		state;
	bool		recorded = false;
	bool		done = false;

	transition.actor = acting_role();
	transition.action = HITL_WITHDRAW;
	transition.outcome = HITL_WITHDRAWN;
	transition.note = hitl_text_arg(fcinfo, 1);
	hitl_check_note(HITL_WITHDRAW, transition.note, false);
	PreventCommandIfReadOnly("a withdrawal");
	hitl_decision_lock(&id);
	if (!read_state(&id, &state) || !is_theirs(&state, GetOuterUserId()))
		raise_missing(&id);
	if (strcmp(state.route, "review") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("decision %s does not wait for review: its route was \"%s\"",
						id_text(&id), state.route),
				 errhint("A lead corrects what took effect by hitl.correct().")));
	hitl_desk_open(&desk);
	while (!done)
	{
		Snapshot	snapshot;
		HitlTask   *tasks;
		int			n;

		CHECK_FOR_INTERRUPTS();
		snapshot = RegisterSnapshot(GetTransactionSnapshot());
		transition.now = GetCurrentTimestamp();
		(void) read_state(&id, &state);
		if (!recorded && state.outcome)
		{
			if (strcmp(state.outcome, hitl_outcome_name(HITL_WITHDRAWN)) != 0)
				ereport(ERROR,
						(errcode(ERRCODE_HITL_ALREADY_DECIDED),
						 errmsg("decision %s is %s already", id_text(&id),
								state.outcome)));
			UnregisterSnapshot(snapshot);
			break;				/* said before */
		}
		n = hitl_tasks_of(&desk, &id, snapshot, &tasks);
		done = end_tasks(&desk, tasks, n, &transition, snapshot, &recorded);
		if (done && !recorded)
			ereport(ERROR,
					(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
					 errmsg("could not serialize access due to concurrent update"),
					 errhint("Repeat the transaction.")));
		UnregisterSnapshot(snapshot);
		CommandCounterIncrement();
	}
	hitl_desk_close(&desk);
	PG_RETURN_TEXT_P(cstring_to_text(hitl_outcome_name(HITL_WITHDRAWN)));
}

/*
 * Answer
 */

/* decision, answer */
Datum
hitl_answer(PG_FUNCTION_ARGS)
{
	pg_uuid_t	id = decision_arg(fcinfo);
	HitlTransition transition = {0};
	HitlDesk	desk;
	State		state;
	int			answered = 0;
	bool		again = true;

	transition.act = HITL_ACT_ANSWER;
	transition.actor = acting_role();
	transition.note = hitl_text_arg(fcinfo, 1);
	if (hitl_is_blank(transition.note))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the answer is missing"),
				 errhint("Say it in a few words.")));
	hitl_check_note(HITL_WITHDRAW, transition.note, false);
	if (!read_state(&id, &state) ||
		(!is_theirs(&state, GetOuterUserId()) &&
		 !has_privs_of_role(GetOuterUserId(),
							get_role_oid("hitl_lead", false))))
		raise_missing(&id);
	hitl_desk_open(&desk);
	while (again)
	{
		Snapshot	snapshot;
		HitlTask   *tasks;
		int			n;

		CHECK_FOR_INTERRUPTS();
		again = false;
		snapshot = RegisterSnapshot(GetTransactionSnapshot());
		n = hitl_tasks_of(&desk, &id, snapshot, &tasks);
		transition.now = GetCurrentTimestamp();
		for (int i = 0; i < n; i++)
		{
			if (!tasks[i].held || !tasks[i].asked)
				continue;
			if (hitl_task_apply(&desk, &tasks[i], &transition, snapshot,
								true) == HITL_WRITTEN)
				answered++;
			else
				again = true;
		}
		UnregisterSnapshot(snapshot);
		CommandCounterIncrement();
	}
	hitl_desk_close(&desk);
	if (answered == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("nobody waits for an answer about decision %s",
						id_text(&id))));
	PG_RETURN_VOID();
}
