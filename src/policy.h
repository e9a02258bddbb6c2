/*
 * policy.h
 *		Workflows and their policies, as the gate needs them.
 */
#ifndef HITL_POLICY_H
#define HITL_POLICY_H

#include "common/shortest_dec.h"
#include "utils/snapshot.h"
#include "utils/timestamp.h"

#include "names.h"
#include "novelty.h"
#include "rule.h"

typedef enum HitlMode
{
	HITL_MODE_MANUAL,
	HITL_MODE_SHADOW,
	HITL_MODE_IN_LOOP,
	HITL_MODE_ON_LOOP
} HitlMode;

typedef enum HitlOnTimeout
{
	HITL_TIMEOUT_HOLD,
	HITL_TIMEOUT_APPROVE,
	HITL_TIMEOUT_REJECT
} HitlOnTimeout;

/* something that must be there: a place in the decision's document */
typedef struct HitlPath
{
	char	   *text;			/* as configured */
	int			key;			/* the column */
	int			nsteps;			/* of these below it */
	char	  **step;
} HitlPath;

typedef struct HitlPolicy
{
	int32		version;		/* 0: there is none */
	bool		has_upper;
	double		upper;
	double		lower;
	char		upper_text[DOUBLE_SHORTEST_DECIMAL_LEN];
	char		lower_text[DOUBLE_SHORTEST_DECIMAL_LEN];
	double		audit_rate_approve;
	double		audit_rate_reject;
	double		novelty_limit;	/* limits below 0: not looked at */
	double		fairness_limit;
	double		field_limit;
	double		step_limit;
	bool		irreversible;	/* what cannot be undone goes to review */
	bool		error_on_invalid;
	HitlOnTimeout on_timeout;
	Interval	veto_window;
	int32		challenger;		/* 0: none */
	int32		approvals;		/* persons who must agree */
	int32		panel;			/* copies of a review */
	double		overlap_rate;
	double		blind_rate;		/* 0 where not blind */
	ArrayType  *stages;			/* NULL: none */
	ArrayType  *step_up;		/* NULL: any login will do */
	int32		step_up_tier;
	bool		explanation;	/* a rejection needs one */
	int32		rubric;			/* version; 0: none */
	int32		max_resubmits;	/* -1: not looked at */
	Interval	resubmit_window;
	NameData	queue;			/* empty: the workflow's */
	NameData	sla;
	NameData	fairness_queue; /* empty: says nothing */
	NameData	fairness_sla;
	int			nrequired;
	HitlPath   *required;
	int			nrules;
	HitlRule   *rules;			/* in their order */
	uint32		rule_keys;		/* the columns that any of them looks at */
	HitlBaseline *baseline;		/* NULL: none learnt, or not looked at */
} HitlPolicy;

/* from this confidence on, this share of the proposals was right */
typedef struct HitlWorth
{
	double		lo;
	double		value;
} HitlWorth;

typedef struct HitlWorkflow
{
	NameData	name;			/* hash key */
	uint64		generation;		/* loaded under it; 0: never */
	bool		exists;

	HitlMode	mode;
	bool		always_human;
	Oid			application;	/* InvalidOid: any */
	int16		lane;
	NameData	queue;
	NameData	sla;			/* empty: none */
	char	   *kill_reason;	/* NULL: not killed */
	char	   *question;		/* NULL: none */
	int32		quota;			/* open tasks; 0: any number */
	char	   *notes;			/* for reviewers; NULL: none */
	int			nworth;
	HitlWorth  *worth;	/* what confidence has been worth, by lo */
	Datum		codes;			/* text[]: the vocabulary */

	HitlPolicy *policy;			/* in force; never NULL */
	HitlPolicy *challenger;		/* NULL: none */
	MemoryContext context;		/* of what is pointed to here */
} HitlWorkflow;

typedef struct HitlSla
{
	NameData	name;			/* hash key */
	uint64		generation;
	bool		has_first_review;
	Interval	first_review;
	bool		has_resolution;
	Interval	resolution;
} HitlSla;

/*
 * The workflow of this name, or NULL.  The result is good until the next call
 * of any function here or in people.h.
 */
extern const HitlWorkflow *hitl_workflow(const char *name, size_t len);

/*
 * A version of a workflow's policy, with its rules and the baseline in force,
 * made in the current memory context.  A version that does not exist has
 * number 0 and approves nothing.  Under hitl_spi_begin.
 */
extern HitlPolicy *hitl_policy_load(const char *workflow, int32 version,
									Snapshot snapshot);

/*
 * Reads a place in a decision: "context.policy" is column context, step
 * policy.  False if it is none; nothing is ever there then.
 */
extern bool hitl_path_read(const char *text, HitlPath *path);

/* a stated confidence as what it has been worth, or itself */
extern double hitl_worth(const HitlWorkflow *workflow, double confidence);

/* the policy's queue and SLA, or the workflow's where it names none */
extern const NameData *hitl_queue_of(const HitlWorkflow *workflow,
									 const HitlPolicy *policy);
extern const NameData *hitl_sla_of(const HitlWorkflow *workflow,
								   const HitlPolicy *policy);

/* an SLA that does not exist has no clocks; doctor() says so */
extern const HitlSla *hitl_sla(const char *name);

/*
 * Whether there is a workflow.  A database without any is not in use, or is
 * being restored: hitl.workflow is small and among the last tables to come.
 */
extern bool hitl_in_use(void);

#endif							/* HITL_POLICY_H */
