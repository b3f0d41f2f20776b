-- ---------------------------------------------------------------- directories and tokens

CREATE TABLE calscim.directories (
    id            text PRIMARY KEY CHECK (id ~ '^[a-z0-9]{8,40}$'),
    organization  text NOT NULL,
    name          text NOT NULL CHECK (name <> ''),
    provider      text NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    deleted_at    timestamptz,
    requests_per_second  integer,          -- NULL: scim.requests_per_second, 0: none
    throttled_count  bigint NOT NULL DEFAULT 0,
    throttled_at  timestamptz,
    CONSTRAINT directories_rate CHECK (requests_per_second = 0 OR requests_per_second >= 25)
);
CREATE UNIQUE INDEX directories_name ON calscim.directories (lower(name)) WHERE deleted_at IS NULL;

CREATE TABLE calscim.tokens (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    directory_id  text NOT NULL REFERENCES calscim.directories,
    name          text NOT NULL,
    digest        bytea NOT NULL UNIQUE,   -- sha256 of the token; the token itself is never stored
    created_at    timestamptz NOT NULL DEFAULT now(),
    expires_at    timestamptz,
    revoked_at    timestamptz,
    scope         text NOT NULL DEFAULT 'write' CHECK (scope IN ('read', 'write')),
    replaced_by   bigint REFERENCES calscim.tokens
);
CREATE INDEX tokens_directory ON calscim.tokens (directory_id);

-- When each token was last used. The serving role writes here and needs no right to change a token.
CREATE TABLE calscim.token_uses (
    token_id  bigint PRIMARY KEY REFERENCES calscim.tokens,
    used_at   timestamptz NOT NULL
);

-- What is left alone until further notice, or until a time.
CREATE TABLE calscim.pauses (
    scope       text NOT NULL CHECK (scope IN ('directory', 'organization', 'team')),
    target      text NOT NULL,             -- directory id, organization name, or organization/team id
    since       timestamptz NOT NULL DEFAULT now(),
    until       timestamptz,
    PRIMARY KEY (scope, target)
);

-- Where the tables were when an organization was last reconciled: those of a restored dump are others, and what
-- happened since the dump is not in them.
CREATE TABLE calscim.database_identity (
    organization  text PRIMARY KEY,
    journal_oid   oid NOT NULL,            -- of calscim.journal; streaming copies and pg_upgrade keep it
    database_oid  oid NOT NULL
);

