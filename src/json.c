/*
 * json.c
 *		Builds the small jsonb objects that the extension stores.
 */
#include "hitl.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "utils/fmgrprotos.h"
#include "utils/datetime.h"
#include "utils/json.h"
#include "utils/numeric.h"

#include "json.h"

void
hitl_json_begin(HitlJson *json)
{
	json->state = NULL;
	(void) pushJsonbValue(&json->state, WJB_BEGIN_OBJECT, NULL);
}

Jsonb *
hitl_json_end(HitlJson *json)
{
	return JsonbValueToJsonb(pushJsonbValue(&json->state, WJB_END_OBJECT, NULL));
}

void
hitl_json_begin_array(HitlJson *json)
{
	json->state = NULL;
	(void) pushJsonbValue(&json->state, WJB_BEGIN_ARRAY, NULL);
}

void
hitl_json_begin_item(HitlJson *json)
{
	(void) pushJsonbValue(&json->state, WJB_BEGIN_OBJECT, NULL);
}

void
hitl_json_end_item(HitlJson *json)
{
	(void) pushJsonbValue(&json->state, WJB_END_OBJECT, NULL);
}

Jsonb *
hitl_json_end_array(HitlJson *json)
{
	return JsonbValueToJsonb(pushJsonbValue(&json->state, WJB_END_ARRAY, NULL));
}

static void
push_string(HitlJson *json, JsonbIteratorToken token, const char *string)
{
	JsonbValue	value;

	value.type = jbvString;
	value.val.string.val = unconstify(char *, string);
	value.val.string.len = strlen(string);
	(void) pushJsonbValue(&json->state, token, &value);
}

void
hitl_json_text(HitlJson *json, const char *key, const char *value)
{
	push_string(json, WJB_KEY, key);
	push_string(json, WJB_VALUE, value);
}

void
hitl_json_null(HitlJson *json, const char *key)
{
	JsonbValue	value = {.type = jbvNull};

	push_string(json, WJB_KEY, key);
	(void) pushJsonbValue(&json->state, WJB_VALUE, &value);
}

void
hitl_json_jsonb(HitlJson *json, const char *key, Jsonb *given)
{
	JsonbValue	value;

	push_string(json, WJB_KEY, key);
	if (JB_ROOT_IS_SCALAR(given))
		(void) JsonbExtractScalar(&given->root, &value);
	else
	{
		value.type = jbvBinary;
		value.val.binary.data = &given->root;
		value.val.binary.len = VARSIZE(given) - VARHDRSZ;
	}
	(void) pushJsonbValue(&json->state, WJB_VALUE, &value);
}

/* value is finite */
void
hitl_json_number(HitlJson *json, const char *key, double number)
{
	JsonbValue	value;

	Assert(isfinite(number));
	push_string(json, WJB_KEY, key);
	value.type = jbvNumeric;
	value.val.numeric = DatumGetNumeric(DirectFunctionCall1(float8_numeric,
															Float8GetDatum(number)));
	(void) pushJsonbValue(&json->state, WJB_VALUE, &value);
}

/* as to_jsonb(timestamptz) writes it, but always in UTC */
void
hitl_json_time(HitlJson *json, const char *key, TimestampTz when)
{
	char	   *text = palloc(MAXDATELEN + 1);
	int			utc = 0;

	hitl_json_text(json, key,
				   JsonEncodeDateTime(text, TimestampTzGetDatum(when),
									  TIMESTAMPTZOID, &utc));
}
