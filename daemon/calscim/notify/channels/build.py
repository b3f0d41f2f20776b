"""Makes the channels of the configuration."""

from collections.abc import Iterable

import aiohttp

from calscim.clock import Clock
from calscim.config import Notify
from calscim.notify.channels.channel import Channel
from calscim.notify.channels.text import TextChannel
from calscim.notify.channels.webhook import WebhookChannel
from calscim.notify.events import Event
from calscim.notify.outbox import Subscription


def channel(settings: Notify, session: aiohttp.ClientSession, clock: Clock) -> Channel:
    """Return the channel of one ``[[notify]]``."""
    if settings.webhook is not None and settings.secret is not None:
        return WebhookChannel(settings.name, settings.webhook, settings.secret, session, clock)
    assert settings.url is not None, "settings have a URL or a webhook with its secret"
    return TextChannel(settings.name, settings.url)


def subscription(settings: Notify) -> Subscription:
    """Return what the channel wants to know."""
    return Subscription(
        settings.name,
        frozenset(settings.events or Event),
        settings.remind,
        {
            Event.CALCOM_UNREACHABLE: settings.unreachable_after,
            Event.KEY_REFUSED: settings.unreachable_after,
            Event.DATABASE_UNREACHABLE: settings.unreachable_after,
            Event.RATE_LIMIT_USED_UP: settings.unreachable_after,
            Event.ACTION_PARKED: settings.parked_after,
            Event.DIRECTORY_PAUSED: settings.paused_after,
        },
    )


def channels(
    settings: Iterable[Notify], session: aiohttp.ClientSession, clock: Clock
) -> list[tuple[Channel, Subscription]]:
    """Return every channel with what it wants to know."""
    return [(channel(one, session, clock), subscription(one)) for one in settings]
