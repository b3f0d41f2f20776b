-- Which daemons share the organizations, and which organizations each of them has in its configuration. What a daemon
-- may do comes from its leases alone.
CREATE TABLE calscim.shares (
    holder         text PRIMARY KEY,
    organizations  text[] NOT NULL,
    expires_at     timestamptz NOT NULL
);
