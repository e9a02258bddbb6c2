-- Administration: functions that validate, write and log.

CREATE FUNCTION hitl.log_event(kind text, workflow text, detail jsonb)
RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO hitl.event (kind, workflow, actor, detail)
    VALUES (kind, workflow, hitl.actor(), detail)
$$;
COMMENT ON FUNCTION hitl.log_event(text, text, jsonb)
    IS 'records a change of the configuration, with who and when';

CREATE FUNCTION hitl.require_name(what text, name text)
RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF name IS NULL OR btrim(name) = '' THEN
        RAISE EXCEPTION 'the % needs a name', what
            USING ERRCODE = 'invalid_parameter_value';
    ELSIF octet_length(name) > 63 THEN
        RAISE EXCEPTION 'the % name is too long: "%..."', what, left(name, 30)
            USING ERRCODE = 'name_too_long', HINT = 'A name has at most 63 bytes.';
    ELSIF name ~ '[[:cntrl:]]' THEN
        RAISE EXCEPTION 'the % name has a control character', what
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
END
$$;
COMMENT ON FUNCTION hitl.require_name(text, text)
    IS 'raises 22023 or 42622 unless this can be a name';

-- Locks the workflow, so that changes of its policy come one after the other.
CREATE FUNCTION hitl.require_workflow(name text)
RETURNS hitl.workflow
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_row hitl.workflow;
BEGIN
    IF name IS NULL THEN
        RAISE EXCEPTION 'the workflow must not be null' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    SELECT * INTO found_row FROM hitl.workflow w WHERE w.name = require_workflow.name FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'workflow "%" does not exist', left(name, 63)
            USING ERRCODE = 'foreign_key_violation',
                  HINT = format('Create it by SELECT hitl.create_workflow(%L, queue => ''...'').', left(name, 63));
    END IF;
    RETURN found_row;
END
$$;
COMMENT ON FUNCTION hitl.require_workflow(text)
    IS 'the workflow of this name, locked; raises 23503 if there is none';

CREATE FUNCTION hitl.require_queue(name text)
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF name IS NULL THEN
        RAISE EXCEPTION 'the queue must not be null' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    IF NOT EXISTS (SELECT FROM hitl.queue q WHERE q.name = require_queue.name) THEN
        RAISE EXCEPTION 'queue "%" does not exist', left(name, 63)
            USING ERRCODE = 'foreign_key_violation',
                  HINT = format('Create it by SELECT hitl.create_queue(%L).', left(name, 63));
    END IF;
END
$$;
COMMENT ON FUNCTION hitl.require_queue(text) IS 'raises 23503 if there is no such queue';

CREATE FUNCTION hitl.require_sla(name text)
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF name IS NULL THEN
        RAISE EXCEPTION 'the SLA must not be null' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    IF NOT EXISTS (SELECT FROM hitl.sla s WHERE s.name = require_sla.name) THEN
        RAISE EXCEPTION 'SLA "%" does not exist', left(name, 63)
            USING ERRCODE = 'foreign_key_violation',
                  HINT = format('Create it by SELECT hitl.create_sla(%L, first_review => ''1 hour'').', left(name, 63));
    END IF;
END
$$;
COMMENT ON FUNCTION hitl.require_sla(text) IS 'raises 23503 if there is no such SLA';

CREATE FUNCTION hitl.create_queue(
    name text, ordering text DEFAULT 'due', lease interval DEFAULT '15 minutes')
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET intervalstyle = postgres
AS $$
BEGIN
    PERFORM hitl.require_name('queue', name);
    IF ordering IS NULL OR ordering NOT IN ('due', 'fifo') THEN
        RAISE EXCEPTION 'ordering "%" does not exist', coalesce(left(ordering, 63), 'NULL')
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Use due or fifo.';
    ELSIF lease IS NULL OR lease < '1 second' OR lease > '100 years' THEN
        RAISE EXCEPTION 'a lease of % is not possible', coalesce(lease::text, 'NULL')
            USING ERRCODE = 'invalid_parameter_value', HINT = 'A lease lasts from one second to 100 years.';
    END IF;
    INSERT INTO hitl.queue (name, ordering, lease)
    VALUES (name, ordering, lease)
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'queue "%" exists already', name USING ERRCODE = 'duplicate_object';
    END IF;
    PERFORM hitl.log_event('queue_created', NULL,
                           jsonb_build_object('queue', name, 'ordering', ordering, 'lease', lease));
END
$$;
COMMENT ON FUNCTION hitl.create_queue(text, text, interval)
    IS 'makes a queue; ordering: due or fifo; lease: how long a claim lasts; 42710 if it exists';

-- What nobody may let through alone cannot be let through by a mode.
CREATE FUNCTION hitl.require_mode(workflow text, always_human boolean, mode text)
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF mode IS NULL OR mode NOT IN ('manual', 'shadow', 'in_loop', 'on_loop') THEN
        RAISE EXCEPTION 'mode "%" does not exist', coalesce(left(mode, 63), 'NULL')
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Use manual, shadow, in_loop or on_loop.';
    ELSIF always_human AND mode = 'on_loop' THEN
        RAISE EXCEPTION 'workflow "%" always needs a person, so its mode cannot be on_loop', workflow
            USING ERRCODE = 'ZH008',
                  HINT = format('Use in_loop, or first hitl.set_always_human(%L, false).', workflow);
    END IF;
END
$$;
COMMENT ON FUNCTION hitl.require_mode(text, boolean, text)
    IS 'raises 22023 if there is no such mode, ZH008 if this workflow cannot have it';

CREATE FUNCTION hitl.create_workflow(
    name text, queue text, question text DEFAULT NULL,
    application regrole DEFAULT NULL, lane int DEFAULT 1, sla text DEFAULT NULL,
    always_human boolean DEFAULT false, mode text DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM hitl.require_name('workflow', name);
    PERFORM hitl.require_name('queue', queue);
    IF lane IS NULL OR lane NOT BETWEEN 0 AND 2 THEN
        RAISE EXCEPTION 'lane % does not exist', coalesce(lane::text, 'NULL')
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Use 0, 1 or 2.';
    ELSIF always_human IS NULL THEN
        RAISE EXCEPTION 'always_human must not be null' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    IF sla IS NOT NULL THEN
        PERFORM hitl.require_sla(sla);
    END IF;
    IF mode IS NOT NULL THEN
        PERFORM hitl.require_mode(name, always_human, mode);
    END IF;
    IF NOT EXISTS (SELECT FROM hitl.queue q WHERE q.name = create_workflow.queue) THEN
        PERFORM hitl.create_queue(queue);
    END IF;
    INSERT INTO hitl.workflow (name, queue, question, application, lane, sla, always_human, mode)
    VALUES (name, queue, question, application, lane, sla, always_human, mode)
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'workflow "%" exists already', name USING ERRCODE = 'duplicate_object';
    END IF;
    PERFORM hitl.make_partitions();
    PERFORM hitl.log_event('workflow_created', name,
                           jsonb_build_object('queue', queue, 'lane', lane, 'sla', sla,
                                              'application', application::text,
                                              'always_human', always_human, 'mode', mode));
END
$$;
COMMENT ON FUNCTION hitl.create_workflow(text, text, text, regrole, int, text, boolean, text)
    IS 'makes a workflow, and its queue where there is none; always_human: nothing of it is ever final without a person; mode: as in set_mode, NULL: manual until it has a policy with a threshold; 42710 if it exists';

CREATE FUNCTION hitl.add_reviewer(
    name text, login regrole DEFAULT NULL, tier int DEFAULT 1, max_open int DEFAULT 10)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM hitl.require_name('reviewer', name);
    IF name IN ('clock', 'policy') THEN
        RAISE EXCEPTION 'a reviewer cannot be named "%"', name
            USING ERRCODE = 'reserved_name',
                  HINT = 'Verdicts and outcomes would not tell the person from the clock or the policy.';
    END IF;
    IF tier IS NULL OR tier < 1 OR max_open IS NULL OR max_open < 1 THEN
        RAISE EXCEPTION 'tier % and max_open % of reviewer "%" must be 1 or more',
                        coalesce(tier::text, 'NULL'), coalesce(max_open::text, 'NULL'), name
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF EXISTS (SELECT FROM hitl.reviewer r WHERE r.name = add_reviewer.name) THEN
        RAISE EXCEPTION 'reviewer "%" exists already', name USING ERRCODE = 'duplicate_object';
    ELSIF EXISTS (SELECT FROM hitl.reviewer r WHERE r.login = add_reviewer.login) THEN
        RAISE EXCEPTION 'role % is the login of another reviewer', login
            USING ERRCODE = 'duplicate_object', HINT = 'A login is one person.';
    END IF;
    INSERT INTO hitl.reviewer (name, login, tier, max_open) VALUES (name, login, tier, max_open);
    PERFORM hitl.log_event('reviewer_added', NULL,
                           jsonb_build_object('reviewer', name, 'login', login::text,
                                              'tier', tier, 'max_open', max_open));
END
$$;
COMMENT ON FUNCTION hitl.add_reviewer(text, regrole, int, int)
    IS 'makes a reviewer; login: the role that acts as this person, a member of hitl_reviewer; NULL: only a hitl_delegate acts for them; 42710 if name or login is taken';

CREATE FUNCTION hitl.join_queue(reviewer text, queue text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF reviewer IS NULL THEN
        RAISE EXCEPTION 'the reviewer must not be null' USING ERRCODE = 'null_value_not_allowed';
    ELSIF NOT EXISTS (SELECT FROM hitl.reviewer r WHERE r.name = join_queue.reviewer) THEN
        RAISE EXCEPTION 'reviewer "%" does not exist', left(reviewer, 63)
            USING ERRCODE = 'foreign_key_violation',
                  HINT = format('Create them by SELECT hitl.add_reviewer(%L).', left(reviewer, 63));
    END IF;
    PERFORM hitl.require_queue(queue);
    INSERT INTO hitl.membership (reviewer, queue) VALUES (reviewer, queue)
    ON CONFLICT DO NOTHING;
    IF FOUND THEN
        PERFORM hitl.log_event('queue_joined', NULL,
                               jsonb_build_object('reviewer', reviewer, 'queue', queue));
    END IF;
END
$$;
COMMENT ON FUNCTION hitl.join_queue(text, text) IS 'lets a reviewer work on a queue';

CREATE FUNCTION hitl.leave_queue(reviewer text, queue text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    DELETE FROM hitl.membership m
    WHERE m.reviewer = leave_queue.reviewer AND m.queue = leave_queue.queue;
    IF FOUND THEN
        PERFORM hitl.log_event('queue_left', NULL,
                               jsonb_build_object('reviewer', reviewer, 'queue', queue));
    END IF;
END
$$;
COMMENT ON FUNCTION hitl.leave_queue(text, text)
    IS 'ends a reviewer''s work on a queue; what they hold they may finish';

CREATE FUNCTION hitl.add_code(code text, description text, workflow text DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM hitl.require_name('decision code', code);
    IF workflow IS NOT NULL THEN
        PERFORM hitl.require_workflow(workflow);
    END IF;
    IF description IS NULL THEN
        RAISE EXCEPTION 'decision code "%" needs a description', code
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    INSERT INTO hitl.decision_code (code, workflow, description)
    VALUES (code, workflow, description)
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'decision code "%" exists already', code USING ERRCODE = 'duplicate_object';
    END IF;
    PERFORM hitl.log_event('code_added', workflow, jsonb_build_object('code', code));
END
$$;
COMMENT ON FUNCTION hitl.add_code(text, text, text)
    IS 'adds a decision code, for one workflow or (NULL) for all';

CREATE FUNCTION hitl.create_sla(
    name text, first_review interval DEFAULT NULL, resolution interval DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET intervalstyle = postgres
AS $$
BEGIN
    PERFORM hitl.require_name('SLA', name);
    IF num_nonnulls(first_review, resolution) = 0 THEN
        RAISE EXCEPTION 'SLA "%" has no clock', name
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Give first_review or resolution.';
    ELSIF least(first_review, resolution) <= '0' OR greatest(first_review, resolution) > '100 years' THEN
        RAISE EXCEPTION 'the clocks of SLA "%" are outside 0 to 100 years', name
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    INSERT INTO hitl.sla (name, first_review, resolution) VALUES (name, first_review, resolution)
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'SLA "%" exists already', name USING ERRCODE = 'duplicate_object';
    END IF;
    PERFORM hitl.log_event('sla_created', NULL,
                           jsonb_build_object('sla', name, 'first_review', first_review,
                                              'resolution', resolution));
END
$$;
COMMENT ON FUNCTION hitl.create_sla(text, interval, interval)
    IS 'makes an SLA: time to the first claim and time to the verdict, from the start of a task; days are 24 hours';

CREATE FUNCTION hitl.add_escalation(
    sla text, step int, to_queue text DEFAULT NULL, tier int DEFAULT NULL,
    lane int DEFAULT NULL, within interval DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET intervalstyle = postgres
AS $$
DECLARE
    next CONSTANT int := 1 + coalesce((SELECT max(e.step) FROM hitl.escalation_step e
                                       WHERE e.sla = add_escalation.sla), 0);
BEGIN
    PERFORM hitl.require_sla(sla);
    IF to_queue IS NOT NULL THEN
        PERFORM hitl.require_queue(to_queue);
    END IF;
    IF step IS DISTINCT FROM next THEN
        RAISE EXCEPTION 'step % of SLA "%" is out of order', coalesce(step::text, 'NULL'), sla
            USING ERRCODE = 'invalid_parameter_value', HINT = format('The next step is %s.', next);
    ELSIF num_nonnulls(to_queue, tier, lane, within) = 0 THEN
        RAISE EXCEPTION 'step % of SLA "%" does nothing', step, sla
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Give to_queue, tier, lane or within.';
    ELSIF tier < 1 OR lane NOT BETWEEN 0 AND 2 OR within <= '0' OR within > '100 years' THEN
        RAISE EXCEPTION 'step % of SLA "%" is not possible', step, sla
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'A tier is 1 or more, a lane 0 to 2, a window more than 0.';
    END IF;
    INSERT INTO hitl.escalation_step (sla, step, to_queue, tier, lane, within)
    VALUES (sla, step, to_queue, tier, lane, within);
    PERFORM hitl.log_event('escalation_added', NULL,
                           jsonb_strip_nulls(jsonb_build_object(
                               'sla', sla, 'step', step, 'to_queue', to_queue,
                               'tier', tier, 'lane', lane, 'within', within)));
END
$$;
COMMENT ON FUNCTION hitl.add_escalation(text, int, text, int, int, interval)
    IS 'adds what the next breach of an SLA does: move to a queue, demand a tier (the greater counts), set the lane, start a new window; steps are numbered from 1';
