/*
 * people.c
 *		Queues, reviewers, and who acts.
 *
 * Identity is the login, or what it became by SET ROLE.  It is never
 * current_user, which a function that runs with its owner's rights changes,
 * and never a setting, which a pooled connection would hand on.  A member of
 * hitl_delegate may name the reviewer it acts for; that is recorded.
 */
#include "hitl.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "cache.h"
#include "people.h"
#include "text.h"

static HTAB *queues = NULL;
static HTAB *reviewers = NULL;

static HitlQuery queue_query = {
	.text =
	"SELECT ordering, lease FROM hitl.queue"
	" WHERE name OPERATOR(pg_catalog.=) $1",
	.nargs = 1,
	.argtypes = {TEXTOID}
};

static HitlQuery reviewer_query = {
	.text =
	"SELECT r.login::pg_catalog.oid, r.tier, r.max_open,"
	"       ARRAY(SELECT m.queue::pg_catalog.text FROM hitl.membership m"
	"             WHERE m.reviewer OPERATOR(pg_catalog.=) r.name ORDER BY 1)"
	"  FROM hitl.reviewer r WHERE r.name OPERATOR(pg_catalog.=) $1",
	.nargs = 1,
	.argtypes = {TEXTOID}
};

static HitlQuery login_query = {
	.text =
	"SELECT name FROM hitl.reviewer"
	" WHERE login OPERATOR(pg_catalog.=) $1",
	.nargs = 1,
	.argtypes = {OIDOID}
};

PG_FUNCTION_INFO_V1(hitl_actor);

const HitlQueue *
hitl_queue(const char *name)
{
	uint64		generation = hitl_generation();
	HitlQueue  *q = hitl_cache_entry(&queues, "hitl queues",
									sizeof(HitlQueue), name);

	if (q->generation != generation)
	{
		HitlSpi		spi;
		Datum		arg = CStringGetTextDatum(name);
		bool		isnull;

		/* what stands in the table's defaults */
		q->ordering = HITL_ORDER_DUE;
		memset(&q->lease, 0, sizeof(Interval));
		q->lease.time = 15 * USECS_PER_MINUTE;

		hitl_spi_begin(&spi);
		hitl_spi_run(&queue_query, &arg, GetLatestSnapshot(), 1);
		if (SPI_processed > 0)
		{
			char	   *ordering;

			ordering = TextDatumGetCString(hitl_spi_value(0, 1, &isnull));
			if (strcmp(ordering, "fifo") == 0)
				q->ordering = HITL_ORDER_FIFO;
			q->lease = *DatumGetIntervalP(hitl_spi_value(0, 2, &isnull));
		}
		hitl_spi_end(&spi);
		q->generation = generation;
	}
	return q;
}

static void
read_queues(HitlReviewer *r, Datum array)
{
	Datum	   *elems;
	int			nelems;

	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false,
					  TYPALIGN_INT, &elems, NULL, &nelems);
	r->nqueues = nelems;
	if (nelems > 0)
		r->queues = MemoryContextAllocZero(hitl_cache_context(),
										   sizeof(NameData) * nelems);
	for (int i = 0; i < nelems; i++)
		namestrcpy(&r->queues[i], TextDatumGetCString(elems[i]));
}

static const HitlReviewer *
reviewer_by_name(const char *name)
{
	uint64		generation = hitl_generation();
	HitlReviewer *r = hitl_cache_entry(&reviewers, "hitl reviewers",
									   sizeof(HitlReviewer), name);

	if (r->generation != generation)
	{
		HitlSpi		spi;
		Datum		arg = CStringGetTextDatum(name);
		Datum		value;
		bool		isnull;

		r->exists = false;
		r->generation = 0;
		if (r->queues)
			pfree(r->queues);
		r->queues = NULL;
		hitl_spi_begin(&spi);
		hitl_spi_run(&reviewer_query, &arg, GetLatestSnapshot(), 1);
		if (SPI_processed > 0)
		{
			r->exists = true;
			value = hitl_spi_value(0, 1, &isnull);
			r->login = isnull ? InvalidOid : DatumGetObjectId(value);
			r->tier = DatumGetInt32(hitl_spi_value(0, 2, &isnull));
			r->max_open = DatumGetInt32(hitl_spi_value(0, 3, &isnull));
			read_queues(r, hitl_spi_value(0, 4, &isnull));
		}
		hitl_spi_end(&spi);
		r->generation = generation;
	}
	if (!r->exists)
	{
		NameData	key = r->name;

		/* what callers make up is not remembered */
		(void) hash_search(reviewers, &key, HASH_REMOVE, NULL);
		return NULL;
	}
	return r;
}

/*
 * The reviewer whose login this is; remembered for the last login asked.
 */
static const HitlReviewer *
reviewer_by_login(Oid login)
{
	static Oid	last_login = InvalidOid;
	static uint64 last_generation = 0;
	static NameData last_name;
	uint64		generation = hitl_generation();

	if (last_login != login || last_generation != generation)
	{
		HitlSpi		spi;
		Datum		arg = ObjectIdGetDatum(login);
		bool		isnull;

		last_generation = 0;
		memset(&last_name, 0, sizeof(last_name));
		hitl_spi_begin(&spi);
		hitl_spi_run(&login_query, &arg, GetLatestSnapshot(), 1);
		if (SPI_processed > 0)
			namestrcpy(&last_name, TextDatumGetCString(hitl_spi_value(0, 1, &isnull)));
		hitl_spi_end(&spi);
		last_login = login;
		last_generation = generation;
	}
	if (NameStr(last_name)[0] == '\0')
		return NULL;
	return reviewer_by_name(NameStr(last_name));
}

static void
add_role(HitlActor *actor, Oid role)
{
	char	   *name = OidIsValid(role) ? GetUserNameFromId(role, true) : NULL;

	if (name != NULL)
		namestrcpy(&actor->role[actor->nroles++], name);
}

/*
 * Who is a person stays one behind SET ROLE; a pooled login is nobody.
 */
static void
add_person_behind(HitlActor *actor)
{
	Oid			login = GetSessionUserId();

	if (login != GetOuterUserId() && reviewer_by_login(login) != NULL)
		add_role(actor, login);
}

bool
hitl_actor_is(const HitlActor *actor, const char *role)
{
	for (int i = 0; i < actor->nroles; i++)
	{
		if (strcmp(NameStr(actor->role[i]), role) == 0)
			return true;
	}
	return false;
}

HitlActor
hitl_actor_from(text *named)
{
	Oid			login = GetOuterUserId();
	HitlActor	actor = {0};
	char	   *name;

	if (named == NULL)
	{
		actor.reviewer = reviewer_by_login(login);
		if (actor.reviewer == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_HITL_NOT_ELIGIBLE),
					 errmsg("role \"%s\" is not a reviewer",
							GetUserNameFromId(login, false)),
					 errhint("An admin makes it one by hitl.add_reviewer(..., login => '%s').",
							 GetUserNameFromId(login, false))));
		add_role(&actor, login);
		add_person_behind(&actor);
		return actor;
	}

	/* the name of oneself may be said by everybody */
	name = text_to_cstring(named);
	if (strlen(name) < NAMEDATALEN)
		actor.reviewer = reviewer_by_name(name);
	name = hitl_clip(name);
	if (actor.reviewer != NULL && actor.reviewer->login == login)
	{
		add_role(&actor, login);
		add_person_behind(&actor);
		return actor;
	}

	if (!has_privs_of_role(login, get_role_oid("hitl_delegate", false)))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("role \"%s\" may not act for reviewer \"%s\"",
						GetUserNameFromId(login, false), name),
				 errhint("Only members of hitl_delegate name the reviewer that they act for.")));
	if (actor.reviewer == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_HITL_NOT_ELIGIBLE),
				 errmsg("reviewer \"%s\" does not exist", name),
				 errhint("An admin makes one by hitl.add_reviewer('%s').", name)));
	actor.asserted_by = login;
	add_role(&actor, actor.reviewer->login);

	/* a delegate who is a person acts too; a pooled login is nobody */
	if (reviewer_by_login(login) != NULL)
		add_role(&actor, login);
	return actor;
}

HitlActor
hitl_actor_or_lead(text *named)
{
	Oid			login = GetOuterUserId();
	HitlActor	actor = {0};

	if (named != NULL || reviewer_by_login(login) != NULL ||
		!has_privs_of_role(login, get_role_oid("hitl_lead", false)))
		return hitl_actor_from(named);
	add_role(&actor, login);
	add_person_behind(&actor);
	return actor;
}

bool
hitl_is_member(const HitlReviewer *reviewer, const char *queue)
{
	for (int i = 0; i < reviewer->nqueues; i++)
	{
		if (strcmp(NameStr(reviewer->queues[i]), queue) == 0)
			return true;
	}
	return false;
}

Datum
hitl_actor(PG_FUNCTION_ARGS)
{
	Name		result = palloc0(sizeof(NameData));

	namestrcpy(result, GetUserNameFromId(GetOuterUserId(), false));
	PG_RETURN_NAME(result);
}
