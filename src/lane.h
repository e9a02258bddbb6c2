/*
 * lane.h
 *		The ready list of one lane of a queue.
 *
 * A list lives in shared memory, and whoever calls has locked it (hint.c).
 */
#ifndef HITL_LANE_H
#define HITL_LANE_H

#include "storage/itemptr.h"
#include "utils/timestamp.h"

/* lanes are 0, 1 and 2 */
#define HITL_LANES		3

/* tasks told of during one look at the index */
#define HITL_PENDING_SIZE	16

/* the most tasks that a list names, and so that one look at the index adds */
#define HITL_LIST_SIZE	64

/* a place in a lane: by the key, then by the id, as in the index task_ready */
typedef struct HitlPosition
{
	double		key;
	int64		id;
} HitlPosition;

/* an open task, and where its row is */
typedef struct HitlReady
{
	HitlPosition position;
	TimestampTz arrived;
	ItemPointerData tid;
	int16		lane;
} HitlReady;

/* before and after all others */
extern const HitlPosition hitl_first_position;
extern const HitlPosition hitl_last_position;

/* less than, equal to or greater than 0 */
extern int	hitl_position_cmp(const HitlPosition *a, const HitlPosition *b);

/* the place right before one */
extern HitlPosition hitl_position_before(const HitlPosition *position);

/* what a list knows of the task that comes after a place */
typedef enum HitlHintAnswer
{
	HITL_HINT_FOUND,			/* this one */
	HITL_HINT_END,				/* there is none */
	HITL_HINT_LOW,				/* look at the index and add to the list first */
	HITL_HINT_WAIT,				/* somebody else is about that */
	HITL_HINT_BEYOND,			/* it is behind all that the list can name */
	HITL_HINT_LOST				/* there is no list any more */
} HitlHintAnswer;

typedef struct HitlLane
{
	HitlPosition bound;
	uint32		epoch;			/* changes when the bound is lowered */
	bool		looking;		/* a look at the index is in progress */
	HitlPosition cut;			/* told of since, and not kept */
	int			npending;
	int			n;
	HitlReady	pending[HITL_PENDING_SIZE];
	HitlReady	entry[HITL_LIST_SIZE];
} HitlLane;

/* It knows nothing any more. */
extern void hitl_lane_reset(HitlLane *lane);

/* It knows nothing from the place on. */
extern void hitl_lane_lower(HitlLane *lane, const HitlPosition *position);

/* There is an open task. */
extern void hitl_lane_tell(HitlLane *lane, const HitlReady *ready);

/* What comes after a place. */
extern HitlHintAnswer hitl_lane_next(const HitlLane *lane,
									 const HitlPosition *after,
									 HitlReady *ready);

/* Strikes a task off; false if it is not there. */
extern bool hitl_lane_strike(HitlLane *lane, const HitlReady *ready);

/*
 * A look at the index begins, and ends: with what was found behind the bound,
 * in order, up to the place reached.
 */
extern void hitl_lane_look(HitlLane *lane);
extern void hitl_lane_take_over(HitlLane *lane, const HitlReady *found, int n,
								const HitlPosition *reached);

#endif							/* HITL_LANE_H */
