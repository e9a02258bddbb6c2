/*
 * decision.c
 *		Reads or locks one decision by its id.
 *
 * Each claim and each verdict reads the decision.  Through SQL that costs a
 * lock and a look at every partition; the id tells which one has it, and the
 * partition's own index finds the row.  A reader (reader.c) keeps open what it
 * has opened.
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
#include "storage/bufmgr.h"
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
 * Which partition of the parent has ids like this one in its bounds, as a
 * number in the bounds; -1 where none begins before.
 */
static int
bound_of(Relation parent, const pg_uuid_t *id)
{
	PartitionKey key = RelationGetPartitionKey(parent);
	PartitionDesc partitions = RelationGetPartitionDesc(parent, true);
	Datum		value = UUIDPGetDatum(id);
	bool		equal;

	if (partitions->nparts == 0)
		return -1;
	return partition_range_datum_bsearch(key->partsupfunc, key->partcollation,
										 partitions->boundinfo, 1, &value,
										 &equal) + 1;
}

/*
 * The partition in whose bounds the id is, or InvalidOid.
 */
static Oid
partition_of(Relation parent, const pg_uuid_t *id)
{
	PartitionDesc partitions = RelationGetPartitionDesc(parent, true);
	int			at = bound_of(parent, id);

	if (at < 0)
		return InvalidOid;
	at = partitions->boundinfo->indexes[at];
	if (at < 0)
		at = partitions->boundinfo->default_index;
	return at < 0 ? InvalidOid : partitions->oids[at];
}

/*
 * Indexes
 */

/* whether the index has all rows whose column is not null */
static bool
has_all(Relation index, AttrNumber column)
{
	List	   *predicate;
	NullTest   *test;

	if (heap_attisnull(index->rd_indextuple, Anum_pg_index_indpred, NULL))
		return true;
	predicate = RelationGetIndexPredicate(index);
	test = linitial(predicate);
	return list_length(predicate) == 1 && IsA(test, NullTest) &&
		test->nulltesttype == IS_NOT_NULL && IsA(test->arg, Var) &&
		((Var *) test->arg)->varattno == column;
}

/*
 * The index of a partition that begins with these columns and has all rows in
 * which none of them is null, opened, or NULL.
 */
static Relation
open_index(Relation rel, const AttrNumber *column, int n)
{
	List	   *indexes = RelationGetIndexList(rel);
	Relation	result = NULL;
	ListCell   *cell;

	foreach(cell, indexes)
	{
		Relation	index = index_open(lfirst_oid(cell), AccessShareLock);
		Form_pg_index form = index->rd_index;

		if (index->rd_rel->relam == BTREE_AM_OID && form->indisvalid &&
			form->indnkeyatts >= n &&
			memcmp(form->indkey.values, column, sizeof(AttrNumber) * n) == 0 &&
			has_all(index, column[n == 1 ? 0 : 1]))
		{
			result = index;
			break;
		}
		index_close(index, AccessShareLock);
	}
	list_free(indexes);
	return result;
}

static Relation
open_id_index(Relation rel)
{
	AttrNumber	column = hitl_find_column(RelationGetDescr(rel), "id", UUIDOID);

	return open_index(rel, &column, 1);
}

static Relation
open_subject_index(Relation rel)
{
	TupleDesc	tupdesc = RelationGetDescr(rel);
	AttrNumber	column[3] = {
		hitl_find_column(tupdesc, "workflow", TEXTOID),
		hitl_find_column(tupdesc, "subject", TEXTOID),
		hitl_find_column(tupdesc, "id", UUIDOID)
	};

	return open_index(rel, column, lengthof(column));
}

/*
 * Partitions
 */

static HitlPart *
open_part(HitlReader *reader, Oid relid)
{
	MemoryContext old;
	HitlPart   *part;
	ListCell   *cell;

	foreach(cell, reader->parts)
	{
		part = lfirst(cell);
		if (RelationGetRelid(part->rel) == relid)
			return part;
	}
	old = MemoryContextSwitchTo(reader->context);
	part = palloc0(sizeof(HitlPart));
	part->rel = table_open(relid, AccessShareLock);
	reader->parts = lappend(reader->parts, part);
	MemoryContextSwitchTo(old);
	return part;
}

static Relation
open_parent(HitlReader *reader)
{
	if (reader->parent == NULL)
		reader->parent = table_open(hitl_relation_oid("decision"),
									AccessShareLock);
	return reader->parent;
}

/*
 * The partition that has the id, which may have partitions itself; NULL if
 * there is none.
 */
static HitlPart *
find_part(HitlReader *reader, const pg_uuid_t *id)
{
	Relation	rel = open_parent(reader);
	HitlPart   *part = NULL;

	while (rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
	{
		Oid			partition = partition_of(rel, id);

		if (!OidIsValid(partition))
			return NULL;
		part = open_part(reader, partition);
		rel = part->rel;
	}
	if (rel->rd_rel->relkind != RELKIND_RELATION)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("partition \"%s\" of hitl.decision is no table of this database",
						RelationGetRelationName(rel))));
	return part ? part : open_part(reader, RelationGetRelid(rel));
}

/*
 * Reads the whole partition: somebody has dropped the index.
 */
static bool
search_part(HitlReader *reader, HitlPart *part, const pg_uuid_t *id,
			Snapshot snapshot)
{
	MemoryContext old = MemoryContextSwitchTo(reader->context);
	ScanKeyData key;
	TableScanDesc scan;
	bool		found;

	if (part->by_id.slot == NULL)
		part->by_id.slot = table_slot_create(part->rel, NULL);
	ScanKeyInit(&key, hitl_find_column(RelationGetDescr(part->rel), "id", UUIDOID),
				BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(id));
	scan = table_beginscan(part->rel, snapshot, 1, &key);
	found = table_scan_getnextslot(scan, ForwardScanDirection,
								   part->by_id.slot);
	if (found)
		ExecMaterializeSlot(part->by_id.slot);
	table_endscan(scan);
	MemoryContextSwitchTo(old);
	return found;
}

/*
 * Puts the row of this id into the slot of the partition.
 */
static bool
find_row(HitlReader *reader, HitlPart *part, const pg_uuid_t *id,
		 Snapshot snapshot)
{
	ScanKeyData key;

	if (part->by_id.rel == NULL)
		hitl_probe_open(&part->by_id, part->rel, open_id_index(part->rel));
	if (part->by_id.index == NULL)
		return search_part(reader, part, id, snapshot);
	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(id));
	hitl_probe_begin(reader, &part->by_id, &key, 1, snapshot);
	return hitl_probe_next(reader, &part->by_id, ForwardScanDirection);
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

bool
hitl_decision_read(HitlDecision *decision, HitlReader *reader,
				   const pg_uuid_t *id, Snapshot snapshot)
{
	HitlPart   *part = find_part(reader, id);

	if (part == NULL || !find_row(reader, part, id, snapshot))
		return false;
	decision->reader = reader;
	decision->own = NULL;
	decision->rel = part->rel;
	decision->slot = part->by_id.slot;
	read_row(decision);
	return true;
}

bool
hitl_decision_open(HitlDecision *decision, const pg_uuid_t *id,
				   Snapshot snapshot)
{
	HitlReader *reader = palloc(sizeof(HitlReader));

	hitl_reader_open(reader);
	if (hitl_decision_read(decision, reader, id, snapshot))
	{
		decision->own = reader;
		return true;
	}
	hitl_reader_close(reader);
	pfree(reader);
	return false;
}

void
hitl_decision_close(HitlDecision *decision)
{
	if (decision->own == NULL)
		return;
	hitl_reader_close(decision->own);
	pfree(decision->own);
}

/*
 * Whether the partition has an earlier decision on the subject; true if that
 * cannot be told.
 */
static bool
has_earlier(HitlReader *reader, Oid partition, const pg_uuid_t *id,
			text *workflow, text *subject, Snapshot snapshot)
{
	HitlPart   *part = open_part(reader, partition);
	HitlProbe  *probe = &part->by_subject;
	ScanKeyData key[3];

	if (part->rel->rd_rel->relkind != RELKIND_RELATION)
		return true;
	if (part->empty || RelationGetNumberOfBlocks(part->rel) == 0)
	{
		part->empty = true;		/* as the default partition mostly is */
		return false;
	}
	if (probe->rel == NULL)
		hitl_probe_open(probe, part->rel, open_subject_index(part->rel));
	if (probe->index == NULL)
		return true;
	ScanKeyEntryInitialize(&key[0], 0, 1, BTEqualStrategyNumber, TEXTOID,
						   probe->index->rd_indcollation[0], F_TEXTEQ,
						   PointerGetDatum(workflow));
	ScanKeyEntryInitialize(&key[1], 0, 2, BTEqualStrategyNumber, TEXTOID,
						   probe->index->rd_indcollation[1], F_TEXTEQ,
						   PointerGetDatum(subject));
	ScanKeyInit(&key[2], 3, BTLessStrategyNumber, F_UUID_LT, UUIDPGetDatum(id));
	hitl_probe_begin(reader, probe, key, lengthof(key), snapshot);
	return hitl_probe_next(reader, probe, BackwardScanDirection);
}

bool
hitl_decision_has_earlier(HitlReader *reader, const pg_uuid_t *id,
						  const char *workflow, text *subject,
						  Snapshot snapshot)
{
	Relation	parent = open_parent(reader);
	PartitionDesc partitions;
	PartitionBoundInfo bounds;
	text	   *name = cstring_to_text(workflow);
	bool		result = false;

	if (parent->rd_rel->relkind != RELKIND_PARTITIONED_TABLE)
		return true;
	partitions = RelationGetPartitionDesc(parent, true);
	bounds = partitions->boundinfo;
	/* its own partition, those before, and what fits nowhere */
	for (int at = bound_of(parent, id); at >= 0 && !result; at--)
	{
		if (bounds->indexes[at] >= 0)
			result = has_earlier(reader, partitions->oids[bounds->indexes[at]],
								 id, name, subject, snapshot);
	}
	if (!result && partitions->nparts > 0 && bounds->default_index >= 0)
		result = has_earlier(reader, partitions->oids[bounds->default_index],
							 id, name, subject, snapshot);
	return result;
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
