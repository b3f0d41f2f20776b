-- Run by migrate where one role owns the tables and serves as well, and is a superuser: privileges do not bind
-- it, so that an event trigger refuses what the triggers on the journal cannot see. Somebody who means it runs
-- DROP EVENT TRIGGER calscim_journal_is_kept first.

CREATE OR REPLACE FUNCTION calscim.journal_reject_drop() RETURNS event_trigger LANGUAGE plpgsql AS $$
DECLARE v_name text;
BEGIN
    SELECT object_identity INTO v_name FROM pg_event_trigger_dropped_objects()
    WHERE schema_name = 'calscim' AND object_type = 'table' AND object_name ~ '^journal(_default|_archives|_[0-9]{4}_[0-9]{2})?$'
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the journal is append-only: % of % is refused', TG_TAG, v_name
            USING ERRCODE = 'insufficient_privilege',
                  HINT = 'DROP EVENT TRIGGER calscim_journal_is_kept comes first, if this is meant.';
    END IF;
END $$;

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_event_trigger WHERE evtname = 'calscim_journal_is_kept') THEN
        CREATE EVENT TRIGGER calscim_journal_is_kept ON sql_drop EXECUTE FUNCTION calscim.journal_reject_drop();
    END IF;
END $$;
