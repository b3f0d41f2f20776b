-- name: list
-- All erasures in the journal.
SELECT stream, seq, effect FROM calscim.journal
WHERE path = 'person.erase' AND kind = 'admin' AND effect IS NOT NULL ORDER BY stream, seq;

-- name: is_owner
-- Whether the connected role may erase.
SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = 'calscim.journal'::regclass;

-- name: list_streams
-- The streams to search, with their organizations.
SELECT s.stream, s.organization, s.stream = s.id AS directory, coalesce(h.seq, 0) AS seq
FROM (SELECT id AS stream, organization, id FROM calscim.directories
      UNION ALL SELECT DISTINCT '@' || organization, organization, '' FROM calscim.directories) s
JOIN calscim.journal_heads h ON h.stream = s.stream
WHERE $1::text IS NULL OR s.organization = $1
ORDER BY s.organization, s.stream = s.id DESC, s.stream;

-- name: find_former_users
-- Users that have this name or address in an earlier state.
SELECT DISTINCT j.resource_id AS id
FROM calscim.journal j, LATERAL (SELECT convert_from(j.effect, 'UTF8') AS text OFFSET 0) t
WHERE j.stream = ANY ($2::text[]) AND j.resource_type = 'User' AND j.kind IN ('scim', 'import')
  AND (octet_length($1) > length($1) OR strpos(lower(t.text COLLATE "C"), lower(calscim.trim_whitespace($1) COLLATE "C")) > 0)
  AND t.text::jsonb ->> 'op' = 'user.put'
  AND (calscim.name_key(t.text::jsonb ->> 'user_name') = calscim.name_key($1)
       OR calscim.name_key(t.text::jsonb ->> 'email') = calscim.name_key($1)
       OR EXISTS (SELECT FROM jsonb_array_elements_text(t.text::jsonb -> 'emails') e
                  WHERE calscim.name_key(e) = calscim.name_key($1)));

-- name: list_users
-- What is stored of these user ids, and what still prevents an erasure.
SELECT i.id, coalesce(u.directory_id, t.directory_id) AS directory, d.name AS directory_name,
       d.organization, d.deleted_at IS NOT NULL AS deleted, u.id IS NOT NULL AS there,
       coalesce(u.active, false) AS active, coalesce(u.managed, t.managed) AS managed, u.source,
       coalesce(u.user_name, t.name) AS name, l.cal_user_id, l.missed_passes,
       EXISTS (SELECT FROM calscim.former_accounts f
               WHERE f.user_id = i.id::uuid AND f.organization = d.organization) AS has_left,
       EXISTS (SELECT FROM calscim.actions a WHERE a.user_id = i.id::uuid AND a.finished_at IS NULL) AS under_way
FROM unnest($1::text[]) i (id)
LEFT JOIN calscim.users u ON u.id = i.id::uuid
LEFT JOIN calscim.tombstones t ON t.id = i.id::uuid
JOIN calscim.directories d ON d.id = coalesce(u.directory_id, t.directory_id)
LEFT JOIN calscim.account_links l ON l.user_id = i.id::uuid AND l.organization = d.organization
ORDER BY i.id;

-- name: list_identifiers
-- All names and addresses that these users have or had.
WITH effects AS (
    SELECT convert_from(effect, 'UTF8')::jsonb AS e FROM calscim.journal
    WHERE resource_id = ANY ($1::text[]) AND resource_type = 'User' AND kind IN ('scim', 'import')
      AND effect IS NOT NULL
    UNION ALL
    SELECT state::jsonb FROM calscim.opening_balances WHERE kind = 'User' AND id = ANY ($1::text[])
)
SELECT DISTINCT value FROM (
    SELECT unnest(ARRAY[user_name, external_id, email]) AS value FROM calscim.users WHERE id = ANY ($1::text[]::uuid[])
    UNION ALL SELECT value_key FROM calscim.user_emails WHERE user_id = ANY ($1::text[]::uuid[])
    UNION ALL SELECT unnest(ARRAY[name, email]) FROM calscim.tombstones WHERE id = ANY ($1::text[]::uuid[])
    UNION ALL SELECT email FROM calscim.account_links WHERE user_id = ANY ($1::text[]::uuid[])
    UNION ALL SELECT email FROM calscim.actions WHERE user_id = ANY ($1::text[]::uuid[])
    UNION ALL SELECT unnest(ARRAY[e ->> 'user_name', e ->> 'external_id', e ->> 'email']) FROM effects
    UNION ALL SELECT jsonb_array_elements_text(e -> 'emails') FROM effects WHERE jsonb_typeof(e -> 'emails') = 'array'
) v WHERE value <> '';

-- name: list_full_names
-- The full names that these users have or had.
WITH states AS (
    SELECT convert_from(effect, 'UTF8')::jsonb -> 'data' AS data FROM calscim.journal
    WHERE resource_id = ANY ($1::text[]) AND resource_type = 'User' AND kind IN ('scim', 'import')
      AND effect IS NOT NULL
    UNION ALL SELECT data FROM calscim.users WHERE id = ANY ($1::text[]::uuid[])
    UNION ALL
    SELECT (state::jsonb ->> 'data')::jsonb FROM calscim.opening_balances WHERE kind = 'User' AND id = ANY ($1::text[])
)
SELECT DISTINCT value FROM states, LATERAL unnest(ARRAY[
    data ->> 'displayName', data #>> '{name,formatted}',
    (data #>> '{name,givenName}') || ' ' || (data #>> '{name,familyName}'),
    (data #>> '{name,familyName}') || ', ' || (data #>> '{name,givenName}')]) v (value)
WHERE value <> '';

-- name: list_shared_full_names
-- The full names among these that another user of these directories has as well.
SELECT i.value FROM unnest($2::text[]) i (value)
WHERE EXISTS (
    SELECT FROM calscim.users u
    WHERE u.id <> ALL ($1::text[]::uuid[]) AND u.directory_id = ANY ($3::text[]) AND i.value = ANY (ARRAY[
        calscim.name_key(u.data ->> 'displayName'), calscim.name_key(u.data #>> '{name,formatted}'),
        calscim.name_key((u.data #>> '{name,givenName}') || ' ' || (u.data #>> '{name,familyName}'))]));

-- name: list_shared_identifiers
-- The names and addresses among these that another user of these directories has as well.
SELECT i.value FROM unnest($2::text[]) i (value)
WHERE EXISTS (SELECT FROM calscim.users u WHERE u.id <> ALL ($1::text[]::uuid[]) AND u.directory_id = ANY ($3::text[])
              AND (u.user_name_key = i.value OR calscim.name_key(u.external_id) = i.value))
   OR EXISTS (SELECT FROM calscim.user_emails e WHERE e.user_id <> ALL ($1::text[]::uuid[])
              AND e.directory_id = ANY ($3::text[]) AND e.value_key = i.value)
   OR EXISTS (SELECT FROM calscim.tombstones t WHERE t.kind = 'User' AND t.id <> ALL ($1::text[]::uuid[])
              AND t.directory_id = ANY ($3::text[])
              AND (calscim.name_key(t.name) = i.value OR calscim.name_key(t.email) = i.value));

-- name: list_candidates
-- Rows that may contain the person's data; journal/erasure/rows decides. OFFSET 0: the text is built once per row.
SELECT j.stream, j.seq, j.kind, j.path, j.resource_type, j.resource_id, j.request_id, j.remote, j.body, j.effect
FROM calscim.journal j
CROSS JOIN LATERAL (
    SELECT lower(encode(coalesce(j.body, ''), 'escape') || ' ' || encode(coalesce(j.effect, ''), 'escape')
                 || ' ' || concat_ws(' ', j.path, j.resource_id, j.request_id, j.remote)) AS text OFFSET 0) t
WHERE j.stream = ANY ($1::text[]) AND j.path <> 'person.erase'
  AND (j.resource_id = ANY ($2::text[])
       OR substr(j.body, 1, 8) = '\x8963616c7363696d'
       OR strpos(t.text, '\\u') > 0 OR strpos(j.path, '%') > 0
       OR EXISTS (SELECT FROM unnest($3::text[] || $2::text[]) i WHERE strpos(t.text, i) > 0));

-- name: list_new_rows
-- The rows of a stream after the sequence number where the search ended.
SELECT stream, seq, kind, path, resource_type, resource_id, request_id, remote, body, effect
FROM calscim.journal WHERE stream = $1 AND seq > $2 AND path <> 'person.erase' ORDER BY seq;

-- name: list_current_holds
-- Held sets that wait for an operator and name the person.
SELECT hash FROM calscim.holds
WHERE is_current AND released_at IS NULL AND ($2::text IS NULL OR organization = $2)
  AND EXISTS (SELECT FROM unnest($1::text[] || $3::text[]) i WHERE strpos(calscim.fold_case(actions::text), i) > 0)
ORDER BY hash;

-- name: load_without_skipped
-- Effects of group rows without their unknown members, which no later erasure could find in the journal.
SELECT seq, jsonb_set(convert_from(effect, 'UTF8')::jsonb, '{skipped}', '[]')::text AS text
FROM calscim.journal WHERE stream = $1 AND seq = ANY ($2::bigint[]);

-- name: erase_rows
-- Erase the bodies and effects that the erasure row names.
SELECT calscim.journal_erase('@' || $1, $2);

-- name: redact_tombstones
-- Replace the names in the tombstones of these users.
UPDATE calscim.tombstones SET name = $2, email = $2 WHERE id = ANY ($1::text[]::uuid[]) AND (name, email) <> ($2, $2)
RETURNING id;

-- name: redact_opening_balances
-- Replace the names of these users in the opening balances.
UPDATE calscim.opening_balances
SET state = (state::jsonb || CASE kind
    WHEN 'Tombstone' THEN jsonb_build_object('name', $2::text, 'email', $2::text)
    ELSE jsonb_build_object('user_name', $2::text, 'user_name_key', $2::text, 'external_id', NULL, 'email', '',
                            'emails', '[]'::jsonb, 'data', '{}'::text) END)::text
WHERE kind IN ('User', 'Tombstone') AND id = ANY ($1::text[]) AND strpos(state, $2) = 0
RETURNING id;

-- name: delete_applied_attributes
-- Delete the attributes of the users' accounts.
DELETE FROM calscim.applied_attributes a USING calscim.account_links l
WHERE l.user_id = ANY ($1::text[]::uuid[]) AND a.organization = l.organization AND a.cal_user_id = l.cal_user_id
RETURNING a.attribute_id;

-- name: delete_account_links
-- Delete the account links of these users.
DELETE FROM calscim.account_links WHERE user_id = ANY ($1::text[]::uuid[]) RETURNING user_id;

-- name: delete_former_accounts
-- Delete the former accounts of these users.
DELETE FROM calscim.former_accounts WHERE user_id = ANY ($1::text[]::uuid[]) RETURNING user_id;

-- name: find_actions
-- Attempts that are about the person or mention the person.
SELECT id, email, because, detail, coalesce(user_id = ANY ($1::text[]::uuid[]), false) AS theirs
FROM calscim.actions
WHERE ($3::text IS NULL OR organization = $3)
  AND (user_id = ANY ($1::text[]::uuid[])
       OR EXISTS (SELECT FROM unnest($2::text[]) i WHERE strpos(lower(concat_ws(' ', email, because, detail) COLLATE "C"), i) > 0));

-- name: redact_actions
-- Replace the texts of an attempt.
UPDATE calscim.actions SET email = $2, because = $3, detail = $4 WHERE id = $1;

-- name: find_parked_actions
-- Parked actions that are about the person or mention the person.
SELECT organization, kind, subject, team_id, email, reason, subject = ANY ($1::text[]) AS theirs
FROM calscim.parked_actions
WHERE ($3::text IS NULL OR organization = $3)
  AND (subject = ANY ($1::text[])
       OR EXISTS (SELECT FROM unnest($2::text[]) i WHERE strpos(lower(concat_ws(' ', email, reason) COLLATE "C"), i) > 0));

-- name: redact_parked_actions
-- Replace the texts of a parked action.
UPDATE calscim.parked_actions SET email = $5, reason = $6
WHERE organization = $1 AND kind = $2 AND subject = $3 AND team_id = $4;

-- name: find_holds
-- Held sets that mention the person.
SELECT organization, hash, actions::text FROM calscim.holds
WHERE ($2::text IS NULL OR organization = $2)
  AND EXISTS (SELECT FROM unnest($1::text[] || $3::text[]) i WHERE strpos(lower(actions::text COLLATE "C"), i) > 0);

-- name: redact_holds
-- Replace the actions of a held set.
UPDATE calscim.holds SET actions = $3::text::jsonb WHERE organization = $1 AND hash = $2;

-- name: find_drift_observations
-- Drift observations about the person.
SELECT organization, digest, email FROM calscim.drift_observations
WHERE ($2::text IS NULL OR organization = $2) AND calscim.name_key(email) = ANY ($1::text[]);

-- name: redact_drift_observations
-- Replace the address of a drift observation.
UPDATE calscim.drift_observations SET email = $3 WHERE organization = $1 AND digest = $2;

-- name: find_notifications
-- Messages that mention the person.
SELECT id, payload::text FROM calscim.notifications
WHERE ($2::text IS NULL OR payload->>'organization' = $2)
  AND EXISTS (SELECT FROM unnest($1::text[] || $3::text[]) i WHERE strpos(lower(payload::text COLLATE "C"), i) > 0);

-- name: redact_notifications
-- Replace the content of a message.
UPDATE calscim.notifications SET payload = $2::text::jsonb WHERE id = $1;

-- name: find_reconcile_passes
-- Pass reports that mention the person.
SELECT id, report::text FROM calscim.reconcile_passes
WHERE ($2::text IS NULL OR organization = $2)
  AND EXISTS (SELECT FROM unnest($1::text[] || $3::text[]) i WHERE strpos(lower(report::text COLLATE "C"), i) > 0);

-- name: redact_reconcile_passes
-- Replace the report of a pass.
UPDATE calscim.reconcile_passes SET report = $2::text::jsonb WHERE id = $1;

-- name: find_sync_requests
-- Answers to sync requests that mention the person.
SELECT id, detail FROM calscim.sync_requests
WHERE ($2::text IS NULL OR organization = $2)
  AND EXISTS (SELECT FROM unnest($1::text[]) i WHERE strpos(lower(detail COLLATE "C"), i) > 0);

-- name: redact_sync_requests
-- Replace the answer to a sync request.
UPDATE calscim.sync_requests SET detail = $2 WHERE id = $1;

-- name: delete_user
-- Delete an inactive user that the provider has not deleted.
SELECT status FROM calscim.delete_user(
    ROW($1, 'admin', $2, '', 'user.delete', $3, NULL, NULL)::calscim.request_origin, $4::text::uuid, NULL, false);

-- name: find_events
-- Events of the change feed that are about the person or mention the person.
SELECT seq, data::text, coalesce(user_id = ANY ($1::text[]), false) AS theirs FROM calscim.events
WHERE ($3::text IS NULL OR organization = $3)
  AND (user_id = ANY ($1::text[])
       OR EXISTS (SELECT FROM unnest($1::text[] || $2::text[]) i WHERE strpos(lower(data::text COLLATE "C"), i) > 0));

-- name: redact_events
-- Replace the data of an event.
UPDATE calscim.events SET data = $2::text::json WHERE seq = $1;

-- name: list_events_of_rows
-- The events of these journal rows: those about operators' edits and calls to Cal.com.
SELECT e.seq, e.data::text FROM calscim.events e
JOIN unnest($1::text[], $2::bigint[]) AS r (stream, seq) ON r.stream = e.stream AND r.seq = e.journal_seq
WHERE e.type = 'calcom.action' OR e.type LIKE 'admin.%';
