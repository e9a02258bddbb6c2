/*
 * reader.h
 *		Reads single rows by their keys, and keeps open what it has opened.
 */
#ifndef HITL_READER_H
#define HITL_READER_H

#include "access/genam.h"
#include "access/sdir.h"
#include "access/skey.h"
#include "executor/tuptable.h"
#include "nodes/pg_list.h"
#include "utils/rel.h"
#include "utils/snapshot.h"

/* an index that is searched again and again */
typedef struct HitlProbe
{
	Relation	rel;			/* NULL: not opened */
	Relation	index;			/* NULL: there is none */
	IndexScanDesc scan;
	int			nkeys;
	Snapshot	snapshot;		/* of the scan */
	TupleTableSlot *slot;		/* the row reached */
} HitlProbe;

/* a partition of hitl.decision */
typedef struct HitlPart
{
	Relation	rel;
	bool		empty;			/* when it was looked at */
	HitlProbe	by_id;
	HitlProbe	by_subject;
} HitlPart;

typedef struct HitlReader
{
	MemoryContext context;		/* where it lives */
	Relation	parent;			/* hitl.decision; NULL: not opened */
	List	   *parts;			/* of HitlPart */
	HitlProbe	verdict;		/* by the decision */
	HitlProbe	event;			/* by the decision */
} HitlReader;

/* all is opened when needed */
extern void hitl_reader_open(HitlReader *reader);
extern void hitl_reader_close(HitlReader *reader);

/* Lets a probe search this index of the table, which stays the caller's. */
extern void hitl_probe_open(HitlProbe *probe, Relation rel, Relation index);
extern void hitl_probe_close(HitlProbe *probe);

/*
 * Begins a search for rows as of the snapshot, which must live until the next
 * one; hitl_probe_next goes through them.
 */
extern void hitl_probe_begin(const HitlReader *reader, HitlProbe *probe,
							 ScanKey keys, int nkeys, Snapshot snapshot);
extern bool hitl_probe_next(const HitlReader *reader, HitlProbe *probe,
							ScanDirection direction);

#endif							/* HITL_READER_H */
