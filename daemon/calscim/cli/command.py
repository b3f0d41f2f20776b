"""One command line: its arguments, its output and its environment."""

import argparse
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from calscim.admin import Editor
from calscim.cli.actor import actor
from calscim.cli.output import Output
from calscim.config import Settings, find, load


@dataclass(frozen=True, slots=True)
class Command:
    """One command, the parameter of every verb. ``settings`` reads the configuration again each time it is called."""

    arguments: argparse.Namespace
    output: Output
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)

    @property
    def configuration(self) -> Path | None:
        """Return the file that ``settings`` reads; None if there is no file."""
        return find(self.arguments.config, self.environ)

    def settings(self) -> Settings:
        """Read the configuration. Raise ConfigError with every problem if it cannot be used."""
        return load(self.configuration, self.environ)

    def editor(self) -> Editor:
        """Return the operator, user and machine, that the journal names for an edit."""
        return Editor(by=actor(self.environ), cipher=self.settings().journal.cipher())
