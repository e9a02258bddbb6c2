/*
 * packet.c
 *		What a reviewer is shown with a task.
 *
 * A task never copies the payload; the packet is read from the decision at
 * the moment of the claim, together with what was decided before: on the same
 * subject in the same workflow, and on this decision itself.
 */
#include "hitl.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/snapmgr.h"

#include "cache.h"
#include "packet.h"

/* columns of hitl.claim, as in sql/45_review.sql */
enum
{
	PACKET_TASK, PACKET_LEASE, PACKET_DECISION, PACKET_WORKFLOW, PACKET_QUEUE,
	PACKET_KIND, PACKET_LANE, PACKET_DUE_AT, PACKET_TIME_LEFT, PACKET_QUESTION,
	PACKET_REASONS, PACKET_INPUT, PACKET_OUTPUT, PACKET_CONFIDENCE,
	PACKET_REASONING, PACKET_ALTERNATIVES, PACKET_CONTEXT, PACKET_HISTORY,
	PACKET_CODES, PACKET_RUBRIC,
	PACKET_NATTS
};

static HitlQuery decision_query = {
	.text =
	"SELECT question, reasons, input, output, confidence, reasoning,"
	"       alternatives, context, subject"
	"  FROM hitl.decision WHERE id OPERATOR(pg_catalog.=) $1",
	.nargs = 1,
	.argtypes = {UUIDOID}
};

/* the five decisions before this one, the latest first */
static HitlQuery history_query = {
	.text =
	"SELECT pg_catalog.jsonb_agg(h.item ORDER BY h.id DESC) FROM ("
	"  SELECT d.id, pg_catalog.jsonb_build_object("
	"           'decision', d.id, 'created_at', d.created_at,"
	"           'route', d.route, 'confidence', d.confidence,"
	"           'output', d.output, 'outcome', v.outcome,"
	"           'amended', v.output, 'note', v.note) AS item"
	"    FROM hitl.decision d"
	"    LEFT JOIN LATERAL (SELECT outcome, output, note FROM hitl.verdict"
	"                        WHERE decision OPERATOR(pg_catalog.=) d.id AND final"
	"                        ORDER BY id DESC LIMIT 1) v ON true"
	"   WHERE d.workflow OPERATOR(pg_catalog.=) $2"
	"     AND d.subject OPERATOR(pg_catalog.=) $3"
	"     AND d.id OPERATOR(pg_catalog.<) $1"
	"   ORDER BY d.id DESC LIMIT 5) h",
	.nargs = 3,
	.argtypes = {UUIDOID, TEXTOID, TEXTOID}
};

static HitlQuery verdicts_query = {
	.text =
	"SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object("
	"         'created_at', created_at, 'reviewer', reviewer,"
	"         'action', action, 'output', output, 'code', code,"
	"         'note', note) ORDER BY id)"
	"  FROM hitl.verdict WHERE decision OPERATOR(pg_catalog.=) $1",
	.nargs = 1,
	.argtypes = {UUIDOID}
};

/*
 * Runs a query that returns one jsonb, and puts it into the object under
 * construction if it is not null.
 */
static void
add_list(JsonbParseState **state, const char *key, HitlQuery *query,
		 Datum *args, Snapshot snapshot)
{
	Datum		list;
	bool		isnull;
	JsonbValue	value;

	hitl_spi_run(query, args, snapshot, 1);
	list = hitl_spi_value(0, 1, &isnull);
	if (isnull)
		return;
	value.type = jbvString;
	value.val.string.val = unconstify(char *, key);
	value.val.string.len = strlen(key);
	(void) pushJsonbValue(state, WJB_KEY, &value);
	value.type = jbvBinary;
	value.val.binary.data = &DatumGetJsonbP(list)->root;
	value.val.binary.len = VARSIZE(DatumGetPointer(list)) - VARHDRSZ;
	(void) pushJsonbValue(state, WJB_VALUE, &value);
}

static Datum
history(const HitlTask *task, Datum subject, bool has_subject,
		Snapshot snapshot)
{
	JsonbParseState *state = NULL;
	Datum		args[3];

	args[0] = UUIDPGetDatum(&task->decision);
	args[1] = CStringGetTextDatum(NameStr(task->workflow));
	args[2] = subject;
	(void) pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	if (has_subject)
		add_list(&state, "subject", &history_query, args, snapshot);
	add_list(&state, "verdicts", &verdicts_query, args, snapshot);
	return JsonbPGetDatum(JsonbValueToJsonb(pushJsonbValue(&state,
														   WJB_END_OBJECT,
														   NULL)));
}

static void
add_packet(const HitlTask *task, TimestampTz now, Snapshot snapshot,
		   Tuplestorestate *store, TupleDesc tupdesc)
{
	const HitlWorkflow *workflow;
	Datum		v[PACKET_NATTS];
	bool		n[PACKET_NATTS] = {0};
	Datum		id = UUIDPGetDatum(&task->decision);
	Datum		subject;
	bool		has_subject;

	v[PACKET_TASK] = Int64GetDatum(task->id);
	v[PACKET_LEASE] = Int64GetDatum(task->lease);
	v[PACKET_DECISION] = id;
	v[PACKET_WORKFLOW] = CStringGetTextDatum(NameStr(task->workflow));
	v[PACKET_QUEUE] = CStringGetTextDatum(NameStr(task->queue));
	v[PACKET_KIND] = CStringGetTextDatum(hitl_kind_name(task->kind));
	v[PACKET_LANE] = Int16GetDatum(task->lane);
	n[PACKET_DUE_AT] = n[PACKET_TIME_LEFT] = task->due_at == DT_NOEND;
	v[PACKET_DUE_AT] = TimestampTzGetDatum(task->due_at);
	if (!n[PACKET_TIME_LEFT])
		v[PACKET_TIME_LEFT] = DirectFunctionCall2(timestamp_mi,
												  TimestampTzGetDatum(task->due_at),
												  TimestampTzGetDatum(now));

	hitl_spi_run(&decision_query, &id, snapshot, 1);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("the decision of task " INT64_FORMAT " is missing",
						task->id),
				 errhint("SELECT * FROM hitl.check() lists what does not fit.")));
	for (int i = PACKET_QUESTION; i <= PACKET_CONTEXT; i++)
		v[i] = hitl_spi_value(0, i - PACKET_QUESTION + 1, &n[i]);
	subject = hitl_spi_value(0, PACKET_CONTEXT - PACKET_QUESTION + 2,
							 &has_subject);
	has_subject = !has_subject;
	v[PACKET_HISTORY] = history(task, subject, has_subject, snapshot);

	workflow = hitl_workflow(NameStr(task->workflow),
							 strlen(NameStr(task->workflow)));
	if (task->question)
	{
		v[PACKET_QUESTION] = CStringGetTextDatum(task->question);
		n[PACKET_QUESTION] = false;
	}
	if (n[PACKET_QUESTION] && workflow && workflow->question)
	{
		v[PACKET_QUESTION] = CStringGetTextDatum(workflow->question);
		n[PACKET_QUESTION] = false;
	}
	n[PACKET_CODES] = workflow == NULL;
	if (workflow)
		v[PACKET_CODES] = workflow->codes;
	n[PACKET_RUBRIC] = true;	/* no workflow has one yet */
	tuplestore_putvalues(store, tupdesc, v, n);
}

void
hitl_packets(const HitlTask *tasks, int ntasks, TimestampTz now,
			 Tuplestorestate *store, TupleDesc tupdesc)
{
	Snapshot	snapshot = RegisterSnapshot(GetTransactionSnapshot());
	HitlSpi		spi;

	for (int i = 0; i < ntasks; i++)
	{
		/* its end frees what the packet took */
		hitl_spi_begin(&spi);
		add_packet(&tasks[i], now, snapshot, store, tupdesc);
		hitl_spi_end(&spi);
	}
	UnregisterSnapshot(snapshot);
}
