/*
 * judge.h
 *		What a policy says of a decision.
 */
#ifndef HITL_JUDGE_H
#define HITL_JUDGE_H

#include "policy.h"
#include "reason.h"
#include "row.h"

typedef enum HitlRoute
{
	HITL_AUTO_APPROVE,
	HITL_AUTO_REJECT,
	HITL_REVIEW,
	HITL_MONITOR,				/* of modes, never of policies */
	HITL_OBSERVE
} HitlRoute;

typedef struct HitlJudgement
{
	HitlRoute	route;			/* one of the first three */
	bool		grey;			/* review, and the thresholds alone ask so */
	HitlEffects effects;		/* of what fired, on the task */
} HitlJudgement;

/*
 * The evaluator: of the live gate, of the challenger and of replays.  Looks at
 * the policy and the row alone (and, for step_limit, at the earlier steps; for
 * max_resubmits, at other decisions of the subject).
 * Reasons are recorded if wanted.
 */
extern void hitl_judge(const HitlPolicy *policy, const HitlRow *row,
					   HitlReasons *reasons, HitlJudgement *judgement);

/* the columns that judging by this policy looks at: bits of HitlKey */
extern uint32 hitl_judge_keys(const HitlPolicy *policy);

/* the probability of a verdict on a decision of this route */
extern double hitl_propensity(const HitlPolicy *policy, HitlRoute gate_route,
							  HitlRoute route);

extern const char *hitl_route_name(HitlRoute route);

#endif							/* HITL_JUDGE_H */
