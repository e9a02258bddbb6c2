/*
 * ready.h
 *		The open tasks of one queue, in order.
 */
#ifndef HITL_READY_H
#define HITL_READY_H

#include "hint.h"
#include "store.h"
#include "task.h"

/* where the walk looks */
typedef enum HitlReadyMode
{
	HITL_READY_LIST,			/* at the list of a lane */
	HITL_READY_LANE,			/* at the index, for the rest of a lane */
	HITL_READY_REST				/* at the index, for all that is left */
} HitlReadyMode;

typedef struct HitlReadyWalk
{
	MemoryContext context;		/* where it lives */
	Relation	rel;
	NameData	queue;
	HitlReadyMode mode;
	HitlHint	hint;
	BlockNumber nblocks;		/* of rel */
	int			lane;
	HitlPosition after;			/* the last one looked at */
	bool		any;			/* it has reached a task */
	bool		scanning;
	HitlScan	scan;			/* of the index */
	ScanKeyData members[3];		/* of a key of the scan */
	TupleTableSlot *slot;		/* of a row found by its place */
	HitlReady	at;				/* the task reached */
} HitlReadyWalk;

extern void hitl_ready_begin(HitlReadyWalk *walk, Relation rel,
							 const char *queue);

/* Goes to the next task; false at the end. */
extern bool hitl_ready_next(HitlReadyWalk *walk, Snapshot snapshot);

/*
 * The row of the task reached, or NULL if it is not open any more.  *snapshot,
 * which is registered, may be replaced by a newer one that sees the row.
 */
extern TupleTableSlot *hitl_ready_fetch(HitlReadyWalk *walk,
										Snapshot *snapshot);

/*
 * Before the task reached is claimed: false if another session is about to.
 */
extern bool hitl_ready_take(HitlReadyWalk *walk, const HitlTask *task);

extern void hitl_ready_end(HitlReadyWalk *walk);

/*
 * Looks for open tasks that the lists were not told of: all of them, or as
 * far as one comes in the time given (0: to the end).  Returns when to do so
 * again.  The interval is how often.
 */
extern TimestampTz hitl_ready_heal(int64 budget_us, int64 interval_us);

#endif							/* HITL_READY_H */
