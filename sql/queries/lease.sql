-- name: take, the organization's reconciler becomes ours when nobody else holds it; a new term in any case
INSERT INTO calscim.leases AS l (organization, holder, term, expires_at)
VALUES ($1, $2, 1, clock_timestamp() + make_interval(secs => $3))
ON CONFLICT (organization) DO UPDATE
    SET holder = excluded.holder, term = l.term + 1, expires_at = excluded.expires_at
    WHERE l.expires_at < clock_timestamp() OR l.holder = excluded.holder
RETURNING term;

-- name: renew, only while it is still ours: an expired lease may already be somebody else's term
UPDATE calscim.leases SET expires_at = clock_timestamp() + make_interval(secs => $4)
WHERE organization = $1 AND holder = $2 AND term = $3 AND expires_at > clock_timestamp()
RETURNING term;

-- name: release, give it back at once
UPDATE calscim.leases SET expires_at = 'epoch'
WHERE organization = $1 AND holder = $2 AND term = $3;

-- name: free, those of these organizations that no living daemon but this one reconciles
SELECT o.name
FROM unnest($1::text[]) o (name)
LEFT JOIN calscim.leases l ON l.organization = o.name
WHERE l.organization IS NULL OR l.expires_at < clock_timestamp() OR l.holder = $2;

-- name: take_all, as take, for many organizations; in order, so that two daemons do not wait for each other
INSERT INTO calscim.leases AS l (organization, holder, term, expires_at)
SELECT o.name, $2, 1, clock_timestamp() + make_interval(secs => $3)
FROM unnest($1::text[]) o (name)
ORDER BY o.name
ON CONFLICT (organization) DO UPDATE
    SET holder = excluded.holder, term = l.term + 1, expires_at = excluded.expires_at
    WHERE l.expires_at < clock_timestamp() OR l.holder = excluded.holder
RETURNING organization, term;

-- name: renew_all, as renew, for all that a daemon holds; answers with those that were kept
WITH kept AS (
    SELECT l.organization FROM calscim.leases l
    JOIN unnest($1::text[]) o (name) ON o.name = l.organization
    WHERE l.holder = $2 AND l.expires_at > clock_timestamp()
    ORDER BY l.organization
    FOR UPDATE OF l)
UPDATE calscim.leases l SET expires_at = clock_timestamp() + make_interval(secs => $3)
FROM kept WHERE l.organization = kept.organization
RETURNING l.organization, l.term;

-- name: release_all, give these back at once
UPDATE calscim.leases l SET expires_at = 'epoch'
FROM unnest($1::text[], $3::bigint[]) o (name, term)
WHERE l.organization = o.name AND l.term = o.term AND l.holder = $2;

-- name: show, who holds it
SELECT holder, term, expires_at > clock_timestamp() AS held FROM calscim.leases WHERE organization = $1;
