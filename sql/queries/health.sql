-- name: get_write_state
-- Whether this session can write. On a standby no transaction has a number.
SELECT pg_is_in_recovery() AS standby, current_setting('transaction_read_only')::boolean AS read_only,
       CASE WHEN NOT pg_is_in_recovery() THEN txid_current() END AS number;

-- name: list_missing_privileges
-- Privileges that the daemon needs and the role lacks, of the given tables, functions, privileges and columns.
SELECT 'USAGE on schema calscim' AS what WHERE NOT has_schema_privilege('calscim', 'USAGE')
UNION ALL
SELECT string_agg(m.privilege, ', ' ORDER BY m.nr) || ' on calscim.' || m.relname
FROM (
    SELECT c.relname, g.privilege, min(g.nr) AS nr
    FROM unnest($1::text[], $3::text[], $4::text[]) WITH ORDINALITY AS g (name, privilege, attribute, nr)
    JOIN pg_class c ON c.relname = g.name AND c.relnamespace = 'calscim'::regnamespace
    LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = g.attribute AND NOT a.attisdropped
    WHERE CASE WHEN g.attribute = '' THEN NOT has_table_privilege(c.oid, g.privilege)
               ELSE NOT has_column_privilege(c.oid, a.attnum, g.privilege) END
    GROUP BY c.relname, g.privilege) m
GROUP BY m.relname
UNION ALL
SELECT DISTINCT 'EXECUTE on function calscim.' || f.proname
FROM pg_proc f
JOIN pg_namespace n ON n.oid = f.pronamespace AND n.nspname = 'calscim'
WHERE f.proname = ANY ($2::text[]) AND NOT has_function_privilege(f.oid, 'EXECUTE')
ORDER BY 1;

-- name: limit_work_mem
-- Make the next query spill to a file, until the transaction ends.
SET LOCAL work_mem = '64kB';

-- name: spill
-- Sort about 110 kB of rows, which exceeds that memory.
SELECT count(*) FROM generate_series(1, 8000);

-- name: append_test_row
-- Append a journal row. The caller rolls the transaction back.
SELECT calscim.append_row('@check', 'admin', 'check', 'POST', '/check', 200, '', NULL, '', '', 'check', '{}');

-- name: list_settings
-- Settings of the server that decide whether a confirmed change can be lost.
SELECT name, setting FROM pg_settings WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit');
