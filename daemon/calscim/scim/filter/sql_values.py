"""SQL for the values of a resource, over the alias u of users or g of groups.

Nothing that a client sent stands in the SQL: values and names are parameters.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

from calscim.directory.indexed_attributes import IndexedAttribute, indexed_attribute
from calscim.directory.keyset_pages import FIRST_PARAMETER
from calscim.scim.filter.target import Target
from calscim.scim.schema import USER, Type

COLUMNS = {"meta.created": "created_at", "meta.lastmodified": "updated_at"}

_BASE = "$3::text"  # the directory's base URL, a parameter of every list
_MEMBER_TABLES = (
    "FROM calscim.members mm LEFT JOIN calscim.users uu ON uu.id = mm.member_id "
    "LEFT JOIN calscim.groups gg ON gg.id = mm.member_id"
)


@dataclass(slots=True)
class SqlValues:
    """The values of the resources of one type, and the parameters that their SQL needs so far."""

    kind: Type
    parameters: list[Any] = field(default_factory=list)

    @property
    def row(self) -> Literal["u", "g"]:
        return "u" if self.kind is USER else "g"

    def bind(self, value: Any, cast: str) -> str:
        """Add a parameter and return its placeholder."""
        self.parameters.append(value)
        return f"${FIRST_PARAMETER + len(self.parameters) - 1}::{cast}"

    def indexed(self, target: Target) -> IndexedAttribute | None:
        return indexed_attribute(self.row, target.name)

    def text(self, target: Target) -> str:
        """Return the value of a single-valued attribute as text. It is NULL without a value."""
        row = self.row
        indexed = self.indexed(target)
        if indexed is not None:
            return f"{indexed.value}::text"
        match target.name:
            case "meta.resourcetype":
                return self.bind(self.kind.name, "text")
            case "meta.version":
                return f"('W/\"' || {row}.version || '\"')"
            case "meta.location":
                return f"({_BASE} || '/{self.kind.name}s/' || {row}.id)"
        return f"({row}.data #>> {self.bind(list(target.path), 'text[]')})"

    def elements(self, target: Target) -> str:
        """Return the values of a multi-valued attribute as rows e(v, place)."""
        if target.path == ("groups",):
            return (
                "(SELECT jsonb_build_object('value', gg.id, 'display', gg.display_name, 'type', 'direct', "
                f"'$ref', {_BASE} || '/Groups/' || gg.id) AS v, gg.display_name_key AS place "
                "FROM calscim.members mm JOIN calscim.groups gg ON gg.id = mm.group_id "
                f"WHERE mm.member_id = {self.row}.id) e"
            )
        if target.path == ("members",):
            return (
                "(SELECT jsonb_build_object('value', mm.member_id, 'type', mm.kind, "
                "'display', coalesce(uu.user_name, gg.display_name), "
                f"'$ref', {_BASE} || '/' || mm.kind || 's/' || mm.member_id) AS v, mm.member_id AS place "
                f"{_MEMBER_TABLES} WHERE mm.group_id = {self.row}.id) e"
            )
        path = self.bind(list(target.path), "text[]")
        return (
            f"jsonb_array_elements(CASE jsonb_typeof({self.row}.data #> {path}) WHEN 'array' "
            f"THEN {self.row}.data #> {path} ELSE '[]' END) WITH ORDINALITY e (v, place)"
        )

    def element(self, target: Target) -> str:
        """Return one of the values, or its sub-attribute, as text."""
        if target.below is None:
            return "(e.v #>> '{}')"
        return f"(e.v ->> {self.bind(target.below, 'text')})"
