-- name: moved, whether the tables are others than those that the organization was reconciled from before; noted at once
WITH here AS (
    SELECT 'calscim.journal'::regclass::oid AS relation, d.oid AS database
    FROM pg_database d WHERE d.datname = current_database()
), before AS (
    SELECT h.relation, h.database FROM calscim.home h WHERE h.organization = $1
), noted AS (
    INSERT INTO calscim.home (organization, relation, database) SELECT $1, relation, database FROM here
    ON CONFLICT (organization) DO UPDATE SET relation = excluded.relation, database = excluded.database
)
SELECT EXISTS (SELECT FROM before b, here h WHERE (b.relation, b.database) <> (h.relation, h.database));

-- name: running, the directories of an organization that are not paused until somebody resumes them
SELECT d.id, d.name FROM calscim.directories d
WHERE d.organization = $1 AND d.deleted_at IS NULL AND NOT EXISTS (
    SELECT FROM calscim.pauses p WHERE p.scope = 'directory' AND p.target = d.id AND p.until IS NULL)
ORDER BY d.name;
