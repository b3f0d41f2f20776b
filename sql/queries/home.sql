-- name: moved, whether the tables are others than those that the organization was reconciled from before
SELECT EXISTS (
    SELECT FROM calscim.database_identity h JOIN pg_database d ON d.datname = current_database()
    WHERE h.organization = $1 AND (h.relation, h.database) <> ('calscim.journal'::regclass::oid, d.oid));

-- name: note, the tables that the organization is reconciled from now
INSERT INTO calscim.database_identity (organization, relation, database)
SELECT $1, 'calscim.journal'::regclass::oid, d.oid FROM pg_database d WHERE d.datname = current_database()
ON CONFLICT (organization) DO UPDATE SET relation = excluded.relation, database = excluded.database
WHERE (database_identity.relation, database_identity.database) <> (excluded.relation, excluded.database);

-- name: running, the directories of an organization that are not paused until somebody resumes them
SELECT d.id, d.name FROM calscim.directories d
WHERE d.organization = $1 AND d.deleted_at IS NULL AND NOT EXISTS (
    SELECT FROM calscim.pauses p WHERE p.scope = 'directory' AND p.target = d.id AND p.until IS NULL)
ORDER BY d.name;
