"""Daemons as processes that are killed, frozen and stopped, alone and with others on one database."""

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import asyncpg
import pytest

from calscim.journal import chain
from calscim.postgres import migrations
from calscim.postgres.pool import Database
from calscim.testing.calcom import calcom
from tests import conftest
from tests.support.cluster import Node
from tests.support.counting_okta import CountingOkta, account, kept
from tests.support.deployment import ORGANIZATION, TEAMS, Daemon, Deployment, answers, deployed
from tests.support.proxy import Proxy
from tests.support.waiting import IN_TIME, until

OUT_OF_TIME = "UPDATE calscim.leases SET expires_at = 'epoch'"  # as if the lease had run out
MEMBERSHIPS = "POST /v2/organizations/#/teams/#/memberships"


@pytest.fixture
async def site(database: conftest.Database, tmp_path: Path) -> AsyncIterator[Deployment]:
    async with deployed(tmp_path, database.dsn, database.dsn) as made:
        yield made


@pytest.fixture
async def behind_a_proxy(
    database: conftest.Database, proxied: str, tmp_path: Path
) -> AsyncIterator[Deployment]:
    async with deployed(tmp_path, proxied, database.dsn) as made:
        yield made


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


def okta(site: Deployment, session: aiohttp.ClientSession) -> CountingOkta:
    """Return an Okta that pushes to the newest running daemon."""

    def where() -> str | None:
        living = [one for one in site.daemons if one.alive and one.scim and not one.frozen]
        return site.base_url(living[-1]) if living else None

    return CountingOkta(session, where, site.token)


async def holder(site: Deployment, connection: asyncpg.Connection) -> Daemon | None:
    """Return the daemon that holds the lease now."""
    said = await connection.fetchval(
        "SELECT holder FROM calscim.leases WHERE organization = $1 AND expires_at > clock_timestamp()",
        ORGANIZATION,
    )
    return next((one for one in site.daemons if f"/{one.pid}/" in (said or "")), None)


def in_sync(site: Deployment, speaker: CountingOkta) -> bool:
    return site.teams() == {
        name: speaker.groups[name].members if name in speaker.groups else set() for name in TEAMS
    }


async def accepts_connections(dsn: str) -> bool:
    try:
        connection = await asyncpg.connect(dsn, timeout=2)
    except (OSError, TimeoutError, asyncpg.PostgresError):
        return False
    await connection.close()
    return True


async def assert_nothing_is_lost(site: Deployment, speaker: CountingOkta) -> None:
    # A backend can outlive its postmaster for a moment and still answer.
    await until(lambda: accepts_connections(site.direct), 30)
    async with await Database.open(site.direct, size=4) as db:
        async with db.connection() as connection:
            found = account(speaker.attempts, await kept(connection, site.directory))
        verdict = await chain.verify(db)
    assert (found.lost, found.duplicated, found.untrue) == ([], [], [])
    assert not verdict.broken
    for person in speaker.people.values():
        answer = await speaker.get(f"/Users/{person.id}")
        assert (answer["displayName"], answer["active"]) == (person.name, person.active)


async def test_a_daemon_killed_during_pushes_loses_nothing_and_repeats_no_action(
    site: Deployment, session: aiohttp.ClientSession, pool: asyncpg.Pool
) -> None:
    speaker = okta(site, session)
    first = await site.start()

    async def push(number: int) -> None:
        person = await speaker.create(f"p{number}@acme.example")
        group = await speaker.push_group(TEAMS[number % len(TEAMS)])
        await speaker.add(group, person)

    pushing = asyncio.gather(*(push(number) for number in range(24)))
    await until(lambda: speaker.acknowledged > 20)
    await first.kill()
    await pool.execute(OUT_OF_TIME)
    await site.start()
    await pushing

    await until(lambda: in_sync(site, speaker), 15)
    await assert_nothing_is_lost(site, speaker)
    assert site.simulation.calls[MEMBERSHIPS] == 24


@pytest.mark.own_postgres
async def test_a_killed_postgres_has_every_acknowledged_change_after_its_restart(
    session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    folder = Path(tempfile.mkdtemp(prefix="calscim-"))
    node = await Node.made(folder / "pg")
    try:
        await node.start()
        await node.ask("CREATE ROLE calscim LOGIN")
        await node.ask("CREATE DATABASE calscim")
        owner = await asyncpg.connect(node.dsn("calscim"))
        await migrations.migrate(owner, "calscim")
        await owner.close()
        dsn = node.dsn("calscim", "calscim")
        async with deployed(tmp_path, dsn, dsn) as site:
            speaker = okta(site, session)
            daemon = await site.start()
            group = await speaker.push_group("Sales")

            async def push(number: int) -> None:
                await speaker.add(group, await speaker.create(f"p{number}@acme.example"))

            pushing = asyncio.gather(*(push(number) for number in range(12)))
            await until(lambda: speaker.acknowledged > 8)
            node.kill()
            assert await answers(session, f"{daemon.ops}/healthz") == 200
            assert await answers(session, f"{daemon.ops}/readyz") == 503
            await node.start()
            await pushing

            await until(lambda: in_sync(site, speaker), 40)
            await assert_nothing_is_lost(site, speaker)
            assert daemon.alive
    finally:
        await node.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
async def bundled(tmp_path: Path) -> AsyncIterator[Deployment]:
    """A deployment with ``database.embedded``. The test prepares it once the first daemon runs."""
    folder = Path(tempfile.mkdtemp(prefix="calscim-"))
    folder.chmod(0o755)
    data = folder / "pg"
    direct = f"postgresql://calscim@/calscim?host={data}"
    async with deployed(tmp_path, "", direct, embedded=data) as made:
        yield made
    shutil.rmtree(folder, ignore_errors=True)


def postmaster(site: Deployment) -> int:
    """Return the process id of the bundled Postgres."""
    assert site.embedded is not None
    return int((site.embedded / "postmaster.pid").read_text().split()[0])


def has_another_postmaster(site: Deployment, killed: int) -> bool:
    try:
        return postmaster(site) != killed
    except (OSError, IndexError, ValueError):  # the file is incomplete or missing
        return False


@pytest.mark.own_postgres
async def test_a_change_answered_503_while_postgres_is_frozen_is_not_kept_after_it_continues(
    bundled: Deployment, session: aiohttp.ClientSession
) -> None:
    await bundled.start()
    await bundled.prepare()
    speaker = okta(bundled, session)
    await asyncio.gather(*(speaker.create(f"p{number}@acme.example") for number in range(4)))
    direct = await asyncpg.connect(bundled.direct)
    backends = await direct.fetch(
        "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    )
    frozen = [postmaster(bundled), *(row["pid"] for row in backends)]

    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    try:
        marks = [f"mark-{number}-x" for number in range(900, 932)]
        answered = await asyncio.gather(
            *(
                speaker.once("POST", "/Users", mark, {"userName": f"{mark}@acme.example"})
                for mark in marks
            )
        )
    finally:
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)

    await speaker.create("ann@acme.example")
    found = await kept(direct, bundled.directory)
    await direct.close()
    assert [status for status, _ in answered] == [503] * len(marks)
    assert max(attempt.seconds for attempt in speaker.attempts if attempt.mark in marks) < IN_TIME
    assert not found.keys() & set(marks)


@pytest.mark.own_postgres
async def test_the_daemon_restarts_a_killed_bundled_postgres(
    bundled: Deployment, session: aiohttp.ClientSession
) -> None:
    daemon = await bundled.start()
    await bundled.prepare()
    speaker = okta(bundled, session)
    person = await speaker.create("ann@acme.example")

    killed = postmaster(bundled)
    os.kill(killed, signal.SIGKILL)
    await until(lambda: has_another_postmaster(bundled, killed), 30)

    await speaker.rename(person, "Ann")
    await assert_nothing_is_lost(bundled, speaker)
    assert daemon.alive


@pytest.mark.own_postgres
async def test_the_daemon_stops_the_bundled_postgres_of_a_killed_daemon_when_it_stops(
    bundled: Deployment,
) -> None:
    first = await bundled.start()
    await first.kill()
    second = await bundled.start()
    process = postmaster(bundled)

    assert await second.terminate() == 0

    await until(lambda: not Path(f"/proc/{process}").exists())


async def test_two_daemons_both_answer_and_the_second_takes_over_when_the_first_is_killed(
    site: Deployment, session: aiohttp.ClientSession, pool: asyncpg.Pool
) -> None:
    speaker = okta(site, session)
    await asyncio.gather(site.start(), site.start())
    first = await until(lambda: holder(site, pool))
    second = next(one for one in site.daemons if one is not first)
    for daemon in (first, second):
        async with session.get(
            f"{site.base_url(daemon)}/Users", headers={"Authorization": f"Bearer {site.token}"}
        ) as response:
            assert response.status == 200

    await first.kill()
    group = await speaker.push_group("Sales")
    await speaker.add(group, await speaker.create("ann@acme.example"))

    async def taken_over() -> bool:
        return await holder(site, pool) is second

    await until(taken_over, 20)
    await until(lambda: in_sync(site, speaker))
    await assert_nothing_is_lost(site, speaker)


async def test_a_daemon_that_receives_sigterm_releases_its_lease_at_once(
    site: Deployment, pool: asyncpg.Pool
) -> None:
    await asyncio.gather(site.start(), site.start())
    first = await until(lambda: holder(site, pool))

    code = await first.terminate()

    assert code == 0

    async def taken_over() -> bool:
        return await holder(site, pool) not in (None, first)

    await until(taken_over, 10)


async def test_a_frozen_daemon_that_lost_its_lease_writes_nothing_to_calcom_when_it_continues(
    site: Deployment, session: aiohttp.ClientSession, pool: asyncpg.Pool
) -> None:
    speaker = okta(site, session)
    await asyncio.gather(site.start(), site.start())
    first = await until(lambda: holder(site, pool))
    people = [await speaker.create(f"p{number}@acme.example") for number in range(6)]
    group = await speaker.push_group("Sales")
    site.simulation.faults.append(
        calcom.Fault(method="POST", path="/teams/", kind="hang", times=1, seconds=0.5)
    )
    await speaker.add(group, *people)
    await until(lambda: site.simulation.calls[MEMBERSHIPS])

    first.freeze()
    await pool.execute(OUT_OF_TIME)
    await until(lambda: in_sync(site, speaker), 15)
    term = await pool.fetchval("SELECT term FROM calscim.leases")
    newest = await pool.fetchval("SELECT max(id) FROM calscim.actions")
    first.thaw()

    await until(lambda: first.events("lease.lost"), 15)
    late = await pool.fetchval(
        "SELECT count(*) FROM calscim.actions WHERE term < $1 AND id > $2", term, newest
    )
    assert late == 0
    assert in_sync(site, speaker)


async def test_a_push_whose_notification_is_lost_still_reaches_calcom(
    behind_a_proxy: Deployment, session: aiohttp.ClientSession, proxy: Proxy
) -> None:
    site = behind_a_proxy
    speaker = okta(site, session)
    await site.start()
    group = await speaker.push_group("Sales")
    ann, bob = await speaker.create("ann@acme.example"), await speaker.create("bob@acme.example")
    await speaker.add(group, ann)
    await until(lambda: in_sync(site, speaker), 15)

    assert proxy.swallow_present(b"LISTEN") == 1
    await speaker.add(group, bob)

    await until(lambda: in_sync(site, speaker), 10)
    await assert_nothing_is_lost(site, speaker)


async def test_a_daemon_that_starts_without_a_database_answers_503_and_recovers(
    behind_a_proxy: Deployment, session: aiohttp.ClientSession, proxy: Proxy
) -> None:
    site = behind_a_proxy
    await proxy.refuse()
    daemon = await site.start()
    authorized = {"Authorization": f"Bearer {site.token}"}

    async with session.get(f"{site.base_url(daemon)}/Users", headers=authorized) as response:
        assert response.status == 503
        assert int(response.headers["Retry-After"]) >= 1
    assert await answers(session, f"{daemon.ops}/healthz") == 200
    assert await answers(session, f"{daemon.ops}/readyz") == 503

    await proxy.heal()
    speaker = okta(site, session)
    group = await speaker.push_group("Sales")
    await speaker.add(group, await speaker.create("ann@acme.example"))
    await until(lambda: in_sync(site, speaker), 40)
    assert await answers(session, f"{daemon.ops}/readyz") == 200
