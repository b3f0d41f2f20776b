"""Measure how attacks of one directory affect another: B's look-ups alone and during each known attack of A.

The benchmark runs against one daemon. B sends a look-up every few milliseconds, even if earlier ones are not answered
yet, because real clients of B do not know about A. The benchmark prints B's times and refused requests, the answers to
A, the duration of A's attack, and the peak memory of the daemon.
"""

import asyncio
import json
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import orjson

from benchmarks.bodies import patch, user
from benchmarks.machine import describe, most_resident
from benchmarks.servers import Server, calscim, daemon, headers
from benchmarks.wire import Connection, Job, Result

EVERY = 0.01  # seconds between two look-ups of B
ALONE = 5.0  # seconds for which B is measured alone
LONGEST = 20.0  # seconds after which an attack is cut off
PEOPLE = 3000  # users of A, for its searches
VALUES = 490  # e-mail addresses of the user that A patches
MB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Attack:
    """Requests that A sends over ``concurrency`` connections."""

    name: str
    jobs: list[Job]
    concurrency: int


@dataclass(slots=True)
class Ending:
    """The duration of an attack, and the number of answers of each status."""

    seconds: float
    answers: Counter[int]


def attacks(users: str, patched: str) -> list[Attack]:
    """Return A's attacks. ``users`` is the path of A's users, ``patched`` the id of the user with many values."""
    return [
        Attack(
            "50 posts of 4 MB, an unknown extension",
            [("POST", users, _extended(n, 4 * MB - 2000)) for n in range(50)],
            50,
        ),
        Attack(
            "20 posts of 480,000 tiny objects",
            [("POST", users, _objects(n, 480_000)) for n in range(20)],
            4,
        ),
        Attack(
            "20 posts of 60,000 tiny objects",
            [("POST", users, _objects(n, 60_000)) for n in range(20)],
            4,
        ),
        Attack(
            "20 groups of 50,000 unknown members",
            [("POST", users.replace("Users", "Groups"), _group(n)) for n in range(20)],
            4,
        ),
        Attack(
            "20 PATCHes of 30 x 20 comparisons",
            [("PATCH", f"{users}/{patched}", _compared(30)) for _ in range(20)],
            4,
        ),
        Attack(
            "100 PATCHes of 5 x 20 comparisons",
            [("PATCH", f"{users}/{patched}", _compared(5)) for _ in range(100)],
            8,
        ),
        Attack(
            "100 costly searches, 24 at once",
            [("GET", f"{users}?filter={_costly(n)}&count=1", b"") for n in range(100)],
            24,
        ),
        Attack(
            "3,000 look-ups, 64 at once",
            [
                ("GET", f"{users}?filter=userName%20eq%20%22user{n}@acme.example%22", b"")
                for n in range(3000)
            ],
            64,
        ),
        Attack(
            "3,000 creates, 64 at once",
            [("POST", users, user(10**6 + n)) for n in range(3000)],
            64,
        ),
    ]


def _extended(number: int, size: int) -> bytes:
    value = {"items": [{"n": "x" * 40} for _ in range(size // 51)]}
    return orjson.dumps(
        orjson.loads(user(2 * 10**6 + number)) | {"urn:example:params:bulky:2.0:User": value}
    )


def _objects(number: int, count: int) -> bytes:
    whole = orjson.loads(user(3 * 10**6 + number))
    whole["urn:example:params:tiny:2.0:User"] = {"items": [{} for _ in range(count)]}
    return orjson.dumps(whole)


def _group(number: int) -> bytes:
    members = [{"value": f"6fd1c9a0-4b1a-4a6e-9d58-{number:04}{n:08}"} for n in range(49_999)]
    return orjson.dumps({"displayName": f"Group {number}", "members": members})


def _compared(operations: int) -> bytes:
    return patch(
        *(
            {
                "op": "remove",
                "path": "emails["
                + " or ".join(f'value eq "\u00e4{n}.{m}@a.example"' for m in range(20))
                + "]",
            }
            for n in range(operations)
        )
    )


def _costly(number: int) -> str:
    terms = (
        f"(emails.display%20co%20%22{number}x{n}%22%20or%20name.familyName%20ew%20%22{n}q%22)"
        for n in range(60)
    )
    return "%20or%20".join(terms)


async def _fill(server: Server) -> str:
    """Create the users of A and one user with many values; return the id of that user."""
    users = f"{server.prefix}/Users"
    await server.load("fill", [("POST", users, user(n)) for n in range(PEOPLE)])
    many = orjson.loads(user(9 * 10**6))
    many["emails"] = [
        {"value": f"m\u00fcller{n}@acme.example", "type": "work"} for n in range(VALUES)
    ]
    status, answer = await server.connection().send("POST", users, orjson.dumps(many))
    assert status == 201, answer[:300]
    return str(json.loads(answer)["id"])


async def _attack(server: Server, attack: Attack) -> Ending:
    """Send all requests, each as soon as a connection is free; cancel those without an answer in time."""
    queue = iter(attack.jobs)
    ending = Ending(0.0, Counter())

    async def worker() -> None:
        connection = server.connection()
        for method, path, body in queue:
            try:
                status, _ = await connection.send(method, path, body)
            except (OSError, asyncio.IncompleteReadError):  # refused before the whole body was sent
                status = 0
                connection = server.connection()
            ending.answers[status] += 1
        connection.close()

    began = time.perf_counter()
    workers = [asyncio.create_task(worker()) for _ in range(attack.concurrency)]
    _, late = await asyncio.wait(workers, timeout=LONGEST)
    for task in late:
        task.cancel()
    await asyncio.gather(*workers, return_exceptions=True)
    ending.seconds = time.perf_counter() - began
    return ending


async def _look_ups(server: Server, is_over: Callable[[], bool]) -> Result:
    """Send B's look-ups until ``is_over``, and wait for all answers."""
    result = Result(server.name, 0.0)
    free: list[Connection] = []
    path = f"{server.prefix}/Users?filter=userName%20eq%20%22user1@acme.example%22"

    async def one() -> None:
        connection = free.pop() if free else server.connection()
        began = time.perf_counter()
        status, answer = await connection.send("GET", path)
        result.latencies.append(time.perf_counter() - began)
        if status >= 300:
            result.failures.append((status, answer[:300]))
        free.append(connection)

    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        while not is_over():
            group.create_task(one())
            await asyncio.sleep(EVERY)
    result.seconds = time.perf_counter() - began
    for connection in free:
        connection.close()
    return result


_prepared: list[Attack] = []  # in the attacker's process


def _prepare(users: str, patched: str, number: int) -> str:
    _prepared[:] = [attacks(users, patched)[number]]
    return _prepared[0].name


def _perform(server: Server) -> Ending:
    return asyncio.run(_attack(server, _prepared[0]))


async def _measure_attack(a: Server, b: Server, patched: str, number: int) -> None:
    """Run one attack in a separate process, so that the load of A's client does not affect B's times."""
    loop = asyncio.get_running_loop()
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        name = await loop.run_in_executor(process, _prepare, f"{a.prefix}/Users", patched, number)
        attacking = loop.run_in_executor(process, _perform, a)
        result = await _look_ups(b, attacking.done)
        print(line(name, result, await attacking))
    print(f"{'':<42} memory at most {most_resident(a.pid):.0f} MB", flush=True)


def line(name: str, result: Result, ending: Ending | None = None) -> str:
    times = "  ".join(
        f"{label} {result.percentile(share) * 1e3:8.1f}"
        for label, share in (("median", 0.5), ("p99", 0.99), ("most", 1.0))
    )
    refused = f"  refused {len(result.failures)} of {len(result.latencies)}"
    a = ""
    if ending is not None:
        answers = ", ".join(
            f"{count} x {status}" for status, count in sorted(ending.answers.items())
        )
        a = f"; A: {answers} in {ending.seconds:.1f} s"
    return f"{name:<42} {times} ms{refused}{a}"


async def measure(only: str = "") -> None:
    folder = Path(tempfile.mkdtemp(prefix="calscim-bench-"))
    folder.chmod(0o755)
    try:
        async with daemon(folder) as a:
            made = json.loads(
                calscim(
                    folder,
                    *("directory", "create", "--organization", "acme", "--name", "other"),
                    *("--provider", "okta-scim-v2", "--json"),
                )
            )
            b = replace(
                a,
                prefix="/" + made["base_url"].split("/", 3)[3],
                headers=headers(made["token"]),
            )
            patched = await _fill(a)
            status, answer = await b.connection().send("POST", f"{b.prefix}/Users", user(1))
            assert status == 201, answer[:300]
            print("B's look-ups, alone and while A attacks")
            until = time.perf_counter() + ALONE
            print(line("alone", await _look_ups(b, lambda: time.perf_counter() > until)))
            for number, attack in enumerate(attacks(f"{a.prefix}/Users", patched)):
                if only in attack.name:
                    await _measure_attack(a, b, patched, number)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main(only: str = "") -> None:
    print(describe())
    asyncio.run(measure(only))


if __name__ == "__main__":
    main(" ".join(sys.argv[1:]))
