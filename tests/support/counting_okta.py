"""A simulated Okta that records the result of each attempt, to compare the results with the journal.

The body of each attempt contains a unique mark, so that the raw bytes in the journal show whether the attempt was
accepted. Like Okta, it sends the changes of one resource one after the other, and repeats each until it is accepted.
"""

import asyncio
import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp

MARK = re.compile(rb"mark-\d+-x")
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request. ``status`` is None if there was no answer: the change may be in the journal or not."""

    mark: str
    status: int | None
    seconds: float
    what: str


@dataclass(slots=True)
class Person:
    """A user as the identity provider has it; ``id`` is set once SCIM has created the user."""

    email: str
    name: str = "Person"
    active: bool = True
    id: str = ""
    created: bool = False
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(slots=True)
class Group:
    name: str
    id: str = ""
    members: set[str] = field(default_factory=set)  # addresses
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(slots=True)
class CountingOkta:
    """Pushes users and groups. ``where`` returns the base URL to use, or None while no server is available."""

    session: aiohttp.ClientSession
    where: Callable[[], str | None]
    token: str
    pause: float = 0.1  # seconds between two tries
    patience: float = 40.0  # seconds until a change that is not accepted raises an error
    attempts: list[Attempt] = field(default_factory=list)
    people: dict[str, Person] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    acknowledged: int = 0
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    # ------------------------------------------------------------ changes

    async def create(self, email: str) -> Person:
        person = self.people.setdefault(email, Person(email))
        async with person.lock:
            while not person.id:
                status, answer = await self._until_answered("POST", "/Users", self._user(person))
                if status == 409:  # an attempt without an answer was accepted
                    person.id = await self._found("Users", f'userName eq "{email}"')
                else:
                    person.id = answer["id"]
            await self._settle(person)
            person.created = True
        return person

    async def rename(self, person: Person, name: str) -> None:
        async with person.lock:
            person.name = name
            await self._settle(person)

    async def set_active(self, person: Person, *, active: bool) -> None:
        async with person.lock:
            person.active = active
            await self._until_answered(
                "PATCH",
                f"/Users/{person.id}",
                lambda mark: _patch(
                    {"op": "replace", "value": {"active": active, "title": mark}},
                ),
            )

    async def push_group(self, name: str) -> Group:
        group = self.groups.setdefault(name, Group(name))
        async with group.lock:
            while not group.id:
                status, answer = await self._until_answered(
                    "POST",
                    "/Groups",
                    lambda mark: {"schemas": [GROUP], "displayName": name, "externalId": mark},
                )
                if status == 409:
                    group.id = await self._found("Groups", f'displayName eq "{name}"')
                else:
                    group.id = answer["id"]
        return group

    async def add(self, group: Group, *people: Person) -> None:
        await self._members(group, "add", people)

    async def remove(self, group: Group, *people: Person) -> None:
        await self._members(group, "remove", people)

    async def _members(self, group: Group, op: str, people: tuple[Person, ...]) -> None:
        async with group.lock:
            await self._until_answered(
                "PATCH",
                f"/Groups/{group.id}",
                lambda mark: _patch(
                    {
                        "op": op,
                        "path": "members",
                        "value": [{"value": person.id, "display": mark} for person in people],
                    }
                ),
            )
            addresses = {person.email for person in people}
            group.members = group.members | addresses if op == "add" else group.members - addresses

    async def _settle(self, person: Person) -> None:
        """Send the whole profile by PUT."""
        await self._until_answered("PUT", f"/Users/{person.id}", self._user(person))

    @staticmethod
    def _user(person: Person) -> Callable[[str], dict[str, Any]]:
        return lambda mark: {
            "schemas": [USER],
            "userName": person.email,
            "displayName": person.name,
            "name": {"formatted": person.name, "givenName": person.name, "familyName": "Example"},
            "emails": [{"value": person.email, "primary": True, "type": "work"}],
            "active": person.active,
            "title": mark,
        }

    # ------------------------------------------------------------ asking

    async def get(self, path: str, **query: str) -> dict[str, Any]:
        """Repeat a GET until it is answered, and return the body."""
        _, answer = await self._until_answered("GET", path, None, query)
        return answer

    async def _found(self, resource: str, expression: str) -> str:
        answer = await self.get(f"/{resource}", filter=expression)
        return str(answer["Resources"][0]["id"]) if answer.get("Resources") else ""

    async def _until_answered(
        self,
        method: str,
        path: str,
        body: Callable[[str], dict[str, Any]] | None,
        query: dict[str, str] | None = None,
    ) -> tuple[int, dict[str, Any]]:
        """Repeat a request until it is accepted or conflicts. Raise RuntimeError for any other refusal."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.patience
        while True:
            mark = f"mark-{next(self._numbers)}-x"
            status, answer = await self.once(method, path, mark, body and body(mark), query)
            if status is not None and (status < 300 or status == 409):
                return status, answer
            if status is not None and status < 500:
                raise RuntimeError(f"{method} {path} was refused: {status} {answer}")
            if loop.time() > deadline:
                raise TimeoutError(f"{method} {path} was not answered for {self.patience} s")
            await asyncio.sleep(self.pause)

    async def once(
        self,
        method: str,
        path: str,
        mark: str,
        body: dict[str, Any] | None = None,
        query: dict[str, str] | None = None,
    ) -> tuple[int | None, dict[str, Any]]:
        """Send one request. Record an attempt if the request is a change."""
        base = self.where()
        if base is None:
            return None, {}
        loop = asyncio.get_running_loop()
        began = loop.time()
        status: int | None = None
        answer: dict[str, Any] = {}
        try:
            async with self.session.request(
                method,
                base + path,
                json=body,
                params=query,
                headers={
                    "Authorization": f"Bearer {self.token}",
                    "Content-Type": "application/scim+json",
                },
                timeout=aiohttp.ClientTimeout(10),
            ) as response:
                answer = await response.json(content_type=None) or {}
                status = response.status
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
            status = None
        if body is not None:
            seconds = loop.time() - began
            self.attempts.append(Attempt(mark, status, seconds, f"{method} {path}"))
            self.acknowledged += status is not None and status < 300
        return status, answer


def _patch(*operations: dict[str, Any]) -> dict[str, Any]:
    return {"schemas": [PATCH], "Operations": list(operations)}


@dataclass(frozen=True, slots=True)
class Account:
    """Attempts compared with the journal: every list must be empty."""

    acknowledged: int
    lost: list[str]  # accepted, but not in the journal
    duplicated: list[str]  # more than once in the journal
    untrue: list[str]  # answered 503, but in the journal


def account(attempts: list[Attempt], kept: dict[str, int]) -> Account:
    """Compare attempts with the journal. ``kept``: the number of accepted journal rows with each mark."""
    lost, duplicated, untrue = [], [], []
    for attempt in attempts:
        rows = kept.get(attempt.mark, 0)
        said = f"{attempt.mark} {attempt.what} {attempt.status}"
        if rows > 1:
            duplicated.append(said)
        if attempt.status is not None and attempt.status < 300 and rows == 0:
            lost.append(said)
        if attempt.status == 503 and rows > 0:
            untrue.append(said)
    accepted = sum(attempt.status is not None and attempt.status < 300 for attempt in attempts)
    return Account(accepted, lost, duplicated, untrue)


async def kept(connection: Any, directory: str) -> dict[str, int]:
    """Return the number of accepted rows with each mark in the journal of a directory."""
    rows = await connection.fetch(
        "SELECT body FROM calscim.journal WHERE stream = $1 AND kind = 'scim' AND status < 300",
        directory,
    )
    counted: dict[str, int] = {}
    for row in rows:
        for mark in set(MARK.findall(row["body"] or b"")):
            counted[mark.decode()] = counted.get(mark.decode(), 0) + 1
    return counted
