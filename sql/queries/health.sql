-- name: writable, whether this session may change anything; on a standby no transaction has a number
SELECT pg_is_in_recovery() AS standby, current_setting('transaction_read_only')::boolean AS read_only,
       CASE WHEN NOT pg_is_in_recovery() THEN txid_current() END AS number;

-- name: missing_rights, what `calscim migrate` grants and the role lacks, of the given tables and functions
SELECT 'USAGE on schema calscim' AS what WHERE NOT has_schema_privilege('calscim', 'USAGE')
UNION ALL
SELECT string_agg(p.name, ', ' ORDER BY p.nr) || ' on calscim.' || c.relname
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'calscim'
CROSS JOIN LATERAL unnest(
    CASE WHEN c.relname IN ('schema_version', 'openings') THEN ARRAY['SELECT']
         WHEN c.relname LIKE 'journal%' THEN ARRAY['SELECT', 'INSERT']
         ELSE ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE'] END) WITH ORDINALITY AS p (name, nr)
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname = ANY ($1::text[])
  AND NOT has_table_privilege(c.oid, p.name)
GROUP BY c.relname
UNION ALL
SELECT DISTINCT 'EXECUTE on function calscim.' || f.proname
FROM pg_proc f
JOIN pg_namespace n ON n.oid = f.pronamespace AND n.nspname = 'calscim'
WHERE f.proname = ANY ($2::text[]) AND NOT has_function_privilege(f.oid, 'EXECUTE')
ORDER BY 1;

-- name: small_memory, so that the next query needs a file; until the transaction ends
SET LOCAL work_mem = '64kB';

-- name: room, some 110 kB of rows, which do not fit into that memory
SELECT count(*) FROM generate_series(1, 8000);

-- name: write, a journal row as a push writes one; its transaction is rolled back
SELECT calscim.append('@check', 'admin', 'check', 'POST', '/check', 200, '', NULL, '', '', 'check', '{}');
