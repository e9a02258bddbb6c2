/*
 * line.c
 *		The open tasks of several queues, in the order in which they are served.
 *
 * Each queue is walked in its own order (ready.c), and the heads are merged.
 * Nothing is sorted, and a row is read when its turn comes: the cost is a look
 * at shared memory or one descent of the index a queue, and one row a task.
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
#include "utils/snapmgr.h"

#include "line.h"
#include "ready.h"

/* one queue, read in order */
typedef struct Source
{
	const HitlPlace *place;
	bool		timed;			/* its keys are times */
	HitlReadyWalk walk;
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
	Snapshot	snapshot;		/* registered; sees the task reached */
	Source	   *at;				/* the task reached; NULL: before the first */
	TupleTableSlot *slot;		/* its row */
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
	const HitlReady *at = &source->walk.at;

	source->empty = !hitl_ready_next(&source->walk, line->snapshot);
	if (source->empty)
		return;
	source->lane = at->lane;
	source->id = at->position.id;
	source->key = line->same_kind || source->timed ?
		at->position.key : (double) at->arrived;
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
	line->snapshot = RegisterSnapshot(snapshot);
	line->source = palloc0(sizeof(Source) * Max(nplaces, 1));
	for (int i = 0; i < nplaces; i++)
	{
		Source	   *source = &line->source[i];

		source->place = &places[i];
		source->timed = is_timed(hitl_queue(NameStr(places[i].queue)));
		hitl_ready_begin(&source->walk, rel, NameStr(places[i].queue));
		advance(line, source);
	}
	return line;
}

static Source *
first_of_all(HitlLine *line)
{
	Source	   *best = NULL;

	for (int i = 0; i < line->n; i++)
	{
		Source	   *source = &line->source[i];

		if (!source->empty && (best == NULL || before(source, best)))
			best = source;
	}
	return best;
}

bool
hitl_line_next(HitlLine *line, HitlTask *task, const HitlPlace **place)
{
	for (;;)
	{
		TupleTableSlot *slot;

		if (line->at)
			advance(line, line->at);
		line->at = first_of_all(line);
		if (line->at == NULL)
			return false;
		slot = hitl_ready_fetch(&line->at->walk, &line->snapshot);
		if (slot == NULL)
			continue;
		line->slot = slot;
		hitl_task_read(slot, task);
		*place = line->at->place;
		return true;
	}
}

void
hitl_line_read(const HitlLine *line, HitlTask *task)
{
	hitl_task_read(line->slot, task);
}

Snapshot
hitl_line_snapshot(const HitlLine *line)
{
	return line->snapshot;
}

bool
hitl_line_take(HitlLine *line, const HitlTask *task)
{
	return hitl_ready_take(&line->at->walk, task);
}

void
hitl_line_close(HitlLine *line)
{
	for (int i = 0; i < line->n; i++)
		hitl_ready_end(&line->source[i].walk);
	UnregisterSnapshot(line->snapshot);
	pfree(line->source);
	pfree(line);
}
