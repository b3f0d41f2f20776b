-- name: revoke
-- Delete the role grant of an account.
DELETE FROM calscim.org_role_grants WHERE organization = $1 AND cal_user_id = $2;

-- name: record
-- Record an organization role that calscim granted.
INSERT INTO calscim.org_role_grants (organization, cal_user_id, user_id, role, mode, mapping_ids)
VALUES ($1, $2, $3::uuid, $4, $5, $6::bigint[])
ON CONFLICT (organization, cal_user_id) DO UPDATE
    SET user_id = excluded.user_id, role = excluded.role, mode = excluded.mode,
        mapping_ids = excluded.mapping_ids, written_at = now();
