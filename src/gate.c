/*
 * gate.c
 *		The gate: does this decision need a person?
 *
 * Three parts see each row.  The BEFORE trigger stamps it.  The condition of
 * the AFTER trigger runs as soon as the row is stored, and sees whether it is
 * still as stamped: another trigger may have changed it.  The AFTER trigger,
 * for rows that need one, makes the task; only there, since a row that met
 * ON CONFLICT DO NOTHING has passed the BEFORE trigger as well.
 *
 * Between stamping and storing one row of a statement no other row of that
 * statement is stamped, but a trigger in between may insert decisions of its
 * own.  So what was stamped is remembered once per depth of triggers.
 *
 * A row that comes fully stamped from the table's owner or a superuser is one
 * that a dump or a replication stream brings back: it passes as it is and
 * makes no task.
 *
 * What the stamp is, and the task that follows from it, stands in stamp.c.
 */
#include "hitl.h"

#include "access/htup_details.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "replication/logicalworker.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "cache.h"
#include "probe.h"
#include "stamp.h"
#include "store.h"
#include "submit.h"
#include "uuid.h"

/* a row that was stamped and is not stored yet */
typedef struct Stamped
{
	bool		pending;
	bool		needs_more;		/* the trigger afterwards has work */
	TupleTableSlot *slot;		/* where the row will be when it is stored;
								 * NULL when the statement is over */
	const HitlColumns *map;
	Datum		value[NCOLS];
	bool		isnull[NCOLS];
	bool		copied;			/* values are here: */
	char	   *copies;
	Size		size;
	uint32		keys;			/* then also of the columns judged by */
	uint32		judged;			/* a hash */
} Stamped;

/* what is known of a row that is not stored yet, beside its columns */
typedef struct Wish
{
	pg_uuid_t	id;				/* hash key */
	bool		ungated;		/* brought by somebody in replica role */
	HitlEffects effects;		/* what the rules want of the task */
} Wish;

/* what is passed by value fills a Datum, so it can be compared as one */
StaticAssertDecl(FLOAT8PASSBYVAL, "hitl needs a 64-bit server");

static HTAB *wishes = NULL;		/* of this transaction */
static MemoryContext wish_context;
static Stamped *stamped = NULL; /* by depth of triggers */
static int	stamped_size = 0;

static HitlQuery ungated_query = {
	.text =
	"INSERT INTO hitl.event (kind, decision, workflow, actor)"
	" VALUES ('ungated', $1, $2, $3)",
	.nargs = 3,
	.argtypes = {UUIDOID, TEXTOID, TEXTOID}
};

PG_FUNCTION_INFO_V1(hitl_gate);
PG_FUNCTION_INFO_V1(hitl_needs_task);
PG_FUNCTION_INFO_V1(hitl_enqueue);
PG_FUNCTION_INFO_V1(hitl_regate);

static inline bool
is_by_value(int i)
{
	return hitl_column[i].len > 0 && hitl_column[i].len <= (int) sizeof(Datum);
}

static Size
bytes_of(int i, Datum value, const char **from)
{
	switch (hitl_column[i].type)
	{
		case UUIDOID:
			*from = (const char *) DatumGetUUIDP(value)->data;
			return UUID_LEN;
		case NAMEOID:
			*from = NameStr(*DatumGetName(value));
			return strlen(*from);
		default:
			{
				struct varlena *packed = PG_DETOAST_DATUM_PACKED(value);

				*from = VARDATA_ANY(packed);
				return VARSIZE_ANY_EXHDR(packed);
			}
	}
}

static Stamped *
stamped_at(int depth)
{
	if (depth >= stamped_size)
	{
		int			size = Max(depth + 1, 8);
		Size		bytes = sizeof(Stamped) * size;

		stamped = stamped == NULL ?
			MemoryContextAlloc(hitl_cache_context(), bytes) :
			repalloc(stamped, bytes);
		memset(stamped + stamped_size, 0,
			   sizeof(Stamped) * (size - stamped_size));
		stamped_size = size;
	}
	return &stamped[depth];
}

static int
trigger_depth(void)
{
	return DatumGetInt32(DirectFunctionCall1(pg_trigger_depth, (Datum) 0));
}

/*
 * A hash of the columns that the application gave and the policy judged by.
 */
static uint32
hash_of_judged(TupleTableSlot *slot, const HitlColumns *map, uint32 keys)
{
	uint32		result = 0;

	for (int i = 0; i < HITL_NKEYS; i++)
	{
		int			attnum = map->key[i];
		Datum		value;
		bool		isnull;

		/* these two the gate itself corrects */
		if (attnum == 0 || i == HITL_KEY_CONFIDENCE ||
			i == HITL_KEY_REVERSIBLE || !(keys & (1U << i)))
			continue;
		value = slot_getattr(slot, attnum, &isnull);
		result = hash_combine(result, isnull ? 0 :
							  datum_image_hash(value, false,
											   TupleDescAttr(slot->tts_tupleDescriptor,
															 attnum - 1)->attlen));
	}
	return result;
}

/*
 * The slot lives as long as its statement; then it is forgotten here.
 */
static void
forget_slot(void *arg)
{
	TupleTableSlot *slot = arg;

	for (int i = 0; i < stamped_size; i++)
	{
		if (stamped[i].slot == slot)
		{
			stamped[i].slot = NULL;
			stamped[i].pending = false;
		}
	}
}

static void
keep_slot(Stamped *mine, TupleTableSlot *slot)
{
	MemoryContextCallback *callback;

	callback = MemoryContextAllocZero(slot->tts_mcxt, sizeof(*callback));
	callback->func = forget_slot;
	callback->arg = slot;
	MemoryContextRegisterResetCallback(slot->tts_mcxt, callback);
	mine->slot = slot;
}

/*
 * Keeps what the gate has seen and said, to compare it with the row that is
 * stored.  A stamp that was written into the slot is there as long as the slot
 * has the row.  One that went into a tuple is copied: the tuple may not last,
 * and other triggers may follow, which must not change what was judged either.
 */
static void
remember(Stamped *mine, const TriggerData *trigdata, const HitlColumns *map,
		 const Datum *v, const bool *n, uint32 keys, bool in_place)
{
	char	   *to;
	Size		total = 0;

	if (mine->slot != trigdata->tg_trigslot)
		keep_slot(mine, trigdata->tg_trigslot);
	mine->map = map;
	memcpy(mine->value, v, sizeof(mine->value));
	memcpy(mine->isnull, n, sizeof(mine->isnull));
	mine->pending = true;
	mine->copied = !in_place;
	if (in_place)
		return;
	mine->keys = keys;
	mine->judged = hash_of_judged(mine->slot, map, keys);

	for (int i = 0; i < NCOLS; i++)
	{
		if (!n[i] && !is_by_value(i))
			total += MAXALIGN(datumGetSize(v[i], false, hitl_column[i].len));
	}
	if (total > mine->size)
	{
		if (mine->copies)
			pfree(mine->copies);
		mine->size = 0;
		mine->copies = MemoryContextAlloc(hitl_cache_context(), total * 2);
		mine->size = total * 2;
	}
	to = mine->copies;
	for (int i = 0; i < NCOLS; i++)
	{
		Size		len;

		if (n[i] || is_by_value(i))
			continue;
		len = datumGetSize(v[i], false, hitl_column[i].len);
		memcpy(to, DatumGetPointer(v[i]), len);
		mine->value[i] = PointerGetDatum(to);
		to += MAXALIGN(len);
	}
}

/*
 * Whether the row that is in the slot now, and was stored, is the one
 * remembered.
 */
static bool
is_as_remembered(const Stamped *mine)
{
	for (int i = 0; i < NCOLS; i++)
	{
		bool		isnull;
		Datum		value = slot_getattr(mine->slot, mine->map->attnum[i],
										 &isnull);
		const char *seen;
		const char *stored;
		Size		len;

		if (isnull != mine->isnull[i])
			return false;
		if (isnull || value == mine->value[i])
			continue;
		if (is_by_value(i))
			return false;
		len = bytes_of(i, value, &stored);
		if (bytes_of(i, mine->value[i], &seen) != len ||
			memcmp(seen, stored, len) != 0)
			return false;
	}
	return !mine->copied ||
		mine->judged == hash_of_judged(mine->slot, mine->map, mine->keys);
}

/*
 * Wishes wait from the BEFORE trigger to the AFTER trigger, by id, for the
 * length of the transaction.
 */

static void
forget_wishes(void *arg)
{
	wishes = NULL;
}

static Wish *
make_wish(const pg_uuid_t *id)
{
	Wish	   *wish;

	if (wishes == NULL)
	{
		MemoryContextCallback *callback;
		HASHCTL		ctl;

		wish_context = AllocSetContextCreate(TopTransactionContext,
											 "hitl wishes",
											 ALLOCSET_SMALL_SIZES);
		callback = MemoryContextAllocZero(wish_context, sizeof(*callback));
		callback->func = forget_wishes;
		MemoryContextRegisterResetCallback(wish_context, callback);
		ctl.keysize = sizeof(pg_uuid_t);
		ctl.entrysize = sizeof(Wish);
		ctl.hcxt = wish_context;
		wishes = hash_create("hitl wishes", 32, &ctl,
							 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	wish = hash_search(wishes, id, HASH_ENTER, NULL);
	memset((char *) wish + sizeof(wish->id), 0,
		   sizeof(*wish) - sizeof(wish->id));
	return wish;
}

static void
wish_for(const pg_uuid_t *id, const HitlEffects *effects)
{
	Wish	   *wish;

	if (effects->tier == 0 && effects->question == NULL &&
		effects->skills == NULL && effects->approvals == 0 &&
		NameStr(effects->queue)[0] == '\0' && NameStr(effects->sla)[0] == '\0')
		return;
	wish = make_wish(id);
	wish->effects = *effects;
	/* the cache may go before the transaction */
	if (effects->question)
		wish->effects.question = MemoryContextStrdup(wish_context,
													 effects->question);
	if (effects->skills)
	{
		MemoryContext old = MemoryContextSwitchTo(wish_context);

		wish->effects.skills =
			hitl_names_copy(PointerGetDatum(effects->skills), false);
		MemoryContextSwitchTo(old);
	}
}

static bool
take_wish(const pg_uuid_t *id, Wish *wish)
{
	Wish	   *found;

	if (wishes == NULL)
		return false;
	found = hash_search(wishes, id, HASH_REMOVE, NULL);
	if (found)
		*wish = *found;
	return found != NULL;
}

/*
 * The triggers
 */

static void
require_trigger(FunctionCallInfo fcinfo, const char *name, bool before)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo) ||
		!TRIGGER_FIRED_FOR_ROW(trigdata->tg_event) ||
		!TRIGGER_FIRED_BY_INSERT(trigdata->tg_event) ||
		!(before ? TRIGGER_FIRED_BEFORE(trigdata->tg_event) :
		  TRIGGER_FIRED_AFTER(trigdata->tg_event)))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" must be called as a trigger %s INSERT FOR EACH ROW",
						name, before ? "BEFORE" : "AFTER")));
}

/*
 * The tuple with other values in some columns.
 */
static HeapTuple
form_tuple(HeapTuple old, TupleDesc tupdesc, Datum *values, bool *nulls)
{
	HeapTuple	new = heap_form_tuple(tupdesc, values, nulls);

	new->t_data->t_ctid = old->t_data->t_ctid;
	new->t_self = old->t_self;
	new->t_tableOid = old->t_tableOid;
	return new;
}

/*
 * A row that comes through the partitioned table is in a virtual slot: values
 * not yet put together.  The stamp is written right there, and the trigger
 * returns the tuple that it got as if it had changed nothing.  A new tuple
 * would be taken apart by the server, checked against the bounds of the
 * partition and put together once more: more than all that the gate does.
 * Triggers after ours would see the old tuple, and the computing of generated
 * columns makes a new row in the slot, so there must be neither.  That the row
 * was stored with its stamp is verified in any case.
 */
static bool
can_write_slot(const TriggerData *trigdata, const HitlColumns *map)
{
	TupleTableSlot *slot = trigdata->tg_trigslot;

	return map->untouched && slot != NULL && TTS_IS_VIRTUAL(slot) &&
		slot->tts_nvalid == RelationGetNumberOfAttributes(trigdata->tg_relation);
}

/*
 * Ends the trigger with the tuple that it got.  Where the slot is virtual that
 * tuple is a copy made for us, and stays behind until the statement ends: one
 * of a million rows would keep a million of them.  Nobody looks at it any more,
 * for no trigger follows.
 */
static Datum
give_back(const TriggerData *trigdata, bool in_place)
{
	HeapTuple	tuple = trigdata->tg_trigtuple;

	if (in_place && hitl_tuple_stays_behind(trigdata->tg_relation))
		heap_freetuple(tuple);
	return PointerGetDatum(tuple);
}

Datum
hitl_gate(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;
	HeapTuple	tuple;
	TupleDesc	tupdesc;
	const HitlColumns *map;
	Datum	   *values;
	bool	   *nulls;
	Datum		v[NCOLS];
	bool		n[NCOLS];
	const pg_uuid_t *id;
	bool		in_place;
	const HitlWorkflow *workflow;
	HitlStamp	given;
	Stamped    *mine;

	require_trigger(fcinfo, "hitl.gate", true);
	tuple = trigdata->tg_trigtuple;
	tupdesc = RelationGetDescr(trigdata->tg_relation);
	map = hitl_columns(trigdata->tg_relation);
	in_place = can_write_slot(trigdata, map);
	if (in_place)
	{
		values = trigdata->tg_trigslot->tts_values;
		nulls = trigdata->tg_trigslot->tts_isnull;
	}
	else
	{
		values = palloc(sizeof(Datum) * tupdesc->natts);
		nulls = palloc(sizeof(bool) * tupdesc->natts);
		heap_deform_tuple(tuple, tupdesc, values, nulls);
	}
	hitl_columns_take(map, values, nulls, v, n);

	mine = stamped_at(trigger_depth());
	mine->pending = false;
	if (n[COL_ID])
		ereport(ERROR,
				(errcode(ERRCODE_NOT_NULL_VIOLATION),
				 errmsg("a decision has no id"),
				 errhint("Leave the column \"id\" to its default.")));
	id = DatumGetUUIDP(v[COL_ID]);

	if (hitl_is_stamped(n))
	{
		/* a subscription brings what was gated elsewhere */
		mine->needs_more = !IsLogicalWorker() &&
			SessionReplicationRole == SESSION_REPLICATION_ROLE_REPLICA;
		if (mine->needs_more)
			make_wish(id)->ungated = true;
		remember(mine, trigdata, map, v, n, 0, in_place);
		return give_back(trigdata, in_place);
	}

	workflow = hitl_require_workflow(v[COL_WORKFLOW], n[COL_WORKFLOW], true);
	hitl_stamp(workflow, map, values, nulls, v, n, &given);
	mine->needs_more = given.needs_task || !n[COL_REQUEST_ID];
	if (given.needs_task)
		wish_for(id, &given.effects);
	remember(mine, trigdata, map, v, n,
			 in_place ? 0 : hitl_stamp_keys(workflow), in_place);
	hitl_columns_put(map, v, n, values, nulls);
	if (in_place)
		return give_back(trigdata, in_place);
	return PointerGetDatum(form_tuple(tuple, tupdesc, values, nulls));
}

/*
 * Runs right after a row was stored, at the depth of the statement, one less
 * than that of its triggers.  Of the row only the id is given; the rest is
 * still in the slot in which the gate saw it.
 */
Datum
hitl_needs_task(PG_FUNCTION_ARGS)
{
	Stamped    *mine = stamped_at(trigger_depth() + 1);

	if (!mine->pending || PG_ARGISNULL(0) ||
		memcmp(PG_GETARG_UUID_P(0),
			   DatumGetUUIDP(slot_getattr(mine->slot, mine->map->attnum[COL_ID],
										  &fcinfo->isnull)), UUID_LEN) != 0 ||
		!is_as_remembered(mine))
		ereport(ERROR,
				(errcode(ERRCODE_HITL_GATE_OWNED),
				 errmsg("a decision was stored otherwise than the gate stamped it"),
				 errdetail("Another trigger on hitl.decision changed the row, or the trigger \"gate\" is disabled."),
				 errhint("Name triggers that fill columns so that they come before \"gate\".")));
	mine->pending = false;
	PG_RETURN_BOOL(mine->needs_more);
}

static void
report_ungated(Datum decision, Datum workflow)
{
	Datum		args[3] = {decision, workflow};
	HitlSpi		spi;

	args[2] = CStringGetTextDatum(GetUserNameFromId(GetOuterUserId(), false));
	hitl_spi_begin(&spi);
	hitl_spi_write(&ungated_query, args);
	hitl_spi_end(&spi);
}

Datum
hitl_enqueue(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;
	const HitlColumns *map;
	TupleDesc	tupdesc;
	Datum	   *values;
	bool	   *nulls;
	Datum		v[NCOLS];
	bool		n[NCOLS];
	Wish		wish;
	bool		has_wish;

	require_trigger(fcinfo, "hitl.enqueue", false);
	tupdesc = RelationGetDescr(trigdata->tg_relation);
	map = hitl_columns(trigdata->tg_relation);
	values = palloc(sizeof(Datum) * tupdesc->natts);
	nulls = palloc(sizeof(bool) * tupdesc->natts);
	heap_deform_tuple(trigdata->tg_trigtuple, tupdesc, values, nulls);
	hitl_columns_take(map, values, nulls, v, n);
	if (n[COL_ID] || n[COL_ROUTE] || n[COL_LANE] || n[COL_CREATED_AT] ||
		n[COL_CREATED_BY] || n[COL_AUDIT_U] || n[COL_PROPENSITY])
		ereport(ERROR,
				(errcode(ERRCODE_NOT_NULL_VIOLATION),
				 errmsg("a row of \"%s\" is not one that the gate stamped",
						RelationGetRelationName(trigdata->tg_relation)),
				 errhint("The triggers of hitl belong on hitl.decision alone.")));
	has_wish = take_wish(DatumGetUUIDP(v[COL_ID]), &wish);
	if (has_wish && wish.ungated)
	{
		report_ungated(v[COL_ID], v[COL_WORKFLOW]);
		return PointerGetDatum(NULL);
	}
	if (!n[COL_REQUEST_ID])
		hitl_request_keep(v[COL_WORKFLOW], v[COL_REQUEST_ID], v[COL_ID]);
	hitl_stamp_task(hitl_require_workflow(v[COL_WORKFLOW], n[COL_WORKFLOW],
										  false),
					v, n, has_wish ? &wish.effects : NULL);
	if (has_wish && wish.effects.question)
		pfree(unconstify(char *, wish.effects.question));
	if (has_wish && wish.effects.skills)
		pfree(wish.effects.skills);
	return PointerGetDatum(NULL);
}

/*
 * Gates a row that got into a partition without: attached with it, or put
 * there while the triggers were off.  The only way in which the stamp of a row
 * ever changes.
 */
Datum
hitl_regate(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_GETARG_OID(0);
	ItemPointer tid = (ItemPointer) PG_GETARG_POINTER(1);
	Snapshot	snapshot = GetActiveSnapshot();
	HitlTable  *table = hitl_table_open_oid(relid);
	TupleTableSlot *slot = table_slot_create(table->rel, NULL);
	const HitlColumns *map = hitl_columns(table->rel);
	int			natts = RelationGetNumberOfAttributes(table->rel);
	Datum	   *values = palloc(sizeof(Datum) * natts);
	bool	   *nulls = palloc(sizeof(bool) * natts);
	Datum		v[NCOLS];
	bool		n[NCOLS];
	NameData	created_by;
	const HitlWorkflow *workflow;
	HitlStamp	given;

	if (!table_tuple_fetch_row_version(table->rel, tid, snapshot, slot))
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("a row of \"%s\" changed while it was to be gated",
						RelationGetRelationName(table->rel))));
	slot_getallattrs(slot);
	memcpy(values, slot->tts_values, sizeof(Datum) * natts);
	memcpy(nulls, slot->tts_isnull, sizeof(bool) * natts);
	hitl_columns_take(map, values, nulls, v, n);
	created_by = *DatumGetName(v[COL_CREATED_BY]);
	workflow = hitl_require_workflow(v[COL_WORKFLOW], n[COL_WORKFLOW], false);
	hitl_stamp(workflow, map, values, nulls, v, n, &given);
	v[COL_CREATED_BY] = NameGetDatum(&created_by);	/* not who mends it */
	hitl_columns_put(map, v, n, values, nulls);
	if (hitl_table_update(table, tid, values, nulls, natts, snapshot,
						  true) != HITL_WRITTEN)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("a row of \"%s\" changed while it was gated",
						RelationGetRelationName(table->rel))));
	if (given.needs_task)
		hitl_stamp_task(workflow, v, n, &given.effects);
	if (!n[COL_REQUEST_ID])
		hitl_request_keep(v[COL_WORKFLOW], v[COL_REQUEST_ID], v[COL_ID]);
	ExecDropSingleTupleTableSlot(slot);
	hitl_table_close(table);
	CommandCounterIncrement();
	PG_RETURN_VOID();
}
