/*
 * interval.h
 *		Confidence intervals of a share.
 */
#ifndef HITL_INTERVAL_H
#define HITL_INTERVAL_H

#include "score.h"

/* The z with P(-z < Z < z) = level for a standard normal Z, 0 < level < 1. */
extern double hitl_normal_z(double level);

/* Wilson's interval of share p of n trials (n > 0, need not be whole). */
extern void hitl_wilson_limits(double p, double n, double z,
							   double *lo, double *hi);

/* Share of true outcomes, its standard error and effective number of trials. */
extern void hitl_weighted_share(const ScoreBin *bin, double *p,
								double *std_error, double *n_eff);

extern void hitl_check_level(double level);

#endif							/* HITL_INTERVAL_H */
