"""The cursors of RFC 9865: a place in a list, sealed so that a client can neither read nor make one.

A cursor belongs to a directory, a query and a count. Its key is worked out from what the database holds of the
directory, so that it is good with every daemon and after a restart, with nothing to configure. It holds what the
last resource is sorted by, perhaps an address, and stands in URLs that proxies write down: so it is encrypted.

The form is that of a synthetic IV (RFC 5297), of HMAC and SHAKE: the tag is over the content and what it belongs to,
and the content is hidden by a stream that tag and key give. No number has to be used once only.
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import orjson

from calscim.errors import ScimError
from calscim.postgres.pool import Database
from calscim.postgres.queries import sql
from calscim.scim.schema import CURSOR_TIMEOUT

_FORM = b"\x01"
_TAG = 16
_LONGEST = 8192

_secrets: "WeakKeyDictionary[Database, dict[str, bytes]]" = WeakKeyDictionary()


async def of_directory(db: Database, directory: str) -> "Cursors":
    """The directory has a token, or nobody could ask."""
    known = _secrets.setdefault(db, {})
    if directory not in known:
        known[directory] = await db.fetchval(sql("keysets.secret"), directory)
    return Cursors(known[directory])


@dataclass(frozen=True, slots=True)
class Cursors:
    """Those of one directory."""

    secret: bytes

    def seal(self, query: str, count: int, position: Any, now: float) -> str:
        """``query``: what the cursor belongs to. ``position``: JSON. ``now``: seconds since the epoch."""
        content = orjson.dumps([int(now), count, position])
        tag = self._tag(query, content)
        return (
            base64.urlsafe_b64encode(_FORM + tag + self._hidden(tag, content)).rstrip(b"=").decode()
        )

    def open(self, cursor: str, query: str, count: int, now: float) -> Any:
        """The position. ScimError 400: invalidCursor, invalidCount, expiredCursor."""
        sealed = _decoded(cursor)
        tag, hidden = sealed[1 : 1 + _TAG], sealed[1 + _TAG :]
        content = self._hidden(tag, hidden)
        if sealed[:1] != _FORM or not hmac.compare_digest(tag, self._tag(query, content)):
            raise invalid()
        at, counted, position = orjson.loads(content)
        if counted != count:
            raise ScimError(400, f"this cursor goes on with a count of {counted}", "invalidCount")
        if now - at > CURSOR_TIMEOUT:
            raise ScimError(
                400,
                f"the cursor is older than {CURSOR_TIMEOUT} s: begin again with an empty one",
                "expiredCursor",
            )
        return position

    def _tag(self, query: str, content: bytes) -> bytes:
        of = hashlib.sha256(query.encode("utf-8", "surrogatepass")).digest()
        return hmac.digest(self.secret, b"tag" + of + content, "sha256")[:_TAG]

    def _hidden(self, tag: bytes, content: bytes) -> bytes:
        """Hides what is plain and shows what is hidden."""
        key = hmac.digest(self.secret, b"hide" + tag, "sha256")
        stream = hashlib.shake_256(key).digest(len(content))
        return bytes(one ^ other for one, other in zip(content, stream, strict=True))


def _decoded(cursor: str) -> bytes:
    if len(cursor) > _LONGEST:
        raise invalid()
    try:
        return base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except ValueError as error:
        raise invalid() from error


def invalid() -> ScimError:
    return ScimError(
        400,
        "the cursor is not of this list: begin with an empty one, and go on with the nextCursor "
        "of the answer, the same filter, the same order and the same count",
        "invalidCursor",
    )
