"""One finding of `calscim doctor`."""

from dataclasses import dataclass
from enum import Enum


class State(Enum):
    """How serious a finding is."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, what was found, and ``then``: what to do ("" if nothing)."""

    what: str
    state: State
    detail: str
    then: str = ""


def ok(what: str, detail: str) -> Finding:
    """Return a finding without a problem."""
    return Finding(what, State.OK, detail)


def warning(what: str, detail: str, then: str) -> Finding:
    """Return a finding that may become a problem."""
    return Finding(what, State.WARNING, detail, then)


def failed(what: str, detail: str, then: str) -> Finding:
    """Return a finding that keeps calscim from working."""
    return Finding(what, State.FAILED, detail, then)


def skipped(what: str, detail: str) -> Finding:
    """Return a finding that could not be made, with the reason."""
    return Finding(what, State.SKIPPED, detail)
