"""A database that was restored from a dump: its organization is left alone until somebody has looked.

What the provider said since the dump is not in it. To the reconciler the people of that time would be strangers on an
exclusive team, and those who left would be missing.
"""

from calscim.store.admin.edits import Editor, transaction
from calscim.store.pool import Database
from calscim.store.sql import sql


async def pause_if_restored(db: Database, editor: Editor, organization: str) -> list[str] | None:
    """The names of the directories that were paused, journaled; None where nothing was restored since the last time."""
    async with transaction(db) as connection:
        if not await connection.fetchval(sql("home.moved"), organization):
            return None
        running = await connection.fetch(sql("home.running"), organization)
        for row in running:
            await connection.fetchval(sql("admin.pause"), "directory", row["id"], None)
            edit = {"scope": "directory", "target": row["id"], "until": None, "restored": True}
            resource = ("Pause", row["id"])
            await editor.write(connection, organization, "directory.pause", resource, edit)
    return [row["name"] for row in running]
