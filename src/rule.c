/*
 * rule.c
 *		Rules: conditions on the whole decision.
 *
 * A condition is a jsonpath predicate over one document, whose keys are the
 * columns of the decision.  jsonpath cannot run code and cannot write.  What
 * cannot be evaluated (a number compared with a text, a division by zero) is
 * neither true nor false: it counts as fired, and means review.
 *
 * The document holds just the columns that some rule of the workflow names,
 * since to copy a payload that no rule looks at would be most of the cost.
 *
 * Some conditions raise errors even so (a date compared with a time that has a
 * zone), and some take as long as they like (nested filters over arrays).  An
 * insert must survive both without a subtransaction.  Errors of the data are
 * caught right here: evaluation computes in memory that is thrown away; the
 * document is made before, for that may read what is stored elsewhere.  Against
 * the endless there is a timer, which cancels the evaluation the way that
 * statement_timeout cancels a statement.  To arm it for each row would be a
 * system call each time; so it stays armed, and when it goes off looks whether
 * a row has been at it for too long.
 */
#include "hitl.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"

#include "cache.h"
#include "document.h"
#include "rule.h"
#include "text.h"

PG_FUNCTION_INFO_V1(hitl_require_columns);

static int	policy_timeout = 50;	/* milliseconds; 0: as long as it takes */

static TimeoutId timer;
static bool timer_registered = false;
static volatile sig_atomic_t evaluating = false;
static volatile sig_atomic_t out_of_time = 0;	/* RANG, then HEEDED */
static volatile TimestampTz deadline = 0;	/* of this decision; 0: not set */

#define RANG	1
#define HEEDED	2

/* how the look at a condition ended */
typedef enum Finding
{
	HOLDS_NOT,
	HOLDS,
	UNKNOWN,
	FAILED						/* with an error */
} Finding;

/*
 * Which columns a condition looks at, given its canonical text, in which the
 * root is "$" and a key is quoted.  A "$" that is not followed by a key (the
 * whole document) means all of them.  A key that is no column goes to *unknown
 * if that is wanted; the first one.
 */
static uint32
find_keys(const char *condition, char **unknown)
{
	uint32		keys = 0;
	const char *at = condition;

	while (*at)
	{
		bool		is_key = strncmp(at, "$.\"", 3) == 0;
		const char *begin;
		int			key;

		if (*at == '$' && !is_key)
			keys = HITL_ALL_KEYS;
		if (*at != '"' && !is_key)
		{
			at++;
			continue;
		}
		begin = strchr(at, '"') + 1;
		for (at = begin; *at && *at != '"'; at++)
		{
			if (*at == '\\' && at[1])
				at++;
		}
		if (is_key)
		{
			key = hitl_key_find(begin, at - begin);
			if (key >= 0)
				keys |= 1U << key;
			else if (unknown && *unknown == NULL)
				*unknown = pnstrdup(begin, at - begin);
		}
		if (*at)
			at++;
	}
	return keys;
}

uint32
hitl_rule_keys(const char *condition)
{
	return find_keys(condition, NULL);
}

/*
 * A slip in the name of a column would never be noticed: what is missing is
 * false.
 */
Datum
hitl_require_columns(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	Datum		condition = PG_GETARG_DATUM(1);
	char	   *unknown = NULL;
	StringInfoData list;

	(void) find_keys(DatumGetCString(DirectFunctionCall1(jsonpath_out,
														 condition)), &unknown);
	if (unknown == NULL)
		PG_RETURN_VOID();
	initStringInfo(&list);
	for (int i = 0; i < HITL_NKEYS; i++)
		appendStringInfo(&list, "%s%s", i > 0 ? ", " : "", hitl_key[i].name);
	ereport(ERROR,
			(errcode(ERRCODE_HITL_POLICY_INVALID),
			 errmsg("rule \"%s\" looks at \"%s\", which is no column of a decision",
					hitl_clip(name), hitl_clip(unknown)),
			 errhint("A path begins with one of: %s.", list.data)));
}

/*
 * The operator @@: true, false, or NULL for what cannot be evaluated.
 */
static Finding
look(Jsonb *document, JsonPath *condition)
{
	LOCAL_FCINFO(fcinfo, 2);
	Datum		result;

	InitFunctionCallInfoData(*fcinfo, NULL, 2, InvalidOid, NULL, NULL);
	fcinfo->args[0].value = JsonbPGetDatum(document);
	fcinfo->args[0].isnull = false;
	fcinfo->args[1].value = PointerGetDatum(condition);
	fcinfo->args[1].isnull = false;
	result = jsonb_path_match_opr(fcinfo);
	if (fcinfo->isnull)
		return UNKNOWN;
	return DatumGetBool(result) ? HOLDS : HOLDS_NOT;
}

/*
 * The timer has gone off: in a signal handler.
 */
static void
ring(void)
{
	if (!evaluating)
		return;
	if (GetCurrentTimestamp() < deadline)
		enable_timeout_at(timer, deadline);
	else if (!QueryCancelPending)
	{
		out_of_time = RANG;
		QueryCancelPending = true;
		InterruptPending = true;
	}
}

/*
 * The budget is one for each decision, whoever else judges it as well.
 */
static void
begin_budget(void)
{
	TimestampTz now;

	out_of_time = 0;
	if (policy_timeout == 0)
		return;
	now = GetCurrentTimestamp();
	if (deadline == 0)
		deadline = TimestampTzPlusMilliseconds(now, policy_timeout);
	else if (now >= deadline)
		out_of_time = HEEDED;
}

/*
 * From here on the timer, if it goes off, ends the evaluation; the order of
 * the two makes sure that it does go off.
 */
static void
begin_evaluation(void)
{
	if (policy_timeout == 0)
		return;
	if (!timer_registered)
	{
		timer = RegisterTimeout(USER_TIMEOUT, ring);
		timer_registered = true;
	}
	evaluating = true;
	if (!get_timeout_active(timer))
		enable_timeout_at(timer, deadline);
}

void
hitl_rules_new_row(void)
{
	deadline = 0;
}

/* nobody has heeded the ringing, so nobody shall later */
static void
end_evaluation(void)
{
	evaluating = false;
	if (out_of_time == RANG)
		QueryCancelPending = false;
}

/*
 * Whether an error is one of the data or the condition, and leaves nothing
 * behind.  What concerns the server or the transaction is not for us.
 */
static bool
is_policy_error(int code)
{
	return ERRCODE_TO_CATEGORY(code) == ERRCODE_DATA_EXCEPTION ||
		ERRCODE_TO_CATEGORY(code) == ERRCODE_FEATURE_NOT_SUPPORTED ||
		ERRCODE_TO_CATEGORY(code) == ERRCODE_PROGRAM_LIMIT_EXCEEDED;
}

/*
 * Looks at the rules from *next on, until one fails; returns whether one did,
 * and *next then says which.  found[i] is what was found for rule i.
 */
static bool
look_at_rules(const HitlRule *rules, int nrules, Jsonb *document,
			  MemoryContext scratch, Finding *found, volatile int *next,
			  char **error)
{
	MemoryContext outer = CurrentMemoryContext;
	uint32		holdoff = InterruptHoldoffCount;
	uint32		cancel_holdoff = QueryCancelHoldoffCount;

	*error = NULL;
	PG_TRY();
	{
		MemoryContextSwitchTo(scratch);
		begin_evaluation();
		while (*next < nrules && !out_of_time)
		{
			found[*next] = look(document, rules[*next].condition);
			(*next)++;
		}
		end_evaluation();
		if (out_of_time && *next > 0)	/* what was last took it all */
			(*next)--;
	}
	PG_CATCH();
	{
		ErrorData  *edata;

		MemoryContextSwitchTo(outer);
		end_evaluation();
		edata = CopyErrorData();
		if (!(out_of_time && edata->sqlerrcode == ERRCODE_QUERY_CANCELED) &&
			!is_policy_error(edata->sqlerrcode))
			PG_RE_THROW();
		FlushErrorState();
		InterruptHoldoffCount = holdoff;
		QueryCancelHoldoffCount = cancel_holdoff;
		if (edata->sqlerrcode == ERRCODE_QUERY_CANCELED)
			out_of_time = HEEDED;
		else
			*error = psprintf("%s: %s", unpack_sql_state(edata->sqlerrcode),
							  hitl_clip(edata->message));
	}
	PG_END_TRY();
	MemoryContextSwitchTo(outer);
	return *next < nrules;
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
	effects->skills = effects->skills == NULL ? rule->skills :
		hitl_names_union(effects->skills, rule->skills);
	effects->approvals = Max(effects->approvals, rule->approvals);
}

void
hitl_rules_apply(const HitlRule *rules, int nrules, uint32 keys,
				 const HitlRow *row, HitlReasons *reasons,
				 HitlEffects *effects)
{
	static MemoryContext scratch = NULL;
	MemoryContext outer = CurrentMemoryContext;
	Finding		few[16];
	Finding    *found = few;
	volatile int next = 0;
	Jsonb	   *document;
	char	   *error;

	if (nrules == 0)
		return;
	if (nrules > (int) lengthof(few))
		found = palloc(sizeof(Finding) * nrules);
	if (scratch == NULL)
		scratch = AllocSetContextCreate(hitl_cache_context(), "hitl rules",
										ALLOCSET_DEFAULT_SIZES);
	MemoryContextReset(scratch);	/* the last one may have been broken off */

	/* this may read from disk, so it is not done where errors are caught */
	MemoryContextSwitchTo(scratch);
	document = hitl_document(row, keys);
	MemoryContextSwitchTo(outer);

	begin_budget();
	while (look_at_rules(rules, nrules, document, scratch, found, &next,
						 &error))
	{
		effects->review = true;
		if (error == NULL)
			error = psprintf("not evaluated within %d ms", policy_timeout);
		hitl_reason_add(reasons, "policy_error", NameStr(rules[next].name),
						error);
		found[next++] = FAILED;
		if (out_of_time)		/* whether those after it hold, is not known */
		{
			while (next < nrules)
				found[next++] = UNKNOWN;
			break;
		}
	}
	MemoryContextReset(scratch);

	for (int i = 0; i < nrules; i++)
	{
		if (found[i] == HOLDS_NOT)
			continue;
		take_effect(&rules[i], effects);
		if (found[i] == UNKNOWN)
			effects->review = true;
		if (reasons != NULL && found[i] != FAILED)
			hitl_reason_add(reasons, "rule", NameStr(rules[i].name),
							found[i] == HOLDS ? rules[i].reason :
							psprintf("%s (could not be evaluated)",
									 rules[i].reason));
	}
}

void
hitl_rule_init(void)
{
	DefineCustomIntVariable("hitl.policy_timeout",
							"Longest time that the rules of a policy may take for one decision.",
							"What takes longer goes to a person.  0: no limit.",
							&policy_timeout, 50, 0, 60000, PGC_SUSET,
							GUC_UNIT_MS, NULL, NULL, NULL);
}
