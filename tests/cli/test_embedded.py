"""With ``database.embedded``, a verb starts the bundled Postgres or uses the running one."""

import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

from calscim.cli import main
from calscim.postgres import embedded


@pytest.fixture
def folder():
    """A folder that the bundled Postgres can use, even if the tests run as root."""
    made = Path(tempfile.mkdtemp(prefix="calscim-cli-"))
    made.chmod(0o755)
    (made / "calscim.toml").write_text(
        '[database]\nembedded = "./postgres"\n'
        '[[organization]]\nname = "acme"\norganization_id = 42\napi_key = "x"\n'
    )
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.mark.own_postgres
def test_the_bundled_postgres_stops_after_its_last_user(folder, run):
    configured = ("--config", str(folder / "calscim.toml"))

    assert (
        main([*configured, "directory", "create", "--name", "Okta", "--provider", "okta-scim-v2"])
        == 0
    )
    assert not (folder / "postgres/postmaster.pid").exists()

    async def list_with_another_user() -> None:
        async with await embedded.start(folder / "postgres"):
            listing = [sys.executable, "-m", "calscim", *configured, "directory", "list"]
            process = await asyncio.create_subprocess_exec(*listing, stdout=asyncio.subprocess.PIPE)
            out, _ = await process.communicate()
            assert b"Okta" in out
            assert (folder / "postgres/postmaster.pid").exists()

    run(list_with_another_user())
    assert not (folder / "postgres/postmaster.pid").exists()
