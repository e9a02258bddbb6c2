/*
 * record.c
 *		What is left behind of what happened to a task: events and verdicts.
 *
 * Both are facts: inserted, never changed.
 */
#include "hitl.h"

#include "miscadmin.h"
#include "utils/builtins.h"

#include "cache.h"
#include "json.h"
#include "record.h"

/* columns of hitl.event and hitl.verdict, as in sql/30_fact.sql */
enum
{
	EVENT_ID, EVENT_CREATED_AT, EVENT_KIND, EVENT_DECISION, EVENT_TASK,
	EVENT_WORKFLOW, EVENT_ACTOR, EVENT_DETAIL,
	EVENT_NATTS
};

enum
{
	VERDICT_ID, VERDICT_CREATED_AT, VERDICT_DECISION, VERDICT_TASK,
	VERDICT_KIND, VERDICT_WORKFLOW, VERDICT_QUEUE, VERDICT_REVIEWER,
	VERDICT_ASSERTED_BY, VERDICT_ACTION, VERDICT_OUTPUT, VERDICT_CODE,
	VERDICT_NOTE, VERDICT_SECONDS, VERDICT_FINAL, VERDICT_OUTCOME,
	VERDICT_LEASE, VERDICT_LEASE_UNTIL, VERDICT_STAGE,
	VERDICT_POLICY_VERSION, VERDICT_ON_BEHALF_OF, VERDICT_LOGIN_METHOD,
	VERDICT_PACKET_HASH, VERDICT_BLIND, VERDICT_JUDGMENT, VERDICT_DELTA,
	VERDICT_EXPLANATION, VERDICT_RUBRIC, VERDICT_SCORES, VERDICT_LIKE_TASK,
	VERDICT_NATTS
};

/* opens a table of records when it is first needed */
static void
open_record(HitlDesk *desk, HitlTable **table, const char *name)
{
	MemoryContext old;

	if (*table != NULL)
		return;
	old = MemoryContextSwitchTo(desk->context);
	*table = hitl_table_open(name);
	MemoryContextSwitchTo(old);
}

static Datum
string_of(const NameData *name)
{
	return CStringGetTextDatum(NameStr(*name));
}

/*
 * Who acted: a reviewer, a lead or application who is none, or the clock.
 */
static Datum
name_of(const HitlActor *actor)
{
	if (actor->reviewer)
		return string_of(&actor->reviewer->name);
	return actor->nroles > 0 ? string_of(&actor->role[0]) :
		CStringGetTextDatum("clock");
}

void
hitl_record_actor(HitlJson *json, const HitlTransition *transition)
{
	if (NameStr(transition->on_behalf_of)[0] != '\0')
		hitl_json_text(json, "on_behalf_of",
					   NameStr(transition->on_behalf_of));
	if (OidIsValid(transition->actor.asserted_by))
		hitl_json_text(json, "asserted_by",
					   GetUserNameFromId(transition->actor.asserted_by, false));
}

void
hitl_event_write(HitlDesk *desk, const HitlTask *task,
				 const HitlTransition *transition, const char *kind,
				 Jsonb *detail)
{
	Datum		v[EVENT_NATTS];
	bool		n[EVENT_NATTS] = {0};

	open_record(desk, &desk->event, "event");
	v[EVENT_ID] = Int64GetDatum(hitl_next_id("event_id_seq"));
	v[EVENT_CREATED_AT] = TimestampTzGetDatum(transition->now);
	v[EVENT_KIND] = CStringGetTextDatum(kind);
	v[EVENT_DECISION] = UUIDPGetDatum(&task->decision);
	v[EVENT_TASK] = Int64GetDatum(task->id);
	v[EVENT_WORKFLOW] = string_of(&task->workflow);
	v[EVENT_ACTOR] = name_of(&transition->actor);
	v[EVENT_DETAIL] = JsonbPGetDatum(detail);
	hitl_table_insert(desk->event, v, n, EVENT_NATTS);
}

/* a value, or null where it is none */
#define PUT(column, missing, value) \
	do { \
		n[column] = (missing); \
		v[column] = n[column] ? (Datum) 0 : (value); \
	} while (0)

/*
 * What the holder of a task brings from its claim.
 */
static void
put_claim(const HitlTask *task, bool by_holder, TimestampTz now, Datum *v,
		  bool *n)
{
	PUT(VERDICT_SECONDS, !by_holder,
		Float8GetDatum((double) (now - task->claimed_at) / USECS_PER_SEC));
	PUT(VERDICT_LEASE, !by_holder, Int64GetDatum(task->lease));
	PUT(VERDICT_LEASE_UNTIL, !by_holder,
		TimestampTzGetDatum(task->lease_until));
	PUT(VERDICT_POLICY_VERSION, !by_holder || task->policy_version == 0,
		Int32GetDatum(task->policy_version));
	PUT(VERDICT_ON_BEHALF_OF,
		!by_holder || NameStr(task->on_behalf_of)[0] == '\0',
		string_of(&task->on_behalf_of));
	PUT(VERDICT_PACKET_HASH, !by_holder || task->packet_hash == NULL,
		PointerGetDatum(task->packet_hash));
	PUT(VERDICT_BLIND, !by_holder, BoolGetDatum(task->blind));
	PUT(VERDICT_JUDGMENT, !by_holder || task->judgment == NULL,
		JsonbPGetDatum(task->judgment));
}

void
hitl_record_verdict(HitlDesk *desk, const HitlTask *task, bool with_task,
					bool final, const HitlTransition *transition)
{
	Oid			asserted_by = transition->actor.asserted_by;
	bool		by_holder = transition->act == HITL_ACT_DECIDE ||
		transition->act == HITL_ACT_CAST ||
		transition->act == HITL_ACT_PROPOSE ||
		transition->act == HITL_ACT_ESCALATE;
	Datum		v[VERDICT_NATTS];
	bool		n[VERDICT_NATTS] = {0};
	NameData	login;
	TimestampTz now = transition->won ? transition->now :
		GetCurrentTimestamp();

	/* the row is ours now; getting it may have taken until the lease ended */
	if (by_holder)
		hitl_lease_check(task, now);

	open_record(desk, &desk->verdict, "verdict");
	v[VERDICT_ID] = Int64GetDatum(hitl_next_id("verdict_id_seq"));
	v[VERDICT_CREATED_AT] = TimestampTzGetDatum(now);
	v[VERDICT_DECISION] = UUIDPGetDatum(&task->decision);
	PUT(VERDICT_TASK, !with_task, Int64GetDatum(task->id));
	PUT(VERDICT_KIND, !with_task,
		CStringGetTextDatum(hitl_kind_name(task->kind)));
	v[VERDICT_WORKFLOW] = string_of(&task->workflow);
	PUT(VERDICT_QUEUE, !with_task, string_of(&task->queue));
	v[VERDICT_REVIEWER] = name_of(&transition->actor);
	if (OidIsValid(asserted_by))
		namestrcpy(&login, GetUserNameFromId(asserted_by, false));
	PUT(VERDICT_ASSERTED_BY, !OidIsValid(asserted_by), NameGetDatum(&login));
	v[VERDICT_ACTION] = CStringGetTextDatum(hitl_action_name(transition->action));
	PUT(VERDICT_OUTPUT, transition->output == NULL,
		JsonbPGetDatum(transition->output));
	PUT(VERDICT_CODE, transition->code == NULL,
		PointerGetDatum(transition->code));
	PUT(VERDICT_NOTE, transition->note == NULL,
		PointerGetDatum(transition->note));
	v[VERDICT_FINAL] = BoolGetDatum(final);
	PUT(VERDICT_OUTCOME, !final,
		CStringGetTextDatum(hitl_outcome_name(transition->outcome)));
	PUT(VERDICT_STAGE, !with_task || task->stage == NULL,
		CStringGetTextDatum(task->stage));
	PUT(VERDICT_LOGIN_METHOD, transition->login_method == NULL,
		CStringGetTextDatum(transition->login_method));
	PUT(VERDICT_DELTA, transition->delta == NULL,
		JsonbPGetDatum(transition->delta));
	PUT(VERDICT_EXPLANATION, transition->explanation == NULL,
		PointerGetDatum(transition->explanation));
	PUT(VERDICT_RUBRIC, transition->rubric == 0,
		Int32GetDatum(transition->rubric));
	PUT(VERDICT_SCORES, transition->scores == NULL,
		JsonbPGetDatum(transition->scores));
	PUT(VERDICT_LIKE_TASK, transition->like_task == 0,
		Int64GetDatum(transition->like_task));
	put_claim(task, by_holder, now, v, n);
	hitl_table_insert(desk->verdict, v, n, VERDICT_NATTS);
}

void
hitl_verdict_write(HitlDesk *desk, const HitlTask *of,
				   const HitlTransition *transition)
{
	hitl_record_verdict(desk, of, false, true, transition);
}
