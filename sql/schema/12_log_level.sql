-- ---------------------------------------------------------------- the level of the log

-- The level of the log that an operator set for all daemons (`calscim log level`), until a time. At most one row.
CREATE TABLE calscim.log_level (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    level   text NOT NULL CHECK (level IN ('debug', 'info', 'warning', 'error')),
    until   timestamptz NOT NULL,
    set_by  text NOT NULL,               -- the operating system's user and machine
    set_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
