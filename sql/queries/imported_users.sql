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

-- name: import
-- Import members of the organization $1 into the directory $2, and link them to their accounts, which are then no former
-- accounts. $4 to $9: the new ids, the accounts, their addresses with keys, the resources, and the bodies of the journal.
WITH imported AS (
    SELECT m.account, m.id, m.email
    FROM calscim.import_users($2, $3, $4, $6, $7, $8, $9) AS i (id)
    JOIN unnest($4::uuid[], $5::bigint[], $6::text[]) AS m (id, account, email) USING (id)
), linked AS (
    INSERT INTO calscim.account_links (organization, user_id, cal_user_id, origin, email)
    SELECT $1, id, account, 'found', email FROM imported
), returned AS (
    DELETE FROM calscim.former_accounts WHERE organization = $1 AND cal_user_id IN (SELECT account FROM imported)
)
SELECT count(*) FROM imported;
