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

#include "access/detoast.h"
#include "access/htup_details.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "common/shortest_dec.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "replication/logicalworker.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "cache.h"
#include "gate.h"
#include "judge.h"
#include "people.h"
#include "random.h"
#include "store.h"
#include "task.h"
#include "uuid.h"

/* the columns that the gate reads, then those that it writes */
enum
{
	COL_ID, COL_WORKFLOW, COL_REQUEST_ID, COL_CONFIDENCE, COL_REVERSIBLE,
	COL_CREATED_AT, COL_CREATED_BY, COL_POLICY_VERSION, COL_GATE_ROUTE,
	COL_ROUTE, COL_REASONS, COL_LANE, COL_AUDIT_U, COL_PROPENSITY,
	COL_CHALLENGER_ROUTE,
	NCOLS
};
#define FIRST_WRITTEN	COL_CONFIDENCE	/* may be corrected */
#define FIRST_STAMP		COL_CREATED_AT
#define NSTAMPS			(NCOLS - FIRST_STAMP)

static const struct
{
	const char *name;
	Oid			type;
	int			len;			/* as pg_type says */
}			column[NCOLS] =
{
	{"id", UUIDOID, UUID_LEN}, {"workflow", TEXTOID, -1},
	{"request_id", TEXTOID, -1}, {"confidence", FLOAT8OID, 8},
	{"reversible", BOOLOID, 1}, {"created_at", TIMESTAMPTZOID, 8},
	{"created_by", NAMEOID, NAMEDATALEN}, {"policy_version", INT4OID, 4},
	{"gate_route", TEXTOID, -1}, {"route", TEXTOID, -1},
	{"reasons", JSONBOID, -1}, {"lane", INT2OID, 2},
	{"audit_u", FLOAT8OID, 8}, {"propensity", FLOAT8OID, 8},
	{"challenger_route", TEXTOID, -1},
};

/* where the columns are in one partition */
typedef struct ColumnMap
{
	Oid			relid;			/* hash key */
	bool		valid;
	bool		untouched;		/* after our trigger nobody changes the row */
	int			attnum[NCOLS];
	int			key[HITL_NKEYS];	/* of what is judged; 0: none */
} ColumnMap;

/* a row that was stamped and is not stored yet */
typedef struct Stamped
{
	bool		pending;
	bool		needs_more;		/* the trigger afterwards has work */
	Datum		value[NCOLS];
	bool		isnull[NCOLS];
	char	   *copies;			/* where values are that had to be copied */
	Size		size;
} Stamped;

/* what follows from a stamp */
typedef struct Stamp
{
	bool		needs_task;
	HitlEffects effects;
} Stamp;

/* what is known of a row that is not stored yet, beside its columns */
typedef struct Wish
{
	pg_uuid_t	id;				/* hash key */
	bool		ungated;		/* brought by somebody in replica role */
	HitlEffects effects;		/* what the rules want of the task */
} Wish;

/* longest key, in bytes: it goes into an index */
#define MAX_REQUEST_ID	512

/* what is passed by value fills a Datum, so it can be compared as one */
StaticAssertDecl(FLOAT8PASSBYVAL, "hitl needs a 64-bit server");

static int	max_payload = 16 * 1024;	/* kilobytes */

static HTAB *column_maps = NULL;
static HTAB *wishes = NULL;		/* of this transaction */
static MemoryContext wish_context;
static Stamped *stamped = NULL; /* by depth of triggers */
static int	stamped_size = 0;
static Oid	last_role = InvalidOid;
static NameData last_role_name;

static HitlQuery request_query = {
	.text =
	"INSERT INTO hitl.request AS r (workflow, request_id, decision)"
	" VALUES ($1, $2, $3)"
	" ON CONFLICT (workflow, request_id) DO NOTHING",
	.nargs = 3,
	.argtypes = {TEXTOID, TEXTOID, UUIDOID}
};

static HitlQuery requested_query = {
	.text =
	"SELECT decision FROM hitl.request"
	" WHERE workflow OPERATOR(pg_catalog.=) $1"
	"   AND request_id OPERATOR(pg_catalog.=) $2",
	.nargs = 2,
	.argtypes = {TEXTOID, TEXTOID}
};

static HitlQuery ungated_query = {
	.text =
	"INSERT INTO hitl.event (kind, decision, workflow, actor)"
	" VALUES ('ungated', $1, $2, $3)",
	.nargs = 3,
	.argtypes = {UUIDOID, TEXTOID, TEXTOID}
};

PG_FUNCTION_INFO_V1(hitl_gate);
PG_FUNCTION_INFO_V1(hitl_needs_task);
PG_FUNCTION_INFO_V1(hitl_enqueue);
PG_FUNCTION_INFO_V1(hitl_regate);

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
	hitl_row_columns(tupdesc, map->key);
	map->untouched = comes_last(rel) &&
		!(tupdesc->constr && tupdesc->constr->has_generated_stored);
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

static void
take_columns(const ColumnMap *map, const Datum *values, const bool *nulls,
			 Datum *v, bool *n)
{
	for (int i = 0; i < NCOLS; i++)
	{
		v[i] = values[map->attnum[i] - 1];
		n[i] = nulls[map->attnum[i] - 1];
	}
}

static void
put_columns(const ColumnMap *map, const Datum *v, const bool *n,
			Datum *values, bool *nulls)
{
	for (int i = FIRST_WRITTEN; i < NCOLS; i++)
	{
		values[map->attnum[i] - 1] = v[i];
		nulls[map->attnum[i] - 1] = n[i];
	}
}

static inline bool
is_by_value(int i)
{
	return column[i].type == FLOAT8OID || column[i].type == TIMESTAMPTZOID ||
		column[i].type == INT4OID || column[i].type == INT2OID ||
		column[i].type == BOOLOID;
}

static Size
bytes_of(int i, Datum value, const char **from)
{
	switch (column[i].type)
	{
		case UUIDOID:
			*from = (const char *) DatumGetUUIDP(value)->data;
			return UUID_LEN;
		case NAMEOID:
			*from = NameStr(*DatumGetName(value));
			return strlen(*from);
		default:
			{
				struct varlena *packed = PG_DETOAST_DATUM_PACKED(value);

				*from = VARDATA_ANY(packed);
				return VARSIZE_ANY_EXHDR(packed);
			}
	}
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

/*
 * Keeps what the gate has seen and said, to compare it with the row that is
 * stored.  A stamp that was written into the slot is there as long as the slot
 * has the row.  One that went into a tuple is copied: the tuple may not last.
 */
static void
remember(Stamped *mine, const Datum *v, const bool *n, bool in_place)
{
	char	   *to;
	Size		total = 0;

	memcpy(mine->value, v, sizeof(mine->value));
	memcpy(mine->isnull, n, sizeof(mine->isnull));
	mine->pending = true;
	if (in_place)
		return;

	for (int i = 0; i < NCOLS; i++)
	{
		if (!n[i] && !is_by_value(i))
			total += MAXALIGN(datumGetSize(v[i], false, column[i].len));
	}
	if (total > mine->size)
	{
		if (mine->copies)
			pfree(mine->copies);
		mine->size = 0;
		mine->copies = MemoryContextAlloc(hitl_cache_context(), total * 2);
		mine->size = total * 2;
	}
	to = mine->copies;
	for (int i = 0; i < NCOLS; i++)
	{
		Size		len;

		if (n[i] || is_by_value(i))
			continue;
		len = datumGetSize(v[i], false, column[i].len);
		memcpy(to, DatumGetPointer(v[i]), len);
		mine->value[i] = PointerGetDatum(to);
		to += MAXALIGN(len);
	}
}

/*
 * Whether a stored row is the one remembered.  The lottery's number tells rows
 * apart, so what is by value comes first: only if all of that agrees, the row
 * is sure to be there still, and the rest may be looked at.
 */
static bool
is_as_remembered(const Stamped *mine, const Datum *v, const bool *n)
{
	if (!mine->pending || memcmp(mine->isnull, n, sizeof(mine->isnull)) != 0)
		return false;
	for (int i = 0; i < NCOLS; i++)
	{
		if (!n[i] && is_by_value(i) && mine->value[i] != v[i])
			return false;
	}
	for (int i = 0; i < NCOLS; i++)
	{
		const char *seen;
		const char *stored;
		Size		len;

		if (n[i] || mine->value[i] == v[i] || is_by_value(i))
			continue;
		len = bytes_of(i, v[i], &stored);
		if (bytes_of(i, mine->value[i], &seen) != len ||
			memcmp(seen, stored, len) != 0)
			return false;
	}
	return true;
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
		if (route != HITL_OBSERVE)
			route = HITL_REVIEW;
		hitl_reason_add(reasons, "killed", NULL, w->kill_reason);
	}
	return route;
}

/*
 * Wishes wait from the BEFORE trigger to the AFTER trigger, by id, for the
 * length of the transaction.
 */

static void
forget_wishes(void *arg)
{
	wishes = NULL;
}

static Wish *
make_wish(const pg_uuid_t *id)
{
	Wish	   *wish;

	if (wishes == NULL)
	{
		MemoryContextCallback *callback;
		HASHCTL		ctl;

		wish_context = AllocSetContextCreate(TopTransactionContext,
											 "hitl wishes",
											 ALLOCSET_SMALL_SIZES);
		callback = MemoryContextAllocZero(wish_context, sizeof(*callback));
		callback->func = forget_wishes;
		MemoryContextRegisterResetCallback(wish_context, callback);
		ctl.keysize = sizeof(pg_uuid_t);
		ctl.entrysize = sizeof(Wish);
		ctl.hcxt = wish_context;
		wishes = hash_create("hitl wishes", 32, &ctl,
							 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	wish = hash_search(wishes, id, HASH_ENTER, NULL);
	memset((char *) wish + sizeof(wish->id), 0, sizeof(*wish) - sizeof(wish->id));
	return wish;
}

static void
wish_for(const pg_uuid_t *id, const HitlEffects *effects)
{
	Wish	   *wish;

	if (effects->tier == 0 && effects->question == NULL &&
		NameStr(effects->queue)[0] == '\0' && NameStr(effects->sla)[0] == '\0')
		return;
	wish = make_wish(id);
	wish->effects = *effects;
	if (effects->question)		/* the cache may go before the transaction */
		wish->effects.question = MemoryContextStrdup(wish_context,
													 effects->question);
}

static bool
take_wish(const pg_uuid_t *id, Wish *wish)
{
	Wish	   *found;

	if (wishes == NULL)
		return false;
	found = hash_search(wishes, id, HASH_REMOVE, NULL);
	if (found)
		*wish = *found;
	return found != NULL;
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
 * The tuple with other values in some columns.
 */
static HeapTuple
form_tuple(HeapTuple old, TupleDesc tupdesc, Datum *values, bool *nulls)
{
	HeapTuple	new = heap_form_tuple(tupdesc, values, nulls);

	new->t_data->t_ctid = old->t_data->t_ctid;
	new->t_self = old->t_self;
	new->t_tableOid = old->t_tableOid;
	return new;
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

/*
 * Judges a row and fills in its stamp: all of v and n but the id.
 */
static void
stamp(const ColumnMap *map, const Datum *values, const bool *nulls,
	  Datum *v, bool *n, Stamp *result)
{
	const HitlWorkflow *workflow;
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
	for (int i = 0; i < HITL_NKEYS; i++)
	{
		row.isnull[i] = map->key[i] == 0 || nulls[map->key[i] - 1];
		row.value[i] = row.isnull[i] ? (Datum) 0 : values[map->key[i] - 1];
	}
	workflow = require_workflow(v[COL_WORKFLOW], n[COL_WORKFLOW]);
	check_size(&row);
	correct_values(workflow, v, n);
	reasons.n = reasons.size = 0;
	reasons.more = NULL;
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

/*
 * A row that comes through the partitioned table is in a virtual slot: values
 * not yet put together.  The stamp is written right there, and the trigger
 * returns the tuple that it got as if it had changed nothing.  A new tuple
 * would be taken apart by the server, checked against the bounds of the
 * partition and put together once more: more than all that the gate does.
 * Triggers after ours would see the old tuple, and the computing of generated
 * columns makes a new row in the slot, so there must be neither.  That the row
 * was stored with its stamp is verified in any case.
 */
static bool
can_write_slot(const TriggerData *trigdata, const ColumnMap *map)
{
	TupleTableSlot *slot = trigdata->tg_trigslot;

	return map->untouched && slot != NULL && TTS_IS_VIRTUAL(slot) &&
		slot->tts_nvalid == RelationGetNumberOfAttributes(trigdata->tg_relation);
}

Datum
hitl_gate(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;
	HeapTuple	tuple;
	TupleDesc	tupdesc;
	const ColumnMap *map;
	Datum	   *values;
	bool	   *nulls;
	Datum		v[NCOLS];
	bool		n[NCOLS];
	const pg_uuid_t *id;
	bool		in_place;
	Stamp		given;
	Stamped    *mine;

	require_trigger(fcinfo, "hitl.gate", true);
	tuple = trigdata->tg_trigtuple;
	tupdesc = RelationGetDescr(trigdata->tg_relation);
	map = column_map(trigdata->tg_relation);
	in_place = can_write_slot(trigdata, map);
	if (in_place)
	{
		values = trigdata->tg_trigslot->tts_values;
		nulls = trigdata->tg_trigslot->tts_isnull;
	}
	else
	{
		values = palloc(sizeof(Datum) * tupdesc->natts);
		nulls = palloc(sizeof(bool) * tupdesc->natts);
		heap_deform_tuple(tuple, tupdesc, values, nulls);
	}
	take_columns(map, values, nulls, v, n);

	mine = stamped_at(trigger_depth());
	mine->pending = false;
	if (n[COL_ID])
		ereport(ERROR,
				(errcode(ERRCODE_NOT_NULL_VIOLATION),
				 errmsg("a decision has no id"),
				 errhint("Leave the column \"id\" to its default.")));
	id = DatumGetUUIDP(v[COL_ID]);

	if (is_stamped(n))
	{
		/* a subscription brings what was gated elsewhere */
		mine->needs_more = SessionReplicationRole == SESSION_REPLICATION_ROLE_REPLICA &&
			!IsLogicalWorker();
		if (mine->needs_more)
			make_wish(id)->ungated = true;
		remember(mine, v, n, in_place);
		return PointerGetDatum(tuple);
	}

	stamp(map, values, nulls, v, n, &given);
	mine->needs_more = given.needs_task || !n[COL_REQUEST_ID];
	if (given.needs_task)
		wish_for(id, &given.effects);
	remember(mine, v, n, in_place);
	put_columns(map, v, n, values, nulls);
	if (!in_place)
		tuple = form_tuple(tuple, tupdesc, values, nulls);
	return PointerGetDatum(tuple);
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
	if (!is_as_remembered(mine, v, n))
		ereport(ERROR,
				(errcode(ERRCODE_HITL_GATE_OWNED),
				 errmsg("a decision was stored otherwise than the gate stamped it"),
				 errdetail("Another trigger on hitl.decision changed the row, or the trigger \"gate\" is disabled."),
				 errhint("Name triggers that fill columns so that they come before \"gate\".")));
	mine->pending = false;
	PG_RETURN_BOOL(mine->needs_more);
}

/*
 * The key under which the application will know the decision again.  Whoever
 * else is at the same key is waited for.
 */
static void
keep_request(Datum workflow, Datum request_id, Datum decision)
{
	Datum		args[3] = {workflow, request_id, decision};
	size_t		len = VARSIZE_ANY_EXHDR(DatumGetTextPP(request_id));
	HitlSpi		spi;
	bool		isnull;
	char	   *existing = NULL;
	bool		kept;

	if (len == 0 || len > MAX_REQUEST_ID)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the request_id of a decision has %zu bytes", len),
				 errhint("Use 1 to %d bytes, or NULL.", MAX_REQUEST_ID)));
	hitl_spi_begin(&spi);
	hitl_spi_write(&request_query, args);
	kept = SPI_processed > 0;
	if (!kept)
	{
		hitl_spi_run(&requested_query, args, GetLatestSnapshot(), 1);
		if (SPI_processed > 0)
			existing = DatumGetCString(DirectFunctionCall1(uuid_out,
														   hitl_spi_value(0, 1, &isnull)));
	}
	if (!kept)
		ereport(ERROR,
				(errcode(ERRCODE_UNIQUE_VIOLATION),
				 errmsg("request \"%s\" of workflow \"%s\" was submitted before",
						hitl_clip(TextDatumGetCString(request_id)),
						TextDatumGetCString(workflow)),
				 existing ? errdetail("Its decision is %s.", existing) : 0,
				 errhint("hitl.submit() returns the existing decision.")));
	hitl_spi_end(&spi);
}

static void
report_ungated(Datum decision, Datum workflow)
{
	Datum		args[3] = {decision, workflow};
	HitlSpi		spi;

	args[2] = CStringGetTextDatum(GetUserNameFromId(GetOuterUserId(), false));
	hitl_spi_begin(&spi);
	hitl_spi_write(&ungated_query, args);
	hitl_spi_end(&spi);
}

/*
 * A task for a decision that is stored: for a review, an audit, or to have an
 * eye on what took effect.
 */
static void
make_task(const HitlWorkflow *workflow, const Datum *v,
		  const HitlEffects *effects)
{
	const HitlPolicy *policy = workflow->policy;
	HitlTaskSpec spec = {0};
	char	   *route = TextDatumGetCString(v[COL_ROUTE]);
	bool		drawn = DatumGetFloat8(v[COL_AUDIT_U]) <
		DatumGetFloat8(v[COL_PROPENSITY]);

	spec.decision = *DatumGetUUIDP(v[COL_ID]);
	spec.workflow = workflow->name;
	if (strcmp(route, hitl_route_name(HITL_REVIEW)) == 0)
		spec.kind = HITL_KIND_REVIEW;
	else if (drawn)
		spec.kind = HITL_KIND_AUDIT;
	else if (strcmp(route, hitl_route_name(HITL_MONITOR)) == 0)
		spec.kind = HITL_KIND_MONITOR;
	else
		return;
	spec.queue = NameStr(policy->queue)[0] ? policy->queue : workflow->queue;
	spec.lane = DatumGetInt16(v[COL_LANE]);
	spec.tier = 1;
	spec.sla = NameStr(policy->sla)[0] ? policy->sla : workflow->sla;
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
	if (spec.kind == HITL_KIND_MONITOR)
		spec.veto_window = policy->veto_window;
	hitl_task_create(&spec);
}

Datum
hitl_enqueue(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;
	const ColumnMap *map;
	TupleDesc	tupdesc;
	Datum	   *values;
	bool	   *nulls;
	Datum		v[NCOLS];
	bool		n[NCOLS];
	Wish		wish;
	bool		has_wish;

	require_trigger(fcinfo, "hitl.enqueue", false);
	tupdesc = RelationGetDescr(trigdata->tg_relation);
	map = column_map(trigdata->tg_relation);
	values = palloc(sizeof(Datum) * tupdesc->natts);
	nulls = palloc(sizeof(bool) * tupdesc->natts);
	heap_deform_tuple(trigdata->tg_trigtuple, tupdesc, values, nulls);
	take_columns(map, values, nulls, v, n);
	if (n[COL_ID] || n[COL_ROUTE] || n[COL_LANE] || n[COL_CREATED_AT] ||
		n[COL_CREATED_BY] || n[COL_AUDIT_U] || n[COL_PROPENSITY])
		ereport(ERROR,
				(errcode(ERRCODE_NOT_NULL_VIOLATION),
				 errmsg("a row of \"%s\" is not one that the gate stamped",
						RelationGetRelationName(trigdata->tg_relation)),
				 errhint("The triggers of hitl belong on hitl.decision alone.")));
	has_wish = take_wish(DatumGetUUIDP(v[COL_ID]), &wish);
	if (has_wish && wish.ungated)
	{
		report_ungated(v[COL_ID], v[COL_WORKFLOW]);
		return PointerGetDatum(NULL);
	}
	if (!n[COL_REQUEST_ID])
		keep_request(v[COL_WORKFLOW], v[COL_REQUEST_ID], v[COL_ID]);
	make_task(require_workflow(v[COL_WORKFLOW], n[COL_WORKFLOW]), v,
			  has_wish ? &wish.effects : NULL);
	return PointerGetDatum(NULL);
}

/*
 * Gates a row that got into a partition without: attached with it, or put
 * there while the triggers were off.  The only way in which the stamp of a row
 * ever changes.
 */
Datum
hitl_regate(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_GETARG_OID(0);
	ItemPointer tid = (ItemPointer) PG_GETARG_POINTER(1);
	Snapshot	snapshot = GetActiveSnapshot();
	HitlTable  *table = hitl_table_open_oid(relid);
	TupleTableSlot *slot = table_slot_create(table->rel, NULL);
	const ColumnMap *map = column_map(table->rel);
	int			natts = RelationGetNumberOfAttributes(table->rel);
	Datum	   *values = palloc(sizeof(Datum) * natts);
	bool	   *nulls = palloc(sizeof(bool) * natts);
	Datum		v[NCOLS];
	bool		n[NCOLS];
	NameData	created_by;
	Stamp		given;

	if (!table_tuple_fetch_row_version(table->rel, tid, snapshot, slot))
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("a row of \"%s\" changed while it was to be gated",
						RelationGetRelationName(table->rel))));
	slot_getallattrs(slot);
	memcpy(values, slot->tts_values, sizeof(Datum) * natts);
	memcpy(nulls, slot->tts_isnull, sizeof(bool) * natts);
	take_columns(map, values, nulls, v, n);
	created_by = *DatumGetName(v[COL_CREATED_BY]);
	stamp(map, values, nulls, v, n, &given);
	v[COL_CREATED_BY] = NameGetDatum(&created_by);	/* not who mends it */
	put_columns(map, v, n, values, nulls);
	if (hitl_table_update(table, tid, values, nulls, natts, snapshot,
						  true) != HITL_WRITTEN)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("a row of \"%s\" changed while it was gated",
						RelationGetRelationName(table->rel))));
	if (given.needs_task)
		make_task(require_workflow(v[COL_WORKFLOW], n[COL_WORKFLOW]), v,
				  &given.effects);
	if (!n[COL_REQUEST_ID])
		keep_request(v[COL_WORKFLOW], v[COL_REQUEST_ID], v[COL_ID]);
	ExecDropSingleTupleTableSlot(slot);
	hitl_table_close(table);
	CommandCounterIncrement();
	PG_RETURN_VOID();
}

void
hitl_gate_init(void)
{
	DefineCustomIntVariable("hitl.max_payload",
							"Largest decision that the gate takes.",
							"Counts what the application gives; larger ones fail.",
							&max_payload, 16 * 1024, 1, MAX_KILOBYTES / 16,
							PGC_SUSET, GUC_UNIT_KB, NULL, NULL, NULL);
}
