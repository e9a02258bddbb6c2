/*
 * hitl.c
 *		Loads the module: a table of contents, one call per module.
 */
#include "hitl.h"

#include "fmgr.h"
#include "utils/guc.h"

#include "login.h"
#include "queue.h"
#include "rule.h"
#include "stamp.h"
#include "worker.h"

PG_MODULE_MAGIC;

void		_PG_init(void);

void
_PG_init(void)
{
	hitl_worker_init();
	hitl_stamp_init();
	hitl_rule_init();
	hitl_login_init();
	hitl_queue_init();
	MarkGUCPrefixReserved("hitl");
}
