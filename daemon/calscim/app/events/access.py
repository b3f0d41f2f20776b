"""Decides who may read the change feed: programs on this machine, and tokens of the scope ``events``.

A request is from this machine if it comes over a Unix socket or a loopback address, names a loopback address as its
host, and has no header that a reverse proxy adds. Everything else needs a token. A token that is sent is checked too.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from aiohttp import web

from calscim.app.events.problems import FeedError
from calscim.clock import Clock
from calscim.directory import token_uses
from calscim.postgres.pool import Database
from calscim.postgres.queries import sql
from calscim.scim.auth import bearer
from calscim.scim.client_address import UNIX, parse
from calscim.scim.failed_attempts import Failures

# Headers of reverse proxies: the client behind one is not on this machine.
_FORWARDED = (
    "Forwarded",
    "Via",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Real-IP",
)
_CREATE = "create one with `calscim token create --events`"
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="calscim events"'}
_INVALID = {"WWW-Authenticate": 'Bearer realm="calscim events", error="invalid_token"'}
_INSUFFICIENT = {
    "WWW-Authenticate": 'Bearer realm="calscim events", error="insufficient_scope", scope="events"'
}
NOTE_EVERY = timedelta(minutes=1)  # between two records of the use of a token


@dataclass(slots=True)
class Access:
    """Checks requests, limits failed attempts, and records the use of tokens."""

    db: Database
    clock: Clock
    _failures: Failures = field(init=False)
    _noted: dict[int, datetime] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self._failures = Failures(self.clock)

    async def organization(self, request: web.Request) -> str | None:
        """Return the only organization whose events the client may read; None: those of all organizations.

        Raise FeedError(401), (403) or (429) if the client may not read the feed.
        """
        header = request.headers.get("Authorization")
        if header is None and is_local(request):
            return None
        remote = request.remote or UNIX
        token = bearer(header)
        if token is None:
            raise self._refused(
                remote, f"the Authorization header must have a bearer token: {_CREATE}", _CHALLENGE
            )
        digest = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
        row = await self.db.fetchrow(sql("tokens.find_by_digest"), digest)
        if row is None:
            raise self._refused(
                remote, f"this token does not exist, was revoked, or has expired: {_CREATE}"
            )
        if row["scope"] != "events":
            raise FeedError(
                403,
                f"this token belongs to a directory and cannot read events: {_CREATE}",
                _INSUFFICIENT,
            )
        await self._note(row["id"])
        return str(row["organization"])

    async def _note(self, token_id: int) -> None:
        now = self.clock.now()
        noted = self._noted.get(token_id)
        if noted is None or now - noted >= NOTE_EVERY:
            self._noted[token_id] = now
            await token_uses.record(self.db, {token_id: now})

    def _refused(self, remote: str, detail: str, challenge: dict[str, str] = _INVALID) -> FeedError:
        wait = self._failures.wait(remote)
        if wait is not None:
            return FeedError(
                429,
                "too many failed attempts from this address: correct the token, then wait",
                {"Retry-After": str(wait)},
            )
        self._failures.count(remote)
        return FeedError(401, detail, challenge)


def is_local(request: web.Request) -> bool:
    """Return True if the request comes from a program on this machine, and not through a reverse proxy."""
    if any(name in request.headers for name in _FORWARDED):
        return False
    if not request.remote or request.remote == UNIX:
        return True
    peer = parse(request.remote)
    return peer is not None and peer.is_loopback and _is_loopback_name(request.host)


def _is_loopback_name(host: str) -> bool:
    """Return True for localhost and loopback addresses. Another name may belong to a web page in a browser."""
    name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
    if name.lower().rstrip(".") == "localhost":
        return True
    address = parse(name.strip("[]"))
    return address is not None and address.is_loopback
