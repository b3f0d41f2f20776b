-- name: park, what did not succeed, with when to try again
INSERT INTO calscim.parked_actions AS p (
    organization, kind, subject, team_id, email, reason, refused, fingerprint, attempts, since, next_try, unanswered)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, clock_timestamp(), clock_timestamp() + make_interval(secs => $10), $11)
ON CONFLICT (organization, kind, subject, team_id) DO UPDATE
    SET email = excluded.email, reason = excluded.reason, refused = excluded.refused,
        fingerprint = excluded.fingerprint, attempts = excluded.attempts, next_try = excluded.next_try,
        unanswered = excluded.unanswered;

-- name: release_unanswered, Cal.com answers again: what it did not answer is due
UPDATE calscim.parked_actions SET next_try = clock_timestamp(), unanswered = false WHERE organization = $1 AND unanswered;

-- name: unpark, it succeeded or is no longer wanted
DELETE FROM calscim.parked_actions WHERE organization = $1 AND kind = $2 AND subject = $3 AND team_id = $4;

-- name: all, what is parked in an organization
SELECT kind, subject, team_id, email, reason, refused, fingerprint, attempts, since, next_try, unanswered,
       extract(epoch FROM next_try - clock_timestamp())::float8 AS due_in
FROM calscim.parked_actions WHERE organization = $1 ORDER BY kind, email, team_id;

-- name: retry, try again in the next pass
UPDATE calscim.parked_actions SET next_try = clock_timestamp(), refused = false
WHERE organization = $1 AND ($2 = '' OR calscim.name_key(email) = calscim.name_key($2))
RETURNING email;
