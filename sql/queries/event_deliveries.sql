-- name: begin
-- A new channel begins after the last event that there is.
INSERT INTO calscim.event_deliveries (channel, seq)
VALUES ($1, coalesce((SELECT seq FROM calscim.event_head), 0))
ON CONFLICT DO NOTHING;

-- name: is_known
-- Whether the channel has begun.
SELECT EXISTS (SELECT FROM calscim.event_deliveries WHERE channel = $1);

-- name: claim
-- Return the position of a channel that is due, and leave it alone for $2 seconds.
UPDATE calscim.event_deliveries SET claimed_until = clock_timestamp() + $2::float8 * interval '1 second'
WHERE channel = $1 AND next_try <= clock_timestamp() AND (claimed_until IS NULL OR claimed_until <= clock_timestamp())
RETURNING seq;

-- name: release
-- Let every daemon claim the channel.
UPDATE calscim.event_deliveries SET claimed_until = NULL WHERE channel = $1;

-- name: note_delivered
-- The receiver took the event; $3: seconds for which the channel stays claimed. No row: the channel is further already.
UPDATE calscim.event_deliveries
SET seq = $2, attempts = 0, failing_since = NULL, delivered_at = clock_timestamp(),
    claimed_until = clock_timestamp() + $3::float8 * interval '1 second'
WHERE channel = $1 AND seq < $2
RETURNING seq;

-- name: note_failed
-- The receiver did not take the event: wait 10 s, 20 s, 40 s ... up to an hour. Returns true if this lasts for three days.
UPDATE calscim.event_deliveries
SET attempts = attempts + 1, failing_since = coalesce(failing_since, clock_timestamp()), failed_at = clock_timestamp(),
    reason = $2, claimed_until = NULL,
    next_try = clock_timestamp() + least(3600, 10 * 2 ^ least(attempts, 10)) * interval '1 second'
WHERE channel = $1
RETURNING failing_since < clock_timestamp() - interval '3 days';

-- name: give_up
-- Continue after the event.
UPDATE calscim.event_deliveries
SET seq = $2, attempts = 0, failing_since = NULL, given_up = given_up + 1
WHERE channel = $1 AND seq < $2;

-- name: status
-- How the channels with the change feed do.
SELECT d.channel, (SELECT count(*) FROM calscim.events e WHERE e.seq > d.seq) AS waiting, d.given_up,
       d.delivered_at AS last_delivered, d.failed_at AS last_failed, d.reason AS last_failure
FROM calscim.event_deliveries d;
