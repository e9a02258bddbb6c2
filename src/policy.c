/*
 * policy.c
 *		Workflows and the policies in force: load, cache, look up.
 *
 * Entries are loaded one by one when a row first names them, so the cost of a
 * row does not depend on how many workflows or versions there are.
 */
#include "hitl.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/snapmgr.h"

#include "cache.h"
#include "policy.h"

static HTAB *workflows = NULL;

static HitlQuery load_query = {
	.text =
	"SELECT w.queue, w.lane, w.question, w.application::pg_catalog.oid,"
	"       w.mode, p.version, p.upper, p.lower, p.audit_rate_approve,"
	"       p.audit_rate_reject, s.name, s.first_review, s.resolution,"
	"       ARRAY(SELECT c.code::pg_catalog.text FROM hitl.decision_code c"
	"             WHERE c.workflow IS NULL"
	"             OR c.workflow OPERATOR(pg_catalog.=) w.name ORDER BY 1)"
	"  FROM hitl.workflow w"
	"  LEFT JOIN hitl.policy p"
	"    ON p.workflow OPERATOR(pg_catalog.=) w.name"
	"   AND p.version OPERATOR(pg_catalog.=) w.policy_version"
	"  LEFT JOIN hitl.sla s ON s.name OPERATOR(pg_catalog.=) w.sla"
	" WHERE w.name OPERATOR(pg_catalog.=) $1",
	.nargs = 1,
	.argtypes = {TEXTOID}
};

static HitlQuery any_query = {
	.text =
	"SELECT FROM hitl.workflow LIMIT 1",
	.nargs = 0
};

/* the columns of load_query */
enum
{
	COL_QUEUE = 1, COL_LANE, COL_QUESTION, COL_APPLICATION, COL_MODE,
	COL_VERSION, COL_UPPER, COL_LOWER, COL_AUDIT_APPROVE, COL_AUDIT_REJECT,
	COL_SLA, COL_FIRST_REVIEW, COL_RESOLUTION, COL_CODES
};

static void
column_name(int number, NameData *to)
{
	bool		isnull;
	Datum		value = hitl_spi_value(0, number, &isnull);

	namestrcpy(to, isnull ? "" : TextDatumGetCString(value));
}

static double
column_float8(int number, bool *isnull)
{
	Datum		value = hitl_spi_value(0, number, isnull);

	return *isnull ? 0.0 : DatumGetFloat8(value);
}

static bool
column_interval(int number, Interval *to)
{
	bool		isnull;
	Datum		value = hitl_spi_value(0, number, &isnull);

	if (!isnull)
		*to = *DatumGetIntervalP(value);
	return !isnull;
}

static void
forget(HitlWorkflow *w)
{
	if (w->question)
		pfree(w->question);
	if (w->codes)
		pfree(DatumGetPointer(w->codes));
	w->question = NULL;
	w->codes = (Datum) 0;
	w->exists = false;
	w->generation = 0;
}

static void
read_row(HitlWorkflow *w)
{
	MemoryContext old;
	Datum		value;
	bool		isnull;
	char	   *mode = NULL;

	column_name(COL_QUEUE, &w->queue);
	w->lane = DatumGetInt16(hitl_spi_value(0, COL_LANE, &isnull));

	value = hitl_spi_value(0, COL_APPLICATION, &isnull);
	w->application = isnull ? InvalidOid : DatumGetObjectId(value);

	value = hitl_spi_value(0, COL_VERSION, &isnull);
	w->policy_version = isnull ? 0 : DatumGetInt32(value);
	w->upper = column_float8(COL_UPPER, &isnull);
	w->has_upper = !isnull;
	w->lower = column_float8(COL_LOWER, &isnull);
	w->audit_rate_approve = column_float8(COL_AUDIT_APPROVE, &isnull);
	w->audit_rate_reject = column_float8(COL_AUDIT_REJECT, &isnull);

	/* a workflow whose mode was never set goes by its policy */
	value = hitl_spi_value(0, COL_MODE, &isnull);
	if (!isnull)
		mode = TextDatumGetCString(value);
	if (mode == NULL)
		w->mode = (w->policy_version > 0 && (w->has_upper || w->lower > 0)) ?
			HITL_MODE_IN_LOOP : HITL_MODE_MANUAL;
	else
		w->mode = strcmp(mode, "in_loop") == 0 ?
			HITL_MODE_IN_LOOP : HITL_MODE_MANUAL;

	column_name(COL_SLA, &w->sla);
	w->has_sla = NameStr(w->sla)[0] != '\0';
	w->has_first_review = column_interval(COL_FIRST_REVIEW, &w->first_review);
	w->has_resolution = column_interval(COL_RESOLUTION, &w->resolution);

	old = MemoryContextSwitchTo(hitl_cache_context());
	value = hitl_spi_value(0, COL_QUESTION, &isnull);
	if (!isnull)
		w->question = TextDatumGetCString(value);
	value = hitl_spi_value(0, COL_CODES, &isnull);
	w->codes = datumCopy(value, false, -1);
	MemoryContextSwitchTo(old);
	w->exists = true;
}

static void
load(HitlWorkflow *w, uint64 generation)
{
	HitlSpi		spi;
	Datum		arg = CStringGetTextDatum(NameStr(w->name));

	forget(w);
	hitl_spi_begin(&spi);
	hitl_spi_run(&load_query, &arg, GetLatestSnapshot(), 1);
	if (SPI_processed > 0)
		read_row(w);
	hitl_spi_end(&spi);
	w->generation = generation;
}

const HitlWorkflow *
hitl_workflow(const char *name, size_t len)
{
	static HitlWorkflow *last = NULL;
	uint64		generation = hitl_generation();
	char		key[NAMEDATALEN] = {0};

	/* bulk loads name the same workflow row after row */
	if (last != NULL && last->generation == generation &&
		strlen(NameStr(last->name)) == len &&
		memcmp(NameStr(last->name), name, len) == 0)
		return last;

	/* no workflow has a name that is empty, longer, or holds a zero byte */
	if (len == 0 || len >= NAMEDATALEN || memchr(name, '\0', len) != NULL)
		return NULL;
	memcpy(key, name, len);
	last = hitl_cache_entry(&workflows, "hitl workflows",
							sizeof(HitlWorkflow), key);
	if (last->generation != generation)
		load(last, generation);
	if (!last->exists)
	{
		/* what callers make up is not remembered */
		(void) hash_search(workflows, key, HASH_REMOVE, NULL);
		last = NULL;
	}
	return last;
}

bool
hitl_in_use(void)
{
	static uint64 known_at = 0; /* generation at which there was one */
	uint64		generation = hitl_generation();

	if (known_at != generation)
	{
		HitlSpi		spi;

		hitl_spi_begin(&spi);
		hitl_spi_run(&any_query, NULL, GetLatestSnapshot(), 1);
		if (SPI_processed > 0)
			known_at = generation;
		hitl_spi_end(&spi);
	}
	return known_at == generation;
}
