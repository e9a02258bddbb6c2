/*
 * uuid.h
 *		Identifiers of decisions.
 */
#ifndef HITL_UUID_H
#define HITL_UUID_H

#include "utils/timestamp.h"
#include "utils/uuid.h"

extern bool hitl_uuid_get_time(const pg_uuid_t *uuid, TimestampTz *result);

#endif							/* HITL_UUID_H */
