/*
 * compat.h
 *		The only file that looks at PG_VERSION_NUM.
 */
#ifndef HITL_COMPAT_H
#define HITL_COMPAT_H

#include "access/genam.h"
#include "access/tableam.h"
#include "executor/executor.h"
#include "storage/proc.h"

#if PG_VERSION_NUM < 150000
#error "hitl needs PostgreSQL 15 or later"
#endif

/* 18: a prefix of the standard's instead of a suffix of the compiler's */
#ifndef pg_noreturn
#define pg_noreturn __attribute__((noreturn))
#endif

/* 16: an update says which indexes need the new version, not just whether */
#if PG_VERSION_NUM >= 160000
typedef TU_UpdateIndexes HitlUpdateIndexes;
#else
typedef bool HitlUpdateIndexes;
#endif

static inline void
hitl_insert_index_tuples(ResultRelInfo *result, TupleTableSlot *slot,
						 EState *estate)
{
#if PG_VERSION_NUM >= 160000
	(void) ExecInsertIndexTuples(result, slot, estate, false, false, NULL,
								 NIL, false);
#else
	(void) ExecInsertIndexTuples(result, slot, estate, false, false, NULL,
								 NIL);
#endif
}

static inline void
hitl_update_index_tuples(ResultRelInfo *result, TupleTableSlot *slot,
						 EState *estate, HitlUpdateIndexes which)
{
#if PG_VERSION_NUM >= 160000
	if (which != TU_None)
		(void) ExecInsertIndexTuples(result, slot, estate, true, false, NULL,
									 NIL, which == TU_Summarizing);
#else
	if (which)
		(void) ExecInsertIndexTuples(result, slot, estate, true, false, NULL,
									 NIL);
#endif
}

/* 17: the local transaction has moved */
static inline LocalTransactionId
hitl_local_xid(void)
{
#if PG_VERSION_NUM >= 170000
	return MyProc->vxid.lxid;
#else
	return MyProc->lxid;
#endif
}

/* 16: how the client has logged in is known for the whole session */
#if PG_VERSION_NUM >= 160000
#define HITL_SERVER_KNOWS_LOGIN
#endif

/* 18: index scans count themselves if asked */
static inline IndexScanDesc
hitl_index_beginscan(Relation table, Relation index, Snapshot snapshot,
					 int nkeys)
{
#if PG_VERSION_NUM >= 180000
	return index_beginscan(table, index, snapshot, NULL, nkeys, 0);
#else
	return index_beginscan(table, index, snapshot, nkeys, 0);
#endif
}

#endif							/* HITL_COMPAT_H */
