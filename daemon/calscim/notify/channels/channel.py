"""What the outbox asks of a channel."""

from collections.abc import Sequence
from typing import Protocol

from calscim.errors import CalscimError
from calscim.notify.message import Message


class DeliveryError(CalscimError):
    """A channel did not take a message. ``is_final``: the receiver will refuse the same message again."""

    def __init__(self, reason: str, *, is_final: bool = False) -> None:
        self.is_final = is_final
        super().__init__(reason)


class Channel(Protocol):
    """One `[[notify]]` of the configuration."""

    @property
    def name(self) -> str: ...

    @property
    def most(self) -> int:
        """Return how many messages one delivery may have."""
        ...

    async def deliver(self, messages: Sequence[Message]) -> None:
        """Deliver between 1 and ``most`` messages; raise DeliveryError if the receiver did not take them.

        The channel limits how long it waits. The reason of an error never shows a secret of the channel.
        """
        ...
