/*
 * submit.c
 *		A request that comes again gets the answer that it got before.
 *
 * The row of hitl.request is what others wait for, until the transaction that
 * wrote it is over.  Before there is one, a lock on the key does: it is held
 * from when hitl.submit() looks for the key to the end of its INSERT, so each
 * session has at most one, however many requests its transaction has.
 *
 * What is looked for is looked for as of now, rows that are not committed
 * included: the answer exists, even if the transaction is too old to see it in
 * the table.
 */
#include "hitl.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "utils/uuid.h"

#include "cache.h"
#include "people.h"
#include "stamp.h"
#include "store.h"
#include "submit.h"
#include "text.h"

/* longest key, in bytes: it goes into an index */
#define MAX_REQUEST_ID	512

/* columns of the answer */
#define ANSWER_NATTS	3

static LOCKTAG locked;			/* the key that we have locked, */
static LocalTransactionId locked_in = InvalidLocalTransactionId;	/* and when */

PG_FUNCTION_INFO_V1(hitl_find_request);

static HitlQuery decision_query = {
	.text =
	"SELECT id, route, reasons, created_by FROM hitl.decision"
	" WHERE id OPERATOR(pg_catalog.=) $1",
	.nargs = 1,
	.argtypes = {UUIDOID}
};

static HitlQuery keep_query = {
	.text =
	"INSERT INTO hitl.request (workflow, request_id, decision)"
	" VALUES ($1, $2, $3)",
	.nargs = 3,
	.argtypes = {TEXTOID, TEXTOID, UUIDOID}
};

static uint32
hash_of(Datum value, uint32 seed)
{
	text	   *string = DatumGetTextPP(value);

	return hash_combine(seed,
						hash_bytes((unsigned char *) VARDATA_ANY(string),
								   VARSIZE_ANY_EXHDR(string)));
}

/*
 * The lock on a key, one at a time.  It belongs to the transaction, so that it
 * outlives a savepoint that is rolled back and is known here as held.
 */
static void
unlock(void)
{
	ResourceOwner owner = CurrentResourceOwner;

	if (locked_in != InvalidLocalTransactionId &&
		locked_in == hitl_local_xid())
	{
		CurrentResourceOwner = TopTransactionResourceOwner;
		(void) LockRelease(&locked, ExclusiveLock, false);
		CurrentResourceOwner = owner;
	}
	locked_in = InvalidLocalTransactionId;
}

static void
lock(Datum workflow, Datum request_id)
{
	ResourceOwner owner = CurrentResourceOwner;
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, hash_of(workflow, 1),
						 hash_of(request_id, hash_of(workflow, 2)),
						 HITL_LOCK_REQUEST);
	if (locked_in == hitl_local_xid() &&
		memcmp(&tag, &locked, sizeof(tag)) == 0)
		return;
	unlock();
	CurrentResourceOwner = TopTransactionResourceOwner;
	PG_TRY();
	{
		(void) LockAcquire(&tag, ExclusiveLock, false, false);
	}
	PG_FINALLY();
	{
		CurrentResourceOwner = owner;
	}
	PG_END_TRY();
	locked = tag;
	locked_in = hitl_local_xid();
}

/*
 * The decision that has this key, as of now.  A transaction that has taken it
 * and is not over is waited for.
 */
static bool
look_up(Datum workflow, Datum request_id, pg_uuid_t *decision)
{
	Relation	rel = table_open(hitl_relation_oid("request"), AccessShareLock);
	ScanKeyData key[2];
	TransactionId waited_for;
	bool		found;

	ScanKeyInit(&key[0], 1, BTEqualStrategyNumber, F_TEXTEQ, workflow);
	ScanKeyInit(&key[1], 2, BTEqualStrategyNumber, F_TEXTEQ, request_id);
	do
	{
		SnapshotData dirty;
		HitlScan	scan;

		CHECK_FOR_INTERRUPTS();
		InitDirtySnapshot(dirty);
		waited_for = InvalidTransactionId;
		hitl_scan_begin(&scan, rel, "request_pkey", &dirty, key, 2);
		found = hitl_scan_next(&scan);
		if (found)
		{
			bool		isnull;

			waited_for = dirty.xmin;
			*decision = *DatumGetUUIDP(slot_getattr(scan.slot, 3, &isnull));
		}
		hitl_scan_end(&scan);
		if (TransactionIdIsValid(waited_for))
			XactLockTableWait(waited_for, NULL, NULL, XLTW_None);
	} while (TransactionIdIsValid(waited_for));
	table_close(rel, NoLock);
	return found;
}

/*
 * Who may read the decision of another may be given it; as row security says.
 */
static bool
may_see(const char *created_by, const HitlWorkflow *workflow)
{
	Oid			login = GetOuterUserId();

	return strcmp(GetUserNameFromId(login, false), created_by) == 0 ||
		(workflow && OidIsValid(workflow->application) &&
		 has_privs_of_role(login, workflow->application));
}

/*
 * The decision made of this request: id, route, reasons.  NULL if there is
 * none; then others who ask wait until this session has inserted it, or asks
 * for another.
 */
Datum
hitl_find_request(PG_FUNCTION_ARGS)
{
	Datum		workflow = PG_GETARG_DATUM(0);
	Datum		request_id = PG_GETARG_DATUM(1);
	static const int16 typlen[ANSWER_NATTS] = {UUID_LEN, -1, -1};
	HitlSpi		spi;
	TupleDesc	tupdesc;
	pg_uuid_t	id;
	Datum		arg = UUIDPGetDatum(&id);
	Datum		v[ANSWER_NATTS];
	bool		n[ANSWER_NATTS];
	MemoryContext context = CurrentMemoryContext;
	Name		created_by;
	bool		isnull;

	if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	PreventCommandIfReadOnly("hitl.submit()");
	(void) hitl_require_workflow(workflow, false, true);

	/* without the lock first: our own request needs none */
	if (!look_up(workflow, request_id, &id))
	{
		lock(workflow, request_id);
		if (!look_up(workflow, request_id, &id))
			PG_RETURN_NULL();
		unlock();
	}

	hitl_spi_begin(&spi);
	hitl_spi_run(&decision_query, &arg, GetLatestSnapshot(), 1);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNIQUE_VIOLATION),
				 errmsg("request \"%s\" was submitted before, and its decision is not there",
						hitl_clip(TextDatumGetCString(request_id)))));
	created_by = DatumGetName(hitl_spi_value(0, 4, &isnull));
	if (!may_see(NameStr(*created_by),
				 hitl_require_workflow(workflow, false, true)))
		ereport(ERROR,
				(errcode(ERRCODE_UNIQUE_VIOLATION),
				 errmsg("request \"%s\" was submitted by another application",
						hitl_clip(TextDatumGetCString(request_id)))));
	MemoryContextSwitchTo(context);
	for (int i = 0; i < ANSWER_NATTS; i++)
		v[i] = datumCopy(hitl_spi_value(0, i + 1, &n[i]), false, typlen[i]);
	hitl_spi_end(&spi);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(tupdesc),
													  v, n)));
}

/*
 * Keeps the key under which the application will know the decision again.
 */
void
hitl_request_keep(Datum workflow, Datum request_id, Datum decision)
{
	Datum		args[3] = {workflow, request_id, decision};
	size_t		len = VARSIZE_ANY_EXHDR(DatumGetTextPP(request_id));
	pg_uuid_t	existing;
	bool		known;
	HitlSpi		spi;

	if (len == 0 || len > MAX_REQUEST_ID)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the request_id of a decision has %zu bytes", len),
				 errhint("Use 1 to %d bytes, or NULL.", MAX_REQUEST_ID)));
	/* without the lock first: who waits for us may hold it */
	known = look_up(workflow, request_id, &existing);
	if (!known)
	{
		lock(workflow, request_id);
		known = look_up(workflow, request_id, &existing);
	}
	if (known)
		ereport(ERROR,
				(errcode(ERRCODE_UNIQUE_VIOLATION),
				 errmsg("request \"%s\" of workflow \"%s\" was submitted before",
						hitl_clip(TextDatumGetCString(request_id)),
						TextDatumGetCString(workflow)),
				 errdetail("Its decision is %s.",
						   DatumGetCString(DirectFunctionCall1(uuid_out,
															   UUIDPGetDatum(&existing)))),
				 errhint("hitl.submit() returns the existing decision.")));
	hitl_spi_begin(&spi);
	hitl_spi_write(&keep_query, args);
	hitl_spi_end(&spi);
	unlock();
}
