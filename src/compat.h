/*
 * compat.h
 *		The only file that looks at PG_VERSION_NUM.
 */
#ifndef HITL_COMPAT_H
#define HITL_COMPAT_H

#if PG_VERSION_NUM < 150000
#error "hitl needs PostgreSQL 15 or later"
#endif

#endif							/* HITL_COMPAT_H */
