/*
 * rule.h
 *		Rules: conditions on the whole decision.
 */
#ifndef HITL_RULE_H
#define HITL_RULE_H

#include "utils/jsonpath.h"

#include "names.h"
#include "reason.h"
#include "row.h"

typedef struct HitlRule
{
	NameData	name;
	JsonPath   *condition;
	uint32		keys;			/* bit i: it looks at the column of key i */
	bool		review;			/* sends to review; else only recorded */
	int16		lane;			/* -1: says nothing */
	int32		tier;			/* 0: says nothing */
	NameData	queue;			/* empty: says nothing */
	NameData	sla;
	char	   *question;		/* NULL: says nothing */
	ArrayType  *skills;			/* NULL: says nothing */
	int32		approvals;		/* 0: says nothing */
	char	   *reason;			/* what the record says */
} HitlRule;

/* what fired asks for, together */
typedef struct HitlEffects
{
	bool		review;
	int16		lane;			/* -1: nothing was said */
	int32		tier;			/* 0 */
	NameData	queue;			/* empty */
	NameData	sla;
	const char *question;		/* NULL */
	ArrayType  *skills;			/* NULL */
	int32		approvals;		/* 0 */
} HitlEffects;

/* the columns that a condition, in its canonical text, looks at */
extern uint32 hitl_rule_keys(const char *condition);

/*
 * Looks at all rules in order, and adds what they ask for to *effects.
 * effects->question and skills live as long as the rules, or in the current
 * memory context.
 */
extern void hitl_rules_apply(const HitlRule *rules, int nrules, uint32 keys,
							 const HitlRow *row, HitlReasons *reasons,
							 HitlEffects *effects);

/* what is judged next is another decision, with a budget of its own */
extern void hitl_rules_new_row(void);

extern void hitl_rule_init(void);

#endif							/* HITL_RULE_H */
