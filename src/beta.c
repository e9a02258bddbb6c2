/*
 * beta.c
 *		The beta distribution: tail probability and quantile.
 *
 * Densities are written as a Stirling correction times the exponential of two
 * deviances (Loader 2000).  Differences of log-gammas would lose all digits
 * where a and b are large, which is where limits are narrow.
 */
#include "hitl.h"

#include <float.h>
#include <math.h>

#include "beta.h"

/* Enough for a + b around 1e13; the number of steps grows as its root. */
#define MAX_FRACTION_STEPS	10000000
#define MAX_NEWTON_STEPS	200

/* ln gamma(x + 1) less Stirling's formula for it */
static double
stirling_error(double x)
{
	double		r = 1.0 / (x * x);

	if (x < 16.0)
		return lgamma(x + 1.0) - (x + 0.5) * log(x) + x - 0.5 * log(2.0 * M_PI);
	return (1.0 / 12 - r * (1.0 / 360 - r * (1.0 / 1260 -
											 r * (1.0 / 1680 - r / 1188)))) / x;
}

/* x ln(x/m) + m - x, without cancellation where m is near x */
static double
deviance(double x, double m)
{
	double		t = (m - x) / x;

	return x * (t - log1p(t));
}

/* x^a y^b / B(a, b), y = 1 - x given by the caller who may know it better */
static double
power_term(double x, double y, double a, double b)
{
	double		n = a + b;

	if (x <= 0.0 || y <= 0.0)
		return 0.0;
	return sqrt(a / n * b / (2.0 * M_PI)) *
		exp(stirling_error(n) - stirling_error(a) - stirling_error(b) -
			deviance(a, n * x) - deviance(b, n * y));
}

/*
 * P(X <= x) by the continued fraction of the incomplete beta function, which
 * converges fast for x below the mean; evaluated from the front (Lentz 1976).
 */
static double
lower_fraction(double x, double y, double a, double b)
{
	double		c = 1.0;
	double		d = 1.0 - (a + b) * x / (a + 1.0);
	double		f;

	d = 1.0 / (fabs(d) < DBL_MIN ? DBL_MIN : d);
	f = d;
	for (int i = 1; i <= MAX_FRACTION_STEPS; i++)
	{
		double		m = i;
		double		even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
		double		odd = -(a + m) * (a + b + m) * x /
			((a + 2 * m) * (a + 2 * m + 1));
		double		change;

		d = 1.0 + even * d;
		c = 1.0 + even / c;
		d = 1.0 / (fabs(d) < DBL_MIN ? DBL_MIN : d);
		c = fabs(c) < DBL_MIN ? DBL_MIN : c;
		f *= c * d;

		d = 1.0 + odd * d;
		c = 1.0 + odd / c;
		d = 1.0 / (fabs(d) < DBL_MIN ? DBL_MIN : d);
		c = fabs(c) < DBL_MIN ? DBL_MIN : c;
		change = c * d;
		f *= change;
		if (fabs(change - 1.0) < DBL_EPSILON)
			break;
	}
	return power_term(x, y, a, b) / a * f;
}

double
hitl_beta_tail(double x, double a, double b)
{
	double		y = 1.0 - x;

	if (x <= 0.0)
		return 1.0;
	if (y <= 0.0)
		return 0.0;
	if (x < (a + 1.0) / (a + b + 2.0))
		return 1.0 - lower_fraction(x, y, a, b);
	return lower_fraction(y, x, b, a);
}

/*
 * Newton's method on the logarithm of the tail, which is concave in x for
 * a, b >= 1: once to the right of the solution it comes down to it without
 * overshooting.  The bracket is for the first step and for rounding.
 */
double
hitl_beta_upper(double tail, double a, double b)
{
	double		lo = 0.0;
	double		hi = 1.0;
	double		n = a + b;
	double		mean = a / n;
	double		x;

	if (a == 1.0)
		return -expm1(log(tail) / b);
	if (b == 1.0)
		return exp(log1p(-tail) / a);

	x = mean + sqrt(-2.0 * log(tail) * mean * (1.0 - mean) / n);
	if (x >= 1.0)
		x = (1.0 + mean) / 2.0;
	for (int i = 0; i < MAX_NEWTON_STEPS; i++)
	{
		double		p = hitl_beta_tail(x, a, b);
		double		density = power_term(x, 1.0 - x, a, b) / (x * (1.0 - x));
		double		next;

		if (p > tail)
			lo = x;
		else
			hi = x;
		next = x + log(p / tail) * p / density;
		if (!(next > lo && next < hi))
			next = (lo + hi) / 2.0;
		if (fabs(next - x) <= 4.0 * DBL_EPSILON * x)
			return next;
		x = next;
	}
	return x;
}

double
hitl_binomial_upper(int64 k, int64 n, double alpha)
{
	if (n == 0 || k == n)
		return 1.0;
	return hitl_beta_upper(alpha, (double) k + 1.0, (double) (n - k));
}
