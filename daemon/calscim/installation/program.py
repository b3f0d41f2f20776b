"""Finds the program that the units start, and tells why a service could not run it."""

import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from calscim.errors import UsageError
from calscim.installation.machine import Machine

# What the units hide (ProtectHome=) or do not execute (NoExecPaths=).
_HIDDEN = ("/home", "/root", "/run", "/tmp", "/var")  # noqa: S108 - not used for files
_OTHERS = stat.S_IROTH | stat.S_IXOTH


def program() -> Path:
    """Return the path of the ``calscim`` that belongs to the running interpreter. Raise UsageError without one."""
    path = Path(sys.executable).parent / "calscim"
    if not path.exists():
        raise UsageError(
            f"{path} does not exist, so that the units would have no program to start: "
            "install calscim into a virtual environment, as in `python3 -m venv /opt/calscim`"
        )
    return path


def obstacle(machine: Machine, path: Path, runtime: Path) -> str | None:
    """Return why a service of the user calscim could not run the program, and what to do; None if it can.

    ``runtime``: the installation of Python that the environment of the program uses.
    """
    for part in (path, path.resolve(), runtime):
        if not part.is_relative_to(machine.root):
            continue  # of the machine that makes the image
        for folder in _HIDDEN:
            if machine.inside(part).is_relative_to(folder):
                return (
                    f"{part} is below {folder}, where the units execute nothing: "
                    "install calscim, with a Python of the system, into /opt/calscim"
                )
    for part in _ancestry(path.resolve()):
        if machine.root.is_relative_to(part):
            break  # the root of the machine, and what is above the folder of an image
        if (part.stat().st_mode & _OTHERS) != _OTHERS:
            return f"the user calscim cannot open {part}: run `chmod o+rx {part}`"
    return None


def command_line(path: Path) -> str:
    """Return the path as ExecStart= spells it: quoted, with doubled percent signs and dollars."""
    written = str(path).replace("%", "%%").replace("$", "$$")
    if written.isprintable() and not set(written) & set(" \"'\\;"):
        return written
    escaped = written.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _ancestry(path: Path) -> Iterator[Path]:
    yield path
    yield from path.parents
