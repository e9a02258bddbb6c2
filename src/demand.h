/*
 * demand.h
 *		What a policy demands of those who judge.
 */
#ifndef HITL_DEMAND_H
#define HITL_DEMAND_H

#include "verdict.h"

/*
 * A version of a workflow's policy; good until the configuration is looked up
 * again.  Never NULL: where there is none, nothing is demanded.
 */
extern const HitlPolicy *hitl_policy_at(const NameData *workflow,
										int32 version);

/*
 * Login, explanation and scores, and what of it the verdict will record.
 */
extern bool hitl_check_demands(HitlRefusal *refusal, const HitlPolicy *policy,
							   const HitlGiven *given, const HitlActor *actor,
							   const HitlTask *task,
							   HitlTransition *transition);

#endif							/* HITL_DEMAND_H */
