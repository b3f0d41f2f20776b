-- A mapping follows the names of its group: it waits for the last one when the group is deleted. Entries of people
-- whom calscim imported follow a changed address and stay unmanaged. What Cal.com did not answer is known as such.

ALTER TABLE calscim.mappings ADD COLUMN former_names text[] NOT NULL DEFAULT '{}';
ALTER TABLE calscim.parked ADD COLUMN unanswered boolean NOT NULL DEFAULT false;

-- Gives a group its mappings when it gets a name. The live mappings that wait for exactly this name are bound to it,
-- and returned. Those that are bound to it already follow: should the group be deleted, they wait for its last name.
-- One that would meet another mapping of the directory with this name and team keeps the name it has.
CREATE OR REPLACE FUNCTION calscim.bind_mappings(p_directory text, p_group uuid, p_name text)
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
    LOOP  -- one after the other, so that each sees the names that the others have got
        UPDATE calscim.mappings m
        SET group_name = p_name, former_names = array_remove(m.former_names, p_name) || m.group_name
        WHERE m.id = v_id AND NOT EXISTS (
            SELECT FROM calscim.mappings o
            WHERE o.directory_id = m.directory_id AND o.group_name = p_name AND o.removed_at IS NULL
                AND coalesce(o.team_id, 0) = coalesce(m.team_id, 0));
    END LOOP;
    RETURN v_bound;
END $$;

-- Gives an imported entry the address that its account has now. The entry stays unmanaged, unlike after a provider's
-- write. 404: the provider has written to it meanwhile, or it is gone. 409: another user has the name or the address.
CREATE FUNCTION calscim.user_follow(
    o calscim.origin, p_id uuid, p_user_name text, p_user_name_key text, p_email text, p_emails text[], p_data jsonb
) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    v_head calscim.heads := calscim.locked_head(o.stream);
    v_at timestamptz := greatest(clock_timestamp(), v_head.at);
    u calscim.users;
    j calscim.journal;
BEGIN
    SELECT * INTO u FROM calscim.users WHERE id = p_id AND directory_id = o.stream AND NOT managed;
    IF NOT FOUND THEN
        RETURN 404;
    END IF;
    IF EXISTS (
        SELECT FROM calscim.users x
        WHERE x.directory_id = o.stream AND x.user_name_key = p_user_name_key AND x.id <> p_id
        UNION ALL
        SELECT FROM calscim.user_emails e
        WHERE e.directory_id = o.stream AND e.value_key = ANY (p_emails) AND e.user_id <> p_id)
    THEN
        RETURN 409;
    END IF;
    UPDATE calscim.users
    SET user_name = p_user_name, user_name_key = p_user_name_key, email = p_email, data = p_data,
        version = version + 1, changed_seq = v_head.seq + 1, updated_at = v_at
    WHERE id = p_id
    RETURNING * INTO u;
    DELETE FROM calscim.user_emails WHERE user_id = p_id AND NOT value_key = ANY (p_emails);
    INSERT INTO calscim.user_emails (directory_id, value_key, user_id)
    SELECT o.stream, e, p_id FROM unnest(p_emails) e ON CONFLICT DO NOTHING;
    j := calscim.next_row(v_head, o, v_at, 200, 'User', p_id::text, calscim.user_effect(u, p_emails));
    v_head.seq := j.seq;
    v_head.at := j.at;
    v_head.hash := j.hash;
    PERFORM calscim.record(v_head, ARRAY[j]);
    RETURN 200;
END $$;

-- Mappings whose group was renamed before mappings followed. Of two that would get one name, the first gets it.
DO $$
DECLARE n record;
BEGIN
    FOR n IN
        SELECT DISTINCT m.directory_id, m.group_id, g.display_name
        FROM calscim.mappings m JOIN calscim.groups g ON g.id = m.group_id
        WHERE m.removed_at IS NULL AND m.group_name <> g.display_name
        ORDER BY 1, 2
    LOOP
        PERFORM calscim.bind_mappings(n.directory_id, n.group_id, n.display_name);
    END LOOP;
END $$;
