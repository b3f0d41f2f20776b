-- name: link, which account a user is, and so nobody's former one; a link is replaced only when it had another account
WITH linked AS (
    INSERT INTO calscim.account_links (organization, user_id, cal_user_id, origin, email)
    SELECT $1, * FROM unnest($2::uuid[], $3::bigint[], $4::text[], $5::text[])
    ON CONFLICT (organization, user_id) DO UPDATE
        SET cal_user_id = excluded.cal_user_id, origin = excluded.origin, email = excluded.email,
            linked_at = now(), missed = 0
        WHERE account_links.cal_user_id <> excluded.cal_user_id
)
DELETE FROM calscim.former_accounts
WHERE organization = $1 AND (user_id = ANY ($2::uuid[]) OR cal_user_id = ANY ($3::bigint[]));

-- name: unlink, the account has left the organization: its users get it back when they return
WITH gone AS (
    DELETE FROM calscim.account_links WHERE organization = $1 AND cal_user_id = $2 RETURNING user_id, email
)
INSERT INTO calscim.former_accounts (organization, user_id, cal_user_id, email)
SELECT $1, user_id, $2, email FROM gone
ON CONFLICT (organization, user_id) DO UPDATE
    SET cal_user_id = excluded.cal_user_id, email = excluded.email, left_at = now();

-- name: former_account, the account that the user had, else the account that had this address when it left
SELECT f.cal_user_id
FROM calscim.former_accounts f
WHERE f.organization = $1
  AND (f.user_id = $2::uuid OR ($3 <> '' AND calscim.name_key(f.email) = calscim.name_key($3)))
ORDER BY f.user_id = $2::uuid DESC, f.left_at DESC
LIMIT 1;

-- name: forget_links, the account does not exist any more
DELETE FROM calscim.account_links WHERE organization = $1 AND cal_user_id = $2;

-- name: forget_former, the account does not exist any more
DELETE FROM calscim.former_accounts WHERE organization = $1 AND cal_user_id = $2;

-- name: forget_person, and with it what it was given on teams
DELETE FROM calscim.ledger WHERE organization = $1 AND cal_user_id = $2;

-- name: leave_office, the role in the organization is taken back, or the account has left
DELETE FROM calscim.org_role_grants WHERE organization = $1 AND cal_user_id = $2;

-- name: give_office, a role in the organization that calscim gave
INSERT INTO calscim.org_role_grants (organization, cal_user_id, user_id, role, mode, mapping_ids)
VALUES ($1, $2, $3::uuid, $4, $5, $6::bigint[])
ON CONFLICT (organization, cal_user_id) DO UPDATE
    SET user_id = excluded.user_id, role = excluded.role, mode = excluded.mode,
        mapping_ids = excluded.mapping_ids, written_at = now();

-- name: given, team memberships that calscim made
INSERT INTO calscim.ledger AS l (
    organization, team_id, cal_user_id, user_id, origin, role, mode, mapping_ids, membership_id)
VALUES ($1, $2, $3, $4::uuid, $5, $6, $7, $8::bigint[], $9)
ON CONFLICT (organization, team_id, cal_user_id) DO UPDATE
    SET user_id = excluded.user_id, role = excluded.role, mode = excluded.mode,
        origin = CASE WHEN l.origin = 'added' THEN 'added' ELSE excluded.origin END,
        mapping_ids = excluded.mapping_ids, membership_id = coalesce(excluded.membership_id, l.membership_id),
        written_at = now(), missed = 0;

-- name: in_place, wanted and seen; one that an attempt without an outcome may have made counts as made
INSERT INTO calscim.ledger AS l (
    organization, team_id, cal_user_id, user_id, origin, role, mode, mapping_ids, membership_id)
SELECT $1, e.team_id, e.cal_user_id, e.user_id,
       CASE WHEN (
           SELECT a.kind = 'member.add' AND coalesce(a.outcome, 'unknown') = 'unknown'
           FROM calscim.actions a
           WHERE a.organization = $1 AND a.team_id = e.team_id AND a.cal_user_id = e.cal_user_id
             AND a.outcome IS DISTINCT FROM 'already'
           ORDER BY a.id DESC LIMIT 1
       ) THEN 'added' ELSE e.origin END,
       e.role, e.mode, string_to_array(e.mapping_ids, ',')::bigint[], e.membership_id
FROM unnest($2::bigint[], $3::bigint[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::text[], $9::bigint[])
    AS e (team_id, cal_user_id, user_id, origin, role, mode, mapping_ids, membership_id)
ON CONFLICT (organization, team_id, cal_user_id) DO UPDATE
    SET user_id = excluded.user_id, role = excluded.role, mode = excluded.mode,
        mapping_ids = excluded.mapping_ids, membership_id = excluded.membership_id, missed = 0
    WHERE (l.user_id, l.role, l.mode, l.mapping_ids, l.membership_id, l.missed)
        IS DISTINCT FROM (excluded.user_id, excluded.role, excluded.mode, excluded.mapping_ids,
                          excluded.membership_id, 0);

-- name: attempted, memberships that an add without an outcome may have made since everything was last looked at
SELECT a.team_id, a.cal_user_id
FROM calscim.actions a
WHERE a.organization = $1 AND a.outcome = 'unknown' AND a.kind = 'member.add'
  AND a.pass_id >= coalesce((SELECT max(p.id) FROM calscim.reconcile_passes p
                             WHERE p.organization = $1 AND p.scope = 'full' AND p.complete), 0)
  AND a.cal_user_id IS NOT NULL AND a.user_id IS NOT NULL
  AND NOT EXISTS (SELECT FROM calscim.actions b
                  WHERE b.organization = $1 AND b.team_id = a.team_id AND b.cal_user_id = a.cal_user_id
                    AND b.id > a.id AND b.outcome IS DISTINCT FROM 'already')
  AND NOT EXISTS (SELECT FROM calscim.ledger l
                  WHERE l.organization = $1 AND l.team_id = a.team_id AND l.cal_user_id = a.cal_user_id);

-- name: adopt, such a membership that was seen, given by its person's groups' mappings; of a deleted group by those that lost theirs
INSERT INTO calscim.ledger (organization, team_id, cal_user_id, user_id, origin, role, mode, mapping_ids)
SELECT a.organization, a.team_id, a.cal_user_id, a.user_id, 'added', coalesce(a.role, 'MEMBER'), g.mode, g.ids
FROM calscim.actions a
CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(m.id ORDER BY m.id) FILTER (WHERE m.theirs),
                    array_agg(m.id ORDER BY m.id) FILTER (WHERE m.group_id IS NULL)) AS ids,
           (ARRAY['observe', 'add-only', 'managed', 'exclusive'])[
               coalesce(max(m.strength) FILTER (WHERE m.theirs), max(m.strength) FILTER (WHERE m.group_id IS NULL))
           ] AS mode
    FROM (
        SELECT m.id, m.group_id,
               array_position(ARRAY['observe', 'add-only', 'managed', 'exclusive'], m.mode) AS strength,
               EXISTS (
                   SELECT FROM calscim.members i WHERE i.group_id = m.group_id AND i.member_id = a.user_id
                   UNION ALL
                   SELECT FROM calscim.former_members f
                   WHERE f.group_id = m.group_id AND f.member_id = a.user_id) AS theirs
        FROM calscim.mappings m JOIN calscim.directories d ON d.id = m.directory_id
        WHERE m.team_id = a.team_id AND d.organization = a.organization
    ) m
) g
WHERE a.organization = $1 AND a.team_id = $2 AND a.cal_user_id = $3 AND a.outcome = 'unknown'
  AND a.kind = 'member.add' AND g.ids IS NOT NULL
ORDER BY a.id DESC
LIMIT 1
ON CONFLICT DO NOTHING;

-- name: taken, a team membership that is gone
DELETE FROM calscim.ledger WHERE organization = $1 AND team_id = $2 AND cal_user_id = $3;

-- name: missed_links, count the complete passes in a row that did not show an account
UPDATE calscim.account_links
SET missed = CASE WHEN cal_user_id = ANY ($2::bigint[]) THEN 0 ELSE missed + 1 END
WHERE organization = $1 AND (missed > 0 OR cal_user_id <> ALL ($2::bigint[]));

-- name: missed_edges, the same for the memberships of one team; gone for good after several
WITH counted AS (
    UPDATE calscim.ledger
    SET missed = CASE WHEN cal_user_id = ANY ($3::bigint[]) THEN 0 ELSE missed + 1 END
    WHERE organization = $1 AND team_id = $2 AND (missed > 0 OR cal_user_id <> ALL ($3::bigint[]))
    RETURNING cal_user_id, missed
)
SELECT cal_user_id FROM counted WHERE missed >= $4;

-- name: gone_unmanaged, imported people whose account left, or that several complete passes did not show
SELECT u.directory_id, u.id::text AS user_id
FROM calscim.account_links l
JOIN calscim.users u ON u.id = l.user_id
WHERE l.organization = $1 AND l.missed >= $2 AND NOT u.managed
UNION ALL
SELECT u.directory_id, u.id::text
FROM calscim.former_accounts f
JOIN calscim.users u ON u.id = f.user_id
WHERE f.organization = $1 AND NOT u.managed
  AND NOT EXISTS (SELECT FROM calscim.account_links l WHERE l.organization = $1 AND l.user_id = u.id);

-- name: orphans, links of deleted or unmanaged users whose account several complete passes did not show
WITH gone AS (
    DELETE FROM calscim.account_links l
    WHERE l.organization = $1 AND l.missed >= $2
      AND NOT EXISTS (SELECT FROM calscim.users u WHERE u.id = l.user_id AND u.managed)
    RETURNING l.user_id, l.cal_user_id, l.email
)
INSERT INTO calscim.former_accounts (organization, user_id, cal_user_id, email)
SELECT $1, user_id, cal_user_id, email FROM gone
ON CONFLICT (organization, user_id) DO UPDATE
    SET cal_user_id = excluded.cal_user_id, email = excluded.email, left_at = now();
