/*
 * calib.h
 *		The calibration state of any number of decisions in bounded memory.
 *
 * Decisions are told apart by propensity (a stratum for each distinct one) and
 * by cell of confidence (bins.h).  A stratum keeps only the cells that occur:
 * slot[] says where in cell[], so that thousands of small groups stay small.
 */
#ifndef HITL_CALIB_H
#define HITL_CALIB_H

#include "fmgr.h"
#include "lib/stringinfo.h"

#include "bins.h"
#include "score.h"

#define HITL_MAX_STRATA		256

typedef struct CalibCell
{
	int64		rows;			/* decisions, with a verdict or without */
	int64		labelled;		/* ... with a verdict */
	int64		right;			/* ... that found them right */
	double		c;				/* over labelled ones: sum of confidence */
	double		cc;				/* sum of its square */
	double		cy;				/* sum of it where right */
} CalibCell;

typedef struct CalibStratum
{
	double		propensity;
	int			ncells;
	int			capacity;
	CalibCell  *cell;			/* in order of appearance */
	uint16		slot[HITL_CELLS];	/* 1 + place in cell[], 0 if it is not there */
} CalibStratum;

typedef struct CalibState
{
	MemoryContext context;		/* everything below lives here */
	int64		rows;			/* decisions read or merged; not kept by accum */
	int			nstrata;
	int			capacity;
	CalibStratum **stratum;		/* ascending propensity */
	CalibStratum *last;			/* where the last row went */
} CalibState;

extern CalibState *hitl_calib_create(MemoryContext context);

/* Finds or adds a stratum; error 54000 beyond HITL_MAX_STRATA. */
extern CalibStratum *hitl_calib_stratum(CalibState *state, double propensity);

/* Finds or adds the cell with this index. */
extern CalibCell *hitl_calib_grow(CalibState *state, CalibStratum *stratum,
								  int index);

/* Adds a cell; error 22003 where a count leaves the range of bigint. */
extern void hitl_calib_add_cell(CalibState *state, CalibStratum *stratum,
								int index, const CalibCell *from);

/* The cell with this index, or NULL. */
static inline const CalibCell *
hitl_calib_find(const CalibStratum *stratum, int index)
{
	int			slot = stratum->slot[index];

	return slot == 0 ? NULL : &stratum->cell[slot - 1];
}

/* Byte form: of the type on disk and on the wire, and of partial states. */
extern bytea *hitl_calib_encode(const CalibState *state);
extern void hitl_calib_decode(CalibState *state, const bytea *value,
							  int sqlerrcode);

/* A value of the type as a state in the current context. */
extern CalibState *hitl_calib_get(Datum value);

/* The score state that row aggregates with weight 1/propensity would have. */
extern ScoreState *hitl_calib_score(const CalibState *state, int bins);

#endif							/* HITL_CALIB_H */
