/*
 * resubmit.h
 *		Whether a subject comes again and again.
 */
#ifndef HITL_RESUBMIT_H
#define HITL_RESUBMIT_H

#include "policy.h"
#include "row.h"

/*
 * Whether the row's subject had more than max_resubmits other decisions of its
 * workflow within resubmit_window before it.  Never without a subject.
 */
extern bool hitl_resubmitted(const HitlPolicy *policy, const HitlRow *row);

/* what there is to say of that */
extern char *hitl_resubmit_text(const HitlPolicy *policy);

#endif							/* HITL_RESUBMIT_H */
