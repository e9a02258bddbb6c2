-- Digests: equal values have equal digests, however they are written and
-- wherever they are stored; others have others.  Differences: applied to the
-- one they give the other.

-- The form, as its comment tells it, in words of SQL.
CREATE FUNCTION pg_temp.form(v jsonb) RETURNS bytea LANGUAGE plpgsql AS $$
DECLARE
    b bytea;
BEGIN
    CASE jsonb_typeof(v)
    WHEN 'null' THEN
        RETURN 'n';
    WHEN 'boolean' THEN
        RETURN left(v::text, 1);
    WHEN 'number' THEN
        -- a whole number and zeros at its end, or a fraction: count them
        RETURN (SELECT format('d%se%s;', coalesce(nullif(rtrim(digits, '0'), ''), '0'),
                              CASE WHEN ltrim(digits, '-0') = '' THEN 0
                                   ELSE length(digits) - length(rtrim(digits, '0')) - places END)
                FROM (SELECT regexp_replace(replace(v::text, '.', ''), '^(-?)0+(?=[0-9])', '\1') AS digits,
                             coalesce(length(split_part(v::text, '.', 2)), 0) AS places) n)::bytea;
    WHEN 'string' THEN
        b := convert_to(v #>> '{}', 'UTF8');
        RETURN format('s%s:', length(b))::bytea || b;
    WHEN 'array' THEN
        SELECT string_agg(pg_temp.form(e), '' ORDER BY i) INTO b FROM jsonb_array_elements(v) WITH ORDINALITY AS a (e, i);
        RETURN '['::bytea || coalesce(b, '') || ']';
    ELSE
        SELECT string_agg(pg_temp.form(to_jsonb(k)) || pg_temp.form(e), ''
                          ORDER BY length(convert_to(k, 'UTF8')), convert_to(k, 'UTF8'))
        INTO b FROM jsonb_each(v) AS o (k, e);
        RETURN '{'::bytea || coalesce(b, '') || '}';
    END CASE;
END
$$;

-- What anyone can count by hand.
SELECT v, encode(hitl.digest(v), 'hex') AS digest, hitl.digest(v) = sha256(form) AS right, pg_temp.form(v) = form AS "as told"
FROM (VALUES ('null'::jsonb, 'n'::bytea), ('true', 't'), ('false', 'f'), ('0', 'd0e0;'), ('-12.50', 'd-125e-1;'), ('120000', 'd12e4;'),
             ('"ab"', 's2:ab'), ('""', 's0:'), ('[]', '[]'), ('{}', '{}'), ('[1, [true, null]]', '[d1e0;[tn]]'),
             ('{"bb": 1, "a": {"c": "x"}, "B": []}', '{s1:B[]s1:a{s1:cs1:x}s2:bbd1e0;}')) AS t (v, form);
SELECT hitl.digest(NULL) IS NULL AS strict;

-- One value in many notations: one digest.
SELECT count(DISTINCT hitl.digest(v)) AS one
FROM unnest('{1,1.0,1.00,1e0,10e-1,0.1e1,0.01e2,1.000000000000000000000000000000,100000000000000000000e-20}'::jsonb[]) v;
SELECT count(DISTINCT hitl.digest(v)) AS one FROM unnest('{0,-0,0.0,-0.000,0e0,0e5,0e-5,-0e100}'::jsonb[]) v;
SELECT count(DISTINCT hitl.digest(v)) AS one FROM unnest('{-10000,-1e4,-1.0e4,-100000e-1,-10000.0000}'::jsonb[]) v;
SELECT count(DISTINCT hitl.digest(v)) AS one FROM unnest(ARRAY['1e131071', '10e131070', '1' || repeat('0', 131071)]::jsonb[]) v;
SELECT count(DISTINCT hitl.digest(v)) AS one FROM unnest(ARRAY['1e-16383', '0.' || repeat('0', 16382) || '1']::jsonb[]) v;
SELECT count(DISTINCT hitl.digest(v)) AS one
FROM unnest(ARRAY['{"a": 1, "bb": [1, 2], "c": {"d": null}}', ' {"c":{"d":null} , "bb":[1.0,2e0],"a":1}',
                  '{"a": 2, "a": 1, "bb": 0, "bb": [1, 2], "c": {"d": null}}', '{"\u0061": 1, "b\u0062": [1, 2], "c": {"d": null}}']::jsonb[]) v;
SELECT hitl.digest('{"b": 1, "a": 1.0, "b": 2}'::json::jsonb) = hitl.digest('{"a": 1, "b": 2}'::jsonb) AS json,
       hitl.digest(to_jsonb(1.50::numeric)) = hitl.digest('15e-1') AS numeric,
       hitl.digest(to_jsonb('x'::text)) = hitl.digest('"\u0078"') AS string,
       hitl.digest(jsonb_build_object('b', 1, 'a', '{}'::int[])) = hitl.digest('{"a": [], "b": 1}') AS built;

-- What looks alike and is not: all differ.
WITH alike (v) AS (
    SELECT unnest(ARRAY['{"a":"b"}', '{"ab":""}', '{"":"ab"}', '{"a":{"b":""}}', '{"a":["b"]}', '["a","b"]', '[["a","b"]]', '["ab"]', '[["a"],"b"]',
                        '["a",["b"]]', '[1,2]', '[12]', '[[],1]', '[[1]]', '[1,[]]', '[1]', '[1,1]', '"1"', '1', '[[],[]]', '[[[]]]', '[{}]', '{"a":[]}',
                        '{"a":{}}', 'null', '"null"', '[null]', '{}', '[]', '""', '[""]', '["",""]', '{"":""}', 'true', '"true"', '"t"', '"n"', 'false',
                        '0', '"0"', '-1', '10', '0.1', '1e1000', '1e-1000', '1.0000000000000000000000000000000000000001', '1e4', '1e8', '10001',
                        '100010000', '1000.1', '"d1e0;"', '"[]"', '"s1:a"', '["s1:a"]', '"a"', '"A"', '" a"', '{"a":1,"b":2}', '{"a":2,"b":1}',
                        '{"a":1}', '{"b":1}', '{"aa":1}', '{"a":null}', '{"a":"1"}', '{"a":1,"b":{"c":1}}', '{"a":1,"b":{},"c":1}', '"\u001f"',
                        '"\\u001f"', '[1,null]', '[null,1]']::jsonb[]))
SELECT count(*) = count(DISTINCT v) AS values, count(*) = count(DISTINCT hitl.digest(v)) AS digests,
       count(*) FILTER (WHERE hitl.digest(v) <> sha256(pg_temp.form(v))) AS wrong
FROM alike;

-- At random: documents, each written a second time with its pairs in another
-- order, some of them twice, and its numbers and strings in another notation.
SELECT setseed(0.3) IS NOT NULL AS seeded;
CREATE FUNCTION pg_temp.again(whole_number text) RETURNS text LANGUAGE sql AS $$
    SELECT CASE floor(random() * 4)::int * (whole_number <> '0')::int
           WHEN 0 THEN whole_number
           WHEN 1 THEN whole_number || 'e0'
           WHEN 2 THEN whole_number || '.000'
           ELSE whole_number || '0e-1' END
$$;
CREATE FUNCTION pg_temp.make(depth int, OUT a text, OUT b text) LANGUAGE plpgsql AS $$
DECLARE
    words CONSTANT text[] := ARRAY['a', 'b', 'ab', 'ba', 'aa', '', 'B', '_', 'abc', 'é', 'ü', 'zz', '€', 'a"\b', '尺', '0'];
    kind int := floor(random() * CASE WHEN depth > 0 THEN 10 ELSE 6 END);
    keys text[];
    values_a text[] := '{}';
    values_b text[] := '{}';
    one record;
BEGIN
    IF kind = 0 THEN
        a := (ARRAY['null', 'true', 'false'])[1 + floor(random() * 3)::int];
        b := a;
    ELSIF kind <= 2 THEN
        a := (floor(random() * 10 ^ floor(random() * 12)) * sign(random() - 0.5))::numeric::text;
        b := pg_temp.again(a);
    ELSIF kind = 3 THEN
        a := ((random() - 0.5)::numeric * 10 ^ floor(random() * 60 - 30)::numeric)::text;
        b := CASE WHEN random() < 0.5 THEN a || '00' ELSE a || 'E+00' END;
    ELSIF kind <= 5 THEN
        a := to_json(words[1 + floor(random() * 16)::int])::text;
        b := ' ' || replace(a, 'a', '\u0061') || ' ';
    ELSE
        keys := ARRAY(SELECT w FROM unnest(words) w WHERE random() < 0.3 ORDER BY random());
        FOR i IN 1 .. cardinality(keys) LOOP
            one := pg_temp.make(depth - 1);
            values_a := values_a || one.a;
            values_b := values_b || one.b;
        END LOOP;
        IF kind <= 7 THEN
            a := '[' || array_to_string(values_a, ',') || ']';
            b := '[ ' || array_to_string(values_b, ' , ') || ' ]';
        ELSE
            a := '{' || coalesce((SELECT string_agg(to_json(k) || ':' || v, ',') FROM unnest(keys, values_a) AS u (k, v)), '') || '}';
            b := '{' || coalesce((SELECT string_agg(to_json(k) || ':7', ',') || ',' FROM unnest(keys) k), '')
                     || coalesce((SELECT string_agg(to_json(k) || ':' || v, ',' ORDER BY random()) FROM unnest(keys, values_b) AS u (k, v)), '') || '}';
        END IF;
    END IF;
END
$$;
-- 0 * i: or it would be called once
CREATE TEMP TABLE dig AS SELECT m.a, m.b FROM generate_series(1, 1500) i, LATERAL pg_temp.make(3 + 0 * i) m;
SELECT count(*) AS documents, bool_or(a <> b) AS written_otherwise, max(length(a)) > 500 AS long,
       count(*) FILTER (WHERE a::jsonb <> b::jsonb) AS not_equal,
       count(*) FILTER (WHERE hitl.digest(a::jsonb) <> hitl.digest(b::jsonb)) AS digests_differ,
       count(*) FILTER (WHERE hitl.digest(a::jsonb) <> hitl.digest(a::json::jsonb)) AS json_differs,
       count(*) FILTER (WHERE hitl.digest(a::jsonb) <> sha256(pg_temp.form(a::jsonb))) AS not_as_told,
       count(DISTINCT a::jsonb) = count(DISTINCT hitl.digest(a::jsonb)) AS as_many
FROM dig;

-- Many children, and the changes of alignment that numbers among them make.
SELECT count(*) AS documents, count(*) FILTER (WHERE hitl.digest(v) <> sha256(pg_temp.form(v))) AS wrong
FROM (SELECT jsonb_agg(CASE i % 4 WHEN 0 THEN to_jsonb(i * 0.37) WHEN 1 THEN to_jsonb(repeat('x', i)) WHEN 2 THEN 'null' ELSE jsonb_build_array(i) END)
      FROM generate_series(1, 200) i
      UNION ALL
      SELECT jsonb_object_agg(repeat('k', i % 7) || i, CASE i % 3 WHEN 0 THEN to_jsonb(i / 7.0) WHEN 1 THEN to_jsonb(repeat('"', i)) ELSE '{"a": {"b": 1}}' END)
      FROM generate_series(1, 200) i) d (v);
-- Deep, long and compressed.
SELECT count(DISTINCT hitl.digest((repeat('[', n) || repeat(']', n))::jsonb)) AS two FROM unnest('{2999,3000,3000}'::int[]) n;
SELECT hitl.digest((repeat('{"a":[', 1500) || '1.0' || repeat(']}', 1500))::jsonb)
     = sha256((repeat('{s1:a[', 1500) || 'd1e0;' || repeat(']}', 1500))::bytea) AS deep,
       hitl.digest(to_jsonb(repeat('0123456789abcdef', 200000))) = sha256(('s3200000:' || repeat('0123456789abcdef', 200000))::bytea) AS long,
       hitl.digest((repeat('123456789', 10000))::jsonb) = sha256(('d' || repeat('123456789', 10000) || 'e0;')::bytea) AS digits;
CREATE TEMP TABLE dig_packed AS SELECT jsonb_agg(i % 10) AS v FROM generate_series(1, 5000) i;
SELECT pg_column_size(v) < 5000 AS packed, hitl.digest(v) = hitl.digest(v #> '{}') AS same FROM dig_packed;

-- What is shown of a decision is one object: its digest can be had in SQL, from
-- the columns as they are read.
SELECT hitl.create_workflow('dig', queue => 'dig', application => NULL) IS NOT NULL AS made;
INSERT INTO hitl.decision (workflow, subject, input, output, confidence, reasoning, alternatives, context, question, signals)
VALUES ('dig', 'all', '{"amount": 12.50, "who": "é"}', '{"pay": true}', 0.83, 'because "é"', '[1, 2.0]', '"text"', 'pay?', '{"not": "shown"}'),
       ('dig', 'nothing', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
       ('dig', 'null', 'null', 'null', 1, '', 'null', '{}', '', NULL),
       ('dig', 'long', jsonb_build_object('text', repeat('0123456789', 100000)), '[]', 0, repeat('x', 100000), '[]', '[]', NULL, NULL);
INSERT INTO hitl.decision (workflow, subject, confidence)
SELECT 'dig', 'c', c FROM unnest('{0,1,1e-300,4.9406564584124654e-324,0.1,0.30000000000000004,0.999999999999999,1e-5,0.0001,0.123456789012345678,0.5,0.25,1e-16,-0.0,100e-2}'::float8[]) c;
INSERT INTO hitl.decision (workflow, subject, confidence) SELECT 'dig', 'r', random() * 10 ^ -floor(random() * 20) FROM generate_series(1, 300);
CREATE FUNCTION pg_temp.packet(d hitl.decision) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_object_agg(key, value)
    FROM (VALUES ('id', to_jsonb(d.id)), ('input', d.input), ('output', d.output), ('confidence', d.confidence::text::numeric::text::jsonb),
                 ('reasoning', to_jsonb(d.reasoning)), ('alternatives', d.alternatives), ('context', d.context), ('question', to_jsonb(d.question))) v (key, value)
    WHERE value IS NOT NULL
$$;
SELECT d.subject, count(*), count(DISTINCT hitl.packet_hash(d.id)) = count(*) AS differ,
       count(*) FILTER (WHERE hitl.packet_hash(d.id) IS DISTINCT FROM hitl.digest(pg_temp.packet(d))) AS wrong
FROM hitl.decision d WHERE workflow = 'dig' GROUP BY 1 ORDER BY 1;
SELECT hitl.packet_hash(hitl.uuidv7()) IS NULL AS none, hitl.packet_hash(NULL) IS NULL AS strict;
-- in the default partition, too, and where columns have moved
BEGIN;
CREATE TABLE dig_part (junk int, confidence float8, id uuid);
ALTER TABLE dig_part DROP COLUMN junk;
SELECT string_agg(format('ALTER TABLE dig_part ADD %I %s', attname, format_type(atttypid, atttypmod)
                         || CASE WHEN attcollation <> 0 AND attcollation <> 100 THEN ' COLLATE "C"' ELSE '' END), '; ' ORDER BY attnum DESC) AS more
FROM pg_attribute WHERE attrelid = 'hitl.decision'::regclass AND attnum > 0 AND NOT attisdropped AND attname NOT IN ('id', 'confidence') \gset
:more;
SELECT string_agg(format('ALTER TABLE dig_part ALTER %I SET NOT NULL', attname), '; ') AS more
FROM pg_attribute WHERE attrelid = 'hitl.decision'::regclass AND attnum > 0 AND attnotnull \gset
:more;
ALTER TABLE hitl.decision ATTACH PARTITION dig_part FOR VALUES FROM ('00000000-0000-7000-8000-000000000000') TO ('00000000-0000-7000-8000-0000000000ff');
INSERT INTO hitl.decision SELECT ('00000000-0000-7000-8000-00000000000' || n)::uuid, d.created_at, d.created_by, d.workflow, d.input, d.output, 0.5, d.model, d.subject, d.reasoning,
       d.alternatives, d.context, d.signals, d.exposure, d.reversible, d.cohort, d.question, d.tags, d.parent, d.request_id, d.policy_version, d.gate_route, d.route, d.reasons, d.lane,
       d.audit_u, d.propensity, d.challenger_route
FROM hitl.decision d, generate_series(1, 3) n WHERE workflow = 'dig' AND subject = 'all';
INSERT INTO hitl.decision SELECT ('00000000-0000-7000-8000-00000000010' || n)::uuid, d.created_at, d.created_by, d.workflow, d.input, d.output, 0.5, d.model, 'default', d.reasoning,
       d.alternatives, d.context, d.signals, d.exposure, d.reversible, d.cohort, d.question, d.tags, d.parent, d.request_id, d.policy_version, d.gate_route, d.route, d.reasons, d.lane,
       d.audit_u, d.propensity, d.challenger_route
FROM hitl.decision d, generate_series(1, 3) n WHERE workflow = 'dig' AND subject = 'all' AND id > '01000000-0000-7000-8000-000000000000';
SELECT d.tableoid::regclass AS partition, count(*), count(*) FILTER (WHERE hitl.packet_hash(d.id) IS DISTINCT FROM hitl.digest(pg_temp.packet(d))) AS wrong
FROM hitl.decision d WHERE workflow = 'dig' AND id < '01000000-0000-7000-8000-000000000000' GROUP BY 1 ORDER BY 1;
ROLLBACK;

-- What changed: places, and what was and is there.
SELECT n, hitl.diff(a, b)
FROM (VALUES (1, '{"a": 1, "b": 2}'::jsonb, '{"a": 1.0, "b": 2e0}'::jsonb),
             (2, '{"a": 1, "b": 2}', '{"a": 1, "b": 3}'),
             (3, '{"a": 1, "b": {"c": [1, 2, {"d": null}]}}', '{"b": {"c": [1, 2, {"d": false}], "n": {"x": []}}}'),
             (4, '[1, 2, 3, 4]', '[1, 3]'),
             (5, '[1]', '[1, [], "x"]'),
             (6, '{"a": []}', '{"a": {}}'),
             (7, '1', '"1"'),
             (8, '{"a": 1}', '[{"a": 1}]'),
             (9, NULL, '{"a": 1}'),
             (10, '{"a": 1}', NULL),
             (11, NULL, NULL),
             (12, NULL, 'null'),
             (13, '{"a": null}', '{}'),
             (14, '[]', '{}')) v (n, a, b) ORDER BY n;
-- many differences are one
SELECT n, jsonb_array_length(d) AS differences, d -> 0 -> 'path' AS path, d -> 0 ? 'from' AS "from", d -> 0 -> 'to' = b AS "to"
FROM (SELECT n, b, hitl.diff(a, b) AS d
      FROM generate_series(999, 1001) n, LATERAL (SELECT jsonb_agg(i) AS a, jsonb_agg(i + 1) AS b FROM generate_series(1, n) i) x) y ORDER BY n;
SELECT n, jsonb_array_length(hitl.diff(a, b)) AS taken, jsonb_array_length(hitl.diff(b, a)) AS added
FROM generate_series(1000, 1001) n, LATERAL (SELECT jsonb_build_array(jsonb_agg(i), 0) AS a, '[[], 0]'::jsonb AS b FROM generate_series(1, n) i) x ORDER BY n;
SELECT n, jsonb_array_length(d) AS differences, jsonb_array_length(d -> 0 -> 'path') AS steps
FROM (SELECT n, hitl.diff((repeat('[', n) || repeat('1,', 9) || '1' || repeat(']', n))::jsonb, (repeat('[', n) || repeat('2,', 9) || '2' || repeat(']', n))::jsonb) AS d
      FROM unnest('{10,1000,1001,3000}'::int[]) n) x ORDER BY n;
-- The property: the differences applied to a, in their order, give b.
CREATE FUNCTION pg_temp.apply(a jsonb, differences jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    d    jsonb;
    path text[];
BEGIN
    FOR d IN SELECT e FROM jsonb_array_elements(differences) WITH ORDINALITY AS x (e, i) ORDER BY i LOOP
        path := ARRAY(SELECT p FROM jsonb_array_elements_text(d -> 'path') WITH ORDINALITY AS x (p, i) ORDER BY i);
        IF cardinality(path) = 0 THEN
            IF a IS DISTINCT FROM d -> 'from' THEN RETURN '"wrong from"'; END IF;
            a := d -> 'to';
        ELSE
            IF (a #> path) IS DISTINCT FROM d -> 'from' THEN RETURN '"wrong from"'; END IF;
            a := CASE WHEN d ? 'to' THEN jsonb_set(a, path, d -> 'to') ELSE a #- path END;
        END IF;
    END LOOP;
    RETURN a;
END
$$;
-- a document, somewhat changed
CREATE FUNCTION pg_temp.change(v jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    IF random() < 0.1 THEN
        RETURN (pg_temp.make(1)).a;
    ELSIF jsonb_typeof(v) = 'object' THEN
        RETURN (SELECT coalesce(jsonb_object_agg(k, pg_temp.change(e)) FILTER (WHERE random() > 0.1), '{}') FROM jsonb_each(v) x (k, e))
               || CASE WHEN random() < 0.3 THEN jsonb_build_object((pg_temp.make(0)).a, (pg_temp.make(1)).a::jsonb) ELSE '{}' END;
    ELSIF jsonb_typeof(v) = 'array' THEN
        RETURN (SELECT coalesce(jsonb_agg(pg_temp.change(e) ORDER BY i) FILTER (WHERE random() > 0.2), '[]') FROM jsonb_array_elements(v) WITH ORDINALITY x (e, i))
               || CASE WHEN random() < 0.3 THEN jsonb_build_array((pg_temp.make(1)).a::jsonb, 1) ELSE '[]' END;
    END IF;
    RETURN v;
END
$$;
CREATE TEMP TABLE dig_pair AS SELECT a::jsonb AS a, pg_temp.change(b::jsonb) AS b FROM dig
UNION ALL SELECT x.a::jsonb, y.b::jsonb FROM (SELECT a, row_number() OVER (ORDER BY a) AS n FROM dig) x JOIN (SELECT b, row_number() OVER (ORDER BY b DESC) AS n FROM dig) y USING (n);
SELECT count(*) AS pairs, count(*) FILTER (WHERE a <> b) > 1000 AS differ, count(*) FILTER (WHERE jsonb_array_length(hitl.diff(a, b)) > 3) > 100 AS much,
       count(*) FILTER (WHERE pg_temp.apply(a, hitl.diff(a, b)) IS DISTINCT FROM b) AS wrong,
       count(*) FILTER (WHERE pg_temp.apply(b, hitl.diff(b, a)) IS DISTINCT FROM a) AS wrong_back,
       count(*) FILTER (WHERE (hitl.diff(a, b) = '[]') <> (a = b)) AS wrong_empty
FROM dig_pair;
SELECT count(*) AS documents, count(*) FILTER (WHERE hitl.diff(a::jsonb, b::jsonb) <> '[]') AS wrong FROM dig;

-- In every encoding that has the letters: the same.  In LATIN1 the second key
-- is shorter than the first, in UTF-8 it is not.
SELECT current_database() AS home \gset
\set doc '{"zz": 1, "é": "größer", "ab": {"ñ": [], "z": -0.0}, "abc": null}'
\set kanji '{"abc": 1, "尺": "寸", "zz": {"丈": 2.50, "xxx": []}}'
CREATE DATABASE regress_hitl_utf8 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0;
CREATE DATABASE regress_hitl_ascii ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0;
CREATE DATABASE regress_hitl_latin1 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0;
CREATE DATABASE regress_hitl_euc_jp ENCODING 'EUC_JP' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0;
\c regress_hitl_utf8
SET client_encoding = 'UTF8';
CREATE FUNCTION pg_temp.digest(jsonb) RETURNS bytea LANGUAGE c IMMUTABLE STRICT AS '$libdir/hitl', 'hitl_digest';
SELECT sha256(convert_to('{s2:ab{s1:zd0e0;s2:ñ[]}s2:zzd1e0;s2:és8:größers3:abcn}', 'UTF8')) AS form;
SELECT pg_temp.digest(:'doc');
SELECT sha256(convert_to('{s2:zz{s3:xxx[]s3:丈d25e-1;}s3:abcd1e0;s3:尺s3:寸}', 'UTF8')) AS form;
SELECT pg_temp.digest(:'kanji');
\c regress_hitl_ascii
SET client_encoding = 'UTF8';
CREATE FUNCTION pg_temp.digest(jsonb) RETURNS bytea LANGUAGE c IMMUTABLE STRICT AS '$libdir/hitl', 'hitl_digest';
SELECT pg_temp.digest(:'doc');
SELECT pg_temp.digest(:'kanji');
-- what is text in no encoding
SELECT pg_temp.digest(to_jsonb(convert_from('\xff41', 'SQL_ASCII'))) = sha256('s2:\377A') AS bytes;
\c regress_hitl_latin1
SET client_encoding = 'UTF8';
CREATE FUNCTION pg_temp.digest(jsonb) RETURNS bytea LANGUAGE c IMMUTABLE STRICT AS '$libdir/hitl', 'hitl_digest';
SELECT pg_temp.digest(:'doc');
SET client_encoding = 'LATIN1';
SELECT pg_temp.digest('"\u00e9"') = sha256('s2:\303\251') AS client_does_not_matter;
\c regress_hitl_euc_jp
SET client_encoding = 'UTF8';
CREATE FUNCTION pg_temp.digest(jsonb) RETURNS bytea LANGUAGE c IMMUTABLE STRICT AS '$libdir/hitl', 'hitl_digest';
SELECT pg_temp.digest(:'kanji');
\c :home
-- by force: a worker may be looking whether the extension is there
DROP DATABASE regress_hitl_utf8 WITH (FORCE);
DROP DATABASE regress_hitl_ascii WITH (FORCE);
DROP DATABASE regress_hitl_latin1 WITH (FORCE);
DROP DATABASE regress_hitl_euc_jp WITH (FORCE);
