-- Indexes for look-ups stand with what is looked up in front, and those for lists under another collation, so
-- that neither can be taken for the other: on a new database, whose tables had no statistics yet when a plan was
-- made and kept, a look-up walked through every user of its directory.

DROP INDEX calscim.users_user_name, calscim.users_ordinal, calscim.users_external_id;
CREATE UNIQUE INDEX users_user_name ON calscim.users (user_name_key text_pattern_ops, directory_id);
CREATE UNIQUE INDEX users_ordinal ON calscim.users (directory_id COLLATE "C", ordinal) INCLUDE (id);
CREATE INDEX users_external_id ON calscim.users (external_id, directory_id) WHERE external_id IS NOT NULL;

DROP INDEX calscim.groups_display_name, calscim.groups_ordinal, calscim.groups_external_id;
CREATE UNIQUE INDEX groups_display_name ON calscim.groups (display_name_key text_pattern_ops, directory_id);
CREATE UNIQUE INDEX groups_ordinal ON calscim.groups (directory_id COLLATE "C", ordinal) INCLUDE (id);
CREATE INDEX groups_external_id ON calscim.groups (external_id, directory_id) WHERE external_id IS NOT NULL;

-- The groups that name somebody directly, as the attribute "groups" and a comma. OFFSET 0 keeps the planner from
-- joining all groups; PL/pgSQL keeps its plan, which SQL functions do only since Postgres 18.
CREATE OR REPLACE FUNCTION calscim.groups_json(p_member uuid, p_base text) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT '"groups":[' || coalesce(string_agg(
            '{"value":"' || g.id || '","$ref":"' || p_base || '/Groups/' || g.id || '","display":'
            || to_json(g.display_name) || ',"type":"direct"}', ',' ORDER BY g.display_name_key), '') || '],'
        FROM calscim.members m,
            LATERAL (SELECT x.* FROM calscim.groups x WHERE x.id = m.group_id OFFSET 0) g
        WHERE m.member_id = p_member);
END $$;

-- A group's members, as the attribute "members" and a comma; without names, so that nothing is joined.
CREATE OR REPLACE FUNCTION calscim.members_json(p_group uuid, p_base text) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT '"members":[' || coalesce(string_agg(
            '{"value":"' || m.member_id || '","$ref":"' || p_base
            || CASE m.kind WHEN 'User' THEN '/Users/' ELSE '/Groups/' END || m.member_id
            || '","type":"' || m.kind || '"}', ',' ORDER BY m.member_id), '') || '],'
        FROM calscim.members m
        WHERE m.group_id = p_group);
END $$;

-- A plan that is made while a table is nearly empty would read all of it, and be kept when it is not empty any more.
ALTER FUNCTION calscim.changes(text, text[], text[], text[], text[], text[], text[], bigint[], bytea[], text[])
    SET enable_seqscan = off;
ALTER FUNCTION calscim.changes(text, text[], text[], text[], text[], text[], text[], bigint[], bytea[], text[])
    SET jit = off;
