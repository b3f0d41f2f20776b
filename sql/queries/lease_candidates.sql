-- name: renew
-- Extend the row of this daemon. Returns no row if it is gone.
UPDATE calscim.lease_candidates SET expires_at = clock_timestamp() + make_interval(secs => $2)
WHERE holder = $1
RETURNING true;

-- name: enter
-- Insert this daemon, and delete rows that expired an hour ago.
WITH gone AS (
    DELETE FROM calscim.lease_candidates WHERE expires_at < clock_timestamp() - interval '1 hour')
INSERT INTO calscim.lease_candidates (holder, organizations, expires_at)
VALUES ($1, $2, clock_timestamp() + make_interval(secs => $3))
ON CONFLICT (holder) DO UPDATE SET organizations = excluded.organizations, expires_at = excluded.expires_at;

-- name: count_shares
-- The number of organizations that each running daemon should reconcile, and the number that it does.
WITH asked AS (
    SELECT d.holder, o.name FROM calscim.lease_candidates d, unnest(d.organizations) o (name)
    WHERE d.expires_at > clock_timestamp()
), counted AS (
    SELECT name, count(*) AS daemons FROM asked GROUP BY name
)
SELECT a.holder, ceil(sum(1.0 / c.daemons) - 0.000001)::int AS share,
       (SELECT count(*) FROM calscim.leases l
        WHERE l.holder = a.holder AND l.expires_at > clock_timestamp())::int AS held
FROM asked a JOIN counted c USING (name)
GROUP BY a.holder;

-- name: list_configured
-- The organizations among these that one of these daemons is configured for.
SELECT DISTINCT o.name
FROM calscim.lease_candidates d, unnest(d.organizations) o (name)
WHERE d.holder = ANY ($1::text[]) AND o.name = ANY ($2::text[]);

-- name: leave
-- Delete the row of a daemon that stops.
DELETE FROM calscim.lease_candidates WHERE holder = $1;
