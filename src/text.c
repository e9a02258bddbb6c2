/*
 * text.c
 *		Texts that callers give.
 */
#include "hitl.h"

#include "catalog/pg_collation.h"
#include "mb/pg_wchar.h"
#include "utils/fmgrprotos.h"

#include "text.h"

text *
hitl_text_arg(FunctionCallInfo fcinfo, int i)
{
	return PG_ARGISNULL(i) ? NULL : PG_GETARG_TEXT_PP(i);
}

bool
hitl_same_text(text *a, text *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return DatumGetBool(DirectFunctionCall2Coll(texteq, C_COLLATION_OID,
												PointerGetDatum(a),
												PointerGetDatum(b)));
}

bool
hitl_only_spaces(const char *string, size_t len)
{
	for (size_t i = 0; i < len; i++)
	{
		if (!isspace((unsigned char) string[i]))
			return false;
	}
	return true;
}

char *
hitl_clip(const char *name)
{
	return pnstrdup(name, pg_mbcliplen(name, strlen(name), NAMEDATALEN - 1));
}
