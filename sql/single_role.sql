-- migrate runs this if one superuser owns the tables and serves: privileges do not restrict a superuser, so that an
-- event trigger refuses DROP, which the triggers on the journal do not see. To drop the journal on purpose, first
-- run DROP EVENT TRIGGER calscim_protect_journal.

CREATE OR REPLACE FUNCTION calscim.journal_reject_drop() RETURNS event_trigger LANGUAGE plpgsql AS $$
DECLARE v_name text;
BEGIN
    SELECT object_identity INTO v_name FROM pg_event_trigger_dropped_objects()
    WHERE schema_name = 'calscim' AND object_type = 'table'
        AND object_name ~ '^journal(_default|_archives|_[0-9]{4}_[0-9]{2})?$'
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the journal is append-only: % of % is refused', TG_TAG, v_name
            USING ERRCODE = 'insufficient_privilege',
                  HINT = 'DROP EVENT TRIGGER calscim_protect_journal first to drop the journal on purpose.';
    END IF;
END $$;

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_event_trigger WHERE evtname = 'calscim_protect_journal') THEN
        CREATE EVENT TRIGGER calscim_protect_journal ON sql_drop EXECUTE FUNCTION calscim.journal_reject_drop();
    END IF;
END $$;
