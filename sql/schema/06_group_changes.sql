-- The ids among these that can be members of the group, with their kinds.
CREATE FUNCTION calscim.member_kinds(p_directory text, p_group uuid, p_ids uuid[])
RETURNS TABLE (member_id uuid, kind text) LANGUAGE sql STABLE AS $$
    SELECT u.id, 'User' FROM unnest(p_ids) i JOIN calscim.users u ON u.id = i WHERE u.directory_id = p_directory
    UNION
    SELECT g.id, 'Group' FROM unnest(p_ids) i JOIN calscim.groups g ON g.id = i
    WHERE g.directory_id = p_directory AND g.id <> p_group
$$;

-- Binds mappings to a group that got a name. Mappings that wait for exactly this name are bound to the group and
-- returned. Mappings that are bound already take the name, so that they wait for it if the group is deleted. A
-- mapping keeps its name if another mapping of the directory has the new name and the same team.
CREATE FUNCTION calscim.bind_mappings(p_directory text, p_group uuid, p_name text)
RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
    v_bound bigint[];
    v_id bigint;
BEGIN
    WITH bound AS (
        UPDATE calscim.mappings SET group_id = p_group
        WHERE directory_id = p_directory AND group_name = p_name AND group_id IS NULL AND removed_at IS NULL
        RETURNING id)
    SELECT coalesce(array_agg(id ORDER BY id), '{}') INTO v_bound FROM bound;
    FOR v_id IN
        SELECT id FROM calscim.mappings
        WHERE group_id = p_group AND group_name <> p_name AND removed_at IS NULL ORDER BY id
    LOOP  -- one at a time, so that each sees the new names of the others
        UPDATE calscim.mappings m
        SET group_name = p_name, former_names = array_remove(m.former_names, p_name) || m.group_name
        WHERE m.id = v_id AND NOT EXISTS (
            SELECT FROM calscim.mappings o
            WHERE o.directory_id = m.directory_id AND o.group_name = p_name AND o.removed_at IS NULL
                AND coalesce(o.team_id, 0) = coalesce(m.team_id, 0));
    END LOOP;
    RETURN v_bound;
END $$;

CREATE FUNCTION calscim.group_effect(
    g calscim.groups, p_added uuid[], p_added_groups uuid[], p_removed uuid[], p_skipped text[],
    p_bound bigint[]
) RETURNS bytea LANGUAGE sql STABLE AS $$
    SELECT convert_to(json_build_object(
        'op', 'group.put', 'id', g.id, 'display_name', g.display_name,
        'display_name_key', g.display_name_key, 'external_id', g.external_id, 'version', g.version,
        'data', g.data, 'added', p_added, 'added_groups', p_added_groups, 'removed', p_removed,
        'skipped', p_skipped, 'bound', p_bound)::text, 'UTF8')
$$;

-- The body of a response. p_answer: full, bare (without members) or none.
CREATE FUNCTION calscim.group_json(g calscim.groups, p_base text, p_answer text)
RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN CASE p_answer WHEN 'none' THEN NULL ELSE calscim.resource_json(
        'Group', g.id, g.data, g.version, g.created_at, g.updated_at, p_base,
        CASE p_answer WHEN 'full' THEN calscim.members_json(g.id, p_base) ELSE '' END) END;
END $$;

CREATE FUNCTION calscim.create_group(
    pos calscim.journal_position, p_id uuid, p_display_name text, p_display_name_key text, p_external_id text,
    p_data jsonb, p_members uuid[], p_unknown text[], p_base text, p_answer text
) RETURNS calscim.change_effect LANGUAGE plpgsql AS $$
DECLARE
    v_users uuid[];
    v_groups uuid[];
    g calscim.groups;
    v_bound bigint[] := '{}';
    v_result calscim.change_effect;
BEGIN
    IF EXISTS (
        SELECT FROM calscim.groups x WHERE x.directory_id = pos.stream AND x.display_name_key = p_display_name_key)
    THEN
        v_result.status := 409;
        RETURN v_result;
    END IF;
    INSERT INTO calscim.groups (
        id, directory_id, display_name, display_name_key, external_id, data, changed_seq, created_at, updated_at)
    VALUES (
        p_id, pos.stream, p_display_name, p_display_name_key, p_external_id, p_data, pos.seq, pos.at, pos.at)
    RETURNING * INTO g;
    WITH added AS (
        INSERT INTO calscim.members (group_id, member_id, kind, directory_id, seq, at)
        SELECT p_id, k.member_id, k.kind, pos.stream, pos.seq, pos.at
        FROM calscim.member_kinds(pos.stream, p_id, p_members) k
        RETURNING member_id, kind
    )
    SELECT coalesce(array_agg(member_id) FILTER (WHERE kind = 'User'), '{}'),
           coalesce(array_agg(member_id) FILTER (WHERE kind = 'Group'), '{}')
    INTO v_users, v_groups FROM added;
    v_result.skipped := p_unknown || ARRAY(
        SELECT i::text FROM (SELECT unnest(p_members) EXCEPT SELECT unnest(v_users || v_groups)) s (i));
    v_bound := calscim.bind_mappings(pos.stream, p_id, p_display_name);
    RETURN ROW(
        201, 1, calscim.group_json(g, p_base, p_answer), v_result.skipped, 'Group', p_id,
        calscim.group_effect(g, v_users, v_groups, '{}', v_result.skipped, v_bound), 0, 1)::calscim.change_effect;
END $$;

-- Adds a member to a group. Returns its kind, 'User' or 'Group', or 'present' or 'unknown' if nothing changed.
CREATE FUNCTION calscim.add_member(p_directory text, p_group uuid, p_member uuid, p_seq bigint, p_at timestamptz)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE v_kind text;
BEGIN
    IF EXISTS (SELECT FROM calscim.users u WHERE u.id = p_member AND u.directory_id = p_directory) THEN
        v_kind := 'User';
    ELSIF p_member <> p_group
        AND EXISTS (SELECT FROM calscim.groups g WHERE g.id = p_member AND g.directory_id = p_directory)
    THEN
        v_kind := 'Group';
    ELSE
        RETURN 'unknown';
    END IF;
    INSERT INTO calscim.members (group_id, member_id, kind, directory_id, seq, at)
    VALUES (p_group, p_member, v_kind, p_directory, p_seq, p_at)
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN 'present';
    END IF;
    DELETE FROM calscim.former_members WHERE group_id = p_group AND member_id = p_member;
    RETURN v_kind;
END $$;

-- Changes attributes and members of a group. p_data NULL: no attributes. p_replace: p_add are all members; otherwise
-- p_add are added and p_remove are removed, at a cost that does not depend on the size of the group.
CREATE FUNCTION calscim.update_group(
    pos calscim.journal_position, p_id uuid, p_expected bigint, p_display_name text, p_display_name_key text,
    p_external_id text, p_data jsonb, p_replace boolean, p_add uuid[], p_remove uuid[], p_unknown text[],
    p_base text, p_answer text
) RETURNS calscim.change_effect LANGUAGE plpgsql AS $$
DECLARE
    v_users uuid[] := '{}';
    v_groups uuid[] := '{}';
    v_removed uuid[] := '{}';
    v_renamed boolean;
    v_id uuid;
    g calscim.groups;
    v_bound bigint[] := '{}';
    v_result calscim.change_effect;
BEGIN
    SELECT * INTO g FROM calscim.groups WHERE id = p_id AND directory_id = pos.stream;
    IF NOT FOUND THEN
        v_result.status := 404;
        RETURN v_result;
    END IF;
    IF p_expected IS NOT NULL AND p_expected <> g.version THEN
        v_result.status := 412;
        v_result.version := g.version;
        RETURN v_result;
    END IF;
    v_renamed := p_data IS NOT NULL AND p_display_name <> g.display_name;
    IF v_renamed THEN
        IF EXISTS (
            SELECT FROM calscim.groups x
            WHERE x.directory_id = pos.stream AND x.display_name_key = p_display_name_key AND x.id <> p_id)
        THEN
            v_result.status := 409;
            RETURN v_result;
        END IF;
    END IF;
    IF p_replace THEN
        WITH gone AS (
            DELETE FROM calscim.members m
            WHERE m.group_id = p_id AND NOT EXISTS (SELECT FROM unnest(p_add) a (id) WHERE a.id = m.member_id)
            RETURNING member_id
        )
        SELECT coalesce(array_agg(member_id), '{}') INTO v_removed FROM gone;
    ELSIF cardinality(p_remove) > 0 THEN
        WITH gone AS (
            DELETE FROM calscim.members m
            WHERE m.group_id = p_id AND m.member_id = ANY (p_remove)
            RETURNING member_id
        )
        SELECT coalesce(array_agg(member_id), '{}') INTO v_removed FROM gone;
    END IF;
    IF cardinality(v_removed) > 0 THEN
        INSERT INTO calscim.former_members (group_id, member_id, directory_id, seq, at)
        SELECT p_id, r, pos.stream, pos.seq, pos.at FROM unnest(v_removed) r
        ON CONFLICT (group_id, member_id) DO UPDATE SET seq = excluded.seq, at = excluded.at;
    END IF;
    v_result.skipped := p_unknown;
    IF cardinality(p_add) BETWEEN 1 AND 4 THEN  -- one at a time: cheaper than the statement for sets
        FOREACH v_id IN ARRAY p_add LOOP
            CASE calscim.add_member(pos.stream, p_id, v_id, pos.seq, pos.at)
                WHEN 'User' THEN v_users := v_users || v_id;
                WHEN 'Group' THEN v_groups := v_groups || v_id;
                WHEN 'unknown' THEN v_result.skipped := v_result.skipped || v_id::text;
                ELSE NULL;  -- is a member already
            END CASE;
        END LOOP;
    ELSIF cardinality(p_add) > 0 THEN
        WITH known AS (
            SELECT k.member_id, k.kind FROM calscim.member_kinds(pos.stream, p_id, p_add) k
        ), added AS (
            INSERT INTO calscim.members (group_id, member_id, kind, directory_id, seq, at)
            SELECT p_id, k.member_id, k.kind, pos.stream, pos.seq, pos.at FROM known k
            ON CONFLICT DO NOTHING
            RETURNING member_id, kind
        ), returned AS (
            DELETE FROM calscim.former_members f
            WHERE f.group_id = p_id AND f.member_id IN (SELECT a.member_id FROM added a)
        )
        SELECT coalesce((SELECT array_agg(a.member_id) FROM added a WHERE a.kind = 'User'), '{}'),
               coalesce((SELECT array_agg(a.member_id) FROM added a WHERE a.kind = 'Group'), '{}'),
               p_unknown || ARRAY(
                   SELECT i::text FROM (SELECT unnest(p_add) EXCEPT SELECT k.member_id FROM known k) s (i))
        INTO v_users, v_groups, v_result.skipped;
    END IF;
    IF cardinality(v_users) + cardinality(v_groups) + cardinality(v_removed) > 0
        OR (p_data IS NOT NULL AND (v_renamed OR p_data <> g.data OR p_external_id IS DISTINCT FROM g.external_id))
    THEN
        UPDATE calscim.groups
        SET display_name = CASE WHEN p_data IS NULL THEN display_name ELSE p_display_name END,
            display_name_key = CASE WHEN v_renamed THEN p_display_name_key ELSE display_name_key END,
            external_id = CASE WHEN p_data IS NULL THEN external_id ELSE p_external_id END,
            data = coalesce(p_data, data), version = version + 1, changed_seq = pos.seq, updated_at = pos.at
        WHERE id = p_id
        RETURNING * INTO g;
    END IF;
    IF v_renamed THEN
        v_bound := calscim.bind_mappings(pos.stream, p_id, p_display_name);
    END IF;
    RETURN ROW(
        CASE p_answer WHEN 'none' THEN 204 ELSE 200 END, g.version, calscim.group_json(g, p_base, p_answer),
        v_result.skipped, 'Group', p_id,
        calscim.group_effect(g, v_users, v_groups, v_removed, v_result.skipped, v_bound), 0, 0)::calscim.change_effect;
END $$;

CREATE FUNCTION calscim.delete_group(pos calscim.journal_position, p_id uuid, p_expected bigint)
RETURNS calscim.change_effect LANGUAGE plpgsql AS $$
DECLARE
    g calscim.groups;
    v_result calscim.change_effect;
BEGIN
    SELECT * INTO g FROM calscim.groups WHERE id = p_id AND directory_id = pos.stream;
    IF NOT FOUND THEN
        v_result.status := 404;
        RETURN v_result;
    END IF;
    IF p_expected IS NOT NULL AND p_expected <> g.version THEN
        v_result.status := 412;
        v_result.version := g.version;
        RETURN v_result;
    END IF;
    PERFORM calscim.remove_from_groups(p_id, pos.seq, pos.at);
    INSERT INTO calscim.former_members (group_id, member_id, directory_id, seq, at)
    SELECT p_id, m.member_id, pos.stream, pos.seq, pos.at FROM calscim.members m WHERE m.group_id = p_id
    ON CONFLICT (group_id, member_id) DO UPDATE SET seq = excluded.seq, at = excluded.at;
    DELETE FROM calscim.groups WHERE id = p_id;
    UPDATE calscim.mappings SET group_id = NULL WHERE group_id = p_id AND removed_at IS NULL;
    INSERT INTO calscim.tombstones (id, directory_id, kind, name, seq, at)
    VALUES (p_id, pos.stream, 'Group', g.display_name, pos.seq, pos.at);
    RETURN ROW(
        204, NULL, NULL, NULL, 'Group', p_id,
        convert_to(json_build_object('op', 'group.delete', 'id', p_id)::text, 'UTF8'), 0, -1)::calscim.change_effect;
END $$;

