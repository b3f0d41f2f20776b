"""Imports existing members of the Cal.com organization, so that the identity provider can match them.

calscim records them in every directory of the organization that does not have them. They are unmanaged until the
identity provider writes to them. An entry follows the address of its account. calscim drops the entry when the
membership ends: at once after a deprovision by calscim, otherwise after several complete passes without the account.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from operator import attrgetter

from calscim.directory import imported_users
from calscim.directory.imported_users import Account
from calscim.names import address_key
from calscim.planner.desired_state import DeletedUser, User
from calscim.planner.ids import CalUserId, DirectoryId, UserId
from calscim.planner.observed_state import OrgMember
from calscim.planner.people.address_moves import is_interim_address
from calscim.postgres.pool import Database
from calscim.reconciler.state import ledger
from calscim.reconciler.state.desired_state import DesiredSnapshot


async def import_existing(
    db: Database,
    organization: str,
    snapshot: DesiredSnapshot,
    people: Mapping[CalUserId, OrgMember],
    request_id: str,
) -> Counter[DirectoryId]:
    """Import the members without a user; return the number of imported users of each directory."""
    imported: Counter[DirectoryId] = Counter()
    missing = await asyncio.to_thread(_find_missing, snapshot, people)
    for directory, accounts in missing.items():
        imported[directory] = await imported_users.import_accounts(
            db, organization, directory, accounts, request_id
        )
    return imported


async def follow_addresses(
    db: Database, snapshot: DesiredSnapshot, people: Mapping[CalUserId, OrgMember], request_id: str
) -> Counter[DirectoryId]:
    """Copy changed addresses of accounts to their imported users; return the number of changed users of each directory.

    If another user of the directory has the new address, the imported user is dropped as a duplicate.
    """
    changed: Counter[DirectoryId] = Counter()
    moved = await asyncio.to_thread(_find_moved, snapshot, people)
    for directory, accounts in moved.items():
        changed[directory] = await imported_users.follow_accounts(
            db, directory, accounts, request_id
        )
    return changed


async def drop_gone(db: Database, organization: str, request_id: str) -> None:
    """Drop the imported users whose accounts left the organization."""
    await _drop(db, await ledger.list_gone_imports(db, organization), request_id)
    await ledger.drop_orphans(db, organization)


async def drop_unlinked(
    db: Database, snapshot: DesiredSnapshot, people: Mapping[CalUserId, OrgMember], request_id: str
) -> None:
    """Drop imported users that neither a link nor an address connects to a member.

    Such an entry stays behind when Cal.com deletes its account. One complete list is enough, because calscim imports a
    person again who is still a member.
    """
    await _drop(db, await asyncio.to_thread(_find_unlinked, snapshot, people), request_id)


async def _drop(db: Database, users: Iterable[tuple[DirectoryId, UserId]], request_id: str) -> None:
    by_directory: dict[DirectoryId, list[UserId]] = defaultdict(list)
    for directory, user in users:
        by_directory[directory].append(user)
    for directory, gone in by_directory.items():
        await imported_users.drop_imported(db, directory, gone, request_id)


def split_name(name: str, email: str) -> tuple[str, str]:
    """Return a non-empty given name and family name, taken from the name or else from the address."""
    words = name.split() or email.partition("@")[0].replace(".", " ").replace("_", " ").split()
    if not words:
        return "-", "-"
    if len(words) == 1:
        return words[0], words[0]
    return " ".join(words[:-1]), words[-1]


# ---------------------------------------------------------- pure, in a thread: there may be 500,000 users


def _find_missing(
    snapshot: DesiredSnapshot, people: Mapping[CalUserId, OrgMember]
) -> dict[DirectoryId, list[Account]]:
    """Return the members that each directory does not have, oldest account first: lists of Cal.com have no order."""
    accounts, addresses = _known(snapshot)
    members = [
        (person, address_key(person.email))
        for person in sorted(people.values(), key=attrgetter("user"))
        if not is_interim_address(person.user, person.email)
    ]
    return {
        directory: [
            _account(person)
            for person, address in members
            if person.user not in accounts[directory] and address not in addresses[directory]
        ]
        for directory in snapshot.heads
    }


def _find_moved(
    snapshot: DesiredSnapshot, people: Mapping[CalUserId, OrgMember]
) -> dict[DirectoryId, dict[UserId, Account]]:
    """Return the imported users of each directory whose accounts have other addresses."""
    moved: dict[DirectoryId, dict[UserId, Account]] = defaultdict(dict)
    for user in _unmanaged(snapshot):
        link = snapshot.desired.links.get(user.id)
        person = None if link is None else people.get(link.cal_user)
        if person is None or address_key(person.email) == address_key(user.email):
            continue
        if not is_interim_address(person.user, person.email):
            moved[user.directory][user.id] = _account(person)
    return moved


def _find_unlinked(
    snapshot: DesiredSnapshot, people: Mapping[CalUserId, OrgMember]
) -> list[tuple[DirectoryId, UserId]]:
    addresses = {address_key(person.email) for person in people.values()}
    return [
        (user.directory, user.id)
        for user in _unmanaged(snapshot)
        if user.id not in snapshot.desired.links and address_key(user.email) not in addresses
    ]


def _account(person: OrgMember) -> Account:
    return Account(person.user, person.email, *split_name(person.name, person.email))


def _unmanaged(snapshot: DesiredSnapshot) -> list[User]:
    return [user for user in snapshot.desired.users.values() if not user.managed]


def _known(
    snapshot: DesiredSnapshot,
) -> tuple[Mapping[DirectoryId, set[CalUserId]], Mapping[DirectoryId, set[str]]]:
    """Return the accounts and addresses of the users of each directory.

    The accounts of deleted users count: those people are about to leave.
    """
    accounts: dict[DirectoryId, set[CalUserId]] = defaultdict(set)
    addresses: dict[DirectoryId, set[str]] = defaultdict(set)
    desired = snapshot.desired
    known: list[User | DeletedUser] = [*desired.users.values(), *desired.deleted_users.values()]
    for user in known:
        if (link := desired.links.get(user.id)) is not None:
            accounts[user.directory].add(link.cal_user)
    for user in desired.users.values():
        addresses[user.directory].add(address_key(user.email))
    return accounts, addresses
