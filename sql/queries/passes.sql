-- name: begin, a pass over one organization
INSERT INTO calscim.reconcile_passes (organization, scope) VALUES ($1, $2) RETURNING id;

-- name: finish, what it came to
UPDATE calscim.reconcile_passes
SET finished_at = clock_timestamp(), complete = $2, in_step = $3, report = $4::text::jsonb
WHERE id = $1;

-- name: retry, the last pass that ended could not do its work: when it is tried again, and what waits for it
UPDATE calscim.reconcile_passes SET report = report || jsonb_build_object('retry', $2::text::jsonb)
WHERE id = (SELECT p.id FROM calscim.reconcile_passes p WHERE p.organization = $1 AND p.finished_at IS NOT NULL
            ORDER BY p.id DESC LIMIT 1);

-- name: progress, how far it has come
UPDATE calscim.reconcile_passes SET report = $2::text::jsonb WHERE id = $1 AND finished_at IS NULL;

-- name: running, the pass that has begun after all that have ended
SELECT p.scope, p.begun_at, p.report FROM calscim.reconcile_passes p
WHERE p.organization = $1 AND p.finished_at IS NULL
  AND p.id > coalesce((SELECT max(f.id) FROM calscim.reconcile_passes f
                       WHERE f.organization = $1 AND f.finished_at IS NOT NULL), 0)
ORDER BY p.id DESC
LIMIT 1;

-- name: prune, keep the last thousand of an organization
DELETE FROM calscim.reconcile_passes
WHERE organization = $1 AND id < (
    SELECT id FROM calscim.reconcile_passes WHERE organization = $1 ORDER BY id DESC OFFSET 1000 LIMIT 1);

-- name: latest, the last pass that ended, the full one before it, and when one was complete
SELECT p.id, p.scope, p.begun_at, p.finished_at, p.complete, p.in_step, p.report,
       (SELECT max(c.finished_at) FROM calscim.reconcile_passes c
        WHERE c.organization = $1 AND c.complete AND c.scope = 'full') AS last_complete,
       (SELECT f.report FROM calscim.reconcile_passes f
        WHERE f.organization = $1 AND f.scope = 'full' AND f.finished_at IS NOT NULL AND f.id < p.id
        ORDER BY f.id DESC LIMIT 1) AS before
FROM calscim.reconcile_passes p
WHERE p.organization = $1 AND p.finished_at IS NOT NULL
ORDER BY p.id DESC
LIMIT 1;

-- name: report_of, one pass
SELECT complete, in_step, report FROM calscim.reconcile_passes WHERE id = $1;

-- name: cursors, how far each directory's journal was worked off
SELECT stream, seq FROM calscim.journal_offsets WHERE organization = $1;

-- name: advance, a journal was worked off up to here
INSERT INTO calscim.journal_offsets AS c (organization, stream, seq) VALUES ($1, $2, $3)
ON CONFLICT (organization, stream) DO UPDATE SET seq = greatest(c.seq, excluded.seq);

-- name: news, journal rows that were not worked off yet
SELECT j.stream, j.seq, j.kind, j.at, j.request_id, j.resource_type, j.resource_id, j.effect
FROM calscim.directories d
JOIN calscim.journal_heads h ON h.stream = d.id
LEFT JOIN calscim.journal_offsets c ON c.organization = d.organization AND c.stream = d.id
JOIN calscim.journal j ON j.stream = d.id AND j.seq > coalesce(c.seq, 0)
WHERE d.organization = $1 AND d.deleted_at IS NULL AND h.seq > coalesce(c.seq, 0)
  AND j.kind IN ('scim', 'import')
UNION ALL
SELECT j.stream, j.seq, j.kind, j.at, j.request_id, j.resource_type, j.resource_id, j.effect
FROM calscim.journal_heads h
LEFT JOIN calscim.journal_offsets c ON c.organization = $1 AND c.stream = h.stream
JOIN calscim.journal j ON j.stream = h.stream AND j.seq > coalesce(c.seq, 0)
WHERE h.stream = '@' || $1 AND h.seq > coalesce(c.seq, 0) AND j.kind = 'admin'
ORDER BY 1, 2
LIMIT $2;

-- name: pending, how many journal rows were not worked off yet, at most $2, and the time of the oldest of them
SELECT count(*)::integer AS rows, min(n.at) AS since FROM (
    SELECT j.stream, j.seq, j.at
    FROM calscim.directories d
    JOIN calscim.journal_heads h ON h.stream = d.id
    LEFT JOIN calscim.journal_offsets c ON c.organization = d.organization AND c.stream = d.id
    JOIN calscim.journal j ON j.stream = d.id AND j.seq > coalesce(c.seq, 0)
    WHERE d.organization = $1 AND d.deleted_at IS NULL AND h.seq > coalesce(c.seq, 0)
      AND j.kind IN ('scim', 'import')
    UNION ALL
    SELECT j.stream, j.seq, j.at
    FROM calscim.journal_heads h
    LEFT JOIN calscim.journal_offsets c ON c.organization = $1 AND c.stream = h.stream
    JOIN calscim.journal j ON j.stream = h.stream AND j.seq > coalesce(c.seq, 0)
    WHERE h.stream = '@' || $1 AND h.seq > coalesce(c.seq, 0) AND j.kind = 'admin'
    ORDER BY 1, 2
    LIMIT $2
) n;

-- name: due, those of these organizations that have journal rows not worked off yet, requests, or parked actions to retry
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
WHERE r.done_at IS NULL
UNION
SELECT p.organization FROM calscim.parked_actions p JOIN unnest($1::text[]) o (name) ON o.name = p.organization
WHERE p.next_try <= clock_timestamp();

-- name: heads, where the organization's journals stand
SELECT h.stream, h.seq, h.at
FROM calscim.journal_heads h
LEFT JOIN calscim.directories d ON d.id = h.stream
WHERE h.stream = '@' || $1 OR (d.organization = $1 AND d.deleted_at IS NULL);

-- name: ask, a full pass of the running daemon
INSERT INTO calscim.sync_requests (organization) VALUES ($1) RETURNING id, pg_notify('calscim', '@' || $1);

-- name: asked, requests nobody has taken, or that were taken by a daemon that is gone
UPDATE calscim.sync_requests SET taken_at = clock_timestamp()
WHERE organization = $1 AND done_at IS NULL
RETURNING id;

-- name: waiting, whether somebody is asking
SELECT EXISTS (SELECT FROM calscim.sync_requests WHERE organization = $1 AND done_at IS NULL);

-- name: answer, the pass that served the requests
UPDATE calscim.sync_requests SET done_at = clock_timestamp(), pass_id = $2, detail = $3 WHERE id = ANY ($1::bigint[]);

-- name: answered, what became of a request
SELECT taken_at, done_at, pass_id, detail FROM calscim.sync_requests WHERE id = $1;

-- name: budget, what is left of the key's allowance
INSERT INTO calscim.rate_budgets (organization, "limit", remaining, resets_at)
VALUES ($1, $2, $3, clock_timestamp() + make_interval(secs => $4))
ON CONFLICT (organization) DO UPDATE
    SET "limit" = excluded."limit", remaining = excluded.remaining, resets_at = excluded.resets_at;

-- name: budget_of, what was left when last asked
SELECT "limit", remaining, greatest(0, extract(epoch FROM resets_at - clock_timestamp()))::float8 AS resets_in
FROM calscim.rate_budgets WHERE organization = $1;

-- name: organization_of, whose directory a stream is
SELECT organization FROM calscim.directories WHERE id = $1;
