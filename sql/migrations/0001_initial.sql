CREATE SCHEMA calscim;

CREATE TABLE calscim.schema_version (
    version     integer PRIMARY KEY,
    name        text NOT NULL,
    applied_at  timestamptz NOT NULL DEFAULT now()
);

-- ---------------------------------------------------------------- directories and tokens

CREATE TABLE calscim.directories (
    id            text PRIMARY KEY CHECK (id ~ '^[a-z0-9]{8,40}$'),
    organization  text NOT NULL,
    name          text NOT NULL CHECK (name <> ''),
    provider      text NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    deleted_at    timestamptz
);
CREATE UNIQUE INDEX directories_name ON calscim.directories (lower(name)) WHERE deleted_at IS NULL;

CREATE TABLE calscim.tokens (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    directory_id  text NOT NULL REFERENCES calscim.directories,
    name          text NOT NULL,
    digest        bytea NOT NULL UNIQUE,   -- sha256 of the token; the token itself is never stored
    created_at    timestamptz NOT NULL DEFAULT now(),
    expires_at    timestamptz,
    revoked_at    timestamptz
);
CREATE INDEX tokens_directory ON calscim.tokens (directory_id);

-- What is left alone until further notice, or until a time.
CREATE TABLE calscim.pauses (
    scope       text NOT NULL CHECK (scope IN ('directory', 'organization', 'team')),
    target      text NOT NULL,             -- directory id, organization name, or organization/team id
    since       timestamptz NOT NULL DEFAULT now(),
    until       timestamptz,
    PRIMARY KEY (scope, target)
);

-- ---------------------------------------------------------------- the journal

-- One row a stream (a directory's id, or '@' and an organization's name). Locked by every writer of
-- the stream before anything else: sequence order is commit order, without gaps.
CREATE TABLE calscim.heads (
    stream   text PRIMARY KEY,
    seq      bigint NOT NULL DEFAULT 0,
    at       timestamptz NOT NULL DEFAULT 'epoch',
    hash     bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex'),
    users    bigint NOT NULL DEFAULT 0,    -- so that totalResults costs nothing
    groups   bigint NOT NULL DEFAULT 0
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

CREATE FUNCTION calscim.journal_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the journal is append-only: % on % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER journal_append_only BEFORE UPDATE OR DELETE ON calscim.journal
    FOR EACH ROW EXECUTE FUNCTION calscim.journal_refuse();
CREATE TRIGGER journal_no_truncate BEFORE TRUNCATE ON calscim.journal
    FOR EACH STATEMENT EXECUTE FUNCTION calscim.journal_refuse();
CREATE TRIGGER journal_no_truncate BEFORE TRUNCATE ON calscim.journal_default
    FOR EACH STATEMENT EXECUTE FUNCTION calscim.journal_refuse();

-- Locks a stream's head until the transaction ends; the first call of every function that writes.
CREATE FUNCTION calscim.lock_head(p_stream text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE v_seq bigint;
BEGIN
    SELECT seq INTO v_seq FROM calscim.heads WHERE stream = p_stream FOR UPDATE;
    IF NOT FOUND THEN
        INSERT INTO calscim.heads (stream) VALUES (p_stream) ON CONFLICT DO NOTHING;
        SELECT seq INTO v_seq FROM calscim.heads WHERE stream = p_stream FOR UPDATE;
    END IF;
    RETURN v_seq;
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

-- Appends one row to a stream and wakes whoever listens. Returns the row's seq.
CREATE FUNCTION calscim.append(
    p_stream text, p_kind text, p_request_id text, p_method text, p_path text, p_status integer,
    p_remote text, p_token_id bigint, p_resource_type text, p_resource_id text,
    p_body bytea, p_effect bytea
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_head calscim.heads;
    v_seq bigint;
    v_at timestamptz;
    v_body_digest bytea := sha256(coalesce(p_body, ''));
    v_effect_digest bytea := sha256(coalesce(p_effect, ''));
    v_hash bytea;
BEGIN
    PERFORM calscim.lock_head(p_stream);
    SELECT * INTO v_head FROM calscim.heads WHERE stream = p_stream;
    v_seq := v_head.seq + 1;
    v_at := greatest(clock_timestamp(), v_head.at);
    v_hash := sha256(v_head.hash || convert_to(calscim.journal_header(
        p_stream, v_seq, v_at, p_kind, p_request_id, p_method, p_path, p_status, p_remote, p_token_id,
        p_resource_type, p_resource_id, v_body_digest, v_effect_digest), 'UTF8'));
    INSERT INTO calscim.journal VALUES (
        p_stream, v_seq, v_at, p_kind, p_request_id, p_method, p_path, p_status, p_remote, p_token_id,
        p_resource_type, p_resource_id, p_body, p_effect, v_body_digest, v_effect_digest,
        v_head.hash, v_hash);
    UPDATE calscim.heads SET seq = v_seq, at = v_at, hash = v_hash WHERE stream = p_stream;
    IF p_kind IN ('scim', 'import', 'admin') THEN  -- what a reconciler has to look at
        PERFORM pg_notify('calscim', p_stream);
    END IF;
    RETURN v_seq;
END $$;

-- ---------------------------------------------------------------- users, groups, members

CREATE TABLE calscim.users (
    id             uuid PRIMARY KEY,
    directory_id   text NOT NULL REFERENCES calscim.directories,
    ordinal        bigint GENERATED ALWAYS AS IDENTITY,  -- the order of every unsorted listing
    user_name      text NOT NULL,
    user_name_key  text NOT NULL,          -- lower case: userName is unique without regard to it
    external_id    text,
    email          text NOT NULL DEFAULT '',   -- the address Cal.com is told; '' when there is none
    active         boolean NOT NULL,
    managed        boolean NOT NULL,       -- the provider has written to it; imported people are not
    source         text NOT NULL CHECK (source IN ('provider', 'cal.com')),
    data           jsonb NOT NULL,         -- the resource without id, meta and groups
    version        bigint NOT NULL DEFAULT 1,
    changed_seq    bigint NOT NULL,        -- the journal row behind the present state
    created_at     timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL
);
CREATE UNIQUE INDEX users_user_name ON calscim.users (directory_id, user_name_key);
CREATE UNIQUE INDEX users_ordinal ON calscim.users (directory_id, ordinal) INCLUDE (id);
CREATE INDEX users_external_id ON calscim.users (directory_id, external_id) WHERE external_id IS NOT NULL;

-- Every e-mail of a user, in lower case, for look-ups by address.
CREATE TABLE calscim.user_emails (
    directory_id  text NOT NULL,
    value_key     text NOT NULL,
    user_id       uuid NOT NULL REFERENCES calscim.users ON DELETE CASCADE,
    PRIMARY KEY (user_id, value_key)
);
CREATE INDEX user_emails_value ON calscim.user_emails (directory_id, value_key text_pattern_ops);

CREATE TABLE calscim.groups (
    id                uuid PRIMARY KEY,
    directory_id      text NOT NULL REFERENCES calscim.directories,
    ordinal           bigint GENERATED ALWAYS AS IDENTITY,
    display_name      text NOT NULL,
    display_name_key  text NOT NULL,
    external_id       text,
    data              jsonb NOT NULL,      -- the resource without id, meta and members
    version           bigint NOT NULL DEFAULT 1,
    changed_seq       bigint NOT NULL,
    created_at        timestamptz NOT NULL,
    updated_at        timestamptz NOT NULL
);
CREATE UNIQUE INDEX groups_display_name ON calscim.groups (directory_id, display_name_key);
CREATE UNIQUE INDEX groups_ordinal ON calscim.groups (directory_id, ordinal) INCLUDE (id);
CREATE INDEX groups_external_id ON calscim.groups (directory_id, external_id) WHERE external_id IS NOT NULL;

CREATE TABLE calscim.members (
    group_id      uuid NOT NULL REFERENCES calscim.groups ON DELETE CASCADE,
    member_id     uuid NOT NULL,
    kind          text NOT NULL DEFAULT 'User' CHECK (kind IN ('User', 'Group')),
    directory_id  text NOT NULL,
    seq           bigint NOT NULL,         -- the journal row that put it there
    at            timestamptz NOT NULL,
    PRIMARY KEY (group_id, member_id)
);
CREATE INDEX members_member ON calscim.members (member_id);

-- The journal row that last took a member off a group: the reason behind an expected removal.
CREATE TABLE calscim.former_members (
    group_id      uuid NOT NULL,
    member_id     uuid NOT NULL,
    directory_id  text NOT NULL,
    seq           bigint NOT NULL,
    at            timestamptz NOT NULL,
    PRIMARY KEY (group_id, member_id)
);
CREATE INDEX former_members_member ON calscim.former_members (member_id);

-- Users and groups that were deleted, and by which journal row.
CREATE TABLE calscim.tombstones (
    id            uuid PRIMARY KEY,
    directory_id  text NOT NULL,
    kind          text NOT NULL CHECK (kind IN ('User', 'Group')),
    name          text NOT NULL,           -- userName or displayName
    email         text NOT NULL DEFAULT '',
    managed       boolean NOT NULL DEFAULT true,
    seq           bigint NOT NULL,
    at            timestamptz NOT NULL
);

-- ---------------------------------------------------------------- what should be where

CREATE TABLE calscim.mappings (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    directory_id  text NOT NULL REFERENCES calscim.directories,
    group_name    text NOT NULL,           -- as typed; matched exactly
    group_id      uuid,                    -- bound at the first match, unbound when the group is deleted
    team_id       bigint,                  -- NULL: the organization itself
    team_name     text NOT NULL,
    role          text NOT NULL CHECK (role IN ('MEMBER', 'ADMIN', 'OWNER')),
    mode          text NOT NULL CHECK (mode IN ('observe', 'add-only', 'managed', 'exclusive')),
    seq           bigint NOT NULL,         -- the journal row (organization's stream) of its last edit
    created_at    timestamptz NOT NULL DEFAULT now(),
    removed_at    timestamptz,
    removed_seq   bigint
);
CREATE UNIQUE INDEX mappings_live ON calscim.mappings (directory_id, group_name, coalesce(team_id, 0))
    WHERE removed_at IS NULL;
CREATE INDEX mappings_group ON calscim.mappings (group_id) WHERE removed_at IS NULL;

-- ---------------------------------------------------------------- what calscim did in Cal.com

-- Which account a SCIM user is. Outlives the user, until the account has left the organization.
CREATE TABLE calscim.links (
    organization  text NOT NULL,
    user_id       uuid NOT NULL,
    cal_user_id   bigint NOT NULL,
    origin        text NOT NULL CHECK (origin IN ('created', 'attached', 'found')),
    email         text NOT NULL,
    linked_at     timestamptz NOT NULL DEFAULT now(),
    missed        integer NOT NULL DEFAULT 0,  -- complete passes in a row that did not show the account
    PRIMARY KEY (organization, user_id)
);
CREATE INDEX links_account ON calscim.links (organization, cal_user_id);

-- Team memberships that calscim made, or found in place when they were wanted.
CREATE TABLE calscim.ledger (
    organization   text NOT NULL,
    team_id        bigint NOT NULL,
    cal_user_id    bigint NOT NULL,
    user_id        uuid NOT NULL,
    origin         text NOT NULL CHECK (origin IN ('added', 'found')),
    role           text NOT NULL,
    mode           text NOT NULL,          -- the mode under which it was last wanted
    mapping_ids    bigint[] NOT NULL,      -- the sources that last wanted it
    membership_id  bigint,
    written_at     timestamptz NOT NULL DEFAULT now(),
    missed         integer NOT NULL DEFAULT 0,
    PRIMARY KEY (organization, team_id, cal_user_id)
);

-- One row an attempt: begun before the call to Cal.com, finished after it.
CREATE TABLE calscim.actions (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organization   text NOT NULL,
    pass_id        bigint NOT NULL,
    plan_hash      text NOT NULL,
    kind           text NOT NULL,
    email          text NOT NULL,
    user_id        uuid,
    cal_user_id    bigint,
    team_id        bigint,
    role           text,
    because        text NOT NULL,
    stream         text,                   -- with seq: the journal row it follows from
    seq            bigint,
    request_id     text NOT NULL,          -- sent to Cal.com and logged; the push's own where there is one
    term           bigint NOT NULL,
    begun_at       timestamptz NOT NULL DEFAULT now(),
    finished_at    timestamptz,
    outcome        text,                   -- done, already, refused, failed, unknown
    detail         text NOT NULL DEFAULT ''
);
CREATE INDEX actions_open ON calscim.actions (organization) WHERE finished_at IS NULL;
CREATE INDEX actions_person ON calscim.actions (organization, email, id);
CREATE INDEX actions_edge ON calscim.actions (organization, team_id, cal_user_id, id) WHERE team_id IS NOT NULL;

-- What did not succeed, when it is tried again, and why it failed.
CREATE TABLE calscim.parked (
    organization  text NOT NULL,
    kind          text NOT NULL,
    subject       text NOT NULL,           -- the SCIM user's id, else the account's number
    team_id       bigint NOT NULL DEFAULT 0,
    email         text NOT NULL,
    reason        text NOT NULL,
    refused       boolean NOT NULL,        -- a flat refusal: only a change of the action or an hour helps
    fingerprint   text NOT NULL,           -- of the action; another one is tried at once
    attempts      integer NOT NULL,
    since         timestamptz NOT NULL,
    next_try      timestamptz NOT NULL,
    PRIMARY KEY (organization, kind, subject, team_id)
);

-- Sets of removals that a guard holds, until approved, stale or no longer wanted.
CREATE TABLE calscim.holds (
    organization  text NOT NULL,
    hash          text NOT NULL,
    guard         text NOT NULL,           -- which limit, in words
    actions       jsonb NOT NULL,
    first_seen    timestamptz NOT NULL DEFAULT now(),
    last_seen     timestamptz NOT NULL DEFAULT now(),
    approved_at   timestamptz,
    released_at   timestamptz,
    current       boolean NOT NULL DEFAULT true,
    PRIMARY KEY (organization, hash)
);

CREATE TABLE calscim.passes (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organization  text NOT NULL,
    scope         text NOT NULL CHECK (scope IN ('full', 'touched')),
    begun_at      timestamptz NOT NULL DEFAULT now(),
    finished_at   timestamptz,
    complete      boolean NOT NULL DEFAULT false,
    in_step       boolean NOT NULL DEFAULT false,
    report        jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX passes_latest ON calscim.passes (organization, id DESC);

-- How far the reconciler of an organization has read each directory's journal.
CREATE TABLE calscim.cursors (
    organization  text NOT NULL,
    stream        text NOT NULL,
    seq           bigint NOT NULL,
    PRIMARY KEY (organization, stream)
);

-- Asked of the running daemon by the command line: a full pass, and its answer.
CREATE TABLE calscim.requests (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organization  text NOT NULL,
    asked_at      timestamptz NOT NULL DEFAULT now(),
    taken_at      timestamptz,
    pass_id       bigint,
    done_at       timestamptz,
    detail        text NOT NULL DEFAULT ''
);

CREATE TABLE calscim.leases (
    organization  text PRIMARY KEY,
    holder        text NOT NULL,
    term          bigint NOT NULL,
    expires_at    timestamptz NOT NULL
);

-- What the reconciler last knew of the budget, for status.
CREATE TABLE calscim.budgets (
    organization  text PRIMARY KEY,
    "limit"       integer NOT NULL,
    remaining     integer NOT NULL,
    resets_at     timestamptz NOT NULL
);
