-- name: is_restored_copy: Whether another database than this one last reconciled the organization.
SELECT EXISTS (
    SELECT FROM calscim.database_identity h JOIN pg_database d ON d.datname = current_database()
    WHERE h.organization = $1 AND (h.relation, h.database) <> ('calscim.journal'::regclass::oid, d.oid));

-- name: record: Record that this database reconciles the organization.
INSERT INTO calscim.database_identity (organization, relation, database)
SELECT $1, 'calscim.journal'::regclass::oid, d.oid FROM pg_database d WHERE d.datname = current_database()
ON CONFLICT (organization) DO UPDATE SET relation = excluded.relation, database = excluded.database
WHERE (database_identity.relation, database_identity.database) <> (excluded.relation, excluded.database);
