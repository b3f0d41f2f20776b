-- name: partitions, the months from now on, made where they are not
SELECT partition, state FROM calscim.journal_partitions($1);

-- name: marks, where every stream stands: kept elsewhere, they show a chain that was written anew
SELECT stream, seq, encode(hash, 'hex') AS hash, at FROM calscim.heads WHERE seq > 0 ORDER BY stream;

-- name: against, what the journal has where a checkpoint saw something; what was archived has its own mark
SELECT w.stream, w.seq, w.hash AS seen, encode(j.hash, 'hex') AS hash, j.at, j.request_id,
       encode(a.hash, 'hex') AS archived_hash,
       w.seq <= coalesce((SELECT max(x.seq) FROM calscim.journal_archived x WHERE x.stream = w.stream), 0) AS archived
FROM unnest($1::text[], $2::bigint[], $3::text[]) AS w (stream, seq, hash)
LEFT JOIN calscim.journal j ON j.stream = w.stream AND j.seq = w.seq
LEFT JOIN calscim.journal_archived a ON a.stream = w.stream AND a.seq = w.seq
ORDER BY 1, 2;
