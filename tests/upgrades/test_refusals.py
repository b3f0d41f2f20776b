"""A daemon on a schema that is older or newer than its own."""

from pathlib import Path

import aiohttp

from calscim.postgres import migrations
from calscim.postgres.pool import Database
from tests import conftest
from tests.support.deployment import Deployment, deployed
from tests.support.waiting import until
from tests.upgrades.conftest import migrated

INSERT = "INSERT INTO calscim.schema_version (version, name, oldest_compatible) VALUES ($1, 'another', $2)"


async def test_a_daemon_does_not_start_on_a_schema_that_is_too_old(
    outdated: conftest.Database, tmp_path: Path
) -> None:
    async with deployed(tmp_path, outdated.dsn, outdated.dsn, prepared=True) as site:
        daemon = await site.begin()

        code = await daemon.process.wait()

        assert code == 1
        assert "run `calscim migrate`" in daemon.log.read_text(encoding="utf-8")


async def test_a_daemon_whose_role_has_no_privileges_reports_how_to_grant_them(
    previous: conftest.Database, tmp_path: Path
) -> None:
    async with await Database.open(previous.owner_dsn, size=1) as owner:
        await owner.execute("REVOKE USAGE ON SCHEMA calscim FROM calscim")
    async with deployed(tmp_path, previous.dsn, previous.dsn, prepared=True) as site:
        daemon = await site.begin()

        code = await daemon.process.wait()

        assert code == 1
        said = daemon.log.read_text(encoding="utf-8")
        assert "`calscim migrate` gives the serving role its rights" in said
        assert "Traceback" not in said


async def test_a_daemon_under_systemd_waits_for_the_migration(
    outdated: conftest.Database, tmp_path: Path
) -> None:
    async with deployed(tmp_path, outdated.dsn, outdated.dsn, prepared=True) as site:
        site.notify_socket = str(tmp_path / "notify")
        daemon = await site.begin()
        await until(lambda: daemon.events("service.waiting"), 20)

        await migrated(outdated)

        await daemon.ready()
        assert "run `calscim migrate`" in daemon.events("service.waiting")[0]["reason"]
        assert await daemon.terminate() == 0


async def readiness(site: Deployment, session: aiohttp.ClientSession) -> tuple[int, str]:
    async with session.get(f"{site.daemons[-1].ops}/readyz") as response:
        return response.status, await response.text()


async def test_the_readiness_of_a_running_daemon_depends_on_the_schema(
    database: conftest.Database, tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    async with (
        deployed(tmp_path, database.dsn, database.dsn) as site,
        await Database.open(database.owner_dsn, size=1) as owner,
    ):
        await site.start()

        await owner.execute(
            "DELETE FROM calscim.schema_version WHERE version = $1", migrations.latest()
        )
        status, said = await readiness(site, session)
        assert status == 503 and "run `calscim migrate`" in said

        await owner.execute(INSERT, migrations.latest(), 1)
        await owner.execute(INSERT, migrations.latest() + 1, 1)
        assert (await readiness(site, session))[0] == 200

        await owner.execute(INSERT, migrations.latest() + 2, migrations.latest() + 2)
        status, said = await readiness(site, session)
        assert status == 503 and "install a later release" in said

        ended = await site.begin()
        assert await ended.process.wait() == 1
