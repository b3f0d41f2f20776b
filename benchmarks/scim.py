"""SCIM against the bare floor: rates at concurrency 8, and what must not depend on size.

Starts its own Postgres in a temporary folder, the floor and the daemon as processes of their own.
"""

import asyncio
import json
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.machine import describe, resident
from benchmarks.wire import Connection, Job, Result, load, median
from calscim.store import embedded

COUNT = 2000
WARM = 200


@dataclass(frozen=True, slots=True)
class Daemon:
    host: str
    port: int
    prefix: str  # path of the directory's base URL
    headers: str
    pid: int

    def connection(self) -> Connection:
        return Connection(self.host, self.port, self.headers)

    async def load(self, name: str, jobs: list[Job]) -> Result:
        return await load(name, self.host, self.port, self.headers, jobs)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _answers(port: int, path: str) -> None:
    for _ in range(200):
        try:
            await Connection("127.0.0.1", port, "").send("GET", path)
        except OSError:
            await asyncio.sleep(0.1)
        else:
            return
    raise RuntimeError(f"nothing answers on port {port}")


@asynccontextmanager
async def daemon(folder: Path) -> AsyncIterator[Daemon]:
    """calscim serving one directory, with no organization to reconcile."""
    scim, ops = free_port(), free_port()
    config = folder / "calscim.toml"
    config.write_text(
        f"""
[database]
embedded = "{folder / "postgres"}"
[scim]
listen = "127.0.0.1:{scim}"
public_url = "http://127.0.0.1:{scim}"
[ops]
listen = "127.0.0.1:{ops}"
[log]
level = "warning"
[[organization]]
name = "acme"
organization_id = 1
api_key = "cal_none"
api_url = "http://127.0.0.1:9"
""",
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "calscim", "--config", str(config)]
    serving = subprocess.Popen([*command, "serve"])
    try:
        await _answers(ops, "/readyz")
        made = json.loads(
            subprocess.check_output(
                [
                    *command,
                    *("directory", "create", "--organization", "acme", "--name", "bench"),
                    *("--provider", "okta-scim-v2", "--json"),
                ]
            )
        )
        headers = (
            f"Authorization: Bearer {made['token']}\r\n"
            "Content-Type: application/scim+json\r\nAccept: application/scim+json\r\n"
        )
        prefix = "/" + made["base_url"].split("/", 3)[3]
        yield Daemon("127.0.0.1", scim, prefix, headers, serving.pid)
    finally:
        serving.terminate()
        serving.wait(30)


@asynccontextmanager
async def floor(dsn: str) -> AsyncIterator[int]:
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.floor", dsn, str(port)])
    try:
        await _answers(port, "/floor/1")
        yield port
    finally:
        process.terminate()
        process.wait(10)


def user(number: int, first: str = "Ann") -> bytes:
    """A user as Okta sends it; about 500 bytes."""
    return json.dumps(
        {
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": f"user{number}@acme.example",
            "name": {"givenName": first, "familyName": f"Number{number}"},
            "emails": [{"primary": True, "value": f"user{number}@acme.example", "type": "work"}],
            "displayName": f"{first} Number{number}",
            "locale": "en-US",
            "externalId": f"00u{number:017d}",
            "groups": [],
            "active": True,
        }
    ).encode()


def patch(*operations: dict[str, object]) -> bytes:
    return json.dumps(
        {
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": list(operations),
        }
    ).encode()


async def rates(server: Daemon, floor_port: int) -> list[str]:
    """Creates, PUTs, PATCHes and look-ups beside an INSERT and a SELECT."""
    users = f"{server.prefix}/Users"
    await server.load("warm", [("POST", users, user(10**6 + n)) for n in range(WARM)])
    inserts = [("POST", "/floor", user(n)) for n in range(COUNT)]
    selects = [("GET", f"/floor/{n + 1}", b"") for n in range(COUNT)]
    await load("warm", "127.0.0.1", floor_port, "", inserts[:WARM])
    insert = await load("floor: INSERT", "127.0.0.1", floor_port, "", inserts)
    select = await load("floor: SELECT", "127.0.0.1", floor_port, "", selects)
    create = await server.load("create a user", [("POST", users, user(n)) for n in range(COUNT)])
    connection = server.connection()
    made: dict[str, str] = {}  # they are not listed in the order they were sent in
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


async def sizes(server: Daemon) -> list[str]:
    """Groups of 10, 5,000 and 10,000; pages at 50,000 users."""
    users, groups = f"{server.prefix}/Users", f"{server.prefix}/Groups"
    before = resident(server.pid)
    await server.load("fill", [("POST", users, user(2 * 10**6 + n)) for n in range(50_000)])
    connection = server.connection()
    ids: list[str] = []
    for start in range(1, 50_001, 1000):
        _, page = await connection.send(
            "GET", f"{users}?startIndex={start}&count=1000&attributes=userName"
        )
        ids += [entry["id"] for entry in json.loads(page)["Resources"]]

    async def group(name: str, members: list[str]) -> str:
        body = json.dumps(
            {
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
                "displayName": name,
                "members": [{"value": member} for member in members],
            }
        ).encode()
        status, answer = await connection.send("POST", groups, body)
        assert status == 201, answer[:300]
        return str(json.loads(answer)["id"])

    def adding(members: list[str]) -> bytes:
        return patch({"op": "add", "path": "members", "value": [{"value": m} for m in members]})

    small, large = await group("small", ids[:10]), await group("large", ids[:10_000])
    middle = await group("middle", ids[:5000])

    async def one_more(target: str, spare: list[str]) -> float:
        rest = iter(spare)
        return await median(
            100, lambda: connection.send("PATCH", f"{groups}/{target}", adding([next(rest)]))
        )

    await one_more(small, ids[20_000:20_100])
    into_small = await one_more(small, ids[21_000:21_100])
    into_large = await one_more(large, ids[21_000:21_100])
    blocks = iter(ids[start : start + 1000] for start in range(22_000, 32_000, 1000))
    thousand = await median(
        5, lambda: connection.send("PATCH", f"{groups}/{small}", adding(next(blocks)))
    )
    read = await median(20, lambda: connection.send("GET", f"{groups}/{middle}"))
    listed = await median(
        50, lambda: connection.send("GET", f"{groups}?excludedAttributes=members&count=100")
    )
    first = await median(50, lambda: connection.send("GET", f"{users}?startIndex=1&count=100"))
    last = await median(50, lambda: connection.send("GET", f"{users}?startIndex=49901&count=100"))
    half = await median(50, lambda: connection.send("GET", f"{users}?startIndex=25001&count=100"))
    ratio = into_large / into_small
    return [
        f"one member into a group of 10               {into_small * 1e3:7.2f} ms",
        f"one member into a group of 10,000           {into_large * 1e3:7.2f} ms   {ratio:.2f} (reach 1.30)",
        f"1,000 members in one PATCH                  {thousand * 1e3:7.2f} ms   (reach 100)",
        f"GET a group of 5,000                        {read * 1e3:7.2f} ms   (reach 15)",
        f"list groups without members                 {listed * 1e3:7.2f} ms",
        f"page of 100 at 50,000 users: first          {first * 1e3:7.2f} ms   (reach 8)",
        f"page of 100 at 50,000 users: middle         {half * 1e3:7.2f} ms   (reach 8)",
        f"page of 100 at 50,000 users: last           {last * 1e3:7.2f} ms   (reach 8)",
        f"resident memory of the daemon               {before:.0f} MB before, "
        f"{resident(server.pid):.0f} MB after (reach 150)",
    ]


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
