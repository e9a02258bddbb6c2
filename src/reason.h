/*
 * reason.h
 *		The reasons on record with a decision.
 */
#ifndef HITL_REASON_H
#define HITL_REASON_H

#include "utils/jsonb.h"

typedef struct HitlReason
{
	const char *trigger;
	const char *rule;			/* NULL: none */
	const char *detail;
} HitlReason;

/* begin with all zero; what is pointed to must live until it is built */
typedef struct HitlReasons
{
	int			n;
	int			size;			/* of more, if there is one */
	HitlReason	first[4];		/* most decisions have no more */
	HitlReason *more;			/* all of them, once there are */
} HitlReasons;

/* does nothing without reasons */
extern void hitl_reason_add(HitlReasons *reasons, const char *trigger,
							const char *rule, const char *detail);
/* [{"trigger": ..., "rule": ... or null, "detail": ...}, ...] */
extern Jsonb *hitl_reasons_build(const HitlReasons *reasons);

#endif							/* HITL_REASON_H */
