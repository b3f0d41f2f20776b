-- name: hold
-- Hold a set of removals that is over a limit. The same set again is one hold.
INSERT INTO calscim.holds AS h (organization, hash, guard, actions)
VALUES ($1, $2, $3, $4::text::jsonb)
ON CONFLICT (organization, hash) DO UPDATE
    SET last_seen = clock_timestamp(), is_current = true, guard = excluded.guard, actions = excluded.actions,
        first_seen = CASE WHEN h.is_current THEN h.first_seen ELSE clock_timestamp() END,
        approved_at = CASE WHEN h.is_current THEN h.approved_at END,
        released_at = CASE WHEN h.is_current THEN h.released_at END,
        announced_at = CASE WHEN h.is_current THEN h.announced_at END;

-- name: mark_announced
-- Record that the daemon has alerted the operator to these sets.
UPDATE calscim.holds SET announced_at = clock_timestamp()
WHERE organization = $1 AND hash = ANY ($2::text[]) AND announced_at IS NULL;

-- name: close_obsolete
-- Close the sets that the present plan no longer has. The daemon closes approved sets itself.
UPDATE calscim.holds SET is_current = false
WHERE organization = $1 AND is_current AND hash <> ALL ($2::text[]) AND approved_at IS NULL;

-- name: list_current
-- The sets that are held now.
SELECT hash, guard, actions, first_seen, last_seen, approved_at, announced_at FROM calscim.holds
WHERE organization = $1 AND is_current AND released_at IS NULL
ORDER BY first_seen, hash;

-- name: lock
-- Lock a set that is held now, so that concurrent approvals wait.
SELECT guard, actions::text, approved_at IS NOT NULL AS approved FROM calscim.holds
WHERE organization = $1 AND hash = $2 AND is_current AND released_at IS NULL
FOR UPDATE;

-- name: list_approvers
-- The people who approved a set since it was held, within the day that an approval lasts.
SELECT DISTINCT split_part(split_part(j.remote, ' via ', 1), '@', 1) AS person
FROM calscim.holds h
JOIN calscim.journal j ON j.stream = '@' || h.organization AND j.resource_id = h.hash
WHERE h.organization = $1 AND h.hash = $2 AND j.kind = 'admin' AND j.path = 'hold.approve'
  AND j.at >= h.first_seen AND j.at > clock_timestamp() - interval '1 day'
ORDER BY 1;

-- name: approve
-- Record an operator's approval.
UPDATE calscim.holds SET approved_at = clock_timestamp()
WHERE organization = $1 AND hash = $2 AND is_current AND released_at IS NULL
RETURNING hash;

-- name: list_approved
-- The hashes of sets with at least $2 approvals that no pass has released yet.
SELECT h.hash FROM calscim.holds h
WHERE h.organization = $1 AND h.is_current AND h.approved_at > clock_timestamp() - interval '1 day'
  AND h.released_at IS NULL
  AND ($2::integer <= 1 OR $2 <= (
      SELECT count(DISTINCT split_part(split_part(j.remote, ' via ', 1), '@', 1)) FROM calscim.journal j
      WHERE j.stream = '@' || h.organization AND j.resource_id = h.hash AND j.kind = 'admin'
        AND j.path = 'hold.approve' AND j.at >= h.first_seen AND j.at > clock_timestamp() - interval '1 day'));

-- name: release
-- Release approved sets: each of their actions may run until it is done.
UPDATE calscim.holds SET released_at = clock_timestamp() WHERE organization = $1 AND hash = ANY ($2::text[]);

-- name: list_released
-- Actions that were released within a day.
SELECT hash, actions FROM calscim.holds
WHERE organization = $1 AND is_current AND released_at > clock_timestamp() - interval '1 day';

-- name: close
-- Close approved sets that have no planned action left, or that no longer match.
UPDATE calscim.holds SET is_current = false WHERE organization = $1 AND hash = ANY ($2::text[]);

-- name: list_rejected
-- The sets that are held now and that an operator rejected after the last approval: the last rejection of each.
SELECT h.hash, r.person, r.reason, r.at
FROM calscim.holds h
CROSS JOIN LATERAL (
    SELECT j.path, split_part(j.remote, ' via ', 1) AS person, j.at,
           convert_from(coalesce(j.effect, '{}'), 'UTF8')::json->>'reason' AS reason
    FROM calscim.journal j
    WHERE j.stream = '@' || h.organization AND j.kind = 'admin' AND j.resource_id = h.hash
        AND j.path IN ('hold.approve', 'hold.reject') AND j.at >= h.first_seen
    ORDER BY j.seq DESC LIMIT 1
) r
WHERE h.organization = $1 AND h.is_current AND h.released_at IS NULL AND r.path = 'hold.reject'
ORDER BY h.first_seen, h.hash;
