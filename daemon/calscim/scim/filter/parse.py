"""Filters and PATCH paths as syntax trees, by scim2-models' grammar; with limits, and cached."""

import re
from functools import lru_cache

from scim2_models import Path, SCIMException, ScimFilter
from scim2_models.path import (
    AttrPath,
    Comparison,
    FilterNode,
    LogicalExpr,
    Not,
    Present,
    ValuePath,
)

from calscim.errors import ScimError

LONGEST = 8192  # characters
DEEPEST = 20
MOST = 200  # comparisons
_NESTING = re.compile(r'"(?:[^"\\]|\\.)*"|[()\[\]]')


@lru_cache(maxsize=2048)
def parse_filter(text: str) -> FilterNode:
    """ScimError invalidFilter for what is no filter, or too large a one."""
    _within_limits(text)
    try:
        node = ScimFilter(text).ast
    except (SCIMException, ValueError, RecursionError) as error:
        raise ScimError(
            400, f"the filter cannot be read: {_first_line(error)}", "invalidFilter"
        ) from error
    if count(node) > MOST:
        raise ScimError(400, f"the filter has more than {MOST} comparisons", "invalidFilter")
    return node


@lru_cache(maxsize=2048)
def parse_path(text: str) -> AttrPath | ValuePath:
    """The target of a PATCH operation. ScimError invalidPath, or invalidFilter for what is in brackets."""
    _within_limits(text, "invalidPath")
    try:
        node = Path(text).ast
    except (SCIMException, ValueError, RecursionError) as error:
        kind = "invalidFilter" if "[" in text else "invalidPath"
        raise ScimError(
            400, f"the path {text[:200]!r} cannot be read: {_first_line(error)}", kind
        ) from error
    if not isinstance(node, AttrPath | ValuePath):
        raise ScimError(400, f"the path {text[:200]!r} names no attribute", "invalidPath")
    return node


def count(node: FilterNode) -> int:
    """How many comparisons a filter makes."""
    match node:
        case Comparison() | Present():
            return 1
        case Not(expr=inner):
            return count(inner)
        case LogicalExpr(terms=terms):
            return sum(count(term) for term in terms)
        case ValuePath(val_filter=inner):
            return count(inner)
    return 1


def _within_limits(text: str, kind: str = "invalidFilter") -> None:
    if len(text) > LONGEST:
        raise ScimError(400, f"a filter may have {LONGEST} characters", kind)
    if "\x00" in text:
        raise ScimError(400, "the filter holds a NUL character", kind)
    depth = 0
    for mark in _NESTING.findall(text):
        depth += mark in "([" and len(mark) == 1
        depth -= mark in ")]" and len(mark) == 1
        if depth > DEEPEST:
            raise ScimError(400, f"a filter may be nested {DEEPEST} deep", kind)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:300]
