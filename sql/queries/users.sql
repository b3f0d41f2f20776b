-- name: get_state
-- A user's data for a PATCH, with active even if it was removed from the resource.
SELECT version, (jsonb_build_object('active', active) || data)::text AS data FROM calscim.users WHERE directory_id = $1 AND id = $2;

-- name: get
-- One user. Returns a row even if there is no such user, so that the token is checked.
SELECT EXISTS (
           SELECT FROM calscim.tokens t JOIN calscim.directories d ON d.id = t.directory_id
           WHERE t.id = $1 AND d.id = $2 AND t.revoked_at IS NULL AND d.deleted_at IS NULL
               AND (t.expires_at IS NULL OR t.expires_at > clock_timestamp())) AS allowed,
       r.version, r.body
FROM (SELECT) one LEFT JOIN LATERAL (
    SELECT u.version, calscim.resource_json(
        'User', u.id, u.data, u.version, u.created_at, u.updated_at, $4, calscim.groups_json(u.id, $4)) AS body
    FROM calscim.users u WHERE u.id = $3 AND u.directory_id = $2) r ON true;

-- name: look_up
-- Users by an indexed attribute. directory/resources replaces the marks; their parameter is $4.
SELECT EXISTS (
           SELECT FROM calscim.tokens t JOIN calscim.directories d ON d.id = t.directory_id
           WHERE t.id = $1 AND d.id = $2 AND t.revoked_at IS NULL AND d.deleted_at IS NULL
               AND (t.expires_at IS NULL OR t.expires_at > clock_timestamp())) AS allowed,
       array_agg(calscim.resource_json(
           'User', u.id, u.data, u.version, u.created_at, u.updated_at, $3,
           calscim.groups_json(u.id, $3)) ORDER BY u.ordinal) AS bodies
FROM /* users */ calscim.users u WHERE u.directory_id = $2 AND /* equal */ true;

-- name: page_from_start
-- A page, counted from the first user.
WITH page AS (
    SELECT u.id FROM calscim.users u WHERE u.directory_id COLLATE "C" = $2 ORDER BY u.ordinal OFFSET $4 LIMIT $5
)
SELECT EXISTS (
           SELECT FROM calscim.tokens t JOIN calscim.directories d ON d.id = t.directory_id
           WHERE t.id = $1 AND d.id = $2 AND t.revoked_at IS NULL AND d.deleted_at IS NULL
               AND (t.expires_at IS NULL OR t.expires_at > clock_timestamp())) AS allowed,
       coalesce((SELECT h.user_count FROM calscim.journal_heads h WHERE h.stream = $2), 0) AS total, true AS known,
       (SELECT h.deleted_user_count FROM calscim.journal_heads h WHERE h.stream = $2) AS deleted_user_count, min(u.ordinal) AS first,
       max(u.ordinal) AS last,
       array_agg(calscim.resource_json(
           'User', u.id, u.data, u.version, u.created_at, u.updated_at, $3,
           '"groups":[' || coalesce(m.groups, '') || '],') ORDER BY u.ordinal) AS bodies
FROM page JOIN calscim.users u USING (id) LEFT JOIN LATERAL (
    SELECT string_agg('{"value":"' || g.id || '","$ref":"' || $3 || '/Groups/' || g.id || '","display":'
        || to_json(g.display_name) || ',"type":"direct"}', ',' ORDER BY g.display_name_key) AS groups
    FROM calscim.members m, LATERAL (SELECT x.* FROM calscim.groups x WHERE x.id = m.group_id OFFSET 0) g
    WHERE m.member_id = u.id) m ON true;

-- name: page_from_end
-- The same page, counted from the last user if that is nearer.
WITH size AS (
    SELECT coalesce(max(h.user_count), 0) AS total, max(h.deleted_user_count) AS deleted_user_count FROM calscim.journal_heads h WHERE h.stream = $2
), page AS (
    SELECT u.id FROM calscim.users u WHERE u.directory_id COLLATE "C" = $2 ORDER BY u.ordinal DESC
    OFFSET (SELECT greatest(total - $4 - $5, 0) FROM size) LIMIT (SELECT greatest(least($5, total - $4), 0) FROM size)
)
SELECT EXISTS (
           SELECT FROM calscim.tokens t JOIN calscim.directories d ON d.id = t.directory_id
           WHERE t.id = $1 AND d.id = $2 AND t.revoked_at IS NULL AND d.deleted_at IS NULL
               AND (t.expires_at IS NULL OR t.expires_at > clock_timestamp())) AS allowed,
       (SELECT total FROM size) AS total, true AS known, (SELECT deleted_user_count FROM size) AS deleted_user_count,
       min(u.ordinal) AS first, max(u.ordinal) AS last,
       array_agg(calscim.resource_json(
           'User', u.id, u.data, u.version, u.created_at, u.updated_at, $3,
           '"groups":[' || coalesce(m.groups, '') || '],') ORDER BY u.ordinal) AS bodies
FROM page JOIN calscim.users u USING (id) LEFT JOIN LATERAL (
    SELECT string_agg('{"value":"' || g.id || '","$ref":"' || $3 || '/Groups/' || g.id || '","display":'
        || to_json(g.display_name) || ',"type":"direct"}', ',' ORDER BY g.display_name_key) AS groups
    FROM calscim.members m, LATERAL (SELECT x.* FROM calscim.groups x WHERE x.id = m.group_id OFFSET 0) g
    WHERE m.member_id = u.id) m ON true;

-- name: page_from_row
-- The same page, from a row whose position is known. known is false if the row may have moved.
WITH head AS (
    SELECT h.user_count, h.deleted_user_count = $5 AND EXISTS (
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
       (SELECT user_count FROM head) AS total, (SELECT known FROM head) AS known, $5::bigint AS deleted_user_count,
       min(u.ordinal) AS first, max(u.ordinal) AS last,
       array_agg(calscim.resource_json(
           'User', u.id, u.data, u.version, u.created_at, u.updated_at, $3,
           '"groups":[' || coalesce(m.groups, '') || '],') ORDER BY u.ordinal) AS bodies
FROM page JOIN calscim.users u USING (id) LEFT JOIN LATERAL (
    SELECT string_agg('{"value":"' || g.id || '","$ref":"' || $3 || '/Groups/' || g.id || '","display":'
        || to_json(g.display_name) || ',"type":"direct"}', ',' ORDER BY g.display_name_key) AS groups
    FROM calscim.members m, LATERAL (SELECT x.* FROM calscim.groups x WHERE x.id = m.group_id OFFSET 0) g
    WHERE m.member_id = u.id) m ON true;

-- name: search
-- The users whose userName, address, name, externalId or id contains $2, by userName after ($3, $4). $1: of an
-- organization's directories. $5: at most. $6: only active (true), only inactive (false), or both (NULL).
-- $7: only of this directory. $8: the text as an id, if it is one.
WITH wanted AS MATERIALIZED (SELECT calscim.name_key($2) AS key, lower($2) AS text)
SELECT u.id::text, u.user_name, u.email, u.user_name_key,
       coalesce(nullif(u.data->>'displayName', ''), nullif(u.data->'name'->>'formatted', ''),
                concat_ws(' ', u.data->'name'->>'givenName', u.data->'name'->>'familyName')) AS name,
       u.active, u.managed, d.id AS directory_id, d.name AS directory, d.organization,
       (SELECT count(*) FROM calscim.members m WHERE m.member_id = u.id) AS groups, l.cal_user_id
FROM wanted w CROSS JOIN calscim.users u
JOIN calscim.directories d ON d.id = u.directory_id AND d.deleted_at IS NULL
LEFT JOIN calscim.account_links l ON l.organization = d.organization AND l.user_id = u.id
WHERE ($1::text IS NULL OR d.organization = $1)
  AND u.user_name_key ~>=~ $3 AND (u.user_name_key <> $3 OR u.id > $4::uuid)
  AND ($6::boolean IS NULL OR u.active = $6)
  AND ($7::text IS NULL OR u.directory_id = $7)
  AND ($2 = '' OR strpos(u.user_name_key, w.key) > 0
       OR u.email <> u.user_name AND strpos(lower(u.email), w.text) > 0
       OR strpos(lower(concat_ws(' ', coalesce(u.data->>'displayName', u.data->'name'->>'formatted'),
                                 u.data->'name'->>'givenName', u.data->'name'->>'familyName')), w.text) > 0
       OR u.external_id = $2 OR u.id = $8::uuid)
ORDER BY u.user_name_key USING ~<~, u.id
LIMIT $5;

-- name: find_exact
-- The ids of users that have exactly this id, userName, address or externalId.
SELECT u.id::text, u.user_name, d.name AS directory
FROM calscim.users u JOIN calscim.directories d ON d.id = u.directory_id AND d.deleted_at IS NULL
WHERE ($2::text IS NULL OR d.id = $2)
  AND (u.id::text = lower($1) OR u.user_name_key = calscim.name_key($1) OR u.external_id = $1
       OR EXISTS (SELECT FROM calscim.user_emails e WHERE e.user_id = u.id AND e.value_key = calscim.name_key($1)))
ORDER BY d.name, u.user_name_key;

-- name: show
-- One user with its resource, its groups, its account in Cal.com, and the teams that calscim put the account on.
SELECT u.id::text, u.user_name, u.external_id, u.email, u.active, u.managed, u.source, u.data::text AS resource,
       u.changed_seq, u.created_at, u.updated_at, d.id AS directory_id, d.name AS directory, d.organization, l.cal_user_id,
       coalesce((SELECT json_agg(json_build_object('id', g.id, 'name', g.display_name, 'since_seq', m.seq)
                                 ORDER BY g.display_name_key)
                 FROM calscim.members m JOIN calscim.groups g ON g.id = m.group_id WHERE m.member_id = u.id), '[]')::text AS groups,
       coalesce((SELECT json_agg(json_build_object(
                     'team_id', t.team_id, 'role', t.role, 'origin', t.origin, 'team',
                     (SELECT max(p.team_name) FROM calscim.mappings p WHERE p.team_id = t.team_id)) ORDER BY t.team_id)
                 FROM calscim.ledger t WHERE t.organization = d.organization AND t.user_id = u.id), '[]')::text AS teams
FROM calscim.users u
JOIN calscim.directories d ON d.id = u.directory_id
LEFT JOIN calscim.account_links l ON l.organization = d.organization AND l.user_id = u.id
WHERE u.id = $1::uuid;

-- name: list_similar
-- userNames of about the length of $1 that are equal to it before, or after, the second character. $2: only of this
-- directory.
SELECT u.user_name
FROM calscim.users u
JOIN calscim.directories d ON d.id = u.directory_id AND d.deleted_at IS NULL
CROSS JOIN (SELECT calscim.name_key($1) AS key) w
WHERE ($2::text IS NULL OR d.id = $2)
  AND abs(length(u.user_name_key) - length(w.key)) <= 2
  AND (left(u.user_name_key, 2) = left(w.key, 2) OR substr(u.user_name_key, 3) = substr(w.key, 3))
ORDER BY abs(length(u.user_name_key) - length(w.key)), u.user_name_key
LIMIT 2000;
