-- Thresholds read from a calibration state, with a certificate.

CREATE FUNCTION hitl.upper_threshold(calib hitl.calib, max_risk float8,
    delta float8 DEFAULT 0.05,
    starts float8[] DEFAULT '{0.1,0.3,0.5,0.7,0.9}',
    grid int DEFAULT 100, scope text DEFAULT 'future',
    OUT threshold float8, OUT coverage float8, OUT n_decisions bigint,
    OUT n_labelled bigint, OUT errors bigint, OUT risk float8,
    OUT risk_upper float8, OUT level_used float8)
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'hitl_upper_threshold';
COMMENT ON FUNCTION hitl.upper_threshold(hitl.calib, float8, float8, float8[], int, text)
    IS 'lowest confidence from which automatic approval has an error rate certified to be at most max_risk, with error probability delta (fixed-sequence testing, Angelopoulos et al. 2021; limits Clopper and Pearson 1934); thresholds are multiples of 1/grid; starts are coverages that share delta; scope future is about decisions to come, window about those seen; a group without verdicts counts as wrong in risk; all NULL when nothing is certified; 22003 if max_risk or delta is not between 0 and 1 or a start is outside 0..1, 22023 for other bad arguments';

CREATE FUNCTION hitl.lower_threshold(calib hitl.calib, max_risk float8,
    delta float8 DEFAULT 0.05,
    starts float8[] DEFAULT '{0.02,0.05,0.1,0.2,0.4}',
    grid int DEFAULT 100, scope text DEFAULT 'future',
    OUT threshold float8, OUT coverage float8, OUT n_decisions bigint,
    OUT n_labelled bigint, OUT errors bigint, OUT risk float8,
    OUT risk_upper float8, OUT level_used float8)
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'hitl_lower_threshold';
COMMENT ON FUNCTION hitl.lower_threshold(hitl.calib, float8, float8, float8[], int, text)
    IS 'highest confidence below which automatic rejection has an error rate (right proposals among those rejected) certified to be at most max_risk, with error probability delta; arguments, result and errors as upper_threshold';
