-- name: directories, where each directory stands
SELECT d.id, d.name, d.organization, d.provider, h.seq AS journal_seq, h.at AS last_change,
       h.users, h.groups, p.target IS NOT NULL AS paused, p.until AS paused_until
FROM calscim.directories d
JOIN calscim.heads h ON h.stream = d.id
LEFT JOIN calscim.pauses p
    ON p.scope = 'directory' AND p.target = d.id AND (p.until IS NULL OR p.until > now())
WHERE d.deleted_at IS NULL
ORDER BY d.organization, d.name;
