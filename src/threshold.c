/*
 * threshold.c
 *		Thresholds whose error rate is certified by the verdicts at hand.
 *
 * Candidates are tested in a fixed order, from the most cautious to the widest.
 * The error probability delta is split over starting points by coverage; what a
 * start has is carried along as long as every test succeeds, and is lost with
 * the first that fails.  The order and the split depend on no outcome, so all
 * certificates hold at once with probability 1 - delta.
 *
 * Decisions of unequal propensity are never pooled: each stratum has a limit of
 * its own, and they share the level.
 */
#include "hitl.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "beta.h"
#include "calib.h"

PG_FUNCTION_INFO_V1(hitl_upper_threshold);
PG_FUNCTION_INFO_V1(hitl_lower_threshold);

typedef struct Search
{
	const CalibState *calib;
	bool		upper;			/* approve above, or reject below */
	double		max_risk;
	double		share;			/* of delta, for each start */
	int			nstarts;
	double	   *start;			/* coverage that a start waits for */
	bool	   *used;
	int			grid;
	bool		window;			/* this very window, or decisions to come */
} Search;

/* Decisions of a stratum that a candidate would let through. */
typedef struct Tally
{
	int64		rows;
	int64		labelled;
	int64		wrong;
} Tally;

typedef struct Certificate
{
	bool		found;
	double		threshold;
	double		coverage;
	Tally		total;
	double		risk;
	double		risk_upper;
	double		level;
} Certificate;

static void
read_share(double value, const char *name)
{
	if (!(value > 0.0 && value < 1.0))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("%s must be above 0 and below 1, not %g",
						name, value)));
}

static void
read_starts(Search *search, ArrayType *array)
{
	Datum	   *elems;

	if (ARR_NDIM(array) != 1 || ARR_HASNULL(array))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("starts must be a list of at least one number, without NULLs")));
	deconstruct_array(array, FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL,
					  TYPALIGN_DOUBLE, &elems, NULL, &search->nstarts);
	search->start = palloc(search->nstarts * sizeof(double));
	search->used = palloc0(search->nstarts * sizeof(bool));
	for (int i = 0; i < search->nstarts; i++)
	{
		double		start = DatumGetFloat8(elems[i]);

		if (!(start >= 0.0 && start <= 1.0))
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("a start must be a coverage between 0 and 1, not %g",
							start)));
		search->start[i] = start;
	}
}

static void
read_arguments(Search *search, FunctionCallInfo fcinfo)
{
	double		delta = PG_GETARG_FLOAT8(2);
	char	   *scope = text_to_cstring(PG_GETARG_TEXT_PP(5));

	search->calib = hitl_calib_get(PG_GETARG_DATUM(0));
	search->max_risk = PG_GETARG_FLOAT8(1);
	read_share(search->max_risk, "max_risk");
	read_share(delta, "delta");
	read_starts(search, PG_GETARG_ARRAYTYPE_P(3));
	search->share = delta / search->nstarts;
	search->grid = PG_GETARG_INT32(4);
	if (search->grid < 1 || HITL_CELL_EDGES % search->grid != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("grid must divide %d, not %d",
						HITL_CELL_EDGES, search->grid)));
	search->window = strcmp(scope, "window") == 0;
	if (!search->window && strcmp(scope, "future") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("scope must be \"future\" or \"window\", not \"%s\"",
						scope)));
}

/* Adds the cells first..last of each stratum to what is let through. */
static void
tally_cells(const Search *search, Tally *tally, int first, int last)
{
	for (int h = 0; h < search->calib->nstrata; h++)
	{
		for (int i = first; i <= last; i++)
		{
			const CalibCell *cell;

			cell = hitl_calib_find(search->calib->stratum[h], i);
			if (cell == NULL)
				continue;
			tally[h].rows += cell->rows;
			tally[h].labelled += cell->labelled;
			tally[h].wrong += search->upper ? cell->labelled - cell->right :
				cell->right;
		}
	}
}

static Tally
tally_total(const Search *search, const Tally *tally)
{
	Tally		total = {0};

	for (int h = 0; h < search->calib->nstrata; h++)
	{
		total.rows += tally[h].rows;
		total.labelled += tally[h].labelled;
		total.wrong += tally[h].wrong;
	}
	return total;
}

/* In this very window a stratum that all got a verdict needs no limit. */
static bool
is_counted(const Search *search, int h)
{
	return search->window && search->calib->stratum[h]->propensity == 1.0;
}

/*
 * Limit of the error rate at this level; a value above max_risk may be a part
 * of it only, since no more is needed to refuse the candidate.
 */
static double
risk_limit(const Search *search, const Tally *tally, int64 rows, double level)
{
	double		sum = 0.0;
	int			strata = 0;

	for (int h = 0; h < search->calib->nstrata; h++)
	{
		if (tally[h].rows > 0 && !is_counted(search, h))
			strata++;
	}
	for (int h = 0; h < search->calib->nstrata; h++)
	{
		const Tally *t = &tally[h];

		if (t->rows == 0)
			continue;
		CHECK_FOR_INTERRUPTS();
		if (is_counted(search, h))
			sum += t->wrong + (t->rows - t->labelled);
		else
			sum += t->rows * hitl_binomial_upper(t->wrong, t->labelled,
												 level / strata);
		if (sum / rows > search->max_risk)
			break;
	}
	return sum / rows;
}

/* A stratum without a verdict counts as wrong, as it does in the limit. */
static double
risk_estimate(const Search *search, const Tally *tally, int64 rows)
{
	double		sum = 0.0;

	for (int h = 0; h < search->calib->nstrata; h++)
	{
		const Tally *t = &tally[h];

		if (t->rows > 0)
			sum += t->labelled == 0 ? t->rows :
				t->rows * ((double) t->wrong / t->labelled);
	}
	return sum / rows;
}

static void
find_threshold(Search *search, Certificate *best)
{
	Tally	   *tally = palloc0(HITL_MAX_STRATA * sizeof(Tally));
	int			step = HITL_CELL_EDGES / search->grid;
	double		carry = 0.0;

	memset(best, 0, sizeof(Certificate));
	for (int i = 0; i <= search->grid; i++)
	{
		int			t = search->upper ? search->grid - i : i;
		Tally		total;
		double		coverage;
		double		level = carry;
		double		limit;

		if (search->upper)
			tally_cells(search, tally, t * step,
						i == 0 ? HITL_CELL_EDGES : (t + 1) * step - 1);
		else if (t > 0)
			tally_cells(search, tally, (t - 1) * step, t * step - 1);
		total = tally_total(search, tally);
		if (total.rows == 0)
			continue;

		coverage = (double) total.rows / search->calib->rows;
		for (int s = 0; s < search->nstarts; s++)
		{
			if (!search->used[s] && coverage >= search->start[s])
			{
				search->used[s] = true;
				level += search->share;
			}
		}
		if (level == 0.0)
			continue;

		limit = risk_limit(search, tally, total.rows, level);
		carry = 0.0;
		if (limit <= search->max_risk)
		{
			best->found = true;
			best->threshold = hitl_edge(t, search->grid);
			best->coverage = coverage;
			best->total = total;
			best->risk = risk_estimate(search, tally, total.rows);
			best->risk_upper = limit;
			best->level = level;
			carry = level;
		}
	}
}

static Datum
threshold(FunctionCallInfo fcinfo, bool upper)
{
	Search		search;
	Certificate best;
	TupleDesc	tupdesc;
	Datum		values[8];
	bool		nulls[8];

	if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	read_arguments(&search, fcinfo);
	search.upper = upper;
	find_threshold(&search, &best);

	memset(nulls, !best.found, sizeof(nulls));
	values[0] = Float8GetDatum(best.threshold);
	values[1] = Float8GetDatum(best.coverage);
	values[2] = Int64GetDatum(best.total.rows);
	values[3] = Int64GetDatum(best.total.labelled);
	values[4] = Int64GetDatum(best.total.wrong);
	values[5] = Float8GetDatum(best.risk);
	values[6] = Float8GetDatum(best.risk_upper);
	values[7] = Float8GetDatum(best.level);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(tupdesc, values, nulls)));
}

Datum
hitl_upper_threshold(PG_FUNCTION_ARGS)
{
	return threshold(fcinfo, true);
}

Datum
hitl_lower_threshold(PG_FUNCTION_ARGS)
{
	return threshold(fcinfo, false);
}
