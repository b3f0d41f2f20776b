-- ---------------------------------------------------------------- the journal

-- The last row of each stream: a directory's id, or '@' and an organization's name. Every writer locks the head before
-- anything else, so that the sequence has no gaps and follows the order of commits.
CREATE TABLE calscim.journal_heads (
    stream   text PRIMARY KEY,
    seq      bigint NOT NULL DEFAULT 0,
    at       timestamptz NOT NULL DEFAULT 'epoch',
    hash     bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex'),
    user_count   bigint NOT NULL DEFAULT 0,  -- totalResults of lists without a filter
    group_count  bigint NOT NULL DEFAULT 0,
    deleted_user_count  bigint NOT NULL DEFAULT 0  -- a deletion moves the position of other users in a list
);

-- The append-only record of every change, with the raw request, its effect and a hash chain. Partitioned by month.
CREATE TABLE calscim.journal (
    stream         text NOT NULL,
    seq            bigint NOT NULL,
    at             timestamptz NOT NULL,
    kind           text NOT NULL,          -- scim, refused, import, admin, calcom
    request_id     text NOT NULL,
    method         text NOT NULL DEFAULT '',
    path           text NOT NULL DEFAULT '',
    status         integer NOT NULL DEFAULT 0,
    remote         text NOT NULL DEFAULT '',
    token_id       bigint,
    resource_type  text NOT NULL DEFAULT '',
    resource_id    text NOT NULL DEFAULT '',
    body           bytea,                  -- the raw request, with passwords replaced
    effect         bytea,                  -- JSON: the changes of the tables, enough to repeat them
    body_digest    bytea NOT NULL,
    effect_digest  bytea NOT NULL,
    prev_hash      bytea NOT NULL,
    hash           bytea NOT NULL,
    traceparent    text,                   -- the span of the request (W3C Trace Context); not covered by the hash
    PRIMARY KEY (stream, seq, at)
) PARTITION BY RANGE (at);
CREATE TABLE calscim.journal_default PARTITION OF calscim.journal DEFAULT;
CREATE INDEX journal_request ON calscim.journal (request_id);
CREATE INDEX journal_resource ON calscim.journal (resource_id, seq) WHERE resource_id <> '';
CREATE INDEX journal_erasures ON calscim.journal (stream, seq) WHERE path = 'person.erase';

CREATE FUNCTION calscim.journal_reject_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the journal is append-only: % on % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER journal_no_truncate BEFORE TRUNCATE ON calscim.journal
    FOR EACH STATEMENT EXECUTE FUNCTION calscim.journal_reject_change();
CREATE TRIGGER journal_no_truncate BEFORE TRUNCATE ON calscim.journal_default
    FOR EACH STATEMENT EXECUTE FUNCTION calscim.journal_reject_change();

-- Locks the head of a stream until the transaction ends. Every function that writes calls it first.
CREATE FUNCTION calscim.lock_head(p_stream text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE v_seq bigint;
BEGIN
    SELECT seq INTO v_seq FROM calscim.journal_heads WHERE stream = p_stream FOR UPDATE;
    IF NOT FOUND THEN
        INSERT INTO calscim.journal_heads (stream) VALUES (p_stream) ON CONFLICT DO NOTHING;
        SELECT seq INTO v_seq FROM calscim.journal_heads WHERE stream = p_stream FOR UPDATE;
    END IF;
    RETURN v_seq;
END $$;

-- Locks the head of a stream and returns the row.
CREATE FUNCTION calscim.lock_head_row(p_stream text) RETURNS calscim.journal_heads LANGUAGE plpgsql AS $$
DECLARE v_head calscim.journal_heads;
BEGIN
    SELECT * INTO v_head FROM calscim.journal_heads WHERE stream = p_stream FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM calscim.lock_head(p_stream);
        SELECT * INTO v_head FROM calscim.journal_heads WHERE stream = p_stream;
    END IF;
    RETURN v_head;
END $$;

-- The text that the hash of a row covers, after prev_hash. docs/reference/journal.md defines it.
CREATE FUNCTION calscim.journal_header(
    p_stream text, p_seq bigint, p_at timestamptz, p_kind text, p_request_id text, p_method text,
    p_path text, p_status integer, p_remote text, p_token_id bigint, p_resource_type text,
    p_resource_id text, p_body_digest bytea, p_effect_digest bytea
) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT json_build_array(
        p_stream, p_seq, to_char(p_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), p_kind,
        p_request_id, p_method, p_path, p_status, p_remote, p_token_id, p_resource_type,
        p_resource_id, encode(p_body_digest, 'hex'), encode(p_effect_digest, 'hex')
    )::text
$$;

-- The request behind a change, as its journal row stores it.
CREATE TYPE calscim.request_origin AS (
    stream text, kind text, request_id text, method text, path text, remote text, token_id bigint, body bytea
);

-- Builds the row that follows a head.
CREATE FUNCTION calscim.build_journal_row(
    p_head calscim.journal_heads, p_origin calscim.request_origin, p_at timestamptz, p_status integer,
    p_resource_type text, p_resource_id text, p_effect bytea, p_traceparent text DEFAULT NULL
) RETURNS calscim.journal LANGUAGE plpgsql AS $$
DECLARE
    v_seq bigint := p_head.seq + 1;
    v_body_digest bytea := sha256(coalesce(p_origin.body, ''));
    v_effect_digest bytea := sha256(coalesce(p_effect, ''));
BEGIN
    RETURN ROW(
        p_origin.stream, v_seq, p_at, p_origin.kind, p_origin.request_id, p_origin.method, p_origin.path, p_status,
        p_origin.remote, p_origin.token_id, p_resource_type, p_resource_id, p_origin.body, p_effect,
        v_body_digest, v_effect_digest, p_head.hash,
        sha256(p_head.hash || convert_to(calscim.journal_header(
            p_origin.stream, v_seq, p_at, p_origin.kind, p_origin.request_id, p_origin.method, p_origin.path,
            p_status, p_origin.remote, p_origin.token_id, p_resource_type, p_resource_id,
            v_body_digest, v_effect_digest), 'UTF8')),
        p_traceparent)::calscim.journal;
END $$;

-- Appends rows of one kind to a stream whose head the transaction has locked, and notifies the daemons. p_head: the
-- head after these rows.
CREATE FUNCTION calscim.append_rows(p_head calscim.journal_heads, p_rows calscim.journal[])
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO calscim.journal SELECT * FROM unnest(p_rows);
    UPDATE calscim.journal_heads
    SET seq = p_head.seq, at = p_head.at, hash = p_head.hash, user_count = p_head.user_count,
        group_count = p_head.group_count, deleted_user_count = p_head.deleted_user_count
    WHERE stream = p_head.stream;
    IF (p_rows[1]).kind IN ('scim', 'import', 'admin') THEN  -- the kinds that reconcilers process
        PERFORM pg_notify('calscim', p_head.stream);
    END IF;
END $$;

-- Locks a stream and appends one row. Returns its sequence number.
CREATE FUNCTION calscim.append_row(
    p_stream text, p_kind text, p_request_id text, p_method text, p_path text, p_status integer,
    p_remote text, p_token_id bigint, p_resource_type text, p_resource_id text,
    p_body bytea, p_effect bytea, p_traceparent text DEFAULT NULL
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_head calscim.journal_heads := calscim.lock_head_row(p_stream);
    v_row calscim.journal;
BEGIN
    v_row := calscim.build_journal_row(
        v_head,
        ROW(p_stream, p_kind, p_request_id, p_method, p_path, p_remote, p_token_id, p_body)::calscim.request_origin,
        greatest(clock_timestamp(), v_head.at), p_status, p_resource_type, p_resource_id, p_effect, p_traceparent);
    v_head.seq := v_row.seq;
    v_head.at := v_row.at;
    v_head.hash := v_row.hash;
    PERFORM calscim.append_rows(v_head, ARRAY[v_row]);
    RETURN v_row.seq;
END $$;

