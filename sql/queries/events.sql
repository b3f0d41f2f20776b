-- name: is_behind
-- Whether the journal has rows that the change feed does not contain yet.
SELECT EXISTS (
    SELECT FROM calscim.journal_heads h LEFT JOIN calscim.event_offsets o USING (stream) WHERE h.seq > coalesce(o.seq, 0));

-- name: prepare
-- Limit how long the transaction waits for another one that adds events. A plan that is made while a partition is nearly
-- empty must not scan the partition when it has grown.
SELECT set_config('lock_timeout', '2s', true), set_config('enable_seqscan', 'off', true), set_config('jit', 'off', true);

-- name: create_head
-- Create the head of the feed. From then on the feed is in use.
INSERT INTO calscim.event_head DEFAULT VALUES ON CONFLICT DO NOTHING;

-- name: lock_feed
-- Lock the feed until the transaction ends, also if it has no head yet.
LOCK TABLE calscim.event_head IN SHARE ROW EXCLUSIVE MODE;

-- name: lock_head
-- Lock the head until the transaction ends. No row: the feed has not been used yet.
SELECT seq FROM calscim.event_head FOR UPDATE;

-- name: list_new_rows
-- The next $1 journal rows beyond the offsets, in the order of their times, which is the order of commits within each
-- stream. $2: rows before this time give no events. before: the effect of the row that last wrote the same resource.
SELECT j.stream, j.seq, j.at, j.kind, j.path, j.status, j.remote, j.resource_type, j.resource_id, j.hash, j.effect,
       d.name AS directory, coalesce(d.organization, substr(nullif(j.stream, ltrim(j.stream, '@')), 2)) AS organization,
       p.effect AS before
FROM (
    SELECT n.*
    FROM calscim.journal_heads h
    LEFT JOIN calscim.event_offsets o USING (stream)
    CROSS JOIN LATERAL (
        SELECT * FROM calscim.journal x
        WHERE x.stream = h.stream AND x.seq > coalesce(o.seq, 0) AND ($2::timestamptz IS NULL OR x.at >= $2)
        ORDER BY x.seq
        LIMIT $1
    ) n
    WHERE h.seq > coalesce(o.seq, 0)
    ORDER BY n.at, n.stream, n.seq
    LIMIT $1
) j
LEFT JOIN calscim.directories d ON d.id = j.stream
LEFT JOIN LATERAL (
    SELECT b.effect FROM calscim.journal b
    WHERE b.resource_id = j.resource_id AND b.resource_id <> '' AND b.stream = j.stream AND b.seq < j.seq
      AND b.kind IN ('scim', 'import') AND b.effect IS NOT NULL
    ORDER BY b.seq DESC
    LIMIT 1
) p ON j.kind IN ('scim', 'import')
ORDER BY j.at, j.stream, j.seq;

-- name: list_opening_states
-- The users and groups among these as they were at the end of the archived months.
SELECT id, state FROM calscim.opening_balances WHERE kind IN ('User', 'Group') AND id = ANY ($1::text[]);

-- name: list_ended_memberships
-- The memberships that the deletion of a user or group ended. $1, $2, $3: directory, id and journal row of the deletions.
SELECT f.group_id::text, f.member_id::text, f.directory_id AS stream, f.seq
FROM unnest($1::text[], $2::text[]::uuid[], $3::bigint[]) AS r (stream, id, seq)
JOIN calscim.former_members f ON f.member_id = r.id AND f.directory_id = r.stream AND f.seq = r.seq
UNION
SELECT f.group_id::text, f.member_id::text, f.directory_id, f.seq
FROM unnest($1::text[], $2::text[]::uuid[], $3::bigint[]) AS r (stream, id, seq)
JOIN calscim.former_members f ON f.group_id = r.id AND f.directory_id = r.stream AND f.seq = r.seq
ORDER BY 3, 4, 1, 2;

-- name: list_names
-- The present or last names of these users and groups.
SELECT u.id::text, 'User' AS kind, u.user_name AS name, u.email FROM calscim.users u WHERE u.id = ANY ($1::text[]::uuid[])
UNION ALL
SELECT g.id::text, 'Group', g.display_name, '' FROM calscim.groups g WHERE g.id = ANY ($1::text[]::uuid[])
UNION ALL
SELECT t.id::text, t.kind, t.name, t.email FROM calscim.tombstones t WHERE t.id = ANY ($1::text[]::uuid[]);

-- name: list_directory_names
-- The name of every directory, deleted ones included.
SELECT id, name FROM calscim.directories;

-- name: add
-- Add events.
INSERT INTO calscim.events (seq, id, at, type, directory, organization, stream, journal_seq, user_id, data)
SELECT e.seq, e.id, e.at, e.type, e.directory, e.organization, e.stream, e.journal_seq, e.user_id, e.data::json
FROM unnest($1::bigint[], $2::text[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[],
            $9::text[], $10::text[])
    AS e (seq, id, at, type, directory, organization, stream, journal_seq, user_id, data);

-- name: advance
-- Note which journal rows the feed contains.
INSERT INTO calscim.event_offsets AS o (stream, seq)
SELECT * FROM unnest($1::text[], $2::bigint[]) AS n (stream, seq)
ON CONFLICT (stream) DO UPDATE SET seq = excluded.seq;

-- name: set_head
-- Note the last position.
UPDATE calscim.event_head SET seq = $1;

-- name: skip_positions
-- Continue far above the positions that consumers can have seen.
UPDATE calscim.event_head SET seq = seq + 1000000000;

-- name: get_head
-- The last position, and the last one that was deleted. No row: the feed has not been used yet.
SELECT seq, deleted_seq FROM calscim.event_head;

-- name: list
-- The events after a position; $3: of this organization only.
SELECT seq, id, at, type, directory, organization, data::text AS data
FROM calscim.events WHERE seq > $1 AND ($3::text IS NULL OR organization = $3) ORDER BY seq LIMIT $2;

-- name: delete_old
-- Delete the events before the first one that is younger than $1 seconds, and note the last position that was deleted.
WITH kept AS (
    SELECT coalesce((SELECT min(seq) FROM calscim.events WHERE at >= clock_timestamp() - make_interval(secs => $1)),
                    (SELECT seq + 1 FROM calscim.event_head)) AS seq
), gone AS (
    DELETE FROM calscim.events e USING kept WHERE e.seq < kept.seq RETURNING e.seq
)
UPDATE calscim.event_head SET deleted_seq = (SELECT max(seq) FROM gone) WHERE EXISTS (SELECT FROM gone);

-- name: list_matching_rows
-- The rows that match the criteria of journal.list, by stream, with what the derivation of their changes needs.
-- before: the effect of the row that last wrote the same resource.
SELECT j.stream, j.seq, j.at, j.kind, j.request_id, j.method, j.path, j.status, j.remote, j.resource_type, j.resource_id,
       j.hash, j.effect, d.name AS directory, d.provider,
       coalesce(d.organization, substr(nullif(j.stream, ltrim(j.stream, '@')), 2)) AS organization, p.effect AS before
FROM calscim.journal j
LEFT JOIN calscim.directories d ON d.id = j.stream
LEFT JOIN LATERAL (
    SELECT b.effect FROM calscim.journal b
    WHERE b.resource_id = j.resource_id AND b.resource_id <> '' AND b.stream = j.stream AND b.seq < j.seq
      AND b.kind IN ('scim', 'import') AND b.effect IS NOT NULL
    ORDER BY b.seq DESC
    LIMIT 1
) p ON j.kind IN ('scim', 'import')
WHERE ($1::text[] IS NULL OR j.stream = ANY ($1))
  AND ($2::bigint IS NULL OR j.seq = $2)
  AND ($3::text IS NULL OR j.request_id = $3)
  AND ($4::text IS NULL OR j.kind = $4)
  AND ($5::timestamptz IS NULL OR j.at >= $5)
  AND ($6::timestamptz IS NULL OR j.at < $6)
  AND ($7::text[] IS NULL OR j.resource_id = ANY ($7)
       OR convert_from(coalesce(j.effect, ''), 'UTF8') LIKE ANY (SELECT '%' || i || '%' FROM unnest($7) i))
ORDER BY j.stream, j.seq;
