/*
 * candidate.h
 *		The policy that a replay tries.
 */
#ifndef HITL_CANDIDATE_H
#define HITL_CANDIDATE_H

#include "fmgr.h"
#include "policy.h"

/* the arguments of hitl.replay */
enum
{
	ARG_WORKFLOW, ARG_SINCE, ARG_UNTIL, ARG_VERSION, ARG_UPPER, ARG_LOWER,
	ARG_AUDIT_APPROVE, ARG_AUDIT_REJECT, ARG_NOVELTY, ARG_FAIRNESS, ARG_FIELD,
	ARG_STEP, ARG_IRREVERSIBLE, ARG_REQUIRED
};

/*
 * The version that is named or in force, with the fields that are named.
 * Where there is none it is the first version that set_policy would make.
 * Under hitl_spi_begin, in the current memory context.
 */
extern HitlPolicy *hitl_candidate(FunctionCallInfo fcinfo, Snapshot snapshot);

#endif							/* HITL_CANDIDATE_H */
