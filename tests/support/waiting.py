"""Waiting for what is going to be so, with a deadline. The only place of this room that sleeps."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

# Seconds for SCIM to answer without a database: the promise, and a busy machine's share.
IN_TIME = 2.0 + 0.4


async def until(
    probe: Callable[[], Any | Awaitable[Any]], seconds: float = 10.0, *, pause: float = 0.02
) -> Any:
    """The probe's first answer that is true. TimeoutError names the probe."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while True:
        found = probe()
        if inspect.isawaitable(found):
            found = await found
        if found:
            return found
        if loop.time() > deadline:
            what = inspect.getsource(probe).strip()
            raise TimeoutError(f"not so within {seconds} s: {what}")
        await asyncio.sleep(pause)
