/*
 * row.c
 *		The columns of a decision that it is judged by.
 */
#include "hitl.h"

#include "catalog/pg_type.h"

#include "row.h"
#include "store.h"

const HitlKeyInfo hitl_key[HITL_NKEYS] = {
	[HITL_KEY_WORKFLOW] = {"workflow", TEXTOID},
	[HITL_KEY_INPUT] = {"input", JSONBOID},
	[HITL_KEY_OUTPUT] = {"output", JSONBOID},
	[HITL_KEY_CONFIDENCE] = {"confidence", FLOAT8OID},
	[HITL_KEY_MODEL] = {"model", TEXTOID},
	[HITL_KEY_SUBJECT] = {"subject", TEXTOID},
	[HITL_KEY_REASONING] = {"reasoning", TEXTOID},
	[HITL_KEY_ALTERNATIVES] = {"alternatives", JSONBOID},
	[HITL_KEY_CONTEXT] = {"context", JSONBOID},
	[HITL_KEY_SIGNALS] = {"signals", JSONBOID},
	[HITL_KEY_EXPOSURE] = {"exposure", NUMERICOID},
	[HITL_KEY_REVERSIBLE] = {"reversible", BOOLOID},
	[HITL_KEY_COHORT] = {"cohort", JSONBOID},
	[HITL_KEY_QUESTION] = {"question", TEXTOID},
	[HITL_KEY_TAGS] = {"tags", TEXTARRAYOID},
	[HITL_KEY_PARENT] = {"parent", UUIDOID},
	[HITL_KEY_ID] = {"id", UUIDOID},
};

int
hitl_key_find(const char *name, size_t len)
{
	for (int i = 0; i < HITL_NKEYS; i++)
	{
		if (strlen(hitl_key[i].name) == len &&
			memcmp(hitl_key[i].name, name, len) == 0)
			return i;
	}
	return -1;
}

void
hitl_row_columns(TupleDesc tupdesc, int *attnums)
{
	for (int i = 0; i < HITL_NKEYS; i++)
		attnums[i] = hitl_find_column(tupdesc, hitl_key[i].name,
									  hitl_key[i].type);
}
