"""The bundled Postgres: made by whoever comes first, also when several come at once."""

import asyncio
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from calscim.errors import ConfigError
from calscim.postgres import embedded, embedded_access

START = """
import asyncio, sys
from pathlib import Path
from calscim.postgres import embedded

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


# ------------------------------------------------------------------ who may connect

CONNECT = """
import asyncio, os, pwd, sys
import asyncpg
if len(sys.argv) > 2:
    os.setuid(pwd.getpwnam(sys.argv[2]).pw_uid)
asyncio.run(asyncpg.connect(sys.argv[1]))
"""


async def run(*arguments: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=-1, stderr=-1)
    _, error = await process.communicate()
    return process.returncode or 0, error.decode()


def users() -> tuple[str, str]:
    """(the one who runs the server, one who has nothing to do with it)"""
    if os.geteuid() != 0:
        pytest.skip("only root can try as another user")
    return embedded_access.SERVER_USER, "nobody"


@pytest.mark.own_postgres
async def test_only_the_user_who_started_it_may_connect(folder):
    server_user, stranger = users()
    async with await embedded.start(folder / "postgres") as running:
        for dsn in (running.owner_dsn, running.serving_dsn):
            assert (await run("-c", CONNECT, dsn))[0] == 0
            code, said = await run("-c", CONNECT, dsn, server_user)
            assert (code, "Peer authentication failed" in said) == (1, True)
            assert (await run("-c", CONNECT, dsn, stranger))[0] == 1


@pytest.mark.own_postgres
async def test_it_never_trusts_and_its_socket_is_in_a_folder_of_its_own(folder):
    async with await embedded.start(folder / "postgres") as running:
        socket = Path(running.server.get_postmaster_info().socket_dir)
        connection = await asyncpg.connect(running.owner_dsn)
        rules = await connection.fetch("SELECT type, auth_method FROM pg_hba_file_rules")
        addresses = await connection.fetchval("SHOW listen_addresses")
        await connection.close()

        assert [tuple(rule) for rule in rules] == [("local", "peer")]
        assert addresses == ""
        assert socket == (folder / "postgres").resolve()
        assert stat.S_IMODE(socket.stat().st_mode) == 0o700
        assert stat.S_IMODE((socket / ".s.PGSQL.5432").stat().st_mode) == 0o700


@pytest.mark.own_postgres
async def test_a_folder_of_an_earlier_release_is_closed_while_its_server_runs(folder):
    data = folder / "postgres"
    async with await embedded.start(data) as running:
        for name in ("pg_hba.conf", "pg_ident.conf"):
            (data / name).write_text("local all all trust\n" if "hba" in name else "")
        connection = await asyncpg.connect(running.owner_dsn)
        await connection.execute("SELECT pg_reload_conf()")
        await connection.close()

        beside = await run("-c", START, str(data))

        assert beside[0] == 0
        assert "trust" not in (data / "pg_hba.conf").read_text()
        assert (await run("-c", CONNECT, running.owner_dsn))[0] == 0
        assert (await run("-c", CONNECT, running.owner_dsn, users()[0]))[0] == 1


def test_a_folder_of_another_user_is_refused(folder):
    data = folder / "postgres"
    data.mkdir()
    (data / "PG_VERSION").write_text("18")
    _, stranger = users()
    shutil.chown(data / "PG_VERSION", stranger)

    with pytest.raises(ConfigError, match="belongs to the user nobody: run calscim as that user"):
        embedded_access.refuse_shared(data)


@pytest.mark.own_postgres
async def test_a_folder_with_a_long_path_has_its_socket_in_itself_as_well(folder):
    data = folder / ("x" * 90) / "postgres"
    async with await embedded.start(data) as running:
        assert (await run("-c", START, str(data)))[0] == 0
        connection = await asyncpg.connect(running.serving_dsn)
        assert await connection.fetchval("SELECT 1") == 1
        await connection.close()
        assert (data / ".s.PGSQL.5432").is_socket()


def test_a_short_name_of_another_user_is_refused(folder):
    data = folder / ("x" * 90) / "postgres"
    place = folder / f"calscim-{os.geteuid()}"
    place.mkdir()
    place.chmod(0o777)

    with pytest.raises(ConfigError, match="choose a folder whose path has at most 93 bytes"):
        embedded_access.short_name(data, folder)

    place.chmod(0o755)
    assert embedded_access.short_name(data, folder).readlink() == data
    assert embedded_access.short_name(folder, folder) == folder
