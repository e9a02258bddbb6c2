/*
 * diff.h
 *		What changed between two documents.
 */
#ifndef HITL_DIFF_H
#define HITL_DIFF_H

#include "utils/jsonb.h"

/*
 * An array of {path, from, to}, as hitl.diff returns it, in the current memory
 * context.  NULL: there is no document.
 */
extern Jsonb *hitl_diff_of(Jsonb *a, Jsonb *b);

#endif							/* HITL_DIFF_H */
