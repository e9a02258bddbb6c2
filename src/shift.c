/*
 * shift.c
 *		How much of their shift reviewers have used.
 *
 * A shift begins with the first claim (or release) after the span of the last
 * one, and has one row a reviewer, overwritten by the next.  A claim reads it
 * by its key; it writes it only for reviewers whose claims are limited.
 *
 * Claims and releases of one person come one after the other, by the lock on
 * the reviewer: so all counts, and nobody waits for the row of a shift.
 */
#include "hitl.h"

#include "access/table.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"

#include "cache.h"
#include "shift.h"
#include "store.h"
#include "task.h"

/* columns of hitl.shift, as in sql/40_task.sql */
enum
{
	SHIFT_REVIEWER, SHIFT_BEGAN_AT, SHIFT_CLAIMED, SHIFT_RELEASED
};

typedef struct Shift
{
	TimestampTz ends_at;
	int32		claimed;
	int32		released;
} Shift;

/* days are days of UTC, as in hitl_add_span */
static HitlQuery count_query = {
	.text =
	"WITH n AS (SELECT r.name, r.shift FROM hitl.reviewer r"
	"           WHERE r.name OPERATOR(pg_catalog.=) $1)"
	" INSERT INTO hitl.shift AS s (reviewer, began_at, claimed, released)"
	" SELECT n.name, $2, $3, $4 FROM n"
	" ON CONFLICT ON CONSTRAINT shift_pkey DO UPDATE SET"
	"  (began_at, claimed, released) = (SELECT"
	"    CASE WHEN o.over THEN excluded.began_at ELSE s.began_at END,"
	"    CASE WHEN o.over THEN 0 ELSE s.claimed END"
	"      OPERATOR(pg_catalog.+) excluded.claimed,"
	"    CASE WHEN o.over THEN 0 ELSE s.released END"
	"      OPERATOR(pg_catalog.+) excluded.released"
	"   FROM (SELECT pg_catalog.timezone('UTC',"
	"                  pg_catalog.timezone('UTC', s.began_at)"
	"                  OPERATOR(pg_catalog.+) n.shift)"
	"                OPERATOR(pg_catalog.<=) excluded.began_at AS over"
	"         FROM n) o)",
	.nargs = 4,
	.argtypes = {TEXTOID, TIMESTAMPTZOID, INT4OID, INT4OID}
};

/*
 * The shift that goes on now; false if none does.
 */
static bool
read_shift(const HitlReviewer *reviewer, TimestampTz now, Shift *shift)
{
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	Relation	rel = table_open(hitl_relation_oid("shift"), AccessShareLock);
	HitlScan	scan;
	ScanKeyData key;
	bool		found;

	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_TEXTEQ,
				CStringGetTextDatum(NameStr(reviewer->name)));
	hitl_scan_begin(&scan, rel, "shift_pkey", snapshot, &key, 1);
	found = hitl_scan_next(&scan);
	if (found)
	{
		const Datum *v;

		slot_getallattrs(scan.slot);
		v = scan.slot->tts_values;
		shift->ends_at = hitl_add_span(DatumGetTimestampTz(v[SHIFT_BEGAN_AT]),
									   &reviewer->shift);
		shift->claimed = DatumGetInt32(v[SHIFT_CLAIMED]);
		shift->released = DatumGetInt32(v[SHIFT_RELEASED]);
	}
	hitl_scan_end(&scan);
	table_close(rel, AccessShareLock);
	UnregisterSnapshot(snapshot);
	return found && now < shift->ends_at;
}

int
hitl_shift_room(const HitlReviewer *reviewer, TimestampTz now, int n)
{
	Shift		shift;

	if (!read_shift(reviewer, now, &shift))
		return reviewer->shift_limit == 0 ? n : Min(n, reviewer->shift_limit);
	if (shift.released > reviewer->max_releases)
		ereport(ERROR,
				(errcode(ERRCODE_HITL_CAPACITY),
				 errmsg("reviewer \"%s\" has given back %d tasks in this shift",
						NameStr(reviewer->name), shift.released),
				 errdetail("The limit (max_releases) is %d.",
						   reviewer->max_releases),
				 errhint("The shift ends at %s.",
						 timestamptz_to_str(shift.ends_at))));
	if (reviewer->shift_limit == 0)
		return n;
	if (shift.claimed >= reviewer->shift_limit)
		ereport(ERROR,
				(errcode(ERRCODE_HITL_CAPACITY),
				 errmsg("reviewer \"%s\" has claimed %d tasks in this shift",
						NameStr(reviewer->name), shift.claimed),
				 errdetail("The limit (shift_limit) is %d.",
						   reviewer->shift_limit),
				 errhint("The shift ends at %s.",
						 timestamptz_to_str(shift.ends_at))));
	return Min(n, reviewer->shift_limit - shift.claimed);
}

static void
count(const HitlReviewer *reviewer, TimestampTz now, int claimed, int released)
{
	Datum		args[4];
	HitlSpi		spi;

	args[0] = CStringGetTextDatum(NameStr(reviewer->name));
	args[1] = TimestampTzGetDatum(now);
	args[2] = Int32GetDatum(claimed);
	args[3] = Int32GetDatum(released);
	hitl_spi_begin(&spi);
	hitl_spi_write(&count_query, args);
	hitl_spi_end(&spi);
}

void
hitl_shift_claimed(const HitlReviewer *reviewer, TimestampTz now, int n)
{
	if (reviewer->shift_limit > 0 && n > 0)
		count(reviewer, now, n, 0);
}

void
hitl_shift_released(const HitlReviewer *reviewer, TimestampTz now)
{
	count(reviewer, now, 0, 1);
}
