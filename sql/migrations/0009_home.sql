-- Where the tables were when an organization was last reconciled: those of a restored dump are others, and what
-- happened since the dump is not in them.
CREATE TABLE calscim.home (
    organization  text PRIMARY KEY,
    relation      oid NOT NULL,            -- of calscim.journal; streaming copies and pg_upgrade keep it
    database      oid NOT NULL
);
