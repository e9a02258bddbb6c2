/*
 * isotonic.c
 *		What stated confidence has been worth: isotonic regression of a calib.
 *
 * The cells that have verdicts, by rising confidence, are pooled with their
 * neighbours until no step has been right more often than the next one
 * (pooling adjacent violators).  Rows weigh 1/propensity.
 */
#include "hitl.h"

#include "access/htup_details.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "calib.h"

/* Shares that differ by less than that are equal but for rounding. */
#define TIE		1e-12

PG_FUNCTION_INFO_V1(hitl_fit_isotonic);

typedef struct Step
{
	int			first;			/* cells */
	int			last;
	double		weight;
	double		right;			/* weight of right ones */
} Step;

/*
 * A cell as a step by itself; false if it has no verdict.  Weights are in the
 * unit of the greatest there is, so that none is infinite.
 */
static bool
read_cell(const CalibState *state, int index, Step *step)
{
	step->first = step->last = index;
	step->weight = step->right = 0.0;
	for (int h = 0; h < state->nstrata; h++)
	{
		const CalibStratum *stratum = state->stratum[h];
		const CalibCell *cell = hitl_calib_find(stratum, index);
		double		unit = state->stratum[0]->propensity / stratum->propensity;

		if (cell == NULL)
			continue;
		step->weight += unit * cell->labelled;
		step->right += unit * cell->right;
	}
	return step->weight > 0.0;
}

/* Steps to pool: equal ones too, so that the result is unique. */
static bool
not_rising(const Step *left, const Step *right)
{
	return left->right / left->weight >=
		right->right / right->weight * (1.0 - TIE);
}

static int
pool_cells(const CalibState *state, Step *step)
{
	int			nsteps = 0;

	for (int i = 0; i < HITL_CELLS; i++)
	{
		if (!read_cell(state, i, &step[nsteps]))
			continue;
		nsteps++;
		while (nsteps > 1 &&
			   not_rising(&step[nsteps - 2], &step[nsteps - 1]))
		{
			Step	   *into = &step[nsteps - 2];
			const Step *from = &step[nsteps - 1];

			into->last = from->last;
			into->weight += from->weight;
			into->right += from->right;
			nsteps--;
		}
	}
	return nsteps;
}

Datum
hitl_fit_isotonic(PG_FUNCTION_ARGS)
{
	CalibState *state = hitl_calib_get(PG_GETARG_DATUM(0));
	Step	   *step = palloc((HITL_CELLS + 1) * sizeof(Step));
	int			nsteps = pool_cells(state, step);
	Datum	   *elems = palloc(Max(nsteps, 1) * sizeof(Datum));
	Oid			elemtype;
	TupleDesc	tupdesc;

	if (nsteps == 0)
		PG_RETURN_NULL();
	elemtype = get_element_type(get_fn_expr_rettype(fcinfo->flinfo));
	if (!OidIsValid(elemtype))
		elog(ERROR, "could not determine the type of a step");
	tupdesc = lookup_rowtype_tupdesc(elemtype, -1);
	for (int i = 0; i < nsteps; i++)
	{
		Datum		values[3];
		bool		nulls[3] = {false};

		values[0] = Float8GetDatum(hitl_edge(step[i].first, HITL_CELL_EDGES));
		values[1] = Float8GetDatum(hitl_edge(step[i].last, HITL_CELL_EDGES));
		values[2] = Float8GetDatum(Min(step[i].right / step[i].weight, 1.0));
		elems[i] = HeapTupleGetDatum(heap_form_tuple(tupdesc, values, nulls));
	}
	ReleaseTupleDesc(tupdesc);
	PG_RETURN_ARRAYTYPE_P(construct_array(elems, nsteps, elemtype, -1, false,
										  TYPALIGN_DOUBLE));
}
