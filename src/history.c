/*
 * history.c
 *		What was decided, asked and answered before a reviewer looks at a task.
 *
 * Every claim asks for it, and mostly there is nothing: so that is looked up in
 * the indexes directly, and only earlier decisions on the subject cost a query.
 *
 * - Verdicts that only measure (overlap, gold) are never shown: they tell that
 *   there is another task.
 * - Who shall judge alone is shown no verdict on the decision, and of the
 *   questions those asked since they hold the task: their own.
 * - While the proposal is withheld, so is what was proposed and decided before
 *   on the same subject, which may well be the same.  So is, always, what of
 *   that somebody is still to judge alone: it may be the same person.
 */
#include "hitl.h"

#include "access/table.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"

#include "cache.h"
#include "decision.h"
#include "history.h"
#include "json.h"

/* the five decisions before this one, the latest first */
static HitlQuery subject_query = {
	.text =
	"SELECT pg_catalog.jsonb_agg(h.item ORDER BY h.id DESC) FROM ("
	"  SELECT d.id, CASE WHEN $4 OR EXISTS (SELECT FROM hitl.task t"
	"             WHERE t.decision OPERATOR(pg_catalog.=) d.id"
	"               AND (t.blind OR t.panel OPERATOR(pg_catalog.>) 1"
	"                    OR t.kind OPERATOR(pg_catalog.=) 'gold'))"
	"              OR EXISTS (SELECT FROM hitl.gold g"
	"             WHERE g.decision OPERATOR(pg_catalog.=) d.id"
	"               AND g.retired_at IS NULL)"
	"         THEN pg_catalog.jsonb_build_object("
	"           'decision', d.id, 'created_at', d.created_at)"
	"         ELSE pg_catalog.jsonb_build_object("
	"           'decision', d.id, 'created_at', d.created_at,"
	"           'route', d.route, 'confidence', d.confidence,"
	"           'output', d.output, 'outcome', v.outcome,"
	"           'amended', v.output, 'note', v.note) END AS item"
	"    FROM hitl.decision d"
	"    LEFT JOIN LATERAL (SELECT outcome, output, note FROM hitl.verdict"
	"                        WHERE decision OPERATOR(pg_catalog.=) d.id AND final"
	"                        ORDER BY id DESC LIMIT 1) v ON true"
	"   WHERE d.workflow OPERATOR(pg_catalog.=) $2"
	"     AND d.subject OPERATOR(pg_catalog.=) $3"
	"     AND d.id OPERATOR(pg_catalog.<) $1"
	"   ORDER BY d.id DESC LIMIT 5) h",
	.nargs = 4,
	.argtypes = {UUIDOID, TEXTOID, TEXTOID, BOOLOID}
};

/* a row of the records, and where its columns are */
typedef struct Record
{
	TupleTableSlot *slot;
	TupleDesc	tupdesc;
} Record;

/* a column of the row; the table may have been given others between */
static Datum
column(const Record *record, const char *name, Oid type, bool *isnull)
{
	int			attnum = hitl_find_column(record->tupdesc, name, type);

	*isnull = attnum == 0 || record->slot->tts_isnull[attnum - 1];
	return *isnull ? (Datum) 0 : record->slot->tts_values[attnum - 1];
}

/* NULL: none */
static char *
string(const Record *record, const char *name)
{
	bool		isnull;
	Datum		value = column(record, name, TEXTOID, &isnull);

	return isnull ? NULL : TextDatumGetCString(value);
}

/* a copy: what is built refers to it after the row is gone */
static Jsonb *
json(const Record *record, const char *name)
{
	bool		isnull;
	Datum		value = column(record, name, JSONBOID, &isnull);

	return isnull ? NULL : DatumGetJsonbPCopy(value);
}

static TimestampTz
created_at(const Record *record)
{
	bool		isnull;

	return DatumGetTimestampTz(column(record, "created_at", TIMESTAMPTZOID,
									  &isnull));
}

static void
put_string(HitlJson *to, const char *key, const char *value)
{
	if (value)
		hitl_json_text(to, key, value);
	else
		hitl_json_null(to, key);
}

/*
 * Calls what reads each record of the decision, the oldest first.
 */
static void
read_records(HitlReader *reader, HitlProbe *probe, const char *table,
			 const char *index, const HitlTask *task, Snapshot snapshot,
			 void (*read) (const Record *record, void *arg), void *arg)
{
	Record		record;
	ScanKeyData key;

	if (probe->rel == NULL)
	{
		Relation	rel = table_open(hitl_relation_oid(table), AccessShareLock);

		hitl_probe_open(probe, rel, index_open(hitl_relation_oid(index),
											   AccessShareLock));
	}
	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_UUID_EQ,
				UUIDPGetDatum(&task->decision));
	hitl_probe_begin(reader, probe, &key, 1, snapshot);
	record.slot = probe->slot;
	record.tupdesc = RelationGetDescr(probe->rel);
	while (hitl_probe_next(reader, probe, ForwardScanDirection))
	{
		slot_getallattrs(record.slot);
		read(&record, arg);
	}
}

/* an array that is begun when there is something to put into it */
typedef struct Rows
{
	const HitlTask *task;
	bool		begun;
	HitlJson	items;
	char	   *question;		/* still without its answer; NULL: none is */
	char	   *asked_by;
	TimestampTz asked_at;
	TimestampTz since;			/* nothing from before */
} Rows;

static void
begin_item(Rows *list)
{
	if (!list->begun)
		hitl_json_begin_array(&list->items);
	list->begun = true;
	hitl_json_begin_item(&list->items);
}

static void
read_verdict(const Record *record, void *arg)
{
	Rows	   *list = arg;
	char	   *kind = string(record, "kind");
	Jsonb	   *output = json(record, "output");

	if (kind && (strcmp(kind, hitl_kind_name(HITL_KIND_OVERLAP)) == 0 ||
				 strcmp(kind, hitl_kind_name(HITL_KIND_GOLD)) == 0))
		return;
	begin_item(list);
	hitl_json_time(&list->items, "created_at", created_at(record));
	put_string(&list->items, "reviewer", string(record, "reviewer"));
	put_string(&list->items, "action", string(record, "action"));
	if (output)
		hitl_json_jsonb(&list->items, "output", output);
	else
		hitl_json_null(&list->items, "output");
	put_string(&list->items, "code", string(record, "code"));
	put_string(&list->items, "note", string(record, "note"));
	hitl_json_end_item(&list->items);
}

/*
 * Puts the last question, with the answer if there is one.
 */
static void
put_question(Rows *list, const char *answer, const char *by, TimestampTz at)
{
	if (list->question == NULL)
		return;
	begin_item(list);
	hitl_json_text(&list->items, "question", list->question);
	put_string(&list->items, "asked_by", list->asked_by);
	hitl_json_time(&list->items, "asked_at", list->asked_at);
	put_string(&list->items, "answer", answer);
	if (answer)
	{
		put_string(&list->items, "answered_by", by);
		hitl_json_time(&list->items, "answered_at", at);
	}
	hitl_json_end_item(&list->items);
	list->question = NULL;
}

/* a key of the event's detail */
static char *
detail(const Record *record, const char *key)
{
	Jsonb	   *object = json(record, "detail");
	JsonbValue	value;

	if (object == NULL || !JB_ROOT_IS_OBJECT(object) ||
		getKeyJsonValueFromContainer(&object->root, key, strlen(key),
									 &value) == NULL ||
		value.type != jbvString)
		return NULL;
	return pnstrdup(value.val.string.val, value.val.string.len);
}

static void
read_event(const Record *record, void *arg)
{
	Rows	   *list = arg;
	char	   *kind = string(record, "kind");
	bool		isnull;
	int64		task = DatumGetInt64(column(record, "task", INT8OID, &isnull));

	if (kind == NULL || isnull ||
		(list->since != DT_NOBEGIN &&
		 (task != list->task->id || created_at(record) < list->since)))
		return;
	if (strcmp(kind, "asked") == 0)
	{
		put_question(list, NULL, NULL, 0);
		list->question = detail(record, "question");
		list->asked_by = string(record, "actor");
		list->asked_at = created_at(record);
	}
	else if (strcmp(kind, "answered") == 0)
		put_question(list, detail(record, "answer"), string(record, "actor"),
					 created_at(record));
}

static void
end_list(HitlJson *to, const char *key, Rows *list)
{
	if (list->begun)
		hitl_json_jsonb(to, key, hitl_json_end_array(&list->items));
}

/*
 * It lives as long as the memory context, the SPI's result does not.
 */
static Jsonb *
on_subject(const HitlTask *task, text *subject, bool withheld,
		   Snapshot snapshot)
{
	MemoryContext context = CurrentMemoryContext;
	HitlSpi		spi;
	Datum		args[4];
	Datum		list;
	bool		isnull;
	Jsonb	   *result = NULL;

	args[0] = UUIDPGetDatum(&task->decision);
	args[1] = CStringGetTextDatum(NameStr(task->workflow));
	args[2] = PointerGetDatum(subject);
	args[3] = BoolGetDatum(withheld);
	hitl_spi_begin(&spi);
	hitl_spi_run(&subject_query, args, snapshot, 1);
	list = hitl_spi_value(0, 1, &isnull);
	if (!isnull)
	{
		MemoryContext old = MemoryContextSwitchTo(context);

		result = DatumGetJsonbPCopy(list);
		MemoryContextSwitchTo(old);
	}
	hitl_spi_end(&spi);
	return result;
}

Jsonb *
hitl_history(HitlReader *reader, const HitlTask *task, text *subject,
			 const HitlView *view, Snapshot snapshot)
{
	Rows		verdicts = {0};
	Rows		questions = {0};
	HitlJson	result;
	Jsonb	   *before = NULL;

	if (subject && hitl_decision_has_earlier(reader, &task->decision,
											 NameStr(task->workflow), subject,
											 snapshot))
		before = on_subject(task, subject, view->withheld, snapshot);
	if (!view->withheld && !view->alone)
		read_records(reader, &reader->verdict, "verdict", "verdict_decision",
					 task, snapshot, read_verdict, &verdicts);
	questions.task = task;
	questions.since = view->withheld || view->alone ?
		task->claimed_at : DT_NOBEGIN;
	read_records(reader, &reader->event, "event", "event_decision", task,
				 snapshot, read_event, &questions);
	put_question(&questions, NULL, NULL, 0);

	hitl_json_begin(&result);
	if (before)
		hitl_json_jsonb(&result, "subject", before);
	end_list(&result, "verdicts", &verdicts);
	end_list(&result, "questions", &questions);
	return hitl_json_end(&result);
}
