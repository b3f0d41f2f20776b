-- A change says by when it is wanted, so that no second message has to end its transaction.

-- The server's time, unless it is past p_until: what is late is undone. A statement that waited with a server that hung,
-- or for a lock, is of nobody any more when it is carried out. NULL: there is time.
CREATE FUNCTION calscim.in_time(p_until timestamptz) RETURNS timestamptz LANGUAGE plpgsql AS $$
DECLARE v_now timestamptz := clock_timestamp();
BEGIN
    IF v_now > p_until THEN
        RAISE EXCEPTION 'this was wanted by %: it comes too late and is undone', p_until USING ERRCODE = 'CS001';
    END IF;
    RETURN v_now;
END $$;
