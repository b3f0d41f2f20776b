"""The bundled Postgres: made by whoever comes first, also when several come at once."""

import asyncio
import sys

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


@pytest.mark.own_postgres
async def test_two_commands_that_are_first_at_the_same_time_share_one_server(tmp_path):
    for folder in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        folder.chmod(0o755)

    async def start():
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", START, str(tmp_path / "postgres"), stdout=-1, stderr=-1
        )
        out, error = await process.communicate()
        assert process.returncode == 0, error.decode()
        return out

    answers = await asyncio.gather(start(), start(), start())

    assert len(set(answers)) == 1
