"""Print results for a person, or with --json exactly one JSON value on standard output.

The only module of the command line that writes to a terminal: see ``calscim.terminal`` for the rule.
"""

import dataclasses
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from calscim import terminal
from calscim.admin.as_json import as_json
from calscim.cli.table_widths import GAP, fitted
from calscim.wording import moment

_WIDTH_OF_A_PIPE = 2000  # programs that read a pipe need whole lines
_STYLES = {
    "active": "green",
    "valid": "green",
    "ok": "green",
    "waiting": "yellow",
    "paused": "yellow",
    "expired": "yellow",
    "revoked": "red",
    "failed": "red",
}


class Output:
    """Where a verb prints: data to standard output, messages to standard error."""

    def __init__(self, *, json: bool = False) -> None:
        self.json = json
        self._colors: Literal["auto"] | None = "auto" if terminal.allows_color() else None
        self.errors = SafeConsole(
            stderr=True, highlight=False, soft_wrap=True, color_system=self._colors
        )

    def data(self, value: Any, shown: RenderableType) -> None:
        """Print the value as JSON, or ``shown`` for a person."""
        if self.json:
            self.write(dump(value, indent=True))
        else:
            self.show(shown)

    def show(self, shown: RenderableType) -> None:
        """Print for a person."""
        width = None if sys.stdout.isatty() else _WIDTH_OF_A_PIPE
        self._console(width).print(lines(shown) if isinstance(shown, str) else shown, crop=False)

    def redraw(self, title: str, shown: RenderableType) -> None:
        """Print in place of what was printed before, as far as the terminal has lines for it.

        A pipe gets everything, below what was printed before.
        """
        console = self._console()
        if not sys.stdout.isatty() or console.is_dumb_terminal:
            self.show(lines(title, style="bold"))
            self.show(shown)
            self.show("")
        else:
            with console.capture() as captured:
                console.print(lines(title, style="bold"), shown)
            sys.stdout.write(_screen(captured.get().splitlines(), console.height))
        sys.stdout.flush()

    def write(self, text: str) -> None:
        """Write one or more lines unwrapped, such as JSON or a command to paste."""
        sys.stdout.write(terminal.printable_lines(text) + "\n")

    def say(self, *texts: str) -> None:
        """Print to standard error, each text on its own line."""
        self.errors.print(lines(*texts))

    def ask(self, *texts: str) -> None:
        """Print to standard error without a line feed at the end, so that the answer stands behind it."""
        self.errors.print(lines(*texts), end="")
        sys.stderr.flush()

    def warn(self, text: str) -> None:
        """Print a warning to standard error."""
        self.errors.print(Text.assemble(("warning: ", "yellow"), lines(text)))

    def can_animate(self, *, beside_data: bool) -> bool:
        """Return True if standard error is a terminal that can redraw a line.

        ``beside_data``: False too if standard output is a terminal, where lines of data would break the drawing.
        """
        is_apart = not (beside_data and sys.stdout.isatty())
        return sys.stderr.isatty() and not self.errors.is_dumb_terminal and is_apart

    def _console(self, width: int | None = None) -> "SafeConsole":
        return SafeConsole(file=sys.stdout, width=width, highlight=False, color_system=self._colors)


class SafeConsole(Console):
    """A console that escapes control characters in all text, even if the caller did not."""

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            if segment.control is None and not segment.text.isprintable():
                yield Segment(terminal.printable_lines(segment.text), segment.style)
            else:
                yield segment


def _screen(drawn: list[str], height: int) -> str:
    """Return the control sequences that draw these lines over the old ones, without a blank screen in between."""
    if (more := len(drawn) - (height - 1)) > 0:
        drawn = [*drawn[: height - 2], f"… {more + 1} more lines: enlarge the window"]
    return "\x1b[H" + "".join(f"{line}\x1b[K\n" for line in drawn) + "\x1b[J"


def lines(*texts: str, style: str = "") -> Text:
    """Return a text of several lines. Each is escaped, so that a value cannot add a line."""
    return Text("\n".join(map(terminal.printable, texts)), style=style)


def dump(value: Any, *, indent: bool = False) -> str:
    """Return ``value`` as JSON that cannot change the terminal."""
    return terminal.escape_json(as_json(value, indent=indent).decode())


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> "Rows":
    """Return a table. A column whose name ends in # holds numbers."""
    return Rows(columns, [[cell(value) for value in row] for row in rows])


@dataclass(frozen=True, slots=True)
class Rows:
    """A table: wrapped and colored on a terminal, whole lines in a pipe, which is ten times faster."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Text]]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        names = [column.removesuffix("#") for column in self.columns]
        texts = [names, *([one.plain for one in row] for row in self.rows)]
        if console.is_terminal or any("\n" in text for row in texts for text in row):
            widths = fitted(texts, options.max_width)
            yield from _drawn(console, options, self._wrapped(widths), widths)
        else:
            yield Segment("".join(f"{line}\n" for line in self._lines(texts)))

    def _wrapped(self, widths: Sequence[int]) -> Table:
        made = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
        for column, width in zip(self.columns, widths, strict=True):
            made.add_column(
                column.removesuffix("#"),
                justify="right" if column.endswith("#") else "left",
                width=width,
            )
        for row in self.rows:
            made.add_row(*row)
        return made

    def _lines(self, texts: Sequence[Sequence[str]]) -> Iterator[str]:
        widths = [max(map(cell_len, column)) for column in zip(*texts, strict=True)]
        numbers = [column.endswith("#") for column in self.columns]
        for line in texts:
            shown = (
                f"{' ' * (width - cell_len(text))}{text}"
                if number
                else f"{text}{' ' * (width - cell_len(text))}"
                for text, width, number in zip(line, widths, numbers, strict=True)
            )
            yield "  ".join(shown).rstrip()


@dataclass(frozen=True, slots=True)
class Fields:
    """Names and values, one pair per line."""

    rows: Sequence[tuple[str, Text]]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if not self.rows:
            return
        widths = fitted([(name, value.plain) for name, value in self.rows], options.max_width)
        made = Table.grid(padding=(0, GAP, 0, 0))
        made.add_column(style="bold", width=widths[0])
        made.add_column(width=widths[1])
        for row in self.rows:
            made.add_row(*row)
        yield from _drawn(console, options, made, widths)


def _drawn(
    console: Console, options: ConsoleOptions, made: Table, widths: Sequence[int]
) -> Iterator[Segment]:
    """Draw a table with these widths, in a space that is wide enough for them.

    Spaces at the end of a line are left out: a terminal that is too narrow would break the line because of them.
    """
    needed = sum(widths) + GAP * len(widths)
    drawn = console.render(made, options.update(width=max(needed, options.max_width)))
    for line in Segment.split_lines(drawn):
        while line and not line[-1].text.strip():
            line.pop()
        if line:
            line[-1] = Segment(line[-1].text.rstrip(), line[-1].style)
        yield from line
        yield Segment.line()


def record(value: Any) -> Fields:
    """Return the fields of a dataclass, one per line, without optional fields that are None."""
    return fields(
        (one.name.replace("_", " "), content)
        for one in dataclasses.fields(value)
        if (content := getattr(value, one.name)) is not None or not one.metadata.get("optional")
    )


def fields(rows: Iterable[tuple[str, Any]]) -> Fields:
    """Return names and values, one per line."""
    return Fields([(name, cell(value)) for name, value in rows])


def cell(value: Any) -> Text:
    """Return a value as text: times to the second in UTC, no value as a dash, a tuple as one line per value."""
    if value is None or (isinstance(value, str | tuple) and not value):
        return Text("-", style="dim")
    if isinstance(value, bool):
        return Text("yes" if value else "no")
    if isinstance(value, datetime):
        return Text(moment(value))
    if isinstance(value, tuple):
        return lines(*map(str, value))
    text = str(value)
    return lines(text, style=_STYLES.get(text, ""))
