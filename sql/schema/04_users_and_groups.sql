-- ---------------------------------------------------------------- users, groups, members

-- Users as the identity provider last wrote them, and people of Cal.com that an import showed.
CREATE TABLE calscim.users (
    id             uuid PRIMARY KEY,
    directory_id   text NOT NULL,
    ordinal        bigint GENERATED ALWAYS AS IDENTITY,  -- the order of lists without sortBy
    user_name      text NOT NULL,
    user_name_key  text NOT NULL,          -- calscim.name_key: userName is unique by it
    external_id    text,
    email          text NOT NULL DEFAULT '',   -- the address for Cal.com; '' if there is none
    active         boolean NOT NULL,
    managed        boolean NOT NULL,       -- the provider has written to this user; false for imported users
    source         text NOT NULL CHECK (source IN ('provider', 'cal.com')),
    data           jsonb NOT NULL,         -- the resource without id, meta and groups
    version        bigint NOT NULL DEFAULT 1,
    changed_seq    bigint NOT NULL,        -- the journal row that last changed the user
    created_at     timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL
) WITH (fillfactor = 80);                  -- space for HOT updates, which touch no index
-- Look-up indexes begin with the value, and lists have an index of another collation, so that a plan that was made
-- while the table was empty does not use one for the other.
CREATE UNIQUE INDEX users_user_name ON calscim.users (user_name_key text_pattern_ops, directory_id);
CREATE UNIQUE INDEX users_ordinal ON calscim.users (directory_id COLLATE "C", ordinal) INCLUDE (id);
CREATE INDEX users_external_id ON calscim.users (external_id text_pattern_ops, directory_id);

-- All addresses of each user, by calscim.name_key.
CREATE TABLE calscim.user_emails (
    directory_id  text NOT NULL,
    value_key     text NOT NULL,
    user_id       uuid NOT NULL REFERENCES calscim.users ON DELETE CASCADE,
    PRIMARY KEY (user_id, value_key)
);
CREATE INDEX user_emails_value ON calscim.user_emails (directory_id, value_key text_pattern_ops);

-- Groups as the identity provider last wrote them.
CREATE TABLE calscim.groups (
    id                uuid PRIMARY KEY,
    directory_id      text NOT NULL,
    ordinal           bigint GENERATED ALWAYS AS IDENTITY,
    display_name      text NOT NULL,       -- calscim.spelling of the name; data has the original
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

-- Members of groups: users and nested groups, with the journal row that added them.
CREATE TABLE calscim.members (
    group_id      uuid NOT NULL REFERENCES calscim.groups ON DELETE CASCADE,
    member_id     uuid NOT NULL,
    kind          text NOT NULL DEFAULT 'User' CHECK (kind IN ('User', 'Group')),
    directory_id  text NOT NULL,
    seq           bigint NOT NULL,         -- the journal row that added the member
    at            timestamptz NOT NULL,
    PRIMARY KEY (group_id, member_id)
);
CREATE INDEX members_member ON calscim.members (member_id);

-- The journal row that last removed a member from a group: the reason for an expected removal in Cal.com.
CREATE TABLE calscim.former_members (
    group_id      uuid NOT NULL,
    member_id     uuid NOT NULL,
    directory_id  text NOT NULL,
    seq           bigint NOT NULL,
    at            timestamptz NOT NULL,
    PRIMARY KEY (group_id, member_id)
);
CREATE INDEX former_members_member ON calscim.former_members (member_id);

-- Deleted users and groups, with the journal row that deleted them.
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

