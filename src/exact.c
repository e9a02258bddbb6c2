/*
 * exact.c
 *		Exact tests of shares: one against a given rate, and two with each other.
 *
 * Both laws have one mode.  Probabilities are summed relative to that of the
 * mode, by the ratio of neighbours, until they vanish; so nothing is taken
 * from tables of factorials, and small tails keep their digits.  The number of
 * steps grows with the standard deviation, not with the counts.
 */
#include "hitl.h"

#include <float.h>
#include <math.h>

#include "access/htup_details.h"
#include "funcapi.h"
#include "miscadmin.h"

/* Probabilities that differ by less than that are equal but for rounding. */
#define TIE		1e-7

PG_FUNCTION_INFO_V1(hitl_binomial_tail);
PG_FUNCTION_INFO_V1(hitl_fisher_exact);

/*
 * The number of hits among "drawn" trials.  Each is a hit at odds "odds"; or,
 * if hits are drawn without replacement, they are out of "hits" and "misses".
 */
typedef struct Law
{
	double		least;
	double		most;
	double		mode;
	double		drawn;
	bool		replaced;
	double		odds;
	double		hits;
	double		misses;
} Law;

typedef struct Tails
{
	double		lower;			/* as many hits as observed, or fewer */
	double		upper;			/* as many, or more */
	double		two_sided;		/* as many, and all that is no more likely */
} Tails;

/* P(x + 1) / P(x) */
static double
ratio(const Law *law, double x)
{
	double		left = law->drawn - x;

	if (law->replaced)
		return left / (x + 1.0) * law->odds;
	return (law->hits - x) / (x + 1.0) * (left / (law->misses - left + 1.0));
}

/* Adds P(x) / P(mode) on one side of the mode to what it belongs to. */
static void
add_side(const Law *law, bool above, double observed, double limit,
		 double *total, Tails *tails)
{
	double		x = law->mode;
	double		p = 1.0;

	while (p >= DBL_MIN)
	{
		/* the mode itself is counted once, from above */
		if (above || x != law->mode)
		{
			*total += p;
			if (x <= observed)
				tails->lower += p;
			if (x >= observed)
				tails->upper += p;
			if (p <= limit)
				tails->two_sided += p;
		}
		if (above ? x >= law->most : x <= law->least)
			break;
		p = above ? p * ratio(law, x) : p / ratio(law, x - 1.0);
		x += above ? 1.0 : -1.0;
		CHECK_FOR_INTERRUPTS();
	}
}

static Tails
tails_at(const Law *law, double observed)
{
	Tails		tails = {0};
	double		total = 0.0;
	double		p = 1.0;

	for (double x = law->mode; x < observed && p > 0.0; x++)
	{
		p *= ratio(law, x);
		CHECK_FOR_INTERRUPTS();
	}
	for (double x = law->mode; x > observed && p > 0.0; x--)
	{
		p /= ratio(law, x - 1.0);
		CHECK_FOR_INTERRUPTS();
	}
	add_side(law, true, observed, p * (1.0 + TIE), &total, &tails);
	add_side(law, false, observed, p * (1.0 + TIE), &total, &tails);

	tails.lower = Min(tails.lower / total, 1.0);
	tails.upper = Min(tails.upper / total, 1.0);
	tails.two_sided = Min(tails.two_sided / total, 1.0);
	return tails;
}

static void
check_counts(int64 hits, int64 n)
{
	if (hits < 0 || hits > n)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("hits must be between 0 and the number of trials, not " INT64_FORMAT " of " INT64_FORMAT,
						hits, n)));
}

Datum
hitl_binomial_tail(PG_FUNCTION_ARGS)
{
	int64		hits = PG_GETARG_INT64(0);
	int64		n = PG_GETARG_INT64(1);
	double		rate = PG_GETARG_FLOAT8(2);
	Law			law = {0};

	check_counts(hits, n);
	if (!(rate >= 0.0 && rate <= 1.0))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("rate must be between 0 and 1, not %g", rate)));
	if (hits == 0 || rate == 1.0)
		PG_RETURN_FLOAT8(1.0);
	if (rate == 0.0)
		PG_RETURN_FLOAT8(0.0);

	law.replaced = true;
	law.most = law.drawn = n;
	law.odds = rate / (1.0 - rate);
	law.mode = Min(floor((n + 1.0) * rate), law.most);
	PG_RETURN_FLOAT8(tails_at(&law, hits).upper);
}

/*
 * Given how many hits there are in all, their number among the first n follows
 * the hypergeometric law if both come from the same rate.
 */
Datum
hitl_fisher_exact(PG_FUNCTION_ARGS)
{
	int64		hits = PG_GETARG_INT64(0);
	int64		n = PG_GETARG_INT64(1);
	int64		other_hits = PG_GETARG_INT64(2);
	int64		other_n = PG_GETARG_INT64(3);
	Law			law = {0};
	Tails		tails;
	double		all;
	TupleDesc	tupdesc;
	Datum		values[3];
	bool		nulls[3] = {false};

	check_counts(hits, n);
	check_counts(other_hits, other_n);
	if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");

	law.drawn = n;
	law.hits = (double) hits + (double) other_hits;
	all = (double) n + (double) other_n;
	law.misses = all - law.hits;
	law.least = Max(law.drawn - law.misses, 0.0);
	law.most = Min(law.drawn, law.hits);
	law.mode = floor((law.drawn + 1.0) * ((law.hits + 1.0) / (all + 2.0)));
	law.mode = Max(Min(law.mode, law.most), law.least);
	tails = tails_at(&law, hits);

	values[0] = Float8GetDatum(tails.lower);
	values[1] = Float8GetDatum(tails.upper);
	values[2] = Float8GetDatum(tails.two_sided);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(tupdesc, values, nulls)));
}
