"""The operands of a comparison: whether the value and the operator suit the attribute, and how both sides are compared.

Postgres folds both sides of a comparison by the rules of calscim.names, whatever the collation of the database is.
"""

from datetime import UTC, datetime
from typing import Any

from scim2_models.path import CompareOperator, Comparison

from calscim.errors import ScimError
from calscim.scim.schema import Attribute

_TEXTUAL = (CompareOperator.co, CompareOperator.sw, CompareOperator.ew)


def comparable(value: str, attribute: Attribute) -> str:
    """Return the SQL of a text in the form in which the attribute is compared, ordered by code points."""
    if attribute.kind == "binary":  # base64, in which case counts
        return f'({value}) COLLATE "C"'
    if attribute.exact:
        return f'normalize({value}, NFC) COLLATE "C"'
    return f'calscim.fold_case({value}) COLLATE "C"'


def checked_comparison(attribute: Attribute, node: Comparison) -> Comparison:
    """Return the comparison with a value of the attribute's type. Raise ScimError(400, invalidFilter)."""
    node = Comparison(node.attr_path, node.op, unquoted_boolean(attribute, node.value))
    check_comparison(attribute, node)
    return node


def unquoted_boolean(attribute: Attribute, value: Any) -> Any:
    """Return true for the text "True", which Entra sends, if the attribute is a boolean."""
    if attribute.kind == "boolean" and isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower(), value)
    return value


def check_comparison(attribute: Attribute, node: Comparison) -> None:
    """Raise ScimError(400, invalidFilter) if the value or the operator does not suit the attribute."""
    value, kind, name = node.value, attribute.kind, node.attr_path
    check_operator(attribute, node)
    if kind == "boolean":
        if not isinstance(value, bool):
            raise ScimError(
                400, f"{name} is a boolean: compare it with true or false", "invalidFilter"
            )
    elif kind in ("integer", "decimal"):
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ScimError(400, f"{name} is a number: compare it with a number", "invalidFilter")
    elif not isinstance(value, str):
        raise ScimError(400, f"{name} is a text: put the value in quotes", "invalidFilter")
    else:
        check_text(value, "invalidFilter")


def check_operator(attribute: Attribute, node: Comparison) -> None:
    """Raise ScimError(400, invalidFilter) if the operator does not suit the attribute."""
    equality = node.op in (CompareOperator.eq, CompareOperator.ne)
    if attribute.kind in ("boolean", "binary") and not equality:
        raise ScimError(400, f"{node.attr_path} is {attribute.kind}: use eq or ne", "invalidFilter")
    if attribute.kind == "dateTime" and node.op in _TEXTUAL:
        raise ScimError(400, f"{node.attr_path} is a date: use gt, ge, lt or le", "invalidFilter")


def check_text(text: str, scim_type: str) -> None:
    """Raise ScimError(400) for NUL, which Postgres cannot store, and for an unpaired surrogate."""
    if "\x00" in text:
        raise ScimError(400, "a string contains a NUL character: remove it", scim_type)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ScimError(
            400, "a string contains an unpaired surrogate: send valid UTF-8", scim_type
        ) from None


def instant(text: Any) -> datetime:
    """Return the moment that a date in the notation of XML Schema names. Raise ScimError(400, invalidFilter)."""
    try:
        moment = datetime.fromisoformat(str(text))
        return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (
        ValueError,
        OverflowError,
    ):  # the first and the last day are out of range in some time zones
        raise ScimError(
            400,
            f"{str(text)[:50]!r} is not a date: send one such as 2026-01-31T12:00:00Z",
            "invalidFilter",
        ) from None


def compare(op: CompareOperator, found: Any, wanted: Any) -> bool:
    """Compare two values of one type that are in their compared form. co, sw and ew compare texts."""
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
