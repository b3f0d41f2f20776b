-- name: record
-- Record that a daemon runs, and the fingerprints of its secrets. Deletes rows of daemons that were last seen a day
-- ago.
WITH gone AS (
    DELETE FROM calscim.daemons WHERE seen_at < clock_timestamp() - interval '1 day' AND holder <> $1
)
INSERT INTO calscim.daemons AS d (holder, salt, fingerprints) VALUES ($1, $2, $3::text::jsonb)
ON CONFLICT (holder) DO UPDATE
    SET seen_at = clock_timestamp(), salt = excluded.salt, fingerprints = excluded.fingerprints;

-- name: delete
-- Delete the row of a daemon that stops.
DELETE FROM calscim.daemons WHERE holder = $1;

-- name: list
-- The daemons that were seen within so many seconds.
SELECT holder, salt, fingerprints FROM calscim.daemons
WHERE seen_at > clock_timestamp() - make_interval(secs => $1)
ORDER BY holder;
