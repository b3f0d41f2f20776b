"""Bodies at rest: sealed with AES-256-GCM before they are hashed and stored, opened when they are read.

The digests and the chain cover the sealed bytes, so that proving the journal needs no key. What a sealed body
needs to be opened stands in front of it: the form, the key's id, the nonce. Several keys may be held, so that
what an earlier one sealed stays readable.

Only bodies are sealed: the effects are what the tables are rebuilt from, and the tables hold the same data.
"""

import base64
import binascii
import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from calscim.errors import ConfigError, Problem, StoreError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

# No JSON and no UTF-8 begins with 0x89; what somebody sends so all the same is wrapped as _PLAIN.
MAGIC = b"\x89calscim"
_PLAIN = MAGIC + b"\x00"
_SEALED = MAGIC + b"\x01"
_ID = 8
_NONCE = 12
_KEY = 32


class Cipher(Protocol):
    """``open`` gives back what went into ``seal``, also when another Cipher sealed it, given its key."""

    def seal(self, plain: bytes) -> bytes:
        """What is to be stored. Nothing stays nothing."""
        ...

    def open(self, stored: bytes) -> bytes:
        """StoreError when the key is not held, or the bytes were changed."""
        ...


@dataclass(frozen=True, slots=True)
class Plain:
    """No key: bodies are stored as they come."""

    def seal(self, plain: bytes) -> bytes:
        return _PLAIN + plain if plain.startswith(MAGIC) else plain

    def open(self, stored: bytes) -> bytes:
        return _opened(stored, {})


@dataclass(frozen=True, slots=True)
class Sealing:
    """Seals with one key; opens with that and the earlier ones."""

    key_id: bytes
    keys: "dict[bytes, AESGCM]" = field(repr=False)

    def seal(self, plain: bytes) -> bytes:
        if not plain:
            return b""
        front = _SEALED + self.key_id
        nonce = secrets.token_bytes(_NONCE)
        return front + nonce + self.keys[self.key_id].encrypt(nonce, plain, front)

    def open(self, stored: bytes) -> bytes:
        return _opened(stored, self.keys)


@dataclass(frozen=True, slots=True)
class Opening:
    """Encryption was switched off: stores as it comes, and opens what was sealed before."""

    keys: "dict[bytes, AESGCM]" = field(repr=False)

    def seal(self, plain: bytes) -> bytes:
        return Plain().seal(plain)

    def open(self, stored: bytes) -> bytes:
        return _opened(stored, self.keys)


def cipher(key: str | None, old_keys: Iterable[str] = ()) -> Cipher:
    """Made of the texts of the key files. ConfigError naming every one that is no key.

    A key is 32 random bytes, in base64 or as 64 hexadecimal digits. Old keys without a present one open
    what they sealed, and nothing more is sealed.
    """
    texts = [] if key is None else [("journal.encryption_key", key)]
    texts += [(f"journal.old_keys[{place}]", text) for place, text in enumerate(old_keys)]
    if not texts:
        return Plain()
    found = [(where, _bytes(text)) for where, text in texts]
    if problems := [Problem(where, _NO_KEY) for where, raw in found if raw is None]:
        raise ConfigError(problems)
    keys = {key_id(raw): _aes(raw) for _, raw in found if raw is not None}
    if key is None:
        return Opening(keys)
    present = _bytes(key)
    assert present is not None, "it was among those looked at"
    return Sealing(key_id(present), keys)


def key_id(key: bytes) -> bytes:
    """Names a key without telling anything of it."""
    return hashlib.sha256(b"calscim journal key\x00" + key).digest()[:_ID]


def sealed_with(stored: bytes) -> bytes | None:
    """The id of the key that opens this; None for what is not sealed."""
    if not stored.startswith(_SEALED):
        return None
    return stored[len(_SEALED) : len(_SEALED) + _ID]


def new_key() -> str:
    """A key, as it goes into its file."""
    return base64.b64encode(secrets.token_bytes(_KEY)).decode()


_NO_KEY = (
    "is no key: write 32 random bytes in base64 there, such as `openssl rand -base64 32` prints"
)


def _bytes(text: str) -> bytes | None:
    text = text.strip()
    try:
        raw = (
            bytes.fromhex(text) if len(text) == 2 * _KEY else base64.b64decode(text, validate=True)
        )
    except (ValueError, binascii.Error):
        return None
    return raw if len(raw) == _KEY else None


def _aes(key: bytes) -> "AESGCM":
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - optional
    except ImportError:
        message = (
            "encryption is not installed: pip install 'calscim[encryption]', or leave the key out"
        )
        raise ConfigError([Problem("journal.encryption_key", message)]) from None
    return AESGCM(key)


def _opened(stored: bytes, keys: "dict[bytes, AESGCM]") -> bytes:
    if not stored.startswith(MAGIC):
        return stored
    if stored.startswith(_PLAIN):
        return stored[len(_PLAIN) :]
    name = sealed_with(stored)
    if name is None:
        raise StoreError(
            "a body is stored in a form that this release does not know: "
            "use the release that wrote it, or a later one"
        )
    key = keys.get(name)
    if key is None:
        raise StoreError(
            f"a body was sealed with the key {name.hex()}, which is not here: "
            "add its file to journal.old_keys"
        )
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - there is a key, so it is there

    front = len(_SEALED) + _ID
    nonce, rest = stored[front : front + _NONCE], stored[front + _NONCE :]
    try:
        return key.decrypt(nonce, rest, stored[:front])
    except (InvalidTag, ValueError):
        raise StoreError(
            "a body was changed since it was sealed: see `calscim journal verify`"
        ) from None
