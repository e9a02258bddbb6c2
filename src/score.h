/*
 * score.h
 *		The sums from which every score over (confidence, outcome, weight) is read.
 *
 * Weights are kept in units of 2^exponent, so that their squares neither
 * overflow nor vanish whatever the scale of the weights; the scores are ratios
 * in which the unit cancels.  Weights of an ordinary size have exponent 0 and
 * are not touched.
 */
#ifndef HITL_SCORE_H
#define HITL_SCORE_H

#include "fmgr.h"

typedef struct ScoreBin
{
	int64		n;				/* rows */
	double		w;				/* sum of weights */
	double		wc;				/* ... times confidence */
	double		wy;				/* ... of the rows with a true outcome */
	double		ww;				/* sum of squared weights */
	double		wwy;			/* ... of the rows with a true outcome */
} ScoreBin;

typedef struct ScoreState
{
	int			bins;			/* parameter of the aggregate */
	int			exponent;
	double		level;			/* parameter of rate(), else 0 */
	double		unit;			/* 2^-exponent, what a weight is multiplied by */
	double		max_weight;		/* above it another exponent is due */
	double		brier;			/* sum of weight * (confidence - outcome)^2 */
	ScoreBin	bin[FLEXIBLE_ARRAY_MEMBER];
} ScoreState;

extern ScoreState *hitl_score_create(MemoryContext context, int bins,
									 double level);
extern MemoryContext hitl_agg_context(FunctionCallInfo fcinfo);
extern void hitl_score_set_exponent(ScoreState *state, double weight);
extern void hitl_check_bins(int bins);

/* These raise 22003. */
extern void hitl_confidence_error(double confidence);
extern void hitl_weight_error(double weight);

/* Scores of a state; false where the state holds no weight. */
extern bool hitl_score_brier(const ScoreState *state, double *result);
extern bool hitl_score_gap(const ScoreState *state, double *result);
extern bool hitl_score_ece(const ScoreState *state, double *result);
extern Datum hitl_score_curve(FunctionCallInfo fcinfo,
							  const ScoreState *state);

/* A sum of weights in the caller's unit; error 22003 if it has no double. */
extern double hitl_score_weight(const ScoreState *state, double w);

/* weight must be positive, not above max_weight, and in the state's unit */
static inline void
hitl_score_add(ScoreState *state, ScoreBin *bin, double c, bool y, double w)
{
	double		outcome = (double) y;
	double		gap = c - outcome;

	bin->n++;
	bin->w += w;
	bin->wc += w * c;
	bin->wy += w * outcome;
	bin->ww += w * w;
	bin->wwy += w * w * outcome;
	state->brier += w * gap * gap;
}

#endif							/* HITL_SCORE_H */
