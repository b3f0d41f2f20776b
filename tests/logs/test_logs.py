"""Log lines have one form, go to standard error, and contain no secret."""

import io
import json
import logging

import pytest
import structlog
from aiohttp.http_exceptions import LineTooLong

from calscim import logs


@pytest.fixture
def lines():
    stream = io.StringIO()
    logs.configure("info", "json", stream)
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_one_json_object_with_its_event_first(lines):
    structlog.get_logger("x").info("scim.request", status=200, directory="abc")

    (line,) = lines()
    assert list(line)[:3] == ["timestamp", "level", "event"]
    assert line["event"] == "scim.request"
    assert line["status"] == 200


def test_bytes_that_are_not_http_are_no_error(lines):
    server = logging.getLogger("aiohttp.server")

    for error in (LineTooLong(b"x", 1), OSError("disk")):
        server.error("Error handling request from %s", "192.0.2.1", exc_info=error)
    logging.getLogger().setLevel("WARNING")
    server.error("Error handling request", exc_info=LineTooLong(b"x", 1))

    malformed, ours = lines()
    assert (malformed["level"], malformed["event"]) == (
        "info",
        "Error handling request from 192.0.2.1",
    )
    assert "exception" not in malformed
    assert (ours["level"], "exception" in ours) == ("error", True)


def test_other_libraries_log_in_the_same_form(lines):
    logging.getLogger("asyncpg").warning("%s is gone", "server")

    (line,) = lines()
    assert (line["event"], line["level"], line["logger"]) == (
        "server is gone",
        "warning",
        "asyncpg",
    )


def test_lines_below_the_level_are_not_written(lines):
    structlog.get_logger("x").debug("a.b")

    assert lines() == []


def test_a_bound_request_id_is_in_every_line_of_the_context(lines):
    structlog.contextvars.bind_contextvars(request_id="r1")

    structlog.get_logger("x").info("a.b")
    logging.getLogger("aiohttp.server").error("c")

    assert [line["request_id"] for line in lines()] == ["r1", "r1"]


@pytest.mark.parametrize(
    "keys",
    [
        {"token": "geheim"},
        {"Authorization": "Bearer geheim"},
        {"api_key": "geheim"},
        {"old_password": "geheim"},
        {"headers": {"authorization": "geheim"}},
        {"dsn": "postgresql://u:geheim@x/y"},
        {"detail": "cannot reach postgresql://u:geheim@x/y"},
        {"detail": ["Authorization: Bearer geheim"]},
    ],
)
def test_a_secret_is_not_written(lines, keys):
    structlog.get_logger("x").info("a.b", **keys)

    assert "geheim" not in json.dumps(lines())
    assert logs.HIDDEN in json.dumps(lines())


def test_a_secret_in_a_traceback_is_not_written(lines):
    try:
        int("postgresql://u:geheim@x/y")
    except ValueError:
        structlog.get_logger("x").exception("a.b")

    (line,) = lines()
    assert "ValueError" in line["exception"]
    assert "geheim" not in json.dumps(line)


def test_a_value_that_only_looks_like_a_secret_is_written(lines):
    structlog.get_logger("x").info("a.b", token_id=3, organization="acme")

    assert lines()[0]["token_id"] == 3


def test_the_console_form_is_readable_text(lines):
    stream = io.StringIO()
    logs.configure("info", "console", stream)

    structlog.get_logger("x").info("reconcile.pass", token="geheim", changes=2)

    assert "reconcile.pass" in stream.getvalue()
    assert "changes=2" in stream.getvalue()
    assert "geheim" not in stream.getvalue()
