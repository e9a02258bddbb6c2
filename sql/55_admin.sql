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

CREATE FUNCTION hitl.require_names(what text, names text[], wrong text DEFAULT '22023')
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    name text;
BEGIN
    IF array_ndims(names) > 1 THEN
        RAISE EXCEPTION '% is no plain list', what USING ERRCODE = wrong;
    END IF;
    FOREACH name IN ARRAY names LOOP
        IF name IS NULL OR btrim(name) = '' OR octet_length(name) > 63 OR name ~ '[[:cntrl:]]' THEN
            RAISE EXCEPTION '% has "%", which is no name', what,
                            coalesce(regexp_replace(left(name, 63), '[[:cntrl:]]', '?', 'g'), 'NULL')
                USING ERRCODE = wrong,
                      HINT = 'A name has 1 to 63 bytes, is not blank, and has no control characters.';
        END IF;
    END LOOP;
    IF cardinality(names) <> (SELECT count(DISTINCT n) FROM unnest(names) AS n) THEN
        RAISE EXCEPTION '% has a name twice', what USING ERRCODE = wrong;
    END IF;
END
$$;
COMMENT ON FUNCTION hitl.require_names(text, text[], text)
    IS 'raises this SQLSTATE unless it is a plain list of different names';

-- The defaults stand in the tables and nowhere else.
CREATE FUNCTION hitl.defaults_of(relation regclass)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp SET intervalstyle = postgres SET extra_float_digits = 1
AS $$
DECLARE
    fields jsonb;
BEGIN
    EXECUTE (SELECT format('SELECT to_jsonb(d) FROM (SELECT %s) AS d',
                           string_agg(format('%s AS %I', coalesce(pg_get_expr(d.adbin, d.adrelid), 'NULL'),
                                             a.attname), ', '))
             FROM pg_attribute a
             LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
                                   AND a.attgenerated = ''
             WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped)
    INTO fields;
    RETURN fields;
END
$$;
COMMENT ON FUNCTION hitl.defaults_of(regclass)
    IS 'a row of this table of which nothing was said';

CREATE FUNCTION hitl.fields_to_set(relation regclass, said jsonb, reset text[], wrong text DEFAULT '22023')
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    what   CONSTANT text := (SELECT c.relname FROM pg_class c WHERE c.oid = relation);
    usual  CONSTANT jsonb := hitl.defaults_of(relation);
    fields jsonb := jsonb_strip_nulls(said);
    field  text;
BEGIN
    FOREACH field IN ARRAY coalesce(reset, '{}') LOOP
        IF (said ? field) IS NOT TRUE THEN
            RAISE EXCEPTION 'a % has no field "%"', what, coalesce(left(field, 63), 'NULL')
                USING ERRCODE = wrong;
        ELSIF said -> field <> 'null' THEN
            RAISE EXCEPTION '% of the % is both given and reset', field, what USING ERRCODE = wrong;
        END IF;
        fields := fields || jsonb_build_object(field, usual -> field);
    END LOOP;
    RETURN fields;
END
$$;
COMMENT ON FUNCTION hitl.fields_to_set(regclass, jsonb, text[], text)
    IS 'what a set_ function shall write: the fields that were said (null: as before) and, at their defaults, those of reset; raises this SQLSTATE for a field that is none, or both';

CREATE FUNCTION hitl.log_change(kind text, workflow text, what jsonb, before jsonb, after jsonb)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF before <> after THEN
        PERFORM hitl.log_event(kind, workflow,
                               what || jsonb_build_object('changes', hitl.diff(before, after)));
    END IF;
END
$$;
COMMENT ON FUNCTION hitl.log_change(text, text, jsonb, jsonb, jsonb)
    IS 'records what became of a row of the configuration, as an array of {path, from, to}; nothing if it is the same';

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

CREATE FUNCTION hitl.require_sound(made hitl.queue)
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp SET intervalstyle = postgres
AS $$
BEGIN
    IF made.ordering IS NULL
       OR made.ordering NOT IN ('due', 'fifo', 'exposure', 'uncertainty', 'expected_loss') THEN
        RAISE EXCEPTION 'ordering "%" does not exist', coalesce(left(made.ordering, 63), 'NULL')
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Use due, fifo, exposure, uncertainty or expected_loss.';
    ELSIF made.lease IS NULL OR made.lease < '1 second' OR made.lease > '100 years' THEN
        RAISE EXCEPTION 'a lease of % is not possible', coalesce(made.lease::text, 'NULL')
            USING ERRCODE = 'invalid_parameter_value', HINT = 'A lease lasts from one second to 100 years.';
    ELSIF made.max_hold IS NULL OR made.max_hold < '1 second' OR made.max_hold > '100 years' THEN
        RAISE EXCEPTION 'a max_hold of % is not possible', coalesce(made.max_hold::text, 'NULL')
            USING ERRCODE = 'invalid_parameter_value', HINT = 'It lasts from one second to 100 years.';
    ELSIF made.aging < '1 second' OR made.aging > '100 years' THEN
        RAISE EXCEPTION 'an aging of % is not possible', made.aging
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'It lasts from one second to 100 years; NULL: none.';
    -- NaN is greater than every number.
    ELSIF made.gold_rate IS NULL OR made.gold_rate NOT BETWEEN 0 AND 1 OR made.gold_bar NOT BETWEEN 0 AND 1 THEN
        RAISE EXCEPTION 'gold_rate % or gold_bar % is outside 0 to 1',
                        coalesce(made.gold_rate::text, 'NULL'), coalesce(made.gold_bar::text, 'NULL')
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
END
$$;
COMMENT ON FUNCTION hitl.require_sound(hitl.queue) IS 'raises 22023 unless this can be a queue';

CREATE FUNCTION hitl.create_queue(
    name text, ordering text DEFAULT 'due', lease interval DEFAULT '15 minutes',
    max_hold interval DEFAULT '8 hours', aging interval DEFAULT NULL,
    gold_rate float8 DEFAULT 0, gold_bar float8 DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET intervalstyle = postgres SET extra_float_digits = 1
AS $$
DECLARE
    made hitl.queue;
BEGIN
    PERFORM hitl.require_name('queue', name);
    made := (name, ordering, lease, max_hold, aging, gold_rate, gold_bar, now());
    PERFORM hitl.require_sound(made);
    INSERT INTO hitl.queue SELECT made.* ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'queue "%" exists already', name USING ERRCODE = 'duplicate_object';
    END IF;
    PERFORM hitl.log_event('queue_created', NULL,
                           jsonb_build_object('queue', name, 'ordering', ordering, 'lease', lease,
                                              'max_hold', max_hold, 'aging', aging,
                                              'gold_rate', gold_rate, 'gold_bar', gold_bar));
END
$$;
COMMENT ON FUNCTION hitl.create_queue(text, text, interval, interval, interval, float8, float8)
    IS 'makes a queue; ordering: due, fifo, exposure, uncertainty or expected_loss; lease: how long a claim lasts; max_hold: how long a reviewer can hold a task by extending it; aging: bound on overtaking within a lane, NULL: none; gold_rate: share of claims with a known answer, 0..1; gold_bar: share of right ones below which a reviewer is paused, 0..1, NULL: nobody is; 42710 if it exists';

CREATE FUNCTION hitl.set_queue(
    name text, ordering text DEFAULT NULL, lease interval DEFAULT NULL,
    max_hold interval DEFAULT NULL, aging interval DEFAULT NULL,
    gold_rate float8 DEFAULT NULL, gold_bar float8 DEFAULT NULL, reset text[] DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET intervalstyle = postgres SET extra_float_digits = 1
AS $$
DECLARE
    before hitl.queue;
    made   hitl.queue;
BEGIN
    PERFORM hitl.require_queue(name);
    SELECT * INTO STRICT before FROM hitl.queue q WHERE q.name = set_queue.name FOR UPDATE;
    made := jsonb_populate_record(before, hitl.fields_to_set('hitl.queue', jsonb_build_object(
        'ordering', ordering, 'lease', lease, 'max_hold', max_hold, 'aging', aging,
        'gold_rate', gold_rate, 'gold_bar', gold_bar), reset));
    PERFORM hitl.require_sound(made);
    UPDATE hitl.queue q
    SET ordering = made.ordering, lease = made.lease, max_hold = made.max_hold, aging = made.aging,
        gold_rate = made.gold_rate, gold_bar = made.gold_bar
    WHERE q.name = made.name AND q IS DISTINCT FROM made;
    PERFORM hitl.log_change('queue_set', NULL, jsonb_build_object('queue', made.name),
                            to_jsonb(before), to_jsonb(made));
    IF (before.ordering, before.aging) IS DISTINCT FROM (made.ordering, made.aging) THEN
        PERFORM hitl.reorder_queue(made.name);
    END IF;
END
$$;
COMMENT ON FUNCTION hitl.set_queue(text, text, interval, interval, interval, float8, float8, text[])
    IS 'changes a queue: fields as in create_queue; what is NULL is as before, what reset names is as at first; another ordering or aging holds for the tasks that wait, too; a lease that runs keeps its end';

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

CREATE FUNCTION hitl.require_sound(made hitl.workflow)
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF made.lane IS NULL OR made.lane NOT BETWEEN 0 AND 2 THEN
        RAISE EXCEPTION 'lane % does not exist', coalesce(made.lane::text, 'NULL')
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Use 0, 1 or 2.';
    ELSIF made.always_human IS NULL THEN
        RAISE EXCEPTION 'always_human must not be null' USING ERRCODE = 'null_value_not_allowed';
    ELSIF made.quota < 1 THEN
        RAISE EXCEPTION 'a quota of % is not possible', made.quota
            USING ERRCODE = 'invalid_parameter_value', HINT = 'It is 1 or more; NULL: none.';
    END IF;
    IF made.sla IS NOT NULL THEN
        PERFORM hitl.require_sla(made.sla);
    END IF;
END
$$;
COMMENT ON FUNCTION hitl.require_sound(hitl.workflow)
    IS 'raises 22023, 22004 or 23503 unless this can be a workflow';

CREATE FUNCTION hitl.create_workflow(
    name text, queue text, question text DEFAULT NULL,
    application regrole DEFAULT NULL, lane int DEFAULT 1, sla text DEFAULT NULL,
    always_human boolean DEFAULT false, mode text DEFAULT NULL,
    quota int DEFAULT NULL, notes text DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    made hitl.workflow;
BEGIN
    PERFORM hitl.require_name('workflow', name);
    PERFORM hitl.require_name('queue', queue);
    IF lane NOT BETWEEN 0 AND 2 THEN        -- else it might be no smallint
        RAISE EXCEPTION 'lane % does not exist', lane
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Use 0, 1 or 2.';
    END IF;
    made.lane := lane;
    made.sla := sla;
    made.always_human := always_human;
    made.quota := quota;
    PERFORM hitl.require_sound(made);
    IF mode IS NOT NULL THEN
        PERFORM hitl.require_mode(name, always_human, mode);
    END IF;
    IF NOT EXISTS (SELECT FROM hitl.queue q WHERE q.name = create_workflow.queue) THEN
        PERFORM hitl.create_queue(queue);
    END IF;
    INSERT INTO hitl.workflow (name, queue, question, application, lane, sla, always_human, mode, quota, notes)
    VALUES (name, queue, question, application, lane, sla, always_human, mode, quota, notes)
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'workflow "%" exists already', name USING ERRCODE = 'duplicate_object';
    END IF;
    PERFORM hitl.make_partitions();
    PERFORM hitl.log_event('workflow_created', name,
                           jsonb_build_object('queue', queue, 'lane', lane, 'sla', sla,
                                              'application', application::text,
                                              'always_human', always_human, 'mode', mode,
                                              'quota', quota));
END
$$;
COMMENT ON FUNCTION hitl.create_workflow(text, text, text, regrole, int, text, boolean, text, int, text)
    IS 'makes a workflow, and its queue where there is none; always_human: nothing of it is ever final without a person; mode: as in set_mode, NULL: manual until it has a policy with a threshold; quota: most open tasks, about, NULL: no limit; notes: for reviewers, what the AI can and cannot do; 42710 if it exists';

-- None of this makes anything more automatic, so a protected workflow does
-- not wait for a second admin.
CREATE FUNCTION hitl.set_workflow(
    name text, question text DEFAULT NULL, queue text DEFAULT NULL, lane int DEFAULT NULL,
    sla text DEFAULT NULL, quota int DEFAULT NULL, notes text DEFAULT NULL,
    application regrole DEFAULT NULL, reset text[] DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    before CONSTANT hitl.workflow := hitl.require_workflow(name);
    made   hitl.workflow;
BEGIN
    IF lane NOT BETWEEN 0 AND 2 THEN        -- else it might be no smallint
        RAISE EXCEPTION 'lane % does not exist', lane
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Use 0, 1 or 2.';
    END IF;
    made := jsonb_populate_record(before, hitl.fields_to_set('hitl.workflow', jsonb_build_object(
        'question', question, 'queue', queue, 'lane', lane, 'sla', sla, 'quota', quota,
        'notes', notes, 'application', application), reset));
    PERFORM hitl.require_queue(made.queue);
    PERFORM hitl.require_sound(made);
    UPDATE hitl.workflow w
    SET question = made.question, queue = made.queue, lane = made.lane, sla = made.sla,
        quota = made.quota, notes = made.notes, application = made.application
    WHERE w.name = made.name AND w IS DISTINCT FROM made;
    PERFORM hitl.log_change('workflow_set', made.name, '{}', to_jsonb(before), to_jsonb(made));
END
$$;
COMMENT ON FUNCTION hitl.set_workflow(text, text, text, int, text, int, text, regrole, text[])
    IS 'changes a workflow for the decisions to come: fields as in create_workflow; what is NULL is as before, what reset names is as at first; 23503 if workflow, queue or SLA does not exist';

-- What identifies a person to the database stands in two tables: one at a
-- time looks and writes.  (In REPEATABLE READ the look is as old as the
-- transaction; SERIALIZABLE sees to it by itself.)
CREATE FUNCTION hitl.require_free_login(login regrole)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    person text;
BEGIN
    LOCK TABLE hitl.reviewer_login IN SHARE ROW EXCLUSIVE MODE;
    SELECT r.name INTO person FROM hitl.reviewer r WHERE r.login = require_free_login.login
    UNION ALL
    SELECT l.reviewer FROM hitl.reviewer_login l WHERE l.login = require_free_login.login;
    IF FOUND THEN
        RAISE EXCEPTION 'role % is a login of reviewer "%"', login, person
            USING ERRCODE = 'duplicate_object', HINT = 'A login is one person.';
    END IF;
END
$$;
COMMENT ON FUNCTION hitl.require_free_login(regrole)
    IS 'raises 42710 if this role is already the login of a person';

CREATE FUNCTION hitl.require_reviewer(name text)
RETURNS hitl.reviewer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_row hitl.reviewer;
BEGIN
    IF name IS NULL THEN
        RAISE EXCEPTION 'the reviewer must not be null' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    SELECT * INTO found_row FROM hitl.reviewer r WHERE r.name = require_reviewer.name FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'reviewer "%" does not exist', left(name, 63)
            USING ERRCODE = 'foreign_key_violation',
                  HINT = format('Create them by SELECT hitl.add_reviewer(%L).', left(name, 63));
    END IF;
    RETURN found_row;
END
$$;
COMMENT ON FUNCTION hitl.require_reviewer(text)
    IS 'the reviewer of this name, locked; raises 23503 if there is none';

CREATE FUNCTION hitl.require_sound(made hitl.reviewer)
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp SET intervalstyle = postgres
AS $$
BEGIN
    IF made.tier IS NULL OR made.tier < 1 OR made.max_open IS NULL OR made.max_open < 1 THEN
        RAISE EXCEPTION 'tier % and max_open % of reviewer "%" must be 1 or more',
                        coalesce(made.tier::text, 'NULL'), coalesce(made.max_open::text, 'NULL'), made.name
            USING ERRCODE = 'invalid_parameter_value';
    ELSIF made.shift IS NULL OR made.shift < '1 second' OR made.shift > '100 years' THEN
        RAISE EXCEPTION 'a shift of % is not possible', coalesce(made.shift::text, 'NULL')
            USING ERRCODE = 'invalid_parameter_value', HINT = 'A shift lasts from one second to 100 years.';
    ELSIF made.shift_limit < 1 OR made.max_releases IS NULL OR made.max_releases < 0 THEN
        RAISE EXCEPTION 'shift_limit % or max_releases % of reviewer "%" is not possible',
                        coalesce(made.shift_limit::text, 'NULL'),
                        coalesce(made.max_releases::text, 'NULL'), made.name
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'shift_limit is 1 or more, NULL: none; max_releases is 0 or more.';
    ELSIF made.skills IS NULL THEN
        RAISE EXCEPTION 'the skills of reviewer "%" must not be null', made.name
            USING ERRCODE = 'null_value_not_allowed', HINT = 'Nobody needs any: use {}.';
    END IF;
    PERFORM hitl.require_names(format('skills of reviewer "%s"', made.name), made.skills);
END
$$;
COMMENT ON FUNCTION hitl.require_sound(hitl.reviewer)
    IS 'raises 22023 or 22004 unless this can be a reviewer';

CREATE FUNCTION hitl.add_reviewer(
    name text, login regrole DEFAULT NULL, tier int DEFAULT 1, skills text[] DEFAULT '{}',
    max_open int DEFAULT 10, shift interval DEFAULT '8 hours', shift_limit int DEFAULT NULL,
    max_releases int DEFAULT 20)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET intervalstyle = postgres
AS $$
DECLARE
    made hitl.reviewer;
BEGIN
    PERFORM hitl.require_name('reviewer', name);
    IF name IN ('clock', 'policy') THEN
        RAISE EXCEPTION 'a reviewer cannot be named "%"', name
            USING ERRCODE = 'reserved_name',
                  HINT = 'Verdicts and outcomes would not tell the person from the clock or the policy.';
    END IF;
    made.name := name;
    made.login := login;
    made.tier := tier;
    made.skills := skills;
    made.max_open := max_open;
    made.shift := shift;
    made.shift_limit := shift_limit;
    made.max_releases := max_releases;
    made.created_at := now();
    PERFORM hitl.require_sound(made);
    IF login IS NOT NULL THEN
        PERFORM hitl.require_free_login(login);
    END IF;
    INSERT INTO hitl.reviewer SELECT made.* ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'reviewer "%" exists already', name USING ERRCODE = 'duplicate_object';
    END IF;
    PERFORM hitl.log_event('reviewer_added', NULL,
                           jsonb_build_object('reviewer', name)
                           || (to_jsonb(made) - '{name,paused,created_at}'::text[]));
END
$$;
COMMENT ON FUNCTION hitl.add_reviewer(text, regrole, int, text[], int, interval, int, int)
    IS 'makes a reviewer; login: the role that acts as this person, a member of hitl_reviewer; NULL: only a hitl_delegate acts for them; tier: takes tasks of this one and below; skills: what rules may ask for; max_open: most tasks held at once; shift: span over which shift_limit (most claims, NULL: any) and max_releases (most tasks given back) count; 42710 if name or login is taken';

CREATE FUNCTION hitl.set_reviewer(
    name text, login regrole DEFAULT NULL, tier int DEFAULT NULL, skills text[] DEFAULT NULL,
    max_open int DEFAULT NULL, shift interval DEFAULT NULL, shift_limit int DEFAULT NULL,
    max_releases int DEFAULT NULL, reset text[] DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET intervalstyle = postgres
AS $$
DECLARE
    before CONSTANT hitl.reviewer := hitl.require_reviewer(name);
    made   hitl.reviewer;
BEGIN
    made := jsonb_populate_record(before, hitl.fields_to_set('hitl.reviewer', jsonb_build_object(
        'login', login, 'tier', tier, 'skills', skills, 'max_open', max_open, 'shift', shift,
        'shift_limit', shift_limit, 'max_releases', max_releases), reset));
    PERFORM hitl.require_sound(made);
    IF made.login <> before.login OR (before.login IS NULL AND made.login IS NOT NULL) THEN
        PERFORM hitl.require_free_login(made.login);
    END IF;
    UPDATE hitl.reviewer r
    SET login = made.login, tier = made.tier, skills = made.skills, max_open = made.max_open,
        shift = made.shift, shift_limit = made.shift_limit, max_releases = made.max_releases
    WHERE r.name = made.name AND r IS DISTINCT FROM made;
    PERFORM hitl.log_change('reviewer_set', NULL, jsonb_build_object('reviewer', made.name),
                            to_jsonb(before), to_jsonb(made));
END
$$;
COMMENT ON FUNCTION hitl.set_reviewer(text, regrole, int, text[], int, interval, int, int, text[])
    IS 'changes a reviewer: fields as in add_reviewer; what is NULL is as before, what reset names is as at first; what the person holds they may finish; 42710 if the login is taken';

CREATE FUNCTION hitl.add_login(reviewer text, login regrole)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM hitl.require_reviewer(reviewer);
    IF login IS NULL THEN
        RAISE EXCEPTION 'the login must not be null' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    PERFORM hitl.require_free_login(login);
    INSERT INTO hitl.reviewer_login (login, reviewer) VALUES (login, reviewer);
    PERFORM hitl.log_event('login_added', NULL,
                           jsonb_build_object('reviewer', reviewer, 'login', login));
END
$$;
COMMENT ON FUNCTION hitl.add_login(text, regrole)
    IS 'makes another role act as this person: with all their logins they are one, and review nothing that any of them submitted; 42710 if it is a login already';

CREATE FUNCTION hitl.drop_login(login regrole)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    person text;
BEGIN
    DELETE FROM hitl.reviewer_login l WHERE l.login = drop_login.login RETURNING l.reviewer INTO person;
    IF NOT FOUND THEN
        SELECT r.name INTO person FROM hitl.reviewer r WHERE r.login = drop_login.login;
        RAISE EXCEPTION 'role % is no further login of a reviewer', coalesce(login::text, 'NULL')
            USING ERRCODE = 'undefined_object',
                  HINT = CASE WHEN person IS NOT NULL
                         THEN format('It is the login of the reviewer: SELECT hitl.set_reviewer(%L, reset => ''{login}'').', person)
                         ELSE 'hitl.reviewer_login has those that there are.' END;
    END IF;
    PERFORM hitl.log_event('login_dropped', NULL,
                           jsonb_build_object('reviewer', person, 'login', login));
END
$$;
COMMENT ON FUNCTION hitl.drop_login(regrole)
    IS 'ends what add_login began: the role is nobody from now on; 42704 if it is no further login';

CREATE FUNCTION hitl.grant_credential(
    reviewer text, credential text, valid_until timestamptz DEFAULT 'infinity')
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM hitl.require_reviewer(reviewer);
    PERFORM hitl.require_name('credential', credential);
    IF valid_until IS NULL THEN
        RAISE EXCEPTION 'valid_until must not be null'
            USING ERRCODE = 'null_value_not_allowed', HINT = 'Use infinity if it does not run out.';
    ELSIF valid_until <= clock_timestamp() THEN
        RAISE EXCEPTION 'credential "%" would have run out at %', credential, valid_until
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    INSERT INTO hitl.credential AS c (reviewer, credential, valid_until)
    VALUES (reviewer, credential, valid_until)
    ON CONFLICT ON CONSTRAINT credential_pkey DO UPDATE SET valid_until = excluded.valid_until;
    PERFORM hitl.log_event('credential_granted', NULL,
                           jsonb_build_object('reviewer', reviewer, 'credential', credential,
                                              'valid_until', valid_until));
END
$$;
COMMENT ON FUNCTION hitl.grant_credential(text, text, timestamptz)
    IS 'gives a reviewer an authority that tasks ask for as a skill, until it runs out; again: renews it; 22023 if it has run out';

CREATE FUNCTION hitl.revoke_credential(reviewer text, credential text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    DELETE FROM hitl.credential c
    WHERE c.reviewer = revoke_credential.reviewer AND c.credential = revoke_credential.credential;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'reviewer "%" has no credential "%"', coalesce(left(reviewer, 63), 'NULL'),
                        coalesce(left(credential, 63), 'NULL')
            USING ERRCODE = 'undefined_object';
    END IF;
    PERFORM hitl.log_event('credential_revoked', NULL,
                           jsonb_build_object('reviewer', reviewer, 'credential', credential));
END
$$;
COMMENT ON FUNCTION hitl.revoke_credential(text, text)
    IS 'takes an authority from a reviewer; what they hold they may finish; 42704 if they do not have it';

CREATE FUNCTION hitl.set_absence(
    reviewer text, until timestamptz, since timestamptz DEFAULT now(), stand_in text DEFAULT NULL)
RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    made  hitl.absence;
    other hitl.absence;
BEGIN
    IF since IS NULL OR until IS NULL THEN
        RAISE EXCEPTION 'since and until must not be null' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    -- The lock keeps absences of one person apart.
    PERFORM hitl.require_reviewer(reviewer);
    IF since >= until OR NOT isfinite(since) OR until <= clock_timestamp() THEN
        RAISE EXCEPTION 'an absence from % to % is not possible', since, until
            USING ERRCODE = 'invalid_parameter_value', HINT = 'It ends after it began, and after now.';
    ELSIF stand_in = reviewer THEN
        RAISE EXCEPTION 'reviewer "%" cannot stand in for themselves', reviewer
            USING ERRCODE = 'invalid_parameter_value';
    ELSIF stand_in IS NOT NULL
          AND NOT EXISTS (SELECT FROM hitl.reviewer r WHERE r.name = set_absence.stand_in) THEN
        RAISE EXCEPTION 'reviewer "%" does not exist', left(stand_in, 63)
            USING ERRCODE = 'foreign_key_violation',
                  HINT = format('Create them by SELECT hitl.add_reviewer(%L).', left(stand_in, 63));
    END IF;
    SELECT * INTO other FROM hitl.absence a
    WHERE a.reviewer = set_absence.reviewer AND a.since < set_absence.until AND set_absence.since < a.until
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'reviewer "%" is away from % to % already', reviewer, other.since, other.until
            USING ERRCODE = 'duplicate_object',
                  HINT = format('First end that one: SELECT hitl.end_absence(%s).', other.id);
    END IF;
    INSERT INTO hitl.absence (reviewer, since, until, stand_in)
    VALUES (reviewer, since, until, stand_in)
    RETURNING * INTO made;
    PERFORM hitl.log_event('absence_set', NULL, to_jsonb(made));
    RETURN made.id;
END
$$;
COMMENT ON FUNCTION hitl.set_absence(text, timestamptz, timestamptz, text)
    IS 'a reviewer is away, since inclusive to until exclusive: they claim nothing, and the stand-in (NULL: nobody) may work on their queues, on record for both; returns its id; 42710 if they are away then already';

CREATE FUNCTION hitl.end_absence(id bigint)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    ended  hitl.absence;
    moment CONSTANT timestamptz := clock_timestamp();
BEGIN
    SELECT * INTO ended FROM hitl.absence a WHERE a.id = end_absence.id FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'absence % does not exist', coalesce(id::text, 'NULL')
            USING ERRCODE = 'undefined_object';
    ELSIF ended.until <= moment THEN
        RAISE EXCEPTION 'absence % ended at %', id, ended.until
            USING ERRCODE = 'object_not_in_prerequisite_state';
    ELSIF ended.since >= moment THEN
        DELETE FROM hitl.absence a WHERE a.id = ended.id;
    ELSE
        UPDATE hitl.absence a SET until = moment WHERE a.id = ended.id;
    END IF;
    PERFORM hitl.log_event('absence_ended', NULL, to_jsonb(ended));
END
$$;
COMMENT ON FUNCTION hitl.end_absence(bigint)
    IS 'the reviewer is back; an absence that has not begun never was; 42704 if there is none, 55000 if it is over';

CREATE FUNCTION hitl.pause_reviewer(reviewer text, reason text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM hitl.require_reviewer(reviewer);
    IF reason IS NULL OR btrim(reason) = '' THEN
        RAISE EXCEPTION 'to pause reviewer "%" needs a reason', reviewer
            USING ERRCODE = 'invalid_parameter_value', HINT = 'The reviewer will read it.';
    END IF;
    UPDATE hitl.reviewer r SET paused = reason WHERE r.name = pause_reviewer.reviewer;
    PERFORM hitl.log_event('reviewer_paused', NULL,
                           jsonb_build_object('reviewer', reviewer, 'reason', reason));
END
$$;
COMMENT ON FUNCTION hitl.pause_reviewer(text, text)
    IS 'lets a reviewer claim nothing until hitl.resume_reviewer; what they hold they may finish';

CREATE FUNCTION hitl.resume_reviewer(reviewer text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    paused CONSTANT hitl.reviewer := hitl.require_reviewer(reviewer);
BEGIN
    IF paused.paused IS NULL THEN
        RAISE EXCEPTION 'reviewer "%" is not paused', reviewer
            USING ERRCODE = 'object_not_in_prerequisite_state';
    ELSIF EXISTS (SELECT FROM (SELECT paused.login
                               UNION ALL
                               SELECT l.login FROM hitl.reviewer_login l WHERE l.reviewer = paused.name) AS own
                  JOIN pg_roles g ON g.oid = own.login
                  WHERE g.rolname IN (hitl.actor(), session_user)) THEN
        RAISE EXCEPTION 'reviewer "%" is you', reviewer
            USING ERRCODE = 'ZH005', HINT = 'Somebody else must end the pause.';
    END IF;
    UPDATE hitl.reviewer r SET paused = NULL WHERE r.name = paused.name;
    PERFORM hitl.log_event('reviewer_resumed', NULL,
                           jsonb_build_object('reviewer', reviewer, 'paused_for', paused.paused));
END
$$;
COMMENT ON FUNCTION hitl.resume_reviewer(text)
    IS 'ends a pause, whoever or whatever made it; 55000 if the reviewer is not paused, ZH005 for oneself';

CREATE FUNCTION hitl.join_queue(reviewer text, queue text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM hitl.require_reviewer(reviewer);
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

CREATE FUNCTION hitl.set_rubric(workflow text, criteria jsonb)
RETURNS int
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    flow CONSTANT hitl.workflow := hitl.require_workflow(workflow);
    made CONSTANT int := 1 + coalesce((SELECT max(r.version) FROM hitl.rubric r
                                       WHERE r.workflow = flow.name), 0);
    item record;
BEGIN
    IF jsonb_typeof(criteria) IS DISTINCT FROM 'array'
       OR jsonb_array_length(criteria) NOT BETWEEN 1 AND 100 THEN
        RAISE EXCEPTION 'a rubric is an array of 1 to 100 criteria'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Each is an object: {"criterion": "tone", "description": "...", "least": 1, "most": 5, "required": true}.';
    END IF;
    FOR item IN
        SELECT c.value, c.ordinality AS place, c.value ->> 'criterion' AS criterion, s.least, s.most,
               CASE WHEN jsonb_typeof(c.value) = 'object' THEN
                   c.value - '{criterion,description,least,most,required}'::text[] = '{}'
                   AND jsonb_typeof(c.value -> 'description') = 'string'
                   AND btrim(c.value ->> 'description') <> ''
                   AND coalesce(jsonb_typeof(c.value -> 'required'), 'boolean') = 'boolean'
                   AND coalesce(jsonb_typeof(c.value -> 'least'), 'number') = 'number'
                   AND coalesce(jsonb_typeof(c.value -> 'most'), 'number') = 'number'
                   AND s.least ~ '^-?\d{1,6}$' AND s.most ~ '^-?\d{1,6}$' END AS sound
        FROM jsonb_array_elements(criteria) WITH ORDINALITY AS c,
             LATERAL (SELECT coalesce(c.value ->> 'least', '1') AS least,
                             coalesce(c.value ->> 'most', '5') AS most) AS s
        ORDER BY c.ordinality
    LOOP
        IF jsonb_typeof(item.value -> 'criterion') IS DISTINCT FROM 'string' THEN
            RAISE EXCEPTION 'criterion % of the rubric has no name', item.place
                USING ERRCODE = 'invalid_parameter_value';
        END IF;
        PERFORM hitl.require_name('criterion', item.criterion);
        IF item.sound IS NOT TRUE OR item.least::int >= item.most::int THEN
            RAISE EXCEPTION 'criterion "%" of the rubric is not possible', item.criterion
                USING ERRCODE = 'invalid_parameter_value',
                      HINT = 'It has a description, scores from least (1) to a greater most (5), whole numbers of up to 6 digits, may be required (true), and has nothing else.';
        END IF;
        INSERT INTO hitl.rubric (workflow, version, criterion, position, description, least, most, required)
        VALUES (flow.name, made, item.criterion, item.place, item.value ->> 'description',
                item.least::int, item.most::int, coalesce((item.value -> 'required')::boolean, true))
        ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'criterion "%" is in the rubric twice', item.criterion
                USING ERRCODE = 'invalid_parameter_value';
        END IF;
    END LOOP;
    PERFORM hitl.log_event('rubric_set', flow.name,
                           jsonb_build_object('version', made, 'criteria', criteria));
    RETURN made;
END
$$;
COMMENT ON FUNCTION hitl.set_rubric(text, jsonb)
    IS 'stores the next version of a rubric, by which verdicts are scored once the policy names it (set_policy(..., rubric => version)); criteria: array of {criterion, description, least (1), most (5), required (true)} in the order in which they are shown; returns the version; 22023 if it is not possible';

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
