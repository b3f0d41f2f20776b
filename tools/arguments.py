"""The arguments of a verb, for the reference page and the manual page of the command line."""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

from calscim.cli.parser import Parser

_HELP = {"-h", "--help"}


@dataclass(frozen=True, slots=True)
class Argument:
    """An option or a positional argument. ``names``: each spelling with its value, such as ``--mode MODE``."""

    names: tuple[str, ...]
    meaning: str


def arguments(parser: Parser, besides: Parser | None = None) -> Iterator[Argument]:
    """Yield the arguments of a parser, without --help, the verbs below, and the options of ``besides``."""
    left_out = _HELP | _options(besides) if besides is not None else _HELP
    for action in parser._actions:  # noqa: SLF001 (argparse has no other way)
        is_hidden = action.help == argparse.SUPPRESS or isinstance(action.choices, dict)
        if not is_hidden and not {*action.option_strings} & left_out:
            yield Argument(_names(action), _meaning(action))


def _options(parser: Parser) -> set[str]:
    return {name for action in parser._actions for name in action.option_strings}  # noqa: SLF001 (as above)


def _names(action: argparse.Action) -> tuple[str, ...]:
    value = _value(action)
    return tuple(f"{name} {value}".strip() for name in action.option_strings or [""])


def _value(action: argparse.Action) -> str:
    if action.nargs == 0:
        return ""
    value = action.metavar
    if value is None and action.choices:
        value = "{" + ",".join(map(str, action.choices)) + "}"
    if value is None:
        value = action.dest.upper() if action.option_strings else action.dest
    value = f"{value} ..." if action.nargs == "+" else str(value)
    return f"[{value}]" if action.nargs == "?" else value


def _meaning(action: argparse.Action) -> str:
    is_required = action.required and action.option_strings
    return " ".join((action.help or "").split()) + (" (required)" if is_required else "")
