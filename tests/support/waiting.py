"""Waits for a condition with a deadline. Other modules of the tests call this instead of sleeping."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

# Seconds in which SCIM answers without a database: the promised time, plus a margin for a busy machine.
IN_TIME = 2.0 + 1.0


async def until(
    probe: Callable[[], Any | Awaitable[Any]], seconds: float = 30.0, *, pause: float = 0.02
) -> Any:
    """Call the probe until its result is true, and return the result. Raise TimeoutError with the probe's source."""
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
            raise TimeoutError(f"not true within {seconds} s: {what}")
        await asyncio.sleep(pause)
