/*
 * calib.c
 *		The type calib: building, merging, and the scores read from it.
 *
 * A row without a verdict counts in a cell's rows and nowhere else.  Sums of
 * confidences are kept per cell and stratum, so every score at weight
 * 1/propensity can be had for any number of bins whose edges are cell edges.
 */
#include "hitl.h"

#include <float.h>
#include <math.h>

#include "access/htup_details.h"
#include "common/int.h"
#include "funcapi.h"
#include "utils/float.h"

#include "calib.h"

/* First sizes of arrays that grow by doubling. */
#define FIRST_CELLS		8
#define FIRST_STRATA	4

PG_FUNCTION_INFO_V1(hitl_calib_accum);
PG_FUNCTION_INFO_V1(hitl_calib_rollup_accum);
PG_FUNCTION_INFO_V1(hitl_calib_combine);
PG_FUNCTION_INFO_V1(hitl_calib_serial);
PG_FUNCTION_INFO_V1(hitl_calib_deserial);
PG_FUNCTION_INFO_V1(hitl_calib_final);
PG_FUNCTION_INFO_V1(hitl_calib_merge);
PG_FUNCTION_INFO_V1(hitl_calib_counts);
PG_FUNCTION_INFO_V1(hitl_calib_brier_score);
PG_FUNCTION_INFO_V1(hitl_calib_calibration_gap);
PG_FUNCTION_INFO_V1(hitl_calib_ece);
PG_FUNCTION_INFO_V1(hitl_calib_reliability_curve);

CalibState *
hitl_calib_create(MemoryContext context)
{
	CalibState *state = MemoryContextAllocZero(context, sizeof(CalibState));

	state->context = context;
	return state;
}

CalibStratum *
hitl_calib_stratum(CalibState *state, double propensity)
{
	CalibStratum *stratum;
	int			lo = 0;
	int			hi = state->nstrata;

	while (lo < hi)
	{
		int			mid = (lo + hi) / 2;

		if (state->stratum[mid]->propensity < propensity)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo < state->nstrata && state->stratum[lo]->propensity == propensity)
		return state->stratum[lo];

	if (state->nstrata == HITL_MAX_STRATA)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("more than %d distinct propensities in a calib",
						HITL_MAX_STRATA),
				 errhint("Use a few fixed audit rates, or round the propensities.")));
	if (state->nstrata == state->capacity)
	{
		int			capacity = Max(FIRST_STRATA, 2 * state->capacity);
		Size		size = capacity * sizeof(CalibStratum *);

		if (state->stratum == NULL)
			state->stratum = MemoryContextAlloc(state->context, size);
		else
			state->stratum = repalloc(state->stratum, size);
		state->capacity = capacity;
	}
	stratum = MemoryContextAllocZero(state->context, sizeof(CalibStratum));
	stratum->propensity = propensity;
	memmove(&state->stratum[lo + 1], &state->stratum[lo],
			(state->nstrata - lo) * sizeof(CalibStratum *));
	state->stratum[lo] = stratum;
	state->nstrata++;
	return stratum;
}

CalibCell *
hitl_calib_grow(CalibState *state, CalibStratum *stratum, int index)
{
	CalibCell  *cell;

	if (stratum->slot[index] != 0)
		return &stratum->cell[stratum->slot[index] - 1];

	if (stratum->ncells == stratum->capacity)
	{
		int			capacity = Max(FIRST_CELLS, 2 * stratum->capacity);
		Size		size;

		capacity = Min(capacity, HITL_CELLS);
		size = capacity * sizeof(CalibCell);
		if (stratum->cell == NULL)
			stratum->cell = MemoryContextAlloc(state->context, size);
		else
			stratum->cell = repalloc(stratum->cell, size);
		stratum->capacity = capacity;
	}
	cell = &stratum->cell[stratum->ncells++];
	memset(cell, 0, sizeof(CalibCell));
	stratum->slot[index] = stratum->ncells;
	return cell;
}

void
hitl_calib_add_cell(CalibState *state, CalibStratum *stratum, int index,
					const CalibCell *from)
{
	CalibCell  *cell = hitl_calib_grow(state, stratum, index);

	/* neither count of a cell exceeds the rows of all cells */
	if (pg_add_s64_overflow(state->rows, from->rows, &state->rows))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("number of decisions in a calib is out of range")));
	cell->rows += from->rows;
	cell->labelled += from->labelled;
	cell->right += from->right;
	cell->c += from->c;
	cell->cc += from->cc;
	cell->cy += from->cy;
}

static void
calib_add_state(CalibState *into, const CalibState *from)
{
	for (int h = 0; h < from->nstrata; h++)
	{
		const CalibStratum *source = from->stratum[h];
		CalibStratum *target = hitl_calib_stratum(into, source->propensity);

		for (int i = 0; i < HITL_CELLS; i++)
		{
			const CalibCell *cell = hitl_calib_find(source, i);

			if (cell != NULL)
				hitl_calib_add_cell(into, target, i, cell);
		}
	}
}

CalibState *
hitl_calib_get(Datum value)
{
	CalibState *state = hitl_calib_create(CurrentMemoryContext);

	hitl_calib_decode(state, DatumGetByteaPP(value), ERRCODE_DATA_CORRUPTED);
	return state;
}

/*
 * Aggregates
 */

Datum
hitl_calib_accum(PG_FUNCTION_ARGS)
{
	CalibState *state;
	CalibStratum *stratum;
	CalibCell  *cell;
	double		c;
	double		propensity;
	int			index;
	int			slot;

	state = PG_ARGISNULL(0) ? NULL : (CalibState *) PG_GETARG_POINTER(0);
	if (PG_ARGISNULL(1) || PG_ARGISNULL(3))
	{
		if (state == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(state);
	}

	c = PG_GETARG_FLOAT8(1);
	propensity = PG_GETARG_FLOAT8(3);
	if (unlikely(!(c >= 0.0 && c <= 1.0)))
		hitl_confidence_error(c);
	if (unlikely(!(propensity > 0.0 && propensity <= 1.0)))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("propensity must be above 0 and at most 1, not %g",
						propensity)));
	if (unlikely(state == NULL))
		state = hitl_calib_create(hitl_agg_context(fcinfo));

	stratum = state->last;
	if (stratum == NULL || stratum->propensity != propensity)
	{
		stratum = hitl_calib_stratum(state, propensity);
		state->last = stratum;
	}
	index = hitl_cell(c);
	slot = stratum->slot[index];
	if (likely(slot != 0))
		cell = &stratum->cell[slot - 1];
	else
		cell = hitl_calib_grow(state, stratum, index);

	cell->rows++;
	if (!PG_ARGISNULL(2))
	{
		bool		right = PG_GETARG_BOOL(2);

		cell->labelled++;
		cell->right += right;
		cell->c += c;
		cell->cc += c * c;
		cell->cy += c * (double) right;
	}
	PG_RETURN_POINTER(state);
}

Datum
hitl_calib_rollup_accum(PG_FUNCTION_ARGS)
{
	CalibState *state;

	state = PG_ARGISNULL(0) ? NULL : (CalibState *) PG_GETARG_POINTER(0);
	if (!PG_ARGISNULL(1))
	{
		if (state == NULL)
			state = hitl_calib_create(hitl_agg_context(fcinfo));
		hitl_calib_decode(state, PG_GETARG_BYTEA_PP(1),
						  ERRCODE_DATA_CORRUPTED);
	}
	if (state == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(state);
}

Datum
hitl_calib_combine(PG_FUNCTION_ARGS)
{
	MemoryContext context = hitl_agg_context(fcinfo);
	CalibState *into;
	CalibState *from;

	into = PG_ARGISNULL(0) ? NULL : (CalibState *) PG_GETARG_POINTER(0);
	from = PG_ARGISNULL(1) ? NULL : (CalibState *) PG_GETARG_POINTER(1);
	if (from != NULL)
	{
		if (into == NULL)
			into = hitl_calib_create(context);
		calib_add_state(into, from);
	}
	if (into == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(into);
}

Datum
hitl_calib_serial(PG_FUNCTION_ARGS)
{
	(void) hitl_agg_context(fcinfo);
	PG_RETURN_BYTEA_P(hitl_calib_encode((CalibState *) PG_GETARG_POINTER(0)));
}

Datum
hitl_calib_deserial(PG_FUNCTION_ARGS)
{
	(void) hitl_agg_context(fcinfo);
	PG_RETURN_POINTER(hitl_calib_get(PG_GETARG_DATUM(0)));
}

Datum
hitl_calib_final(PG_FUNCTION_ARGS)
{
	(void) hitl_agg_context(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	PG_RETURN_BYTEA_P(hitl_calib_encode((CalibState *) PG_GETARG_POINTER(0)));
}

Datum
hitl_calib_merge(PG_FUNCTION_ARGS)
{
	CalibState *state = hitl_calib_get(PG_GETARG_DATUM(0));

	hitl_calib_decode(state, PG_GETARG_BYTEA_PP(1), ERRCODE_DATA_CORRUPTED);
	PG_RETURN_BYTEA_P(hitl_calib_encode(state));
}

/*
 * Figures read from a value
 */

/*
 * Weights are taken in units of a power of two where the smallest propensity
 * is so small that its inverse, or the square of that, might have no double.
 */
ScoreState *
hitl_calib_score(const CalibState *state, int bins)
{
	ScoreState *score = hitl_score_create(CurrentMemoryContext, bins, 0.0);
	int			per_bin = HITL_CELL_EDGES / bins;
	double		unit;

	if (state->nstrata > 0)
		hitl_score_set_exponent(score, Min(1.0 / state->stratum[0]->propensity,
										   DBL_MAX));
	unit = score->unit;

	for (int h = 0; h < state->nstrata; h++)
	{
		const CalibStratum *stratum = state->stratum[h];
		double		w = unit / stratum->propensity;

		for (int i = 0; i < HITL_CELLS; i++)
		{
			const CalibCell *cell = hitl_calib_find(stratum, i);
			ScoreBin   *bin = &score->bin[Min(i / per_bin, bins - 1)];
			double		gap;

			if (cell == NULL)
				continue;
			bin->n += cell->labelled;
			bin->w += w * cell->labelled;
			bin->wc += w * cell->c;
			bin->wy += w * cell->right;
			bin->ww += w * w * cell->labelled;
			bin->wwy += w * w * cell->right;
			/* (c - 1)^2 of the right ones, c^2 of the others */
			gap = cell->cc - 2.0 * cell->cy + cell->right;
			score->brier += w * Max(gap, 0.0);
		}
	}
	return score;
}

static Datum
calib_value(FunctionCallInfo fcinfo, int bins,
			bool (*score) (const ScoreState *state, double *result))
{
	CalibState *state = hitl_calib_get(PG_GETARG_DATUM(0));
	double		result;

	if (!score(hitl_calib_score(state, bins), &result))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(result);
}

/* Bins whose edges are cell edges are those that divide the cells. */
static int
calib_bins(int bins)
{
	if (bins < 1 || bins > HITL_CELL_EDGES || HITL_CELL_EDGES % bins != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("number of bins must divide %d, not %d",
						HITL_CELL_EDGES, bins)));
	return bins;
}

Datum
hitl_calib_brier_score(PG_FUNCTION_ARGS)
{
	return calib_value(fcinfo, 1, hitl_score_brier);
}

Datum
hitl_calib_calibration_gap(PG_FUNCTION_ARGS)
{
	return calib_value(fcinfo, 1, hitl_score_gap);
}

Datum
hitl_calib_ece(PG_FUNCTION_ARGS)
{
	return calib_value(fcinfo, calib_bins(PG_GETARG_INT32(1)),
					   hitl_score_ece);
}

Datum
hitl_calib_reliability_curve(PG_FUNCTION_ARGS)
{
	int			bins = calib_bins(PG_GETARG_INT32(1));
	ScoreState *score;
	double		gap;

	score = hitl_calib_score(hitl_calib_get(PG_GETARG_DATUM(0)), bins);
	if (!hitl_score_gap(score, &gap))
		PG_RETURN_NULL();
	return hitl_score_curve(fcinfo, score);
}

Datum
hitl_calib_counts(PG_FUNCTION_ARGS)
{
	CalibState *state = hitl_calib_get(PG_GETARG_DATUM(0));
	TupleDesc	tupdesc;
	Datum		values[5];
	bool		nulls[5] = {false};
	int64		labelled = 0;
	int64		right = 0;
	ScoreState *score;

	if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	for (int h = 0; h < state->nstrata; h++)
	{
		const CalibStratum *stratum = state->stratum[h];

		for (int i = 0; i < stratum->ncells; i++)
		{
			labelled += stratum->cell[i].labelled;
			right += stratum->cell[i].right;
		}
	}
	score = hitl_calib_score(state, 1);
	values[0] = Int64GetDatum(state->rows);
	values[1] = Int64GetDatum(labelled);
	values[2] = Int64GetDatum(right);
	values[3] = Float8GetDatum(hitl_score_weight(score, score->bin[0].w));
	values[4] = Int32GetDatum(state->nstrata);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(tupdesc, values, nulls)));
}
