/*
 * judge.c
 *		What a policy says of a decision.
 *
 * One evaluator for all: the gate asks it about live rows, for the policy in
 * force and for the challenger; a replay asks it about stored rows.  So it
 * knows nothing of modes, kills and lotteries, which come after it, and
 * nothing of where the row comes from.
 *
 * Everything is looked at, and all that fires is recorded.  Conditions are
 * written for what lets a decision pass, never for what stops it: what is
 * missing, no number, or not to be understood does not pass.
 */
#include "hitl.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/snapmgr.h"
#include "utils/uuid.h"

#include "cache.h"
#include "judge.h"
#include "resubmit.h"
#include "text.h"

/* as many fields are named */
#define MAX_FIELDS	20

/* longest chain of steps of one case that is looked at */
#define MAX_STEPS	64

static HitlQuery step_query = {
	.text =
	"SELECT confidence, parent FROM hitl.decision"
	" WHERE id OPERATOR(pg_catalog.=) $1",
	.nargs = 1,
	.argtypes = {UUIDOID}
};

/* where one reason is made, if any are wanted */
typedef struct Judging
{
	const HitlPolicy *policy;
	const HitlRow *row;
	HitlReasons *reasons;		/* NULL: not wanted */
	HitlJudgement *judgement;
} Judging;

const char *
hitl_route_name(HitlRoute route)
{
	switch (route)
	{
		case HITL_AUTO_APPROVE:
			return "auto_approve";
		case HITL_AUTO_REJECT:
			return "auto_reject";
		case HITL_REVIEW:
			return "review";
		case HITL_MONITOR:
			return "monitor";
		case HITL_OBSERVE:
			return "observe";
	}
	return NULL;				/* keep the compiler quiet */
}

/*
 * In shadow mode nobody waits for the reviews, so they are sampled like the
 * rest, at the greater of the two rates.
 */
double
hitl_propensity(const HitlPolicy *policy, HitlRoute gate_route,
				HitlRoute route)
{
	switch (route == HITL_OBSERVE ? gate_route : route)
	{
		case HITL_AUTO_APPROVE:
		case HITL_MONITOR:
			return policy->audit_rate_approve;
		case HITL_AUTO_REJECT:
			return policy->audit_rate_reject;
		case HITL_REVIEW:
			if (route == HITL_OBSERVE)
				return Max(policy->audit_rate_approve,
						   policy->audit_rate_reject);
			break;
		case HITL_OBSERVE:
			break;
	}
	return 1.0;
}

uint32
hitl_judge_keys(const HitlPolicy *policy)
{
	uint32		keys = policy->rule_keys;

	keys |= 1U << HITL_KEY_CONFIDENCE | 1U << HITL_KEY_REVERSIBLE;
	if (policy->novelty_limit >= 0 || policy->fairness_limit >= 0 ||
		policy->field_limit >= 0)
		keys |= 1U << HITL_KEY_SIGNALS;
	if (policy->baseline)
		keys |= 1U << HITL_KEY_INPUT;
	if (policy->step_limit >= 0)
		keys |= 1U << HITL_KEY_PARENT;
	if (policy->max_resubmits >= 0)
		keys |= 1U << HITL_KEY_WORKFLOW | 1U << HITL_KEY_SUBJECT |
			1U << HITL_KEY_ID;
	for (int i = 0; i < policy->nrequired; i++)
		keys |= 1U << policy->required[i].key;
	return keys;
}

static void
send_to_review(Judging *j, const char *trigger, const char *detail)
{
	j->judgement->effects.review = true;
	hitl_reason_add(j->reasons, trigger, NULL, detail);
}

/*
 * A number and the bound that it is compared with.
 */
static char *
compare(double number, const char *op, double bound)
{
	char	   *text = palloc(2 * DOUBLE_SHORTEST_DECIMAL_LEN + 4);
	int			n = double_to_shortest_decimal_bufn(number, text);

	n += sprintf(text + n, " %s ", op);
	double_to_shortest_decimal_buf(bound, text + n);
	return text;
}

/*
 * Thresholds.  This is on the path of every row: the bounds are in words
 * already.
 */
static void
apply_thresholds(Judging *j)
{
	const HitlPolicy *p = j->policy;
	HitlJudgement *a = j->judgement;
	const char *op;
	const char *bound;
	double		confidence;
	char	   *text;
	int			n;

	a->route = HITL_REVIEW;
	if (j->row->isnull[HITL_KEY_CONFIDENCE])
	{
		send_to_review(j, "confidence_invalid", "null");
		return;
	}
	confidence = DatumGetFloat8(j->row->value[HITL_KEY_CONFIDENCE]);
	if (!(confidence >= 0.0 && confidence <= 1.0))
	{
		send_to_review(j, "confidence_invalid",
					   double_to_shortest_decimal(confidence));
		return;
	}
	if (p->version == 0)
	{
		send_to_review(j, "no_policy", "the workflow has no policy");
		return;
	}

	if (p->has_upper && confidence >= p->upper)
	{
		a->route = HITL_AUTO_APPROVE;
		op = " >= ";
		bound = p->upper_text;
	}
	else if (confidence < p->lower)
	{
		a->route = HITL_AUTO_REJECT;
		op = " < ";
		bound = p->lower_text;
	}
	else
	{
		a->grey = true;
		op = p->has_upper ? " < " : " >= ";
		bound = p->has_upper ? p->upper_text : p->lower_text;
	}
	if (j->reasons == NULL)
		return;
	text = palloc(2 * DOUBLE_SHORTEST_DECIMAL_LEN + 4);
	n = double_to_shortest_decimal_bufn(confidence, text);
	strcpy(text + n, op);
	strcat(text + n, bound);
	hitl_reason_add(j->reasons, "confidence", NULL, text);
}

/*
 * Required context
 */

static bool
is_blank(const JsonbValue *value)
{
	switch (value->type)
	{
		case jbvNull:
			return true;
		case jbvString:
			return hitl_only_spaces(value->val.string.val, value->val.string.len);
		case jbvBinary:
			return JsonContainerSize(value->val.binary.data) == 0;
		default:
			return false;
	}
}

static bool
is_there(const HitlPath *path, const HitlRow *row)
{
	Datum		datum = row->value[path->key];
	JsonbValue	value;
	Jsonb	   *jsonb;

	if (path->key == HITL_KEY_REVERSIBLE)
		return true;			/* what is not known is stored as false */
	if (row->isnull[path->key])
		return false;
	if (hitl_key[path->key].type == TEXTOID)
	{
		text	   *string = DatumGetTextPP(datum);

		return !hitl_only_spaces(VARDATA_ANY(string), VARSIZE_ANY_EXHDR(string));
	}
	if (hitl_key[path->key].type == TEXTARRAYOID)
		return ARR_NDIM(DatumGetArrayTypeP(datum)) > 0;
	if (hitl_key[path->key].type != JSONBOID)
		return true;

	jsonb = DatumGetJsonbP(datum);
	if (JB_ROOT_IS_SCALAR(jsonb))
	{
		(void) JsonbExtractScalar(&jsonb->root, &value);
		return path->nsteps == 0 && !is_blank(&value);
	}
	value.type = jbvBinary;
	value.val.binary.data = &jsonb->root;
	for (int i = 0; i < path->nsteps; i++)
	{
		if (value.type != jbvBinary ||
			!JsonContainerIsObject(value.val.binary.data) ||
			getKeyJsonValueFromContainer(value.val.binary.data, path->step[i],
										 strlen(path->step[i]),
										 &value) == NULL)
			return false;
	}
	return !is_blank(&value);
}

static void
look_for_context(Judging *j)
{
	StringInfoData missing;

	initStringInfo(&missing);
	for (int i = 0; i < j->policy->nrequired; i++)
	{
		const HitlPath *path = &j->policy->required[i];

		if (!is_there(path, j->row))
			appendStringInfo(&missing, "%s%s", missing.len > 0 ? ", " : "",
							 path->text);
	}
	if (missing.len > 0)
		send_to_review(j, "context_missing", missing.data);
}

/*
 * Signals
 */

typedef enum Signal
{
	SIGNAL_MISSING,				/* or null */
	SIGNAL_NO_NUMBER,
	SIGNAL_NUMBER				/* may be infinite */
} Signal;

static Signal
to_number(const JsonbValue *value, double *number)
{
	if (value->type == jbvNull)
		return SIGNAL_MISSING;
	if (value->type != jbvNumeric)
		return SIGNAL_NO_NUMBER;
	*number = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow,
												 NumericGetDatum(value->val.numeric)));
	return SIGNAL_NUMBER;
}

/*
 * The value of a signal; false where there is none.
 */
static bool
find_signal(const Judging *j, const char *name, JsonbValue *value)
{
	Jsonb	   *signals;

	if (j->row->isnull[HITL_KEY_SIGNALS])
		return false;
	signals = DatumGetJsonbP(j->row->value[HITL_KEY_SIGNALS]);
	return JB_ROOT_IS_OBJECT(signals) &&
		getKeyJsonValueFromContainer(&signals->root, name, strlen(name),
									 value) != NULL;
}

static Signal
number_signal(const Judging *j, const char *name, double *number)
{
	JsonbValue	value;

	return find_signal(j, name, &value) ?
		to_number(&value, number) : SIGNAL_MISSING;
}

/*
 * Confidences of single fields: all must be numbers from the limit to 1.
 */
static void
look_at_fields(Judging *j)
{
	JsonbValue	value;
	JsonbIterator *it;
	JsonbIteratorToken token;
	char	   *field = NULL;
	const char *finding;
	int			nfields = 0;
	int			nlow = 0;

	if (!find_signal(j, "confidences", &value) ||
		value.type != jbvBinary ||
		!JsonContainerIsObject(value.val.binary.data))
	{
		send_to_review(j, "field_confidence",
					   "signals.confidences has no confidences of fields");
		return;
	}
	it = JsonbIteratorInit(value.val.binary.data);
	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		double		number;

		if (token == WJB_KEY)
		{
			field = pnstrdup(value.val.string.val, value.val.string.len);
			nfields++;
		}
		if (token != WJB_VALUE)
			continue;
		if (to_number(&value, &number) != SIGNAL_NUMBER)
			finding = "is no number";
		else if (number >= j->policy->field_limit && number <= 1.0)
			continue;
		else
			finding = number > 1.0 ? compare(number, ">", 1.0) :
				compare(number, "<", j->policy->field_limit);
		if (nlow++ < MAX_FIELDS)
			send_to_review(j, "field_confidence",
						   psprintf("%s %s", hitl_clip(field), finding));
	}
	if (nlow > MAX_FIELDS)
		hitl_reason_add(j->reasons, "field_confidence", NULL,
						psprintf("and %d more", nlow - MAX_FIELDS));
	if (nfields == 0)
		send_to_review(j, "field_confidence",
					   "signals.confidences has no confidences of fields");
}

/*
 * The earlier steps of the case, from parent to parent.
 */
static void
look_at_steps(Judging *j)
{
	Datum		parent = j->row->value[HITL_KEY_PARENT];
	bool		done = j->row->isnull[HITL_KEY_PARENT];
	const char *finding = NULL;
	HitlSpi		spi;
	MemoryContext context = CurrentMemoryContext;

	if (done)
		return;
	hitl_spi_begin(&spi);
	for (int i = 0; !done && finding == NULL; i++)
	{
		MemoryContext old;
		double		number = 0;
		bool		isnull = true;
		char	   *id = DatumGetCString(DirectFunctionCall1(uuid_out, parent));

		hitl_spi_run(&step_query, &parent, GetLatestSnapshot(), 1);
		if (SPI_processed > 0)
			number = DatumGetFloat8(hitl_spi_value(0, 1, &isnull));
		old = MemoryContextSwitchTo(context);
		if (SPI_processed == 0)
			finding = psprintf("step %s is not there", id);
		else if (isnull)
			finding = psprintf("step %s has no confidence", id);
		else if (!(number >= j->policy->step_limit))
			finding = psprintf("the confidence of step %s is below %s", id,
							   double_to_shortest_decimal(j->policy->step_limit));
		else if (i == MAX_STEPS)
			finding = psprintf("more than %d steps", MAX_STEPS);
		MemoryContextSwitchTo(old);
		if (finding == NULL)
			parent = hitl_spi_value(0, 2, &done);
	}
	hitl_spi_end(&spi);
	if (finding)
		send_to_review(j, "step_confidence", finding);
}

static void
look_for_novelty(Judging *j)
{
	const HitlPolicy *p = j->policy;
	StringInfoData note;
	double		number;

	switch (number_signal(j, "novelty", &number))
	{
		case SIGNAL_NUMBER:
			if (!(number <= p->novelty_limit))
				send_to_review(j, "novelty",
							   psprintf("signals.novelty %s",
										compare(number, ">",
												p->novelty_limit)));
			break;
		case SIGNAL_NO_NUMBER:
			send_to_review(j, "novelty", "signals.novelty is no number");
			break;
		case SIGNAL_MISSING:
			break;
	}
	if (p->baseline == NULL)
		return;
	initStringInfo(&note);
	if (hitl_novel(p->baseline,
				   j->row->isnull[HITL_KEY_INPUT] ? NULL :
				   DatumGetJsonbP(j->row->value[HITL_KEY_INPUT]),
				   j->reasons ? &note : NULL))
		send_to_review(j, "novelty", note.data);
}

static void
look_at_fairness(Judging *j)
{
	const HitlPolicy *p = j->policy;
	HitlEffects *effects = &j->judgement->effects;
	const char *finding = NULL;
	double		number;

	switch (number_signal(j, "fairness", &number))
	{
		case SIGNAL_NUMBER:
			if (!(number >= p->fairness_limit && number <= 1.0))
				finding = psprintf("signals.fairness %s", number > 1.0 ?
								   compare(number, ">", 1.0) :
								   compare(number, "<", p->fairness_limit));
			break;
		case SIGNAL_NO_NUMBER:
			finding = "signals.fairness is no number";
			break;
		case SIGNAL_MISSING:
			finding = "signals.fairness is missing";
			break;
	}
	if (finding == NULL)
		return;
	send_to_review(j, "fairness", finding);
	if (NameStr(effects->queue)[0] == '\0')
		effects->queue = p->fairness_queue;
	if (NameStr(effects->sla)[0] == '\0')
		effects->sla = p->fairness_sla;
}

/*
 * A value that is compressed or stored elsewhere is unpacked once, instead of
 * by each look at it.  Returns the row itself if there is none.
 */
static const HitlRow *
unpack(const HitlPolicy *policy, const HitlRow *row, HitlRow *unpacked)
{
	uint32		packed = 0;

	for (int i = 0; i < HITL_NKEYS; i++)
	{
		struct varlena *value;

		if (row->isnull[i] || hitl_key[i].type != JSONBOID)
			continue;
		value = (struct varlena *) DatumGetPointer(row->value[i]);
		if (VARATT_IS_EXTENDED(value))
			packed |= 1U << i;
	}
	packed &= hitl_judge_keys(policy);
	if (packed == 0)
		return row;
	*unpacked = *row;
	for (int i = 0; i < HITL_NKEYS; i++)
	{
		if (packed & (1U << i))
			unpacked->value[i] = PointerGetDatum(PG_DETOAST_DATUM(row->value[i]));
	}
	return unpacked;
}

void
hitl_judge(const HitlPolicy *policy, const HitlRow *given,
		   HitlReasons *reasons, HitlJudgement *judgement)
{
	HitlRow		unpacked;
	const HitlRow *row = unpack(policy, given, &unpacked);
	Judging		j = {policy, row, reasons, judgement};
	bool		grey;

	memset(judgement, 0, sizeof(*judgement));
	judgement->effects.lane = -1;
	apply_thresholds(&j);
	grey = judgement->grey;
	if (policy->nrequired > 0)
		look_for_context(&j);
	if (policy->field_limit >= 0)
		look_at_fields(&j);
	if (policy->step_limit >= 0)
		look_at_steps(&j);
	hitl_rules_apply(policy->rules, policy->nrules, policy->rule_keys, row,
					 reasons, &judgement->effects);
	if (policy->novelty_limit >= 0)
		look_for_novelty(&j);
	if (policy->fairness_limit >= 0)
		look_at_fairness(&j);
	if (policy->max_resubmits >= 0 && hitl_resubmitted(policy, row))
		send_to_review(&j, "resubmitted",
					   reasons ? hitl_resubmit_text(policy) : NULL);
	if (policy->irreversible)
	{
		if (row->isnull[HITL_KEY_REVERSIBLE])
			send_to_review(&j, "irreversible",
						   "it is not known whether the action can be undone");
		else if (!DatumGetBool(row->value[HITL_KEY_REVERSIBLE]))
			send_to_review(&j, "irreversible", "the action cannot be undone");
	}
	if (judgement->effects.review)
		judgement->route = HITL_REVIEW;
	judgement->grey = grey && !judgement->effects.review;
}
