"""Encryption at rest: bodies are encrypted with AES-256-GCM before they are hashed and stored.

Digests and chain cover the encrypted bytes, so that verifying the journal needs no key. An encrypted body begins with
its format, the key's id and the nonce. Several keys can be configured, so that bodies of earlier keys stay readable.

Only bodies are encrypted. A rebuild needs the effects, and the tables have the same data.
"""

import hashlib
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NewType

from calscim.errors import StoreError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

# Neither JSON nor UTF-8 begins with 0x89. Bodies that do are wrapped as _PLAIN.
MAGIC = b"\x89calscim"
_PLAIN = MAGIC + b"\x00"
FRONT = (
    MAGIC + b"\x01"
)  # of an encrypted body; followed by the key's id, the nonce and the ciphertext
_ID = 8
_NONCE = 12
_KEY = 32

# The type of stored bodies, so that no body is stored without passing a Cipher.
StoredBody = NewType("StoredBody", bytes)
NOTHING = StoredBody(b"")


class KeyMissing(StoreError):  # noqa: N818 - named for what it tells
    """A body was encrypted with a key that is not configured. ``key_id``: hexadecimal digits."""

    def __init__(self, key_id: str) -> None:
        self.key_id = key_id
        super().__init__(
            f"a body was encrypted with the key {key_id}, which is not here: "
            "add its file to journal.old_key_files"
        )


@dataclass(frozen=True, slots=True)
class Cipher:
    """Encrypts with the ``present`` key, or not at all without one. Decrypts with every key of ``keys``, by id."""

    present: bytes | None = None
    keys: "Mapping[bytes, AESGCM]" = field(default_factory=dict, repr=False)

    @property
    def held(self) -> list[str]:
        """Return the ids of the keys, as hexadecimal digits."""
        return [one.hex() for one in self.keys]

    def encrypt(self, plain: bytes) -> StoredBody:
        """Return the bytes to store. Empty bytes stay empty. Equal bytes get different ciphertexts."""
        if self.present is None:
            return StoredBody(_PLAIN + plain if plain.startswith(MAGIC) else plain)
        if not plain:
            return NOTHING
        front = FRONT + self.present
        nonce = secrets.token_bytes(_NONCE)
        return StoredBody(front + nonce + self.keys[self.present].encrypt(nonce, plain, front))

    def decrypt(self, stored: bytes) -> bytes:
        """Return the decrypted bytes. Raise KeyMissing without the key, StoreError if the stored bytes were changed."""
        if not stored.startswith(MAGIC):
            return stored
        if stored.startswith(_PLAIN):
            return stored[len(_PLAIN) :]
        name = _name(stored)
        if name is None:
            raise StoreError(
                "a body is stored in a form that this release does not know: "
                "use the release that wrote it, or a later one"
            )
        key = self.keys.get(name)
        if key is None:
            raise KeyMissing(name.hex())
        return _decrypted(key, stored)


PLAIN = Cipher()  # no key: bodies are not encrypted


def cipher(key: bytes | None, old_keys: Iterable[bytes] = ()) -> Cipher:
    """Return the cipher of keys of 32 bytes. With old keys alone it decrypts, and does not encrypt."""
    keys = {_id_of(one): _aes(one) for one in (*old_keys, *([] if key is None else [key]))}
    return Cipher(None if key is None else _id_of(key), keys)


def key_id(key: bytes) -> str:
    """Return an id of a key, which reveals nothing about the key, as hexadecimal digits."""
    return _id_of(key).hex()


def encrypted_with(stored: bytes) -> str | None:
    """Return the id of the key of an encrypted body, or None."""
    name = _name(stored)
    return None if name is None else name.hex()


def new_key() -> bytes:
    return secrets.token_bytes(_KEY)


def _id_of(key: bytes) -> bytes:
    return hashlib.sha256(b"calscim journal key\x00" + key).digest()[:_ID]


def _name(stored: bytes) -> bytes | None:
    return stored[len(FRONT) : len(FRONT) + _ID] if stored.startswith(FRONT) else None


def _aes(key: bytes) -> "AESGCM":
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - no key, no cost

    return AESGCM(key)


def _decrypted(key: "AESGCM", stored: bytes) -> bytes:
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - as in _aes

    front = len(FRONT) + _ID
    nonce, rest = stored[front : front + _NONCE], stored[front + _NONCE :]
    try:
        return key.decrypt(nonce, rest, stored[:front])
    except (InvalidTag, ValueError):
        raise StoreError(
            "a body was changed since it was encrypted: see `calscim journal verify`"
        ) from None
