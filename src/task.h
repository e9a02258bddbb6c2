/*
 * task.h
 *		A task, and everything that can happen to it.
 */
#ifndef HITL_TASK_H
#define HITL_TASK_H

#include "utils/jsonb.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "people.h"
#include "policy.h"
#include "store.h"

typedef enum HitlKind
{
	HITL_KIND_REVIEW,			/* the decision waits for it */
	HITL_KIND_AUDIT,			/* it took effect, and is checked */
	HITL_KIND_MONITOR			/* it took effect, and may be stopped */
} HitlKind;

/* a row of hitl.task; nothing in it points into a buffer (question is a copy) */
typedef struct HitlTask
{
	ItemPointerData tid;
	int64		id;
	pg_uuid_t	decision;
	NameData	workflow;
	HitlKind	kind;
	NameData	queue;
	int16		lane;
	int32		tier;
	double		sort_key;
	NameData	submitter;		/* a role's name: names survive a dump */
	bool		has_login;
	NameData	submitter_login;	/* behind SET ROLE, if another */
	TimestampTz created_at;
	char	   *question;		/* NULL: the decision's or the workflow's */
	NameData	sla;			/* empty: none */
	int32		step;
	TimestampTz first_review_at;
	TimestampTz resolution_at;
	TimestampTz due_at;
	TimestampTz wake_at;
	bool		held;			/* the rest counts only if held */
	NameData	holder;
	int64		lease;
	TimestampTz lease_until;
	TimestampTz claimed_at;
} HitlTask;

typedef enum HitlAct
{
	HITL_ACT_CLAIM,				/* open -> held */
	HITL_ACT_RELEASE,			/* held -> open, by the holder */
	HITL_ACT_EXPIRE,			/* held -> open, by the clock */
	HITL_ACT_BREACH,			/* a deadline has passed */
	HITL_ACT_LAPSE,				/* open -> ended: the time for a veto is over */
	HITL_ACT_TIME_OUT,			/* -> ended: nobody decided in time */
	HITL_ACT_DECIDE,			/* held -> ended */
	HITL_ACT_OVERRIDE			/* -> ended: by a veto or correction */
} HitlAct;

typedef enum HitlAction
{
	HITL_APPROVE,
	HITL_REJECT,
	HITL_AMEND,
	HITL_TIMEOUT,
	HITL_VETO,
	HITL_CORRECT
} HitlAction;

typedef enum HitlOutcome
{
	HITL_APPROVED,
	HITL_REJECTED,
	HITL_AMENDED
} HitlOutcome;

/* what happens: the act, when, by whom, and with what */
typedef struct HitlTransition
{
	HitlAct		act;
	TimestampTz now;			/* by the database's clock */
	HitlActor	actor;			/* no reviewer: the clock */

	/* those that end with a verdict */
	HitlAction	action;
	HitlOutcome outcome;
	Jsonb	   *output;			/* or NULL */
	text	   *code;
	text	   *note;
} HitlTransition;

/* the tables that transitions write; the records are opened when needed */
typedef struct HitlDesk
{
	MemoryContext context;		/* where it lives */
	HitlTable  *task;
	HitlTable  *event;			/* NULL: not yet */
	HitlTable  *verdict;
} HitlDesk;

extern void hitl_desk_open(HitlDesk *desk);
extern void hitl_desk_close(HitlDesk *desk);

extern void hitl_task_read(TupleTableSlot *slot, HitlTask *task);

/* Finds a task by its id as of the snapshot; false if there is none. */
extern bool hitl_task_find(HitlDesk *desk, int64 id, Snapshot snapshot,
						   HitlTask *task);

/* what the gate wants of a task */
typedef struct HitlTaskSpec
{
	pg_uuid_t	decision;
	NameData	workflow;
	HitlKind	kind;
	NameData	queue;
	int16		lane;
	int32		tier;
	NameData	sla;			/* empty: none */
	char	   *question;		/* NULL: the decision's or the workflow's */
	TimestampTz created_at;		/* its clocks run from here */
	Interval	veto_window;	/* of kind monitor, which has no other clock */
	NameData	submitter;
	bool		has_login;
	NameData	submitter_login;
} HitlTaskSpec;

extern void hitl_task_create(const HitlTaskSpec *spec);

/*
 * The one transition function.  Whoever calls has found the act lawful for
 * the version of the row in *task, seen under the snapshot.  If that is still
 * the last version, the row and the record of the act (event or verdict) are
 * written and *task is as after the act.
 */
extern HitlWrite hitl_task_apply(HitlDesk *desk, HitlTask *task,
								 const HitlTransition *transition,
								 Snapshot snapshot, bool wait);

/*
 * Whether the deadline that has passed was the last and the policy decides
 * then; if so, fills in the verdict.
 */
extern bool hitl_times_out(const HitlTask *task, HitlTransition *transition);

/* whether the one who acts has submitted the decision */
extern bool hitl_task_is_own(const HitlTask *task, const HitlActor *actor);
/* whether this reviewer holds the task, under this token if one is given */
extern bool hitl_task_is_mine(const HitlTask *task, const HitlActor *actor,
							  const int64 *lease);
/*
 * Raises ZH001, in the same words for a task that is not there (found NULL),
 * or ZH002 if the reviewer's lease ended and nobody has claimed since.
 */
pg_noreturn extern void hitl_not_holder(int64 id, const HitlTask *found,
										const HitlActor *actor);
/* raises ZH002 unless the lease of a held task outlasts now */
extern void hitl_lease_check(const HitlTask *task, TimestampTz now);

/*
 * A verdict on a decision that has no open task.  Only what names the decision
 * counts in *of.
 */
extern void hitl_verdict_write(HitlDesk *desk, const HitlTask *of,
							   const HitlTransition *transition);

extern const char *hitl_kind_name(HitlKind kind);
extern const char *hitl_action_name(HitlAction action);
extern const char *hitl_outcome_name(HitlOutcome outcome);

#endif							/* HITL_TASK_H */
