"""Fit the columns of a table into a terminal. A word is never cut or broken: ids, addresses and commands stay whole."""

from collections.abc import Sequence

from rich.cells import cell_len

GAP = 2  # spaces between columns


def fitted(rows: Sequence[Sequence[str]], width: int) -> list[int]:
    """Return the width of each column. Columns wrap between words.

    If that is not enough, nothing wraps and the table is wider: each row is one line, which the terminal breaks.
    """
    columns = list(zip(*rows, strict=True))
    natural = [
        max((_longest(cell.split("\n")) for cell in column), default=0) for column in columns
    ]
    least = [max((_longest(cell.split()) for cell in column), default=0) for column in columns]
    spare = width - GAP * (len(columns) - 1) - sum(least)
    if spare < 0:
        return natural
    widths = list(least)
    wanting = sorted(range(len(columns)), key=lambda index: natural[index] - least[index])
    for position, index in enumerate(wanting):
        share = spare // (len(wanting) - position)
        widths[index] += min(natural[index] - least[index], share)
        spare -= widths[index] - least[index]
    return widths


def _longest(parts: Sequence[str]) -> int:
    return max(map(cell_len, parts), default=0)
