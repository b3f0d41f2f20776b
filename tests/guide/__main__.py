"""Play every case, or the cases named on the command line, and write docs/guide/cases.md (`make guide`)."""

import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

import asyncpg

from calscim.postgres.pool import Database
from tests.guide.document import CASES, PATH, assemble_page, heading, read_sections, section
from tests.support.server import OWNER, PREFIX, bundled


async def write(folder: Path, *names: str) -> None:
    """Write the page; without names, play every case."""
    sections = read_sections() if names else {}
    async with bundled(folder / "postgres") as server:
        admin = await asyncpg.connect(server.dsn("postgres", OWNER))
        for number, case in enumerate(CASES):
            if names and case.__name__ not in names:
                continue
            database = f"{PREFIX}_{number}"
            await admin.execute(f"CREATE DATABASE {database} TEMPLATE {server.template}")
            dsn = server.dsn(database)
            async with await Database.open(dsn) as db:
                sections[heading(case)] = await section(case, db, dsn, folder)
        await admin.close()
    PATH.write_text(assemble_page(sections), encoding="utf-8")


if __name__ == "__main__":
    place = Path(tempfile.mkdtemp(prefix="calscim-guide-"))
    place.chmod(0o755)
    try:
        asyncio.run(write(place, *sys.argv[1:]))
    finally:
        shutil.rmtree(place, ignore_errors=True)
