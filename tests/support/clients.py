"""SCIM clients that others wrote, which `make conformance` installs. Their tests are skipped without them."""

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path

import pytest

FOLDER = Path(os.environ["CLIENTS"]).resolve() if os.environ.get("CLIENTS") else None


@dataclass(frozen=True, slots=True)
class Ran:
    """What a program printed, and its exit code."""

    code: int
    output: str
    errors: str


@dataclass(frozen=True, slots=True)
class Program:
    """A program in one of the environments below $CLIENTS: ``Program("conformance", "scim2")``."""

    environment: str
    name: str

    @property
    def path(self) -> Path | None:
        """The program's file, or None if it is not installed."""
        file = None if FOLDER is None else FOLDER / self.environment / "bin" / self.name
        return file if file is not None and file.exists() else None

    @property
    def needed(self) -> pytest.MarkDecorator:
        """A mark that skips a test if the program is not installed."""
        reason = f"{self.name} is not installed: `make conformance` installs and runs it"
        return pytest.mark.skipif(self.path is None, reason=reason)

    async def run(self, *arguments: str, folder: Path | None = None, **variables: str) -> Ran:
        """Run the program in a folder, with these variables and no proxies or settings in the environment."""
        assert self.path is not None, "the test has the mark `needed`"
        environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        process = await asyncio.create_subprocess_exec(
            str(self.path), *arguments,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE, env=environment | variables, cwd=folder,
        )  # fmt: skip
        output, errors = await process.communicate()
        assert process.returncode is not None
        return Ran(process.returncode, output.decode(), errors.decode())
