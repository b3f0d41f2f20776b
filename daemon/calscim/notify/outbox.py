"""The outbox in Postgres: the conditions that each channel knows of, and the messages to deliver.

A message is delivered at least once: it is claimed for a time, and a daemon that ends before it notes the delivery
leaves the message to the next claim, with the same id.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

import orjson

from calscim.notify.events import Condition, Event
from calscim.notify.message import Message, payload_of
from calscim.postgres.pool import Connection, Database
from calscim.postgres.queries import sql

CLAIM = 120.0  # seconds that a claimed message is left alone; longer than any delivery takes
SHARED = ""  # the scope of conditions that every daemon sees in the database
# The scope of conditions that are reported once, when they happen.
ONCE = "once"


@dataclass(frozen=True, slots=True)
class Subscription:
    """The events that one channel subscribes to. Delays and ``remind`` are in seconds.

    ``delays``: how long a condition of an event must last before a message is queued; 0 for other events.
    """

    channel: str
    events: frozenset[Event]
    remind: float | None
    delays: dict[Event, float]

    def wanted(
        self, conditions: Iterable[Condition], now: datetime
    ) -> dict[tuple[str, str], Condition]:
        """Return the conditions that have lasted long enough for a message, by event and key."""
        return {
            (one.event.value, one.key): one
            for one in conditions
            if one.event in self.events
            and (now - one.since).total_seconds() >= self.delays.get(one.event, 0.0)
        }


async def observe(
    db: Database,
    subscription: Subscription,
    scope: str,
    conditions: Sequence[Condition],
    now: datetime,
) -> bool:
    """Queue messages for conditions that began, ended, or are due for a reminder.

    Return False and do nothing if another daemon does the same at this moment. ``conditions``: all conditions of the
    scope, including those that the channel knows already.
    """
    async with db.connection() as connection, connection.transaction():
        if not await connection.fetchval(sql("notify.lock_channel"), subscription.channel, scope):
            return False
        rows = await connection.fetch(sql("notify.list_conditions"), subscription.channel, scope)
        known = {(row["event"], row["key"]): row for row in rows}
        wanted = subscription.wanted(conditions, now)
        for identity, condition in wanted.items():
            row = known.get(identity)
            if row is None:
                await _open(connection, subscription.channel, scope, condition)
            elif subscription.remind is not None and row["age"] >= subscription.remind:
                await _remind(connection, subscription.channel, scope, condition)
        present = {
            (one.event.value, one.key) for one in conditions if one.event in subscription.events
        }
        for identity in known.keys() - present:
            await _resolve(connection, subscription.channel, scope, *identity)
    return True


async def report_once(db: Database, subscription: Subscription, condition: Condition) -> None:
    """Queue a message about something that happened once; the same key again is not queued again."""
    if condition.event not in subscription.events:
        return
    async with db.connection() as connection, connection.transaction():
        await _open(connection, subscription.channel, ONCE, condition)


async def _open(connection: Connection, channel: str, scope: str, condition: Condition) -> None:
    await connection.execute(
        sql("notify.open_condition"),
        channel,
        scope,
        condition.event.value,
        condition.key,
        uuid4(),
        condition.event.opened,
        orjson.dumps(payload_of(condition)).decode(),
    )


async def _remind(connection: Connection, channel: str, scope: str, condition: Condition) -> None:
    await connection.execute(
        sql("notify.remind"),
        channel,
        scope,
        condition.event.value,
        condition.key,
        uuid4(),
        condition.event.opened,
        orjson.dumps(payload_of(condition) | {"reminder": True}).decode(),
    )


async def _resolve(connection: Connection, channel: str, scope: str, event: str, key: str) -> None:
    known = _event(event)
    resolved = None if known is None else known.resolved
    await connection.execute(
        sql("notify.resolve_condition"), channel, scope, event, key, uuid4(), resolved
    )


def _event(name: str) -> Event | None:
    """Return the event of that name; None for one that only another release knows."""
    return next((one for one in Event if one.value == name), None)


async def claim(db: Database, channel: str, most: int) -> list[Message]:
    """Take the oldest messages that are due, at most so many, and leave them alone for CLAIM seconds."""
    rows = await db.fetch(sql("notify.claim"), channel, most, CLAIM)
    return [
        Message(row["id"], row["type"], row["created_at"], orjson.loads(row["payload"]))
        for row in rows
    ]


async def delivered(db: Database, ids: Sequence[UUID]) -> None:
    """Note that the receiver took these messages."""
    await db.execute(sql("notify.note_delivered"), list(ids))


async def failed(db: Database, ids: Sequence[UUID], reason: str, *, is_final: bool) -> None:
    """Note why these messages were not delivered. They are tried again after a growing wait, for three days."""
    await db.execute(sql("notify.note_failed"), list(ids), reason, is_final)


async def prune(db: Database) -> None:
    """Delete messages that ended, and events that happened, more than 30 days ago."""
    await db.execute(sql("notify.delete_old_messages"))
    await db.execute(sql("notify.delete_old_events"))
