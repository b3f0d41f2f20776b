-- ---------------------------------------------------------------- users, groups, members

CREATE TABLE calscim.users (
    id             uuid PRIMARY KEY,
    directory_id   text NOT NULL,
    ordinal        bigint GENERATED ALWAYS AS IDENTITY,  -- the order of every unsorted listing
    user_name      text NOT NULL,
    user_name_key  text NOT NULL,          -- calscim.name_key: userName is unique by it
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
) WITH (fillfactor = 80);                  -- room beside a user for its next state: no index is touched then
-- What is looked up stands in front, and lists have an index of another collation, so that neither is taken for
-- the other by a plan that was made while the table was empty.
CREATE UNIQUE INDEX users_user_name ON calscim.users (user_name_key text_pattern_ops, directory_id);
CREATE UNIQUE INDEX users_ordinal ON calscim.users (directory_id COLLATE "C", ordinal) INCLUDE (id);
CREATE INDEX users_external_id ON calscim.users (external_id text_pattern_ops, directory_id);

-- Every e-mail of a user, by its calscim.name_key, for look-ups by address.
CREATE TABLE calscim.user_emails (
    directory_id  text NOT NULL,
    value_key     text NOT NULL,
    user_id       uuid NOT NULL REFERENCES calscim.users ON DELETE CASCADE,
    PRIMARY KEY (user_id, value_key)
);
CREATE INDEX user_emails_value ON calscim.user_emails (directory_id, value_key text_pattern_ops);

CREATE TABLE calscim.groups (
    id                uuid PRIMARY KEY,
    directory_id      text NOT NULL,
    ordinal           bigint GENERATED ALWAYS AS IDENTITY,
    display_name      text NOT NULL,       -- its calscim.spelling; data has it as it was pushed
    display_name_key  text NOT NULL,
    external_id       text,
    data              jsonb NOT NULL,      -- the resource without id, meta and members
    version           bigint NOT NULL DEFAULT 1,
    changed_seq       bigint NOT NULL,
    created_at        timestamptz NOT NULL,
    updated_at        timestamptz NOT NULL
);
CREATE UNIQUE INDEX groups_display_name ON calscim.groups (display_name_key text_pattern_ops, directory_id);
CREATE UNIQUE INDEX groups_ordinal ON calscim.groups (directory_id COLLATE "C", ordinal) INCLUDE (id);
CREATE INDEX groups_external_id ON calscim.groups (external_id text_pattern_ops, directory_id);

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

