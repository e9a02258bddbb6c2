/*
 * notes.h
 *		What a transaction has to tell the ready lists when it ends.
 */
#ifndef HITL_NOTES_H
#define HITL_NOTES_H

#include "hint.h"
#include "task.h"

/* the row of an open task was written: to be told of after the commit */
extern void hitl_note_opened(const HitlTask *task);

/*
 * The row of an open task is about to be written, or the task to be struck off
 * a list: to be told of after a rollback.
 */
extern void hitl_note_touched(const HitlTask *task);

/*
 * Before a list is used: what this session has in progress with it is ended
 * with the transaction, also by an error.
 */
extern void hitl_notes_listen(void);

/*
 * Whether this transaction has written open tasks, which no list knows yet.
 */
extern bool hitl_notes_opened(void);

/* the place of a task in its queue */
extern HitlReady hitl_ready_of(const HitlTask *task);

#endif							/* HITL_NOTES_H */
