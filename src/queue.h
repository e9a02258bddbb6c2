/*
 * queue.h
 *		Hands a reviewer the most urgent tasks that they may take.
 */
#ifndef HITL_QUEUE_H
#define HITL_QUEUE_H

#include "eligible.h"

/*
 * The places where the reviewer works: all, or those of the queues that the
 * caller names (ZH012 for one that is none of them).
 */
extern int	hitl_wanted_places(const HitlReviewer *reviewer, ArrayType *wanted,
							   TimestampTz now, HitlPlace **places);

/* how many tasks the reviewer holds, under leases that run */
extern int	hitl_count_held(HitlDesk *desk, const HitlReviewer *reviewer,
							Snapshot snapshot, TimestampTz now);

extern void hitl_queue_init(void);

#endif							/* HITL_QUEUE_H */
