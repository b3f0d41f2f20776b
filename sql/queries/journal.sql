-- name: append_edit
-- Append an operator's edit to the organization's journal.
SELECT calscim.append_row('@' || $1, 'admin', $2, '', $3, 0, $4, NULL, $5, $6, $7, $8);

-- name: list_request_ids
-- The request ids of the given journal rows.
SELECT j.stream, j.seq, j.request_id
FROM unnest($1::text[], $2::bigint[]) AS w (stream, seq)
JOIN calscim.journal j ON j.stream = w.stream AND j.seq = w.seq;

-- name: list_traceparents
-- The spans of the requests behind the given journal rows, if the rows are recent: a trace of last month has ended.
SELECT j.stream, j.seq, j.traceparent
FROM unnest($1::text[], $2::bigint[]) AS w (stream, seq)
JOIN calscim.journal j ON j.stream = w.stream AND j.seq = w.seq
WHERE j.traceparent IS NOT NULL AND j.at > clock_timestamp() - interval '1 hour';

-- name: lock_head
-- Lock the head of a stream until the transaction ends, and create it if needed.
SELECT calscim.lock_head($1);

-- name: list
-- Journal rows that match the given criteria, in the order of their streams.
SELECT stream, seq, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at, kind, request_id, method,
       path, status, remote, token_id, resource_type, resource_id, body, effect,
       encode(body_digest, 'hex') AS body_digest, encode(effect_digest, 'hex') AS effect_digest,
       encode(prev_hash, 'hex') AS prev_hash, encode(hash, 'hex') AS hash, traceparent
FROM calscim.journal
WHERE ($1::text[] IS NULL OR stream = ANY ($1))
  AND ($2::bigint IS NULL OR seq = $2)
  AND ($3::text IS NULL OR request_id = $3)
  AND ($4::text IS NULL OR kind = $4)
  AND ($5::timestamptz IS NULL OR at >= $5)
  AND ($6::timestamptz IS NULL OR at < $6)
  AND ($7::text[] IS NULL OR resource_id = ANY ($7) OR resource_type <> 'User'
       AND effect LIKE ANY ((SELECT array_agg(convert_to('%' || i || '%', 'UTF8')) FROM unnest($7) i)::bytea[]))
ORDER BY stream, seq;

-- name: list_latest
-- The latest $7 rows that match the given criteria, latest first. Each stream is read from its end.
SELECT j.stream, j.seq, to_char(j.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at, kind, request_id,
       method, path, status, remote, token_id, resource_type, resource_id, body, effect,
       encode(body_digest, 'hex') AS body_digest, encode(effect_digest, 'hex') AS effect_digest,
       encode(prev_hash, 'hex') AS prev_hash, encode(j.hash, 'hex') AS hash, traceparent
FROM calscim.journal_heads h
CROSS JOIN LATERAL (
    SELECT * FROM calscim.journal
    WHERE stream = h.stream
      AND ($2::bigint IS NULL OR seq = $2)
      AND ($3::text IS NULL OR request_id = $3)
      AND ($4::text IS NULL OR kind = $4)
      AND ($5::timestamptz IS NULL OR at >= $5)
      AND ($6::timestamptz IS NULL OR at < $6)
    ORDER BY seq DESC
    LIMIT $7
) j
WHERE $1::text[] IS NULL OR h.stream = ANY ($1)
ORDER BY j.at DESC, j.stream, j.seq DESC
LIMIT $7;

-- name: list_latest_about
-- The latest $8 rows about the resources with the ids $7, latest first; $1 to $6 as in list_latest. The rows of a
-- resource are found by index, and so are those of the groups that it is or was in. The streams of organizations are
-- read from their end, and those of directories only for a deleted resource, which a push may have named since.
WITH members AS MATERIALIZED (
    SELECT group_id::text AS id FROM calscim.members WHERE member_id = ANY ($7::text[]::uuid[])
    UNION SELECT group_id::text FROM calscim.former_members WHERE member_id = ANY ($7::text[]::uuid[])
    EXCEPT SELECT unnest($7)
), resources AS MATERIALIZED (
    SELECT unnest($7) AS id, true AS is_wanted UNION ALL SELECT id, false FROM members
), named AS MATERIALIZED (
    SELECT array_agg(convert_to('%' || i || '%', 'UTF8')) AS patterns,
           (SELECT min(at) FROM calscim.tombstones WHERE id = ANY ($7::text[]::uuid[])) AS deleted_at
    FROM unnest($7) i
), found AS (
    SELECT j.* FROM resources r, named CROSS JOIN LATERAL (
        SELECT stream, seq, at FROM calscim.journal
        WHERE resource_id = r.id AND resource_id <> '' AND (r.is_wanted OR effect LIKE ANY (patterns))
          AND ($1::text[] IS NULL OR stream = ANY ($1))
          AND ($2::bigint IS NULL OR seq = $2)
          AND ($3::text IS NULL OR request_id = $3)
          AND ($4::text IS NULL OR kind = $4)
          AND ($5::timestamptz IS NULL OR at >= $5)
          AND ($6::timestamptz IS NULL OR at < $6)
        ORDER BY seq DESC
        LIMIT $8
    ) j
    UNION
    SELECT j.* FROM calscim.journal_heads h, named CROSS JOIN LATERAL (
        SELECT stream, seq, at FROM (
            SELECT stream, seq, at, effect FROM calscim.journal
            WHERE stream = h.stream AND resource_type <> 'User' AND (h.stream LIKE '@%' OR at >= deleted_at)
              AND ($2::bigint IS NULL OR seq = $2)
              AND ($3::text IS NULL OR request_id = $3)
              AND ($4::text IS NULL OR kind = $4)
              AND ($5::timestamptz IS NULL OR at >= $5)
              AND ($6::timestamptz IS NULL OR at < $6)
            ORDER BY seq DESC
            LIMIT h.seq  -- no limit, but with one the planner reads this stream by its index instead of the whole table
        ) o
        WHERE effect LIKE ANY (patterns)
        LIMIT $8
    ) j
    WHERE (h.stream LIKE '@%' OR deleted_at IS NOT NULL) AND ($1::text[] IS NULL OR h.stream = ANY ($1))
)
SELECT j.stream, j.seq, to_char(j.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at, kind, request_id,
       method, path, status, remote, token_id, resource_type, resource_id, body, effect,
       encode(body_digest, 'hex') AS body_digest, encode(effect_digest, 'hex') AS effect_digest,
       encode(prev_hash, 'hex') AS prev_hash, encode(j.hash, 'hex') AS hash, traceparent
FROM found JOIN calscim.journal j USING (stream, seq, at)
ORDER BY j.at DESC, j.stream, j.seq DESC
LIMIT $8;

-- name: list_after
-- The rows of a stream after a sequence number.
SELECT stream, seq, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at, kind, request_id, method,
       path, status, remote, token_id, resource_type, resource_id, body, effect,
       encode(body_digest, 'hex') AS body_digest, encode(effect_digest, 'hex') AS effect_digest,
       encode(prev_hash, 'hex') AS prev_hash, encode(hash, 'hex') AS hash, traceparent
FROM calscim.journal
WHERE stream = $1 AND seq > $2
ORDER BY seq;

-- name: find_user_ids
-- The ids of users that have or had this id, userName or address. An account's address is one of these.
SELECT id::text FROM calscim.users
WHERE ($2::text[] IS NULL OR directory_id = ANY ($2)) AND user_name_key = calscim.name_key($1)
UNION
SELECT id::text FROM calscim.users
WHERE ($2::text[] IS NULL OR directory_id = ANY ($2))
  AND id = CASE WHEN $1 ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN $1::uuid END
UNION
SELECT user_id::text FROM calscim.directories d
JOIN calscim.user_emails e ON e.directory_id = d.id AND value_key = calscim.name_key($1)
WHERE $2::text[] IS NULL OR d.id = ANY ($2)
UNION
SELECT id::text FROM calscim.tombstones
WHERE kind = 'User' AND ($2::text[] IS NULL OR directory_id = ANY ($2))
  AND (id::text = $1 OR calscim.name_key(name) = calscim.name_key($1) OR calscim.name_key(email) = calscim.name_key($1));

-- name: find_group_ids
-- The ids of groups that have or had this id or name.
SELECT id::text FROM calscim.groups
WHERE ($2::text[] IS NULL OR directory_id = ANY ($2)) AND (id::text = $1 OR display_name_key = calscim.name_key($1))
UNION
SELECT id::text FROM calscim.tombstones
WHERE kind = 'Group' AND ($2::text[] IS NULL OR directory_id = ANY ($2))
  AND (id::text = $1 OR calscim.name_key(name) = calscim.name_key($1));

-- name: list_streams
-- The streams of an organization: its own and those of its directories, deleted ones included.
SELECT '@' || $1::text AS stream UNION ALL SELECT id FROM calscim.directories WHERE organization = $1;

-- name: list_heads
-- The last sequence number of every stream.
SELECT stream, seq FROM calscim.journal_heads;

-- name: count_rows_by_key
-- The keys that bodies are encrypted with. $1: the prefix of an encrypted body. Reads only the first bytes of each
-- body.
SELECT id, count(*) AS rows, min(at) AS first, max(at) AS last
FROM (SELECT at, CASE WHEN substring(body FROM 1 FOR length($1::bytea)) = $1
                      THEN encode(substring(body FROM length($1::bytea) + 1 FOR 8), 'hex') END AS id
      FROM calscim.journal WHERE body IS NOT NULL AND length(body) > 0) j
GROUP BY id
ORDER BY first;

-- name: list_last_bodies
-- The last body of every stream.
SELECT j.stream, j.seq, j.body
FROM calscim.journal_heads h JOIN calscim.journal j ON j.stream = h.stream AND j.seq = h.seq
ORDER BY 1;
