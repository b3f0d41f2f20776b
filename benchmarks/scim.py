"""Compare SCIM with the bare floor at concurrency 8, and measure operations whose cost must not depend on size.

The benchmark starts its own Postgres in a temporary folder, and the floor and the daemon as separate processes.
"""

import asyncio
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

from benchmarks.bodies import group, patch, user
from benchmarks.machine import describe, most_resident
from benchmarks.servers import Server, daemon, floor
from benchmarks.wire import Connection, load, median
from calscim.postgres import embedded

COUNT = 2000
WARM = 200


async def rates(server: Server, floor_port: int) -> list[str]:
    """Return the rates of creates, PUTs, PATCHes, and look-ups, compared with an INSERT or a SELECT."""
    users = f"{server.prefix}/Users"
    await server.load("warm", [("POST", users, user(10**6 + n)) for n in range(WARM)])
    inserts = [("POST", "/floor", user(n)) for n in range(COUNT)]
    selects = [("GET", f"/floor/{n + 1}", b"") for n in range(COUNT)]
    await load("warm", "127.0.0.1", floor_port, "", inserts[:WARM])
    insert = await load("floor: INSERT", "127.0.0.1", floor_port, "", inserts)
    select = await load("floor: SELECT", "127.0.0.1", floor_port, "", selects)
    create = await server.load("create a user", [("POST", users, user(n)) for n in range(COUNT)])
    connection = server.connection()
    made: dict[str, str] = {}  # the list is not in the order of the requests
    for start in range(1, COUNT + WARM, 200):
        _, page = await connection.send(
            "GET", f"{users}?startIndex={start}&count=200&attributes=userName"
        )
        made.update((entry["userName"], entry["id"]) for entry in json.loads(page)["Resources"])
    ids = [made[f"user{n}@acme.example"] for n in range(COUNT)]
    put = await server.load(
        "PUT a user", [("PUT", f"{users}/{i}", user(n, "Bea")) for n, i in enumerate(ids)]
    )
    off = patch({"op": "replace", "value": {"active": False}})
    change = await server.load("PATCH a user", [("PATCH", f"{users}/{i}", off) for i in ids])
    look = await server.load(
        "look-up by userName",
        [
            ("GET", f"{users}?filter=userName%20eq%20%22user{n}@acme.example%22", b"")
            for n in range(COUNT)
        ],
    )
    lines = [insert.line(), select.line()]
    for result, base in ((create, insert), (put, insert), (change, insert), (look, select)):
        lines.append(f"{result.line()}   {result.rate / base.rate:5.2f} of the floor (reach 0.50)")
    return lines


async def read_all_users(connection: Connection, users: str) -> tuple[list[str], list[float]]:
    """Return the ids of all users and the time of each page by cursor.

    Read the users as an import does, by index and again by cursor.
    """
    ids: list[str] = []
    while True:
        _, page = await connection.send("GET", f"{users}?startIndex={len(ids) + 1}&count=200")
        found = [entry["id"] for entry in json.loads(page)["Resources"]]
        ids += found
        if len(found) < 200:
            break
    cursor: str | None = ""
    again: list[str] = []
    times = []
    while cursor is not None:
        began = time.perf_counter()
        _, page = await connection.send("GET", f"{users}?cursor={quote(cursor)}&count=100")
        times.append(time.perf_counter() - began)
        shown = json.loads(page)
        again += [entry["id"] for entry in shown["Resources"]]
        cursor = shown.get("nextCursor")
    assert again == ids, "the pages by index and by cursor list the same users"
    return ids, times


async def sizes(server: Server) -> list[str]:
    """Measure groups of 10, 5,000, and 10,000 members, pages of 50,000 users, and the memory of the daemon."""
    users, groups = f"{server.prefix}/Users", f"{server.prefix}/Groups"
    await server.load("fill", [("POST", users, user(2 * 10**6 + n)) for n in range(50_000)])
    connection = server.connection()
    ids, by_cursor = await read_all_users(connection, users)

    async def made(name: str) -> str:
        status, answer = await connection.send("POST", groups, group(name, ids[:10]))
        assert status == 201, answer[:300]
        return str(json.loads(answer)["id"])

    def adding(members: list[str]) -> bytes:
        return patch({"op": "add", "path": "members", "value": [{"value": m} for m in members]})

    async def one_more(target: str, spare: list[str]) -> float:
        rest = iter(spare)
        return await median(
            100, lambda: connection.send("PATCH", f"{groups}/{target}", adding([next(rest)]))
        )

    async def read(path: str, count: int = 50) -> float:
        return await median(count, lambda: connection.send("GET", path))

    small, middle, large = await made("small"), await made("middle"), await made("large")
    without = f"{groups}?excludedAttributes=members&count=100"
    await read(without)
    listed_small = await read(without)
    await connection.send("PATCH", f"{groups}/{middle}", adding(ids[10:5000]))
    await connection.send("PATCH", f"{groups}/{large}", adding(ids[10:10_000]))
    listed = await read(without)
    await one_more(small, ids[20_000:20_100])
    into_small = await one_more(small, ids[21_000:21_100])
    into_large = await one_more(large, ids[21_000:21_100])
    blocks = iter(ids[start : start + 1000] for start in range(22_000, 32_000, 1000))
    thousand = await median(
        5, lambda: connection.send("PATCH", f"{groups}/{small}", adding(next(blocks)))
    )
    group_read = await read(f"{groups}/{middle}", 20)
    first = await read(f"{users}?startIndex=1&count=100")
    half = await read(f"{users}?startIndex={len(ids) // 2}&count=100")
    last = await read(f"{users}?startIndex={len(ids) - 99}&count=100")
    shallow, deep = (sorted(part)[25] for part in (by_cursor[:50], by_cursor[-51:-1]))
    return [
        line("one member into a group of 10", into_small),
        line("one member into a group of 10,000", into_large, into_large / into_small, "1.3 times"),
        line("1,000 members in one PATCH", thousand, reach="100 ms"),
        line("GET a group of 5,000", group_read, reach="15 ms"),
        line("list of groups of 10 without members", listed_small),
        line("the same when two have 5,000 and 10,000", listed, listed / listed_small, "1.3 times"),
        line(f"import page of 100 of {len(ids):,}: first", first, reach="8 ms"),
        line("  in the middle", half, half / first, reach="8 ms"),
        line("  last", last, last / first, reach="8 ms"),
        line("  by cursor, of the first 50", shallow, reach="8 ms"),
        line("  by cursor, of the last 50", deep, deep / shallow, reach="8 ms"),
        f"{'memory at most, nothing being reconciled':<50}{most_resident(server.pid):7.0f} MB   (reach 150 MB)",
    ]


def line(name: str, seconds: float, ratio: float | None = None, reach: str = "") -> str:
    times = "" if ratio is None else f"  {ratio:5.2f} times"
    goal = f"   (reach {reach})" if reach else ""
    return f"{name:<50}{seconds * 1e3:7.2f} ms{times}{goal}"


async def measure(*, quick: bool) -> None:
    folder = Path(tempfile.mkdtemp(prefix="calscim-bench-"))
    folder.chmod(0o755)
    try:
        async with daemon(folder) as server:
            running = await embedded.start(folder / "postgres")
            async with floor(running.owner_dsn) as port:
                print("SCIM at concurrency 8")
                print("\n".join(await rates(server, port)))
            if not quick:
                print("SCIM and size")
                print("\n".join(await sizes(server)))
            running.server.cleanup()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main(*, quick: bool = False) -> None:
    print(describe())
    asyncio.run(measure(quick=quick))


if __name__ == "__main__":
    main(quick="--quick" in sys.argv)
