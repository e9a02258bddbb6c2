/*
 * notes.c
 *		What a transaction has to tell the ready lists when it ends.
 *
 * The lists know what has committed.  A task that a transaction makes open is
 * told of after the commit, when every new snapshot sees it; a task that a
 * transaction writes to, or strikes off a list, is open again after a rollback,
 * and is told of then.  A rollback to a savepoint is one, too.
 *
 * The notes are bounded: beyond NOTES, only the first place of each lane is
 * kept, and the list is told that it knows nothing from there on.
 *
 * SQL that writes hitl.task past the library does not say which tasks: the
 * lists of the database then begin anew, whether it commits or not.
 *
 * Where hitl is not preloaded there are no lists, and nothing is noted.
 */
#include "hitl.h"

#include "access/xact.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "miscadmin.h"

#include "notes.h"

#define NOTES	128
#define FIRSTS	32

typedef struct Note
{
	NameData	queue;
	HitlReady	ready;
	bool		opened;			/* else touched */
	SubTransactionId subxact;
} Note;

/* the first place of a lane among those that are not kept */
typedef struct First
{
	NameData	queue;
	int16		lane;
	bool		opened;
	HitlPosition position;
} First;

static Note note[NOTES];
static int	nnotes = 0;
static First first[FIRSTS];
static int	nfirsts = 0;
static bool opened_any = false;
static bool unknown = false;	/* which tasks there are besides */

PG_FUNCTION_INFO_V1(hitl_task_written);

static void
forget_all(void)
{
	nnotes = nfirsts = 0;
	opened_any = unknown = false;
}

static void
tell(bool opened)
{
	if (unknown)
	{
		hitl_hint_lower_all();
		return;
	}
	for (int i = 0; i < nnotes; i++)
	{
		if (note[i].opened == opened)
			hitl_hint_add(NameStr(note[i].queue), &note[i].ready);
	}
	for (int i = 0; i < nfirsts; i++)
	{
		if (first[i].opened == opened)
			hitl_hint_lower(NameStr(first[i].queue), first[i].lane,
							&first[i].position);
	}
}

/*
 * Whoever ends a prepared transaction does not know of it.
 */
static void
doubt_all(void)
{
	TransactionId xid = GetTopTransactionIdIfAny();

	if (!TransactionIdIsValid(xid))
		return;
	if (unknown)
	{
		hitl_hint_doubt(NULL, xid);
		return;
	}
	for (int i = 0; i < nnotes; i++)
	{
		if (i == 0 || strcmp(NameStr(note[i].queue), NameStr(note[i - 1].queue)) != 0)
			hitl_hint_doubt(NameStr(note[i].queue), xid);
	}
	for (int i = 0; i < nfirsts; i++)
		hitl_hint_doubt(NameStr(first[i].queue), xid);
}

static void
at_transaction_end(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_PRE_PREPARE:
			doubt_all();
			break;
		case XACT_EVENT_COMMIT:
			tell(true);
			forget_all();
			break;
		case XACT_EVENT_ABORT:
			hitl_hint_refill_forget();
			tell(false);
			forget_all();
			break;
		case XACT_EVENT_PREPARE:
			forget_all();
			break;
		default:
			break;
	}
}

static void
at_subtransaction_end(SubXactEvent event, SubTransactionId mine,
					  SubTransactionId parent, void *arg)
{
	int			kept = 0;

	if (event == SUBXACT_EVENT_ABORT_SUB)
		hitl_hint_refill_forget();
	else if (event != SUBXACT_EVENT_COMMIT_SUB)
		return;
	for (int i = 0; i < nnotes; i++)
	{
		if (note[i].subxact == mine)
		{
			note[i].subxact = parent;
			if (event == SUBXACT_EVENT_ABORT_SUB)
			{
				if (!note[i].opened)
					hitl_hint_add(NameStr(note[i].queue), &note[i].ready);
				continue;
			}
		}
		note[kept++] = note[i];
	}
	nnotes = kept;

	/* of these it is not known when they came; to tell too much is no harm */
	if (event == SUBXACT_EVENT_ABORT_SUB)
	{
		if (unknown)
			hitl_hint_lower_all();
		for (int i = 0; i < nfirsts; i++)
		{
			if (!first[i].opened)
				hitl_hint_lower(NameStr(first[i].queue), first[i].lane,
								&first[i].position);
		}
	}
}

static void
add_first(const HitlTask *task, const HitlReady *ready, bool opened)
{
	for (int i = 0; i < nfirsts; i++)
	{
		if (first[i].lane == ready->lane && first[i].opened == opened &&
			strcmp(NameStr(first[i].queue), NameStr(task->queue)) == 0)
		{
			if (hitl_position_cmp(&ready->position, &first[i].position) < 0)
				first[i].position = ready->position;
			return;
		}
	}
	if (nfirsts == FIRSTS)
	{
		unknown = true;
		return;
	}
	first[nfirsts].queue = task->queue;
	first[nfirsts].lane = ready->lane;
	first[nfirsts].opened = opened;
	first[nfirsts].position = ready->position;
	nfirsts++;
}

HitlReady
hitl_ready_of(const HitlTask *task)
{
	HitlReady	ready;

	ready.position.key = task->sort_key;
	ready.position.id = task->id;
	ready.arrived = task->created_at;
	ready.tid = task->tid;
	ready.lane = task->lane;
	return ready;
}

void
hitl_notes_listen(void)
{
	static bool listening = false;

	if (listening)
		return;
	RegisterXactCallback(at_transaction_end, NULL);
	RegisterSubXactCallback(at_subtransaction_end, NULL);
	listening = true;
}

static void
add_note(const HitlTask *task, bool opened)
{
	HitlReady	ready;

	if (!hitl_hint_possible())
		return;
	hitl_notes_listen();
	ready = hitl_ready_of(task);
	if (nnotes == NOTES)
	{
		add_first(task, &ready, opened);
		return;
	}
	note[nnotes].queue = task->queue;
	note[nnotes].ready = ready;
	note[nnotes].opened = opened;
	note[nnotes].subxact = GetCurrentSubTransactionId();
	nnotes++;
}

void
hitl_note_opened(const HitlTask *task)
{
	add_note(task, true);
	opened_any = true;
}

void
hitl_note_touched(const HitlTask *task)
{
	/* a claim from a list notes it before the transition does */
	if (nnotes > 0 && !note[nnotes - 1].opened &&
		note[nnotes - 1].ready.position.id == task->id &&
		note[nnotes - 1].subxact == GetCurrentSubTransactionId())
		return;
	add_note(task, false);
}

bool
hitl_notes_opened(void)
{
	return opened_any;
}

/*
 * After each statement that writes hitl.task by itself.
 */
Datum
hitl_task_written(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" must be called as a trigger",
						"hitl.task_written")));
	if (hitl_hint_possible())
	{
		hitl_notes_listen();
		unknown = opened_any = true;
	}
	return PointerGetDatum(NULL);
}
