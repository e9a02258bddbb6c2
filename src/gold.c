/*
 * gold.c
 *		Decisions whose answer is known, given to reviewers among others.
 *
 * A claim replaces, by chance, a task that the reviewer would get by one with
 * a known answer.  That task stays where it is, and is the next one.  So who
 * would get nothing gets nothing, and the measure follows the work.
 *
 * The reviewer must not be able to tell: the task comes in the queue and lane
 * of the one that it replaces, with the deadline, stage and chance to be blind
 * that its workflow gives.  The deadline is only shown: no clock runs, for
 * nothing waits for a known answer.  (That the decision was made some time ago
 * shows in its id, as for any task that has waited.)
 *
 * A reviewer gets only what they may judge, and have not: decisions that they
 * did not submit, on which they gave no verdict, with the tier and skills that
 * its rules demanded.
 */
#include "hitl.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "cache.h"
#include "eligible.h"
#include "gold.h"
#include "random.h"

/* of those drawn the first that the person has the tier and skills for */
#define MAX_DRAWN	10

static HitlQuery gold_query = {
	.text =
	"SELECT g.decision, g.workflow, d.created_by::pg_catalog.text,"
	"       d.confidence, n.tier, n.skills"
	"  FROM hitl.gold g"
	"  JOIN hitl.workflow w ON w.name OPERATOR(pg_catalog.=) g.workflow"
	"  LEFT JOIN hitl.policy p"
	"         ON p.workflow OPERATOR(pg_catalog.=) w.name"
	"        AND p.version OPERATOR(pg_catalog.=) w.policy_version"
	"  JOIN hitl.decision d ON d.id OPERATOR(pg_catalog.=) g.decision"
	"  CROSS JOIN LATERAL ("
	"    SELECT pg_catalog.max(r.tier) AS tier,"
	"           pg_catalog.array_agg(DISTINCT s.skill)"
	"             FILTER (WHERE s.skill IS NOT NULL) AS skills"
	"      FROM pg_catalog.jsonb_array_elements(d.reasons) x"
	"      JOIN hitl.rule r"
	"        ON r.name OPERATOR(pg_catalog.=)"
	"           (x OPERATOR(pg_catalog.->>) 'rule')"
	"       AND r.workflow OPERATOR(pg_catalog.=) d.workflow"
	"       AND r.version OPERATOR(pg_catalog.=) d.policy_version"
	"      LEFT JOIN LATERAL pg_catalog.unnest(r.skills) AS s (skill) ON true) n"
	" WHERE g.retired_at IS NULL"
	"   AND COALESCE(p.queue, w.queue) OPERATOR(pg_catalog.=) $1"
	"   AND d.created_by::pg_catalog.text OPERATOR(pg_catalog.<>) ALL ($3)"
	"   AND NOT EXISTS (SELECT FROM hitl.verdict v"
	"                    WHERE v.decision OPERATOR(pg_catalog.=) g.decision"
	"                      AND (v.reviewer OPERATOR(pg_catalog.=) $2"
	"                           OR v.asserted_by::pg_catalog.text"
	"                              OPERATOR(pg_catalog.=) ANY ($3)))"
	"   AND NOT EXISTS (SELECT FROM hitl.task t"
	"                    WHERE t.decision OPERATOR(pg_catalog.=) g.decision"
	"                      AND (t.kind OPERATOR(pg_catalog.<>) 'gold'"
	"                           OR t.holder OPERATOR(pg_catalog.=) $2))"
	" ORDER BY pg_catalog.random()",
	.nargs = 3,
	.argtypes = {TEXTOID, TEXTOID, TEXTARRAYOID}
};

/* the columns of gold_query */
enum
{
	COL_DECISION = 1, COL_WORKFLOW, COL_SUBMITTER, COL_CONFIDENCE, COL_TIER,
	COL_SKILLS
};

static Datum
roles_of(const HitlActor *actor)
{
	Datum	   *role = palloc(sizeof(Datum) * Max(actor->nroles, 1));

	for (int i = 0; i < actor->nroles; i++)
		role[i] = CStringGetTextDatum(NameStr(actor->role[i]));
	return PointerGetDatum(construct_array(role, actor->nroles, TEXTOID, -1,
										   false, TYPALIGN_INT));
}

/*
 * A row of the result as a task; in the current memory context.
 */
static void
read_gold(uint64 row, HitlTaskSpec *spec)
{
	bool		isnull;
	Datum		value;

	memset(spec, 0, sizeof(*spec));
	spec->kind = HITL_KIND_GOLD;
	spec->decision = *DatumGetUUIDP(hitl_spi_value(row, COL_DECISION, &isnull));
	hitl_spi_name(row, COL_WORKFLOW, &spec->workflow);
	hitl_spi_name(row, COL_SUBMITTER, &spec->submitter);
	value = hitl_spi_value(row, COL_CONFIDENCE, &isnull);
	spec->confidence = isnull ? -1 : DatumGetFloat8(value);
	spec->no_exposure = true;
	spec->tier = hitl_spi_int32(row, COL_TIER, 1);
	value = hitl_spi_value(row, COL_SKILLS, &isnull);
	spec->skills = hitl_names_copy(value, isnull);
}

static bool
is_competent(const HitlActor *actor, const HitlTaskSpec *spec)
{
	HitlTask	task = {0};

	task.tier = spec->tier;
	task.skills = spec->skills;
	task.submitter = spec->submitter;
	return hitl_bar(actor, NULL, &task, GetCurrentTimestamp()) == HITL_NO_BAR;
}

/*
 * As other tasks of its workflow would look in this place.
 */
static void
dress(HitlTaskSpec *spec, const HitlTask *in_place_of)
{
	const HitlWorkflow *w = hitl_workflow(NameStr(spec->workflow),
										  strlen(NameStr(spec->workflow)));
	const HitlSla *sla;
	char	  **stage;

	spec->queue = in_place_of->queue;
	spec->lane = in_place_of->lane;
	spec->created_at = in_place_of->created_at;
	if (w == NULL)
		return;
	spec->blind = hitl_random_uniform() < w->policy->blind_rate;
	if (hitl_names_read(w->policy->stages, &stage) > 0)
		spec->stage = stage[0];
	sla = hitl_sla(NameStr(*hitl_sla_of(w, w->policy)));
	if (sla->has_resolution)
	{
		TimestampTz now = GetCurrentTimestamp();

		spec->due_at = hitl_add_span(spec->created_at, &sla->resolution);
		if (spec->due_at < now)
			spec->due_at = hitl_add_span(now, &sla->resolution);
	}
}

bool
hitl_gold_draw(const HitlActor *actor, const HitlTask *in_place_of,
			   Snapshot snapshot, HitlTaskSpec *spec)
{
	double		rate = hitl_queue(NameStr(in_place_of->queue))->gold_rate;
	MemoryContext context = CurrentMemoryContext;
	HitlSpi		spi;
	Datum		args[3];
	bool		found = false;

	if (rate == 0 || hitl_random_uniform() >= rate)
		return false;
	args[0] = CStringGetTextDatum(NameStr(in_place_of->queue));
	args[1] = CStringGetTextDatum(NameStr(actor->reviewer->name));
	args[2] = roles_of(actor);
	hitl_spi_begin(&spi);
	hitl_spi_run(&gold_query, args, snapshot, MAX_DRAWN);
	MemoryContextSwitchTo(context);
	for (uint64 row = 0; row < SPI_processed && !found; row++)
	{
		read_gold(row, spec);
		found = is_competent(actor, spec);
	}
	hitl_spi_end(&spi);
	if (found)
		dress(spec, in_place_of);
	return found;
}
