-- name: list_users
-- Users after or before a row, or from an offset. directory/keyset_pages replaces the marks; parameters of a filter
-- start at $7.
WITH found AS (
    SELECT u.id, u.ordinal, /* key */ NULL::text AS key
    FROM calscim.users u WHERE /* directory */ u.directory_id COLLATE "C" = $2 AND /* filter */ true
), page AS (
    SELECT id, ordinal, key FROM found WHERE /* beyond */ ordinal > $4::bigint ORDER BY /* order */ ordinal
    LIMIT $5::bigint + 1 OFFSET $6::bigint
), shown AS (
    SELECT id, ordinal, key, row_number() OVER (ORDER BY /* order */ ordinal) AS place FROM page
)
SELECT EXISTS (
           SELECT FROM calscim.tokens t JOIN calscim.directories d ON d.id = t.directory_id
           WHERE t.id = $1 AND d.id = $2 AND t.revoked_at IS NULL AND d.deleted_at IS NULL
               AND (t.expires_at IS NULL OR t.expires_at > clock_timestamp())) AS allowed,
       (SELECT /* total */ max(h.user_count) FROM calscim.journal_heads h WHERE h.stream = $2) AS total,
       (SELECT count(*) FROM page) > $5 AS more,
       array_agg(s.ordinal ORDER BY s.place) AS ordinals, array_agg(s.key::text ORDER BY s.place) AS keys,
       array_agg(calscim.resource_json(
           'User', u.id, u.data, u.version, u.created_at, u.updated_at, $3,
           calscim.groups_json(u.id, $3)) ORDER BY s.place) AS bodies
FROM shown s JOIN calscim.users u USING (id)
WHERE s.place <= $5;

-- name: list_groups
-- The same for groups.
WITH found AS (
    SELECT g.id, g.ordinal, /* key */ NULL::text AS key
    FROM calscim.groups g WHERE /* directory */ g.directory_id COLLATE "C" = $2 AND /* filter */ true
), page AS (
    SELECT id, ordinal, key FROM found WHERE /* beyond */ ordinal > $4::bigint ORDER BY /* order */ ordinal
    LIMIT $5::bigint + 1 OFFSET $6::bigint
), shown AS (
    SELECT id, ordinal, key, row_number() OVER (ORDER BY /* order */ ordinal) AS place FROM page
)
SELECT EXISTS (
           SELECT FROM calscim.tokens t JOIN calscim.directories d ON d.id = t.directory_id
           WHERE t.id = $1 AND d.id = $2 AND t.revoked_at IS NULL AND d.deleted_at IS NULL
               AND (t.expires_at IS NULL OR t.expires_at > clock_timestamp())) AS allowed,
       (SELECT /* total */ max(h.group_count) FROM calscim.journal_heads h WHERE h.stream = $2) AS total,
       (SELECT count(*) FROM page) > $5 AS more,
       array_agg(s.ordinal ORDER BY s.place) AS ordinals, array_agg(s.key::text ORDER BY s.place) AS keys,
       array_agg(calscim.resource_json(
           'Group', g.id, g.data, g.version, g.created_at, g.updated_at, $3,
           CASE WHEN /* members */ true THEN calscim.members_json(g.id, $3) ELSE '' END) ORDER BY s.place) AS bodies
FROM shown s JOIN calscim.groups g USING (id) WHERE s.place <= $5;

-- name: get_cursor_secret
-- The secret that encrypts a directory's cursors. Every daemon derives the same.
SELECT sha256(convert_to('cursors ' || d.id || ' ' || calscim.iso_timestamp(d.created_at) || ' ', 'UTF8') || t.digest)
FROM calscim.directories d JOIN calscim.tokens t ON t.directory_id = d.id
WHERE d.id = $1
ORDER BY t.id LIMIT 1;
