"""The registry of verbs, to which modules add theirs."""

import argparse
from collections.abc import Awaitable, Callable, Mapping, Sequence
from textwrap import fill
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from calscim.cli.command import Command

WIDTH = 78  # columns of descriptions, for a terminal of 80

Verb: TypeAlias = "Callable[[Command], Awaitable[int | None]]"


class Verbs:
    """The verbs of a parser. Every verb takes --config; a verb that prints data takes --json too.

    ``summaries``: the lines of help of verbs that are added without one.
    """

    def __init__(
        self, parser: argparse.ArgumentParser, summaries: Mapping[str, str] | None = None
    ) -> None:
        self._summaries = summaries or {}
        self._verbs = parser.add_subparsers(metavar="VERB", title="verbs", required=True)

    def add(
        self,
        name: str,
        verb: Verb,
        summary: str = "",
        *,
        data: bool = True,
        details: str = "",
        examples: Sequence[str] = (),
    ) -> argparse.ArgumentParser:
        """Add a verb with one line of help. ``data``: it prints data, and so takes --json."""
        parser = self._new(name, summary, details)
        if examples:
            parser.epilog = "\n".join(("examples:", *(f"  {example}" for example in examples)))
        if data:
            parser.add_argument(
                "--json", action="store_true", help="print one JSON value and nothing else"
            )
        parser.set_defaults(verb=verb)
        return parser

    def group(self, name: str, summary: str = "") -> "Verbs":
        """Add a noun, and return the registry of its verbs."""
        return Verbs(self._new(name, summary, ""))

    def _new(self, name: str, summary: str, details: str) -> argparse.ArgumentParser:
        summary = summary or self._summaries[name]
        parser: argparse.ArgumentParser = self._verbs.add_parser(
            name,
            help=summary,
            description=fill(f"{summary[0].upper()}{summary[1:]}. {details}", WIDTH),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        config_option(parser)
        return parser


def config_option(parser: argparse.ArgumentParser) -> None:
    """Add --config, which may stand before or after the verb: the last one counts."""
    parser.add_argument(
        "--config",
        metavar="FILE",
        default=argparse.SUPPRESS,
        help="configuration file (default: $CALSCIM_CONFIG, ./config/calscim.toml, /etc/calscim/calscim.toml)",
    )
