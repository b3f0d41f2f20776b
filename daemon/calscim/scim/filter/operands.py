"""What a filter compares with: a value of the attribute's type, an operator that suits it, one form for both sides.

Both sides of a comparison are folded by the database, with the rules of calscim.names, whatever its collation is.
"""

import uuid
from datetime import UTC, datetime
from typing import Any

from scim2_models.path import CompareOperator, Comparison

from calscim.errors import ScimError
from calscim.scim.schema import Attribute

_TEXTUAL = (CompareOperator.co, CompareOperator.sw, CompareOperator.ew)


def comparable(value: str, attribute: Attribute) -> str:
    """A text as its attribute compares it: as calscim.names folds it, or NFC if it is case exact; by code points."""
    if attribute.kind == "binary":  # base64: each of its letters counts
        return f'({value}) COLLATE "C"'
    if attribute.exact:
        return f'normalize({value}, NFC) COLLATE "C"'
    return f'calscim.folded({value}) COLLATE "C"'


def typed(attribute: Attribute, node: Comparison) -> Comparison:
    """The comparison with a value of the attribute's type; "True" in quotes, as Entra sends it, is true."""
    if attribute.kind == "boolean" and isinstance(node.value, str):
        told = {"true": True, "false": False}.get(node.value.lower(), node.value)
        node = Comparison(node.attr_path, node.op, told)
    check(attribute, node)
    return node


def check(attribute: Attribute, node: Comparison) -> None:
    """The value has the attribute's type, and the operator suits it."""
    value, kind, name = node.value, attribute.kind, node.attr_path
    check_operator(attribute, node)
    if kind == "boolean":
        if not isinstance(value, bool):
            raise ScimError(400, f"{name} is compared with true or false", "invalidFilter")
    elif kind in ("integer", "decimal"):
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ScimError(400, f"{name} is compared with a number", "invalidFilter")
    elif not isinstance(value, str):
        raise ScimError(400, f"{name} is compared with a text in quotes", "invalidFilter")
    else:
        readable(value, "invalidFilter")


def check_operator(attribute: Attribute, node: Comparison) -> None:
    equality = node.op in (CompareOperator.eq, CompareOperator.ne)
    if attribute.kind in ("boolean", "binary") and not equality:
        raise ScimError(400, f"{node.attr_path} is {attribute.kind}: use eq or ne", "invalidFilter")
    if attribute.kind == "dateTime" and node.op in _TEXTUAL:
        raise ScimError(400, f"{node.attr_path} is a date: use gt, ge, lt or le", "invalidFilter")


def readable(text: str, kind: str) -> None:
    """Neither NUL, which Postgres cannot hold, nor half a surrogate pair, which is no text at all."""
    if "\x00" in text:
        raise ScimError(400, "a text holds a NUL character: leave it out", kind)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ScimError(400, "a text holds half a surrogate pair: send UTF-8", kind) from None


def instant(text: Any) -> datetime:
    """A date as XML Schema writes it."""
    try:
        moment = datetime.fromisoformat(str(text))
        return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):  # the first and the last day have no moment in every zone
        raise ScimError(
            400, f"{str(text)[:50]!r} is no date such as 2026-01-31T12:00:00Z", "invalidFilter"
        ) from None


def as_uuid(text: str) -> uuid.UUID | None:
    """An id, or None for a text that cannot be one of ours."""
    try:
        return uuid.UUID(text) if len(text) == 36 else None
    except ValueError:
        return None


def compare(op: CompareOperator, found: Any, wanted: Any) -> bool:
    """Compare two values of one type, which are in their compared form already. co, sw and ew compare texts."""
    match op:
        case CompareOperator.eq:
            return bool(found == wanted)
        case CompareOperator.ne:
            return bool(found != wanted)
        case CompareOperator.co:
            return str(wanted) in str(found)
        case CompareOperator.sw:
            return str(found).startswith(str(wanted))
        case CompareOperator.ew:
            return str(found).endswith(str(wanted))
        case CompareOperator.gt:
            return bool(found > wanted)
        case CompareOperator.ge:
            return bool(found >= wanted)
        case CompareOperator.lt:
            return bool(found < wanted)
        case CompareOperator.le:
            return bool(found <= wanted)
