/*
 * reader.c
 *		Reads single rows by their keys, and keeps open what it has opened.
 *
 * To open a table, an index and a scan costs several times what it costs to
 * find a row.  Who reads for one task after the other, as a claim of many does,
 * opens them once.
 *
 * Scans keep things in the memory context in which they search; so that is
 * always the reader's own.
 */
#include "hitl.h"

#include "access/table.h"
#include "access/tableam.h"
#include "utils/memutils.h"

#include "reader.h"

void
hitl_reader_open(HitlReader *reader)
{
	memset(reader, 0, sizeof(*reader));
	reader->context = CurrentMemoryContext;
}

void
hitl_probe_open(HitlProbe *probe, Relation rel, Relation index)
{
	memset(probe, 0, sizeof(*probe));
	probe->rel = rel;
	probe->index = index;
}

static void
end_scan(HitlProbe *probe)
{
	if (probe->scan)
		index_endscan(probe->scan);
	probe->scan = NULL;
}

void
hitl_probe_close(HitlProbe *probe)
{
	end_scan(probe);
	if (probe->slot)
		ExecDropSingleTupleTableSlot(probe->slot);
	if (probe->index)
		index_close(probe->index, AccessShareLock);
	memset(probe, 0, sizeof(*probe));
}

void
hitl_probe_begin(const HitlReader *reader, HitlProbe *probe, ScanKey keys,
				 int nkeys, Snapshot snapshot)
{
	MemoryContext old = MemoryContextSwitchTo(reader->context);

	if (probe->slot == NULL)
		probe->slot = table_slot_create(probe->rel, NULL);
	if (probe->snapshot != snapshot || probe->nkeys != nkeys)
		end_scan(probe);
	if (probe->scan == NULL)
	{
		probe->scan = hitl_index_beginscan(probe->rel, probe->index, snapshot,
										   nkeys);
		probe->snapshot = snapshot;
		probe->nkeys = nkeys;
	}
	index_rescan(probe->scan, keys, nkeys, NULL, 0);
	MemoryContextSwitchTo(old);
}

bool
hitl_probe_next(const HitlReader *reader, HitlProbe *probe,
				ScanDirection direction)
{
	MemoryContext old = MemoryContextSwitchTo(reader->context);
	bool		found = index_getnext_slot(probe->scan, direction,
										   probe->slot);

	MemoryContextSwitchTo(old);
	return found;
}

static void
close_record(HitlProbe *probe)
{
	Relation	rel = probe->rel;

	if (rel == NULL)
		return;
	hitl_probe_close(probe);
	table_close(rel, AccessShareLock);
}

void
hitl_reader_close(HitlReader *reader)
{
	ListCell   *cell;

	foreach(cell, reader->parts)
	{
		HitlPart   *part = lfirst(cell);

		hitl_probe_close(&part->by_id);
		hitl_probe_close(&part->by_subject);
		table_close(part->rel, AccessShareLock);
	}
	close_record(&reader->verdict);
	close_record(&reader->event);
	if (reader->parent)
		table_close(reader->parent, AccessShareLock);
	memset(reader, 0, sizeof(*reader));
}
