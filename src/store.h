/*
 * store.h
 *		Writes rows of the extension's own tables, walks their indexes, finds
 *		their columns.
 */
#ifndef HITL_STORE_H
#define HITL_STORE_H

#include "access/genam.h"
#include "access/skey.h"
#include "executor/tuptable.h"
#include "nodes/execnodes.h"
#include "utils/rel.h"
#include "utils/snapshot.h"

typedef struct HitlTable
{
	MemoryContext context;		/* where it lives */
	bool		indexed;		/* the indexes are open */
	Relation	rel;
	EState	   *estate;
	ResultRelInfo *result;
	TupleTableSlot *slot;		/* the row to write */
} HitlTable;

typedef enum HitlWrite
{
	HITL_WRITTEN,
	HITL_BUSY,					/* another transaction is at the row */
	HITL_MOVED					/* another transaction has changed the row */
} HitlWrite;

extern HitlTable *hitl_table_open(const char *name);
extern HitlTable *hitl_table_open_oid(Oid relid);
extern void hitl_table_close(HitlTable *table);

/* values and nulls of the first natts columns; later ones become NULL */
extern void hitl_table_insert(HitlTable *table, const Datum *values,
							  const bool *nulls, int natts);
/*
 * Replace or remove the row version at tid, which was visible to snapshot.
 * With wait, a transaction that is at the row is waited for; HITL_BUSY is
 * then not returned.
 */
extern HitlWrite hitl_table_update(HitlTable *table, ItemPointer tid,
								   const Datum *values, const bool *nulls,
								   int natts, Snapshot snapshot, bool wait);
extern HitlWrite hitl_table_delete(HitlTable *table, ItemPointer tid,
								   Snapshot snapshot, bool wait);

/* a walk along an index of ours, in its order */
typedef struct HitlScan
{
	Relation	index;
	Snapshot	snapshot;
	IndexScanDesc scan;
	TupleTableSlot *slot;		/* the row reached */
} HitlScan;

extern void hitl_scan_begin(HitlScan *scan, Relation rel, const char *index,
							Snapshot snapshot, ScanKey keys, int nkeys);
extern bool hitl_scan_next(HitlScan *scan);
extern void hitl_scan_end(HitlScan *scan);

/* the column of this name and type, counted from 1, or 0 where there is none */
extern int	hitl_find_column(TupleDesc tupdesc, const char *name, Oid type);

/* the next value of a sequence of ours */
extern int64 hitl_next_id(const char *sequence);

#endif							/* HITL_STORE_H */
