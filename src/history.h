/*
 * history.h
 *		What was decided, asked and answered before a reviewer looks at a task.
 */
#ifndef HITL_HISTORY_H
#define HITL_HISTORY_H

#include "reader.h"
#include "task.h"

/* what of it the holder may see */
typedef struct HitlView
{
	bool		withheld;		/* nothing that was proposed or decided */
	bool		alone;			/* nothing of others who judge this decision */
} HitlView;

/*
 * An object with the keys subject (decisions before this one on the same
 * subject; is NULL where the decision has none), verdicts and questions, each
 * only where there is something.
 */
extern Jsonb *hitl_history(HitlReader *reader, const HitlTask *task,
						   text *subject, const HitlView *view,
						   Snapshot snapshot);

#endif							/* HITL_HISTORY_H */
