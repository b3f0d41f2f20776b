-- name: record
-- Record what is left of the API key's rate limit.
INSERT INTO calscim.rate_budgets (organization, "limit", remaining, resets_at)
VALUES ($1, $2, $3, clock_timestamp() + make_interval(secs => $4))
ON CONFLICT (organization) DO UPDATE
    SET "limit" = excluded."limit", remaining = excluded.remaining, resets_at = excluded.resets_at;

-- name: get
-- What was left of the rate limit when the daemon last recorded it.
SELECT "limit", remaining, greatest(0, extract(epoch FROM resets_at - clock_timestamp()))::float8 AS resets_in
FROM calscim.rate_budgets WHERE organization = $1;
