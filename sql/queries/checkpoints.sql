-- name: list_heads
-- The head of every stream.
SELECT stream, seq, encode(hash, 'hex') AS hash, at FROM calscim.journal_heads WHERE seq > 0 ORDER BY stream;

-- name: compare
-- The journal's rows at the positions of a checkpoint. Archived positions are compared with the archives' last rows.
SELECT w.stream, w.seq, w.hash AS seen, encode(j.hash, 'hex') AS hash, j.at, j.request_id,
       encode(a.hash, 'hex') AS archived_hash,
       w.seq <= coalesce((SELECT max(x.seq) FROM calscim.journal_archives x WHERE x.stream = w.stream), 0) AS archived
FROM unnest($1::text[], $2::bigint[], $3::text[]) AS w (stream, seq, hash)
LEFT JOIN calscim.journal j ON j.stream = w.stream AND j.seq = w.seq
LEFT JOIN calscim.journal_archives a ON a.stream = w.stream AND a.seq = w.seq
ORDER BY 1, 2;
