-- Until the grants name these signatures.
DROP FUNCTION hitl.create_workflow(text, text, text, regrole, int, text);
DROP FUNCTION hitl.set_policy(text, float8, float8, float8, float8);
DROP FUNCTION hitl.set_rule(text, text, jsonpath, text, int, int, text, text, text, text, int);
DROP FUNCTION hitl.drop_rule(text, text);
GRANT SELECT ON hitl.proposal TO hitl_viewer;
GRANT EXECUTE ON FUNCTION
    hitl.create_workflow(text, text, text, regrole, int, text, boolean, text),
    hitl.set_policy(text, float8, float8, float8, float8, float8, float8, text, text, float8, float8,
                    text[], boolean, text, text, interval, text, text, int, float8, float8, float8,
                    float8, int, float8, text[], boolean, boolean, text[], int, boolean),
    hitl.set_rule(text, text, jsonpath, text, int, int, text, text, text, text, int, int, boolean),
    hitl.drop_rule(text, text, int, boolean),
    hitl.activate_policy(text, int), hitl.set_always_human(text, boolean),
    hitl.protect(text, boolean), hitl.confirm(bigint), hitl.withdraw_proposal(bigint, text)
    TO hitl_admin;
