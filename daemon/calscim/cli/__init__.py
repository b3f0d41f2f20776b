"""The verbs; the only place that prints. Data goes to standard output, everything else to standard error."""

from calscim.cli.main import main

__all__ = ["main"]
