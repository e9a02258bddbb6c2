-- Scores of stated confidences against outcomes, as aggregates over rows.
--
-- Aggregates over the same arguments name the same support functions, so that
-- the executor keeps one state for them: several scores cost one pass.
--
-- No aggregate here has an inverse transition: taking a row out of a
-- floating-point sum leaves the rounding error of having had it in.

CREATE TYPE hitl.reliability_bin AS (
    bin int,
    lo float8,
    hi float8,
    n bigint,
    weight_sum float8,
    mean_confidence float8,
    accuracy float8,
    accuracy_lo float8,
    accuracy_hi float8
);
COMMENT ON TYPE hitl.reliability_bin
    IS 'one bin of a reliability curve: lo <= confidence < hi (the last bin includes 1), rows, sum of weights, weighted mean confidence and accuracy, 95 % Wilson interval of the accuracy; the last four are NULL in an empty bin';

CREATE TYPE hitl.rate_estimate AS (
    n bigint,
    weight_sum float8,
    rate float8,
    std_error float8,
    n_eff float8,
    lo float8,
    hi float8
);
COMMENT ON TYPE hitl.rate_estimate
    IS 'a weighted share: rows, sum of weights, share, its standard error, effective number of rows, Wilson interval';

-- Support functions.  They are called by the executor only.

CREATE FUNCTION hitl.score_accum(internal, float8, boolean)
RETURNS internal
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'hitl_score_accum';
COMMENT ON FUNCTION hitl.score_accum(internal, float8, boolean) IS 'aggregate support: adds a row of weight 1, 10 bins';

CREATE FUNCTION hitl.score_accum(internal, float8, boolean, float8)
RETURNS internal
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'hitl_score_accum_weight';
COMMENT ON FUNCTION hitl.score_accum(internal, float8, boolean, float8) IS 'aggregate support: adds a weighted row, 10 bins';

CREATE FUNCTION hitl.score_accum(internal, float8, boolean, float8, int)
RETURNS internal
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'hitl_score_accum_bins';
COMMENT ON FUNCTION hitl.score_accum(internal, float8, boolean, float8, int) IS 'aggregate support: adds a weighted row';

CREATE FUNCTION hitl.score_combine(internal, internal)
RETURNS internal
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'hitl_score_combine';
COMMENT ON FUNCTION hitl.score_combine(internal, internal) IS 'aggregate support: adds two states';

CREATE FUNCTION hitl.score_serial(internal)
RETURNS bytea
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'hitl_score_serial';
COMMENT ON FUNCTION hitl.score_serial(internal) IS 'aggregate support: state to bytes';

CREATE FUNCTION hitl.score_deserial(bytea, internal)
RETURNS internal
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'hitl_score_deserial';
COMMENT ON FUNCTION hitl.score_deserial(bytea, internal) IS 'aggregate support: bytes to state';

CREATE FUNCTION hitl.brier_score_final(internal)
RETURNS float8
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'hitl_brier_score_final';
COMMENT ON FUNCTION hitl.brier_score_final(internal) IS 'aggregate support: reads a state';

CREATE FUNCTION hitl.calibration_gap_final(internal)
RETURNS float8
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'hitl_calibration_gap_final';
COMMENT ON FUNCTION hitl.calibration_gap_final(internal) IS 'aggregate support: reads a state';

CREATE FUNCTION hitl.ece_final(internal)
RETURNS float8
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'hitl_ece_final';
COMMENT ON FUNCTION hitl.ece_final(internal) IS 'aggregate support: reads a state';

CREATE FUNCTION hitl.reliability_curve_final(internal)
RETURNS hitl.reliability_bin[]
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'hitl_reliability_curve_final';
COMMENT ON FUNCTION hitl.reliability_curve_final(internal) IS 'aggregate support: reads a state';

CREATE FUNCTION hitl.rate_accum(internal, boolean)
RETURNS internal
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'hitl_rate_accum';
COMMENT ON FUNCTION hitl.rate_accum(internal, boolean) IS 'aggregate support: adds a row of weight 1, level 0.95';

CREATE FUNCTION hitl.rate_accum(internal, boolean, float8)
RETURNS internal
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'hitl_rate_accum_weight';
COMMENT ON FUNCTION hitl.rate_accum(internal, boolean, float8) IS 'aggregate support: adds a weighted row, level 0.95';

CREATE FUNCTION hitl.rate_accum(internal, boolean, float8, float8)
RETURNS internal
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'hitl_rate_accum_level';
COMMENT ON FUNCTION hitl.rate_accum(internal, boolean, float8, float8) IS 'aggregate support: adds a weighted row';

CREATE FUNCTION hitl.rate_final(internal)
RETURNS hitl.rate_estimate
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'hitl_rate_final';
COMMENT ON FUNCTION hitl.rate_final(internal) IS 'aggregate support: reads a state';

CREATE AGGREGATE hitl.brier_score(confidence float8, outcome boolean) (
    SFUNC = hitl.score_accum, STYPE = internal, SSPACE = 600,
    FINALFUNC = hitl.brier_score_final, COMBINEFUNC = hitl.score_combine,
    SERIALFUNC = hitl.score_serial, DESERIALFUNC = hitl.score_deserial,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE hitl.brier_score(float8, boolean)
    IS 'mean squared difference of confidence and outcome, 0 (best) to 1 (Brier 1950); NULLs are skipped, NULL without rows, 22003 if confidence is outside 0..1';

CREATE AGGREGATE hitl.brier_score(confidence float8, outcome boolean, weight float8) (
    SFUNC = hitl.score_accum, STYPE = internal, SSPACE = 600,
    FINALFUNC = hitl.brier_score_final, COMBINEFUNC = hitl.score_combine,
    SERIALFUNC = hitl.score_serial, DESERIALFUNC = hitl.score_deserial,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE hitl.brier_score(float8, boolean, float8)
    IS 'mean squared difference of confidence and outcome, 0 (best) to 1, weighted (Brier 1950); NULLs and weight 0 are skipped, NULL without rows, 22003 if confidence is outside 0..1 or weight is negative or not finite';

CREATE AGGREGATE hitl.calibration_gap(confidence float8, outcome boolean) (
    SFUNC = hitl.score_accum, STYPE = internal, SSPACE = 600,
    FINALFUNC = hitl.calibration_gap_final, COMBINEFUNC = hitl.score_combine,
    SERIALFUNC = hitl.score_serial, DESERIALFUNC = hitl.score_deserial,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE hitl.calibration_gap(float8, boolean)
    IS 'mean confidence minus share of true outcomes, -1 to 1, positive when over-confident (calibration in the large, Cox 1958); NULLs are skipped, NULL without rows, 22003 if confidence is outside 0..1';

CREATE AGGREGATE hitl.calibration_gap(confidence float8, outcome boolean, weight float8) (
    SFUNC = hitl.score_accum, STYPE = internal, SSPACE = 600,
    FINALFUNC = hitl.calibration_gap_final, COMBINEFUNC = hitl.score_combine,
    SERIALFUNC = hitl.score_serial, DESERIALFUNC = hitl.score_deserial,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE hitl.calibration_gap(float8, boolean, float8)
    IS 'mean confidence minus share of true outcomes, -1 to 1, positive when over-confident, weighted (calibration in the large, Cox 1958); NULLs and weight 0 are skipped, NULL without rows, 22003 if confidence is outside 0..1 or weight is negative or not finite';

CREATE AGGREGATE hitl.ece(confidence float8, outcome boolean) (
    SFUNC = hitl.score_accum, STYPE = internal, SSPACE = 600,
    FINALFUNC = hitl.ece_final, COMBINEFUNC = hitl.score_combine,
    SERIALFUNC = hitl.score_serial, DESERIALFUNC = hitl.score_deserial,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE hitl.ece(float8, boolean)
    IS 'expected calibration error: mean over bins of the absolute gap between confidence and accuracy, 0 (best) to 1 (Naeini, Cooper and Hauskrecht 2015), 10 bins; NULLs are skipped, NULL without rows, 22003 if confidence is outside 0..1';

CREATE AGGREGATE hitl.ece(confidence float8, outcome boolean, weight float8) (
    SFUNC = hitl.score_accum, STYPE = internal, SSPACE = 600,
    FINALFUNC = hitl.ece_final, COMBINEFUNC = hitl.score_combine,
    SERIALFUNC = hitl.score_serial, DESERIALFUNC = hitl.score_deserial,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE hitl.ece(float8, boolean, float8)
    IS 'expected calibration error: mean over bins of the absolute gap between confidence and accuracy, 0 (best) to 1, weighted (Naeini, Cooper and Hauskrecht 2015), 10 bins; NULLs and weight 0 are skipped, NULL without rows, 22003 if confidence is outside 0..1 or weight is negative or not finite';

CREATE AGGREGATE hitl.ece(confidence float8, outcome boolean, weight float8, bins int) (
    SFUNC = hitl.score_accum, STYPE = internal, SSPACE = 600,
    FINALFUNC = hitl.ece_final, COMBINEFUNC = hitl.score_combine,
    SERIALFUNC = hitl.score_serial, DESERIALFUNC = hitl.score_deserial,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE hitl.ece(float8, boolean, float8, int)
    IS 'expected calibration error: mean over bins of the absolute gap between confidence and accuracy, 0 (best) to 1, weighted (Naeini, Cooper and Hauskrecht 2015), bins of equal width, 1 to 10000; 22023 if bins is outside or not the same on every row; NULLs and weight 0 are skipped, NULL without rows, 22003 if confidence is outside 0..1 or weight is negative or not finite';

CREATE AGGREGATE hitl.reliability_curve(confidence float8, outcome boolean) (
    SFUNC = hitl.score_accum, STYPE = internal, SSPACE = 600,
    FINALFUNC = hitl.reliability_curve_final, COMBINEFUNC = hitl.score_combine,
    SERIALFUNC = hitl.score_serial, DESERIALFUNC = hitl.score_deserial,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE hitl.reliability_curve(float8, boolean)
    IS 'confidence against accuracy in bins, as an array with one element for each bin (reliability diagram, DeGroot and Fienberg 1983; intervals Wilson 1927), 10 bins; NULLs are skipped, NULL without rows, 22003 if confidence is outside 0..1';

CREATE AGGREGATE hitl.reliability_curve(confidence float8, outcome boolean, weight float8) (
    SFUNC = hitl.score_accum, STYPE = internal, SSPACE = 600,
    FINALFUNC = hitl.reliability_curve_final, COMBINEFUNC = hitl.score_combine,
    SERIALFUNC = hitl.score_serial, DESERIALFUNC = hitl.score_deserial,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE hitl.reliability_curve(float8, boolean, float8)
    IS 'confidence against accuracy in bins, as an array with one element for each bin, weighted (reliability diagram, DeGroot and Fienberg 1983; intervals Wilson 1927), 10 bins; NULLs and weight 0 are skipped, NULL without rows, 22003 if confidence is outside 0..1 or weight is negative or not finite';

CREATE AGGREGATE hitl.reliability_curve(confidence float8, outcome boolean, weight float8, bins int) (
    SFUNC = hitl.score_accum, STYPE = internal, SSPACE = 600,
    FINALFUNC = hitl.reliability_curve_final, COMBINEFUNC = hitl.score_combine,
    SERIALFUNC = hitl.score_serial, DESERIALFUNC = hitl.score_deserial,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE hitl.reliability_curve(float8, boolean, float8, int)
    IS 'confidence against accuracy in bins, as an array with one element for each bin, weighted (reliability diagram, DeGroot and Fienberg 1983; intervals Wilson 1927), bins of equal width, 1 to 10000; 22023 if bins is outside or not the same on every row; NULLs and weight 0 are skipped, NULL without rows, 22003 if confidence is outside 0..1 or weight is negative or not finite';

CREATE AGGREGATE hitl.rate(event boolean) (
    SFUNC = hitl.rate_accum, STYPE = internal, SSPACE = 128,
    FINALFUNC = hitl.rate_final, COMBINEFUNC = hitl.score_combine,
    SERIALFUNC = hitl.score_serial, DESERIALFUNC = hitl.score_deserial,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE hitl.rate(boolean)
    IS 'share of true values with its 95 % interval (Wilson 1927); NULLs are skipped, NULL without rows';

CREATE AGGREGATE hitl.rate(event boolean, weight float8) (
    SFUNC = hitl.rate_accum, STYPE = internal, SSPACE = 128,
    FINALFUNC = hitl.rate_final, COMBINEFUNC = hitl.score_combine,
    SERIALFUNC = hitl.score_serial, DESERIALFUNC = hitl.score_deserial,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE hitl.rate(boolean, float8)
    IS 'weighted share of true values with its 95 % interval at the effective number of rows (Wilson 1927; weights as in Hajek 1971); NULLs and weight 0 are skipped, NULL without rows, 22003 if weight is negative or not finite';

CREATE AGGREGATE hitl.rate(event boolean, weight float8, level float8) (
    SFUNC = hitl.rate_accum, STYPE = internal, SSPACE = 128,
    FINALFUNC = hitl.rate_final, COMBINEFUNC = hitl.score_combine,
    SERIALFUNC = hitl.score_serial, DESERIALFUNC = hitl.score_deserial,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE hitl.rate(boolean, float8, float8)
    IS 'weighted share of true values with its interval at the level given (Wilson 1927; weights as in Hajek 1971); as with two arguments, 22003 if level is not between 0 and 1, 22023 if it is not the same on every row';

CREATE FUNCTION hitl.wilson(successes float8, trials float8,
    level float8 DEFAULT 0.95, OUT lo float8, OUT hi float8)
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'hitl_wilson';
COMMENT ON FUNCTION hitl.wilson(float8, float8, float8)
    IS 'score interval of a share (Wilson 1927); counts need not be whole; (0, 1) without trials; 22003 unless 0 <= successes <= trials and 0 < level < 1';
