/*
 * cache.c
 *		When what a session remembers of the configuration is out of date, and
 *		how it is read.
 *
 * A trigger on each configuration table sends the server's own relation cache
 * invalidation.  It reaches other sessions when the change commits, before
 * the client is told, and the session itself at the end of the command; when
 * the change is rolled back the session drops what it loaded meanwhile.  The
 * callback only counts: entries remember the count under which they were
 * loaded.  It is taken before loading, so a change that arrives in between
 * makes the entry stale at once.
 *
 * Configuration is always read with the latest snapshot, not with that of a
 * transaction that began long ago: a policy change or kill that has committed
 * holds for every row gated afterwards, whatever the isolation level.
 */
#include "hitl.h"

#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "cache.h"

/* the tables whose changes count; oids are looked up when first needed */
static const char *const config_table[] = {
	"workflow", "policy", "rule", "queue", "reviewer", "membership", "sla",
	"escalation_step", "decision_code", "baseline", "baseline_field",
	"reviewer_login", "credential", "absence", "confidence_map"
};
static Oid	config_oid[lengthof(config_table)];

static bool oids_known = false;
static uint64 generation = 1;
static MemoryContext cache_context = NULL;

PG_FUNCTION_INFO_V1(hitl_config_changed);

/*
 * Called for every relation that changes; touches no catalog.
 */
static void
relation_changed(Datum arg, Oid relid)
{
	if (OidIsValid(relid) && oids_known)
	{
		bool		ours = false;

		for (int i = 0; i < (int) lengthof(config_table); i++)
			ours |= (config_oid[i] == relid);
		if (!ours)
			return;
	}
	oids_known = false;			/* the extension may have been made anew */
	generation++;
}

MemoryContext
hitl_cache_context(void)
{
	if (cache_context == NULL)
	{
		cache_context = AllocSetContextCreate(CacheMemoryContext, "hitl cache",
											  ALLOCSET_DEFAULT_SIZES);
		CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
	}
	return cache_context;
}

uint64
hitl_generation(void)
{
	(void) hitl_cache_context();
	AcceptInvalidationMessages();
	if (!oids_known)
	{
		uint64		before = generation;

		for (int i = 0; i < (int) lengthof(config_table); i++)
			config_oid[i] = hitl_relation_oid(config_table[i]);
		oids_known = (generation == before);
	}
	return generation;
}

void *
hitl_cache_entry(HTAB **table, const char *what, size_t entrysize,
				 const char *name)
{
	NameData	key;
	void	   *entry;
	bool		found;

	Assert(strlen(name) < NAMEDATALEN);
	memset(&key, 0, sizeof(key));
	strlcpy(NameStr(key), name, NAMEDATALEN);
	if (*table == NULL)
	{
		HASHCTL		ctl;

		ctl.keysize = sizeof(NameData);
		ctl.entrysize = entrysize;
		ctl.hcxt = hitl_cache_context();
		*table = hash_create(what, 64, &ctl,
							 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	entry = hash_search(*table, &key, HASH_ENTER, &found);
	if (!found)
		memset((char *) entry + sizeof(key), 0, entrysize - sizeof(key));
	return entry;
}

Oid
hitl_relation_oid(const char *name)
{
	Oid			schema = get_namespace_oid("hitl", true);
	Oid			result = InvalidOid;

	if (OidIsValid(schema))
		result = get_relname_relid(name, schema);
	if (!OidIsValid(result))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation \"hitl.%s\" does not exist", name),
				 errhint("Run CREATE EXTENSION hitl in this database.")));
	return result;
}

Datum
hitl_config_changed(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" must be called as a trigger",
						"hitl.config_changed")));
	CacheInvalidateRelcacheByRelid(RelationGetRelid(trigdata->tg_relation));
	return PointerGetDatum(NULL);
}

Oid
hitl_owner(void)
{
	HeapTuple	tuple;
	Oid			owner;

	tuple = SearchSysCache1(RELOID,
							ObjectIdGetDatum(hitl_relation_oid("decision")));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation hitl.decision");
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

void
hitl_spi_begin(HitlSpi *spi)
{
	GetUserIdAndSecContext(&spi->userid, &spi->sec_context);
	SetUserIdAndSecContext(hitl_owner(),
						   spi->sec_context | SECURITY_LOCAL_USERID_CHANGE);
	SPI_connect();
}

/*
 * Plans are made once per session and generic: with partitions, planning
 * costs more than the query.
 */
static void
prepare(HitlQuery *query)
{
	SPIPlanPtr	plan;

	if (query->plan != NULL)
		return;
	plan = SPI_prepare_cursor(query->text, query->nargs, query->argtypes,
							  CURSOR_OPT_GENERIC_PLAN);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare_cursor failed: %s",
			 SPI_result_code_string(SPI_result));
	SPI_keepplan(plan);
	query->plan = plan;
}

void
hitl_spi_run(HitlQuery *query, Datum *args, Snapshot snapshot, long limit)
{
	MemoryContext context = CurrentMemoryContext;
	int			rc;

	prepare(query);
	rc = SPI_execute_snapshot(query->plan, args, NULL, snapshot,
							  InvalidSnapshot, true, false, limit);
	MemoryContextSwitchTo(context);
	if (rc < 0)
		elog(ERROR, "SPI_execute_snapshot failed: %s",
			 SPI_result_code_string(rc));
}

void
hitl_spi_write(HitlQuery *query, Datum *args)
{
	MemoryContext context = CurrentMemoryContext;
	int			rc;

	prepare(query);
	rc = SPI_execute_plan(query->plan, args, NULL, false, 0);
	MemoryContextSwitchTo(context);
	if (rc < 0)
		elog(ERROR, "SPI_execute_plan failed: %s", SPI_result_code_string(rc));
}

Datum
hitl_spi_value(uint64 row, int number, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc,
						 number, isnull);
}

char *
hitl_spi_string(uint64 row, int number)
{
	bool		isnull;
	Datum		value = hitl_spi_value(row, number, &isnull);

	return isnull ? NULL : TextDatumGetCString(value);
}

int32
hitl_spi_int32(uint64 row, int number, int32 missing)
{
	bool		isnull;
	Datum		value = hitl_spi_value(row, number, &isnull);

	return isnull ? missing : DatumGetInt32(value);
}

void
hitl_spi_name(uint64 row, int number, NameData *to)
{
	char	   *name = hitl_spi_string(row, number);

	namestrcpy(to, name ? name : "");
}

void
hitl_spi_end(HitlSpi *spi)
{
	SPI_finish();
	SetUserIdAndSecContext(spi->userid, spi->sec_context);
}
