-- The account that each user had when it last left the organization. When the user comes back, calscim attaches
-- the same account by its number: Cal.com keeps accounts, and refuses to create a second one for an address.
CREATE TABLE calscim.former_accounts (
    organization  text NOT NULL,
    user_id       uuid NOT NULL,
    cal_user_id   bigint NOT NULL,
    email         text NOT NULL,  -- the account's address when it left
    left_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization, user_id)
);

-- What calscim has learned about the build of Cal.com behind an organization, from answers to its own calls.
CREATE TABLE calscim.build_traits (
    organization  text NOT NULL,
    trait         text NOT NULL CHECK (trait IN ('invites_by_email', 'clears_teams')),
    value         boolean NOT NULL,
    learned_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization, trait)
);

-- Whom earlier releases took out of the organization, and who have not returned: their attempts say which account it was.
INSERT INTO calscim.former_accounts (organization, user_id, cal_user_id, email)
SELECT DISTINCT ON (organization, user_id) organization, user_id, cal_user_id, email
FROM calscim.actions a
WHERE kind = 'user.deprovision' AND outcome = 'done' AND user_id IS NOT NULL AND cal_user_id IS NOT NULL
  AND NOT EXISTS (SELECT FROM calscim.links l
                  WHERE l.organization = a.organization AND (l.user_id = a.user_id OR l.cal_user_id = a.cal_user_id))
ORDER BY organization, user_id, id DESC;
