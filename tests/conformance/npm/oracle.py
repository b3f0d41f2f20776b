"""What the npm packages scim2-parse-filter and scim-patch answer, from one Node process for all questions."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.clients import FOLDER

SCRIPT = Path(__file__).with_name("oracle.js")
MODULES = None if FOLDER is None else FOLDER / "npm" / "node_modules"

is_installed = shutil.which("node") is not None and MODULES is not None and MODULES.is_dir()
needed = pytest.mark.skipif(
    not is_installed,
    reason="its npm package is not installed: `make conformance` installs and runs it",
)


class RefusedError(Exception):
    """The package refuses the filter or the operations. The argument is its message."""


@dataclass(frozen=True, slots=True)
class Oracle:
    """A running Node process that answers one line with one line."""

    process: subprocess.Popen[str]

    def matches(self, text: str, users: list[dict[str, Any]]) -> list[bool]:
        """Return which users the filter matches. Raise RefusedError for an invalid filter."""
        found: list[bool] = self._ask({"filter": text, "users": users})["matches"]
        return found

    def patched(self, user: dict[str, Any], operations: list[dict[str, Any]]) -> dict[str, Any]:
        """Return the user after the operations. Raise RefusedError if the operations are impossible."""
        changed: dict[str, Any] = self._ask({"user": user, "operations": operations})["user"]
        return changed

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        if "refused" in answer:
            raise RefusedError(answer["refused"])
        return answer


@contextmanager
def started() -> Iterator[Oracle]:
    """Start the process, and end it afterwards."""
    with subprocess.Popen(
        ["node", str(SCRIPT)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env={"PATH": os.environ["PATH"], "NODE_PATH": str(MODULES)},
    ) as process:
        yield Oracle(process)
