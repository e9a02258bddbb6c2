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
	"       p.audit_rate_reject, w.sla, w.kill_reason,"
	"       ARRAY(SELECT c.code::pg_catalog.text FROM hitl.decision_code c"
	"             WHERE c.workflow IS NULL"
	"             OR c.workflow OPERATOR(pg_catalog.=) w.name ORDER BY 1)"
	"  FROM hitl.workflow w"
	"  LEFT JOIN hitl.policy p"
	"    ON p.workflow OPERATOR(pg_catalog.=) w.name"
	"   AND p.version OPERATOR(pg_catalog.=) w.policy_version"
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
	COL_SLA, COL_KILL_REASON, COL_CODES
};

static HitlQuery rules_query = {
	.text =
	"SELECT r.name, r.condition, r.condition::pg_catalog.text, r.route,"
	"       r.lane, r.tier, r.queue, r.sla, r.question,"
	"       COALESCE(r.reason, r.condition::pg_catalog.text)"
	"  FROM hitl.rule r"
	" WHERE r.workflow OPERATOR(pg_catalog.=) $1"
	"   AND r.version OPERATOR(pg_catalog.=) $2"
	" ORDER BY r.position, r.name",
	.nargs = 2,
	.argtypes = {TEXTOID, INT4OID}
};

/* the columns of rules_query */
enum
{
	RULE_NAME = 1, RULE_CONDITION, RULE_CONDITION_TEXT, RULE_ROUTE, RULE_LANE,
	RULE_TIER, RULE_QUEUE, RULE_SLA, RULE_QUESTION, RULE_REASON
};

static HitlQuery sla_query = {
	.text =
	"SELECT first_review, resolution FROM hitl.sla"
	" WHERE name OPERATOR(pg_catalog.=) $1",
	.nargs = 1,
	.argtypes = {TEXTOID}
};

static HTAB *slas = NULL;

static void
column_name(uint64 row, int number, NameData *to)
{
	bool		isnull;
	Datum		value = hitl_spi_value(row, number, &isnull);

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

static char *
column_string(uint64 row, int number)
{
	bool		isnull;
	Datum		value = hitl_spi_value(row, number, &isnull);

	return isnull ? NULL : TextDatumGetCString(value);
}

static void
forget(HitlWorkflow *w)
{
	if (w->context)
		MemoryContextDelete(w->context);
	w->context = NULL;
	w->kill_reason = NULL;
	w->question = NULL;
	w->codes = (Datum) 0;
	w->rules = NULL;
	w->nrules = 0;
	w->rule_keys = 0;
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

	column_name(0, COL_QUEUE, &w->queue);
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

	column_name(0, COL_SLA, &w->sla);

	w->context = AllocSetContextCreate(hitl_cache_context(), "hitl workflow",
									   ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(w->context);
	w->kill_reason = column_string(0, COL_KILL_REASON);
	w->question = column_string(0, COL_QUESTION);
	value = hitl_spi_value(0, COL_CODES, &isnull);
	w->codes = datumCopy(value, false, -1);
	MemoryContextSwitchTo(old);
	w->exists = true;
}

static void
read_rule(HitlWorkflow *w, uint64 row)
{
	HitlRule   *rule = &w->rules[row];
	Datum		value;
	bool		isnull;

	column_name(row, RULE_NAME, &rule->name);
	value = hitl_spi_value(row, RULE_CONDITION, &isnull);
	rule->condition = (JsonPath *) PG_DETOAST_DATUM_COPY(value);
	rule->keys = hitl_rule_keys(column_string(row, RULE_CONDITION_TEXT));
	rule->review = column_string(row, RULE_ROUTE) != NULL;
	value = hitl_spi_value(row, RULE_LANE, &isnull);
	rule->lane = isnull ? -1 : DatumGetInt16(value);
	value = hitl_spi_value(row, RULE_TIER, &isnull);
	rule->tier = isnull ? 0 : DatumGetInt32(value);
	column_name(row, RULE_QUEUE, &rule->queue);
	column_name(row, RULE_SLA, &rule->sla);
	rule->question = column_string(row, RULE_QUESTION);
	rule->reason = column_string(row, RULE_REASON);
	w->rule_keys |= rule->keys;
}

static void
read_rules(HitlWorkflow *w)
{
	MemoryContext old;

	if (SPI_processed == 0)
		return;
	old = MemoryContextSwitchTo(w->context);
	w->rules = palloc0(sizeof(HitlRule) * SPI_processed);
	for (uint64 row = 0; row < SPI_processed; row++)
		read_rule(w, row);
	w->nrules = SPI_processed;
	MemoryContextSwitchTo(old);
}

static void
load(HitlWorkflow *w, uint64 generation)
{
	HitlSpi		spi;
	Datum		args[2];
	Snapshot	snapshot;

	forget(w);
	args[0] = CStringGetTextDatum(NameStr(w->name));
	hitl_spi_begin(&spi);
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	hitl_spi_run(&load_query, args, snapshot, 1);
	if (SPI_processed > 0)
	{
		read_row(w);
		args[1] = Int32GetDatum(w->policy_version);
		hitl_spi_run(&rules_query, args, snapshot, 0);
		read_rules(w);
	}
	UnregisterSnapshot(snapshot);
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
		forget(last);
		(void) hash_search(workflows, key, HASH_REMOVE, NULL);
		last = NULL;
	}
	return last;
}

const HitlSla *
hitl_sla(const char *name)
{
	uint64		generation = hitl_generation();
	HitlSla    *sla = hitl_cache_entry(&slas, "hitl slas", sizeof(HitlSla),
									   name);

	if (sla->generation != generation)
	{
		HitlSpi		spi;
		Datum		arg = CStringGetTextDatum(name);

		sla->has_first_review = sla->has_resolution = false;
		hitl_spi_begin(&spi);
		hitl_spi_run(&sla_query, &arg, GetLatestSnapshot(), 1);
		if (SPI_processed > 0)
		{
			sla->has_first_review = column_interval(1, &sla->first_review);
			sla->has_resolution = column_interval(2, &sla->resolution);
		}
		hitl_spi_end(&spi);
		sla->generation = generation;
	}
	return sla;
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
