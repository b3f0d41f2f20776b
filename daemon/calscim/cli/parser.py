"""The argument parser of every verb. It answers a misspelled name with the verb's usage and the nearest name."""

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NoReturn

from calscim.exit_codes import ExitCode
from calscim.terminal import printable

_AFTER = "the options of a verb stand after the verb"


class Parser(argparse.ArgumentParser):
    """An argparse parser with plain help, exact option names, and suggestions in its error messages."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(
            **arguments,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        self.color = False  # Python 3.14 and later would color the help
        self.examples: Sequence[str] = ()
        self.exits: Sequence[ExitCode] = ()
        self._arguments: Sequence[str] = ()

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse as argparse does, and keep the arguments for error messages."""
        self._arguments = sys.argv[1:] if args is None else list(args)
        return super().parse_known_args(args, namespace)

    def refuse(self, unknown: Sequence[str]) -> NoReturn:
        """Exit because of arguments that the verb does not have."""
        for argument in unknown:
            if argument.startswith("-"):
                self.error(self._no_option(argument))
        self.error(f"there is no argument {unknown[0]!r}: leave it out")

    def error(self, message: str) -> NoReturn:
        """Print the usage and the error. A misspelled option is named first, because it can cause any other error."""
        wrong = next(iter(self._unknown_options()), None)
        said = message if wrong is None else self._no_option(wrong)
        self.print_usage(sys.stderr)
        self.exit(ExitCode.USAGE, f"{self.prog}: {printable(said)}; see `{self.prog} --help`\n")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        choices = action.choices
        if choices is None or value in choices:
            return
        suggestion = did_you_mean(str(value), map(str, choices))
        if action.nargs == argparse.PARSER:
            raise argparse.ArgumentError(None, f"there is no verb {value!r}{suggestion}")
        listed = ", ".join(map(str, choices))
        raise argparse.ArgumentError(action, f"{value!r} is not one of {listed}{suggestion}")

    @property
    def verbs(self) -> "dict[str, Parser]":
        """Return the parsers of the verbs below this parser, by name; none for a verb."""
        return {
            name: parser
            for action in self._actions
            if isinstance(action.choices, dict)
            for name, parser in action.choices.items()
        }

    def leaves(self) -> "Iterator[Parser]":
        """Yield the parser of every verb that can be run, in the order of the help."""
        if not self.verbs:
            yield self
        for parser in self.verbs.values():
            yield from parser.leaves()

    def _unknown_options(self) -> list[str]:
        """Return the long options that this parser does not have, up to the verb that another parser reads."""
        verbs, found = set(self.verbs), []
        for argument in self._arguments:
            if argument == "--" or argument in verbs:
                break
            if argument.startswith("--") and argument.partition("=")[0] not in self._options:
                found.append(argument)
        return found

    @property
    def _options(self) -> list[str]:
        return list(self._option_string_actions)

    def _no_option(self, argument: str) -> str:
        name = argument.partition("=")[0]
        if name in self._options:
            return f"{name} belongs to the verb: {_AFTER}"
        suggestion = did_you_mean(name, self._options)
        if not suggestion and self.verbs:
            suggestion = f": {_AFTER}"
        return f"there is no option {name}{suggestion}"


def a_count(text: str) -> int:
    """Read an argument that is a number of things."""
    if not text.isascii() or not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number: write 0 or more")
    return int(text)


def did_you_mean(wrong: str, names: Iterable[str]) -> str:
    """Return ``: did you mean X?`` for the nearest names, or an empty string if none is near."""
    from difflib import get_close_matches  # noqa: PLC0415 - only errors need it

    every = list(names)
    near = [name for name in every if len(wrong) > 2 and name.startswith(wrong)]
    near = near or get_close_matches(wrong, every, n=2, cutoff=0.7)
    return f": did you mean {' or '.join(near)}?" if near else ""
