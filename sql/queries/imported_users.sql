-- name: list_departed
-- Imported users whose account left the organization, or that several complete passes did not show.
SELECT u.directory_id, u.id::text AS user_id
FROM calscim.account_links l
JOIN calscim.users u ON u.id = l.user_id
WHERE l.organization = $1 AND l.missed_passes >= $2 AND NOT u.managed
UNION ALL
SELECT u.directory_id, u.id::text
FROM calscim.former_accounts f
JOIN calscim.users u ON u.id = f.user_id
WHERE f.organization = $1 AND NOT u.managed
  AND NOT EXISTS (SELECT FROM calscim.account_links l WHERE l.organization = $1 AND l.user_id = u.id);

-- name: exist
-- Whether a user has this name or this address.
SELECT EXISTS (
    SELECT FROM calscim.users WHERE directory_id = $1 AND user_name_key = ANY ($2)
    UNION ALL SELECT FROM calscim.user_emails WHERE directory_id = $1 AND value_key = ANY ($2));

-- name: update_address
-- Give an imported user the new address of the account.
SELECT calscim.update_imported_user(
    ROW($1, 'import', $2, '', '', '', NULL, $3)::calscim.request_origin, $4, $5, $6, $7, $8, $9::text::jsonb);
