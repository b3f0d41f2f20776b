-- ---------------------------------------------------------------- partitions and archives

-- Creates the partitions of this month and the next ones (UTC), also for the serving role, which cannot create
-- tables. Does not wait for locks: state 'busy' asks the caller to try again. A month that has rows in
-- journal_default stays there (state 'default').
CREATE FUNCTION calscim.journal_create_partitions(p_ahead integer)
RETURNS TABLE (partition text, state text) LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET lock_timeout = '500ms' AS $$
DECLARE
    v_month timestamp := date_trunc('month', clock_timestamp() AT TIME ZONE 'UTC');
    v_from timestamptz;
    v_to timestamptz;
BEGIN
    IF p_ahead NOT BETWEEN 0 AND 36 THEN
        RAISE EXCEPTION 'partitions can be created for 0 to 36 months ahead, not %', p_ahead
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    FOR i IN 0 .. p_ahead LOOP
        v_from := (v_month + make_interval(months => i)) AT TIME ZONE 'UTC';
        v_to := (v_month + make_interval(months => i + 1)) AT TIME ZONE 'UTC';
        partition := 'journal_' || to_char(v_from AT TIME ZONE 'UTC', 'YYYY_MM');
        state := 'exists';
        IF to_regclass('calscim.' || partition) IS NULL THEN
            BEGIN
                state := calscim.journal_create_partition(partition, v_from, v_to);
            EXCEPTION WHEN lock_not_available THEN
                state := 'busy';
            WHEN duplicate_table THEN
                state := 'exists';
            WHEN check_violation THEN  -- a row arrived meanwhile
                state := 'default';
            END;
        END IF;
        RETURN NEXT;
    END LOOP;
END $$;
REVOKE ALL ON FUNCTION calscim.journal_create_partitions(integer) FROM PUBLIC;

-- Creates one partition. Returns created, exists, or default if journal_default has rows of that month.
CREATE FUNCTION calscim.journal_create_partition(p_name text, p_from timestamptz, p_to timestamptz)
RETURNS text LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO' AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(x'63616c7363696d32'::bigint);
    IF EXISTS (SELECT FROM pg_class WHERE relnamespace = 'calscim'::regnamespace AND relname = p_name) THEN
        RETURN 'exists';
    END IF;
    IF EXISTS (SELECT FROM calscim.journal_default WHERE at >= p_from AND at < p_to) THEN
        RAISE NOTICE '% is not created: journal_default has rows of that month', p_name;
        RETURN 'default';
    END IF;
    EXECUTE format(
        'CREATE TABLE calscim.%I PARTITION OF calscim.journal FOR VALUES FROM (%L) TO (%L)', p_name, p_from, p_to);
    PERFORM calscim.journal_copy_privileges(p_name);
    RETURN 'created';
END $$;
REVOKE ALL ON FUNCTION calscim.journal_create_partition(text, timestamptz, timestamptz) FROM PUBLIC;

-- Gives a partition the SELECT and INSERT privileges of the journal, and takes all others away.
CREATE FUNCTION calscim.journal_copy_privileges(p_name text) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE r record;
BEGIN
    EXECUTE format(
        'CREATE TRIGGER journal_no_truncate BEFORE TRUNCATE ON calscim.%I '
        'FOR EACH STATEMENT EXECUTE FUNCTION calscim.journal_reject_change()', p_name);
    FOR r IN
        SELECT DISTINCT 'REVOKE ALL ON calscim.%I FROM ' || calscim.quote_role_name(a.grantee) AS statement, 1 AS place
        FROM pg_class c, aclexplode(c.relacl) a
        WHERE c.oid = ('calscim.' || p_name)::regclass AND a.grantee <> c.relowner
        UNION
        SELECT 'GRANT ' || a.privilege_type || ' ON calscim.%I TO ' || calscim.quote_role_name(a.grantee), 2
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
REVOKE ALL ON FUNCTION calscim.journal_copy_privileges(text) FROM PUBLIC;

CREATE FUNCTION calscim.quote_role_name(p_role oid) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE p_role WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(p_role)) END
$$;

-- Moves the rows of journal_default to the partitions of their months, for the owner. Locks the journal. Returns the
-- number of rows. Renames the old table before dropping it, as single_role.sql refuses to drop tables of the
-- journal.
CREATE FUNCTION calscim.journal_move_default_rows() RETURNS bigint LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO' AS $$
DECLARE
    v_month timestamp;
    v_rows bigint;
BEGIN
    LOCK TABLE calscim.journal IN ACCESS EXCLUSIVE MODE;
    ALTER TABLE calscim.journal DETACH PARTITION calscim.journal_default;
    ALTER TABLE calscim.journal_default RENAME TO default_rows;
    ALTER INDEX calscim.journal_default_pkey RENAME TO default_rows_pkey;
    CREATE TABLE calscim.journal_default PARTITION OF calscim.journal DEFAULT;
    PERFORM calscim.journal_copy_privileges('journal_default');
    FOR v_month IN
        SELECT DISTINCT date_trunc('month', at AT TIME ZONE 'UTC') FROM calscim.default_rows ORDER BY 1
    LOOP
        PERFORM calscim.journal_create_partition(
            'journal_' || to_char(v_month, 'YYYY_MM'), v_month AT TIME ZONE 'UTC',
            (v_month + interval '1 month') AT TIME ZONE 'UTC');
    END LOOP;
    INSERT INTO calscim.journal SELECT * FROM calscim.default_rows;
    GET DIAGNOSTICS v_rows = ROW_COUNT;
    DROP TABLE calscim.default_rows;
    RETURN v_rows;
END $$;
REVOKE ALL ON FUNCTION calscim.journal_move_default_rows() FROM PUBLIC;

-- Drops the partition of an archived month, for the owner.
CREATE FUNCTION calscim.journal_drop_partition(p_name text) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format('ALTER TABLE calscim.journal DETACH PARTITION calscim.%I', p_name);
    EXECUTE format('ALTER TABLE calscim.%I RENAME TO archived_month', p_name);
    DROP TABLE calscim.archived_month;
END $$;
REVOKE ALL ON FUNCTION calscim.journal_drop_partition(text) FROM PUBLIC;

-- The last row of each stream in each archive. Verification of a stream starts after its latest archive.
CREATE TABLE calscim.journal_archives (
    stream       text NOT NULL,
    seq          bigint NOT NULL,
    at           timestamptz NOT NULL,
    hash         bytea NOT NULL,
    partition    text NOT NULL,
    file         text NOT NULL,            -- the name without the folder
    digest       bytea NOT NULL,           -- sha256 of the file
    archived_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (stream, seq)
);
CREATE TRIGGER journal_append_only BEFORE UPDATE OR DELETE ON calscim.journal_archives
    FOR EACH ROW EXECUTE FUNCTION calscim.journal_reject_change();
CREATE TRIGGER journal_no_truncate BEFORE TRUNCATE ON calscim.journal_archives
    FOR EACH STATEMENT EXECUTE FUNCTION calscim.journal_reject_change();

CREATE FUNCTION calscim.journal_require_owner() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT pg_has_role((SELECT relowner FROM pg_class WHERE oid = TG_RELID), 'USAGE') THEN
        RAISE EXCEPTION 'only the owner of % can change it', TG_TABLE_NAME
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER journal_require_owner BEFORE INSERT ON calscim.journal_archives
    FOR EACH ROW EXECUTE FUNCTION calscim.journal_require_owner();

-- Users, groups and members at the end of the last archived month: a rebuild starts from them.
CREATE TABLE calscim.opening_balances (
    stream  text NOT NULL,
    kind    text NOT NULL CHECK (kind IN ('User', 'Group', 'FormerMember', 'Tombstone')),
    id      text NOT NULL,
    position  bigint NOT NULL,           -- the order in which they were created
    state   text NOT NULL,                 -- JSON
    PRIMARY KEY (stream, kind, id)
);
CREATE TRIGGER opening_balances_require_owner BEFORE INSERT OR UPDATE OR DELETE ON calscim.opening_balances
    FOR EACH ROW EXECUTE FUNCTION calscim.journal_require_owner();

