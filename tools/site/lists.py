"""Indent lists for Python-Markdown.

CommonMark (and so GitHub) indents what belongs to a list item by the width of its marker, which is
two or three columns. Python-Markdown asks for four columns a level, and for a blank line before a
list. The pages are written for GitHub; `indent` makes them equal for the site.
"""

import re

_FENCE = re.compile(r"^ *(`{3,}|~{3,})(.*)$")
_ITEM = re.compile(r"^( *)([-*+]|\d{1,9}[.)])( +)(?=\S)")
_STEP = 4


def indent(markdown: str) -> str:
    """Return a page whose list items are indented by four columns a level."""
    lines: list[str] = []
    levels: list[int] = []  # the column at which the text of each open item starts
    fence = ""
    for line in markdown.splitlines():
        if fence:
            lines.append(_shifted(line, levels))
            if line.strip() == fence:
                fence = ""
                lines.append("")
            continue
        if not line.strip():
            lines.append("")
            continue
        column = len(line) - len(line.lstrip(" "))
        starts_block = not lines or not lines[-1]
        in_list = bool(levels)
        item = _ITEM.match(line)
        opened = _FENCE.match(line)
        if item or opened or starts_block:
            levels = [start for start in levels if start <= column]
        if item:
            if not starts_block and not in_list:
                lines.append("")
            lines.append(_shifted(f"{item[1]}{item[2]} {line[item.end() :]}", levels))
            levels.append(item.end())
        elif opened and "`" not in opened[2]:
            fence = opened[1]
            lines += ["", _shifted(line, levels)]
        else:
            lines.append(_shifted(line, levels))
    return "\n".join(lines) + "\n"


def _shifted(line: str, levels: list[int]) -> str:
    """Return a line with the indentation that Python-Markdown asks for at this depth."""
    if not line.strip():
        return ""
    column = len(line) - len(line.lstrip(" "))
    surplus = max(0, column - (levels[-1] if levels else 0))
    return " " * (_STEP * len(levels) + surplus) + line.lstrip(" ")
