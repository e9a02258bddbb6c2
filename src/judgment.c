/*
 * judgment.c
 *		What a holder says of a task before the verdict: their own judgment, and
 *		how they have logged in.
 *
 * A blind task shows what the AI has said only after its holder has stored
 * what they think themselves.  The first judgment counts: it was made without
 * the proposal.
 *
 * Behind a pooled login the server does not know how the person has logged in;
 * the delegate does, and says so.
 */
#include "hitl.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "cache.h"
#include "people.h"
#include "refusal.h"
#include "task.h"
#include "text.h"
#include "verdict.h"

/* longest judgment, in bytes */
#define MAX_JUDGMENT	1048576

PG_FUNCTION_INFO_V1(hitl_judge_task);
PG_FUNCTION_INFO_V1(hitl_step_up);

static HitlQuery reveal_query = {
	.text =
	"SELECT reasons, output, confidence, reasoning, alternatives, history,"
	"       changes"
	"  FROM hitl.packet($1, $2, $3)",
	.nargs = 3,
	.argtypes = {INT8OID, TEXTOID, INT8OID}
};

/* false if the act is done already; raises what is due otherwise */
typedef bool (*HitlMayAct) (const HitlTask *task,
							const HitlTransition *transition);

static bool
may_judge(const HitlTask *task, const HitlTransition *transition)
{
	if (!task->blind)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("task " INT64_FORMAT " is not blind", task->id),
				 errhint("Its proposal was shown at the claim.")));
	if (task->judgment == NULL)
		return true;
	if (!hitl_same_json(task->judgment, transition->judgment))
		ereport(ERROR,
				(errcode(ERRCODE_HITL_ALREADY_DECIDED),
				 errmsg("task " INT64_FORMAT " is judged already", task->id),
				 errhint("The first judgment counts.")));
	return false;
}

static bool
may_step_up(const HitlTask *task, const HitlTransition *transition)
{
	return task->login_method == NULL ||
		strcmp(task->login_method, transition->method) != 0;
}

/*
 * Does something with a task that the actor holds; *task is as afterwards.
 */
static void
act(int64 id, const int64 *lease, HitlTransition *transition,
	HitlMayAct may_act, HitlTask *task)
{
	HitlDesk	desk;
	HitlWrite	written = HITL_WRITTEN;

	hitl_desk_open(&desk);
	do
	{
		Snapshot	snapshot;
		bool		found;

		CHECK_FOR_INTERRUPTS();
		snapshot = RegisterSnapshot(GetTransactionSnapshot());
		found = hitl_task_find(&desk, id, snapshot, task);
		transition->now = GetCurrentTimestamp();
		(void) hitl_check_holder(NULL, id, found ? task : NULL,
								 &transition->actor, lease, transition->now);
		transition->on_behalf_of = task->on_behalf_of;
		if (may_act(task, transition))
			written = hitl_task_apply(&desk, task, transition, snapshot, true);
		UnregisterSnapshot(snapshot);
	} while (written != HITL_WRITTEN);
	hitl_desk_close(&desk);
}

static int64
task_arg(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the task must not be null")));
	return PG_GETARG_INT64(0);
}

/*
 * The columns that were withheld.
 */
static Datum
reveal(const HitlTask *task, const HitlActor *actor, TupleDesc tupdesc)
{
	HitlSpi		spi;
	Datum		args[3];
	HeapTupleHeader row;

	args[0] = Int64GetDatum(task->id);
	args[1] = CStringGetTextDatum(NameStr(actor->reviewer->name));
	args[2] = Int64GetDatum(task->lease);
	hitl_spi_begin(&spi);
	hitl_spi_write(&reveal_query, args);
	if (SPI_processed != 1)
		elog(ERROR, "task " INT64_FORMAT " has no packet", task->id);
	row = SPI_returntuple(SPI_tuptable->vals[0], tupdesc);
	hitl_spi_end(&spi);
	return HeapTupleHeaderGetDatum(row);
}

/* (task, answer, reviewer, lease) */
Datum
hitl_judge_task(PG_FUNCTION_ARGS)
{
	int64		id = task_arg(fcinfo);
	int64		lease = PG_ARGISNULL(3) ? 0 : PG_GETARG_INT64(3);
	HitlTransition transition = {0};
	HitlTask	task;
	TupleDesc	tupdesc;

	if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	transition.act = HITL_ACT_JUDGE;
	transition.actor = hitl_actor_from(hitl_text_arg(fcinfo, 2));
	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the judgment must not be null")));
	transition.judgment = PG_GETARG_JSONB_P(1);
	if (VARSIZE(transition.judgment) > MAX_JUDGMENT)
		ereport(ERROR,
				(errcode(ERRCODE_STRING_DATA_RIGHT_TRUNCATION),
				 errmsg("the judgment has %zu bytes",
						(size_t) VARSIZE(transition.judgment)),
				 errhint("A judgment has at most %d bytes.", MAX_JUDGMENT)));
	act(id, PG_ARGISNULL(3) ? NULL : &lease, &transition, may_judge, &task);
	return reveal(&task, &transition.actor, BlessTupleDesc(tupdesc));
}

/* (task, method, reviewer, lease) */
Datum
hitl_step_up(PG_FUNCTION_ARGS)
{
	int64		id = task_arg(fcinfo);
	text	   *method = hitl_text_arg(fcinfo, 1);
	int64		lease = PG_ARGISNULL(3) ? 0 : PG_GETARG_INT64(3);
	HitlTransition transition = {0};
	HitlTask	task;

	transition.act = HITL_ACT_STEP_UP;
	transition.actor = hitl_actor_from(hitl_text_arg(fcinfo, 2));
	if (!OidIsValid(transition.actor.asserted_by))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("role \"%s\" may not say how it has logged in",
						GetUserNameFromId(GetOuterUserId(), false)),
				 errhint("Only members of hitl_delegate say so, of the reviewer that they name.")));
	if (hitl_is_blank(method))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the method must not be blank"),
				 errhint("Name it as the policy does in step_up.")));
	if (VARSIZE_ANY_EXHDR(method) >= NAMEDATALEN)
		ereport(ERROR,
				(errcode(ERRCODE_STRING_DATA_RIGHT_TRUNCATION),
				 errmsg("the method has %zu bytes",
						(size_t) VARSIZE_ANY_EXHDR(method)),
				 errhint("A name has at most %d bytes.", NAMEDATALEN - 1)));
	transition.method = text_to_cstring(method);
	act(id, PG_ARGISNULL(3) ? NULL : &lease, &transition, may_step_up, &task);
	PG_RETURN_VOID();
}
