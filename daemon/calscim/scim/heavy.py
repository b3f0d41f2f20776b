"""Long computations for one request, kept away from the event loop.

A small one is done at once: a thread costs about 0.2 ms, more than most requests need. A long one runs in one thread of
its own, and the loop gets the interpreter back every few milliseconds. More threads would only share the interpreter
with the loop among more. A directory has one computation in the thread's queue at a time, so that directories take
turns in it.
"""

import asyncio
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar
from weakref import WeakValueDictionary

# Bytes of a body up to which it is parsed, checked and changed at once. The costliest bodies of this size, filters of
# 8 kB each, take 30 ms; what Okta sends has 500 bytes.
INLINE_BYTES = 32 * 1024

# Seconds after which the thread lets the event loop go on, while it computes. uvloop asks for the interpreter for each
# socket that is ready, so that Python's 5 ms add up to 130 with 40 clients that send bodies. Always on, it costs a
# tenth and more of the requests that compute nothing long.
SWITCH = 0.0005

T = TypeVar("T")

_thread = ThreadPoolExecutor(1, thread_name_prefix="heavy")
_turns: "WeakValueDictionary[str, asyncio.Lock]" = WeakValueDictionary()


async def compute(directory: str, function: Callable[[], T], *, at_once: bool) -> T:
    """What ``function`` returns or raises. ``at_once``: it is known to be short."""
    if at_once:
        return function()
    async with _turn(directory):
        with _switching.often():
            return await asyncio.get_running_loop().run_in_executor(_thread, function)


class _Switching:
    """The interpreter's switch interval: short while the thread has work, otherwise as it was."""

    def __init__(self) -> None:
        self._computing = 0
        self._before = 0.0

    @contextmanager
    def often(self) -> Iterator[None]:
        if not self._computing:
            self._before = sys.getswitchinterval()
            sys.setswitchinterval(SWITCH)
        self._computing += 1
        try:
            yield
        finally:
            self._computing -= 1
            if not self._computing:
                sys.setswitchinterval(self._before)


_switching = _Switching()


def _turn(directory: str) -> asyncio.Lock:
    """The directory's lock, which lives as long as a request holds or awaits it."""
    turn = _turns.get(directory)
    if turn is None:
        turn = _turns[directory] = asyncio.Lock()
    return turn
