-- Teams that calscim makes for a mapped group. A mapping whose team_id is below 0 waits for its team to be made;
-- to the release before this one such a team is one that Cal.com does not have, and it does nothing about it.

-- Teams that calscim made. Cal.com makes the key's own user (cal_user_id) their owner; until somebody else owns
-- the team, that is, and it is released.
CREATE TABLE calscim.made_teams (
    organization   text NOT NULL,
    team_id        bigint NOT NULL,
    name           text NOT NULL,
    cal_user_id    bigint NOT NULL,
    membership_id  bigint,                 -- the one that came with the team; NULL: not seen yet
    made_at        timestamptz NOT NULL DEFAULT now(),
    released_at    timestamptz,
    PRIMARY KEY (organization, team_id)
);

-- Attributes of people that the directory gave a value, as they were last told to Cal.com: what it gives no more may
-- be taken away. Rows go with the value, and with the person.
CREATE TABLE calscim.attributes_told (
    organization  text NOT NULL,
    cal_user_id   bigint NOT NULL,
    attribute_id  text NOT NULL,
    value         text NOT NULL,           -- all values, a JSON list; '[]' before the first one is told
    told_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization, cal_user_id, attribute_id)
);
