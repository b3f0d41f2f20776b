"""Freezes the present tree for the next upgrade tests: `python -m tests.upgrades.freeze FOLDER [VERSION]`.

`make release` runs it with `tests/upgrades/previous` and the version. It writes to the folder:

- ``release.json``: the version, or null if the tree is not a release;
- ``queries``: the named queries;
- ``migrations.json``: the digests of the migrations, which must never change;
- ``calls.json``: the arguments and results of calscim.apply_changes during the first act of the story;
- ``data.sql``: the database after that, and ``calcom.json``: the simulated Cal.com.
"""

import asyncio
import json
import shutil
import sys
import tempfile
from pathlib import Path

import aiohttp
import asyncpg

from calscim.testing.okta.client import Okta
from tests.support.cluster import run
from tests.support.deployment import Deployment, deployed
from tests.support.server import OWNER, bundled
from tests.support.waiting import until
from tests.upgrades.release import copy_tree, fingerprints
from tests.upgrades.story import Story, prepare

DATABASE = "calscim_test_freeze"
# A sitecustomize module: every Python with the release's folder in PYTHONPATH imports it.
RECORDER = """
import base64, json
import asyncpg

fetch = asyncpg.Connection.fetch

async def recorded(self, query, *arguments, **options):
    rows = await fetch(self, query, *arguments, **options)
    if "calscim.apply_changes(" in query:
        with open({path!r}, "a") as calls:
            stream, *columns, bodies, details = arguments
            made = *[list(one) for one in columns], [base64.b64encode(one).decode() for one in bodies], list(details)
            answers = [{{"status": row["status"], "skipped": row["skipped"]}} for row in rows]
            calls.write(json.dumps([stream, *made, answers]) + "\\n")
    return rows

asyncpg.Connection.fetch = recorded
"""


async def freeze(target: Path, version: str | None) -> None:
    folder = Path(tempfile.mkdtemp(prefix="freeze-"))
    folder.chmod(0o755)
    try:
        release = copy_tree(folder / "release")
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(release / "sql/queries", target / "queries")
        _write(target / "release.json", {"version": version})
        _write(target / "migrations.json", fingerprints(release / "sql/migrations"))
        async with bundled(folder / "postgres") as server:
            admin = await asyncpg.connect(server.dsn("postgres", OWNER))
            await admin.execute(f"CREATE DATABASE {DATABASE}")
            await admin.close()
            dsn, owner = server.dsn(DATABASE), server.dsn(DATABASE, OWNER)
            async with deployed(folder, dsn, dsn, prepared=True) as site:
                site.source = f"{release / 'daemon'}"
                await _play(site, owner, release / "daemon/sitecustomize.py", target)
            dump = folder / "data.sql"
            await run(
                "pg_dump", "--data-only", "--inserts", "--load-via-partition-root", "--no-owner",
                "-T", "calscim.schema_version", "-T", "calscim.leases", "-f", dump, "-d", owner,
            )  # fmt: skip
        lines = dump.read_text(encoding="utf-8").splitlines()
        kept = [line for line in lines if line and not line.startswith(("--", "\\", "SET "))]
        (target / "data.sql").write_text("\n".join(kept) + "\n", encoding="utf-8")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _play(site: Deployment, owner: str, recorder: Path, target: Path) -> None:
    calls = site.folder / "calls"
    site.migration_dsn = owner
    site.configure()
    await site.calscim("migrate")
    await prepare(site)
    recorder.write_text(RECORDER.format(path=str(calls)), encoding="utf-8")
    daemon = await site.start()
    async with aiohttp.ClientSession() as session:
        story = Story(Okta(session, site.base_url(daemon), site.token))
        await story.first_act()
        await until(lambda: site.teams() == story.teams(), 60)
    await daemon.terminate()
    site.world.memory = target / "calcom.json"
    site.world.save()
    _write(
        target / "calls.json",
        {
            "directory": site.directory,
            "token": site.token,
            "users": story.okta.users,
            "groups": story.okta.groups,
            "members": story.okta.members,
            "inactive": sorted(story.inactive),
            "group_of": story.group_of,
            "calls": [json.loads(line) for line in calls.read_text().splitlines()],
        },
    )


def _write(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(freeze(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None))
