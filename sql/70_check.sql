-- Proof and care: what must never be, and what an operator should mend.

-- Decisions that no gate can have let through as they are: the stamp does not
-- follow from the policy that it cites, or the task that it calls for is
-- nowhere.  The names of columns count, not their places: partitions attached
-- by hand have their own.
CREATE FUNCTION hitl.misrouted(partition regclass DEFAULT NULL, first_rows bigint DEFAULT NULL)
RETURNS TABLE (decision uuid, detail text, invariant text)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 10
SET search_path = pg_catalog, pg_temp SET jit = off
AS $$
BEGIN
    RETURN QUERY EXECUTE format($query$
        SELECT d.id, x.detail, x.invariant
        FROM %s d
        LEFT JOIN hitl.policy p ON p.workflow = d.workflow AND p.version = d.policy_version
        LEFT JOIN hitl.policy c ON c.workflow = d.workflow AND c.version = p.challenger
        CROSS JOIN LATERAL (
            SELECT d.reasons @? '$[*] ? (@.trigger == "no_policy" || @.trigger == "confidence_invalid"
                                         || @.trigger == "policy_error" || @.trigger == "context_missing"
                                         || @.trigger == "field_confidence" || @.trigger == "step_confidence"
                                         || @.trigger == "novelty" || @.trigger == "fairness"
                                         || @.trigger == "irreversible" || @.trigger == "resubmitted")' AS needs_person,
                   d.reasons @? '$[*] ? (@.trigger == "mode" && @.detail == "shadow")' AS shadow,
                   d.reasons @? '$[*] ? (@.trigger == "mode" && @.detail == "on_loop")' AS on_loop,
                   d.reasons @? '$[*] ? (@.trigger == "killed" || @.trigger == "always_human"
                                         || @.trigger == "mode" && @.detail == "manual")' AS stopped
        ) r
        CROSS JOIN LATERAL (VALUES
            ('I9', CASE WHEN NOT coalesce(CASE d.gate_route
                            WHEN 'auto_approve' THEN d.confidence >= p.upper AND d.confidence <= 1
                                 AND (d.reversible OR NOT p.irreversible) AND NOT r.needs_person
                            WHEN 'auto_reject' THEN d.confidence < p.lower AND d.confidence >= 0
                                 AND (d.reversible OR NOT p.irreversible) AND NOT r.needs_person
                            ELSE d.gate_route = 'review' END, false)
                        THEN format('route "%%s" does not follow from the policy cited', d.gate_route) END),
            ('I9', CASE WHEN d.gate_route <> 'review' OR d.route = 'monitor' THEN (
                            SELECT format('rule "%%s" fired and the decision did not go to review', u.name)
                            FROM hitl.rule u
                            WHERE u.workflow = d.workflow AND u.version = d.policy_version AND u.route = 'review'
                              AND d.reasons @> jsonb_build_array(jsonb_build_object('trigger', 'rule', 'rule', u.name))
                            ORDER BY u.position LIMIT 1) END),
            ('I9', CASE WHEN NOT coalesce(CASE
                            WHEN r.shadow THEN d.route = 'observe'
                            WHEN r.stopped THEN d.route = 'review'
                            WHEN d.route = 'monitor' THEN r.on_loop AND d.gate_route = 'review' AND NOT r.needs_person
                                 AND d.confidence >= p.lower AND d.confidence <= 1
                                 AND (d.confidence < p.upper OR p.upper IS NULL)
                            ELSE d.route IN (d.gate_route, 'review') END, false)
                        THEN format('route "%%s" does not follow from "%%s" and the mode', d.route, d.gate_route) END),
            ('I9', CASE WHEN NOT coalesce(d.audit_u >= 0 AND d.audit_u < 1
                                          AND d.propensity = CASE d.route
                                              WHEN 'review' THEN 1
                                              WHEN 'auto_approve' THEN p.audit_rate_approve
                                              WHEN 'monitor' THEN p.audit_rate_approve
                                              WHEN 'auto_reject' THEN p.audit_rate_reject
                                              WHEN 'observe' THEN coalesce(CASE d.gate_route
                                                  WHEN 'auto_approve' THEN p.audit_rate_approve
                                                  WHEN 'auto_reject' THEN p.audit_rate_reject
                                                  ELSE greatest(p.audit_rate_approve, p.audit_rate_reject)
                                                  END, 0) END, false)
                        THEN 'propensity or draw does not follow from route and policy' END),
            ('I9', CASE WHEN d.created_at IS DISTINCT FROM hitl.uuid_time(d.id)
                        THEN 'created_at is not the time of the id' END),
            ('I9', CASE WHEN (d.challenger_route IS NULL) <> (p.challenger IS NULL)
                             OR NOT coalesce(CASE d.challenger_route
                                 WHEN 'auto_approve' THEN d.confidence >= c.upper AND d.confidence <= 1
                                      AND (d.reversible OR NOT c.irreversible)
                                 WHEN 'auto_reject' THEN d.confidence < c.lower AND d.confidence >= 0
                                      AND (d.reversible OR NOT c.irreversible)
                                 ELSE d.challenger_route = 'review' END, d.challenger_route IS NULL)
                        THEN 'challenger_route does not follow from the challenger of the policy cited' END),
            ('I2', CASE WHEN d.route = 'review'
                             AND NOT EXISTS (SELECT FROM hitl.task t WHERE t.decision = d.id AND t.kind IN ('review', 'confirm'))
                             AND NOT EXISTS (SELECT FROM hitl.verdict v WHERE v.decision = d.id AND v.final)
                        THEN 'a review has neither task nor outcome' END),
            ('I2', CASE WHEN d.route <> 'review' AND d.audit_u < d.propensity
                             AND NOT EXISTS (SELECT FROM hitl.task t WHERE t.decision = d.id AND t.kind = 'audit')
                             AND NOT EXISTS (SELECT FROM hitl.verdict v WHERE v.decision = d.id AND v.kind = 'audit')
                        THEN 'an audit was drawn and has neither task nor verdict' END),
            ('I2', CASE WHEN d.route = 'monitor' AND NOT d.audit_u < d.propensity
                             AND NOT EXISTS (SELECT FROM hitl.task t WHERE t.decision = d.id AND t.kind = 'monitor')
                             AND NOT EXISTS (SELECT FROM hitl.verdict v WHERE v.decision = d.id AND v.final)
                             AND NOT EXISTS (SELECT FROM hitl.event e
                                             WHERE e.decision = d.id AND e.kind = 'veto_window_over')
                        THEN 'a monitored decision has neither task nor verdict, and its time for a veto was never over' END)
        ) AS x (invariant, detail)
        WHERE x.detail IS NOT NULL
        $query$,
        CASE WHEN first_rows IS NULL THEN coalesce(partition, 'hitl.decision')::text
             ELSE format('(SELECT * FROM %s LIMIT %s)', coalesce(partition, 'hitl.decision'), first_rows) END);
END
$$;
COMMENT ON FUNCTION hitl.misrouted(regclass, bigint)
    IS 'decisions (of one partition, and of its first rows, if given) that no gate can have let through as they are: their stamp does not follow from the policy cited, or a task is missing';

CREATE FUNCTION hitl.check()
RETURNS TABLE (invariant text, decision uuid, task bigint, detail text)
LANGUAGE sql VOLATILE PARALLEL UNSAFE ROWS 10
SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off
AS $$
    -- what the gate stamped follows from what it cites, and nothing that
    -- waits for people has lost its task
    SELECT m.invariant, m.decision, NULL::bigint, m.detail
    FROM hitl.misrouted() m
  UNION ALL
    -- every decision for a person has open tasks, as many as copies were made
    -- at most, or one final outcome
    SELECT 'I2', d.id, NULL,
           CASE WHEN v.decided THEN 'a review has an outcome and still a task'
                WHEN t.confirms > 0 THEN 'a review waits for one more person and has other tasks'
                ELSE 'a review has ' || t.n || ' tasks, of ' || t.panel || ' made' END
    FROM hitl.decision d,
         LATERAL (SELECT count(*) AS n, count(*) FILTER (WHERE t.kind = 'confirm') AS confirms,
                         max(t.panel) AS panel
                  FROM hitl.task t
                  WHERE t.decision = d.id AND t.kind IN ('review', 'confirm')) t,
         LATERAL (SELECT EXISTS (SELECT FROM hitl.verdict v
                                 WHERE v.decision = d.id AND v.final) AS decided) v
    WHERE d.route = 'review' AND t.n > 0
      AND (v.decided OR t.n > t.panel OR t.confirms > 0 AND t.n > 1)
  UNION ALL
    -- one audit for each that was drawn, by the gate or later; none for one
    -- that had a verdict when it was drawn later
    SELECT 'I2', d.id, NULL,
           CASE WHEN t.n + v.n = 0 THEN 'an audit was drawn later and has neither task nor verdict'
                WHEN d.audit_u < d.propensity AND k.picked THEN 'an audit was drawn twice'
                WHEN d.audit_u < d.propensity OR k.picked THEN 'an audit has more than one task or verdict'
                ELSE 'an audit was not drawn and has a task or verdict' END
    FROM hitl.decision d,
         LATERAL (SELECT count(*) AS n FROM hitl.task t
                  WHERE t.decision = d.id AND t.kind = 'audit') t,
         LATERAL (SELECT count(*) FILTER (WHERE v.kind = 'audit') AS n, count(*) AS n_all
                  FROM hitl.verdict v
                  WHERE v.decision = d.id AND v.final) v,
         LATERAL (SELECT EXISTS (SELECT FROM hitl.audit_pick k WHERE k.decision = d.id) AS picked) k
    WHERE d.route <> 'review'
      AND (t.n + v.n > CASE WHEN d.audit_u < d.propensity OR k.picked THEN 1 ELSE 0 END
           OR k.picked AND (d.audit_u < d.propensity OR t.n + v.n_all = 0))
  UNION ALL
    SELECT 'I2', t.decision, t.id, 'a monitored decision has ' || CASE
               WHEN e.over THEN 'a task after its time for a veto was over'
               ELSE 'an outcome or a draw and still its task' END
    FROM hitl.task t,
         LATERAL (SELECT EXISTS (SELECT FROM hitl.event e
                                 WHERE e.decision = t.decision AND e.kind = 'veto_window_over') AS over) e
    WHERE t.kind = 'monitor'
      AND (e.over
           OR EXISTS (SELECT FROM hitl.verdict v WHERE v.decision = t.decision AND v.final)
           OR EXISTS (SELECT FROM hitl.decision d WHERE d.id = t.decision AND d.audit_u < d.propensity))
  UNION ALL
    SELECT 'I1', t.decision, t.id, 'a task has no decision, or one of another route or workflow'
    FROM hitl.task t
    WHERE NOT EXISTS (SELECT FROM hitl.decision d
                      WHERE d.id = t.decision AND d.workflow = t.workflow
                        AND (t.kind = 'gold'
                             OR (t.kind IN ('review', 'confirm', 'overlap')) = (d.route = 'review'))
                        AND (t.kind <> 'monitor' OR d.route = 'monitor'))
  UNION ALL
    SELECT 'I1', v.decision, v.task, 'a verdict has no decision'
    FROM hitl.verdict v
    WHERE NOT EXISTS (SELECT FROM hitl.decision d WHERE d.id = v.decision)
  UNION ALL
    SELECT 'I1', q.decision, NULL, format('request "%s" of workflow "%s" has no decision', q.request_id, q.workflow)
    FROM hitl.request q
    WHERE NOT EXISTS (SELECT FROM hitl.decision d
                      WHERE d.id = q.decision AND d.workflow = q.workflow AND d.request_id = q.request_id)
  UNION ALL
    SELECT 'I1', k.decision, NULL, 'a decision drawn for an audit is not there, or not what was drawn from'
    FROM hitl.audit_pick k
    WHERE NOT EXISTS (SELECT FROM hitl.audit_draw w JOIN hitl.decision d
                           ON d.workflow = w.workflow AND d.route = w.route
                          AND d.id >= w.since AND d.id < w.until
                      WHERE w.id = k.draw AND d.id = k.decision)
  UNION ALL
    SELECT 'I1', NULL, NULL, format('draw %s picked %s decisions, it says %s', w.id, k.n, w.drawn)
    FROM hitl.audit_draw w,
         LATERAL (SELECT count(*) AS n FROM hitl.audit_pick k WHERE k.draw = w.id) k
    WHERE k.n <> w.drawn
  UNION ALL
    -- one final verdict a task, and the task is gone; nobody judges a task
    -- twice, or votes twice on a decision
    SELECT 'I3', min(v.decision::text)::uuid, v.task, 'a task has ' || count(*) || ' final verdicts'
    FROM hitl.verdict v
    WHERE v.final AND v.task IS NOT NULL
    GROUP BY v.task
    HAVING count(*) > 1
  UNION ALL
    SELECT 'I3', t.decision, t.id, 'a task is decided and still open'
    FROM hitl.task t
    WHERE EXISTS (SELECT FROM hitl.verdict v WHERE v.task = t.id AND v.final)
  UNION ALL
    SELECT 'I3', v.decision, NULL, format('reviewer "%s" has voted %s times', v.reviewer, count(*))
    FROM hitl.verdict v
    WHERE v.kind IN ('review', 'confirm', 'overlap') AND v.action IN ('approve', 'reject', 'amend')
    GROUP BY v.decision, v.reviewer
    HAVING count(*) > 1
  UNION ALL
    -- a review is decided by as many who agree as the policy demanded
    SELECT 'I3', v.decision, v.task, format('%s of %s agreed', a.n, p.approvals)
    FROM hitl.verdict v
    JOIN hitl.policy p ON p.workflow = v.workflow AND p.version = v.policy_version
    CROSS JOIN LATERAL (SELECT count(DISTINCT o.reviewer) AS n
                        FROM hitl.verdict o
                        WHERE o.decision = v.decision AND o.id <= v.id AND o.action = v.action
                          AND o.kind IN ('review', 'confirm')
                          AND o.output IS NOT DISTINCT FROM v.output) a
    WHERE v.final AND v.kind IN ('review', 'confirm') AND v.action IN ('approve', 'reject', 'amend')
      AND a.n < p.approvals
  UNION ALL
    SELECT 'I3', t.decision, t.id, format('reviewer "%s" holds a task that is not for them', t.holder)
    FROM hitl.task t
    WHERE t.holder = ANY (t.excluded)
  UNION ALL
    -- verdicts of a holder count within the lease; others have none
    SELECT 'I4', v.decision, v.task, 'a verdict was given when its lease was over'
    FROM hitl.verdict v
    WHERE v.created_at >= v.lease_until
  UNION ALL
    SELECT 'I4', v.decision, v.task, format('a verdict "%s" needs a lease and has none', v.action)
    FROM hitl.verdict v
    WHERE v.action IN ('approve', 'reject', 'amend', 'escalate') AND (v.lease IS NULL OR v.task IS NULL)
  UNION ALL
    -- nobody holds more than they may
    SELECT 'I5', NULL, NULL,
           format('reviewer "%s" holds %s tasks, the limit is %s', r.name, count(*), r.max_open)
    FROM hitl.task t
    JOIN hitl.reviewer r ON r.name = t.holder
    WHERE t.lease_until > clock_timestamp()
      -- what they held when the limit was lowered they finish
      AND NOT EXISTS (SELECT FROM hitl.event e
                      WHERE e.kind = 'reviewer_set' AND e.detail ->> 'reviewer' = r.name
                        AND e.created_at >= t.claimed_at)
    GROUP BY r.name, r.max_open
    HAVING count(*) > r.max_open
  UNION ALL
    -- nobody decides what they submitted, with whichever login, or for whom
    -- they stand in
    SELECT 'I6', v.decision, v.task, format('reviewer "%s" submitted the decision', p.person)
    FROM hitl.verdict v
    JOIN hitl.decision d ON d.id = v.decision
    CROSS JOIN LATERAL (VALUES (v.reviewer), (v.on_behalf_of)) AS p (person)
    WHERE v.action NOT IN ('withdraw', 'timeout')
      AND EXISTS (SELECT FROM pg_roles u
                  WHERE u.rolname = d.created_by
                    AND (EXISTS (SELECT FROM hitl.reviewer r WHERE r.name = p.person AND r.login = u.oid)
                         OR EXISTS (SELECT FROM hitl.reviewer_login l
                                    WHERE l.reviewer = p.person AND l.login = u.oid)))
  UNION ALL
    SELECT 'I6', v.decision, v.task, format('"%s" acted for "%s" and submitted the decision', v.asserted_by, v.reviewer)
    FROM hitl.verdict v
    JOIN hitl.decision d ON d.id = v.decision
    WHERE v.asserted_by = d.created_by AND v.action NOT IN ('withdraw', 'timeout')
      AND EXISTS (SELECT FROM pg_roles u
                  WHERE u.rolname = v.asserted_by
                    AND (EXISTS (SELECT FROM hitl.reviewer r WHERE r.login = u.oid)
                         OR EXISTS (SELECT FROM hitl.reviewer_login l WHERE l.login = u.oid)))
  UNION ALL
    -- what was decided is what was shown
    SELECT 'I7', v.decision, v.task, 'the decision is not what the verdict was given on'
    FROM hitl.verdict v
    WHERE v.packet_hash <> hitl.packet_hash(v.decision)
  UNION ALL
    -- time does not approve what cannot be undone
    SELECT 'I9', v.decision, v.task, 'an irreversible action was approved because nobody decided in time'
    FROM hitl.verdict v
    JOIN hitl.decision d ON d.id = v.decision
    WHERE v.action = 'timeout' AND v.outcome = 'approved' AND NOT d.reversible
  UNION ALL
    -- nothing that is due waits longer than the clock may sleep
    SELECT 'I10', t.decision, t.id, 'a deadline passed at ' || least(t.first_review_at, t.resolution_at)
                                    || ' and nothing happened'
    FROM hitl.task t
    WHERE t.asked_at IS NULL
      AND least(t.first_review_at, t.resolution_at)
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
        SELECT c.oid, c.relname, c.oid::regclass::text AS name, t.isleaf
        FROM pg_partition_tree('hitl.decision') t JOIN pg_class c ON c.oid = t.relid
        WHERE t.level > 0
    ), guarded AS (
        SELECT oid, relname, name, ARRAY['gate', 'enqueue', 'append_only', 'append_only_truncate'] AS needed
        FROM part
        UNION ALL
        SELECT 'hitl.decision'::regclass, 'decision', 'hitl.decision',
               ARRAY['gate', 'enqueue', 'append_only', 'append_only_truncate']
        UNION ALL
        SELECT c.oid, c.relname, c.oid::regclass::text, ARRAY['append_only', 'append_only_truncate']
        FROM pg_class c
        WHERE c.relnamespace = 'hitl'::regnamespace AND c.relkind = 'r'
          AND c.relname IN ('verdict', 'event', 'request', 'policy', 'rule', 'rubric', 'audit_draw', 'audit_pick',
                            'baseline', 'baseline_field')
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
                ELSE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I.', g.name, n.name)
           END
    FROM guarded g
    CROSS JOIN LATERAL unnest(g.needed) AS n (name)
    LEFT JOIN pg_trigger t ON t.tgrelid = g.oid AND t.tgname = n.name
    WHERE t.tgenabled IS DISTINCT FROM 'A'
  UNION ALL
    SELECT 'error', 'table ' || g.relname,
           format('has the rule "%s", which can bypass the gate or change what is on record', r.rulename),
           format('DROP RULE %I ON %s.', r.rulename, g.name)
    FROM guarded g JOIN pg_rewrite r ON r.ev_class = g.oid
  UNION ALL
    SELECT 'error', 'table ' || g.relname,
           format('has the inheritance child %s, whose rows pass for its own', i.inhrelid::regclass),
           format('ALTER TABLE %s NO INHERIT %s.', i.inhrelid::regclass, g.name)
    FROM guarded g
    JOIN pg_inherits i ON i.inhparent = g.oid
    JOIN pg_class c ON c.oid = i.inhrelid
    WHERE NOT c.relispartition
  UNION ALL
    -- (its first rows tell; a look at all of them is check()'s)
    SELECT 'error', 'table ' || p.relname, 'has decisions that no gate can have let through as they are',
           format('SELECT hitl.adopt(%L) gates them; hitl.check() says what is wrong.', p.name)
    FROM part p
    WHERE p.isleaf AND EXISTS (SELECT FROM hitl.misrouted(p.oid, 100))
  UNION ALL
    SELECT 'warning', 'table decision',
           format('%s rows were stored past the gate in the last 30 days, last by "%s" at %s',
                  count(*), (array_agg(e.actor ORDER BY e.id DESC))[1], max(e.created_at)),
           'They have no task. SELECT * FROM hitl.event WHERE kind = ''ungated'' names them.'
    FROM hitl.event e
    WHERE e.kind = 'ungated' AND e.created_at > now() - interval '30 days'
    HAVING count(*) > 0
  UNION ALL
    SELECT 'error', 'table ' || p.relname, 'ids are not unique in this partition',
           format('SELECT hitl.prepare_partition(%L).', p.name)
    FROM part p
    WHERE p.isleaf
      AND NOT EXISTS (SELECT FROM pg_index i
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
    SELECT 'warning', 'workflow ' || w.name,
           format('is in mode on_loop, and its queue "%s" has no members, so nobody sees what could be vetoed', q.name),
           format('SELECT hitl.join_queue(..., %L), or hitl.set_mode(%L, ''in_loop'').', q.name, w.name)
    FROM hitl.workflow w
    LEFT JOIN hitl.policy p ON p.workflow = w.name AND p.version = w.policy_version
    CROSS JOIN LATERAL (SELECT coalesce(p.queue, w.queue)) AS q (name)
    WHERE w.mode = 'on_loop' AND NOT EXISTS (SELECT FROM hitl.membership m WHERE m.queue = q.name)
  UNION ALL
    SELECT 'info', 'workflow ' || o.workflow,
           format('proposal %s of "%s" (%s) waits for a second admin since %s', o.id, o.proposed_by, o.kind, o.created_at),
           format('SELECT hitl.confirm(%1$s), or hitl.withdraw_proposal(%1$s, ...).', o.id)
    FROM hitl.proposal o
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
           format('%s tasks of tier %s%s wait and no member may take them', count(*), t.tier,
                  ' that need ' || array_to_string(t.skills, ', ')),
           'Let a reviewer of that tier and with these skills join, by hitl.join_queue(), or put them elsewhere by hitl.requeue().'
    FROM hitl.task t
    WHERE NOT EXISTS (SELECT FROM hitl.membership m JOIN hitl.reviewer r ON r.name = m.reviewer
                      WHERE m.queue = t.queue AND r.tier >= t.tier AND r.paused IS NULL
                        AND (t.skills IS NULL
                             OR t.skills <@ (r.skills || ARRAY(SELECT c.credential::text FROM hitl.credential c
                                                               WHERE c.reviewer = r.name AND c.valid_until > now())))
                        AND r.name <> ALL (coalesce(t.excluded, '{}'))
                        -- of copies nobody judges two
                        AND (t.panel = 1 AND t.kind <> 'overlap'
                             OR NOT EXISTS (SELECT FROM hitl.verdict v
                                            WHERE v.decision = t.decision AND v.reviewer = r.name
                                              AND v.kind IN ('review', 'confirm', 'overlap'))
                                AND NOT EXISTS (SELECT FROM hitl.task o
                                                WHERE o.decision = t.decision AND o.id <> t.id
                                                  AND o.holder = r.name))
                        AND NOT EXISTS (SELECT FROM pg_roles u
                                        WHERE u.rolname IN (t.submitter, t.submitter_login)
                                          AND (u.oid = r.login
                                               OR EXISTS (SELECT FROM hitl.reviewer_login l
                                                          WHERE l.reviewer = r.name AND l.login = u.oid))))
    GROUP BY t.queue, t.tier, t.skills
  UNION ALL
    SELECT 'warning', 'queue ' || q.name, 'all its members are away or paused, and nobody stands in',
           'Let somebody join by hitl.join_queue(), or name a stand-in by hitl.set_absence().'
    FROM hitl.queue q
    WHERE EXISTS (SELECT FROM hitl.membership m WHERE m.queue = q.name)
      AND EXISTS (SELECT FROM hitl.task t WHERE t.queue = q.name)
      AND NOT EXISTS (SELECT FROM hitl.membership m
                      JOIN hitl.reviewer r ON r.name = m.reviewer
                      LEFT JOIN hitl.absence a ON a.reviewer = r.name AND a.since <= now() AND now() < a.until
                      LEFT JOIN hitl.reviewer i ON i.name = a.stand_in AND i.paused IS NULL
                      WHERE m.queue = q.name AND (r.paused IS NULL AND a.id IS NULL OR i.name IS NOT NULL))
  UNION ALL
    SELECT 'warning', 'reviewer ' || r.name, format('is paused: %s', r.paused),
           format('SELECT hitl.resume_reviewer(%L), when the cause is mended.', r.name)
    FROM hitl.reviewer r
    WHERE r.paused IS NOT NULL
  UNION ALL
    -- what the server withholds from a reviewer, a viewer reads
    SELECT 'warning', 'reviewer ' || r.name,
           format('works on queue "%s" of workflow "%s", and may read by role %s what is withheld from reviewers',
                  m.queue, w.name, u.rolname),
           format('REVOKE %s FROM %s.', x.role, u.rolname)
    FROM hitl.workflow w
    JOIN hitl.policy p ON p.workflow = w.name AND p.version = w.policy_version
    JOIN hitl.queue q ON q.name = coalesce(p.queue, w.queue)
    JOIN hitl.membership m ON m.queue = q.name
    JOIN hitl.reviewer r ON r.name = m.reviewer
    JOIN pg_roles u ON u.oid = r.login
                    OR u.oid IN (SELECT l.login FROM hitl.reviewer_login l WHERE l.reviewer = r.name)
    CROSS JOIN LATERAL (SELECT CASE WHEN pg_has_role(u.oid, 'hitl_viewer', 'USAGE') THEN 'hitl_viewer'
                                    WHEN w.application IS NOT NULL AND pg_has_role(u.oid, w.application, 'USAGE')
                                    THEN w.application::text END) AS x (role)
    WHERE (p.blind OR p.panel > 1 OR p.overlap_rate > 0 OR q.gold_rate > 0)
      AND x.role IS NOT NULL AND NOT u.rolsuper
  UNION ALL
    SELECT 'error', 'reviewer ' || r.name, 'the role of the login is gone',
           'The person cannot work; add a new reviewer with the new role.'
    FROM hitl.reviewer r
    WHERE EXISTS (SELECT WHERE r.login IS NOT NULL
                  UNION ALL
                  SELECT FROM hitl.reviewer_login l WHERE l.reviewer = r.name)
      AND NOT EXISTS (SELECT FROM pg_roles u
                      WHERE u.oid = r.login
                         OR u.oid IN (SELECT l.login FROM hitl.reviewer_login l WHERE l.reviewer = r.name))
  UNION ALL
    SELECT 'error', 'reviewer ' || h.holder, format('holds %s tasks and is no reviewer any more', count(*)),
           format('SELECT hitl.recall_all(%L), or hitl.tick(), where no worker does it.', h.holder)
    FROM hitl.task h
    WHERE h.holder IS NOT NULL AND NOT EXISTS (SELECT FROM hitl.reviewer r WHERE r.name = h.holder)
    GROUP BY h.holder
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
