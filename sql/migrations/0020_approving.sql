-- Approving a held set is the operators'. A role that may not insert approved_at, as the serving role beside an
-- operators' role, can clear an approval, as holding a set again does, and cannot give one.
CREATE FUNCTION calscim.holds_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.approved_at IS NOT NULL AND NEW.approved_at IS DISTINCT FROM OLD.approved_at
        AND NOT has_column_privilege('calscim.holds', 'approved_at', 'INSERT')
    THEN
        RAISE EXCEPTION 'the role % may not approve a held set', current_user
            USING ERRCODE = 'insufficient_privilege', HINT = 'calscim approve uses database.operator_dsn.';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER holds_guard BEFORE UPDATE OF approved_at ON calscim.holds
    FOR EACH ROW EXECUTE FUNCTION calscim.holds_guard();
