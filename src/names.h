/*
 * names.h
 *		Small sets of names, as columns of type text[] hold them.
 */
#ifndef HITL_NAMES_H
#define HITL_NAMES_H

#include "utils/array.h"

/* NULL is the empty set */
extern bool hitl_names_has(const ArrayType *names, const char *name);

/* a new set, in the current memory context; the same one if nothing is new */
extern ArrayType *hitl_names_add(ArrayType *names, const char *name);
extern ArrayType *hitl_names_union(ArrayType *a, ArrayType *b);

/* the members; their number is returned */
extern int	hitl_names_read(const ArrayType *names, char ***members);

/* NULL if there are none */
extern ArrayType *hitl_names_copy(Datum value, bool isnull);

#endif							/* HITL_NAMES_H */
