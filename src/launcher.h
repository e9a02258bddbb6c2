/*
 * launcher.h
 *		What launcher and workers share.
 */
#ifndef HITL_LAUNCHER_H
#define HITL_LAUNCHER_H

#include "port/atomics.h"
#include "storage/lwlock.h"
#include "storage/proc.h"

typedef enum HitlSlotState
{
	HITL_SLOT_FREE,
	HITL_SLOT_STARTING,				/* the launcher has asked for a worker */
	HITL_SLOT_SERVING,				/* the worker is at work */
	HITL_SLOT_ABSENT					/* the worker found no extension and left */
} HitlSlotState;

typedef struct HitlSlot
{
	HitlSlotState state;
	Oid			database;
	PGPROC	   *worker;			/* NULL when not running */
	pg_atomic_uint64 wake_at;	/* a commit that brings less wakes it */
} HitlSlot;

typedef struct HitlShared
{
	LWLock	   *lock;			/* for all but wake_at */
	PGPROC	   *launcher;
	uint64		looked;			/* look_again when the launcher last looked */
	uint64		epoch;			/* counts launchers; workers serve but one */
	uint64		look_again;		/* counts requests to look at a database */
	Oid			asked_for;		/* of the last one; InvalidOid: of several */
	int			nslots;
	HitlSlot	slot[FLEXIBLE_ARRAY_MEMBER];
} HitlShared;

/* NULL when the library is not preloaded */
extern HitlShared *hitl_shared;

/* at load: one launcher for the cluster */
extern void hitl_launcher_register(void);

/*
 * Sleeps, unless there is no time for it or the latch is set, and does what
 * the loop of every process must: interrupts, settings.
 */
extern void hitl_nap(long ms);

#endif							/* HITL_LAUNCHER_H */
