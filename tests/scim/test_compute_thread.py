"""The thread for long computations shortens the switch interval of the interpreter only while it computes."""

import asyncio
import sys

import pytest

from calscim.scim.compute_thread import SWITCH_INTERVAL, compute


async def test_the_interpreter_switches_often_only_while_something_long_is_computed():
    before = sys.getswitchinterval()

    seen = await asyncio.gather(
        *(compute(name, sys.getswitchinterval, at_once=False) for name in ("a", "b", "a"))
    )

    assert seen == [pytest.approx(SWITCH_INTERVAL)] * 3
    assert sys.getswitchinterval() == before


async def test_it_switches_as_before_after_a_computation_that_fails():
    before = sys.getswitchinterval()

    with pytest.raises(ZeroDivisionError):
        await compute("a", lambda: 1 // 0, at_once=False)

    assert sys.getswitchinterval() == before
