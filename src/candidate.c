/*
 * candidate.c
 *		The policy that a replay tries: a version, with some fields changed.
 *
 * What set_policy would refuse is refused here, in the same words.  Reasons
 * are not recorded, so the bounds need not be in words.
 */
#include "hitl.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "common/shortest_dec.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "cache.h"
#include "candidate.h"
#include "text.h"

/* of a policy of which nothing was said, as in hitl.policy */
#define AUDIT_RATE		0.05

static HitlQuery workflow_query = {
	.text =
	"SELECT policy_version, baseline FROM hitl.workflow"
	" WHERE name OPERATOR(pg_catalog.=) $1",
	.nargs = 1,
	.argtypes = {TEXTOID}
};

pg_noreturn static void
impossible(const char *workflow, const char *field, double value,
		   const char *wrong)
{
	ereport(ERROR,
			(errcode(ERRCODE_HITL_POLICY_INVALID),
			 errmsg("%s of workflow \"%s\" is %s, which is %s", field, workflow,
					double_to_shortest_decimal(value), wrong)));
}

/*
 * A field that is a share; stays as it is where nothing is said.
 */
static bool
read_share(FunctionCallInfo fcinfo, int arg, const char *field,
		   const char *workflow, double *share)
{
	double		value;

	if (PG_ARGISNULL(arg))
		return false;
	value = PG_GETARG_FLOAT8(arg);
	if (!(value >= 0.0 && value <= 1.0))
		impossible(workflow, field, value, "outside 0 to 1");
	*share = value;
	return true;
}

static void
read_required(ArrayType *array, const char *workflow, HitlPolicy *p)
{
	Datum	   *elems;
	bool	   *nulls;
	int			n;

	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_HITL_POLICY_INVALID),
				 errmsg("required_context of workflow \"%s\" is no plain list",
						workflow)));
	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &elems, &nulls,
					  &n);
	p->required = palloc0(sizeof(HitlPath) * Max(n, 1));
	p->nrequired = n;
	for (int i = 0; i < n; i++)
	{
		char	   *path = NULL;

		if (!nulls[i])
			path = TextDatumGetCString(elems[i]);
		if (path == NULL || !hitl_path_read(path, &p->required[i]))
			ereport(ERROR,
					(errcode(ERRCODE_HITL_POLICY_INVALID),
					 errmsg("required_context of workflow \"%s\" has \"%s\", which is no place in a decision",
							workflow, path ? hitl_clip(path) : "NULL"),
					 errhint("Begin with a column, and name the keys in it: subject, context.policy.")));
	}
}

/*
 * The fields that are named, with the errors of set_policy.
 */
static void
change_policy(FunctionCallInfo fcinfo, const char *workflow, int32 baseline,
			  Snapshot snapshot, HitlPolicy *p)
{
	if (read_share(fcinfo, ARG_UPPER, "upper", workflow, &p->upper))
		p->has_upper = true;
	(void) read_share(fcinfo, ARG_LOWER, "lower", workflow, &p->lower);
	(void) read_share(fcinfo, ARG_AUDIT_APPROVE, "audit_rate_approve",
					  workflow, &p->audit_rate_approve);
	(void) read_share(fcinfo, ARG_AUDIT_REJECT, "audit_rate_reject",
					  workflow, &p->audit_rate_reject);
	(void) read_share(fcinfo, ARG_FAIRNESS, "fairness_limit",
					  workflow, &p->fairness_limit);
	(void) read_share(fcinfo, ARG_FIELD, "field_limit",
					  workflow, &p->field_limit);
	(void) read_share(fcinfo, ARG_STEP, "step_limit",
					  workflow, &p->step_limit);
	if (p->has_upper && p->lower > p->upper)
		ereport(ERROR,
				(errcode(ERRCODE_HITL_POLICY_INVALID),
				 errmsg("lower (%s) of workflow \"%s\" is above upper (%s)",
						double_to_shortest_decimal(p->lower), workflow,
						double_to_shortest_decimal(p->upper)),
				 errhint("What is not named is as in the version that is replayed.")));
	if (!PG_ARGISNULL(ARG_NOVELTY))
	{
		double		limit = PG_GETARG_FLOAT8(ARG_NOVELTY);

		if (!(limit > 0.0 && isfinite(limit)))
			impossible(workflow, "novelty_limit", limit,
					   "no finite number above 0");
		p->novelty_limit = limit;
		p->baseline = baseline == 0 ? NULL :
			hitl_baseline_load(workflow, baseline, limit, snapshot);
	}
	if (!PG_ARGISNULL(ARG_IRREVERSIBLE))
		p->irreversible = PG_GETARG_BOOL(ARG_IRREVERSIBLE);
	if (!PG_ARGISNULL(ARG_REQUIRED))
		read_required(PG_GETARG_ARRAYTYPE_P(ARG_REQUIRED), workflow, p);
}

HitlPolicy *
hitl_candidate(FunctionCallInfo fcinfo, Snapshot snapshot)
{
	Datum		name = PG_GETARG_DATUM(ARG_WORKFLOW);
	char	   *workflow = TextDatumGetCString(name);
	HitlPolicy *p;
	int32		version;
	int32		baseline;

	hitl_spi_run(&workflow_query, &name, snapshot, 1);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
				 errmsg("workflow \"%s\" does not exist", hitl_clip(workflow))));
	version = hitl_spi_int32(0, 1, 0);
	baseline = hitl_spi_int32(0, 2, 0);

	if (!PG_ARGISNULL(ARG_VERSION))
		version = PG_GETARG_INT32(ARG_VERSION);
	p = hitl_policy_load(workflow, version, snapshot);
	if (p->version == 0)
	{
		if (!PG_ARGISNULL(ARG_VERSION))
			ereport(ERROR,
					(errcode(ERRCODE_HITL_POLICY_INVALID),
					 errmsg("version %d of the policy of workflow \"%s\" does not exist",
							version, workflow)));
		p->version = 1;
		p->audit_rate_approve = p->audit_rate_reject = AUDIT_RATE;
	}
	change_policy(fcinfo, workflow, baseline, snapshot, p);
	return p;
}
