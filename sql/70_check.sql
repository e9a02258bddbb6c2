-- Proof and care: what must never be, and what an operator should mend.

CREATE FUNCTION hitl.check()
RETURNS TABLE (invariant text, decision uuid, task bigint, detail text)
LANGUAGE sql VOLATILE PARALLEL UNSAFE ROWS 10
SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off
AS $$
    -- every decision for a person has one open task or one final outcome
    SELECT 'I2', d.id, NULL::bigint,
           CASE WHEN t.n = 0 THEN 'a review has neither task nor outcome'
                WHEN v.decided THEN 'a review has an outcome and still a task'
                ELSE 'a review has ' || t.n || ' tasks' END
    FROM hitl.decision d,
         LATERAL (SELECT count(*) AS n FROM hitl.task t
                  WHERE t.decision = d.id AND t.kind = 'review') t,
         LATERAL (SELECT EXISTS (SELECT FROM hitl.verdict v
                                 WHERE v.decision = d.id AND v.kind = 'review'
                                   AND v.final) AS decided) v
    WHERE d.route = 'review' AND t.n + v.decided::int <> 1
  UNION ALL
    SELECT 'I2', d.id, NULL,
           CASE WHEN t.n + v.n = 0 THEN 'an audit was drawn and has neither task nor verdict'
                WHEN d.audit_u < d.propensity THEN 'an audit has more than one task or verdict'
                ELSE 'an audit was not drawn and has a task or verdict' END
    FROM hitl.decision d,
         LATERAL (SELECT count(*) AS n FROM hitl.task t
                  WHERE t.decision = d.id AND t.kind = 'audit') t,
         LATERAL (SELECT count(*) AS n FROM hitl.verdict v
                  WHERE v.decision = d.id AND v.kind = 'audit') v
    WHERE d.route <> 'review'
      AND t.n + v.n <> CASE WHEN d.audit_u < d.propensity THEN 1 ELSE 0 END
  UNION ALL
    SELECT 'I1', t.decision, t.id, 'a task has no decision, or one of another route or workflow'
    FROM hitl.task t
    WHERE NOT EXISTS (SELECT FROM hitl.decision d
                      WHERE d.id = t.decision AND d.workflow = t.workflow
                        AND (t.kind = 'review') = (d.route = 'review'))
  UNION ALL
    SELECT 'I1', v.decision, v.task, 'a verdict has no decision'
    FROM hitl.verdict v
    WHERE NOT EXISTS (SELECT FROM hitl.decision d WHERE d.id = v.decision)
  UNION ALL
    -- one accepted verdict a task, and the task is gone
    SELECT 'I3', min(v.decision::text)::uuid, v.task, 'a task has ' || count(*) || ' final verdicts'
    FROM hitl.verdict v
    WHERE v.final
    GROUP BY v.task
    HAVING count(*) > 1
  UNION ALL
    SELECT 'I3', t.decision, t.id, 'a task is decided and still open'
    FROM hitl.task t
    WHERE EXISTS (SELECT FROM hitl.verdict v WHERE v.task = t.id AND v.final)
  UNION ALL
    -- verdicts count within the lease
    SELECT 'I4', v.decision, v.task, 'a verdict was given when its lease was over'
    FROM hitl.verdict v
    WHERE v.created_at >= v.lease_until
  UNION ALL
    -- nobody holds more than they may
    SELECT 'I5', NULL, NULL,
           format('reviewer "%s" holds %s tasks, the limit is %s', r.name, count(*), r.max_open)
    FROM hitl.task t
    JOIN hitl.reviewer r ON r.name = t.holder
    WHERE t.lease_until > clock_timestamp()
    GROUP BY r.name, r.max_open
    HAVING count(*) > r.max_open
  UNION ALL
    -- nobody decides what they submitted
    SELECT 'I6', v.decision, v.task, format('reviewer "%s" submitted the decision', v.reviewer)
    FROM hitl.verdict v
    JOIN hitl.reviewer r ON r.name = v.reviewer
    JOIN hitl.decision d ON d.id = v.decision
    WHERE EXISTS (SELECT FROM pg_roles u WHERE u.oid = r.login AND u.rolname = d.created_by)
       OR (v.asserted_by = d.created_by
           AND EXISTS (SELECT FROM hitl.reviewer a JOIN pg_roles u ON u.oid = a.login
                       WHERE u.rolname = v.asserted_by))
  UNION ALL
    -- what the gate stamped follows from what it cites
    SELECT 'I9', d.id, NULL, 'route "' || d.gate_route || '" does not follow from the policy cited'
    FROM hitl.decision d
    LEFT JOIN hitl.policy p ON p.workflow = d.workflow AND p.version = d.policy_version
    WHERE NOT coalesce(CASE d.gate_route
              WHEN 'auto_approve' THEN d.confidence >= p.upper AND d.confidence <= 1 AND d.reversible
              WHEN 'auto_reject' THEN d.confidence < p.lower AND d.confidence >= 0 AND d.reversible
              ELSE d.gate_route = 'review' END, false)
  UNION ALL
    SELECT 'I9', d.id, NULL, format('rule "%s" fired and the decision did not go to review', r.name)
    FROM hitl.decision d
    CROSS JOIN LATERAL jsonb_array_elements(d.reasons) x
    JOIN hitl.rule r ON r.workflow = d.workflow AND r.version = d.policy_version
                    AND r.name = x ->> 'rule' AND r.route = 'review'
    WHERE d.gate_route <> 'review'
  UNION ALL
    SELECT 'I9', d.id, NULL, 'route "' || d.route || '" does not follow from "' || d.gate_route || '"'
    FROM hitl.decision d
    WHERE d.route <> d.gate_route AND d.route <> 'review'
  UNION ALL
    SELECT 'I9', d.id, NULL, 'propensity or draw does not follow from route and policy'
    FROM hitl.decision d
    LEFT JOIN hitl.policy p ON p.workflow = d.workflow AND p.version = d.policy_version
    WHERE NOT coalesce(d.audit_u >= 0 AND d.audit_u < 1
                       AND d.propensity = CASE d.route
                           WHEN 'review' THEN 1
                           WHEN 'auto_approve' THEN p.audit_rate_approve
                           WHEN 'auto_reject' THEN p.audit_rate_reject END, false)
  UNION ALL
    SELECT 'I9', d.id, NULL, 'created_at is not the time of the id'
    FROM hitl.decision d
    WHERE d.created_at IS DISTINCT FROM hitl.uuid_time(d.id)
  UNION ALL
    -- nothing that is due waits longer than the clock may sleep
    SELECT 'I10', t.decision, t.id, 'a deadline passed at ' || least(t.first_review_at, t.resolution_at)
                                    || ' and nothing happened'
    FROM hitl.task t
    WHERE least(t.first_review_at, t.resolution_at)
          < clock_timestamp() - coalesce(current_setting('hitl.sweep_interval', true), '1s')::interval - interval '1 s'
$$;
COMMENT ON FUNCTION hitl.check()
    IS 'the invariants that do not hold, one row a violation; none on a sound database; reads all facts';

CREATE FUNCTION hitl.doctor()
RETURNS TABLE (severity text, subject text, finding text, hint text)
LANGUAGE sql VOLATILE PARALLEL UNSAFE ROWS 10
SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off
AS $$
    WITH part AS (
        SELECT c.oid, c.relname
        FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'hitl.decision'::regclass AND c.relispartition
    ), guarded AS (
        SELECT oid, relname, ARRAY['gate', 'enqueue', 'append_only', 'append_only_truncate'] AS needed
        FROM part
        UNION ALL
        SELECT 'hitl.decision'::regclass, 'decision',
               ARRAY['gate', 'enqueue', 'append_only', 'append_only_truncate']
        UNION ALL
        SELECT c.oid, c.relname, ARRAY['append_only', 'append_only_truncate']
        FROM pg_class c
        WHERE c.oid IN ('hitl.verdict'::regclass, 'hitl.event'::regclass, 'hitl.policy'::regclass,
                        'hitl.rule'::regclass)
    )
    SELECT 'warning', 'worker', 'the library is not preloaded, so nothing happens by itself',
           'Add hitl to shared_preload_libraries and restart, or call hitl.tick() every second.'
    WHERE current_setting('shared_preload_libraries') !~ '(^|[ ,/"])hitl($|[ ,"])'
  UNION ALL
    SELECT 'error', 'worker', 'no worker serves this database',
           'It starts within seconds; otherwise look into the server log for hitl.'
    WHERE current_setting('shared_preload_libraries') ~ '(^|[ ,/"])hitl($|[ ,"])'
      AND NOT pg_is_in_recovery()
      AND NOT EXISTS (SELECT FROM pg_stat_activity a
                      WHERE a.backend_type = 'hitl worker' AND a.datname = current_database())
  UNION ALL
    SELECT 'error', 'table ' || g.relname,
           format('trigger "%s" is %s', n.name,
                  CASE WHEN t.tgname IS NULL THEN 'missing' ELSE 'not always enabled' END),
           CASE WHEN t.tgname IS NULL
                THEN 'Create it as the install script of hitl does.'
                ELSE format('ALTER TABLE hitl.%I ENABLE ALWAYS TRIGGER %I.', g.relname, n.name)
           END
    FROM guarded g
    CROSS JOIN LATERAL unnest(g.needed) AS n (name)
    LEFT JOIN pg_trigger t ON t.tgrelid = g.oid AND t.tgname = n.name
    WHERE t.tgenabled IS DISTINCT FROM 'A'
  UNION ALL
    SELECT 'error', 'table ' || g.relname, 'has a rule, which can bypass the gate',
           format('DROP RULE %I ON hitl.%I.', r.rulename, g.relname)
    FROM guarded g JOIN pg_rewrite r ON r.ev_class = g.oid
  UNION ALL
    SELECT 'error', 'table ' || p.relname, 'ids are not unique in this partition',
           format('SELECT hitl.prepare_partition(%L).', 'hitl.' || quote_ident(p.relname))
    FROM part p
    WHERE NOT EXISTS (SELECT FROM pg_index i
                      JOIN pg_attribute a ON a.attrelid = p.oid AND a.attname = 'id'
                      WHERE i.indrelid = p.oid AND i.indisunique AND i.indisvalid
                        AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum AND i.indpred IS NULL)
  UNION ALL
    SELECT 'warning', 'table decision_default', 'holds decisions, for no partition fitted them',
           'SELECT hitl.make_partitions() makes partitions ahead; the rows found here may stay.'
    WHERE EXISTS (SELECT FROM hitl.decision_default)
  UNION ALL
    SELECT 'warning', 'table decision', 'the partition of next month is missing',
           'SELECT hitl.make_partitions().'
    WHERE EXISTS (SELECT FROM hitl.workflow)
      AND to_regclass('hitl.decision_' || to_char(date_trunc('month', now() AT TIME ZONE 'UTC')
                                                  + interval '1 month', 'YYYY_MM')) IS NULL
  UNION ALL
    SELECT 'info', 'workflow ' || w.name, 'has no policy, so all its decisions go to people',
           format('SELECT hitl.set_policy(%L, upper => ..., lower => ...).', w.name)
    FROM hitl.workflow w
    WHERE w.policy_version IS NULL
  UNION ALL
    SELECT 'warning', 'workflow ' || w.name, format('is killed, so all its decisions go to people: %s', w.kill_reason),
           format('SELECT hitl.resume(%L), when the cause is mended.', w.name)
    FROM hitl.workflow w
    WHERE w.kill_reason IS NOT NULL
  UNION ALL
    SELECT 'error', 'workflow ' || w.name, format('its queue "%s" does not exist', w.queue),
           format('SELECT hitl.create_queue(%L).', w.queue)
    FROM hitl.workflow w
    WHERE NOT EXISTS (SELECT FROM hitl.queue q WHERE q.name = w.queue)
  UNION ALL
    SELECT 'error', 'workflow ' || w.name, format('its SLA "%s" does not exist', w.sla),
           format('SELECT hitl.create_sla(%L, ...).', w.sla)
    FROM hitl.workflow w
    WHERE NOT EXISTS (SELECT FROM hitl.sla s WHERE s.name = w.sla) AND w.sla IS NOT NULL
  UNION ALL
    SELECT 'error', 'workflow ' || w.name, 'the role of its application is gone, so nobody may insert',
           'UPDATE hitl.workflow SET application = ..., as its owner.'
    FROM hitl.workflow w
    WHERE w.application IS NOT NULL AND NOT EXISTS (SELECT FROM pg_roles u WHERE u.oid = w.application)
  UNION ALL
    SELECT 'error', 'queue ' || t.queue,
           format('%s tasks of tier %s wait and no member may take them', count(*), t.tier),
           'Let a reviewer of that tier join, by hitl.add_reviewer() and hitl.join_queue().'
    FROM hitl.task t
    WHERE NOT EXISTS (SELECT FROM hitl.membership m JOIN hitl.reviewer r ON r.name = m.reviewer
                      WHERE m.queue = t.queue AND r.tier >= t.tier
                        AND NOT EXISTS (SELECT FROM pg_roles u
                                        WHERE u.oid = r.login
                                          AND u.rolname IN (t.submitter, t.submitter_login)))
    GROUP BY t.queue, t.tier
  UNION ALL
    SELECT 'error', 'reviewer ' || r.name, 'the role of the login is gone',
           'The person cannot work; add a new reviewer with the new role.'
    FROM hitl.reviewer r
    WHERE r.login IS NOT NULL AND NOT EXISTS (SELECT FROM pg_roles u WHERE u.oid = r.login)
  UNION ALL
    SELECT 'warning', 'reviewer ' || r.name, format('role %s is not a member of hitl_reviewer', r.login),
           format('GRANT hitl_reviewer TO %s.', r.login)
    FROM hitl.reviewer r
    JOIN pg_roles u ON u.oid = r.login
    WHERE NOT pg_has_role(u.oid, 'hitl_reviewer', 'USAGE')
  UNION ALL
    SELECT 'warning', 'prepared transaction ' || x.gid,
           format('is open since %s and may hold tasks and hide decisions', x.prepared),
           format('COMMIT PREPARED %1$L or ROLLBACK PREPARED %1$L.', x.gid)
    FROM pg_prepared_xacts x
    WHERE x.database = current_database() AND x.prepared < now() - interval '1 minute'
$$;
COMMENT ON FUNCTION hitl.doctor()
    IS 'what an operator should mend: severity error (something does not work), warning (it may soon not) or info';
