-- name: find_by_name
-- The id of the group with exactly this name. $2: the spelling of the name.
SELECT id::text FROM calscim.groups WHERE directory_id = $1 AND display_name = $2;

-- name: list_names
-- The names of a directory's groups.
SELECT display_name FROM calscim.groups WHERE directory_id = $1;

-- name: list_users
-- The users of the given groups, through nested groups too, each with the latest journal row that added the user.
WITH RECURSIVE nested AS (
    SELECT g.id AS root, g.id FROM calscim.groups g WHERE g.id = ANY ($1::uuid[])
    UNION
    SELECT n.root, c.member_id
    FROM nested n
    JOIN calscim.members c ON c.group_id = n.id AND c.kind = 'Group'
)
SELECT n.root::text AS group_id, m.member_id::text AS user_id, max(m.seq) AS seq
FROM nested n
JOIN calscim.members m ON m.group_id = n.id AND m.kind = 'User'
GROUP BY n.root, m.member_id;

-- name: list
-- The groups of one directory or of all directories in use, with their mappings.
SELECT g.id::text, g.display_name AS name, g.directory_id, d.name AS directory, d.organization,
       (SELECT count(*) FROM calscim.members m WHERE m.group_id = g.id) AS members,
       coalesce((SELECT json_agg(json_build_object('id', m.id, 'team_id', CASE WHEN m.team_id > 0 THEN m.team_id END,
                                                   'team', m.team_name,
                                                   'role', m.role, 'mode', m.mode) ORDER BY m.id)
                 FROM calscim.mappings m WHERE m.group_id = g.id AND m.removed_at IS NULL), '[]')::text AS mappings
FROM calscim.groups g
JOIN calscim.directories d ON d.id = g.directory_id AND d.deleted_at IS NULL
WHERE ($1::text IS NULL OR g.directory_id = $1) AND ($2::text IS NULL OR d.organization = $2)
ORDER BY d.organization, lower(d.name), g.display_name_key;

-- name: get_state
-- A group's data for a PATCH of its attributes.
SELECT version, data::text AS data FROM calscim.groups WHERE directory_id = $1 AND id = $2;

-- name: list_members
-- The members of a group, for a PATCH that names members by other attributes than the id.
SELECT m.member_id::text AS value, m.kind AS type, coalesce(u.user_name, g.display_name) AS display
FROM calscim.members m
LEFT JOIN calscim.users u ON m.kind = 'User' AND u.id = m.member_id
LEFT JOIN calscim.groups g ON m.kind = 'Group' AND g.id = m.member_id
WHERE m.directory_id = $1 AND m.group_id = $2;

-- name: get
-- One group. $5: with its members.
SELECT EXISTS (
           SELECT FROM calscim.tokens t JOIN calscim.directories d ON d.id = t.directory_id
           WHERE t.id = $1 AND d.id = $2 AND t.revoked_at IS NULL AND d.deleted_at IS NULL
               AND (t.expires_at IS NULL OR t.expires_at > clock_timestamp())) AS allowed,
       r.version, r.body
FROM (SELECT) one LEFT JOIN LATERAL (
    SELECT g.version, calscim.resource_json(
        'Group', g.id, g.data, g.version, g.created_at, g.updated_at, $4,
        CASE WHEN $5::boolean THEN calscim.members_json(g.id, $4) ELSE '' END) AS body
    FROM calscim.groups g WHERE g.id = $3 AND g.directory_id = $2) r ON true;

-- name: find_exact
-- The ids of groups that have exactly this id, name or externalId.
SELECT g.id::text, g.display_name, d.name AS directory
FROM calscim.groups g JOIN calscim.directories d ON d.id = g.directory_id AND d.deleted_at IS NULL
WHERE ($2::text IS NULL OR d.id = $2)
  AND (g.id::text = lower($1) OR g.display_name_key = calscim.name_key($1) OR g.external_id = $1)
ORDER BY d.name, g.display_name_key;

-- name: show
-- One group with its mappings.
SELECT g.id::text, g.display_name AS name, g.external_id, g.changed_seq, g.created_at, g.updated_at,
       d.id AS directory_id, d.name AS directory, d.organization,
       coalesce((SELECT json_agg(json_build_object('id', m.id, 'team_id', CASE WHEN m.team_id > 0 THEN m.team_id END,
                                                   'team', m.team_name, 'role', m.role, 'mode', m.mode) ORDER BY m.id)
                 FROM calscim.mappings m WHERE m.group_id = g.id AND m.removed_at IS NULL), '[]')::text AS mappings
FROM calscim.groups g JOIN calscim.directories d ON d.id = g.directory_id
WHERE g.id = $1::uuid;

-- name: list_direct_members
-- The members of a group, users before nested groups, with the journal row that added each.
SELECT m.member_id::text AS id, m.kind, coalesce(u.user_name, c.display_name, '') AS name, coalesce(u.email, '') AS email,
       u.active, m.seq AS since_seq
FROM calscim.members m
LEFT JOIN calscim.users u ON m.kind = 'User' AND u.id = m.member_id
LEFT JOIN calscim.groups c ON m.kind = 'Group' AND c.id = m.member_id
WHERE m.group_id = $1::uuid
ORDER BY m.kind DESC, lower(coalesce(u.user_name, c.display_name, '')), m.member_id;

-- name: list_sizes
-- The first $2 groups of an organization by name, with their sizes and when they were last pushed.
WITH chosen AS MATERIALIZED (
    SELECT g.id, g.display_name AS name, d.name AS directory, g.updated_at
    FROM calscim.groups g
    JOIN calscim.directories d ON d.id = g.directory_id AND d.deleted_at IS NULL AND d.organization = $1
    ORDER BY g.display_name_key, d.name
    LIMIT $2
)
SELECT c.name, c.directory, c.updated_at, (SELECT count(*) FROM calscim.members m WHERE m.group_id = c.id) AS members
FROM chosen c
ORDER BY c.name, c.directory;
