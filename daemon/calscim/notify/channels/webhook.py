"""Webhooks that are signed as Standard Webhooks says (https://www.standardwebhooks.com/)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import aiohttp
from standardwebhooks.webhooks import Webhook as Signer

from calscim.clock import Clock
from calscim.notify.channels.channel import DeliveryError
from calscim.notify.message import Message

ANSWER = 15.0  # seconds for a receiver to answer; Standard Webhooks recommends 15 to 30
# A receiver that answers one of these may take the same message later; other 4xx are final.
_LATER = {408, 409, 425, 429}


@dataclass(frozen=True, slots=True)
class WebhookChannel:
    """A POST for each message. The URL may hold a secret, so that no message of this module shows it."""

    name: str
    url: str = field(repr=False)
    secret: str = field(repr=False)
    session: aiohttp.ClientSession
    clock: Clock
    most: int = 1

    async def deliver(self, messages: Sequence[Message]) -> None:
        """Post the messages; DeliveryError says the status or why there was none."""
        for message in messages:
            await self.post(f"msg_{message.id.hex}", message.as_json())

    async def post(self, identity: str, body: bytes) -> None:
        """Post one body under its id; DeliveryError says the status or why there was none."""
        try:
            async with self.session.post(
                self.url,
                data=body,
                headers=self._headers(identity, body),
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=ANSWER),
            ) as response:
                status = response.status
        except TimeoutError:
            raise DeliveryError(f"the receiver did not answer within {ANSWER:g} s") from None
        except aiohttp.ClientConnectorError as error:
            raise DeliveryError(f"cannot connect to the receiver: {error.os_error}") from None
        except (aiohttp.ClientError, OSError) as error:
            raise DeliveryError(f"the connection failed ({type(error).__name__})") from None
        if not 200 <= status < 300:
            is_final = 300 <= status < 500 and status not in _LATER
            raise DeliveryError(
                f"the receiver answered {status}: check the URL, the secret and the receiver's log",
                is_final=is_final,
            )

    def _headers(self, identity: str, body: bytes) -> dict[str, str]:
        now = datetime.fromtimestamp(int(self.clock.now().timestamp()), UTC)
        return {
            "Content-Type": "application/json",
            "User-Agent": "calscim",
            "webhook-id": identity,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Signer(self.secret).sign(identity, now, body.decode()),
        }
