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

-- name: show, who holds it
SELECT holder, term, expires_at > clock_timestamp() AS held FROM calscim.leases WHERE organization = $1;
