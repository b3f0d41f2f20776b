-- The daemons that run, and with which secrets: calscim check compares them with the files. Only fingerprints are kept,
-- each an HMAC of the row's salt with the secret as its key.
CREATE TABLE calscim.daemons (
    holder        text PRIMARY KEY,        -- host/process/random, as in leases
    started_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    seen_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    salt          bytea NOT NULL,
    fingerprints  jsonb NOT NULL           -- the key of the configuration -> hexadecimal digits
);
