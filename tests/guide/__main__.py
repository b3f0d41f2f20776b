"""Play every case and every played page, and write what calscim prints into the documentation (`make guide`).

Names of cases and pages on the command line limit it to these, for example `new_person`, `start/okta.md`, or `concepts`.
"""

import asyncio
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from calscim.postgres.pool import Database
from tests.guide.document import CASES, PATH, assemble_page, heading, read_sections, section
from tests.guide.play import open_play
from tests.guide.played_pages import DOCS, PAGES, STORIES, play_page, play_pages
from tests.support.server import OWNER, PREFIX, Server, bundled


async def write(folder: Path, *names: str) -> None:
    """Write the cases and pages with these names; without names, all of them."""
    sections = read_sections() if names else {}
    async with bundled(folder / "postgres") as server:
        for case in CASES:
            if not names or case.__name__ in names:
                async with _empty_database(server, case.__name__) as (db, dsn):
                    sections[heading(case)] = await section(case, db, dsn, folder)
        for number, (page, steps) in enumerate(PAGES.items()):
            if names and page not in names:
                continue
            async with (
                _empty_database(server, f"page_{number}") as (db, dsn),
                open_play(db, dsn, folder) as play,
            ):
                text = (DOCS / page).read_text(encoding="utf-8")
                (DOCS / page).write_text(await play_page(play, text, steps), encoding="utf-8")
        for story, steps_of in STORIES.items():
            if names and story not in names:
                continue
            async with (
                _empty_database(server, story) as (db, dsn),
                open_play(db, dsn, folder) as play,
            ):
                for page, (_, printed) in (await play_pages(play, steps_of)).items():
                    (DOCS / page).write_text(printed, encoding="utf-8")
    PATH.write_text(assemble_page(sections), encoding="utf-8")


@asynccontextmanager
async def _empty_database(server: Server, name: str) -> AsyncIterator[tuple[Database, str]]:
    """Yield a new database with the schema, and its DSN."""
    admin = await asyncpg.connect(server.dsn("postgres", OWNER))
    database = f"{PREFIX}_{name}"
    await admin.execute(f"CREATE DATABASE {database} TEMPLATE {server.template}")
    await admin.close()
    dsn = server.dsn(database)
    async with await Database.open(dsn) as db:
        yield db, dsn


if __name__ == "__main__":
    place = Path(tempfile.mkdtemp(prefix="calscim-guide-"))
    place.chmod(0o755)
    try:
        asyncio.run(write(place, *sys.argv[1:]))
    finally:
        shutil.rmtree(place, ignore_errors=True)
