"""Play Okta's request sequence to a SCIM server, at concurrency 8.

For each person: a look-up by userName, a create, GET, PUT, a PATCH of active, and a PATCH that adds the person to a
group; for every tenth person also a list of 100 users. The benchmark checks before and after the timing that the server
does the work.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from benchmarks.bodies import group, patch, user
from benchmarks.machine import processor_seconds
from benchmarks.servers import Server
from benchmarks.wire import Connection

CONCURRENCY = 8
BEFORE = 1000  # users that exist before the timing
ROUNDS, EACH = 7, 320  # people of a round; the servers take turns
OPERATIONS = ("create", "look-up", "GET", "PUT", "PATCH", "member", "list")

Send = Callable[..., Awaitable[Any]]


class RefusedError(Exception):
    """A server refused a request or did not apply it, so it cannot be measured."""


@dataclass(slots=True)
class Play:
    """The measurement of one server: its resources, its times, and what it cannot do."""

    server: Server
    postgres: int = 0  # id of the server's Postgres process; 0 without one
    groups: list[str] = field(default_factory=list)
    rounds: list[float] = field(default_factory=list)  # requests a second
    spent: list[tuple[float, float]] = field(default_factory=list)  # processor seconds of a request
    alone: dict[str, float] = field(default_factory=dict)  # rates of single operations
    last: tuple[float, float] = (0.0, 0.0)
    made: dict[int, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Return the median rate of the rounds."""
        return sorted(self.rounds)[len(self.rounds) // 2]

    @property
    def processor_each(self) -> tuple[float, float]:
        """Return the median processor seconds that a request costs the server and the database."""
        middle = len(self.spent) // 2
        own, database = (sorted(part) for part in zip(*self.spent, strict=True))
        return own[middle], database[middle]

    # ---------------------------------------------------------------- the requests

    async def send(
        self, connection: Connection, method: str, path: str, body: bytes = b""
    ) -> tuple[int, bytes]:
        status, answer = await connection.send(method, f"{self.server.prefix}{path}", body)
        if status >= 300:
            raise RefusedError(f"{method} {path[:60]} was answered with {status}: {answer[:200]!r}")
        return status, answer

    async def look_up(self, connection: Connection, number: int) -> list[Any]:
        path = (
            f"/Users?filter=userName%20eq%20%22user{number}@acme.example%22&startIndex=1&count=100"
        )
        _, answer = await self.send(connection, "GET", path)
        return list(orjson.loads(answer).get("Resources") or [])

    async def create(self, connection: Connection, number: int) -> str:
        _, answer = await self.send(connection, "POST", "/Users", user(number))
        return str(orjson.loads(answer)["id"])

    async def put(self, connection: Connection, number: int, made: str) -> None:
        body = user(number, "Bea", made)
        await self.send(connection, "PUT", f"/Users/{made}", body)

    async def deactivate(self, connection: Connection, made: str) -> None:
        body = patch({"op": "replace", "value": {"active": False}})
        await self.send(connection, "PATCH", f"/Users/{made}", body)

    async def join(self, connection: Connection, number: int, made: str) -> None:
        body = patch({"op": "add", "path": "members", "value": [{"value": made}]})
        await self.send(connection, "PATCH", f"/Groups/{self.groups[number % 8]}", body)

    async def page(self, connection: Connection) -> int:
        _, answer = await self.send(connection, "GET", "/Users?startIndex=1&count=100")
        return len(orjson.loads(answer)["Resources"])

    async def person(self, connection: Connection, number: int) -> int:
        """Send the whole sequence for one person; return the number of requests."""
        if await self.look_up(connection, number):
            raise RefusedError(f"user{number} is found before it is created")
        made = await self.create(connection, number)
        await self.send(connection, "GET", f"/Users/{made}")
        await self.put(connection, number, made)
        await self.deactivate(connection, made)
        await self.join(connection, number, made)
        if number % 10:
            return 6
        await self.page(connection)
        return 7

    # ---------------------------------------------------------------- proof

    async def prove(self) -> None:
        """Create the groups and the first users, and read back the sequence of one person.

        Raise RefusedError if the server does not do the work.
        """
        connection = self.server.connection()
        for number in range(8):
            _, answer = await self.send(connection, "POST", "/Groups", group(f"group {number}", []))
            self.groups.append(str(orjson.loads(answer)["id"]))
        number = 9_000_000
        await self.person(connection, number)
        await self.settled(connection, number)
        await self.people(list(range(8_000_000, 8_000_000 + BEFORE)), self.filled)
        if (shown := await self.page(connection)) != 100:
            self.remarks.append(f"a page of 100 has {shown} users")
        _, answer = await self.send(connection, "GET", "/Users?startIndex=1&count=1")
        if (total := orjson.loads(answer)["totalResults"]) != BEFORE + 1:
            self.remarks.append(
                f"reports {total} users instead of {BEFORE + 1}: an import would stop there"
            )
        connection.close()

    async def filled(self, connection: Connection, number: int) -> int:
        await self.create(connection, number)
        return 1

    async def settled(self, connection: Connection, number: int) -> None:
        """Raise RefusedError unless the person is as the last request left them."""
        found = await self.look_up(connection, number)
        if len(found) != 1:
            raise RefusedError(f"user{number} was created and is found {len(found)} times")
        made = found[0]["id"]
        _, answer = await self.send(connection, "GET", f"/Users/{made}")
        shown = orjson.loads(answer)
        if shown.get("name", {}).get("givenName") != "Bea":
            raise RefusedError("the change of the PUT is missing")
        if shown.get("active") is not False:
            raise RefusedError("the change of the PATCH is missing")
        _, answer = await self.send(connection, "GET", f"/Groups/{self.groups[number % 8]}")
        members = orjson.loads(answer).get("members") or []
        if not members:
            self.remark("shows no members of a group: the added members cannot be read back")
        elif made not in [member["value"] for member in members]:
            raise RefusedError("the added member is missing")

    def remark(self, text: str) -> None:
        if text not in self.remarks:
            self.remarks.append(text)

    # ---------------------------------------------------------------- timing

    async def people(
        self, numbers: Sequence[int], does: Callable[[Connection, int], Awaitable[int]]
    ) -> float:
        """Run the step for each person; return the rate in requests a second."""
        queue, count = iter(numbers), 0
        before = self.processor()

        async def worker() -> None:
            nonlocal count
            connection = self.server.connection()
            for number in queue:
                done = await does(connection, number)
                count += done  # `count += await ...` would add to the count from before the wait
            connection.close()

        began = time.perf_counter()
        await asyncio.gather(*(worker() for _ in range(CONCURRENCY)))
        took = time.perf_counter() - began
        after = self.processor()
        self.last = ((after[0] - before[0]) / count, (after[1] - before[1]) / count)
        return count / took

    def processor(self) -> tuple[float, float]:
        """Return the processor seconds of the server and of its database."""
        own = processor_seconds(self.server.pid)
        return own, processor_seconds(self.postgres) if self.postgres else 0.0

    async def round(self, start: int) -> None:
        """Time one round, and read back its first and its last person."""
        numbers = list(range(start, start + EACH))
        self.rounds.append(await self.people(numbers, self.person))
        self.spent.append(self.last)
        connection = self.server.connection()
        for number in (numbers[0], numbers[-1]):
            await self.settled(connection, number)
        connection.close()

    async def only(self, operation: str, start: int) -> None:
        """Time one operation alone. The other operations use the people that ``create`` created."""
        made = self.made

        async def create(connection: Connection, number: int) -> None:
            made[number] = await self.create(connection, number)

        step: Callable[[Connection, int], Awaitable[object]] = {
            "create": create,
            "look-up": self.look_up,
            "GET": lambda c, n: self.send(c, "GET", f"/Users/{made[n]}"),
            "PUT": lambda c, n: self.put(c, n, made[n]),
            "PATCH": lambda c, n: self.deactivate(c, made[n]),
            "member": lambda c, n: self.join(c, n, made[n]),
            "list": lambda c, _: self.page(c),
        }[operation]

        async def once(connection: Connection, number: int) -> int:
            await step(connection, number)
            return 1

        count = EACH // 8 if operation == "list" else EACH
        self.alone[operation] = await self.people(range(start, start + count), once)
