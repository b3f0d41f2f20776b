"""The registry of verbs, to which modules add theirs."""

import argparse
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from textwrap import fill
from typing import TYPE_CHECKING, TypeAlias

from calscim.cli.parser import Parser
from calscim.exit_codes import ExitCode

if TYPE_CHECKING:
    from calscim.cli.command import Command

WIDTH = 78  # columns of descriptions, for a terminal of 80

Verb: TypeAlias = "Callable[[Command], Awaitable[int | None]]"


class Verbs:
    """The verbs of a parser. Every verb takes --config; a verb that prints data takes --json too.

    ``summaries``: the lines of help of verbs that are added without one.
    """

    def __init__(self, parser: Parser, summaries: Mapping[str, str] | None = None) -> None:
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
        exits: Sequence[ExitCode] = (),
    ) -> Parser:
        """Add a verb with one line of help. ``data``: it prints data, and so takes --json.

        ``examples``: two or more command lines. ``exits``: its exit codes besides 0, 1 and those of every verb.
        """
        parser = self._new(name, summary, details)
        parser.examples, parser.exits = examples, exits
        parts = ["\n".join(("examples:", *(f"  {example}" for example in examples)))]
        if exits:
            parts.append(exit_codes(sorted({ExitCode.IN_SYNC, ExitCode.FAILED, *exits})))
        parser.epilog = "\n\n".join(parts)
        if data:
            parser.add_argument(
                "--json", action="store_true", help="print one JSON value and nothing else"
            )
        parser.set_defaults(verb=verb, parser=parser)
        return parser

    def group(self, name: str, summary: str = "") -> "Verbs":
        """Add a noun, and return the registry of its verbs."""
        return Verbs(self._new(name, summary, ""))

    def _new(self, name: str, summary: str, details: str) -> Parser:
        summary = summary or self._summaries[name]
        parser: Parser = self._verbs.add_parser(
            name,
            help=summary,
            description=fill(
                f"{summary[0].upper()}{summary[1:]}. {details}", WIDTH, break_on_hyphens=False
            ),
        )
        common_options(parser)
        return parser


def exit_codes(codes: Iterable[ExitCode]) -> str:
    """Return the lines of help that list exit codes."""
    return "\n".join(("exit codes:", *(f"  {code:<5}{code.meaning}" for code in codes)))


def common_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of every verb, which may stand before or after the verb: the last one counts."""
    parser.add_argument(
        "--config",
        metavar="FILE",
        default=argparse.SUPPRESS,
        help="configuration file (default: $CALSCIM_CONFIG, ./config/calscim.toml, /etc/calscim/calscim.toml)",
    )
    parser.add_argument(
        "--no-color",
        action="store_true",
        default=argparse.SUPPRESS,
        help="print plain text, as with the variable NO_COLOR",
    )
