/*
 * decision.h
 *		Reads or locks one decision by its id.
 */
#ifndef HITL_DECISION_H
#define HITL_DECISION_H

#include "executor/tuptable.h"
#include "utils/rel.h"
#include "utils/snapshot.h"
#include "utils/uuid.h"

#include "reader.h"
#include "row.h"

typedef struct HitlDecision
{
	HitlReader *reader;
	HitlReader *own;			/* to be closed with it; or NULL */
	Relation	rel;			/* the partition that has it */
	TupleTableSlot *slot;
	HitlRow		row;			/* points into the slot */
} HitlDecision;

/*
 * Finds the decision as of the snapshot; false, with nothing to close, if
 * there is none.
 */
extern bool hitl_decision_open(HitlDecision *decision, const pg_uuid_t *id,
							   Snapshot snapshot);
extern void hitl_decision_close(HitlDecision *decision);

/*
 * The same with a reader that has others to read: nothing to close, and good
 * until the next one is read.
 */
extern bool hitl_decision_read(HitlDecision *decision, HitlReader *reader,
							   const pg_uuid_t *id, Snapshot snapshot);

/* another column of the row, by its name and type */
extern Datum hitl_decision_column(const HitlDecision *decision,
								  const char *name, Oid type, bool *isnull);

/*
 * Whether the workflow has an earlier decision on this subject; true also if
 * that cannot be told from the indexes alone.
 */
extern bool hitl_decision_has_earlier(HitlReader *reader, const pg_uuid_t *id,
									  const char *workflow, text *subject,
									  Snapshot snapshot);

/*
 * Keeps others from what concerns the decision as a whole, to the end of the
 * transaction.  Taken before any row is written (see src/README.md).
 */
extern void hitl_decision_lock(const pg_uuid_t *id);
/* the same; false if that would mean to wait */
extern bool hitl_decision_lock_if_free(const pg_uuid_t *id);

#endif							/* HITL_DECISION_H */
