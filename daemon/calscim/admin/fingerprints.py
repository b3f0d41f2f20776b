"""Compares the secrets of two processes without revealing them.

A daemon publishes a fingerprint of each secret that can change while it runs: the HMAC-SHA256 of a random salt with the
secret as its key. `calscim check` reads the secret from the file and compares. An attacker who has a fingerprint and
its salt must guess the whole secret; Cal.com's keys are random.
"""

import hashlib
import hmac
from collections.abc import Mapping

from calscim.config import Settings
from calscim.postgres.pool import Connection
from calscim.reconciler.state import daemons

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


async def stale(connection: Connection, settings: Settings) -> dict[str, list[str]]:
    """Return the configuration keys whose secret a running daemon does not use, by daemon."""
    known = secrets_of(settings)
    found = {}
    for running in await daemons.list_running(connection):
        expected, published = fingerprints(known, running.salt), running.fingerprints
        keys = expected.keys() | published.keys()
        found[running.holder] = sorted(
            key for key in keys if expected.get(key) != published.get(key)
        )
    return found
