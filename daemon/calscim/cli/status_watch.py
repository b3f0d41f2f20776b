"""calscim status --watch: show the status again and again until Ctrl-C."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime

from rich.console import RenderableType

from calscim.admin.status import exit_status
from calscim.admin.status_view import Status
from calscim.cli.command import Command
from calscim.cli.database import refusals
from calscim.cli.output import dump, lines
from calscim.clock import SystemClock
from calscim.errors import StoreError
from calscim.exit_codes import ExitCode
from calscim.wording import moment

WATCH_EVERY = 2.0  # seconds


async def watch(
    command: Command,
    look: Callable[[], Awaitable[Status]],
    render: Callable[[Status], RenderableType],
    interval: float | None,
) -> int:
    """Show what each look finds, and return the exit code of the last one after Ctrl-C.

    While the database is unreachable, show why, and go on looking.
    """
    clock = SystemClock()
    code: int = ExitCode.FAILED
    try:
        while True:
            try:
                async with refusals():
                    found = await look()
            except StoreError as error:
                code = ExitCode.FAILED
                _show(command, clock.now(), {"error": str(error)}, lines(str(error), style="red"))
            else:
                code = exit_status(found)
                _show(command, clock.now(), found, render(found))
            await clock.sleep(interval or WATCH_EVERY)
    except asyncio.CancelledError:
        return code


def _show(command: Command, at: datetime, value: object, shown: RenderableType) -> None:
    if command.output.json:
        command.output.write(dump(value))
        sys.stdout.flush()
    else:
        command.output.redraw(f"calscim status at {moment(at)}; Ctrl-C ends", shown)
