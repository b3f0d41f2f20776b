"""Open sessions of the console: list them, and end one session or all of a person.

Every request to a console looks its session up in Postgres, so that a session that is ended here ends in every daemon.
The console belongs to all organizations: the journal of each gets a row.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from calscim.admin import names
from calscim.config import Organization
from calscim.errors import UsageError
from calscim.journal.audit import Editor, transaction
from calscim.postgres.pool import Connection, Database
from calscim.postgres.queries import sql


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A session that is open. ``method``: oidc or link. ``expires_at``: when it ends although in use."""

    id: int
    person: str
    role: str
    method: str
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class EndedSessions:
    """What was ended. ``links``: links that were printed for the person, were valid, and no longer sign in."""

    sessions: tuple[OpenSession, ...]
    links: int


async def open_sessions(db: Database, idle: float) -> list[OpenSession]:
    """Return the open sessions by person. ``idle``: seconds without a request after which a session has ended."""
    return [OpenSession(**row) for row in await db.fetch(sql("console.list_sessions"), idle)]


async def end_one_session(
    db: Database, editor: Editor, organizations: Sequence[Organization], number: int, idle: float
) -> EndedSessions:
    """End the session with that id. Raise UsageError if it is not open."""
    async with transaction(db) as connection:
        row = await connection.fetchrow(sql("console.delete_session"), number, idle)
        if row is None:
            raise UsageError(
                f"session {number} is not open: it has ended, or never was. See `calscim console sessions`"
            )
        ended = EndedSessions((OpenSession(**row),), 0)
        await _record(connection, editor, organizations, row["person"], ended)
    return ended


async def end_sessions_of(
    db: Database, editor: Editor, organizations: Sequence[Organization], person: str, idle: float
) -> EndedSessions:
    """End all sessions of the person, and delete links that the person has not used.

    Raise UsageError if there is neither. Case does not count in ``person``.
    """
    known = [one.person for one in await open_sessions(db, idle)]
    async with transaction(db) as connection:
        rows = await connection.fetch(sql("console.delete_sessions_of"), person, idle)
        links = await connection.fetchval(sql("console.delete_links_of"), person)
        ended = EndedSessions(tuple(OpenSession(**row) for row in rows), links)
        if not rows and not links:
            raise UsageError(
                names.missing("open session of", person, known, "see `calscim console sessions`")
            )
        await _record(connection, editor, organizations, person, ended)
    return ended


async def _record(
    connection: Connection,
    editor: Editor,
    organizations: Sequence[Organization],
    person: str,
    ended: EndedSessions,
) -> None:
    edit: dict[str, Any] = {
        "name": person,
        "sessions": [one.id for one in ended.sessions],
        "links": ended.links,
    }
    resource = ("Session", "")  # no name, which an erasure could not remove from this column
    # In the order of names: two edits lock the heads of the journals in the same order.
    for name in sorted(one.name for one in organizations):
        await editor.write(connection, name, "session.end", resource, edit)
