-- name: record
-- Count one more complete pass that observed this drift.
INSERT INTO calscim.drift_observations AS s (organization, digest, team_id, email)
SELECT $1, seen.digest, seen.team_id, seen.email
FROM unnest($2::text[], $3::bigint[], $4::text[]) AS seen (digest, team_id, email)
ON CONFLICT (organization, digest) DO UPDATE
    SET pass_count = s.pass_count + 1, last_seen = clock_timestamp(), email = excluded.email;

-- name: delete_ended
-- Delete drift that a complete pass no longer observed. Teams that were not read keep theirs.
DELETE FROM calscim.drift_observations s
WHERE s.organization = $1 AND s.team_id <> ALL ($3::bigint[])
  AND NOT EXISTS (SELECT FROM unnest($2::text[]) AS seen (digest) WHERE seen.digest = s.digest);

-- name: list
-- How often and since when each drift was observed.
SELECT digest, pass_count, greatest(0, extract(epoch FROM clock_timestamp() - first_seen))::float8 AS seconds
FROM calscim.drift_observations WHERE organization = $1;
