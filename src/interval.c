/*
 * interval.c
 *		Confidence intervals of a share, and the aggregate rate().
 *
 * rate() keeps the sums of score.c with a single bin and a confidence of 0: the
 * share of true outcomes and its variance are in that bin.
 */
#include "hitl.h"

#include <float.h>
#include <math.h>

#include "access/htup_details.h"
#include "funcapi.h"
#include "utils/float.h"

#include "interval.h"

#define DEFAULT_LEVEL	0.95

PG_FUNCTION_INFO_V1(hitl_wilson);
PG_FUNCTION_INFO_V1(hitl_rate_accum);
PG_FUNCTION_INFO_V1(hitl_rate_accum_weight);
PG_FUNCTION_INFO_V1(hitl_rate_accum_level);
PG_FUNCTION_INFO_V1(hitl_rate_final);

void
hitl_check_level(double level)
{
	if (!(level > 0.0 && level < 1.0))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("level must be above 0 and below 1, not %g", level)));
}

/*
 * Starts from the rational approximation 26.2.23 of Abramowitz and Stegun
 * (error below 5e-4); each of Halley's steps triples the number of correct
 * digits.  Works on the tail beyond z, which keeps its digits as level nears 1.
 */
double
hitl_normal_z(double level)
{
	double		tail = (1.0 - level) / 2.0;
	double		t = sqrt(-2.0 * log(tail));
	double		z;

	z = t - (2.515517 + t * (0.802853 + t * 0.010328)) /
		(1.0 + t * (1.432788 + t * (0.189269 + t * 0.001308)));
	for (int i = 0; i < 3; i++)
	{
		double		excess = erfc(z * M_SQRT1_2) / 2.0 - tail;
		double		step = excess * sqrt(2.0 * M_PI) * exp(z * z / 2.0);

		z += step / (1.0 - z * step / 2.0);
	}
	return z;
}

void
hitl_wilson_limits(double p, double n, double z, double *lo, double *hi)
{
	double		d = 1.0 + z * z / n;
	double		centre = (p + z * z / (2.0 * n)) / d;
	double		half = z / d * sqrt(p * (1.0 - p) / n + z * z / (4.0 * n * n));

	/* at the ends of the range centre and half are equal but for rounding */
	*lo = p <= 0.0 ? 0.0 : Max(centre - half, 0.0);
	*hi = p >= 1.0 ? 1.0 : Min(centre + half, 1.0);
}

/*
 * The variance is that of a ratio of weighted sums; the effective number of
 * trials is the one that gives a plain share the same variance.
 */
void
hitl_weighted_share(const ScoreBin *bin, double *p, double *std_error,
					double *n_eff)
{
	double		share = Min(bin->wy / bin->w, 1.0);
	double		other = 1.0 - share;
	double		variance;

	variance = bin->wwy * other * other + (bin->ww - bin->wwy) * share * share;
	variance = Max(variance, 0.0) / bin->w / bin->w;

	*p = share;
	if (std_error != NULL)
		*std_error = sqrt(variance);
	if (variance > 0.0 && share > 0.0 && other > 0.0)
		*n_eff = share * other / variance;
	else if (bin->ww > 0.0)
		*n_eff = bin->w / bin->ww * bin->w;
	else
		*n_eff = 1.0;			/* the squares of the weights underflowed */
}

Datum
hitl_wilson(PG_FUNCTION_ARGS)
{
	double		successes = PG_GETARG_FLOAT8(0);
	double		trials = PG_GETARG_FLOAT8(1);
	double		level = PG_GETARG_FLOAT8(2);
	double		lo = 0.0;
	double		hi = 1.0;
	TupleDesc	tupdesc;
	Datum		values[2];
	bool		nulls[2] = {false};

	if (!(successes >= 0.0 && successes <= trials && trials <= DBL_MAX))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("successes must be between 0 and the finite number of trials")));
	hitl_check_level(level);
	if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");

	if (trials > 0.0)
		hitl_wilson_limits(successes / trials, trials, hitl_normal_z(level),
						   &lo, &hi);
	values[0] = Float8GetDatum(lo);
	values[1] = Float8GetDatum(hi);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(tupdesc, values, nulls)));
}

static Datum
rate_accum(FunctionCallInfo fcinfo, bool counts, double weight, double level)
{
	ScoreState *state;

	state = PG_ARGISNULL(0) ? NULL : (ScoreState *) PG_GETARG_POINTER(0);
	if (counts && !(weight >= 0.0 && weight <= DBL_MAX))
		hitl_weight_error(weight);
	if (counts && weight > 0.0)
	{
		if (state == NULL)
		{
			hitl_check_level(level);
			state = hitl_score_create(hitl_agg_context(fcinfo), 1, level);
		}
		else if (level != state->level)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("level must be the same on every row")));
		if (weight > state->max_weight)
			hitl_score_set_exponent(state, weight);
		hitl_score_add(state, &state->bin[0], 0.0, PG_GETARG_BOOL(1),
					   weight * state->unit);
	}
	if (state == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(state);
}

Datum
hitl_rate_accum(PG_FUNCTION_ARGS)
{
	return rate_accum(fcinfo, !PG_ARGISNULL(1), 1.0, DEFAULT_LEVEL);
}

Datum
hitl_rate_accum_weight(PG_FUNCTION_ARGS)
{
	bool		counts = !PG_ARGISNULL(1) && !PG_ARGISNULL(2);

	return rate_accum(fcinfo, counts, counts ? PG_GETARG_FLOAT8(2) : 0.0,
					  DEFAULT_LEVEL);
}

Datum
hitl_rate_accum_level(PG_FUNCTION_ARGS)
{
	bool		counts = (!PG_ARGISNULL(1) && !PG_ARGISNULL(2) &&
						  !PG_ARGISNULL(3));

	return rate_accum(fcinfo, counts, counts ? PG_GETARG_FLOAT8(2) : 0.0,
					  counts ? PG_GETARG_FLOAT8(3) : 0.0);
}

Datum
hitl_rate_final(PG_FUNCTION_ARGS)
{
	ScoreState *state;
	TupleDesc	tupdesc;
	Datum		values[7];
	bool		nulls[7] = {false};
	double		p;
	double		std_error;
	double		n_eff;
	double		lo;
	double		hi;

	(void) hitl_agg_context(fcinfo);
	state = PG_ARGISNULL(0) ? NULL : (ScoreState *) PG_GETARG_POINTER(0);
	if (state == NULL || state->bin[0].w == 0.0)
		PG_RETURN_NULL();
	if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");

	hitl_weighted_share(&state->bin[0], &p, &std_error, &n_eff);
	hitl_wilson_limits(p, n_eff, hitl_normal_z(state->level), &lo, &hi);
	values[0] = Int64GetDatum(state->bin[0].n);
	values[1] = Float8GetDatum(hitl_score_weight(state, state->bin[0].w));
	values[2] = Float8GetDatum(p);
	values[3] = Float8GetDatum(std_error);
	values[4] = Float8GetDatum(n_eff);
	values[5] = Float8GetDatum(lo);
	values[6] = Float8GetDatum(hi);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(tupdesc, values, nulls)));
}
