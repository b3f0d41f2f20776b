"""Write docs/reference/cli.md from the parsers of the command line (`make reference`)."""

import sys
from collections.abc import Iterator
from pathlib import Path

from calscim.cli.main import all_verbs
from calscim.cli.parser import Parser
from calscim.exit_codes import ExitCode
from tools.arguments import arguments

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reference" / "cli.md"
HEAD = """# Command line

This page is generated from the code by `make reference`. `calscim VERB --help` prints the same.

Data goes to standard output; messages, progress and logs go to standard error. With `--json` standard output has one
JSON value and nothing else. An organization may be left out if the configuration has only one, and a directory if there
is only one.

A verb that removes something says on a terminal what will happen, and asks; `--yes` answers beforehand. Without a
terminal on standard input and standard error, calscim never asks: `erase` and `mapping apply` then need `--yes`,
and the others go on.

## Exit codes

A verb lists its own codes; the others are common to all verbs. Wrong arguments are 64, not 2, so that a script never
takes a misspelled option for pending changes.

| Code | Meaning |
|---|---|
"""


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
    if table := _options(verb, root):
        yield f"\n{table}"
    if verb.exits:
        codes = ", ".join(f"{code:d} ({code.meaning})" for code in verb.exits)
        yield f"\nExit codes: {codes}.\n"


def _options(parser: Parser, besides: Parser | None = None) -> str:
    rows = [
        f"| {_cell(', '.join(f'`{name}`' for name in one.names))} | {_cell(one.meaning)} |\n"
        for one in arguments(parser, besides)
    ]
    return f"| Argument | Meaning |\n|---|---|\n{''.join(rows)}" if rows else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"{PAGE} was written", file=sys.stderr)
