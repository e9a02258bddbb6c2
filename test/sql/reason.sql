-- Reasons: whatever was written about a decision is jsonb like any other, to
-- the byte, for none to many reasons of any text.
SET client_min_messages = warning;
SELECT hitl.create_workflow('rea', queue => 'rea');
SELECT hitl.set_policy('rea', upper => 0.9, lower => 0.1, audit_rate_approve => 0, audit_rate_reject => 0);
-- Rule i fires from exposure i on.  Of every 32 elements of an array the first
-- has its place on record, so there are more than 32.
DO $$
DECLARE
    said CONSTANT text[] := ARRAY['', 'plain', repeat('long ', 14000), 'Größe – 尺寸', '"quoted" \ and \\ and \" and \u0041',
                                  E'line\nbreak\ttab', repeat('"\', 400), 'x'];
BEGIN
    FOR i IN 1 .. 40 LOOP
        PERFORM hitl.set_rule('rea', 'rule ' || repeat('"', i % 7) || i, format('$.exposure >= %s', i)::jsonpath,
                              route => NULL, reason => said[i % 8 + 1]);
    END LOOP;
END
$$;
INSERT INTO hitl.decision (workflow, confidence, exposure)
SELECT 'rea', 0.95, n FROM unnest('{0,1,2,3,4,5,7,8,31,32,33,34,36,40}'::int[]) n;

-- As it was written (#> takes it out of the table's packing), and what the server makes of its text.
CREATE TEMP TABLE rea_row (n int, reasons jsonb, said jsonb);
ALTER TABLE rea_row ALTER reasons SET STORAGE EXTERNAL, ALTER said SET STORAGE EXTERNAL;
INSERT INTO rea_row SELECT exposure, reasons #> '{}', reasons::text::jsonb FROM hitl.decision WHERE workflow = 'rea';
SELECT n FROM rea_row
WHERE reasons <> said OR jsonb_hash(reasons) <> jsonb_hash(said) OR pg_column_size(reasons) <> pg_column_size(said)
   OR md5(jsonb_send(reasons)) <> md5(jsonb_send(said));
SELECT min(pg_column_size(reasons)) < 200 AS short, max(pg_column_size(reasons)) > 300000 AS long FROM rea_row;

-- One reason for each rule that fired, in order, with the text of the rule.
CREATE TEMP TABLE rea_rule AS
    SELECT n, row_number() OVER (PARTITION BY n ORDER BY r.place) AS place, r.reason
    FROM rea_row, jsonb_array_elements(reasons) WITH ORDINALITY AS r (reason, place)
    WHERE r.reason ->> 'trigger' = 'rule';
SELECT count(*) AS decisions, sum(n) AS fired, (SELECT count(*) FROM rea_rule) AS on_record FROM rea_row;
SELECT r.n, r.place
FROM rea_rule r
JOIN hitl.workflow w ON w.name = 'rea'
LEFT JOIN hitl.rule u ON u.workflow = 'rea' AND u.version = w.policy_version AND u.position = r.place
                     AND u.name = r.reason ->> 'rule' AND u.reason = r.reason ->> 'detail'
WHERE u.name IS NULL;

-- Each element and each of its keys is found by its place, by path and by value.
SELECT n, i FROM rea_row, generate_series(0, 41) i
WHERE reasons -> i IS DISTINCT FROM said -> i
   OR reasons -> i -> 'rule' IS DISTINCT FROM said -> i -> 'rule'
   OR reasons -> i -> 'detail' IS DISTINCT FROM said -> i -> 'detail'
   OR reasons -> i -> 'trigger' IS DISTINCT FROM said -> i -> 'trigger'
   OR reasons -> i -> 'no such key' IS NOT NULL
   OR (i < jsonb_array_length(reasons)) <> (jsonb_typeof(reasons -> i -> 'trigger') IS NOT DISTINCT FROM 'string');
SELECT n FROM rea_row
WHERE jsonb_path_query_array(reasons, '$[*].detail') <> jsonb_path_query_array(said, '$[*].detail')
   OR jsonb_path_query_array(reasons, '$[last].rule') <> jsonb_path_query_array(said, '$[last].rule')
   OR jsonb_array_length(jsonb_path_query_array(reasons, '$[*] ? (@.trigger == "rule")')) <> n;
SELECT n FROM rea_row
WHERE reasons @> '[{"rule": "rule \"36", "detail": "\"quoted\" \\ and \\\\ and \\\" and \\u0041"}]' ORDER BY n;
-- What has no rule says null.
INSERT INTO hitl.decision (workflow, confidence) VALUES ('rea', 0.5), ('rea', NULL);
SELECT d.confidence, d.reasons = d.reasons::text::jsonb AS same, d.reasons -> 0 ->> 'trigger' AS trigger,
       jsonb_typeof(d.reasons -> 0 -> 'rule') AS rule
FROM hitl.decision d WHERE d.workflow = 'rea' AND d.exposure IS NULL ORDER BY 1;
-- And it can be changed like any other.
SELECT jsonb_set(reasons, '{0,detail}', '"other"') = jsonb_set(said, '{0,detail}', '"other"') AS set,
       reasons || '[1]' = said || '[1]' AS longer, (reasons - 0) = (said - 0) AS shorter
FROM rea_row WHERE n = 40;
