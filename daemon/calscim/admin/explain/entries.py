"""Find the person that a question is about. A person may have several entries, in one directory or in several.

An address or a userName may belong to several entries: an employee who left and a new hire, or one person in two
directories. All of them are shown, active entries first, each with its Cal.com account. Entries that share an account
are one person, and calscim acts on one of them; ``planner.identity`` decides which.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from calscim.admin.explain.explanation import Entry
from calscim.errors import RemoteError, RemoteKind, UsageError
from calscim.names import address_key, trimmed
from calscim.planner.identity import People, PersonKey
from calscim.planner.ids import CalUserId, UserId
from calscim.planner.observed_state import OrgMember
from calscim.postgres.pool import Database
from calscim.postgres.queries import sql


@dataclass(frozen=True, slots=True)
class Subject:
    """The person that a question is about. ``users`` is empty for a Cal.com account without a SCIM user.

    ``entry`` and ``user``: the entry that calscim acts on.
    """

    entry: Entry
    user: UserId | None
    cal_user: CalUserId | None
    email: str
    users: frozenset[UserId] = frozenset()
    deleted_seq: int | None = None

    @property
    def active(self) -> bool:
        return bool(self.entry.active) and self.deleted_seq is None


@dataclass(frozen=True, slots=True)
class Entries:
    """Every entry of the given name. ``live``: the entry with the given id first, else active entries first."""

    live: Sequence[Entry]
    deleted: Sequence[Entry]

    @property
    def users(self) -> list[UserId]:
        """Return the ids of the live entries, else of the entry that was deleted last."""
        return [_user_id(entry) for entry in self.live or self.deleted[:1]]

    @property
    def is_unknown(self) -> bool:
        """Return True if no directory has or had such an entry."""
        return not self.live and not self.deleted


async def find(db: Database, organization: str, person: str) -> Entries:
    """Return the entries with that id, userName or address."""
    person = trimmed(person)
    return Entries(
        [Entry(**row) for row in await db.fetch(sql("explain.find_users"), organization, person)],
        [
            Entry(**row)
            for row in await db.fetch(sql("explain.find_deleted_users"), organization, person)
        ],
    )


async def with_others(db: Database, entries: Entries, people: People) -> Entries:
    """Add the entries that share a Cal.com account with these."""
    keys = {people.key_of[user] for user in entries.users if user in people.key_of}
    others = {user.id for key in keys for user in people.users(key)} - set(entries.users)
    if not others or not entries.live:
        return entries
    rows = [Entry(**row) for row in await db.fetch(sql("explain.list_users"), sorted(others))]
    return Entries([*entries.live, *rows], entries.deleted)


def subject_of(entry: Entry, people: People) -> Subject:
    """Return the person of one entry, with all entries of the same account."""
    user = _user_id(entry)
    key: PersonKey | None = people.key_of.get(user)
    users = () if key is None else people.users(key)
    account = entry.cal_user_id if not isinstance(key, int) else key
    return Subject(
        entry,
        user,
        None if account is None else CalUserId(account),
        entry.email or "",
        frozenset((user, *(other.id for other in users))),
    )


def chosen(entries: Entries, people: People) -> Subject:
    """Return the person that the question is about: the one of the first entry."""
    if not entries.live:
        entry = entries.deleted[0]
        user = _user_id(entry)
        account = None if entry.cal_user_id is None else CalUserId(entry.cal_user_id)
        return Subject(entry, user, account, entry.email or "", frozenset({user}), entry.seq)
    asked = subject_of(entries.live[0], people)
    return subject_of(ranked(entries, asked.users)[0], people)


def ranked(entries: Entries, users: Collection[UserId]) -> list[Entry]:
    """Return the live entries of these users, the one that calscim acts on first."""
    return sorted(
        (entry for entry in entries.live if entry.id in users),
        key=lambda entry: (
            not (entry.managed and entry.active),
            not entry.managed,
            entry.directory_id,
            entry.id,
        ),
    )


def stranger(
    people: Collection[OrgMember] | None, organization: str, person: str, unreachable: str | None
) -> Subject:
    """Return a Cal.com account without a SCIM user. UsageError if Cal.com has no such account either.

    ``people`` None: Cal.com could not be read, because of ``unreachable``.
    """
    if people is None:
        raise RemoteError(
            RemoteKind.UNREACHABLE,
            f"no directory of {organization} has {person}, and Cal.com cannot be read: {unreachable}",
        )
    for seen in people:
        if address_key(person) in (address_key(seen.email), str(seen.user)):
            account = Entry(cal_user_id=seen.user, email=seen.email, name=seen.name, managed=False)
            return Subject(account, None, seen.user, seen.email)
    raise UsageError(
        f"no directory of {organization} has {person}, and its Cal.com has no such account: "
        "check the userName, the e-mail address or the id"
    )


def _user_id(entry: Entry) -> UserId:
    assert entry.id is not None, "only a Cal.com account has no id"
    return UserId(entry.id)
