"""Whom a question is about: one person may have several entries, in one directory or in several.

Rule: an address or a userName may belong to several entries, such as those of somebody who left and of somebody who
came, or of one person in two directories. All of them are shown, active ones first, and which account each stands
for. Entries that share an account are one person, for whom one of them decides; which one, core.identity says.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

from calscim.errors import RemoteError, RemoteKind, UsageError
from calscim.names import address_key, trimmed
from calscim.planner.identity import People, PersonKey
from calscim.planner.ids import CalUserId, UserId
from calscim.planner.observed_state import OrgMember
from calscim.postgres.pool import Database
from calscim.postgres.queries import sql


@dataclass(frozen=True, slots=True)
class Subject:
    """The person that a question is about. ``users`` is empty for an account no SCIM user is behind.

    ``row`` and ``user``: the entry that decides for the person.
    """

    row: dict[str, Any]
    user: UserId | None
    cal_user: CalUserId | None
    email: str
    users: frozenset[UserId] = frozenset()
    deleted_seq: int | None = None

    @property
    def active(self) -> bool:
        return bool(self.row.get("active")) and self.deleted_seq is None


@dataclass(frozen=True, slots=True)
class Entries:
    """Every entry that was meant. ``live``: the entry whose id was given, else active ones first."""

    live: Sequence[dict[str, Any]]
    deleted: Sequence[dict[str, Any]]

    @property
    def users(self) -> list[UserId]:
        found = self.live or self.deleted[:1]
        return [UserId(row["id"]) for row in found]

    @property
    def is_unknown(self) -> bool:
        """Whether no directory has such an entry, or had one."""
        return not self.live and not self.deleted


async def find(db: Database, organization: str, person: str) -> Entries:
    """Those that ``person``, an id, a userName or an address, may mean."""
    person = trimmed(person)
    return Entries(
        [_row(row) for row in await db.fetch(sql("explain.find_users"), organization, person)],
        [
            _row(row)
            for row in await db.fetch(sql("explain.find_deleted_users"), organization, person)
        ],
    )


async def with_others(db: Database, entries: Entries, people: People) -> Entries:
    """Also the entries that share an account with those that were meant."""
    keys = {people.of[user] for user in entries.users if user in people.of}
    others = {user.id for key in keys for user in people.users(key)} - set(entries.users)
    if not others or not entries.live:
        return entries
    rows = [_row(row) for row in await db.fetch(sql("explain.list_users"), sorted(others))]
    return Entries([*entries.live, *rows], entries.deleted)


def subject_of(row: dict[str, Any], people: People) -> Subject:
    """The person behind one entry: all entries of one account, with the one that decides in front."""
    user = UserId(row["id"])
    key: PersonKey | None = people.of.get(user)
    users = () if key is None else people.users(key)
    account = row.get("cal_user_id") if not isinstance(key, int) else key
    return Subject(
        row,
        user,
        None if account is None else CalUserId(account),
        row["email"],
        frozenset((user, *(one.id for one in users))),
    )


def chosen(entries: Entries, people: People) -> Subject:
    """The person that is asked about; of several the one of the first entry."""
    if not entries.live:
        row = entries.deleted[0]
        user = UserId(row["id"])
        return Subject(
            row, user, row.get("cal_user_id"), row["email"], frozenset({user}), row["seq"]
        )
    asked = subject_of(entries.live[0], people)
    return next(subject_of(row, people) for row in ranked(entries, asked.users))


def ranked(entries: Entries, users: Collection[UserId]) -> list[dict[str, Any]]:
    """Those of the entries, the one that decides for the person first."""
    own = [row for row in entries.live if row["id"] in users]
    return sorted(
        own,
        key=lambda row: (
            not (row["managed"] and row["active"]),
            not row["managed"],
            row["directory_id"],
            row["id"],
        ),
    )


def stranger(
    people: Collection[OrgMember] | None, organization: str, person: str, away: str | None
) -> Subject:
    """An account that no entry is behind. UsageError where Cal.com knows nobody of that name either."""
    if people is None:
        raise RemoteError(
            RemoteKind.UNREACHABLE,
            f"no directory of {organization} knows {person}, and Cal.com cannot be asked: {away}",
        )
    for seen in people:
        if address_key(person) in (address_key(seen.email), str(seen.user)):
            return Subject(_account(seen), None, seen.user, seen.email)
    raise UsageError(
        f"neither a directory of {organization} nor its Cal.com knows {person}: "
        "give a userName, an address or an id"
    )


def _row(row: asyncpg.Record) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None}


def _account(person: OrgMember) -> dict[str, Any]:
    return {
        "cal_user_id": person.user,
        "email": person.email,
        "name": person.name,
        "managed": False,
    }
