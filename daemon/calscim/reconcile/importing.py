"""People who already are in the Cal.com organization, shown to the identity provider's import.

They are recorded in every directory of the organization that does not know them, unmanaged until the
provider writes to them, and dropped again when several complete passes did not show them.
"""

from collections.abc import Mapping

from calscim.core.model import CalUserId, DirectoryId, Link, OrgMember
from calscim.store import imported, ledger
from calscim.store.desired import Picture
from calscim.store.pool import Database


async def import_existing(
    db: Database,
    organization: str,
    picture: Picture,
    people: Mapping[CalUserId, OrgMember],
    request_id: str,
) -> int:
    """Record whoever is missing; returns how many rows that took."""
    recorded = 0
    for directory in picture.heads:
        known_accounts, known_addresses = _known(picture, directory)
        for person in people.values():
            if person.user in known_accounts or person.email.casefold() in known_addresses:
                continue
            given, family = split_name(person.name, person.email)
            user = await imported.import_user(
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


async def drop_gone(db: Database, organization: str, request_id: str) -> int:
    """Drop imported people that stayed away; returns how many."""
    gone = await ledger.gone_unmanaged(db, organization)
    for directory, user, _ in gone:
        await imported.drop_imported(db, directory, user, request_id=request_id)
    await ledger.drop_orphans(db, organization)
    return len(gone)


def split_name(name: str, email: str) -> tuple[str, str]:
    """A given and a family name, neither empty: from the name, else from the address."""
    words = name.split() or email.partition("@")[0].replace(".", " ").replace("_", " ").split()
    if not words:
        return "-", "-"
    if len(words) == 1:
        return words[0], words[0]
    return " ".join(words[:-1]), words[-1]


def _known(picture: Picture, directory: DirectoryId) -> tuple[set[CalUserId], set[str]]:
    """Accounts and addresses. Whom the provider deleted is about to leave: that is nobody to show it again."""
    users = [user for user in picture.directory.users.values() if user.directory == directory]
    gone = [one for one in picture.directory.departed.values() if one.directory == directory]
    links = picture.directory.links
    ids = [*(user.id for user in users), *(one.id for one in gone)]
    accounts = {links[number].cal_user for number in ids if number in links}
    return accounts, {user.email.casefold() for user in users}
