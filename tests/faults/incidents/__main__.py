"""Play every incident, or those named on the command line, and write docs/guide/incidents.md (`make guide`)."""

import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

import asyncpg

from tests.faults.incidents.document import (
    INCIDENTS,
    PATH,
    assemble_page,
    heading,
    read_sections,
    section,
)
from tests.support.server import OWNER, PREFIX, bundled


async def write(folder: Path, *names: str) -> None:
    """Write the page; without names, play every incident."""
    sections = read_sections() if names else {}
    async with bundled(folder / "postgres") as server:
        admin = await asyncpg.connect(server.dsn("postgres", OWNER))
        for number, play in enumerate(INCIDENTS):
            if names and play.__name__ not in names:
                continue
            database = f"{PREFIX}_{number}"
            await admin.execute(f"CREATE DATABASE {database} TEMPLATE {server.template}")
            place = folder / str(number)
            place.mkdir()
            sections[heading(play)] = await section(play, server, database, place)
        await admin.close()
    PATH.write_text(assemble_page(sections), encoding="utf-8")


if __name__ == "__main__":
    place = Path(tempfile.mkdtemp(prefix="calscim-incidents-"))
    place.chmod(0o755)
    try:
        asyncio.run(write(place, *sys.argv[1:]))
    finally:
        shutil.rmtree(place, ignore_errors=True)
