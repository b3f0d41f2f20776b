"""The result of one check."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """One check. ``warning``: a sentence, if it is passed and something is still wrong."""

    what: str
    ok: bool
    detail: str
    warning: str = ""
