/*
 * shift.h
 *		How much of their shift reviewers have used.
 */
#ifndef HITL_SHIFT_H
#define HITL_SHIFT_H

#include "people.h"

/*
 * How many tasks the reviewer may still claim in this shift, at most n.  Raises
 * ZH004 if there are none, or too many were given back.
 */
extern int	hitl_shift_room(const HitlReviewer *reviewer, TimestampTz now,
							int n);

/*
 * What the reviewer has done: n tasks claimed, or one given back.  Under
 * hitl_reviewer_lock, taken before any task.
 */
extern void hitl_shift_claimed(const HitlReviewer *reviewer, TimestampTz now,
							   int n);
extern void hitl_shift_released(const HitlReviewer *reviewer, TimestampTz now);

#endif							/* HITL_SHIFT_H */
