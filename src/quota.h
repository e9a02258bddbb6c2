/*
 * quota.h
 *		How many open tasks a workflow may have.
 */
#ifndef HITL_QUOTA_H
#define HITL_QUOTA_H

#include "c.h"

/*
 * Raises 53400 unless the workflow may have one more open task than it has.
 * Does nothing where the quota is 0.
 */
extern void hitl_quota_check(const char *workflow, int32 quota);

/* a task of a workflow that has a quota was made */
extern void hitl_quota_enter(const char *workflow, int64 task);

/* a task of any workflow has ended */
extern void hitl_quota_leave(const char *workflow, int64 task);

#endif							/* HITL_QUOTA_H */
