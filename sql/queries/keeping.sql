-- name: partitions, the months from now on, made where they are not
SELECT partition, state FROM calscim.journal_partitions($1);

-- name: marks, where every stream stands: kept elsewhere, they show a chain that was written anew
SELECT stream, seq, encode(hash, 'hex') AS hash, at FROM calscim.journal_heads WHERE seq > 0 ORDER BY stream;

-- name: against, what the journal has where a checkpoint saw something; what was archived has its own mark
SELECT w.stream, w.seq, w.hash AS seen, encode(j.hash, 'hex') AS hash, j.at, j.request_id,
       encode(a.hash, 'hex') AS archived_hash,
       w.seq <= coalesce((SELECT max(x.seq) FROM calscim.journal_archives x WHERE x.stream = w.stream), 0) AS archived
FROM unnest($1::text[], $2::bigint[], $3::text[]) AS w (stream, seq, hash)
LEFT JOIN calscim.journal j ON j.stream = w.stream AND j.seq = w.seq
LEFT JOIN calscim.journal_archives a ON a.stream = w.stream AND a.seq = w.seq
ORDER BY 1, 2;

-- name: opening, users, groups and members where the journal of a stream begins
SELECT kind, id, state FROM calscim.opening_balances WHERE stream = $1 ORDER BY place;

-- name: opened, when that was, and what holds the rows before; nothing where the journal begins with its first row
SELECT max(at) AS at, max(seq) AS seq, string_agg(file, ', ' ORDER BY seq) AS files
FROM calscim.journal_archives WHERE stream = $1 HAVING count(*) > 0;

-- name: clear_opening, to be written anew
DELETE FROM calscim.opening_balances WHERE stream = $1;

-- name: month, whether a month can be archived: by whom, when ($3, else now) and after which others; over means for an hour, when whoever began before midnight has ended
SELECT to_regclass('calscim.' || $2) IS NOT NULL AS there,
       pg_has_role(c.relowner, 'USAGE') AS owner,
       ($1::date + interval '1 month') AT TIME ZONE 'UTC' + interval '1 hour' <= coalesce($3, clock_timestamp()) AS over,
       EXISTS (SELECT FROM calscim.journal_default d
               WHERE d.at < ($1::date + interval '1 month') AT TIME ZONE 'UTC') AS unsettled,
       (SELECT to_char(min(j.at) AT TIME ZONE 'UTC', 'YYYY-MM') FROM calscim.journal j
        WHERE j.at < $1::date::timestamp AT TIME ZONE 'UTC') AS earlier
FROM pg_class c WHERE c.oid = 'calscim.journal'::regclass;

-- name: settle, rows in journal_default into their months
SELECT calscim.journal_settle();

-- name: patience, rather to be asked again than to keep everybody waiting
SET LOCAL lock_timeout = '5s';

-- name: month_rows, a month as it goes into its file
SELECT stream, seq, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at, kind, request_id, method,
       path, status, remote, token_id, resource_type, resource_id, body, effect,
       encode(body_digest, 'hex') AS body_digest, encode(effect_digest, 'hex') AS effect_digest,
       encode(prev_hash, 'hex') AS prev_hash, encode(hash, 'hex') AS hash
FROM calscim.journal
WHERE at >= $1::date::timestamp AT TIME ZONE 'UTC' AND at < ($1::date + interval '1 month') AT TIME ZONE 'UTC'
ORDER BY stream, seq;

-- name: begins, where each stream's journal begins, for those of which something was archived
SELECT DISTINCT ON (stream) stream, seq, encode(hash, 'hex') AS hash FROM calscim.journal_archives
ORDER BY stream, seq DESC;

-- name: month_ends, how far a month goes in each stream, what follows it, and whose journal is told of it
SELECT e.stream, e.seq, e.rows, l.at, encode(l.hash, 'hex') AS hash,
       encode(coalesce((SELECT n.prev_hash FROM calscim.journal n WHERE n.stream = e.stream AND n.seq = e.seq + 1),
                       (SELECT h.hash FROM calscim.journal_heads h WHERE h.stream = e.stream AND h.seq = e.seq)), 'hex') AS followed,
       coalesce(d.organization, substr(nullif(e.stream, ltrim(e.stream, '@')), 2)) AS organization,
       d.id IS NOT NULL AS directory
FROM (SELECT stream, max(seq) AS seq, count(*) AS rows FROM calscim.journal
      WHERE at >= $1::date::timestamp AT TIME ZONE 'UTC' AND at < ($1::date + interval '1 month') AT TIME ZONE 'UTC'
      GROUP BY stream) e
JOIN calscim.journal l ON l.stream = e.stream AND l.seq = e.seq
LEFT JOIN calscim.directories d ON d.id = e.stream
ORDER BY e.stream;

-- name: month_last, the last moment of a month
SELECT ($1::date + interval '1 month') AT TIME ZONE 'UTC' - interval '1 microsecond';

-- name: lock_organization, before the journal: heads come first
SELECT calscim.lock_head('@' || $1);

-- name: hold_month, as it is: whoever still writes to it is waited for, and nobody comes after them
LOCK TABLE ONLY calscim./* month */ journal_default IN SHARE MODE;

-- name: drop_month, for good
SELECT calscim.journal_drop($1);

-- name: archived, where a stream begins from now on
INSERT INTO calscim.journal_archives (stream, seq, at, hash, partition, file, digest)
VALUES ($1, $2, $3, decode($4, 'hex'), $5, $6, $7);

-- name: archives, where each stream's part of the files ends that hold what is no longer here, the oldest first
SELECT partition, file, encode(digest, 'hex') AS digest, stream, seq, at, encode(hash, 'hex') AS hash
FROM calscim.journal_archives ORDER BY partition, stream;

-- name: archive, what became of a month that was archived
SELECT min(file) AS file, min(encode(digest, 'hex')) AS digest, min(archived_at) AS archived_at
FROM calscim.journal_archives WHERE partition = $1 HAVING count(*) > 0;

-- name: alone, one archiving at a time
SELECT pg_try_advisory_xact_lock(x'63616c7363696d33'::bigint);

-- name: closed, months with rows that are over for an hour now ($2 tells the time), but for the last $1 of them
SELECT to_char(date_trunc('month', at AT TIME ZONE 'UTC'), 'YYYY-MM') AS month
FROM calscim.journal
WHERE at < (date_trunc('month', (coalesce($2, clock_timestamp()) - interval '1 hour') AT TIME ZONE 'UTC')
            - make_interval(months => $1)) AT TIME ZONE 'UTC'
GROUP BY 1 ORDER BY 1;

-- name: effects, as rebuild.effects has them, of rows that were archived
SELECT (e - 'data')::text AS effect, coalesce((e -> 'data')::text, '') AS data
FROM (SELECT x::jsonb AS e, place FROM unnest($1::text[]) WITH ORDINALITY u (x, place)) j
ORDER BY place;

-- name: unhurried, this transaction waits for files, readers or other connections; the server would end it after a while
SET LOCAL idle_in_transaction_session_timeout = 0;
