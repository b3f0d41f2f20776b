"""Provides an empty database for each test: an emptied one of an earlier test, or a clone of the template.

Cloning copies nine megabytes and takes longer than most tests. A database is not reused if a test changed its
schema, privileges or settings.
"""

import itertools
from dataclasses import dataclass, field

import asyncpg

from tests.support.server import OWNER, PREFIX, Server

# Everything that a test can change besides rows.
_SHAPE = """
WITH ours AS (
    SELECT oid FROM pg_namespace
    WHERE nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'
), said (what) AS (
    SELECT concat_ws('|', 'schema', oid, nspname, nspowner, nspacl) FROM pg_namespace WHERE oid IN (SELECT oid FROM ours)
    UNION ALL
    SELECT concat_ws('|', 'class', oid, relname, relkind, relowner, relacl, reloptions, relispartition, relpersistence,
                     pg_get_expr(relpartbound, oid))
    FROM pg_class WHERE relnamespace IN (SELECT oid FROM ours)
    UNION ALL
    SELECT concat_ws('|', 'column', attrelid, attname, atttypid, attnotnull, attacl)
    FROM pg_attribute WHERE attnum > 0 AND attrelid IN (
        SELECT oid FROM pg_class WHERE relnamespace IN (SELECT oid FROM ours))
    UNION ALL
    SELECT concat_ws('|', 'function', oid, proname, proowner, proacl, proconfig, md5(prosrc))
    FROM pg_proc WHERE pronamespace IN (SELECT oid FROM ours)
    UNION ALL
    SELECT concat_ws('|', 'trigger', oid, tgrelid, tgname, tgenabled) FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL
    SELECT concat_ws('|', 'constraint', oid, conname, convalidated)
    FROM pg_constraint WHERE connamespace IN (SELECT oid FROM ours)
    UNION ALL
    SELECT concat_ws('|', 'event', oid, evtname, evtenabled) FROM pg_event_trigger
    UNION ALL
    SELECT concat_ws('|', 'setting', setrole, setconfig)
    FROM pg_db_role_setting WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
    UNION ALL
    SELECT concat_ws('|', 'database', datallowconn, datconnlimit, datacl)
    FROM pg_database WHERE datname = current_database()
    UNION ALL
    SELECT concat_ws('|', 'version', v::text) FROM calscim.schema_version v
)
SELECT md5(string_agg(what, ',' ORDER BY what)) FROM said
"""

_EMPTIED = """
DO $$
DECLARE v_tables text;
BEGIN
    SELECT string_agg(c.oid::regclass::text, ', ') INTO v_tables
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'calscim' AND c.relkind = 'r' AND c.relname <> 'schema_version' AND pg_relation_size(c.oid) > 0;
    IF v_tables IS NOT NULL THEN
        EXECUTE 'TRUNCATE ' || v_tables || ' CASCADE';
    END IF;
    PERFORM setval(s.seqrelid::regclass, s.seqstart, false) FROM pg_sequence s;
END $$;
"""


@dataclass
class Databases:
    """The test databases of one server."""

    server: Server
    _free: list[str] = field(default_factory=list)
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    _shape: str = ""

    async def lend(self) -> str:
        """Return the name of an empty database."""
        if self._free:
            return self._free.pop()
        name = f"{PREFIX}_{next(self._numbers)}"
        await self._do(f"CREATE DATABASE {name} TEMPLATE {self.server.template}")
        if not self._shape:
            connection = await asyncpg.connect(self.server.dsn(name, OWNER))
            self._shape = await connection.fetchval(_SHAPE)
            await connection.close()
        return name

    async def take_back(self, name: str) -> None:
        """Empty the database for the next test, or drop it if it cannot be reused."""
        if await self._emptied(name):
            self._free.append(name)
        else:
            await self._do(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    async def _emptied(self, name: str) -> bool:
        try:
            connection = await asyncpg.connect(self.server.dsn(name, OWNER))
        except asyncpg.PostgresError:
            return False
        try:
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            if await connection.fetchval(_SHAPE) != self._shape:
                return False
            # Disables the triggers that protect the journal.
            await connection.execute("SET session_replication_role = replica")
            await connection.execute(_EMPTIED)
        except asyncpg.PostgresError:
            return False
        finally:
            await connection.close()
        return True

    async def _do(self, statement: str) -> None:
        admin = await asyncpg.connect(self.server.dsn("postgres", OWNER))
        await admin.execute(statement)
        await admin.close()
