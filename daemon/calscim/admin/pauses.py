"""Pause and resume a directory, an organization, or a team. SCIM is still accepted; Cal.com is left alone."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from calscim.journal.audit import Editor, transaction
from calscim.postgres.pool import Connection, Database
from calscim.postgres.queries import sql

Scope: TypeAlias = Literal["directory", "organization", "team"]


@dataclass(frozen=True, slots=True)
class Pause:
    """A pause in effect. ``target``: a directory's id, an organization's name, or ``organization/team id``."""

    scope: Scope
    target: str
    since: datetime
    until: datetime | None


async def pause(
    db: "Database | Connection",
    editor: Editor,
    *,
    organization: str,
    scope: Scope,
    target: str,
    seconds: float | None = None,
) -> datetime | None:
    """Pause until ``resume``, or for ``seconds``; return the end. A second pause replaces the end of the first one."""
    async with transaction(db) as connection:
        until: datetime | None = await connection.fetchval(
            sql("pauses.pause"), scope, target, seconds, None
        )
        edit = {"scope": scope, "target": target, "until": until}
        await editor.write(connection, organization, f"{scope}.pause", ("Pause", target), edit)
    return until


async def resume(
    db: Database, editor: Editor, *, organization: str, scope: Scope, target: str
) -> bool:
    """End a pause. Return False if there was none, or if it had already ended."""
    async with transaction(db) as connection:
        paused = await connection.fetchval(sql("pauses.resume"), scope, target)
        if not paused:
            return False
        edit = {"scope": scope, "target": target}
        resource = ("Pause", target)
        await editor.write_and_ask(connection, organization, f"{scope}.resume", resource, edit)
    return True


async def pauses(db: Database) -> list[Pause]:
    """Return the pauses in effect."""
    return [Pause(**row) for row in await db.fetch(sql("pauses.list"))]
