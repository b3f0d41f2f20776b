-- name: list_streams
-- Every stream with rows or a head: where it begins, where it ends, and where its head says that it ends.
SELECT coalesce(h.stream, j.stream) AS stream, h.seq, h.hash, greatest(h.seq, j.seq) AS last,
       coalesce(a.seq, 0) AS start, coalesce(a.hash, decode(repeat('00', 32), 'hex')) AS start_hash
FROM calscim.journal_heads h
FULL JOIN (SELECT stream, max(seq) AS seq FROM calscim.journal GROUP BY stream) j ON j.stream = h.stream
LEFT JOIN LATERAL (
    SELECT x.seq, x.hash FROM calscim.journal_archives x
    WHERE x.stream = coalesce(h.stream, j.stream) ORDER BY x.seq DESC LIMIT 1
) a ON true
WHERE h.stream IS NULL OR h.seq > 0 OR j.stream IS NOT NULL
ORDER BY 1;

-- name: estimate_size
-- The approximate number of journal rows.
SELECT coalesce(sum(h.seq - coalesce(
    (SELECT max(a.seq) FROM calscim.journal_archives a WHERE a.stream = h.stream), 0)), 0)::bigint
FROM calscim.journal_heads h;

-- name: export_snapshot
-- Export a snapshot that several connections read from.
SELECT pg_export_snapshot();

-- name: list_rows
-- Rows with the text that their hashes cover. Written out, as a function could have been replaced.
SELECT seq, at, request_id, prev_hash, hash,
       json_build_array(
           stream, seq, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), kind, request_id,
           method, path, status, remote, token_id, resource_type, resource_id, encode(body_digest, 'hex'),
           encode(effect_digest, 'hex'))::text AS header,
       sha256(coalesce(body, '')) = body_digest AS body_matches, body IS NULL AS no_body,
       sha256(coalesce(effect, '')) = effect_digest AS effect_matches, effect IS NULL AS no_effect
FROM calscim.journal
WHERE stream = $1 AND seq > $2 AND seq <= $3
ORDER BY seq, at;
