/*
 * fact.c
 *		Facts are inserted and never changed: the trigger that says so.
 *
 * It is a trigger and not only a lack of privileges, since the owner of a
 * table has all of them.  It is always enabled, in replica role too.
 */
#include "hitl.h"

#include "commands/trigger.h"
#include "fmgr.h"
#include "utils/rel.h"

PG_FUNCTION_INFO_V1(hitl_refuse_change);

Datum
hitl_refuse_change(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;
	const char *verb;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" must be called as a trigger",
						"hitl.refuse_change")));
	if (TRIGGER_FIRED_BY_UPDATE(trigdata->tg_event))
		verb = "changed";
	else if (TRIGGER_FIRED_BY_DELETE(trigdata->tg_event))
		verb = "deleted";
	else
		verb = "truncated";
	ereport(ERROR,
			(errcode(ERRCODE_HITL_APPEND_ONLY),
			 errmsg("rows of \"%s\" are facts and cannot be %s",
					RelationGetRelationName(trigdata->tg_relation), verb),
			 errhint("Insert a new fact that supersedes the old one.")));
	return PointerGetDatum(NULL);	/* keep the compiler quiet */
}
