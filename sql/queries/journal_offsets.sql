-- name: advance
-- Advance the offset of a stream.
INSERT INTO calscim.journal_offsets AS c (organization, stream, seq) VALUES ($1, $2, $3)
ON CONFLICT (organization, stream) DO UPDATE SET seq = greatest(c.seq, excluded.seq);

-- name: list_unprocessed
-- The oldest $2 journal rows beyond the offsets. Each stream is read from its offset by the primary key: a join would
-- make the planner read a whole large journal.
SELECT j.stream, j.seq, j.kind, j.at, j.request_id, j.resource_type, j.resource_id, j.effect
FROM (
    SELECT h.stream, coalesce(c.seq, 0) AS seq, ARRAY['scim', 'import'] AS kinds
    FROM calscim.directories d
    JOIN calscim.journal_heads h ON h.stream = d.id
    LEFT JOIN calscim.journal_offsets c ON c.organization = d.organization AND c.stream = d.id
    WHERE d.organization = $1 AND d.deleted_at IS NULL AND h.seq > coalesce(c.seq, 0)
    UNION ALL
    SELECT h.stream, coalesce(c.seq, 0), ARRAY['admin']
    FROM calscim.journal_heads h
    LEFT JOIN calscim.journal_offsets c ON c.organization = $1 AND c.stream = h.stream
    WHERE h.stream = '@' || $1 AND h.seq > coalesce(c.seq, 0)
) s
CROSS JOIN LATERAL (
    SELECT * FROM calscim.journal x
    WHERE x.stream = s.stream AND x.seq > s.seq AND x.kind = ANY (s.kinds)
    ORDER BY x.seq
    LIMIT $2
) j
ORDER BY j.stream, j.seq
LIMIT $2;

-- name: count_unprocessed
-- The number of pushes beyond the offsets, at most $2, and the time of the oldest. What operators change is not a push.
SELECT count(*)::integer AS rows, min(n.at) AS since FROM (
    SELECT j.at
    FROM calscim.directories d
    JOIN calscim.journal_heads h ON h.stream = d.id
    LEFT JOIN calscim.journal_offsets c ON c.organization = d.organization AND c.stream = d.id
    CROSS JOIN LATERAL (
        SELECT x.stream, x.seq, x.at FROM calscim.journal x
        WHERE x.stream = d.id AND x.seq > coalesce(c.seq, 0) AND x.kind = 'scim'
        ORDER BY x.seq
        LIMIT $2
    ) j
    WHERE d.organization = $1 AND d.deleted_at IS NULL AND h.seq > coalesce(c.seq, 0)
    ORDER BY j.stream, j.seq
    LIMIT $2
) n;

-- name: list_due_organizations
-- The organizations among these that have unprocessed journal rows, open sync requests, or parked actions that are
-- due.
SELECT d.organization
FROM unnest($1::text[]) o (name)
JOIN calscim.directories d ON d.organization = o.name AND d.deleted_at IS NULL
JOIN calscim.journal_heads h ON h.stream = d.id
LEFT JOIN calscim.journal_offsets c ON c.organization = d.organization AND c.stream = d.id
WHERE h.seq > coalesce(c.seq, 0)
UNION
SELECT o.name
FROM unnest($1::text[]) o (name)
JOIN calscim.journal_heads h ON h.stream = '@' || o.name
LEFT JOIN calscim.journal_offsets c ON c.organization = o.name AND c.stream = h.stream
WHERE h.seq > coalesce(c.seq, 0)
UNION
SELECT r.organization FROM calscim.sync_requests r JOIN unnest($1::text[]) o (name) ON o.name = r.organization
WHERE r.finished_at IS NULL
UNION
SELECT p.organization FROM calscim.parked_actions p JOIN unnest($1::text[]) o (name) ON o.name = p.organization
WHERE p.next_try <= clock_timestamp();

-- name: list_heads
-- The heads of the organization's streams.
SELECT h.stream, h.seq, h.at
FROM calscim.journal_heads h
LEFT JOIN calscim.directories d ON d.id = h.stream
WHERE h.stream = '@' || $1 OR (d.organization = $1 AND d.deleted_at IS NULL);
