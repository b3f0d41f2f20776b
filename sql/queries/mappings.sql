-- name: next_id
-- The id of the next mapping, for its journal row.
SELECT nextval(pg_get_serial_sequence('calscim.mappings', 'id'));

-- name: add
-- Add a mapping.
INSERT INTO calscim.mappings (id, directory_id, group_name, group_id, team_id, team_name, role, mode, seq, directory_seq)
OVERRIDING SYSTEM VALUE
VALUES ($1, $2, $3, $4::uuid, $5, $6, $7, $8, $9,
        coalesce((SELECT h.seq FROM calscim.journal_heads h WHERE h.stream = $2), 0));

-- name: find_pending_team
-- The provisional id of a team of this name that calscim has yet to create.
SELECT m.team_id FROM calscim.mappings m
JOIN calscim.directories d ON d.id = m.directory_id AND d.deleted_at IS NULL
WHERE d.organization = $1 AND calscim.name_key(m.team_name) = calscim.name_key($2) AND m.team_id < 0
  AND m.removed_at IS NULL
ORDER BY m.team_id DESC
LIMIT 1;

-- name: update
-- Change role and mode of a mapping in place, so that no one leaves the team in between.
UPDATE calscim.mappings m SET role = $2, mode = $3, seq = $4,
    directory_seq = coalesce((SELECT h.seq FROM calscim.journal_heads h WHERE h.stream = m.directory_id), 0)
WHERE id = $1;

-- name: remove
-- Mark a mapping as removed. The row stays as the reason for the memberships that it granted.
UPDATE calscim.mappings SET removed_at = clock_timestamp(), removed_seq = $2 WHERE id = $1;

-- name: lock
-- Lock a mapping, so that concurrent edits wait, and read the journal row of its last edit.
SELECT seq FROM calscim.mappings WHERE id = $1 AND removed_at IS NULL FOR UPDATE;

-- name: list
-- The mappings in use: all, one of them, or those of one directory or organization. $4: only those that wait for a group.
SELECT m.id, m.directory_id, d.name AS directory, d.organization, m.group_name, m.group_id::text, m.team_id,
       m.team_name, m.role, m.mode, m.seq, m.created_at, g.display_name, m.former_names,
       (SELECT count(*) FROM calscim.members e WHERE e.group_id = m.group_id) AS members,
       EXISTS (SELECT FROM calscim.pauses p
               WHERE (p.until IS NULL OR p.until > clock_timestamp())
                 AND ((p.scope = 'directory' AND p.target = d.id)
                      OR (p.scope = 'organization' AND p.target = d.organization)
                      OR (p.scope = 'team' AND p.target = d.organization || '/' || m.team_id))) AS paused
FROM calscim.mappings m
JOIN calscim.directories d ON d.id = m.directory_id AND d.deleted_at IS NULL
LEFT JOIN calscim.groups g ON g.id = m.group_id
WHERE m.removed_at IS NULL
  AND ($1::bigint IS NULL OR m.id = $1)
  AND ($2::text IS NULL OR m.directory_id = $2)
  AND ($3::text IS NULL OR d.organization = $3)
  AND (NOT $4::boolean OR m.group_id IS NULL)
ORDER BY d.organization, lower(d.name), m.group_name, m.id;

-- name: rename_teams
-- Update the team names that mappings show.
UPDATE calscim.mappings m SET team_name = n.name
FROM unnest($2::bigint[], $3::text[]) n (id, name), calscim.directories d
WHERE d.id = m.directory_id AND d.organization = $1 AND m.team_id = n.id AND m.team_name <> n.name;
