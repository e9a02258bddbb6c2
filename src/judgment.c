/*
 * judgment.c
 *		What a holder says of a task before the verdict: their own judgment, and
 *		how they have logged in.
 *
 * A blind task shows what the AI has said only after its holder has stored
 * what they think themselves.  The first judgment counts: it was made without
 * the proposal.
 *
 * A judgment that can still be taken back is not stored.  So in a transaction
 * block, or within a function, the task stays blind until the transaction has
 * committed; then hitl.packet() shows it, or the same judgment again.  A
 * statement of its own is shown the proposal at once; if a client makes such
 * a statement fail after it has read the answer, the server's log says so.
 *
 * Behind a pooled login the server does not know how the person has logged in;
 * the delegate does, and says so.
 */
#include "hitl.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/execdesc.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "tcop/pquery.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "cache.h"
#include "judgment.h"
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

/* what the reviewer has judged of the task before they gave it back */
static HitlQuery earlier_query = {
	.text =
	"SELECT detail OPERATOR(pg_catalog.->) 'judgment' FROM hitl.event"
	" WHERE decision OPERATOR(pg_catalog.=) $1"
	"   AND task OPERATOR(pg_catalog.=) $2"
	"   AND actor OPERATOR(pg_catalog.=) $3"
	"   AND kind OPERATOR(pg_catalog.=) 'judged' ORDER BY id LIMIT 1",
	.nargs = 3,
	.argtypes = {UUIDOID, INT8OID, TEXTOID}
};

/* what the transaction has judged, and not been shown yet */
static int64 *judged = NULL;
static int	njudged = 0;

/* what it has been shown, if anything */
static int64 shown_task = 0;
static NameData shown_to;

static void
end_of_transaction(XactEvent event, void *arg)
{
	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT &&
		event != XACT_EVENT_PREPARE)
		return;
	if (event == XACT_EVENT_ABORT && shown_task != 0)
		ereport(LOG,
				(errmsg("reviewer \"%s\" was shown the proposal of task " INT64_FORMAT " for a judgment that was not stored",
						NameStr(shown_to), shown_task)));
	judged = NULL;				/* it went with the transaction's memory */
	njudged = 0;
	shown_task = 0;
}

static void
watch_transaction(void)
{
	static bool watching = false;

	if (!watching)
		RegisterXactCallback(end_of_transaction, NULL);
	watching = true;
}

bool
hitl_judged_just_now(int64 task)
{
	for (int i = 0; i < njudged; i++)
	{
		if (judged[i] == task)
			return true;
	}
	return false;
}

static void
remember_judged(int64 task)
{
	watch_transaction();
	if (hitl_judged_just_now(task))
		return;
	judged = judged == NULL ?
		MemoryContextAlloc(TopTransactionContext, sizeof(int64)) :
		repalloc(judged, sizeof(int64) * (njudged + 1));
	judged[njudged++] = task;
}

/*
 * Whether the function is called by the client's own statement, and all that
 * the statement does is committed with it.
 */
static bool
is_statement(FunctionCallInfo fcinfo)
{
	QueryDesc  *query = ActivePortal ? ActivePortal->queryDesc : NULL;

	if (IsTransactionBlock() || GetCurrentTransactionNestLevel() > 1 ||
		(MyXactFlags & XACT_FLAGS_PIPELINING) != 0 ||
		query == NULL || query->estate == NULL)
		return false;
	for (MemoryContext context = fcinfo->flinfo->fn_mcxt; context != NULL;
		 context = context->parent)
	{
		if (context == query->estate->es_query_cxt)
			return true;
	}
	return false;
}

/* false if the act is done already; raises what is due otherwise */
typedef bool (*HitlMayAct) (const HitlTask *task,
							const HitlTransition *transition);

/*
 * Who has given the task back and claimed it again has seen the proposal.
 */
static Jsonb *
earlier_judgment(const HitlTask *task, const HitlReviewer *reviewer)
{
	MemoryContext context = CurrentMemoryContext;
	HitlSpi		spi;
	Datum		args[3];
	Jsonb	   *result = NULL;
	bool		isnull;

	args[0] = UUIDPGetDatum(&task->decision);
	args[1] = Int64GetDatum(task->id);
	args[2] = CStringGetTextDatum(NameStr(reviewer->name));
	hitl_spi_begin(&spi);
	hitl_spi_run(&earlier_query, args, GetLatestSnapshot(), 1);
	MemoryContextSwitchTo(context);
	if (SPI_processed > 0)
		result = DatumGetJsonbPCopy(hitl_spi_value(0, 1, &isnull));
	hitl_spi_end(&spi);
	return result;
}

static bool
may_judge(const HitlTask *task, const HitlTransition *transition)
{
	Jsonb	   *earlier;

	if (!task->blind)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("task " INT64_FORMAT " is not blind", task->id),
				 errhint("Its proposal was shown at the claim.")));
	earlier = task->judgment ? task->judgment :
		earlier_judgment(task, transition->actor.reviewer);
	if (earlier && !hitl_same_json(earlier, transition->judgment))
		ereport(ERROR,
				(errcode(ERRCODE_HITL_ALREADY_DECIDED),
				 errmsg("task " INT64_FORMAT " is judged already", task->id),
				 errhint("The first judgment counts.")));
	return task->judgment == NULL;
}

static bool
may_step_up(const HitlTask *task, const HitlTransition *transition)
{
	return task->login_method == NULL ||
		strcmp(task->login_method, transition->method) != 0;
}

/*
 * Does something with a task that the actor holds, unless it is done already;
 * *task is as afterwards.
 */
static bool
act(int64 id, const int64 *lease, HitlTransition *transition,
	HitlMayAct may_act, HitlTask *task)
{
	HitlDesk	desk;
	HitlWrite	written = HITL_WRITTEN;
	bool		acts;

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
		acts = may_act(task, transition);
		if (acts)
			written = hitl_task_apply(&desk, task, transition, snapshot, true);
		UnregisterSnapshot(snapshot);
	} while (written != HITL_WRITTEN);
	hitl_desk_close(&desk);
	return acts;
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
 * The columns that were withheld, or still are.
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
	if (act(id, PG_ARGISNULL(3) ? NULL : &lease, &transition, may_judge,
			&task))
	{
		if (is_statement(fcinfo))
		{
			watch_transaction();
			shown_task = id;
			shown_to = transition.actor.reviewer->name;
		}
		else
			remember_judged(id);
	}
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
	(void) act(id, PG_ARGISNULL(3) ? NULL : &lease, &transition, may_step_up,
			   &task);
	PG_RETURN_VOID();
}
