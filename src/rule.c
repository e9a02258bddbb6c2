/*
 * rule.c
 *		Rules: conditions on the whole decision.
 *
 * A condition is a jsonpath predicate over one document, whose keys are the
 * columns of the decision.  jsonpath cannot run code and cannot write.  What
 * cannot be evaluated (a number compared with a text, a division by zero) is
 * neither true nor false: it counts as fired, and means review.
 *
 * The document holds just the columns that some rule of the workflow names,
 * since to copy a payload that no rule looks at would be most of the cost.
 *
 * Some conditions raise errors even so (a date compared with a time that has a
 * zone), and some take as long as they like (nested filters over arrays).  An
 * insert must survive both without a subtransaction.  Errors of
 * the data are caught right here: evaluation computes in memory that is thrown
 * away, and holds nothing else.  Against the endless there is a timer, which
 * cancels the evaluation the way that statement_timeout cancels a statement.
 * To arm it for each row would be a system call each time; so it stays armed,
 * and when it goes off looks whether a row has been at it for too long.
 */
#include "hitl.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "cache.h"
#include "people.h"
#include "rule.h"

static int	policy_timeout = 50;	/* milliseconds; 0: as long as it takes */

static TimeoutId timer;
static bool timer_registered = false;
static volatile sig_atomic_t evaluating = false;
static volatile sig_atomic_t out_of_time = 0;	/* RANG, then HEEDED */
static volatile TimestampTz deadline;	/* changes only when not evaluating */

#define RANG	1
#define HEEDED	2

/* how the look at a condition ended */
typedef enum Finding
{
	HOLDS_NOT,
	HOLDS,
	UNKNOWN,
	FAILED						/* with an error */
} Finding;

/*
 * Which columns a condition looks at, given its canonical text, in which the
 * root is "$" and a key is quoted.  A "$" that is not followed by a key (the
 * whole document, or a character in a string) means all of them.
 */
uint32
hitl_rule_keys(const char *condition)
{
	uint32		keys = 0;

	for (const char *at = strchr(condition, '$'); at; at = strchr(at + 1, '$'))
	{
		if (strncmp(at, "$.\"", 3) != 0)
			return HITL_ALL_KEYS;
		for (int i = 0; i < HITL_NKEYS; i++)
		{
			size_t		len = strlen(hitl_key[i].name);

			if (strncmp(at + 3, hitl_key[i].name, len) == 0 && at[3 + len] == '"')
				keys |= 1U << i;
		}
	}
	return keys;
}

static JsonbValue
string_value(char *string)
{
	JsonbValue	result;

	result.type = jbvString;
	result.val.string.val = string;
	result.val.string.len = strlen(string);
	return result;
}

static void
push_tags(JsonbParseState **state, Datum array)
{
	Datum	   *elems;
	bool	   *nulls;
	int			nelems;

	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false,
					  TYPALIGN_INT, &elems, &nulls, &nelems);
	(void) pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
	for (int i = 0; i < nelems; i++)
	{
		JsonbValue	value = {.type = jbvNull};

		if (!nulls[i])
			value = string_value(TextDatumGetCString(elems[i]));
		(void) pushJsonbValue(state, WJB_ELEM, &value);
	}
	(void) pushJsonbValue(state, WJB_END_ARRAY, NULL);
}

static void
push_column(JsonbParseState **state, Oid type, Datum datum, bool isnull)
{
	JsonbValue	value = {.type = jbvNull};

	if (isnull && type == BOOLOID)	/* reversible: will be stored as false */
		value = (JsonbValue) {.type = jbvBool, .val.boolean = false};
	else if (!isnull)
		switch (type)
		{
			case TEXTOID:
				value = string_value(TextDatumGetCString(datum));
				break;
			case UUIDOID:
				value = string_value(DatumGetCString(DirectFunctionCall1(uuid_out, datum)));
				break;
			case BOOLOID:
				value.type = jbvBool;
				value.val.boolean = DatumGetBool(datum);
				break;
			case FLOAT8OID:
				/* a confidence; what is none, is not there */
				if (!(DatumGetFloat8(datum) >= 0.0 &&
					  DatumGetFloat8(datum) <= 1.0))
					break;
				value.type = jbvNumeric;
				value.val.numeric = DatumGetNumeric(DirectFunctionCall1(float8_numeric,
																		datum));
				break;
			case NUMERICOID:
				/* no number in JSON: a text, so that comparing it fires */
				if (numeric_is_nan(DatumGetNumeric(datum)) ||
					numeric_is_inf(DatumGetNumeric(datum)))
					value = string_value(numeric_normalize(DatumGetNumeric(datum)));
				else
				{
					value.type = jbvNumeric;
					value.val.numeric = DatumGetNumeric(datum);
				}
				break;
			case JSONBOID:
				{
					Jsonb	   *jsonb = DatumGetJsonbP(datum);

					if (JB_ROOT_IS_SCALAR(jsonb))
						(void) JsonbExtractScalar(&jsonb->root, &value);
					else
					{
						value.type = jbvBinary;
						value.val.binary.data = &jsonb->root;
						value.val.binary.len = VARSIZE(jsonb) - VARHDRSZ;
					}
					break;
				}
			case TEXTARRAYOID:
				push_tags(state, datum);
				return;
		}
	(void) pushJsonbValue(state, WJB_VALUE, &value);
}

static Jsonb *
document(const HitlRow *row, uint32 keys)
{
	JsonbParseState *state = NULL;

	(void) pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (int i = 0; i < HITL_NKEYS; i++)
	{
		JsonbValue	name;

		if (!(keys & (1U << i)))
			continue;
		name = string_value(unconstify(char *, hitl_key[i].name));
		(void) pushJsonbValue(&state, WJB_KEY, &name);
		push_column(&state, hitl_key[i].type, row->value[i], row->isnull[i]);
	}
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

/*
 * The operator @@: true, false, or NULL for what cannot be evaluated.
 */
static Finding
look(Jsonb *document, JsonPath *condition)
{
	LOCAL_FCINFO(fcinfo, 2);
	Datum		result;

	InitFunctionCallInfoData(*fcinfo, NULL, 2, InvalidOid, NULL, NULL);
	fcinfo->args[0].value = JsonbPGetDatum(document);
	fcinfo->args[0].isnull = false;
	fcinfo->args[1].value = PointerGetDatum(condition);
	fcinfo->args[1].isnull = false;
	result = jsonb_path_match_opr(fcinfo);
	if (fcinfo->isnull)
		return UNKNOWN;
	return DatumGetBool(result) ? HOLDS : HOLDS_NOT;
}

/*
 * The timer has gone off: in a signal handler.
 */
static void
ring(void)
{
	if (!evaluating)
		return;
	if (GetCurrentTimestamp() < deadline)
		enable_timeout_at(timer, deadline);
	else if (!QueryCancelPending)
	{
		out_of_time = RANG;
		QueryCancelPending = true;
		InterruptPending = true;
	}
}

static void
begin_evaluation(void)
{
	out_of_time = 0;
	if (policy_timeout == 0)
		return;
	if (!timer_registered)
	{
		timer = RegisterTimeout(USER_TIMEOUT, ring);
		timer_registered = true;
	}
	deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
										   policy_timeout);
	evaluating = true;
	if (!get_timeout_active(timer))
		enable_timeout_at(timer, deadline);
}

static void
end_evaluation(void)
{
	evaluating = false;
	if (out_of_time == RANG)
		QueryCancelPending = false;
}

/*
 * Whether an error is one of the data or the condition, and leaves nothing
 * behind.  What concerns the server or the transaction is not for us.
 */
static bool
is_policy_error(int code)
{
	return ERRCODE_TO_CATEGORY(code) == ERRCODE_DATA_EXCEPTION ||
		ERRCODE_TO_CATEGORY(code) == ERRCODE_FEATURE_NOT_SUPPORTED ||
		ERRCODE_TO_CATEGORY(code) == ERRCODE_PROGRAM_LIMIT_EXCEEDED;
}

/*
 * Looks at the rules from *next on, until one fails; returns whether one did,
 * and *next then says which.  found[i] is what was found for rule i.
 */
static bool
look_at_rules(const HitlRule *rules, int nrules, uint32 keys,
			  const HitlRow *row, Finding *found, volatile int *next,
			  char **error)
{
	MemoryContext outer = CurrentMemoryContext;
	static MemoryContext scratch = NULL;
	uint32		holdoff = InterruptHoldoffCount;
	uint32		cancel_holdoff = QueryCancelHoldoffCount;

	if (scratch == NULL)
		scratch = AllocSetContextCreate(hitl_cache_context(), "hitl rules",
										ALLOCSET_DEFAULT_SIZES);
	*error = NULL;
	PG_TRY();
	{
		Jsonb	   *doc;

		MemoryContextSwitchTo(scratch);
		doc = document(row, keys);
		while (*next < nrules && !out_of_time)
		{
			found[*next] = look(doc, rules[*next].condition);
			(*next)++;
		}
		if (out_of_time && *next > 0)	/* what was looked at last took it all */
			(*next)--;
	}
	PG_CATCH();
	{
		ErrorData  *edata;

		MemoryContextSwitchTo(outer);
		edata = CopyErrorData();
		if (!(out_of_time && edata->sqlerrcode == ERRCODE_QUERY_CANCELED) &&
			!is_policy_error(edata->sqlerrcode))
		{
			end_evaluation();
			MemoryContextReset(scratch);
			PG_RE_THROW();
		}
		FlushErrorState();
		InterruptHoldoffCount = holdoff;
		QueryCancelHoldoffCount = cancel_holdoff;
		if (edata->sqlerrcode == ERRCODE_QUERY_CANCELED)
			out_of_time = HEEDED;
		else
			*error = psprintf("%s: %s", unpack_sql_state(edata->sqlerrcode),
							  hitl_clip(edata->message));
	}
	PG_END_TRY();
	MemoryContextSwitchTo(outer);
	MemoryContextReset(scratch);
	return *next < nrules;
}

static void
take_effect(const HitlRule *rule, HitlEffects *effects)
{
	effects->review |= rule->review;
	if (rule->lane >= 0 && (effects->lane < 0 || rule->lane < effects->lane))
		effects->lane = rule->lane;
	if (rule->tier > effects->tier)
		effects->tier = rule->tier;
	if (NameStr(effects->queue)[0] == '\0')
		effects->queue = rule->queue;
	if (NameStr(effects->sla)[0] == '\0')
		effects->sla = rule->sla;
	if (effects->question == NULL)
		effects->question = rule->question;
}

void
hitl_rules_apply(const HitlRule *rules, int nrules, uint32 keys,
				 const HitlRow *row, HitlReasons *reasons,
				 HitlEffects *effects)
{
	Finding		few[16];
	Finding    *found = few;
	volatile int next = 0;
	char	   *error;

	if (nrules == 0)
		return;
	if (nrules > (int) lengthof(few))
		found = palloc(sizeof(Finding) * nrules);
	begin_evaluation();
	while (look_at_rules(rules, nrules, keys, row, found, &next, &error))
	{
		effects->review = true;
		if (error == NULL)
			error = psprintf("not evaluated within %d ms", policy_timeout);
		hitl_reason_add(reasons, "policy_error", NameStr(rules[next].name),
						error);
		found[next++] = FAILED;
		if (out_of_time)		/* whether those after it hold, is not known */
		{
			while (next < nrules)
				found[next++] = UNKNOWN;
			break;
		}
	}
	end_evaluation();

	for (int i = 0; i < nrules; i++)
	{
		if (found[i] == HOLDS_NOT)
			continue;
		take_effect(&rules[i], effects);
		if (found[i] == UNKNOWN)
			effects->review = true;
		if (reasons != NULL && found[i] != FAILED)
			hitl_reason_add(reasons, "rule", NameStr(rules[i].name),
							found[i] == HOLDS ? rules[i].reason :
							psprintf("%s (could not be evaluated)",
									 rules[i].reason));
	}
}

void
hitl_rule_init(void)
{
	DefineCustomIntVariable("hitl.policy_timeout",
							"Longest time that the rules of a policy may take for one decision.",
							"What takes longer goes to a person.  0: no limit.",
							&policy_timeout, 50, 0, 60000, PGC_SUSET,
							GUC_UNIT_MS, NULL, NULL, NULL);
}
