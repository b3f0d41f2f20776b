-- name: park
-- Park an action that failed, with the time of its next attempt.
INSERT INTO calscim.parked_actions AS p (
    organization, kind, subject, team_id, email, reason, refused, fingerprint, attempts, since, next_try, unanswered)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, clock_timestamp(), clock_timestamp() + make_interval(secs => $10), $11)
ON CONFLICT (organization, kind, subject, team_id) DO UPDATE
    SET email = excluded.email, reason = excluded.reason, refused = excluded.refused,
        fingerprint = excluded.fingerprint, attempts = excluded.attempts, next_try = excluded.next_try,
        unanswered = excluded.unanswered;

-- name: release_unanswered
-- Make actions due that Cal.com did not answer, once it answers again.
UPDATE calscim.parked_actions SET next_try = clock_timestamp(), unanswered = false WHERE organization = $1 AND unanswered;

-- name: unpark
-- Delete actions that succeeded or are no longer planned.
DELETE FROM calscim.parked_actions p
USING unnest($2::text[], $3::text[], $4::bigint[]) AS k (kind, subject, team_id)
WHERE p.organization = $1 AND p.kind = k.kind AND p.subject = k.subject AND p.team_id = k.team_id;

-- name: list
-- The parked actions of an organization.
SELECT kind, subject, team_id, email, reason, refused, fingerprint, attempts, since, next_try, unanswered,
       extract(epoch FROM next_try - clock_timestamp())::float8 AS due_in
FROM calscim.parked_actions WHERE organization = $1 ORDER BY kind, email, team_id;

-- name: retry
-- Make parked actions due in the next pass.
UPDATE calscim.parked_actions SET next_try = clock_timestamp(), refused = false
WHERE organization = $1 AND ($2 = '' OR calscim.name_key(email) = calscim.name_key($2))
RETURNING email;
