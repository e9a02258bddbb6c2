-- One digest for one value, wherever it is taken.

CREATE FUNCTION hitl.digest(value jsonb)
RETURNS bytea
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'hitl_digest';
COMMENT ON FUNCTION hitl.digest(jsonb)
    IS 'SHA-256 of a canonical form: values that are equal have equal digests in any database, others have others.  The form: null n; false f; true t; a number d, whole number without zeros at its end, e, power of ten, ; (-12.50 is d-125e-1; and 0 is d0e0;); a string s, its bytes in UTF-8 counted, :, the bytes (in SQL_ASCII as they are); an array [ elements ]; an object { keys, as strings, each followed by its value }, shorter keys first, then by bytes';
