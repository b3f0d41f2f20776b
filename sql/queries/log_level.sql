-- name: set
-- Set the level of all daemons for a number of seconds. It replaces an earlier one.
INSERT INTO calscim.log_level (level, until, set_by)
VALUES ($1, clock_timestamp() + make_interval(secs => $2), $3)
ON CONFLICT (is_only) DO UPDATE
SET level = excluded.level, until = excluded.until, set_by = excluded.set_by, set_at = clock_timestamp()
RETURNING level, until, set_by, extract(epoch FROM until - clock_timestamp())::float AS seconds_left;

-- name: get
-- The level that is in effect, and for how long.
SELECT level, until, set_by, extract(epoch FROM until - clock_timestamp())::float AS seconds_left
FROM calscim.log_level WHERE until > clock_timestamp();

-- name: reset
-- End the level. Returns whether one was in effect.
DELETE FROM calscim.log_level RETURNING until > clock_timestamp();
