"""Handles a start that cannot succeed yet: a missing migration or right, a port in use, a Postgres that does not start.

Under systemd (Type=notify) the daemon tries again after 1 s to 30 s, and shows the reason once in the log and in
``systemctl status``; systemd never restarts it for this. Without a service manager the daemon exits with a message, as
a terminal or a container runtime expects. An error in the configuration always ends the daemon.
"""

import random
from collections.abc import Awaitable, Callable

import structlog

from calscim import systemd
from calscim.clock import Clock
from calscim.errors import AddressUnavailable, StoreError
from calscim.reconciler.backoff import LONGEST, Backoff, Notice

log = structlog.get_logger()

TRY_TIMEOUT = 60.0  # seconds that one try may take


async def start(serve: Callable[[], Awaitable[None]], clock: Clock) -> None:
    """Run ``serve``, and again if it could not begin. Return when it has ended."""
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
        await clock.sleep(wait)
