/*
 * partition.h
 *		Partitions of hitl.decision, made ahead of time.
 */
#ifndef HITL_PARTITION_H
#define HITL_PARTITION_H

extern void hitl_partitions_ensure(void);

#endif							/* HITL_PARTITION_H */
