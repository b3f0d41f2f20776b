"""Detects a database that was restored from a dump, and pauses its directories for an operator to check.

What the provider said since the dump is not in it. To the reconciler the people of that time would be strangers on an
exclusive team, and those who left would be missing.
"""

from calscim.journal.audit import Editor, transaction
from calscim.postgres.pool import Database
from calscim.postgres.queries import sql

# Why a directory is paused, as `calscim status` shows it.
REASON = "the database was restored from a backup"


async def is_restored_copy(db: Database, organization: str) -> bool:
    """Return True if another database last reconciled this organization."""
    return bool(await db.fetchval(sql("database_identity.is_restored_copy"), organization))


async def record_identity(db: Database, organization: str) -> None:
    """Record that this database reconciles the organization."""
    await db.execute(sql("database_identity.record"), organization)


async def pause_restored(db: Database, editor: Editor, organization: str) -> list[str]:
    """Pause the directories, with journal rows; return their names and record this database.

    The change feed continues with positions that no consumer has seen, so that consumers miss no later event.
    """
    async with transaction(db) as connection:
        await connection.execute(sql("events.skip_positions"))
        await connection.execute(sql("database_identity.record"), organization)
        running = await connection.fetch(sql("directories.list_unpaused"), organization)
        for row in running:
            await connection.fetchval(sql("pauses.pause"), "directory", row["id"], None, REASON)
            edit = {
                "scope": "directory",
                "target": row["id"],
                "name": row["name"],
                "until": None,
                "restored": True,
            }
            resource = ("Pause", row["id"])
            await editor.write(connection, organization, "directory.pause", resource, edit)
    return [row["name"] for row in running]
