-- scale.sql
--		A database with :workflows workflows, each with :versions versions of
--		its policy, the last one in force.  Written into the tables at once:
--		ten thousand calls would take longer than all that is measured.
SELECT hitl.make_partitions();
SELECT hitl.create_queue('scale');
INSERT INTO hitl.workflow (name, queue, policy_version)
SELECT 'scale-' || i, 'scale', :versions FROM generate_series(0, :workflows - 1) AS i;
INSERT INTO hitl.policy (workflow, version, upper, lower, audit_rate_approve, audit_rate_reject, created_by)
SELECT 'scale-' || i, v, 0, 0, 0, 0, current_user
  FROM generate_series(0, :workflows - 1) AS i, generate_series(1, :versions) AS v;
SELECT hitl.create_workflow('warm', queue => 'scale');
SELECT hitl.set_policy('warm', upper => 0, lower => 0, audit_rate_approve => 0, audit_rate_reject => 0);
VACUUM ANALYZE;
