"""Reads Cal.com's answers: the envelope, the errors, the rows. What is not as documented is refused.

A row that cannot be read makes its whole answer unreadable: a list without it would look like one that
somebody left. Source: Cal.com's OpenAPI document for API v2.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson

from calscim.core.model import (
    CalUserId,
    MembershipId,
    OrgMember,
    Role,
    Team,
    TeamId,
    TeamMember,
)
from calscim.errors import RemoteError, RemoteKind

T = TypeVar("T")

ALREADY = "user_already_invited_or_member"  # hosted Cal.com says it with a 400
SHOWN = 300  # characters of a message that are passed on


class Unreadable(ValueError):  # noqa: N818 - about an answer, not about this program
    """An answer or a row that is not in the documented form; says what is wrong with it."""


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


# ------------------------------------------------------------------ the envelope


def decode(text: bytes) -> Any:
    """The JSON of an answer; None when it is none."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def data_of(answer: Any) -> Any:
    """``data`` of a success. Unreadable when it is not one, whatever the status was."""
    if not isinstance(answer, dict):
        raise Unreadable("the answer is no JSON object")
    if answer.get("status") != "success" or "data" not in answer:
        raise Unreadable("the answer says neither success nor data")
    return answer["data"]


def error_of(method: str, path: str, status: int, answer: Any) -> RemoteError:
    """What a refusal means, decided once and here. THROTTLED gets its time from the headers."""
    code, message = _code_and_message(answer)
    kind = _kind(method, status, code, message, spoken=isinstance(answer, dict))
    text = f"Cal.com answered {method} {path} with {status} {code}".rstrip()
    return RemoteError(
        kind, f"{text}: {message}{_advice(kind, method, status)}", status=status, code=code or None
    )


def _code_and_message(answer: Any) -> tuple[str, str]:
    """Of Cal.com's error body, or of the plain one of an uncaught server error."""
    if not isinstance(answer, dict):
        return "", "no JSON in the answer"
    error = answer.get("error")
    if not isinstance(error, dict):
        return "", _printable(answer.get("message", ""))
    message = _printable(error.get("message", ""))
    problems = _problems(error.get("details"))
    return _printable(error.get("code", "")), f"{message} ({problems})" if problems else message


def _problems(details: Any) -> str:
    """The sentences of a validation error, which says nothing in its message."""
    if not isinstance(details, dict):
        return ""
    if details.get("message") == ALREADY:
        return ALREADY
    errors = details.get("errors")
    if not isinstance(errors, list):
        return ""
    found = [
        str(sentence)
        for error in errors
        if isinstance(error, dict) and isinstance(error.get("constraints"), dict)
        for sentence in error["constraints"].values()
    ]
    return _printable("; ".join(found))


def _kind(method: str, status: int, code: str, message: str, *, spoken: bool) -> RemoteKind:
    """``spoken``: the answer is JSON, so it is Cal.com's own and not of a proxy before it."""
    if status == 429:
        return RemoteKind.THROTTLED
    if status == 401:
        return RemoteKind.AUTH
    if status >= 500 or status == 408:
        return RemoteKind.UNREACHABLE
    if not spoken or status < 400 or message.startswith(f"Cannot {method} "):
        return RemoteKind.MALFORMED
    if status == 403:
        about_one = message.startswith("IsUserInOrg")
        return RemoteKind.AUTH if method == "GET" and not about_one else RemoteKind.REJECTED
    if status == 404:
        return RemoteKind.GONE
    if ALREADY in (code, message) or (status == 400 and ALREADY in message):
        return RemoteKind.CONFLICT
    if status == 409:
        taken = "username" in message.lower()  # another account's; says nothing about this one
        return RemoteKind.REJECTED if taken else RemoteKind.CONFLICT
    return RemoteKind.REJECTED


def _advice(kind: RemoteKind, method: str, status: int) -> str:
    if kind is RemoteKind.AUTH:
        return "; give calscim the key of an administrator of this organization (calscim check)"
    if kind is RemoteKind.MALFORMED:
        return "; see that api_url leads to Cal.com's API v2 and nothing in between answers for it"
    if status == 403 and method != "GET":
        return "; the key's user may not do this in Cal.com"
    return ""


def _printable(value: Any) -> str:
    return "".join(one if one.isprintable() else " " for one in str(value))[:SHOWN]


# ------------------------------------------------------------------ the rows


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
        ),
    )


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
        raise Unreadable(f"{_printable(value)} is no role that calscim knows") from None


def _named(value: Any) -> str:
    return "null" if value is None else type(value).__name__
