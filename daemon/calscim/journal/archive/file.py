"""The file of an archived month: compressed JSON lines, which can be verified without the database.

docs/reference/journal.md defines the format. This module does not access the database.
"""

import base64
import gzip
import hashlib
import json
import zlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import asyncpg
import orjson

from calscim.errors import StoreError, UsageError
from calscim.journal import checkpoints
from calscim.journal.chain import GENESIS, Broken
from calscim.journal.erasure.records import KIND, PATH, Erasures

_HEADER = (
    "stream",
    "seq",
    "at",
    "kind",
    "request_id",
    "method",
    "path",
    "status",
    "remote",
    "token_id",
    "resource_type",
    "resource_id",
    "body_digest",
    "effect_digest",
)
_FIELDS = frozenset((*_HEADER, "body", "effect_text", "prev_hash", "hash"))


@dataclass(frozen=True, slots=True)
class End:
    """The last row of a stream in a file, and the number of its rows. ``hash``: hexadecimal digits."""

    seq: int
    hash: str
    rows: int


@dataclass(slots=True)
class Walked:
    """The content of a file, up to its first invalid row."""

    digest: str
    ends: dict[str, End] = field(default_factory=dict)
    rows: int = 0
    broken: Broken | None = None


class Writer:
    """Writes rows to a temporary file, which ``keep`` renames to the final name."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.beside = path.with_name(f".{path.name}.part")
        self._raw: BinaryIO = self.beside.open("wb")
        # Without a time and a name in the header: equal rows make equal files.
        self._file = gzip.GzipFile("", "wb", compresslevel=6, fileobj=self._raw, mtime=0)

    def append(self, rows: Collection[asyncpg.Record]) -> None:
        self._file.writelines(orjson.dumps(_line(row)) + b"\n" for row in rows)

    def end(self) -> None:
        """Complete the file and sync it."""
        self._file.close()
        self._raw.flush()
        checkpoints.sync_file(self._raw.fileno())
        self._raw.close()

    def keep(self) -> None:
        self.beside.replace(self.path)
        checkpoints.sync_folder(self.path.parent)

    def forget(self) -> None:
        """Delete the temporary file."""
        self._file.close()
        self._raw.close()
        self.beside.unlink(missing_ok=True)


def _line(row: asyncpg.Record) -> dict[str, Any]:
    """Return a row as `journal export` writes it, with the effect byte for byte like the body."""
    line = dict(row)
    if line["traceparent"] is None:
        del line["traceparent"]
    for name, key in (("body", "body"), ("effect", "effect_text")):
        content = line.pop(name)
        try:
            line[key] = None if content is None else content.decode()
        except UnicodeDecodeError:
            line[key] = None
            line[f"{name}_base64"] = base64.b64encode(content).decode()
    return line


def lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows, in the order of their streams. Raise UsageError if the file is not a readable archive."""
    number = 0
    try:
        with gzip.open(path, "rb") as file:
            for number, text in enumerate(file, 1):  # noqa: B007 - told of in the error
                yield _row(text)
    except (gzip.BadGzipFile, EOFError, zlib.error, ValueError) as error:
        raise UsageError(
            f"{path} is not a complete archive of the journal (line {number + 1}: {error}): "
            "give a file that `calscim journal archive` wrote"
        ) from error
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error


def _row(text: bytes) -> dict[str, Any]:
    line = orjson.loads(text)
    if isinstance(line, dict) and line.keys() >= _FIELDS:
        return line
    raise ValueError("a row has other fields")


def digest(path: Path) -> str:
    """Return the SHA-256 of the file. Raise UsageError if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error


def content(line: Mapping[str, Any], name: str) -> bytes | None:
    """Return the bytes of ``name``, body or effect, or None."""
    encoded = line.get(f"{name}_base64")
    if encoded is not None:
        return base64.b64decode(encoded)
    text = line.get("effect_text" if name == "effect" else "body")
    return None if text is None else text.encode()


def erasures(path: Path, found: Erasures) -> None:
    """Add the erasures among the rows of a file."""
    for line in lines(path):
        if line["kind"] == KIND and line["path"] == PATH and line["effect_text"] is not None:
            found.add(orjson.loads(line["effect_text"]))


def walk(path: Path, begins: Mapping[str, str], erased: Erasures) -> Walked:
    """Verify the chains in a file. ``begins``: stream -> hash of the row before its first row in the file."""
    walked = Walked(digest(path))
    for line in lines(path):
        stream = line["stream"]
        end = walked.ends.get(stream)
        if end is None:
            end = End(line["seq"] - 1, begins.get(stream, GENESIS.hex()), 0)
        why = _why(line, end, erased)
        if why:
            walked.broken = Broken(stream, line["seq"], f"{why} (in {path.name})")
            return walked
        walked.ends[stream] = End(line["seq"], line["hash"], end.rows + 1)
        walked.rows += 1
    return walked


def _why(line: Mapping[str, Any], before: End, erased: Erasures) -> str | None:
    """Return why a row is invalid, or None if it is valid."""
    header = json.dumps([line[name] for name in _HEADER], ensure_ascii=False)
    hashed = hashlib.sha256(bytes.fromhex(before.hash) + header.encode()).hexdigest()
    if line["seq"] != before.seq + 1:
        return f"stands after row {before.seq}"
    for name in ("body", "effect"):
        held = content(line, name)
        if hashlib.sha256(held or b"").hexdigest() != line[f"{name}_digest"] and not (
            held is None and erased.explains(line["stream"], line["seq"], name)
        ):
            article = "a" if name == "body" else "an"
            return f"has {article} {name} that does not match its digest"
    if line["prev_hash"] != before.hash:
        return "does not continue the row before it"
    return None if line["hash"] == hashed else "was changed: its hash does not match its columns"


def proven(path: Path, begins: Mapping[str, str], erased: Erasures) -> Walked:
    """Verify the chains in a file. Raise StoreError that names the first invalid row."""
    walked = walk(path, begins, erased)
    if walked.broken:
        one = walked.broken
        raise StoreError(
            f"row {one.seq} of {one.stream} {one.why}; nothing was dropped: see `calscim journal verify`"
        )
    return walked
