"""Write docs/reference/cli.md from the parsers of the command line (`make reference`)."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from calscim.cli.main import all_verbs
from calscim.cli.parser import Parser
from calscim.exit_codes import ExitCode

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reference" / "cli.md"
HEAD = """# Command line

This page is generated from the code by `make reference`. `calscim VERB --help` prints the same.

Data goes to standard output; messages, progress and logs go to standard error. With `--json` standard output has one
JSON value and nothing else. An organization may be left out if the configuration has only one, and a directory if there
is only one.

## Exit codes

A verb lists its own codes; the others are common to all verbs. Wrong arguments are 64, not 2, so that a script never
takes a misspelled option for pending changes.

| Code | Meaning |
|---|---|
"""
BESIDES = {"-h", "--help"}


def page() -> str:
    """Return the whole page as Markdown."""
    root = all_verbs()
    codes = "".join(f"| {code:d} | {code.meaning} |\n" for code in ExitCode)
    parts = [HEAD, codes, "\n## Options of every verb\n\n", _options(root)]
    for verb in root.leaves():
        parts += ["\n", *_verb(verb, root)]
    return "".join(parts)


def _verb(verb: Parser, root: Parser) -> Iterator[str]:
    yield f"## {verb.prog}\n\n{' '.join((verb.description or '').split())}\n\n"
    yield f"```console\n{''.join(f'$ {example}{chr(10)}' for example in verb.examples)}```\n"
    common = {name for action in root._actions for name in action.option_strings}  # noqa: SLF001 (argparse has no other way)
    if table := _options(verb, common):
        yield f"\n{table}"
    if verb.exits:
        codes = ", ".join(f"{code:d} ({code.meaning})" for code in verb.exits)
        yield f"\nExit codes: {codes}.\n"


def _options(parser: Parser, besides: set[str] | None = None) -> str:
    """Return a table of the arguments, without those in ``besides`` and without the verbs below."""
    rows = []
    for action in parser._actions:  # noqa: SLF001 (argparse has no other way)
        hidden = action.help == argparse.SUPPRESS or isinstance(action.choices, dict)
        if not hidden and not {*action.option_strings} & (BESIDES | (besides or set())):
            rows.append(f"| {_name(action)} | {_help(action)} |\n")
    return f"| Argument | Meaning |\n|---|---|\n{''.join(rows)}" if rows else ""


def _name(action: argparse.Action) -> str:
    value = action.metavar or ("" if action.option_strings else action.dest)
    if not value and action.choices:
        value = "{" + ",".join(map(str, action.choices)) + "}"
    if not value and action.nargs != 0:
        value = action.dest.upper()
    value = f"{value} ..." if action.nargs == "+" else str(value)
    value = f"[{value}]" if action.nargs == "?" else value
    names = [f"`{f'{name} {value}'.strip()}`" for name in action.option_strings or [""]]
    return ", ".join(names).replace("|", "\\|")


def _help(action: argparse.Action) -> str:
    required = " (required)" if action.required and action.option_strings else ""
    return f"{' '.join((action.help or '').split())}{required}".replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"{PAGE} was written", file=sys.stderr)
