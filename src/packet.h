/*
 * packet.h
 *		What a reviewer is shown with a task.
 */
#ifndef HITL_PACKET_H
#define HITL_PACKET_H

#include "utils/tuplestore.h"

#include "decision.h"
#include "task.h"

/*
 * The kind as the holder sees it.  What only measures looks like what is
 * usual.
 */
extern const char *hitl_shown_kind(const HitlTask *task,
								   const HitlDecision *decision);

/*
 * Adds the packet of a task, and its decision as read, as a row of hitl.claim.
 * The task is as held.
 */
extern void hitl_packet_put(const HitlTask *task, const HitlDecision *decision,
							TimestampTz now, Snapshot snapshot,
							ReturnSetInfo *rsinfo);

/* the decision of the task, which must be there */
extern void hitl_packet_open(HitlDecision *decision, const HitlTask *task,
							 Snapshot snapshot);
/* the same with a reader that has others to read: nothing to close */
extern void hitl_packet_read(HitlDecision *decision, HitlReader *reader,
							 const HitlTask *task, Snapshot snapshot);

/* what is left until then, NULL for infinity, as columns of rows */
extern Datum hitl_time_left(TimestampTz until, TimestampTz now, bool *isnull);

#endif							/* HITL_PACKET_H */
