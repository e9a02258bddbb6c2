/*
 * bins.h
 *		Which bin or cell a confidence falls into.
 *
 * Bin k of m holds k/m <= c < (k+1)/m, the last one also c = 1, and an edge is
 * the double nearest to the quotient.  Multiplying alone gets edges wrong
 * (0.29 * 100 is below 29), so the product is only a guess that the two edges
 * correct.  The guess is off by less than one bin, so one step is enough.
 */
#ifndef HITL_BINS_H
#define HITL_BINS_H

#define HITL_DEFAULT_BINS	10
#define HITL_MAX_BINS		10000

/* Cells 0..999 have the edges of 1000 bins; c = 1 has a cell of its own. */
#define HITL_CELL_EDGES		1000
#define HITL_CELLS			(HITL_CELL_EDGES + 1)

static inline double
hitl_edge(int k, int m)
{
	return (double) k / (double) m;
}

/* c must be in 0..1 */
static inline int
hitl_bin(double c, int m)
{
	int			k = (int) (c * m);

	if (k >= m)
		k = m - 1;
	if (c < hitl_edge(k, m))
		k--;
	else if (c >= hitl_edge(k + 1, m) && k < m - 1)
		k++;
	return k;
}

/* c must be in 0..1 */
static inline int
hitl_cell(double c)
{
	return c == 1.0 ? HITL_CELL_EDGES : hitl_bin(c, HITL_CELL_EDGES);
}

#endif							/* HITL_BINS_H */
