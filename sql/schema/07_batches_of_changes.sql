-- Applies one change. args: the arguments by name; arrays in the notation of Postgres.
CREATE FUNCTION calscim.apply_change(p_op text, pos calscim.journal_position, args jsonb)
RETURNS calscim.change_effect LANGUAGE plpgsql AS $$
DECLARE v_id uuid := (args ->> 'id')::uuid;
BEGIN
    CASE p_op
    WHEN 'user.create' THEN
        RETURN calscim.create_user(
            pos, v_id, args ->> 'user_name', args ->> 'key', args ->> 'external_id', args ->> 'email',
            (args ->> 'emails')::text[], (args ->> 'active')::boolean, args -> 'data', args ->> 'base');
    WHEN 'user.update' THEN
        RETURN calscim.update_user(
            pos, v_id, (args ->> 'expected')::bigint, args ->> 'user_name', args ->> 'key', args ->> 'external_id',
            args ->> 'email', (args ->> 'emails')::text[], (args ->> 'active')::boolean,
            args -> 'data', args ->> 'base');
    WHEN 'user.set' THEN
        RETURN calscim.update_user(
            pos, v_id, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, args ->> 'base', args -> 'set');
    WHEN 'user.delete' THEN
        RETURN calscim.delete_user(pos, v_id, (args ->> 'expected')::bigint, (args ->> 'unmanaged')::boolean);
    WHEN 'user.follow' THEN
        RETURN calscim.update_imported_user(pos, v_id, args ->> 'user_name', args ->> 'key', args -> 'data');
    WHEN 'group.create' THEN
        RETURN calscim.create_group(
            pos, v_id, args ->> 'display_name', args ->> 'key', args ->> 'external_id', args -> 'data',
            (args ->> 'add')::uuid[], (args ->> 'unknown')::text[], args ->> 'base',
            args ->> 'answer');
    WHEN 'group.update' THEN
        RETURN calscim.update_group(
            pos, v_id, (args ->> 'expected')::bigint, args ->> 'display_name', args ->> 'key', args ->> 'external_id',
            args -> 'data', (args ->> 'replace')::boolean, (args ->> 'add')::uuid[], (args ->> 'remove')::uuid[],
            (args ->> 'unknown')::text[], args ->> 'base', args ->> 'answer');
    WHEN 'group.delete' THEN
        RETURN calscim.delete_group(pos, v_id, (args ->> 'expected')::bigint);
    END CASE;
END $$;

-- Applies changes of one directory, in this order, in one transaction. Each succeeds or is refused on its own and
-- has its own journal row; they share the head, the check of the token and the commit. Returns the results in the
-- same order. The settings: a plan that is made while a table is nearly empty would scan the table, and stay in use
-- when the table has grown; planning each call again costs more than a better plan saves. Nested IFs, here and
-- above, avoid needless queries. p_traceparents: NULL without tracing.
CREATE FUNCTION calscim.apply_changes(
    p_stream text, p_ops text[], p_kinds text[], p_request_ids text[], p_methods text[], p_paths text[],
    p_remotes text[], p_token_ids bigint[], p_bodies bytea[], p_arguments text[],
    p_traceparents text[] DEFAULT NULL
) RETURNS SETOF calscim.write_result LANGUAGE plpgsql
SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    v_head calscim.journal_heads := calscim.lock_head_row(p_stream);
    v_valid bigint;  -- the last token that was valid
    v_at timestamptz;
    v_rows calscim.journal[] := '{}';
    v_result calscim.change_effect;
    v_row calscim.journal;
BEGIN
    FOR i IN 1 .. cardinality(p_ops) LOOP
        IF p_token_ids[i] <> v_valid IS NOT FALSE THEN
            IF p_token_ids[i] IS NOT NULL AND NOT EXISTS (
                SELECT FROM calscim.tokens t JOIN calscim.directories d ON d.id = t.directory_id
                WHERE t.id = p_token_ids[i] AND d.id = p_stream AND t.revoked_at IS NULL AND d.deleted_at IS NULL
                    AND (t.expires_at IS NULL OR t.expires_at > clock_timestamp()))
            THEN
                RETURN NEXT ROW(401, NULL, NULL, NULL, NULL)::calscim.write_result;
                CONTINUE;
            END IF;
            v_valid := p_token_ids[i];
        END IF;
        v_at := greatest(clock_timestamp(), v_head.at);
        v_result := calscim.apply_change(
            p_ops[i], ROW(p_stream, v_head.seq + 1, v_at)::calscim.journal_position, p_arguments[i]::jsonb);
        IF v_result.effect IS NOT NULL THEN
            v_row := calscim.build_journal_row(
                v_head,
                ROW(
                    p_stream, p_kinds[i], p_request_ids[i], p_methods[i], p_paths[i], p_remotes[i], p_token_ids[i],
                    p_bodies[i])::calscim.request_origin,
                v_at, v_result.status, v_result.resource_type, v_result.resource_id, v_result.effect,
                p_traceparents[i]);
            v_rows := v_rows || v_row;
            v_head.seq := v_row.seq;
            v_head.at := v_at;
            v_head.hash := v_row.hash;
            v_head.user_count := v_head.user_count + v_result.user_delta;
            v_head.group_count := v_head.group_count + v_result.group_delta;
            v_head.deleted_user_count := v_head.deleted_user_count + (v_result.user_delta < 0)::integer;
        END IF;
        RETURN NEXT ROW(
            v_result.status, CASE WHEN v_result.effect IS NULL THEN NULL ELSE v_row.seq END, v_result.version,
            v_result.body, v_result.skipped
        )::calscim.write_result;
    END LOOP;
    IF cardinality(v_rows) > 0 THEN
        PERFORM calscim.append_rows(v_head, v_rows);
    END IF;
END $$;

-- Deletes a user outside of a batch.
CREATE FUNCTION calscim.delete_user(p_origin calscim.request_origin, p_id uuid, p_expected bigint, p_unmanaged boolean)
RETURNS calscim.write_result LANGUAGE sql AS $$
    SELECT * FROM calscim.apply_changes(
        p_origin.stream, ARRAY['user.delete'], ARRAY[p_origin.kind], ARRAY[p_origin.request_id],
        ARRAY[p_origin.method], ARRAY[p_origin.path],
        ARRAY[p_origin.remote], ARRAY[p_origin.token_id], ARRAY[p_origin.body],
        ARRAY[jsonb_build_object('id', p_id, 'expected', p_expected, 'unmanaged', p_unmanaged)::text])
$$;

-- The outcome of a request whose connection was lost. Waits until its transaction has ended.
CREATE FUNCTION calscim.find_outcome(p_stream text, p_request_id text, p_body bytea, p_since timestamptz)
RETURNS TABLE (status integer, seq bigint, resource_type text, resource_id text) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM calscim.lock_head(p_stream);
    RETURN QUERY
        SELECT j.status, j.seq, j.resource_type, j.resource_id FROM calscim.journal j
        WHERE j.stream = p_stream AND j.request_id = p_request_id AND j.kind = 'scim' AND j.at > p_since
            AND j.body_digest = sha256(coalesce(p_body, ''))
        ORDER BY j.seq DESC LIMIT 1;
END $$;

