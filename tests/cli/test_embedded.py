"""With ``database.embedded`` a verb starts the bundled Postgres, or joins the one that runs."""

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
    """One that the bundled Postgres may use also when the tests run as root."""
    made = Path(tempfile.mkdtemp(prefix="calscim-cli-"))
    made.chmod(0o755)
    (made / "calscim.toml").write_text(
        '[database]\nembedded = "./postgres"\n'
        '[[organization]]\nname = "acme"\norganization_id = 42\napi_key = "x"\n'
    )
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.mark.own_postgres
def test_the_bundled_postgres_runs_as_long_as_somebody_needs_it(folder, run):
    configured = ("--config", str(folder / "calscim.toml"))

    assert (
        main([*configured, "directory", "create", "--name", "Okta", "--provider", "okta-scim-v2"])
        == 0
    )
    assert not (folder / "postgres/postmaster.pid").exists()

    async def beside_another() -> None:
        async with await embedded.start(folder / "postgres"):
            listing = [sys.executable, "-m", "calscim", *configured, "directory", "list"]
            beside = await asyncio.create_subprocess_exec(*listing, stdout=asyncio.subprocess.PIPE)
            out, _ = await beside.communicate()
            assert b"Okta" in out
            assert (folder / "postgres/postmaster.pid").exists()

    run(beside_another())
    assert not (folder / "postgres/postmaster.pid").exists()
