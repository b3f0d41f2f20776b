"""Authentication: a bearer token of exactly the directory in the path. Only digests of tokens are compared.

A token that was valid a moment ago is not looked up again: the statement of a read or a change checks it. A response
without such a statement needs ``confirm`` first, so that a revoked token always gets 401. Failed attempts are limited
(see failed_attempts.py). The token is looked up first, so a valid token is never limited.
"""

import asyncio
import hashlib
import hmac
from collections import OrderedDict
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime

from calscim.clock import Clock
from calscim.directory.directory_names import DirectoryNames
from calscim.errors import ScimError
from calscim.postgres.pool import Database
from calscim.postgres.queries import sql
from calscim.scim.failed_attempts import Failures
from calscim.scim.metrics import Metrics

MAX_REMEMBERED = 1024
# Simultaneous look-ups for clients that failed too often: the other connections stay free.
MAX_SUSPECT_LOOK_UPS = 2
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="SCIM"'}
_NOT_VALID = "this token is not valid for this directory: create one with `calscim token create`"
_INVALID = {"WWW-Authenticate": 'Bearer realm="SCIM", error="invalid_token"'}


@dataclass(frozen=True, slots=True)
class Caller:
    """The id of a valid token, and its directory."""

    token_id: int
    directory: str
    expires_at: datetime | None
    scope: str = "write"


@dataclass(slots=True)
class Authenticator:
    """Authenticates requests, and remembers valid tokens."""

    db: Database
    clock: Clock
    names: DirectoryNames
    metrics: Metrics
    _known: "OrderedDict[bytes, Caller]" = field(default_factory=OrderedDict)
    _failures: Failures = field(init=False)
    _suspects: asyncio.Semaphore = field(
        default_factory=lambda: asyncio.Semaphore(MAX_SUSPECT_LOOK_UPS)
    )

    def __post_init__(self) -> None:
        self._failures = Failures(self.clock)

    async def caller(self, header: str | None, directory: str, remote: str) -> Caller:
        """Return the caller. Raise ScimError(401) for a token that is not valid for the directory.

        Raise ScimError(429) instead if the client has failed too often.
        """
        token = bearer(header)
        if token is None:
            self.metrics.refused_token("", "missing")
            raise self.refused(
                remote, "the Authorization header must have a bearer token", _CHALLENGE
            )
        digest = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
        found = self._known.get(digest)
        if found is None:
            found = await self._find(digest, suspect=self._failures.wait(remote) is not None)
        if found is None:
            raise self.refused(remote, _NOT_VALID)
        if not hmac.compare_digest(found.directory, directory):
            self.metrics.refused_token(found.directory, "wrong_directory")
            raise self.refused(remote, _NOT_VALID)
        return found

    async def confirm(self, caller: Caller, remote: str) -> None:
        """Raise ScimError(401) if the caller's token was revoked or has expired, or its directory was deleted."""
        if not await self.db.fetchval(sql("tokens.is_valid"), caller.token_id):
            raise self.no_longer_valid(caller, remote, _NOT_VALID)

    async def _find(self, digest: bytes, *, suspect: bool) -> Caller | None:
        async with self._suspects if suspect else nullcontext():
            row = await self.db.fetchrow(sql("tokens.authenticate"), digest)
        state = "unknown" if row is None else row["state"]
        if row is None or state != "valid":
            self.metrics.refused_token("" if row is None else row["directory_id"], state)
            return None
        found = Caller(row["id"], row["directory_id"], row["expires_at"], row["scope"])
        self.names.add(found.directory, row["directory_name"], row["organization"])
        self._known[digest] = found
        if len(self._known) > MAX_REMEMBERED:
            self._known.popitem(last=False)
        return found

    def forget(self, caller: Caller) -> None:
        """Forget a token that is no longer valid, so that its next request looks it up."""
        for digest in [digest for digest, known in self._known.items() if known == caller]:
            del self._known[digest]

    def no_longer_valid(self, caller: Caller, remote: str, detail: str) -> ScimError:
        """Forget a token that was valid a moment ago, and return the error for it."""
        self.forget(caller)
        ended = caller.expires_at is not None and caller.expires_at <= self.clock.now()
        self.metrics.refused_token(caller.directory, "expired" if ended else "revoked")
        return self.refused(remote, detail)

    def refused(self, remote: str, detail: str, challenge: dict[str, str] = _INVALID) -> ScimError:
        """Count a failed attempt, and return the error for it: 401, or 429 after too many attempts."""
        wait = self._failures.wait(remote)
        if wait is not None:
            return ScimError(
                429,
                "too many failed attempts from this address: correct the token, then wait",
                headers={"Retry-After": str(wait)},
            )
        self._failures.count(remote)
        return ScimError(401, detail, headers=challenge)


def bearer(header: str | None) -> str | None:
    """Return the token. People paste it with the word Bearer in any case, twice, or not at all."""
    words = (header or "").split()
    while words and words[0].lower() == "bearer":
        words.pop(0)
    return words[0] if len(words) == 1 and len(words[0]) <= 512 else None
