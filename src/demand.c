/*
 * demand.c
 *		What a policy demands of those who judge.
 *
 * The policy is the one under which the task was claimed, whatever has come
 * into force since: who has begun may finish.  It asks the same of every kind
 * of task, so that nobody can tell by its demands which are only measured.
 */
#include "hitl.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/snapmgr.h"

#include "cache.h"
#include "demand.h"
#include "login.h"
#include "text.h"

static HitlQuery rubric_query = {
	.text =
	"SELECT criterion, least, most, required FROM hitl.rubric"
	" WHERE workflow OPERATOR(pg_catalog.=) $1"
	"   AND version OPERATOR(pg_catalog.=) $2 ORDER BY position, criterion",
	.nargs = 2,
	.argtypes = {TEXTOID, INT4OID}
};

const HitlPolicy *
hitl_policy_at(const NameData *workflow, int32 version)
{
	const HitlWorkflow *w = hitl_workflow(NameStr(*workflow),
										  strlen(NameStr(*workflow)));
	MemoryContext context = CurrentMemoryContext;
	Snapshot	snapshot;
	HitlPolicy *policy;
	HitlSpi		spi;

	if (w && w->policy->version == version)
		return w->policy;
	hitl_spi_begin(&spi);
	MemoryContextSwitchTo(context);
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	policy = hitl_policy_load(NameStr(*workflow), version, snapshot);
	UnregisterSnapshot(snapshot);
	hitl_spi_end(&spi);
	return policy;
}

/*
 * Login
 */

static char *
list_of(const ArrayType *names)
{
	StringInfoData list;
	char	  **name;
	int			n = hitl_names_read(names, &name);

	initStringInfo(&list);
	for (int i = 0; i < n; i++)
		appendStringInfo(&list, "%s%s",
						 i == 0 ? "" : i < n - 1 ? ", " : " or ", name[i]);
	return list.data;
}

static bool
check_login(HitlRefusal *refusal, const HitlPolicy *policy,
			const HitlActor *actor, const HitlTask *task, const char *method)
{
	if (policy->step_up == NULL || task->tier < policy->step_up_tier ||
		(method && hitl_names_has(policy->step_up, method)))
		return true;
	return hitl_refuse(refusal, ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION,
					   method ? psprintf("The login was by %s.", method) :
					   "How the login was is not known.",
					   OidIsValid(actor->asserted_by) ?
					   "When the person has logged in that way, say so by hitl.step_up()." :
					   "Log in that way.",
					   "a verdict on task " INT64_FORMAT " needs a login by %s",
					   task->id, list_of(policy->step_up));
}

/*
 * Scores
 */

static bool
check_score(HitlRefusal *refusal, const char *criterion, int32 least,
			int32 most, const JsonbValue *value)
{
	double		score = NAN;

	if (value->type == jbvNumeric)
		score = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow,
												   NumericGetDatum(value->val.numeric)));
	if (score >= least && score <= most && score == floor(score))
		return true;
	return hitl_refuse(refusal, ERRCODE_INVALID_PARAMETER_VALUE, NULL, NULL,
					   "the score of \"%s\" must be a whole number from %d to %d",
					   criterion, least, most);
}

/* the criteria of the rubric just read, for a hint */
static char *
criteria(void)
{
	StringInfoData list;

	initStringInfo(&list);
	for (uint64 row = 0; row < SPI_processed; row++)
		appendStringInfo(&list, "%s%s", row == 0 ? "Score " : ", ",
						 hitl_spi_string(row, 1));
	appendStringInfoChar(&list, '.');
	return list.data;
}

static bool
check_unknown(HitlRefusal *refusal, Jsonb *scores)
{
	JsonbIterator *it = JsonbIteratorInit(&scores->root);
	JsonbIteratorToken token;
	JsonbValue	value;

	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		bool		known = token != WJB_KEY;

		for (uint64 row = 0; row < SPI_processed && !known; row++)
		{
			char	   *name = hitl_spi_string(row, 1);

			known = strlen(name) == (size_t) value.val.string.len &&
				memcmp(name, value.val.string.val, strlen(name)) == 0;
		}
		if (!known)
			return hitl_refuse(refusal, ERRCODE_INVALID_PARAMETER_VALUE, NULL,
							   criteria(),
							   "criterion \"%s\" is not in the rubric",
							   hitl_clip(pnstrdup(value.val.string.val,
												  value.val.string.len)));
	}
	return true;
}

static bool
check_criteria(HitlRefusal *refusal, Jsonb *scores)
{
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		char	   *name = hitl_spi_string(row, 1);
		JsonbValue	value;
		bool		isnull;

		if (scores && getKeyJsonValueFromContainer(&scores->root, name,
												   strlen(name), &value))
		{
			if (!check_score(refusal, name, hitl_spi_int32(row, 2, 0),
							 hitl_spi_int32(row, 3, 0), &value))
				return false;
		}
		else if (DatumGetBool(hitl_spi_value(row, 4, &isnull)))
			return hitl_refuse(refusal, ERRCODE_INVALID_PARAMETER_VALUE, NULL,
							   criteria(), "the score of \"%s\" is missing",
							   name);
	}
	return scores == NULL || check_unknown(refusal, scores);
}

static bool
check_scores(HitlRefusal *refusal, const HitlPolicy *policy,
			 const HitlTask *task, Jsonb *scores)
{
	MemoryContext context = CurrentMemoryContext;
	HitlSpi		spi;
	Datum		args[2];
	bool		result;

	if (scores && !JB_ROOT_IS_OBJECT(scores))
		return hitl_refuse(refusal, ERRCODE_INVALID_PARAMETER_VALUE, NULL, NULL,
						   "scores must be an object of criteria and scores");
	if (policy->rubric == 0)
		return scores == NULL ||
			hitl_refuse(refusal, ERRCODE_INVALID_PARAMETER_VALUE, NULL, NULL,
						"workflow \"%s\" has no rubric to score by",
						NameStr(task->workflow));
	args[0] = CStringGetTextDatum(NameStr(task->workflow));
	args[1] = Int32GetDatum(policy->rubric);
	hitl_spi_begin(&spi);
	MemoryContextSwitchTo(context);		/* for what is refused */
	hitl_spi_run(&rubric_query, args, GetLatestSnapshot(), 0);
	result = check_criteria(refusal, scores);
	hitl_spi_end(&spi);
	return result;
}

bool
hitl_check_demands(HitlRefusal *refusal, const HitlPolicy *policy,
				   const HitlGiven *given, const HitlActor *actor,
				   const HitlTask *task, HitlTransition *transition)
{
	const char *method = OidIsValid(actor->asserted_by) ?
		task->login_method : hitl_login_method();

	if (!check_login(refusal, policy, actor, task, method))
		return false;
	if (policy->explanation && given->action == HITL_REJECT &&
		hitl_is_blank(given->explanation))
		return hitl_refuse(refusal, ERRCODE_INVALID_PARAMETER_VALUE, NULL,
						   "Say in plain words why, for the person whom it affects.",
						   "verdict \"reject\" needs an explanation");
	if (!check_scores(refusal, policy, task, given->scores))
		return false;
	transition->login_method = method;
	transition->rubric = given->scores ? policy->rubric : 0;
	return true;
}
