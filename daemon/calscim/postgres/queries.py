"""The named queries of sql/queries. Each starts with a line ``-- name: x`` and a comment that says what it does."""

import re
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

_NAME = re.compile(r"^-- name: (?P<name>\w+)\n(?:--[^\n]*\n)*", re.MULTILINE)


def folder() -> Traversable:
    """Return the folder of schema, migrations and queries."""
    return files("calscim") / "sql"


@cache
def schema() -> str:
    """Return the whole schema, as one script that creates it in an empty database."""
    paths = sorted((folder() / "schema").iterdir(), key=lambda entry: entry.name)
    return "".join(path.read_text(encoding="utf-8") for path in paths)


@cache
def all_queries() -> dict[str, str]:
    """Return all named queries: ``file.name`` -> text."""
    return queries_in(folder() / "queries")


def queries_in(place: Traversable) -> dict[str, str]:
    """Return the named queries of another folder."""
    queries: dict[str, str] = {}
    for path in sorted(place.iterdir(), key=lambda entry: entry.name):
        if not path.name.endswith(".sql"):
            continue
        parts = _NAME.split(path.read_text(encoding="utf-8"))
        for name, text in zip(parts[1::2], parts[2::2], strict=True):
            key = f"{path.name.removesuffix('.sql')}.{name}"
            if key in queries:
                raise ValueError(f"sql/queries: {key} is defined twice: rename one")
            queries[key] = text.strip().rstrip(";")
    return queries


def sql(name: str) -> str:
    """Return the text of a query. Raise KeyError if there is none."""
    return all_queries()[name]
