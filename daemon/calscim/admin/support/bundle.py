"""Collects the files of a support bundle, and writes them as one archive."""

import io
import os
import platform
import tarfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg

from calscim import __version__
from calscim.admin.as_json import as_json
from calscim.admin.status import current_status
from calscim.admin.support.scrub import Scrubber, secret_texts
from calscim.config import EffectiveKey, Settings, Unix, address
from calscim.errors import StoreError, UsageError
from calscim.postgres import migrations
from calscim.postgres.pool import Database
from calscim.postgres.queries import sql

ROWS = 1000  # of the journal, and of the attempted changes
LOG_BYTES = 2 * 1024 * 1024  # of the end of a log file
_TIMEOUT = aiohttp.ClientTimeout(total=5.0)

_ABOUT = {
    "doctor.json": "what `calscim doctor` found",
    "config.json": "every key with its value, without secrets, and where the value comes from",
    "versions.json": "versions of calscim, Python, packages, the system, Postgres, and the schema",
    "status.json": "what `calscim status --json` shows",
    "tables.json": "rows (estimated) and bytes of each table",
    "journal.jsonl": f"the last {ROWS} rows of the journal, without bodies and effects",
    "actions.jsonl": f"the last {ROWS} attempted changes of Cal.com",
    "passes.jsonl": f"the last {ROWS} passes",
    "metrics.txt": "the metrics of the running daemon",
    "log.txt": "the end of the log file that was named",
    "missing.txt": "what could not be collected, and why",
}


@dataclass(frozen=True, slots=True)
class Bundle:
    """A written bundle: its path, and the description of each of its files by name."""

    path: Path
    files: dict[str, str]
    personal_data: bool


async def collect(
    settings: Settings,
    db: Database | None,
    *,
    configuration: list[EffectiveKey],
    diagnosis: Any,
    log: Path | None,
    personal_data: bool,
) -> dict[str, str]:
    """Return the texts of the files by name, without secrets; without people unless ``personal_data``."""
    missing: list[str] = []
    texts = {
        "doctor.json": _json(diagnosis),
        "config.json": _json(configuration),
    }
    versions: dict[str, Any] = _versions()
    scrubber = Scrubber(secret_texts(settings), people=not personal_data)
    knows_people = personal_data
    if db is None:
        missing.append("the database cannot be used: see doctor.json")
    else:
        try:
            if not personal_data:
                async for names in _people(db):
                    scrubber.add_people(names)
                knows_people = True
            texts |= {name: text async for name, text in _stored(settings, db, versions)}
        except (StoreError, asyncpg.PostgresError) as error:
            missing.append(f"the database: {error}")
    texts["versions.json"] = _json(versions)
    try:
        texts["metrics.txt"] = await _metrics(settings)
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        missing.append(f"metrics of {settings.ops.listen}: {str(error) or type(error).__name__}")
    if log is not None and knows_people:
        texts["log.txt"] = _end_of(log)
    elif log is not None:
        missing.append(
            "log.txt: without the database, names of people cannot be found and replaced: "
            "repeat this when the database answers, or add --personal-data"
        )
    if missing:
        texts["missing.txt"] = "\n".join(missing) + "\n"
    scrubber.finish()
    return {name: scrubber.clean(text) for name, text in texts.items()}


def write(path: Path, texts: dict[str, str], *, personal_data: bool, now: datetime) -> Bundle:
    """Write the files as a tar.gz that only the owner can read, with a manifest that describes them.

    Raise UsageError if the path cannot be written, or exists.
    """
    files = {name: _ABOUT[name] for name in texts}
    manifest = {
        "calscim": __version__,
        "created_at": now.isoformat(),
        "personal_data": personal_data,
        "note": "Secrets are replaced by ***."
        + (
            ""
            if personal_data
            else " People are replaced by pseudonyms that hold within this bundle."
        ),
        "files": files,
    }
    root = path.name.removesuffix(".tar.gz")
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file, tarfile.open(fileobj=file, mode="w:gz") as tar:
            for name, text in {"manifest.json": _json(manifest), **texts}.items():
                content = text.encode("utf-8", "replace")
                entry = tarfile.TarInfo(f"{root}/{name}")
                entry.size, entry.mode, entry.mtime = len(content), 0o600, int(now.timestamp())
                tar.addfile(entry, io.BytesIO(content))
    except FileExistsError:
        raise UsageError(f"{path} exists: name another file with --output") from None
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written ({error.strerror}): name another file with --output"
        ) from None
    return Bundle(path, files, personal_data)


async def _stored(
    settings: Settings, db: Database, versions: dict[str, Any]
) -> AsyncIterator[tuple[str, str]]:
    """Yield the files that come from the database."""
    async with db.connection() as connection:
        versions["postgres"] = await connection.fetchval("SHOW server_version")
        versions["schema"] = await migrations.current(connection)
    yield "status.json", _json(await current_status(db, settings))
    yield "tables.json", _json([dict(row) for row in await db.fetch(sql("support.list_tables"))])
    for name in ("journal", "actions", "passes"):
        rows = await db.fetch(sql(f"support.list_{name}"), ROWS)
        yield f"{name}.jsonl", "".join(_line(dict(row)) for row in rows)


async def _people(db: Database) -> AsyncIterator[list[str]]:
    """Yield the names of every user, deleted ones included."""
    for row in await db.fetch(sql("support.list_people")):
        yield [name for name in row["names"] if name]


async def _metrics(settings: Settings) -> str:
    at = address(settings.ops.listen)
    connector = aiohttp.UnixConnector(str(at.path)) if isinstance(at, Unix) else None
    url = "http://localhost/metrics" if connector else f"http://{at}/metrics"
    async with (
        aiohttp.ClientSession(connector=connector, timeout=_TIMEOUT) as http,
        http.get(url) as answer,
    ):
        return await answer.text()


def _versions() -> dict[str, Any]:
    packages = {one.name: one.version for one in metadata.distributions()}
    return {
        "calscim": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "packages": dict(sorted(packages.items())),
    }


def _end_of(log: Path) -> str:
    """Return the end of a log file, from the beginning of a line."""
    try:
        with log.open("rb") as file:
            size = file.seek(0, io.SEEK_END)
            file.seek(max(0, size - LOG_BYTES))
            content = file.read()
    except OSError as error:
        raise UsageError(f"{log} cannot be read: {error.strerror}") from None
    text = content.decode("utf-8", "replace")
    return text if size <= LOG_BYTES else text.partition("\n")[2]


def _json(value: Any) -> str:
    return as_json(value, indent=True).decode() + "\n"


def _line(value: dict[str, Any]) -> str:
    return as_json(value).decode() + "\n"
