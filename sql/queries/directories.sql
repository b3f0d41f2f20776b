-- name: create
-- Create a directory.
INSERT INTO calscim.directories (id, organization, name, provider) VALUES ($1, $2, $3, $4);

-- name: delete
-- Mark a directory as deleted. Its rows and its journal stay.
UPDATE calscim.directories SET deleted_at = clock_timestamp() WHERE id = $1 AND deleted_at IS NULL;

-- name: list
-- The directories in use, or one of them by id or name.
SELECT d.id, d.name, d.organization, d.provider, d.created_at, coalesce(h.seq, 0) AS journal_seq,
       coalesce(h.user_count, 0) AS users, coalesce(h.group_count, 0) AS groups,
       p.target IS NOT NULL AS paused, p.until AS paused_until, p.reason AS paused_reason,
       d.requests_per_second
FROM calscim.directories d
LEFT JOIN calscim.journal_heads h ON h.stream = d.id
LEFT JOIN calscim.pauses p
    ON p.scope = 'directory' AND p.target = d.id AND (p.until IS NULL OR p.until > clock_timestamp())
WHERE d.deleted_at IS NULL AND ($1::text IS NULL OR d.id = $1 OR lower(d.name) = lower($1))
ORDER BY d.organization, lower(d.name);

-- name: set_request_limit
-- Set a directory's request limit. NULL: the configured limit, 0: no limit.
UPDATE calscim.directories SET requests_per_second = $2 WHERE id = $1;

-- name: list_unpaused
-- The directories of an organization without a pause that lasts until an operator resumes it.
SELECT d.id, d.name FROM calscim.directories d
WHERE d.organization = $1 AND d.deleted_at IS NULL AND NOT EXISTS (
    SELECT FROM calscim.pauses p WHERE p.scope = 'directory' AND p.target = d.id AND p.until IS NULL)
ORDER BY d.name;

-- name: get_organization
-- The organization of a directory.
SELECT organization FROM calscim.directories WHERE id = $1;

-- name: list_names
-- The names of the directories, with those of deleted ones, whose tokens are still refused by name.
SELECT id, name, organization FROM calscim.directories;

-- name: list_request_limits
-- The directories that have their own request limit.
SELECT id, requests_per_second FROM calscim.directories WHERE requests_per_second IS NOT NULL AND deleted_at IS NULL;

-- name: count_throttled
-- Count requests that were refused because their directory exceeded its limit.
UPDATE calscim.directories d SET throttled_count = d.throttled_count + n.count, throttled_at = clock_timestamp()
FROM unnest($1::text[], $2::bigint[]) n (id, count) WHERE d.id = n.id;
