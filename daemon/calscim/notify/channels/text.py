"""Slack, Teams, PagerDuty, Opsgenie, mail and about a hundred more, through Apprise.

Apprise blocks while it sends. Each channel therefore has one thread of its own: a receiver that hangs holds up no
other channel, and no second attempt begins while the first still runs.
"""

import asyncio
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from calscim.notify.channels.channel import DeliveryError
from calscim.notify.message import MOST, Message, as_text

ANSWER = 30.0  # seconds until an attempt counts as failed


@dataclass(slots=True)
class TextChannel:
    """One Apprise URL. It contains a secret, so no message of this module shows it."""

    name: str
    url: str = field(repr=False)
    most: int = MOST
    _attempt: asyncio.Future[bool] | None = field(default=None, init=False)

    async def deliver(self, messages: Sequence[Message]) -> None:
        """Send one text about all of the messages."""
        if self._attempt is not None and not self._attempt.done():
            raise DeliveryError("the previous attempt has not ended yet")
        title, body = as_text(messages)
        self._attempt = _in_thread(lambda: _send(self.url, title, body))
        try:
            async with asyncio.timeout(ANSWER):
                sent = await asyncio.shield(self._attempt)
        except TimeoutError:
            raise DeliveryError(f"the service did not answer within {ANSWER:g} s") from None
        except Exception as error:  # noqa: BLE001 - a plugin of Apprise may raise anything
            raise DeliveryError(f"Apprise failed ({type(error).__name__})") from None
        if not sent:
            raise DeliveryError(
                "the service refused the message or cannot be reached: check the URL of the channel and the network"
            )


def _in_thread(call: Callable[[], bool]) -> asyncio.Future[bool]:
    """Run ``call`` in a thread that does not keep the process from ending."""
    loop = asyncio.get_running_loop()
    result: asyncio.Future[bool] = loop.create_future()

    def conclude(value: bool, error: Exception | None) -> None:
        if result.cancelled():
            return
        if error is None:
            result.set_result(value)
        else:
            result.set_exception(error)

    def run() -> None:
        value, error = False, None
        try:
            value = call()
        except Exception as raised:  # noqa: BLE001 - handed to the caller
            error = raised
        if not loop.is_closed():
            loop.call_soon_threadsafe(conclude, value, error)

    threading.Thread(target=run, name="notify", daemon=True).start()
    return result


def _send(url: str, title: str, body: str) -> bool:
    from calscim.config.apprise_urls import sender_of  # noqa: PLC0415 - loads Apprise, which takes 0.3 s

    sender = sender_of(url)
    return sender is not None and bool(sender.notify(title=title, body=body))
