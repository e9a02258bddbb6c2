/*
 * verdict.c
 *		Approve, reject, amend: the only way out of the queue.
 *
 * A verdict counts only from the holder, with the token of the live claim if
 * one is given, and before the lease ends by the database's clock.  All that
 * is looked at on the row version that the delete then removes; if the row
 * has changed meanwhile, it is looked at again.
 *
 * The same verdict given twice (a double click, a retry after a lost answer)
 * gets the first answer again; a different one is refused.
 */
#include "hitl.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/snapmgr.h"

#include "cache.h"
#include "people.h"
#include "policy.h"
#include "task.h"
#include "text.h"
#include "verdict.h"

/* longest note, in bytes: a note is read by people */
#define MAX_NOTE	65536

PG_FUNCTION_INFO_V1(hitl_approve);
PG_FUNCTION_INFO_V1(hitl_reject);
PG_FUNCTION_INFO_V1(hitl_amend);

/* a verdict as its caller gives it */
typedef struct Given
{
	HitlAction	action;
	int64		task;
	Jsonb	   *output;
	text	   *code;
	text	   *note;
	text	   *reviewer;
	const int64 *lease;			/* NULL: not given */
} Given;

static HitlQuery earlier_query = {
	.text =
	"SELECT reviewer, action, output, code, note, lease, outcome, queue"
	"  FROM hitl.verdict WHERE task OPERATOR(pg_catalog.=) $1"
	" ORDER BY id DESC LIMIT 1",
	.nargs = 1,
	.argtypes = {INT8OID}
};

static HitlQuery output_query = {
	.text =
	"SELECT output FROM hitl.decision WHERE id OPERATOR(pg_catalog.=) $1",
	.nargs = 1,
	.argtypes = {UUIDOID}
};

static bool
is_blank(text *value)
{
	return value == NULL ||
		hitl_only_spaces(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
}

void
hitl_check_code(HitlAction action, text *given, const HitlWorkflow *workflow)
{
	Datum	   *elems;
	int			nelems;
	StringInfoData list;
	char	   *code;

	if (is_blank(given))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("verdict \"%s\" needs a decision code",
						hitl_action_name(action)),
				 errhint("The codes are in the packet and in hitl.decision_code.")));
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
				return;
			appendStringInfo(&list, "%s%s", i > 0 ? ", " : "", known);
		}
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("decision code \"%s\" does not exist", hitl_clip(code)),
			 errhint("Use one of: %s.", list.data)));
}

void
hitl_check_note(HitlAction action, text *note, bool needed)
{
	if (note && VARSIZE_ANY_EXHDR(note) > MAX_NOTE)
		ereport(ERROR,
				(errcode(ERRCODE_STRING_DATA_RIGHT_TRUNCATION),
				 errmsg("the note has %zu bytes",
						(size_t) VARSIZE_ANY_EXHDR(note)),
				 errhint("A note has at most %d bytes.", MAX_NOTE)));
	if (needed && is_blank(note))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("verdict \"%s\" needs a note",
						hitl_action_name(action)),
				 errhint("Say in a few words what is wrong.")));
}

/*
 * What can be said of the arguments alone.
 */
static void
check_given(const Given *given)
{
	if (given->action != HITL_APPROVE && is_blank(given->code))
		hitl_check_code(given->action, given->code, NULL);
	hitl_check_note(given->action, given->note, given->action != HITL_APPROVE);
	if (given->action == HITL_AMEND && given->output == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("verdict \"amend\" needs an output"),
				 errhint("Give what the output should have been.")));
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
 * The task is not there.  Returns the outcome if this very verdict was given
 * before; otherwise raises what is due.  Whoever has no business with the
 * queue hears the same as for a task that never was.
 */
static text *
answer_again(const Given *given, const HitlActor *actor)
{
	HitlSpi		spi;
	Datum		arg = Int64GetDatum(given->task);
	MemoryContext context = CurrentMemoryContext;
	Datum		v[8];
	bool		n[8];
	char	   *outcome;
	bool		mine;

	hitl_spi_begin(&spi);
	hitl_spi_run(&earlier_query, &arg, GetLatestSnapshot(), 1);
	if (SPI_processed == 0)
		hitl_not_holder(given->task, NULL, actor);
	for (int i = 0; i < 8; i++)
		v[i] = hitl_spi_value(0, i + 1, &n[i]);

	mine = strcmp(TextDatumGetCString(v[0]), NameStr(actor->reviewer->name)) == 0;
	if (!mine && !hitl_is_member(actor->reviewer, TextDatumGetCString(v[7])))
		hitl_not_holder(given->task, NULL, actor);
	if (!mine ||
		strcmp(TextDatumGetCString(v[1]), hitl_action_name(given->action)) != 0 ||
		!hitl_same_json(n[2] ? NULL : DatumGetJsonbP(v[2]), given->output) ||
		!hitl_same_text(n[3] ? NULL : DatumGetTextPP(v[3]), given->code) ||
		!hitl_same_text(n[4] ? NULL : DatumGetTextPP(v[4]), given->note) ||
		(given->lease && *given->lease != DatumGetInt64(v[5])))
		ereport(ERROR,
				(errcode(ERRCODE_HITL_ALREADY_DECIDED),
				 errmsg("task " INT64_FORMAT " is decided already",
						given->task)));
	outcome = MemoryContextStrdup(context, TextDatumGetCString(v[6]));
	hitl_spi_end(&spi);
	return cstring_to_text(outcome);
}

/*
 * An amendment that changes nothing is an approval, and would count as an
 * error of the AI.
 */
static void
check_amendment(const Given *given, const HitlTask *task)
{
	HitlSpi		spi;
	Datum		arg = UUIDPGetDatum(&task->decision);
	Datum		output;
	bool		isnull;

	hitl_spi_begin(&spi);
	hitl_spi_run(&output_query, &arg, GetLatestSnapshot(), 1);
	if (SPI_processed > 0)
	{
		output = hitl_spi_value(0, 1, &isnull);
		if (!isnull && hitl_same_json(DatumGetJsonbP(output), given->output))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("the amended output of task " INT64_FORMAT " is the proposed one",
							task->id),
					 errhint("Approve the task instead.")));
	}
	hitl_spi_end(&spi);
}

static void
check_person(const HitlActor *actor, const HitlTask *task)
{
	if (hitl_task_is_own(task, actor))
		ereport(ERROR,
				(errcode(ERRCODE_HITL_SELF_REVIEW),
				 errmsg("who acts for reviewer \"%s\" submitted the decision of task " INT64_FORMAT,
						NameStr(actor->reviewer->name), task->id),
				 errhint("Release it to somebody else.")));
}

static HitlOutcome
outcome_of(HitlAction action)
{
	return action == HITL_APPROVE ? HITL_APPROVED :
		action == HITL_AMEND ? HITL_AMENDED : HITL_REJECTED;
}

static text *
decide(const Given *given)
{
	HitlActor	actor = hitl_actor_from(given->reviewer);
	HitlTransition transition = {0};
	HitlDesk	desk;
	HitlTask	task;
	HitlWrite	written;

	check_given(given);
	transition.act = HITL_ACT_DECIDE;
	transition.actor = actor;
	transition.action = given->action;
	transition.outcome = outcome_of(given->action);
	transition.output = given->output;
	transition.code = given->code;
	transition.note = given->note;

	hitl_desk_open(&desk);
	do
	{
		Snapshot	snapshot;

		CHECK_FOR_INTERRUPTS();
		snapshot = RegisterSnapshot(GetTransactionSnapshot());
		if (!hitl_task_find(&desk, given->task, snapshot, &task))
		{
			UnregisterSnapshot(snapshot);
			hitl_desk_close(&desk);
			return answer_again(given, &actor);
		}
		if (!hitl_task_is_mine(&task, &actor, given->lease))
			hitl_not_holder(given->task, &task, &actor);
		transition.now = GetCurrentTimestamp();
		hitl_lease_check(&task, transition.now);
		check_person(&actor, &task);
		if (given->code)
			hitl_check_code(given->action, given->code,
							hitl_workflow(NameStr(task.workflow),
										  strlen(NameStr(task.workflow))));
		if (given->action == HITL_AMEND)
			check_amendment(given, &task);
		written = hitl_task_apply(&desk, &task, &transition, snapshot, true);
		UnregisterSnapshot(snapshot);
	} while (written != HITL_WRITTEN);
	hitl_desk_close(&desk);
	return cstring_to_text(hitl_outcome_name(transition.outcome));
}

/*
 * The SQL functions: task, what the verdict takes, reviewer, lease.
 */

static void
common_args(FunctionCallInfo fcinfo, HitlAction action, Given *given,
			int64 *lease)
{
	int			nargs = PG_NARGS();

	memset(given, 0, sizeof(*given));
	given->action = action;
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the task must not be null")));
	given->task = PG_GETARG_INT64(0);
	given->note = hitl_text_arg(fcinfo, nargs - 3);
	given->reviewer = hitl_text_arg(fcinfo, nargs - 2);
	if (!PG_ARGISNULL(nargs - 1))
	{
		*lease = PG_GETARG_INT64(nargs - 1);
		given->lease = lease;
	}
}

Datum
hitl_approve(PG_FUNCTION_ARGS)
{
	Given		given;
	int64		lease;

	common_args(fcinfo, HITL_APPROVE, &given, &lease);
	PG_RETURN_TEXT_P(decide(&given));
}

Datum
hitl_reject(PG_FUNCTION_ARGS)
{
	Given		given;
	int64		lease;

	common_args(fcinfo, HITL_REJECT, &given, &lease);
	given.code = hitl_text_arg(fcinfo, 1);
	PG_RETURN_TEXT_P(decide(&given));
}

Datum
hitl_amend(PG_FUNCTION_ARGS)
{
	Given		given;
	int64		lease;

	common_args(fcinfo, HITL_AMEND, &given, &lease);
	given.output = PG_ARGISNULL(1) ? NULL : PG_GETARG_JSONB_P(1);
	given.code = hitl_text_arg(fcinfo, 2);
	PG_RETURN_TEXT_P(decide(&given));
}
