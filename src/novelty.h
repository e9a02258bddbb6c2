/*
 * novelty.h
 *		What a workflow's inputs usually look like, and what does not.
 */
#ifndef HITL_NOVELTY_H
#define HITL_NOVELTY_H

#include "lib/stringinfo.h"
#include "utils/jsonb.h"

typedef struct HitlBaseline HitlBaseline;

/*
 * Loads a baseline, for numbers beyond so many robust standard deviations to
 * be novel, into the current memory context; NULL if there is none.
 * Within hitl_spi_begin and hitl_spi_end, and under this snapshot.
 */
extern HitlBaseline *hitl_baseline_load(const char *workflow, int32 version,
										double limit, Snapshot snapshot);

/*
 * Whether the input (NULL: there is none) is outside the baseline.  Names in
 * *note the fields and what is unfamiliar, if a note is wanted.
 */
extern bool hitl_novel(const HitlBaseline *baseline, Jsonb *input,
					   StringInfo note);

#endif							/* HITL_NOVELTY_H */
