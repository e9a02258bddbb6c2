/*
 * uuid.h
 *		Identifiers of decisions.
 */
#ifndef HITL_UUID_H
#define HITL_UUID_H

#include "fmgr.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

extern PGDLLEXPORT Datum hitl_uuid_floor(PG_FUNCTION_ARGS);
extern bool hitl_uuid_get_time(const pg_uuid_t *uuid, TimestampTz *result);

#endif							/* HITL_UUID_H */
