-- ---------------------------------------------------------------- directories and tokens

-- Directories: the connections from identity providers. A deleted directory keeps its row.
CREATE TABLE calscim.directories (
    id            text PRIMARY KEY CHECK (id ~ '^[a-z0-9]{8,40}$'),
    organization  text NOT NULL,
    name          text NOT NULL CHECK (name <> ''),
    provider      text NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    deleted_at    timestamptz,
    requests_per_second  integer,          -- NULL: scim.requests_per_second, 0: no limit
    throttled_count  bigint NOT NULL DEFAULT 0,
    throttled_at  timestamptz,
    CONSTRAINT directories_rate CHECK (requests_per_second = 0 OR requests_per_second >= 25)
);
CREATE UNIQUE INDEX directories_name ON calscim.directories (lower(name)) WHERE deleted_at IS NULL;

-- Bearer tokens of directories, and of programs that read the change feed. Only a hash of the token is stored.
CREATE TABLE calscim.tokens (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    directory_id  text REFERENCES calscim.directories,
    organization  text,                    -- of a token that reads the change feed, which has no directory
    name          text NOT NULL,
    digest        bytea NOT NULL UNIQUE,   -- sha256 of the token; the token itself is never stored
    created_at    timestamptz NOT NULL DEFAULT now(),
    expires_at    timestamptz,
    revoked_at    timestamptz,
    scope         text NOT NULL DEFAULT 'write' CHECK (scope IN ('read', 'write', 'events')),
    replaced_by   bigint REFERENCES calscim.tokens,
    CONSTRAINT tokens_target CHECK (
        (directory_id IS NULL) = (scope = 'events') AND (organization IS NULL) = (scope <> 'events'))
);
CREATE INDEX tokens_directory ON calscim.tokens (directory_id);

-- The last use of each token. A table of its own: the serving role needs no privilege to change a token.
CREATE TABLE calscim.token_uses (
    token_id  bigint PRIMARY KEY REFERENCES calscim.tokens,
    used_at   timestamptz NOT NULL
);

-- Targets that the reconciler does not change, until a time or until an operator resumes them.
CREATE TABLE calscim.pauses (
    scope       text NOT NULL CHECK (scope IN ('directory', 'organization', 'team')),
    target      text NOT NULL,             -- directory id, organization name, or organization/team id
    since       timestamptz NOT NULL DEFAULT now(),
    until       timestamptz,
    reason      text,                      -- why the daemon paused it; NULL: an operator did
    PRIMARY KEY (scope, target)
);

-- Identifies the database that last reconciled each organization, so that a restored backup is noticed: it has other
-- oids, and lacks the changes since the backup.
CREATE TABLE calscim.database_identity (
    organization  text PRIMARY KEY,
    journal_oid   oid NOT NULL,            -- of calscim.journal; streaming replicas and pg_upgrade keep it
    database_oid  oid NOT NULL
);

