"""The bundled Postgres under a running daemon: started again when somebody kills it, on the data it has."""

import asyncio
import os
import subprocess
from typing import Any

import structlog

from calscim.clock import Clock
from calscim.postgres.embedded import Embedded

log = structlog.get_logger()

LOOK = 1.0  # seconds between two looks at its process


def forget_the_dead(running: Embedded) -> None:
    """Processes that were killed do not use it any more: otherwise it would never be stopped again."""
    users = running.server.global_process_id_list
    with running.server._lock:  # noqa: SLF001 - it has no name in public
        users.put([process for process in users._get() if _lives(process)])  # noqa: SLF001


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True


async def keep(running: Embedded, clock: Clock) -> None:
    """For ever."""
    while True:
        await clock.sleep(LOOK)
        if not running.server.get_postmaster_info().is_running():
            log.warning("database.gone", folder=str(running.server.pgdata))
            if await asyncio.to_thread(_start, running.server):
                log.info("database.restarted")


def _start(server: Any) -> bool:
    """False while what is left of the old one is still ending: the next look tries again."""
    try:
        with server._lock:  # noqa: SLF001 - another daemon on this folder looks as well
            server.ensure_postgres_running()
    except subprocess.SubprocessError as error:
        log.warning("database.starting", reason=str(error))
        return False
    return True
