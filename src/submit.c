/*
 * submit.c
 *		A request that comes again gets the answer that it got before.
 *
 * hitl.submit() first takes a lock on the key, so that of two sessions with
 * the same request the second waits, and then finds what the first has made.
 * It looks with the latest snapshot, whatever the isolation level: the answer
 * exists, even if the transaction is too old to see it in the table.
 */
#include "hitl.h"

#include "access/htup_details.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/snapmgr.h"
#include "utils/uuid.h"

#include "cache.h"
#include "people.h"
#include "policy.h"
#include "submit.h"

/* override.c uses 8 */
#define LOCK_CLASS	9

/* longest key, in bytes: it goes into an index */
#define MAX_REQUEST_ID	512

/* columns of the answer */
#define ANSWER_NATTS	3

PG_FUNCTION_INFO_V1(hitl_find_request);

static HitlQuery request_query = {
	.text =
	"SELECT d.id, d.route, d.reasons, d.created_by"
	"  FROM hitl.request r"
	"  JOIN hitl.decision d ON d.id OPERATOR(pg_catalog.=) r.decision"
	" WHERE r.workflow OPERATOR(pg_catalog.=) $1"
	"   AND r.request_id OPERATOR(pg_catalog.=) $2",
	.nargs = 2,
	.argtypes = {TEXTOID, TEXTOID}
};

static HitlQuery keep_query = {
	.text =
	"INSERT INTO hitl.request AS r (workflow, request_id, decision)"
	" VALUES ($1, $2, $3)"
	" ON CONFLICT (workflow, request_id) DO NOTHING",
	.nargs = 3,
	.argtypes = {TEXTOID, TEXTOID, UUIDOID}
};

static HitlQuery kept_query = {
	.text =
	"SELECT decision FROM hitl.request"
	" WHERE workflow OPERATOR(pg_catalog.=) $1"
	"   AND request_id OPERATOR(pg_catalog.=) $2",
	.nargs = 2,
	.argtypes = {TEXTOID, TEXTOID}
};

static uint32
hash_of(text *value, uint32 seed)
{
	return hash_combine(seed,
						hash_bytes((unsigned char *) VARDATA_ANY(value),
								   VARSIZE_ANY_EXHDR(value)));
}

static void
lock_request(text *workflow, text *request_id)
{
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, hash_of(workflow, 1),
						 hash_of(request_id, hash_of(workflow, 2)),
						 LOCK_CLASS);
	(void) LockAcquire(&tag, ExclusiveLock, false, false);
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
 * The decision made of this request: id, route, reasons; NULL if there is
 * none.  Nobody else answers the same request before this transaction ends.
 */
Datum
hitl_find_request(PG_FUNCTION_ARGS)
{
	text	   *workflow = PG_GETARG_TEXT_PP(0);
	text	   *request_id = PG_GETARG_TEXT_PP(1);
	static const int16 typlen[ANSWER_NATTS] = {UUID_LEN, -1, -1};
	Datum		args[2];
	HitlSpi		spi;
	TupleDesc	tupdesc;
	Datum		v[ANSWER_NATTS];
	bool		n[ANSWER_NATTS];
	MemoryContext context = CurrentMemoryContext;
	bool		found;

	if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	lock_request(workflow, request_id);
	args[0] = PointerGetDatum(workflow);
	args[1] = PointerGetDatum(request_id);
	hitl_spi_begin(&spi);
	hitl_spi_run(&request_query, args, GetLatestSnapshot(), 1);
	found = SPI_processed > 0;
	if (found)
	{
		bool		isnull;
		Name		created_by = DatumGetName(hitl_spi_value(0, 4, &isnull));
		char	   *name = text_to_cstring(workflow);

		if (!may_see(NameStr(*created_by),
					 hitl_workflow(name, strlen(name))))
			ereport(ERROR,
					(errcode(ERRCODE_UNIQUE_VIOLATION),
					 errmsg("request \"%s\" of workflow \"%s\" was submitted by another application",
							hitl_clip(text_to_cstring(request_id)),
							hitl_clip(name))));
		MemoryContextSwitchTo(context);
		for (int i = 0; i < ANSWER_NATTS; i++)
			v[i] = datumCopy(hitl_spi_value(0, i + 1, &n[i]), false,
							 typlen[i]);
	}
	hitl_spi_end(&spi);
	if (!found)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(tupdesc),
													  v, n)));
}

/*
 * The key under which the application will know the decision again.  Whoever
 * else is at the same key is waited for.
 */
void
hitl_request_keep(Datum workflow, Datum request_id, Datum decision)
{
	Datum		args[3] = {workflow, request_id, decision};
	size_t		len = VARSIZE_ANY_EXHDR(DatumGetTextPP(request_id));
	HitlSpi		spi;
	bool		isnull;
	char	   *existing = NULL;
	bool		kept;

	if (len == 0 || len > MAX_REQUEST_ID)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the request_id of a decision has %zu bytes", len),
				 errhint("Use 1 to %d bytes, or NULL.", MAX_REQUEST_ID)));
	hitl_spi_begin(&spi);
	hitl_spi_write(&keep_query, args);
	kept = SPI_processed > 0;
	if (!kept)
	{
		hitl_spi_run(&kept_query, args, GetLatestSnapshot(), 1);
		if (SPI_processed > 0)
			existing = DatumGetCString(DirectFunctionCall1(uuid_out,
														   hitl_spi_value(0, 1, &isnull)));
	}
	if (!kept)
		ereport(ERROR,
				(errcode(ERRCODE_UNIQUE_VIOLATION),
				 errmsg("request \"%s\" of workflow \"%s\" was submitted before",
						hitl_clip(TextDatumGetCString(request_id)),
						TextDatumGetCString(workflow)),
				 existing ? errdetail("Its decision is %s.", existing) : 0,
				 errhint("hitl.submit() returns the existing decision.")));
	hitl_spi_end(&spi);
}
