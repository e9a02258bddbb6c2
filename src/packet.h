/*
 * packet.h
 *		What a reviewer is shown with a task.
 */
#ifndef HITL_PACKET_H
#define HITL_PACKET_H

#include "utils/tuplestore.h"

#include "task.h"

/* Adds the packets of these tasks, in order, as rows of hitl.claim. */
extern void hitl_packets(const HitlTask *tasks, int ntasks, TimestampTz now,
						 Tuplestorestate *store, TupleDesc tupdesc);

#endif							/* HITL_PACKET_H */
