"""What a simulated Cal.com takes from a request, and how it refuses what does not pass validation."""

from random import Random
from typing import Any

from aiohttp import web

from calscim.sim.shapes import Refused, invalid
from calscim.sim.state import ROLES


async def body_of(request: web.Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except ValueError as error:
        raise Refused(400, "BadRequestException", "Unexpected token in JSON") from error
    if not isinstance(body, dict):
        raise Refused(400, "BadRequestException", "An object is expected")
    return body


def number_in(request: web.Request, name: str) -> int:
    """Of the path."""
    value = request.match_info[name]
    if not value.isascii() or not value.isdecimal():
        message = "Validation failed (numeric string is expected)"
        raise Refused(400, "BadRequestException", message)
    return int(value)


def the_number(body: dict[str, Any], name: str) -> int:
    value = body.get(name)
    if isinstance(value, bool) or not isinstance(value, int):
        raise invalid(name, value, "must be an integer number")
    return value


def text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise invalid(name, value, "must be a string")
    return value


def boolean(body: dict[str, Any], name: str, *, otherwise: bool | None = None) -> bool:
    value = body.get(name, otherwise)
    if not isinstance(value, bool):
        raise invalid(name, value, "must be a boolean value")
    return value


def role(body: dict[str, Any], name: str = "role", otherwise: str | None = None) -> str:
    value = body.get(name, otherwise)
    if value not in ROLES:
        raise invalid(name, value, f"must be one of the following values: {', '.join(ROLES)}")
    return str(value)


def page(
    request: web.Request, rows: list[Any], most: int, random: Random, *, whole: bool = False
) -> list[Any]:
    """``take`` rows after ``skip``, in no order: of the page, or of the whole list at every call."""
    take = _bounded(request, "take", most, 1, most)
    skip = _bounded(request, "skip", 0, 0, 2**31)
    if whole:
        random.shuffle(rows)
    found = rows[skip : skip + take]
    random.shuffle(found)
    return found


def _bounded(request: web.Request, name: str, otherwise: int, least: int, most: int) -> int:
    value = request.query.get(name, str(otherwise))
    if not value.isdecimal() or not least <= int(value) <= most:
        raise invalid(name, value, f"must be a number from {least} to {most}")
    return int(value)
