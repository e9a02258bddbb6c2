/*
 * probe.h
 *		What the server does that no header tells.
 */
#ifndef HITL_PROBE_H
#define HITL_PROBE_H

#include "utils/rel.h"

/*
 * Whether the tuple that was copied out of a virtual slot for a BEFORE ROW
 * trigger stays behind if the trigger returns it.  Any relation will do.
 */
extern bool hitl_tuple_stays_behind(Relation rel);

#endif							/* HITL_PROBE_H */
