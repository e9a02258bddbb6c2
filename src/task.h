/*
 * task.h
 *		A task, and everything that can happen to it.
 */
#ifndef HITL_TASK_H
#define HITL_TASK_H

#include "utils/jsonb.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "names.h"
#include "people.h"
#include "policy.h"
#include "store.h"

typedef enum HitlKind
{
	HITL_KIND_REVIEW,			/* the decision waits for it */
	HITL_KIND_CONFIRM,			/* ... for one more person */
	HITL_KIND_AUDIT,			/* it took effect, and is checked */
	HITL_KIND_OVERLAP,			/* a second, independent look */
	HITL_KIND_MONITOR,			/* it took effect, and may be stopped */
	HITL_KIND_GOLD				/* its answer is known */
} HitlKind;

/* a row of hitl.task; nothing in it points into a buffer: all are copies */
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
	char	   *stage;			/* NULL: none */
	ArrayType  *skills;			/* NULL: none */
	int32		approvals;		/* that rules demand */
	int32		panel;			/* copies that were made */
	bool		no_exposure;
	double		exposure;
	double		confidence;		/* -1: not known */
	ArrayType  *excluded;		/* reviewers; NULL: none */
	ArrayType  *passed;			/* who gave it back; NULL: none */
	bool		blind;
	bool		held;			/* the rest counts only if held */
	NameData	holder;
	int64		lease;
	TimestampTz lease_until;
	TimestampTz claimed_at;
	Jsonb	   *judgment;		/* NULL: not yet */
	bool		asked;			/* its clocks stand still */
	TimestampTz asked_at;
	TimestampTz asked_until;
	int32		policy_version; /* 0: none */
	NameData	on_behalf_of;	/* empty: nobody */
	char	   *login_method;	/* NULL: not asserted */
	bytea	   *packet_hash;	/* NULL: nothing was shown */
} HitlTask;

typedef enum HitlAct
{
	HITL_ACT_CLAIM,				/* open -> held */
	HITL_ACT_REASSIGN,			/* open or held -> held, by a lead */
	HITL_ACT_RELEASE,			/* held -> open, by the holder */
	HITL_ACT_RECALL,			/* held -> open, by a lead */
	HITL_ACT_EXPIRE,			/* held -> open, by the clock */
	HITL_ACT_GONE,				/* held -> open: the holder is no more */
	HITL_ACT_REQUEUE,			/* -> open, elsewhere, by a lead */
	HITL_ACT_ESCALATE,			/* held -> open, elsewhere, by the holder */
	HITL_ACT_PROPOSE,			/* held -> open, for one more person */
	HITL_ACT_EXTEND,			/* held: a longer lease */
	HITL_ACT_ASK,				/* held: clocks stop */
	HITL_ACT_ANSWER,			/* held: clocks run on */
	HITL_ACT_UNANSWERED,		/* held: clocks run on, by the clock */
	HITL_ACT_JUDGE,				/* held: what the holder thinks */
	HITL_ACT_STEP_UP,			/* held: how the holder has logged in */
	HITL_ACT_BREACH,			/* a deadline has passed */
	HITL_ACT_STUCK,				/* nobody may take it */
	HITL_ACT_REORDER,			/* the order of its queue changed */
	HITL_ACT_LAPSE,				/* open -> ended: the time for a veto is over */
	HITL_ACT_TIME_OUT,			/* -> ended: nobody decided in time */
	HITL_ACT_DECIDE,			/* held -> ended: the outcome */
	HITL_ACT_CAST,				/* held -> ended: one of several votes */
	HITL_ACT_CLOSE,				/* -> ended: other copies have decided */
	HITL_ACT_WITHDRAW,			/* -> ended: the application took it back */
	HITL_ACT_OVERRIDE			/* -> ended: by a veto or correction */
} HitlAct;

typedef enum HitlAction
{
	HITL_APPROVE,
	HITL_REJECT,
	HITL_AMEND,
	HITL_ESCALATE,
	HITL_TIMEOUT,
	HITL_VETO,
	HITL_WITHDRAW,
	HITL_CORRECT
} HitlAction;

typedef enum HitlOutcome
{
	HITL_APPROVED,
	HITL_REJECTED,
	HITL_AMENDED,
	HITL_WITHDRAWN
} HitlOutcome;

/* where a task goes */
typedef struct HitlMove
{
	NameData	queue;			/* empty: stays */
	bool		has_lane;		/* false: as before */
	int16		lane;
	int32		tier;			/* 0: as before */
	char	   *stage;			/* NULL: as before */
} HitlMove;

/* what happens: the act, when, by whom, and with what */
typedef struct HitlTransition
{
	HitlAct		act;
	TimestampTz now;			/* by the database's clock */
	HitlActor	actor;			/* nobody: the clock */

	/* CLAIM, REASSIGN (the reviewer who gets it, if not the actor) */
	const HitlReviewer *to;
	NameData	on_behalf_of;	/* empty: nobody */
	int32		policy_version; /* in force; 0: none */
	bytea	   *packet_hash;

	/* REQUEUE, ESCALATE, PROPOSE */
	HitlMove	move;

	TimestampTz until;			/* EXTEND, ASK: the end */
	const char *method;			/* STEP_UP */
	Jsonb	   *judgment;		/* JUDGE */

	/* the question, the answer, why: in the event or the verdict */
	text	   *note;

	/* those that give a verdict */
	HitlAction	action;
	HitlOutcome outcome;		/* of final ones */
	Jsonb	   *output;			/* or NULL */
	text	   *code;
	Jsonb	   *delta;
	text	   *explanation;
	int32		rubric;			/* 0: none */
	Jsonb	   *scores;
	const char *login_method;	/* NULL: not known */
	int64		like_task;		/* 0: judged by itself */
	bool		won;			/* nobody was at the row when now was read */
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
	int32		tier;			/* 0: the least */
	char	   *stage;			/* NULL: none */
	ArrayType  *skills;			/* NULL: none */
	int32		approvals;		/* 0: one */
	int32		panel;			/* 0: one */
	bool		no_exposure;
	double		exposure;
	double		confidence;		/* -1: not known */
	bool		blind;
	NameData	sla;			/* empty: none */
	TimestampTz due_at;			/* shown, with no clock behind; 0: none */
	char	   *question;		/* NULL: the decision's or the workflow's */
	TimestampTz created_at;		/* its clocks run from here */
	Interval	veto_window;	/* of kind monitor, which has no other clock */
	NameData	submitter;
	bool		has_login;
	NameData	submitter_login;
	int32		quota;			/* of the workflow: it counts; 0: it does not */
} HitlTaskSpec;

/* Makes the task; says so if nobody may take it. */
extern void hitl_task_create(const HitlTaskSpec *spec);

/*
 * Makes a task that is held from the start, by the claim that the transition
 * describes, and returns it: of kind gold.
 */
extern void hitl_task_create_held(HitlDesk *desk, const HitlTaskSpec *spec,
								  const HitlTransition *claim, HitlTask *task);

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

/* what time still to go makes of a lease taken or extended now */
extern TimestampTz hitl_lease_end(const HitlTask *task, TimestampTz now);

/* the latest end that extending can give */
extern TimestampTz hitl_hold_end(const HitlTask *task);

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

/*
 * Shared by task.c, transition.c and record.c
 */

/* columns of hitl.task, as in sql/40_task.sql */
enum
{
	HITL_TASK_ID, HITL_TASK_DECISION, HITL_TASK_WORKFLOW, HITL_TASK_KIND,
	HITL_TASK_QUEUE, HITL_TASK_LANE, HITL_TASK_TIER, HITL_TASK_SORT_KEY,
	HITL_TASK_SUBMITTER, HITL_TASK_SUBMITTER_LOGIN, HITL_TASK_CREATED_AT,
	HITL_TASK_QUESTION, HITL_TASK_SLA, HITL_TASK_STEP,
	HITL_TASK_FIRST_REVIEW_AT, HITL_TASK_RESOLUTION_AT, HITL_TASK_DUE_AT,
	HITL_TASK_WAKE_AT, HITL_TASK_HOLDER, HITL_TASK_LEASE,
	HITL_TASK_LEASE_UNTIL, HITL_TASK_CLAIMED_AT, HITL_TASK_STAGE,
	HITL_TASK_SKILLS, HITL_TASK_APPROVALS, HITL_TASK_PANEL,
	HITL_TASK_EXPOSURE, HITL_TASK_CONFIDENCE, HITL_TASK_EXCLUDED,
	HITL_TASK_PASSED, HITL_TASK_BLIND, HITL_TASK_JUDGMENT,
	HITL_TASK_ASKED_AT, HITL_TASK_ASKED_UNTIL, HITL_TASK_POLICY_VERSION,
	HITL_TASK_ON_BEHALF_OF, HITL_TASK_LOGIN_METHOD, HITL_TASK_PACKET_HASH,
	HITL_TASK_NATTS
};

extern void hitl_task_row(const HitlTask *task, Datum *values, bool *nulls);
/* fills in what follows from the rest: the place in the queue, the alarm */
extern void hitl_task_derive(HitlTask *task);
/* tells whom it may concern that the task was written */
extern void hitl_task_announce(const HitlTask *task);
/* makes it held, and leaves the record of the claim */
extern void hitl_task_claim(HitlDesk *desk, HitlTask *task,
							const HitlTransition *claim);
/* says that nobody may take it, and takes the next step of its SLA */
extern void hitl_task_stuck(HitlTask *task);
/* does so if it is so */
extern void hitl_task_check_stuck(HitlTask *task);

/*
 * A span added to a time.  Days are days of UTC, so that the result does not
 * depend on the time zone of whoever happens to insert the decision.
 */
extern TimestampTz hitl_add_span(TimestampTz when, const Interval *span);

extern const char *hitl_kind_name(HitlKind kind);
extern const char *hitl_action_name(HitlAction action);
extern const char *hitl_outcome_name(HitlOutcome outcome);

#endif							/* HITL_TASK_H */
