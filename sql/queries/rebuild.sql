-- name: list_effects
-- The effects that changed users and groups of a directory up to a moment. $3, $4: effects that replace those of
-- some rows.
SELECT seq, at, (e - 'data')::text AS effect, coalesce((e -> 'data')::text, '') AS data
FROM (SELECT seq, at, coalesce(convert_from(effect, 'UTF8'), i.text)::jsonb AS e
      FROM calscim.journal
      LEFT JOIN unnest($3::bigint[], $4::text[]) i (seq, text) USING (seq)
      WHERE stream = $1 AND kind IN ('scim', 'import', 'admin') AND (effect IS NOT NULL OR i.text IS NOT NULL)
        AND ($2::timestamptz IS NULL OR at <= $2)) j
ORDER BY seq;

-- name: lock_head
-- Lock the head of a directory's stream, so that no change is made meanwhile.
SELECT calscim.lock_head($1);

-- name: list_users
-- The users of a directory.
SELECT id::text, user_name, user_name_key, external_id, email, active, managed, source, version, data::text,
       changed_seq, created_at, updated_at,
       ARRAY(SELECT e.value_key FROM calscim.user_emails e WHERE e.user_id = u.id) AS emails
FROM calscim.users u WHERE directory_id = $1 ORDER BY ordinal;

-- name: list_groups
-- The groups of a directory.
SELECT id::text, display_name, display_name_key, external_id, version, data::text, changed_seq, created_at, updated_at
FROM calscim.groups WHERE directory_id = $1 ORDER BY ordinal;

-- name: list_members
-- The members of a directory's groups.
SELECT group_id::text, member_id::text, kind, seq, at FROM calscim.members WHERE directory_id = $1;

-- name: list_former_members
-- The former members of a directory's groups.
SELECT group_id::text, member_id::text, seq, at FROM calscim.former_members WHERE directory_id = $1;

-- name: list_tombstones
-- The deleted users and groups of a directory.
SELECT id::text, kind, name, email, managed, seq, at FROM calscim.tombstones WHERE directory_id = $1;

-- name: delete_users
-- Delete the users of a directory, with their addresses.
DELETE FROM calscim.users WHERE directory_id = $1;

-- name: delete_groups
-- Delete the groups of a directory, with their members.
DELETE FROM calscim.groups WHERE directory_id = $1;

-- name: delete_former_members
-- Delete the former members of a directory's groups.
DELETE FROM calscim.former_members WHERE directory_id = $1;

-- name: delete_tombstones
-- Delete the tombstones of a directory.
DELETE FROM calscim.tombstones WHERE directory_id = $1;

-- name: set_counts
-- Set the counts behind totalResults.
UPDATE calscim.journal_heads SET user_count = $2, group_count = $3 WHERE stream = $1;
