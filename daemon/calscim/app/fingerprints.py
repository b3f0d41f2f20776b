"""Publishes the fingerprints of a running daemon's secrets, which `calscim check` compares with the configuration."""

import asyncio
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import structlog

from calscim.admin.fingerprints import fingerprints
from calscim.postgres.outages import STORE_ERRORS
from calscim.postgres.pool import Database
from calscim.reconciler.state import daemons

log = structlog.get_logger()


STATEMENT_TIMEOUT = 2.0  # seconds; the daemon waits for the last statement when it stops


@dataclass(slots=True)
class PublishedFingerprints:
    """The fingerprints of a running daemon's secrets, in the database until the daemon stops."""

    db: Database
    holder: str
    salt: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    _known: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def use(self, known: Mapping[str, bytes]) -> None:
        """Publish these secrets from now on."""
        self._known = known
        self._changed.set()

    async def run(self) -> None:
        """Write the fingerprints every minute, and at once when the secrets change, until cancelled."""
        try:
            while True:
                self._changed.clear()
                await self._publish()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), daemons.EVERY)
        finally:
            with suppress(*STORE_ERRORS):
                await asyncio.shield(daemons.delete(self.db.within(STATEMENT_TIMEOUT), self.holder))

    async def _publish(self) -> None:
        current = fingerprints(self._known, self.salt)
        try:
            await daemons.record(
                self.db.within(STATEMENT_TIMEOUT), daemons.Running(self.holder, self.salt, current)
            )
        except STORE_ERRORS as error:
            log.debug("daemon.unpublished", reason=str(error))
