-- name: lock, the mappings that wait for a team to be made
SELECT m.id, m.directory_id, m.group_name, m.group_id::text, m.role, m.mode,
       EXISTS (SELECT FROM calscim.mappings o
               WHERE o.directory_id = m.directory_id AND o.group_name = m.group_name AND o.team_id = $3
                 AND o.removed_at IS NULL) AS doubled
FROM calscim.mappings m
JOIN calscim.directories d ON d.id = m.directory_id
WHERE d.organization = $1 AND m.team_id = $2 AND m.removed_at IS NULL
ORDER BY m.id
FOR UPDATE OF m;

-- name: bind, a mapping to the team that there is now
UPDATE calscim.mappings SET team_id = $2, team_name = $3 WHERE id = $1;

-- name: attempted, whether calscim made the team or may have: a call without an outcome, or one not bound to
SELECT EXISTS (
    SELECT FROM calscim.actions
    WHERE organization = $1 AND kind = 'team.create'
      AND ((team_id = $2 AND coalesce(outcome, 'unknown') = 'unknown') OR (team_id = $3 AND outcome = 'done')));

-- name: made, a team that calscim made, with its owner for having made it
INSERT INTO calscim.created_teams (organization, team_id, name, cal_user_id)
VALUES ($1, $2, $3, $4)
ON CONFLICT (organization, team_id) DO NOTHING;

-- name: seen, the membership that came with the team
UPDATE calscim.created_teams SET membership_id = $3
WHERE organization = $1 AND team_id = $2 AND membership_id IS NULL;

-- name: released, somebody else owns the team
UPDATE calscim.created_teams SET released_at = clock_timestamp() WHERE organization = $1 AND team_id = $2;

-- name: rename, mappings show a team by the name that Cal.com has for it now
UPDATE calscim.mappings m SET team_name = n.name
FROM unnest($2::bigint[], $3::text[]) n (id, name), calscim.directories d
WHERE d.id = m.directory_id AND d.organization = $1 AND m.team_id = n.id AND m.team_name <> n.name;
