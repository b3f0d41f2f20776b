"""Write docs/reference/configuration.md from the dataclasses of the sections (`make reference`).

The type of a key is the name of its annotation, whose docstring describes the format of the values. The docstring below
the key describes its purpose.
"""

import ast
import inspect
import sys
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields
from enum import Enum
from pathlib import Path
from types import ModuleType
from typing import Any

from calscim import option_types
from calscim.config import model, values, windows
from calscim.config.keys import LISTS, OPTIONAL, SECTIONS, keys_of
from calscim.planner import policy
from calscim.planner.safeguards import limits

PAGE = Path(__file__).parents[1] / "docs/reference/configuration.md"

_INTRODUCTION = """# Configuration

`make reference` writes this page from the declarations in `calscim.config.model`.
[config/calscim.example.toml](../../config/calscim.example.toml) has the same keys as a file.

- calscim reads the file that `--config` names, else `$CALSCIM_CONFIG`, `./config/calscim.toml` or
  `/etc/calscim/calscim.toml`.
- Each key is also a variable, which wins over the file: `CALSCIM_SCIM_LISTEN`, and with the name of the organization
  `CALSCIM_ORGANIZATION_ACME_API_KEY`. A variable has commas between the items of a list, semicolons between windows.
- A secret can be in its own file, which the second name of the key gives.
- calscim looks up a relative path of a secret or certificate in `$CREDENTIALS_DIRECTORY`, then beside the
  configuration file. Other relative paths begin at the configuration file.
- A duration is written `"200ms"`, `"30s"`, `"5m"`, `"2h"` or `"90d"`; a limit `"5"`, `"30%"` or `"5 or 30%"` (the
  lower holds); a window `"Sat 22:00-06:00 Europe/Berlin"`, `"Mon-Fri 09:00-17:00 UTC"` or `"daily 02:00-03:00 UTC"`.
"""
_MODULES = (option_types, values, windows, limits, policy, model)
_UNITS = {"d": 86_400, "h": 3600, "m": 60, "s": 1, "ms": 0.001}


def page() -> str:
    """Return the whole page as Markdown."""
    return "\n".join([_INTRODUCTION, *(_section(*one) for one in SECTIONS.items())])


def _section(name: str, made_of: type[Any]) -> str:
    title = f"[[{name}]]" if name.partition(".")[0] in LISTS else f"[{name}]"
    keys = [one for one in fields(made_of) if f"{name}.{one.name}" not in OPTIONAL]
    rows = "\n".join(_row(one, made_of) for one in keys)
    return f"## {title}\n\n| Key | Value | Default | |\n|---|---|---|---|\n{rows}\n"


def _row(field: Field[Any], made_of: type[Any]) -> str:
    key = next(key for key in keys_of(made_of).values() if key.field == field.name)
    owner = next(one for one in made_of.__mro__ if field.name in one.__annotations__)
    body = ast.parse(inspect.getsource(owner)).body[0]
    assert isinstance(body, ast.ClassDef)
    annotation, description = dict(_described(body))[field.name]
    kind = annotation.removesuffix(" | None").removeprefix("Annotated[").partition(",")[0]
    form = _forms().get(kind)
    if form is None:
        raise SystemExit(
            f"{owner.__name__}.{field.name}: give its type {kind} a name in one of the modules of _MODULES, with a "
            "docstring below it that says how a value is written"
        )
    spellings = ", ".join(f"`{one}`" for one in key.spellings)
    cells = (spellings, form, _default(field, kind), " ".join(description.split()))
    return "| " + " | ".join(cells) + " |"


def _described(body: ast.ClassDef | ast.Module) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield the name, the annotation and the docstring below each declaration."""
    for declaration, below in zip(body.body, body.body[1:], strict=False):
        text = below.value if isinstance(below, ast.Expr) else None
        if not isinstance(text, ast.Constant):
            continue
        if isinstance(declaration, ast.AnnAssign):
            name = ast.unparse(declaration.target)
            yield name, (ast.unparse(declaration.annotation), str(text.value))
        elif isinstance(declaration, ast.Assign):
            yield ast.unparse(declaration.targets[0]), ("", str(text.value))


def _forms() -> dict[str, str]:
    """Return how the values of each type are written."""
    return {name: text for module in _MODULES for name, (_, text) in _described(_parsed(module))}


def _parsed(module: ModuleType) -> ast.Module:
    return ast.parse(inspect.getsource(module))


def _default(field: Field[Any], kind: str) -> str:
    if field.default is MISSING:
        return "required"
    if field.default is None:
        return {"Rate": "`0`"}.get(kind, '`"off"`' if kind.endswith("OrOff") else "")
    return f"`{_written(field.default, kind)}`"


def _written(value: Any, kind: str) -> str:
    """Return a default as it is written in TOML."""
    if kind.startswith("Duration"):
        unit = next(
            (one for one, size in _UNITS.items() if value >= size * (1 + (one == "d"))), "s"
        )
        return f'"{value / _UNITS[unit]:g}{unit}"'
    if kind == "Share":
        return f'"{value:.0%}"'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, tuple | frozenset):
        return "[" + ", ".join(f'"{one}"' for one in value) + "]"
    return f'"{value.value if isinstance(value, Enum) else value}"'


def main() -> None:
    """Write the page."""
    PAGE.write_text(page())
    print(f"wrote {PAGE}", file=sys.stderr)


if __name__ == "__main__":
    main()
