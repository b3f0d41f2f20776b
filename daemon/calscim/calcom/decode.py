"""Turns the rows of Cal.com's responses into values. A malformed row makes its whole response malformed.

A list without that row would look as if a member had left. Source: Cal.com's OpenAPI document.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from calscim.calcom.errors import MalformedAnswer, printable
from calscim.planner.ids import CalUserId, MembershipId, TeamId
from calscim.planner.observed_state import AttributeValue, OrgMember, Team, TeamMember
from calscim.planner.roles import Role

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Me:
    """The user of the API key, and the organization."""

    user: CalUserId
    email: str
    organization_id: int | None


@dataclass(frozen=True, slots=True)
class Account:
    """A person with a Profile in the organization, as /users shows them."""

    user: CalUserId
    email: str


@dataclass(frozen=True, slots=True)
class OrgMembership:
    """A row of the organization's memberships, with the organization or team that it belongs to."""

    team: TeamId
    member: OrgMember


@dataclass(frozen=True, slots=True)
class TeamMembership:
    """A row of a team's memberships, with the team that it belongs to."""

    team: TeamId
    member: TeamMember


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute of an organization. ``type``: TEXT, NUMBER, SINGLE_SELECT or MULTI_SELECT."""

    id: str
    name: str
    slug: str
    type: str


@dataclass(frozen=True, slots=True)
class Option:
    """A value that an attribute can have, or that a person has."""

    id: str
    attribute: str
    value: str


def parse_rows(data: Any, parse: Callable[[Any], T]) -> list[T]:
    """Return every row of a list. Raise MalformedAnswer for a response that is not a list."""
    if not isinstance(data, list):
        raise MalformedAnswer(f"a list was expected, not {_type_name(data)}")
    return [parse(row) for row in data]


def me(data: Any) -> Me:
    organization = _object(data).get("organizationId")
    return Me(
        CalUserId(_number(data, "id")),
        _text(data, "email"),
        None if organization is None else _number(data, "organizationId"),
    )


def account(data: Any) -> Account:
    return Account(CalUserId(_number(data, "id")), _text(data, "email"))


def org_membership(data: Any) -> OrgMembership:
    user = _object(_object(data).get("user"))
    return OrgMembership(
        TeamId(_number(data, "teamId")),
        OrgMember(
            membership=MembershipId(_number(data, "id")),
            user=CalUserId(_number(data, "userId")),
            email=_text(user, "email"),
            name=_optional_text(user, "name") or "",
            username=_optional_text(user, "username") or "",
            role=_role(data),
            accepted=_boolean(data, "accepted"),
            attributes=member_attributes(_object(data).get("attributes")),
        ),
    )


def member_attributes(data: Any) -> tuple[AttributeValue, ...] | None:
    """Return the attributes of a member, or None if they are not in the documented form.

    Malformed attributes do not make the row malformed, because most organizations do not use them.
    """
    try:
        return tuple(sorted(value for row in parse_rows(data, _values) for value in row))
    except MalformedAnswer:
        return None


def _values(data: Any) -> list[AttributeValue]:
    """Return the values of one attribute: multiSelect has a list of options, the other types have one."""
    attribute = _text(data, "id")
    entries = data.get("options", [data])
    return parse_rows(
        entries,
        lambda entry: AttributeValue(attribute, _text(entry, "optionId"), _value(entry, "option")),
    )


def _value(data: Any, key: str) -> str:
    """Return a text, or a number as text, or "" for null: the value of a NUMBER attribute that is not a number."""
    row = _object(data)
    value = row.get(key)
    if value is None and key in row:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise MalformedAnswer(f"{key} should be text or a number, not {_type_name(value)}")
    return str(value)


def assigned_option(data: Any) -> str:
    """Return the id of the option that stores an assigned value."""
    return _text(data, "attributeOptionId")


def team_membership(data: Any) -> TeamMembership:
    return TeamMembership(
        TeamId(_number(data, "teamId")),
        TeamMember(
            membership=MembershipId(_number(data, "id")),
            user=CalUserId(_number(data, "userId")),
            role=_role(data),
            accepted=_boolean(data, "accepted"),
        ),
    )


def team(data: Any) -> Team:
    return Team(TeamId(_number(data, "id")), _text(data, "name"), _optional_text(data, "slug"))


def attribute(data: Any) -> Attribute:
    return Attribute(
        id=_text(data, "id"),
        name=_text(data, "name"),
        slug=_text(data, "slug"),
        type=_text(data, "type"),
    )


def option(data: Any) -> Option:
    return Option(
        id=_text(data, "id"),
        attribute=_text(data, "attributeId"),
        value=_text(data, "value"),
    )


def ignore(_: Any) -> None:
    """Ignore the data of a call that returns nothing else than its success."""


def _object(data: Any) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise MalformedAnswer(f"an object was expected, not {_type_name(data)}")
    return data


def _number(data: Any, key: str) -> int:
    value = _object(data).get(key)
    if isinstance(value, bool) or not isinstance(value, int):
        raise MalformedAnswer(f"{key} should be a number, not {_type_name(value)}")
    return value


def _text(data: Any, key: str) -> str:
    value = _optional_text(data, key)
    if not value:
        raise MalformedAnswer(f"{key} is missing")
    return value


def _optional_text(data: Any, key: str) -> str | None:
    value = _object(data).get(key)
    if value is not None and not isinstance(value, str):
        raise MalformedAnswer(f"{key} should be text, not {_type_name(value)}")
    return value


def _boolean(data: Any, key: str) -> bool:
    value = _object(data).get(key)
    if not isinstance(value, bool):
        raise MalformedAnswer(f"{key} should be true or false, not {_type_name(value)}")
    return value


def _role(data: Any) -> Role:
    value = _text(data, "role")
    try:
        return Role(value)
    except ValueError:
        raise MalformedAnswer(f"{printable(value)} is not a role that calscim knows") from None


def _type_name(value: Any) -> str:
    return "null" if value is None else type(value).__name__
