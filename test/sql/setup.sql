-- The extension installs, and every later test finds it there.
CREATE EXTENSION hitl;
SELECT extname, extrelocatable, extnamespace::regnamespace FROM pg_extension WHERE extname = 'hitl';
