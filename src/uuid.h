/*
 * uuid.h
 *		Identifiers of decisions.
 */
#ifndef HITL_UUID_H
#define HITL_UUID_H

#include "utils/timestamp.h"
#include "utils/uuid.h"

/*
 * Makes an identifier that the next call of hitl.uuidv7() will return, if it
 * comes soon and in the same transaction.
 */
extern void hitl_uuid_promise(pg_uuid_t *uuid);

extern bool hitl_uuid_get_time(const pg_uuid_t *uuid, TimestampTz *result);

#endif							/* HITL_UUID_H */
