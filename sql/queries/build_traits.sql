-- name: load
-- The traits of the organization's build of Cal.com that were learned recently enough.
SELECT trait, value FROM calscim.build_traits WHERE organization = $1 AND learned_at > now() - $2::interval;

-- name: record
-- Record a trait that an answer of Cal.com showed.
INSERT INTO calscim.build_traits (organization, trait, value) VALUES ($1, $2, $3)
ON CONFLICT (organization, trait) DO UPDATE SET value = excluded.value, learned_at = now();
