-- name: create
-- Create a token. Only its digest is stored.
INSERT INTO calscim.tokens (directory_id, organization, name, digest, expires_at, scope)
VALUES ($1, $2, $3, $4, clock_timestamp() + make_interval(secs => $5), $6)
RETURNING id, directory_id, name, created_at, expires_at, revoked_at, scope, replaced_by;

-- name: replace
-- Record that token $2 replaces token $1, which expires after $3 seconds at the latest.
UPDATE calscim.tokens
SET replaced_by = $2, expires_at = least(expires_at, clock_timestamp() + make_interval(secs => $3))
WHERE id = $1 AND revoked_at IS NULL AND replaced_by IS NULL
    AND (expires_at IS NULL OR expires_at > clock_timestamp())
RETURNING expires_at;

-- name: list
-- The tokens of one directory, or those of all directories in use and of the change feed, oldest first.
SELECT t.id, t.directory_id, t.name, t.created_at, t.expires_at, t.revoked_at, t.scope, t.replaced_by,
       u.used_at AS last_used_at, d.name AS directory,
       coalesce(d.organization, t.organization) AS organization,
       CASE WHEN t.revoked_at IS NOT NULL THEN 'revoked'
            WHEN t.expires_at <= clock_timestamp() THEN 'expired' ELSE 'valid' END AS state
FROM calscim.tokens t
LEFT JOIN calscim.directories d ON d.id = t.directory_id
LEFT JOIN calscim.token_uses u ON u.token_id = t.id
WHERE d.deleted_at IS NULL AND ($1::text IS NULL OR d.id = $1)
ORDER BY organization, lower(d.name), t.id;

-- name: revoke
-- Revoke a token.
UPDATE calscim.tokens SET revoked_at = clock_timestamp() WHERE id = $1 AND revoked_at IS NULL RETURNING id;

-- name: revoke_all
-- Revoke all tokens of a directory.
UPDATE calscim.tokens SET revoked_at = clock_timestamp() WHERE directory_id = $1 AND revoked_at IS NULL RETURNING id;

-- name: authenticate
-- The token with this digest, and whether it is valid.
SELECT t.id, t.directory_id, t.expires_at, t.scope, d.name AS directory_name, d.organization,
       CASE WHEN t.revoked_at IS NOT NULL OR d.deleted_at IS NOT NULL THEN 'revoked'
            WHEN t.expires_at <= clock_timestamp() THEN 'expired' ELSE 'valid' END AS state
FROM calscim.tokens t JOIN calscim.directories d ON d.id = t.directory_id
WHERE t.digest = $1;

-- name: find_by_digest
-- The scope of the valid token with this digest, and the organization whose change feed it may read.
SELECT t.id, t.scope, t.organization
FROM calscim.tokens t LEFT JOIN calscim.directories d ON d.id = t.directory_id
WHERE t.digest = $1 AND t.revoked_at IS NULL AND d.deleted_at IS NULL
    AND (t.expires_at IS NULL OR t.expires_at > clock_timestamp());

-- name: is_valid
-- Whether a token is still valid.
SELECT EXISTS (
    SELECT FROM calscim.tokens t JOIN calscim.directories d ON d.id = t.directory_id
    WHERE t.id = $1 AND t.revoked_at IS NULL AND d.deleted_at IS NULL
        AND (t.expires_at IS NULL OR t.expires_at > clock_timestamp()));

-- name: record_uses
-- Record when tokens were last used. Keeps the latest time of all daemons.
INSERT INTO calscim.token_uses AS u (token_id, used_at)
SELECT * FROM unnest($1::bigint[], $2::timestamptz[]) AS used (token_id, used_at) ORDER BY used.token_id
ON CONFLICT (token_id) DO UPDATE SET used_at = greatest(u.used_at, excluded.used_at);
