-- name: seen, a daemon is there, with these secrets; rows of processes that are gone for a day are dropped
WITH gone AS (
    DELETE FROM calscim.daemons WHERE seen_at < clock_timestamp() - interval '1 day' AND holder <> $1
)
INSERT INTO calscim.daemons AS d (holder, salt, fingerprints) VALUES ($1, $2, $3::text::jsonb)
ON CONFLICT (holder) DO UPDATE
    SET seen_at = clock_timestamp(), salt = excluded.salt, fingerprints = excluded.fingerprints;

-- name: left, a daemon ends
DELETE FROM calscim.daemons WHERE holder = $1;

-- name: alive, the daemons that were there within so many seconds
SELECT holder, salt, fingerprints FROM calscim.daemons
WHERE seen_at > clock_timestamp() - make_interval(secs => $1)
ORDER BY holder;
