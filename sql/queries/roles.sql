-- name: get_current
-- The connected role.
SELECT current_user::text;

-- name: exists
-- Whether a role exists.
SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1);

-- name: quote_name
-- The name of a role as an SQL identifier.
SELECT quote_ident($1);

-- name: is_superuser
-- Whether a role is a superuser.
SELECT rolsuper FROM pg_roles WHERE rolname = $1;

-- name: can_edit
-- Whether the connected role has the operators' privileges.
SELECT coalesce(bool_and(has_table_privilege(c.oid, 'INSERT')), false)
FROM pg_class c WHERE c.relnamespace = to_regnamespace('calscim') AND c.relname IN ('tokens', 'mappings', 'sync_requests');

-- name: can_change_journal
-- Whether the connected role can change the journal, by its privileges or as the owner.
SELECT has_table_privilege(c.oid, 'UPDATE, DELETE, TRUNCATE') OR pg_has_role(c.relowner, 'MEMBER')
FROM pg_class c WHERE c.oid = to_regclass('calscim.journal');
