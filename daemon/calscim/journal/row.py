"""A row of the journal as operators read it: with its body decrypted, and its effect as a value."""

import base64
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import asyncpg
import orjson

from calscim import encryption
from calscim.encryption import Cipher, KeyMissing
from calscim.errors import StoreError

_OF_NOTHING = hashlib.sha256().hexdigest()
_OPTIONAL = {"optional": True}  # metadata: the JSON lacks the field if it is None
_NAMES = ("user_name", "display_name", "email", "group", "name", "team", "target")
_CONTENT = frozenset({"body", "body_base64", "unreadable", "effect"})


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalRow:
    """A row of the journal; the fields are the keys of ``journal show --json``.

    ``at``: ISO 8601 in UTC, to the microsecond. ``body``: text; ``body_base64`` instead, if it is not text.
    ``encrypted_with``: the id of the key, if the body is encrypted. A body that cannot be decrypted is None;
    ``unreadable`` says what to do, and ``missing_key`` names the key if it is missing. ``erased``: the erased columns.
    """

    stream: str
    seq: int
    at: str
    kind: str
    request_id: str
    method: str
    path: str
    status: int
    remote: str | None
    token_id: int | None
    resource_type: str
    resource_id: str
    effect: Mapping[str, Any] | None
    body_digest: str
    effect_digest: str
    prev_hash: str
    hash: str
    traceparent: str | None = field(default=None, metadata=_OPTIONAL)
    erased: tuple[str, ...] | None = field(default=None, metadata=_OPTIONAL)
    body: str | None = None
    body_base64: str | None = field(default=None, metadata=_OPTIONAL)
    encrypted_with: str | None = field(default=None, metadata=_OPTIONAL)
    missing_key: str | None = field(default=None, metadata=_OPTIONAL)
    unreadable: str | None = field(default=None, metadata=_OPTIONAL)

    @property
    def about(self) -> str:
        """Return the name of the resource that the row is about, or its id."""
        effect = self.effect or {}
        return next((str(effect[key]) for key in _NAMES if effect.get(key)), self.resource_id)

    @property
    def content(self) -> str | None:
        """Return the body, or why it cannot be shown."""
        return self.unreadable or self.body_base64 or self.body

    def columns(self) -> Iterator[tuple[str, object]]:
        """Yield the names and values of the other columns, without those that are empty."""
        for column in fields(self):
            value = getattr(self, column.name)
            if column.name not in _CONTENT and value not in {None, ""}:
                yield column.name, " and ".join(value) if column.name == "erased" else value


def journal_row(row: asyncpg.Record, cipher: Cipher | None) -> JournalRow:
    """Return a row of the queries in sql/queries/journal.sql. ``cipher`` None: keep the body as it is stored."""
    values = dict(row)
    body, effect = values.pop("body"), values.pop("effect")
    erased: tuple[str, ...] = ()
    if body is None or effect is None:
        erased = tuple(
            name
            for name in ("body", "effect")
            if row[name] is None and row[f"{name}_digest"] != _OF_NOTHING
        )
    return JournalRow(
        **values,
        effect=orjson.loads(effect) if effect else None,
        erased=erased or None,
        **_content(body, cipher),
    )


def _content(body: bytes | None, cipher: Cipher | None) -> dict[str, Any]:
    """Return the fields about the body. An empty body is "", no body is None."""
    if not body:
        return {"body": None if body is None else ""}
    key = encryption.encrypted_with(body)
    try:
        return {
            "encrypted_with": key,
            **_readable(body if cipher is None else cipher.decrypt(body)),
        }
    except KeyMissing as error:
        return {"encrypted_with": key, "missing_key": error.key_id, "unreadable": str(error)}
    except StoreError as error:
        return {"encrypted_with": key, "unreadable": str(error)}


def _readable(body: bytes) -> dict[str, str | None]:
    try:
        return {"body": body.decode()}
    except UnicodeDecodeError:
        return {"body_base64": base64.b64encode(body).decode()}
