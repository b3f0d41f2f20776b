-- Archiving months of the journal, and erasing a person from it.

-- One of the journal's partitions: made, there, or default where rows of that month have gone elsewhere.
CREATE OR REPLACE FUNCTION calscim.journal_partition(p_name text, p_from timestamptz, p_to timestamptz)
RETURNS text LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO' AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(x'63616c7363696d32'::bigint);
    IF EXISTS (SELECT FROM pg_class WHERE relnamespace = 'calscim'::regnamespace AND relname = p_name) THEN
        RETURN 'there';
    END IF;
    IF EXISTS (SELECT FROM calscim.journal_default WHERE at >= p_from AND at < p_to) THEN
        RAISE NOTICE '% is not made: journal_default has rows of that month', p_name;
        RETURN 'default';
    END IF;
    EXECUTE format(
        'CREATE TABLE calscim.%I PARTITION OF calscim.journal FOR VALUES FROM (%L) TO (%L)', p_name, p_from, p_to);
    PERFORM calscim.journal_rights(p_name);
    RETURN 'made';
END $$;

-- Who may read and append through the parent may on a partition, and nobody may do more.
CREATE FUNCTION calscim.journal_rights(p_name text) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE r record;
BEGIN
    EXECUTE format(
        'CREATE TRIGGER journal_no_truncate BEFORE TRUNCATE ON calscim.%I '
        'FOR EACH STATEMENT EXECUTE FUNCTION calscim.journal_refuse()', p_name);
    FOR r IN
        SELECT DISTINCT 'REVOKE ALL ON calscim.%I FROM ' || calscim.role_name(a.grantee) AS statement, 1 AS place
        FROM pg_class c, aclexplode(c.relacl) a
        WHERE c.oid = ('calscim.' || p_name)::regclass AND a.grantee <> c.relowner
        UNION
        SELECT 'GRANT ' || a.privilege_type || ' ON calscim.%I TO ' || calscim.role_name(a.grantee), 2
        FROM pg_class c, aclexplode(c.relacl) a
        WHERE c.oid = 'calscim.journal'::regclass AND a.grantee <> c.relowner
            AND a.privilege_type IN ('SELECT', 'INSERT')
        UNION
        SELECT 'REVOKE UPDATE, DELETE, TRUNCATE ON calscim.%I FROM CURRENT_USER', 3
        WHERE NOT has_table_privilege('calscim.journal', 'UPDATE')
        ORDER BY 2
    LOOP
        EXECUTE format(r.statement, p_name);
    END LOOP;
END $$;
REVOKE ALL ON FUNCTION calscim.journal_rights(text) FROM PUBLIC;

-- Gives the rows in journal_default their months, for the owner; everybody waits meanwhile. Returns how many rows
-- were written anew. The old table is renamed before it goes, as single_role.sql refuses to drop what
-- is called journal.
CREATE FUNCTION calscim.journal_settle() RETURNS bigint LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO' AS $$
DECLARE
    v_month timestamp;
    v_rows bigint;
BEGIN
    LOCK TABLE calscim.journal IN ACCESS EXCLUSIVE MODE;
    ALTER TABLE calscim.journal DETACH PARTITION calscim.journal_default;
    ALTER TABLE calscim.journal_default RENAME TO unsettled;
    ALTER INDEX calscim.journal_default_pkey RENAME TO unsettled_pkey;
    CREATE TABLE calscim.journal_default PARTITION OF calscim.journal DEFAULT;
    PERFORM calscim.journal_rights('journal_default');
    FOR v_month IN
        SELECT DISTINCT date_trunc('month', at AT TIME ZONE 'UTC') FROM calscim.unsettled ORDER BY 1
    LOOP
        PERFORM calscim.journal_partition(
            'journal_' || to_char(v_month, 'YYYY_MM'), v_month AT TIME ZONE 'UTC',
            (v_month + interval '1 month') AT TIME ZONE 'UTC');
    END LOOP;
    INSERT INTO calscim.journal SELECT * FROM calscim.unsettled;
    GET DIAGNOSTICS v_rows = ROW_COUNT;
    DROP TABLE calscim.unsettled;
    RETURN v_rows;
END $$;
REVOKE ALL ON FUNCTION calscim.journal_settle() FROM PUBLIC;

-- Takes a month out of the journal for good; for the owner, after it was exported.
CREATE FUNCTION calscim.journal_drop(p_name text) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format('ALTER TABLE calscim.journal DETACH PARTITION calscim.%I', p_name);
    EXECUTE format('ALTER TABLE calscim.%I RENAME TO archived', p_name);
    DROP TABLE calscim.archived;
END $$;
REVOKE ALL ON FUNCTION calscim.journal_drop(text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION calscim.journal_owner_only() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT pg_has_role((SELECT relowner FROM pg_class WHERE oid = TG_RELID), 'USAGE') THEN
        RAISE EXCEPTION 'only the owner of % writes to it', TG_TABLE_NAME
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;

-- Users, groups and members as they were when the last month was archived: rebuilding starts from there.
CREATE TABLE calscim.openings (
    stream  text NOT NULL,
    kind    text NOT NULL CHECK (kind IN ('User', 'Group', 'Former', 'Gone')),
    id      text NOT NULL,
    place   bigint NOT NULL,               -- the order in which they came
    state   text NOT NULL,                 -- JSON
    PRIMARY KEY (stream, kind, id)
);
CREATE TRIGGER openings_owner_only BEFORE INSERT OR UPDATE OR DELETE ON calscim.openings
    FOR EACH ROW EXECUTE FUNCTION calscim.journal_owner_only();

-- ---------------------------------------------------------------- erasing a person
-- Bodies and effects become NULL, their digests stay, so that the chain still holds. What became NULL is named by
-- a row of the journal (kind admin, path person.erase), written in the same transaction: the one way there is.

-- Whether a row of this transaction, which calscim.erasure points to, says so of these columns.
CREATE FUNCTION calscim.journal_erases(p_stream text, p_seq bigint, p_body boolean, p_effect boolean)
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

CREATE FUNCTION calscim.journal_guard() RETURNS trigger LANGUAGE plpgsql
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
            AND calscim.journal_erases(
                OLD.stream, OLD.seq, OLD.body IS DISTINCT FROM NEW.body, OLD.effect IS DISTINCT FROM NEW.effect)
        THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'the journal is append-only: % on % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;
DROP TRIGGER journal_append_only ON calscim.journal;
CREATE TRIGGER journal_append_only BEFORE UPDATE OR DELETE ON calscim.journal
    FOR EACH ROW EXECUTE FUNCTION calscim.journal_guard();

-- Does what a person.erase row of this transaction says; for the owner. Returns how many rows lost something.
-- An owner that serves as well has taken its own right to change the journal away, and has it for this statement.
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
    FOR n IN  -- one after the other, as each is found by its key
        SELECT s.key AS stream, q.seq::bigint AS seq, bool_or(c.key = 'body') AS body, bool_or(c.key = 'effect') AS effect
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

CREATE INDEX journal_erasures ON calscim.journal (stream, seq) WHERE path = 'person.erase';
