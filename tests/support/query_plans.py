"""Reads the plans of queries, as EXPLAIN (ANALYZE, FORMAT JSON) prints them."""

from collections.abc import Iterator
from typing import Any


def rows_read(node: dict[str, Any]) -> Iterator[float]:
    """Yield how many rows of the journal each scan of a plan reads, those that a filter removes included."""
    if node.get("Relation Name", "").startswith("journal_2") or "journal_default" in node.values():
        removed = node.get("Rows Removed by Filter", 0)
        yield (node["Actual Rows"] + removed) * node["Actual Loops"]
    for part in node.get("Plans", ()):
        yield from rows_read(part)
