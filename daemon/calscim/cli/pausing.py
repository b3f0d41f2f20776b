"""Pause and resume a directory, a team or an organization, as the verbs of `directory` and `team` do."""

from argparse import ArgumentParser
from dataclasses import dataclass, field
from datetime import datetime

from calscim import admin
from calscim.admin import Directory, Scope
from calscim.admin.status_view import DirectoryStatus
from calscim.cli.command import Command
from calscim.cli.times import a_duration
from calscim.postgres.pool import Database
from calscim.wording import moment


@dataclass(frozen=True, slots=True)
class Target:
    """What is paused or resumed. ``key``: as in ``admin.Pause``; ``id`` None: the organization itself."""

    organization: str
    scope: Scope
    key: str
    id: str | int | None
    name: str


@dataclass(frozen=True, slots=True)
class PausedTarget:
    """A directory or team that is paused. ``id`` None: the organization. ``paused_until`` None: until it is resumed."""

    id: str | int | None
    name: str
    paused: bool = field(default=True, kw_only=True)
    paused_until: datetime | None


@dataclass(frozen=True, slots=True)
class ResumedTarget:
    """A directory or team that is active. ``id`` None: the organization. ``was_paused``: a pause has ended."""

    id: str | int | None
    name: str
    paused: bool = field(default=False, kw_only=True)
    was_paused: bool


def for_option(parser: ArgumentParser) -> None:
    """Add --for, the length of the pause."""
    parser.add_argument(
        "--for", dest="seconds", type=a_duration, metavar="2h", help="end the pause after this time"
    )


async def pause(command: Command, db: Database, target: Target) -> None:
    """Pause the target, for as long as --for says, and print until when."""
    until = await admin.pause(
        db,
        command.editor(),
        organization=target.organization,
        scope=target.scope,
        target=target.key,
        seconds=command.arguments.seconds,
    )
    noun = "directory" if target.scope == "directory" else "team"
    end = f"until {moment(until)}" if until else f"until you run `calscim {noun} resume`"
    command.output.data(
        PausedTarget(target.id, target.name, until),
        f"{target.name} is paused {end}; pushed changes are still accepted",
    )


async def resume(command: Command, db: Database, target: Target) -> None:
    """End the pause of the target, and print whether there was one."""
    was = await admin.resume(
        db,
        command.editor(),
        organization=target.organization,
        scope=target.scope,
        target=target.key,
    )
    command.output.data(
        ResumedTarget(target.id, target.name, was),
        f"{target.name} {'is active again' if was else 'was not paused'}",
    )


def state(directory: Directory | DirectoryStatus) -> str:
    """Return whether a directory is active or paused, for a table."""
    if not directory.paused:
        return "active"
    until = directory.paused_until
    return f"paused until {moment(until)}" if until else "paused"
