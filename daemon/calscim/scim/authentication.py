"""Who is calling: a bearer token of exactly the directory in the path. Only digests are compared.

A token that was valid a moment ago is not looked up again: every read and every change judges it anew in
its own statement. Failed attempts are limited for each address, so that guessing is slow.
"""

import hashlib
import hmac
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime

from calscim.clock import Clock
from calscim.errors import ScimError
from calscim.store.pool import Database
from calscim.store.sql import sql

REMEMBERED = 1024
FAILURES = 30  # a minute and address
WINDOW = 60.0  # seconds
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="SCIM"'}
_INVALID = {"WWW-Authenticate": 'Bearer realm="SCIM", error="invalid_token"'}


@dataclass(frozen=True, slots=True)
class Caller:
    """A valid token's number and its directory."""

    token_id: int
    directory: str
    expires_at: datetime | None


@dataclass(slots=True)
class Authenticator:
    db: Database
    clock: Clock
    _known: "OrderedDict[bytes, Caller]" = field(default_factory=OrderedDict)
    _failed: "OrderedDict[str, tuple[float, int]]" = field(default_factory=OrderedDict)

    async def caller(self, header: str | None, directory: str, remote: str) -> Caller:
        """ScimError 401 for a token that is wrong, missing, expired, revoked or another directory's."""
        self._limit(remote)
        token = bearer(header)
        if token is None:
            raise self.refused(
                remote, "a bearer token is needed in the Authorization header", _CHALLENGE
            )
        digest = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
        found = self._known.get(digest) or await self._find(digest)
        if found is None or not hmac.compare_digest(found.directory, directory):
            raise self.refused(
                remote,
                "this token is not valid for this directory: make one with `calscim token create`",
            )
        return found

    async def _find(self, digest: bytes) -> Caller | None:
        row = await self.db.fetchrow(sql("scim.authenticate"), digest)
        if row is None:
            return None
        found = Caller(row["id"], row["directory_id"], row["expires_at"])
        self._known[digest] = found
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return found

    def forget(self, caller: Caller) -> None:
        """A statement has found the token to be valid no more."""
        for digest in [one for one, known in self._known.items() if known == caller]:
            del self._known[digest]

    def _limit(self, remote: str) -> None:
        since, count = self._failed.get(remote, (0.0, 0))
        left = since + WINDOW - self.clock.monotonic()
        if count >= FAILURES and left > 0:
            raise ScimError(
                429,
                "too many failed attempts from this address: wait, and correct the token",
                headers={"Retry-After": str(int(left) + 1)},
            )

    def refused(self, remote: str, detail: str, challenge: dict[str, str] = _INVALID) -> ScimError:
        """Count a failed attempt."""
        now = self.clock.monotonic()
        since, count = self._failed.get(remote, (now, 0))
        if now - since > WINDOW:
            since, count = now, 0
        self._failed[remote] = (since, count + 1)
        self._failed.move_to_end(remote)
        if len(self._failed) > REMEMBERED:
            self._failed.popitem(last=False)
        return ScimError(401, detail, headers=challenge)


def bearer(header: str | None) -> str | None:
    """The token, with the word Bearer in any case, doubled or left out: all are pasted by people."""
    words = (header or "").split()
    while words and words[0].lower() == "bearer":
        words.pop(0)
    return words[0] if len(words) == 1 and len(words[0]) <= 512 else None
