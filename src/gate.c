/*
 * gate.c
 *		The gate: does this decision need a person?
 *
 * Three parts see each row.  The BEFORE trigger stamps it.  The condition of
 * the AFTER trigger runs as soon as the row is stored, and sees whether it is
 * still as stamped: another trigger may have changed it.  The AFTER trigger,
 * for rows that need one, makes the task; only there, since a row that met
 * ON CONFLICT DO NOTHING has passed the BEFORE trigger as well.
 *
 * Between stamping and storing one row of a statement no other row of that
 * statement is stamped, but a trigger in between may insert decisions of its
 * own.  So what was stamped is remembered once per depth of triggers.
 *
 * A row that comes fully stamped from the table's owner or a superuser is one
 * that a dump or a replication stream brings back: it passes as it is and
 * makes no task.
 *
 * The policy is looked up for each row: a change that has committed holds
 * from the next row on, also within a statement that began before it.
 */
#include "hitl.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "common/hashfn.h"
#include "common/shortest_dec.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/inval.h"
#include "utils/rel.h"

#include "cache.h"
#include "json.h"
#include "policy.h"
#include "random.h"
#include "rule.h"
#include "task.h"
#include "uuid.h"

/* the columns that the gate reads, then those that it writes */
enum
{
	COL_ID, COL_WORKFLOW, COL_CONFIDENCE, COL_REVERSIBLE,
	COL_CREATED_AT, COL_CREATED_BY, COL_POLICY_VERSION, COL_GATE_ROUTE,
	COL_ROUTE, COL_REASONS, COL_LANE, COL_AUDIT_U, COL_PROPENSITY,
	NCOLS
};
#define FIRST_WRITTEN	COL_CONFIDENCE	/* may be corrected */
#define FIRST_STAMP		COL_CREATED_AT
#define NSTAMPS			(NCOLS - FIRST_STAMP)

static const struct
{
	const char *name;
	Oid			type;
}			column[NCOLS] =
{
	{"id", UUIDOID}, {"workflow", TEXTOID}, {"confidence", FLOAT8OID},
	{"reversible", BOOLOID},
	{"created_at", TIMESTAMPTZOID}, {"created_by", NAMEOID},
	{"policy_version", INT4OID}, {"gate_route", TEXTOID}, {"route", TEXTOID},
	{"reasons", JSONBOID}, {"lane", INT2OID}, {"audit_u", FLOAT8OID},
	{"propensity", FLOAT8OID},
};

/* where the columns are in one partition */
typedef struct ColumnMap
{
	Oid			relid;			/* hash key */
	bool		valid;
	int			attnum[NCOLS];
	int			key[HITL_RULE_NKEYS];	/* of what rules can name; 0: none */
} ColumnMap;

/* a row that was stamped and is not stored yet */
typedef struct Stamped
{
	bool		pending;
	bool		needs_task;
	pg_uuid_t	id;
	uint64		hash;			/* over all columns above */
} Stamped;

typedef enum Route
{
	ROUTE_AUTO_APPROVE,
	ROUTE_AUTO_REJECT,
	ROUTE_REVIEW
} Route;

/* what the gate goes by, and what it finds */
typedef struct Question
{
	const HitlWorkflow *workflow;
	bool		has_confidence; /* a number from 0 to 1 */
	double		confidence;
	const char *raw_confidence; /* what came instead */
	const char *irreversible;	/* why it counts so; NULL: it can be undone */
	HeapTuple	tuple;			/* for the rules */
	TupleDesc	tupdesc;
	const int  *key;
} Question;

typedef struct Answer
{
	Route		gate_route;
	Route		route;
	double		propensity;
	Jsonb	   *reasons;
	HitlEffects effects;		/* of rules, on the task */
} Answer;

/* what rules want of the task of a row that is not stored yet */
typedef struct Wish
{
	pg_uuid_t	id;				/* hash key */
	HitlEffects effects;
} Wish;

static HTAB *column_maps = NULL;
static HTAB *wishes = NULL;		/* of this transaction */
static Stamped *stamped = NULL; /* by depth of triggers */
static int	stamped_size = 0;

PG_FUNCTION_INFO_V1(hitl_gate);
PG_FUNCTION_INFO_V1(hitl_needs_task);
PG_FUNCTION_INFO_V1(hitl_enqueue);

/*
 * Columns by name, so that columns that the owner adds or drops do not matter
 * and partitions may differ from the parent.
 */

static void
relation_changed(Datum arg, Oid relid)
{
	ColumnMap  *map;

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

static void
find_columns(ColumnMap *map, Relation rel)
{
	TupleDesc	tupdesc = RelationGetDescr(rel);

	for (int i = 0; i < NCOLS; i++)
	{
		map->attnum[i] = hitl_find_column(tupdesc, column[i].name,
										  column[i].type);
		if (map->attnum[i] == 0)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("relation \"%s\" has no column \"%s\" of type %s",
							RelationGetRelationName(rel), column[i].name,
							format_type_be(column[i].type)),
					 errhint("The triggers of hitl belong on hitl.decision alone.")));
	}
	hitl_rule_columns(tupdesc, map->key);
	map->valid = true;
}

static const ColumnMap *
column_map(Relation rel)
{
	static ColumnMap *last = NULL;
	Oid			relid = RelationGetRelid(rel);

	if (column_maps == NULL)
	{
		HASHCTL		ctl;

		ctl.keysize = sizeof(Oid);
		ctl.entrysize = sizeof(ColumnMap);
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

/*
 * The hash of what the gate has seen and said.  Its only enemy is another
 * trigger's mistake or cunning within this statement.
 */
static uint64
hash_columns(const Datum *v, const bool *n)
{
	uint64		hash = 0;

	for (int i = 0; i < NCOLS; i++)
	{
		uint64		h = 0;

		if (n[i])
			h = 1;
		else
			switch (column[i].type)
			{
				case TEXTOID:
				case JSONBOID:
					{
						struct varlena *value = PG_DETOAST_DATUM_PACKED(v[i]);

						h = hash_bytes_extended((unsigned char *) VARDATA_ANY(value),
												VARSIZE_ANY_EXHDR(value), 0);
						break;
					}
				case UUIDOID:
					h = hash_bytes_extended(DatumGetUUIDP(v[i])->data,
											UUID_LEN, 0);
					break;
				case NAMEOID:
					h = hash_bytes_extended((unsigned char *) NameStr(*DatumGetName(v[i])),
											strlen(NameStr(*DatumGetName(v[i]))),
											0);
					break;
				case FLOAT8OID:
					{
						double		value = DatumGetFloat8(v[i]);

						h = hash_bytes_extended((unsigned char *) &value,
												sizeof(value), 0);
						break;
					}
				case TIMESTAMPTZOID:
					h = hash_combine64(i, (uint64) DatumGetTimestampTz(v[i]));
					break;
				case INT4OID:
					h = hash_combine64(i, (uint64) DatumGetInt32(v[i]));
					break;
				case INT2OID:
					h = hash_combine64(i, (uint64) DatumGetInt16(v[i]));
					break;
				case BOOLOID:
					h = hash_combine64(i, (uint64) DatumGetBool(v[i]));
					break;
			}
		hash = hash_combine64(hash, h);
	}
	return hash;
}

static Stamped *
stamped_at(int depth)
{
	if (depth >= stamped_size)
	{
		int			size = Max(depth + 1, 8);
		Size		bytes = sizeof(Stamped) * size;

		stamped = stamped == NULL ?
			MemoryContextAlloc(hitl_cache_context(), bytes) :
			repalloc(stamped, bytes);
		memset(stamped + stamped_size, 0,
			   sizeof(Stamped) * (size - stamped_size));
		stamped_size = size;
	}
	return &stamped[depth];
}

static int
trigger_depth(void)
{
	return DatumGetInt32(DirectFunctionCall1(pg_trigger_depth, (Datum) 0));
}

static const char *
route_name(Route route)
{
	switch (route)
	{
		case ROUTE_AUTO_APPROVE:
			return "auto_approve";
		case ROUTE_AUTO_REJECT:
			return "auto_reject";
		case ROUTE_REVIEW:
			return "review";
	}
	return NULL;				/* keep the compiler quiet */
}

/*
 * The decision on a decision.  Looks at nothing but its arguments.
 */

static Route
apply_thresholds(const Question *q, HitlJson *reasons)
{
	const HitlWorkflow *w = q->workflow;
	Route		route = ROUTE_REVIEW;
	const char *op;
	double		bound;

	if (!q->has_confidence)
	{
		hitl_add_reason(reasons, "confidence_invalid", NULL, q->raw_confidence);
		return ROUTE_REVIEW;
	}
	if (w->policy_version == 0)
	{
		hitl_add_reason(reasons, "no_policy", NULL, "the workflow has no policy");
		return ROUTE_REVIEW;
	}

	/* what is tested is what lets a decision pass: nothing passes by default */
	if (w->has_upper && q->confidence >= w->upper)
	{
		route = ROUTE_AUTO_APPROVE;
		op = ">=";
		bound = w->upper;
	}
	else if (q->confidence < w->lower)
	{
		route = ROUTE_AUTO_REJECT;
		op = "<";
		bound = w->lower;
	}
	else if (w->has_upper)
	{
		op = "<";
		bound = w->upper;
	}
	else
	{
		op = ">=";
		bound = w->lower;
	}
	hitl_add_reason(reasons, "confidence", NULL,
			   psprintf("%s %s %s", double_to_shortest_decimal(q->confidence), op,
						double_to_shortest_decimal(bound)));
	return route;
}

static void
judge(const Question *q, Answer *a)
{
	const HitlWorkflow *w = q->workflow;
	HitlJson	reasons;

	hitl_json_begin_array(&reasons);
	a->gate_route = apply_thresholds(q, &reasons);
	hitl_rules_apply(w->rules, w->nrules, w->rule_keys, q->tuple, q->tupdesc,
					 q->key, q->has_confidence, &reasons, &a->effects);
	if (a->effects.review)
		a->gate_route = ROUTE_REVIEW;
	if (q->irreversible)
	{
		a->gate_route = ROUTE_REVIEW;
		hitl_add_reason(&reasons, "irreversible", NULL, q->irreversible);
	}
	a->route = a->gate_route;
	if (w->mode == HITL_MODE_MANUAL)
	{
		a->route = ROUTE_REVIEW;
		hitl_add_reason(&reasons, "mode", NULL, "manual");
	}
	if (w->kill_reason)
	{
		a->route = ROUTE_REVIEW;
		hitl_add_reason(&reasons, "killed", NULL, w->kill_reason);
	}
	a->reasons = hitl_json_end_array(&reasons);

	switch (a->route)
	{
		case ROUTE_AUTO_APPROVE:
			a->propensity = w->audit_rate_approve;
			break;
		case ROUTE_AUTO_REJECT:
			a->propensity = w->audit_rate_reject;
			break;
		case ROUTE_REVIEW:
			a->propensity = 1.0;
			break;
	}
}

/*
 * Wishes of rules wait from the BEFORE trigger to the AFTER trigger, by id,
 * for the length of the transaction.
 */

static void
forget_wishes(void *arg)
{
	wishes = NULL;
}

static void
make_wish(const pg_uuid_t *id, const HitlEffects *effects)
{
	static MemoryContext context;
	Wish	   *wish;

	if (effects->tier == 0 && effects->question == NULL &&
		NameStr(effects->queue)[0] == '\0' && NameStr(effects->sla)[0] == '\0')
		return;
	if (wishes == NULL)
	{
		MemoryContextCallback *callback;
		HASHCTL		ctl;

		context = AllocSetContextCreate(TopTransactionContext, "hitl wishes",
										ALLOCSET_SMALL_SIZES);
		callback = MemoryContextAllocZero(context, sizeof(*callback));
		callback->func = forget_wishes;
		MemoryContextRegisterResetCallback(context, callback);
		ctl.keysize = sizeof(pg_uuid_t);
		ctl.entrysize = sizeof(Wish);
		ctl.hcxt = context;
		wishes = hash_create("hitl wishes", 32, &ctl,
							 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	wish = hash_search(wishes, id, HASH_ENTER, NULL);
	wish->effects = *effects;
	if (effects->question)		/* the cache may go before the transaction */
		wish->effects.question = MemoryContextStrdup(context,
													 effects->question);
}

static void
grant_wish(HitlTaskSpec *spec)
{
	Wish	   *wish = NULL;

	if (wishes)
		wish = hash_search(wishes, &spec->decision, HASH_REMOVE, NULL);
	if (wish == NULL)
		return;
	spec->tier = Max(spec->tier, wish->effects.tier);
	if (NameStr(wish->effects.queue)[0] != '\0')
		spec->queue = wish->effects.queue;
	if (NameStr(wish->effects.sla)[0] != '\0')
		spec->sla = wish->effects.sla;
	spec->question = unconstify(char *, wish->effects.question);
}

/*
 * The triggers
 */

static void
require_trigger(FunctionCallInfo fcinfo, const char *name, bool before)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo) ||
		!TRIGGER_FIRED_FOR_ROW(trigdata->tg_event) ||
		!TRIGGER_FIRED_BY_INSERT(trigdata->tg_event) ||
		!(before ? TRIGGER_FIRED_BEFORE(trigdata->tg_event) :
		  TRIGGER_FIRED_AFTER(trigdata->tg_event)))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" must be called as a trigger %s INSERT FOR EACH ROW",
						name, before ? "BEFORE" : "AFTER")));
}

static const HitlWorkflow *
require_workflow(Datum value, bool isnull)
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
	if (OidIsValid(workflow->application) &&
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

/*
 * Whether the row comes with its stamp already.
 */
static bool
is_stamped(const bool *nulls)
{
	int			present = 0;
	int			required = 0;

	for (int i = FIRST_STAMP; i < NCOLS; i++)
	{
		if (!nulls[i])
			present++;
		if (!nulls[i] && i != COL_POLICY_VERSION)
			required++;
	}
	if (present == 0)
		return false;
	if (required < NSTAMPS - 1)
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
 * Reads what the gate goes by.  A confidence that is none becomes NULL, and
 * what came instead goes into the reasons; what may be irreversible is.
 */
static void
read_question(Question *q, Datum *v, bool *n)
{
	memset(q, 0, sizeof(*q));
	q->workflow = require_workflow(v[COL_WORKFLOW], n[COL_WORKFLOW]);
	if (n[COL_REVERSIBLE])
	{
		q->irreversible = "it is not known whether the action can be undone";
		v[COL_REVERSIBLE] = BoolGetDatum(false);
		n[COL_REVERSIBLE] = false;
	}
	else if (!DatumGetBool(v[COL_REVERSIBLE]))
		q->irreversible = "the action cannot be undone";
	if (n[COL_CONFIDENCE])
		q->raw_confidence = "null";
	else
	{
		q->confidence = DatumGetFloat8(v[COL_CONFIDENCE]);
		q->has_confidence = q->confidence >= 0.0 && q->confidence <= 1.0;
		if (!q->has_confidence)
		{
			q->raw_confidence = double_to_shortest_decimal(q->confidence);
			n[COL_CONFIDENCE] = true;
		}
	}
}

Datum
hitl_gate(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;
	HeapTuple	tuple;
	TupleDesc	tupdesc;
	const ColumnMap *map;
	Datum		v[NCOLS];
	bool		n[NCOLS];
	int			ncols = 0;
	int			cols[NCOLS];
	Datum		values[NCOLS];
	bool		nulls[NCOLS];
	Question	question;
	Answer		answer;
	TimestampTz created_at;
	NameData	created_by;
	Stamped    *mine;

	require_trigger(fcinfo, "hitl.gate", true);
	tuple = trigdata->tg_trigtuple;
	tupdesc = RelationGetDescr(trigdata->tg_relation);
	map = column_map(trigdata->tg_relation);
	for (int i = 0; i < NCOLS; i++)
		v[i] = heap_getattr(tuple, map->attnum[i], tupdesc, &n[i]);

	mine = stamped_at(trigger_depth());
	mine->pending = false;
	if (n[COL_ID])
		ereport(ERROR,
				(errcode(ERRCODE_NOT_NULL_VIOLATION),
				 errmsg("a decision has no id"),
				 errhint("Leave the column \"id\" to its default.")));
	mine->id = *DatumGetUUIDP(v[COL_ID]);

	if (is_stamped(n))
	{
		mine->needs_task = false;
		mine->hash = hash_columns(v, n);
		mine->pending = true;
		return PointerGetDatum(tuple);
	}

	if (!hitl_uuid_get_time(&mine->id, &created_at))
		ereport(ERROR,
				(errcode(ERRCODE_HITL_GATE_OWNED),
				 errmsg("the id of a decision is not a UUID of version 7"),
				 errhint("Leave the column \"id\" to its default.")));
	read_question(&question, v, n);
	question.tuple = tuple;
	question.tupdesc = tupdesc;
	question.key = map->key;
	judge(&question, &answer);

	memset(&created_by, 0, sizeof(created_by));
	namestrcpy(&created_by, GetUserNameFromId(GetOuterUserId(), false));
	memset(n + FIRST_STAMP, 0, sizeof(bool) * NSTAMPS);
	v[COL_CREATED_AT] = TimestampTzGetDatum(created_at);
	v[COL_CREATED_BY] = NameGetDatum(&created_by);
	v[COL_POLICY_VERSION] = Int32GetDatum(question.workflow->policy_version);
	n[COL_POLICY_VERSION] = question.workflow->policy_version == 0;
	v[COL_GATE_ROUTE] = CStringGetTextDatum(route_name(answer.gate_route));
	v[COL_ROUTE] = CStringGetTextDatum(route_name(answer.route));
	v[COL_REASONS] = JsonbPGetDatum(answer.reasons);
	v[COL_LANE] = Int16GetDatum(answer.effects.lane >= 0 ?
								answer.effects.lane : question.workflow->lane);
	v[COL_AUDIT_U] = Float8GetDatum(hitl_random_uniform());
	v[COL_PROPENSITY] = Float8GetDatum(answer.propensity);

	/* u < 1 always, so a propensity of 1 always makes a task, 0 never */
	mine->needs_task = DatumGetFloat8(v[COL_AUDIT_U]) < answer.propensity;
	mine->hash = hash_columns(v, n);
	mine->pending = true;
	if (mine->needs_task)
		make_wish(&mine->id, &answer.effects);

	for (int i = FIRST_WRITTEN; i < NCOLS; i++)
	{
		cols[ncols] = map->attnum[i];
		values[ncols] = v[i];
		nulls[ncols++] = n[i];
	}
	return PointerGetDatum(heap_modify_tuple_by_cols(tuple, tupdesc, ncols,
													 cols, values, nulls));
}

/*
 * Runs right after a row was stored, at the depth of the statement, one less
 * than that of its triggers.
 */
Datum
hitl_needs_task(PG_FUNCTION_ARGS)
{
	Stamped    *mine = stamped_at(trigger_depth() + 1);
	Datum		v[NCOLS];
	bool		n[NCOLS];

	for (int i = 0; i < NCOLS; i++)
	{
		v[i] = PG_GETARG_DATUM(i);
		n[i] = PG_ARGISNULL(i);
	}
	if (!mine->pending || n[COL_ID] ||
		memcmp(&mine->id, DatumGetUUIDP(v[COL_ID]), sizeof(pg_uuid_t)) != 0 ||
		hash_columns(v, n) != mine->hash)
		ereport(ERROR,
				(errcode(ERRCODE_HITL_GATE_OWNED),
				 errmsg("a decision was stored otherwise than the gate stamped it"),
				 errdetail("Another trigger on hitl.decision changed the row, or the trigger \"gate\" is disabled."),
				 errhint("Name triggers that fill columns so that they come before \"gate\".")));
	mine->pending = false;
	PG_RETURN_BOOL(mine->needs_task);
}

Datum
hitl_enqueue(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;
	const ColumnMap *map;
	TupleDesc	tupdesc;
	Datum		v[NCOLS];
	bool		n[NCOLS];
	const HitlWorkflow *workflow;
	HitlTaskSpec spec = {0};
	char	   *route;

	require_trigger(fcinfo, "hitl.enqueue", false);
	tupdesc = RelationGetDescr(trigdata->tg_relation);
	map = column_map(trigdata->tg_relation);
	for (int i = 0; i < NCOLS; i++)
		v[i] = heap_getattr(trigdata->tg_trigtuple, map->attnum[i], tupdesc,
							&n[i]);
	if (n[COL_ID] || n[COL_ROUTE] || n[COL_LANE] || n[COL_CREATED_AT])
		ereport(ERROR,
				(errcode(ERRCODE_NOT_NULL_VIOLATION),
				 errmsg("a row of \"%s\" is not one that the gate stamped",
						RelationGetRelationName(trigdata->tg_relation)),
				 errhint("The triggers of hitl belong on hitl.decision alone.")));
	workflow = require_workflow(v[COL_WORKFLOW], n[COL_WORKFLOW]);
	route = TextDatumGetCString(v[COL_ROUTE]);
	spec.decision = *DatumGetUUIDP(v[COL_ID]);
	spec.workflow = workflow->name;
	spec.audit = strcmp(route, route_name(ROUTE_REVIEW)) != 0;
	spec.queue = workflow->queue;
	spec.lane = DatumGetInt16(v[COL_LANE]);
	spec.tier = 1;
	spec.sla = workflow->sla;
	spec.created_at = DatumGetTimestampTz(v[COL_CREATED_AT]);
	grant_wish(&spec);
	hitl_task_create(&spec);
	return PointerGetDatum(NULL);
}
