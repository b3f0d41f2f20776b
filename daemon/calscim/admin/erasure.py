"""Erase a person's data, or show what an erasure would remove. The fields are the keys of ``calscim erase --json``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from calscim.journal.archive import read
from calscim.journal.audit import Editor
from calscim.journal.erasure import erase
from calscim.journal.erasure.erase import Found
from calscim.postgres.pool import Database

WHY = {
    "paths": "path, resource_id, request_id and remote are covered by the hash chain: without them the journal cannot "
    "be verified",
    "users": "the data of other users is the identity provider's: change it there",
    "archives": "files of archived months are not changed: delete or replace them under your own retention rules",
    "ids": "SCIM ids, Cal.com user ids, times, teams and digests stay in the journal and the tables: they prove the "
    "journal and show what was done, and are no data about a person without the identity provider",
}


@dataclass(frozen=True, slots=True)
class ErasedUser:
    """A user of a directory whose data is erased. ``directory``: its id."""

    id: str
    directory: str
    directory_name: str
    user_name: str


@dataclass(frozen=True, slots=True)
class ErasedRows:
    """The numbers of the rows of one stream that lose their body, and of those that lose their effect."""

    body: tuple[int, ...]
    effect: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ErasedJournal:
    """The rows of the journal that lose a body or an effect. ``rows``: their number; ``streams``: which, by stream."""

    rows: int
    streams: Mapping[str, ErasedRows]

    @property
    def bodies(self) -> int:
        return sum(len(rows.body) for rows in self.streams.values())

    @property
    def effects(self) -> int:
        return sum(len(rows.effect) for rows in self.streams.values())


@dataclass(frozen=True, slots=True)
class NamingRow:
    """A row of the journal that names the person in columns that stay."""

    stream: str
    seq: int
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Remainder:
    """What an erasure cannot reach.

    ``users``: ids of other users whose data name the person. ``archives``: rows of each archive that name the person;
    None: no archive was read. ``archives_not_read``: archives that may name the person. ``why``: a reason for each.
    """

    paths: tuple[NamingRow, ...]
    users: tuple[str, ...]
    archives: Mapping[str, int] | None
    archives_not_read: tuple[str, ...]
    why: Mapping[str, str] = field(default_factory=lambda: WHY)


@dataclass(frozen=True, slots=True)
class ErasureResult:
    """The data of a person that is erased, or that an erasure would remove (``erased`` False).

    ``name``: the placeholder for the person. ``shared``: names that other users also have. ``tables``: rows by table.
    """

    erased: bool
    name: str
    users: tuple[ErasedUser, ...]
    identifiers: tuple[str, ...]
    full_names: tuple[str, ...]
    shared: tuple[str, ...]
    journal: ErasedJournal
    tables: Mapping[str, int]
    stays: Remainder

    @property
    def is_empty(self) -> bool:
        """Return True if no data of the person is stored."""
        return not self.journal.rows and not any(self.tables.values())

    def with_archives_of(self, other: "ErasureResult") -> "ErasureResult":
        """Return this result with what another one found in the archives."""
        stays = replace(
            self.stays,
            archives=other.stays.archives,
            archives_not_read=other.stays.archives_not_read,
        )
        return replace(self, stays=stays)


async def examine_person(
    db: Database, person: str, organization: str | None, archives: Sequence[Path] | None = None
) -> ErasureResult:
    """Return what an erasure would remove. Read-only. ``archives``: files and folders to search as well.

    Raise UsageError if no person is found, or if the person has not left yet.
    """
    found = await erase.examine(db, person, organization)
    return await _result(db, found, archives, erased=False)


async def erase_person(
    db: Database,
    editor: Editor,
    person: str,
    organization: str | None,
    archives: Sequence[Path] | None = None,
) -> ErasureResult:
    """Erase the person's data, with a connection of the owner. Raises the same errors as ``examine_person``."""
    found = await erase.erase(db, editor, person, organization)
    return await _result(db, found, archives, erased=not found.nothing)


async def _result(
    db: Database, found: Found, archives: Sequence[Path] | None, *, erased: bool
) -> ErasureResult:
    counted = await erase.in_archives(db, found, archives) if archives else None
    unread = () if archives else tuple(month.file for month in await read.remembered(db))
    streams = found.rows.named(found.rows.streams())
    return ErasureResult(
        erased=erased,
        name=found.name,
        users=tuple(
            ErasedUser(row["id"], row["directory"], row["directory_name"], row["name"])
            for row in found.users
        ),
        identifiers=found.identifiers,
        full_names=found.called,
        shared=found.shared,
        journal=ErasedJournal(
            found.rows.count(),
            {
                stream: ErasedRows(tuple(rows["body"]), tuple(rows["effect"]))
                for stream, rows in streams.items()
            },
        ),
        tables=found.tables,
        stays=Remainder(
            paths=tuple(NamingRow(*row) for row in found.rows.stays),
            users=tuple(sorted(found.rows.others)),
            archives=counted,
            archives_not_read=unread,
        ),
    )
