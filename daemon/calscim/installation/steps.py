"""The steps of an installation, as values: each tells what it does, and what it would do in a dry run."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

from calscim.errors import UsageError


@dataclass(frozen=True, slots=True)
class Write:
    """Write a file. ``note``: why it has this name."""

    path: Path
    content: str
    mode: int = 0o644
    note: str = ""


@dataclass(frozen=True, slots=True)
class Keep:
    """Leave a file as it is."""

    path: Path
    note: str


@dataclass(frozen=True, slots=True)
class Link:
    """Create a symbolic link."""

    path: Path
    target: Path


@dataclass(frozen=True, slots=True)
class Remove:
    """Remove a file, a link, or a folder with everything in it."""

    path: Path
    note: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """Run a program. ``text``: its standard input. ``note``: what it does."""

    arguments: tuple[str, ...]
    text: str = ""
    note: str = ""


Step: TypeAlias = Write | Keep | Link | Remove | Run


class Runner(Protocol):
    """Runs a program, and returns its exit code and what it printed to standard error."""

    def __call__(self, arguments: Sequence[str], text: str) -> tuple[int, str]: ...


def run(arguments: Sequence[str], text: str) -> tuple[int, str]:
    """Run a program with ``text`` as its standard input. Raise UsageError if it is not installed."""
    try:
        ran = subprocess.run(  # noqa: S603 - the programs and their arguments are constants of this package
            arguments, input=text, text=True, capture_output=True, check=False, timeout=300
        )
    except FileNotFoundError:
        raise UsageError(
            f"{arguments[0]} is not installed: install systemd, or set calscim up without it "
            "(docs/operations/install.md)"
        ) from None
    return ran.returncode, ran.stderr.strip()


def apply(step: Step, runner: Runner = run) -> None:
    """Do one step. Raise UsageError with what failed if it cannot be done."""
    try:
        _apply(step, runner)
    except OSError as error:
        raise UsageError(
            f"{error.filename} cannot be changed ({error.strerror}): nothing after this step was done; "
            "correct this and run the same command again"
        ) from error


def _apply(step: Step, runner: Runner) -> None:
    match step:
        case Write(path, content, mode):
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(path, content, mode)
        case Link(path, target):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            path.symlink_to(target)
        case Remove(path):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        case Run(arguments, text):
            code, printed = runner(arguments, text)
            if code:
                shown = f": {printed}" if printed else ""
                raise UsageError(f"`{' '.join(arguments)}` failed with exit code {code}{shown}")
        case Keep():
            pass


def _write(path: Path, content: str, mode: int) -> None:
    """Replace the file at once, so that no reader finds half of it."""
    beside = path.with_name(f".{path.name}.writing")
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        os.fchmod(descriptor, mode)  # whatever the umask is
        file.write(content)
    beside.replace(path)
