-- ---------------------------------------------------------------- erasing a person
-- An erasure sets bodies and effects to NULL and leaves their digests, so that the chain stays valid. A journal row
-- (kind admin, path person.erase) of the same transaction names them; no other change of the journal is possible.

-- Returns true if the erasure row of this transaction, which the setting calscim.erasure names, covers these columns.
CREATE FUNCTION calscim.journal_erasure_covers(p_stream text, p_seq bigint, p_body boolean, p_effect boolean)
RETURNS boolean LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM calscim.journal e
        WHERE e.stream = split_part(current_setting('calscim.erasure', true), ' ', 1)
            AND e.seq = nullif(split_part(current_setting('calscim.erasure', true), ' ', 2), '')::bigint
            AND e.kind = 'admin' AND e.path = 'person.erase' AND e.xmin = xid(pg_current_xact_id())
            AND (NOT p_body OR convert_from(e.effect, 'UTF8')::jsonb #> ARRAY['rows', p_stream, 'body']
                @> to_jsonb(p_seq))
            AND (NOT p_effect OR convert_from(e.effect, 'UTF8')::jsonb #> ARRAY['rows', p_stream, 'effect']
                @> to_jsonb(p_seq)))
$$;

CREATE FUNCTION calscim.journal_check_change() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE v_row calscim.journal;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        v_row := OLD;
        v_row.body := NEW.body;
        v_row.effect := NEW.effect;
        IF v_row IS NOT DISTINCT FROM NEW
            AND (NEW.body IS NULL OR NEW.body IS NOT DISTINCT FROM OLD.body)
            AND (NEW.effect IS NULL OR NEW.effect IS NOT DISTINCT FROM OLD.effect)
            AND OLD.path <> 'person.erase'
            AND pg_has_role((SELECT relowner FROM pg_class WHERE oid = 'calscim.journal'::regclass), 'USAGE')
            AND calscim.journal_erasure_covers(
                OLD.stream, OLD.seq, OLD.body IS DISTINCT FROM NEW.body, OLD.effect IS DISTINCT FROM NEW.effect)
        THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'the journal is append-only: % on % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER journal_append_only BEFORE UPDATE OR DELETE ON calscim.journal
    FOR EACH ROW EXECUTE FUNCTION calscim.journal_check_change();

-- Applies an erasure row of this transaction, for the owner. Returns the number of changed rows. An owner that is
-- also the serving role has revoked its own UPDATE privilege, and grants it to itself for this statement.
CREATE FUNCTION calscim.journal_erase(p_stream text, p_seq bigint) RETURNS bigint LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_lent boolean := NOT has_table_privilege('calscim.journal', 'UPDATE');
    v_rows bigint := 0;
    n record;
BEGIN
    PERFORM set_config('calscim.erasure', p_stream || ' ' || p_seq, true);
    IF v_lent THEN
        GRANT UPDATE ON calscim.journal TO CURRENT_USER;
    END IF;
    FOR n IN  -- one at a time: each row is found by its key
        SELECT s.key AS stream, q.seq::bigint AS seq, bool_or(c.key = 'body') AS body,
            bool_or(c.key = 'effect') AS effect
        FROM calscim.journal e,
            jsonb_each(convert_from(e.effect, 'UTF8')::jsonb -> 'rows') s, jsonb_each(s.value) c,
            jsonb_array_elements_text(c.value) q (seq)
        WHERE e.stream = p_stream AND e.seq = p_seq
        GROUP BY 1, 2
    LOOP
        UPDATE calscim.journal j
        SET body = CASE WHEN n.body THEN NULL ELSE j.body END,
            effect = CASE WHEN n.effect THEN NULL ELSE j.effect END
        WHERE j.stream = n.stream AND j.seq = n.seq
            AND (n.body AND j.body IS NOT NULL OR n.effect AND j.effect IS NOT NULL);
        v_rows := v_rows + FOUND::integer;
    END LOOP;
    IF v_lent THEN
        REVOKE UPDATE ON calscim.journal FROM CURRENT_USER;
    END IF;
    PERFORM set_config('calscim.erasure', '', true);
    RETURN v_rows;
END $$;
REVOKE ALL ON FUNCTION calscim.journal_erase(text, bigint) FROM PUBLIC;

-- The first partitions.
DO $$ BEGIN PERFORM calscim.journal_create_partitions(1); END $$;
