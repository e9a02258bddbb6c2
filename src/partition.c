/*
 * partition.c
 *		Partitions of hitl.decision, made ahead of time.
 *
 * The making itself is SQL (hitl.make_partitions); this is the look whether
 * it is due, cheap enough for every pass of the worker.  It waits for no
 * lock: when a reader, a dump say, is at the default partition, a later pass
 * will do.  In a database without workflows nothing is made: a restore may be
 * about to bring its own partitions.
 */
#include "hitl.h"

#include "access/xlog.h"
#include "catalog/namespace.h"
#include "storage/lmgr.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "cache.h"
#include "partition.h"

/* after an attempt, successful or not */
#define RETRY_MS	(60 * 1000)

static HitlQuery any_workflow_query = {
	.text =
	"SELECT FROM hitl.workflow LIMIT 1",
	.nargs = 0
};

static HitlQuery make_query = {
	.text =
	"SELECT hitl.make_partitions()",
	.nargs = 0
};

/* whether the partition of the month after this one (UTC) exists */
static bool
next_month_exists(TimestampTz now)
{
	fsec_t		fsec;
	struct pg_tm tm;
	char		name[NAMEDATALEN];

	if (timestamp2tm(now, NULL, &tm, &fsec, NULL, NULL) != 0)
		return true;
	if (++tm.tm_mon > 12)
	{
		tm.tm_mon = 1;
		tm.tm_year++;
	}
	snprintf(name, sizeof(name), "decision_%04d_%02d", tm.tm_year, tm.tm_mon);
	return OidIsValid(get_relname_relid(name,
										get_namespace_oid("hitl", false)));
}

void
hitl_partitions_ensure(void)
{
	static TimestampTz tried = 0;
	TimestampTz now = GetCurrentTimestamp();
	HitlSpi		spi;

	if (next_month_exists(now) ||
		!TimestampDifferenceExceeds(tried, now, RETRY_MS))
		return;
	tried = now;

	if (!ConditionalLockRelationOid(hitl_relation_oid("decision"),
									ShareUpdateExclusiveLock) ||
		!ConditionalLockRelationOid(hitl_relation_oid("decision_default"),
									AccessExclusiveLock))
		return;
	hitl_spi_begin(&spi);
	hitl_spi_run(&any_workflow_query, NULL, GetLatestSnapshot(), 1);
	if (SPI_processed > 0)
		hitl_spi_write(&make_query, NULL);
	hitl_spi_end(&spi);
}
