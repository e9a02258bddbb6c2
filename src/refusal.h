/*
 * refusal.h
 *		What is refused: an error of the call, or the answer to one of many.
 */
#ifndef HITL_REFUSAL_H
#define HITL_REFUSAL_H

#include "task.h"

/* all in the memory context in which it was made */
typedef struct HitlRefusal
{
	int			code;			/* SQLSTATE; 0: nothing was refused */
	char	   *message;
	char	   *detail;			/* NULL: none */
	char	   *hint;			/* NULL: none */
} HitlRefusal;

/*
 * Refuses.  Raises the error if refusal is NULL; otherwise fills it in and
 * returns false.  Whoever refuses has written nothing yet, so whoever gets
 * false can go on with something else.
 */
extern bool hitl_refuse(HitlRefusal *refusal, int code, const char *detail,
						const char *hint, const char *fmt, ...)
			pg_attribute_printf(5, 6);

/*
 * Leaves a line in the server's log, as an error would have, where somebody
 * was kept from what is not theirs to do.
 */
extern void hitl_refusal_log(const HitlRefusal *refusal);

/*
 * Whether this reviewer holds the task (found; NULL if there is none), under
 * this token if one is given, and the lease outlasts now.  Refuses by ZH001,
 * in the same words for a task that is not there, or by ZH002.
 */
extern bool hitl_check_holder(HitlRefusal *refusal, int64 id,
							  const HitlTask *found, const HitlActor *actor,
							  const int64 *lease, TimestampTz now);

#endif							/* HITL_REFUSAL_H */
