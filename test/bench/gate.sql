-- gate.sql
--		Workflows that differ in one feature of the gate each, and two tables of
--		decisions for them to look at: packet, of the size that a claim has, and
--		wide, whose input has 100 fields.
--
-- Every decision passes in every workflow, so that what is measured is the
-- looking, not the task that would follow.  At the end each workflow is given
-- decisions that must pass and one that it must catch: a feature that is not on
-- costs nothing.

SELECT setseed(0.25);
-- Values lie in the tables as an application sends them: not compressed, or
-- the gate would be charged for what no client makes it do.
CREATE TABLE bench.packet (
    model text, subject text, input jsonb, output jsonb, confidence float8, signals jsonb,
    exposure numeric, context jsonb, tags text[]);
ALTER TABLE bench.packet
    ALTER input SET STORAGE PLAIN, ALTER output SET STORAGE PLAIN,
    ALTER signals SET STORAGE PLAIN, ALTER context SET STORAGE PLAIN;
INSERT INTO bench.packet
SELECT 'model-1', 'case-' || i,
       :'input'::jsonb || '{"insured": {"since": 2019, "address": {"city": "Kiel", "country": "DE"}}}',
       :'output', random(),
       '{"sentiment": 0.2, "validators": {"schema": true}, "confidences":
         {"amount": 0.97, "product": 0.99, "peril": 0.91, "clause": 0.88, "reported": 0.99}}',
       1840.50,
       '{"policy": {"number": "H-7730125", "clause": "A 2.3"}, "history": [{"claim": "C-11873", "paid": 310.00}]}',
       '{household}'
  FROM generate_series(1, :rows) AS i;

-- The packet's fields and 90 more: numbers, words, texts and truths, 30 of them
-- in objects.
CREATE TABLE bench.example AS
SELECT i,
       (SELECT input FROM bench.packet LIMIT 1) || jsonb_object_agg(place, fields) FILTER (WHERE place <> '') ||
       (jsonb_agg(fields) FILTER (WHERE place = '') -> 0) AS input
  FROM (SELECT i, place, jsonb_object_agg(what || '_' || f, value) AS fields
          FROM (SELECT i, f,
                       CASE WHEN f < 60 THEN '' ELSE 'section_' || f / 10 END AS place,
                       CASE WHEN f % 20 < 13 THEN 'amount' WHEN f % 20 < 16 THEN 'state'
                            WHEN f % 20 < 17 THEN 'remark' ELSE 'flag' END AS what,
                       CASE WHEN f % 20 < 13 THEN to_jsonb(round(((50 + 100 * random()) * 10 ^ (f % 4))::numeric, 2))
                            WHEN f % 20 < 16 THEN to_jsonb((ARRAY['open', 'paid', 'refused', 'waiting'])[1 + floor(4 * random())])
                            WHEN f % 20 < 17 THEN to_jsonb(left(md5(random()::text), 16))
                            ELSE to_jsonb(random() < 0.5) END AS value
                  FROM generate_series(0, 999) AS i, generate_series(0, 89) AS f) AS v
         GROUP BY i, place) AS o
 GROUP BY i;
CREATE TABLE bench.wide (LIKE bench.packet INCLUDING STORAGE);
INSERT INTO bench.wide
SELECT p.model, p.subject, e.input, p.output, p.confidence, p.signals, p.exposure, p.context, p.tags
  FROM (SELECT *, row_number() OVER () AS n FROM bench.packet LIMIT (:rows + 3) / 4) AS p
  JOIN bench.example AS e ON e.i = p.n % 1000;
VACUUM ANALYZE bench.packet, bench.wide;

-- ---------------------------------------------------------------------------
SELECT hitl.create_workflow(w, queue => 'gate'),
       hitl.set_policy(w, upper => 0, lower => 0, audit_rate_approve => 0, audit_rate_reject => 0)
  FROM unnest('{gate,gate-rules,gate-fired,gate-challenger,gate-fields,gate-context,gate-request,gate-novelty}'::text[]) AS w;
SELECT bench.add_rules(w) FROM unnest('{gate-rules,gate-fired}'::text[]) AS w;
SELECT hitl.set_rule('gate-fired', 'large', '$.exposure > 1000', route => NULL);
SELECT hitl.set_policy('gate-challenger', challenger =>
           hitl.set_policy('gate-challenger', upper => 0.5, in_force => false));
SELECT hitl.set_policy('gate-fields', field_limit => 0.8);
SELECT hitl.set_policy('gate-context', required_context => '{subject,context.history,context.policy.clause}');
INSERT INTO hitl.decision (workflow, input, confidence)
SELECT 'gate-novelty', input, 1 FROM bench.example;
SELECT hitl.learn_baseline('gate-novelty'), hitl.set_policy('gate-novelty', novelty_limit => 4);

-- ---------------------------------------------------------------------------
BEGIN;
DO $$
DECLARE
    c record;
    d hitl.decision;
    n bigint;
    stopped bigint;
    noted bigint;
BEGIN
    SELECT count(*) INTO n
      FROM bench.example, jsonb_path_query(input, 'strict $.** ? (@.type() != "object" && @.type() != "array")') AS v
     WHERE i = 0;
    -- two more stand in an array
    IF n <> 102 THEN
        RAISE EXCEPTION 'the wide input has % fields', n - 2;
    END IF;
    FOR c IN
        SELECT w.name AS workflow, t.source
          FROM hitl.workflow AS w, (VALUES ('packet'), ('wide')) AS t (source)
         WHERE w.name LIKE 'gate%'
    LOOP
        EXECUTE format(
            'WITH i AS (
                INSERT INTO hitl.decision (workflow, model, subject, input, output, confidence, signals, exposure, context, tags)
                SELECT %L, * FROM bench.%I LIMIT 1000 RETURNING *)
             SELECT count(*), count(*) FILTER (WHERE route <> ''auto_approve''),
                    count(*) FILTER (WHERE reasons @@ ''$[*].trigger == "rule"'' OR challenger_route IS NOT NULL)
               FROM i', c.workflow, c.source)
        INTO n, stopped, noted;
        IF stopped <> n * (c.workflow = 'gate-novelty' AND c.source = 'packet')::int OR
           noted <> n * (c.workflow IN ('gate-fired', 'gate-challenger'))::int THEN
            RAISE EXCEPTION 'of % decisions of bench.%, workflow "%" stops % and notes %',
                            n, c.source, c.workflow, stopped, noted;
        END IF;
    END LOOP;
    FOR c IN
        SELECT *
          FROM (VALUES ('gate-rules', 'rule', '{"exposure": 60000}'),
                       ('gate-rules', 'rule', '{"input": {"text": "a Lawsuit"}}'),
                       ('gate-rules', 'rule', '{"input": {"insured": {"address": {"country": "FR"}}}}'),
                       ('gate-fired', 'rule', '{"input": {"amount": 20000}, "confidence": 0.5}'),
                       ('gate-fields', 'field_confidence', '{"signals": {"confidences": {"amount": 0.1}}}'),
                       ('gate-context', 'context_missing', '{"context": {"policy": {"clause": ""}}}'),
                       ('gate-novelty', 'novelty', '{"input": {"amount_0": 1e9}}')) AS v (workflow, trigger, wrong)
    LOOP
        INSERT INTO hitl.decision (workflow, model, subject, input, output, confidence, signals, exposure, context, tags)
        SELECT c.workflow, p.model, p.subject, p.input || coalesce(w.input, '{}'), p.output,
               coalesce(w.confidence, p.confidence), coalesce(w.signals, p.signals),
               coalesce(w.exposure, p.exposure), coalesce(w.context, p.context), p.tags
          FROM (SELECT * FROM bench.wide LIMIT 1) AS p,
               jsonb_populate_record(NULL::bench.packet, c.wrong::jsonb) AS w
        RETURNING * INTO d;
        IF d.route <> 'review' OR NOT d.reasons @@ format('$[*].trigger == "%s"', c.trigger)::jsonpath THEN
            RAISE EXCEPTION 'workflow "%" lets % pass: % %', c.workflow, c.wrong, d.route, d.reasons;
        END IF;
    END LOOP;
END
$$;
ROLLBACK;
