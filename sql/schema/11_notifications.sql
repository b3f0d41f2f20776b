-- ---------------------------------------------------------------- notifications

-- Lasting conditions for which a channel has a message, and events without an end. scope: '' for conditions in the
-- database, 'once' for events, otherwise the host whose daemon sees the condition.
CREATE TABLE calscim.conditions (
    channel      text NOT NULL,
    scope        text NOT NULL,
    event        text NOT NULL,
    key          text NOT NULL,
    opened_at    timestamptz NOT NULL DEFAULT now(),
    notified_at  timestamptz NOT NULL DEFAULT now(),  -- when the last message about it was queued
    first_id     uuid NOT NULL,            -- the first message about it
    PRIMARY KEY (channel, scope, event, key)
);

-- The outbox: messages to channels, kept for 30 days after they were delivered or given up.
CREATE TABLE calscim.notifications (
    id            uuid PRIMARY KEY,
    channel       text NOT NULL,
    type          text NOT NULL,
    payload       jsonb NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    next_try      timestamptz NOT NULL DEFAULT now(),
    attempts      integer NOT NULL DEFAULT 0,
    claimed_until timestamptz,             -- set while a daemon delivers it
    delivered_at  timestamptz,
    given_up_at   timestamptz,
    failed_at     timestamptz,
    reason        text                     -- why the last attempt failed
);
CREATE INDEX notifications_due ON calscim.notifications (channel, next_try)
    WHERE delivered_at IS NULL AND given_up_at IS NULL;
