/*
 * batch.c
 *		Many verdicts at once.
 *
 * decide() takes a list of verdicts, one for each task.  decide_like() spreads
 * one verdict over the tasks that are like one that was looked at, and leaves a
 * record of it with each.
 *
 * Each item succeeds or fails by itself: what is refused comes back as data
 * (see refusal.c).  What is no refusal, such as a serialization failure or a
 * cancelled statement, ends the whole call.
 *
 * Tasks are decided in the order of their ids, whatever the order of the list,
 * so that two batches do not wait for each other's rows.
 */
#include "hitl.h"

#include "access/table.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/snapmgr.h"

#include "life.h"
#include "people.h"
#include "refusal.h"
#include "task.h"
#include "text.h"
#include "verdict.h"

/* the most verdicts in one list */
#define MAX_ITEMS	1000

PG_FUNCTION_INFO_V1(hitl_decide);

typedef enum Deed
{
	DEED_VERDICT,
	DEED_ESCALATE,
	DEED_RELEASE
} Deed;

/* an item of the list, as parsed */
typedef struct Wanted
{
	Deed		deed;
	HitlGiven	given;
	char	   *queue;			/* of an escalation; NULL: not said */
} Wanted;

/* where an item stands in the list, and what became of it */
typedef struct Entry
{
	int			number;			/* from 1 */
	bool		has_task;
	int64		task;
	JsonbValue	value;
	char	   *outcome;		/* NULL: none yet, or refused */
	HitlRefusal refusal;
} Entry;

static bool
refuse(HitlRefusal *refusal, const char *message)
{
	return hitl_refuse(refusal, ERRCODE_INVALID_PARAMETER_VALUE, NULL,
					   "An item is an object with task, action, and where needed code, note, output, lease, explanation, scores, queue.",
					   "%s", message);
}

/*
 * Reading an item
 */

/* NULL if it is not there, or null */
static JsonbValue *
field(JsonbContainer *item, const char *name, JsonbValue *value)
{
	if (getKeyJsonValueFromContainer(item, name, strlen(name), value) == NULL ||
		value->type == jbvNull)
		return NULL;
	return value;
}

static bool
read_text(HitlRefusal *refusal, JsonbContainer *item, const char *name,
		  text **to)
{
	JsonbValue	value;

	*to = NULL;
	if (field(item, name, &value) == NULL)
		return true;
	if (value.type != jbvString)
		return refuse(refusal, psprintf("\"%s\" must be a string", name));
	*to = cstring_to_text_with_len(value.val.string.val, value.val.string.len);
	return true;
}

/*
 * A bigint, as a number or, for clients that have no such numbers, as a string.
 */
static bool
read_int64(JsonbContainer *item, const char *name, bool *given, int64 *to)
{
	JsonbValue	value;
	char	   *string;
	char	   *end;

	*given = field(item, name, &value) != NULL;
	if (!*given)
		return true;
	if (value.type == jbvNumeric)
		string = numeric_normalize(value.val.numeric);
	else if (value.type == jbvString)
		string = pnstrdup(value.val.string.val, value.val.string.len);
	else
		return false;
	errno = 0;
	*to = strtoi64(string, &end, 10);
	return errno == 0 && end > string && *end == '\0' &&
		!isspace((unsigned char) *string);
}

static bool
read_action(HitlRefusal *refusal, JsonbContainer *item, Wanted *to)
{
	static const struct
	{
		const char *name;
		Deed		deed;
		HitlAction	action;
	}			known[] = {
		{"approve", DEED_VERDICT, HITL_APPROVE},
		{"reject", DEED_VERDICT, HITL_REJECT},
		{"amend", DEED_VERDICT, HITL_AMEND},
		{"escalate", DEED_ESCALATE, HITL_ESCALATE},
		{"release", DEED_RELEASE, HITL_APPROVE},
	};
	text	   *given;
	char	   *name;

	if (!read_text(refusal, item, "action", &given))
		return false;
	name = given ? text_to_cstring(given) : pstrdup("");
	for (int i = 0; i < (int) lengthof(known); i++)
	{
		if (strcmp(known[i].name, name) == 0)
		{
			to->deed = known[i].deed;
			to->given.action = known[i].action;
			return true;
		}
	}
	return hitl_refuse(refusal, ERRCODE_INVALID_PARAMETER_VALUE, NULL,
					   "Use approve, reject, amend, escalate or release.",
					   "action \"%s\" does not exist", hitl_clip(name));
}

static Jsonb *
read_json(JsonbContainer *item, const char *name)
{
	JsonbValue	value;

	return field(item, name, &value) ? JsonbValueToJsonb(&value) : NULL;
}

static bool
check_keys(HitlRefusal *refusal, JsonbContainer *item)
{
	static const char *const known[] = {
		"task", "action", "code", "note", "output", "lease", "scores",
		"explanation", "queue"
	};
	JsonbIterator *it = JsonbIteratorInit(item);
	JsonbIteratorToken token;
	JsonbValue	key;

	while ((token = JsonbIteratorNext(&it, &key, true)) != WJB_DONE)
	{
		bool		found = token != WJB_KEY;

		for (int i = 0; i < (int) lengthof(known) && !found; i++)
			found = strlen(known[i]) == (size_t) key.val.string.len &&
				memcmp(known[i], key.val.string.val, key.val.string.len) == 0;
		if (!found)
			return refuse(refusal,
						  psprintf("key \"%s\" is not known",
								   hitl_clip(pnstrdup(key.val.string.val,
													  key.val.string.len))));
	}
	return true;
}

static bool
read_item(HitlRefusal *refusal, const Entry *entry, Wanted *item)
{
	HitlGiven  *given = &item->given;
	JsonbContainer *object = entry->value.val.binary.data;
	text	   *queue;

	memset(item, 0, sizeof(*item));
	if (entry->value.type != jbvBinary || !JsonContainerIsObject(object))
		return refuse(refusal, "the item is not an object");
	if (!check_keys(refusal, object))
		return false;
	if (!entry->has_task)
		return refuse(refusal, "\"task\" must be a whole number");
	given->task = entry->task;
	if (!read_int64(object, "lease", &given->has_lease, &given->lease))
		return refuse(refusal, "\"lease\" must be a whole number");
	if (!read_action(refusal, object, item) ||
		!read_text(refusal, object, "code", &given->code) ||
		!read_text(refusal, object, "note", &given->note) ||
		!read_text(refusal, object, "explanation", &given->explanation) ||
		!read_text(refusal, object, "queue", &queue))
		return false;
	item->queue = queue ? text_to_cstring(queue) : NULL;
	given->output = read_json(object, "output");
	given->scores = read_json(object, "scores");
	if (queue && item->deed != DEED_ESCALATE)
		return refuse(refusal, "\"queue\" is only for an escalation");
	if (given->output && given->action != HITL_AMEND)
		return refuse(refusal, "\"output\" is only for an amendment");
	return true;
}

/*
 * Doing it
 */

static bool
do_item(HitlRefusal *refusal, const Entry *entry, const HitlActor *actor,
		const char **outcome)
{
	Wanted		item;
	const HitlGiven *given = &item.given;
	const int64 *lease;
	bool		again;

	*outcome = NULL;
	if (!read_item(refusal, entry, &item))
		return false;
	lease = given->has_lease ? &given->lease : NULL;
	switch (item.deed)
	{
		case DEED_VERDICT:
			return hitl_verdict_give(refusal, given, actor, outcome, &again);
		case DEED_ESCALATE:
			return hitl_escalate_task(refusal, given->task, actor, given->note,
									  item.queue, lease);
		case DEED_RELEASE:
			return hitl_release_task(refusal, given->task, actor, lease);
	}
	return true;				/* keep the compiler quiet */
}

static char *
copy(const char *string)
{
	return string ? pstrdup(string) : NULL;
}

static int
by_task(const void *a, const void *b)
{
	const Entry *x = *(Entry *const *) a;
	const Entry *y = *(Entry *const *) b;

	if (x->task != y->task)
		return x->task < y->task ? -1 : 1;
	return x->number - y->number;
}

static Entry *
read_entries(Jsonb *list, int n)
{
	Entry	   *entries = palloc0(sizeof(Entry) * Max(n, 1));
	JsonbIterator *it = JsonbIteratorInit(&list->root);
	JsonbValue	value;

	(void) JsonbIteratorNext(&it, &value, true);
	for (int i = 0; i < n; i++)
	{
		Entry	   *entry = &entries[i];
		bool		given;

		(void) JsonbIteratorNext(&it, &entry->value, true);
		entry->number = i + 1;
		entry->has_task = entry->value.type == jbvBinary &&
			JsonContainerIsObject(entry->value.val.binary.data) &&
			read_int64(entry->value.val.binary.data, "task", &given,
					   &entry->task) && given;
	}
	return entries;
}

static void
do_entries(Entry *entries, int n, const HitlActor *actor)
{
	Entry	  **order = palloc(sizeof(Entry *) * Max(n, 1));
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "hitl item",
												  ALLOCSET_DEFAULT_SIZES);

	for (int i = 0; i < n; i++)
		order[i] = &entries[i];
	qsort(order, n, sizeof(Entry *), by_task);
	for (int i = 0; i < n; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(context);
		HitlRefusal refusal = {0};
		const char *outcome = NULL;

		CHECK_FOR_INTERRUPTS();
		if (!do_item(&refusal, order[i], actor, &outcome))
			hitl_refusal_log(&refusal);
		MemoryContextSwitchTo(old);
		order[i]->outcome = copy(outcome);
		order[i]->refusal.code = refusal.code;
		order[i]->refusal.message = copy(refusal.message);
		order[i]->refusal.hint = copy(refusal.hint);
		MemoryContextReset(context);
	}
	MemoryContextDelete(context);
}

static void
put_string(Datum *value, bool *isnull, const char *string)
{
	*isnull = string == NULL;
	*value = *isnull ? (Datum) 0 : CStringGetTextDatum(string);
}

/* (verdicts, reviewer) */
Datum
hitl_decide(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	HitlActor	actor = hitl_actor_from(hitl_text_arg(fcinfo, 1));
	Jsonb	   *list = PG_ARGISNULL(0) ? NULL : PG_GETARG_JSONB_P(0);
	Entry	   *entries;
	int			n;

	if (list == NULL || !JB_ROOT_IS_ARRAY(list) || JB_ROOT_IS_SCALAR(list))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("verdicts must be an array")));
	n = JB_ROOT_COUNT(list);
	if (n > MAX_ITEMS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cannot give %d verdicts at once", n),
				 errhint("Give at most %d.", MAX_ITEMS)));
	InitMaterializedSRF(fcinfo, 0);
	entries = read_entries(list, n);
	/* as a release does, and before any decision or task is locked */
	hitl_reviewer_lock(NameStr(actor.reviewer->name));
	do_entries(entries, n, &actor);
	for (int i = 0; i < n; i++)
	{
		const HitlRefusal *refusal = &entries[i].refusal;
		Datum		v[6];
		bool		isnull[6] = {0};

		v[0] = Int32GetDatum(entries[i].number);
		isnull[1] = !entries[i].has_task;
		v[1] = Int64GetDatum(entries[i].task);
		put_string(&v[2], &isnull[2], entries[i].outcome);
		put_string(&v[3], &isnull[3], refusal->code ?
				   unpack_sql_state(refusal->code) : NULL);
		put_string(&v[4], &isnull[4], refusal->message);
		put_string(&v[5], &isnull[5], refusal->hint);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, v, isnull);
	}
	return (Datum) 0;
}
