"""Reads the fields of posted forms."""

import re
from collections.abc import Mapping
from enum import Enum
from typing import TypeVar

from aiohttp import web

from calscim import admin
from calscim.admin import Directory
from calscim.admin.organizations import find_organization
from calscim.config import Organization
from calscim.console.services import services
from calscim.errors import UsageError

E = TypeVar("E", bound=Enum)

_NUMBER = re.compile("[0-9]{1,18}")  # fits a bigint of Postgres


async def posted(request: web.Request) -> dict[str, str]:
    """Return the fields of the form, without white space around them. Files are left out."""
    fields = {
        name: value.strip()
        for name, value in (await request.post()).items()
        if isinstance(value, str)
    }
    if any("\0" in value for value in fields.values()):
        raise UsageError("a field contains a NUL character: remove it, and send the form again")
    return fields


def needed(form: Mapping[str, str], name: str, label: str) -> str:
    """Return the field; raise UsageError if it is empty."""
    if not form.get(name):
        raise UsageError(f"{label} is empty: fill it in, and send the form again")
    return form[name]


def chosen(form: Mapping[str, str], name: str, label: str, choices: type[E]) -> E:
    """Return the field as a member of an enum; raise UsageError if it is none."""
    try:
        return choices(needed(form, name, label))
    except ValueError:
        known = ", ".join(str(one.value) for one in choices)
        raise UsageError(f"{label} is {form[name]!r}: choose one of {known}") from None


def number(form: Mapping[str, str], name: str) -> int:
    """Return a number that the console itself put into the form; raise UsageError if it is none."""
    text = form.get(name, "")
    if not _NUMBER.fullmatch(text):
        raise UsageError("the form is not complete: open the page again")
    return int(text)


def organization_of(request: web.Request, name: str | None) -> Organization:
    """Return the organization of that name; without one, the first."""
    settings = services(request).settings
    if not name and settings.organizations:
        return settings.organizations[0]
    return find_organization(settings, name or None)


async def directory_of(
    request: web.Request, form: Mapping[str, str], organization: str
) -> Directory:
    """Return the directory that the form names, or the organization's only one."""
    every = await admin.directories(services(request).db, organization)
    wanted = form.get("directory")
    found = [one for one in every if one.id == wanted] if wanted else every
    if len(found) == 1:
        return found[0]
    if not every:
        raise UsageError(f"{organization} has no directory yet: create one on the page Directories")
    raise UsageError("choose the directory that the group is pushed to")
