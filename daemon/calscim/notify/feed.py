"""Posts the events of the change feed to webhook channels, in order.

Each channel has a position in Postgres. One daemon at a time delivers to a channel. It moves the position after the
receiver took an event, so that every event is delivered at least once. A receiver that does not take an event gets no
later one before, for three days; then calscim gives the event up.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from calscim.clock import Clock
from calscim.journal.feed import read
from calscim.journal.feed.event import Event
from calscim.journal.feed.fill import fill
from calscim.notify.channels.channel import DeliveryError
from calscim.notify.channels.webhook import WebhookChannel
from calscim.notify.notifications import Metrics
from calscim.postgres.outages import STORE_ERRORS
from calscim.postgres.pool import Database
from calscim.postgres.queries import sql

log = structlog.get_logger()

EVERY = 5.0  # seconds between two looks for rows that are not announced
GATHER = 0.2  # seconds from an announced row to the delivery, in which further rows come
CLAIM = 120.0  # seconds for which a daemon has a channel after each delivery; longer than a delivery takes
BATCH = 100  # events that are read at once


@dataclass(slots=True)
class FeedDelivery:
    """Delivers the change feed to channels. ``keep``: seconds for which events are kept; None: forever."""

    db: Database
    channels: Sequence[WebhookChannel]
    clock: Clock
    keep: float | None
    metrics: Metrics
    _announced: dict[str, asyncio.Event] = field(default_factory=dict, init=False)

    def announce(self) -> None:
        """Look for events at once: the journal has a new row."""
        for announced in self._announced.values():
            announced.set()

    async def run(self) -> None:
        """Deliver to every channel until cancelled."""
        async with asyncio.TaskGroup() as group:
            for channel in self.channels:
                group.create_task(self._deliver_forever(channel), name=f"feed {channel.name}")

    async def _deliver_forever(self, channel: WebhookChannel) -> None:
        announced = self._announced[channel.name] = asyncio.Event()
        while True:
            announced.clear()
            try:
                await self.deliver(channel)
            except STORE_ERRORS as error:
                log.debug("notify.outbox_unavailable", channel=channel.name, reason=str(error))
            except Exception:  # a defect of notifications must not stop SCIM and the reconciler
                log.exception("notify.delivery_failed", channel=channel.name)
            with suppress(TimeoutError):
                async with asyncio.timeout(EVERY):
                    await announced.wait()
                    await self.clock.sleep(GATHER)

    async def deliver(self, channel: WebhookChannel) -> None:
        """Deliver what the channel lacks, until an attempt fails. Do nothing if another daemon delivers."""
        if not await self.db.fetchval(sql("event_deliveries.is_known"), channel.name):
            await self._begin(channel)
        position = await self.db.fetchval(sql("event_deliveries.claim"), channel.name, CLAIM)
        if position is None:
            return
        try:
            is_claimed = await self._deliver_after(channel, position)
        except BaseException:  # also when the daemon stops: another one continues at once
            with suppress(*STORE_ERRORS):
                await self._release(channel)
            raise
        if is_claimed:
            await self._release(channel)

    async def _deliver_after(self, channel: WebhookChannel, position: int) -> bool:
        """Deliver the events after a position. Return False if the channel is no longer claimed by this daemon."""
        while events := (await read.page(self.db, position, BATCH, self._since())).events:
            for event in events:
                if not await self._attempt(channel, event):
                    return False
            position = events[-1].seq
        return True

    async def _release(self, channel: WebhookChannel) -> None:
        await self.db.execute(sql("event_deliveries.release"), channel.name)

    async def _begin(self, channel: WebhookChannel) -> None:
        """Let a new channel begin with the next event: it does not receive what happened before."""
        while await fill(self.db, self._since()):
            pass
        await self.db.execute(sql("event_deliveries.begin"), channel.name)

    async def _attempt(self, channel: WebhookChannel, event: Event) -> bool:
        try:
            await channel.post(event.id, event.as_webhook())
        except DeliveryError as error:
            await self._failed(channel, event, str(error))
            return False
        self.metrics.notifications.labels(channel.name, "delivered").inc()
        moved = await self.db.fetchval(
            sql("event_deliveries.note_delivered"), channel.name, event.seq, CLAIM
        )
        return moved is not None  # None: another daemon took over while this one was frozen

    async def _failed(self, channel: WebhookChannel, event: Event, reason: str) -> None:
        self.metrics.notifications.labels(channel.name, "failed").inc()
        is_over = await self.db.fetchval(sql("event_deliveries.note_failed"), channel.name, reason)
        if is_over:
            await self.db.execute(sql("event_deliveries.give_up"), channel.name, event.seq)
        log.warning(
            "notify.failed", channel=channel.name, messages=1, reason=reason, given_up=bool(is_over)
        )

    def _since(self) -> datetime | None:
        return None if self.keep is None else self.clock.now() - timedelta(seconds=self.keep)
