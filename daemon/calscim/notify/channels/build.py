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
    if settings.webhook is not None:
        return webhook_channel(settings, session, clock)
    assert settings.url is not None, "settings have a URL or a webhook with its secret"
    return TextChannel(settings.name, settings.url)


def webhook_channel(
    settings: Notify, session: aiohttp.ClientSession, clock: Clock
) -> WebhookChannel:
    """Return the channel of one ``[[notify]]`` with a webhook."""
    assert settings.webhook is not None, "the caller has asked for it"
    assert settings.secret is not None, "settings have a webhook with its secret"
    return WebhookChannel(settings.name, settings.webhook, settings.secret, session, clock)


def feed_channels(
    settings: Iterable[Notify], session: aiohttp.ClientSession, clock: Clock
) -> list[WebhookChannel]:
    """Return the channels that receive the change feed."""
    return [webhook_channel(one, session, clock) for one in settings if one.feed]


def subscription(settings: Notify) -> Subscription:
    """Return what the channel wants to know."""
    return Subscription(
        settings.name,
        frozenset(settings.events or (() if settings.feed else Event)),
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
