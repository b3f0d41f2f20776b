"""Puts the notifications of a daemon together: its channels, and the conditions that only it sees."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

import aiohttp
from prometheus_client import CollectorRegistry

from calscim.app.wiring import RunningOrganization
from calscim.clock import Clock
from calscim.config import Settings
from calscim.journal.checkpoint_publisher import Refusals
from calscim.notify.channels.build import channels, feed_channels
from calscim.notify.conditions import ConditionReader
from calscim.notify.events import Condition
from calscim.notify.feed import FeedDelivery
from calscim.notify.local_conditions import (
    certificate_condition,
    checkpoint_conditions,
    rate_limit_condition,
)
from calscim.notify.notifications import Metrics, Notifications
from calscim.postgres.pool import Database


def notifications(
    settings: Settings,
    db: Database,
    out_of_use: Callable[[], Awaitable[str | None]],
    session: aiohttp.ClientSession,
    clock: Clock,
    registry: CollectorRegistry,
    host: str,
    refusals: Mapping[str, Refusals],
    organizations: Mapping[str, RunningOrganization],
) -> Notifications:
    """Return the notifications of this daemon. ``host``: the machine, as messages name it.

    ``out_of_use`` returns why the database is of no use, or None.

    ``refusals``: the checkpoint sinks that refuse, as they are at the moment of a look.
    """

    def local() -> Sequence[Condition]:
        path = settings.scim.tls_certificate_file
        found = None if path is None else certificate_condition(path, clock.now())
        short = [
            rate_limit_condition(name, seconds, clock.now())
            for name, one in organizations.items()
            if (seconds := one.is_short_for()) is not None
        ]
        return [*checkpoint_conditions(refusals), *([] if found is None else [found]), *short]

    return Notifications(
        db,
        channels(settings.channels, session, clock),
        ConditionReader(
            db,
            [one.name for one in settings.organizations],
            console_url=None if settings.console is None else settings.console.public_url,
        ),
        local,
        host,
        clock,
        Metrics(registry, [one.name for one in settings.channels]),
        out_of_use,
    )


def feed_delivery(
    settings: Settings,
    db: Database,
    session: aiohttp.ClientSession,
    clock: Clock,
    metrics: Metrics,
) -> FeedDelivery:
    """Return the delivery of the change feed to the channels that receive it."""
    channels = feed_channels(settings.channels, session, clock)
    return FeedDelivery(db, channels, clock, settings.ops.keep_events, metrics)
