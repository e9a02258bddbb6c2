/*
 * stamp.c
 *		What the gate writes into a decision, and the task that follows.
 *
 * The stamp says who brought the decision and when, what the policy said of
 * it, what was done, and how likely it was to be looked at.  The policy is
 * looked up for each row: a change that has committed holds from the next row
 * on, also within a statement that began before it.
 */
#include "hitl.h"

#include "access/detoast.h"
#include "access/htup_details.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "cache.h"
#include "quota.h"
#include "random.h"
#include "stamp.h"
#include "store.h"
#include "task.h"
#include "uuid.h"

#define FIRST_WRITTEN	COL_CONFIDENCE	/* may be corrected */
#define FIRST_STAMP		COL_CREATED_AT
#define NSTAMPS			(NCOLS - FIRST_STAMP)

const HitlColumn hitl_column[NCOLS] =
{
	{"id", UUIDOID, UUID_LEN}, {"workflow", TEXTOID, -1},
	{"request_id", TEXTOID, -1}, {"exposure", NUMERICOID, -1},
	{"confidence", FLOAT8OID, 8},
	{"reversible", BOOLOID, 1}, {"created_at", TIMESTAMPTZOID, 8},
	{"created_by", NAMEOID, NAMEDATALEN}, {"policy_version", INT4OID, 4},
	{"gate_route", TEXTOID, -1}, {"route", TEXTOID, -1},
	{"reasons", JSONBOID, -1}, {"lane", INT2OID, 2},
	{"audit_u", FLOAT8OID, 8}, {"propensity", FLOAT8OID, 8},
	{"challenger_route", TEXTOID, -1},
};

static int	max_payload = 16 * 1024;	/* kilobytes */

static HTAB *column_maps = NULL;
static Oid	last_role = InvalidOid;
static NameData last_role_name;

/*
 * Columns by name, so that columns that the owner adds or drops do not matter
 * and partitions may differ from the parent.
 */

static void
relation_changed(Datum arg, Oid relid)
{
	HitlColumns  *map;

	if (OidIsValid(relid))
	{
		map = hash_search(column_maps, &relid, HASH_FIND, NULL);
		if (map)
			map->valid = false;
	}
	else
	{
		HASH_SEQ_STATUS seq;

		hash_seq_init(&seq, column_maps);
		while ((map = hash_seq_search(&seq)) != NULL)
			map->valid = false;
	}
}

/*
 * Triggers fire in the order of their names.
 */
static bool
comes_last(Relation rel)
{
	TriggerDesc *desc = rel->trigdesc;
	const char *ours = NULL;

	for (int i = 0; desc && i < desc->numtriggers; i++)
	{
		const Trigger *t = &desc->triggers[i];

		if (!TRIGGER_TYPE_MATCHES(t->tgtype, TRIGGER_TYPE_ROW,
								  TRIGGER_TYPE_BEFORE, TRIGGER_TYPE_INSERT))
			continue;
		if (strcmp(t->tgname, "gate") == 0)
			ours = t->tgname;
		else if (ours != NULL)
			return false;
	}
	return ours != NULL;
}

static void
find_columns(HitlColumns *map, Relation rel)
{
	TupleDesc	tupdesc = RelationGetDescr(rel);

	for (int i = 0; i < NCOLS; i++)
	{
		map->attnum[i] = hitl_find_column(tupdesc, hitl_column[i].name,
										  hitl_column[i].type);
		if (map->attnum[i] == 0)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("relation \"%s\" has no column \"%s\" of type %s",
							RelationGetRelationName(rel), hitl_column[i].name,
							format_type_be(hitl_column[i].type)),
					 errhint("The triggers of hitl belong on hitl.decision alone.")));
	}
	hitl_row_columns(tupdesc, map->key);
	map->untouched = comes_last(rel) &&
		!(tupdesc->constr && tupdesc->constr->has_generated_stored);
	map->valid = true;
}

const HitlColumns *
hitl_columns(Relation rel)
{
	static HitlColumns *last = NULL;
	Oid			relid = RelationGetRelid(rel);

	if (column_maps == NULL)
	{
		HASHCTL		ctl;

		ctl.keysize = sizeof(Oid);
		ctl.entrysize = sizeof(HitlColumns);
		ctl.hcxt = hitl_cache_context();
		column_maps = hash_create("hitl decision columns", 32, &ctl,
								  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
		CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
	}
	if (last == NULL || last->relid != relid)
	{
		bool		found;

		last = hash_search(column_maps, &relid, HASH_ENTER, &found);
		if (!found)
			last->valid = false;
	}
	if (!last->valid)
		find_columns(last, rel);
	return last;
}

void
hitl_columns_take(const HitlColumns *map, const Datum *values,
				  const bool *nulls, Datum *v, bool *n)
{
	for (int i = 0; i < NCOLS; i++)
	{
		v[i] = values[map->attnum[i] - 1];
		n[i] = nulls[map->attnum[i] - 1];
	}
}

void
hitl_columns_put(const HitlColumns *map, const Datum *v, const bool *n,
			Datum *values, bool *nulls)
{
	for (int i = FIRST_WRITTEN; i < NCOLS; i++)
	{
		values[map->attnum[i] - 1] = v[i];
		nulls[map->attnum[i] - 1] = n[i];
	}
}

const HitlWorkflow *
hitl_require_workflow(Datum value, bool isnull, bool may_insert)
{
	const HitlWorkflow *workflow;
	text	   *name;
	int			len;

	if (isnull)
		ereport(ERROR,
				(errcode(ERRCODE_NOT_NULL_VIOLATION),
				 errmsg("a decision names no workflow"),
				 errhint("Set the column \"workflow\" of hitl.decision.")));
	name = DatumGetTextPP(value);
	len = VARSIZE_ANY_EXHDR(name);
	workflow = hitl_workflow(VARDATA_ANY(name), len);
	if (workflow == NULL)
	{
		len = pg_mbcliplen(VARDATA_ANY(name), len, NAMEDATALEN);
		ereport(ERROR,
				(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
				 errmsg("workflow \"%.*s\" of a decision does not exist",
						len, VARDATA_ANY(name)),
				 errhint("Create it by SELECT hitl.create_workflow('%.*s', queue => '...'), or correct the column \"workflow\".",
						 len, VARDATA_ANY(name))));
	}
	if (may_insert && OidIsValid(workflow->application) &&
		!has_privs_of_role(GetOuterUserId(), workflow->application))
	{
		const char *application = GetUserNameFromId(workflow->application, true);

		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("role \"%s\" may not insert decisions of workflow \"%s\"",
						GetUserNameFromId(GetOuterUserId(), false),
						NameStr(workflow->name)),
				 application == NULL ?
				 errhint("The role that may does not exist any more; an admin must name another.") :
				 errhint("Only members of role \"%s\" may.", application)));
	}
	return workflow;
}

bool
hitl_is_stamped(const bool *nulls)
{
	int			present = 0;
	int			required = 0;

	for (int i = FIRST_STAMP; i < NCOLS; i++)
	{
		bool		optional = i == COL_POLICY_VERSION ||
			i == COL_CHALLENGER_ROUTE;

		if (!nulls[i])
			present++;
		if (!nulls[i] && !optional)
			required++;
	}
	if (present == 0)
		return false;
	if (required < NSTAMPS - 2)
		ereport(ERROR,
				(errcode(ERRCODE_HITL_GATE_OWNED),
				 errmsg("a decision comes with some columns that the gate sets, but not all"),
				 errhint("Leave them out, or bring back complete rows of a dump.")));
	if (!superuser() && !has_privs_of_role(GetUserId(), hitl_owner()))
		ereport(ERROR,
				(errcode(ERRCODE_HITL_GATE_OWNED),
				 errmsg("role \"%s\" may not set the columns of a decision that the gate sets",
						GetUserNameFromId(GetUserId(), false)),
				 errhint("Only the owner of hitl.decision brings back complete rows of a dump.")));
	return true;
}

/*
 * What came instead of a confidence goes into the reasons, or is an error
 * where the policy wants that; the row has none then.  What is not known to be
 * reversible is stored as irreversible.
 */
static void
correct_values(const HitlWorkflow *workflow, Datum *v, bool *n)
{
	double		confidence;

	if (n[COL_REVERSIBLE])
	{
		v[COL_REVERSIBLE] = BoolGetDatum(false);
		n[COL_REVERSIBLE] = false;
	}
	if (n[COL_CONFIDENCE])
		return;
	confidence = DatumGetFloat8(v[COL_CONFIDENCE]);
	if (confidence >= 0.0 && confidence <= 1.0)
		return;
	n[COL_CONFIDENCE] = true;
	if (workflow->policy->error_on_invalid)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("confidence %s of a decision of workflow \"%s\" is outside 0 to 1",
						double_to_shortest_decimal(confidence),
						NameStr(workflow->name)),
				 errhint("The policy of the workflow takes no such decisions (on_invalid).")));
}

/*
 * Bytes that the application has given: what a reviewer will have to load.
 */
static void
check_size(const HitlRow *row)
{
	size_t		total = 0;

	for (int i = 0; i < HITL_NKEYS; i++)
	{
		struct varlena *value = (struct varlena *) DatumGetPointer(row->value[i]);

		if (row->isnull[i] || hitl_key[i].type == UUIDOID ||
			hitl_key[i].type == FLOAT8OID || hitl_key[i].type == BOOLOID)
			continue;
		if (VARATT_IS_EXTENDED(value) && !VARATT_IS_SHORT(value))
			total += toast_raw_datum_size(row->value[i]);
		else
			total += VARSIZE_ANY(value);
	}
	if (total > (size_t) max_payload * 1024)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a decision has %zu bytes", total),
				 errdetail("The setting \"%s\" allows %d kilobytes.",
						   "hitl.max_payload", max_payload),
				 errhint("Keep large documents elsewhere and put a reference into the decision.")));
}

/*
 * What is done with a decision: what the policy says, as far as the mode and
 * the kill switch let it.
 */
static HitlRoute
apply_mode(const HitlWorkflow *w, const HitlJudgement *judgement,
		   HitlReasons *reasons)
{
	HitlRoute	route = judgement->route;

	if (w->mode == HITL_MODE_SHADOW)
		route = HITL_OBSERVE;
	else if (w->mode == HITL_MODE_ON_LOOP && judgement->grey)
		route = HITL_MONITOR;
	if (w->mode != HITL_MODE_IN_LOOP)
		hitl_reason_add(reasons, "mode", NULL,
						w->mode == HITL_MODE_MANUAL ? "manual" :
						w->mode == HITL_MODE_SHADOW ? "shadow" : "on_loop");
	if (w->mode == HITL_MODE_MANUAL)
		route = HITL_REVIEW;
	if (w->always_human)
	{
		if (route != HITL_OBSERVE)
			route = HITL_REVIEW;
		hitl_reason_add(reasons, "always_human", NULL,
						"decisions of this workflow need a person");
	}
	if (w->kill_reason)
	{
		route = HITL_REVIEW;
		hitl_reason_add(reasons, "killed", NULL, w->kill_reason);
	}
	return route;
}

/*
 * The name of the role that acts.  To look it up costs as much as to judge.
 */
static void
role_changed(Datum arg, int cacheid, uint32 hashvalue)
{
	last_role = InvalidOid;
}

static Name
acting_role(void)
{
	Oid			role = GetOuterUserId();
	Name		result = palloc(sizeof(NameData));

	if (last_role != role)
	{
		static bool registered = false;

		if (!registered)
			CacheRegisterSyscacheCallback(AUTHOID, role_changed, (Datum) 0);
		registered = true;
		memset(&last_role_name, 0, sizeof(last_role_name));
		namestrcpy(&last_role_name, GetUserNameFromId(role, false));
		last_role = role;
	}
	*result = last_role_name;
	return result;
}

/*
 * The names of routes as values of columns, made once in a session.
 */
static Datum
route_text(HitlRoute route)
{
	static text *known[HITL_OBSERVE + 1];

	if (known[route] == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(hitl_cache_context());

		known[route] = cstring_to_text(hitl_route_name(route));
		MemoryContextSwitchTo(old);
	}
	return PointerGetDatum(known[route]);
}

void
hitl_stamp(const HitlWorkflow *workflow, const HitlColumns *map,
		   const Datum *values, const bool *nulls, Datum *v, bool *n,
		   HitlStamp *result)
{
	HitlRow		row;
	HitlReasons reasons;
	HitlJudgement judgement;
	HitlRoute	route;
	TimestampTz created_at;

	if (!hitl_uuid_get_time(DatumGetUUIDP(v[COL_ID]), &created_at))
		ereport(ERROR,
				(errcode(ERRCODE_HITL_GATE_OWNED),
				 errmsg("the id of a decision is not a UUID of version 7"),
				 errhint("Leave the column \"id\" to its default.")));
	row.stored = false;
	for (int i = 0; i < HITL_NKEYS; i++)
	{
		row.isnull[i] = map->key[i] == 0 || nulls[map->key[i] - 1];
		row.value[i] = row.isnull[i] ? (Datum) 0 : values[map->key[i] - 1];
	}
	check_size(&row);
	correct_values(workflow, v, n);
	reasons.n = reasons.size = 0;
	reasons.more = NULL;
	hitl_rules_new_row();
	hitl_judge(workflow->policy, &row, &reasons, &judgement);
	route = apply_mode(workflow, &judgement, &reasons);

	memset(n + FIRST_STAMP, 0, sizeof(bool) * NSTAMPS);
	v[COL_CREATED_AT] = TimestampTzGetDatum(created_at);
	v[COL_CREATED_BY] = NameGetDatum(acting_role());
	v[COL_POLICY_VERSION] = Int32GetDatum(workflow->policy->version);
	n[COL_POLICY_VERSION] = workflow->policy->version == 0;
	v[COL_GATE_ROUTE] = route_text(judgement.route);
	v[COL_ROUTE] = route_text(route);
	v[COL_REASONS] = JsonbPGetDatum(hitl_reasons_build(&reasons));
	v[COL_LANE] = Int16GetDatum(judgement.effects.lane >= 0 ?
								judgement.effects.lane : workflow->lane);
	v[COL_AUDIT_U] = Float8GetDatum(hitl_random_uniform());
	v[COL_PROPENSITY] = Float8GetDatum(hitl_propensity(workflow->policy,
													   judgement.route, route));
	if (route == HITL_MONITOR || DatumGetFloat8(v[COL_PROPENSITY]) > 0)
		hitl_quota_check(NameStr(workflow->name), workflow->quota);
	n[COL_CHALLENGER_ROUTE] = workflow->challenger == NULL;
	v[COL_CHALLENGER_ROUTE] = (Datum) 0;
	if (workflow->challenger)
	{
		HitlJudgement other;

		hitl_judge(workflow->challenger, &row, NULL, &other);
		v[COL_CHALLENGER_ROUTE] = route_text(other.route);
	}

	/* u < 1 always, so a propensity of 1 always makes a task, 0 never */
	result->needs_task = route == HITL_MONITOR ||
		DatumGetFloat8(v[COL_AUDIT_U]) < DatumGetFloat8(v[COL_PROPENSITY]);
	result->effects = judgement.effects;
}

uint32
hitl_stamp_keys(const HitlWorkflow *workflow)
{
	return hitl_judge_keys(workflow->policy) |
		(workflow->challenger ? hitl_judge_keys(workflow->challenger) : 0);
}

static void
grant_wish(HitlTaskSpec *spec, const HitlEffects *effects)
{
	spec->tier = Max(spec->tier, effects->tier);
	if (NameStr(effects->queue)[0] != '\0')
		spec->queue = effects->queue;
	if (NameStr(effects->sla)[0] != '\0')
		spec->sla = effects->sla;
	spec->question = unconstify(char *, effects->question);
	spec->skills = effects->skills;
	spec->approvals = Max(spec->approvals, effects->approvals);
}

/*
 * Each copy of a review is for another person, and is blind or not by itself.
 */
static void
create_copies(HitlTaskSpec *spec, const HitlPolicy *policy)
{
	bool		overlaps = hitl_random_uniform() < policy->overlap_rate;

	spec->panel = policy->panel + (overlaps ? 1 : 0);
	for (int i = 0; i < policy->panel; i++)
	{
		spec->blind = hitl_random_uniform() < policy->blind_rate;
		hitl_task_create(spec);
	}
	if (overlaps)
	{
		spec->kind = HITL_KIND_OVERLAP;
		memset(&spec->sla, 0, sizeof(spec->sla));
		spec->blind = hitl_random_uniform() < policy->blind_rate;
		hitl_task_create(spec);
	}
}

/*
 * The policy that a row cites.  Another one may have come into force between
 * the row and the end of its statement.
 */
static const HitlPolicy *
cited_policy(const HitlWorkflow *workflow, Datum version, bool isnull)
{
	HitlSpi		spi;
	MemoryContext context = CurrentMemoryContext;
	Snapshot	snapshot;
	HitlPolicy *policy;

	if ((isnull ? 0 : DatumGetInt32(version)) == workflow->policy->version)
		return workflow->policy;
	hitl_spi_begin(&spi);
	MemoryContextSwitchTo(context);
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	policy = hitl_policy_load(NameStr(workflow->name),
							  isnull ? 0 : DatumGetInt32(version), snapshot);
	UnregisterSnapshot(snapshot);
	hitl_spi_end(&spi);
	return policy;
}

void
hitl_stamp_task(const HitlWorkflow *workflow, const Datum *v, const bool *n,
		  const HitlEffects *effects)
{
	const HitlPolicy *policy = cited_policy(workflow, v[COL_POLICY_VERSION],
											n[COL_POLICY_VERSION]);
	HitlTaskSpec spec = {0};
	char	   *route = TextDatumGetCString(v[COL_ROUTE]);
	bool		drawn = DatumGetFloat8(v[COL_AUDIT_U]) <
		DatumGetFloat8(v[COL_PROPENSITY]);

	spec.decision = *DatumGetUUIDP(v[COL_ID]);
	spec.workflow = workflow->name;
	spec.quota = workflow->quota;
	if (strcmp(route, hitl_route_name(HITL_REVIEW)) == 0)
		spec.kind = HITL_KIND_REVIEW;
	else if (drawn)
		spec.kind = HITL_KIND_AUDIT;
	else if (strcmp(route, hitl_route_name(HITL_MONITOR)) == 0)
		spec.kind = HITL_KIND_MONITOR;
	else
		return;
	spec.queue = *hitl_queue_of(workflow, policy);
	spec.lane = DatumGetInt16(v[COL_LANE]);
	spec.tier = 1;
	spec.approvals = 1;
	spec.sla = *hitl_sla_of(workflow, policy);
	spec.created_at = DatumGetTimestampTz(v[COL_CREATED_AT]);
	spec.submitter = *DatumGetName(v[COL_CREATED_BY]);
	if (GetSessionUserId() != GetOuterUserId())
	{
		spec.has_login = true;
		namestrcpy(&spec.submitter_login,
				   GetUserNameFromId(GetSessionUserId(), false));
	}
	if (effects)
		grant_wish(&spec, effects);
	spec.no_exposure = n[COL_EXPOSURE];
	if (!n[COL_EXPOSURE])
		spec.exposure = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow,
														   v[COL_EXPOSURE]));
	spec.confidence = n[COL_CONFIDENCE] ? -1 :
		hitl_worth(workflow, DatumGetFloat8(v[COL_CONFIDENCE]));
	if (spec.kind == HITL_KIND_MONITOR)
		spec.veto_window = policy->veto_window;
	if (spec.kind == HITL_KIND_REVIEW && policy->stages)
	{
		char	  **stage;

		(void) hitl_names_read(policy->stages, &stage);
		spec.stage = stage[0];
	}
	if (spec.kind == HITL_KIND_REVIEW)
	{
		/* once more: the tasks of a statement are made at its end */
		hitl_quota_check(NameStr(workflow->name), workflow->quota);
		create_copies(&spec, policy);
	}
	else
	{
		spec.panel = 1;
		spec.blind = spec.kind == HITL_KIND_AUDIT &&
			hitl_random_uniform() < policy->blind_rate;
		hitl_task_create(&spec);
	}
}

void
hitl_stamp_init(void)
{
	DefineCustomIntVariable("hitl.max_payload",
							"Largest decision that the gate takes.",
							"Counts what the application gives; larger ones fail.",
							&max_payload, 16 * 1024, 1, MAX_KILOBYTES / 16,
							PGC_SUSET, GUC_UNIT_KB, NULL, NULL, NULL);
}
