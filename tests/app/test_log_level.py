"""An operator sets the level of all daemons for a while, without a restart and without the configuration."""

import io
import json

import pytest
import structlog

from calscim import logs
from calscim.app import log_level
from calscim.app.log_level import LogLevel
from calscim.config import Log
from calscim.errors import StoreUnavailable
from calscim.postgres.log_level import reset_override, set_override
from tests.support.restored_log import restored_log

INFO = Log(level="info", format="json")


class Clock:
    seconds = 0.0

    def monotonic(self):
        return self.seconds


@pytest.fixture
def stream(monkeypatch):
    """Configure the log at level info, and yield its lines; every later configuration writes to the same stream."""
    written = io.StringIO()
    configure = logs.configure
    monkeypatch.setattr(
        logs, "configure", lambda level, form, **options: configure(level, form, written, **options)
    )
    with restored_log():
        logs.configure("info", "json")
        yield lambda: [json.loads(line) for line in written.getvalue().splitlines()]


def logged(lines, *events):
    return [line["event"] for line in lines if line["event"] in events]


@pytest.fixture
def level(db, stream):
    return LogLevel(db, Clock(), INFO)


async def test_the_level_of_an_operator_applies_and_ends(db, level, stream):
    await set_override(db, "debug", 900, "ann@host")
    await level.look()
    structlog.get_logger().debug("a.b")

    await reset_override(db)
    await level.look()
    structlog.get_logger().debug("c.d")

    begun, ended = [line for line in stream() if line["event"] == "log.level_changed"]
    assert (begun["effective"], begun["set_by"]) == ("debug", "ann@host")
    assert (ended["effective"], ended["until"]) == ("info", None)
    assert logged(stream(), "a.b", "c.d") == ["a.b"]


async def test_the_change_to_a_quieter_level_is_logged(db, level, stream):
    await set_override(db, "error", 900, "ann@host")
    await level.look()
    structlog.get_logger().warning("a.b")

    assert logged(stream(), "log.level_changed", "a.b") == ["log.level_changed"]


async def test_an_unchanged_level_is_not_logged_again(db, level, stream):
    await set_override(db, "debug", 900, "ann@host")
    await level.look()
    await set_override(db, "debug", 1800, "ann@host")
    await level.look()

    assert logged(stream(), "log.level_changed") == ["log.level_changed"]


async def test_a_level_ends_by_itself(db, level, stream):
    await set_override(db, "debug", 900, "ann@host")
    await level.look()
    await db.execute("UPDATE calscim.log_level SET until = clock_timestamp()")

    await level.look()

    assert stream()[-1]["effective"] == "info"
    assert logging_level() == "info"


async def test_a_level_ends_by_itself_while_the_database_is_unreachable(db, level, monkeypatch):
    await set_override(db, "debug", 900, "ann@host")
    await level.look()

    async def unreachable(_):
        raise StoreUnavailable("gone")

    monkeypatch.setattr(log_level, "get_override", unreachable)
    level.clock.seconds = 899.0
    await level.look()
    assert logging_level() == "debug"

    level.clock.seconds = 901.0
    await level.look()
    assert logging_level() == "info"


async def test_a_reload_does_not_end_the_level_of_an_operator(db, level, stream):
    await set_override(db, "debug", 900, "ann@host")
    await level.look()
    with level.becoming(Log(level="error", format="json")):
        structlog.get_logger().info("service.reloaded")
    structlog.get_logger().debug("a.b")

    await reset_override(db)
    await level.look()
    structlog.get_logger().warning("c.d")

    assert logged(stream(), "service.reloaded", "a.b", "c.d") == ["service.reloaded", "a.b"]


def logging_level():
    log = structlog.get_logger()
    return "debug" if log.is_enabled_for(10) else "info" if log.is_enabled_for(20) else "higher"
