-- name: load_directories
-- The directories of an organization that are in use.
SELECT d.id, d.name, h.seq, p.target IS NOT NULL AS paused
FROM calscim.directories d
JOIN calscim.journal_heads h ON h.stream = d.id
LEFT JOIN calscim.pauses p
    ON p.scope = 'directory' AND p.target = d.id AND (p.until IS NULL OR p.until > now())
WHERE d.organization = $1 AND d.deleted_at IS NULL
ORDER BY d.id;

-- name: load_pauses
-- The pauses of the organization and of its teams.
SELECT scope, target FROM calscim.pauses
WHERE (until IS NULL OR until > now())
  AND ((scope = 'organization' AND target = $1) OR (scope = 'team' AND target LIKE $1 || '/%'));

-- name: find_same_people
-- The given users and those that share an account or an address with one of them.
WITH given AS (
    SELECT u.id, calscim.name_key(u.email) AS email_key, l.cal_user_id
    FROM calscim.users u
    LEFT JOIN calscim.account_links l ON l.organization = $1 AND l.user_id = u.id
    WHERE u.id = ANY ($2::uuid[])
    UNION
    SELECT t.id, calscim.name_key(t.email), l.cal_user_id
    FROM calscim.tombstones t
    LEFT JOIN calscim.account_links l ON l.organization = $1 AND l.user_id = t.id
    WHERE t.id = ANY ($2::uuid[])
)
SELECT id FROM given
UNION
SELECT e.user_id FROM calscim.user_emails e
JOIN given g ON g.email_key = e.value_key
WHERE e.directory_id = ANY ($3::text[])
UNION
SELECT l.user_id FROM calscim.account_links l
JOIN given g ON g.cal_user_id = l.cal_user_id
WHERE l.organization = $1
UNION
SELECT l.user_id FROM calscim.account_links l
JOIN given g ON g.email_key = calscim.name_key(l.email)
WHERE l.organization = $1;

-- name: load_users
-- All users, or the given ones.
SELECT id::text, directory_id, email, active, managed, changed_seq,
       coalesce(nullif(data->>'displayName', ''), nullif(data#>>'{name,formatted}', ''),
                nullif(trim(concat_ws(' ', data#>>'{name,givenName}', data#>>'{name,familyName}')), ''),
                user_name) AS name,
       nullif(data->>'locale', '') AS locale, nullif(data->>'timezone', '') AS time_zone,
       CASE WHEN email = '' THEN user_name END AS user_name,
       CASE WHEN cardinality($3::text[]) > 0 THEN
           (SELECT jsonb_object_agg(e.key, e.value)::text FROM jsonb_each(data) e WHERE lower(e.key) = ANY ($3))
       END AS attributes
FROM calscim.users
WHERE directory_id = ANY ($1::text[]) AND ($2::uuid[] IS NULL OR id = ANY ($2));

-- name: load_deleted_users
-- Deleted users that still have an account link.
SELECT t.id::text, t.directory_id, t.email, t.managed, t.seq
FROM calscim.tombstones t
JOIN calscim.account_links l ON l.user_id = t.id AND l.organization = $1
WHERE t.kind = 'User' AND ($2::uuid[] IS NULL OR t.id = ANY ($2));

-- name: load_mappings
-- The mappings in use, and removed ones that the ledger or a role grant still names.
SELECT m.id, m.directory_id, m.group_name, m.group_id::text, m.team_id, m.role, m.mode, m.seq, m.removed_seq, m.directory_seq,
       CASE WHEN m.team_id < 0 THEN m.team_name END AS new_team
FROM calscim.mappings m
JOIN calscim.directories d ON d.id = m.directory_id
WHERE d.organization = $1
  AND ((m.removed_at IS NULL AND d.deleted_at IS NULL)
       OR (m.removed_at IS NOT NULL
           AND (EXISTS (SELECT FROM calscim.ledger l WHERE l.organization = $1 AND m.id = ANY (l.mapping_ids))
                OR EXISTS (SELECT FROM calscim.org_role_grants o WHERE o.organization = $1 AND m.id = ANY (o.mapping_ids)))))
ORDER BY m.id;

-- name: load_bootstrap_owners
-- The API key's user on teams that calscim created, until the team has another owner.
SELECT team_id, cal_user_id, membership_id FROM calscim.created_teams
WHERE organization = $1 AND released_at IS NULL;

-- name: load_groups
-- The groups that mappings are bound to.
SELECT DISTINCT g.id::text, g.display_name
FROM calscim.groups g
JOIN calscim.mappings m ON m.group_id = g.id
WHERE g.directory_id = ANY ($1::text[]);

-- name: load_members
-- The users of mapped groups, through nested groups too, each with the latest journal row that added the user.
WITH RECURSIVE nested AS (
    SELECT DISTINCT m.group_id AS root, m.group_id AS id
    FROM calscim.mappings m
    WHERE m.group_id IS NOT NULL AND m.removed_at IS NULL AND m.directory_id = ANY ($1::text[])
    UNION
    SELECT n.root, c.member_id
    FROM nested n
    JOIN calscim.members c ON c.group_id = n.id AND c.kind = 'Group'
)
SELECT n.root::text AS group_id, m.member_id::text AS user_id, max(m.seq) AS seq
FROM nested n
JOIN calscim.members m ON m.group_id = n.id AND m.kind = 'User'
WHERE $2::uuid[] IS NULL OR m.member_id = ANY ($2)
GROUP BY n.root, m.member_id;

-- name: load_former_members
-- Former group members that have an account link or a ledger row.
SELECT f.group_id::text, f.member_id::text AS user_id, f.seq
FROM calscim.former_members f
JOIN calscim.account_links l ON l.organization = $1 AND l.user_id = f.member_id
WHERE $2::uuid[] IS NULL OR f.member_id = ANY ($2)
UNION
SELECT f.group_id::text, f.member_id::text, f.seq
FROM calscim.former_members f
JOIN calscim.ledger l ON l.organization = $1 AND l.user_id = f.member_id
WHERE $2::uuid[] IS NULL OR f.member_id = ANY ($2);

-- name: load_account_links
-- The account of each user.
SELECT user_id::text, cal_user_id, origin, email, missed_passes
FROM calscim.account_links
WHERE organization = $1 AND ($2::uuid[] IS NULL OR user_id = ANY ($2));

-- name: load_former_accounts
-- The account that each user had before it left the organization.
SELECT user_id::text, cal_user_id
FROM calscim.former_accounts
WHERE organization = $1 AND ($2::uuid[] IS NULL OR user_id = ANY ($2));

-- name: load_applied_attributes
-- The attributes that the directory gave a value, of all accounts or of those of the given users.
SELECT t.cal_user_id, t.attribute_id, t.value FROM calscim.applied_attributes t
WHERE t.organization = $1
  AND ($2::uuid[] IS NULL OR t.cal_user_id IN (
      SELECT l.cal_user_id FROM calscim.account_links l WHERE l.organization = $1 AND l.user_id = ANY ($2)));

-- name: load_ledger
-- The team memberships that calscim made or found.
SELECT team_id, cal_user_id, user_id::text, origin, role, mode, mapping_ids, membership_id, missed_passes
FROM calscim.ledger
WHERE organization = $1 AND ($2::uuid[] IS NULL OR user_id = ANY ($2));

-- name: load_org_role_grants
-- The organization roles that calscim granted.
SELECT cal_user_id, user_id::text, role, mode, mapping_ids
FROM calscim.org_role_grants
WHERE organization = $1 AND ($2::uuid[] IS NULL OR user_id = ANY ($2));
