-- name: is_restored_copy
-- Whether another database than this one last reconciled the organization.
SELECT EXISTS (
    SELECT FROM calscim.database_identity h JOIN pg_database d ON d.datname = current_database()
    WHERE h.organization = $1 AND (h.journal_oid, h.database_oid) <> ('calscim.journal'::regclass::oid, d.oid));

-- name: record
-- Record that this database reconciles the organization.
INSERT INTO calscim.database_identity (organization, journal_oid, database_oid)
SELECT $1, 'calscim.journal'::regclass::oid, d.oid FROM pg_database d WHERE d.datname = current_database()
ON CONFLICT (organization) DO UPDATE SET journal_oid = excluded.journal_oid, database_oid = excluded.database_oid
WHERE (database_identity.journal_oid, database_identity.database_oid) <> (excluded.journal_oid, excluded.database_oid);
