"""Shows whether two processes use the same secrets, without revealing the secrets.

A daemon publishes a fingerprint of each secret that may be exchanged while it runs: the HMAC-SHA256 of a random salt
with the secret as its key. `calscim check` has the secret of the file and can compare. To get the secret from a
fingerprint and its salt, an attacker has to guess the whole secret; Cal.com's keys are random.
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


LONGEST = 2.0  # seconds for one statement: the daemon's end waits for the last one
CERTIFICATE = "scim.tls_certificate_file"


def secrets_of(settings: Settings) -> dict[str, bytes]:
    """What may be exchanged while a daemon runs, by its key in the configuration. OSError: no certificate to read."""
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
    """Of every secret, by its key in the configuration."""
    return {
        key: hmac.new(secret, salt + key.encode(), hashlib.sha256).hexdigest()[:32]
        for key, secret in known.items()
    }


@dataclass(slots=True)
class Published:
    """The fingerprints of what a running daemon uses, in the database until it ends."""

    db: Database
    holder: str
    salt: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    _known: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def use(self, known: Mapping[str, bytes]) -> None:
        """The daemon uses these secrets from now on."""
        self._known = known
        self._changed.set()

    async def run(self) -> None:
        """Write every minute, and at once when the secrets change. A database that is away is tried again."""
        try:
            while True:
                self._changed.clear()
                await self._publish()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), daemons.EVERY)
        finally:
            with suppress(StoreError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await asyncio.shield(daemons.left(self.db.within(LONGEST), self.holder))

    async def _publish(self) -> None:
        made = fingerprints(self._known, self.salt)
        try:
            await daemons.seen(
                self.db.within(LONGEST), daemons.Running(self.holder, self.salt, made)
            )
        except (StoreError, asyncpg.PostgresError) as error:
            log.debug("daemon.unpublished", reason=str(error))


async def stale(connection: Connection, settings: Settings) -> dict[str, list[str]]:
    """The daemons that run, each with the keys of the configuration whose secret it does not use."""
    known = secrets_of(settings)
    found = {}
    for running in await daemons.alive(connection):
        mine = fingerprints(known, running.salt)
        told = running.fingerprints
        keys = mine.keys() | told.keys()
        found[running.holder] = sorted(key for key in keys if mine.get(key) != told.get(key))
    return found
