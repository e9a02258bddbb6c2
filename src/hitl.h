/*
 * hitl.h
 *		What every module may know: error codes and the settings.
 */
#ifndef HITL_H
#define HITL_H

#include "postgres.h"

#include "compat.h"

/*
 * Own SQLSTATEs.  Class ZH is free for implementations by the standard's rule
 * (classes that begin with I to Z).
 */
#define ERRCODE_HITL_NOT_HOLDER			MAKE_SQLSTATE('Z','H','0','0','1')
#define ERRCODE_HITL_LEASE_OVER			MAKE_SQLSTATE('Z','H','0','0','2')
#define ERRCODE_HITL_ALREADY_DECIDED	MAKE_SQLSTATE('Z','H','0','0','3')
#define ERRCODE_HITL_CAPACITY			MAKE_SQLSTATE('Z','H','0','0','4')
#define ERRCODE_HITL_SELF_REVIEW		MAKE_SQLSTATE('Z','H','0','0','5')
#define ERRCODE_HITL_GATE_OWNED			MAKE_SQLSTATE('Z','H','0','0','6')
#define ERRCODE_HITL_PAYLOAD_DIFFERS	MAKE_SQLSTATE('Z','H','0','0','7')
#define ERRCODE_HITL_POLICY_INVALID		MAKE_SQLSTATE('Z','H','0','0','8')
#define ERRCODE_HITL_APPEND_ONLY		MAKE_SQLSTATE('Z','H','0','0','9')
#define ERRCODE_HITL_KILLED				MAKE_SQLSTATE('Z','H','0','1','0')
#define ERRCODE_HITL_VERSION			MAKE_SQLSTATE('Z','H','0','1','1')
#define ERRCODE_HITL_NOT_ELIGIBLE		MAKE_SQLSTATE('Z','H','0','1','2')

/*
 * What an advisory lock of ours is on.  The server's own functions use classes
 * 1 and 2.
 */
#define HITL_LOCK_REVIEWER	7
#define HITL_LOCK_DECISION	8
#define HITL_LOCK_REQUEST	9

#endif							/* HITL_H */
