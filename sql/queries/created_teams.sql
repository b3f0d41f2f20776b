-- name: lock_mappings
-- Lock the mappings that wait for a team.
SELECT m.id, m.directory_id, m.group_name, m.group_id::text, m.role, m.mode,
       EXISTS (SELECT FROM calscim.mappings o
               WHERE o.directory_id = m.directory_id AND o.group_name = m.group_name AND o.team_id = $3
                 AND o.removed_at IS NULL) AS doubled
FROM calscim.mappings m
JOIN calscim.directories d ON d.id = m.directory_id
WHERE d.organization = $1 AND m.team_id = $2 AND m.removed_at IS NULL
ORDER BY m.id
FOR UPDATE OF m;

-- name: bind_mapping
-- Bind a mapping to the team that now exists.
UPDATE calscim.mappings SET team_id = $2, team_name = $3 WHERE id = $1;

-- name: was_attempted
-- Whether calscim created the team or may have: an attempt without an outcome, or one whose team is not bound yet.
SELECT EXISTS (
    SELECT FROM calscim.actions
    WHERE organization = $1 AND kind = 'team.create'
      AND ((team_id = $2 AND coalesce(outcome, 'unknown') = 'unknown') OR (team_id = $3 AND outcome = 'done')));

-- name: record
-- Record a team that calscim created, and its bootstrap owner.
INSERT INTO calscim.created_teams (organization, team_id, name, cal_user_id)
VALUES ($1, $2, $3, $4)
ON CONFLICT (organization, team_id) DO NOTHING;

-- name: record_membership
-- Record the bootstrap owner's membership.
UPDATE calscim.created_teams SET membership_id = $3
WHERE organization = $1 AND team_id = $2 AND membership_id IS NULL;

-- name: release
-- Record that the team has another owner.
UPDATE calscim.created_teams SET released_at = clock_timestamp() WHERE organization = $1 AND team_id = $2;
