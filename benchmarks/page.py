"""Write docs/performance.md from what the benchmarks print (``make bench``)."""

import contextlib
import io
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
_INTRODUCTION = """# Performance

<!-- Written by `make bench`. Do not edit this page: change benchmarks/page.py. -->

The numbers on this page come from one run of `make bench`{quick} on {date}. The first line of each part names the
machine and the versions. All processes of a part share the machine: calscim, its Postgres, the client that sends the
requests, and the simulated Cal.com. Compare ratios within one run, not absolute times between runs:
[measuring](reference/measuring.md) describes each part, and [sizing](operations/sizing.md) says what to plan for.
"""


@dataclass(frozen=True, slots=True)
class Part:
    """One benchmark. ``text`` introduces its numbers."""

    title: str
    text: str
    run: Callable[[], None]


class _Tee(io.StringIO):
    """Collect what is printed, and print it too."""

    def __init__(self, screen: TextIO) -> None:
        super().__init__()
        self.screen = screen

    def write(self, text: str) -> int:
        self.screen.write(text)
        self.screen.flush()
        return super().write(text)


def write(parts: list[Part], *, quick: bool) -> None:
    """Run the parts, and write the page anew after each of them."""
    now = f"{datetime.now(UTC):%Y-%m-%d}"
    page = [_INTRODUCTION.format(date=now, quick=" in its quick form" if quick else "")]
    for part in parts:
        tee = _Tee(sys.stdout)
        with contextlib.redirect_stdout(tee):
            part.run()
        page.append(_section(part, tee.getvalue()))
        PAGE.write_text("\n".join(page), encoding="utf-8")
    print(f"\nwritten: {PAGE}")


def _section(part: Part, printed: str) -> str:
    lines = "\n".join(map(_shortened, printed.strip("\n").splitlines()))
    return f"## {part.title}\n\n{textwrap.fill(part.text, 120)}\n\n```text\n{lines}\n```\n"


def _shortened(line: str) -> str:
    """Return a line as it is, or the description of the machine and the versions on a line of its own each."""
    return line.rstrip().replace("; ", "\n") if "; Python " in line else line.rstrip()
