"""The bundled Postgres: made by whoever comes first, also when several come at once."""

import asyncio
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

START = """
import asyncio, sys
from pathlib import Path
from calscim.store import embedded

async def main():
    async with await embedded.start(Path(sys.argv[1])) as running:
        print(running.serving_dsn)

asyncio.run(main())
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not below pytest's, which each session that begins closes to other users, such as Postgres's."""
    made = Path(tempfile.mkdtemp(prefix="calscim-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.mark.own_postgres
async def test_two_commands_that_are_first_at_the_same_time_share_one_server(folder):
    async def start():
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", START, str(folder / "postgres"), stdout=-1, stderr=-1
        )
        out, error = await process.communicate()
        assert process.returncode == 0, error.decode()
        return out

    answers = await asyncio.gather(start(), start(), start())

    assert len(set(answers)) == 1
