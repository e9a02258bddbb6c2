-- The type calib: the calibration state of any number of decisions in a
-- bounded number of bytes.  It merges, and scores are read from it.

CREATE TYPE hitl.calib;

CREATE FUNCTION hitl.calib_in(cstring)
RETURNS hitl.calib
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'hitl_calib_in';
COMMENT ON FUNCTION hitl.calib_in(cstring)
    IS 'text to calib; 22P02 unless it could have come from calib_agg';

CREATE FUNCTION hitl.calib_out(hitl.calib)
RETURNS cstring
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'hitl_calib_out';
COMMENT ON FUNCTION hitl.calib_out(hitl.calib)
    IS 'calib to text, exactly: reading it back gives the same bytes';

CREATE FUNCTION hitl.calib_recv(internal)
RETURNS hitl.calib
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'hitl_calib_recv';
COMMENT ON FUNCTION hitl.calib_recv(internal)
    IS 'bytes from the wire to calib; 22P03 unless they could have come from calib_agg';

CREATE FUNCTION hitl.calib_send(hitl.calib)
RETURNS bytea
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'hitl_calib_send';
COMMENT ON FUNCTION hitl.calib_send(hitl.calib)
    IS 'calib to bytes on the wire';

CREATE TYPE hitl.calib (
    INPUT = hitl.calib_in,
    OUTPUT = hitl.calib_out,
    RECEIVE = hitl.calib_recv,
    SEND = hitl.calib_send,
    INTERNALLENGTH = VARIABLE,
    ALIGNMENT = int4,
    STORAGE = extended
);
COMMENT ON TYPE hitl.calib
    IS 'calibration state of decisions: for each distinct propensity (at most 256) and each cell of confidence (0.001 wide, 1 by itself) the rows, the verdicts, the right ones, and the sums of c, of c squared and of c where right';

-- Support functions.  They are called by the executor only.

CREATE FUNCTION hitl.calib_accum(internal, float8, boolean, float8)
RETURNS internal
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'hitl_calib_accum';
COMMENT ON FUNCTION hitl.calib_accum(internal, float8, boolean, float8)
    IS 'aggregate support: adds a row';

CREATE FUNCTION hitl.calib_rollup_accum(internal, hitl.calib)
RETURNS internal
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'hitl_calib_rollup_accum';
COMMENT ON FUNCTION hitl.calib_rollup_accum(internal, hitl.calib)
    IS 'aggregate support: adds a calib';

CREATE FUNCTION hitl.calib_combine(internal, internal)
RETURNS internal
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'hitl_calib_combine';
COMMENT ON FUNCTION hitl.calib_combine(internal, internal)
    IS 'aggregate support: adds two states';

CREATE FUNCTION hitl.calib_serial(internal)
RETURNS bytea
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'hitl_calib_serial';
COMMENT ON FUNCTION hitl.calib_serial(internal)
    IS 'aggregate support: state to bytes';

CREATE FUNCTION hitl.calib_deserial(bytea, internal)
RETURNS internal
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'hitl_calib_deserial';
COMMENT ON FUNCTION hitl.calib_deserial(bytea, internal)
    IS 'aggregate support: bytes to state';

CREATE FUNCTION hitl.calib_final(internal)
RETURNS hitl.calib
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'hitl_calib_final';
COMMENT ON FUNCTION hitl.calib_final(internal)
    IS 'aggregate support: reads a state';

CREATE AGGREGATE hitl.calib_agg(confidence float8, outcome boolean,
    propensity float8) (
    SFUNC = hitl.calib_accum, STYPE = internal, SSPACE = 8192,
    FINALFUNC = hitl.calib_final, COMBINEFUNC = hitl.calib_combine,
    SERIALFUNC = hitl.calib_serial, DESERIALFUNC = hitl.calib_deserial,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE hitl.calib_agg(float8, boolean, float8)
    IS 'calibration state of decisions; a NULL outcome means no verdict, and the row counts; rows with NULL confidence or propensity are skipped, NULL without rows; 22003 if confidence is outside 0..1 or propensity is not above 0 and at most 1, 54000 beyond 256 distinct propensities';

CREATE AGGREGATE hitl.calib_rollup(hitl.calib) (
    SFUNC = hitl.calib_rollup_accum, STYPE = internal, SSPACE = 8192,
    FINALFUNC = hitl.calib_final, COMBINEFUNC = hitl.calib_combine,
    SERIALFUNC = hitl.calib_serial, DESERIALFUNC = hitl.calib_deserial,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE hitl.calib_rollup(hitl.calib)
    IS 'merges calibration states; NULLs are skipped, NULL without rows; 54000 beyond 256 distinct propensities, 22003 if a count leaves the range of bigint';

CREATE FUNCTION hitl.calib_merge(hitl.calib, hitl.calib)
RETURNS hitl.calib
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'hitl_calib_merge';
COMMENT ON FUNCTION hitl.calib_merge(hitl.calib, hitl.calib)
    IS 'the calibration state of the decisions of both; errors as calib_rollup';

CREATE OPERATOR hitl.+ (
    LEFTARG = hitl.calib,
    RIGHTARG = hitl.calib,
    FUNCTION = hitl.calib_merge,
    COMMUTATOR = OPERATOR(hitl.+)
);
COMMENT ON OPERATOR hitl.+ (hitl.calib, hitl.calib)
    IS 'merge two calibration states';

-- What can be read from a state.  Rows with a verdict have weight 1/propensity
-- (Horvitz and Thompson 1952), and figures equal those of the row aggregates
-- with that weight.

CREATE FUNCTION hitl.calib_counts(calib hitl.calib, OUT n_rows bigint,
    OUT n_labelled bigint, OUT n_right bigint, OUT weight_sum float8,
    OUT propensities int)
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'hitl_calib_counts';
COMMENT ON FUNCTION hitl.calib_counts(hitl.calib)
    IS 'rows, rows with a verdict, right ones, sum of 1/propensity over rows with a verdict, and number of distinct propensities';

CREATE FUNCTION hitl.brier_score(calib hitl.calib)
RETURNS float8
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'hitl_calib_brier_score';
COMMENT ON FUNCTION hitl.brier_score(hitl.calib)
    IS 'mean squared difference of confidence and outcome at weight 1/propensity, 0 (best) to 1 (Brier 1950); NULL without verdicts';

CREATE FUNCTION hitl.calibration_gap(calib hitl.calib)
RETURNS float8
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'hitl_calib_calibration_gap';
COMMENT ON FUNCTION hitl.calibration_gap(hitl.calib)
    IS 'mean confidence minus share of true outcomes at weight 1/propensity, -1 to 1, positive when over-confident (Cox 1958); NULL without verdicts';

CREATE FUNCTION hitl.ece(calib hitl.calib, bins int DEFAULT 10)
RETURNS float8
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'hitl_calib_ece';
COMMENT ON FUNCTION hitl.ece(hitl.calib, int)
    IS 'expected calibration error at weight 1/propensity, 0 (best) to 1 (Naeini, Cooper and Hauskrecht 2015); NULL without verdicts, 22023 unless bins divides 1000';

CREATE FUNCTION hitl.reliability_curve(calib hitl.calib, bins int DEFAULT 10)
RETURNS hitl.reliability_bin[]
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'hitl_calib_reliability_curve';
COMMENT ON FUNCTION hitl.reliability_curve(hitl.calib, int)
    IS 'confidence against accuracy in bins at weight 1/propensity, as an array with one element for each bin (DeGroot and Fienberg 1983; intervals Wilson 1927); NULL without verdicts, 22023 unless bins divides 1000';
