-- name: take
-- Take an organization's lease if it is free or already held by this daemon. Starts a new term.
INSERT INTO calscim.leases AS l (organization, holder, term, expires_at)
VALUES ($1, $2, 1, clock_timestamp() + make_interval(secs => $3))
ON CONFLICT (organization) DO UPDATE
    SET holder = excluded.holder, term = l.term + 1, expires_at = excluded.expires_at
    WHERE l.expires_at < clock_timestamp() OR l.holder = excluded.holder
RETURNING term;

-- name: renew
-- Extend a lease that has not expired. After that another daemon may hold it.
UPDATE calscim.leases SET expires_at = clock_timestamp() + make_interval(secs => $4)
WHERE organization = $1 AND holder = $2 AND term = $3 AND expires_at > clock_timestamp()
RETURNING term;

-- name: release
-- Give a lease back.
UPDATE calscim.leases SET expires_at = 'epoch'
WHERE organization = $1 AND holder = $2 AND term = $3;

-- name: list_free
-- The organizations among these that no other running daemon reconciles.
SELECT o.name
FROM unnest($1::text[]) o (name)
LEFT JOIN calscim.leases l ON l.organization = o.name
WHERE l.organization IS NULL OR l.expires_at < clock_timestamp() OR l.holder = $2;

-- name: take_all
-- Take several leases. Ordered, so that two daemons do not wait for each other.
INSERT INTO calscim.leases AS l (organization, holder, term, expires_at)
SELECT o.name, $2, 1, clock_timestamp() + make_interval(secs => $3)
FROM unnest($1::text[]) o (name)
ORDER BY o.name
ON CONFLICT (organization) DO UPDATE
    SET holder = excluded.holder, term = l.term + 1, expires_at = excluded.expires_at
    WHERE l.expires_at < clock_timestamp() OR l.holder = excluded.holder
RETURNING organization, term;

-- name: renew_all
-- Extend all leases of a daemon. Returns those that it still holds.
WITH kept AS (
    SELECT l.organization FROM calscim.leases l
    JOIN unnest($1::text[]) o (name) ON o.name = l.organization
    WHERE l.holder = $2 AND l.expires_at > clock_timestamp()
    ORDER BY l.organization
    FOR UPDATE OF l)
UPDATE calscim.leases l SET expires_at = clock_timestamp() + make_interval(secs => $3)
FROM kept WHERE l.organization = kept.organization
RETURNING l.organization, l.term;

-- name: release_all
-- Give several leases back.
UPDATE calscim.leases l SET expires_at = 'epoch'
FROM unnest($1::text[], $3::bigint[]) o (name, term)
WHERE l.organization = o.name AND l.term = o.term AND l.holder = $2;

-- name: get
-- The holder of an organization's lease.
SELECT holder, term, expires_at > clock_timestamp() AS held FROM calscim.leases WHERE organization = $1;

-- name: is_held
-- Whether the daemon still holds this term of an organization's lease.
SELECT EXISTS (
    SELECT FROM calscim.leases
    WHERE organization = $1 AND holder = $2 AND term = $3 AND expires_at > clock_timestamp());
