-- ---------------------------------------------------------------- the change feed

-- The last position of the change feed. A transaction that adds events locks this row: positions follow the order of commits.
CREATE TABLE calscim.event_head (
    is_only      boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    seq          bigint NOT NULL DEFAULT 0,
    deleted_seq  bigint NOT NULL DEFAULT 0  -- events up to here were deleted, because they were old
);

-- The last journal row of each stream that the change feed contains.
CREATE TABLE calscim.event_offsets (
    stream  text PRIMARY KEY,
    seq     bigint NOT NULL
);

-- The change feed: what happened to users, groups and memberships, in Cal.com, and by operators, in one order.
CREATE TABLE calscim.events (
    seq           bigint PRIMARY KEY,
    id            text NOT NULL UNIQUE,    -- from the hash of the journal row: a restored database gives the same id again
    at            timestamptz NOT NULL,
    type          text NOT NULL,
    directory     text,                    -- the name
    organization  text,
    stream        text NOT NULL,           -- the journal row
    journal_seq   bigint NOT NULL,
    user_id       text,                    -- the user that the event is about
    data          json NOT NULL            -- json and not jsonb: it keeps the order of the members
);

-- How far each webhook channel with the change feed has come.
CREATE TABLE calscim.event_deliveries (
    channel        text PRIMARY KEY,
    seq            bigint NOT NULL,        -- the last event that was delivered or given up
    attempts       integer NOT NULL DEFAULT 0,  -- of the next event
    failing_since  timestamptz,            -- when the first attempt of the next event failed
    next_try       timestamptz NOT NULL DEFAULT now(),
    claimed_until  timestamptz,            -- set while a daemon delivers
    delivered_at   timestamptz,
    failed_at      timestamptz,
    reason         text,                   -- why the last attempt failed
    given_up       bigint NOT NULL DEFAULT 0
);
