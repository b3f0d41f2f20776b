"""Write build/man/calscim.1, the manual page, from the parsers of the command line (`make man`)."""

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from textwrap import fill

from calscim import __version__
from calscim.cli.main import all_verbs
from calscim.cli.parser import Parser
from calscim.exit_codes import ExitCode
from tools.arguments import Argument, arguments

PAGE = Path(__file__).resolve().parents[1] / "build" / "man" / "calscim.1"
FILES = (
    ("./config/calscim.toml", "the configuration, if $CALSCIM_CONFIG is not set"),
    ("/etc/calscim/calscim.toml", "the configuration, if there is no other"),
)
ENVIRONMENT = (
    ("CALSCIM_CONFIG", "path of the configuration"),
    ("CALSCIM_...", "replaces a key of the configuration, such as CALSCIM_DATABASE_DSN"),
)


def page() -> str:
    """Return the page in the man(7) language, which groff and mandoc read."""
    return "\n".join(_lines(all_verbs())) + "\n"


def _lines(root: Parser) -> Iterator[str]:
    yield f'.TH CALSCIM 1 "" "calscim {_text(__version__)}" "User Commands"'
    yield from (".SH NAME", r"calscim \- SCIM 2.0 directory sync for Cal.com")
    yield from (".SH SYNOPSIS", r".B calscim", r"[\fB\-\-config\fR \fIFILE\fR] \fIVERB\fR ...")
    yield from (".SH DESCRIPTION", _text(root.description or ""))
    yield ".SH OPTIONS"
    yield from _arguments(arguments(root))
    yield ".SH VERBS"
    for verb in root.leaves():
        yield from _verb(verb, root)
    yield ".SH EXIT STATUS"
    yield from _listed((str(code.value), code.meaning) for code in ExitCode)
    yield ".SH ENVIRONMENT"
    yield from _listed(ENVIRONMENT)
    yield ".SH FILES"
    yield from _listed(FILES)


def _verb(verb: Parser, root: Parser) -> Iterator[str]:
    yield f".SS {_text(verb.prog)}"
    yield _text(" ".join((verb.description or "").split()))
    yield from _arguments(arguments(verb, besides=root))
    yield from (".PP", "Examples:", ".PP", ".nf", ".RS")
    yield from (_escaped(example) for example in verb.examples)
    yield from (".RE", ".fi")
    if verb.exits:
        codes = ", ".join(f"{code:d} ({code.meaning})" for code in verb.exits)
        yield from (".PP", _text(f"Exit status: {codes}."))


def _arguments(found: Iterable[Argument]) -> Iterator[str]:
    for argument in found:
        yield ".TP"
        yield ", ".join(_invocation(name) for name in argument.names)
        yield _text(argument.meaning)


def _invocation(name: str) -> str:
    """Return an option in bold with its value in italics."""
    option, _, value = name.partition(" ") if name.startswith("-") else ("", "", name)
    parts = [rf"\fB{_text(option)}\fR"] if option else []
    return " ".join([*parts, *([rf"\fI{_text(value)}\fR"] if value else [])])


def _listed(rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    for name, meaning in rows:
        yield from (".TP", rf"\fB{_text(name)}\fR", _text(meaning))


def _text(text: str) -> str:
    r"""Return text that roff prints as it is, in lines of at most 80 columns.

    A backslash, a hyphen, a quote and a leading period have a meaning in roff.
    """
    text = fill(text, 66, break_on_hyphens=False, break_long_words=False)
    return _escaped(text)


def _escaped(text: str) -> str:
    text = text.replace("\\", r"\e").replace("-", r"\-").replace("'", r"\(aq").replace("`", r"\(ga")
    return re.sub(r"^(?=\.)", r"\\&", text, flags=re.MULTILINE)


if __name__ == "__main__":
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
    print(f"{PAGE} was written; read it with `man -l {PAGE}`", file=sys.stderr)
