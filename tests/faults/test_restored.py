"""After a restore of the latest backup nothing changes in Cal.com; after an older backup nothing is removed unseen."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import aiohttp
import asyncpg
import pytest
from aiohttp.test_utils import TestServer
from prometheus_client import CollectorRegistry

from calscim import admin
from calscim.clock import SystemClock
from calscim.config import Scim
from calscim.journal import chain
from calscim.journal.replay import rebuild
from calscim.planner.actions import Kind
from calscim.postgres.pool import Database
from calscim.reconciler.state import leases, restore_check
from calscim.scim.metrics import Metrics
from calscim.scim.server import app
from calscim.testing.okta.client import Okta
from tests import conftest
from tests.support import deployment
from tests.support.cluster import restore, run
from tests.support.server import OWNER, Server
from tests.support.stage import EDITOR, Stage, staged
from tests.support.waiting import until

PEOPLE = ("ann", "bob", "cem", "dan", "eve", "fay")
Restore = Callable[[], Awaitable[Database]]


def address(name: str) -> str:
    return f"{name}@acme.example"


@pytest.fixture
async def story(db: Database) -> AsyncIterator[Stage]:
    """Six people on an exclusive team, three of them also on a managed team; everything is in sync."""
    async with staged(db) as made:
        await made.given("Sales", "exclusive", *PEOPLE)
        await made.given("Engineering", "managed", *PEOPLE[:3])
        yield made


@pytest.fixture
async def dump(
    story: Stage, database: conftest.Database, postgres: Server, tmp_path: Path
) -> AsyncIterator[Restore]:
    """Return a function that backs up the database and restores it into another database."""
    path = tmp_path / "calscim.dump"
    name = f"{database.name}_restored"
    superuser = await asyncpg.connect(postgres.dsn("postgres", OWNER))
    opened: list[Database] = []

    async def restored() -> Database:
        await run("pg_dump", "-Fc", "-f", path, "-d", database.owner_dsn)
        await superuser.execute(f"CREATE DATABASE {name}")
        await restore(path, postgres.dsn(name, OWNER))
        opened.append(await Database.open(postgres.dsn(name)))
        return opened[0]

    yield restored
    for one in opened:
        await one.close()
    await superuser.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    await superuser.close()


@asynccontextmanager
async def going_on(story: Stage, db: Database) -> AsyncIterator[Stage]:
    """Yield a stage with the same Cal.com and Okta, but with another database."""
    lease = await leases.take(db, "acme", "restored") or story.lease
    server = TestServer(app(db, Scim(), SystemClock(), Metrics(CollectorRegistry())))
    await server.start_server()
    story.okta.base_url = str(server.make_url(f"/scim/v2/{story.directory.id}"))
    made = replace(story, db=db, lease=lease)
    try:
        yield made
    finally:
        await server.close()


async def test_after_a_restore_the_journal_verifies_and_a_full_pass_writes_nothing(
    story: Stage, dump: Restore
) -> None:
    await restore_check.record_identity(story.db, "acme")
    await leases.release(story.db, story.lease)
    story.simulation.writes.clear()

    async with going_on(story, await dump()) as after:
        assert await restore_check.is_restored_copy(after.db, "acme")
        assert not await after.reconciler.has_changes()
        report = await after.full()

        assert report.in_sync
        assert (await after.plan()).actions == ()
        assert story.simulation.writes == []
        assert not (await chain.verify(after.db)).broken
        for directory in await admin.directories(after.db):
            assert (await rebuild.compare(after.db, directory)).different == 0


async def test_a_person_who_was_deactivated_after_the_dump_is_a_change(
    story: Stage, dump: Restore
) -> None:
    await restore_check.record_identity(story.db, "acme")
    restored = await dump()
    await story.okta.deactivate(address("dan"))
    await story.full()
    await leases.release(story.db, story.lease)

    async with going_on(story, restored) as after:
        assert await after.reconciler.has_changes()


async def push_changes_after_the_dump(story: Stage) -> None:
    """Add Gus to both teams, remove Bob from one team, and deactivate Dan."""
    await story.okta.assign(address("gus"), "Gus", "Example")
    await story.okta.change_members("Sales", add=[address("gus")], remove=[])
    await story.okta.change_members("Engineering", add=[address("gus")], remove=[address("bob")])
    await story.okta.deactivate(address("dan"))
    await story.full()
    await story.full()


async def forced_sync(story: Stage) -> None:
    """Push like a forced sync of Okta: look up and write every user, then push every group completely."""
    people, members = list(story.okta.users), dict(story.okta.members)
    for email in people:
        await story.okta.assign(email, email.partition("@")[0].capitalize(), "Example")
    await story.okta.deactivate(address("dan"))
    for name, emails in members.items():
        await story.okta.push_group(name, emails)
        await story.okta.push_now(name, emails)


async def test_after_a_restore_of_an_older_backup_cal_com_is_unchanged_until_the_directory_is_resumed(
    story: Stage, dump: Restore
) -> None:
    await restore_check.record_identity(story.db, "acme")
    restored = await dump()
    await push_changes_after_the_dump(story)
    await leases.release(story.db, story.lease)
    before = story.world.snapshot()
    story.simulation.writes.clear()

    async with going_on(story, restored) as after:
        assert await restore_check.is_restored_copy(after.db, "acme")
        assert await after.reconciler.has_changes()
        paused = await restore_check.pause_restored(after.db, EDITOR, "acme")
        await after.full()
        await forced_sync(after)
        await after.full()
        assert paused == ["Okta"]
        assert story.simulation.writes == []

        await admin.resume(
            after.db, EDITOR, organization="acme", scope="directory", target=story.directory.id
        )
        await after.full()
        assert after.world.snapshot()["teams"] == before["teams"]
        assert after.world.snapshot()["people"] == before["people"]
        assert (await after.plan()).actions == ()


async def test_without_the_pause_a_person_added_after_the_backup_would_be_removed(
    story: Stage, dump: Restore
) -> None:
    restored = await dump()
    await push_changes_after_the_dump(story)
    await leases.release(story.db, story.lease)

    async with going_on(story, restored) as after:
        removed = {
            (action.kind, action.email)
            for action in (await after.plan()).actions
            if action.kind in {Kind.DEPROVISION, Kind.REMOVE}
        }

    assert {email for _, email in removed} == {address("gus")}


async def test_a_restore_is_noticed_only_once(story: Stage, dump: Restore) -> None:
    await restore_check.record_identity(story.db, "acme")
    restored = await dump()

    assert not await restore_check.is_restored_copy(story.db, "acme")
    assert await restore_check.is_restored_copy(restored, "acme")
    assert await restore_check.pause_restored(restored, EDITOR, "acme") == ["Okta"]
    assert not await restore_check.is_restored_copy(restored, "acme")
    assert not (await chain.verify(restored)).broken


async def test_a_temporary_pause_of_a_directory_becomes_permanent_after_a_restore(
    story: Stage, dump: Restore
) -> None:
    await restore_check.record_identity(story.db, "acme")
    await admin.pause(
        story.db,
        EDITOR,
        organization="acme",
        scope="directory",
        target=story.directory.id,
        seconds=60,
    )

    restored = await dump()

    assert await restore_check.pause_restored(restored, EDITOR, "acme") == ["Okta"]
    assert [one.until for one in await admin.pauses(restored)] == [None]


@pytest.mark.parametrize("older", [True, False], ids=["older", "latest"])
async def test_a_daemon_pauses_the_directory_only_if_the_backup_is_older_than_cal_com(
    database: conftest.Database, postgres: Server, tmp_path: Path, older: bool
) -> None:
    async with deployment.deployed(tmp_path, database.dsn, database.dsn) as site:
        daemon = await site.start()
        async with aiohttp.ClientSession() as session:
            okta = Okta(session, site.base_url(daemon), site.token)
            await okta.assign(address("ann"), "Ann", "Example")
            await okta.push_group("Sales", [address("ann")])
        await until(lambda: site.teams()["Sales"] == {address("ann")}, 20)
        await daemon.terminate()
        path, name = tmp_path / "calscim.dump", f"{database.name}_daemon"
        await run("pg_dump", "-Fc", "-f", path, "-d", database.owner_dsn)
        superuser = await asyncpg.connect(postgres.dsn("postgres", OWNER))
        await superuser.execute(f"CREATE DATABASE {name}")
        await restore(path, postgres.dsn(name, OWNER))
        site.dsn = postgres.dsn(name)
        site.configure()
        if older:
            site.world.add_person(address("gus"), name="Gus Example")
            site.world.put_on_team("Sales", address("gus"))

        daemon = await site.start()
        await until(lambda: daemon.events("reconcile.pass"), 20)

        said = [(event["paused"], event["then"]) for event in daemon.events("database.restored")]
        assert said == ([(["Okta"], ["calscim directory resume 'Okta'"])] if older else [])
        assert ("paused" in await site.calscim("directory", "list")) is older
        assert (address("gus") in site.teams()["Sales"]) is older
        await daemon.terminate()
    await superuser.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await superuser.close()
