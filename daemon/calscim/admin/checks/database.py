"""Checks the database, its schema, its roles, and how bodies of the journal are encrypted."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import TypeAlias, TypeVar

from calscim.admin.checks.check import Check
from calscim.config import Journal, Settings
from calscim.encryption import Cipher
from calscim.errors import StoreError
from calscim.postgres import health, migrations
from calscim.postgres.pgbouncer import goes_through
from calscim.postgres.pool import Connection
from calscim.postgres.queries import sql

Found = TypeVar("Found")
Connect: TypeAlias = Callable[[], AbstractAsyncContextManager[Connection]]
_OLDEST = 130000  # Postgres 13


async def check_database(settings: Settings, connect: Connect) -> list[Check]:
    """Check the database, and how bodies are encrypted. Raise ConfigError if the key cannot be used."""
    cipher = settings.journal.cipher()
    newest: list[bytes] = []
    try:
        async with connect() as connection:
            found = await _look_at(
                connection,
                bundled=settings.database.embedded is not None,
                listens=settings.database.listen_dsn is not None,
            )
            if found.ok and await migrations.current(connection):
                newest = [
                    row["body"] for row in await connection.fetch(sql("journal.list_last_bodies"))
                ]
    except StoreError as error:
        found = Check("database", False, str(error))
    warnings = [*_encrypted_elsewhere(cipher, newest), *_head_file(settings.journal)]
    return [found, Check("journal", True, _encryption(cipher), "; ".join(warnings))]


async def read_current(
    connect: Connect, read: Callable[[Connection], Awaitable[Found]]
) -> Found | None:
    """Return what ``read`` finds in a database with this release's schema, else None: ``check_database`` says why."""
    try:
        async with connect() as connection:
            if await migrations.current(connection) < migrations.latest():
                return None
            return await read(connection)
    except StoreError:
        return None


async def check_operators(connect: Connect | None) -> list[Check]:
    """Check the role that edits directories, tokens and mappings, if it is not the daemon's role."""
    if connect is None:
        return []
    try:
        async with connect() as connection:
            role = await connection.fetchval(sql("roles.get_current"))
            if await connection.fetchval(sql("roles.can_edit")):
                return [Check("operators' role", True, role)]
    except StoreError as error:
        return [Check("operators' role", False, str(error))]
    return [
        Check(
            "operators' role",
            False,
            f"{role} cannot edit tokens and mappings: run `calscim migrate` to grant its rights",
        )
    ]


def _encrypted_elsewhere(cipher: Cipher, newest: list[bytes]) -> Iterator[str]:
    """Yield a warning if a daemon encrypted one of the ``newest`` bodies with a key that is not configured."""
    try:
        for body in filter(None, newest):
            cipher.decrypt(body)
    except StoreError as error:
        yield str(error)


def _head_file(journal: Journal) -> Iterator[str]:
    path = journal.checkpoint_file
    if path is not None and not path.parent.is_dir():
        yield f"the folder of journal.checkpoint_file, {path.parent}, does not exist: create it, or correct the path"


def _encryption(cipher: Cipher) -> str:
    if cipher.present is None:
        if cipher.held:
            return (
                f"bodies are not encrypted; old keys decrypt older bodies: {', '.join(cipher.held)}"
            )
        return "bodies are not encrypted: set journal.encryption_key_file to encrypt them"
    detail = f"bodies are encrypted with the key {cipher.present.hex()}"
    if old := len(cipher.held) - 1:
        detail += (
            "; 1 old key decrypts older bodies"
            if old == 1
            else f"; {old} old keys decrypt older bodies"
        )
    return detail


async def _look_at(connection: Connection, *, bundled: bool, listens: bool) -> Check:
    server = int(await connection.fetchval("SHOW server_version_num"))
    named = f"Postgres {server // 10000}.{server % 10000}"
    if server < _OLDEST:
        return Check("database", False, f"{named} is too old: use 13 or newer")
    version = await migrations.current(connection)
    if bundled and version == 0:
        return Check("database", True, f"{named}, empty: `calscim serve` creates the schema")
    if not bundled or version >= migrations.latest():  # serve migrates the bundled one
        try:
            await migrations.check(connection)
        except StoreError as error:
            return Check("database", False, f"{named}: {error}")
        if refused := await health.refusal(connection) or await health.refused_write(connection):
            return Check("database", False, f"{named}: {refused}")
    warning = ""
    if goes_through(connection) and not listens:
        warning = (
            "database.dsn goes through a pooler, which does not forward notifications: set database.listen_dsn to a "
            "direct connection, or each change waits up to two seconds for the reconciler"
        )
    if await connection.fetchval(sql("roles.can_change_journal")):
        warning = "the serving role can change the journal; a second role is safer: see `calscim migrate --help`"
    newer = (
        f", newer than this release's {migrations.latest()}"
        if await migrations.ahead(connection)
        else ""
    )
    return Check("database", True, f"{named}, schema {version}{newer}", warning)
