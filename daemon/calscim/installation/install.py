"""Plans an installation. A file that an operator has edited is never replaced: its new content is written beside it."""

from collections.abc import Iterator
from pathlib import Path

from calscim.installation.machine import (
    COMMAND,
    CONFIGURATION,
    DROP_INS,
    FOLDERS,
    SHARE,
    UNIT_FOLDER,
    USERS,
    Machine,
)
from calscim.installation.program import command_line
from calscim.installation.shipped import UNITS, VERSIONED, Shipped
from calscim.installation.stamp import is_unedited, stamped
from calscim.installation.steps import Keep, Link, Step, Write


def plan_install(machine: Machine, source: Shipped, program: Path) -> Iterator[Step]:
    """Yield the steps that install calscim, or bring an installation up to date."""
    started = command_line(machine.inside(program))
    for unit in UNITS:
        yield _file(machine.path(f"{UNIT_FOLDER}/{unit}"), source.unit(unit, started))
    for version, name in VERSIONED.items():
        if machine.version >= version:
            yield _file(machine.path(f"{DROP_INS}/{name}"), source.drop_in(name))
    yield _file(machine.path(USERS), source.users())
    yield machine.tool("systemd-sysusers", Path(USERS).name, note="creates the user calscim")
    yield _file(machine.path(FOLDERS), source.folders())
    yield machine.tool("systemd-tmpfiles", "--create", Path(FOLDERS).name, note="makes the folders")
    yield from _configuration(machine, source)
    yield from _links(machine, source, program)
    yield from _activation(machine)


def is_installed(machine: Machine) -> bool:
    """Return True if the machine has the daemon's unit."""
    return machine.path(f"{UNIT_FOLDER}/calscim.service").exists()


def _file(path: Path, content: str) -> Step:
    wanted = stamped(content)
    if not path.exists():
        return Write(path, wanted)
    present = path.read_text("utf-8")
    if present == wanted:
        return Keep(path, "is up to date")
    if is_unedited(present):
        return Write(path, wanted, note="updated")
    beside = path.with_name(f"{path.name}.new")
    if beside.exists() and beside.read_text("utf-8") == wanted:
        return Keep(path, f"was edited; compare it with {beside.name}")
    return Write(beside, wanted, note=f"because {path.name} was edited: compare them")


def _configuration(machine: Machine, source: Shipped) -> Iterator[Step]:
    path = machine.path(CONFIGURATION)
    if path.exists():
        yield Keep(path, "exists")
        return
    yield Write(path, source.example(), mode=0o600)
    # systemd-tmpfiles knows the group's number on a machine that does not run.
    yield machine.tool(
        "systemd-tmpfiles",
        "--create",
        "-",
        text=f"z {CONFIGURATION} 0640 root calscim -\n",
        note=f"lets the group calscim read {Path(CONFIGURATION).name}",
    )


def _links(machine: Machine, source: Shipped, program: Path) -> Iterator[Step]:
    share = machine.inside(source.folder)
    targets = {COMMAND: machine.inside(program), SHARE: share}
    if machine.inside(program).parent in {Path("/usr/bin"), Path(COMMAND).parent}:
        del targets[COMMAND]
    for name, target in targets.items():
        path = machine.path(name)
        if path.is_symlink() and path.readlink() == target:
            yield Keep(path, "is up to date")
        elif path.exists() and not path.is_symlink():
            yield Keep(path, "exists and is not a link")
        else:
            yield Link(path, target)


def _activation(machine: Machine) -> Iterator[Step]:
    if machine.is_booted:
        yield machine.tool("systemctl", "daemon-reload")
    if not is_installed(machine):  # later, an operator may have disabled the unit
        yield machine.tool(
            "systemctl", "enable", "calscim.service", note="starts calscim with the machine"
        )
