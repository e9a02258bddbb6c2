/*
 * policy.h
 *		Workflows and the policies in force, as the gate needs them.
 */
#ifndef HITL_POLICY_H
#define HITL_POLICY_H

#include "utils/timestamp.h"

#include "rule.h"

typedef enum HitlMode
{
	HITL_MODE_MANUAL,
	HITL_MODE_IN_LOOP
} HitlMode;

typedef struct HitlWorkflow
{
	NameData	name;			/* hash key */
	uint64		generation;		/* loaded under it; 0: never */
	bool		exists;

	HitlMode	mode;
	Oid			application;	/* InvalidOid: any */
	int16		lane;
	NameData	queue;
	char	   *kill_reason;	/* NULL: not killed */
	char	   *question;		/* NULL: none */
	Datum		codes;			/* text[]: the vocabulary */

	int32		policy_version; /* 0: none */
	bool		has_upper;
	double		upper;
	double		lower;
	double		audit_rate_approve;
	double		audit_rate_reject;

	NameData	sla;			/* empty: none */

	int			nrules;
	HitlRule   *rules;			/* in their order */
	uint32		rule_keys;		/* the columns that any of them looks at */
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

/* an SLA that does not exist has no clocks; doctor() says so */
extern const HitlSla *hitl_sla(const char *name);

/*
 * Whether there is a workflow.  A database without any is not in use, or is
 * being restored: hitl.workflow is small and among the last tables to come.
 */
extern bool hitl_in_use(void);

#endif							/* HITL_POLICY_H */
