/*
 * diff.c
 *		What changed between two documents, small enough to be read.
 *
 * A difference is a place and what is there before and after: {"path": ["lines",
 * 0, "price"], "from": 10, "to": 12}.  What was added has no "from", what was
 * removed no "to".  Objects are compared by key, arrays by position; values
 * are the same if they are equal (1 and 1.0 are, see digest.c).
 *
 * - The differences, applied to the first document in their order, give the
 *   second: elements at the end of an array are removed from the back, and
 *   added from the front.
 * - The order is that of the documents: keys as jsonb keeps them (shorter
 *   ones first, then by bytes), elements by position.
 * - What is replaced nearly whole is told whole: beyond a number of
 *   differences, or of steps in all paths together, the result is one
 *   difference with an empty path.  So it is never much longer than the two
 *   documents.
 *
 * Both sides are walked at once, so the time is linear in their size.
 */
#include "hitl.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

#include "diff.h"

/* beyond these the difference is the whole document */
#define MAX_DIFFERENCES	1000
#define MAX_STEPS		10000

PG_FUNCTION_INFO_V1(hitl_diff);

/* the way to a place, from its end */
typedef struct Step
{
	const struct Step *parent;
	int			depth;			/* steps up to here */
	const JsonbValue *key;		/* NULL: an element */
	int32		index;
} Step;

typedef struct Diff
{
	JsonbParseState *state;
	int			count;			/* of differences */
	int			steps;			/* of all their paths */
} Diff;

static void
push_key(Diff *diff, const char *key)
{
	JsonbValue	value;

	value.type = jbvString;
	value.val.string.val = unconstify(char *, key);
	value.val.string.len = strlen(key);
	(void) pushJsonbValue(&diff->state, WJB_KEY, &value);
}

static void
push_path(Diff *diff, const Step *path)
{
	const Step **steps;
	int			n = path ? path->depth : 0;

	push_key(diff, "path");
	(void) pushJsonbValue(&diff->state, WJB_BEGIN_ARRAY, NULL);
	steps = palloc(sizeof(Step *) * Max(n, 1));
	for (int i = n; i > 0; i--, path = path->parent)
		steps[i - 1] = path;
	for (int i = 0; i < n; i++)
	{
		JsonbValue	value;

		if (steps[i]->key)
			value = *steps[i]->key;
		else
		{
			value.type = jbvNumeric;
			value.val.numeric = int64_to_numeric(steps[i]->index);
		}
		(void) pushJsonbValue(&diff->state, WJB_ELEM, &value);
	}
	(void) pushJsonbValue(&diff->state, WJB_END_ARRAY, NULL);
	pfree(steps);
}

/* NULL: there is nothing */
static void
push_side(Diff *diff, const char *key, JsonbValue *value)
{
	if (value == NULL)
		return;
	push_key(diff, key);
	(void) pushJsonbValue(&diff->state, WJB_VALUE, value);
}

/* false if there are too many */
static bool
add(Diff *diff, const Step *path, JsonbValue *from, JsonbValue *to)
{
	CHECK_FOR_INTERRUPTS();
	diff->steps += path ? path->depth : 0;
	if (++diff->count > MAX_DIFFERENCES || diff->steps > MAX_STEPS)
		return false;
	(void) pushJsonbValue(&diff->state, WJB_BEGIN_OBJECT, NULL);
	push_path(diff, path);
	push_side(diff, "from", from);
	push_side(diff, "to", to);
	(void) pushJsonbValue(&diff->state, WJB_END_OBJECT, NULL);
	return true;
}

static Step
step_to(const Step *parent, const JsonbValue *key, int32 index)
{
	return (Step) {parent, parent ? parent->depth + 1 : 1, key, index};
}

static bool
same_scalar(const JsonbValue *a, const JsonbValue *b)
{
	if (a->type != b->type)
		return false;
	switch (a->type)
	{
		case jbvNull:
			return true;
		case jbvBool:
			return a->val.boolean == b->val.boolean;
		case jbvString:
			return a->val.string.len == b->val.string.len &&
				memcmp(a->val.string.val, b->val.string.val,
					   a->val.string.len) == 0;
		case jbvNumeric:
			return DatumGetBool(DirectFunctionCall2(numeric_eq,
													NumericGetDatum(a->val.numeric),
													NumericGetDatum(b->val.numeric)));
		default:
			elog(ERROR, "unexpected type %d in a jsonb scalar", a->type);
			return false;		/* keep the compiler quiet */
	}
}

/* jsonb's order of keys */
static int
compare_keys(const JsonbValue *a, const JsonbValue *b)
{
	if (a->val.string.len != b->val.string.len)
		return a->val.string.len < b->val.string.len ? -1 : 1;
	return memcmp(a->val.string.val, b->val.string.val, a->val.string.len);
}

static bool compare(Diff *diff, const Step *path, JsonbValue *a,
					JsonbValue *b);

/* the next pair of an object; false at its end */
static bool
next_pair(JsonbIterator **it, JsonbValue *key, JsonbValue *value)
{
	if (JsonbIteratorNext(it, key, true) != WJB_KEY)
		return false;
	(void) JsonbIteratorNext(it, value, true);
	return true;
}

static bool
compare_objects(Diff *diff, const Step *path, JsonbContainer *a,
				JsonbContainer *b)
{
	JsonbIterator *ait = JsonbIteratorInit(a);
	JsonbIterator *bit = JsonbIteratorInit(b);
	JsonbValue	akey;
	JsonbValue	avalue;
	JsonbValue	bkey;
	JsonbValue	bvalue;
	bool		more_a;
	bool		more_b;

	(void) JsonbIteratorNext(&ait, &akey, true);
	(void) JsonbIteratorNext(&bit, &bkey, true);
	more_a = next_pair(&ait, &akey, &avalue);
	more_b = next_pair(&bit, &bkey, &bvalue);
	while (more_a || more_b)
	{
		int			order = !more_a ? 1 : !more_b ? -1 :
			compare_keys(&akey, &bkey);
		Step		step = step_to(path, order <= 0 ? &akey : &bkey, 0);

		if (order == 0 ? !compare(diff, &step, &avalue, &bvalue) :
			!add(diff, &step, order < 0 ? &avalue : NULL,
				 order > 0 ? &bvalue : NULL))
			return false;
		if (order <= 0)
			more_a = next_pair(&ait, &akey, &avalue);
		if (order >= 0)
			more_b = next_pair(&bit, &bkey, &bvalue);
	}
	return true;
}

static bool
compare_arrays(Diff *diff, const Step *path, JsonbContainer *a,
			   JsonbContainer *b)
{
	JsonbIterator *ait = JsonbIteratorInit(a);
	JsonbIterator *bit = JsonbIteratorInit(b);
	int32		na = JsonContainerSize(a);
	int32		nb = JsonContainerSize(b);
	JsonbValue	avalue;
	JsonbValue	bvalue;

	(void) JsonbIteratorNext(&ait, &avalue, true);
	(void) JsonbIteratorNext(&bit, &bvalue, true);
	for (int32 i = 0; i < Min(na, nb); i++)
	{
		Step		step = step_to(path, NULL, i);

		(void) JsonbIteratorNext(&ait, &avalue, true);
		(void) JsonbIteratorNext(&bit, &bvalue, true);
		if (!compare(diff, &step, &avalue, &bvalue))
			return false;
	}
	for (int32 i = na; i < nb; i++)
	{
		Step		step = step_to(path, NULL, i);

		(void) JsonbIteratorNext(&bit, &bvalue, true);
		if (!add(diff, &step, NULL, &bvalue))
			return false;
	}
	if (na - nb > MAX_DIFFERENCES)
		return false;
	for (int32 i = na - 1; i >= nb; i--)
	{
		Step		step = step_to(path, NULL, i);

		if (!add(diff, &step, getIthJsonbValueFromContainer(a, i), NULL))
			return false;
	}
	return true;
}

/* false if there are too many differences */
static bool
compare(Diff *diff, const Step *path, JsonbValue *a, JsonbValue *b)
{
	check_stack_depth();
	if (a->type == jbvBinary && b->type == jbvBinary)
	{
		JsonbContainer *x = a->val.binary.data;
		JsonbContainer *y = b->val.binary.data;

		if (JsonContainerIsObject(x) && JsonContainerIsObject(y))
			return compare_objects(diff, path, x, y);
		if (JsonContainerIsArray(x) && JsonContainerIsArray(y))
			return compare_arrays(diff, path, x, y);
	}
	else if (a->type != jbvBinary && b->type != jbvBinary && same_scalar(a, b))
		return true;
	return add(diff, path, a, b);
}

/* a document as a value that is part of another; NULL if there is none */
static JsonbValue *
as_value(Jsonb *document, JsonbValue *value)
{
	if (document == NULL)
		return NULL;
	if (JB_ROOT_IS_SCALAR(document))
		(void) JsonbExtractScalar(&document->root, value);
	else
	{
		value->type = jbvBinary;
		value->val.binary.data = &document->root;
		value->val.binary.len = VARSIZE(document) - VARHDRSZ;
	}
	return value;
}

static void
begin(Diff *diff)
{
	memset(diff, 0, sizeof(*diff));
	(void) pushJsonbValue(&diff->state, WJB_BEGIN_ARRAY, NULL);
}

Jsonb *
hitl_diff_of(Jsonb *a, Jsonb *b)
{
	JsonbValue	x;
	JsonbValue	y;
	JsonbValue *from = as_value(a, &x);
	JsonbValue *to = as_value(b, &y);
	Diff		diff;
	bool		complete = true;

	begin(&diff);
	if (from && to)
		complete = compare(&diff, NULL, from, to);
	else if (from || to)
		(void) add(&diff, NULL, from, to);
	if (!complete)
	{
		begin(&diff);
		(void) add(&diff, NULL, from, to);
	}
	return JsonbValueToJsonb(pushJsonbValue(&diff.state, WJB_END_ARRAY, NULL));
}

Datum
hitl_diff(PG_FUNCTION_ARGS)
{
	Jsonb	   *a = PG_ARGISNULL(0) ? NULL : PG_GETARG_JSONB_P(0);
	Jsonb	   *b = PG_ARGISNULL(1) ? NULL : PG_GETARG_JSONB_P(1);

	PG_RETURN_JSONB_P(hitl_diff_of(a, b));
}
