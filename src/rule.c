/*
 * rule.c
 *		Rules: conditions on the whole decision.
 *
 * A condition is a jsonpath predicate over one document, whose keys are the
 * columns of the decision.  jsonpath cannot run code and cannot write, and
 * evaluated as the operator @@ it cannot fail the insert: what cannot be
 * evaluated (a number compared with a text, a division by zero) is neither
 * true nor false, and counts as fired.
 *
 * The document holds just the columns that some rule of the workflow names,
 * since to copy a payload that no rule looks at would be most of the cost.
 */
#include "hitl.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"
#include "utils/uuid.h"

#include "rule.h"
#include "store.h"

static const struct
{
	const char *name;
	Oid			type;
}			key[HITL_RULE_NKEYS] =
{
	{"workflow", TEXTOID}, {"input", JSONBOID}, {"output", JSONBOID},
	{"confidence", FLOAT8OID}, {"model", TEXTOID}, {"subject", TEXTOID},
	{"reasoning", TEXTOID}, {"alternatives", JSONBOID},
	{"context", JSONBOID}, {"signals", JSONBOID}, {"exposure", NUMERICOID},
	{"reversible", BOOLOID}, {"cohort", JSONBOID}, {"question", TEXTOID},
	{"tags", TEXTARRAYOID}, {"parent", UUIDOID}, {"id", UUIDOID},
};

void
hitl_rule_columns(TupleDesc tupdesc, int *attnums)
{
	for (int i = 0; i < HITL_RULE_NKEYS; i++)
		attnums[i] = hitl_find_column(tupdesc, key[i].name, key[i].type);
}

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
			return (1U << HITL_RULE_NKEYS) - 1;
		for (int i = 0; i < HITL_RULE_NKEYS; i++)
		{
			size_t		len = strlen(key[i].name);

			if (strncmp(at + 3, key[i].name, len) == 0 && at[3 + len] == '"')
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

	if (!isnull)
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
				/* a confidence, from 0 to 1 */
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
document(HeapTuple tuple, TupleDesc tupdesc, const int *attnums, uint32 keys,
		 bool has_confidence)
{
	JsonbParseState *state = NULL;

	(void) pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (int i = 0; i < HITL_RULE_NKEYS; i++)
	{
		JsonbValue	name;
		Datum		datum = (Datum) 0;
		bool		isnull = true;

		if (!(keys & (1U << i)))
			continue;
		if (attnums[i] > 0 && (has_confidence || key[i].type != FLOAT8OID))
			datum = heap_getattr(tuple, attnums[i], tupdesc, &isnull);
		name = string_value(unconstify(char *, key[i].name));
		(void) pushJsonbValue(&state, WJB_KEY, &name);
		push_column(&state, key[i].type, datum, isnull);
	}
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

/*
 * The operator @@: true, false, or NULL for what cannot be evaluated.
 */
static bool
matches(Jsonb *document, JsonPath *condition, bool *isnull)
{
	LOCAL_FCINFO(fcinfo, 2);
	Datum		result;

	InitFunctionCallInfoData(*fcinfo, NULL, 2, InvalidOid, NULL, NULL);
	fcinfo->args[0].value = JsonbPGetDatum(document);
	fcinfo->args[0].isnull = false;
	fcinfo->args[1].value = PointerGetDatum(condition);
	fcinfo->args[1].isnull = false;
	result = jsonb_path_match_opr(fcinfo);
	*isnull = fcinfo->isnull;
	return !*isnull && DatumGetBool(result);
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
hitl_add_reason(HitlJson *reasons, const char *trigger, const char *rule,
				const char *detail)
{
	hitl_json_begin_item(reasons);
	hitl_json_text(reasons, "trigger", trigger);
	if (rule)
		hitl_json_text(reasons, "rule", rule);
	else
		hitl_json_null(reasons, "rule");
	hitl_json_text(reasons, "detail", detail);
	hitl_json_end_item(reasons);
}

void
hitl_rules_apply(const HitlRule *rules, int nrules, uint32 keys,
				 HeapTuple tuple, TupleDesc tupdesc, const int *attnums,
				 bool has_confidence, HitlJson *reasons,
				 HitlEffects *effects)
{
	Jsonb	   *doc;

	memset(effects, 0, sizeof(*effects));
	effects->lane = -1;
	if (nrules == 0)
		return;
	doc = document(tuple, tupdesc, attnums, keys, has_confidence);
	for (int i = 0; i < nrules; i++)
	{
		bool		unknown;
		bool		holds = matches(doc, rules[i].condition, &unknown);

		if (!holds && !unknown)
			continue;
		hitl_add_reason(reasons, "rule", NameStr(rules[i].name),
						unknown ? psprintf("%s (could not be evaluated)",
										   rules[i].reason) :
						rules[i].reason);
		take_effect(&rules[i], effects);
	}
}
