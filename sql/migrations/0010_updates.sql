-- A user's next state finds room beside the present one, so that no index is touched; addresses are written only
-- when they changed.

ALTER TABLE calscim.users SET (fillfactor = 80);

-- Replaces a user's state; a provider's write makes it managed. Nothing changes but the journal when the state
-- is what it was. p_expected NULL: whatever version it has. p_set: only these attributes, of which neither a
-- column but active nor the addresses depend; the other arguments are NULL then.
CREATE OR REPLACE FUNCTION calscim.user_update(
    o calscim.origin, p_id uuid, p_expected bigint, p_user_name text, p_user_name_key text, p_external_id text,
    p_email text, p_emails text[], p_active boolean, p_data jsonb, p_base text, p_set jsonb DEFAULT NULL
) RETURNS calscim.written LANGUAGE plpgsql AS $$
DECLARE
    v_head calscim.heads := calscim.begin_change(o);
    v_at timestamptz := greatest(clock_timestamp(), v_head.at);
    v_changed boolean;
    u calscim.users;
    w calscim.written;
BEGIN
    IF v_head.stream IS NULL THEN
        w.status := 401;
        RETURN w;
    END IF;
    SELECT * INTO u FROM calscim.users WHERE id = p_id AND directory_id = o.stream;
    IF NOT FOUND THEN
        w.status := 404;
        RETURN w;
    END IF;
    IF p_expected IS NOT NULL AND p_expected <> u.version THEN
        w.status := 412;
        w.version := u.version;
        RETURN w;
    END IF;
    IF p_set IS NOT NULL THEN
        p_data := u.data || p_set;
        p_active := coalesce((p_set ->> 'active')::boolean, u.active);
        p_user_name := u.user_name;
        p_user_name_key := u.user_name_key;
        p_external_id := u.external_id;
        p_email := u.email;
        p_emails := ARRAY(SELECT e.value_key FROM calscim.user_emails e WHERE e.user_id = p_id ORDER BY 1);
    END IF;
    IF p_user_name_key <> u.user_name_key AND EXISTS (
        SELECT FROM calscim.users x WHERE x.directory_id = o.stream AND x.user_name_key = p_user_name_key)
    THEN
        w.status := 409;
        RETURN w;
    END IF;
    v_changed := u.data <> p_data OR u.email <> p_email OR u.active <> p_active
        OR u.user_name <> p_user_name OR u.external_id IS DISTINCT FROM p_external_id;
    IF v_changed OR NOT u.managed THEN
        UPDATE calscim.users
        SET user_name = p_user_name, user_name_key = p_user_name_key, external_id = p_external_id,
            email = p_email, active = p_active, managed = true, data = p_data,
            version = version + v_changed::integer, changed_seq = v_head.seq + 1,
            updated_at = CASE WHEN v_changed THEN v_at ELSE updated_at END
        WHERE id = p_id
        RETURNING * INTO u;
    END IF;
    IF v_changed AND p_set IS NULL
        AND ARRAY(SELECT e.value_key FROM calscim.user_emails e WHERE e.user_id = p_id ORDER BY e.value_key)
            <> ARRAY(SELECT e FROM unnest(p_emails) e ORDER BY e)
    THEN
        DELETE FROM calscim.user_emails WHERE user_id = p_id AND NOT value_key = ANY (p_emails);
        INSERT INTO calscim.user_emails (directory_id, value_key, user_id)
        SELECT o.stream, e, p_id FROM unnest(p_emails) e ON CONFLICT DO NOTHING;
    END IF;
    w.seq := calscim.record(
        o, v_head, v_at, 200, 'User', p_id::text, calscim.user_effect(u, p_emails));
    w.status := 200;
    w.version := u.version;
    w.body := calscim.resource_json(
        'User', p_id, u.data, u.version, u.created_at, u.updated_at, p_base, calscim.groups_json(p_id, p_base));
    RETURN w;
END $$;

-- A resource as the client sees it. p_base is the directory's base URL, p_extra further members of the object. right() and
-- not substr(), which would count all characters.
CREATE OR REPLACE FUNCTION calscim.resource_json(
    p_type text, p_id uuid, p_data jsonb, p_version bigint, p_created timestamptz, p_updated timestamptz,
    p_base text, p_extra text
) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT '{"id":"' || p_id || '","meta":{"resourceType":"' || p_type || '","created":"'
        || calscim.instant(p_created) || '","lastModified":"' || calscim.instant(p_updated)
        || '","location":"' || p_base || '/' || p_type || 's/' || p_id || '","version":"W/\"' || p_version
        || '\""},' || p_extra || right(p_data::text, -1)
$$;

-- Puts one member into a group: 'User' or 'Group' for what it is, 'there' or 'unknown' where nothing was done.
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
        RETURN 'there';
    END IF;
    DELETE FROM calscim.former_members WHERE group_id = p_group AND member_id = p_member;
    RETURN v_kind;
END $$;

CREATE OR REPLACE FUNCTION calscim.group_update(
    o calscim.origin, p_id uuid, p_expected bigint, p_display_name text, p_display_name_key text,
    p_external_id text, p_data jsonb, p_replace boolean, p_add uuid[], p_remove uuid[], p_unknown text[],
    p_base text, p_answer text
) RETURNS calscim.written LANGUAGE plpgsql AS $$
DECLARE
    v_head calscim.heads := calscim.begin_change(o);
    v_at timestamptz := greatest(clock_timestamp(), v_head.at);
    v_seq bigint := v_head.seq + 1;
    v_users uuid[] := '{}';
    v_groups uuid[] := '{}';
    v_removed uuid[] := '{}';
    v_renamed boolean;
    v_id uuid;
    g calscim.groups;
    v_bound bigint[] := '{}';
    w calscim.written;
BEGIN
    IF v_head.stream IS NULL THEN
        w.status := 401;
        RETURN w;
    END IF;
    SELECT * INTO g FROM calscim.groups WHERE id = p_id AND directory_id = o.stream;
    IF NOT FOUND THEN
        w.status := 404;
        RETURN w;
    END IF;
    IF p_expected IS NOT NULL AND p_expected <> g.version THEN
        w.status := 412;
        w.version := g.version;
        RETURN w;
    END IF;
    v_renamed := p_data IS NOT NULL AND p_display_name <> g.display_name;
    IF v_renamed AND EXISTS (
        SELECT FROM calscim.groups x
        WHERE x.directory_id = o.stream AND x.display_name_key = p_display_name_key AND x.id <> p_id)
    THEN
        w.status := 409;
        RETURN w;
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
        SELECT p_id, r, o.stream, v_seq, v_at FROM unnest(v_removed) r
        ON CONFLICT (group_id, member_id) DO UPDATE SET seq = excluded.seq, at = excluded.at;
    END IF;
    w.skipped := p_unknown;
    IF cardinality(p_add) BETWEEN 1 AND 4 THEN  -- one after the other: to begin with sets costs more than these
        FOREACH v_id IN ARRAY p_add LOOP
            CASE calscim.add_member(o.stream, p_id, v_id, v_seq, v_at)
                WHEN 'User' THEN v_users := v_users || v_id;
                WHEN 'Group' THEN v_groups := v_groups || v_id;
                WHEN 'unknown' THEN w.skipped := w.skipped || v_id::text;
                ELSE NULL;  -- is in the group already
            END CASE;
        END LOOP;
    ELSIF cardinality(p_add) > 0 THEN
        WITH known AS (
            SELECT k.member_id, k.kind FROM calscim.member_kinds(o.stream, p_id, p_add) k
        ), added AS (
            INSERT INTO calscim.members (group_id, member_id, kind, directory_id, seq, at)
            SELECT p_id, k.member_id, k.kind, o.stream, v_seq, v_at FROM known k
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
        INTO v_users, v_groups, w.skipped;
    END IF;
    IF cardinality(v_users) + cardinality(v_groups) + cardinality(v_removed) > 0
        OR (p_data IS NOT NULL AND (v_renamed OR p_data <> g.data OR p_external_id IS DISTINCT FROM g.external_id))
    THEN
        UPDATE calscim.groups
        SET display_name = CASE WHEN p_data IS NULL THEN display_name ELSE p_display_name END,
            display_name_key = CASE WHEN p_data IS NULL THEN display_name_key ELSE p_display_name_key END,
            external_id = CASE WHEN p_data IS NULL THEN external_id ELSE p_external_id END,
            data = coalesce(p_data, data), version = version + 1, changed_seq = v_seq, updated_at = v_at
        WHERE id = p_id
        RETURNING * INTO g;
    END IF;
    IF v_renamed THEN
        v_bound := calscim.bind_mappings(o.stream, p_id, p_display_name);
    END IF;
    w.status := CASE p_answer WHEN 'none' THEN 204 ELSE 200 END;
    w.seq := calscim.record(
        o, v_head, v_at, w.status, 'Group', p_id::text,
        calscim.group_effect(g, v_users, v_groups, v_removed, w.skipped, v_bound));
    w.version := g.version;
    w.body := calscim.group_json(g, p_base, p_answer);
    RETURN w;
END $$;
