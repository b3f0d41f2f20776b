"""Ask before a verb removes something. Only a terminal is asked: a script works as before, with or without --yes."""

import asyncio
import os
import sys
from argparse import ArgumentParser

from rich.console import Group, RenderableType

from calscim.cli.command import Command
from calscim.errors import UsageError

_YES = {"y", "yes"}


def yes_option(parser: ArgumentParser) -> None:
    """Add --yes to a verb that asks."""
    parser.add_argument(
        "--yes", action="store_true", help="do not ask; without a terminal, calscim never asks"
    )


def can_ask() -> bool:
    """Return True if a person can read the question and answer it."""
    return sys.stdin.isatty() and sys.stderr.isatty()


async def confirm(command: Command, *consequences: str) -> None:
    """Say what will happen and ask for consent, unless there is --yes or no terminal. Raise UsageError without it."""
    if command.arguments.yes or not can_ask():
        return
    if not await agreed(command, *consequences):
        raise UsageError("nothing was changed")


async def agreed(command: Command, *consequences: str) -> bool:
    """Say what will happen, ask for consent, and return True if the answer is yes. The default is no."""
    command.output.ask(*consequences, "Continue? [y/N] ")
    return (await _line()).strip().lower() in _YES


async def offer(
    command: Command, shown: RenderableType, consequence: str
) -> tuple[RenderableType, bool]:
    """Show on a terminal what can be done, and ask for consent. Return what is left to show, and the answer.

    With --json, or without a terminal, nothing is shown or asked: the answer is no.
    """
    if command.output.json or not can_ask():
        return shown, False
    command.output.show(shown)
    return Group(), await agreed(command, consequence)


async def _line() -> str:
    """Read a line from the terminal. Ctrl-C cancels it, which a blocking read would delay until Enter."""
    loop, descriptor, is_ready = asyncio.get_running_loop(), sys.stdin.fileno(), asyncio.Event()
    loop.add_reader(descriptor, is_ready.set)
    try:
        await is_ready.wait()
    finally:
        loop.remove_reader(descriptor)
    return os.read(descriptor, 1024).decode(errors="replace")
