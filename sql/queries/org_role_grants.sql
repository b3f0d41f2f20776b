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

-- name: adopt
-- Record the organization roles that an attempt without an outcome granted since the last complete full pass. $2 to $4:
-- the accounts that have a higher role than MEMBER, their roles, and their addresses.
INSERT INTO calscim.org_role_grants AS g (organization, cal_user_id, user_id, role, mode, mapping_ids)
SELECT DISTINCT ON (o.cal_user_id) a.organization, o.cal_user_id, a.user_id, a.role, m.mode, m.ids
FROM calscim.actions a
JOIN unnest($2::bigint[], $3::text[], $4::text[]) AS o (cal_user_id, role, email)
    ON o.role = a.role
    AND (o.cal_user_id = a.cal_user_id
         OR (a.cal_user_id IS NULL AND calscim.name_key(o.email) = calscim.name_key(a.email)))
CROSS JOIN LATERAL calscim.find_mappings(a.organization, NULL, a.user_id) m
WHERE a.organization = $1 AND a.outcome = 'unknown' AND a.team_id IS NULL AND a.user_id IS NOT NULL
  AND a.kind IN ('user.create', 'user.attach', 'member.role') AND m.ids IS NOT NULL
  AND a.pass_id >= coalesce((SELECT max(p.id) FROM calscim.reconcile_passes p
                             WHERE p.organization = $1 AND p.scope = 'full' AND p.complete), 0)
ORDER BY o.cal_user_id, a.id DESC
ON CONFLICT (organization, cal_user_id) DO UPDATE
    SET user_id = excluded.user_id, role = excluded.role, mode = excluded.mode,
        mapping_ids = excluded.mapping_ids, written_at = now()
    WHERE g.role <> excluded.role
RETURNING cal_user_id;
