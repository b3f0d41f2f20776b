"""The requests of a simulated Cal.com: the fields of each call, their checks, and the pages of lists."""

import re
from collections.abc import Iterable
from math import isnan
from random import Random
from typing import Any

import orjson
from aiohttp import web

from calscim.testing.calcom.builds import Build
from calscim.testing.calcom.preferences import LOCALES, is_time_zone, spelled
from calscim.testing.calcom.shapes import Refused
from calscim.testing.calcom.state import ROLES
from calscim.testing.calcom.validation import NOTHING, Check, Field, validate

ATTRIBUTE_TYPES = ("TEXT", "NUMBER", "SINGLE_SELECT", "MULTI_SELECT")
MAX_ROWS, MAX_USERS = 250, 1000
_ADDRESS = re.compile(r"[^@\s,;:<>()\[\]\\\"]{1,64}@[\w-]+(?:\.[\w-]+)+")


def is_address(value: Any) -> bool:
    return isinstance(value, str) and _ADDRESS.fullmatch(value) is not None


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_zone(value: Any) -> bool:
    return _is_text(value) and is_time_zone(value)


def _respell(value: Any) -> Any:
    return spelled(value) if _is_text(value) else value


def _one_of(values: Iterable[str]) -> Check:
    known = tuple(values)
    sentence = f"{{field}} must be one of the following values: {', '.join(known)}"
    return Check("isEnum", sentence, lambda value: value in known)


INTEGER = Check("isInt", "{field} must be an integer number", _is_integer)
TEXT = Check("isString", "{field} must be a string", _is_text)
BOOLEAN = Check("isBoolean", "{field} must be a boolean value", lambda it: isinstance(it, bool))
NOT_EMPTY = Check("isNotEmpty", "{field} should not be empty", lambda it: it not in ("", None))
ADDRESS = Check("isEmail", "{field} must be an email", is_address)
LOCALE = Check(
    "localeValidator", "Please include a valid locale", lambda it: _is_text(it) and it in LOCALES
)
TIME_ZONE = Check("timezoneValidator", "Please include a valid time zone", _is_zone)
ROLE = _one_of(ROLES)
NAMED = Check(
    "isLength",
    "{field} must be longer than or equal to 1 characters",
    lambda value: _is_text(value) and len(value) >= 1,
)
SHORT = Check(
    "maxLength",
    "{field} must be shorter than or equal to 50 characters",
    lambda value: _is_text(value) and len(value) <= 50,
)

_PREFERENCES = (
    Field("timeZone", (TIME_ZONE,), convert=_respell),
    Field("timeFormat"),
    Field("username", (TEXT,)),
    Field("weekday", (TEXT,)),
)
UPDATE_USER = (Field("email", (ADDRESS,)), Field("locale", (LOCALE,)), *_PREFERENCES)
_CREATE_USER = (
    Field("organizationRole", (ROLE,), default="MEMBER"),
    Field("autoAccept", (BOOLEAN,), default=True),
    Field("email", (ADDRESS,), required=True),
    Field("locale", (TEXT,)),
    *_PREFERENCES,
)
_NAMES = (Field("name", (TEXT, SHORT)), Field("skipNotificationEmail", (BOOLEAN,), default=False))
CREATE_MEMBERSHIP = (
    Field("accepted", (BOOLEAN,), default=False),
    Field("role", (ROLE,), default="MEMBER"),
    Field("disableImpersonation", (BOOLEAN,), default=False),
    Field("userId", (INTEGER,), required=True),
)
INVITE = (Field("email", (ADDRESS,), required=True), Field("role", (ROLE,), default="MEMBER"))
UPDATE_MEMBERSHIP = (Field("role", (ROLE,)), Field("accepted", (BOOLEAN,)))
CREATE_TEAM = (
    Field("hideBranding", (BOOLEAN,), default=False),
    Field("timeZone", (TEXT,), default="Europe/London"),
    Field("weekStart", (TEXT,), default="Sunday"),
    Field("autoAcceptCreator", (BOOLEAN,), default=True),
    Field("name", (NAMED, TEXT), required=True),
    Field("slug", (TEXT,)),
)
UPDATE_TEAM = (Field("name", (NAMED, TEXT)), Field("slug", (TEXT,)))
CREATE_OPTION = (
    Field("value", (TEXT, NOT_EMPTY), required=True),
    Field("slug", (TEXT, NOT_EMPTY), required=True),
)
CREATE_ATTRIBUTE = (
    Field("name", (TEXT, NOT_EMPTY), required=True),
    Field("slug", (TEXT, NOT_EMPTY), required=True),
    Field("type", (_one_of(ATTRIBUTE_TYPES),), required=True),
    Field(
        "options",
        (Check("isArray", "{field} must be an array", lambda it: isinstance(it, list)),),
        required=True,
    ),
)
ASSIGN_OPTION = (
    Field("attributeId", (TEXT, NOT_EMPTY), required=True),
    Field("value", (TEXT, NOT_EMPTY)),
    Field("attributeOptionId", (TEXT, NOT_EMPTY)),
)


def create_user(build: Build) -> tuple[Field, ...]:
    return (*_CREATE_USER, *_NAMES) if build.takes_names else _CREATE_USER


# -------------------------------------------------------------------- bodies


def json_refusal(text: bytes) -> Refused | None:
    """Return the refusal of a body that is not JSON, worded as by Cal.com's JSON parser."""
    try:
        if text.strip() and not isinstance(orjson.loads(text), dict | list):
            return Refused(400, "BadRequestException", "Unexpected token in JSON at position 0")
    except orjson.JSONDecodeError as error:
        return Refused(400, "BadRequestException", _json_error(error))
    return None


def _json_error(error: orjson.JSONDecodeError) -> str:
    inside = error.doc[: error.pos].rstrip() == "{"
    expected = "Expected property name or '}'" if inside else "Unexpected token"
    return f"{expected} in JSON at position {error.pos}"


async def read_object(request: web.Request) -> dict[str, Any]:
    """Return the body unchanged. A body of another type than JSON counts as an empty object."""
    text = await request.read() if request.content_type == "application/json" else b""
    body = orjson.loads(text) if text.strip() else {}
    return body if isinstance(body, dict) else {}


async def read_body(request: web.Request, fields: Iterable[Field]) -> dict[str, Any]:
    return validate(fields, await read_object(request))


def path_number(request: web.Request, name: str) -> int:
    """Return a number of the path."""
    value = request.match_info[name]
    if not value.isascii() or not value.isdecimal():
        message = "Validation failed (numeric string is expected)"
        raise Refused(400, "BadRequestException", message)
    return int(value)


# -------------------------------------------------------------------- lists


def _number(text: str) -> float:
    """Return the number as JavaScript reads it: empty text is 0, and other text is NaN."""
    try:
        return int(text or "0")
    except ValueError:
        return float("nan")


def _bounded(name: str, least: int, most: int | None, default: Any = NOTHING) -> Field:
    checks = [
        Check(
            "isNumber",
            "{field} must be a number conforming to the specified constraints",
            lambda number: not isnan(number),
        ),
        Check("min", f"{{field}} must not be less than {least}", lambda number: number >= least),
    ]
    if most is not None:
        sentence = f"{{field}} must not be greater than {most}"
        checks.append(Check("max", sentence, lambda number: number <= most))
    return Field(name, tuple(checks), default, convert=_number)


LIST = (_bounded("take", 1, MAX_ROWS, MAX_ROWS), _bounded("skip", 0, None, 0))
LIST_USERS = (
    Field("attributeQueryOperator", (_one_of(("AND", "OR", "NONE")),), default="AND"),
    _bounded("take", 1, MAX_USERS),
    _bounded("skip", 0, None),
    Field(
        "emails",
        (
            Check(
                "IsEmailStringOrArray",
                "Please submit only valid email addresses",
                lambda emails: all(is_address(email) for email in emails),
            ),
        ),
    ),
    Field("teamIds"),
)


def read_query(request: web.Request, fields: Iterable[Field]) -> dict[str, Any]:
    """Return the validate query. ``emails`` and ``teamIds`` are repeated, with or without ``[]``."""
    given: dict[str, Any] = {}
    for key, value in request.query.items():
        name = key.removesuffix("[]")
        if name in ("emails", "teamIds"):
            given.setdefault(name, []).append(value)
        else:
            given[name] = value
    return validate(fields, given)


def page_of(
    rows: list[Any], query: dict[str, Any], random: Random, *, whole: bool = False
) -> list[Any]:
    """Return ``take`` rows after ``skip`` in random order. ``whole``: each call shuffles the whole list."""
    take, skip = query.get("take", len(rows)), query.get("skip", 0)
    if whole:
        random.shuffle(rows)
    found = rows[skip : skip + take]
    random.shuffle(found)
    return found
