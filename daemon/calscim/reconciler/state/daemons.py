"""Stores the running daemons of this database, and the fingerprints of their secrets."""

from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from calscim.postgres.pool import Connection, Database
from calscim.postgres.queries import sql

EVERY = 60.0  # seconds between two heartbeats
ALIVE = 3 * EVERY  # seconds without a heartbeat after which a daemon counts as stopped


@dataclass(frozen=True, slots=True)
class Running:
    """A running daemon. ``fingerprints``: by the key of the configuration, made with the ``salt``."""

    holder: str
    salt: bytes
    fingerprints: Mapping[str, str]


async def record(db: Database, running: Running) -> None:
    """Record a heartbeat of the daemon and the secrets that it uses."""
    fingerprints = orjson.dumps(dict(running.fingerprints)).decode()
    await db.execute(sql("daemons.record"), running.holder, running.salt, fingerprints)


async def delete(db: Database, holder: str) -> None:
    await db.execute(sql("daemons.delete"), holder)


async def list_running(connection: Connection) -> list[Running]:
    """Return the daemons with a recent heartbeat."""
    rows = await connection.fetch(sql("daemons.list"), ALIVE)
    return [Running(row["holder"], row["salt"], orjson.loads(row["fingerprints"])) for row in rows]
