/*
 * audit.c
 *		What SQL cannot do of an audit that is drawn later.
 *
 * hitl.draw_audit() chooses the decisions; here are the chance that it takes
 * them by, from the server's strong source like the lottery of the gate, the
 * tasks that it makes for them, and what the draws come to.  Only the last is
 * granted to anybody.
 */
#include "hitl.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "cache.h"
#include "policy.h"
#include "random.h"
#include "task.h"

PG_FUNCTION_INFO_V1(hitl_either_chance);
PG_FUNCTION_INFO_V1(hitl_random_below);
PG_FUNCTION_INFO_V1(hitl_open_audit);

/* the rules that fired shape this task as they would have shaped the gate's */
static HitlQuery decision_query = {
	.text =
	"SELECT d.workflow, d.lane, d.created_by, r.tier, r.queue, r.sla, r.question,"
	"       r.skills, d.confidence, d.exposure::pg_catalog.float8"
	"  FROM hitl.decision d"
	"  LEFT JOIN LATERAL"
	"       (SELECT pg_catalog.max(f.tier) AS tier,"
	"               (pg_catalog.array_agg(f.queue ORDER BY f.position, f.name)"
	"                FILTER (WHERE f.queue IS NOT NULL))[1] AS queue,"
	"               (pg_catalog.array_agg(f.sla ORDER BY f.position, f.name)"
	"                FILTER (WHERE f.sla IS NOT NULL))[1] AS sla,"
	"               (pg_catalog.array_agg(f.question ORDER BY f.position, f.name)"
	"                FILTER (WHERE f.question IS NOT NULL))[1] AS question,"
	"               pg_catalog.array_agg(DISTINCT s.skill)"
	"                FILTER (WHERE s.skill IS NOT NULL) AS skills"
	"          FROM hitl.rule f"
	"          LEFT JOIN LATERAL pg_catalog.unnest(f.skills) AS s (skill) ON true"
	"         WHERE f.workflow OPERATOR(pg_catalog.=) d.workflow"
	"           AND f.version OPERATOR(pg_catalog.=) d.policy_version"
	"           AND d.reasons OPERATOR(pg_catalog.@>)"
	"               pg_catalog.jsonb_build_array("
	"               pg_catalog.jsonb_build_object('rule', f.name))) r ON true"
	" WHERE d.id OPERATOR(pg_catalog.=) $1",
	.nargs = 1,
	.argtypes = {UUIDOID}
};

/* the columns of decision_query */
enum
{
	COL_WORKFLOW = 1, COL_LANE, COL_CREATED_BY, COL_TIER, COL_QUEUE, COL_SLA,
	COL_QUESTION, COL_SKILLS, COL_CONFIDENCE, COL_EXPOSURE
};

/*
 * Written so that 0 and 1 have their effect without rounding.
 */
Datum
hitl_either_chance(PG_FUNCTION_ARGS)
{
	double		a = PG_GETARG_FLOAT8(0);
	double		b = PG_GETARG_FLOAT8(1);

	PG_RETURN_FLOAT8(a + b * (1.0 - a));
}

Datum
hitl_random_below(PG_FUNCTION_ARGS)
{
	int64		n = PG_GETARG_INT64(0);
	uint64		excess;
	uint64		bits;

	if (n < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there is no number from 0 to below " INT64_FORMAT,
						n)));
	/* 2^64 modulo n: so many of the numbers would favour the small ones */
	excess = (PG_UINT64_MAX % (uint64) n + 1) % (uint64) n;
	do
	{
		hitl_random_bytes(&bits, sizeof(bits));
	} while (bits < excess);
	PG_RETURN_INT64((int64) (bits % (uint64) n));
}

static void
read_decision(const pg_uuid_t *id, HitlTaskSpec *spec)
{
	MemoryContext context = CurrentMemoryContext;
	const HitlWorkflow *w;
	NameData	name;
	HitlSpi		spi;
	Datum		arg = UUIDPGetDatum(id);
	char	   *question;
	Datum		value;
	MemoryContext old;
	bool		isnull;

	hitl_spi_begin(&spi);
	hitl_spi_run(&decision_query, &arg, GetActiveSnapshot(), 1);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_NO_DATA_FOUND),
				 errmsg("decision %s does not exist",
						DatumGetCString(DirectFunctionCall1(uuid_out, arg)))));
	hitl_spi_name(0, COL_WORKFLOW, &spec->workflow);
	spec->lane = DatumGetInt16(hitl_spi_value(0, COL_LANE, &isnull));
	spec->submitter = *DatumGetName(hitl_spi_value(0, COL_CREATED_BY, &isnull));
	spec->tier = hitl_spi_int32(0, COL_TIER, 1);
	hitl_spi_name(0, COL_QUEUE, &spec->queue);
	hitl_spi_name(0, COL_SLA, &spec->sla);
	question = hitl_spi_string(0, COL_QUESTION);
	if (question)
		spec->question = MemoryContextStrdup(context, question);
	value = hitl_spi_value(0, COL_SKILLS, &isnull);
	old = MemoryContextSwitchTo(context);
	spec->skills = hitl_names_copy(value, isnull);
	MemoryContextSwitchTo(old);
	value = hitl_spi_value(0, COL_CONFIDENCE, &isnull);
	spec->confidence = isnull ? -1 : DatumGetFloat8(value);
	value = hitl_spi_value(0, COL_EXPOSURE, &spec->no_exposure);
	spec->exposure = spec->no_exposure ? 0 : DatumGetFloat8(value);
	hitl_spi_end(&spi);

	name = spec->workflow;
	w = hitl_workflow(NameStr(name), strlen(NameStr(name)));
	if (w == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
				 errmsg("workflow \"%s\" does not exist", NameStr(name))));
	spec->quota = w->quota;
	if (spec->confidence >= 0)
		spec->confidence = hitl_worth(w, spec->confidence);
	if (NameStr(spec->queue)[0] == '\0')
		spec->queue = *hitl_queue_of(w, w->policy);
	if (NameStr(spec->sla)[0] == '\0')
		spec->sla = *hitl_sla_of(w, w->policy);
}

Datum
hitl_open_audit(PG_FUNCTION_ARGS)
{
	HitlTaskSpec spec = {0};

	spec.decision = *PG_GETARG_UUID_P(0);
	spec.kind = HITL_KIND_AUDIT;
	spec.created_at = GetCurrentTimestamp();
	read_decision(&spec.decision, &spec);
	hitl_task_create(&spec);
	PG_RETURN_VOID();
}
