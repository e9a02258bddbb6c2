/*
 * resubmit.c
 *		Whether a subject comes again and again.
 *
 * An application that varies a decision until one passes the gate is to meet a
 * person.  So what counts are attempts, not facts: a live row is counted with
 * everything that stands in the table, whoever's transaction put it there and
 * whatever became of that transaction.  Rows of the same statement count, and
 * those of others that are still at work; nobody waits for anybody.  What was
 * tried and rolled back counts too, until the server has vacuumed it away: else
 * to roll back whatever did not pass would be the way to try for nothing.
 *
 * A row that another session judges at the same moment is not stored yet and
 * cannot be seen.  So of one subject as many may pass beyond the limit as there
 * are other sessions at that moment.
 *
 * A stored row is judged by what its query can see, and by what came before it.
 */
#include "hitl.h"

#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_am.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_index.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "partitioning/partbounds.h"
#include "partitioning/partdesc.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/partcache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "cache.h"
#include "resubmit.h"
#include "store.h"
#include "uuid.h"

/* ids of other sessions may be ahead of ours by as much */
#define SLACK		USECS_PER_DAY

/* what the index of the subjects begins with */
enum
{
	BY_WORKFLOW, BY_SUBJECT, BY_ID, NBY
};

typedef struct Counting
{
	const HitlRow *row;
	pg_uuid_t	since;
	pg_uuid_t	until;
	Snapshot	snapshot;
	int64		enough;
	int64		found;
	bool		known;			/* false: there may be more that we cannot see */
} Counting;

/*
 * The index of a table by workflow, subject and id, opened, or NULL where
 * somebody has dropped it.
 */
static Relation
open_index(Relation rel, const AttrNumber *column)
{
	List	   *indexes = RelationGetIndexList(rel);
	Relation	result = NULL;
	ListCell   *cell;

	foreach(cell, indexes)
	{
		Relation	index = index_open(lfirst_oid(cell), AccessShareLock);

		if (index->rd_rel->relam == BTREE_AM_OID &&
			index->rd_index->indisvalid &&
			IndexRelationGetNumberOfKeyAttributes(index) >= NBY &&
			memcmp(index->rd_index->indkey.values, column,
				   sizeof(AttrNumber) * NBY) == 0)
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
 * Rows come in the order of their ids, and a row that was changed comes with
 * each of its versions; without an index they come in any order, and such a row
 * counts more than once.
 */
static void
count_row(Counting *c, TupleTableSlot *slot, AttrNumber id_column,
		  pg_uuid_t *last)
{
	bool		isnull;
	pg_uuid_t  *id = DatumGetUUIDP(slot_getattr(slot, id_column, &isnull));

	if (memcmp(id, DatumGetUUIDP(c->row->value[HITL_KEY_ID]), UUID_LEN) == 0 ||
		memcmp(id, last, UUID_LEN) == 0)
		return;
	*last = *id;
	c->found++;
}

static void
count_in_table(Counting *c, Relation rel)
{
	static const HitlKey by[NBY] = {
		HITL_KEY_WORKFLOW, HITL_KEY_SUBJECT, HITL_KEY_ID
	};
	AttrNumber	column[NBY];
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	pg_uuid_t	last = {0};
	ScanKeyData key[NBY + 1];
	Relation	index;

	for (int i = 0; i < NBY; i++)
		column[i] = hitl_find_column(RelationGetDescr(rel),
									 hitl_key[by[i]].name, hitl_key[by[i]].type);
	index = open_index(rel, column);
	for (int i = 0; i < NBY + 1; i++)
	{
		int			at = Min(i, BY_ID);
		bool		is_text = at != BY_ID;

		ScanKeyEntryInitialize(&key[i], 0, index ? at + 1 : column[at],
							   is_text ? BTEqualStrategyNumber :
							   i == BY_ID ? BTGreaterEqualStrategyNumber :
							   BTLessEqualStrategyNumber, InvalidOid,
							   !is_text ? InvalidOid :
							   index ? index->rd_indcollation[at] :
							   C_COLLATION_OID,
							   is_text ? F_TEXTEQ :
							   i == BY_ID ? F_UUID_GE : F_UUID_LE,
							   is_text ? c->row->value[by[at]] :
							   UUIDPGetDatum(i == BY_ID ? &c->since :
											 &c->until));
	}

	if (index)
	{
		IndexScanDesc scan = hitl_index_beginscan(rel, index, c->snapshot,
												  NBY + 1);

		index_rescan(scan, key, NBY + 1, NULL, 0);
		while (c->found < c->enough &&
			   index_getnext_slot(scan, ForwardScanDirection, slot))
			count_row(c, slot, column[BY_ID], &last);
		index_endscan(scan);
		index_close(index, AccessShareLock);
	}
	else
	{
		TableScanDesc scan = table_beginscan(rel, c->snapshot, NBY + 1, key);

		while (c->found < c->enough &&
			   table_scan_getnextslot(scan, ForwardScanDirection, slot))
		{
			CHECK_FOR_INTERRUPTS();
			count_row(c, slot, column[BY_ID], &last);
		}
		table_endscan(scan);
	}
	ExecDropSingleTupleTableSlot(slot);
}

static void count_in(Counting *c, Oid relid, bool by_id);

/*
 * Partitions in whose bounds no id that we look for can be are left out.
 */
static void
count_in_partitions(Counting *c, Relation rel, bool by_id)
{
	PartitionKey key = RelationGetPartitionKey(rel);
	PartitionDesc partitions = RelationGetPartitionDesc(rel, true);
	PartitionBoundInfo bounds = partitions->boundinfo;
	Datum		since = UUIDPGetDatum(&c->since);
	Datum		until = UUIDPGetDatum(&c->until);
	bool		equal;
	int			first;
	int			last;

	if (!by_id)
	{
		for (int i = 0; i < partitions->nparts; i++)
			count_in(c, partitions->oids[i], false);
		return;
	}
	if (partitions->nparts == 0)
		return;
	first = partition_range_datum_bsearch(key->partsupfunc, key->partcollation,
										  bounds, 1, &since, &equal);
	last = partition_range_datum_bsearch(key->partsupfunc, key->partcollation,
										 bounds, 1, &until, &equal);
	for (int i = first + 1; i <= last + 1; i++)
	{
		if (bounds->indexes[i] >= 0)
			count_in(c, partitions->oids[bounds->indexes[i]], false);
	}
	if (bounds->default_index >= 0)
		count_in(c, partitions->oids[bounds->default_index], false);
}

static void
count_in(Counting *c, Oid relid, bool by_id)
{
	Relation	rel;

	if (c->found >= c->enough || !c->known)
		return;
	rel = table_open(relid, AccessShareLock);
	if (rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
		count_in_partitions(c, rel, by_id);
	else if (rel->rd_rel->relkind == RELKIND_RELATION)
		count_in_table(c, rel);
	else
		c->known = false;
	table_close(rel, AccessShareLock);
}

/*
 * The first id of a time, or of all times that an id can have.
 */
static pg_uuid_t
floor_of(TimestampTz when)
{
	static const pg_uuid_t none = {0};
	static const TimestampTz least =
		(TimestampTz) (UNIX_EPOCH_JDATE - POSTGRES_EPOCH_JDATE) * USECS_PER_DAY;

	return when < least ? none :
		*DatumGetUUIDP(DirectFunctionCall1(hitl_uuid_floor,
										   TimestampTzGetDatum(when)));
}

bool
hitl_resubmitted(const HitlPolicy *policy, const HitlRow *row)
{
	Counting	c = {.row = row, .known = true};
	pg_uuid_t  *id;
	TimestampTz when;

	if (row->isnull[HITL_KEY_SUBJECT] || row->isnull[HITL_KEY_ID])
		return false;
	id = DatumGetUUIDP(row->value[HITL_KEY_ID]);
	if (!hitl_uuid_get_time(id, &when))
		return false;			/* brought back, from elsewhere */
	c.since = floor_of(DatumGetTimestampTz(DirectFunctionCall2(timestamp_mi_interval,
															   TimestampTzGetDatum(when),
															   IntervalPGetDatum(&policy->resubmit_window))));
	if (row->stored)
	{
		c.snapshot = GetActiveSnapshot();
		c.until = *id;
	}
	else
	{
		c.snapshot = SnapshotAny;
		c.until = floor_of(Max(when, GetCurrentTimestamp()) + SLACK);
	}
	c.enough = (int64) policy->max_resubmits + 1;
	count_in(&c, hitl_relation_oid("decision"), true);
	return c.found >= c.enough || !c.known;
}

char *
hitl_resubmit_text(const HitlPolicy *policy)
{
	Interval	window = policy->resubmit_window;
	struct pg_itm itm;
	char		span[MAXDATELEN + 1];

	/* in one way, whatever the session's settings are */
	interval2itm(window, &itm);
	EncodeInterval(&itm, INTSTYLE_POSTGRES, span);
	return psprintf("more than %d others of the subject within %s",
					policy->max_resubmits, span);
}
