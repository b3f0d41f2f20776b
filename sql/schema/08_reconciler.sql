-- ---------------------------------------------------------------- desired state

-- Mappings of groups to teams, with role and mode. A removed mapping keeps its row.
CREATE TABLE calscim.mappings (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    directory_id  text NOT NULL REFERENCES calscim.directories,
    group_name    text NOT NULL,           -- as typed, then the last name of the group; compared by calscim.spelling
    group_id      uuid,                    -- the group of this name; NULL until there is one
    team_id       bigint,                  -- NULL: the organization; below 0: calscim has yet to create team_name
    team_name     text NOT NULL,
    role          text NOT NULL CHECK (role IN ('MEMBER', 'ADMIN', 'OWNER')),
    mode          text NOT NULL CHECK (mode IN ('observe', 'add-only', 'managed', 'exclusive')),
    seq           bigint NOT NULL,         -- the journal row (organization's stream) of its last edit
    created_at    timestamptz NOT NULL DEFAULT now(),
    removed_at    timestamptz,
    removed_seq   bigint,
    directory_seq bigint NOT NULL DEFAULT 0,  -- the last row of the directory's journal at the last edit
    former_names  text[] NOT NULL DEFAULT '{}'  -- earlier names of the group, latest last
);
CREATE UNIQUE INDEX mappings_live ON calscim.mappings (directory_id, group_name, coalesce(team_id, 0))
    WHERE removed_at IS NULL;
CREATE INDEX mappings_group ON calscim.mappings (group_id) WHERE removed_at IS NULL;

-- Teams that calscim created. Cal.com makes the API key's user (cal_user_id) their owner, who leaves the team once
-- it has another owner (released_at).
CREATE TABLE calscim.created_teams (
    organization   text NOT NULL,
    team_id        bigint NOT NULL,
    name           text NOT NULL,
    cal_user_id    bigint NOT NULL,
    membership_id  bigint,                 -- of the API key's user; NULL: not observed yet
    created_at     timestamptz NOT NULL DEFAULT now(),
    released_at    timestamptz,
    PRIMARY KEY (organization, team_id)
);

-- Attribute values from the directory that calscim set in Cal.com: only these may be cleared when the directory no
-- longer gives them. Rows are deleted with the value, and when the account leaves.
CREATE TABLE calscim.applied_attributes (
    organization  text NOT NULL,
    cal_user_id   bigint NOT NULL,
    attribute_id  text NOT NULL,
    value         text NOT NULL,           -- all values, a JSON list; '[]' before the first call
    applied_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization, cal_user_id, attribute_id)
);

-- ---------------------------------------------------------------- what calscim changed in Cal.com

-- The Cal.com account of each user. The row outlives the user, until the account has left the organization.
CREATE TABLE calscim.account_links (
    organization  text NOT NULL,
    user_id       uuid NOT NULL,
    cal_user_id   bigint NOT NULL,
    origin        text NOT NULL CHECK (origin IN ('created', 'attached', 'found')),
    email         text NOT NULL,
    linked_at     timestamptz NOT NULL DEFAULT now(),
    missed_passes  integer NOT NULL DEFAULT 0,  -- complete passes in a row that did not observe the account
    PRIMARY KEY (organization, user_id)
);
CREATE INDEX account_links_account ON calscim.account_links (organization, cal_user_id);
CREATE INDEX account_links_email ON calscim.account_links (organization, calscim.name_key(email));

-- The account that each user had when it last left the organization. When the user returns, calscim attaches the same
-- account by its id: Cal.com keeps accounts, and refuses to create a second one for an address.
CREATE TABLE calscim.former_accounts (
    organization  text NOT NULL,
    user_id       uuid NOT NULL,
    cal_user_id   bigint NOT NULL,
    email         text NOT NULL,  -- of the account, when it left
    left_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization, user_id)
);

-- What the answers of Cal.com showed about its build.
CREATE TABLE calscim.build_traits (
    organization  text NOT NULL,
    trait         text NOT NULL CHECK (trait IN ('invites_by_email', 'clears_teams')),
    value         boolean NOT NULL,
    learned_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization, trait)
);

-- Team memberships that calscim made, or found in place when they became desired. An operator can have calscim adopt
-- those that it found: calscim then removes them as if it had made them.
CREATE TABLE calscim.ledger (
    organization   text NOT NULL,
    team_id        bigint NOT NULL,
    cal_user_id    bigint NOT NULL,
    user_id        uuid NOT NULL,
    origin         text NOT NULL CHECK (origin IN ('added', 'adopted', 'found')),
    role           text NOT NULL,
    mode           text NOT NULL,          -- the mode under which it was last desired
    mapping_ids    bigint[] NOT NULL,      -- the mappings that last asked for it
    membership_id  bigint,
    written_at     timestamptz NOT NULL DEFAULT now(),
    missed_passes  integer NOT NULL DEFAULT 0,
    PRIMARY KEY (organization, team_id, cal_user_id)
);

-- Organization roles that calscim granted, and the mappings that asked for them: only these are revoked.
CREATE TABLE calscim.org_role_grants (
    organization  text NOT NULL,
    cal_user_id   bigint NOT NULL,
    user_id       uuid NOT NULL,
    role          text NOT NULL,
    mode          text NOT NULL,           -- the mode under which it was granted
    mapping_ids   bigint[] NOT NULL,
    written_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization, cal_user_id)
);

-- Attempts of actions: inserted before the call to Cal.com, finished after it.
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
    stream         text,                   -- with seq: the journal row that asked for it
    seq            bigint,
    request_id     text NOT NULL,          -- sent to Cal.com and logged; that of the push if there was one
    term           bigint NOT NULL,
    begun_at       timestamptz NOT NULL DEFAULT now(),
    finished_at    timestamptz,
    outcome        text,                   -- done, already, refused, failed, unknown
    detail         text NOT NULL DEFAULT '',
    membership_id  bigint,
    is_removal     boolean NOT NULL DEFAULT false,  -- a removal or a demotion
    is_drift       boolean NOT NULL DEFAULT false,  -- no journal row asked for the action
    is_approved    boolean NOT NULL DEFAULT false,  -- an operator approved it
    ended_team_ids  bigint[] NOT NULL DEFAULT '{}'   -- the teams that a deprovision ends
);
CREATE INDEX actions_begun ON calscim.actions (organization, begun_at)
    WHERE is_removal OR kind IN ('user.create', 'user.attach', 'member.add', 'member.role');
CREATE INDEX actions_open ON calscim.actions (organization) WHERE finished_at IS NULL;
CREATE INDEX actions_person ON calscim.actions (organization, email, id);
CREATE INDEX actions_edge ON calscim.actions (organization, team_id, cal_user_id, id) WHERE team_id IS NOT NULL;
-- Attempts without a known outcome: few rows, read by every pass.
CREATE INDEX actions_unknown ON calscim.actions (organization, pass_id) WHERE outcome = 'unknown';

-- The mappings of a user's groups to a team, or to the organization for NULL, and their strongest mode: those of the
-- groups that the user is or was in, else those of deleted groups. ids NULL: there are none.
CREATE FUNCTION calscim.find_mappings(p_organization text, p_team bigint, p_user uuid)
RETURNS TABLE (ids bigint[], mode text) LANGUAGE sql STABLE AS $$
    SELECT coalesce(array_agg(m.id ORDER BY m.id) FILTER (WHERE m.theirs),
                    array_agg(m.id ORDER BY m.id) FILTER (WHERE m.group_id IS NULL)),
           (ARRAY['observe', 'add-only', 'managed', 'exclusive'])[
               coalesce(max(m.strength) FILTER (WHERE m.theirs), max(m.strength) FILTER (WHERE m.group_id IS NULL))]
    FROM (
        SELECT m.id, m.group_id,
               array_position(ARRAY['observe', 'add-only', 'managed', 'exclusive'], m.mode) AS strength,
               EXISTS (
                   SELECT FROM calscim.members i WHERE i.group_id = m.group_id AND i.member_id = p_user
                   UNION ALL
                   SELECT FROM calscim.former_members f
                   WHERE f.group_id = m.group_id AND f.member_id = p_user) AS theirs
        FROM calscim.mappings m JOIN calscim.directories d ON d.id = m.directory_id
        WHERE m.team_id IS NOT DISTINCT FROM p_team AND d.organization = p_organization
    ) m
$$;

-- Actions that failed, with the reason and the time of the next attempt.
CREATE TABLE calscim.parked_actions (
    organization  text NOT NULL,
    kind          text NOT NULL,
    subject       text NOT NULL,           -- the user's id, else the account's id
    team_id       bigint NOT NULL DEFAULT 0,
    email         text NOT NULL,
    reason        text NOT NULL,
    refused       boolean NOT NULL,        -- Cal.com refused it: retried when the action changes, or after an hour
    fingerprint   text NOT NULL,           -- of the action; a changed action is due at once
    attempts      integer NOT NULL,
    since         timestamptz NOT NULL,
    next_try      timestamptz NOT NULL,
    unanswered    boolean NOT NULL DEFAULT false,  -- Cal.com did not answer: due at its next answer
    PRIMARY KEY (organization, kind, subject, team_id)
);

-- Sets of actions over a limit, until they are approved, stale or no longer planned.
CREATE TABLE calscim.holds (
    organization  text NOT NULL,
    hash          text NOT NULL,
    guard         text NOT NULL,           -- the description of the limit
    actions       jsonb NOT NULL,
    first_seen    timestamptz NOT NULL DEFAULT now(),
    last_seen     timestamptz NOT NULL DEFAULT now(),
    approved_at   timestamptz,
    released_at   timestamptz,
    is_current    boolean NOT NULL DEFAULT true,
    announced_at  timestamptz,             -- when the daemon alerted the operator; `calscim plan` does not alert
    PRIMARY KEY (organization, hash)
);

-- Refuses approvals by a role that cannot insert approved_at, such as the serving role beside an operators' role.
-- Such a role can clear an approval, as holding a set again does.
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

-- Drift that is corrected only once it has lasted: the number of complete passes that observed it.
CREATE TABLE calscim.drift_observations (
    organization  text NOT NULL,
    digest        text NOT NULL,           -- of the action: kind, person, membership and roles
    team_id       bigint NOT NULL,         -- 0: the organization
    email         text NOT NULL,
    pass_count    integer NOT NULL DEFAULT 1,
    first_seen    timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_seen     timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (organization, digest)
);

-- Passes of the reconciler, with the report that `calscim status` reads.
CREATE TABLE calscim.reconcile_passes (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organization  text NOT NULL,
    scope         text NOT NULL CHECK (scope IN ('full', 'incremental')),
    begun_at      timestamptz NOT NULL DEFAULT now(),
    finished_at   timestamptz,
    complete      boolean NOT NULL DEFAULT false,
    in_sync       boolean NOT NULL DEFAULT false,
    report        jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX reconcile_passes_latest ON calscim.reconcile_passes (organization, id DESC);

-- The last row of each stream that the reconciler of an organization has processed.
CREATE TABLE calscim.journal_offsets (
    organization  text NOT NULL,
    stream        text NOT NULL,
    seq           bigint NOT NULL,
    PRIMARY KEY (organization, stream)
);

-- Requests of the command line for a full pass, and their results.
CREATE TABLE calscim.sync_requests (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organization  text NOT NULL,
    requested_at  timestamptz NOT NULL DEFAULT now(),
    started_at    timestamptz,
    pass_id       bigint,
    finished_at   timestamptz,
    detail        text NOT NULL DEFAULT ''
);

-- The daemon that may reconcile each organization, until when, and the term.
CREATE TABLE calscim.leases (
    organization  text PRIMARY KEY,
    holder        text NOT NULL,
    term          bigint NOT NULL,
    expires_at    timestamptz NOT NULL
);

-- The running daemons and the fingerprints of their secrets, which calscim check compares with the files. A
-- fingerprint is an HMAC of the row's salt with the secret as the key.
CREATE TABLE calscim.daemons (
    holder        text PRIMARY KEY,        -- host/process/random, as in leases
    started_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    seen_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    salt          bytea NOT NULL,
    fingerprints  jsonb NOT NULL           -- configuration key -> hexadecimal digits
);

-- The daemons that share the organizations, with the organizations that each has in its configuration. Only a lease
-- permits a daemon to reconcile.
CREATE TABLE calscim.lease_candidates (
    holder         text PRIMARY KEY,
    organizations  text[] NOT NULL,
    expires_at     timestamptz NOT NULL
);

-- The rate limit of each API key, as the daemon last recorded it for status.
CREATE TABLE calscim.rate_budgets (
    organization  text PRIMARY KEY,
    "limit"       integer NOT NULL,
    remaining     integer NOT NULL,
    resets_at     timestamptz NOT NULL
);

