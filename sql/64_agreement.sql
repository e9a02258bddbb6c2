-- Agreement between people, as aggregates; exact tests of shares, for what is
-- said about single persons; and what stated confidence has been worth.

-- Support functions.  They are called by the executor only.

CREATE FUNCTION hitl.kappa_accum(internal, anycompatible, anycompatible)
RETURNS internal
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'hitl_kappa_accum';
COMMENT ON FUNCTION hitl.kappa_accum(internal, anycompatible, anycompatible) IS 'aggregate support: adds a pair of labels';

CREATE FUNCTION hitl.kappa_combine(internal, internal)
RETURNS internal
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'hitl_kappa_combine';
COMMENT ON FUNCTION hitl.kappa_combine(internal, internal) IS 'aggregate support: adds two states';

CREATE FUNCTION hitl.kappa_serial(internal)
RETURNS bytea
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'hitl_kappa_serial';
COMMENT ON FUNCTION hitl.kappa_serial(internal) IS 'aggregate support: state to bytes';

CREATE FUNCTION hitl.kappa_deserial(bytea, internal)
RETURNS internal
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'hitl_kappa_deserial';
COMMENT ON FUNCTION hitl.kappa_deserial(bytea, internal) IS 'aggregate support: bytes to state';

CREATE FUNCTION hitl.cohen_kappa_final(internal)
RETURNS float8
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'hitl_cohen_kappa_final';
COMMENT ON FUNCTION hitl.cohen_kappa_final(internal) IS 'aggregate support: reads a state';

CREATE FUNCTION hitl.counts_accum(internal, int[])
RETURNS internal
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'hitl_counts_accum';
COMMENT ON FUNCTION hitl.counts_accum(internal, int[]) IS 'aggregate support: adds the counts of an item';

CREATE FUNCTION hitl.counts_combine(internal, internal)
RETURNS internal
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'hitl_counts_combine';
COMMENT ON FUNCTION hitl.counts_combine(internal, internal) IS 'aggregate support: adds two states';

CREATE FUNCTION hitl.counts_serial(internal)
RETURNS bytea
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'hitl_counts_serial';
COMMENT ON FUNCTION hitl.counts_serial(internal) IS 'aggregate support: state to bytes';

CREATE FUNCTION hitl.counts_deserial(bytea, internal)
RETURNS internal
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'hitl_counts_deserial';
COMMENT ON FUNCTION hitl.counts_deserial(bytea, internal) IS 'aggregate support: bytes to state';

CREATE FUNCTION hitl.percent_agreement_final(internal)
RETURNS float8
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'hitl_percent_agreement_final';
COMMENT ON FUNCTION hitl.percent_agreement_final(internal) IS 'aggregate support: reads a state';

CREATE FUNCTION hitl.fleiss_kappa_final(internal)
RETURNS float8
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'hitl_fleiss_kappa_final';
COMMENT ON FUNCTION hitl.fleiss_kappa_final(internal) IS 'aggregate support: reads a state';

CREATE FUNCTION hitl.gwet_ac1_final(internal)
RETURNS float8
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'hitl_gwet_ac1_final';
COMMENT ON FUNCTION hitl.gwet_ac1_final(internal) IS 'aggregate support: reads a state';

CREATE FUNCTION hitl.krippendorff_alpha_final(internal)
RETURNS float8
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'hitl_krippendorff_alpha_final';
COMMENT ON FUNCTION hitl.krippendorff_alpha_final(internal) IS 'aggregate support: reads a state';

-- Two judgments of each item.
CREATE AGGREGATE hitl.cohen_kappa(a anycompatible, b anycompatible) (
    SFUNC = hitl.kappa_accum, STYPE = internal, SSPACE = 600,
    FINALFUNC = hitl.cohen_kappa_final, COMBINEFUNC = hitl.kappa_combine,
    SERIALFUNC = hitl.kappa_serial, DESERIALFUNC = hitl.kappa_deserial,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE hitl.cohen_kappa(anycompatible, anycompatible)
    IS 'agreement of two judgments of each item beyond chance, 1: all agree, 0: as by chance, at least -1 (Cohen 1960); labels of any type that can be ordered; NULLs are skipped, NULL without rows and where both sides always say the same one label; 42883 if the type has no order';

-- Any number of judgments of each item, by anybody: an array with the number
-- of judgments for each label, all items with the same labels.
CREATE AGGREGATE hitl.percent_agreement(counts int[]) (
    SFUNC = hitl.counts_accum, STYPE = internal, SSPACE = 200,
    FINALFUNC = hitl.percent_agreement_final, COMBINEFUNC = hitl.counts_combine,
    SERIALFUNC = hitl.counts_serial, DESERIALFUNC = hitl.counts_deserial,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE hitl.percent_agreement(int[])
    IS 'mean over items with two or more judgments of the share of pairs that agree, 0 to 1; counts: judgments of an item by label; NULLs are skipped, NULL without such items; 22023 if arrays differ in length or have more than one dimension, 22003 if a count is negative, 22004 if one is null';

CREATE AGGREGATE hitl.fleiss_kappa(counts int[]) (
    SFUNC = hitl.counts_accum, STYPE = internal, SSPACE = 200,
    FINALFUNC = hitl.fleiss_kappa_final, COMBINEFUNC = hitl.counts_combine,
    SERIALFUNC = hitl.counts_serial, DESERIALFUNC = hitl.counts_deserial,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE hitl.fleiss_kappa(int[])
    IS 'percent_agreement beyond chance, by the mean share of each label over items with a judgment (Fleiss 1971); NULL also where only one label occurs; errors as percent_agreement';

CREATE AGGREGATE hitl.gwet_ac1(counts int[]) (
    SFUNC = hitl.counts_accum, STYPE = internal, SSPACE = 200,
    FINALFUNC = hitl.gwet_ac1_final, COMBINEFUNC = hitl.counts_combine,
    SERIALFUNC = hitl.counts_serial, DESERIALFUNC = hitl.counts_deserial,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE hitl.gwet_ac1(int[])
    IS 'percent_agreement beyond chance, where one label is far more frequent than the others (Gwet 2008); NULL also with fewer than two labels; errors as percent_agreement';

CREATE AGGREGATE hitl.krippendorff_alpha(counts int[]) (
    SFUNC = hitl.counts_accum, STYPE = internal, SSPACE = 200,
    FINALFUNC = hitl.krippendorff_alpha_final, COMBINEFUNC = hitl.counts_combine,
    SERIALFUNC = hitl.counts_serial, DESERIALFUNC = hitl.counts_deserial,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE hitl.krippendorff_alpha(int[])
    IS 'one less the disagreement within items over that between all judgments, nominal labels, items with two or more judgments of any number (Krippendorff 2011); NULL also where only one label occurs; errors as percent_agreement';

CREATE FUNCTION hitl.binomial_tail(hits bigint, n bigint, rate float8)
RETURNS float8
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'hitl_binomial_tail';
COMMENT ON FUNCTION hitl.binomial_tail(bigint, bigint, float8)
    IS 'probability of so many hits or more in n trials at this rate, 0 below 1e-300; 22003 unless 0 <= hits <= n and 0 <= rate <= 1';

CREATE FUNCTION hitl.fisher_exact(
    hits bigint, n bigint, other_hits bigint, other_n bigint,
    OUT lower float8, OUT upper float8, OUT two_sided float8)
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'hitl_fisher_exact';
COMMENT ON FUNCTION hitl.fisher_exact(bigint, bigint, bigint, bigint)
    IS 'whether two shares, hits of n and other_hits of other_n, can come from the same rate (Fisher 1934): given all hits, the probability of so few among the n or fewer, of so many or more, and of all that is no more likely than what is; 22003 unless hits are between 0 and n';

CREATE TYPE hitl.isotonic_block AS (
    lo float8,
    hi float8,
    value float8
);
COMMENT ON TYPE hitl.isotonic_block
    IS 'one step of an isotonic regression: the first and the last cell of confidence (0.001 wide) in it that has verdicts, and the share of right ones';

CREATE FUNCTION hitl.fit_isotonic(calib hitl.calib)
RETURNS hitl.isotonic_block[]
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'hitl_fit_isotonic';
COMMENT ON FUNCTION hitl.fit_isotonic(hitl.calib)
    IS 'the rising steps that fit the share of right ones by stated confidence best, at weight 1/propensity (pooling adjacent violators, Ayer et al. 1955); NULL without verdicts';
