"""The priority of a line for journald, which reads it from the start of the line and removes it (sd-daemon(3)).

A prefix is all that journald needs to give each line its priority (`journalctl -p warning`), and MESSAGE stays the line
that every other reader of standard error gets. The native protocol would add fields, but would need a second socket.
"""

import os
import sys
from collections.abc import Callable, Mapping
from typing import Any, TextIO

from calscim.logs.redaction import Event

Renderer = Callable[[Any, str, Event], Any]

_INFO = 6
# The numbers of syslog(3).
_PRIORITIES = {"critical": 2, "error": 3, "exception": 3, "warning": 4, "info": _INFO, "debug": 7}


def reads(stream: TextIO | None, environ: Mapping[str, str] = os.environ) -> bool:
    """Return True if journald reads the stream (None: standard error): systemd names its device and inode."""
    try:
        found = os.fstat((stream or sys.stderr).fileno())
    except (OSError, ValueError):  # closed, or not a file
        return False
    return environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


def with_priority(render: Renderer) -> Renderer:
    """Return a renderer that puts the priority before each line of an event, as journald reads single lines."""

    def render_lines(logger: Any, name: str, event: Event) -> str:
        prefix = f"<{_PRIORITIES.get(str(event.get('level')), _INFO)}>"
        text: str = render(logger, name, event)
        return prefix + text.replace("\n", f"\n{prefix}")

    return render_lines
