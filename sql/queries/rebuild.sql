-- name: hold, no month leaves the journal meanwhile
LOCK TABLE calscim.journal IN ACCESS SHARE MODE;

-- name: effects, what changed users and groups of a directory up to a moment, to be repeated; $3 and $4: instead of some
SELECT seq, at, (e - 'data')::text AS effect, coalesce((e -> 'data')::text, '') AS data
FROM (SELECT seq, at, coalesce(convert_from(effect, 'UTF8'), i.text)::jsonb AS e
      FROM calscim.journal
      LEFT JOIN unnest($3::bigint[], $4::text[]) i (seq, text) USING (seq)
      WHERE stream = $1 AND kind IN ('scim', 'import', 'admin') AND (effect IS NOT NULL OR i.text IS NOT NULL)
        AND ($2::timestamptz IS NULL OR at <= $2)) j
ORDER BY seq;

-- name: lock, nobody changes the directory meanwhile
SELECT calscim.lock_head($1);

-- name: users, as they are now
SELECT id::text, user_name, user_name_key, external_id, email, active, managed, source, version, data::text,
       changed_seq, created_at, updated_at,
       ARRAY(SELECT e.value_key FROM calscim.user_emails e WHERE e.user_id = u.id) AS emails
FROM calscim.users u WHERE directory_id = $1 ORDER BY ordinal;

-- name: groups, as they are now
SELECT id::text, display_name, display_name_key, external_id, version, data::text, changed_seq, created_at, updated_at
FROM calscim.groups WHERE directory_id = $1 ORDER BY ordinal;

-- name: members, as they are now
SELECT group_id::text, member_id::text, kind, seq, at FROM calscim.members WHERE directory_id = $1;

-- name: former, as they are now
SELECT group_id::text, member_id::text, seq, at FROM calscim.former_members WHERE directory_id = $1;

-- name: tombstones, as they are now
SELECT id::text, kind, name, email, managed, seq, at FROM calscim.tombstones WHERE directory_id = $1;

-- name: clear_users, with their addresses
DELETE FROM calscim.users WHERE directory_id = $1;

-- name: clear_groups, with their members
DELETE FROM calscim.groups WHERE directory_id = $1;

-- name: clear_former, to be written anew
DELETE FROM calscim.former_members WHERE directory_id = $1;

-- name: clear_tombstones, to be written anew
DELETE FROM calscim.tombstones WHERE directory_id = $1;

-- name: count, what totalResults says
UPDATE calscim.journal_heads SET users = $2, groups = $3 WHERE stream = $1;
