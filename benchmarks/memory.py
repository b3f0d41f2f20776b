"""Measure the daemon's memory while 50,000 users are pushed and imported and its reconciler works.

The reconciler fills a team of 5,000 on a simulated Cal.com, which accepts 120 calls a minute as Cal.com does.
"""

import asyncio
import json
import shutil
import tempfile
from pathlib import Path

from benchmarks.bodies import group, user
from benchmarks.machine import describe, most_resident, resident
from benchmarks.servers import calscim, daemon, simulated

PEOPLE, MEMBERS = 50_000, 5_000


async def measure() -> None:
    folder = Path(tempfile.mkdtemp(prefix="calscim-bench-"))
    folder.chmod(0o755)
    try:
        async with simulated() as calcom, daemon(folder, calcom) as server:
            users, connection = f"{server.prefix}/Users", server.connection()
            begun = resident(server.pid)
            first = [("POST", users, user(n)) for n in range(MEMBERS)]
            result = await server.load("push", first)
            assert not result.failures, result.failures[0]
            ids: list[str] = []
            while len(ids) < MEMBERS:
                _, page = await connection.send(
                    "GET", f"{users}?startIndex={len(ids) + 1}&count=500"
                )
                ids += [entry["id"] for entry in json.loads(page)["Resources"]]
            status, _ = await connection.send(
                "POST", f"{server.prefix}/Groups", group("Everyone", ids)
            )
            assert status == 201, status
            mapping = ("mapping", "add", "--group", "Everyone", "--team", "Sales")
            await asyncio.to_thread(calscim, folder, *mapping, "--mode", "managed")
            rest = [("POST", users, user(n)) for n in range(MEMBERS, PEOPLE)]
            await server.load("push", rest)
            pushed = most_resident(server.pid)
            for start in range(1, PEOPLE + 1, 200):
                await connection.send("GET", f"{users}?startIndex={start}&count=200")
            connection.close()
            print(
                f"memory of the daemon, MB: {begun:.0f} at first, {pushed:.0f} at most while "
                f"{PEOPLE:,} users were pushed, {most_resident(server.pid):.0f} while they were "
                "imported (reach 150)"
            )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    print(describe())
    asyncio.run(measure())


if __name__ == "__main__":
    main()
