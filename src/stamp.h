/*
 * stamp.h
 *		What the gate writes into a decision, and the task that follows.
 */
#ifndef HITL_STAMP_H
#define HITL_STAMP_H

#include "judge.h"
#include "utils/rel.h"

/* the columns that the gate reads, then those that it writes */
enum
{
	COL_ID, COL_WORKFLOW, COL_REQUEST_ID, COL_EXPOSURE, COL_CONFIDENCE, COL_REVERSIBLE,
	COL_CREATED_AT, COL_CREATED_BY, COL_POLICY_VERSION, COL_GATE_ROUTE,
	COL_ROUTE, COL_REASONS, COL_LANE, COL_AUDIT_U, COL_PROPENSITY,
	COL_CHALLENGER_ROUTE,
	NCOLS
};

typedef struct HitlColumn
{
	const char *name;
	Oid			type;
	int			len;			/* as pg_type says */
} HitlColumn;

extern const HitlColumn hitl_column[NCOLS];

/* where the columns are in one partition */
typedef struct HitlColumns
{
	Oid			relid;			/* hash key */
	bool		valid;
	bool		untouched;		/* after our trigger nobody changes the row */
	int			attnum[NCOLS];
	int			key[HITL_NKEYS];	/* of what is judged; 0: none */
} HitlColumns;

/* what follows from a stamp */
typedef struct HitlStamp
{
	bool		needs_task;
	HitlEffects effects;
} HitlStamp;

extern const HitlColumns *hitl_columns(Relation rel);

/* the columns above, from those of the row and back (only what is written) */
extern void hitl_columns_take(const HitlColumns *map, const Datum *values,
							  const bool *nulls, Datum *v, bool *n);
extern void hitl_columns_put(const HitlColumns *map, const Datum *v,
							 const bool *n, Datum *values, bool *nulls);

/* the workflow of a decision; raises an error if there is none */
extern const HitlWorkflow *hitl_require_workflow(Datum value, bool isnull,
												 bool may_insert);

/*
 * Whether the row comes with its stamp already; an error if in part, or from
 * somebody who may not bring it.
 */
extern bool hitl_is_stamped(const bool *nulls);

/*
 * Judges a row of this workflow and fills in its stamp: all of v and n but
 * what names it.
 */
extern void hitl_stamp(const HitlWorkflow *workflow, const HitlColumns *map,
					   const Datum *values, const bool *nulls,
					   Datum *v, bool *n, HitlStamp *result);

/* the columns that a stamp was judged by: bits of HitlKey */
extern uint32 hitl_stamp_keys(const HitlWorkflow *workflow);

/*
 * The task of a decision that is stored, if it needs one: for a review, an
 * audit, or to have an eye on what took effect.
 */
extern void hitl_stamp_task(const HitlWorkflow *workflow, const Datum *v,
							const bool *n, const HitlEffects *effects);

extern void hitl_stamp_init(void);

#endif							/* HITL_STAMP_H */
