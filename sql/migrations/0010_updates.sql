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
