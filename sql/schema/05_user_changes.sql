-- ---------------------------------------------------------------- writing users, groups, members
-- One function per change. It gets the position of its future journal row, changes the tables, and returns the
-- effect that the row stores. calscim.apply_changes locks the head before and appends the rows after. A status other
-- than 2xx means that nothing changed. Effects are enough to repeat the changes on tables that were built from the
-- rows before:
--   user.put      the whole row without timestamps, which are those of the journal rows
--   user.delete   the id
--   group.put     the row without its members, and the ids that were added, removed, and skipped as unknown
--   group.delete  the id

-- The result of a change. 401: the token is no longer valid; 404: the directory has no such resource; 409: the name is
-- taken; 412: the resource has another version.
CREATE TYPE calscim.write_result AS (
    status integer, seq bigint, version bigint, body text, skipped text[]
);

-- The position of the journal row that a change will have.
CREATE TYPE calscim.journal_position AS (stream text, seq bigint, at timestamptz);

-- What a change function did. effect NULL: nothing, so that there is no journal row. user_delta, group_delta: the
-- change of the number of users and groups.
CREATE TYPE calscim.change_effect AS (
    status integer, version bigint, body text, skipped text[], resource_type text, resource_id text, effect bytea,
    user_delta integer, group_delta integer
);

CREATE FUNCTION calscim.iso_timestamp(p_at timestamptz) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT to_char(p_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
$$;

-- The JSON of a resource. p_base: the directory's base URL; p_extra: further members of the object. Uses right(), as
-- substr() would count all characters.
CREATE FUNCTION calscim.resource_json(
    p_type text, p_id uuid, p_data jsonb, p_version bigint, p_created timestamptz, p_updated timestamptz,
    p_base text, p_extra text
) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT '{"id":"' || p_id || '","meta":{"resourceType":"' || p_type || '","created":"'
        || calscim.iso_timestamp(p_created) || '","lastModified":"' || calscim.iso_timestamp(p_updated)
        || '","location":"' || p_base || '/' || p_type || 's/' || p_id || '","version":"W/\"' || p_version
        || '\""},' || p_extra || right(p_data::text, -1)
$$;

-- The groups that a user or group is a direct member of, as the attribute "groups" and a comma. OFFSET 0 keeps the
-- planner from joining all groups. PL/pgSQL, because SQL functions keep their plans only since Postgres 18.
CREATE FUNCTION calscim.groups_json(p_member uuid, p_base text) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT '"groups":[' || coalesce(string_agg(
            '{"value":"' || g.id || '","$ref":"' || p_base || '/Groups/' || g.id || '","display":'
            || to_json(g.display_name) || ',"type":"direct"}', ',' ORDER BY g.display_name_key), '') || '],'
        FROM calscim.members m,
            LATERAL (SELECT x.* FROM calscim.groups x WHERE x.id = m.group_id OFFSET 0) g
        WHERE m.member_id = p_member);
END $$;

-- The members of a group, as the attribute "members" and a comma. Without names, so that no table is joined.
CREATE FUNCTION calscim.members_json(p_group uuid, p_base text) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT '"members":[' || coalesce(string_agg(
            '{"value":"' || m.member_id || '","$ref":"' || p_base
            || CASE m.kind WHEN 'User' THEN '/Users/' ELSE '/Groups/' END || m.member_id
            || '","type":"' || m.kind || '"}', ',' ORDER BY m.member_id), '') || '],'
        FROM calscim.members m
        WHERE m.group_id = p_group);
END $$;

CREATE FUNCTION calscim.user_effect(u calscim.users, p_emails text[]) RETURNS bytea LANGUAGE sql STABLE AS $$
    SELECT convert_to(json_build_object(
        'op', 'user.put', 'id', u.id, 'user_name', u.user_name, 'user_name_key', u.user_name_key,
        'external_id', u.external_id, 'email', u.email, 'emails', p_emails, 'active', u.active,
        'managed', u.managed, 'source', u.source, 'version', u.version, 'data', u.data)::text, 'UTF8')
$$;

CREATE FUNCTION calscim.create_user(
    pos calscim.journal_position, p_id uuid, p_user_name text, p_user_name_key text, p_external_id text, p_email text,
    p_emails text[], p_active boolean, p_data jsonb, p_base text
) RETURNS calscim.change_effect LANGUAGE plpgsql AS $$
DECLARE
    u calscim.users;
    v_result calscim.change_effect;
BEGIN
    IF EXISTS (SELECT FROM calscim.users x WHERE x.directory_id = pos.stream AND x.user_name_key = p_user_name_key)
    THEN
        v_result.status := 409;
        RETURN v_result;
    END IF;
    INSERT INTO calscim.users (
        id, directory_id, user_name, user_name_key, external_id, email, active, managed, source, data,
        changed_seq, created_at, updated_at)
    VALUES (
        p_id, pos.stream, p_user_name, p_user_name_key, p_external_id, p_email, p_active, true, 'provider',
        p_data, pos.seq, pos.at, pos.at)
    RETURNING * INTO u;
    INSERT INTO calscim.user_emails (directory_id, value_key, user_id)
    SELECT pos.stream, e, p_id FROM unnest(p_emails) e;
    RETURN ROW(
        201, 1, calscim.resource_json('User', p_id, u.data, 1, pos.at, pos.at, p_base, '"groups":[],'), NULL,
        'User', p_id, calscim.user_effect(u, p_emails), 1, 0)::calscim.change_effect;
END $$;

-- Replaces the data of a user, who is managed from then on. Equal data change only the journal. p_expected NULL: any
-- version. p_active NULL: unchanged. p_set: sets only these attributes; the other arguments are NULL. Of the columns
-- only active depends on them.
CREATE FUNCTION calscim.update_user(
    pos calscim.journal_position, p_id uuid, p_expected bigint, p_user_name text, p_user_name_key text,
    p_external_id text, p_email text, p_emails text[], p_active boolean, p_data jsonb, p_base text,
    p_set jsonb DEFAULT NULL
) RETURNS calscim.change_effect LANGUAGE plpgsql AS $$
DECLARE
    v_changed boolean;
    u calscim.users;
    v_result calscim.change_effect;
BEGIN
    SELECT * INTO u FROM calscim.users WHERE id = p_id AND directory_id = pos.stream;
    IF NOT FOUND THEN
        v_result.status := 404;
        RETURN v_result;
    END IF;
    IF p_expected IS NOT NULL AND p_expected <> u.version THEN
        v_result.status := 412;
        v_result.version := u.version;
        RETURN v_result;
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
    p_active := coalesce(p_active, u.active);
    IF p_user_name_key <> u.user_name_key THEN
        IF EXISTS (
            SELECT FROM calscim.users x WHERE x.directory_id = pos.stream AND x.user_name_key = p_user_name_key)
        THEN
            v_result.status := 409;
            RETURN v_result;
        END IF;
    END IF;
    v_changed := u.data <> p_data OR u.email <> p_email OR u.active <> p_active
        OR u.user_name <> p_user_name OR u.external_id IS DISTINCT FROM p_external_id;
    IF v_changed OR NOT u.managed THEN
        UPDATE calscim.users
        SET user_name = p_user_name, user_name_key = p_user_name_key, external_id = p_external_id,
            email = p_email, active = p_active, managed = true, data = p_data,
            version = version + v_changed::integer, changed_seq = pos.seq,
            updated_at = CASE WHEN v_changed THEN pos.at ELSE updated_at END
        WHERE id = p_id
        RETURNING * INTO u;
    END IF;
    IF v_changed AND p_set IS NULL THEN
        IF ARRAY(SELECT e.value_key FROM calscim.user_emails e WHERE e.user_id = p_id ORDER BY e.value_key)
            <> ARRAY(SELECT e FROM unnest(p_emails) e ORDER BY e)
        THEN
            DELETE FROM calscim.user_emails WHERE user_id = p_id AND NOT value_key = ANY (p_emails);
            INSERT INTO calscim.user_emails (directory_id, value_key, user_id)
            SELECT pos.stream, e, p_id FROM unnest(p_emails) e ON CONFLICT DO NOTHING;
        END IF;
    END IF;
    RETURN ROW(
        200, u.version, calscim.resource_json(
            'User', p_id, u.data, u.version, u.created_at, u.updated_at, p_base, calscim.groups_json(p_id, p_base)),
        NULL, 'User', p_id, calscim.user_effect(u, p_emails), 0, 0)::calscim.change_effect;
END $$;

-- Removes a user or group from all groups, and increments the versions of those groups.
CREATE FUNCTION calscim.remove_from_groups(p_member uuid, p_seq bigint, p_at timestamptz)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    WITH gone AS (
        DELETE FROM calscim.members WHERE member_id = p_member RETURNING group_id, directory_id
    ), former AS (
        INSERT INTO calscim.former_members (group_id, member_id, directory_id, seq, at)
        SELECT group_id, p_member, directory_id, p_seq, p_at FROM gone
        ON CONFLICT (group_id, member_id) DO UPDATE SET seq = excluded.seq, at = excluded.at
    )
    UPDATE calscim.groups g SET version = version + 1, changed_seq = p_seq, updated_at = p_at
    FROM gone WHERE g.id = gone.group_id;
END $$;

-- Deletes a user. p_unmanaged: only if the provider has never written to the user, else 409.
CREATE FUNCTION calscim.delete_user(
    pos calscim.journal_position, p_id uuid, p_expected bigint, p_unmanaged boolean
) RETURNS calscim.change_effect LANGUAGE plpgsql AS $$
DECLARE
    u calscim.users;
    v_result calscim.change_effect;
BEGIN
    SELECT * INTO u FROM calscim.users WHERE id = p_id AND directory_id = pos.stream;
    IF NOT FOUND THEN
        v_result.status := 404;
        RETURN v_result;
    END IF;
    IF p_expected IS NOT NULL AND p_expected <> u.version THEN
        v_result.status := 412;
        v_result.version := u.version;
        RETURN v_result;
    END IF;
    IF p_unmanaged AND u.managed THEN
        v_result.status := 409;
        RETURN v_result;
    END IF;
    PERFORM calscim.remove_from_groups(p_id, pos.seq, pos.at);
    DELETE FROM calscim.users WHERE id = p_id;
    INSERT INTO calscim.tombstones (id, directory_id, kind, name, email, managed, seq, at)
    VALUES (p_id, pos.stream, 'User', u.user_name, u.email, u.managed, pos.seq, pos.at);
    RETURN ROW(
        204, NULL, NULL, NULL, 'User', p_id,
        convert_to(json_build_object('op', 'user.delete', 'id', p_id)::text, 'UTF8'), -1, 0)::calscim.change_effect;
END $$;

-- Imports members of the Cal.com organization as unmanaged users, in this order, each with its journal row. Leaves out
-- those whose address is the name or an address of another user. p_keys: calscim.name_key of the addresses, which are
-- the userNames too. Returns the ids of the new users. Here the statements work on all rows at once: calscim.create_user
-- would take three times as long. OFFSET 0 looks up each key in the indexes, however many users the directory has.
CREATE FUNCTION calscim.import_users(
    p_stream text, p_request_id text, p_ids uuid[], p_emails text[], p_keys text[], p_data text[], p_bodies bytea[]
) RETURNS SETOF uuid LANGUAGE plpgsql
SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    v_head calscim.journal_heads := calscim.lock_head_row(p_stream);
    v_at timestamptz := greatest(clock_timestamp(), v_head.at);
    v_rows calscim.journal[] := '{}';
    v_row calscim.journal;
    v_new record;
BEGIN
    FOR v_new IN
        WITH member AS (
            SELECT DISTINCT ON (m.key) m.*
            FROM unnest(p_ids, p_emails, p_keys, p_data, p_bodies) WITH ORDINALITY
                AS m (id, email, key, data, body, place)
            WHERE NOT EXISTS (
                    SELECT FROM calscim.users u
                    WHERE u.directory_id = p_stream AND u.user_name_key = m.key OFFSET 0)
                AND NOT EXISTS (
                    SELECT FROM calscim.user_emails e
                    WHERE e.directory_id = p_stream AND e.value_key = m.key OFFSET 0)
            ORDER BY m.key, m.place
        ), imported AS (
            INSERT INTO calscim.users (
                id, directory_id, user_name, user_name_key, email, active, managed, source, data, changed_seq,
                created_at, updated_at)
            SELECT m.id, p_stream, m.email, m.key, m.email, true, false, 'cal.com', m.data::jsonb,
                v_head.seq + row_number() OVER (ORDER BY m.place), v_at, v_at
            FROM member m
            ORDER BY m.place
            RETURNING *
        ), addresses AS (
            INSERT INTO calscim.user_emails (directory_id, value_key, user_id)
            SELECT p_stream, user_name_key, id FROM imported
        )
        SELECT u.id, m.body, calscim.user_effect(u, ARRAY[m.key]) AS effect
        FROM imported u JOIN member m USING (id)
        ORDER BY u.changed_seq
    LOOP
        v_row := calscim.build_journal_row(
            v_head,
            ROW(p_stream, 'import', p_request_id, '', '', '', NULL, v_new.body)::calscim.request_origin,
            v_at, 201, 'User', v_new.id::text, v_new.effect);
        v_rows := v_rows || v_row;
        v_head.seq := v_row.seq;
        v_head.at := v_at;
        v_head.hash := v_row.hash;
        RETURN NEXT v_new.id;
    END LOOP;
    IF cardinality(v_rows) > 0 THEN
        v_head.user_count := v_head.user_count + cardinality(v_rows);
        PERFORM calscim.append_rows(v_head, v_rows);
    END IF;
END $$;

-- Gives an imported user the new address of its account. The user stays unmanaged. Deletes the user as a duplicate if
-- another user has the name or the address, with its link: the account is imported again when its address is free. 404:
-- the provider has written to the user meanwhile, or the user was deleted.
CREATE FUNCTION calscim.update_imported_user(
    pos calscim.journal_position, p_id uuid, p_user_name text, p_key text, p_data jsonb
) RETURNS calscim.change_effect LANGUAGE plpgsql AS $$
DECLARE
    u calscim.users;
    v_result calscim.change_effect;
BEGIN
    IF NOT EXISTS (SELECT FROM calscim.users x WHERE x.id = p_id AND x.directory_id = pos.stream AND NOT x.managed) THEN
        v_result.status := 404;
        RETURN v_result;
    END IF;
    IF EXISTS (
        SELECT FROM calscim.users x
        WHERE x.directory_id = pos.stream AND x.user_name_key = p_key AND x.id <> p_id
        UNION ALL
        SELECT FROM calscim.user_emails e
        WHERE e.directory_id = pos.stream AND e.value_key = p_key AND e.user_id <> p_id)
    THEN
        DELETE FROM calscim.account_links WHERE user_id = p_id;
        RETURN calscim.delete_user(pos, p_id, NULL, true);
    END IF;
    UPDATE calscim.users
    SET user_name = p_user_name, user_name_key = p_key, email = p_user_name, data = p_data,
        version = version + 1, changed_seq = pos.seq, updated_at = pos.at
    WHERE id = p_id
    RETURNING * INTO u;
    DELETE FROM calscim.user_emails WHERE user_id = p_id AND value_key <> p_key;
    INSERT INTO calscim.user_emails (directory_id, value_key, user_id) VALUES (pos.stream, p_key, p_id)
    ON CONFLICT DO NOTHING;
    RETURN ROW(
        200, u.version, NULL, NULL, 'User', p_id, calscim.user_effect(u, ARRAY[p_key]), 0, 0)::calscim.change_effect;
END $$;
