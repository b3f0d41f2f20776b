-- name: append, an operator's edit as a row of the organization's journal
SELECT calscim.append('@' || $1, 'admin', $2, '', $3, 0, $4, NULL, $5, $6, $7, $8);

-- name: ask, a full pass of the running daemon, once for all edits of a transaction; the edit's row wakes the daemon
INSERT INTO calscim.sync_requests (organization)
SELECT $1 WHERE NOT EXISTS (
    SELECT FROM calscim.sync_requests WHERE organization = $1 AND asked_at = now() AND taken_at IS NULL AND done_at IS NULL);

-- name: lock_head, the directory's stream until the transaction ends; makes it when there is none
SELECT calscim.lock_head($1);

-- name: create_directory, one more identity provider of an organization
INSERT INTO calscim.directories (id, organization, name, provider) VALUES ($1, $2, $3, $4);

-- name: delete_directory, it keeps its rows and its journal
UPDATE calscim.directories SET deleted_at = clock_timestamp() WHERE id = $1 AND deleted_at IS NULL;

-- name: directories, those in use, or one of them by id or name
SELECT d.id, d.name, d.organization, d.provider, d.created_at, coalesce(h.seq, 0) AS journal_seq,
       coalesce(h.users, 0) AS users, coalesce(h.groups, 0) AS groups,
       p.target IS NOT NULL AS paused, p.until AS paused_until, d.requests_per_second
FROM calscim.directories d
LEFT JOIN calscim.journal_heads h ON h.stream = d.id
LEFT JOIN calscim.pauses p
    ON p.scope = 'directory' AND p.target = d.id AND (p.until IS NULL OR p.until > clock_timestamp())
WHERE d.deleted_at IS NULL AND ($1::text IS NULL OR d.id = $1 OR lower(d.name) = lower($1))
ORDER BY d.organization, lower(d.name);

-- name: set_rate, NULL: what the configuration says, 0: no limit
UPDATE calscim.directories SET requests_per_second = $2 WHERE id = $1;

-- name: create_token, only its digest is kept
INSERT INTO calscim.tokens (directory_id, name, digest, expires_at, scope)
VALUES ($1, $2, $3, clock_timestamp() + make_interval(secs => $4), $5)
RETURNING id, directory_id, name, created_at, expires_at, revoked_at, scope, replaced_by;

-- name: replace_token, $2 replaces it and it ends after so many seconds, or earlier if it would anyway
UPDATE calscim.tokens
SET replaced_by = $2, expires_at = least(expires_at, clock_timestamp() + make_interval(secs => $3))
WHERE id = $1 AND revoked_at IS NULL AND replaced_by IS NULL
    AND (expires_at IS NULL OR expires_at > clock_timestamp())
RETURNING expires_at;

-- name: tokens, those of one directory or of all in use, the oldest first
SELECT t.id, t.directory_id, t.name, t.created_at, t.expires_at, t.revoked_at, t.scope, t.replaced_by,
       u.used_at AS last_used_at, d.name AS directory, d.organization,
       CASE WHEN t.revoked_at IS NOT NULL THEN 'revoked'
            WHEN t.expires_at <= clock_timestamp() THEN 'expired' ELSE 'valid' END AS state
FROM calscim.tokens t
JOIN calscim.directories d ON d.id = t.directory_id AND d.deleted_at IS NULL
LEFT JOIN calscim.token_uses u ON u.token_id = t.id
WHERE $1::text IS NULL OR d.id = $1
ORDER BY d.organization, lower(d.name), t.id;

-- name: revoke_token, refused from the next request on
UPDATE calscim.tokens SET revoked_at = clock_timestamp() WHERE id = $1 AND revoked_at IS NULL RETURNING id;

-- name: revoke_tokens_of, all of a directory
UPDATE calscim.tokens SET revoked_at = clock_timestamp() WHERE directory_id = $1 AND revoked_at IS NULL RETURNING id;

-- name: pause, until further notice or for a number of seconds; again replaces the end
INSERT INTO calscim.pauses (scope, target, until)
VALUES ($1, $2, clock_timestamp() + make_interval(secs => $3))
ON CONFLICT (scope, target) DO UPDATE SET until = excluded.until
RETURNING until;

-- name: resume, at once
DELETE FROM calscim.pauses WHERE scope = $1 AND target = $2 RETURNING coalesce(until > clock_timestamp(), true);

-- name: pauses, everything that is left alone now
SELECT scope, target, since, until FROM calscim.pauses
WHERE until IS NULL OR until > clock_timestamp()
ORDER BY scope, target;

-- name: group_named, the pushed group of exactly that name; $2: its spelling
SELECT id::text FROM calscim.groups WHERE directory_id = $1 AND display_name = $2;

-- name: group_names, all that were pushed
SELECT display_name FROM calscim.groups WHERE directory_id = $1;

-- name: members_of, users of the given groups, through nested groups too; the journal row that put them there
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

-- name: groups, those of one directory or of all in use, with what they are mapped to
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

-- name: next_mapping, the number of the next one, for its journal row
SELECT nextval(pg_get_serial_sequence('calscim.mappings', 'id'));

-- name: add_mapping, a group's people onto a team
INSERT INTO calscim.mappings (id, directory_id, group_name, group_id, team_id, team_name, role, mode, seq, since)
OVERRIDING SYSTEM VALUE
VALUES ($1, $2, $3, $4::uuid, $5, $6, $7, $8, $9,
        coalesce((SELECT h.seq FROM calscim.journal_heads h WHERE h.stream = $2), 0));

-- name: new_team, the number of a team yet to be made that goes by this name already
SELECT m.team_id FROM calscim.mappings m
JOIN calscim.directories d ON d.id = m.directory_id AND d.deleted_at IS NULL
WHERE d.organization = $1 AND calscim.name_key(m.team_name) = calscim.name_key($2) AND m.team_id < 0
  AND m.removed_at IS NULL
ORDER BY m.team_id DESC
LIMIT 1;

-- name: change_mapping, role and mode in place, so that nobody leaves the team in between
UPDATE calscim.mappings m SET role = $2, mode = $3, team_name = $4, seq = $5,
    since = coalesce((SELECT h.seq FROM calscim.journal_heads h WHERE h.stream = m.directory_id), 0)
WHERE id = $1;

-- name: remove_mapping, the row stays for what it had given
UPDATE calscim.mappings SET removed_at = clock_timestamp(), removed_seq = $2 WHERE id = $1;

-- name: lock_mapping, so that two edits of it come one after the other
SELECT id FROM calscim.mappings WHERE id = $1 AND removed_at IS NULL FOR UPDATE;

-- name: mappings, those in use of one directory, of one organization, of one team, or one of them
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
ORDER BY d.organization, lower(d.name), m.group_name, m.id;
