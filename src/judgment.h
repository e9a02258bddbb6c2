/*
 * judgment.h
 *		What a holder says of a task before the verdict.
 */
#ifndef HITL_JUDGMENT_H
#define HITL_JUDGMENT_H

/*
 * Whether this transaction has judged the task, and has not been shown the
 * proposal for it: it can still take the judgment back, so it counts as none.
 */
extern bool hitl_judged_just_now(int64 task);

#endif							/* HITL_JUDGMENT_H */
