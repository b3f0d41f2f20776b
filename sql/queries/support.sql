-- name: list_tables
-- The estimated rows and the bytes of each table, with its indexes.
SELECT c.relname AS "table", greatest(c.reltuples, 0)::bigint AS rows, pg_total_relation_size(c.oid) AS bytes
FROM pg_class c
WHERE c.relnamespace = 'calscim'::regnamespace AND c.relkind = 'r'
ORDER BY 1;

-- name: list_journal
-- The last rows of the journal, without bodies and effects.
SELECT j.stream, j.seq, j.at, j.kind, j.request_id, j.method, j.path, j.status, j.remote, j.token_id, j.resource_type,
       j.resource_id, length(j.body) AS body_bytes
FROM calscim.journal_heads h
CROSS JOIN LATERAL (
    SELECT * FROM calscim.journal WHERE stream = h.stream ORDER BY seq DESC LIMIT $1
) j
ORDER BY j.at DESC, j.stream, j.seq DESC
LIMIT $1;

-- name: list_actions
-- The last attempted changes of Cal.com.
SELECT * FROM calscim.actions ORDER BY id DESC LIMIT $1;

-- name: list_passes
-- The last passes, without their reports, which list people.
SELECT id, organization, scope, begun_at, finished_at, complete, in_sync FROM calscim.reconcile_passes
ORDER BY id DESC LIMIT $1;

-- name: list_people
-- The names and addresses of every user.
SELECT ARRAY[u.user_name, u.email, u.external_id, u.data->>'displayName', u.data->>'nickName',
             u.data->'name'->>'formatted', u.data->'name'->>'familyName',
             nullif(concat_ws(' ', u.data->'name'->>'givenName', u.data->'name'->>'familyName'), '')] AS names
FROM calscim.users u
UNION ALL SELECT ARRAY[t.name, t.email] FROM calscim.tombstones t WHERE t.kind = 'User'
UNION ALL SELECT ARRAY[e.value_key] FROM calscim.user_emails e
UNION ALL SELECT ARRAY[l.email] FROM calscim.account_links l;
