"""Show on a terminal that a verb is at work, once that takes longer than a second."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

from calscim.cli.output import Output

AFTER = 1.0  # seconds without a sign

Advance: TypeAlias = Callable[[int], None]


@contextmanager
def progress(
    output: Output, what: str, total: int | None = None, *, beside_data: bool = False
) -> Iterator[Advance]:
    """Show a bar, or without ``total`` the time that has passed, on standard error.

    The function that it yields counts what is done. A pipe or a file gets nothing. ``beside_data``: the verb writes
    data meanwhile, so that nothing is shown if that goes to a terminal too.
    """
    if not output.can_animate(beside_data=beside_data):
        yield lambda _more: None
        return
    from rich.progress import (  # noqa: PLC0415 - only a terminal needs it
        BarColumn,
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    text = TextColumn("{task.description}", markup=False)
    columns = (
        (SpinnerColumn(), text, TimeElapsedColumn())
        if total is None
        else (text, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    )
    bar = Progress(*columns, console=output.errors, transient=True)
    task = bar.add_task(what, total=total)
    starting = asyncio.get_running_loop().call_later(AFTER, bar.start)
    try:
        yield lambda more: bar.advance(task, more)
    finally:
        starting.cancel()
        bar.stop()
