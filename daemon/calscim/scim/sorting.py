"""The form in which SQL compares and orders a value, and the orders of RFC 7644 section 3.4.2.3.

Both sides of a comparison are folded by the database, so that they agree whatever its locale makes of a letter.
"""

from calscim.errors import ScimError
from calscim.scim.schema import Attribute


def comparable(value: str, attribute: Attribute) -> str:
    """A text as its attribute compares it: NFC, without case unless it is case exact, by code points."""
    if attribute.kind == "binary":  # base64: each of its letters counts
        return f'({value}) COLLATE "C"'
    folded = f"normalize({value}, NFC)"
    if not attribute.exact:
        folded = f"lower({folded})"
    return f'{folded} COLLATE "C"'


def orderable(attribute: Attribute, name: str) -> None:
    """ScimError invalidPath for an attribute without an order."""
    if attribute.kind in ("complex", "binary"):
        raise ScimError(
            400,
            f"sortBy {name[:100]} is {attribute.kind} and has no order: name a sub-attribute "
            "such as name.familyName, or an attribute that holds text",
            "invalidPath",
        )


def ordered(value: str, attribute: Attribute, *, descending: bool) -> str:
    """An ORDER BY expression: who has no value comes last when ascending, first when descending."""
    if attribute.kind == "boolean":
        value = f"({value})::boolean"
    elif attribute.kind != "dateTime":
        value = comparable(value, attribute)
    return f"{value} {'DESC NULLS FIRST' if descending else 'ASC NULLS LAST'}"


def chosen(values: str, value: str) -> str:
    """Of a multi-valued attribute, whose values are rows e(v, place): the primary one, else the first."""
    return (
        f"(SELECT {value} FROM {values} "  # noqa: S608 - both are made by filters
        "ORDER BY coalesce(e.v ->> 'primary', '') = 'true' DESC, e.place LIMIT 1)"
    )
