/*
 * uuid.c
 *		Identifiers of decisions: UUIDs of version 7 (RFC 9562).
 *
 * 48 bits of milliseconds since 1970, then 12 bits of the fraction of the
 * millisecond (the RFC's method 3), then 62 random bits.  Within a session
 * each identifier is greater than the one before, also when the clock stands
 * still or goes back by seconds; between sessions the random bits keep them apart.
 * The time can be had back to the microsecond, so a decision's created_at
 * costs no second look at the clock.
 */
#include "hitl.h"

#include "fmgr.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "random.h"
#include "uuid.h"

/* microseconds between 1970-01-01 and 2000-01-01 */
#define UNIX_EPOCH_OFFSET \
	((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY)

/* the greatest time that 48 bits of milliseconds can hold */
#define MAX_UNIX_USECS	(((INT64CONST(1) << 48) - 1) * 1000 + 999)

/*
 * How far ahead of the clock identifiers may run, in ticks of 1/4096 ms: ten
 * seconds.  Beyond that they would carry a wrong clock's time, and all
 * deadlines derived from it, until the right one catches up.
 */
#define MAX_LEAD	(UINT64CONST(10000) << 12)

PG_FUNCTION_INFO_V1(hitl_uuidv7);
PG_FUNCTION_INFO_V1(hitl_uuid_time);
PG_FUNCTION_INFO_V1(hitl_uuid_floor);

static void
put_time(pg_uuid_t *uuid, uint64 msecs, uint32 fraction)
{
	for (int i = 0; i < 6; i++)
		uuid->data[i] = (unsigned char) (msecs >> (8 * (5 - i)));
	uuid->data[6] = (unsigned char) (0x70 | (fraction >> 8));
	uuid->data[7] = (unsigned char) fraction;
}

/*
 * The time of the identifier, or false if it is not of version 7.
 */
bool
hitl_uuid_get_time(const pg_uuid_t *uuid, TimestampTz *result)
{
	uint64		msecs = 0;
	uint32		fraction;

	if ((uuid->data[6] & 0xf0) != 0x70 || (uuid->data[8] & 0xc0) != 0x80)
		return false;
	for (int i = 0; i < 6; i++)
		msecs = (msecs << 8) | uuid->data[i];
	fraction = ((uint32) (uuid->data[6] & 0x0f) << 8) | uuid->data[7];

	/* rounding up undoes the rounding down of hitl_uuidv7 */
	*result = (int64) msecs * 1000 +
		Min((fraction * 1000 + 4095) / 4096, 999) - UNIX_EPOCH_OFFSET;
	return true;
}

Datum
hitl_uuidv7(PG_FUNCTION_ARGS)
{
	static uint64 last = 0;		/* milliseconds and fraction as one number */
	pg_uuid_t  *uuid = palloc(sizeof(pg_uuid_t));
	int64		usecs = GetCurrentTimestamp() + UNIX_EPOCH_OFFSET;
	uint64		ticks;

	if (usecs < 0)
		usecs = 0;
	/* a clock that was set back by much counts as right: see MAX_LEAD */
	ticks = ((uint64) (usecs / 1000) << 12) |
		(uint64) ((usecs % 1000) * 4096 / 1000);
	if (ticks <= last && last - ticks < MAX_LEAD)
		ticks = last + 1;
	last = ticks;

	put_time(uuid, ticks >> 12, ticks & 0xfff);
	hitl_random_bytes(uuid->data + 8, 8);
	uuid->data[8] = (uuid->data[8] & 0x3f) | 0x80;
	PG_RETURN_UUID_P(uuid);
}

Datum
hitl_uuid_time(PG_FUNCTION_ARGS)
{
	TimestampTz result;

	if (!hitl_uuid_get_time(PG_GETARG_UUID_P(0), &result))
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(result);
}

Datum
hitl_uuid_floor(PG_FUNCTION_ARGS)
{
	TimestampTz when = PG_GETARG_TIMESTAMPTZ(0);
	pg_uuid_t  *uuid = palloc0(sizeof(pg_uuid_t));

	if (TIMESTAMP_NOT_FINITE(when) ||
		when < -UNIX_EPOCH_OFFSET || when > MAX_UNIX_USECS - UNIX_EPOCH_OFFSET)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("time %s cannot stand in a UUID",
						timestamptz_to_str(when)),
				 errdetail("A UUID of version 7 holds times from 1970 to 10889.")));
	put_time(uuid, (uint64) (when + UNIX_EPOCH_OFFSET) / 1000, 0);
	uuid->data[8] = 0x80;
	PG_RETURN_UUID_P(uuid);
}
