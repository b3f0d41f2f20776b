"""People who already are in the Cal.com organization, shown to the identity provider's import.

They are recorded in every directory of the organization that does not know them, unmanaged until the
provider writes to them. An entry follows the address of its account. It goes with the person, whoever ended
the membership: at once after calscim did, else when several complete passes did not show the account.
"""

from collections.abc import Mapping

from calscim.directory import imported_users
from calscim.names import address_key
from calscim.planner.desired_state import Link, User
from calscim.planner.ids import CalUserId, DirectoryId
from calscim.planner.observed_state import OrgMember
from calscim.planner.people.address_moves import is_interim
from calscim.postgres.pool import Database
from calscim.reconciler.state import ledger
from calscim.reconciler.state.desired_state import DesiredSnapshot


async def import_existing(
    db: Database,
    organization: str,
    picture: DesiredSnapshot,
    people: Mapping[CalUserId, OrgMember],
    request_id: str,
) -> int:
    """Record whoever is missing; returns how many rows that took."""
    recorded = 0
    for directory in picture.heads:
        known_accounts, known_addresses = _known(picture, directory)
        for person in people.values():
            if person.user in known_accounts or address_key(person.email) in known_addresses:
                continue
            if is_interim(person.user, person.email):
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
    db: Database, picture: DesiredSnapshot, people: Mapping[CalUserId, OrgMember], request_id: str
) -> int:
    """Give imported entries the addresses that their accounts have now; returns how many changed.

    An entry whose new address another user of the directory has goes: the directory knows the person by it.
    """
    changed = 0
    for user in _unmanaged(picture):
        link = picture.directory.links.get(user.id)
        person = None if link is None else people.get(link.cal_user)
        if person is None or address_key(person.email) == address_key(user.email):
            continue
        if is_interim(person.user, person.email):
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
    """Drop the imported entries of people who left; returns how many."""
    gone = await ledger.gone_unmanaged(db, organization)
    for directory, user in gone:
        await imported_users.drop_imported(db, directory, user, request_id=request_id)
    await ledger.drop_orphans(db, organization)
    return len(gone)


async def drop_unlinked(
    db: Database, picture: DesiredSnapshot, people: Mapping[CalUserId, OrgMember], request_id: str
) -> None:
    """Drop imported entries that neither a link nor the address connects to a member.

    Such an entry is left when its account was deleted in Cal.com, or when calscim was stopped right after the
    import. One complete list is enough: a person who is there is imported again.
    """
    addresses = {address_key(person.email) for person in people.values()}
    for user in _unmanaged(picture):
        if user.id not in picture.directory.links and address_key(user.email) not in addresses:
            await imported_users.drop_imported(db, user.directory, user.id, request_id=request_id)


def split_name(name: str, email: str) -> tuple[str, str]:
    """A given and a family name, neither empty: from the name, else from the address."""
    words = name.split() or email.partition("@")[0].replace(".", " ").replace("_", " ").split()
    if not words:
        return "-", "-"
    if len(words) == 1:
        return words[0], words[0]
    return " ".join(words[:-1]), words[-1]


def _unmanaged(picture: DesiredSnapshot) -> list[User]:
    return [user for user in picture.directory.users.values() if not user.managed]


def _known(picture: DesiredSnapshot, directory: DirectoryId) -> tuple[set[CalUserId], set[str]]:
    """Accounts and addresses. Whom the provider deleted is about to leave: that is nobody to show it again."""
    users = [user for user in picture.directory.users.values() if user.directory == directory]
    gone = [one for one in picture.directory.deleted_users.values() if one.directory == directory]
    links = picture.directory.links
    ids = [*(user.id for user in users), *(one.id for one in gone)]
    accounts = {links[number].cal_user for number in ids if number in links}
    return accounts, {address_key(user.email) for user in users}
