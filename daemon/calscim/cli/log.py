"""calscim log: show or set the level of the log of all running daemons, for a while."""

import argparse
from dataclasses import dataclass
from datetime import datetime

from calscim.cli.actor import actor
from calscim.cli.command import Command
from calscim.cli.database import opened
from calscim.cli.verbs import Verbs
from calscim.errors import UsageError
from calscim.option_types import positive_duration
from calscim.postgres.log_level import get_override, reset_override, set_override
from calscim.wording import moment

LEVELS = ("debug", "info", "warning", "error")
DEFAULT, LONGEST = 900.0, 86_400.0  # seconds


@dataclass(frozen=True, slots=True)
class LogLevelView:
    """The level in effect, and the configured one. ``until`` and ``set_by`` None: no level was set for a while."""

    level: str
    configured: str
    until: datetime | None = None
    set_by: str | None = None


@dataclass(frozen=True, slots=True)
class LogLevelReset:
    """The result of `calscim log reset`. ``reset``: a level was in effect, and has ended."""

    reset: bool


def register(verbs: Verbs) -> None:
    nouns = verbs.group("log")
    level = nouns.add(
        "level",
        _level,
        "show the level that is in effect, or set it for a while",
        details="Every daemon applies the level within five seconds, without a restart, and returns to log.level "
        "of its configuration by itself.",
        examples=("calscim log level debug --for 15m", "calscim log level"),
    )
    level.add_argument("level", metavar="LEVEL", nargs="?", choices=LEVELS, help=", ".join(LEVELS))
    level.add_argument(
        "--for",
        dest="seconds",
        type=_a_while,
        metavar="15m",
        help="end the level after this time, at most 24h (default: 15m)",
    )
    nouns.add(
        "reset",
        _reset,
        "return to the configured level now",
        examples=("calscim log reset", "calscim log reset --json"),
    )


def _a_while(text: str) -> float:
    try:
        seconds = positive_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if seconds > LONGEST:
        raise argparse.ArgumentTypeError(
            f"{text} is too long: write at most 24h, or set log.level in the configuration"
        )
    return seconds


async def _level(command: Command) -> None:
    settings, level = command.settings(), command.arguments.level
    if level is None and command.arguments.seconds is not None:
        raise UsageError(f"--for needs a level: write {', '.join(LEVELS[:-1])} or {LEVELS[-1]}")
    async with opened(settings) as db:
        if level is None:
            found = await get_override(db)
        else:
            seconds = command.arguments.seconds or DEFAULT
            found = await set_override(db, level, seconds, actor(command.environ))
    configured = settings.log.level
    if found is None:
        command.output.data(
            LogLevelView(configured, configured),
            f"{configured} (log.level of the configuration)",
        )
        return
    if level is None:
        text = f"{found.level} until {moment(found.until)}, set by {found.set_by}"
    else:
        text = f"all daemons log at level {found.level} until {moment(found.until)}"
    view = LogLevelView(found.level, configured, found.until, found.set_by)
    command.output.data(view, text)


async def _reset(command: Command) -> None:
    settings = command.settings()
    async with opened(settings) as db:
        was_set = await reset_override(db)
    text = f"all daemons log at the level of their configuration ({settings.log.level})"
    command.output.data(
        LogLevelReset(was_set),
        text if was_set else f"no level was set; log.level is {settings.log.level}",
    )
