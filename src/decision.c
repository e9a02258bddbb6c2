/*
 * decision.c
 *		Reads or locks one decision by its id.
 *
 * Each claim and each verdict reads the decision.  Through SQL that costs a
 * lock and a look at every partition; the id tells which one has it, and the
 * partition's own index finds the row.
 *
 * Columns are found by name, since a partition may have them in another order
 * than its parent.  Where they were last time is tried first.
 */
#include "hitl.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_am.h"
#include "catalog/pg_index.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/primnodes.h"
#include "partitioning/partbounds.h"
#include "partitioning/partdesc.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/partcache.h"

#include "cache.h"
#include "decision.h"
#include "store.h"

static bool
is_column(TupleDesc tupdesc, int attnum, const char *name, Oid type)
{
	Form_pg_attribute attr;

	if (attnum < 1 || attnum > tupdesc->natts)
		return false;
	attr = TupleDescAttr(tupdesc, attnum - 1);
	return !attr->attisdropped && attr->atttypid == type &&
		strcmp(NameStr(attr->attname), name) == 0;
}

/*
 * The partition in whose bounds the id is, or InvalidOid.
 */
static Oid
partition_of(Relation parent, const pg_uuid_t *id)
{
	PartitionKey key = RelationGetPartitionKey(parent);
	PartitionDesc partitions = RelationGetPartitionDesc(parent, true);
	PartitionBoundInfo bounds = partitions->boundinfo;
	Datum		value = UUIDPGetDatum(id);
	bool		equal;
	int			at;

	if (partitions->nparts == 0)
		return InvalidOid;
	at = partition_range_datum_bsearch(key->partsupfunc, key->partcollation,
									   bounds, 1, &value, &equal);
	at = bounds->indexes[at + 1];
	if (at < 0)
		at = bounds->default_index;
	return at < 0 ? InvalidOid : partitions->oids[at];
}

/*
 * The index of a partition that begins with the id, opened, or NULL.
 */
static Relation
open_index(Relation rel, AttrNumber id_column)
{
	List	   *indexes = RelationGetIndexList(rel);
	Relation	result = NULL;
	ListCell   *cell;

	foreach(cell, indexes)
	{
		Relation	index = index_open(lfirst_oid(cell), AccessShareLock);

		if (index->rd_rel->relam == BTREE_AM_OID &&
			index->rd_index->indisvalid &&
			index->rd_index->indkey.values[0] == id_column &&
			heap_attisnull(index->rd_indextuple, Anum_pg_index_indpred, NULL))
		{
			result = index;
			break;
		}
		index_close(index, AccessShareLock);
	}
	list_free(indexes);
	return result;
}

/* whether the index holds all rows whose subject is not null */
static bool
has_all_subjects(Relation index, AttrNumber subject_column)
{
	List	   *predicate = RelationGetIndexPredicate(index);
	NullTest   *test;

	if (predicate == NIL)
		return true;
	test = linitial(predicate);
	return list_length(predicate) == 1 && IsA(test, NullTest) &&
		test->nulltesttype == IS_NOT_NULL && IsA(test->arg, Var) &&
		((Var *) test->arg)->varattno == subject_column;
}

/*
 * The index of a partition on workflow, subject and id, opened, or NULL.
 */
static Relation
open_subject_index(Relation rel)
{
	TupleDesc	tupdesc = RelationGetDescr(rel);
	AttrNumber	column[3] = {
		hitl_find_column(tupdesc, "workflow", TEXTOID),
		hitl_find_column(tupdesc, "subject", TEXTOID),
		hitl_find_column(tupdesc, "id", UUIDOID)
	};
	List	   *indexes = RelationGetIndexList(rel);
	Relation	result = NULL;
	ListCell   *cell;

	foreach(cell, indexes)
	{
		Relation	index = index_open(lfirst_oid(cell), AccessShareLock);

		if (index->rd_rel->relam == BTREE_AM_OID &&
			index->rd_index->indisvalid &&
			index->rd_index->indnkeyatts >= 3 &&
			memcmp(index->rd_index->indkey.values, column, sizeof(column)) == 0 &&
			has_all_subjects(index, column[1]))
		{
			result = index;
			break;
		}
		index_close(index, AccessShareLock);
	}
	list_free(indexes);
	return result;
}

/*
 * Whether the partition has an earlier decision on the subject; true if that
 * cannot be told.
 */
static bool
partition_has_earlier(Oid partition, const pg_uuid_t *id, text *workflow,
					  text *subject, Snapshot snapshot)
{
	Relation	rel = table_open(partition, AccessShareLock);
	Relation	index = NULL;
	bool		result = true;

	if (rel->rd_rel->relkind == RELKIND_RELATION)
		index = open_subject_index(rel);
	if (index)
	{
		IndexScanDesc scan = hitl_index_beginscan(rel, index, snapshot, 3);
		TupleTableSlot *slot = table_slot_create(rel, NULL);
		ScanKeyData key[3];

		ScanKeyEntryInitialize(&key[0], 0, 1, BTEqualStrategyNumber, TEXTOID,
							   index->rd_indcollation[0], F_TEXTEQ,
							   PointerGetDatum(workflow));
		ScanKeyEntryInitialize(&key[1], 0, 2, BTEqualStrategyNumber, TEXTOID,
							   index->rd_indcollation[1], F_TEXTEQ,
							   PointerGetDatum(subject));
		ScanKeyInit(&key[2], 3, BTLessStrategyNumber, F_UUID_LT,
					UUIDPGetDatum(id));
		index_rescan(scan, key, 3, NULL, 0);
		result = index_getnext_slot(scan, BackwardScanDirection, slot);
		index_endscan(scan);
		ExecDropSingleTupleTableSlot(slot);
		index_close(index, AccessShareLock);
	}
	table_close(rel, AccessShareLock);
	return result;
}

bool
hitl_decision_has_earlier(const pg_uuid_t *id, const char *workflow,
						  text *subject, Snapshot snapshot)
{
	Relation	parent = table_open(hitl_relation_oid("decision"),
									AccessShareLock);
	bool		result = true;

	if (parent->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
	{
		PartitionKey key = RelationGetPartitionKey(parent);
		PartitionDesc partitions = RelationGetPartitionDesc(parent, true);
		PartitionBoundInfo bounds = partitions->boundinfo;
		text	   *name = cstring_to_text(workflow);
		bool		equal;
		int			at = -1;

		result = false;
		if (partitions->nparts > 0)
			at = partition_range_datum_bsearch(key->partsupfunc,
											   key->partcollation, bounds, 1,
											   &(Datum) {UUIDPGetDatum(id)}, &equal) + 1;
		/* its own partition, those before, and what fits nowhere */
		for (; at >= 0 && !result; at--)
		{
			if (bounds->indexes[at] >= 0)
				result = partition_has_earlier(partitions->oids[bounds->indexes[at]],
											   id, name, subject, snapshot);
		}
		if (!result && partitions->nparts > 0 && bounds->default_index >= 0)
			result = partition_has_earlier(partitions->oids[bounds->default_index],
										   id, name, subject, snapshot);
	}
	table_close(parent, AccessShareLock);
	return result;
}

/*
 * Puts the row of this id into the slot.
 */
static bool
find_row(HitlDecision *d, AttrNumber id_column, const pg_uuid_t *id,
		 Snapshot snapshot)
{
	Relation	index = open_index(d->rel, id_column);
	ScanKeyData key;
	bool		found;

	ScanKeyInit(&key, index ? 1 : id_column, BTEqualStrategyNumber, F_UUID_EQ,
				UUIDPGetDatum(id));
	if (index)
	{
		IndexScanDesc scan = hitl_index_beginscan(d->rel, index, snapshot, 1);

		index_rescan(scan, &key, 1, NULL, 0);
		found = index_getnext_slot(scan, ForwardScanDirection, d->slot);
		index_endscan(scan);
		index_close(index, AccessShareLock);
	}
	else						/* somebody has dropped it */
	{
		TableScanDesc scan = table_beginscan(d->rel, snapshot, 1, &key);

		found = table_scan_getnextslot(scan, ForwardScanDirection, d->slot);
		table_endscan(scan);
	}
	return found;
}

static void
read_row(HitlDecision *d)
{
	static int	last[HITL_NKEYS];
	TupleDesc	tupdesc = RelationGetDescr(d->rel);

	slot_getallattrs(d->slot);
	for (int i = 0; i < HITL_NKEYS; i++)
	{
		if (!is_column(tupdesc, last[i], hitl_key[i].name, hitl_key[i].type))
			last[i] = hitl_find_column(tupdesc, hitl_key[i].name,
									   hitl_key[i].type);
		d->row.isnull[i] = last[i] == 0 || d->slot->tts_isnull[last[i] - 1];
		if (!d->row.isnull[i])
			d->row.value[i] = d->slot->tts_values[last[i] - 1];
	}
}

/* descends to the partition that has it, which may have partitions itself */
static bool
open_partition(HitlDecision *d, const pg_uuid_t *id)
{
	d->rel = table_open(hitl_relation_oid("decision"), AccessShareLock);
	while (d->rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
	{
		Oid			partition = partition_of(d->rel, id);

		table_close(d->rel, AccessShareLock);
		if (!OidIsValid(partition))
			return false;
		d->rel = table_open(partition, AccessShareLock);
	}
	if (d->rel->rd_rel->relkind != RELKIND_RELATION)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("partition \"%s\" of hitl.decision is no table of this database",
						RelationGetRelationName(d->rel))));
	return true;
}

bool
hitl_decision_open(HitlDecision *decision, const pg_uuid_t *id,
				   Snapshot snapshot)
{
	AttrNumber	id_column;

	if (!open_partition(decision, id))
		return false;
	decision->slot = table_slot_create(decision->rel, NULL);
	id_column = hitl_find_column(RelationGetDescr(decision->rel), "id",
								 UUIDOID);
	if (find_row(decision, id_column, id, snapshot))
	{
		read_row(decision);
		return true;
	}
	hitl_decision_close(decision);
	return false;
}

void
hitl_decision_close(HitlDecision *decision)
{
	ExecDropSingleTupleTableSlot(decision->slot);
	table_close(decision->rel, AccessShareLock);
}

Datum
hitl_decision_column(const HitlDecision *decision, const char *name, Oid type,
					 bool *isnull)
{
	int			attnum = hitl_find_column(RelationGetDescr(decision->rel),
										  name, type);

	*isnull = attnum == 0 || decision->slot->tts_isnull[attnum - 1];
	return *isnull ? (Datum) 0 : decision->slot->tts_values[attnum - 1];
}

static bool
lock(const pg_uuid_t *id, bool wait)
{
	LOCKTAG		tag;
	uint32		half[2];

	memcpy(half, id->data + UUID_LEN - sizeof(half), sizeof(half));
	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, half[0], half[1],
						 HITL_LOCK_DECISION);
	return LockAcquire(&tag, ExclusiveLock, false, !wait) !=
		LOCKACQUIRE_NOT_AVAIL;
}

void
hitl_decision_lock(const pg_uuid_t *id)
{
	(void) lock(id, true);
}

bool
hitl_decision_lock_if_free(const pg_uuid_t *id)
{
	return lock(id, false);
}
