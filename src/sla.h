/*
 * sla.h
 *		One batch of what time brings.
 */
#ifndef HITL_SLA_H
#define HITL_SLA_H

#include "utils/timestamp.h"

/*
 * Deals with at most limit tasks for which the clock has something to do.
 * Returns how many it dealt with; *busy tells whether others were left
 * because somebody else was at them.
 */
extern int	hitl_sweep(int limit, bool *busy);

/*
 * Opens what is held by those who are reviewers no more, or all of whose
 * logins are gone.  It looks when anybody may have gone, at most a second
 * later.  Returns how many tasks.
 */
extern int	hitl_free_gone(void);

/* when the clock will next have something to do; DT_NOEND: nothing is known */
extern TimestampTz hitl_next_wake(void);

#endif							/* HITL_SLA_H */
