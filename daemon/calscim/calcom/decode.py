"""The rows of Cal.com's answers, as values. A row that cannot be read makes its whole answer unreadable.

A list without that row would look like one that somebody left. Source: Cal.com's OpenAPI document.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from calscim.calcom.errors import Unreadable, printable
from calscim.planner.ids import CalUserId, MembershipId, TeamId
from calscim.planner.observed_state import AttributeValue, OrgMember, Team, TeamMember
from calscim.planner.roles import Role

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Me:
    """Whom the API key belongs to."""

    user: CalUserId
    email: str
    organization_id: int | None


@dataclass(frozen=True, slots=True)
class Account:
    """A person as /users shows one: who has a profile in the organization."""

    user: CalUserId
    email: str
    name: str
    username: str
    locale: str | None
    time_zone: str | None


@dataclass(frozen=True, slots=True)
class OrgMembership:
    """A row of the organization's memberships, and which organization or team it is about."""

    team: TeamId
    member: OrgMember


@dataclass(frozen=True, slots=True)
class TeamMembership:
    """A row of a team's memberships, and which team it is about."""

    team: TeamId
    member: TeamMember


@dataclass(frozen=True, slots=True)
class Attribute:
    """An organization's attribute; ``type`` is TEXT, NUMBER, SINGLE_SELECT or MULTI_SELECT."""

    id: str
    name: str
    slug: str
    type: str
    enabled: bool


@dataclass(frozen=True, slots=True)
class Option:
    """A value that an attribute can have, or that somebody has."""

    id: str
    attribute: str
    value: str
    slug: str


def rows_of(data: Any, parse: Callable[[Any], T]) -> list[T]:
    """Every row of a list. An answer that is no list is never taken for an empty one."""
    if not isinstance(data, list):
        raise Unreadable(f"a list was expected, not {_named(data)}")
    return [parse(row) for row in data]


def me(data: Any) -> Me:
    organization = _object(data).get("organizationId")
    return Me(
        CalUserId(_number(data, "id")),
        _text(data, "email"),
        None if organization is None else _number(data, "organizationId"),
    )


def account(data: Any) -> Account:
    return Account(
        user=CalUserId(_number(data, "id")),
        email=_text(data, "email"),
        name=_text_or(data, "name") or "",
        username=_text_or(data, "username") or "",
        locale=_text_or(data, "locale"),
        time_zone=_text_or(data, "timeZone"),
    )


def org_membership(data: Any) -> OrgMembership:
    user = _object(_object(data).get("user"))
    return OrgMembership(
        TeamId(_number(data, "teamId")),
        OrgMember(
            membership=MembershipId(_number(data, "id")),
            user=CalUserId(_number(data, "userId")),
            email=_text(user, "email"),
            name=_text_or(user, "name") or "",
            username=_text_or(user, "username") or "",
            role=_role(data),
            accepted=_flag(data, "accepted"),
            attributes=held(_object(data).get("attributes")),
        ),
    )


def held(data: Any) -> tuple[AttributeValue, ...] | None:
    """Somebody's attributes; None where they are not shown in the documented form.

    Unlike everything else in a row they do not make it unreadable: most do without them.
    """
    try:
        return tuple(sorted(one for entry in rows_of(data, _values) for one in entry))
    except Unreadable:
        return None


def _values(data: Any) -> list[AttributeValue]:
    """One attribute of a member: multiSelect has a list of options; text, number, singleSelect have one."""
    attribute = _text(data, "id")
    entries = data.get("options", [data])
    return rows_of(
        entries,
        lambda entry: AttributeValue(attribute, _text(entry, "optionId"), _value(entry, "option")),
    )


def _value(data: Any, key: str) -> str:
    """Return a text, or a number as one. "" for null: the value of a NUMBER attribute is not a number."""
    row = _object(data)
    value = row.get(key)
    if value is None and key in row:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise Unreadable(f"{key} should be text or a number, not {_named(value)}")
    return str(value)


def assigned(data: Any) -> str:
    """The option that a value is kept as."""
    return _text(data, "attributeOptionId")


def team_membership(data: Any) -> TeamMembership:
    return TeamMembership(
        TeamId(_number(data, "teamId")),
        TeamMember(
            membership=MembershipId(_number(data, "id")),
            user=CalUserId(_number(data, "userId")),
            role=_role(data),
            accepted=_flag(data, "accepted"),
        ),
    )


def team(data: Any) -> Team:
    return Team(TeamId(_number(data, "id")), _text(data, "name"), _text_or(data, "slug"))


def attribute(data: Any) -> Attribute:
    return Attribute(
        id=_text(data, "id"),
        name=_text(data, "name"),
        slug=_text(data, "slug"),
        type=_text(data, "type"),
        enabled=_flag(data, "enabled"),
    )


def option(data: Any) -> Option:
    return Option(
        id=_text(data, "id"),
        attribute=_text(data, "attributeId"),
        value=_text(data, "value"),
        slug=_text(data, "slug"),
    )


def nothing(_: Any) -> None:
    """For calls whose answer says no more than that they succeeded."""


def _object(data: Any) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise Unreadable(f"an object was expected, not {_named(data)}")
    return data


def _number(data: Any, key: str) -> int:
    value = _object(data).get(key)
    if isinstance(value, bool) or not isinstance(value, int):
        raise Unreadable(f"{key} should be a number, not {_named(value)}")
    return value


def _text(data: Any, key: str) -> str:
    value = _text_or(data, key)
    if not value:
        raise Unreadable(f"{key} is missing")
    return value


def _text_or(data: Any, key: str) -> str | None:
    value = _object(data).get(key)
    if value is not None and not isinstance(value, str):
        raise Unreadable(f"{key} should be text, not {_named(value)}")
    return value


def _flag(data: Any, key: str) -> bool:
    value = _object(data).get(key)
    if not isinstance(value, bool):
        raise Unreadable(f"{key} should be true or false, not {_named(value)}")
    return value


def _role(data: Any) -> Role:
    value = _text(data, "role")
    try:
        return Role(value)
    except ValueError:
        raise Unreadable(f"{printable(value)} is no role that calscim knows") from None


def _named(value: Any) -> str:
    return "null" if value is None else type(value).__name__
