-- A directory's head is read once and written once for all the changes that are made together, and their journal rows
-- are inserted together.

DROP FUNCTION calscim.begin_change(calscim.origin);
DROP FUNCTION calscim.record(
    calscim.origin, calscim.heads, timestamptz, integer, text, text, bytea, integer, integer);
DROP FUNCTION calscim.user_create(
    calscim.origin, uuid, text, text, text, text, text[], boolean, boolean, text, jsonb, text);
DROP FUNCTION calscim.user_update(
    calscim.origin, uuid, bigint, text, text, text, text, text[], boolean, jsonb, text, jsonb);
DROP FUNCTION calscim.group_create(
    calscim.origin, uuid, text, text, text, jsonb, uuid[], text[], text, text);
DROP FUNCTION calscim.group_update(
    calscim.origin, uuid, bigint, text, text, text, jsonb, boolean, uuid[], uuid[], text[], text, text);
DROP FUNCTION calscim.group_delete(calscim.origin, uuid, bigint);
DROP FUNCTION calscim.change(text, calscim.origin, jsonb);

-- Locks a stream's head and returns it.
CREATE FUNCTION calscim.locked_head(p_stream text) RETURNS calscim.heads LANGUAGE plpgsql AS $$
DECLARE v_head calscim.heads;
BEGIN
    SELECT * INTO v_head FROM calscim.heads WHERE stream = p_stream FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM calscim.lock_head(p_stream);
        SELECT * INTO v_head FROM calscim.heads WHERE stream = p_stream;
    END IF;
    RETURN v_head;
END $$;

-- The row that comes after a head.
CREATE FUNCTION calscim.next_row(
    p_head calscim.heads, o calscim.origin, p_at timestamptz, p_status integer, p_resource_type text,
    p_resource_id text, p_effect bytea
) RETURNS calscim.journal LANGUAGE plpgsql AS $$
DECLARE
    v_seq bigint := p_head.seq + 1;
    v_body_digest bytea := sha256(coalesce(o.body, ''));
    v_effect_digest bytea := sha256(coalesce(p_effect, ''));
BEGIN
    RETURN ROW(
        o.stream, v_seq, p_at, o.kind, o.request_id, o.method, o.path, p_status, o.remote, o.token_id,
        p_resource_type, p_resource_id, o.body, p_effect, v_body_digest, v_effect_digest, p_head.hash,
        sha256(p_head.hash || convert_to(calscim.journal_header(
            o.stream, v_seq, p_at, o.kind, o.request_id, o.method, o.path, p_status, o.remote, o.token_id,
            p_resource_type, p_resource_id, v_body_digest, v_effect_digest), 'UTF8')))::calscim.journal;
END $$;

-- Appends rows of one kind to a stream whose head the transaction has locked, and wakes whoever listens. p_head: as
-- it is after them.
CREATE FUNCTION calscim.record(p_head calscim.heads, p_rows calscim.journal[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO calscim.journal SELECT * FROM unnest(p_rows);
    UPDATE calscim.heads
    SET seq = p_head.seq, at = p_head.at, hash = p_head.hash, users = p_head.users, groups = p_head.groups,
        gone = p_head.gone
    WHERE stream = p_head.stream;
    IF (p_rows[1]).kind IN ('scim', 'import', 'admin') THEN  -- what a reconciler has to look at
        PERFORM pg_notify('calscim', p_head.stream);
    END IF;
END $$;

-- One row, to a stream that is not locked yet. Returns its seq.
CREATE OR REPLACE FUNCTION calscim.append(
    p_stream text, p_kind text, p_request_id text, p_method text, p_path text, p_status integer,
    p_remote text, p_token_id bigint, p_resource_type text, p_resource_id text,
    p_body bytea, p_effect bytea
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_head calscim.heads := calscim.locked_head(p_stream);
    j calscim.journal;
BEGIN
    j := calscim.next_row(
        v_head,
        ROW(p_stream, p_kind, p_request_id, p_method, p_path, p_remote, p_token_id, p_body)::calscim.origin,
        greatest(clock_timestamp(), v_head.at), p_status, p_resource_type, p_resource_id, p_effect);
    v_head.seq := j.seq;
    v_head.at := j.at;
    v_head.hash := j.hash;
    PERFORM calscim.record(v_head, ARRAY[j]);
    RETURN j.seq;
END $$;

-- The journal row that a change is going to have.
CREATE TYPE calscim.turn AS (stream text, seq bigint, at timestamptz);

-- What a function below did. effect NULL: nothing, and there is no row. users, groups: how many more there are now.
CREATE TYPE calscim.made AS (
    status integer, version bigint, body text, skipped text[], resource_type text, resource_id text, effect bytea,
    users integer, groups integer
);

CREATE FUNCTION calscim.user_create(
    t calscim.turn, p_id uuid, p_user_name text, p_user_name_key text, p_external_id text, p_email text,
    p_emails text[], p_active boolean, p_managed boolean, p_source text, p_data jsonb, p_base text
) RETURNS calscim.made LANGUAGE plpgsql AS $$
DECLARE
    u calscim.users;
    w calscim.made;
BEGIN
    IF EXISTS (SELECT FROM calscim.users x WHERE x.directory_id = t.stream AND x.user_name_key = p_user_name_key)
    THEN
        w.status := 409;
        RETURN w;
    END IF;
    INSERT INTO calscim.users (
        id, directory_id, user_name, user_name_key, external_id, email, active, managed, source, data,
        changed_seq, created_at, updated_at)
    VALUES (
        p_id, t.stream, p_user_name, p_user_name_key, p_external_id, p_email, p_active, p_managed, p_source,
        p_data, t.seq, t.at, t.at)
    RETURNING * INTO u;
    INSERT INTO calscim.user_emails (directory_id, value_key, user_id)
    SELECT t.stream, e, p_id FROM unnest(p_emails) e;
    RETURN ROW(
        201, 1, calscim.resource_json('User', p_id, u.data, 1, t.at, t.at, p_base, '"groups":[],'), NULL,
        'User', p_id, calscim.user_effect(u, p_emails), 1, 0)::calscim.made;
END $$;

-- Replaces a user's state; a provider's write makes it managed. Nothing changes but the journal when the state
-- is what it was. p_expected NULL: whatever version it has. p_set: only these attributes, of which neither a
-- column but active nor the addresses depend; the other arguments are NULL then.
CREATE FUNCTION calscim.user_update(
    t calscim.turn, p_id uuid, p_expected bigint, p_user_name text, p_user_name_key text, p_external_id text,
    p_email text, p_emails text[], p_active boolean, p_data jsonb, p_base text, p_set jsonb DEFAULT NULL
) RETURNS calscim.made LANGUAGE plpgsql AS $$
DECLARE
    v_changed boolean;
    u calscim.users;
    w calscim.made;
BEGIN
    SELECT * INTO u FROM calscim.users WHERE id = p_id AND directory_id = t.stream;
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
    IF p_user_name_key <> u.user_name_key THEN
        IF EXISTS (
            SELECT FROM calscim.users x WHERE x.directory_id = t.stream AND x.user_name_key = p_user_name_key)
        THEN
            w.status := 409;
            RETURN w;
        END IF;
    END IF;
    v_changed := u.data <> p_data OR u.email <> p_email OR u.active <> p_active
        OR u.user_name <> p_user_name OR u.external_id IS DISTINCT FROM p_external_id;
    IF v_changed OR NOT u.managed THEN
        UPDATE calscim.users
        SET user_name = p_user_name, user_name_key = p_user_name_key, external_id = p_external_id,
            email = p_email, active = p_active, managed = true, data = p_data,
            version = version + v_changed::integer, changed_seq = t.seq,
            updated_at = CASE WHEN v_changed THEN t.at ELSE updated_at END
        WHERE id = p_id
        RETURNING * INTO u;
    END IF;
    IF v_changed AND p_set IS NULL THEN
        IF ARRAY(SELECT e.value_key FROM calscim.user_emails e WHERE e.user_id = p_id ORDER BY e.value_key)
            <> ARRAY(SELECT e FROM unnest(p_emails) e ORDER BY e)
        THEN
            DELETE FROM calscim.user_emails WHERE user_id = p_id AND NOT value_key = ANY (p_emails);
            INSERT INTO calscim.user_emails (directory_id, value_key, user_id)
            SELECT t.stream, e, p_id FROM unnest(p_emails) e ON CONFLICT DO NOTHING;
        END IF;
    END IF;
    RETURN ROW(
        200, u.version, calscim.resource_json(
            'User', p_id, u.data, u.version, u.created_at, u.updated_at, p_base, calscim.groups_json(p_id, p_base)),
        NULL, 'User', p_id, calscim.user_effect(u, p_emails), 0, 0)::calscim.made;
END $$;

-- p_unmanaged: only somebody the provider has never written to (409 otherwise).
CREATE FUNCTION calscim.user_delete(
    t calscim.turn, p_id uuid, p_expected bigint, p_unmanaged boolean
) RETURNS calscim.made LANGUAGE plpgsql AS $$
DECLARE
    u calscim.users;
    w calscim.made;
BEGIN
    SELECT * INTO u FROM calscim.users WHERE id = p_id AND directory_id = t.stream;
    IF NOT FOUND THEN
        w.status := 404;
        RETURN w;
    END IF;
    IF p_expected IS NOT NULL AND p_expected <> u.version THEN
        w.status := 412;
        w.version := u.version;
        RETURN w;
    END IF;
    IF p_unmanaged AND u.managed THEN
        w.status := 409;
        RETURN w;
    END IF;
    PERFORM calscim.leave_groups(p_id, t.seq, t.at);
    DELETE FROM calscim.users WHERE id = p_id;
    INSERT INTO calscim.tombstones (id, directory_id, kind, name, email, managed, seq, at)
    VALUES (p_id, t.stream, 'User', u.user_name, u.email, u.managed, t.seq, t.at);
    RETURN ROW(
        204, NULL, NULL, NULL, 'User', p_id,
        convert_to(json_build_object('op', 'user.delete', 'id', p_id)::text, 'UTF8'), -1, 0)::calscim.made;
END $$;

CREATE FUNCTION calscim.group_create(
    t calscim.turn, p_id uuid, p_display_name text, p_display_name_key text, p_external_id text, p_data jsonb,
    p_members uuid[], p_unknown text[], p_base text, p_answer text
) RETURNS calscim.made LANGUAGE plpgsql AS $$
DECLARE
    v_users uuid[];
    v_groups uuid[];
    g calscim.groups;
    v_bound bigint[] := '{}';
    w calscim.made;
BEGIN
    IF EXISTS (
        SELECT FROM calscim.groups x WHERE x.directory_id = t.stream AND x.display_name_key = p_display_name_key)
    THEN
        w.status := 409;
        RETURN w;
    END IF;
    INSERT INTO calscim.groups (
        id, directory_id, display_name, display_name_key, external_id, data, changed_seq, created_at, updated_at)
    VALUES (
        p_id, t.stream, p_display_name, p_display_name_key, p_external_id, p_data, t.seq, t.at, t.at)
    RETURNING * INTO g;
    WITH added AS (
        INSERT INTO calscim.members (group_id, member_id, kind, directory_id, seq, at)
        SELECT p_id, k.member_id, k.kind, t.stream, t.seq, t.at
        FROM calscim.member_kinds(t.stream, p_id, p_members) k
        RETURNING member_id, kind
    )
    SELECT coalesce(array_agg(member_id) FILTER (WHERE kind = 'User'), '{}'),
           coalesce(array_agg(member_id) FILTER (WHERE kind = 'Group'), '{}')
    INTO v_users, v_groups FROM added;
    w.skipped := p_unknown || ARRAY(
        SELECT i::text FROM (SELECT unnest(p_members) EXCEPT SELECT unnest(v_users || v_groups)) s (i));
    v_bound := calscim.bind_mappings(t.stream, p_id, p_display_name);
    RETURN ROW(
        201, 1, calscim.group_json(g, p_base, p_answer), w.skipped, 'Group', p_id,
        calscim.group_effect(g, v_users, v_groups, '{}', w.skipped, v_bound), 0, 1)::calscim.made;
END $$;

-- Changes a group's attributes (p_data NULL: none of them) and members. p_replace: the members are p_add alone;
-- otherwise p_add come in and p_remove go, at a cost that does not depend on who else is in the group.
CREATE FUNCTION calscim.group_update(
    t calscim.turn, p_id uuid, p_expected bigint, p_display_name text, p_display_name_key text,
    p_external_id text, p_data jsonb, p_replace boolean, p_add uuid[], p_remove uuid[], p_unknown text[],
    p_base text, p_answer text
) RETURNS calscim.made LANGUAGE plpgsql AS $$
DECLARE
    v_users uuid[] := '{}';
    v_groups uuid[] := '{}';
    v_removed uuid[] := '{}';
    v_renamed boolean;
    v_id uuid;
    g calscim.groups;
    v_bound bigint[] := '{}';
    w calscim.made;
BEGIN
    SELECT * INTO g FROM calscim.groups WHERE id = p_id AND directory_id = t.stream;
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
    IF v_renamed THEN
        IF EXISTS (
            SELECT FROM calscim.groups x
            WHERE x.directory_id = t.stream AND x.display_name_key = p_display_name_key AND x.id <> p_id)
        THEN
            w.status := 409;
            RETURN w;
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
        SELECT p_id, r, t.stream, t.seq, t.at FROM unnest(v_removed) r
        ON CONFLICT (group_id, member_id) DO UPDATE SET seq = excluded.seq, at = excluded.at;
    END IF;
    w.skipped := p_unknown;
    IF cardinality(p_add) BETWEEN 1 AND 4 THEN  -- one after the other: to begin with sets costs more than these
        FOREACH v_id IN ARRAY p_add LOOP
            CASE calscim.add_member(t.stream, p_id, v_id, t.seq, t.at)
                WHEN 'User' THEN v_users := v_users || v_id;
                WHEN 'Group' THEN v_groups := v_groups || v_id;
                WHEN 'unknown' THEN w.skipped := w.skipped || v_id::text;
                ELSE NULL;  -- is in the group already
            END CASE;
        END LOOP;
    ELSIF cardinality(p_add) > 0 THEN
        WITH known AS (
            SELECT k.member_id, k.kind FROM calscim.member_kinds(t.stream, p_id, p_add) k
        ), added AS (
            INSERT INTO calscim.members (group_id, member_id, kind, directory_id, seq, at)
            SELECT p_id, k.member_id, k.kind, t.stream, t.seq, t.at FROM known k
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
            data = coalesce(p_data, data), version = version + 1, changed_seq = t.seq, updated_at = t.at
        WHERE id = p_id
        RETURNING * INTO g;
    END IF;
    IF v_renamed THEN
        v_bound := calscim.bind_mappings(t.stream, p_id, p_display_name);
    END IF;
    RETURN ROW(
        CASE p_answer WHEN 'none' THEN 204 ELSE 200 END, g.version, calscim.group_json(g, p_base, p_answer), w.skipped,
        'Group', p_id, calscim.group_effect(g, v_users, v_groups, v_removed, w.skipped, v_bound), 0, 0)::calscim.made;
END $$;

CREATE FUNCTION calscim.group_delete(t calscim.turn, p_id uuid, p_expected bigint)
RETURNS calscim.made LANGUAGE plpgsql AS $$
DECLARE
    g calscim.groups;
    w calscim.made;
BEGIN
    SELECT * INTO g FROM calscim.groups WHERE id = p_id AND directory_id = t.stream;
    IF NOT FOUND THEN
        w.status := 404;
        RETURN w;
    END IF;
    IF p_expected IS NOT NULL AND p_expected <> g.version THEN
        w.status := 412;
        w.version := g.version;
        RETURN w;
    END IF;
    PERFORM calscim.leave_groups(p_id, t.seq, t.at);
    INSERT INTO calscim.former_members (group_id, member_id, directory_id, seq, at)
    SELECT p_id, m.member_id, t.stream, t.seq, t.at FROM calscim.members m WHERE m.group_id = p_id
    ON CONFLICT (group_id, member_id) DO UPDATE SET seq = excluded.seq, at = excluded.at;
    DELETE FROM calscim.groups WHERE id = p_id;
    UPDATE calscim.mappings SET group_id = NULL WHERE group_id = p_id AND removed_at IS NULL;
    INSERT INTO calscim.tombstones (id, directory_id, kind, name, seq, at)
    VALUES (p_id, t.stream, 'Group', g.display_name, t.seq, t.at);
    RETURN ROW(
        204, NULL, NULL, NULL, 'Group', p_id,
        convert_to(json_build_object('op', 'group.delete', 'id', p_id)::text, 'UTF8'), 0, -1)::calscim.made;
END $$;

-- One change, whichever it is. a: the arguments by name; arrays as Postgres writes them.
CREATE FUNCTION calscim.change(p_op text, t calscim.turn, a jsonb) RETURNS calscim.made LANGUAGE plpgsql AS $$
DECLARE v_id uuid := (a ->> 'id')::uuid;
BEGIN
    CASE p_op
    WHEN 'user.create' THEN
        RETURN calscim.user_create(
            t, v_id, a ->> 'user_name', a ->> 'key', a ->> 'external_id', a ->> 'email',
            (a ->> 'emails')::text[], (a ->> 'active')::boolean,
            (a ->> 'managed')::boolean, a ->> 'source', a -> 'data', a ->> 'base');
    WHEN 'user.update' THEN
        RETURN calscim.user_update(
            t, v_id, (a ->> 'expected')::bigint, a ->> 'user_name', a ->> 'key', a ->> 'external_id',
            a ->> 'email', (a ->> 'emails')::text[], (a ->> 'active')::boolean,
            a -> 'data', a ->> 'base');
    WHEN 'user.set' THEN
        RETURN calscim.user_update(
            t, v_id, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, a ->> 'base', a -> 'set');
    WHEN 'user.delete' THEN
        RETURN calscim.user_delete(t, v_id, (a ->> 'expected')::bigint, (a ->> 'unmanaged')::boolean);
    WHEN 'group.create' THEN
        RETURN calscim.group_create(
            t, v_id, a ->> 'display_name', a ->> 'key', a ->> 'external_id', a -> 'data',
            (a ->> 'add')::uuid[], (a ->> 'unknown')::text[], a ->> 'base',
            a ->> 'answer');
    WHEN 'group.update' THEN
        RETURN calscim.group_update(
            t, v_id, (a ->> 'expected')::bigint, a ->> 'display_name', a ->> 'key', a ->> 'external_id',
            a -> 'data', (a ->> 'replace')::boolean, (a ->> 'add')::uuid[], (a ->> 'remove')::uuid[],
            (a ->> 'unknown')::text[], a ->> 'base', a ->> 'answer');
    WHEN 'group.delete' THEN
        RETURN calscim.group_delete(t, v_id, (a ->> 'expected')::bigint);
    END CASE;
END $$;

-- Changes of one directory, in this order, in one transaction: each is made or refused by itself, and each has
-- its journal row; what they share is the head, the token's test and the wait for the disk. Answers in the same order.
-- The settings: a plan that is made while a table is nearly empty would read all of it, and be kept when it is not
-- empty any more; and to plan anew each time costs more than a better plan brings.
-- An IF within an IF, here and above, is one that does not ask the tables unless it has to.
CREATE OR REPLACE FUNCTION calscim.changes(
    p_stream text, p_ops text[], p_kinds text[], p_request_ids text[], p_methods text[], p_paths text[],
    p_remotes text[], p_token_ids bigint[], p_bodies bytea[], p_arguments text[]
) RETURNS SETOF calscim.written LANGUAGE plpgsql
SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    v_head calscim.heads := calscim.locked_head(p_stream);
    v_valid bigint;  -- the last token that was found to be
    v_at timestamptz;
    v_rows calscim.journal[] := '{}';
    w calscim.made;
    j calscim.journal;
BEGIN
    FOR i IN 1 .. cardinality(p_ops) LOOP
        IF p_token_ids[i] <> v_valid IS NOT FALSE THEN
            IF p_token_ids[i] IS NOT NULL AND NOT EXISTS (
                SELECT FROM calscim.tokens t JOIN calscim.directories d ON d.id = t.directory_id
                WHERE t.id = p_token_ids[i] AND d.id = p_stream AND t.revoked_at IS NULL AND d.deleted_at IS NULL
                    AND (t.expires_at IS NULL OR t.expires_at > clock_timestamp()))
            THEN
                RETURN NEXT ROW(401, NULL, NULL, NULL, NULL)::calscim.written;
                CONTINUE;
            END IF;
            v_valid := p_token_ids[i];
        END IF;
        v_at := greatest(clock_timestamp(), v_head.at);
        w := calscim.change(p_ops[i], ROW(p_stream, v_head.seq + 1, v_at)::calscim.turn, p_arguments[i]::jsonb);
        IF w.effect IS NOT NULL THEN
            j := calscim.next_row(
                v_head,
                ROW(
                    p_stream, p_kinds[i], p_request_ids[i], p_methods[i], p_paths[i], p_remotes[i], p_token_ids[i],
                    p_bodies[i])::calscim.origin,
                v_at, w.status, w.resource_type, w.resource_id, w.effect);
            v_rows := v_rows || j;
            v_head.seq := j.seq;
            v_head.at := v_at;
            v_head.hash := j.hash;
            v_head.users := v_head.users + w.users;
            v_head.groups := v_head.groups + w.groups;
            v_head.gone := v_head.gone + (w.users < 0)::integer;
        END IF;
        RETURN NEXT ROW(
            w.status, CASE WHEN w.effect IS NULL THEN NULL ELSE j.seq END, w.version, w.body, w.skipped
        )::calscim.written;
    END LOOP;
    IF cardinality(v_rows) > 0 THEN
        PERFORM calscim.record(v_head, v_rows);
    END IF;
END $$;

-- Deletes a user in a change of its own.
CREATE OR REPLACE FUNCTION calscim.user_delete(o calscim.origin, p_id uuid, p_expected bigint, p_unmanaged boolean)
RETURNS calscim.written LANGUAGE sql AS $$
    SELECT * FROM calscim.changes(
        o.stream, ARRAY['user.delete'], ARRAY[o.kind], ARRAY[o.request_id], ARRAY[o.method], ARRAY[o.path],
        ARRAY[o.remote], ARRAY[o.token_id], ARRAY[o.body],
        ARRAY[jsonb_build_object('id', p_id, 'expected', p_expected, 'unmanaged', p_unmanaged)::text])
$$;
