-- What an attempt takes away, so that limits count over a window of time and not only within one pass. Attempts of
-- earlier releases count for nothing.
ALTER TABLE calscim.actions ADD COLUMN membership_id bigint;
ALTER TABLE calscim.actions ADD COLUMN takes boolean NOT NULL DEFAULT false;     -- a removal or a demotion
ALTER TABLE calscim.actions ADD COLUMN drift boolean NOT NULL DEFAULT false;     -- no journal row asked for it
ALTER TABLE calscim.actions ADD COLUMN approved boolean NOT NULL DEFAULT false;  -- released by an operator
ALTER TABLE calscim.actions ADD COLUMN teams bigint[] NOT NULL DEFAULT '{}';     -- that end with a deprovision

CREATE INDEX actions_begun ON calscim.actions (organization, begun_at)
    WHERE takes OR kind IN ('user.create', 'user.attach', 'member.add');
