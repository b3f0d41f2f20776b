"""Group commit: changes keep their order, share transactions, and fail only for their own errors."""

import asyncio

import pytest

from calscim.directory import group_commit
from calscim.directory.group_commit import BATCH_SIZE, Batch, WriteQueue
from calscim.errors import StoreUnavailable
from calscim.postgres.outages import ConnectionLost


class Server:
    """Applies changes once it is open; ``made`` lists the batches."""

    def __init__(self) -> None:
        self.made: list[list[str]] = []
        self.open = asyncio.Event()
        self.busy = asyncio.Event()

    async def apply(self, stream: str, batch: Batch[str, str]) -> None:
        while batch.take():
            changes = batch.changes
            self.busy.set()
            await self.open.wait()
            if "bad" in changes:
                raise ValueError("bad")
            if "unreachable" in changes:
                raise ConnectionLost("unreachable")
            self.made.append(changes)
            batch.finish([f"{stream} {change}" for change in changes])


@pytest.fixture
async def server() -> Server:
    return Server()


async def ask(
    queue: WriteQueue[str, str], server: Server, *changes: str
) -> "asyncio.Future[list[object]]":
    """Queue the first change, and the others while it is being applied."""
    first = asyncio.ensure_future(queue.write("a", changes[0]))
    await server.busy.wait()
    rest = [asyncio.ensure_future(queue.write("a", change)) for change in changes[1:]]
    await asyncio.sleep(0)
    server.open.set()
    return asyncio.gather(first, *rest, return_exceptions=True)


async def test_changes_that_queue_up_share_the_next_batch_in_order(server):
    answers = await ask(WriteQueue(server.apply), server, "1", "2", "3", "4")

    assert await answers == ["a 1", "a 2", "a 3", "a 4"]
    assert server.made == [["1"], ["2", "3", "4"]]


async def test_a_batch_has_a_largest_size(server):
    changes = [str(number) for number in range(2 * BATCH_SIZE + 2)]

    answers = await ask(WriteQueue(server.apply), server, *changes)

    assert await answers == [f"a {change}" for change in changes]
    assert [len(made) for made in server.made] == [1, BATCH_SIZE, BATCH_SIZE, 1]


async def test_a_large_change_closes_its_batch(server):
    queue = WriteQueue(server.apply)
    first = asyncio.ensure_future(queue.write("a", "1"))
    await server.busy.wait()
    rest = [
        asyncio.ensure_future(queue.write("a", "2", group_commit.BATCH_BYTES)),
        asyncio.ensure_future(queue.write("a", "3")),
    ]
    await asyncio.sleep(0)
    server.open.set()

    await asyncio.gather(first, *rest)

    assert server.made == [["1"], ["2"], ["3"]]


async def test_a_change_that_fails_does_not_fail_the_others(server):
    answers = await (await ask(WriteQueue(server.apply), server, "1", "2", "bad", "3"))

    assert [answers[0], answers[1], answers[3]] == ["a 1", "a 2", "a 3"]
    assert isinstance(answers[2], ValueError)
    assert server.made == [["1"], ["2"], ["3"]]


async def test_an_unreachable_database_fails_the_whole_batch(server):
    answers = await (await ask(WriteQueue(server.apply), server, "1", "2", "unreachable"))

    assert answers[0] == "a 1"
    assert [type(answer) for answer in answers[1:]] == [ConnectionLost, ConnectionLost]
    assert answers[1] is not answers[2]


@pytest.mark.parametrize(("waited", "made"), [(100.0, ["1", "2"]), (-1.0, [])])
async def test_an_unreachable_database_fails_changes_that_queued_too_long(
    server, monkeypatch, waited, made
):
    monkeypatch.setattr(group_commit, "MAX_QUEUE_AGE", waited)

    answers = await (await ask(WriteQueue(server.apply), server, "unreachable", "1", "2"))

    assert isinstance(answers[0], ConnectionLost)
    assert [type(answer) for answer in answers[1:]] == [str if made else StoreUnavailable] * 2
    assert server.made == ([made] if made else [])


async def test_streams_do_not_wait_for_each_other(server):
    queue = WriteQueue(server.apply)
    server.open.set()

    answers = await asyncio.gather(queue.write("a", "1"), queue.write("b", "1"))

    assert answers == ["a 1", "b 1"]


async def test_a_change_that_queues_too_long_is_not_applied(server, monkeypatch):
    monkeypatch.setattr(group_commit, "QUEUE_TIMEOUT", 0.01)
    queue = WriteQueue(server.apply)
    first = asyncio.ensure_future(queue.write("a", "1"))
    await server.busy.wait()

    with pytest.raises(StoreUnavailable):
        await queue.write("a", "2")

    server.open.set()
    assert await first == "a 1"
    assert server.made == [["1"]]


async def test_a_caller_that_is_cancelled_does_not_affect_the_others(server):
    queue = WriteQueue(server.apply)
    first = asyncio.ensure_future(queue.write("a", "1"))
    second = asyncio.ensure_future(queue.write("a", "2"))
    await server.busy.wait()
    first.cancel()
    server.open.set()

    assert await second == "a 2"
    assert server.made[0][0] == "1"
    assert await queue.write("a", "3") == "a 3"
