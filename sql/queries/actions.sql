-- name: begin
-- Insert the row of an attempt before its call to Cal.com. Returns no row if the daemon no longer holds the lease.
INSERT INTO calscim.actions (
    organization, pass_id, plan_hash, kind, email, user_id, cal_user_id, team_id, role, because,
    stream, seq, request_id, term, membership_id, is_removal, is_drift, is_approved, ended_team_ids)
SELECT $1, $2, $3, $4, $5, $6::uuid, $7, $8, $9, $10, $11, $12, $13, $14, $16, $17, $18, $19, $20::bigint[]
WHERE EXISTS (
    SELECT FROM calscim.leases
    WHERE organization = $1 AND holder = $15 AND term = $14 AND expires_at > clock_timestamp())
RETURNING id;

-- name: list_removals
-- Removals and demotions within the window, each membership once. An attempt without an outcome counts, and so does
-- one that found the membership gone: a proxy may have repeated the call after Cal.com carried it out.
SELECT DISTINCT ON (kind, team_id, membership_id) kind, team_id, is_drift, is_approved, ended_team_ids
FROM calscim.actions
WHERE organization = $1 AND is_removal AND begun_at > clock_timestamp() - make_interval(secs => $2)
  AND coalesce(outcome, 'unknown') IN ('done', 'unknown', 'gone')
ORDER BY kind, team_id, membership_id, is_approved DESC, id DESC;

-- name: count_additions
-- The people who came into the organization and onto each team within the window.
SELECT team_id, is_approved, count(DISTINCT coalesce(cal_user_id::text, user_id::text)) AS people
FROM calscim.actions
WHERE organization = $1 AND begun_at > clock_timestamp() - make_interval(secs => $2)
  AND kind IN ('user.create', 'user.attach', 'member.add') AND coalesce(outcome, 'unknown') IN ('done', 'unknown')
  AND (kind <> 'user.attach' OR membership_id IS NULL)
GROUP BY team_id, is_approved;

-- name: finish
-- Record the outcome of an attempt, and append it to the organization's journal.
WITH finished AS (
    UPDATE calscim.actions
    SET finished_at = clock_timestamp(), outcome = $2, detail = $3, cal_user_id = coalesce($4, cal_user_id),
        team_id = coalesce($5, team_id)
    WHERE id = $1
    RETURNING *
)
SELECT calscim.append_row(
    '@' || organization, 'calcom', request_id, '', kind, 0, '', NULL, 'Action', id::text, NULL,
    convert_to(json_build_object(
        'action', kind, 'email', email, 'user_id', user_id, 'cal_user_id', cal_user_id,
        'team_id', CASE WHEN team_id > 0 THEN team_id END, 'role', role, 'because', because, 'stream', stream, 'seq', seq,
        'outcome', outcome, 'detail', detail)::text, 'UTF8'))
FROM finished;

-- name: abandon
-- Give the outcome unknown to attempts of earlier terms that never finished, and to the last one if a membership or a
-- role that it gave was not recorded any more. The next pass observes what they did.
WITH latest AS (
    SELECT a.id, a.kind, a.team_id, a.cal_user_id, a.role, a.outcome FROM calscim.actions a
    WHERE a.organization = $1 AND (a.is_removal OR a.kind IN ('user.create', 'user.attach', 'member.add', 'member.role'))
    ORDER BY a.begun_at DESC, a.id DESC
    LIMIT 1
), interrupted AS (
    SELECT id FROM calscim.actions WHERE organization = $1 AND finished_at IS NULL
    UNION ALL
    SELECT a.id FROM latest a
    WHERE a.outcome = 'done'
      AND CASE WHEN a.team_id IS NOT NULL THEN a.kind = 'member.add' AND NOT EXISTS (
                   SELECT FROM calscim.ledger l
                   WHERE l.organization = $1 AND l.team_id = a.team_id AND l.cal_user_id = a.cal_user_id)
               ELSE a.role <> 'MEMBER' AND NOT EXISTS (
                   SELECT FROM calscim.org_role_grants g
                   WHERE g.organization = $1 AND g.cal_user_id = a.cal_user_id AND g.role = a.role) END
)
UPDATE calscim.actions
SET detail = CASE WHEN finished_at IS NULL THEN 'interrupted before its outcome was known'
                  ELSE 'interrupted before its effect was recorded' END,
    finished_at = coalesce(finished_at, clock_timestamp()), outcome = 'unknown'
WHERE id IN (SELECT id FROM interrupted) AND term < $2
RETURNING id;

-- name: list_of_person
-- The latest attempts about a person; with a team, those on the team and those about the organization membership.
SELECT a.id, a.kind, a.email, a.user_id::text, a.team_id, a.role, a.because, a.stream, a.seq, a.request_id, a.begun_at,
       a.finished_at, a.outcome, a.detail
FROM calscim.actions a
WHERE a.organization = $1
  AND (a.user_id = $2::uuid OR a.cal_user_id = $3 OR calscim.name_key(a.email) = calscim.name_key($4))
  AND ($5::bigint IS NULL OR a.team_id = $5 OR a.kind IN ('user.create', 'user.attach', 'user.deprovision'))
ORDER BY a.id DESC
LIMIT 20;
