-- name: erasures, every row that tells of one
SELECT stream, seq, effect FROM calscim.journal
WHERE path = 'person.erase' AND kind = 'admin' AND effect IS NOT NULL ORDER BY stream, seq;

-- name: owner, whether the connected role may erase
SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = 'calscim.journal'::regclass;

-- name: streams, the journals to look through, and whose they are
SELECT s.stream, s.organization, s.stream = s.id AS directory, coalesce(h.seq, 0) AS seq
FROM (SELECT id AS stream, organization, id FROM calscim.directories
      UNION ALL SELECT DISTINCT '@' || organization, organization, '' FROM calscim.directories) s
JOIN calscim.journal_heads h ON h.stream = s.stream
WHERE $1::text IS NULL OR s.organization = $1
ORDER BY s.organization, s.stream = s.id DESC, s.stream;

-- name: formerly, users that an earlier state of theirs names so
SELECT DISTINCT j.resource_id AS id
FROM calscim.journal j, LATERAL (SELECT convert_from(j.effect, 'UTF8') AS text OFFSET 0) t
WHERE j.stream = ANY ($2::text[]) AND j.resource_type = 'User' AND j.kind IN ('scim', 'import')
  AND (octet_length($1) > length($1) OR strpos(lower(t.text COLLATE "C"), lower(calscim.trimmed($1) COLLATE "C")) > 0)
  AND t.text::jsonb ->> 'op' = 'user.put'
  AND (calscim.name_key(t.text::jsonb ->> 'user_name') = calscim.name_key($1)
       OR calscim.name_key(t.text::jsonb ->> 'email') = calscim.name_key($1)
       OR EXISTS (SELECT FROM jsonb_array_elements_text(t.text::jsonb -> 'emails') e
                  WHERE calscim.name_key(e) = calscim.name_key($1)));

-- name: users, what is there of these ids, and what still keeps them
SELECT i.id, coalesce(u.directory_id, t.directory_id) AS directory, d.name AS directory_name,
       d.organization, d.deleted_at IS NOT NULL AS deleted, u.id IS NOT NULL AS there,
       coalesce(u.active, false) AS active, coalesce(u.managed, t.managed) AS managed, u.source,
       coalesce(u.user_name, t.name) AS name, l.cal_user_id, l.missed,
       EXISTS (SELECT FROM calscim.former_accounts f
               WHERE f.user_id = i.id::uuid AND f.organization = d.organization) AS has_left,
       EXISTS (SELECT FROM calscim.actions a WHERE a.user_id = i.id::uuid AND a.finished_at IS NULL) AS under_way
FROM unnest($1::text[]) i (id)
LEFT JOIN calscim.users u ON u.id = i.id::uuid
LEFT JOIN calscim.tombstones t ON t.id = i.id::uuid
JOIN calscim.directories d ON d.id = coalesce(u.directory_id, t.directory_id)
LEFT JOIN calscim.account_links l ON l.user_id = i.id::uuid AND l.organization = d.organization
ORDER BY i.id;

-- name: known_as, everything these ids go or went by
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

-- name: names, the full names that these ids have or had
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

-- name: shared_names, which of these names another user in these directories has as well
SELECT i.value FROM unnest($2::text[]) i (value)
WHERE EXISTS (
    SELECT FROM calscim.users u
    WHERE u.id <> ALL ($1::text[]::uuid[]) AND u.directory_id = ANY ($3::text[]) AND i.value = ANY (ARRAY[
        calscim.name_key(u.data ->> 'displayName'), calscim.name_key(u.data #>> '{name,formatted}'),
        calscim.name_key((u.data #>> '{name,givenName}') || ' ' || (u.data #>> '{name,familyName}'))]));

-- name: shared, which of these somebody else in these directories goes by as well
SELECT i.value FROM unnest($2::text[]) i (value)
WHERE EXISTS (SELECT FROM calscim.users u WHERE u.id <> ALL ($1::text[]::uuid[]) AND u.directory_id = ANY ($3::text[])
              AND (u.user_name_key = i.value OR calscim.name_key(u.external_id) = i.value))
   OR EXISTS (SELECT FROM calscim.user_emails e WHERE e.user_id <> ALL ($1::text[]::uuid[])
              AND e.directory_id = ANY ($3::text[]) AND e.value_key = i.value)
   OR EXISTS (SELECT FROM calscim.tombstones t WHERE t.kind = 'User' AND t.id <> ALL ($1::text[]::uuid[])
              AND t.directory_id = ANY ($3::text[])
              AND (calscim.name_key(t.name) = i.value OR calscim.name_key(t.email) = i.value));

-- name: candidates, rows that may name a person; the exact look is taken in erase_rows. OFFSET: the text is made once
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

-- name: since, the rows of a stream that came after the long look
SELECT stream, seq, kind, path, resource_type, resource_id, request_id, remote, body, effect
FROM calscim.journal WHERE stream = $1 AND seq > $2 AND path <> 'person.erase' ORDER BY seq;

-- name: held, sets that wait for an operator and name somebody so
SELECT hash FROM calscim.holds
WHERE current AND released_at IS NULL AND ($2::text IS NULL OR organization = $2)
  AND EXISTS (SELECT FROM unnest($1::text[] || $3::text[]) i WHERE strpos(calscim.folded(actions::text), i) > 0)
ORDER BY hash;

-- name: without_skipped, the effects of groups' rows without their unknown members: what is kept here nobody can erase later
SELECT seq, jsonb_set(convert_from(effect, 'UTF8')::jsonb, '{skipped}', '[]')::text AS text
FROM calscim.journal WHERE stream = $1 AND seq = ANY ($2::bigint[]);

-- name: journal, what the row says is done
SELECT calscim.journal_erase('@' || $1, $2);

-- name: tombstones, a name that says nothing
UPDATE calscim.tombstones SET name = $2, email = $2 WHERE id = ANY ($1::text[]::uuid[]) AND (name, email) <> ($2, $2)
RETURNING id;

-- name: openings, the same in what archived months had come to
UPDATE calscim.opening_balances
SET state = (state::jsonb || CASE kind
    WHEN 'Gone' THEN jsonb_build_object('name', $2::text, 'email', $2::text)
    ELSE jsonb_build_object('user_name', $2::text, 'user_name_key', $2::text, 'external_id', NULL, 'email', '',
                            'emails', '[]'::jsonb, 'data', '{}'::text) END)::text
WHERE kind IN ('User', 'Gone') AND id = ANY ($1::text[]) AND strpos(state, $2) = 0
RETURNING id;

-- name: told, what their accounts had for attributes
DELETE FROM calscim.applied_attributes a USING calscim.account_links l
WHERE l.user_id = ANY ($1::text[]::uuid[]) AND a.organization = l.organization AND a.cal_user_id = l.cal_user_id
RETURNING a.attribute_id;

-- name: links, accounts that have left
DELETE FROM calscim.account_links WHERE user_id = ANY ($1::text[]::uuid[]) RETURNING user_id;

-- name: former_accounts, accounts that they had before
DELETE FROM calscim.former_accounts WHERE user_id = ANY ($1::text[]::uuid[]) RETURNING user_id;

-- name: actions, attempts that are about or speak of somebody
SELECT id, email, because, detail, coalesce(user_id = ANY ($1::text[]::uuid[]), false) AS theirs
FROM calscim.actions
WHERE ($3::text IS NULL OR organization = $3)
  AND (user_id = ANY ($1::text[]::uuid[])
       OR EXISTS (SELECT FROM unnest($2::text[]) i WHERE strpos(lower(concat_ws(' ', email, because, detail) COLLATE "C"), i) > 0));

-- name: put_action, without them
UPDATE calscim.actions SET email = $2, because = $3, detail = $4 WHERE id = $1;

-- name: parked, what did not succeed with somebody
SELECT organization, kind, subject, team_id, email, reason, subject = ANY ($1::text[]) AS theirs
FROM calscim.parked_actions
WHERE ($3::text IS NULL OR organization = $3)
  AND (subject = ANY ($1::text[])
       OR EXISTS (SELECT FROM unnest($2::text[]) i WHERE strpos(lower(concat_ws(' ', email, reason) COLLATE "C"), i) > 0));

-- name: put_parked, without them
UPDATE calscim.parked_actions SET email = $5, reason = $6
WHERE organization = $1 AND kind = $2 AND subject = $3 AND team_id = $4;

-- name: holds, sets that were held and speak of somebody
SELECT organization, hash, actions::text FROM calscim.holds
WHERE ($2::text IS NULL OR organization = $2)
  AND EXISTS (SELECT FROM unnest($1::text[] || $3::text[]) i WHERE strpos(lower(actions::text COLLATE "C"), i) > 0);

-- name: put_hold, without them
UPDATE calscim.holds SET actions = $3::text::jsonb WHERE organization = $1 AND hash = $2;

-- name: sightings, drift about somebody
SELECT organization, digest, email FROM calscim.drift_observations
WHERE ($2::text IS NULL OR organization = $2) AND calscim.name_key(email) = ANY ($1::text[]);

-- name: put_sighting, without them
UPDATE calscim.drift_observations SET email = $3 WHERE organization = $1 AND digest = $2;

-- name: passes, reports that speak of somebody
SELECT id, report::text FROM calscim.reconcile_passes
WHERE ($2::text IS NULL OR organization = $2)
  AND EXISTS (SELECT FROM unnest($1::text[] || $3::text[]) i WHERE strpos(lower(report::text COLLATE "C"), i) > 0);

-- name: put_pass, without them
UPDATE calscim.reconcile_passes SET report = $2::text::jsonb WHERE id = $1;

-- name: requests, answers that speak of somebody
SELECT id, detail FROM calscim.sync_requests
WHERE ($2::text IS NULL OR organization = $2)
  AND EXISTS (SELECT FROM unnest($1::text[]) i WHERE strpos(lower(detail COLLATE "C"), i) > 0);

-- name: put_request, without them
UPDATE calscim.sync_requests SET detail = $2 WHERE id = $1;

-- name: delete_user, an inactive one whom no provider has deleted
SELECT status FROM calscim.user_delete(
    ROW($1, 'admin', $2, '', 'user.delete', $3, NULL, NULL)::calscim.origin, $4::text::uuid, NULL, false);
