/*
 * rule.h
 *		Rules: conditions on the whole decision.
 */
#ifndef HITL_RULE_H
#define HITL_RULE_H

#include "access/htup.h"
#include "access/tupdesc.h"
#include "utils/jsonpath.h"

#include "json.h"

/* the columns of a decision that a condition can name */
#define HITL_RULE_NKEYS	17

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
	char	   *reason;			/* what the record says */
} HitlRule;

/* what the rules that fired ask for, together */
typedef struct HitlEffects
{
	bool		review;
	int16		lane;
	int32		tier;
	NameData	queue;
	NameData	sla;
	const char *question;
} HitlEffects;

/* for each key the column of such rows, or 0 where there is none */
extern void hitl_rule_columns(TupleDesc tupdesc, int *attnums);
extern uint32 hitl_rule_keys(const char *condition);

/*
 * Looks at all rules in order.  Without a confidence, there is none for the
 * rules, whatever the row has.  effects->question lives as long as the rules.
 */
extern void hitl_rules_apply(const HitlRule *rules, int nrules, uint32 keys,
							 HeapTuple tuple, TupleDesc tupdesc,
							 const int *attnums, bool has_confidence,
							 HitlJson *reasons, HitlEffects *effects);

/* adds an entry to the reasons of a decision */
extern void hitl_add_reason(HitlJson *reasons, const char *trigger,
							const char *rule, const char *detail);

#endif							/* HITL_RULE_H */
