/*
 * refusal.c
 *		What is refused: an error of the call, or the answer to one of many.
 *
 * A single call that may not be raises an error.  In a batch each item
 * succeeds or fails by itself, without a subtransaction: all that can lawfully
 * be refused is found before anything is written, and told as data.
 */
#include "hitl.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "cache.h"
#include "refusal.h"

static HitlQuery last_claim_query = {
	.text =
	"SELECT kind, detail OPERATOR(pg_catalog.->>) 'holder', created_at"
	"  FROM hitl.event"
	" WHERE decision OPERATOR(pg_catalog.=) $1"
	"   AND task OPERATOR(pg_catalog.=) $2"
	"   AND kind OPERATOR(pg_catalog.=) ANY"
	"       ('{claimed,reassigned,released,recalled,lease_expired}'::pg_catalog.text[])"
	" ORDER BY id DESC LIMIT 1",
	.nargs = 2,
	.argtypes = {UUIDOID, INT8OID}
};

bool
hitl_refuse(HitlRefusal *refusal, int code, const char *detail,
			const char *hint, const char *fmt,...)
{
	StringInfoData message;

	initStringInfo(&message);
	for (;;)
	{
		va_list		args;
		int			needed;

		va_start(args, fmt);
		needed = appendStringInfoVA(&message, fmt, args);
		va_end(args);
		if (needed == 0)
			break;
		enlargeStringInfo(&message, needed);
	}
	if (refusal == NULL)
		ereport(ERROR,
				(errcode(code), errmsg_internal("%s", message.data),
				 detail ? errdetail_internal("%s", detail) : 0,
				 hint ? errhint("%s", hint) : 0));
	refusal->code = code;
	refusal->message = message.data;
	refusal->detail = detail ? pstrdup(detail) : NULL;
	refusal->hint = hint ? pstrdup(hint) : NULL;
	return false;
}

void
hitl_refusal_log(const HitlRefusal *refusal)
{
	if (ERRCODE_TO_CATEGORY(refusal->code) != MAKE_SQLSTATE('Z', 'H', '0', '0', '0') &&
		refusal->code != ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION)
		return;
	ereport(LOG,
			(errcode(refusal->code),
			 errmsg_internal("refused: %s", refusal->message),
			 refusal->detail ? errdetail_internal("%s", refusal->detail) : 0));
}

/*
 * Whether the last claim of an open task was this reviewer's and ran out.
 */
static bool
lease_ran_out(const HitlTask *task, const HitlActor *actor, TimestampTz *when)
{
	HitlSpi		spi;
	Datum		args[2];
	bool		isnull;
	bool		result = false;

	args[0] = UUIDPGetDatum(&task->decision);
	args[1] = Int64GetDatum(task->id);
	hitl_spi_begin(&spi);
	hitl_spi_run(&last_claim_query, args, GetLatestSnapshot(), 1);
	if (SPI_processed > 0)
	{
		char	   *kind = hitl_spi_string(0, 1);
		char	   *holder = hitl_spi_string(0, 2);

		result = strcmp(kind, "lease_expired") == 0 && holder != NULL &&
			strcmp(holder, NameStr(actor->reviewer->name)) == 0;
		*when = DatumGetTimestampTz(hitl_spi_value(0, 3, &isnull));
	}
	hitl_spi_end(&spi);
	return result;
}

static bool
refuse_lease_over(HitlRefusal *refusal, int64 id, TimestampTz lease_until)
{
	return hitl_refuse(refusal, ERRCODE_HITL_LEASE_OVER,
					   psprintf("It ended at %s.",
								timestamptz_to_str(lease_until)),
					   "Claim again; the task may have gone to somebody else.",
					   "the lease on task " INT64_FORMAT " is over", id);
}

bool
hitl_check_holder(HitlRefusal *refusal, int64 id, const HitlTask *found,
				  const HitlActor *actor, const int64 *lease, TimestampTz now)
{
	TimestampTz ended;

	if (found && hitl_task_is_mine(found, actor, lease))
		return now < found->lease_until ||
			refuse_lease_over(refusal, id, found->lease_until);
	if (found && !found->held && lease_ran_out(found, actor, &ended))
		return refuse_lease_over(refusal, id, ended);
	return hitl_refuse(refusal, ERRCODE_HITL_NOT_HOLDER, NULL,
					   "Claim tasks by SELECT * FROM hitl.claim().",
					   "reviewer \"%s\" does not hold task " INT64_FORMAT,
					   NameStr(actor->reviewer->name), id);
}

void
hitl_not_holder(int64 id, const HitlTask *found, const HitlActor *actor)
{
	/* with a token that nobody has, it is somebody else's */
	static const int64 no_lease = -1;

	(void) hitl_check_holder(NULL, id, found, actor, &no_lease, DT_NOEND);
	pg_unreachable();
}

void
hitl_lease_check(const HitlTask *task, TimestampTz now)
{
	if (now >= task->lease_until)
		(void) refuse_lease_over(NULL, task->id, task->lease_until);
}
