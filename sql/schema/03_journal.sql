-- ---------------------------------------------------------------- the journal

-- One row a stream (a directory's id, or '@' and an organization's name). Locked by every writer of
-- the stream before anything else: sequence order is commit order, without gaps.
CREATE TABLE calscim.journal_heads (
    stream   text PRIMARY KEY,
    seq      bigint NOT NULL DEFAULT 0,
    at       timestamptz NOT NULL DEFAULT 'epoch',
    hash     bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex'),
    users    bigint NOT NULL DEFAULT 0,    -- so that totalResults costs nothing
    groups   bigint NOT NULL DEFAULT 0,
    gone     bigint NOT NULL DEFAULT 0     -- how often users were deleted: then the others' places have moved
);

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
    body           bytea,                  -- the request as it came, passwords replaced
    effect         bytea,                  -- JSON: what it did to the tables, enough to replay it
    body_digest    bytea NOT NULL,
    effect_digest  bytea NOT NULL,
    prev_hash      bytea NOT NULL,
    hash           bytea NOT NULL,
    PRIMARY KEY (stream, seq, at)
) PARTITION BY RANGE (at);
CREATE TABLE calscim.journal_default PARTITION OF calscim.journal DEFAULT;
CREATE INDEX journal_request ON calscim.journal (request_id);
CREATE INDEX journal_resource ON calscim.journal (resource_id, seq) WHERE resource_id <> '';
CREATE INDEX journal_erasures ON calscim.journal (stream, seq) WHERE path = 'person.erase';

CREATE FUNCTION calscim.journal_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the journal is append-only: % on % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER journal_no_truncate BEFORE TRUNCATE ON calscim.journal
    FOR EACH STATEMENT EXECUTE FUNCTION calscim.journal_refuse();
CREATE TRIGGER journal_no_truncate BEFORE TRUNCATE ON calscim.journal_default
    FOR EACH STATEMENT EXECUTE FUNCTION calscim.journal_refuse();

-- Locks a stream's head until the transaction ends; the first call of every function that writes.
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

-- Locks a stream's head and returns it.
CREATE FUNCTION calscim.locked_head(p_stream text) RETURNS calscim.journal_heads LANGUAGE plpgsql AS $$
DECLARE v_head calscim.journal_heads;
BEGIN
    SELECT * INTO v_head FROM calscim.journal_heads WHERE stream = p_stream FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM calscim.lock_head(p_stream);
        SELECT * INTO v_head FROM calscim.journal_heads WHERE stream = p_stream;
    END IF;
    RETURN v_head;
END $$;

-- The text of a row that its hash covers, with prev_hash in front; docs/reference/journal.md defines it.
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

-- What a journal row says of the request behind a change.
CREATE TYPE calscim.origin AS (
    stream text, kind text, request_id text, method text, path text, remote text, token_id bigint, body bytea
);

-- The row that comes after a head.
CREATE FUNCTION calscim.next_row(
    p_head calscim.journal_heads, o calscim.origin, p_at timestamptz, p_status integer, p_resource_type text,
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
CREATE FUNCTION calscim.record(p_head calscim.journal_heads, p_rows calscim.journal[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO calscim.journal SELECT * FROM unnest(p_rows);
    UPDATE calscim.journal_heads
    SET seq = p_head.seq, at = p_head.at, hash = p_head.hash, users = p_head.users, groups = p_head.groups,
        gone = p_head.gone
    WHERE stream = p_head.stream;
    IF (p_rows[1]).kind IN ('scim', 'import', 'admin') THEN  -- what a reconciler has to look at
        PERFORM pg_notify('calscim', p_head.stream);
    END IF;
END $$;

-- One row, to a stream that is not locked yet. Returns its seq.
CREATE FUNCTION calscim.append(
    p_stream text, p_kind text, p_request_id text, p_method text, p_path text, p_status integer,
    p_remote text, p_token_id bigint, p_resource_type text, p_resource_id text,
    p_body bytea, p_effect bytea
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_head calscim.journal_heads := calscim.locked_head(p_stream);
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

