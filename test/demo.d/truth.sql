-- What only the demo knows: the streams as they come, and the truth of every
-- row, which stands in for the eyes of the reviewers.  hitl never sees it.
CREATE SCHEMA demo;

CREATE TABLE demo.stream (
    seq         int,
    workflow    text,
    model       text,
    external_id text,
    decided_at  timestamptz,
    input       jsonb,
    prediction  text,
    confidence  float8,
    alternatives jsonb,
    truth       text,
    correct     boolean,
    cohort      text
);
\copy demo.stream FROM 'digit_entry.csv' (FORMAT csv, HEADER)
\copy demo.stream FROM 'fna_triage.csv' (FORMAT csv, HEADER)

-- The answer that an attentive person would give, by business key.
CREATE FUNCTION demo.answer(workflow text, label text) RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE workflow
           WHEN 'digit-entry' THEN jsonb_build_object('digit', label::int)
           ELSE jsonb_build_object('finding', label)
       END;

CREATE TABLE demo.truth (subject text PRIMARY KEY, answer jsonb NOT NULL);
INSERT INTO demo.truth
SELECT DISTINCT external_id, demo.answer(workflow, truth) FROM demo.stream;


-- A rate with its interval, for people.
CREATE FUNCTION demo.range(rate float8, lo float8, hi float8) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN format('%s %% (%s - %s)', to_char(100 * rate, 'FM990.0'),
              to_char(100 * lo, 'FM990.0'), to_char(100 * hi, 'FM990.0'));

GRANT USAGE ON SCHEMA demo TO hitl_reviewer, hitl_viewer;
GRANT SELECT ON demo.truth TO hitl_reviewer;
GRANT SELECT ON demo.stream TO hitl_viewer;
