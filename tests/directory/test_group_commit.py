"""Turns: in order of arrival, together while one is under way, and nobody suffers for another's mistake."""

import asyncio

import pytest

from calscim.directory import group_commit
from calscim.directory.group_commit import TOGETHER, Batches, Turns
from calscim.errors import StoreUnavailable
from calscim.postgres.outages import ConnectionLost


class Server:
    """Makes changes when it is let; ``made`` is what it was asked for at a time."""

    def __init__(self) -> None:
        self.made: list[list[str]] = []
        self.open = asyncio.Event()
        self.busy = asyncio.Event()

    async def perform(self, stream: str, batches: Batches[str, str]) -> None:
        while batches.take():
            changes = batches.changes
            self.busy.set()
            await self.open.wait()
            if "bad" in changes:
                raise ValueError("bad")
            if "away" in changes:
                raise ConnectionLost("away")
            self.made.append(changes)
            batches.answer([f"{stream} {change}" for change in changes])


@pytest.fixture
async def server() -> Server:
    return Server()


async def ask(
    line: Turns[str, str], server: Server, *changes: str
) -> "asyncio.Future[list[object]]":
    """The first is under way when the others come."""
    first = asyncio.ensure_future(line.take("a", changes[0]))
    await server.busy.wait()
    rest = [asyncio.ensure_future(line.take("a", change)) for change in changes[1:]]
    await asyncio.sleep(0)
    server.open.set()
    return asyncio.gather(first, *rest, return_exceptions=True)


async def test_what_comes_while_one_is_under_way_is_made_together_and_in_order(server):
    answers = await ask(Turns(server.perform), server, "1", "2", "3", "4")

    assert await answers == ["a 1", "a 2", "a 3", "a 4"]
    assert server.made == [["1"], ["2", "3", "4"]]


async def test_no_more_than_so_many_are_made_together(server):
    changes = [str(number) for number in range(2 * TOGETHER + 2)]

    answers = await ask(Turns(server.perform), server, *changes)

    assert await answers == [f"a {change}" for change in changes]
    assert [len(made) for made in server.made] == [1, TOGETHER, TOGETHER, 1]


async def test_a_heavy_change_takes_none_along(server):
    line = Turns(server.perform)
    first = asyncio.ensure_future(line.take("a", "1"))
    await server.busy.wait()
    rest = [
        asyncio.ensure_future(line.take("a", "2", group_commit.HEAVY)),
        asyncio.ensure_future(line.take("a", "3")),
    ]
    await asyncio.sleep(0)
    server.open.set()

    await asyncio.gather(first, *rest)

    assert server.made == [["1"], ["2"], ["3"]]


async def test_a_change_that_cannot_be_made_does_not_take_the_others_with_it(server):
    answers = await (await ask(Turns(server.perform), server, "1", "2", "bad", "3"))

    assert [answers[0], answers[1], answers[3]] == ["a 1", "a 2", "a 3"]
    assert isinstance(answers[2], ValueError)
    assert server.made == [["1"], ["2"], ["3"]]


async def test_a_database_that_is_away_is_away_for_all_of_them(server):
    answers = await (await ask(Turns(server.perform), server, "1", "2", "away"))

    assert answers[0] == "a 1"
    assert [type(answer) for answer in answers[1:]] == [ConnectionLost, ConnectionLost]
    assert answers[1] is not answers[2]


@pytest.mark.parametrize(("waited", "made"), [(100.0, ["1", "2"]), (-1.0, [])])
async def test_who_has_waited_for_a_database_that_does_not_answer_waits_no_longer(
    server, monkeypatch, waited, made
):
    monkeypatch.setattr(group_commit, "WAITED", waited)

    answers = await (await ask(Turns(server.perform), server, "away", "1", "2"))

    assert isinstance(answers[0], ConnectionLost)
    assert [type(answer) for answer in answers[1:]] == [str if made else StoreUnavailable] * 2
    assert server.made == ([made] if made else [])


async def test_streams_do_not_wait_for_each_other(server):
    line = Turns(server.perform)
    server.open.set()

    answers = await asyncio.gather(line.take("a", "1"), line.take("b", "1"))

    assert answers == ["a 1", "b 1"]


async def test_a_change_that_waits_too_long_is_not_made(server, monkeypatch):
    monkeypatch.setattr(group_commit, "PATIENCE", 0.01)
    line = Turns(server.perform)
    first = asyncio.ensure_future(line.take("a", "1"))
    await server.busy.wait()

    with pytest.raises(StoreUnavailable):
        await line.take("a", "2")

    server.open.set()
    assert await first == "a 1"
    assert server.made == [["1"]]


async def test_a_caller_that_goes_away_leaves_the_others_in_peace(server):
    line = Turns(server.perform)
    first = asyncio.ensure_future(line.take("a", "1"))
    second = asyncio.ensure_future(line.take("a", "2"))
    await server.busy.wait()
    first.cancel()
    server.open.set()

    assert await second == "a 2"
    assert server.made[0][0] == "1"
    assert await line.take("a", "3") == "a 3"
