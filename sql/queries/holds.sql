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

-- name: approve, an operator lets this set go
UPDATE calscim.holds SET approved_at = clock_timestamp()
WHERE organization = $1 AND hash = $2 AND current AND released_at IS NULL
RETURNING hash;

-- name: approved, hashes an operator has let go and whose set was not met yet
SELECT hash FROM calscim.holds
WHERE organization = $1 AND current AND approved_at > clock_timestamp() - interval '1 day' AND released_at IS NULL;

-- name: release, the set was met exactly: from now on each action of it may run until it is done
UPDATE calscim.holds SET released_at = clock_timestamp() WHERE organization = $1 AND hash = ANY ($2::text[]);

-- name: released, actions that were let go within a day and may not be done yet
SELECT hash, actions FROM calscim.holds
WHERE organization = $1 AND current AND released_at > clock_timestamp() - interval '1 day';

-- name: done, approved sets nothing of which is planned any more, or that were not met
UPDATE calscim.holds SET current = false WHERE organization = $1 AND hash = ANY ($2::text[]);
