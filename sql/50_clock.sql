-- What time does.

CREATE FUNCTION hitl.tick()
RETURNS int
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'hitl_tick';
COMMENT ON FUNCTION hitl.tick()
    IS 'does what is due: ends leases, escalates breaches, makes partitions ahead; returns how many tasks it dealt with, at most 10000 a call; the background worker does the same by itself';

CREATE FUNCTION hitl.start_worker()
RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'hitl_start_worker';
COMMENT ON FUNCTION hitl.start_worker()
    IS 'asks the launcher, at commit, to serve this database; CREATE EXTENSION does so; false when the library is not preloaded';

SELECT hitl.start_worker();
