-- name: list_directories
-- The state of each directory.
SELECT d.id, d.name, d.organization, d.provider, h.seq AS journal_seq, h.at AS last_change,
       h.user_count AS users, h.group_count AS groups, p.target IS NOT NULL AS paused, p.until AS paused_until,
       p.reason AS paused_reason, d.requests_per_second, d.throttled_count AS throttled, d.throttled_at
FROM calscim.directories d
JOIN calscim.journal_heads h ON h.stream = d.id
LEFT JOIN calscim.pauses p
    ON p.scope = 'directory' AND p.target = d.id AND (p.until IS NULL OR p.until > now())
WHERE d.deleted_at IS NULL
ORDER BY d.organization, d.name;

-- name: get_unreachable_since
-- The end of the first of the latest passes without an answer of Cal.com. NULL if the last pass had an answer.
SELECT min(p.finished_at) FROM calscim.reconcile_passes p
WHERE p.organization = $1 AND p.finished_at IS NOT NULL
  AND p.id > coalesce((SELECT max(g.id) FROM calscim.reconcile_passes g
                       WHERE g.organization = $1 AND g.finished_at IS NOT NULL AND g.report->>'unreachable' IS NULL), 0);

-- name: get_rate_limited_until
-- When calls may go on, or NULL if they may now. $2: the calls of a window that are never used.
SELECT resets_at FROM calscim.rate_budgets
WHERE organization = $1 AND remaining <= least($2::integer, "limit" / 10) AND resets_at > clock_timestamp();

-- name: list_daemons
-- The daemons that are connected to this database, as far as this role may see them.
SELECT DISTINCT substr(application_name, length($1) + 1) AS name FROM pg_stat_activity
WHERE datname = current_database() AND starts_with(application_name, $1)
ORDER BY 1;
