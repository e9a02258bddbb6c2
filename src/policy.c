/*
 * policy.c
 *		Workflows and the policies in force: load, cache, look up.
 *
 * Entries are loaded one by one when a row first names them, so the cost of a
 * row does not depend on how many workflows or versions there are.
 */
#include "hitl.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/snapmgr.h"

#include "cache.h"
#include "policy.h"

static HTAB *workflows = NULL;

static HitlQuery load_query = {
	.text =
	"SELECT w.queue, w.lane, w.question, w.application::pg_catalog.oid,"
	"       w.mode, w.policy_version, w.sla, w.kill_reason, w.always_human,"
	"       ARRAY(SELECT c.code::pg_catalog.text FROM hitl.decision_code c"
	"             WHERE c.workflow IS NULL"
	"             OR c.workflow OPERATOR(pg_catalog.=) w.name ORDER BY 1),"
	"       w.quota, w.notes"
	"  FROM hitl.workflow w"
	" WHERE w.name OPERATOR(pg_catalog.=) $1",
	.nargs = 1,
	.argtypes = {TEXTOID}
};

/* the columns of load_query */
enum
{
	COL_QUEUE = 1, COL_LANE, COL_QUESTION, COL_APPLICATION, COL_MODE,
	COL_VERSION, COL_SLA, COL_KILL_REASON, COL_ALWAYS_HUMAN, COL_CODES,
	COL_QUOTA, COL_NOTES
};

static HitlQuery policy_query = {
	.text =
	"SELECT p.version, p.upper, p.lower, p.audit_rate_approve,"
	"       p.audit_rate_reject, p.novelty_limit, p.fairness_limit,"
	"       p.field_limit, p.step_limit, p.irreversible, p.on_invalid,"
	"       p.on_timeout, p.veto_window, p.challenger, p.queue, p.sla,"
	"       p.fairness_queue, p.fairness_sla, p.required_context, w.baseline,"
	"       p.approvals, p.panel, p.overlap_rate, p.stages, p.blind,"
	"       p.blind_rate, p.step_up, p.step_up_tier, p.explanation, p.rubric,"
	"       p.max_resubmits, p.resubmit_window"
	"  FROM hitl.policy p JOIN hitl.workflow w"
	"    ON w.name OPERATOR(pg_catalog.=) p.workflow"
	" WHERE p.workflow OPERATOR(pg_catalog.=) $1"
	"   AND p.version OPERATOR(pg_catalog.=) $2",
	.nargs = 2,
	.argtypes = {TEXTOID, INT4OID}
};

/* the columns of policy_query */
enum
{
	POLICY_VERSION = 1, POLICY_UPPER, POLICY_LOWER, POLICY_AUDIT_APPROVE,
	POLICY_AUDIT_REJECT, POLICY_NOVELTY_LIMIT, POLICY_FAIRNESS_LIMIT,
	POLICY_FIELD_LIMIT, POLICY_STEP_LIMIT, POLICY_IRREVERSIBLE,
	POLICY_ON_INVALID, POLICY_ON_TIMEOUT, POLICY_VETO_WINDOW,
	POLICY_CHALLENGER, POLICY_QUEUE, POLICY_SLA, POLICY_FAIRNESS_QUEUE,
	POLICY_FAIRNESS_SLA, POLICY_REQUIRED, POLICY_BASELINE, POLICY_APPROVALS,
	POLICY_PANEL, POLICY_OVERLAP_RATE, POLICY_STAGES, POLICY_BLIND,
	POLICY_BLIND_RATE, POLICY_STEP_UP, POLICY_STEP_UP_TIER,
	POLICY_EXPLANATION, POLICY_RUBRIC, POLICY_MAX_RESUBMITS,
	POLICY_RESUBMIT_WINDOW
};

static HitlQuery any_query = {
	.text =
	"SELECT FROM hitl.workflow LIMIT 1",
	.nargs = 0
};

static HitlQuery rules_query = {
	.text =
	"SELECT r.name, r.condition, r.condition::pg_catalog.text, r.route,"
	"       r.lane, r.tier, r.queue, r.sla, r.question,"
	"       COALESCE(r.reason, r.condition::pg_catalog.text), r.skills,"
	"       r.approvals"
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
	RULE_TIER, RULE_QUEUE, RULE_SLA, RULE_QUESTION, RULE_REASON, RULE_SKILLS,
	RULE_APPROVALS
};

static HitlQuery worth_query = {
	.text =
	"SELECT lo, value FROM hitl.confidence_map"
	" WHERE workflow OPERATOR(pg_catalog.=) $1 ORDER BY lo",
	.nargs = 1,
	.argtypes = {TEXTOID}
};

static HitlQuery sla_query = {
	.text =
	"SELECT first_review, resolution FROM hitl.sla"
	" WHERE name OPERATOR(pg_catalog.=) $1",
	.nargs = 1,
	.argtypes = {TEXTOID}
};

static HTAB *slas = NULL;

/* without a value: what stands in its place */
static double
column_float8(int number, double missing)
{
	bool		isnull;
	Datum		value = hitl_spi_value(0, number, &isnull);

	return isnull ? missing : DatumGetFloat8(value);
}

static bool
column_bool(int number)
{
	bool		isnull;

	return DatumGetBool(hitl_spi_value(0, number, &isnull));
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
	if (w->context)
		MemoryContextDelete(w->context);
	w->context = NULL;
	w->kill_reason = NULL;
	w->question = NULL;
	w->codes = (Datum) 0;
	w->notes = NULL;
	w->nworth = 0;
	w->worth = NULL;
	w->policy = NULL;
	w->challenger = NULL;
	w->exists = false;
	w->generation = 0;
}

/*
 * Rules
 */

static void
read_rule(HitlPolicy *p, uint64 row)
{
	HitlRule   *rule = &p->rules[row];
	Datum		value;
	bool		isnull;

	hitl_spi_name(row, RULE_NAME, &rule->name);
	value = hitl_spi_value(row, RULE_CONDITION, &isnull);
	rule->condition = (JsonPath *) PG_DETOAST_DATUM_COPY(value);
	rule->keys = hitl_rule_keys(hitl_spi_string(row, RULE_CONDITION_TEXT));
	rule->review = hitl_spi_string(row, RULE_ROUTE) != NULL;
	value = hitl_spi_value(row, RULE_LANE, &isnull);
	rule->lane = isnull ? -1 : DatumGetInt16(value);
	value = hitl_spi_value(row, RULE_TIER, &isnull);
	rule->tier = isnull ? 0 : DatumGetInt32(value);
	hitl_spi_name(row, RULE_QUEUE, &rule->queue);
	hitl_spi_name(row, RULE_SLA, &rule->sla);
	rule->question = hitl_spi_string(row, RULE_QUESTION);
	rule->reason = hitl_spi_string(row, RULE_REASON);
	value = hitl_spi_value(row, RULE_SKILLS, &isnull);
	rule->skills = hitl_names_copy(value, isnull);
	rule->approvals = hitl_spi_int32(row, RULE_APPROVALS, 0);
	p->rule_keys |= rule->keys;
}

static void
read_rules(HitlPolicy *p)
{
	if (SPI_processed == 0)
		return;
	p->rules = palloc0(sizeof(HitlRule) * SPI_processed);
	for (uint64 row = 0; row < SPI_processed; row++)
		read_rule(p, row);
	p->nrules = SPI_processed;
}

bool
hitl_path_read(const char *text, HitlPath *path)
{
	const char *dot = strchr(text, '.');
	bool		valid;

	path->text = pstrdup(text);
	path->key = hitl_key_find(text, dot ? (size_t) (dot - text) : strlen(text));
	valid = path->key >= 0 && path->key != HITL_KEY_ID &&
		(dot == NULL || hitl_key[path->key].type == JSONBOID);
	if (path->key < 0)			/* never there, so always missing */
		path->key = HITL_KEY_CONTEXT;
	path->step = palloc(sizeof(char *) * (strlen(text) + 1));
	while (dot != NULL)
	{
		const char *next = strchr(dot + 1, '.');
		char	   *step = next ? pnstrdup(dot + 1, next - dot - 1) :
			pstrdup(dot + 1);

		valid &= *step != '\0';
		path->step[path->nsteps++] = step;
		dot = next;
	}
	return valid;
}

static void
read_required(HitlPolicy *p, Datum array)
{
	Datum	   *elems;
	int			nelems;

	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false,
					  TYPALIGN_INT, &elems, NULL, &nelems);
	p->required = palloc0(sizeof(HitlPath) * Max(nelems, 1));
	for (int i = 0; i < nelems; i++)
		(void) hitl_path_read(TextDatumGetCString(elems[i]), &p->required[i]);
	p->nrequired = nelems;
}

static ArrayType *
column_names(int number)
{
	bool		isnull;
	Datum		value = hitl_spi_value(0, number, &isnull);

	return hitl_names_copy(value, isnull);
}

/*
 * What a policy demands of the persons who review.
 */
static void
read_demands(HitlPolicy *p)
{
	p->approvals = hitl_spi_int32(0, POLICY_APPROVALS, 1);
	p->panel = hitl_spi_int32(0, POLICY_PANEL, 1);
	p->overlap_rate = column_float8(POLICY_OVERLAP_RATE, 0);
	p->blind_rate = column_bool(POLICY_BLIND) ?
		column_float8(POLICY_BLIND_RATE, 1) : 0;
	p->stages = column_names(POLICY_STAGES);
	p->step_up = column_names(POLICY_STEP_UP);
	p->step_up_tier = hitl_spi_int32(0, POLICY_STEP_UP_TIER, 1);
	p->explanation = column_bool(POLICY_EXPLANATION);
	p->rubric = hitl_spi_int32(0, POLICY_RUBRIC, 0);
	p->max_resubmits = hitl_spi_int32(0, POLICY_MAX_RESUBMITS, -1);
	(void) column_interval(POLICY_RESUBMIT_WINDOW, &p->resubmit_window);
}

static void
read_policy(HitlPolicy *p)
{
	char	   *on_timeout = hitl_spi_string(0, POLICY_ON_TIMEOUT);
	bool		isnull;

	p->version = hitl_spi_int32(0, POLICY_VERSION, 0);
	p->upper = column_float8(POLICY_UPPER, -1);
	p->has_upper = p->upper >= 0;
	p->lower = column_float8(POLICY_LOWER, 0);
	double_to_shortest_decimal_buf(p->upper, p->upper_text);
	double_to_shortest_decimal_buf(p->lower, p->lower_text);
	p->audit_rate_approve = column_float8(POLICY_AUDIT_APPROVE, 0);
	p->audit_rate_reject = column_float8(POLICY_AUDIT_REJECT, 0);
	p->novelty_limit = column_float8(POLICY_NOVELTY_LIMIT, -1);
	p->fairness_limit = column_float8(POLICY_FAIRNESS_LIMIT, -1);
	p->field_limit = column_float8(POLICY_FIELD_LIMIT, -1);
	p->step_limit = column_float8(POLICY_STEP_LIMIT, -1);
	p->irreversible = column_bool(POLICY_IRREVERSIBLE);
	p->error_on_invalid =
		strcmp(hitl_spi_string(0, POLICY_ON_INVALID), "error") == 0;
	p->on_timeout = strcmp(on_timeout, "approve") == 0 ? HITL_TIMEOUT_APPROVE :
		strcmp(on_timeout, "reject") == 0 ? HITL_TIMEOUT_REJECT :
		HITL_TIMEOUT_HOLD;
	(void) column_interval(POLICY_VETO_WINDOW, &p->veto_window);
	p->challenger = hitl_spi_int32(0, POLICY_CHALLENGER, 0);
	hitl_spi_name(0, POLICY_QUEUE, &p->queue);
	hitl_spi_name(0, POLICY_SLA, &p->sla);
	hitl_spi_name(0, POLICY_FAIRNESS_QUEUE, &p->fairness_queue);
	hitl_spi_name(0, POLICY_FAIRNESS_SLA, &p->fairness_sla);
	read_required(p, hitl_spi_value(0, POLICY_REQUIRED, &isnull));
	read_demands(p);
}

HitlPolicy *
hitl_policy_load(const char *workflow, int32 version, Snapshot snapshot)
{
	HitlPolicy *p = palloc0(sizeof(HitlPolicy));
	int32		baseline;
	Datum		args[2];

	/* what holds where there is no policy */
	p->novelty_limit = p->fairness_limit = p->field_limit = p->step_limit = -1;
	p->irreversible = true;
	p->approvals = p->panel = p->step_up_tier = 1;
	p->max_resubmits = -1;
	if (version == 0)
		return p;

	args[0] = CStringGetTextDatum(workflow);
	args[1] = Int32GetDatum(version);
	hitl_spi_run(&policy_query, args, snapshot, 1);
	if (SPI_processed == 0)
		return p;
	read_policy(p);
	baseline = hitl_spi_int32(0, POLICY_BASELINE, 0);
	hitl_spi_run(&rules_query, args, snapshot, 0);
	read_rules(p);
	if (p->novelty_limit >= 0 && baseline > 0)
		p->baseline = hitl_baseline_load(workflow, baseline, p->novelty_limit,
										 snapshot);
	return p;
}

static HitlMode
mode_of(const char *mode, const HitlPolicy *policy)
{
	/* a workflow whose mode was never set goes by its policy */
	if (mode == NULL)
		return policy->has_upper || policy->lower > 0 ?
			HITL_MODE_IN_LOOP : HITL_MODE_MANUAL;
	if (strcmp(mode, "in_loop") == 0)
		return HITL_MODE_IN_LOOP;
	if (strcmp(mode, "on_loop") == 0)
		return HITL_MODE_ON_LOOP;
	if (strcmp(mode, "shadow") == 0)
		return HITL_MODE_SHADOW;
	return HITL_MODE_MANUAL;
}

static void
read_worth(HitlWorkflow *w, Snapshot snapshot)
{
	Datum		arg = CStringGetTextDatum(NameStr(w->name));

	hitl_spi_run(&worth_query, &arg, snapshot, 0);
	w->nworth = SPI_processed;
	w->worth = palloc(sizeof(HitlWorth) * Max(w->nworth, 1));
	for (int i = 0; i < w->nworth; i++)
	{
		bool		isnull;

		w->worth[i].lo = DatumGetFloat8(hitl_spi_value(i, 1, &isnull));
		w->worth[i].value = DatumGetFloat8(hitl_spi_value(i, 2, &isnull));
	}
}

double
hitl_worth(const HitlWorkflow *workflow, double confidence)
{
	double		result = confidence;

	for (int i = 0; i < workflow->nworth; i++)
	{
		if (confidence < workflow->worth[i].lo)
			break;
		result = workflow->worth[i].value;
	}
	return result;
}

static void
read_row(HitlWorkflow *w, Snapshot snapshot)
{
	Datum		value;
	bool		isnull;
	char	   *mode = hitl_spi_string(0, COL_MODE);
	int32		version = hitl_spi_int32(0, COL_VERSION, 0);

	hitl_spi_name(0, COL_QUEUE, &w->queue);
	w->lane = DatumGetInt16(hitl_spi_value(0, COL_LANE, &isnull));
	value = hitl_spi_value(0, COL_APPLICATION, &isnull);
	w->application = isnull ? InvalidOid : DatumGetObjectId(value);
	hitl_spi_name(0, COL_SLA, &w->sla);
	w->always_human = column_bool(COL_ALWAYS_HUMAN);
	w->kill_reason = hitl_spi_string(0, COL_KILL_REASON);
	w->question = hitl_spi_string(0, COL_QUESTION);
	value = hitl_spi_value(0, COL_CODES, &isnull);
	w->codes = datumCopy(value, false, -1);
	w->quota = hitl_spi_int32(0, COL_QUOTA, 0);
	w->notes = hitl_spi_string(0, COL_NOTES);

	w->policy = hitl_policy_load(NameStr(w->name), version, snapshot);
	if (w->policy->challenger > 0)
		w->challenger = hitl_policy_load(NameStr(w->name),
										 w->policy->challenger, snapshot);
	w->mode = mode_of(mode, w->policy);
	read_worth(w, snapshot);
	w->exists = true;
}

static void
load(HitlWorkflow *w, uint64 generation)
{
	HitlSpi		spi;
	Datum		arg;
	Snapshot	snapshot;

	forget(w);
	arg = CStringGetTextDatum(NameStr(w->name));
	hitl_spi_begin(&spi);
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	hitl_spi_run(&load_query, &arg, snapshot, 1);
	if (SPI_processed > 0)
	{
		MemoryContext old;

		w->context = AllocSetContextCreate(hitl_cache_context(),
										   "hitl workflow",
										   ALLOCSET_SMALL_SIZES);
		old = MemoryContextSwitchTo(w->context);
		read_row(w, snapshot);
		MemoryContextSwitchTo(old);
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

const NameData *
hitl_queue_of(const HitlWorkflow *workflow, const HitlPolicy *policy)
{
	return NameStr(policy->queue)[0] != '\0' ? &policy->queue :
		&workflow->queue;
}

const NameData *
hitl_sla_of(const HitlWorkflow *workflow, const HitlPolicy *policy)
{
	return NameStr(policy->sla)[0] != '\0' ? &policy->sla : &workflow->sla;
}
