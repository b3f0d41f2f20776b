-- ---------------------------------------------------------------- what should be where

CREATE TABLE calscim.mappings (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    directory_id  text NOT NULL REFERENCES calscim.directories,
    group_name    text NOT NULL,           -- as typed, then as the group was last called; matched exactly
    group_id      uuid,                    -- bound at the first match, unbound when the group is deleted
    team_id       bigint,                  -- NULL: the organization itself; below 0: team_name is yet to be made
    team_name     text NOT NULL,
    role          text NOT NULL CHECK (role IN ('MEMBER', 'ADMIN', 'OWNER')),
    mode          text NOT NULL CHECK (mode IN ('observe', 'add-only', 'managed', 'exclusive')),
    seq           bigint NOT NULL,         -- the journal row (organization's stream) of its last edit
    created_at    timestamptz NOT NULL DEFAULT now(),
    removed_at    timestamptz,
    removed_seq   bigint,
    directory_seq bigint NOT NULL DEFAULT 0,  -- the last row of the directory's journal at the last edit
    former_names  text[] NOT NULL DEFAULT '{}'  -- that the group had before, the latest last
);
CREATE UNIQUE INDEX mappings_live ON calscim.mappings (directory_id, group_name, coalesce(team_id, 0))
    WHERE removed_at IS NULL;
CREATE INDEX mappings_group ON calscim.mappings (group_id) WHERE removed_at IS NULL;

-- Teams that calscim made. Cal.com makes the key's own user (cal_user_id) their owner; until somebody else owns
-- the team, that is, and it is released.
CREATE TABLE calscim.created_teams (
    organization   text NOT NULL,
    team_id        bigint NOT NULL,
    name           text NOT NULL,
    cal_user_id    bigint NOT NULL,
    membership_id  bigint,                 -- the one that came with the team; NULL: not seen yet
    created_at     timestamptz NOT NULL DEFAULT now(),
    released_at    timestamptz,
    PRIMARY KEY (organization, team_id)
);

-- Attributes of people that the directory gave a value, as they were last told to Cal.com: what it gives no more may
-- be taken away. Rows go with the value, and with the person.
CREATE TABLE calscim.applied_attributes (
    organization  text NOT NULL,
    cal_user_id   bigint NOT NULL,
    attribute_id  text NOT NULL,
    value         text NOT NULL,           -- all values, a JSON list; '[]' before the first one is told
    applied_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization, cal_user_id, attribute_id)
);

-- ---------------------------------------------------------------- what calscim did in Cal.com

-- Which account a SCIM user is. Outlives the user, until the account has left the organization.
CREATE TABLE calscim.account_links (
    organization  text NOT NULL,
    user_id       uuid NOT NULL,
    cal_user_id   bigint NOT NULL,
    origin        text NOT NULL CHECK (origin IN ('created', 'attached', 'found')),
    email         text NOT NULL,
    linked_at     timestamptz NOT NULL DEFAULT now(),
    missed_passes  integer NOT NULL DEFAULT 0,  -- complete passes in a row that did not show the account
    PRIMARY KEY (organization, user_id)
);
CREATE INDEX account_links_account ON calscim.account_links (organization, cal_user_id);
CREATE INDEX account_links_email ON calscim.account_links (organization, calscim.name_key(email));

-- The account that each user had when it last left the organization. When the user comes back, calscim attaches
-- the same account by its number: Cal.com keeps accounts, and refuses to create a second one for an address.
CREATE TABLE calscim.former_accounts (
    organization  text NOT NULL,
    user_id       uuid NOT NULL,
    cal_user_id   bigint NOT NULL,
    email         text NOT NULL,  -- the account's address when it left
    left_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization, user_id)
);

-- What calscim has learned about the build of Cal.com behind an organization, from answers to its own calls.
CREATE TABLE calscim.build_traits (
    organization  text NOT NULL,
    trait         text NOT NULL CHECK (trait IN ('invites_by_email', 'clears_teams')),
    value         boolean NOT NULL,
    learned_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization, trait)
);

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
    missed_passes  integer NOT NULL DEFAULT 0,
    PRIMARY KEY (organization, team_id, cal_user_id)
);

-- The roles in the organization that calscim gave, and for which mappings: only those are taken back.
CREATE TABLE calscim.org_role_grants (
    organization  text NOT NULL,
    cal_user_id   bigint NOT NULL,
    user_id       uuid NOT NULL,
    role          text NOT NULL,
    mode          text NOT NULL,           -- the mode under which it was given
    mapping_ids   bigint[] NOT NULL,
    written_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization, cal_user_id)
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
    detail         text NOT NULL DEFAULT '',
    membership_id  bigint,
    is_removal     boolean NOT NULL DEFAULT false,  -- a removal or a demotion
    is_drift       boolean NOT NULL DEFAULT false,  -- no journal row asked for it
    is_approved    boolean NOT NULL DEFAULT false,  -- released by an operator
    ended_team_ids  bigint[] NOT NULL DEFAULT '{}'   -- that end with a deprovision
);
CREATE INDEX actions_begun ON calscim.actions (organization, begun_at)
    WHERE is_removal OR kind IN ('user.create', 'user.attach', 'member.add');
CREATE INDEX actions_open ON calscim.actions (organization) WHERE finished_at IS NULL;
CREATE INDEX actions_person ON calscim.actions (organization, email, id);
CREATE INDEX actions_edge ON calscim.actions (organization, team_id, cal_user_id, id) WHERE team_id IS NOT NULL;
-- What may have happened: few rows, asked for in every pass.
CREATE INDEX actions_unknown ON calscim.actions (organization, pass_id) WHERE outcome = 'unknown';

-- What did not succeed, when it is tried again, and why it failed.
CREATE TABLE calscim.parked_actions (
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
    unanswered    boolean NOT NULL DEFAULT false,  -- Cal.com did not answer: due at its first answer
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
    is_current    boolean NOT NULL DEFAULT true,
    announced_at  timestamptz,             -- when the daemon alerted the operator; `calscim plan` alerts nobody
    PRIMARY KEY (organization, hash)
);

-- Approving a held set is the operators'. A role that may not insert approved_at, as the serving role beside an
-- operators' role, can clear an approval, as holding a set again does, and cannot give one.
CREATE FUNCTION calscim.holds_check_approver() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.approved_at IS NOT NULL AND NEW.approved_at IS DISTINCT FROM OLD.approved_at
        AND NOT has_column_privilege('calscim.holds', 'approved_at', 'INSERT')
    THEN
        RAISE EXCEPTION 'the role % may not approve a held set', current_user
            USING ERRCODE = 'insufficient_privilege', HINT = 'calscim approve uses database.operator_dsn.';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER holds_check_approver BEFORE UPDATE OF approved_at ON calscim.holds
    FOR EACH ROW EXECUTE FUNCTION calscim.holds_check_approver();

-- Drift that was seen and is not corrected before it has lasted: how often complete looks wanted it gone.
CREATE TABLE calscim.drift_observations (
    organization  text NOT NULL,
    digest        text NOT NULL,           -- of the one action: its kind, person, membership and roles
    team_id       bigint NOT NULL,         -- 0: the organization
    email         text NOT NULL,
    pass_count    integer NOT NULL DEFAULT 1,
    first_seen    timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_seen     timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (organization, digest)
);

CREATE TABLE calscim.reconcile_passes (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organization  text NOT NULL,
    scope         text NOT NULL CHECK (scope IN ('full', 'touched')),
    begun_at      timestamptz NOT NULL DEFAULT now(),
    finished_at   timestamptz,
    complete      boolean NOT NULL DEFAULT false,
    in_sync       boolean NOT NULL DEFAULT false,
    report        jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX reconcile_passes_latest ON calscim.reconcile_passes (organization, id DESC);

-- How far the reconciler of an organization has read each directory's journal.
CREATE TABLE calscim.journal_offsets (
    organization  text NOT NULL,
    stream        text NOT NULL,
    seq           bigint NOT NULL,
    PRIMARY KEY (organization, stream)
);

-- Asked of the running daemon by the command line: a full pass, and its answer.
CREATE TABLE calscim.sync_requests (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organization  text NOT NULL,
    requested_at  timestamptz NOT NULL DEFAULT now(),
    started_at    timestamptz,
    pass_id       bigint,
    finished_at   timestamptz,
    detail        text NOT NULL DEFAULT ''
);

CREATE TABLE calscim.leases (
    organization  text PRIMARY KEY,
    holder        text NOT NULL,
    term          bigint NOT NULL,
    expires_at    timestamptz NOT NULL
);

-- The daemons that run, and with which secrets: calscim check compares them with the files. Only fingerprints are kept,
-- each an HMAC of the row's salt with the secret as its key.
CREATE TABLE calscim.daemons (
    holder        text PRIMARY KEY,        -- host/process/random, as in leases
    started_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    seen_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    salt          bytea NOT NULL,
    fingerprints  jsonb NOT NULL           -- the key of the configuration -> hexadecimal digits
);

-- Which daemons share the organizations, and which organizations each of them has in its configuration. What a daemon
-- may do comes from its leases alone.
CREATE TABLE calscim.lease_candidates (
    holder         text PRIMARY KEY,
    organizations  text[] NOT NULL,
    expires_at     timestamptz NOT NULL
);

-- What the reconciler last knew of the budget, for status.
CREATE TABLE calscim.rate_budgets (
    organization  text PRIMARY KEY,
    "limit"       integer NOT NULL,
    remaining     integer NOT NULL,
    resets_at     timestamptz NOT NULL
);

