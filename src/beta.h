/*
 * beta.h
 *		The beta distribution, as far as limits of binomial shares need it.
 */
#ifndef HITL_BETA_H
#define HITL_BETA_H

/* P(X > x) for X ~ Beta(a, b), a > 0, b > 0, 0 <= x <= 1. */
extern double hitl_beta_tail(double x, double a, double b);

/* The x with P(X > x) = tail, for a >= 1, b >= 1, 0 < tail < 1. */
extern double hitl_beta_upper(double tail, double a, double b);

/*
 * The largest share at which k or fewer successes in n trials have probability
 * alpha: the one-sided limit of Clopper and Pearson.  1 if n = 0 or k = n.
 */
extern double hitl_binomial_upper(int64 k, int64 n, double alpha);

#endif							/* HITL_BETA_H */
