"""Plans the removal of an installation. Configuration, secrets and data stay, unless they are to be purged."""

from collections.abc import Iterator
from pathlib import Path

from calscim.installation.machine import (
    COMMAND,
    DATA,
    DROP_INS,
    FOLDERS,
    SHARE,
    UNIT_FOLDER,
    USERS,
    Machine,
)
from calscim.installation.shipped import UNITS, VERSIONED
from calscim.installation.stamp import is_unedited
from calscim.installation.steps import Keep, Remove, Run, Step


def plan_uninstall(machine: Machine, *, purge: bool) -> Iterator[Step]:
    """Yield the steps that remove what ``plan_install`` made. ``purge``: also configuration, secrets and data."""
    units = [unit for unit in UNITS if machine.path(f"{UNIT_FOLDER}/{unit}").exists()]
    if units and machine.is_booted:
        yield Run(("systemctl", "disable", "--now", *units))
    elif units:
        yield machine.tool("systemctl", "disable", *units)
    for name in (*(f"{UNIT_FOLDER}/{unit}" for unit in UNITS), USERS, FOLDERS):
        yield from _file(machine.path(name), purge=purge)
    for name in VERSIONED.values():
        yield from _drop_in(machine.path(f"{DROP_INS}/{name}"), purge=purge)
    if purge:
        for unit in UNITS:
            yield from _present(machine.path(f"{UNIT_FOLDER}/{unit}.d"))
    yield from _link(machine.path(COMMAND), ("calscim",))
    yield from _link(machine.path(SHARE), ("calscim", "share"))
    if machine.is_booted:
        yield machine.tool("systemctl", "daemon-reload")
    yield from _data(machine, purge=purge)


def _file(path: Path, *, purge: bool) -> Iterator[Step]:
    yield from _present(path.with_name(f"{path.name}.new"))
    if not path.exists():
        return
    if purge or is_unedited(path.read_text("utf-8")):
        yield Remove(path)
    else:
        yield Keep(path, "was edited")


def _drop_in(path: Path, *, purge: bool) -> Iterator[Step]:
    """Remove a drop-in, and the folder if it was the only one."""
    steps = list(_file(path, purge=purge))
    yield from steps
    if steps == [Remove(path)] and list(path.parent.iterdir()) == [path]:
        yield Remove(path.parent)


def _link(path: Path, ends: tuple[str, ...]) -> Iterator[Step]:
    """Remove a link to an installation of calscim; a file, or a link to something else, stays."""
    if path.is_symlink() and path.readlink().parts[-len(ends) :] == ends:
        yield Remove(path)


def _present(path: Path) -> Iterator[Step]:
    if path.exists():
        yield Remove(path)


def _data(machine: Machine, *, purge: bool) -> Iterator[Step]:
    for name in DATA:
        path = machine.path(name)
        if path.exists():
            yield Remove(path) if purge else Keep(path, "has configuration or data")
    if purge and machine.has_user():
        yield _user(machine)


def _user(machine: Machine) -> Run:
    """Return the step that removes the user and its group."""
    options = () if machine.root == Path("/") else ("--root", str(machine.root))
    return Run(("userdel", *options, "calscim"))
