"""A database restored from a dump of an older state: its organization is left alone until somebody has looked.

What the provider said since the dump is not in it. To the reconciler the people of that time would be strangers on an
exclusive team, and those who left would be missing.
"""

from calscim.journal.audit import Editor, transaction
from calscim.postgres.pool import Database
from calscim.postgres.queries import sql


async def moved(db: Database, organization: str) -> bool:
    """Whether these are other tables than those that the organization was reconciled from before."""
    return bool(await db.fetchval(sql("database_identity.is_restored_copy"), organization))


async def at_home(db: Database, organization: str) -> None:
    """From now on it is reconciled from these tables."""
    await db.execute(sql("database_identity.record"), organization)


async def pause_restored(db: Database, editor: Editor, organization: str) -> list[str]:
    """The names of the directories that were paused, journaled; and from now on these are the tables."""
    async with transaction(db) as connection:
        await connection.execute(sql("database_identity.record"), organization)
        running = await connection.fetch(sql("directories.list_unpaused"), organization)
        for row in running:
            await connection.fetchval(sql("pauses.pause"), "directory", row["id"], None)
            edit = {"scope": "directory", "target": row["id"], "until": None, "restored": True}
            resource = ("Pause", row["id"])
            await editor.write(connection, organization, "directory.pause", resource, edit)
    return [row["name"] for row in running]
