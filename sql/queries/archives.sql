-- name: list_opening_balance
-- Users, groups and members as they were where a stream's journal begins.
SELECT kind, id, state FROM calscim.opening_balances WHERE stream = $1 ORDER BY position;

-- name: get_beginning
-- When the opening balance of a stream was taken, and the files that hold the rows before it. No row if nothing was
-- archived.
SELECT max(at) AS at, max(seq) AS seq, string_agg(file, ', ' ORDER BY seq) AS files
FROM calscim.journal_archives WHERE stream = $1 HAVING count(*) > 0;

-- name: delete_opening_balance
-- Delete the opening balance of a stream, before a new one is written.
DELETE FROM calscim.opening_balances WHERE stream = $1;

-- name: get_month
-- Whether a month can be archived. It is over one hour after its end, when transactions that began before midnight
-- have ended. $3: the time, NULL for now.
SELECT to_regclass('calscim.' || $2) IS NOT NULL AS there,
       pg_has_role(c.relowner, 'USAGE') AS owner,
       ($1::date + interval '1 month') AT TIME ZONE 'UTC' + interval '1 hour' <= coalesce($3, clock_timestamp()) AS over,
       EXISTS (SELECT FROM calscim.journal_default d
               WHERE d.at < ($1::date + interval '1 month') AT TIME ZONE 'UTC') AS unsettled,
       (SELECT to_char(min(j.at) AT TIME ZONE 'UTC', 'YYYY-MM') FROM calscim.journal j
        WHERE j.at < $1::date::timestamp AT TIME ZONE 'UTC') AS earlier
FROM pg_class c WHERE c.oid = 'calscim.journal'::regclass;

-- name: limit_lock_wait
-- Limit how long the transaction waits for a lock, and with it everyone behind it.
SET LOCAL lock_timeout = '5s';

-- name: list_month
-- The rows of a month, as they go into its file.
SELECT stream, seq, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at, kind, request_id, method,
       path, status, remote, token_id, resource_type, resource_id, body, effect,
       encode(body_digest, 'hex') AS body_digest, encode(effect_digest, 'hex') AS effect_digest,
       encode(prev_hash, 'hex') AS prev_hash, encode(hash, 'hex') AS hash, traceparent
FROM calscim.journal
WHERE at >= $1::date::timestamp AT TIME ZONE 'UTC' AND at < ($1::date + interval '1 month') AT TIME ZONE 'UTC'
ORDER BY stream, seq;

-- name: list_beginnings
-- The last archived row of each stream, where something was archived.
SELECT DISTINCT ON (stream) stream, seq, encode(hash, 'hex') AS hash FROM calscim.journal_archives
ORDER BY stream, seq DESC;

-- name: list_month_ends
-- The last row of a month in each stream, the hash that the next row names, and the organization of the stream.
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

-- name: get_month_end
-- The last moment of a month.
SELECT ($1::date + interval '1 month') AT TIME ZONE 'UTC' - interval '1 microsecond';

-- name: lock_organization
-- Lock the head of the organization's stream. Heads are locked before the journal.
SELECT calscim.lock_head('@' || $1);

-- name: lock_month
-- Wait for transactions that write to the month, and refuse new ones.
LOCK TABLE ONLY calscim./* month */ journal_default IN SHARE MODE;

-- name: drop_month
-- Drop the partition of an archived month.
SELECT calscim.journal_drop_partition($1);

-- name: record
-- Record the last row of an archived month.
INSERT INTO calscim.journal_archives (stream, seq, at, hash, partition, file, digest)
VALUES ($1, $2, $3, decode($4, 'hex'), $5, $6, $7);

-- name: list
-- The last archived row of each stream in each file, oldest first.
SELECT partition, file, encode(digest, 'hex') AS digest, stream, seq, at, encode(hash, 'hex') AS hash
FROM calscim.journal_archives ORDER BY partition, stream;

-- name: get
-- The file of an archived month.
SELECT min(file) AS file, min(encode(digest, 'hex')) AS digest, min(archived_at) AS archived_at
FROM calscim.journal_archives WHERE partition = $1 HAVING count(*) > 0;

-- name: try_lock
-- Lock out other archiving runs. Returns false if one runs.
SELECT pg_try_advisory_xact_lock(x'63616c7363696d33'::bigint);

-- name: list_closed_months
-- Months with rows that ended at least an hour ago, except the last $1. $2: the time, NULL for now.
SELECT to_char(date_trunc('month', at AT TIME ZONE 'UTC'), 'YYYY-MM') AS month
FROM calscim.journal
WHERE at < (date_trunc('month', (coalesce($2, clock_timestamp()) - interval '1 hour') AT TIME ZONE 'UTC')
            - make_interval(months => $1)) AT TIME ZONE 'UTC'
GROUP BY 1 ORDER BY 1;

-- name: parse_effects
-- Archived effects in the form of rebuild.list_effects.
SELECT (e - 'data')::text AS effect, coalesce((e -> 'data')::text, '') AS data
FROM (SELECT x::jsonb AS e, place FROM unnest($1::text[]) WITH ORDINALITY u (x, place)) j
ORDER BY place;

-- name: keep_months
-- Keep archiving from removing a month until the transaction ends. Comes first in a transaction: a snapshot that is
-- older than this lock shows neither the rows of a month that is removed meanwhile nor its archive.
LOCK TABLE calscim.journal IN ACCESS SHARE MODE;

-- name: disable_idle_timeout
-- Let the transaction wait for files, readers and other connections. The server would end it otherwise.
SET LOCAL idle_in_transaction_session_timeout = 0;
