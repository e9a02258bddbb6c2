/*
 * worker.h
 *		What the rest tells the background worker.
 */
#ifndef HITL_WORKER_H
#define HITL_WORKER_H

#include "utils/timestamp.h"

/* settings and processes, at load */
extern void hitl_worker_init(void);

/*
 * Notes that this transaction brings work for the clock at the given time.
 * When it commits, a worker that meant to sleep longer is woken.
 */
extern void hitl_worker_note(TimestampTz wake_at);

/* whether a worker serves this database at present; a hint */
extern bool hitl_worker_present(void);

#endif							/* HITL_WORKER_H */
