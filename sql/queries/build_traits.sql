-- name: load, what is known of the organization's build of Cal.com
SELECT trait, value FROM calscim.build_traits WHERE organization = $1;

-- name: learn, an answer of Cal.com's showed it
INSERT INTO calscim.build_traits (organization, trait, value) VALUES ($1, $2, $3)
ON CONFLICT (organization, trait) DO UPDATE SET value = excluded.value, learned_at = now()
    WHERE build_traits.value <> excluded.value;
