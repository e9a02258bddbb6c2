/*
 * score.c
 *		Scores of stated confidences against outcomes, as aggregates.
 *
 * All scores over the same arguments are read from one state and name the same
 * transition, combine and serial functions, so that the executor keeps one
 * state for all of them and several scores cost one pass.  A state exists from
 * the first row that counts; its parameters are those of that row.
 *
 * There is no inverse transition.  Subtracting from a floating-point sum leaves
 * what the addition rounded away, and after a heavy row has left the frame the
 * remainder can exceed the light rows that stay.
 */
#include "hitl.h"

#include <float.h>
#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "libpq/pqformat.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "bins.h"
#include "interval.h"
#include "score.h"

#define SCORE_FORMAT		1

/* Weights within 2^-ORDINARY .. 2^ORDINARY are summed as they are. */
#define ORDINARY_EXPONENT	200
#define MIN_EXPONENT		(-1000)

/* level of the intervals in a reliability curve */
#define CURVE_LEVEL			0.95

PG_FUNCTION_INFO_V1(hitl_score_accum);
PG_FUNCTION_INFO_V1(hitl_score_accum_weight);
PG_FUNCTION_INFO_V1(hitl_score_accum_bins);
PG_FUNCTION_INFO_V1(hitl_score_combine);
PG_FUNCTION_INFO_V1(hitl_score_serial);
PG_FUNCTION_INFO_V1(hitl_score_deserial);
PG_FUNCTION_INFO_V1(hitl_brier_score_final);
PG_FUNCTION_INFO_V1(hitl_calibration_gap_final);
PG_FUNCTION_INFO_V1(hitl_ece_final);
PG_FUNCTION_INFO_V1(hitl_reliability_curve_final);

void
hitl_confidence_error(double confidence)
{
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("confidence must be between 0 and 1, not %g",
					confidence)));
}

void
hitl_weight_error(double weight)
{
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("weight must be finite and not negative, not %g",
					weight)));
}

void
hitl_check_bins(int bins)
{
	if (bins < 1 || bins > HITL_MAX_BINS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("number of bins must be between 1 and %d, not %d",
						HITL_MAX_BINS, bins)));
}

/* The context that lives as long as the transition states of this call. */
MemoryContext
hitl_agg_context(FunctionCallInfo fcinfo)
{
	MemoryContext context;

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "aggregate support function called outside an aggregate");
	return context;
}

ScoreState *
hitl_score_create(MemoryContext context, int bins, double level)
{
	ScoreState *state;

	state = MemoryContextAllocZero(context, offsetof(ScoreState, bin) +
								   bins * sizeof(ScoreBin));
	state->bins = bins;
	state->level = level;
	state->unit = 1.0;
	return state;
}

static void
score_move_exponent(ScoreState *state, int exponent)
{
	int			by = state->exponent - exponent;

	state->exponent = exponent;
	state->unit = ldexp(1.0, -exponent);
	state->max_weight = exponent + ORDINARY_EXPONENT > 1023 ? DBL_MAX :
		ldexp(1.0, exponent + ORDINARY_EXPONENT);
	if (by == 0)
		return;

	state->brier = ldexp(state->brier, by);
	for (int i = 0; i < state->bins; i++)
	{
		ScoreBin   *bin = &state->bin[i];

		bin->w = ldexp(bin->w, by);
		bin->wc = ldexp(bin->wc, by);
		bin->wy = ldexp(bin->wy, by);
		bin->ww = ldexp(bin->ww, 2 * by);
		bin->wwy = ldexp(bin->wwy, 2 * by);
	}
}

/* Chooses the unit of the weights: on the first weight, and on a far larger. */
void
hitl_score_set_exponent(ScoreState *state, double weight)
{
	int			exponent = ilogb(weight);

	if (abs(exponent) < ORDINARY_EXPONENT)
		exponent = 0;
	score_move_exponent(state, Max(exponent, MIN_EXPONENT));
}

double
hitl_score_weight(const ScoreState *state, double w)
{
	double		result = ldexp(w, state->exponent);

	if (isinf(result))
		float_overflow_error();
	return result;
}

/*
 * Transition functions
 */

Datum
hitl_score_accum(PG_FUNCTION_ARGS)
{
	ScoreState *state;
	double		c;

	state = PG_ARGISNULL(0) ? NULL : (ScoreState *) PG_GETARG_POINTER(0);
	if (!PG_ARGISNULL(1) && !PG_ARGISNULL(2))
	{
		c = PG_GETARG_FLOAT8(1);
		if (unlikely(!(c >= 0.0 && c <= 1.0)))
			hitl_confidence_error(c);
		if (unlikely(state == NULL))
			state = hitl_score_create(hitl_agg_context(fcinfo),
									  HITL_DEFAULT_BINS, 0.0);
		hitl_score_add(state, &state->bin[hitl_bin(c, HITL_DEFAULT_BINS)],
					   c, PG_GETARG_BOOL(2), 1.0);
	}
	if (state == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(state);
}

/*
 * One row with a weight.  A weight of 0 takes the row out before anything else
 * of it is looked at.
 */
static ScoreState *
score_accum_weighted(FunctionCallInfo fcinfo, ScoreState *state, int bins)
{
	double		c = PG_GETARG_FLOAT8(1);
	double		w = PG_GETARG_FLOAT8(3);

	if (unlikely(!(w >= 0.0 && w <= DBL_MAX)))
		hitl_weight_error(w);
	if (w == 0.0)
		return state;
	if (unlikely(!(c >= 0.0 && c <= 1.0)))
		hitl_confidence_error(c);
	if (unlikely(state == NULL))
	{
		hitl_check_bins(bins);
		state = hitl_score_create(hitl_agg_context(fcinfo), bins, 0.0);
	}
	else if (unlikely(bins != state->bins))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("number of bins must be the same on every row")));
	if (unlikely(w > state->max_weight))
		hitl_score_set_exponent(state, w);
	hitl_score_add(state, &state->bin[hitl_bin(c, bins)],
				   c, PG_GETARG_BOOL(2), w * state->unit);
	return state;
}

Datum
hitl_score_accum_weight(PG_FUNCTION_ARGS)
{
	ScoreState *state;

	state = PG_ARGISNULL(0) ? NULL : (ScoreState *) PG_GETARG_POINTER(0);
	if (!PG_ARGISNULL(1) && !PG_ARGISNULL(2) && !PG_ARGISNULL(3))
		state = score_accum_weighted(fcinfo, state, HITL_DEFAULT_BINS);
	if (state == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(state);
}

Datum
hitl_score_accum_bins(PG_FUNCTION_ARGS)
{
	ScoreState *state;

	state = PG_ARGISNULL(0) ? NULL : (ScoreState *) PG_GETARG_POINTER(0);
	if (!PG_ARGISNULL(1) && !PG_ARGISNULL(2) && !PG_ARGISNULL(3) &&
		!PG_ARGISNULL(4))
		state = score_accum_weighted(fcinfo, state, PG_GETARG_INT32(4));
	if (state == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(state);
}

/*
 * Partial states
 */

Datum
hitl_score_combine(PG_FUNCTION_ARGS)
{
	MemoryContext context = hitl_agg_context(fcinfo);
	ScoreState *into;
	ScoreState *from;

	into = PG_ARGISNULL(0) ? NULL : (ScoreState *) PG_GETARG_POINTER(0);
	from = PG_ARGISNULL(1) ? NULL : (ScoreState *) PG_GETARG_POINTER(1);
	if (from == NULL)
	{
		if (into == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(into);
	}
	if (into == NULL)
		into = hitl_score_create(context, from->bins, from->level);
	else if (into->bins != from->bins || into->level != from->level)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("parameters of an aggregate must be the same on every row")));

	/* the second state may be read again elsewhere: scale its copy */
	if (from->exponent != into->exponent && into->max_weight > 0.0)
	{
		int			exponent = Max(into->exponent, from->exponent);
		Size		size = (offsetof(ScoreState, bin) +
							from->bins * sizeof(ScoreBin));

		from = memcpy(palloc(size), from, size);
		score_move_exponent(into, exponent);
		score_move_exponent(from, exponent);
	}
	else if (into->max_weight == 0.0)
		score_move_exponent(into, from->exponent);

	into->brier += from->brier;
	for (int i = 0; i < into->bins; i++)
	{
		ScoreBin   *a = &into->bin[i];
		ScoreBin   *b = &from->bin[i];

		a->n += b->n;
		a->w += b->w;
		a->wc += b->wc;
		a->wy += b->wy;
		a->ww += b->ww;
		a->wwy += b->wwy;
	}
	PG_RETURN_POINTER(into);
}

Datum
hitl_score_serial(PG_FUNCTION_ARGS)
{
	ScoreState *state;
	StringInfoData buf;

	(void) hitl_agg_context(fcinfo);
	state = (ScoreState *) PG_GETARG_POINTER(0);
	pq_begintypsend(&buf);
	pq_sendbyte(&buf, SCORE_FORMAT);
	pq_sendint32(&buf, state->bins);
	pq_sendint32(&buf, state->exponent);
	pq_sendfloat8(&buf, state->level);
	pq_sendfloat8(&buf, state->brier);
	for (int i = 0; i < state->bins; i++)
	{
		ScoreBin   *bin = &state->bin[i];

		if (bin->n == 0)
			continue;
		pq_sendint32(&buf, i);
		pq_sendint64(&buf, bin->n);
		pq_sendfloat8(&buf, bin->w);
		pq_sendfloat8(&buf, bin->wc);
		pq_sendfloat8(&buf, bin->wy);
		pq_sendfloat8(&buf, bin->ww);
		pq_sendfloat8(&buf, bin->wwy);
	}
	pq_sendint32(&buf, -1);
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

Datum
hitl_score_deserial(PG_FUNCTION_ARGS)
{
	bytea	   *bytes;
	StringInfoData buf;
	ScoreState *state;
	int			bins;
	int			exponent;
	double		level;
	int			i;

	(void) hitl_agg_context(fcinfo);
	bytes = PG_GETARG_BYTEA_PP(0);
	initStringInfo(&buf);
	appendBinaryStringInfo(&buf, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));

	if (pq_getmsgbyte(&buf) != SCORE_FORMAT)
		elog(ERROR, "unknown format of a serialized score state");
	bins = pq_getmsgint(&buf, 4);
	exponent = (int32) pq_getmsgint(&buf, 4);
	level = pq_getmsgfloat8(&buf);
	hitl_check_bins(bins);
	state = hitl_score_create(CurrentMemoryContext, bins, level);
	score_move_exponent(state, exponent);
	state->brier = pq_getmsgfloat8(&buf);
	while ((i = (int32) pq_getmsgint(&buf, 4)) >= 0)
	{
		ScoreBin   *bin;

		if (i >= bins)
			elog(ERROR, "invalid bin in a serialized score state");
		bin = &state->bin[i];
		bin->n = pq_getmsgint64(&buf);
		bin->w = pq_getmsgfloat8(&buf);
		bin->wc = pq_getmsgfloat8(&buf);
		bin->wy = pq_getmsgfloat8(&buf);
		bin->ww = pq_getmsgfloat8(&buf);
		bin->wwy = pq_getmsgfloat8(&buf);
	}
	pq_getmsgend(&buf);
	PG_RETURN_POINTER(state);
}

/*
 * Scores of a state
 */

static double
score_total_weight(const ScoreState *state)
{
	double		w = 0.0;

	for (int i = 0; i < state->bins; i++)
		w += state->bin[i].w;
	return w;
}

bool
hitl_score_brier(const ScoreState *state, double *result)
{
	double		w = score_total_weight(state);

	if (w == 0.0)
		return false;
	*result = state->brier / w;
	return true;
}

bool
hitl_score_gap(const ScoreState *state, double *result)
{
	double		w = score_total_weight(state);
	double		gap = 0.0;

	if (w == 0.0)
		return false;
	for (int i = 0; i < state->bins; i++)
		gap += state->bin[i].wc - state->bin[i].wy;
	*result = gap / w;
	return true;
}

bool
hitl_score_ece(const ScoreState *state, double *result)
{
	double		w = score_total_weight(state);
	double		gap = 0.0;

	if (w == 0.0)
		return false;
	for (int i = 0; i < state->bins; i++)
		gap += fabs(state->bin[i].wc - state->bin[i].wy);
	*result = gap / w;
	return true;
}

/* An array of hitl.reliability_bin, one element for each bin. */
Datum
hitl_score_curve(FunctionCallInfo fcinfo, const ScoreState *state)
{
	Oid			elemtype;
	TupleDesc	tupdesc;
	Datum	   *elems;
	double		z = hitl_normal_z(CURVE_LEVEL);
	ArrayType  *result;

	elemtype = get_element_type(get_fn_expr_rettype(fcinfo->flinfo));
	if (!OidIsValid(elemtype))
		elog(ERROR, "could not determine the type of a reliability bin");
	tupdesc = lookup_rowtype_tupdesc(elemtype, -1);
	elems = palloc(state->bins * sizeof(Datum));

	for (int i = 0; i < state->bins; i++)
	{
		const ScoreBin *bin = &state->bin[i];
		Datum		values[9];
		bool		nulls[9] = {false};

		values[0] = Int32GetDatum(i);
		values[1] = Float8GetDatum(hitl_edge(i, state->bins));
		values[2] = Float8GetDatum(hitl_edge(i + 1, state->bins));
		values[3] = Int64GetDatum(bin->n);
		values[4] = Float8GetDatum(hitl_score_weight(state, bin->w));
		if (bin->w > 0.0)
		{
			double		p;
			double		n_eff;
			double		lo;
			double		hi;

			hitl_weighted_share(bin, &p, NULL, &n_eff);
			hitl_wilson_limits(p, n_eff, z, &lo, &hi);
			values[5] = Float8GetDatum(bin->wc / bin->w);
			values[6] = Float8GetDatum(p);
			values[7] = Float8GetDatum(lo);
			values[8] = Float8GetDatum(hi);
		}
		else
			nulls[5] = nulls[6] = nulls[7] = nulls[8] = true;
		elems[i] = HeapTupleGetDatum(heap_form_tuple(tupdesc, values, nulls));
	}
	ReleaseTupleDesc(tupdesc);

	result = construct_array(elems, state->bins, elemtype, -1, false,
							 TYPALIGN_DOUBLE);
	return PointerGetDatum(result);
}

/*
 * Final functions: they only read, the state may be shared
 */

static Datum
score_final(FunctionCallInfo fcinfo,
			bool (*score) (const ScoreState *state, double *result))
{
	double		result;

	(void) hitl_agg_context(fcinfo);
	if (PG_ARGISNULL(0) ||
		!score((ScoreState *) PG_GETARG_POINTER(0), &result))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(result);
}

Datum
hitl_brier_score_final(PG_FUNCTION_ARGS)
{
	return score_final(fcinfo, hitl_score_brier);
}

Datum
hitl_calibration_gap_final(PG_FUNCTION_ARGS)
{
	return score_final(fcinfo, hitl_score_gap);
}

Datum
hitl_ece_final(PG_FUNCTION_ARGS)
{
	return score_final(fcinfo, hitl_score_ece);
}

Datum
hitl_reliability_curve_final(PG_FUNCTION_ARGS)
{
	(void) hitl_agg_context(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	return hitl_score_curve(fcinfo, (ScoreState *) PG_GETARG_POINTER(0));
}
