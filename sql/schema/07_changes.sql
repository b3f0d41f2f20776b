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
CREATE FUNCTION calscim.changes(
    p_stream text, p_ops text[], p_kinds text[], p_request_ids text[], p_methods text[], p_paths text[],
    p_remotes text[], p_token_ids bigint[], p_bodies bytea[], p_arguments text[]
) RETURNS SETOF calscim.written LANGUAGE plpgsql
SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    v_head calscim.journal_heads := calscim.locked_head(p_stream);
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
CREATE FUNCTION calscim.user_delete(o calscim.origin, p_id uuid, p_expected bigint, p_unmanaged boolean)
RETURNS calscim.written LANGUAGE sql AS $$
    SELECT * FROM calscim.changes(
        o.stream, ARRAY['user.delete'], ARRAY[o.kind], ARRAY[o.request_id], ARRAY[o.method], ARRAY[o.path],
        ARRAY[o.remote], ARRAY[o.token_id], ARRAY[o.body],
        ARRAY[jsonb_build_object('id', p_id, 'expected', p_expected, 'unmanaged', p_unmanaged)::text])
$$;

-- What became of a request whose connection was lost. Waits for a change that is under way, and looks after it.
CREATE FUNCTION calscim.outcome(p_stream text, p_request_id text, p_body bytea, p_since timestamptz)
RETURNS TABLE (status integer, seq bigint, resource_type text, resource_id text) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM calscim.lock_head(p_stream);
    RETURN QUERY
        SELECT j.status, j.seq, j.resource_type, j.resource_id FROM calscim.journal j
        WHERE j.stream = p_stream AND j.request_id = p_request_id AND j.kind = 'scim' AND j.at > p_since
            AND j.body_digest = sha256(coalesce(p_body, ''))
        ORDER BY j.seq DESC LIMIT 1;
END $$;

