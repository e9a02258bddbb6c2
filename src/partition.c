/*
 * partition.c
 *		Partitions of hitl.decision, made ahead of time.
 *
 * The making itself is SQL (hitl.make_partitions); this is the look whether
 * it is due, cheap enough for every pass of the worker.  It waits for no
 * lock: when a reader, a dump say, is at the default partition, a later pass
 * will do.  In a database without workflows nothing is made: a restore may be
 * about to bring its own partitions.  A failure (a name that is taken, a full
 * disk) is a warning, and does not keep the clock from the rest of its work.
 */
#include "hitl.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "storage/lmgr.h"
#include "utils/lsyscache.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "cache.h"
#include "partition.h"
#include "policy.h"

/* after an attempt, successful or not */
#define RETRY_MS	(60 * 1000)

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

/* in a subtransaction, whose failure is reported and forgotten */
static void
make_partitions(void)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;

	BeginInternalSubTransaction(NULL);
	PG_TRY();
	{
		if (ConditionalLockRelationOid(hitl_relation_oid("decision"),
									   ShareUpdateExclusiveLock) &&
			ConditionalLockRelationOid(hitl_relation_oid("decision_default"),
									   AccessExclusiveLock))
		{
			HitlSpi		spi;

			hitl_spi_begin(&spi);
			hitl_spi_write(&make_query, NULL);
			hitl_spi_end(&spi);
		}
		ReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
		ereport(WARNING,
				(errcode(error->sqlerrcode),
				 errmsg("could not make partitions of hitl.decision ahead of time: %s",
						error->message),
				 errhint("Decisions go to hitl.decision_default until SELECT hitl.make_partitions() succeeds.")));
		FreeErrorData(error);
	}
	PG_END_TRY();
}

void
hitl_partitions_ensure(void)
{
	static TimestampTz tried = 0;
	TimestampTz now = GetCurrentTimestamp();

	if (next_month_exists(now) ||
		!TimestampDifferenceExceeds(tried, now, RETRY_MS) ||
		!hitl_in_use())
		return;
	tried = now;
	make_partitions();
}
