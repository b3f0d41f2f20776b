-- The roles in the organization that calscim gave, and for which mappings: only those are taken back.

CREATE TABLE calscim.offices (
    organization  text NOT NULL,
    cal_user_id   bigint NOT NULL,
    user_id       uuid NOT NULL,
    role          text NOT NULL,
    mode          text NOT NULL,           -- the mode under which it was given
    mapping_ids   bigint[] NOT NULL,
    written_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization, cal_user_id)
);

-- Somebody is the same person as whoever was linked by the same address.
CREATE INDEX links_email ON calscim.links (organization, lower(email));

-- How far the directory's journal had come when a mapping was last edited: whoever was in the group before is
-- on the team because of the edit.
ALTER TABLE calscim.mappings ADD COLUMN since bigint NOT NULL DEFAULT 0;
