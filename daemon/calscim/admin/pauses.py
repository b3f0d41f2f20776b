"""What is left alone: a directory, a whole organization, one team. SCIM goes on being accepted."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from calscim.journal.audit import Editor, transaction
from calscim.postgres.pool import Connection, Database
from calscim.postgres.queries import sql

Scope: TypeAlias = Literal["directory", "organization", "team"]


@dataclass(frozen=True, slots=True)
class Pause:
    """``target``: a directory's id, an organization's name, or ``organization/team id``."""

    scope: Scope
    target: str
    since: datetime
    until: datetime | None


async def pause(
    db: Database,
    editor: Editor,
    *,
    organization: str,
    scope: Scope,
    target: str,
    seconds: float | None = None,
) -> datetime | None:
    """Until ``resume``, or for so many seconds; returns the end. A second pause replaces the first one's end."""
    async with transaction(db) as connection:
        return await pause_in(
            connection,
            editor,
            organization=organization,
            scope=scope,
            target=target,
            seconds=seconds,
        )


async def pause_in(
    connection: Connection,
    editor: Editor,
    *,
    organization: str,
    scope: Scope,
    target: str,
    seconds: float | None = None,
) -> datetime | None:
    """As ``pause``, as a part of the caller's transaction."""
    until: datetime | None = await connection.fetchval(sql("pauses.pause"), scope, target, seconds)
    edit = {"scope": scope, "target": target, "until": until}
    await editor.write(connection, organization, f"{scope}.pause", ("Pause", target), edit)
    return until


async def resume(
    db: Database, editor: Editor, *, organization: str, scope: Scope, target: str
) -> bool:
    """False when it was not paused (any more)."""
    async with transaction(db) as connection:
        paused = await connection.fetchval(sql("pauses.resume"), scope, target)
        if not paused:  # there was none, or its time was over
            return False
        edit = {"scope": scope, "target": target}
        resource = ("Pause", target)
        await editor.write_and_ask(connection, organization, f"{scope}.resume", resource, edit)
    return True


async def pauses(db: Database) -> list[Pause]:
    """Those that hold now."""
    return [Pause(**row) for row in await db.fetch(sql("pauses.list"))]
