/*
 * probe.c
 *		What the server does that no header tells.
 *
 * For a BEFORE ROW trigger the server copies the row out of a virtual slot.
 * The copy of a trigger that returns it unchanged was never freed before the
 * end of the statement, up to the versions that hitl was tested on.  To free
 * it for the server keeps a load of a million rows from keeping a million of
 * them; but to free it twice, should a release some day mend this, would be
 * worse than the leak.  So the server is watched doing it, once a session:
 * the same copy made twice has the same place only if the first was freed.
 */
#include "hitl.h"

#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "pgstat.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"

#include "probe.h"

static HeapTuple given[2];		/* to the trigger */
static int	ngiven;

static Datum
watch(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;

	given[ngiven++] = trigdata->tg_trigtuple;
	return PointerGetDatum(trigdata->tg_trigtuple);
}

static void
fire_twice(Relation rel)
{
	TupleDesc	tupdesc = CreateTemplateTupleDesc(1);
	EState	   *estate = CreateExecutorState();
	ResultRelInfo *result = makeNode(ResultRelInfo);
	TriggerDesc desc = {0};
	Trigger		trigger = {0};
	FmgrInfo	function = {0};
	ExprState  *condition = NULL;
	TupleTableSlot *slot;

	TupleDescInitEntry(tupdesc, 1, "n", INT4OID, -1, 0);
	slot = MakeSingleTupleTableSlot(tupdesc, &TTSOpsVirtual);

	trigger.tgname = pstrdup("watch");
	trigger.tgtype = TRIGGER_TYPE_ROW | TRIGGER_TYPE_BEFORE |
		TRIGGER_TYPE_INSERT;
	trigger.tgenabled = TRIGGER_FIRES_ALWAYS;
	desc.triggers = &trigger;
	desc.numtriggers = 1;
	desc.trig_insert_before_row = true;
	function.fn_addr = watch;
	function.fn_oid = F_HEAP_TABLEAM_HANDLER;	/* any: it is not looked up */
	function.fn_stats = TRACK_FUNC_ALL; /* not counted */
	function.fn_mcxt = CurrentMemoryContext;
	result->ri_RelationDesc = rel;
	result->ri_TrigDesc = &desc;
	result->ri_TrigFunctions = &function;
	result->ri_TrigWhenExprs = &condition;

	ngiven = 0;
	for (int i = 0; i < (int) lengthof(given); i++)
	{
		ExecClearTuple(slot);
		slot->tts_values[0] = Int32GetDatum(i);
		slot->tts_isnull[0] = false;
		ExecStoreVirtualTuple(slot);
		(void) ExecBRInsertTriggers(estate, result, slot);
	}
	ExecDropSingleTupleTableSlot(slot);
	FreeExecutorState(estate);
}

bool
hitl_tuple_stays_behind(Relation rel)
{
	static bool known = false;
	static bool result;

	if (!known)
	{
		MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
													  "hitl probe",
													  ALLOCSET_SMALL_SIZES);
		MemoryContext old = MemoryContextSwitchTo(context);

		fire_twice(rel);
		MemoryContextSwitchTo(old);
		MemoryContextDelete(context);
		result = given[0] != given[1];
		known = true;
	}
	return result;
}
