"""Long computations for a request, which would block the event loop.

A short computation runs on the event loop: a thread costs about 0.2 ms, more than most requests take. Long ones run in
one thread, which returns the interpreter to the event loop every few milliseconds. More threads would take more of the
interpreter's time from the event loop. A directory has one computation at a time in the queue of the thread, so that
directories take turns.
"""

import asyncio
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar
from weakref import WeakValueDictionary

# Bytes of a body up to which the event loop itself parses, checks and applies it. The most expensive bodies of this
# size, filters of 8 kB each, take 30 ms. A body of Okta has 500 bytes.
INLINE_BYTES = 32 * 1024

# Seconds after which the computing thread yields the interpreter. uvloop requests the interpreter once per ready
# socket, so Python's default of 5 ms adds up to 130 ms with 40 clients. At other times a short interval would cost a
# tenth of the throughput.
SWITCH_INTERVAL = 0.0005

T = TypeVar("T")

_thread = ThreadPoolExecutor(1, thread_name_prefix="compute")
_locks: "WeakValueDictionary[str, asyncio.Lock]" = WeakValueDictionary()


async def compute(directory: str, function: Callable[[], T], *, at_once: bool) -> T:
    """Return what ``function`` returns. ``at_once``: it is short and runs on the event loop."""
    if at_once:
        return function()
    async with _directory_lock(directory):
        with _switching.shortened():
            return await asyncio.get_running_loop().run_in_executor(_thread, function)


class _SwitchInterval:
    """The switch interval of the interpreter, which is short while the thread computes."""

    def __init__(self) -> None:
        self._computing = 0
        self._before = 0.0

    @contextmanager
    def shortened(self) -> Iterator[None]:
        if not self._computing:
            self._before = sys.getswitchinterval()
            sys.setswitchinterval(SWITCH_INTERVAL)
        self._computing += 1
        try:
            yield
        finally:
            self._computing -= 1
            if not self._computing:
                sys.setswitchinterval(self._before)


_switching = _SwitchInterval()


def _directory_lock(directory: str) -> asyncio.Lock:
    """Return the lock of a directory. It lives as long as a request holds or awaits it."""
    lock = _locks.get(directory)
    if lock is None:
        lock = _locks[directory] = asyncio.Lock()
    return lock
