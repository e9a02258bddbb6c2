/*
 * line.c
 *		The open tasks of several queues, in the order in which they are served.
 *
 * Each queue is read in its own order from the index task_ready, and the heads
 * are merged.  Nothing is sorted and nothing is read ahead: the cost is one
 * descent of the index a queue, and one row a task.
 *
 * Which head comes first is a total order, whatever the queues: heads compare
 * by lane, then by one number, then by id, and no two tasks have the same id.
 * What that number is, is settled once for all queues of the line:
 *
 * - if all of them have keys of the same kind, the keys.  Times are one kind:
 *   deadlines, arrivals, and the keys of queues with aging.  Values are another
 *   kind for each ordering;
 * - otherwise a time for each: the key where it is one, else the arrival.
 *
 * Were it settled for each pair of heads instead, three queues could be in a
 * circle.  NaN is no key that a task gets, but would be the last one, as in the
 * index.
 *
 * Within one queue and lane the index alone decides.  So the bound that aging
 * gives there holds also for whoever works on several queues.
 */
#include "hitl.h"

#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/fmgroids.h"

#include "line.h"

/* one queue, read in order */
typedef struct Source
{
	const HitlPlace *place;
	bool		timed;			/* its keys are times */
	HitlScan	scan;
	bool		empty;			/* no task is left */
	int16		lane;			/* of the head, as the rest */
	double		key;
	int64		id;
} Source;

struct HitlLine
{
	MemoryContext context;		/* where it lives */
	Source	   *source;
	int			n;
	bool		same_kind;		/* all keys are */
	Source	   *at;				/* the task reached; NULL: before the first */
};

static bool
is_timed(const HitlQueue *queue)
{
	return queue->aging > 0 || queue->ordering == HITL_ORDER_DUE ||
		queue->ordering == HITL_ORDER_FIFO;
}

static bool
same_kind(const HitlPlace *places, int n)
{
	HitlOrdering ordering = HITL_ORDER_DUE;
	bool		timed = true;

	for (int i = 0; i < n; i++)
	{
		const HitlQueue *queue = hitl_queue(NameStr(places[i].queue));

		if (i == 0)
		{
			timed = is_timed(queue);
			ordering = queue->ordering;
		}
		else if (is_timed(queue) != timed ||
				 (!timed && queue->ordering != ordering))
			return false;
	}
	return true;
}

static void
advance(const HitlLine *line, Source *source)
{
	/* a scan keeps what it allocates on the way */
	MemoryContext old = MemoryContextSwitchTo(line->context);
	const Datum *v;

	source->empty = !hitl_scan_next(&source->scan);
	MemoryContextSwitchTo(old);
	if (source->empty)
		return;
	slot_getallattrs(source->scan.slot);
	v = source->scan.slot->tts_values;
	source->lane = DatumGetInt16(v[HITL_TASK_LANE]);
	source->id = DatumGetInt64(v[HITL_TASK_ID]);
	source->key = line->same_kind || source->timed ?
		DatumGetFloat8(v[HITL_TASK_SORT_KEY]) :
		(double) DatumGetTimestampTz(v[HITL_TASK_CREATED_AT]);
}

static bool
before(const Source *a, const Source *b)
{
	if (a->lane != b->lane)
		return a->lane < b->lane;
	if (float8_ne(a->key, b->key))
		return float8_lt(a->key, b->key);
	return a->id < b->id;
}

HitlLine *
hitl_line_open(Relation rel, const HitlPlace *places, int nplaces,
			   Snapshot snapshot)
{
	HitlLine   *line = palloc0(sizeof(HitlLine));

	line->context = CurrentMemoryContext;
	line->n = nplaces;
	line->same_kind = same_kind(places, nplaces);
	line->source = palloc0(sizeof(Source) * Max(nplaces, 1));
	for (int i = 0; i < nplaces; i++)
	{
		Source	   *source = &line->source[i];
		ScanKeyData key;

		source->place = &places[i];
		source->timed = is_timed(hitl_queue(NameStr(places[i].queue)));
		ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_TEXTEQ,
					CStringGetTextDatum(NameStr(places[i].queue)));
		hitl_scan_begin(&source->scan, rel, "task_ready", snapshot, &key, 1);
		advance(line, source);
	}
	return line;
}

bool
hitl_line_next(HitlLine *line, HitlTask *task, const HitlPlace **place)
{
	Source	   *best = NULL;

	if (line->at)
		advance(line, line->at);
	for (int i = 0; i < line->n; i++)
	{
		Source	   *source = &line->source[i];

		if (!source->empty && (best == NULL || before(source, best)))
			best = source;
	}
	line->at = best;
	if (best == NULL)
		return false;
	hitl_task_read(best->scan.slot, task);
	*place = best->place;
	return true;
}

void
hitl_line_read(const HitlLine *line, HitlTask *task)
{
	hitl_task_read(line->at->scan.slot, task);
}

void
hitl_line_close(HitlLine *line)
{
	for (int i = 0; i < line->n; i++)
		hitl_scan_end(&line->source[i].scan);
	pfree(line->source);
	pfree(line);
}
