-- name: delete_of_account
-- Delete the ledger rows of an account that left the organization.
DELETE FROM calscim.ledger WHERE organization = $1 AND cal_user_id = $2;

-- name: record_added
-- Record a team membership that calscim made.
INSERT INTO calscim.ledger AS l (
    organization, team_id, cal_user_id, user_id, origin, role, mode, mapping_ids, membership_id)
VALUES ($1, $2, $3, $4::uuid, $5, $6, $7, $8::bigint[], $9)
ON CONFLICT (organization, team_id, cal_user_id) DO UPDATE
    SET user_id = excluded.user_id, role = excluded.role, mode = excluded.mode,
        origin = CASE WHEN excluded.origin = 'found' THEN l.origin ELSE excluded.origin END,
        mapping_ids = excluded.mapping_ids, membership_id = coalesce(excluded.membership_id, l.membership_id),
        written_at = now(), missed_passes = 0;

-- name: record_in_place
-- Record memberships that are wanted and observed. One that an attempt without an outcome may have made counts as
-- added.
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
        mapping_ids = excluded.mapping_ids, membership_id = excluded.membership_id, missed_passes = 0
    WHERE (l.user_id, l.role, l.mode, l.mapping_ids, l.membership_id, l.missed_passes)
        IS DISTINCT FROM (excluded.user_id, excluded.role, excluded.mode, excluded.mapping_ids,
                          excluded.membership_id, 0);

-- name: adopt_found
-- Adopt memberships of a team that calscim found in place. Returns the accounts whose membership is adopted now.
UPDATE calscim.ledger SET origin = 'adopted'
WHERE organization = $1 AND team_id = $2 AND cal_user_id = ANY ($3::bigint[]) AND origin = 'found'
RETURNING cal_user_id;

-- name: record_role_set
-- Count an adopted membership as added once calscim has set its role.
UPDATE calscim.ledger SET origin = 'added'
WHERE organization = $1 AND team_id = $2 AND cal_user_id = $3 AND origin = 'adopted';

-- name: list_unconfirmed
-- Memberships that an attempt without an outcome may have made since the last complete full pass.
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

-- name: adopt
-- Record such a membership once it is observed, with the mappings behind it.
INSERT INTO calscim.ledger (organization, team_id, cal_user_id, user_id, origin, role, mode, mapping_ids)
SELECT a.organization, a.team_id, a.cal_user_id, a.user_id, 'added', coalesce(a.role, 'MEMBER'), g.mode, g.ids
FROM calscim.actions a
CROSS JOIN LATERAL calscim.find_mappings(a.organization, a.team_id, a.user_id) g
WHERE a.organization = $1 AND a.team_id = $2 AND a.cal_user_id = $3 AND a.outcome = 'unknown'
  AND a.kind = 'member.add' AND g.ids IS NOT NULL
ORDER BY a.id DESC
LIMIT 1
ON CONFLICT DO NOTHING;

-- name: delete
-- Delete the row of a membership that is gone.
DELETE FROM calscim.ledger WHERE organization = $1 AND team_id = $2 AND cal_user_id = $3;

-- name: count_missed
-- Count the complete passes in a row that did not show a membership of a team. Deletes those that $4 passes did not show.
WITH ended AS (
    DELETE FROM calscim.ledger
    WHERE organization = $1 AND team_id = $2 AND cal_user_id <> ALL ($3::bigint[]) AND missed_passes + 1 >= $4
)
UPDATE calscim.ledger
SET missed_passes = CASE WHEN cal_user_id = ANY ($3::bigint[]) THEN 0 ELSE missed_passes + 1 END
WHERE organization = $1 AND team_id = $2 AND (missed_passes > 0 OR cal_user_id <> ALL ($3::bigint[]))
  AND (cal_user_id = ANY ($3::bigint[]) OR missed_passes + 1 < $4);
