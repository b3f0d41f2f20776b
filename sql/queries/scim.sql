-- name: authenticate, whose token this is; the directory's name goes into log lines
SELECT t.id, t.directory_id, t.expires_at, t.scope
FROM calscim.tokens t JOIN calscim.directories d ON d.id = t.directory_id
WHERE t.digest = $1 AND t.revoked_at IS NULL AND d.deleted_at IS NULL
    AND (t.expires_at IS NULL OR t.expires_at > clock_timestamp());

-- name: is_valid, whether a token still is
SELECT EXISTS (
    SELECT FROM calscim.tokens t JOIN calscim.directories d ON d.id = t.directory_id
    WHERE t.id = $1 AND t.revoked_at IS NULL AND d.deleted_at IS NULL
        AND (t.expires_at IS NULL OR t.expires_at > clock_timestamp()));

-- name: record_token_uses, when tokens were last used; the latest of several daemons stays
INSERT INTO calscim.token_uses AS u (token_id, used_at)
SELECT * FROM unnest($1::bigint[], $2::timestamptz[]) AS used (token_id, used_at) ORDER BY used.token_id
ON CONFLICT (token_id) DO UPDATE SET used_at = greatest(u.used_at, excluded.used_at);

-- name: changes, one or several of one directory
SELECT status, seq, version, body, skipped
FROM calscim.changes($1, $2, $3, $4, $5, $6, $7, $8, $9, $10);

-- name: refuse, a change that was asked for and not made; no row if the token is valid no longer
SELECT calscim.append($1, $2, $3, $4, $5, $9, $6, $7, $10, $11, $8, NULL)
WHERE EXISTS (
    SELECT FROM calscim.tokens t JOIN calscim.directories d ON d.id = t.directory_id
    WHERE t.id = $7 AND t.revoked_at IS NULL AND d.deleted_at IS NULL
        AND (t.expires_at IS NULL OR t.expires_at > clock_timestamp()));

-- name: outcome, whether a request whose connection was lost was committed; waits for its transaction to end
SELECT status, seq, resource_type, resource_id FROM calscim.outcome($1, $2, $3, $4);

-- name: known_person, somebody with this name or this address
SELECT EXISTS (
    SELECT FROM calscim.users WHERE directory_id = $1 AND user_name_key = ANY ($2)
    UNION ALL SELECT FROM calscim.user_emails WHERE directory_id = $1 AND value_key = ANY ($2));

-- name: follow, an imported entry gets the address of its account
SELECT calscim.user_follow(
    ROW($1, 'import', $2, '', '', '', NULL, $3)::calscim.origin, $4, $5, $6, $7, $8, $9::text::jsonb);

-- name: user_state, what a PATCH starts from; active even where it was removed from the resource
SELECT version, (jsonb_build_object('active', active) || data)::text AS data FROM calscim.users WHERE directory_id = $1 AND id = $2;

-- name: group_state, what a PATCH of attributes starts from
SELECT version, data::text AS data FROM calscim.groups WHERE directory_id = $1 AND id = $2;

-- name: group_members, for the rare PATCH that names members by something else than their ids
SELECT m.member_id::text AS value, m.kind AS type, coalesce(u.user_name, g.display_name) AS display
FROM calscim.members m
LEFT JOIN calscim.users u ON m.kind = 'User' AND u.id = m.member_id
LEFT JOIN calscim.groups g ON m.kind = 'Group' AND g.id = m.member_id
WHERE m.directory_id = $1 AND m.group_id = $2;

-- name: user, one; a row also when there is none, so that the token is judged
SELECT EXISTS (
           SELECT FROM calscim.tokens t JOIN calscim.directories d ON d.id = t.directory_id
           WHERE t.id = $1 AND d.id = $2 AND t.revoked_at IS NULL AND d.deleted_at IS NULL
               AND (t.expires_at IS NULL OR t.expires_at > clock_timestamp())) AS allowed,
       r.version, r.body
FROM (SELECT) one LEFT JOIN LATERAL (
    SELECT u.version, calscim.resource_json(
        'User', u.id, u.data, u.version, u.created_at, u.updated_at, $4, calscim.groups_json(u.id, $4)) AS body
    FROM calscim.users u WHERE u.id = $3 AND u.directory_id = $2) r ON true;

-- name: group, one; $5: with its members
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

-- name: look_up_users, by an indexed attribute: directory/resources replaces the mark, its parameter is $4
SELECT EXISTS (
           SELECT FROM calscim.tokens t JOIN calscim.directories d ON d.id = t.directory_id
           WHERE t.id = $1 AND d.id = $2 AND t.revoked_at IS NULL AND d.deleted_at IS NULL
               AND (t.expires_at IS NULL OR t.expires_at > clock_timestamp())) AS allowed,
       array_agg(calscim.resource_json(
           'User', u.id, u.data, u.version, u.created_at, u.updated_at, $3,
           calscim.groups_json(u.id, $3)) ORDER BY u.ordinal) AS bodies
FROM calscim.users u WHERE u.directory_id = $2 AND /* equal */ true;

-- name: users_page, a page of the import, counted from the front
WITH page AS (
    SELECT u.id FROM calscim.users u WHERE u.directory_id COLLATE "C" = $2 ORDER BY u.ordinal OFFSET $4 LIMIT $5
)
SELECT EXISTS (
           SELECT FROM calscim.tokens t JOIN calscim.directories d ON d.id = t.directory_id
           WHERE t.id = $1 AND d.id = $2 AND t.revoked_at IS NULL AND d.deleted_at IS NULL
               AND (t.expires_at IS NULL OR t.expires_at > clock_timestamp())) AS allowed,
       coalesce((SELECT h.users FROM calscim.journal_heads h WHERE h.stream = $2), 0) AS total, true AS known,
       (SELECT h.gone FROM calscim.journal_heads h WHERE h.stream = $2) AS gone, min(u.ordinal) AS first,
       max(u.ordinal) AS last,
       array_agg(calscim.resource_json(
           'User', u.id, u.data, u.version, u.created_at, u.updated_at, $3,
           '"groups":[' || coalesce(m.groups, '') || '],') ORDER BY u.ordinal) AS bodies
FROM page JOIN calscim.users u USING (id) LEFT JOIN LATERAL (
    SELECT string_agg('{"value":"' || g.id || '","$ref":"' || $3 || '/Groups/' || g.id || '","display":'
        || to_json(g.display_name) || ',"type":"direct"}', ',' ORDER BY g.display_name_key) AS groups
    FROM calscim.members m, LATERAL (SELECT x.* FROM calscim.groups x WHERE x.id = m.group_id OFFSET 0) g
    WHERE m.member_id = u.id) m ON true;

-- name: users_page_back, the same page counted from the end, which is nearer
WITH size AS (
    SELECT coalesce(max(h.users), 0) AS total, max(h.gone) AS gone FROM calscim.journal_heads h WHERE h.stream = $2
), page AS (
    SELECT u.id FROM calscim.users u WHERE u.directory_id COLLATE "C" = $2 ORDER BY u.ordinal DESC
    OFFSET (SELECT greatest(total - $4 - $5, 0) FROM size) LIMIT (SELECT greatest(least($5, total - $4), 0) FROM size)
)
SELECT EXISTS (
           SELECT FROM calscim.tokens t JOIN calscim.directories d ON d.id = t.directory_id
           WHERE t.id = $1 AND d.id = $2 AND t.revoked_at IS NULL AND d.deleted_at IS NULL
               AND (t.expires_at IS NULL OR t.expires_at > clock_timestamp())) AS allowed,
       (SELECT total FROM size) AS total, true AS known, (SELECT gone FROM size) AS gone,
       min(u.ordinal) AS first, max(u.ordinal) AS last,
       array_agg(calscim.resource_json(
           'User', u.id, u.data, u.version, u.created_at, u.updated_at, $3,
           '"groups":[' || coalesce(m.groups, '') || '],') ORDER BY u.ordinal) AS bodies
FROM page JOIN calscim.users u USING (id) LEFT JOIN LATERAL (
    SELECT string_agg('{"value":"' || g.id || '","$ref":"' || $3 || '/Groups/' || g.id || '","display":'
        || to_json(g.display_name) || ',"type":"direct"}', ',' ORDER BY g.display_name_key) AS groups
    FROM calscim.members m, LATERAL (SELECT x.* FROM calscim.groups x WHERE x.id = m.group_id OFFSET 0) g
    WHERE m.member_id = u.id) m ON true;

-- name: users_page_from, the same page from a row that had this place; known is false when it may have moved
WITH head AS (
    SELECT h.users, h.gone = $5 AND EXISTS (
        SELECT FROM calscim.users u WHERE u.directory_id COLLATE "C" = $2 AND u.ordinal = $4) AS known
    FROM calscim.journal_heads h WHERE h.stream = $2
), page AS (
    SELECT u.id FROM calscim.users u
    WHERE u.directory_id COLLATE "C" = $2 AND u.ordinal >= $4 AND (SELECT known FROM head)
    ORDER BY u.ordinal OFFSET $6 LIMIT $7
)
SELECT EXISTS (
           SELECT FROM calscim.tokens t JOIN calscim.directories d ON d.id = t.directory_id
           WHERE t.id = $1 AND d.id = $2 AND t.revoked_at IS NULL AND d.deleted_at IS NULL
               AND (t.expires_at IS NULL OR t.expires_at > clock_timestamp())) AS allowed,
       (SELECT users FROM head) AS total, (SELECT known FROM head) AS known, $5::bigint AS gone,
       min(u.ordinal) AS first, max(u.ordinal) AS last,
       array_agg(calscim.resource_json(
           'User', u.id, u.data, u.version, u.created_at, u.updated_at, $3,
           '"groups":[' || coalesce(m.groups, '') || '],') ORDER BY u.ordinal) AS bodies
FROM page JOIN calscim.users u USING (id) LEFT JOIN LATERAL (
    SELECT string_agg('{"value":"' || g.id || '","$ref":"' || $3 || '/Groups/' || g.id || '","display":'
        || to_json(g.display_name) || ',"type":"direct"}', ',' ORDER BY g.display_name_key) AS groups
    FROM calscim.members m, LATERAL (SELECT x.* FROM calscim.groups x WHERE x.id = m.group_id OFFSET 0) g
    WHERE m.member_id = u.id) m ON true;

-- name: rate_limits, of directories that have their own
SELECT id, requests_per_second FROM calscim.directories WHERE requests_per_second IS NOT NULL AND deleted_at IS NULL;

-- name: throttled, requests that were refused because their directory asked for too much at once
UPDATE calscim.directories d SET throttled = d.throttled + n.count, throttled_at = clock_timestamp()
FROM unnest($1::text[], $2::bigint[]) n (id, count) WHERE d.id = n.id;
