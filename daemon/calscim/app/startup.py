"""Handles a start that cannot succeed yet: a missing migration or right, a port in use, a Postgres that does not start.

Under systemd (Type=notify) the daemon tries again after 1 s to 30 s, and shows the reason once in the log and in
``systemctl status``; systemd never restarts it for this. Without a service manager the daemon exits with a message, as
a terminal or a container runtime expects. An error in the configuration always ends the daemon.
"""

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable

import structlog

from calscim import systemd
from calscim.clock import Clock
from calscim.errors import AddressUnavailable, StoreError
from calscim.reconciler.backoff import LONGEST, Backoff, Notice

log = structlog.get_logger()

TRY_TIMEOUT = 60.0  # seconds that one try may take


async def start(serve: Callable[[], Awaitable[None]], clock: Clock) -> None:
    """Run ``serve``, and again if it could not begin. Return when it has ended, or on SIGTERM while waiting."""
    backoff, notice = Backoff(random.SystemRandom().random), Notice()
    while True:
        try:
            return await serve()
        except (StoreError, AddressUnavailable) as error:
            if not systemd.is_manager():
                raise
            wait, reason = backoff.next(), str(error)
        if notice.is_news(reason, clock.monotonic()):
            log.warning("service.waiting", reason=reason, next_try_seconds=round(wait))
        systemd.notify_waiting(f"waiting: {reason}", LONGEST + TRY_TIMEOUT)
        if await _is_stopped(clock, wait):
            return None


async def _is_stopped(clock: Clock, seconds: float) -> bool:
    """Wait; return True at once on SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    tasks = [asyncio.ensure_future(stopping.wait()), asyncio.ensure_future(clock.sleep(seconds))]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
    return stopping.is_set()
