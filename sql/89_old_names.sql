-- Stands in for signatures that the grants still name; dropped in 91.
CREATE FUNCTION hitl.create_workflow(text, text, text, regrole, int, text)
RETURNS void LANGUAGE sql VOLATILE PARALLEL UNSAFE AS '';
CREATE FUNCTION hitl.set_policy(text, float8, float8, float8, float8)
RETURNS void LANGUAGE sql VOLATILE PARALLEL UNSAFE AS '';
CREATE FUNCTION hitl.set_rule(text, text, jsonpath, text, int, int, text, text, text, text, int)
RETURNS void LANGUAGE sql VOLATILE PARALLEL UNSAFE AS '';
CREATE FUNCTION hitl.drop_rule(text, text)
RETURNS void LANGUAGE sql VOLATILE PARALLEL UNSAFE AS '';
