-- complain if the script is sourced in psql rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION hitl" to load this file. \quit

-- The script makes its own schema, and the control file names none: a schema
-- "hitl" that somebody planted beforehand then aborts the installation.
CREATE SCHEMA hitl;
COMMENT ON SCHEMA hitl IS 'human-in-the-loop AI: gate, review queues, clocks, calibration';

-- Nothing of a caller's search_path takes part in what follows.
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL standard_conforming_strings = on;
