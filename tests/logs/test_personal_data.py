"""log.personal_data = false: no event has an address, at any depth."""

import io
import json

import structlog

from calscim import logs


def logged(**event):
    stream = io.StringIO()
    logs.configure("info", "json", stream, personal_data=False)
    structlog.get_logger().info("reconcile.action", **event)
    return stream.getvalue()


def test_addresses_are_hidden_wherever_they_occur():
    line = logged(
        email="ann@acme.example",
        people=["bob@acme.example", "(cem.o'neil+x@sub.acme.example)"],
        reason="ann@acme.example left Sales (journal 7)",
        nested={"dan@acme.example": {"who": "<eve@acme.example>"}},
        user_id="26b50aa7",
    )

    assert "@" not in line
    event = json.loads(line)
    assert event["user_id"] == "26b50aa7"
    assert event["reason"] == "[hidden] left Sales (journal 7)"


def test_what_is_no_address_stays():
    event = json.loads(logged(stream="@acme", holder="host/7/ab12", url="https://cal.example/x"))

    assert event["stream"] == "@acme"
    assert event["holder"] == "host/7/ab12"
    assert event["url"] == "https://cal.example/x"


def test_with_personal_data_addresses_are_shown():
    stream = io.StringIO()
    logs.configure("info", "json", stream)
    structlog.get_logger().info("reconcile.action", email="ann@acme.example")

    assert "ann@acme.example" in stream.getvalue()
