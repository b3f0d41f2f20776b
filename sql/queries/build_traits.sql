-- name: load, what is known of the organization's build of Cal.com; what was learned long ago is asked again
SELECT trait, value FROM calscim.build_traits WHERE organization = $1 AND learned_at > now() - $2::interval;

-- name: learn, an answer of Cal.com's showed it
INSERT INTO calscim.build_traits (organization, trait, value) VALUES ($1, $2, $3)
ON CONFLICT (organization, trait) DO UPDATE SET value = excluded.value, learned_at = now();
