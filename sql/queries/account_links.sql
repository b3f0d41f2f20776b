-- name: link
-- Link users to accounts, which are then no former accounts. Replaces a link only if its account differs.
WITH linked AS (
    INSERT INTO calscim.account_links (organization, user_id, cal_user_id, origin, email)
    SELECT $1, * FROM unnest($2::uuid[], $3::bigint[], $4::text[], $5::text[])
    ON CONFLICT (organization, user_id) DO UPDATE
        SET cal_user_id = excluded.cal_user_id, origin = excluded.origin, email = excluded.email,
            linked_at = now(), missed_passes = 0
        WHERE account_links.cal_user_id <> excluded.cal_user_id
)
DELETE FROM calscim.former_accounts
WHERE organization = $1 AND (user_id = ANY ($2::uuid[]) OR cal_user_id = ANY ($3::bigint[]));

-- name: unlink
-- Move the links of an account that left the organization to the former accounts.
WITH gone AS (
    DELETE FROM calscim.account_links WHERE organization = $1 AND cal_user_id = $2 RETURNING user_id, email
)
INSERT INTO calscim.former_accounts (organization, user_id, cal_user_id, email)
SELECT $1, user_id, $2, email FROM gone
ON CONFLICT (organization, user_id) DO UPDATE
    SET cal_user_id = excluded.cal_user_id, email = excluded.email, left_at = now();

-- name: find_former_account
-- The account that the user had, else the account that had this address when it left.
SELECT f.cal_user_id
FROM calscim.former_accounts f
WHERE f.organization = $1
  AND (f.user_id = $2::uuid OR ($3 <> '' AND calscim.name_key(f.email) = calscim.name_key($3)))
ORDER BY f.user_id = $2::uuid DESC, f.left_at DESC
LIMIT 1;

-- name: delete_of_account
-- Delete the links to an account that no longer exists.
DELETE FROM calscim.account_links WHERE organization = $1 AND cal_user_id = $2;

-- name: delete_former_account
-- Delete the former-account rows of an account that no longer exists.
DELETE FROM calscim.former_accounts WHERE organization = $1 AND cal_user_id = $2;

-- name: count_missed
-- Count the complete passes in a row that did not show an account.
UPDATE calscim.account_links
SET missed_passes = CASE WHEN cal_user_id = ANY ($2::bigint[]) THEN 0 ELSE missed_passes + 1 END
WHERE organization = $1 AND (missed_passes > 0 OR cal_user_id <> ALL ($2::bigint[]));

-- name: unlink_orphans
-- Move the links of deleted or unmanaged users to the former accounts once several complete passes did not show the
-- account.
WITH gone AS (
    DELETE FROM calscim.account_links l
    WHERE l.organization = $1 AND l.missed_passes >= $2
      AND NOT EXISTS (SELECT FROM calscim.users u WHERE u.id = l.user_id AND u.managed)
    RETURNING l.user_id, l.cal_user_id, l.email
)
INSERT INTO calscim.former_accounts (organization, user_id, cal_user_id, email)
SELECT $1, user_id, cal_user_id, email FROM gone
ON CONFLICT (organization, user_id) DO UPDATE
    SET cal_user_id = excluded.cal_user_id, email = excluded.email, left_at = now();
