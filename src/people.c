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
#include "common/hashfn.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "cache.h"
#include "names.h"
#include "people.h"
#include "text.h"

static HTAB *queues = NULL;
static HTAB *reviewers = NULL;

static HitlQuery queue_query = {
	.text =
	"SELECT q.ordering, q.lease, q.max_hold,"
	"       EXTRACT(epoch FROM q.aging)::pg_catalog.float8, q.gold_rate,"
	"       ARRAY(SELECT m.reviewer::pg_catalog.text FROM hitl.membership m"
	"             WHERE m.queue OPERATOR(pg_catalog.=) q.name ORDER BY 1)"
	"  FROM hitl.queue q WHERE q.name OPERATOR(pg_catalog.=) $1",
	.nargs = 1,
	.argtypes = {TEXTOID}
};

static HitlQuery reviewer_query = {
	.text =
	"SELECT r.login::pg_catalog.oid, r.tier, r.max_open, r.shift,"
	"       r.shift_limit, r.max_releases, r.paused, r.skills,"
	"       ARRAY(SELECT m.queue::pg_catalog.text FROM hitl.membership m"
	"             WHERE m.reviewer OPERATOR(pg_catalog.=) r.name ORDER BY 1),"
	"       ARRAY(SELECT l.login::pg_catalog.oid FROM hitl.reviewer_login l"
	"             WHERE l.reviewer OPERATOR(pg_catalog.=) r.name ORDER BY 1)"
	"  FROM hitl.reviewer r WHERE r.name OPERATOR(pg_catalog.=) $1",
	.nargs = 1,
	.argtypes = {TEXTOID}
};

/* the columns of reviewer_query */
enum
{
	COL_LOGIN = 1, COL_TIER, COL_MAX_OPEN, COL_SHIFT, COL_SHIFT_LIMIT,
	COL_MAX_RELEASES, COL_PAUSED, COL_SKILLS, COL_QUEUES, COL_LOGINS
};

static HitlQuery credential_query = {
	.text =
	"SELECT credential, valid_until FROM hitl.credential"
	" WHERE reviewer OPERATOR(pg_catalog.=) $1",
	.nargs = 1,
	.argtypes = {TEXTOID}
};

static HitlQuery away_query = {
	.text =
	"SELECT stand_in, since, until FROM hitl.absence"
	" WHERE reviewer OPERATOR(pg_catalog.=) $1"
	"   AND until OPERATOR(pg_catalog.>) pg_catalog.now() ORDER BY since",
	.nargs = 1,
	.argtypes = {TEXTOID}
};

static HitlQuery stands_in_query = {
	.text =
	"SELECT reviewer, since, until FROM hitl.absence"
	" WHERE stand_in OPERATOR(pg_catalog.=) $1"
	"   AND until OPERATOR(pg_catalog.>) pg_catalog.now() ORDER BY reviewer, since",
	.nargs = 1,
	.argtypes = {TEXTOID}
};

static HitlQuery login_query = {
	.text =
	"SELECT name FROM hitl.reviewer"
	" WHERE login OPERATOR(pg_catalog.=) $1"
	" UNION ALL"
	" SELECT reviewer FROM hitl.reviewer_login"
	" WHERE login OPERATOR(pg_catalog.=) $1",
	.nargs = 1,
	.argtypes = {OIDOID}
};

PG_FUNCTION_INFO_V1(hitl_actor);

static HitlOrdering
ordering_of(const char *name)
{
	if (strcmp(name, "fifo") == 0)
		return HITL_ORDER_FIFO;
	if (strcmp(name, "exposure") == 0)
		return HITL_ORDER_EXPOSURE;
	if (strcmp(name, "uncertainty") == 0)
		return HITL_ORDER_UNCERTAINTY;
	if (strcmp(name, "expected_loss") == 0)
		return HITL_ORDER_LOSS;
	return HITL_ORDER_DUE;
}

/*
 * A text[] as names, in the context of the caches.
 */
static int
read_names(Datum array, MemoryContext context, NameData **to)
{
	char	  **members;
	int			n = hitl_names_read(DatumGetArrayTypeP(array), &members);

	*to = n == 0 ? NULL :
		MemoryContextAllocZero(context, sizeof(NameData) * n);
	for (int i = 0; i < n; i++)
		namestrcpy(&(*to)[i], members[i]);
	return n;
}

static void
read_queue(HitlQueue *q)
{
	Datum		value;
	bool		isnull;

	q->ordering = ordering_of(hitl_spi_string(0, 1));
	q->lease = *DatumGetIntervalP(hitl_spi_value(0, 2, &isnull));
	q->max_hold = *DatumGetIntervalP(hitl_spi_value(0, 3, &isnull));
	value = hitl_spi_value(0, 4, &isnull);
	q->aging = isnull ? 0 : DatumGetFloat8(value) * USECS_PER_SEC;
	q->gold_rate = DatumGetFloat8(hitl_spi_value(0, 5, &isnull));
	q->nmembers = read_names(hitl_spi_value(0, 6, &isnull),
							 hitl_cache_context(), &q->member);
}

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

		/* what stands in the table's defaults */
		q->generation = 0;
		q->ordering = HITL_ORDER_DUE;
		memset(&q->lease, 0, sizeof(Interval));
		q->lease.time = 15 * USECS_PER_MINUTE;
		memset(&q->max_hold, 0, sizeof(Interval));
		q->max_hold.time = 8 * USECS_PER_HOUR;
		q->aging = q->gold_rate = 0;
		if (q->member)
			pfree(q->member);
		q->member = NULL;
		q->nmembers = 0;
		q->reported = false;

		hitl_spi_begin(&spi);
		hitl_spi_run(&queue_query, &arg, GetLatestSnapshot(), 1);
		if (SPI_processed > 0)
			read_queue(q);
		hitl_spi_end(&spi);
		q->generation = generation;
	}
	return q;
}

bool
hitl_queue_exists(const char *name)
{
	HitlSpi		spi;
	Datum		arg = CStringGetTextDatum(name);
	bool		found;

	if (strlen(name) >= NAMEDATALEN)
		return false;
	hitl_spi_begin(&spi);
	hitl_spi_run(&queue_query, &arg, GetLatestSnapshot(), 1);
	found = SPI_processed > 0;
	hitl_spi_end(&spi);
	return found;
}

bool
hitl_queue_unattended(const HitlQueue *queue)
{
	HitlQueue  *q = unconstify(HitlQueue *, queue);
	bool		news = q->nmembers == 0 && !q->reported;

	q->reported = true;
	return news;
}

/*
 * Reviewers
 */

static void
read_logins(HitlReviewer *r, Datum array)
{
	Datum	   *elems;
	int			nelems;

	deconstruct_array(DatumGetArrayTypeP(array), OIDOID, sizeof(Oid), true,
					  TYPALIGN_INT, &elems, NULL, &nelems);
	r->logins = MemoryContextAlloc(r->context, sizeof(Oid) * (nelems + 1));
	if (OidIsValid(r->login))
		r->logins[r->nlogins++] = r->login;
	for (int i = 0; i < nelems; i++)
		r->logins[r->nlogins++] = DatumGetObjectId(elems[i]);
}

static void
read_reviewer(HitlReviewer *r)
{
	Datum		value;
	bool		isnull;
	char	   *paused = hitl_spi_string(0, COL_PAUSED);
	char	  **skills;

	value = hitl_spi_value(0, COL_LOGIN, &isnull);
	r->login = isnull ? InvalidOid : DatumGetObjectId(value);
	r->tier = hitl_spi_int32(0, COL_TIER, 1);
	r->max_open = hitl_spi_int32(0, COL_MAX_OPEN, 1);
	r->shift = *DatumGetIntervalP(hitl_spi_value(0, COL_SHIFT, &isnull));
	r->shift_limit = hitl_spi_int32(0, COL_SHIFT_LIMIT, 0);
	r->max_releases = hitl_spi_int32(0, COL_MAX_RELEASES, 0);
	if (paused)
		r->paused = MemoryContextStrdup(r->context, paused);
	r->nqueues = read_names(hitl_spi_value(0, COL_QUEUES, &isnull), r->context,
							&r->queues);
	read_logins(r, hitl_spi_value(0, COL_LOGINS, &isnull));
	r->nskills = hitl_names_read(DatumGetArrayTypeP(hitl_spi_value(0, COL_SKILLS, &isnull)),
								 &skills);
	r->skills = MemoryContextAlloc(r->context,
								   sizeof(HitlSkill) * Max(r->nskills, 1));
	for (int i = 0; i < r->nskills; i++)
	{
		r->skills[i].name = MemoryContextStrdup(r->context, skills[i]);
		r->skills[i].valid_until = DT_NOEND;
	}
}

static void
read_credentials(HitlReviewer *r)
{
	r->skills = repalloc(r->skills,
						 sizeof(HitlSkill) * (r->nskills + SPI_processed + 1));
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		HitlSkill  *skill = &r->skills[r->nskills++];
		bool		isnull;

		skill->name = MemoryContextStrdup(r->context, hitl_spi_string(row, 1));
		skill->valid_until = DatumGetTimestampTz(hitl_spi_value(row, 2, &isnull));
	}
}

static int
read_absences(HitlReviewer *r, HitlAbsence **to)
{
	*to = MemoryContextAllocZero(r->context,
								 sizeof(HitlAbsence) * Max(SPI_processed, 1));
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		HitlAbsence *a = &(*to)[row];
		bool		isnull;

		hitl_spi_name(row, 1, &a->other);
		a->since = DatumGetTimestampTz(hitl_spi_value(row, 2, &isnull));
		a->until = DatumGetTimestampTz(hitl_spi_value(row, 3, &isnull));
	}
	return SPI_processed;
}

static void
load_reviewer(HitlReviewer *r)
{
	HitlSpi		spi;
	Datum		arg = CStringGetTextDatum(NameStr(r->name));
	NameData	name = r->name;

	if (r->context)
		MemoryContextDelete(r->context);
	memset(r, 0, sizeof(*r));
	r->name = name;
	r->context = AllocSetContextCreate(hitl_cache_context(), "hitl reviewer",
									   ALLOCSET_SMALL_SIZES);
	hitl_spi_begin(&spi);
	hitl_spi_run(&reviewer_query, &arg, GetLatestSnapshot(), 1);
	if (SPI_processed > 0)
	{
		read_reviewer(r);
		hitl_spi_run(&credential_query, &arg, GetLatestSnapshot(), 0);
		read_credentials(r);
		hitl_spi_run(&away_query, &arg, GetLatestSnapshot(), 0);
		r->naway = read_absences(r, &r->away);
		hitl_spi_run(&stands_in_query, &arg, GetLatestSnapshot(), 0);
		r->nstands_in = read_absences(r, &r->stands_in);
		r->exists = true;
	}
	hitl_spi_end(&spi);
}

const HitlReviewer *
hitl_reviewer(const char *name)
{
	uint64		generation = hitl_generation();
	HitlReviewer *r;
	bool		known;

	if (*name == '\0' || strlen(name) >= NAMEDATALEN)
		return NULL;
	r = hitl_cache_entry(&reviewers, "hitl reviewers", sizeof(HitlReviewer),
						 name);
	known = r->context != NULL;
	if (r->generation != generation)
	{
		r->generation = 0;
		load_reviewer(r);
		r->generation = generation;
	}
	if (r->exists)
		return r;
	if (!known)					/* what callers make up is not remembered */
	{
		NameData	key = r->name;

		MemoryContextDelete(r->context);
		(void) hash_search(reviewers, &key, HASH_REMOVE, NULL);
	}
	return NULL;
}

bool
hitl_reviewer_gone(const char *name)
{
	const HitlReviewer *r = hitl_reviewer(name);

	if (r == NULL)
		return true;
	for (int i = 0; i < r->nlogins; i++)
	{
		if (SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(r->logins[i])))
			return false;
	}
	return r->nlogins > 0;
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
	return hitl_reviewer(NameStr(last_name));
}

/*
 * Actors
 */

static void
add_role(HitlActor *actor, Oid role)
{
	char	   *name = OidIsValid(role) ? GetUserNameFromId(role, true) : NULL;

	if (name == NULL)
		return;
	actor->role = actor->role == NULL ? palloc(sizeof(NameData)) :
		repalloc(actor->role, sizeof(NameData) * (actor->nroles + 1));
	namestrcpy(&actor->role[actor->nroles++], name);
}

static void
add_logins(HitlActor *actor, const HitlReviewer *reviewer)
{
	for (int i = 0; i < reviewer->nlogins; i++)
		add_role(actor, reviewer->logins[i]);
}

/*
 * Who has logged in stays who they are behind SET ROLE.  A pooled login is
 * nobody: a member of hitl_delegate, unless it is a reviewer's.
 */
static void
add_person_behind(HitlActor *actor)
{
	Oid			login = GetSessionUserId();
	const HitlReviewer *person;

	if (login == GetOuterUserId())
		return;
	person = reviewer_by_login(login);
	if (person)
		add_logins(actor, person);
	else if (!has_privs_of_role(login, get_role_oid("hitl_delegate", false)))
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

bool
hitl_actor_is_person(const HitlActor *actor, const char *name)
{
	const HitlReviewer *other;
	HitlActor	roles;

	if (strcmp(name, NameStr(actor->reviewer->name)) == 0)
		return true;
	other = hitl_reviewer(name);
	if (other == NULL)
		return false;
	roles = hitl_actor_of(other);
	for (int i = 0; i < roles.nroles; i++)
	{
		if (hitl_actor_is(actor, NameStr(roles.role[i])))
			return true;
	}
	return false;
}

static bool
is_login_of(const HitlReviewer *reviewer, Oid role)
{
	for (int i = 0; i < reviewer->nlogins; i++)
	{
		if (reviewer->logins[i] == role)
			return true;
	}
	return false;
}

HitlActor
hitl_actor_from(text *named)
{
	Oid			login = GetOuterUserId();
	HitlActor	actor = {0};
	const HitlReviewer *person;
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
		add_logins(&actor, actor.reviewer);
		add_person_behind(&actor);
		return actor;
	}

	/* the name of oneself may be said by everybody */
	name = text_to_cstring(named);
	actor.reviewer = hitl_reviewer(name);
	name = hitl_clip(name);
	if (actor.reviewer != NULL && is_login_of(actor.reviewer, login))
	{
		add_role(&actor, login);
		add_logins(&actor, actor.reviewer);
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
	add_logins(&actor, actor.reviewer);

	/* a delegate who is a person acts too; a pooled login is nobody */
	person = reviewer_by_login(login);
	if (person != NULL)
		add_logins(&actor, person);
	/* behind SET ROLE it is that person who asserts */
	if (GetSessionUserId() != login &&
		reviewer_by_login(GetSessionUserId()) != NULL)
		actor.asserted_by = GetSessionUserId();
	add_person_behind(&actor);
	return actor;
}

HitlActor
hitl_actor_of(const HitlReviewer *reviewer)
{
	HitlActor	actor = {0};

	actor.reviewer = reviewer;
	add_logins(&actor, reviewer);
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

void
hitl_reviewer_lock(const char *name)
{
	uint64		hash = hash_bytes_extended((const unsigned char *) name,
										   strlen(name), 0);
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, (uint32) (hash >> 32),
						 (uint32) hash, HITL_LOCK_REVIEWER);
	(void) LockAcquire(&tag, ExclusiveLock, false, false);
}

bool
hitl_is_lead(const HitlActor *actor)
{
	Oid			lead = get_role_oid("hitl_lead", false);

	if (actor->reviewer == NULL)
		return true;
	for (int i = 0; i < actor->reviewer->nlogins; i++)
	{
		if (SearchSysCacheExists1(AUTHOID,
								  ObjectIdGetDatum(actor->reviewer->logins[i])) &&
			has_privs_of_role(actor->reviewer->logins[i], lead))
			return true;
	}
	return false;
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

bool
hitl_has_skill(const HitlReviewer *reviewer, const char *skill, TimestampTz now)
{
	for (int i = 0; i < reviewer->nskills; i++)
	{
		if (strcmp(reviewer->skills[i].name, skill) == 0 &&
			now < reviewer->skills[i].valid_until)
			return true;
	}
	return false;
}

const HitlAbsence *
hitl_away(const HitlReviewer *reviewer, TimestampTz now)
{
	for (int i = 0; i < reviewer->naway; i++)
	{
		if (reviewer->away[i].since <= now && now < reviewer->away[i].until)
			return &reviewer->away[i];
	}
	return NULL;
}

Datum
hitl_actor(PG_FUNCTION_ARGS)
{
	Name		result = palloc0(sizeof(NameData));

	namestrcpy(result, GetUserNameFromId(GetOuterUserId(), false));
	PG_RETURN_NAME(result);
}
