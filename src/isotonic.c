/*
 * isotonic.c
 *		What stated confidence has been worth: isotonic regression of a calib.
 *
 * The cells that have verdicts, by rising confidence, are pooled with their
 * neighbours until no block has been right more often than the next one
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

typedef struct Block
{
	int			first;			/* cells */
	int			last;
	double		weight;
	double		right;			/* weight of right ones */
} Block;

/*
 * A cell as a block by itself; false if it has no verdict.  Weights are in the
 * unit of the greatest there is, so that none is infinite.
 */
static bool
read_cell(const CalibState *state, int index, Block *block)
{
	block->first = block->last = index;
	block->weight = block->right = 0.0;
	for (int h = 0; h < state->nstrata; h++)
	{
		const CalibStratum *stratum = state->stratum[h];
		const CalibCell *cell = hitl_calib_find(stratum, index);
		double		unit = state->stratum[0]->propensity / stratum->propensity;

		if (cell == NULL)
			continue;
		block->weight += unit * cell->labelled;
		block->right += unit * cell->right;
	}
	return block->weight > 0.0;
}

/* Blocks to pool: equal ones too, so that the result is unique. */
static bool
not_rising(const Block *left, const Block *right)
{
	return left->right * right->weight >=
		right->right * left->weight * (1.0 - TIE);
}

static int
pool_cells(const CalibState *state, Block *block)
{
	int			nblocks = 0;

	for (int i = 0; i < HITL_CELLS; i++)
	{
		if (!read_cell(state, i, &block[nblocks]))
			continue;
		nblocks++;
		while (nblocks > 1 &&
			   not_rising(&block[nblocks - 2], &block[nblocks - 1]))
		{
			Block	   *into = &block[nblocks - 2];
			const Block *from = &block[nblocks - 1];

			into->last = from->last;
			into->weight += from->weight;
			into->right += from->right;
			nblocks--;
		}
	}
	return nblocks;
}

Datum
hitl_fit_isotonic(PG_FUNCTION_ARGS)
{
	CalibState *state = hitl_calib_get(PG_GETARG_DATUM(0));
	Block	   *block = palloc((HITL_CELLS + 1) * sizeof(Block));
	int			nblocks = pool_cells(state, block);
	Datum	   *elems = palloc(Max(nblocks, 1) * sizeof(Datum));
	Oid			elemtype;
	TupleDesc	tupdesc;

	if (nblocks == 0)
		PG_RETURN_NULL();
	elemtype = get_element_type(get_fn_expr_rettype(fcinfo->flinfo));
	if (!OidIsValid(elemtype))
		elog(ERROR, "could not determine the type of a block");
	tupdesc = lookup_rowtype_tupdesc(elemtype, -1);
	for (int i = 0; i < nblocks; i++)
	{
		Datum		values[3];
		bool		nulls[3] = {false};

		values[0] = Float8GetDatum(hitl_edge(block[i].first, HITL_CELL_EDGES));
		values[1] = Float8GetDatum(hitl_edge(block[i].last, HITL_CELL_EDGES));
		values[2] = Float8GetDatum(Min(block[i].right / block[i].weight, 1.0));
		elems[i] = HeapTupleGetDatum(heap_form_tuple(tupdesc, values, nulls));
	}
	ReleaseTupleDesc(tupdesc);
	PG_RETURN_ARRAYTYPE_P(construct_array(elems, nblocks, elemtype, -1, false,
										  TYPALIGN_DOUBLE));
}
