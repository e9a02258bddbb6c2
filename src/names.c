/*
 * names.c
 *		Small sets of names, as columns of type text[] hold them.
 *
 * They have a handful of members, so they are searched from end to end.
 */
#include "hitl.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "names.h"

int
hitl_names_read(const ArrayType *names, char ***members)
{
	Datum	   *elems;
	bool	   *nulls;
	int			nelems;
	int			n = 0;

	*members = NULL;
	if (names == NULL)
		return 0;
	deconstruct_array(unconstify(ArrayType *, names), TEXTOID, -1, false,
					  TYPALIGN_INT, &elems, &nulls, &nelems);
	*members = palloc(sizeof(char *) * Max(nelems, 1));
	for (int i = 0; i < nelems; i++)
	{
		if (!nulls[i])
			(*members)[n++] = TextDatumGetCString(elems[i]);
	}
	return n;
}

bool
hitl_names_has(const ArrayType *names, const char *name)
{
	char	  **members;
	int			n = hitl_names_read(names, &members);

	for (int i = 0; i < n; i++)
	{
		if (strcmp(members[i], name) == 0)
			return true;
	}
	return false;
}

ArrayType *
hitl_names_add(ArrayType *names, const char *name)
{
	char	  **members;
	Datum	   *elems;
	int			n;

	if (hitl_names_has(names, name))
		return names;
	n = hitl_names_read(names, &members);
	elems = palloc(sizeof(Datum) * (n + 1));
	for (int i = 0; i < n; i++)
		elems[i] = CStringGetTextDatum(members[i]);
	elems[n] = CStringGetTextDatum(name);
	return construct_array(elems, n + 1, TEXTOID, -1, false, TYPALIGN_INT);
}

ArrayType *
hitl_names_union(ArrayType *a, ArrayType *b)
{
	char	  **members;
	int			n = hitl_names_read(b, &members);

	for (int i = 0; i < n; i++)
		a = hitl_names_add(a, members[i]);
	return a;
}

ArrayType *
hitl_names_copy(Datum value, bool isnull)
{
	ArrayType  *names;

	if (isnull)
		return NULL;
	names = DatumGetArrayTypePCopy(value);
	return ARR_NDIM(names) > 0 ? names : NULL;
}
