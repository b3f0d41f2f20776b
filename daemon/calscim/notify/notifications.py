"""Reads the conditions every few seconds and delivers the messages of the outbox, with one task per channel."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import structlog
from prometheus_client import CollectorRegistry, Counter

from calscim.clock import Clock
from calscim.notify import outbox
from calscim.notify.channels.channel import Channel, DeliveryError
from calscim.notify.conditions import ConditionReader
from calscim.notify.database_outage import DatabaseOutage
from calscim.notify.events import Condition, Event
from calscim.notify.message import Message
from calscim.notify.outbox import SHARED, Subscription
from calscim.postgres.outages import STORE_ERRORS
from calscim.postgres.pool import Database

log = structlog.get_logger()

EVERY = 5.0  # seconds between two looks
LEAST = 1.0  # seconds from one look to the next, however many passes end
PRUNE_EVERY = 3600.0  # seconds


class Metrics:
    """Counts the attempts of each channel."""

    def __init__(self, registry: CollectorRegistry, channels: Sequence[str] = ()) -> None:
        self.notifications = Counter(
            "calscim_notifications",
            "Attempts to deliver a notification; outcome delivered or failed",
            ["channel", "outcome"],
            registry=registry,
        )
        for channel in channels:  # a counter that begins at 1 has no increase in Prometheus
            for outcome in ("delivered", "failed"):
                self.notifications.labels(channel, outcome)


async def _is_ready() -> None:
    """Report that the database is of use, until an operation fails."""


@dataclass(slots=True)
class Notifications:
    """The notifications of one daemon. ``local`` returns the conditions that only this daemon sees.

    ``out_of_use`` returns why the database is of no use, or None: a full or read-only database still answers reads.

    ``host``: the machine's name. Conditions of one machine have a scope of their own.
    """

    db: Database
    channels: Sequence[tuple[Channel, Subscription]]
    reader: ConditionReader
    local: Callable[[], Sequence[Condition]]
    host: str
    clock: Clock
    metrics: Metrics
    out_of_use: Callable[[], Awaitable[str | None]] = _is_ready
    outage: DatabaseOutage = field(init=False)
    _once: list[Condition] = field(default_factory=list, init=False)
    _looked: dict[str, asyncio.Event] = field(default_factory=dict, init=False)
    _woken: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _pruned: float = field(default=float("-inf"), init=False)

    def __post_init__(self) -> None:
        self.outage = DatabaseOutage(self.host)

    def report(self, condition: Condition) -> None:
        """Queue a message about an event that has no end, at the next look."""
        self._once.append(condition)

    def wake(self) -> None:
        """Look soon: a pass has ended, so that a condition may have begun or ended."""
        self._woken.set()

    async def run(self) -> None:
        """Read conditions and deliver messages until cancelled."""
        if not self.channels:
            return
        async with asyncio.TaskGroup() as group:
            group.create_task(self._look_forever(), name="conditions")
            for channel, subscription in self.channels:
                group.create_task(
                    self._deliver_forever(channel, subscription), name=f"notify {channel.name}"
                )

    async def _look_forever(self) -> None:
        while True:
            try:
                await self.look()
            except Exception:  # a defect of notifications must not stop SCIM and the reconciler
                log.exception("notify.look_failed")
            for looked in self._looked.values():
                looked.set()
            await self.clock.sleep(min(LEAST, EVERY))
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, EVERY - LEAST)):
                    await self._woken.wait()
            self._woken.clear()

    async def look(self) -> None:
        """Read the conditions once and queue the messages about them."""
        now = self.clock.now()
        try:
            if (reason := await self.out_of_use()) is not None:
                self.outage.failed(now, reason)
                return
            shared = await self.reader.read(now)
            for _, subscription in self.channels:
                await outbox.observe(self.db, subscription, SHARED, shared, now)
                await outbox.observe(self.db, subscription, f"host {self.host}", self.local(), now)
                for condition in tuple(self._once):
                    await outbox.report_once(self.db, subscription, condition)
            self._once.clear()
            if self.clock.monotonic() - self._pruned > PRUNE_EVERY:
                await outbox.prune(self.db)
                self._pruned = self.clock.monotonic()
        except STORE_ERRORS as error:
            self.outage.failed(now, str(error))
            return
        self.outage.answered()

    async def _deliver_forever(self, channel: Channel, subscription: Subscription) -> None:
        looked = self._looked[channel.name] = asyncio.Event()
        while True:
            looked.clear()
            try:
                await self.deliver(channel, subscription)
            except Exception:  # as in _look_forever
                log.exception("notify.delivery_failed", channel=channel.name)
            with suppress(TimeoutError):
                async with asyncio.timeout(EVERY):
                    await looked.wait()

    async def deliver(self, channel: Channel, subscription: Subscription) -> None:
        """Deliver the due messages of one channel until an attempt fails or no message is left."""
        if Event.DATABASE_UNREACHABLE in subscription.events:
            await self._deliver_outage(channel, subscription)
        try:
            while messages := await outbox.claim(self.db, channel.name, channel.most):
                if not await self._attempt(channel, messages):
                    return
        except STORE_ERRORS as error:
            log.debug("notify.outbox_unavailable", channel=channel.name, reason=str(error))

    async def _attempt(self, channel: Channel, messages: Sequence[Message]) -> bool:
        ids = [message.id for message in messages]
        try:
            await channel.deliver(messages)
        except DeliveryError as error:
            self._count_failure(channel, messages, error)
            await outbox.failed(self.db, ids, str(error), is_final=error.is_final)
            return error.is_final  # the next message may be one that the receiver takes
        self._count(channel, messages)
        await outbox.delivered(self.db, ids)
        return True

    async def _deliver_outage(self, channel: Channel, subscription: Subscription) -> None:
        delay = subscription.delays.get(Event.DATABASE_UNREACHABLE, 0.0)
        message = self.outage.due(channel.name, delay, self.clock.now())
        if message is None:
            return
        try:
            await channel.deliver([message])
        except DeliveryError as error:
            self._count_failure(channel, [message], error)
            return
        self._count(channel, [message])
        self.outage.delivered(channel.name, message)

    def _count(self, channel: Channel, messages: Sequence[Message]) -> None:
        self.metrics.notifications.labels(channel.name, "delivered").inc(len(messages))
        for message in messages:
            log.info(
                "notify.delivered",
                channel=channel.name,
                type=message.type,
                organization=message.organization,
                id=str(message.id),
            )

    def _count_failure(
        self, channel: Channel, messages: Sequence[Message], error: DeliveryError
    ) -> None:
        self.metrics.notifications.labels(channel.name, "failed").inc(len(messages))
        log.warning(
            "notify.failed",
            channel=channel.name,
            messages=len(messages),
            reason=str(error),
            given_up=error.is_final,
        )
