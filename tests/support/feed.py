"""Helpers for tests of the change feed."""

import json
from pathlib import Path
from typing import Any

import jsonschema

from calscim.journal.feed import read
from calscim.journal.feed.event import Event

SCHEMA = Path(__file__).resolve().parents[2] / "docs/reference/events-feed.schema.json"
_VALIDATOR = jsonschema.Draft202012Validator(
    json.loads(SCHEMA.read_text("utf-8")), format_checker=jsonschema.FormatChecker()
)


def checked(event: dict[str, Any]) -> dict[str, Any]:
    """Return an event, which must match the documented schema."""
    _VALIDATOR.validate(event)
    return event


def as_dict(event: Event) -> dict[str, Any]:
    return json.loads(event.as_json())


async def all_events(db, after: int = 0) -> list[dict[str, Any]]:
    """Return every event after a position, each checked with the schema."""
    found = []
    while events := (await read.page(db, after, 100)).events:
        found += [checked(as_dict(event)) for event in events]
        after = events[-1].seq
    return found


async def types(db, after: int = 0) -> list[str]:
    return [event["type"] for event in await all_events(db, after)]
