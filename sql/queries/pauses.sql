-- name: pause
-- Pause a target, for a number of seconds or until an operator resumes it. A second pause replaces end and reason.
INSERT INTO calscim.pauses (scope, target, until, reason)
VALUES ($1, $2, clock_timestamp() + make_interval(secs => $3), $4)
ON CONFLICT (scope, target) DO UPDATE SET until = excluded.until, reason = excluded.reason
RETURNING until;

-- name: resume
-- End a pause. Returns whether it was still in effect.
DELETE FROM calscim.pauses WHERE scope = $1 AND target = $2 RETURNING coalesce(until > clock_timestamp(), true);

-- name: list
-- All pauses that are in effect.
SELECT scope, target, since, until FROM calscim.pauses
WHERE until IS NULL OR until > clock_timestamp()
ORDER BY scope, target;
