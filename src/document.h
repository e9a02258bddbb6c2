/*
 * document.h
 *		A decision as one jsonb object.
 */
#ifndef HITL_DOCUMENT_H
#define HITL_DOCUMENT_H

#include "utils/jsonb.h"

#include "row.h"

/*
 * The columns of a decision as an object with a key for each bit i in keys.
 * What has no value is null; fails where jsonb would be too small.
 */
extern Jsonb *hitl_document(const HitlRow *row, uint32 keys);

#endif							/* HITL_DOCUMENT_H */
