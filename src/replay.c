/*
 * replay.c
 *		What a policy would have said of the decisions on record.
 *
 * Stored rows go through hitl_judge, the evaluator of the gate, straight from
 * the scan: no row is copied or kept, and only the columns that the policy
 * looks at are read.  What is kept is the tally, and one entry for each label
 * and for each hour with reviews.
 *
 * Policies are compared with policies: with gate_route, which is what the
 * thresholds, rules and limits said, whatever mode or kill made of it.
 *
 * Nothing is written, and all but the earlier steps of a case is read under the
 * snapshot of the query: this works on a standby and in a transaction that may
 * only read.
 */
#include "hitl.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "tcop/dest.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/uuid.h"

#include "cache.h"
#include "candidate.h"
#include "interval.h"
#include "judge.h"

#define LEVEL			0.95

/* routes that policies give; old ones may be none of them */
#define NROUTES			(HITL_REVIEW + 1)
#define OTHER_ROUTE		NROUTES

/* of the result */
enum
{
	OUT_OLD, OUT_NEW, OUT_DECISIONS, OUT_LABELS, OUT_WEIGHT_SUM, OUT_ERROR,
	OUT_ERROR_LO, OUT_ERROR_HI, OUT_ERRORS, OUT_ERRORS_LO, OUT_ERRORS_HI,
	OUT_EXTRA_REVIEWS, OUT_AUDITS, OUT_REVIEW_SECONDS, OUT_PEAK_HOUR,
	NOUT
};

/* of the scan, before those that the policy looks at */
enum
{
	COL_ID, COL_CREATED_AT, COL_GATE_ROUTE, NFIRST
};

/* of the labels */
enum
{
	LABEL_ID, LABEL_CORRECT, LABEL_PROPENSITY, NLABEL
};

/* what people found about a decision */
typedef struct Label
{
	pg_uuid_t	id;
	char		status;
	bool		wrong;
	double		weight;
} Label;

#define SH_PREFIX			labels
#define SH_ELEMENT_TYPE		Label
#define SH_KEY_TYPE			pg_uuid_t
#define SH_KEY				id
#define SH_HASH_KEY(tb, key)	hash_bytes((key).data, UUID_LEN)
#define SH_EQUAL(tb, a, b)	(memcmp((a).data, (b).data, UUID_LEN) == 0)
#define SH_SCOPE			static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

/* decisions of an hour that come to review, by old route */
typedef struct Hour
{
	int64		hour;			/* hash key */
	int64		reviews[NROUTES + 1];
} Hour;

typedef struct Cell
{
	int64		decisions;
	ScoreState *score;			/* of the labels: wrong or not; NULL: none */
} Cell;

typedef struct Replay
{
	Datum		workflow;
	HitlPolicy *policy;			/* the candidate */
	Snapshot	snapshot;
	MemoryContext context;
	MemoryContext row_context;

	int			nkeys;
	HitlKey		key[HITL_NKEYS];	/* of the columns behind NFIRST */
	bool		usable[HITL_NKEYS]; /* those have the right type */
	HitlRow		row;			/* NULL where not looked at */

	labels_hash *labels;
	bool		has_seconds;
	double		seconds;		/* mean, of a review */

	Cell		cell[NROUTES + 1][NROUTES]; /* by old and new route */
	HTAB	   *hours;
	Hour	   *hour;			/* of the row before */
} Replay;

/* takes the rows of a query as they come */
typedef struct Receiver
{
	DestReceiver pub;
	Replay	   *replay;
} Receiver;

static HitlQuery verdicts_query = {
	.text =
	"SELECT pg_catalog.avg(seconds),"
	"       COALESCE(pg_catalog.bool_or(final), false)"
	"  FROM hitl.verdict"
	" WHERE workflow OPERATOR(pg_catalog.=) $1",
	.nargs = 1,
	.argtypes = {TEXTOID}
};

/*
 * Without OFFSET the view would look for the verdicts of each decision, when
 * far more decisions have none.
 */
static const char *const labels_query =
"SELECT l.id, l.correct, l.propensity"
"  FROM (SELECT DISTINCT v.decision FROM hitl.verdict v"
"         WHERE v.workflow OPERATOR(pg_catalog.=) $1 AND v.final"
"           AND ($2 IS NULL OR v.decision"
"                OPERATOR(pg_catalog.>=) hitl.uuid_floor($2))"
"           AND ($3 IS NULL OR v.decision"
"                OPERATOR(pg_catalog.<) hitl.uuid_floor($3))) v,"
"       LATERAL (SELECT b.id, b.correct, b.propensity FROM hitl.label b"
"                 WHERE b.id OPERATOR(pg_catalog.=) v.decision"
"                   AND b.workflow OPERATOR(pg_catalog.=) $1"
"                   AND b.correct IS NOT NULL OFFSET 0) l";

PG_FUNCTION_INFO_V1(hitl_replay);

/* ---------- rows as they come ---------- */

static void
ignore_startup(DestReceiver *self, int operation, TupleDesc tupdesc)
{
}

static void
ignore_shutdown(DestReceiver *self)
{
}

/*
 * Whether a bound of the period is none.
 */
static bool
is_endless(FunctionCallInfo fcinfo, int arg)
{
	return (arg == ARG_SINCE &&
			TIMESTAMP_IS_NOBEGIN(PG_GETARG_TIMESTAMPTZ(arg))) ||
		(arg == ARG_UNTIL && TIMESTAMP_IS_NOEND(PG_GETARG_TIMESTAMPTZ(arg)));
}

/*
 * Runs a query of the workflow ($1) and the period ($2, $3).  Planned for
 * these very values, so that partitions outside the period are left out.
 */
static void
run_query(FunctionCallInfo fcinfo, Replay *r, const char *text,
		  void (*startup) (DestReceiver *self, int operation, TupleDesc tupdesc),
		  bool (*receive) (TupleTableSlot *slot, DestReceiver *self))
{
	Oid			types[] = {TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID};
	ParamListInfo params = makeParamList(lengthof(types));
	SPIExecuteOptions options = {0};
	SPIPlanPtr	plan;
	Receiver	receiver = {
		.pub = {
			.receiveSlot = receive,
			.rStartup = startup,
			.rShutdown = ignore_shutdown,
			.rDestroy = ignore_shutdown,
			.mydest = DestNone
		},
		.replay = r
	};
	int			rc;

	for (int i = 0; i < (int) lengthof(types); i++)
	{
		params->params[i].value = PG_GETARG_DATUM(i);
		params->params[i].isnull = PG_ARGISNULL(i) || is_endless(fcinfo, i);
		params->params[i].pflags = PARAM_FLAG_CONST;
		params->params[i].ptype = types[i];
	}
	plan = SPI_prepare_cursor(text, lengthof(types), types,
							  CURSOR_OPT_CUSTOM_PLAN);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare_cursor failed: %s",
			 SPI_result_code_string(SPI_result));
	options.params = params;
	options.read_only = true;
	options.dest = &receiver.pub;
	rc = SPI_execute_plan_extended(plan, &options);
	if (rc < 0)
		elog(ERROR, "SPI_execute_plan_extended failed: %s",
			 SPI_result_code_string(rc));
	SPI_freeplan(plan);
}

/*
 * Labels
 */

static bool
receive_label(TupleTableSlot *slot, DestReceiver *self)
{
	Replay	   *r = ((Receiver *) self)->replay;
	Label	   *label;
	double		weight;
	bool		found;

	slot_getallattrs(slot);
	if (slot->tts_isnull[LABEL_ID] || slot->tts_isnull[LABEL_CORRECT] ||
		slot->tts_isnull[LABEL_PROPENSITY])
		return true;
	/* judged under no known probability: stands for nothing */
	weight = 1.0 / DatumGetFloat8(slot->tts_values[LABEL_PROPENSITY]);
	if (!(weight >= 1.0 && isfinite(weight)))
		return true;
	label = labels_insert(r->labels,
						  *DatumGetUUIDP(slot->tts_values[LABEL_ID]), &found);
	label->wrong = !DatumGetBool(slot->tts_values[LABEL_CORRECT]);
	label->weight = weight;
	return true;
}

static void
read_labels(FunctionCallInfo fcinfo, Replay *r)
{
	bool		judged;
	bool		isnull;

	hitl_spi_run(&verdicts_query, &r->workflow, r->snapshot, 1);
	r->seconds = DatumGetFloat8(hitl_spi_value(0, 1, &isnull));
	r->has_seconds = !isnull;
	judged = DatumGetBool(hitl_spi_value(0, 2, &isnull));
	r->labels = labels_create(r->context, 256, NULL);
	if (judged)
		run_query(fcinfo, r, labels_query, ignore_startup, receive_label);
}

/*
 * Decisions
 */

static int
old_route(TupleTableSlot *slot)
{
	text	   *name;
	size_t		len;

	if (slot->tts_isnull[COL_GATE_ROUTE])
		return OTHER_ROUTE;
	name = DatumGetTextPP(slot->tts_values[COL_GATE_ROUTE]);
	len = VARSIZE_ANY_EXHDR(name);
	for (int route = 0; route < NROUTES; route++)
	{
		const char *known = hitl_route_name(route);

		if (strlen(known) == len && memcmp(known, VARDATA_ANY(name), len) == 0)
			return route;
	}
	return OTHER_ROUTE;
}

static void
count_review(Replay *r, int old, Datum created_at)
{
	TimestampTz time = DatumGetTimestampTz(created_at);
	int64		hour = time / USECS_PER_HOUR - (time % USECS_PER_HOUR < 0);

	/* rows come mostly in the order of time */
	if (r->hour == NULL || r->hour->hour != hour)
	{
		bool		found;

		r->hour = hash_search(r->hours, &hour, HASH_ENTER, &found);
		if (!found)
			memset(r->hour->reviews, 0, sizeof(r->hour->reviews));
	}
	r->hour->reviews[old]++;
}

static void
count_label(Replay *r, Cell *cell, const Label *label)
{
	ScoreState *score = cell->score;

	if (score == NULL)
		score = cell->score = hitl_score_create(r->context, 1, LEVEL);
	if (label->weight > score->max_weight)
		hitl_score_set_exponent(score, label->weight);
	hitl_score_add(score, &score->bin[0], 0.0, label->wrong,
				   label->weight * score->unit);
}

/*
 * The gate, too, takes a column that has not the right type for missing.
 */
static void
begin_decisions(DestReceiver *self, int operation, TupleDesc tupdesc)
{
	Replay	   *r = ((Receiver *) self)->replay;

	for (int i = 0; i < r->nkeys; i++)
		r->usable[i] = TupleDescAttr(tupdesc, NFIRST + i)->atttypid ==
			hitl_key[r->key[i]].type;
}

static bool
receive_decision(TupleTableSlot *slot, DestReceiver *self)
{
	Replay	   *r = ((Receiver *) self)->replay;
	MemoryContext old_context;
	HitlJudgement judgement;
	Cell	   *cell;
	int			old;

	CHECK_FOR_INTERRUPTS();
	slot_getallattrs(slot);
	for (int i = 0; i < r->nkeys; i++)
	{
		HitlKey		key = r->key[i];

		r->row.value[key] = slot->tts_values[NFIRST + i];
		r->row.isnull[key] = slot->tts_isnull[NFIRST + i] || !r->usable[i];
	}
	old_context = MemoryContextSwitchTo(r->row_context);
	hitl_rules_new_row();
	hitl_judge(r->policy, &r->row, NULL, &judgement);
	old = old_route(slot);
	MemoryContextSwitchTo(old_context);
	MemoryContextReset(r->row_context);

	cell = &r->cell[old][judgement.route];
	cell->decisions++;
	if (judgement.route == HITL_REVIEW)
		count_review(r, old, slot->tts_values[COL_CREATED_AT]);
	if (r->labels->members > 0)
	{
		Label	   *label;

		label = labels_lookup(r->labels,
							  *DatumGetUUIDP(slot->tts_values[COL_ID]));
		if (label != NULL)
			count_label(r, cell, label);
	}
	return true;
}

static void
read_decisions(FunctionCallInfo fcinfo, Replay *r)
{
	StringInfoData query;
	HASHCTL		ctl;
	uint32		keys = hitl_judge_keys(r->policy);

	ctl.keysize = sizeof(int64);
	ctl.entrysize = sizeof(Hour);
	ctl.hcxt = r->context;
	r->hours = hash_create("hitl hours", 1024, &ctl,
						   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	r->row_context = AllocSetContextCreate(r->context, "hitl replay row",
										   ALLOCSET_DEFAULT_SIZES);

	r->row.stored = true;
	initStringInfo(&query);
	appendStringInfoString(&query,
						   "SELECT d.id, d.created_at, d.gate_route");
	for (int i = 0; i < HITL_NKEYS; i++)
	{
		r->row.isnull[i] = true;
		if (!(keys & (1U << i)))
			continue;
		appendStringInfo(&query, ", d.%s", hitl_key[i].name);
		r->key[r->nkeys++] = i;
	}
	appendStringInfoString(&query,
						   "  FROM hitl.decision d"
						   " WHERE d.workflow OPERATOR(pg_catalog.=) $1"
						   "   AND ($2 IS NULL OR d.id"
						   "        OPERATOR(pg_catalog.>=) hitl.uuid_floor($2))"
						   "   AND ($3 IS NULL OR d.id"
						   "        OPERATOR(pg_catalog.<) hitl.uuid_floor($3))");
	run_query(fcinfo, r, query.data, begin_decisions, receive_decision);
}

/* ---------- the result ---------- */

typedef struct Line
{
	Datum		values[NOUT];
	bool		nulls[NOUT];
} Line;

static void
set_float8(Line *line, int column, double value)
{
	line->values[column] = Float8GetDatum(value);
	line->nulls[column] = false;
}

static void
set_int64(Line *line, int column, int64 value)
{
	line->values[column] = Int64GetDatum(value);
	line->nulls[column] = false;
}

static void
set_errors(Line *line, HitlRoute route, const Cell *cell, double z)
{
	const ScoreState *score = cell->score;
	double		n = cell->decisions;
	double		p;
	double		n_eff;
	double		lo;
	double		hi;

	set_int64(line, OUT_LABELS, score ? score->bin[0].n : 0);
	set_float8(line, OUT_WEIGHT_SUM,
			   score ? hitl_score_weight(score, score->bin[0].w) : 0.0);
	if (score != NULL)
	{
		hitl_weighted_share(&score->bin[0], &p, NULL, &n_eff);
		hitl_wilson_limits(p, n_eff, z, &lo, &hi);
		set_float8(line, OUT_ERROR, p);
		set_float8(line, OUT_ERROR_LO, lo);
		set_float8(line, OUT_ERROR_HI, hi);
	}

	if (route == HITL_REVIEW)	/* a person will see */
	{
		set_float8(line, OUT_ERRORS, 0.0);
		set_float8(line, OUT_ERRORS_LO, 0.0);
		set_float8(line, OUT_ERRORS_HI, 0.0);
	}
	else if (score != NULL && route == HITL_AUTO_APPROVE)
	{
		set_float8(line, OUT_ERRORS, n * p);
		set_float8(line, OUT_ERRORS_LO, n * lo);
		set_float8(line, OUT_ERRORS_HI, n * hi);
	}
	else if (score != NULL)		/* what is rejected though it is right */
	{
		set_float8(line, OUT_ERRORS, n * (1.0 - p));
		set_float8(line, OUT_ERRORS_LO, n * (1.0 - hi));
		set_float8(line, OUT_ERRORS_HI, n * (1.0 - lo));
	}
}

static int64
peak_hour(const Replay *r, int old)
{
	HASH_SEQ_STATUS seq;
	Hour	   *hour;
	int64		peak = 0;

	hash_seq_init(&seq, r->hours);
	while ((hour = hash_seq_search(&seq)) != NULL)
		peak = Max(peak, hour->reviews[old]);
	return peak;
}

static void
set_load(Line *line, const Replay *r, int old, HitlRoute new)
{
	int64		n = r->cell[old][new].decisions;
	bool		review = new == HITL_REVIEW;

	if (old != OTHER_ROUTE)
		set_int64(line, OUT_EXTRA_REVIEWS,
				  review == (old == HITL_REVIEW) ? 0 : review ? n : -n);
	set_float8(line, OUT_AUDITS,
			   review ? 0.0 : n * hitl_propensity(r->policy, new, new));
	if (!review)
		set_float8(line, OUT_REVIEW_SECONDS, 0.0);
	else if (r->has_seconds)
		set_float8(line, OUT_REVIEW_SECONDS, n * r->seconds);
	set_int64(line, OUT_PEAK_HOUR, review ? peak_hour(r, old) : 0);
}

static void
put_cell(ReturnSetInfo *rsinfo, const Replay *r, int old, HitlRoute new,
		 double z)
{
	const Cell *cell = &r->cell[old][new];
	Line		line;

	if (cell->decisions == 0)
		return;
	memset(line.nulls, true, sizeof(line.nulls));
	memset(line.values, 0, sizeof(line.values));
	if (old != OTHER_ROUTE)
	{
		line.values[OUT_OLD] = CStringGetTextDatum(hitl_route_name(old));
		line.nulls[OUT_OLD] = false;
	}
	line.values[OUT_NEW] = CStringGetTextDatum(hitl_route_name(new));
	line.nulls[OUT_NEW] = false;
	set_int64(&line, OUT_DECISIONS, cell->decisions);
	set_errors(&line, new, cell, z);
	set_load(&line, r, old, new);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, line.values,
						 line.nulls);
}

Datum
hitl_replay(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Replay	   *r;
	HitlSpi		spi;
	double		z = hitl_normal_z(LEVEL);

	if (PG_ARGISNULL(ARG_WORKFLOW))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the workflow must not be null")));
	if (!PG_ARGISNULL(ARG_SINCE) && !PG_ARGISNULL(ARG_UNTIL) &&
		PG_GETARG_TIMESTAMPTZ(ARG_SINCE) >= PG_GETARG_TIMESTAMPTZ(ARG_UNTIL))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the period to replay is empty"),
				 errhint("\"since\" must be before \"until\".")));
	InitMaterializedSRF(fcinfo, 0);

	hitl_spi_begin(&spi);
	r = palloc0(sizeof(Replay));
	r->context = CurrentMemoryContext;
	r->workflow = PG_GETARG_DATUM(ARG_WORKFLOW);
	r->snapshot = GetActiveSnapshot();
	r->policy = hitl_candidate(fcinfo, r->snapshot);
	read_labels(fcinfo, r);
	read_decisions(fcinfo, r);
	for (int old = 0; old <= OTHER_ROUTE; old++)
		for (int new = 0; new < NROUTES; new++)
			put_cell(rsinfo, r, old, new, z);
	hitl_spi_end(&spi);
	return (Datum) 0;
}
