/*
 * line.h
 *		The open tasks of several queues, in the order in which they are served.
 */
#ifndef HITL_LINE_H
#define HITL_LINE_H

#include "eligible.h"
#include "task.h"

typedef struct HitlLine HitlLine;

extern HitlLine *hitl_line_open(Relation rel, const HitlPlace *places,
								int nplaces, Snapshot snapshot);

/*
 * Goes to the next task; false at the end.  The task is read into the current
 * memory context, and again by each hitl_line_read.
 */
extern bool hitl_line_next(HitlLine *line, HitlTask *task,
						   const HitlPlace **place);
/* the snapshot that sees it: the given one, or a newer one */
extern Snapshot hitl_line_snapshot(const HitlLine *line);
/* before it is claimed: false if another session is about to claim it */
extern bool hitl_line_take(HitlLine *line, const HitlTask *task);
extern void hitl_line_read(const HitlLine *line, HitlTask *task);
extern void hitl_line_close(HitlLine *line);

#endif							/* HITL_LINE_H */
