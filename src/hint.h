/*
 * hint.h
 *		Ready lists: what is next in each queue, in shared memory.
 *
 * A list is a hint.  Where there is none (hitl is not preloaded, there are more
 * queues than hitl.max_queues, a prepared transaction is at the queue), the
 * index says the same.  hint.c says what a list promises.
 */
#ifndef HITL_HINT_H
#define HITL_HINT_H

#include "utils/rel.h"

#include "lane.h"

/* the lists of a queue; good until the lists are given to another one */
typedef struct HitlHint
{
	struct Lists *lists;		/* NULL: none */
	uint64		generation;
} HitlHint;

/* a look at the index that shall add to a list */
typedef struct HitlRefill
{
	HitlHint	hint;
	int			lane;
	uint32		epoch;
	HitlPosition from;			/* look behind this place */
	int			room;			/* for so many tasks */
} HitlRefill;

extern Size hitl_hint_shmem_size(void);
extern void hitl_hint_shmem_init(int tranche);
/* at preload: the settings */
extern void hitl_hint_init(void);

/* whether there may be lists at all */
extern bool hitl_hint_possible(void);

/* The lists of a queue, where they can be trusted. */
extern bool hitl_hint_open(HitlHint *hint, const char *queue, Relation task);

extern HitlHintAnswer hitl_hint_next(const HitlHint *hint, int lane,
									 const HitlPosition *after,
									 HitlReady *ready);

/* Strikes a task off; false if somebody else has. */
extern bool hitl_hint_strike(const HitlHint *hint, const HitlReady *ready);

/*
 * A look at the index: false if another session has one in progress.  What
 * commits during the look is noted meanwhile.
 */
extern bool hitl_hint_refill_begin(HitlRefill *refill, const HitlHint *hint,
								   int lane);
/* found: what is open from refill->from up to the place reached, in order */
extern void hitl_hint_refill_end(const HitlRefill *refill,
								 const HitlReady *found, int n,
								 const HitlPosition *reached);
/* an error ended the look that this session had in progress, if any */
extern void hitl_hint_refill_forget(void);
/* Waits for somebody else's look; false if that takes too long. */
extern bool hitl_hint_wait(const HitlHint *hint, int lane);

/*
 * Whether it is time to look for what the lists were not told of, and until
 * what place of the lane; and that somebody has done so.
 */
extern bool hitl_hint_heal_due(const HitlHint *hint, TimestampTz now);
extern bool hitl_hint_bound(const HitlHint *hint, int lane,
							HitlPosition *bound);
extern void hitl_hint_healed(const HitlHint *hint, TimestampTz next);

/*
 * What follows is called when a transaction ends: it raises no error.
 */

/* Tells the lists of a queue, if there are any, of an open task. */
extern void hitl_hint_add(const char *queue, const HitlReady *ready);
/* The same, of many: the lists know nothing from this place on. */
extern void hitl_hint_lower(const char *queue, int lane,
							const HitlPosition *position);
/* The lists of this database know nothing any more. */
extern void hitl_hint_lower_all(void);

/*
 * Not to be trusted until the transaction, which is being prepared, has ended.
 * NULL: no list of this database.  May raise an error.
 */
extern void hitl_hint_doubt(const char *queue, TransactionId xid);

/* the lists that are in use in this database: the i-th, false at the end */
extern bool hitl_hint_each(int *i, HitlHint *hint, NameData *queue);

#endif							/* HITL_HINT_H */
