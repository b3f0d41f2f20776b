"""Starts the bundled Postgres again, on the same data, when its process was killed under a running daemon."""

import asyncio
import os
import subprocess
from typing import Any

import structlog

from calscim.clock import Clock
from calscim.postgres.embedded import Embedded
from calscim.reconciler.backoff import Notice

log = structlog.get_logger()

CHECK_INTERVAL = 1.0  # seconds


def forget_killed_users(running: Embedded) -> None:
    """Remove killed processes from the list of its users: otherwise nothing would ever stop the server."""
    users = running.server.global_process_id_list
    with running.server._lock:  # noqa: SLF001 - the package has no public lock
        users.put([process for process in users._get() if _is_alive(process)])  # noqa: SLF001


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # a process of another user
        return True
    return True


async def keep_running(running: Embedded, clock: Clock) -> None:
    """Check the server every second and start it again if it is gone, until cancelled."""
    gone, failing = Notice(), Notice()
    while True:
        await clock.sleep(CHECK_INTERVAL)
        if running.server.get_postmaster_info().is_running():
            continue
        if gone.is_news("", clock.monotonic()):
            log.warning("database.gone", folder=str(running.server.pgdata))
        failure = await asyncio.to_thread(_start, running.server)
        if failure is None:
            gone.end()
            failing.end()
            log.info("database.restarted")
        elif failing.is_news("", clock.monotonic()):
            log.warning("database.starting", reason=failure)


def _start(server: Any) -> str | None:
    """Start the server; return why that failed, for example because the old one is still ending, or None."""
    try:
        with server._lock:  # noqa: SLF001 - another daemon on this folder checks as well
            server.ensure_postgres_running()
    except subprocess.SubprocessError as error:
        return str(error)
    return None
