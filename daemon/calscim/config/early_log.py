"""Reads [log] before the rest of the configuration, so that errors in the rest are logged as the daemon logs."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from calscim.config.model import Log

FORMATS = ("json", "console", "auto")


def early_log(path: Path | None, environ: Mapping[str, str]) -> Log:
    """Return format and personal_data of the variables or the file; the defaults for invalid values."""
    section = _section(path)
    form = environ.get("CALSCIM_LOG_FORMAT", section.get("format"))
    personal_data = environ.get("CALSCIM_LOG_PERSONAL_DATA", section.get("personal_data"))
    return Log(
        format=form if form in FORMATS else "auto",
        personal_data=str(personal_data).lower() not in {"false", "0", "no", "off"},
    )


def _section(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        section = tomllib.loads(path.read_text(encoding="utf-8")).get("log")
    except (OSError, ValueError):  # load reports it
        return {}
    return section if isinstance(section, dict) else {}
