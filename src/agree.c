/*
 * agree.c
 *		Agreement between people, as aggregates.
 *
 * Two states.  Cohen's kappa compares two judgments of each item and keeps how
 * often each label was given by either side; labels are of any type that can
 * be ordered, and equal when their order says so.  The other figures take the
 * number of judgments per label of each item, whoever gave them, and are read
 * from one state, so that several of them cost one pass.
 *
 * Disagreement is summed, not agreement: all terms are then positive, and what
 * is left when nearly all agree keeps its digits.
 */
#include "hitl.h"

#include "fmgr.h"
#include "lib/rbtree.h"
#include "libpq/pqformat.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/typcache.h"

#include "score.h"

#define KAPPA_FORMAT	1
#define COUNTS_FORMAT	1

/* more labels than people can tell apart; bounds the memory of a state */
#define MAX_LABELS		1000000

PG_FUNCTION_INFO_V1(hitl_kappa_accum);
PG_FUNCTION_INFO_V1(hitl_kappa_combine);
PG_FUNCTION_INFO_V1(hitl_kappa_serial);
PG_FUNCTION_INFO_V1(hitl_kappa_deserial);
PG_FUNCTION_INFO_V1(hitl_cohen_kappa_final);
PG_FUNCTION_INFO_V1(hitl_counts_accum);
PG_FUNCTION_INFO_V1(hitl_counts_combine);
PG_FUNCTION_INFO_V1(hitl_counts_serial);
PG_FUNCTION_INFO_V1(hitl_counts_deserial);
PG_FUNCTION_INFO_V1(hitl_percent_agreement_final);
PG_FUNCTION_INFO_V1(hitl_fleiss_kappa_final);
PG_FUNCTION_INFO_V1(hitl_gwet_ac1_final);
PG_FUNCTION_INFO_V1(hitl_krippendorff_alpha_final);

/*
 * Two judgments of each item
 */

typedef struct KappaLabel
{
	RBTNode		node;
	Datum		label;			/* belongs to the state once it is in its tree */
	int64		first;			/* how often the first argument was this */
	int64		second;
} KappaLabel;

typedef struct KappaState
{
	MemoryContext context;		/* everything below lives here */
	TypeCacheEntry *type;
	Oid			collation;
	int64		n;
	int64		differ;			/* pairs of two labels */
	RBTree	   *labels;
} KappaState;

static int
label_compare(const RBTNode *a, const RBTNode *b, void *arg)
{
	KappaState *state = arg;

	return DatumGetInt32(FunctionCall2Coll(&state->type->cmp_proc_finfo,
										   state->collation,
										   ((const KappaLabel *) a)->label,
										   ((const KappaLabel *) b)->label));
}

static void
label_combine(RBTNode *existing, const RBTNode *new, void *arg)
{
	KappaLabel *into = (KappaLabel *) existing;
	const KappaLabel *from = (const KappaLabel *) new;

	into->first += from->first;
	into->second += from->second;
}

static RBTNode *
label_alloc(void *arg)
{
	KappaState *state = arg;

	return MemoryContextAlloc(state->context, sizeof(KappaLabel));
}

static KappaState *
kappa_create(MemoryContext context, Oid type, Oid collation)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	KappaState *state = palloc0(sizeof(KappaState));

	state->context = context;
	state->type = lookup_type_cache(type, TYPECACHE_CMP_PROC_FINFO);
	if (!OidIsValid(state->type->cmp_proc_finfo.fn_oid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("could not identify a comparison function for type %s",
						format_type_be(type))));
	state->collation = collation;
	state->labels = rbt_create(sizeof(KappaLabel), label_compare,
							   label_combine, label_alloc, NULL, state);
	MemoryContextSwitchTo(old);
	return state;
}

/* Counts a label; one not met before is copied. */
static void
kappa_add(KappaState *state, Datum label, int64 first, int64 second)
{
	KappaLabel	probe = {.label = label, .first = first, .second = second};
	KappaLabel *known;
	bool		is_new;

	known = (KappaLabel *) rbt_insert(state->labels, (RBTNode *) &probe,
									  &is_new);
	if (is_new && !state->type->typbyval)
	{
		MemoryContext old = MemoryContextSwitchTo(state->context);

		if (state->type->typlen == -1)
			known->label = PointerGetDatum(PG_DETOAST_DATUM_COPY(label));
		else
			known->label = datumCopy(label, false, state->type->typlen);
		MemoryContextSwitchTo(old);
	}
}

Datum
hitl_kappa_accum(PG_FUNCTION_ARGS)
{
	KappaState *state;
	KappaLabel	a = {0};
	KappaLabel	b = {0};

	state = PG_ARGISNULL(0) ? NULL : (KappaState *) PG_GETARG_POINTER(0);
	if (!PG_ARGISNULL(1) && !PG_ARGISNULL(2))
	{
		if (state == NULL)
			state = kappa_create(hitl_agg_context(fcinfo),
								 get_fn_expr_argtype(fcinfo->flinfo, 1),
								 PG_GET_COLLATION());
		a.label = PG_GETARG_DATUM(1);
		b.label = PG_GETARG_DATUM(2);
		state->n++;
		if (label_compare((RBTNode *) &a, (RBTNode *) &b, state) == 0)
			kappa_add(state, a.label, 1, 1);
		else
		{
			state->differ++;
			kappa_add(state, a.label, 1, 0);
			kappa_add(state, b.label, 0, 1);
		}
	}
	if (state == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(state);
}

static KappaLabel *
first_label(KappaState *state, RBTreeIterator *place)
{
	rbt_begin_iterate(state->labels, LeftRightWalk, place);
	return (KappaLabel *) rbt_iterate(place);
}

Datum
hitl_kappa_combine(PG_FUNCTION_ARGS)
{
	MemoryContext context = hitl_agg_context(fcinfo);
	KappaState *into;
	KappaState *from;
	RBTreeIterator place;

	into = PG_ARGISNULL(0) ? NULL : (KappaState *) PG_GETARG_POINTER(0);
	from = PG_ARGISNULL(1) ? NULL : (KappaState *) PG_GETARG_POINTER(1);
	if (from == NULL)
	{
		if (into == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(into);
	}
	if (into == NULL)
		into = kappa_create(context, from->type->type_id, from->collation);

	into->n += from->n;
	into->differ += from->differ;
	for (KappaLabel *label = first_label(from, &place); label != NULL;
		 label = (KappaLabel *) rbt_iterate(&place))
		kappa_add(into, label->label, label->first, label->second);
	PG_RETURN_POINTER(into);
}

/*
 * Labels travel as their bytes: partial states never leave the server, and not
 * every type has a send function.
 */
Datum
hitl_kappa_serial(PG_FUNCTION_ARGS)
{
	KappaState *state;
	RBTreeIterator place;
	StringInfoData buf;

	(void) hitl_agg_context(fcinfo);
	state = (KappaState *) PG_GETARG_POINTER(0);
	pq_begintypsend(&buf);
	pq_sendbyte(&buf, KAPPA_FORMAT);
	pq_sendint32(&buf, state->type->type_id);
	pq_sendint32(&buf, state->collation);
	pq_sendint64(&buf, state->n);
	pq_sendint64(&buf, state->differ);
	for (KappaLabel *label = first_label(state, &place); label != NULL;
		 label = (KappaLabel *) rbt_iterate(&place))
	{
		bool		byval = state->type->typbyval;
		int			typlen = state->type->typlen;
		Size		size = datumEstimateSpace(label->label, false, byval,
											  typlen);
		char	   *bytes = palloc(size);
		char	   *end = bytes;

		datumSerialize(label->label, false, byval, typlen, &end);
		pq_sendint64(&buf, label->first);
		pq_sendint64(&buf, label->second);
		pq_sendint32(&buf, size);
		pq_sendbytes(&buf, bytes, size);
		pfree(bytes);
	}
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

Datum
hitl_kappa_deserial(PG_FUNCTION_ARGS)
{
	bytea	   *bytes;
	StringInfoData buf;
	KappaState *state;
	Oid			type;
	Oid			collation;

	(void) hitl_agg_context(fcinfo);
	bytes = PG_GETARG_BYTEA_PP(0);
	initStringInfo(&buf);
	appendBinaryStringInfo(&buf, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));

	if (pq_getmsgbyte(&buf) != KAPPA_FORMAT)
		elog(ERROR, "unknown format of a serialized agreement state");
	type = pq_getmsgint(&buf, 4);
	collation = pq_getmsgint(&buf, 4);
	state = kappa_create(CurrentMemoryContext, type, collation);
	state->n = pq_getmsgint64(&buf);
	state->differ = pq_getmsgint64(&buf);
	while (buf.cursor < buf.len)
	{
		int64		first = pq_getmsgint64(&buf);
		int64		second = pq_getmsgint64(&buf);
		int			size = pq_getmsgint(&buf, 4);
		char	   *label = unconstify(char *, pq_getmsgbytes(&buf, size));
		bool		isnull;

		kappa_add(state, datumRestore(&label, &isnull), first, second);
	}
	pq_getmsgend(&buf);
	PG_RETURN_POINTER(state);
}

/*
 * kappa = 1 - disagreement / disagreement by chance.  The latter is 0 where
 * both sides always said the same one label.
 */
Datum
hitl_cohen_kappa_final(PG_FUNCTION_ARGS)
{
	KappaState *state;
	RBTreeIterator place;
	double		n;
	double		chance = 0.0;

	(void) hitl_agg_context(fcinfo);
	state = PG_ARGISNULL(0) ? NULL : (KappaState *) PG_GETARG_POINTER(0);
	if (state == NULL)
		PG_RETURN_NULL();
	n = state->n;
	for (KappaLabel *label = first_label(state, &place); label != NULL;
		 label = (KappaLabel *) rbt_iterate(&place))
		chance += label->first / n * ((state->n - label->second) / n);
	if (chance == 0.0)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(1.0 - state->differ / n / chance);
}

/*
 * Any number of judgments of each item
 */

typedef struct CountsLabel
{
	double		share;			/* sum over items of its share of the item */
	double		total;			/* judgments on items that have two or more */
} CountsLabel;

typedef struct CountsState
{
	int			nlabels;
	int64		items;			/* with a judgment */
	int64		pairable;		/* with two or more */
	double		differ;			/* sum over those of the share of pairs that
								 * differ */
	double		spread;			/* the same, times the judgments of the item */
	CountsLabel label[FLEXIBLE_ARRAY_MEMBER];
} CountsState;

static CountsState *
counts_create(MemoryContext context, int nlabels)
{
	CountsState *state;

	state = MemoryContextAllocZero(context, offsetof(CountsState, label) +
								   nlabels * sizeof(CountsLabel));
	state->nlabels = nlabels;
	return state;
}

static void
counts_check_length(const CountsState *state, int nlabels)
{
	if (nlabels != state->nlabels)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("arrays of counts must have the same length on every row, not %d and %d",
						state->nlabels, nlabels)));
}

/* The counts of an array, one for each label. */
static const int32 *
counts_read(ArrayType *array, int *nlabels)
{
	const int32 *count = (const int32 *) ARR_DATA_PTR(array);

	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("an array of counts must have one dimension, not %d",
						ARR_NDIM(array))));
	*nlabels = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	if (*nlabels > MAX_LABELS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("an array of counts must have at most %d elements, not %d",
						MAX_LABELS, *nlabels)));
	if (array_contains_nulls(array))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("an array of counts must not contain nulls")));
	for (int i = 0; i < *nlabels; i++)
	{
		if (count[i] < 0)
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("a count must not be negative, but one is %d",
							count[i])));
	}
	return count;
}

static void
counts_add(CountsState *state, const int32 *count)
{
	double		m = 0.0;
	double		differ = 0.0;

	for (int i = 0; i < state->nlabels; i++)
		m += count[i];
	if (m == 0.0)
		return;
	state->items++;
	if (m >= 2.0)
		state->pairable++;
	for (int i = 0; i < state->nlabels; i++)
	{
		CountsLabel *label = &state->label[i];

		if (count[i] == 0)
			continue;
		label->share += count[i] / m;
		if (m < 2.0)
			continue;
		label->total += count[i];
		differ += count[i] * (m - count[i]);
	}
	if (m >= 2.0)
	{
		state->differ += differ / (m * (m - 1.0));
		state->spread += differ / (m - 1.0);
	}
}

Datum
hitl_counts_accum(PG_FUNCTION_ARGS)
{
	CountsState *state;
	const int32 *count;
	int			nlabels;

	state = PG_ARGISNULL(0) ? NULL : (CountsState *) PG_GETARG_POINTER(0);
	if (!PG_ARGISNULL(1))
	{
		count = counts_read(PG_GETARG_ARRAYTYPE_P(1), &nlabels);
		if (state == NULL)
			state = counts_create(hitl_agg_context(fcinfo), nlabels);
		counts_check_length(state, nlabels);
		counts_add(state, count);
	}
	if (state == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(state);
}

Datum
hitl_counts_combine(PG_FUNCTION_ARGS)
{
	MemoryContext context = hitl_agg_context(fcinfo);
	CountsState *into;
	CountsState *from;

	into = PG_ARGISNULL(0) ? NULL : (CountsState *) PG_GETARG_POINTER(0);
	from = PG_ARGISNULL(1) ? NULL : (CountsState *) PG_GETARG_POINTER(1);
	if (from == NULL)
	{
		if (into == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(into);
	}
	if (into == NULL)
		into = counts_create(context, from->nlabels);
	counts_check_length(into, from->nlabels);

	into->items += from->items;
	into->pairable += from->pairable;
	into->differ += from->differ;
	into->spread += from->spread;
	for (int i = 0; i < into->nlabels; i++)
	{
		into->label[i].share += from->label[i].share;
		into->label[i].total += from->label[i].total;
	}
	PG_RETURN_POINTER(into);
}

Datum
hitl_counts_serial(PG_FUNCTION_ARGS)
{
	CountsState *state;
	StringInfoData buf;

	(void) hitl_agg_context(fcinfo);
	state = (CountsState *) PG_GETARG_POINTER(0);
	pq_begintypsend(&buf);
	pq_sendbyte(&buf, COUNTS_FORMAT);
	pq_sendint32(&buf, state->nlabels);
	pq_sendint64(&buf, state->items);
	pq_sendint64(&buf, state->pairable);
	pq_sendfloat8(&buf, state->differ);
	pq_sendfloat8(&buf, state->spread);
	for (int i = 0; i < state->nlabels; i++)
	{
		pq_sendfloat8(&buf, state->label[i].share);
		pq_sendfloat8(&buf, state->label[i].total);
	}
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

Datum
hitl_counts_deserial(PG_FUNCTION_ARGS)
{
	bytea	   *bytes;
	StringInfoData buf;
	CountsState *state;
	int			nlabels;

	(void) hitl_agg_context(fcinfo);
	bytes = PG_GETARG_BYTEA_PP(0);
	initStringInfo(&buf);
	appendBinaryStringInfo(&buf, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));

	if (pq_getmsgbyte(&buf) != COUNTS_FORMAT)
		elog(ERROR, "unknown format of a serialized agreement state");
	nlabels = pq_getmsgint(&buf, 4);
	if (nlabels < 0 || nlabels > MAX_LABELS)
		elog(ERROR, "invalid number of labels in a serialized agreement state");
	state = counts_create(CurrentMemoryContext, nlabels);
	state->items = pq_getmsgint64(&buf);
	state->pairable = pq_getmsgint64(&buf);
	state->differ = pq_getmsgfloat8(&buf);
	state->spread = pq_getmsgfloat8(&buf);
	for (int i = 0; i < nlabels; i++)
	{
		state->label[i].share = pq_getmsgfloat8(&buf);
		state->label[i].total = pq_getmsgfloat8(&buf);
	}
	pq_getmsgend(&buf);
	PG_RETURN_POINTER(state);
}

/* The state of a final function; NULL if no item has two judgments. */
static CountsState *
counts_state(FunctionCallInfo fcinfo)
{
	CountsState *state;

	(void) hitl_agg_context(fcinfo);
	state = PG_ARGISNULL(0) ? NULL : (CountsState *) PG_GETARG_POINTER(0);
	return state == NULL || state->pairable == 0 ? NULL : state;
}

/* Probability that two judgments by chance differ: sum of p(1-p). */
static double
counts_chance(const CountsState *state)
{
	double		chance = 0.0;

	for (int i = 0; i < state->nlabels; i++)
	{
		double		p = Min(state->label[i].share / state->items, 1.0);

		chance += p * (1.0 - p);
	}
	return chance;
}

Datum
hitl_percent_agreement_final(PG_FUNCTION_ARGS)
{
	CountsState *state = counts_state(fcinfo);

	if (state == NULL)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(1.0 - state->differ / state->pairable);
}

Datum
hitl_fleiss_kappa_final(PG_FUNCTION_ARGS)
{
	CountsState *state = counts_state(fcinfo);
	double		chance = state == NULL ? 0.0 : counts_chance(state);

	if (chance == 0.0)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(1.0 - state->differ / state->pairable / chance);
}

/* With two labels or more, chance agreement is at most one half. */
Datum
hitl_gwet_ac1_final(PG_FUNCTION_ARGS)
{
	CountsState *state = counts_state(fcinfo);
	double		chance;

	if (state == NULL || state->nlabels < 2)
		PG_RETURN_NULL();
	chance = counts_chance(state) / (state->nlabels - 1);
	PG_RETURN_FLOAT8((1.0 - state->differ / state->pairable - chance) /
					 (1.0 - chance));
}

Datum
hitl_krippendorff_alpha_final(PG_FUNCTION_ARGS)
{
	CountsState *state = counts_state(fcinfo);
	double		n = 0.0;
	double		chance = 0.0;

	if (state == NULL)
		PG_RETURN_NULL();
	for (int i = 0; i < state->nlabels; i++)
		n += state->label[i].total;
	for (int i = 0; i < state->nlabels; i++)
	{
		double		k = state->label[i].total;

		chance += k / n * ((n - k) / (n - 1.0));
	}
	if (chance == 0.0)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(1.0 - state->spread / n / chance);
}
