"""The incidents in the order of docs/guide/incidents.md, and how each becomes a section."""

import inspect
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

from tests.faults.incidents import access, calcom, people, postgres
from tests.faults.incidents.incident import open_incident
from tests.support.server import Server

PATH = Path(__file__).parents[3] / "docs" / "guide" / "incidents.md"
OUTDATED = (
    "docs/guide/incidents.md differs from what calscim does: run `make guide`, then read `git diff`"
)
PREFACE = """# Incidents

This page shows what an operator gets in each incident: the notification, the alerts of `config/prometheus-rules.yml`, the
lines of `calscim status`, and how the incident ends. `make guide` plays every incident against a real daemon and writes this
page; a test compares them. Ids, times and names of machines are replaced with fixed ones. The notifications come from a
channel with `unreachable_after = "0s"` and `parked_after = "0s"`; with the defaults they come later. The alerts are those
that fire while the state lasts, after the time in their `for`."""

Play: TypeAlias = Callable[..., Awaitable[None]]

INCIDENTS: tuple[Play, ...] = (
    calcom.revoked_key,
    calcom.calcom_down,
    calcom.shared_rate_limit,
    people.emptied_group,
    people.wrong_mapping,
    access.expired_token,
    access.expired_certificate,
    postgres.database_down,
    postgres.full_disk,
    postgres.read_only_standby,
    postgres.two_daemons,
)


def heading(play: Play) -> str:
    """Return the first line of the docstring."""
    return inspect.cleandoc(play.__doc__ or "").splitlines()[0]


async def section(play: Play, server: Server, database: str, folder: Path) -> str:
    """Play an incident on an empty database and return its section: heading, introduction, and record."""
    title, *introduction = inspect.cleandoc(play.__doc__ or "").splitlines()
    async with open_incident(server, database, folder) as incident:
        await play(incident)
        return "\n".join([f"## {title}", *introduction, "", incident.text])


def assemble_page(sections: dict[str, str]) -> str:
    """Return the whole page. ``sections``: the text of each section by its heading."""
    return "\n\n".join([PREFACE, *(sections[heading(play)] for play in INCIDENTS)]) + "\n"


def read_sections() -> dict[str, str]:
    """Return the sections of the page as it is now, by heading."""
    text = PATH.read_text(encoding="utf-8") if PATH.exists() else ""
    _, *parts = text.split("\n## ")
    return {part.partition("\n")[0]: f"## {part}".strip() for part in parts}
