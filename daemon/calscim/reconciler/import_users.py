"""Imports existing members of the Cal.com organization, so that the identity provider can match them.

calscim records them in every directory of the organization that does not have them. They are unmanaged until the
identity provider writes to them. An entry follows the address of its account. calscim drops the entry when the
membership ends: at once after a deprovision by calscim, otherwise after several complete passes without the account.
"""

from collections.abc import Mapping

from calscim.directory import imported_users
from calscim.names import address_key
from calscim.planner.desired_state import Link, User
from calscim.planner.ids import CalUserId, DirectoryId
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
) -> int:
    """Import the members without a user; return the number of imported users."""
    recorded = 0
    for directory in snapshot.heads:
        known_accounts, known_addresses = _known(snapshot, directory)
        for person in people.values():
            if person.user in known_accounts or address_key(person.email) in known_addresses:
                continue
            if is_interim_address(person.user, person.email):
                continue
            given, family = split_name(person.name, person.email)
            user = await imported_users.import_user(
                db,
                directory,
                user_name=person.email,
                given_name=given,
                family_name=family,
                email=person.email,
                active=True,
                request_id=request_id,
            )
            if user is not None:
                await ledger.link(
                    db, organization, [Link(user, person.user, "found", person.email)]
                )
                recorded += 1
    return recorded


async def follow_addresses(
    db: Database, snapshot: DesiredSnapshot, people: Mapping[CalUserId, OrgMember], request_id: str
) -> int:
    """Copy changed addresses of accounts to their imported users; return the number of changed users.

    If another user of the directory has the new address, the imported user is dropped as a duplicate.
    """
    changed = 0
    for user in _unmanaged(snapshot):
        link = snapshot.desired.links.get(user.id)
        person = None if link is None else people.get(link.cal_user)
        if person is None or address_key(person.email) == address_key(user.email):
            continue
        if is_interim_address(person.user, person.email):
            continue
        given, family = split_name(person.name, person.email)
        if not await imported_users.update_address(
            db,
            user.directory,
            user.id,
            given_name=given,
            family_name=family,
            email=person.email,
            request_id=request_id,
        ):
            await imported_users.drop_imported(db, user.directory, user.id, request_id=request_id)
        changed += 1
    return changed


async def drop_gone(db: Database, organization: str, request_id: str) -> int:
    """Drop the imported users whose accounts left the organization; return the number of users."""
    gone = await ledger.list_gone_imports(db, organization)
    for directory, user in gone:
        await imported_users.drop_imported(db, directory, user, request_id=request_id)
    await ledger.drop_orphans(db, organization)
    return len(gone)


async def drop_unlinked(
    db: Database, snapshot: DesiredSnapshot, people: Mapping[CalUserId, OrgMember], request_id: str
) -> None:
    """Drop imported users that neither a link nor an address connects to a member.

    Such an entry stays behind when Cal.com deletes its account, or when calscim stops right after the import. One
    complete list is enough, because calscim imports a person again who is still a member.
    """
    addresses = {address_key(person.email) for person in people.values()}
    for user in _unmanaged(snapshot):
        if user.id not in snapshot.desired.links and address_key(user.email) not in addresses:
            await imported_users.drop_imported(db, user.directory, user.id, request_id=request_id)


def split_name(name: str, email: str) -> tuple[str, str]:
    """Return a non-empty given name and family name, taken from the name or else from the address."""
    words = name.split() or email.partition("@")[0].replace(".", " ").replace("_", " ").split()
    if not words:
        return "-", "-"
    if len(words) == 1:
        return words[0], words[0]
    return " ".join(words[:-1]), words[-1]


def _unmanaged(snapshot: DesiredSnapshot) -> list[User]:
    return [user for user in snapshot.desired.users.values() if not user.managed]


def _known(snapshot: DesiredSnapshot, directory: DirectoryId) -> tuple[set[CalUserId], set[str]]:
    """Return the accounts and addresses of known users, deleted ones included: those are about to leave."""
    users = [user for user in snapshot.desired.users.values() if user.directory == directory]
    gone = [one for one in snapshot.desired.deleted_users.values() if one.directory == directory]
    links = snapshot.desired.links
    ids = [*(user.id for user in users), *(one.id for one in gone)]
    accounts = {links[number].cal_user for number in ids if number in links}
    return accounts, {address_key(user.email) for user in users}
