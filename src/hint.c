/*
 * hint.c
 *		Ready lists: what is next in each queue, in shared memory.
 *
 * A claim that searches the index for the most urgent task walks over the
 * entries of all that were claimed before it and cannot be vacuumed yet.  So
 * sessions share, for each lane of a queue, a list of the tasks that come next,
 * with the places of their rows.  Every entry is verified against the row
 * before it counts; the row, not the list, decides who gets a task.
 *
 * What a list promises: every open, committed task of its lane up to the place
 * "bound" is on it, or a transaction in progress has struck it off, or the
 * session that committed it is about to tell.  Hence
 *
 * - who makes a task open, tells so after the commit; who has written to an
 *   open one, or struck it off, tells so after a rollback (notes.c);
 * - a task that is told of goes onto the list if it is up to the bound; else
 *   the next look at the index will find it.  A full list gives up its last
 *   task, and the bound becomes what is last then;
 * - a look at the index from the bound on announces itself first.  What is told
 *   of meanwhile is kept, and added when the look ends: of a transaction that
 *   committed later than the look could see, it is told later than the look was
 *   announced;
 * - an entry is dropped when its version of the row is dead to everybody, or
 *   when somebody else is at the row, who will tell.
 *
 * A prepared transaction does not tell when it ends.  Until then the lists of
 * the queues that it was at are not used, and afterwards they begin anew.
 * Neither are the lists used after a start of the server until no prepared
 * transaction of the database is left.  Rows written by SQL past the library
 * are looked for from time to time (ready.c).
 *
 * The lock of a queue's lists is held for the moment of a look or a change,
 * never while anything is read or waited for.
 */
#include "hitl.h"

#include "access/transam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/condition_variable.h"
#include "storage/lwlock.h"
#include "storage/procarray.h"
#include "storage/shmem.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/snapmgr.h"

#include "cache.h"
#include "hint.h"

/* prepared transactions at one queue */
#define DOUBTS			4

/* lists that nobody has used for so long may be given to another queue */
#define IDLE_US			(60 * USECS_PER_SEC)

/* how often prepared transactions are looked for while there are any */
#define CHECK_MS		200

/* how long to wait for somebody else's look before looking oneself */
#define WAIT_MS			1000

typedef struct Key
{
	NameData	queue;
	Oid			database;
} Key;

typedef struct Lists
{
	LWLock		lock;			/* for all of it */
	ConditionVariable looked;
	uint64		generation;		/* changes with the key */
	Key			key;			/* database is InvalidOid: free */
	Oid			file;			/* of hitl.task: what the places are in */
	bool		checked;		/* no unknown transaction is prepared */
	int			ndoubts;
	TransactionId doubt[DOUBTS];
	TimestampTz used_at;
	TimestampTz check_at;
	TimestampTz heal_at;
	HitlLane	lane[HITL_LANES];
} Lists;

typedef struct Shared
{
	LWLock		lock;			/* for the hash table and the keys */
	int			used;
	Lists		lists[FLEXIBLE_ARRAY_MEMBER];
} Shared;

typedef struct Entry
{
	Key			key;
	int			index;
} Entry;

static int	max_queues = 1024;
static bool enabled = true;

static Shared *shared = NULL;
static HTAB *by_key = NULL;

/* the look that this session has in progress */
static Lists *looking_at = NULL;
static HitlRefill looking;

static HitlQuery prepared_query = {
	.text =
	"SELECT true FROM pg_catalog.pg_prepared_xacts"
	" WHERE database OPERATOR(pg_catalog.=) pg_catalog.current_database()",
};

/*
 * Shared memory
 */

static Size
shared_size(void)
{
	return add_size(offsetof(Shared, lists), mul_size(max_queues, sizeof(Lists)));
}

Size
hitl_hint_shmem_size(void)
{
	return add_size(shared_size(), hash_estimate_size(max_queues, sizeof(Entry)));
}

/*
 * With AddinShmemInitLock held.
 */
void
hitl_hint_shmem_init(int tranche)
{
	HASHCTL		ctl;
	bool		found;

	if (max_queues == 0)
		return;
	ctl.keysize = sizeof(Key);
	ctl.entrysize = sizeof(Entry);
	by_key = ShmemInitHash("hitl queues", max_queues, max_queues, &ctl,
						   HASH_ELEM | HASH_BLOBS);
	shared = ShmemInitStruct("hitl ready lists", shared_size(), &found);
	if (found)
		return;
	memset(shared, 0, shared_size());
	LWLockInitialize(&shared->lock, tranche);
	for (int i = 0; i < max_queues; i++)
	{
		LWLockInitialize(&shared->lists[i].lock, tranche);
		ConditionVariableInit(&shared->lists[i].looked);
	}
}

void
hitl_hint_init(void)
{
	DefineCustomIntVariable("hitl.max_queues",
							"Sets for how many queues of all databases the next tasks are kept in shared memory.",
							"Claims from further queues search the index.",
							&max_queues, 1024, 0, 1000000,
							PGC_POSTMASTER, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable("hitl.ready_lists",
							 "Claims look at shared memory for what is next.",
							 "Otherwise they search the index; the result is the same.",
							 &enabled, true,
							 PGC_SUSET, 0, NULL, NULL, NULL);
}

/*
 * Lists of a queue
 */

static void
reset(Lists *lists)
{
	for (int i = 0; i < HITL_LANES; i++)
		hitl_lane_reset(&lists->lane[i]);
}

static void
make_key(Key *key, const char *queue)
{
	memset(key, 0, sizeof(*key));
	strlcpy(NameStr(key->queue), queue, NAMEDATALEN);
	key->database = MyDatabaseId;
}

/*
 * Looks a key up, and returns the lists with their lock held, or NULL.
 */
static Lists *
find(const Key *key)
{
	Entry	   *entry;
	Lists	   *lists = NULL;

	LWLockAcquire(&shared->lock, LW_SHARED);
	entry = hash_search(by_key, key, HASH_FIND, NULL);
	if (entry)
	{
		lists = &shared->lists[entry->index];
		LWLockAcquire(&lists->lock, LW_EXCLUSIVE);
	}
	LWLockRelease(&shared->lock);
	return lists;
}

/*
 * Lists that are free, or that nobody has used for long; -1 if there are none.
 */
static int
choose_lists(TimestampTz now)
{
	int			oldest = 0;

	if (shared->used < max_queues)
		return shared->used++;
	for (int i = 1; i < max_queues; i++)
	{
		if (shared->lists[i].used_at < shared->lists[oldest].used_at)
			oldest = i;
	}
	return shared->lists[oldest].used_at < now - IDLE_US ? oldest : -1;
}

static Lists *
find_or_make(const Key *key)
{
	Lists	   *lists = find(key);
	TimestampTz now;
	int			i;

	if (lists)
		return lists;
	now = GetCurrentTimestamp();
	LWLockAcquire(&shared->lock, LW_EXCLUSIVE);
	if (hash_search(by_key, key, HASH_FIND, NULL) == NULL &&
		(i = choose_lists(now)) >= 0)
	{
		Entry	   *entry;

		lists = &shared->lists[i];
		LWLockAcquire(&lists->lock, LW_EXCLUSIVE);
		if (OidIsValid(lists->key.database))
			(void) hash_search(by_key, &lists->key, HASH_REMOVE, NULL);
		entry = hash_search(by_key, key, HASH_ENTER_NULL, NULL);
		lists->key = *key;
		lists->generation++;
		lists->file = InvalidOid;
		lists->checked = false;
		lists->ndoubts = 0;
		lists->used_at = now;
		lists->check_at = lists->heal_at = 0;
		reset(lists);
		for (int j = 0; j < HITL_LANES; j++)
			lists->lane[j].looking = false; /* whose look was of another queue */
		if (entry)
			entry->index = i;
		else
			lists->key.database = InvalidOid;	/* cannot happen */
		LWLockRelease(&lists->lock);
	}
	LWLockRelease(&shared->lock);
	return find(key);
}

/*
 * The lists of a handle with their lock held, or NULL if they are given to
 * another queue or must not be used now.
 */
static Lists *
lock_lists(const HitlHint *hint)
{
	Lists	   *lists = hint->lists;

	LWLockAcquire(&lists->lock, LW_EXCLUSIVE);
	if (lists->generation == hint->generation && lists->checked &&
		lists->ndoubts == 0)
		return lists;
	LWLockRelease(&lists->lock);
	return NULL;
}

/*
 * Whether no prepared transaction is at the queue.  When the last one has
 * ended, the lists begin anew.
 */
static bool
settle_doubts(Lists *lists)
{
	if (lists->ndoubts == 0)
		return true;
	for (int i = 0; i < lists->ndoubts; i++)
	{
		if (TransactionIdIsInProgress(lists->doubt[i]))
			return false;
	}
	lists->ndoubts = 0;
	reset(lists);
	return true;
}

/*
 * Whether any transaction of this database is prepared.
 */
static bool
any_prepared(void)
{
	HitlSpi		spi;
	bool		result;

	hitl_spi_begin(&spi);
	hitl_spi_run(&prepared_query, NULL, GetLatestSnapshot(), 1);
	result = SPI_processed > 0;
	hitl_spi_end(&spi);
	return result;
}

/*
 * Lists are new, or know of more prepared transactions than they can remember.
 */
static void
check_prepared(const HitlHint *hint)
{
	bool		clean = !any_prepared();
	Lists	   *lists = hint->lists;

	LWLockAcquire(&lists->lock, LW_EXCLUSIVE);
	if (lists->generation == hint->generation && !lists->checked && clean)
	{
		lists->checked = true;
		reset(lists);
	}
	LWLockRelease(&lists->lock);
}

bool
hitl_hint_possible(void)
{
	return shared != NULL;
}

bool
hitl_hint_open(HitlHint *hint, const char *queue, Relation task)
{
	TimestampTz now = GetCurrentStatementStartTimestamp();
	Key			key;
	Lists	   *lists;
	bool		check = false;
	bool		good;

	hint->lists = NULL;
	if (shared == NULL || !enabled || RecoveryInProgress())
		return false;
	make_key(&key, queue);
	lists = find_or_make(&key);
	if (lists == NULL)
		return false;
	if (lists->file != task->rd_rel->relfilenode)
	{
		reset(lists);
		lists->file = task->rd_rel->relfilenode;
	}
	lists->used_at = Max(lists->used_at, now);
	good = settle_doubts(lists) && lists->checked;
	if (!lists->checked && lists->check_at <= now)
	{
		lists->check_at = now + CHECK_MS * (USECS_PER_SEC / 1000);
		check = true;
	}
	hint->lists = lists;
	hint->generation = lists->generation;
	LWLockRelease(&lists->lock);
	if (check)
	{
		check_prepared(hint);
		return hitl_hint_open(hint, queue, task);
	}
	return good;
}

HitlHintAnswer
hitl_hint_next(const HitlHint *hint, int lane, const HitlPosition *after,
			   HitlReady *ready)
{
	Lists	   *lists = lock_lists(hint);
	HitlHintAnswer answer;

	if (lists == NULL)
		return HITL_HINT_LOST;
	answer = hitl_lane_next(&lists->lane[lane], after, ready);
	LWLockRelease(&lists->lock);
	return answer;
}

bool
hitl_hint_strike(const HitlHint *hint, const HitlReady *ready)
{
	Lists	   *lists = lock_lists(hint);
	bool		found;

	if (lists == NULL)
		return true;
	found = hitl_lane_strike(&lists->lane[ready->lane], ready);
	LWLockRelease(&lists->lock);
	return found;
}

/*
 * Looks at the index
 */

bool
hitl_hint_refill_begin(HitlRefill *refill, const HitlHint *hint, int number)
{
	Lists	   *lists = lock_lists(hint);
	HitlLane   *lane;
	bool		ours;

	if (lists == NULL)
		return false;
	lane = &lists->lane[number];
	ours = !lane->looking;
	if (ours)
	{
		hitl_lane_look(lane);
		refill->hint = *hint;
		refill->lane = number;
		refill->epoch = lane->epoch;
		refill->from = lane->bound;
		refill->room = HITL_LIST_SIZE - lane->n;
		looking_at = lists;
		looking = *refill;
	}
	LWLockRelease(&lists->lock);
	return ours;
}

void
hitl_hint_refill_end(const HitlRefill *refill, const HitlReady *found, int n,
					 const HitlPosition *reached)
{
	Lists	   *lists = refill->hint.lists;
	HitlLane   *lane = &lists->lane[refill->lane];

	looking_at = NULL;
	LWLockAcquire(&lists->lock, LW_EXCLUSIVE);
	if (lists->generation == refill->hint.generation)
	{
		if (lane->epoch == refill->epoch)
			hitl_lane_take_over(lane, found, n, reached);
		lane->looking = false;
		lane->npending = 0;
	}
	LWLockRelease(&lists->lock);
	ConditionVariableBroadcast(&lists->looked);
}

void
hitl_hint_refill_forget(void)
{
	if (looking_at != NULL)
		hitl_hint_refill_end(&looking, NULL, 0, &looking.from);
}

bool
hitl_hint_wait(const HitlHint *hint, int number)
{
	Lists	   *lists = hint->lists;
	bool		in_progress;

	ConditionVariablePrepareToSleep(&lists->looked);
	for (;;)
	{
		LWLockAcquire(&lists->lock, LW_SHARED);
		in_progress = lists->generation == hint->generation &&
			lists->lane[number].looking;
		LWLockRelease(&lists->lock);
		if (!in_progress ||
			ConditionVariableTimedSleep(&lists->looked, WAIT_MS,
										PG_WAIT_EXTENSION))
			break;
	}
	ConditionVariableCancelSleep();
	return !in_progress;
}

/*
 * Healing
 */

bool
hitl_hint_heal_due(const HitlHint *hint, TimestampTz now)
{
	return hint->lists->heal_at <= now;
}

bool
hitl_hint_bound(const HitlHint *hint, int lane, HitlPosition *bound)
{
	Lists	   *lists = lock_lists(hint);

	if (lists == NULL)
		return false;
	*bound = lists->lane[lane].bound;
	LWLockRelease(&lists->lock);
	return true;
}

void
hitl_hint_healed(const HitlHint *hint, TimestampTz next)
{
	Lists	   *lists = lock_lists(hint);

	if (lists == NULL)
		return;
	lists->heal_at = next;
	LWLockRelease(&lists->lock);
}

/*
 * What transactions tell
 */

void
hitl_hint_add(const char *queue, const HitlReady *ready)
{
	Key			key;
	Lists	   *lists;

	make_key(&key, queue);
	lists = find(&key);
	if (lists == NULL)
		return;
	hitl_lane_tell(&lists->lane[ready->lane], ready);
	LWLockRelease(&lists->lock);
}

void
hitl_hint_lower(const char *queue, int lane, const HitlPosition *position)
{
	Key			key;
	Lists	   *lists;

	make_key(&key, queue);
	lists = find(&key);
	if (lists == NULL)
		return;
	hitl_lane_lower(&lists->lane[lane], position);
	LWLockRelease(&lists->lock);
}

void
hitl_hint_lower_all(void)
{
	for (int i = 0; i < max_queues; i++)
	{
		Lists	   *lists = &shared->lists[i];

		LWLockAcquire(&lists->lock, LW_EXCLUSIVE);
		if (lists->key.database == MyDatabaseId)
			reset(lists);
		LWLockRelease(&lists->lock);
	}
}

static void
add_doubt(Lists *lists, TransactionId xid)
{
	if (lists->ndoubts < DOUBTS)
		lists->doubt[lists->ndoubts++] = xid;
	else
	{
		/* the ones that are not remembered must be gone, too */
		lists->checked = false;
		lists->check_at = 0;
	}
}

void
hitl_hint_doubt(const char *queue, TransactionId xid)
{
	Key			key;
	Lists	   *lists;

	if (queue != NULL)
	{
		make_key(&key, queue);
		lists = find_or_make(&key);
		if (lists == NULL)
			return;
		add_doubt(lists, xid);
		LWLockRelease(&lists->lock);
		return;
	}
	for (int i = 0; i < max_queues; i++)
	{
		lists = &shared->lists[i];
		LWLockAcquire(&lists->lock, LW_EXCLUSIVE);
		if (lists->key.database == MyDatabaseId)
			add_doubt(lists, xid);
		LWLockRelease(&lists->lock);
	}
}

bool
hitl_hint_each(int *i, HitlHint *hint, NameData *queue)
{
	while (shared != NULL && *i < shared->used)
	{
		Lists	   *lists = &shared->lists[(*i)++];
		bool		ours;

		LWLockAcquire(&lists->lock, LW_SHARED);
		ours = lists->key.database == MyDatabaseId;
		hint->lists = lists;
		hint->generation = lists->generation;
		*queue = lists->key.queue;
		LWLockRelease(&lists->lock);
		if (ours)
			return true;
	}
	return false;
}
