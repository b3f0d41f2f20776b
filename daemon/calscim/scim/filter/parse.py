"""Filters and PATCH paths as syntax trees, by the grammar of scim2-models; limited in size, and cached."""

import json
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

MAX_LENGTH = 8192  # characters
MAX_DEPTH = 20
MAX_COMPARISONS = 200
_SMALLEST, _LARGEST = -(2**63), 2**64 - 1  # of the whole numbers that orjson reads and writes
# One comparison with a text that has no quotes, as older releases of authentik look up a userName.
_UNQUOTED = re.compile(r"""\s*([\w.:$-]+)\s+eq\s+([^\s"'()\[\]]+)\s*""", re.IGNORECASE)
_LITERAL = re.compile(r"true|false|null|-?\d[\d.e+-]*", re.IGNORECASE)
# A text in quotes, or a bracket. The quotes need not end, so that each character is read once.
_NESTING = re.compile(r'"(?:[^"\\]|\\.)*"?|[()\[\]]')


@lru_cache(maxsize=2048)
def parse_filter(text: str) -> FilterNode:
    """Return the syntax tree of a filter. Raise ScimError(400, invalidFilter) if it is invalid or too large."""
    _check_limits(text, "filter", "invalidFilter")
    try:
        node = ScimFilter(_with_quotes(text)).ast
    except (SCIMException, ValueError, RecursionError) as error:
        raise ScimError(
            400, f"the filter is invalid: {_first_line(error)}", "invalidFilter"
        ) from error
    _check_numbers(node, "filter")
    if count_comparisons(node) > MAX_COMPARISONS:
        raise ScimError(
            400,
            f"the filter has more than {MAX_COMPARISONS} comparisons: use fewer",
            "invalidFilter",
        )
    return node


def _with_quotes(text: str) -> str:
    """Return the filter; a value without quotes gets them if it is neither a number, a boolean, nor null."""
    found = _UNQUOTED.fullmatch(text)
    if found is None:
        return text
    attribute, value = found.groups()
    if _LITERAL.fullmatch(value):
        return text
    return f"{attribute} eq {json.dumps(value, ensure_ascii=False)}"


@lru_cache(maxsize=2048)
def parse_path(text: str) -> AttrPath | ValuePath:
    """Return the syntax tree of a PATCH path.

    Raise ScimError(400) with invalidPath, or with invalidFilter if the path has a filter in brackets.
    """
    _check_limits(text, "path", "invalidPath")
    try:
        node = Path(text).ast
    except (SCIMException, ValueError, RecursionError) as error:
        scim_type = "invalidFilter" if "[" in text else "invalidPath"
        raise ScimError(
            400, f"the path {text[:200]!r} is invalid: {_first_line(error)}", scim_type
        ) from error
    if not isinstance(node, AttrPath | ValuePath):
        raise ScimError(400, f"the path {text[:200]!r} names no attribute: name one", "invalidPath")
    _check_numbers(node, "path")
    return node


def count_comparisons(node: FilterNode) -> int:
    """Return the number of comparisons that a filter makes."""
    match node:
        case Comparison() | Present():
            return 1
        case Not(expr=inner):
            return count_comparisons(inner)
        case LogicalExpr(terms=terms):
            return sum(map(count_comparisons, terms))
        case ValuePath(val_filter=inner):
            return count_comparisons(inner)
    return 1


def _check_numbers(node: FilterNode | AttrPath, name: str) -> None:
    """Raise ScimError(400) for a whole number that JSON of 64 bits cannot hold: it would be stored, and never read."""
    match node:
        case Comparison(value=int(value)) if not _SMALLEST <= value <= _LARGEST:
            raise ScimError(
                400,
                f"the {name} compares with a number outside of 64 bits: use a smaller number",
                "invalidFilter",
            )
        case Not(expr=inner) | ValuePath(val_filter=inner):
            _check_numbers(inner, name)
        case LogicalExpr(terms=terms):
            for term in terms:
                _check_numbers(term, name)


def nested_brackets() -> ScimError:
    return ScimError(
        400,
        "brackets within brackets are not supported: name the sub-attribute directly",
        "invalidFilter",
    )


def _check_limits(text: str, name: str, scim_type: str) -> None:
    if len(text) > MAX_LENGTH:
        raise ScimError(
            400, f"the {name} has more than {MAX_LENGTH} characters: shorten it", scim_type
        )
    if "\x00" in text:
        raise ScimError(400, f"the {name} contains a NUL character: remove it", scim_type)
    depth = 0
    for mark in _NESTING.findall(text):
        depth += mark in "([" and len(mark) == 1
        depth -= mark in ")]" and len(mark) == 1
        if depth > MAX_DEPTH:
            raise ScimError(
                400, f"the {name} is nested more than {MAX_DEPTH} deep: simplify it", scim_type
            )


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:300]
