-- name: hold, a set of removals over a limit; the same set again is one hold
INSERT INTO calscim.holds AS h (organization, hash, guard, actions)
VALUES ($1, $2, $3, $4::text::jsonb)
ON CONFLICT (organization, hash) DO UPDATE
    SET last_seen = clock_timestamp(), current = true, guard = excluded.guard, actions = excluded.actions,
        first_seen = CASE WHEN h.current THEN h.first_seen ELSE clock_timestamp() END,
        approved_at = CASE WHEN h.current THEN h.approved_at END,
        released_at = CASE WHEN h.current THEN h.released_at END,
        announced_at = CASE WHEN h.current THEN h.announced_at END;

-- name: announced, the daemon has alerted the operator to these sets
UPDATE calscim.holds SET announced_at = clock_timestamp()
WHERE organization = $1 AND hash = ANY ($2::text[]) AND announced_at IS NULL;

-- name: settle, holds that the present plan no longer has; an approved one is the daemon's to judge
UPDATE calscim.holds SET current = false
WHERE organization = $1 AND current AND hash <> ALL ($2::text[]) AND approved_at IS NULL;

-- name: current, what is held now
SELECT hash, guard, actions, first_seen, last_seen, approved_at, announced_at FROM calscim.holds
WHERE organization = $1 AND current AND released_at IS NULL
ORDER BY first_seen, hash;

-- name: lock, a set that is held now, so that two operators approve one after the other
SELECT guard, actions::text, approved_at IS NOT NULL AS approved FROM calscim.holds
WHERE organization = $1 AND hash = $2 AND current AND released_at IS NULL
FOR UPDATE;

-- name: approvers, the people who approved a set since it has been held, within the day that an approval lasts
SELECT DISTINCT split_part(split_part(j.remote, ' via ', 1), '@', 1) AS person
FROM calscim.holds h
JOIN calscim.journal j ON j.stream = '@' || h.organization AND j.resource_id = h.hash
WHERE h.organization = $1 AND h.hash = $2 AND j.kind = 'admin' AND j.path = 'hold.approve'
  AND j.at >= h.first_seen AND j.at > clock_timestamp() - interval '1 day'
ORDER BY 1;

-- name: approve, an operator lets this set go
UPDATE calscim.holds SET approved_at = clock_timestamp()
WHERE organization = $1 AND hash = $2 AND current AND released_at IS NULL
RETURNING hash;

-- name: approved, hashes that so many operators have let go and whose set was not met yet
SELECT h.hash FROM calscim.holds h
WHERE h.organization = $1 AND h.current AND h.approved_at > clock_timestamp() - interval '1 day'
  AND h.released_at IS NULL
  AND ($2::integer <= 1 OR $2 <= (
      SELECT count(DISTINCT split_part(split_part(j.remote, ' via ', 1), '@', 1)) FROM calscim.journal j
      WHERE j.stream = '@' || h.organization AND j.resource_id = h.hash AND j.kind = 'admin'
        AND j.path = 'hold.approve' AND j.at >= h.first_seen AND j.at > clock_timestamp() - interval '1 day'));

-- name: release, the set was met exactly: from now on each action of it may run until it is done
UPDATE calscim.holds SET released_at = clock_timestamp() WHERE organization = $1 AND hash = ANY ($2::text[]);

-- name: released, actions that were let go within a day and may not be done yet
SELECT hash, actions FROM calscim.holds
WHERE organization = $1 AND current AND released_at > clock_timestamp() - interval '1 day';

-- name: done, approved sets nothing of which is planned any more, or that were not met
UPDATE calscim.holds SET current = false WHERE organization = $1 AND hash = ANY ($2::text[]);
