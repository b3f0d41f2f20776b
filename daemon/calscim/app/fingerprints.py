"""Compares the secrets of two processes without revealing them.

A daemon publishes a fingerprint of each secret that can change while it runs: the HMAC-SHA256 of a random salt with the
secret as its key. `calscim check` reads the secret from the file and compares. An attacker who has a fingerprint and
its salt must guess the whole secret; Cal.com's keys are random.
"""

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import asyncpg
import structlog

from calscim.config import Settings
from calscim.errors import StoreError
from calscim.postgres.pool import Connection, Database
from calscim.reconciler.state import daemons

log = structlog.get_logger()


STATEMENT_TIMEOUT = 2.0  # seconds; the daemon waits for the last statement when it stops
CERTIFICATE = "scim.tls_certificate_file"


def secrets_of(settings: Settings) -> dict[str, bytes]:
    """Return the secrets that can change while a daemon runs, by configuration key.

    Raise OSError if the certificate cannot be read.
    """
    found = {
        f"organization.{organization.name}.api_key": organization.api_key.encode()
        for organization in settings.organizations
    }
    if settings.journal.encryption_key is not None:
        found["journal.encryption_key"] = settings.journal.encryption_key
    if (certificate := settings.scim.tls_certificate_file) is not None:
        found[CERTIFICATE] = certificate.read_bytes()
    return found


def fingerprints(known: Mapping[str, bytes], salt: bytes) -> dict[str, str]:
    """Return the fingerprint of every secret, by configuration key."""
    return {
        key: hmac.new(secret, salt + key.encode(), hashlib.sha256).hexdigest()[:32]
        for key, secret in known.items()
    }


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
            with suppress(StoreError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await asyncio.shield(daemons.left(self.db.within(STATEMENT_TIMEOUT), self.holder))

    async def _publish(self) -> None:
        current = fingerprints(self._known, self.salt)
        try:
            await daemons.seen(
                self.db.within(STATEMENT_TIMEOUT), daemons.Running(self.holder, self.salt, current)
            )
        except (StoreError, asyncpg.PostgresError) as error:
            log.debug("daemon.unpublished", reason=str(error))


async def stale(connection: Connection, settings: Settings) -> dict[str, list[str]]:
    """Return the configuration keys whose secret a running daemon does not use, by daemon."""
    known = secrets_of(settings)
    found = {}
    for running in await daemons.alive(connection):
        expected, published = fingerprints(known, running.salt), running.fingerprints
        keys = expected.keys() | published.keys()
        found[running.holder] = sorted(
            key for key in keys if expected.get(key) != published.get(key)
        )
    return found
