-- Group roles.  Roles belong to the cluster, not to a database: a second
-- database finds those of the first, and a restore finds those of the dump of
-- the roles.  The comment on a role marks it as ours.  A role of the same name
-- is refused if it could log in, has powers of its own, has members without
-- being ours, or can be granted by somebody who is no superuser: whoever made
-- it beforehand would get, or give away, what is granted below.
DO $$
DECLARE
    ours  CONSTANT text := 'hitl group role: ';
    grp   record;
    present record;
BEGIN
    FOR grp IN
        SELECT *
        FROM (VALUES
            ('hitl_application', 'inserts decisions and reads their outcomes'),
            ('hitl_reviewer', 'claims work and gives verdicts'),
            ('hitl_viewer', 'reads the reports'),
            ('hitl_lead', 'watches and moves the work of queues'),
            ('hitl_admin', 'configures workflows, policies, queues and people'),
            ('hitl_delegate', 'acts for reviewers that it names')) AS v (name, purpose)
    LOOP
        SELECT r.oid,
               r.rolcanlogin OR r.rolsuper OR r.rolcreaterole OR r.rolcreatedb
                   OR r.rolreplication OR r.rolbypassrls AS powerful,
               coalesce(shobj_description(r.oid, 'pg_authid'), '') LIKE ours || '%' AS known,
               EXISTS (SELECT FROM pg_auth_members m WHERE m.roleid = r.oid) AS joined,
               EXISTS (SELECT FROM pg_auth_members m JOIN pg_roles u ON u.oid = m.member
                       WHERE m.roleid = r.oid AND m.admin_option AND NOT u.rolsuper) AS governed
        INTO present
        FROM pg_roles r
        WHERE r.rolname = grp.name;

        IF NOT FOUND THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', grp.name);
        ELSIF present.powerful OR present.governed OR (present.joined AND NOT present.known) THEN
            RAISE EXCEPTION 'role "%" exists and was not made by hitl', grp.name
                USING ERRCODE = 'duplicate_object',
                      HINT = 'Drop the role, or take away its login, attributes, members and admin options.';
        END IF;
        EXECUTE format('COMMENT ON ROLE %I IS %L', grp.name, ours || grp.purpose);
    END LOOP;
END
$$;

GRANT hitl_viewer TO hitl_lead;
GRANT hitl_lead TO hitl_admin;

CREATE FUNCTION hitl.actor()
RETURNS name
LANGUAGE c STABLE STRICT PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'hitl_actor';
COMMENT ON FUNCTION hitl.actor()
    IS 'the role that acts: the login, or what it became by SET ROLE; not changed by functions that run with their owner''s rights';
