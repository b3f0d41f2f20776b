-- name: apply
-- Apply changes of one directory.
SELECT status, seq, version, body, skipped
FROM calscim.apply_changes($1, $2, $3, $4, $5, $6, $7, $8, $9, $10);

-- name: apply_traced
-- Apply changes of one directory, with the spans of their requests.
SELECT status, seq, version, body, skipped
FROM calscim.apply_changes($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11);

-- name: append_refused
-- Append a change that was refused. No row if the token is no longer valid.
SELECT calscim.append_row($1, $2, $3, $4, $5, $9, $6, $7, $10, $11, $8, NULL, $12)
WHERE EXISTS (
    SELECT FROM calscim.tokens t JOIN calscim.directories d ON d.id = t.directory_id
    WHERE t.id = $7 AND t.revoked_at IS NULL AND d.deleted_at IS NULL
        AND (t.expires_at IS NULL OR t.expires_at > clock_timestamp()));

-- name: find_outcome
-- The outcome of a request whose connection was lost. Waits for its transaction to end.
SELECT status, seq, resource_type, resource_id FROM calscim.find_outcome($1, $2, $3, $4);
