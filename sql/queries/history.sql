-- name: rows, journal rows by whatever was asked for, in their streams' order
SELECT stream, seq, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at, kind, request_id, method,
       path, status, remote, token_id, resource_type, resource_id, body, effect,
       encode(body_digest, 'hex') AS body_digest, encode(effect_digest, 'hex') AS effect_digest,
       encode(prev_hash, 'hex') AS prev_hash, encode(hash, 'hex') AS hash
FROM calscim.journal
WHERE ($1::text[] IS NULL OR stream = ANY ($1))
  AND ($2::bigint IS NULL OR seq = $2)
  AND ($3::text IS NULL OR request_id = $3)
  AND ($4::text IS NULL OR kind = $4)
  AND ($5::timestamptz IS NULL OR at >= $5)
  AND ($6::timestamptz IS NULL OR at < $6)
  AND ($7::text[] IS NULL OR resource_id = ANY ($7)
       OR convert_from(coalesce(effect, ''), 'UTF8') LIKE ANY (SELECT '%' || i || '%' FROM unnest($7) i))
ORDER BY stream, seq;

-- name: newest, the end of the same, newest first; $8 rows. Each stream is read from its own end
SELECT j.stream, j.seq, to_char(j.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at, kind, request_id,
       method, path, status, remote, token_id, resource_type, resource_id, body, effect,
       encode(body_digest, 'hex') AS body_digest, encode(effect_digest, 'hex') AS effect_digest,
       encode(prev_hash, 'hex') AS prev_hash, encode(j.hash, 'hex') AS hash
FROM calscim.journal_heads h
CROSS JOIN LATERAL (
    SELECT * FROM calscim.journal
    WHERE stream = h.stream
      AND ($2::bigint IS NULL OR seq = $2)
      AND ($3::text IS NULL OR request_id = $3)
      AND ($4::text IS NULL OR kind = $4)
      AND ($5::timestamptz IS NULL OR at >= $5)
      AND ($6::timestamptz IS NULL OR at < $6)
      AND ($7::text[] IS NULL OR resource_id = ANY ($7)
           OR convert_from(coalesce(effect, ''), 'UTF8') LIKE ANY (SELECT '%' || i || '%' FROM unnest($7) i))
    ORDER BY seq DESC
    LIMIT $8
) j
WHERE $1::text[] IS NULL OR h.stream = ANY ($1)
ORDER BY j.at DESC, j.stream, j.seq DESC
LIMIT $8;

-- name: after, rows that came since a stream was last looked at
SELECT stream, seq, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at, kind, request_id, method,
       path, status, remote, token_id, resource_type, resource_id, body, effect,
       encode(body_digest, 'hex') AS body_digest, encode(effect_digest, 'hex') AS effect_digest,
       encode(prev_hash, 'hex') AS prev_hash, encode(hash, 'hex') AS hash
FROM calscim.journal
WHERE stream = $1 AND seq > $2
ORDER BY seq;

-- name: people, ids of whoever goes or went by that id, userName or address
SELECT id::text FROM calscim.users
WHERE ($2::text[] IS NULL OR directory_id = ANY ($2))
  AND (id::text = $1 OR user_name_key = calscim.name_key($1) OR calscim.name_key(email) = calscim.name_key($1))
UNION
SELECT user_id::text FROM calscim.user_emails
WHERE ($2::text[] IS NULL OR directory_id = ANY ($2)) AND value_key = calscim.name_key($1)
UNION
SELECT id::text FROM calscim.tombstones
WHERE kind = 'User' AND ($2::text[] IS NULL OR directory_id = ANY ($2))
  AND (id::text = $1 OR calscim.name_key(name) = calscim.name_key($1) OR calscim.name_key(email) = calscim.name_key($1));

-- name: group_ids, ids of the groups that are or were called that
SELECT id::text FROM calscim.groups
WHERE ($2::text[] IS NULL OR directory_id = ANY ($2)) AND (id::text = $1 OR display_name_key = calscim.name_key($1))
UNION
SELECT id::text FROM calscim.tombstones
WHERE kind = 'Group' AND ($2::text[] IS NULL OR directory_id = ANY ($2))
  AND (id::text = $1 OR calscim.name_key(name) = calscim.name_key($1));

-- name: streams_of, the journals of an organization: its own, and its directories', deleted ones too
SELECT '@' || $1::text AS stream UNION ALL SELECT id FROM calscim.directories WHERE organization = $1;

-- name: heads, where every journal stands
SELECT stream, seq FROM calscim.journal_heads;

-- name: keys, with which key bodies were sealed; $1: what a sealed body begins with. Only their fronts are looked at
SELECT id, count(*) AS rows, min(at) AS first, max(at) AS last
FROM (SELECT at, CASE WHEN substring(body FROM 1 FOR length($1::bytea)) = $1
                      THEN encode(substring(body FROM length($1::bytea) + 1 FOR 8), 'hex') END AS id
      FROM calscim.journal WHERE body IS NOT NULL AND length(body) > 0) j
GROUP BY id
ORDER BY first;

-- name: last_bodies, the newest of every stream
SELECT j.stream, j.seq, j.body
FROM calscim.journal_heads h JOIN calscim.journal j ON j.stream = h.stream AND j.seq = h.seq
ORDER BY 1;
