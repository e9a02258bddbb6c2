/*
 * row.h
 *		The columns of a decision that it is judged by.
 */
#ifndef HITL_ROW_H
#define HITL_ROW_H

#include "access/tupdesc.h"

typedef enum HitlKey
{
	HITL_KEY_WORKFLOW, HITL_KEY_INPUT, HITL_KEY_OUTPUT, HITL_KEY_CONFIDENCE,
	HITL_KEY_MODEL, HITL_KEY_SUBJECT, HITL_KEY_REASONING,
	HITL_KEY_ALTERNATIVES, HITL_KEY_CONTEXT, HITL_KEY_SIGNALS,
	HITL_KEY_EXPOSURE, HITL_KEY_REVERSIBLE, HITL_KEY_COHORT,
	HITL_KEY_QUESTION, HITL_KEY_TAGS, HITL_KEY_PARENT, HITL_KEY_ID,
	HITL_NKEYS
} HitlKey;

#define HITL_ALL_KEYS	((1U << HITL_NKEYS) - 1)

/* a decision, as the application gave it; wherever it comes from */
typedef struct HitlRow
{
	Datum		value[HITL_NKEYS];
	bool		isnull[HITL_NKEYS];
	bool		stored;			/* it is on record, and others came after it */
} HitlRow;

typedef struct HitlKeyInfo
{
	const char *name;			/* of the column */
	Oid			type;
} HitlKeyInfo;

extern const HitlKeyInfo hitl_key[HITL_NKEYS];

/* the key of this name, or -1 */
extern int	hitl_key_find(const char *name, size_t len);

/* for each key the column of such rows, or 0 where there is none */
extern void hitl_row_columns(TupleDesc tupdesc, int *attnums);

#endif							/* HITL_ROW_H */
