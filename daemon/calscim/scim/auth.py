"""Who is calling: a bearer token of exactly the directory in the path. Only digests are compared.

A token that was valid a moment ago is not looked up again before the statement of a read or a change, which judges it
itself. Whatever is answered without such a statement needs ``confirm`` first: a revoked token gets nothing but 401.
Failed attempts are limited (see failures.py); the token is looked up first, so that a valid one is never limited.
"""

import asyncio
import hashlib
import hmac
from collections import OrderedDict
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime

from calscim.clock import Clock
from calscim.errors import ScimError
from calscim.postgres.pool import Database
from calscim.postgres.queries import sql
from calscim.scim.failures import Failures

REMEMBERED = 1024
# Look-ups at once for clients that failed too often: the rest of the pool stays for others.
SUSPECTS = 2
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="SCIM"'}
_NOT_VALID = "this token is not valid for this directory: make one with `calscim token create`"
_INVALID = {"WWW-Authenticate": 'Bearer realm="SCIM", error="invalid_token"'}


@dataclass(frozen=True, slots=True)
class Caller:
    """A valid token's number and its directory."""

    token_id: int
    directory: str
    expires_at: datetime | None
    scope: str = "write"


@dataclass(slots=True)
class Authenticator:
    db: Database
    clock: Clock
    _known: "OrderedDict[bytes, Caller]" = field(default_factory=OrderedDict)
    _failures: Failures = field(init=False)
    _suspects: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(SUSPECTS))

    def __post_init__(self) -> None:
        self._failures = Failures(self.clock)

    async def caller(self, header: str | None, directory: str, remote: str) -> Caller:
        """ScimError 401 for a token that is wrong, missing, expired, revoked or another directory's.

        429 instead, if the client has failed too often.
        """
        token = bearer(header)
        if token is None:
            raise self.refused(
                remote, "a bearer token is needed in the Authorization header", _CHALLENGE
            )
        digest = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
        found = self._known.get(digest)
        if found is None:
            found = await self._find(digest, suspect=self._failures.wait(remote) is not None)
        if found is None or not hmac.compare_digest(found.directory, directory):
            raise self.refused(remote, _NOT_VALID)
        return found

    async def confirm(self, caller: Caller, remote: str) -> None:
        """Raise ScimError(401) if the caller's token was revoked or has expired, or its directory was deleted."""
        if not await self.db.fetchval(sql("tokens.is_valid"), caller.token_id):
            self.forget(caller)
            raise self.refused(remote, _NOT_VALID)

    async def _find(self, digest: bytes, *, suspect: bool) -> Caller | None:
        async with self._suspects if suspect else nullcontext():
            row = await self.db.fetchrow(sql("tokens.authenticate"), digest)
        if row is None:
            return None
        found = Caller(row["id"], row["directory_id"], row["expires_at"], row["scope"])
        self._known[digest] = found
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return found

    def forget(self, caller: Caller) -> None:
        """Look the token up again at its next request: a statement found that it is no longer valid."""
        for digest in [one for one, known in self._known.items() if known == caller]:
            del self._known[digest]

    def refused(self, remote: str, detail: str, challenge: dict[str, str] = _INVALID) -> ScimError:
        """Count a failed attempt; 429 for one too many."""
        wait = self._failures.wait(remote)
        if wait is not None:
            return ScimError(
                429,
                "too many failed attempts from this address: wait, and correct the token",
                headers={"Retry-After": str(wait)},
            )
        self._failures.count(remote)
        return ScimError(401, detail, headers=challenge)


def bearer(header: str | None) -> str | None:
    """The token, with the word Bearer in any case, doubled or left out: all are pasted by people."""
    words = (header or "").split()
    while words and words[0].lower() == "bearer":
        words.pop(0)
    return words[0] if len(words) == 1 and len(words[0]) <= 512 else None
