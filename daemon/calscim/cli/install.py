"""calscim install and uninstall: set calscim up as a systemd service, and remove it again."""

import asyncio
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import assert_never

from rich.console import Group, RenderableType

from calscim.admin.as_json import OPTIONAL
from calscim.cli.command import Command
from calscim.cli.confirmation import agreed, can_ask
from calscim.cli.output import lines, table
from calscim.cli.parser import Parser
from calscim.cli.verbs import Verbs
from calscim.errors import UsageError
from calscim.installation.install import is_installed, plan_install
from calscim.installation.machine import CONFIGURATION, DATA, Machine
from calscim.installation.program import obstacle, program
from calscim.installation.shipped import shipped
from calscim.installation.steps import Keep, Link, Remove, Run, Step, Write, apply
from calscim.installation.uninstall import plan_uninstall

_FIRST = (
    f"1. Edit {CONFIGURATION}: the database, public_url, the organization.",
    "2. Write each secret into the file that the configuration names: an API key into",
    "   /etc/calscim/credentials, the DSN of the role that owns the tables into /etc/calscim/owner.",
    "3. systemctl start calscim     # creates the schema first",
    "4. calscim check",
)


def register(verbs: Verbs) -> None:
    install = verbs.add(
        "install",
        _install,
        details="Creates the user calscim, /etc/calscim with the example of the configuration, the folders for state "
        "and logs, and the units, and enables calscim.service without starting it. Run it again after an upgrade: it "
        "does not replace files that you have edited.",
        examples=("calscim install --systemd --dry-run", "calscim install --systemd"),
    )
    _options(install)
    uninstall = verbs.add(
        "uninstall",
        _uninstall,
        details="Stops the daemon and removes what `calscim install` created. Configuration, secrets and data stay "
        "without --purge. The database in Postgres always stays.",
        examples=("calscim uninstall --systemd", "calscim uninstall --systemd --purge"),
    )
    _options(uninstall)
    uninstall.add_argument(
        "--purge", action="store_true", help=f"also remove {', '.join(DATA)} and the user calscim"
    )
    uninstall.add_argument(
        "--yes", action="store_true", help="purge without asking; needed without a terminal"
    )


def _options(parser: Parser) -> None:
    parser.add_argument("--systemd", action="store_true", required=True, help="the service manager")
    parser.add_argument("--dry-run", action="store_true", help="print the steps and change nothing")
    parser.add_argument(
        "--root", metavar="DIR", type=Path, default=Path("/"), help="the folder of an image, instead of this machine"
    )  # fmt: skip


async def _install(command: Command) -> None:
    machine = _machine(command)
    path = program()
    if (reason := obstacle(machine, path, Path(sys.base_prefix))) is not None:
        raise UsageError(reason)
    steps = tuple(plan_install(machine, shipped(), path))
    was_installed = is_installed(machine)
    await _carry_out(command, steps)
    if command.arguments.dry_run:
        return
    if was_installed and not any(isinstance(step, Write) for step in steps):
        command.output.say(
            "",
            "Every file is up to date. After an upgrade of the package: systemctl restart calscim",
        )
    elif was_installed:
        command.output.say("", "next: systemctl restart calscim")
    else:
        command.output.say("", "next:", *_FIRST)


async def _uninstall(command: Command) -> None:
    machine, purge = _machine(command), command.arguments.purge
    if purge and not command.arguments.dry_run:
        await _consent(command)
    await _carry_out(command, tuple(plan_uninstall(machine, purge=purge)))
    if not command.arguments.dry_run:
        command.output.say("", "The database in Postgres stays. Use DROP DATABASE to remove it.")


def _machine(command: Command) -> Machine:
    machine = Machine.at_root(command.arguments.root)
    machine.refuse_package()
    if not command.arguments.dry_run:
        machine.refuse_ordinary_user()
    return machine


async def _consent(command: Command) -> None:
    """Ask before data is removed. Raise UsageError without consent."""
    if command.arguments.yes:
        return
    consequence = f"{', '.join(DATA)} will be removed, with all API keys and a bundled database."
    if not can_ask():
        raise UsageError(f"{consequence} Add --yes to do this without a terminal")
    if not await agreed(command, consequence):
        raise UsageError("nothing was changed")


@dataclass(frozen=True, slots=True)
class _Line:
    """One step as it is printed."""

    done: str
    what: str
    note: str | None = field(default=None, metadata=OPTIONAL)


async def _carry_out(command: Command, steps: Iterable[Step]) -> None:
    """Apply the steps unless this is a dry run, and print them."""
    shown: list[_Line] = []
    try:
        for step in steps:
            if not command.arguments.dry_run:
                await asyncio.to_thread(apply, step)
            shown.append(_line(step, is_done=not command.arguments.dry_run))
    finally:
        command.output.data(shown, _drawn(shown))


def _drawn(shown: Iterable[_Line]) -> RenderableType:
    rows = [(one.done, one.what, one.note or "") for one in shown]
    return Group(table(("step", "what", "note"), rows)) if rows else lines("nothing to do")


def _line(step: Step, *, is_done: bool) -> _Line:
    match step:
        case Write(path, _, _, note):
            return _Line("wrote" if is_done else "would write", str(path), note or None)
        case Link(path, target):
            return _Line("linked" if is_done else "would link", str(path), f"to {target}")
        case Remove(path, note):
            return _Line("removed" if is_done else "would remove", str(path), note or None)
        case Run(arguments, _, note):
            return _Line("ran" if is_done else "would run", " ".join(arguments), note or None)
        case Keep(path, note):
            return _Line("kept" if is_done else "would keep", str(path), note)
    assert_never(step)
