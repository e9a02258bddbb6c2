/*
 * json.h
 *		Builds the small jsonb objects that the extension stores.
 */
#ifndef HITL_JSON_H
#define HITL_JSON_H

#include "utils/jsonb.h"
#include "utils/timestamp.h"

typedef struct HitlJson
{
	JsonbParseState *state;
} HitlJson;

/* an object; keys and strings must live until the end */
extern void hitl_json_begin(HitlJson *json);
extern void hitl_json_text(HitlJson *json, const char *key, const char *value);
extern void hitl_json_null(HitlJson *json, const char *key);
extern void hitl_json_number(HitlJson *json, const char *key, double value);
extern void hitl_json_time(HitlJson *json, const char *key, TimestampTz value);
extern void hitl_json_jsonb(HitlJson *json, const char *key, Jsonb *value);
extern Jsonb *hitl_json_end(HitlJson *json);

/* an array of objects: begin, then begin_item, keys, end_item for each */
extern void hitl_json_begin_array(HitlJson *json);
extern void hitl_json_begin_item(HitlJson *json);
extern void hitl_json_end_item(HitlJson *json);
extern Jsonb *hitl_json_end_array(HitlJson *json);

#endif							/* HITL_JSON_H */
