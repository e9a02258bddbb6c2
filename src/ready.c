/*
 * ready.c
 *		The open tasks of one queue, in order.
 *
 * They are taken from the ready lists (hint.c) as far as those reach, and else
 * from the index task_ready; where there are no lists, all of them are.  The
 * order is the same.
 *
 * What a list says is not more than where to look.  A row found there counts
 * if a snapshot sees that very version, open and at its place.  If the snapshot
 * at hand does not, it may be too old: a new one, made after the list was read,
 * sees all that the list can know.  If that does not see it either, the version
 * is dead to everybody, and the entry goes.
 *
 * Looking at the index for a list sees what is so at the moment, and passes by
 * rows at which a transaction in progress is: that one will tell.
 *
 * Under REPEATABLE READ and SERIALIZABLE only the index knows what was open as
 * of the snapshot.  A transaction that has itself made tasks open finds them
 * in the index alone.
 */
#include "hitl.h"

#include "access/stratnum.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"

#include "cache.h"
#include "notes.h"
#include "ready.h"

/* columns of the index task_ready */
#define INDEX_QUEUE		1
#define INDEX_LANE		2
#define INDEX_KEY		3
#define INDEX_ID		4

/* what lists were not told of is looked for one part of the time in these */
#define HEAL_SHARE		50

/* how long a claim that finds nothing looks for that, and how often */
#define HEAL_CLAIM_US	(20 * 1000)
#define HEAL_PAUSE_US	USECS_PER_SEC

/* entries of an index between looks at the clock */
#define HEAL_STEP		64

/*
 * Scan keys
 */

/*
 * What comes behind a place: (key, id) > (...) within a lane.  members has
 * room for two keys and lives as long as the scan.
 */
static void
key_behind(ScanKey key, ScanKey members, const HitlPosition *after)
{
	ScanKeyInit(&members[0], INDEX_KEY, BTGreaterStrategyNumber,
				F_BTFLOAT8CMP, Float8GetDatum(after->key));
	ScanKeyInit(&members[1], INDEX_ID, BTGreaterStrategyNumber,
				F_BTINT8CMP, Int64GetDatum(after->id));
	members[0].sk_flags = SK_ROW_MEMBER;
	members[1].sk_flags = SK_ROW_MEMBER | SK_ROW_END;
	memset(key, 0, sizeof(*key));
	key->sk_flags = SK_ROW_HEADER;
	key->sk_attno = INDEX_KEY;
	key->sk_strategy = BTGreaterStrategyNumber;
	key->sk_argument = PointerGetDatum(members);
}

/* the same, then what is in the lanes behind: (lane, key, id) > (...) */
static void
key_rest(ScanKey key, ScanKey members, int lane, const HitlPosition *after)
{
	ScanKeyInit(&members[0], INDEX_LANE, BTGreaterStrategyNumber,
				F_BTINT2CMP, Int16GetDatum(lane));
	ScanKeyInit(&members[1], INDEX_KEY, BTGreaterStrategyNumber,
				F_BTFLOAT8CMP, Float8GetDatum(after->key));
	ScanKeyInit(&members[2], INDEX_ID, BTGreaterStrategyNumber,
				F_BTINT8CMP, Int64GetDatum(after->id));
	members[0].sk_flags = members[1].sk_flags = SK_ROW_MEMBER;
	members[2].sk_flags = SK_ROW_MEMBER | SK_ROW_END;
	memset(key, 0, sizeof(*key));
	key->sk_flags = SK_ROW_HEADER;
	key->sk_attno = INDEX_LANE;
	key->sk_strategy = BTGreaterStrategyNumber;
	key->sk_argument = PointerGetDatum(members);
}

static void
key_queue(ScanKey key, const char *queue)
{
	ScanKeyInit(key, INDEX_QUEUE, BTEqualStrategyNumber, F_TEXTEQ,
				CStringGetTextDatum(queue));
}

static void
key_lane(ScanKey key, int lane)
{
	ScanKeyInit(key, INDEX_LANE, BTEqualStrategyNumber, F_INT2EQ,
				Int16GetDatum(lane));
}

/*
 * Rows
 */

static HitlReady
ready_in(TupleTableSlot *slot)
{
	HitlReady	ready;
	const Datum *v;

	slot_getsomeattrs(slot, HITL_TASK_CREATED_AT + 1);
	v = slot->tts_values;
	ready.position.key = DatumGetFloat8(v[HITL_TASK_SORT_KEY]);
	ready.position.id = DatumGetInt64(v[HITL_TASK_ID]);
	ready.arrived = DatumGetTimestampTz(v[HITL_TASK_CREATED_AT]);
	ready.tid = slot->tts_tid;
	ready.lane = DatumGetInt16(v[HITL_TASK_LANE]);
	return ready;
}

/*
 * Whether the row is the task that a list says, where the list says.
 */
static bool
is_as_listed(const HitlReadyWalk *walk, TupleTableSlot *slot)
{
	HitlReady	found;
	text	   *queue;
	size_t		len = strlen(NameStr(walk->queue));

	slot_getsomeattrs(slot, HITL_TASK_HOLDER + 1);
	if (!slot->tts_isnull[HITL_TASK_HOLDER])
		return false;
	queue = DatumGetTextPP(slot->tts_values[HITL_TASK_QUEUE]);
	if (VARSIZE_ANY_EXHDR(queue) != len ||
		memcmp(VARDATA_ANY(queue), NameStr(walk->queue), len) != 0)
		return false;
	found = ready_in(slot);
	return found.lane == walk->at.lane &&
		hitl_position_cmp(&found.position, &walk->at.position) == 0;
}

/*
 * Looks at the index
 */

typedef struct Look
{
	Relation	rel;
	const char *queue;
	int			lane;
	HitlPosition from;			/* behind this place */
	HitlPosition to;			/* up to this one */
	TimestampTz until;			/* end early, then; DT_NOEND: never */
	int			room;			/* at most HITL_LIST_SIZE */
	HitlReady	found[HITL_LIST_SIZE];
	int			n;
	HitlPosition reached;
} Look;

/*
 * Reads one row of the index; false if somebody is at it, or if it is gone.
 */
static bool
read_open(IndexScanDesc scan, TupleTableSlot *slot, Snapshot dirty,
		  HitlReady *ready)
{
	bool		open = false;

	do
	{
		if (index_fetch_heap(scan, slot) &&
			!TransactionIdIsValid(dirty->xmin) &&
			!TransactionIdIsValid(dirty->xmax))
		{
			*ready = ready_in(slot);
			open = true;
		}
	} while (scan->xs_heap_continue);
	return open;
}

/*
 * Finds what is open in a lane, as of the moment.
 */
static void
look(Look *l)
{
	Relation	index = index_open(hitl_relation_oid("task_ready"),
								   AccessShareLock);
	TupleTableSlot *slot = table_slot_create(l->rel, NULL);
	SnapshotData dirty;
	ScanKeyData key[3];
	ScanKeyData members[2];
	IndexScanDesc scan;
	int			seen = 0;

	InitDirtySnapshot(dirty);
	key_queue(&key[0], l->queue);
	key_lane(&key[1], l->lane);
	key_behind(&key[2], members, &l->from);
	scan = hitl_index_beginscan(l->rel, index, &dirty, lengthof(key));
	scan->xs_want_itup = true;
	index_rescan(scan, key, lengthof(key), NULL, 0);
	l->n = 0;
	l->reached = l->to;
	while (index_getnext_tid(scan, ForwardScanDirection) != NULL)
	{
		HitlPosition here;
		bool		isnull;

		CHECK_FOR_INTERRUPTS();
		here.key = DatumGetFloat8(index_getattr(scan->xs_itup, INDEX_KEY,
												scan->xs_itupdesc, &isnull));
		here.id = DatumGetInt64(index_getattr(scan->xs_itup, INDEX_ID,
											  scan->xs_itupdesc, &isnull));
		if (hitl_position_cmp(&here, &l->to) > 0)
			break;
		if (read_open(scan, slot, &dirty, &l->found[l->n]))
			l->n++;
		if (l->n == l->room ||
			(++seen % HEAL_STEP == 0 && l->until != DT_NOEND &&
			 GetCurrentTimestamp() >= l->until))
		{
			l->reached = here;
			break;
		}
	}
	index_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	index_close(index, AccessShareLock);
}

/*
 * Adds to the list of the lane where the walk is.
 */
static void
refill(HitlReadyWalk *walk)
{
	HitlRefill	refill;
	Look		l;

	if (!hitl_hint_refill_begin(&refill, &walk->hint, walk->lane))
		return;
	l.rel = walk->rel;
	l.queue = NameStr(walk->queue);
	l.lane = walk->lane;
	l.from = refill.from;
	l.to = hitl_last_position;
	l.until = DT_NOEND;
	l.room = refill.room;
	look(&l);
	hitl_hint_refill_end(&refill, l.found, l.n, &l.reached);
	elog(DEBUG2, "ready list of queue \"%s\", lane %d: %d tasks added",
		 l.queue, l.lane, l.n);
}

/*
 * Tells the list of a lane of what it does not know, from a place on.  False if
 * the time was over.
 */
static bool
heal_lane(Relation rel, const HitlHint *hint, const char *queue, int lane,
		  HitlPosition *from, TimestampTz until)
{
	Look		l;

	l.rel = rel;
	l.queue = queue;
	l.lane = lane;
	l.until = until;
	l.room = HITL_LIST_SIZE;
	while (hitl_hint_bound(hint, lane, &l.to) &&
		   hitl_position_cmp(from, &l.to) < 0)
	{
		l.from = *from;
		look(&l);
		for (int i = 0; i < l.n; i++)
			hitl_hint_add(queue, &l.found[i]);
		*from = l.reached;
		if (until != DT_NOEND && GetCurrentTimestamp() >= until)
			return false;
	}
	return true;
}

TimestampTz
hitl_ready_heal(int64 budget_us, int64 interval_us)
{
	/* how far this process has come */
	static TimestampTz next = 0;
	static int	last = 0;
	static uint64 generation = 0;
	static int	lane = 0;
	static HitlPosition from;
	TimestampTz began = GetCurrentTimestamp();
	TimestampTz until = budget_us > 0 ? began + budget_us : DT_NOEND;
	Relation	rel;
	HitlHint	hint;
	NameData	queue;
	int			i = last;

	if (began < next || !hitl_hint_possible())
		return Max(next, began + interval_us);
	rel = table_open(hitl_relation_oid("task"), AccessShareLock);
	for (; hitl_hint_each(&i, &hint, &queue); last = i)
	{
		if (hint.generation != generation)
		{
			generation = hint.generation;
			lane = 0;
			from = hitl_first_position;
		}
		for (; lane < HITL_LANES; lane++, from = hitl_first_position)
		{
			if (!heal_lane(rel, &hint, NameStr(queue), lane, &from, until))
			{
				table_close(rel, AccessShareLock);
				return next = GetCurrentTimestamp() + HEAL_SHARE * budget_us;
			}
		}
		generation = 0;
	}
	last = 0;
	table_close(rel, AccessShareLock);
	next = GetCurrentTimestamp();
	return next += Max(interval_us, HEAL_SHARE * (next - began));
}

/*
 * The walk
 */

void
hitl_ready_begin(HitlReadyWalk *walk, Relation rel, const char *queue)
{
	memset(walk, 0, sizeof(*walk));
	walk->context = CurrentMemoryContext;
	walk->rel = rel;
	namestrcpy(&walk->queue, queue);
	walk->nblocks = InvalidBlockNumber;
	walk->after = hitl_first_position;
	walk->mode = HITL_READY_REST;
	if (!IsolationUsesXactSnapshot() && !hitl_notes_opened() &&
		hitl_hint_open(&walk->hint, queue, rel))
	{
		hitl_notes_listen();
		walk->mode = HITL_READY_LIST;
	}
}

static void
end_scan(HitlReadyWalk *walk)
{
	if (walk->scanning)
		hitl_scan_end(&walk->scan);
	walk->scanning = false;
}

static void
begin_scan(HitlReadyWalk *walk, Snapshot snapshot)
{
	ScanKeyData key[3];
	int			n = 0;

	key_queue(&key[n++], NameStr(walk->queue));
	if (walk->mode == HITL_READY_LANE)
	{
		key_lane(&key[n++], walk->lane);
		key_behind(&key[n++], walk->members, &walk->after);
	}
	else if (walk->lane > 0 ||
			 hitl_position_cmp(&walk->after, &hitl_first_position) > 0)
		key_rest(&key[n++], walk->members, walk->lane, &walk->after);
	hitl_scan_begin(&walk->scan, walk->rel, "task_ready", snapshot, key, n);
	walk->scanning = true;
}

static bool
next_in_index(HitlReadyWalk *walk, Snapshot snapshot)
{
	if (!walk->scanning)
		begin_scan(walk, snapshot);
	if (hitl_scan_next(&walk->scan))
	{
		walk->any = true;
		walk->at = ready_in(walk->scan.slot);
		return true;
	}
	end_scan(walk);
	return false;
}

static void
next_lane(HitlReadyWalk *walk)
{
	walk->mode = HITL_READY_LIST;
	walk->lane++;
	walk->after = hitl_first_position;
}

/*
 * The lists have nothing.  Rows may have been written past the library: whoever
 * would go away with nothing looks, now and then.
 */
static bool
heal_empty(HitlReadyWalk *walk)
{
	TimestampTz began = GetCurrentTimestamp();
	TimestampTz end;

	if (walk->any || !hitl_hint_heal_due(&walk->hint, began))
		return false;
	hitl_hint_healed(&walk->hint, began + HEAL_PAUSE_US);
	for (int lane = 0; lane < HITL_LANES; lane++)
	{
		HitlPosition from = hitl_first_position;

		(void) heal_lane(walk->rel, &walk->hint, NameStr(walk->queue), lane,
						 &from, began + HEAL_CLAIM_US);
	}
	end = GetCurrentTimestamp();
	hitl_hint_healed(&walk->hint, end + Max(HEAL_PAUSE_US,
											HEAL_SHARE * (end - began)));
	walk->lane = 0;
	walk->after = hitl_first_position;
	return true;
}

/*
 * The next one by the lists.  False if the walk goes on elsewhere, or nowhere.
 */
static bool
next_in_list(HitlReadyWalk *walk)
{
	switch (hitl_hint_next(&walk->hint, walk->lane, &walk->after, &walk->at))
	{
		case HITL_HINT_FOUND:
			walk->after = walk->at.position;
			walk->any = true;
			return true;
		case HITL_HINT_END:
			next_lane(walk);
			break;
		case HITL_HINT_LOW:
			refill(walk);
			break;
		case HITL_HINT_WAIT:
			if (!hitl_hint_wait(&walk->hint, walk->lane))
				walk->mode = HITL_READY_LANE;
			break;
		case HITL_HINT_BEYOND:
			walk->mode = HITL_READY_LANE;
			break;
		case HITL_HINT_LOST:
			walk->mode = HITL_READY_REST;
			break;
	}
	return false;
}

static bool
next(HitlReadyWalk *walk, Snapshot snapshot)
{
	for (;;)
	{
		switch (walk->mode)
		{
			case HITL_READY_LIST:
				if (walk->lane < HITL_LANES)
				{
					if (next_in_list(walk))
						return true;
				}
				else if (!heal_empty(walk))
					return false;
				break;
			case HITL_READY_LANE:
				if (next_in_index(walk, snapshot))
					return true;
				next_lane(walk);
				break;
			case HITL_READY_REST:
				return next_in_index(walk, snapshot);
		}
	}
}

/*
 * A scan goes on in the memory context in which it began: it keeps things there
 * that it needs later.
 */
bool
hitl_ready_next(HitlReadyWalk *walk, Snapshot snapshot)
{
	MemoryContext old = MemoryContextSwitchTo(walk->context);
	bool		result = next(walk, snapshot);

	MemoryContextSwitchTo(old);
	return result;
}

/*
 * Puts the row at the place into the slot, if the snapshot sees it open.
 */
static bool
fetch_listed(HitlReadyWalk *walk, Snapshot snapshot)
{
	/* the table cannot shrink any more, as we have it open */
	if (walk->nblocks == InvalidBlockNumber ||
		ItemPointerGetBlockNumber(&walk->at.tid) >= walk->nblocks)
		walk->nblocks = RelationGetNumberOfBlocks(walk->rel);
	if (ItemPointerGetBlockNumber(&walk->at.tid) >= walk->nblocks)
		return false;
	return table_tuple_fetch_row_version(walk->rel, &walk->at.tid, snapshot,
										 walk->slot) &&
		is_as_listed(walk, walk->slot);
}

TupleTableSlot *
hitl_ready_fetch(HitlReadyWalk *walk, Snapshot *snapshot)
{
	Snapshot	newer;

	if (walk->mode != HITL_READY_LIST)
		return walk->scan.slot;
	if (walk->slot == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(walk->context);

		walk->slot = table_slot_create(walk->rel, NULL);
		MemoryContextSwitchTo(old);
	}
	if (fetch_listed(walk, *snapshot))
		return walk->slot;
	newer = RegisterSnapshot(GetTransactionSnapshot());
	UnregisterSnapshot(*snapshot);
	*snapshot = newer;
	if (fetch_listed(walk, newer))
		return walk->slot;
	(void) hitl_hint_strike(&walk->hint, &walk->at);
	/* the same task may be on the list once more, at another place */
	walk->after = hitl_position_before(&walk->at.position);
	return NULL;
}

bool
hitl_ready_take(HitlReadyWalk *walk, const HitlTask *task)
{
	if (walk->mode != HITL_READY_LIST)
		return true;
	hitl_note_touched(task);
	return hitl_hint_strike(&walk->hint, &walk->at);
}

void
hitl_ready_end(HitlReadyWalk *walk)
{
	end_scan(walk);
	if (walk->slot)
		ExecDropSingleTupleTableSlot(walk->slot);
}
