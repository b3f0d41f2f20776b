-- Drift that was seen and is not corrected before it has lasted: how often complete looks wanted it gone.
CREATE TABLE calscim.sightings (
    organization  text NOT NULL,
    digest        text NOT NULL,           -- of the one action: its kind, person, membership and roles
    team_id       bigint NOT NULL,         -- 0: the organization
    email         text NOT NULL,
    passes        integer NOT NULL DEFAULT 1,
    first_seen    timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_seen     timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (organization, digest)
);

-- What may have happened: few rows, asked for in every pass.
CREATE INDEX actions_unknown ON calscim.actions (organization, pass_id) WHERE outcome = 'unknown';
