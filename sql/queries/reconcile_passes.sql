-- name: begin
-- Begin a pass of an organization.
INSERT INTO calscim.reconcile_passes (organization, scope) VALUES ($1, $2) RETURNING id;

-- name: finish
-- Record the result of a pass.
UPDATE calscim.reconcile_passes
SET finished_at = clock_timestamp(), complete = $2, in_sync = $3, report = $4::text::jsonb
WHERE id = $1;

-- name: record_retry
-- Record when a pass that could not do its work is retried, and what waits for it.
UPDATE calscim.reconcile_passes SET report = report || jsonb_build_object('retry', $2::text::jsonb)
WHERE id = (SELECT p.id FROM calscim.reconcile_passes p WHERE p.organization = $1 AND p.finished_at IS NOT NULL
            ORDER BY p.id DESC LIMIT 1);

-- name: record_progress
-- Record the progress of a running pass.
UPDATE calscim.reconcile_passes SET report = $2::text::jsonb WHERE id = $1 AND finished_at IS NULL;

-- name: get_running
-- The pass that began after every finished pass.
SELECT p.scope, p.begun_at, p.report FROM calscim.reconcile_passes p
WHERE p.organization = $1 AND p.finished_at IS NULL
  AND p.id > coalesce((SELECT max(f.id) FROM calscim.reconcile_passes f
                       WHERE f.organization = $1 AND f.finished_at IS NOT NULL), 0)
ORDER BY p.id DESC
LIMIT 1;

-- name: prune
-- Delete all but the last thousand passes of an organization.
DELETE FROM calscim.reconcile_passes
WHERE organization = $1 AND id < (
    SELECT id FROM calscim.reconcile_passes WHERE organization = $1 ORDER BY id DESC OFFSET 1000 LIMIT 1);

-- name: get_latest
-- The last finished pass, the full pass before it, and the time of the last complete pass.
SELECT p.id, p.scope, p.begun_at, p.finished_at, p.complete, p.in_sync, p.report,
       (SELECT max(c.finished_at) FROM calscim.reconcile_passes c
        WHERE c.organization = $1 AND c.complete AND c.scope = 'full') AS last_complete,
       (SELECT f.report FROM calscim.reconcile_passes f
        WHERE f.organization = $1 AND f.scope = 'full' AND f.finished_at IS NOT NULL AND f.id < p.id
        ORDER BY f.id DESC LIMIT 1) AS before
FROM calscim.reconcile_passes p
WHERE p.organization = $1 AND p.finished_at IS NOT NULL
ORDER BY p.id DESC
LIMIT 1;

-- name: get
-- One pass.
SELECT complete, in_sync, report FROM calscim.reconcile_passes WHERE id = $1;
