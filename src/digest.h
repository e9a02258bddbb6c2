/*
 * digest.h
 *		What was shown of a decision, as one number to compare.
 */
#ifndef HITL_DIGEST_H
#define HITL_DIGEST_H

#include "utils/uuid.h"

#include "row.h"

/* the digest of the packet, of the columns as read */
extern bytea *hitl_packet_hash_of(const HitlRow *row);

/* the same of the decision as it is now; NULL if there is none */
extern bytea *hitl_packet_hash_now(const pg_uuid_t *decision);

#endif							/* HITL_DIGEST_H */
