-- name: find_users
-- Users with this id, userName or address: the user with the id first, then active ones.
SELECT u.id::text, u.directory_id, d.name AS directory, u.user_name, u.email, u.active, u.managed, u.source,
       u.changed_seq, l.cal_user_id
FROM calscim.users u
JOIN calscim.directories d ON d.id = u.directory_id AND d.deleted_at IS NULL
LEFT JOIN calscim.account_links l ON l.user_id = u.id AND l.organization = d.organization
WHERE d.organization = $1
  AND (u.id::text = $2 OR u.user_name_key = calscim.name_key($2) OR calscim.name_key(u.email) = calscim.name_key($2)
       OR EXISTS (SELECT FROM calscim.user_emails e WHERE e.user_id = u.id AND e.value_key = calscim.name_key($2)))
ORDER BY u.id::text = $2 DESC, u.managed AND u.active DESC, u.managed DESC, u.directory_id, u.id;

-- name: list_users
-- The given users, in the order of find_users.
SELECT u.id::text, u.directory_id, d.name AS directory, u.user_name, u.email, u.active, u.managed, u.source,
       u.changed_seq, l.cal_user_id
FROM calscim.users u
JOIN calscim.directories d ON d.id = u.directory_id AND d.deleted_at IS NULL
LEFT JOIN calscim.account_links l ON l.user_id = u.id AND l.organization = d.organization
WHERE u.id = ANY ($1::uuid[])
ORDER BY u.managed AND u.active DESC, u.managed DESC, u.directory_id, u.id;

-- name: find_deleted_users
-- Deleted users of this name or address, latest first.
SELECT t.id::text, t.directory_id, d.name AS directory, t.name AS user_name, t.email, t.seq, l.cal_user_id
FROM calscim.tombstones t
JOIN calscim.directories d ON d.id = t.directory_id
LEFT JOIN calscim.account_links l ON l.user_id = t.id AND l.organization = d.organization
WHERE d.organization = $1 AND t.kind = 'User'
  AND (t.id::text = $2 OR calscim.name_key(t.name) = calscim.name_key($2)
       OR calscim.name_key(t.email) = calscim.name_key($2))
ORDER BY t.seq DESC
LIMIT 5;

-- name: list_mapped_groups
-- The mapped groups that these users are or were in, through nested groups too.
WITH RECURSIVE inside AS (
    SELECT m.member_id AS user_id, m.group_id, m.seq FROM calscim.members m WHERE m.member_id = ANY ($1::uuid[])
    UNION
    SELECT i.user_id, m.group_id, i.seq
    FROM inside i
    JOIN calscim.members m ON m.member_id = i.group_id
), membership AS (
    SELECT user_id, group_id, max(seq) AS seq FROM inside GROUP BY user_id, group_id
)
SELECT m.id AS mapping, m.group_name, m.group_id::text, g.display_name, m.team_id, m.team_name, m.role, m.mode,
       m.directory_id, i.seq AS added_seq, f.seq AS removed_seq, m.removed_seq AS unmapped_seq, p.id::text AS user_id
FROM calscim.mappings m
CROSS JOIN unnest($1::uuid[]) AS p (id)
LEFT JOIN calscim.groups g ON g.id = m.group_id
LEFT JOIN membership i ON i.group_id = m.group_id AND i.user_id = p.id
LEFT JOIN calscim.former_members f ON f.group_id = m.group_id AND f.member_id = p.id
WHERE (i.seq IS NOT NULL OR f.seq IS NOT NULL) AND ($2::bigint IS NULL OR m.team_id = $2)
ORDER BY m.id, array_position($1::uuid[], p.id);

-- name: list_groups
-- All groups that these users are in, mapped or not. through: the nested group that the user is a direct member of.
WITH RECURSIVE inside AS (
    SELECT m.member_id AS user_id, m.group_id, m.seq, NULL::uuid AS through
    FROM calscim.members m WHERE m.member_id = ANY ($1::uuid[])
    UNION
    SELECT i.user_id, m.group_id, i.seq, coalesce(i.through, i.group_id)
    FROM inside i
    JOIN calscim.members m ON m.member_id = i.group_id
), membership AS (
    SELECT DISTINCT ON (user_id, group_id) user_id, group_id, seq, through
    FROM inside ORDER BY user_id, group_id, through IS NOT NULL, seq DESC
)
SELECT i.user_id::text, g.id::text AS group_id, g.display_name AS "group", d.name AS directory, i.seq AS member_since_seq,
       t.display_name AS through,
       coalesce((SELECT json_agg(json_build_object('id', m.id, 'team_id', CASE WHEN m.team_id > 0 THEN m.team_id END,
                                                   'team', m.team_name, 'role', m.role, 'mode', m.mode) ORDER BY m.id)
                 FROM calscim.mappings m WHERE m.group_id = g.id AND m.removed_at IS NULL), '[]')::text AS mappings
FROM membership i
JOIN calscim.groups g ON g.id = i.group_id
JOIN calscim.directories d ON d.id = g.directory_id
LEFT JOIN calscim.groups t ON t.id = i.through
ORDER BY array_position($1::uuid[], i.user_id), g.display_name_key, g.id;

-- name: list_teams
-- The teams that mappings have named, with the names that they had then.
SELECT DISTINCT ON (m.team_id) m.team_id, m.team_name
FROM calscim.mappings m
JOIN calscim.directories d ON d.id = m.directory_id
WHERE d.organization = $1 AND m.team_id > 0
ORDER BY m.team_id, m.removed_at IS NOT NULL, m.id DESC;

-- name: list_ledger
-- The ledger rows of an account.
SELECT team_id, origin, role, mode, mapping_ids, membership_id, written_at
FROM calscim.ledger
WHERE organization = $1 AND cal_user_id = $2 AND ($3::bigint IS NULL OR team_id = $3)
ORDER BY team_id;
