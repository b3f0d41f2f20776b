-- name: current, the role that is connected
SELECT current_user::text;

-- name: known, whether there is such a role
SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1);

-- name: quoted, a role's name as it has to stand in a statement
SELECT quote_ident($1);

-- name: almighty, whether a role is a superuser
SELECT rolsuper FROM pg_roles WHERE rolname = $1;

-- name: may_edit, whether the connected role has the rights of operators
SELECT coalesce(bool_and(has_table_privilege(c.oid, 'INSERT')), false)
FROM pg_class c WHERE c.relnamespace = to_regnamespace('calscim') AND c.relname IN ('tokens', 'mappings', 'sync_requests');

-- name: may_change_journal, by its rights or because it owns the table
SELECT has_table_privilege(c.oid, 'UPDATE, DELETE, TRUNCATE') OR pg_has_role(c.relowner, 'MEMBER')
FROM pg_class c WHERE c.oid = to_regclass('calscim.journal');
