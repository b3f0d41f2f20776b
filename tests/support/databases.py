"""Provides an empty database for each test: an emptied one of an earlier test, or a clone of the template.

Cloning copies nine megabytes and takes longer than most tests. A database is not reused if a test changed its
schema, privileges or settings.
"""

import asyncio
import itertools
import threading
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

import asyncpg

from tests.support.server import OWNER, PREFIX, Server

_Result = TypeVar("_Result")

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


class Housekeeping:
    """Runs coroutines in a thread of its own, so that connections outlive the event loop of a test."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="test databases")
        self._thread.start()

    async def run(self, coroutine: Coroutine[Any, Any, _Result]) -> _Result:
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(coroutine, self._loop))

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@dataclass
class Databases:
    """The test databases of one server. Call ``close`` before the server stops.

    Every database keeps a connection of the superuser: a new one costs Postgres more than emptying the database.
    """

    server: Server
    _free: list[str] = field(default_factory=list)
    _kept: dict[str, asyncpg.Connection] = field(default_factory=dict)
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    _housekeeping: Housekeeping = field(default_factory=Housekeeping)
    _shape: str = ""

    async def lend(self) -> str:
        """Return the name of an empty database."""
        if self._free:
            return self._free.pop()
        return await self._housekeeping.run(self._clone())

    async def take_back(self, name: str) -> None:
        """Empty the database for the next test, or drop it if it cannot be reused."""
        if await self._housekeeping.run(self._empty(name)):
            self._free.append(name)
        else:
            await self._housekeeping.run(self._drop(name))

    async def close(self) -> None:
        await self._housekeeping.run(self._hang_up())
        self._housekeeping.close()

    async def _clone(self) -> str:
        name = f"{PREFIX}_{next(self._numbers)}"
        await self._do(
            f"CREATE DATABASE {name} TEMPLATE {self.server.template} {self.server.cloning}"
        )
        if not self._shape:
            self._shape = await (await self._connection(name)).fetchval(_SHAPE)
        return name

    async def _empty(self, name: str) -> bool:
        """Remove all rows. Return False if the shape of the database has changed."""
        try:
            connection = await self._connection(name)
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            if await connection.fetchval(_SHAPE) != self._shape:
                return False
            await connection.execute(_EMPTIED)
        except (asyncpg.PostgresError, asyncpg.InterfaceError):
            return False
        return True

    async def _drop(self, name: str) -> None:
        if (connection := self._kept.pop(name, None)) is not None:
            await connection.close()
        await self._do(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    async def _connection(self, name: str) -> asyncpg.Connection:
        connection = self._kept.get(name)
        if connection is None or connection.is_closed():
            connection = await asyncpg.connect(self.server.dsn(name, OWNER))
            # Disables the triggers that protect the journal.
            await connection.execute("SET session_replication_role = replica")
            self._kept[name] = connection
        return connection

    async def _hang_up(self) -> None:
        while self._kept:
            await self._kept.popitem()[1].close()

    async def _do(self, statement: str) -> None:
        admin = await asyncpg.connect(self.server.dsn("postgres", OWNER))
        await admin.execute(statement)
        await admin.close()
