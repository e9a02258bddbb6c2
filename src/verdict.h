/*
 * verdict.h
 *		What every verdict must bring.
 */
#ifndef HITL_VERDICT_H
#define HITL_VERDICT_H

#include "policy.h"
#include "task.h"

/* NULL is the same as NULL alone */
extern bool hitl_same_json(Jsonb *a, Jsonb *b);

/* not blank if needed, and not too long */
extern void hitl_check_note(HitlAction action, text *note, bool needed);
/* not blank, and one of the workflow's (NULL: none is) */
extern void hitl_check_code(HitlAction action, text *code,
							const HitlWorkflow *workflow);

#endif							/* HITL_VERDICT_H */
