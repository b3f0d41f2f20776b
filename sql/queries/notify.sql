-- name: lock_channel
-- One daemon at a time compares the conditions of a channel with those it knows.
SELECT pg_try_advisory_xact_lock(hashtextextended('calscim.conditions ' || $1::text || ' ' || $2::text, 0));

-- name: list_conditions
-- What a channel knows of; age: seconds since the last message about it was queued.
SELECT event, key, extract(epoch FROM clock_timestamp() - notified_at)::float8 AS age
FROM calscim.conditions
WHERE channel = $1 AND scope = $2;

-- name: open_condition
-- A condition began: note it and queue the message about it, unless the channel knows it.
WITH opened AS (
    INSERT INTO calscim.conditions (channel, scope, event, key, first_id)
    VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT DO NOTHING
    RETURNING first_id
)
INSERT INTO calscim.notifications (id, channel, type, payload)
SELECT first_id, $1, $6, $7::text::jsonb FROM opened;

-- name: remind
-- A condition lasts: queue another message about it, unless one still waits to be delivered.
WITH due AS (
    UPDATE calscim.conditions SET notified_at = clock_timestamp()
    WHERE channel = $1 AND scope = $2 AND event = $3 AND key = $4
      AND NOT EXISTS (SELECT FROM calscim.notifications n
                      WHERE n.id = first_id AND n.delivered_at IS NULL AND n.given_up_at IS NULL)
    RETURNING first_id
)
INSERT INTO calscim.notifications (id, channel, type, payload)
SELECT $5, $1, $6, $7::text::jsonb FROM due;

-- name: resolve_condition
-- A condition ended: queue a message if the channel took the first one, otherwise withdraw the first one.
-- A message that is being delivered is waited for: the next look resolves the condition.
WITH ended AS (
    DELETE FROM calscim.conditions
    WHERE channel = $1 AND scope = $2 AND event = $3 AND key = $4
      AND NOT EXISTS (SELECT FROM calscim.notifications n WHERE n.id = first_id AND n.delivered_at IS NULL
                      AND n.given_up_at IS NULL AND n.claimed_until > clock_timestamp())
    RETURNING first_id
), withdrawn AS (
    UPDATE calscim.notifications n SET given_up_at = clock_timestamp(), reason = coalesce(n.reason, 'it ended before')
    FROM ended e
    WHERE n.id = e.first_id AND n.delivered_at IS NULL AND n.given_up_at IS NULL
    RETURNING n.id
)
INSERT INTO calscim.notifications (id, channel, type, payload)
SELECT $5, $1, $6::text, n.payload || jsonb_build_object(
    'summary', 'Resolved: ' || (n.payload->>'summary'), 'then', '[]'::jsonb, 'opened', n.id)
FROM ended e JOIN calscim.notifications n ON n.id = e.first_id
WHERE $6::text IS NOT NULL AND n.delivered_at IS NOT NULL;

-- name: claim
-- The oldest messages that are due; $3: seconds for which no other daemon takes them.
WITH due AS (
    SELECT id FROM calscim.notifications
    WHERE channel = $1 AND delivered_at IS NULL AND given_up_at IS NULL AND next_try <= clock_timestamp()
      AND (claimed_until IS NULL OR claimed_until <= clock_timestamp())
    ORDER BY created_at, id
    LIMIT $2
    FOR UPDATE SKIP LOCKED
), claimed AS (
    UPDATE calscim.notifications n
    SET attempts = n.attempts + 1, claimed_until = clock_timestamp() + $3::float8 * interval '1 second'
    FROM due WHERE n.id = due.id
    RETURNING n.id, n.type, n.payload::text AS payload, n.created_at
)
SELECT id, type, payload, created_at FROM claimed ORDER BY created_at, id;

-- name: note_delivered
-- The receiver took these messages.
UPDATE calscim.notifications SET delivered_at = clock_timestamp(), claimed_until = NULL
WHERE id = ANY ($1::uuid[]) AND given_up_at IS NULL;

-- name: note_failed
-- The receiver did not take these messages: wait 10 s, 20 s, 40 s ... up to an hour, for three days.
UPDATE calscim.notifications
SET reason = $2, failed_at = clock_timestamp(), claimed_until = NULL,
    next_try = clock_timestamp() + least(3600, 10 * 2 ^ least(attempts - 1, 10)) * interval '1 second',
    given_up_at = CASE WHEN $3 OR created_at < clock_timestamp() - interval '3 days' THEN clock_timestamp() END
WHERE id = ANY ($1::uuid[]) AND delivered_at IS NULL;

-- name: delete_old_messages
-- Messages that ended 30 days ago and that no message about an end will need.
DELETE FROM calscim.notifications n
WHERE coalesce(n.delivered_at, n.given_up_at, n.created_at) < clock_timestamp() - interval '30 days'
  AND NOT EXISTS (SELECT FROM calscim.conditions c WHERE c.first_id = n.id AND c.scope <> 'once');

-- name: delete_old_events
-- Events without an end that happened 30 days ago.
DELETE FROM calscim.conditions WHERE scope = 'once' AND opened_at < clock_timestamp() - interval '30 days';

-- name: channel_status
-- How each channel does.
SELECT channel,
       count(*) FILTER (WHERE delivered_at IS NULL AND given_up_at IS NULL) AS waiting,
       count(*) FILTER (WHERE given_up_at IS NOT NULL AND failed_at IS NOT NULL) AS given_up,
       max(delivered_at) AS last_delivered,
       max(failed_at) AS last_failed,
       (array_agg(reason ORDER BY failed_at DESC) FILTER (WHERE failed_at IS NOT NULL))[1] AS last_failure
FROM calscim.notifications
GROUP BY channel
ORDER BY channel;

-- name: list_holds
-- The sets that the daemon holds, and that no operator has approved or rejected.
SELECT h.organization, h.hash, h.guard, h.first_seen, h.actions::text AS actions FROM calscim.holds h
WHERE h.organization = ANY ($1::text[]) AND h.is_current AND h.released_at IS NULL AND h.approved_at IS NULL
  AND h.announced_at IS NOT NULL
  AND (SELECT j.path FROM calscim.journal j
       WHERE j.stream = '@' || h.organization AND j.kind = 'admin' AND j.resource_id = h.hash
           AND j.path IN ('hold.approve', 'hold.reject') AND j.at >= h.first_seen
       ORDER BY j.seq DESC LIMIT 1) IS DISTINCT FROM 'hold.reject'
ORDER BY h.organization, h.first_seen, h.hash;

-- name: list_passes
-- The last pass of each organization, and since when passes end without Cal.com or incomplete.
SELECT o.name AS organization, last.report->>'unreachable' AS unreachable, last.report->>'unreachable_kind' AS unreachable_kind,
       unreachable.since AS unreachable_since, failing.since AS failing_since, coalesce(failing.passes, 0) AS failing,
       failing.reason AS failing_reason, coalesce((last.report->>'pending')::bigint, 0) AS pending
FROM unnest($1::text[]) AS o (name)
CROSS JOIN LATERAL (
    SELECT id, report FROM calscim.reconcile_passes p
    WHERE p.organization = o.name AND p.finished_at IS NOT NULL ORDER BY id DESC LIMIT 1
) last
LEFT JOIN LATERAL (
    SELECT min(p.finished_at) AS since FROM calscim.reconcile_passes p
    WHERE p.organization = o.name AND p.finished_at IS NOT NULL AND last.report->>'unreachable' IS NOT NULL
      AND p.id > coalesce((SELECT max(g.id) FROM calscim.reconcile_passes g
                           WHERE g.organization = o.name AND g.finished_at IS NOT NULL
                             AND g.report->>'unreachable' IS NULL), 0)
) unreachable ON true
LEFT JOIN LATERAL (
    SELECT min(p.finished_at) AS since, count(*) AS passes,
           (array_agg(p.report->'incomplete'->>0 ORDER BY p.id DESC))[1] AS reason
    FROM calscim.reconcile_passes p
    WHERE p.organization = o.name AND p.scope = 'full' AND p.finished_at IS NOT NULL AND NOT p.complete
      AND p.report->>'unreachable' IS NULL
      AND p.id > coalesce((SELECT max(g.id) FROM calscim.reconcile_passes g
                           WHERE g.organization = o.name AND g.scope = 'full' AND g.complete), 0)
) failing ON true;

-- name: list_parked
-- Actions that failed and wait to be retried.
SELECT organization, kind, subject, team_id, email, reason, attempts, since, next_try FROM calscim.parked_actions
WHERE organization = ANY ($1::text[])
ORDER BY organization, since;

-- name: list_paused
-- Directories that the daemon leaves alone, by their own pause or their organization's.
SELECT d.id, d.name, d.organization, min(p.since) AS since, max(p.until) AS until, bool_or(p.until IS NULL) AS endless
FROM calscim.directories d
JOIN calscim.pauses p ON (p.scope = 'directory' AND p.target = d.id)
                      OR (p.scope = 'organization' AND p.target = d.organization)
WHERE d.organization = ANY ($1::text[]) AND d.deleted_at IS NULL AND (p.until IS NULL OR p.until > clock_timestamp())
GROUP BY d.id, d.name, d.organization
ORDER BY d.name;

-- name: list_silent
-- Directories that send nothing for longer than usual: twice the longest gap of their last 30 days.
SELECT d.id, d.name, d.organization, last.at AS last_request, gap.longest
FROM calscim.directories d
CROSS JOIN LATERAL (
    SELECT max(u.used_at) AS at FROM calscim.tokens t JOIN calscim.token_uses u ON u.token_id = t.id
    WHERE t.directory_id = d.id
) last
CROSS JOIN LATERAL (
    SELECT extract(epoch FROM max(rows.at - rows.before))::float8 AS longest, count(*) AS requests
    FROM (
        SELECT j.at, lag(j.at) OVER (ORDER BY j.seq) AS before FROM (
            SELECT seq, at FROM calscim.journal
            WHERE stream = d.id AND at > clock_timestamp() - interval '30 days' ORDER BY seq DESC LIMIT 1000
        ) j
    ) rows
) gap
WHERE d.organization = ANY ($1::text[]) AND d.deleted_at IS NULL AND gap.requests >= $2 AND last.at IS NOT NULL
  AND clock_timestamp() - last.at > greatest($3::float8, 2 * gap.longest) * interval '1 second'
  AND NOT EXISTS (SELECT FROM calscim.pauses p WHERE p.scope = 'directory' AND p.target = d.id);

-- name: list_team_names
-- The names of the mapped teams.
SELECT d.organization, m.team_id, max(m.team_name) AS team_name
FROM calscim.mappings m JOIN calscim.directories d ON d.id = m.directory_id
WHERE d.organization = ANY ($1::text[]) AND m.team_id > 0
GROUP BY d.organization, m.team_id;
