/*
 * record.h
 *		What is left behind of what happened to a task: events and verdicts.
 */
#ifndef HITL_RECORD_H
#define HITL_RECORD_H

#include "task.h"

extern void hitl_event_write(HitlDesk *desk, const HitlTask *task,
							 const HitlTransition *transition,
							 const char *kind, Jsonb *detail);

/* on a task (with_task), or on a decision without one */
extern void hitl_record_verdict(HitlDesk *desk, const HitlTask *task,
								bool with_task, bool final,
								const HitlTransition *transition);

/* "asserted_by" and "on_behalf_of", where it is so */
extern void hitl_record_actor(HitlJson *json, const HitlTransition *transition);

#endif							/* HITL_RECORD_H */
