"""Reads log.format before the rest of the configuration, so that errors in the rest have the daemon's format."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FORMATS = ("json", "console", "auto")


def log_format(path: Path | None, environ: Mapping[str, str]) -> str:
    """Return log.format of the variable or the file; auto if neither has a valid value."""
    for value in (environ.get("CALSCIM_LOG_FORMAT"), _in_file(path)):
        if value is not None:
            return value if value in FORMATS else "auto"
    return "auto"


def _in_file(path: Path | None) -> Any:
    if path is None:
        return None
    try:
        section = tomllib.loads(path.read_text(encoding="utf-8")).get("log")
    except (OSError, ValueError):  # load reports it
        return None
    return section.get("format") if isinstance(section, dict) else None
