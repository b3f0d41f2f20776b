"""Push changes as Okta does: create, change, deactivate, and activate users, and change the members of groups."""

import asyncio
from dataclasses import dataclass, field
from random import Random

from tests.support.counting_okta import CountingOkta, Group, Person
from tests.support.deployment import TEAMS

WORKERS = 4
MOST_PEOPLE = 120


@dataclass(slots=True)
class Load:
    """Pushes changes at a limited rate until ``stop``, and completes each change that it started."""

    okta: CountingOkta
    random: Random
    rate: float  # changes a second, at most
    _stop: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Push changes until ``stop``."""
        await asyncio.gather(*(self._work() for _ in range(WORKERS)))

    def stop(self) -> None:
        self._stop.set()

    async def _work(self) -> None:
        while not self._stop.is_set():
            await self._change()
            pause = self.random.uniform(0.5, 1.5) * WORKERS / self.rate
            try:
                await asyncio.wait_for(self._stop.wait(), pause)
            except TimeoutError:
                continue

    async def _change(self) -> None:
        people = [person for person in self.okta.people.values() if person.created]
        kind = self.random.random()
        if len(people) < 8 or (kind < 0.25 and len(self.okta.people) < MOST_PEOPLE):
            await self._hire()
        elif kind < 0.45:
            person = self.random.choice(people)
            await self.okta.rename(person, f"Person {self.random.randrange(10**6)}")
        elif kind < 0.6:
            person = self.random.choice(people)
            await self.okta.set_active(person, active=self.random.random() < 0.6)
        else:
            await self._move(people)

    async def _hire(self) -> None:
        person = await self.okta.create(f"p{len(self.okta.people)}@acme.example")
        await self.okta.add(await self._group(), person)

    async def _move(self, people: list[Person]) -> None:
        group = await self._group()
        some = tuple(self.random.sample(people, self.random.randint(1, min(5, len(people)))))
        if self.random.random() < 0.6:
            await self.okta.add(group, *some)
        else:
            await self.okta.remove(group, *some)

    async def _group(self) -> Group:
        return await self.okta.push_group(self.random.choice(TEAMS))
