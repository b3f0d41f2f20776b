-- name: person, who is meant: by id, userName or address, managed ones first
SELECT u.id::text, u.directory_id, d.name AS directory, u.user_name, u.email, u.active, u.managed, u.source,
       u.changed_seq, l.cal_user_id
FROM calscim.users u
JOIN calscim.directories d ON d.id = u.directory_id AND d.deleted_at IS NULL
LEFT JOIN calscim.links l ON l.user_id = u.id AND l.organization = d.organization
WHERE d.organization = $1
  AND (u.id::text = $2 OR u.user_name_key = lower($2) OR lower(u.email) = lower($2)
       OR EXISTS (SELECT FROM calscim.user_emails e WHERE e.user_id = u.id AND e.value_key = lower($2)))
ORDER BY u.managed DESC, u.id;

-- name: departed, a deleted user of that name
SELECT t.id::text, t.directory_id, d.name AS directory, t.name AS user_name, t.email, t.seq, l.cal_user_id
FROM calscim.tombstones t
JOIN calscim.directories d ON d.id = t.directory_id
LEFT JOIN calscim.links l ON l.user_id = t.id AND l.organization = d.organization
WHERE d.organization = $1 AND t.kind = 'User'
  AND (t.id::text = $2 OR lower(t.name) = lower($2) OR lower(t.email) = lower($2))
ORDER BY t.seq DESC
LIMIT 1;

-- name: sources, the mapped groups a person is or was in
SELECT m.id AS mapping, m.group_name, g.display_name, m.team_id, m.team_name, m.role, m.mode, m.directory_id,
       me.seq AS added_seq, f.seq AS removed_seq, m.removed_seq AS unmapped_seq
FROM calscim.mappings m
LEFT JOIN calscim.groups g ON g.id = m.group_id
LEFT JOIN calscim.members me ON me.group_id = m.group_id AND me.member_id = $1::uuid
LEFT JOIN calscim.former_members f ON f.group_id = m.group_id AND f.member_id = $1::uuid
WHERE (me.seq IS NOT NULL OR f.seq IS NOT NULL) AND ($2::bigint IS NULL OR m.team_id = $2)
ORDER BY m.id;

-- name: given, what the ledger says of a person
SELECT team_id, origin, role, mode, mapping_ids, membership_id, written_at
FROM calscim.ledger
WHERE organization = $1 AND cal_user_id = $2 AND ($3::bigint IS NULL OR team_id = $3)
ORDER BY team_id;
