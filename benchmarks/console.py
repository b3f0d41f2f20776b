"""Measure how long the console takes for each page, in a small organization and in a large one.

The large one has 50,000 people, 1,000 teams, groups and mappings, and 500,000 journal rows; the small one, the
baseline, has a hundredth of each. The time is that of the whole request over loopback, in one process with the
simulated Cal.com.
"""

import asyncio
import re
import statistics
import tempfile
import time
from pathlib import Path

import aiohttp
import asyncpg
from aiohttp import web

from benchmarks.company import Company, fill
from benchmarks.machine import describe
from benchmarks.servers import free_port
from calscim import admin, logs
from calscim.admin.console_access import ConsoleRole, create_link, link_url
from calscim.clock import SystemClock
from calscim.config import Console, Organization, Settings
from calscim.config import Database as DatabaseSettings
from calscim.config.effective import effective_keys
from calscim.console.compose import compose
from calscim.encryption import PLAIN
from calscim.postgres import embedded, migrations
from calscim.postgres.pool import Database
from calscim.testing.calcom.calcom import World, serve

PEOPLE, TEAMS, ROWS = 50_000, 1_000, 500_000
REPEATS = 20
PAGES = (
    "/",
    "/directories",
    "/mapping",
    "/mapping?q=team+9",
    "/mapping?add=@organization",
    "/plan",
    "/people",
    "/people?q=number+49",
    "/people?q=no-such-person",
    "/activity",
    "/activity?kind=admin",
    "/activity?person=user77@acme.example",
    "/settings",
)


def main(*, quick: bool = False) -> None:
    """Print the table."""
    logs.configure("error", "json")
    print(describe())
    print("The time of a page")
    shares = {"small": 100, "large": 10 if quick else 1}
    results = {name: asyncio.run(_measure(share)) for name, share in shares.items()}
    print(f"{'page':38} {'small p50':>10} {'large p50':>10} {'large p95':>10}  (ms)")
    for page in PAGES:
        small, large = results["small"][page], results["large"][page]
        worst = sorted(large)[int(len(large) * 0.95) - 1]
        print(
            f"{page:38} {statistics.median(small):10.1f} {statistics.median(large):10.1f} {worst:10.1f}"
        )


async def _measure(share: int) -> dict[str, list[float]]:
    """Return the milliseconds of each request by page, in an organization of one ``share``-th of the large one."""
    with tempfile.TemporaryDirectory(prefix="calscim-bench-", ignore_cleanup_errors=True) as made:
        Path(made).chmod(0o755)
        async with await embedded.start(Path(made) / "postgres") as running:
            owner = await asyncpg.connect(running.owner_dsn)
            await migrations.ensure(owner, embedded.SERVING_ROLE)
            async with await Database.open(running.serving_dsn, size=4, cipher=PLAIN) as db:
                directory = await admin.create_directory(
                    db,
                    admin.Editor(by="benchmark", cipher=PLAIN),
                    organization="acme",
                    name="Okta",
                    provider="okta-scim-v2",
                )
                company = Company(PEOPLE // share, TEAMS // share, TEAMS // share, ROWS // share)
                teams = [10_001 + number for number in range(company.teams)]
                await fill(owner, directory.id, company, teams)
                found = await _pages(db, TEAMS // share)
            await owner.close()
    return found


async def _pages(db: Database, teams: int) -> dict[str, list[float]]:
    world = World(api_key="cal_bench")
    world.add_person("owner@acme.example", role="OWNER")
    for number in range(teams):
        world.add_team(f"Team {number}")
    listen = f"127.0.0.1:{free_port()}"
    console = Console(listen=listen, public_url=f"http://{listen}")
    async with serve(world) as api_url:
        organization = Organization(
            "acme",
            organization_id=world.organization_id,
            api_key="cal_bench",
            api_url=api_url,
            requests_per_minute=1_000_000,
        )
        settings = Settings(
            DatabaseSettings(dsn="postgresql://unused"),
            organizations=(organization,),
            console=console,
        )
        http = aiohttp.ClientSession()
        made = compose(
            console,
            db,
            http,
            SystemClock(),
            running=lambda: settings,
            effective=lambda: list(effective_keys(settings, lambda _: "default")),
        )
        runner = web.AppRunner(made, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", int(listen.rpartition(":")[2])).start()
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(cookie_jar=jar) as browser:
            link = link_url(console, await create_link(db, "benchmark", ConsoleRole.ADMIN))
            async with browser.get(link) as answer:
                assert re.search("Overview", await answer.text())
            found = {page: await _times(browser, console.public_url + page) for page in PAGES}
        await runner.cleanup()
        await http.close()
    return found


async def _times(http: aiohttp.ClientSession, url: str) -> list[float]:
    times = []
    for _ in range(REPEATS + 1):
        began = time.perf_counter()
        async with http.get(url) as answer:
            await answer.read()
            assert answer.status == 200, url
        times.append((time.perf_counter() - began) * 1000)
    return times[1:]  # the first request compiles the template


if __name__ == "__main__":
    main()
