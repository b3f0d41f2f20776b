"""The SCIM attributes that Postgres finds by an index, and how it compares their values.

Filters, look-ups, sorting and paging read this table. A new entry needs an index, in a migration and in the schema.
Its value is a column, or the expression on ``data`` that the index is on.
"""

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal

from calscim.names import folded, trimmed, user_name_key

Bind = Callable[[Any, str], str]  # adds a parameter of an SQL type and returns its placeholder


class Match(Enum):
    """The rule by which two values are equal."""

    NAME = "name"  # case and surrounding white space do not count: calscim.name_key
    EXACT = "exact"  # surrounding white space does not count
    ID = "id"  # a UUID in its canonical spelling

    @property
    def sql_type(self) -> str:
        return "uuid" if self is Match.ID else "text"

    def comparand(self, value: str) -> Any:
        """Return what a stored value is compared with, or None if no stored value can be equal."""
        match self:
            case Match.NAME:
                return user_name_key(value)
            case Match.EXACT:
                return trimmed(value)
            case Match.ID:
                return canonical_id(value)


@dataclass(frozen=True, slots=True)
class IndexedAttribute:
    """An indexed attribute of one resource type.

    ``value`` is SQL over the alias u of users or g of groups. An attribute with several values per resource has
    ``owners``: a SELECT of the ids of resources by a condition on ``value``, which is appended.
    """

    row: Literal["u", "g"]
    name: str  # in lower case and dotted, as in a filter
    value: str
    match: Match
    index: str
    nullable: bool = False
    owners: str = ""

    def equals(self, value: str, bind: Bind) -> str:
        """Return a condition, never NULL, that is true for the resources with this value."""
        comparand = self.match.comparand(value)
        if comparand is None:
            return "false"
        return self._condition(f"= {bind(comparand, self.match.sql_type)}")

    def look_up(self, value: str, bind: Bind) -> tuple[str, str]:
        """Return the FROM item and the condition that find the users with this value.

        The users of an attribute with several values are read one by one, by their key: without statistics, Postgres
        would read all users of the directory instead.
        """
        comparand = self.match.comparand(value)
        if not self.owners or comparand is None:
            return "calscim.users u", self.equals(value, bind)
        owners = f"{self.owners} {self.value} = {bind(comparand, self.match.sql_type)}"
        one_by_one = "LATERAL (SELECT x.* FROM calscim.users x WHERE x.id = o.id OFFSET 0) u"
        return f"({owners}) o (id), {one_by_one}", "true"

    def starts_with(self, value: str, bind: Bind) -> str | None:
        """Return a condition for the values that begin with a text, or None if the index does not serve it."""
        if self.match is not Match.NAME:
            return None
        pattern = re.sub(r"([\\%_])", r"\\\1", folded(value.lstrip())) + "%"
        return self._condition(f"LIKE {bind(pattern, 'text')}")

    def _condition(self, comparison: str) -> str:
        condition = f"{self.value} {comparison}"
        if self.owners:
            # An array and not IN: Postgres reads it first, then the resources by their keys, whatever the sizes.
            return f"{self.row}.id = ANY (ARRAY({self.owners} {condition}))"
        return f"({self.value} IS NOT NULL AND {condition})" if self.nullable else condition


_OWNERS_BY_EMAIL = "SELECT e.user_id FROM calscim.user_emails e WHERE e.directory_id = $2 AND"
_OWNERS_BY_GROUP = "SELECT m.member_id FROM calscim.members m WHERE"
_OWNERS_BY_MEMBER = "SELECT m.group_id FROM calscim.members m WHERE"

# The indexes of texts are by text_pattern_ops, which serve equality, prefixes and the order of code points.
INDEXED_ATTRIBUTES = (
    IndexedAttribute("u", "id", "u.id", Match.ID, "users_pkey"),
    IndexedAttribute("u", "username", "u.user_name_key", Match.NAME, "users_user_name"),
    IndexedAttribute("u", "externalid", "u.external_id", Match.EXACT, "users_external_id", True),
    IndexedAttribute(
        "u", "emails.value", "e.value_key", Match.NAME, "user_emails_value", owners=_OWNERS_BY_EMAIL
    ),
    IndexedAttribute(
        "u", "groups.value", "m.group_id", Match.ID, "members_pkey", owners=_OWNERS_BY_GROUP
    ),
    IndexedAttribute("g", "id", "g.id", Match.ID, "groups_pkey"),
    IndexedAttribute("g", "displayname", "g.display_name_key", Match.NAME, "groups_display_name"),
    IndexedAttribute("g", "externalid", "g.external_id", Match.EXACT, "groups_external_id", True),
    IndexedAttribute(
        "g", "members.value", "m.member_id", Match.ID, "members_member", owners=_OWNERS_BY_MEMBER
    ),
)
_BY_NAME = {(attribute.row, attribute.name): attribute for attribute in INDEXED_ATTRIBUTES}


def indexed_attribute(row: Literal["u", "g"], name: str) -> IndexedAttribute | None:
    """Return the indexed attribute of a resource type, by the type's alias in SQL and the attribute's name."""
    return _BY_NAME.get((row, name))


def canonical_id(text: str) -> uuid.UUID | None:
    """Return the UUID, or None for a text that is not a UUID in its canonical spelling. Ids are case-exact."""
    try:
        number = uuid.UUID(text) if len(text) == 36 else None
    except ValueError:
        return None
    return number if str(number) == text else None
