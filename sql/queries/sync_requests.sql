-- name: request_once
-- Request a full pass, once per transaction. The journal row of the edit wakes the daemon.
INSERT INTO calscim.sync_requests (organization)
SELECT $1 WHERE NOT EXISTS (
    SELECT FROM calscim.sync_requests WHERE organization = $1 AND requested_at = now() AND started_at IS NULL AND finished_at IS NULL);

-- name: request
-- Request a full pass, and wake the daemon.
INSERT INTO calscim.sync_requests (organization) VALUES ($1) RETURNING id, pg_notify('calscim', '@' || $1);

-- name: start
-- Start the open requests, including those that a stopped daemon had started.
UPDATE calscim.sync_requests SET started_at = clock_timestamp()
WHERE organization = $1 AND finished_at IS NULL
RETURNING id;

-- name: exist
-- Whether there are open requests.
SELECT EXISTS (SELECT FROM calscim.sync_requests WHERE organization = $1 AND finished_at IS NULL);

-- name: finish
-- Record the pass that served the requests.
UPDATE calscim.sync_requests SET finished_at = clock_timestamp(), pass_id = $2, detail = $3 WHERE id = ANY ($1::bigint[]);

-- name: get
-- The state of a request.
SELECT started_at, finished_at, pass_id, detail FROM calscim.sync_requests WHERE id = $1;
