"""The line about an unreachable database names the servers of the DSN."""

import asyncio

import pytest
from structlog.testing import capture_logs

from calscim.app import database_watch
from calscim.app.database_watch import DatabaseWatch, server_of
from tests.support.driver import Hurried
from tests.support.waiting import until


@pytest.mark.parametrize(
    ("dsn", "host", "port"),
    [
        ("postgresql://calscim@db.example/calscim", "db.example", 5432),
        ("postgresql://u:p@db.example:6432/calscim?sslmode=require", "db.example", 6432),
        ("postgresql://calscim@[2001:db8::1]:6432/calscim", "2001:db8::1", 6432),
        ("postgresql://calscim@a,b:6432/calscim", "a,b", "5432,6432"),
        ("postgresql://calscim@/calscim?host=/run/postgresql", "/run/postgresql", 5432),
        ("postgresql://calscim@/calscim?host=a,b&port=6432", "a,b", "6432,6432"),
        ("postgresql:///calscim", "localhost", 5432),
    ],
)
def test_host_and_port_are_those_of_the_dsn(monkeypatch, dsn, host, port):
    for name in ("PGHOST", "PGPORT"):
        monkeypatch.delenv(name, raising=False)

    assert server_of(dsn) == (host, port)


@pytest.fixture
async def watch(monkeypatch):
    """Yield a watch whose tries fail as often as ``watch.failures`` says, with the log."""
    made = DatabaseWatch("postgresql://calscim@db.example/calscim", Hurried())
    failures = []

    async def fail(_):
        return failures.pop(0) if failures else None

    monkeypatch.setattr(DatabaseWatch, "_failure", fail)
    with capture_logs() as logged:
        running = asyncio.create_task(made.run())
        yield made, failures, logged
        running.cancel()
        await asyncio.wait((running,))


async def test_an_outage_has_one_line_at_its_start_and_one_at_its_end_with_its_seconds(watch):
    made, failures, logged = watch
    failures += ["ConnectionRefusedError: x"] * 90

    made.suspect()
    await until(lambda: len(logged) == 2)

    begun, ended = logged
    assert (begun["event"], begun["reason"]) == (
        "database.unreachable",
        "ConnectionRefusedError: x",
    )
    assert (ended["event"], ended["seconds"]) == ("database.recovered", 90.0)


async def test_an_outage_is_logged_again_every_hour(watch):
    made, failures, logged = watch
    failures += ["x"] * (2 * int(database_watch.REMINDER) + 10)

    made.suspect()
    await until(lambda: logged and logged[-1]["event"] == "database.recovered", 30)

    assert [line["event"] for line in logged].count("database.unreachable") == 3


async def test_a_failure_that_the_database_does_not_confirm_is_not_logged(watch):
    made, _, logged = watch

    made.suspect()
    await until(lambda: not made._suspected.is_set())

    assert logged == []


async def test_the_start_and_the_end_of_an_outage_are_announced_once_each(watch):
    made, failures, logged = watch
    failures += ["x"] * 5
    announced = []
    made.changed = lambda: announced.append(len(failures))

    made.suspect()
    await until(lambda: logged and logged[-1]["event"] == "database.recovered")

    assert announced == [4, 0]
