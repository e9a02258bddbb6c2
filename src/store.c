/*
 * store.c
 *		Writes rows of the extension's own tables, walks their indexes, finds
 *		their columns.
 *
 * The hot paths (gate, claim, verdict, sweep) know the row and its place
 * already; going through the executor here, instead of through SQL, spares
 * them a search and a plan.  Constraints bind whoever else writes here: the
 * transition function writes nothing that they forbid, and to read and compile
 * them again for each row would cost two thirds of making a task.  Builds with
 * assertions check them all the same, and so do tables to which the owner has
 * added columns; those keep their values.  Insert triggers fire; update and
 * delete triggers do not, for none belongs on hitl.task.
 *
 * An update or delete names the version of the row that its caller has seen
 * and judged.  It is refused when that version is no longer the last one, so
 * a caller needs no lock before it judges: the write is the lock.
 */
#include "hitl.h"

#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "commands/sequence.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "executor/nodeModifyTable.h"
#include "miscadmin.h"
#include "rewrite/rewriteHandler.h"
#include "tcop/utility.h"
#include "utils/snapmgr.h"

#include "cache.h"
#include "store.h"

#ifdef USE_ASSERT_CHECKING
#define CHECK_ALWAYS	true
#else
#define CHECK_ALWAYS	false
#endif

HitlTable *
hitl_table_open(const char *name)
{
	return hitl_table_open_oid(hitl_relation_oid(name));
}

HitlTable *
hitl_table_open_oid(Oid relid)
{
	HitlTable  *table = palloc0(sizeof(HitlTable));

	/* what the server checks for a statement, we must for ourselves */
	PreventCommandIfReadOnly("a change of hitl's tables");
	PreventCommandIfParallelMode("a change of hitl's tables");

	table->context = CurrentMemoryContext;
	table->rel = table_open(relid, RowExclusiveLock);
	table->estate = CreateExecutorState();
	table->result = makeNode(ResultRelInfo);
	InitResultRelInfo(table->result, table->rel, 0, NULL, 0);
	/* where the firing of triggers looks for it */
	table->estate->es_opened_result_relations = list_make1(table->result);
	table->slot = table_slot_create(table->rel, NULL);
	return table;
}

/* a row that is removed stays in the indexes: they are opened for a new one */
static void
open_indexes(HitlTable *table)
{
	MemoryContext old;

	if (table->indexed)
		return;
	old = MemoryContextSwitchTo(table->context);
	ExecOpenIndices(table->result, false);
	MemoryContextSwitchTo(old);
	table->indexed = true;
}

/* The lock on the table is kept to the end of the transaction. */
void
hitl_table_close(HitlTable *table)
{
	ExecDropSingleTupleTableSlot(table->slot);
	ExecResetTupleTable(table->estate->es_tupleTable, false);
	ExecCloseResultRelations(table->estate);	/* the indexes, that is */
	FreeExecutorState(table->estate);
	table_close(table->rel, NoLock);
	pfree(table);
}

/* whether the owner has added columns to the natts that we know */
static bool
has_more_columns(HitlTable *table, int natts)
{
	return RelationGetNumberOfAttributes(table->rel) > natts;
}

static void
fill_slot(HitlTable *table, const Datum *values, const bool *nulls, int natts)
{
	TupleTableSlot *slot = table->slot;

	ExecClearTuple(slot);
	memcpy(slot->tts_values, values, sizeof(Datum) * natts);
	memcpy(slot->tts_isnull, nulls, sizeof(bool) * natts);
	for (int i = natts; i < slot->tts_tupleDescriptor->natts; i++)
	{
		slot->tts_values[i] = (Datum) 0;
		slot->tts_isnull[i] = true;
	}
	ExecStoreVirtualTuple(slot);
	slot->tts_tableOid = RelationGetRelid(table->rel);
}

/*
 * Added columns of a new row have their defaults.
 */
static void
fill_defaults(HitlTable *table, int natts)
{
	TupleTableSlot *slot = table->slot;
	ExprContext *context = GetPerTupleExprContext(table->estate);

	for (int i = natts; i < slot->tts_tupleDescriptor->natts; i++)
	{
		Form_pg_attribute attr = TupleDescAttr(slot->tts_tupleDescriptor, i);
		Node	   *expr;

		if (attr->attisdropped || attr->attgenerated)
			continue;
		expr = build_column_default(table->rel, i + 1);
		if (expr != NULL)
			slot->tts_values[i] =
				ExecEvalExprSwitchContext(ExecPrepareExpr((Expr *) expr,
														  table->estate),
										  context, &slot->tts_isnull[i]);
	}
}

/*
 * Added columns of a changed row stay as they are.
 */
static void
keep_columns(HitlTable *table, ItemPointer tid, int natts, Snapshot snapshot)
{
	TupleTableSlot *slot = table->slot;
	TupleTableSlot *old = table_slot_create(table->rel, NULL);

	if (table_tuple_fetch_row_version(table->rel, tid, snapshot, old))
	{
		slot_getallattrs(old);
		for (int i = natts; i < slot->tts_tupleDescriptor->natts; i++)
		{
			slot->tts_values[i] = old->tts_values[i];
			slot->tts_isnull[i] = old->tts_isnull[i];
		}
		ExecMaterializeSlot(slot);	/* its values point into the old row */
	}
	ExecDropSingleTupleTableSlot(old);
}

/*
 * What the server does to a row before it is written.
 */
static void
check_row(HitlTable *table, CmdType command)
{
	TupleConstr *constr = table->rel->rd_att->constr;

	if (constr && constr->has_generated_stored)
		ExecComputeStoredGenerated(table->result, table->estate, table->slot,
								   command);
	if (constr)
		ExecConstraints(table->result, table->slot, table->estate);
}

void
hitl_table_insert(HitlTable *table, const Datum *values, const bool *nulls,
				  int natts)
{
	TriggerDesc *triggers = table->result->ri_TrigDesc;
	bool		fires = triggers != NULL &&
		(triggers->trig_insert_before_row || triggers->trig_insert_after_row);
	bool		more = has_more_columns(table, natts);

	open_indexes(table);
	fill_slot(table, values, nulls, natts);
	if (more)
		fill_defaults(table, natts);
	if (fires)
	{
		AfterTriggerBeginQuery();
		ExecSimpleRelationInsert(table->result, table->estate, table->slot);
		AfterTriggerEndQuery(table->estate);
	}
	else
	{
		if (more || CHECK_ALWAYS)
			check_row(table, CMD_INSERT);
		table_tuple_insert(table->rel, table->slot, GetCurrentCommandId(true),
						   0, NULL);
		hitl_insert_index_tuples(table->result, table->slot, table->estate);
	}
	ResetPerTupleExprContext(table->estate);
}

/*
 * What became of a write.  In a transaction that keeps its first snapshot
 * (REPEATABLE READ, SERIALIZABLE) a row that moved is the server's usual
 * serialization failure.
 */
static HitlWrite
judge(TM_Result result)
{
	switch (result)
	{
		case TM_Ok:
			return HITL_WRITTEN;
		case TM_BeingModified:
		case TM_WouldBlock:
			return HITL_BUSY;
		case TM_Updated:
		case TM_Deleted:
			if (IsolationUsesXactSnapshot())
				ereport(ERROR,
						(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
						 errmsg("could not serialize access due to concurrent update")));
			return HITL_MOVED;
		case TM_SelfModified:
			ereport(ERROR,
					(errcode(ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION),
					 errmsg("a task is being changed by the statement that calls this function"),
					 errhint("Call the function in a statement of its own.")));
		default:
			elog(ERROR, "unexpected result %d of a write to hitl.task", result);
			return HITL_MOVED;	/* keep the compiler quiet */
	}
}

HitlWrite
hitl_table_update(HitlTable *table, ItemPointer tid, const Datum *values,
				  const bool *nulls, int natts, Snapshot snapshot, bool wait)
{
	HitlWrite	written;
	TM_FailureData tmfd;
	LockTupleMode lockmode;
	HitlUpdateIndexes update_indexes;
	bool		more = has_more_columns(table, natts);

	open_indexes(table);
	fill_slot(table, values, nulls, natts);
	if (more)
		keep_columns(table, tid, natts, snapshot);
	if (more || CHECK_ALWAYS)
		check_row(table, CMD_UPDATE);
	written = judge(table_tuple_update(table->rel, tid, table->slot,
									   GetCurrentCommandId(true), snapshot,
									   InvalidSnapshot, wait, &tmfd, &lockmode,
									   &update_indexes));
	if (written == HITL_WRITTEN)
		hitl_update_index_tuples(table->result, table->slot, table->estate,
								 update_indexes);
	ResetPerTupleExprContext(table->estate);
	return written;
}

HitlWrite
hitl_table_delete(HitlTable *table, ItemPointer tid, Snapshot snapshot,
				  bool wait)
{
	TM_FailureData tmfd;

	return judge(table_tuple_delete(table->rel, tid, GetCurrentCommandId(true),
									snapshot, InvalidSnapshot, wait, &tmfd,
									false));
}

void
hitl_scan_begin(HitlScan *scan, Relation rel, const char *index,
				Snapshot snapshot, ScanKey keys, int nkeys)
{
	scan->index = index_open(hitl_relation_oid(index), AccessShareLock);
	scan->slot = table_slot_create(rel, NULL);
	/* the scan does not keep it; its caller may let go of it before the end */
	scan->snapshot = IsMVCCSnapshot(snapshot) ?
		RegisterSnapshot(snapshot) : snapshot;
	scan->scan = hitl_index_beginscan(rel, scan->index, scan->snapshot, nkeys);
	index_rescan(scan->scan, keys, nkeys, NULL, 0);
}

bool
hitl_scan_next(HitlScan *scan)
{
	return index_getnext_slot(scan->scan, ForwardScanDirection, scan->slot);
}

void
hitl_scan_end(HitlScan *scan)
{
	index_endscan(scan->scan);
	if (IsMVCCSnapshot(scan->snapshot))
		UnregisterSnapshot(scan->snapshot);
	ExecDropSingleTupleTableSlot(scan->slot);
	index_close(scan->index, AccessShareLock);
}

int
hitl_find_column(TupleDesc tupdesc, const char *name, Oid type)
{
	for (int i = 0; i < tupdesc->natts; i++)
	{
		Form_pg_attribute attr = TupleDescAttr(tupdesc, i);

		if (!attr->attisdropped && attr->atttypid == type &&
			strcmp(NameStr(attr->attname), name) == 0)
			return i + 1;
	}
	return 0;
}

int64
hitl_next_id(const char *sequence)
{
	return nextval_internal(hitl_relation_oid(sequence), false);
}
