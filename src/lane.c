/*
 * lane.c
 *		The ready list of one lane of a queue.
 *
 * The list has the open tasks up to its bound, in order; hint.c says what that
 * promises.  It is short, so a full one gives up its last tasks and lowers its
 * bound: nothing is ever on a list behind its bound.
 */
#include "hitl.h"

#include <math.h>

#include "utils/float.h"

#include "lane.h"

/* a list with fewer tasks is filled up, unless somebody is about it */
#define LOW		16

const HitlPosition hitl_first_position = {-INFINITY, PG_INT64_MIN};
const HitlPosition hitl_last_position = {NAN, PG_INT64_MAX};

int
hitl_position_cmp(const HitlPosition *a, const HitlPosition *b)
{
	int			cmp = float8_cmp_internal(a->key, b->key);

	if (cmp != 0)
		return cmp;
	return a->id < b->id ? -1 : a->id > b->id;
}

HitlPosition
hitl_position_before(const HitlPosition *position)
{
	HitlPosition result = *position;

	if (result.id > PG_INT64_MIN)
		result.id--;
	else
		result = hitl_first_position;
	return result;
}

static HitlPosition
least(const HitlPosition *a, const HitlPosition *b)
{
	return hitl_position_cmp(a, b) <= 0 ? *a : *b;
}

void
hitl_lane_reset(HitlLane *lane)
{
	lane->bound = hitl_first_position;
	lane->epoch++;
	lane->n = lane->npending = 0;
}

/* the first entry behind a place */
static int
first_after(const HitlLane *lane, const HitlPosition *after)
{
	int			low = 0;
	int			high = lane->n;

	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (hitl_position_cmp(&lane->entry[middle].position, after) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/*
 * The list knows nothing from the place on.
 */
void
hitl_lane_lower(HitlLane *lane, const HitlPosition *position)
{
	HitlPosition before = hitl_position_before(position);

	lane->n = first_after(lane, &before);
	if (hitl_position_cmp(&before, &lane->bound) < 0)
	{
		lane->bound = before;
		lane->epoch++;
	}
	lane->cut = least(&lane->cut, position);
}

/*
 * Adds a task up to the bound.  The same task may be there twice, at different
 * places of its row: which of them counts is only known when they are looked
 * at.
 */
static void
insert(HitlLane *lane, const HitlReady *ready)
{
	HitlPosition before = hitl_position_before(&ready->position);
	int			at = first_after(lane, &before);
	HitlPosition last;

	for (int i = at; i < lane->n &&
		 hitl_position_cmp(&lane->entry[i].position, &ready->position) == 0; i++)
	{
		if (ItemPointerEquals(&lane->entry[i].tid,
							  unconstify(ItemPointerData *, &ready->tid)))
			return;
	}
	if (lane->n >= HITL_LIST_SIZE)
	{
		if (at == lane->n)
		{
			hitl_lane_lower(lane, &ready->position);
			return;
		}
		last = lane->entry[lane->n - 1].position;
		hitl_lane_lower(lane, &last);
		at = Min(at, lane->n);
	}
	Assert(lane->n < HITL_LIST_SIZE);
	memmove(&lane->entry[at + 1], &lane->entry[at],
			sizeof(HitlReady) * (lane->n - at));
	lane->entry[at] = *ready;
	lane->n++;
}

void
hitl_lane_tell(HitlLane *lane, const HitlReady *ready)
{
	if (hitl_position_cmp(&ready->position, &lane->bound) <= 0)
		insert(lane, ready);
	else if (!lane->looking)
		return;
	else if (lane->npending < HITL_PENDING_SIZE)
		lane->pending[lane->npending++] = *ready;
	else
		lane->cut = least(&lane->cut, &ready->position);
}

HitlHintAnswer
hitl_lane_next(const HitlLane *lane, const HitlPosition *after,
			   HitlReady *ready)
{
	bool		complete = hitl_position_cmp(&lane->bound,
											 &hitl_last_position) == 0;
	int			at = first_after(lane, after);

	if (!complete && !lane->looking && lane->n <= LOW &&
		hitl_position_cmp(after, &lane->bound) <= 0)
		return HITL_HINT_LOW;
	if (at < lane->n)
	{
		*ready = lane->entry[at];
		return HITL_HINT_FOUND;
	}
	if (complete)
		return HITL_HINT_END;
	return lane->looking && lane->n <= LOW ? HITL_HINT_WAIT :
		HITL_HINT_BEYOND;
}

bool
hitl_lane_strike(HitlLane *lane, const HitlReady *ready)
{
	HitlPosition before = hitl_position_before(&ready->position);

	for (int i = first_after(lane, &before); i < lane->n; i++)
	{
		if (hitl_position_cmp(&lane->entry[i].position, &ready->position) != 0)
			break;
		if (!ItemPointerEquals(&lane->entry[i].tid,
							   unconstify(ItemPointerData *, &ready->tid)))
			continue;
		lane->n--;
		memmove(&lane->entry[i], &lane->entry[i + 1],
				sizeof(HitlReady) * (lane->n - i));
		return true;
	}
	return false;
}

void
hitl_lane_look(HitlLane *lane)
{
	lane->looking = true;
	lane->npending = 0;
	lane->cut = hitl_last_position;
}

/*
 * Takes over what was found, up to the first task that was told of and could
 * not be kept, then those that could.
 */
void
hitl_lane_take_over(HitlLane *lane, const HitlReady *found, int n,
					const HitlPosition *reached)
{
	HitlPosition bound = *reached;

	if (hitl_position_cmp(&lane->cut, &hitl_last_position) != 0)
	{
		HitlPosition before = hitl_position_before(&lane->cut);

		bound = least(&bound, &before);
	}
	for (int i = 0; i < n; i++)
	{
		if (hitl_position_cmp(&found[i].position, &bound) > 0)
			break;
		if (lane->n >= HITL_LIST_SIZE)
		{
			bound = hitl_position_before(&found[i].position);
			/* other versions of the same task go with it */
			lane->n = first_after(lane, &bound);
			break;
		}
		lane->entry[lane->n++] = found[i];
	}
	if (hitl_position_cmp(&bound, &lane->bound) > 0)
		lane->bound = bound;
	for (int i = 0; i < lane->npending; i++)
	{
		if (hitl_position_cmp(&lane->pending[i].position, &lane->bound) <= 0)
			insert(lane, &lane->pending[i]);
	}
}
