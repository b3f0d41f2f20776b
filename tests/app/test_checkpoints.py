"""Checkpoints are published when a journal changed, and a sink that fails blocks nothing."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from calscim.config import Journal
from calscim.errors import StoreUnavailable
from calscim.journal import checkpoint_publisher as room
from calscim.journal import checkpoints
from calscim.journal.checkpoint_publisher import (
    CheckpointPublisher,
    FileSink,
    LogSink,
    Metrics,
    UrlSink,
    configured_sinks,
)
from calscim.postgres.pool import Database

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Clock:
    """A clock that stands at noon. ``sleep`` records the seconds, and raises the third time."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def now(self) -> datetime:
        return NOON

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if len(self.slept) == 3:
            raise asyncio.CancelledError


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def metrics(registry) -> Metrics:
    return Metrics(registry)


async def append(db: Database, stream: str = "@acme") -> None:
    await db.fetchval(
        "SELECT calscim.append_row($1, 'admin', 'r', '', 'x', 0, '', NULL, '', '', 'body', NULL)",
        stream,
    )


def logged(logs, event: str = "checkpoint.published") -> list[tuple[str, int]]:
    return [(line["stream"], line["seq"]) for line in logs if line["event"] == event]


def lines(path: Path) -> list[dict]:
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


async def test_the_log_has_each_stream_s_head_once_and_again_after_a_change(db, metrics):
    await append(db)
    await append(db, "@beta")
    heads = CheckpointPublisher(db, [LogSink()], metrics)

    with capture_logs() as logs:
        await heads.publish_once()
        await heads.publish_once()
        await append(db)
        await heads.publish_once()

    assert logged(logs) == [("@acme", 1), ("@beta", 1), ("@acme", 2)]
    assert {line["hash"] for line in logs} <= {
        row["hash"]
        for row in await db.fetch("SELECT encode(hash, 'hex') AS hash FROM calscim.journal")
    }


async def test_a_file_gets_a_line_with_all_heads_after_a_change(db, metrics, tmp_path):
    path = tmp_path / "heads.jsonl"
    heads = CheckpointPublisher(db, [FileSink(path, Clock(), "one")], metrics)
    await append(db)
    await append(db, "@beta")

    await heads.publish_once()
    await heads.publish_once()
    await append(db)
    await heads.publish_once()

    assert [[(h["stream"], h["seq"]) for h in line["heads"]] for line in lines(path)] == [
        [("@acme", 1), ("@beta", 1)],
        [("@acme", 2), ("@beta", 1)],
    ]
    assert {(line["at"], line["by"]) for line in lines(path)} == {("2026-03-01T12:00:00Z", "one")}
    assert await checkpoints.verify_against(db, checkpoints.read(path)) == ()
    assert path.stat().st_mode & 0o777 & ~0o640 == 0


async def test_a_file_that_was_moved_is_created_again(db, metrics, tmp_path):
    path = tmp_path / "heads.jsonl"
    heads = CheckpointPublisher(db, [FileSink(path, Clock(), "one")], metrics)
    await append(db)
    await heads.publish_once()

    path.rename(tmp_path / "heads.jsonl.1")
    await append(db)
    await heads.publish_once()

    assert lines(path)[0]["heads"][0]["seq"] == 2


async def test_a_truncated_line_does_not_damage_the_next_one(db, metrics, tmp_path):
    path = tmp_path / "heads.jsonl"
    path.write_bytes(b'{"at":"2026-03-01T11:55:00Z","hea')
    await append(db)

    await CheckpointPublisher(db, [FileSink(path, Clock(), "one")], metrics).publish_once()

    assert [mark.seq for mark in checkpoints.read(path)] == [1]


async def test_a_file_that_cannot_be_written_is_logged_counted_and_written_later(
    db, metrics, registry, tmp_path
):
    path = tmp_path / "later" / "heads.jsonl"
    heads = CheckpointPublisher(db, [FileSink(path, Clock(), "one"), LogSink()], metrics)
    await append(db)

    with capture_logs() as logs:
        await heads.publish_once()
        path.parent.mkdir()
        await heads.publish_once()

    (refused,) = [line for line in logs if line["event"] == "checkpoint.publish_failed"]
    assert (refused["sink"], refused["log_level"]) == ("file", "warning")
    assert "No such file" in refused["reason"]
    assert logged(logs) == [("@acme", 1)]
    assert len(lines(path)) == 1
    assert counted(registry, "file") == (1, 1)


REFUSALS = ("calscim_checkpoint_failures", {"sink": "file"})


def counted(registry: CollectorRegistry, sink: str) -> tuple[float, float]:
    def of(outcome: str) -> float:
        labels = {"sink": sink, "outcome": outcome}
        return registry.get_sample_value("calscim_checkpoints_total", labels) or 0

    return of("written"), of("failed")


async def test_the_metric_counts_failures_until_a_success(db, metrics, registry, tmp_path):
    path = tmp_path / "later" / "heads.jsonl"
    heads = CheckpointPublisher(db, [FileSink(path, Clock(), "one")], metrics)
    seen = []
    await append(db)

    for _ in range(3):
        await heads.publish_once()
        seen.append(registry.get_sample_value(*REFUSALS))
    path.parent.mkdir()
    await heads.publish_once()

    assert (*seen, registry.get_sample_value(*REFUSALS)) == (1, 2, 3, 0)


# ------------------------------------------------------------------ the URL


class Receiver:
    """A receiver that answers with ``status``, or not before ``release``."""

    def __init__(self) -> None:
        self.status = 204
        self.release = asyncio.Event()
        self.release.set()
        self.got: list[dict] = []

    async def post(self, request: web.Request) -> web.Response:
        await self.release.wait()
        if self.status < 300:
            self.got.append(await request.json())
        return web.Response(status=self.status, headers={"Location": "/elsewhere"})

    async def welcome(self, _: web.Request) -> web.Response:
        return web.Response()


@pytest.fixture
async def receiver():
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/heads", receiver.post)
    app.router.add_route("*", "/elsewhere", receiver.welcome)
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        receiver.url = UrlSink(str(server.make_url("/heads?key=geheim")), session, Clock(), "one")
        yield receiver
        receiver.release.set()


async def test_a_url_receives_the_same_line_as_a_file(db, metrics, registry, receiver, tmp_path):
    heads = CheckpointPublisher(db, [receiver.url], metrics)
    await append(db)

    await heads.publish_once()
    await heads.publish_once()

    assert len(receiver.got) == 1
    kept = tmp_path / "kept.json"
    kept.write_bytes(orjson.dumps(receiver.got[0]))
    assert checkpoints.read(kept) == await checkpoints.read_heads(db)
    assert counted(registry, "url") == (1, 0)


@pytest.mark.parametrize("status", [302, 404, 500])
async def test_a_refused_checkpoint_is_posted_again(db, metrics, registry, receiver, status):
    heads = CheckpointPublisher(db, [receiver.url], metrics)
    await append(db)
    receiver.status = status

    with capture_logs() as logs:
        await heads.publish_once()
    receiver.status = 200
    await heads.publish_once()

    assert f"the answer was {status}" in logs[0]["reason"]
    assert "geheim" not in str(logs)
    assert len(receiver.got) == 1
    assert counted(registry, "url") == (1, 1)


async def test_a_post_has_a_timeout(db, metrics, receiver, monkeypatch):
    monkeypatch.setattr(room, "POST_TIMEOUT", 0.05)
    receiver.release.clear()
    heads = CheckpointPublisher(db, [receiver.url, LogSink()], metrics)
    await append(db)

    with capture_logs() as logs:
        await heads.publish_once()

    assert "no answer" in logs[0]["reason"]
    assert logged(logs) == [("@acme", 1)]


async def test_an_unreachable_receiver_blocks_nothing_and_its_secret_is_hidden(db, metrics):
    async with aiohttp.ClientSession() as session:
        url = UrlSink("http://127.0.0.1:9/heads?key=geheim", session, Clock(), "one")
        await append(db)

        with capture_logs() as logs:
            await CheckpointPublisher(db, [url, LogSink()], metrics).publish_once()

    assert logs[0]["event"] == "checkpoint.publish_failed"
    assert "journal.checkpoint_url" in logs[0]["reason"]
    assert "geheim" not in str(logs) + repr(url)
    assert logged(logs) == [("@acme", 1)]


# ------------------------------------------------------------------ what is seen in between


async def test_a_rewritten_chain_is_an_error_at_once(db, owner, metrics, registry):
    for _ in range(2):
        await append(db)
    heads = CheckpointPublisher(db, [LogSink()], metrics)
    await heads.publish_once()
    await owner.execute("TRUNCATE calscim.journal; DELETE FROM calscim.journal_heads")
    for _ in range(3):
        await append(db)

    with capture_logs() as logs:
        await heads.publish_once()
        await heads.publish_once()

    assert logged(logs, "journal.altered") == [("@acme", 2)]
    assert "rewritten" in logs[0]["why"]
    assert registry.get_sample_value("calscim_journal_altered_total") == 1


async def test_rows_lost_in_a_fail_over_are_an_error(db, owner, metrics):
    await append(db)
    await append(db)
    heads = CheckpointPublisher(db, [LogSink()], metrics)
    await heads.publish_once()
    await owner.execute("DELETE FROM calscim.journal WHERE seq = 2")
    await owner.execute(
        "UPDATE calscim.journal_heads SET (seq, hash) = (SELECT seq, hash FROM calscim.journal)"
    )

    with capture_logs() as logs:
        await heads.publish_once()

    assert logged(logs, "journal.altered") == [("@acme", 2)]
    assert "is missing" in logs[0]["why"]


async def test_an_unreachable_database_is_read_the_next_time(db, metrics, monkeypatch):
    await append(db)
    heads = CheckpointPublisher(db, [LogSink()], metrics)

    async def away(_: Database) -> None:
        raise StoreUnavailable("unreachable")

    with capture_logs() as logs:
        with monkeypatch.context() as patched:
            patched.setattr(checkpoints, "read_heads", away)
            await heads.publish_once()
        await heads.publish_once()

    assert [line["event"] for line in logs] == ["checkpoint.read_failed", "checkpoint.published"]


async def test_checkpoints_are_published_at_once_and_after_each_interval(db, metrics):
    await append(db)
    clock = Clock()

    with capture_logs() as logs, pytest.raises(asyncio.CancelledError):
        await CheckpointPublisher(db, [LogSink()], metrics).run(300.0, clock)

    assert clock.slept == [300.0] * 3
    assert logged(logs) == [("@acme", 1)]


async def test_checkpoints_go_to_the_configured_sinks(tmp_path):
    async with aiohttp.ClientSession() as session:
        journal = Journal(
            checkpoint_file=tmp_path / "x", checkpoint_url="http://127.0.0.1:9/?key=geheim"
        )

        names = [sink.name for sink in configured_sinks(journal, session, Clock(), "one")]
        alone = [sink.name for sink in configured_sinks(Journal(), session, Clock(), "one")]

    assert names == ["log", "url", "file"]
    assert alone == ["log"]
    assert "geheim" not in repr(journal)
