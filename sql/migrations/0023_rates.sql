-- A directory's own limit on SCIM requests a second, and how many requests it was refused for asking too much at once.
ALTER TABLE calscim.directories
    ADD COLUMN requests_per_second integer,  -- NULL: scim.requests_per_second, 0: none
    ADD COLUMN throttled bigint NOT NULL DEFAULT 0,
    ADD COLUMN throttled_at timestamptz,
    ADD CONSTRAINT directories_rate CHECK (requests_per_second = 0 OR requests_per_second >= 25);
