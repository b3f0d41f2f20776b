-- name: list_organizations
-- What waits in each of these organizations, and when a full pass last read everything.
SELECT o.name, held.sets AS held_sets, held.actions AS held_actions, parked.actions AS parked_actions,
       parked.since AS parked_since, passes.last_complete, coalesce(waiting.people, 0) AS waiting_people,
       mappings.waiting AS waiting_mappings
FROM unnest($1::text[]) AS o (name)
CROSS JOIN LATERAL (
    SELECT count(*) AS sets, coalesce(sum(jsonb_array_length(h.actions)), 0)::bigint AS actions
    FROM calscim.holds h
    WHERE h.organization = o.name AND h.is_current AND h.approved_at IS NULL AND h.released_at IS NULL
) held
CROSS JOIN LATERAL (
    SELECT count(*) AS actions, min(p.since) AS since FROM calscim.parked_actions p WHERE p.organization = o.name
) parked
CROSS JOIN LATERAL (
    SELECT max(p.finished_at) AS last_complete FROM calscim.reconcile_passes p
    WHERE p.organization = o.name AND p.complete AND p.scope = 'full'
) passes
CROSS JOIN LATERAL (
    SELECT count(*) AS waiting FROM calscim.mappings m JOIN calscim.directories d ON d.id = m.directory_id
    WHERE d.organization = o.name AND d.deleted_at IS NULL AND m.removed_at IS NULL AND m.group_id IS NULL
) mappings
LEFT JOIN LATERAL (
    SELECT (p.report->>'waiting_total')::bigint AS people FROM calscim.reconcile_passes p
    WHERE p.organization = o.name AND p.scope = 'full' AND p.finished_at IS NOT NULL
    ORDER BY p.id DESC LIMIT 1
) waiting ON true;

-- name: list_directories
-- Each directory: since when it is paused, its last request, and how many tokens it has that are valid.
SELECT d.id, d.name, d.organization, d.provider, paused.since AS paused_since, token.last_request,
       token.valid AS valid_tokens
FROM calscim.directories d
CROSS JOIN LATERAL (
    SELECT min(p.since) AS since FROM calscim.pauses p
    WHERE (p.scope, p.target) IN (('directory', d.id), ('organization', d.organization))
      AND (p.until IS NULL OR p.until > clock_timestamp())
) paused
CROSS JOIN LATERAL (
    SELECT max(u.used_at) AS last_request,
           count(*) FILTER (WHERE t.revoked_at IS NULL
                            AND (t.expires_at IS NULL OR t.expires_at > clock_timestamp())) AS valid
    FROM calscim.tokens t LEFT JOIN calscim.token_uses u ON u.token_id = t.id
    WHERE t.directory_id = d.id
) token
WHERE d.deleted_at IS NULL;

-- name: list_silence_limits
-- The seconds without a request after which a directory counts as silent: twice the longest gap of its last 30 days.
-- $1: the rows that a directory needs before it has a limit. $2: the lowest limit.
SELECT d.id, greatest($2::float8, 2 * gap.longest) AS seconds
FROM calscim.directories d
CROSS JOIN LATERAL (
    SELECT extract(epoch FROM max(rows.at - rows.before))::float8 AS longest, count(*) AS requests
    FROM (
        SELECT j.at, lag(j.at) OVER (ORDER BY j.seq) AS before FROM (
            SELECT seq, at FROM calscim.journal
            WHERE stream = d.id AND at > clock_timestamp() - interval '30 days' ORDER BY seq DESC LIMIT 1000
        ) j
    ) rows
) gap
WHERE d.deleted_at IS NULL AND gap.requests >= $1;
