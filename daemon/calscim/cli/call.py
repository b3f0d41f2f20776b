"""One call of the command line: its arguments, its output, and its configuration."""

import argparse
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from calscim.admin import Editor
from calscim.cli.actor import actor
from calscim.cli.output import Output
from calscim.config import Settings, find, load
from calscim.option_types import duration


@dataclass(frozen=True, slots=True)
class Call:
    """The argument of every verb. ``settings`` reads the configuration again at each call."""

    arguments: argparse.Namespace
    output: Output
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)

    @property
    def configuration(self) -> Path | None:
        """Return the file that ``settings`` reads; None if there is none."""
        return find(self.arguments.config, self.environ)

    def settings(self) -> Settings:
        """Return the settings. Raise ConfigError with every problem of the configuration."""
        return load(self.configuration, self.environ)

    def editor(self) -> Editor:
        """Return the editor that the journal records for an edit: the user and the machine."""
        return Editor(by=actor(self.environ), cipher=self.settings().journal.cipher())


def a_duration(text: str) -> float:
    """Parse an argument such as 2h; return seconds."""
    try:
        return duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def a_moment(text: str) -> datetime:
    """Parse an argument such as 2026-03-01 or 2026-03-01T08:30Z; without a time zone, it is UTC."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        message = f"{text!r} is no time: write 2026-03-01 or 2026-03-01T08:30:00Z"
        raise argparse.ArgumentTypeError(message) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
