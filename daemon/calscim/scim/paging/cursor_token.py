"""The cursors of RFC 9865: a place in a list, encrypted so that a client can neither read a cursor nor make one.

A cursor belongs to a directory, a query and a count. Its key is derived from what the database holds of the directory:
every daemon of the database accepts it, also after a restart, and there is nothing to configure. A cursor contains the
value that the last resource is sorted by, perhaps an e-mail address, and stands in URLs that proxies log.

The encryption is AES-SIV (RFC 5297), which needs no nonce: the query is authenticated, the content is encrypted.
"""

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from calscim.errors import ScimError
from calscim.postgres.pool import Database
from calscim.postgres.queries import sql
from calscim.scim.schema import CURSOR_TIMEOUT

if TYPE_CHECKING:  # the first cursor loads it: 7 MB that a daemon without cursors does not need
    from cryptography.hazmat.primitives.ciphers.aead import AESSIV

MAX_TOKEN = 16_384  # characters


@dataclass(frozen=True, slots=True)
class CursorKeys:
    """The keys of the directories whose cursors were needed so far."""

    db: Database
    _ciphers: "dict[str, AESSIV]" = field(default_factory=dict)

    async def cipher(self, directory: str) -> "AESSIV":
        """Return the cipher of a directory that has a token."""
        if directory not in self._ciphers:
            from cryptography.hazmat.primitives.ciphers.aead import AESSIV  # noqa: PLC0415 - as above

            key = await self.db.fetchval(sql("keyset_pages.get_cursor_secret"), directory)
            self._ciphers[directory] = AESSIV(key)
        return self._ciphers[directory]


def encrypt_cursor(cipher: "AESSIV", query: str, count: int, position: Any, now: float) -> str:
    """Return the cursor for a position, which is JSON. ``now``: seconds since the epoch."""
    content = orjson.dumps([int(now), count, position])
    token = cipher.encrypt(content, [_query_bytes(query)])
    return base64.urlsafe_b64encode(token).rstrip(b"=").decode()


def decrypt_cursor(cipher: "AESSIV", cursor: str, query: str, count: int, now: float) -> Any:
    """Return the position. Raise ScimError(400) with invalidCursor, invalidCount or expiredCursor."""
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - as above

    try:
        content = cipher.decrypt(_token_bytes(cursor), [_query_bytes(query)])
    except (InvalidTag, ValueError) as error:
        raise invalid_cursor() from error
    created_at, expected_count, position = orjson.loads(content)
    if expected_count != count:
        raise ScimError(
            400,
            f"this cursor was made for count={expected_count}: send the same count with every page",
            "invalidCount",
        )
    if now - created_at > CURSOR_TIMEOUT:
        raise ScimError(
            400,
            f"the cursor is older than {CURSOR_TIMEOUT} seconds: begin again with an empty cursor",
            "expiredCursor",
        )
    return position


def invalid_cursor() -> ScimError:
    return ScimError(
        400,
        "the cursor does not belong to this list: begin with an empty cursor, and continue with the nextCursor "
        "of the response, the same filter, the same order and the same count",
        "invalidCursor",
    )


def _query_bytes(query: str) -> bytes:
    return query.encode("utf-8", "surrogatepass")


def _token_bytes(cursor: str) -> bytes:
    """Decode the base64 of a cursor. Raise ValueError for text that is not base64 or too long."""
    if len(cursor) > MAX_TOKEN:
        raise ValueError("too long")
    return base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
