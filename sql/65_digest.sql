-- One digest for one value, wherever it is taken, and what differs between two.

CREATE FUNCTION hitl.digest(value jsonb)
RETURNS bytea
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'hitl_digest';
COMMENT ON FUNCTION hitl.digest(jsonb)
    IS 'SHA-256 of a canonical form: values that are equal have equal digests in any database, others have others.  The form: null n; false f; true t; a number d, whole number without zeros at its end, e, power of ten, ; (-12.50 is d-125e-1; and 0 is d0e0;); a string s, its bytes in UTF-8 counted, :, the bytes (in SQL_ASCII as they are); an array [ elements ]; an object { keys, as strings, each followed by its value }, shorter keys first, then by bytes';

CREATE FUNCTION hitl.packet_hash(decision uuid)
RETURNS bytea
LANGUAGE c STABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'hitl_packet_hash';
COMMENT ON FUNCTION hitl.packet_hash(uuid)
    IS 'SHA-256 of what a reviewer is shown of a decision: digest() of an object with those of its id, input, output, context, question, reasoning, confidence and alternatives that are not NULL; NULL when there is no such decision';

CREATE FUNCTION hitl.diff(a jsonb, b jsonb)
RETURNS jsonb
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'hitl_diff';
COMMENT ON FUNCTION hitl.diff(jsonb, jsonb)
    IS 'what changes from a to b: array of {"path": [keys and positions], "from": value, "to": value}, empty when they are equal; without "from" when it is added (a is NULL: all is), without "to" when it is removed; applied to a in this order, the differences give b; more than 1000, or than 10000 steps in their paths, are told as one difference of the whole, with an empty path';
