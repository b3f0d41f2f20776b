"""Who is who: which SCIM users are one person, and which account of Cal.com's that person has.

A link between a user and an account is made once and outlives every change of address. Without one, the
address decides, in any case of its letters. An account whose owner in the same directory has moved to
another address is not given away to whoever gets the old one.
"""

from collections.abc import Mapping as MappingOf
from collections.abc import Sequence
from dataclasses import dataclass

from calscim.core.model import (
    CalUserId,
    Complete,
    Departed,
    Directory,
    Link,
    Observed,
    User,
    UserId,
)

Key = CalUserId | str  # a person: an account, or an address without one, casefolded


@dataclass(frozen=True, slots=True)
class People:
    """Everybody the directories name. Of a person's users, the one that speaks for them comes first."""

    of: MappingOf[UserId, Key]  # users without an address and without an account are not in it
    users: MappingOf[Key, Sequence[User]]
    gone: MappingOf[CalUserId, Sequence[Departed]]  # deleted users that were linked
    nameless: Sequence[User]  # neither address nor account
    found: Sequence[Link]  # accounts that were recognised just now


def identify(directory: Directory, observed: Observed | None = None) -> People:
    """One pass over the users; addresses are looked at only for those without a link."""
    of: dict[UserId, Key] = {}
    users: dict[Key, list[User]] = {}
    unlinked: list[User] = []
    links = directory.links
    for user in directory.users.values():
        link = links.get(user.id)
        if link is None:
            unlinked.append(user)
            continue
        of[user.id] = link.cal_user
        if (same := users.get(link.cal_user)) is None:
            users[link.cal_user] = [user]
        else:
            same.append(user)
    nameless: list[User] = []
    found: list[Link] = []
    accounts = _Addresses(directory, observed, users) if unlinked else None
    for user in unlinked:
        address = user.email.casefold()
        if not address:
            nameless.append(user)
            continue
        assert accounts is not None
        account = accounts.of(user, address)
        key: Key = address if account is None else account
        of[user.id] = key
        users.setdefault(key, []).append(user)
        if account is not None:
            found.append(Link(user.id, account, "found", user.email))
    for several in users.values():
        if len(several) > 1:
            several.sort(key=_precedence)
    return People(of, users, _gone(directory), nameless, found)


def _precedence(user: User) -> tuple[bool, bool, str, str]:
    """Who speaks for a person: somebody the provider keeps active, else somebody it has written to."""
    return (not (user.managed and user.active), not user.managed, user.directory, user.id)


def _gone(directory: Directory) -> dict[CalUserId, list[Departed]]:
    gone: dict[CalUserId, list[Departed]] = {}
    for departed in directory.departed.values():
        link = directory.links.get(departed.id)
        if link is not None:
            gone.setdefault(link.cal_user, []).append(departed)
    return gone


class _Addresses:
    """From an address to the account it stands for."""

    def __init__(
        self, directory: Directory, observed: Observed | None, linked: MappingOf[Key, list[User]]
    ) -> None:
        self._owners = {key: tuple(users) for key, users in linked.items()}
        self._seen: dict[str, CalUserId] = {}
        if observed is not None and isinstance(observed.people, Complete):
            for account, person in sorted(observed.people.value.items(), reverse=True):
                self._seen[person.email.casefold()] = account
        self._written: dict[str, CalUserId] = {}
        everyone: list[User | Departed] = [*directory.users.values(), *directory.departed.values()]
        for one in everyone:
            link = directory.links.get(one.id)
            if link is not None and one.managed and one.email:
                address = one.email.casefold()
                known = self._written.get(address, link.cal_user)
                self._written[address] = min(known, link.cal_user)

    def of(self, user: User, address: str) -> CalUserId | None:
        """The account seen with that address, else that of another user whom a provider gave it."""
        account = self._seen.get(address)
        if account is None:
            return self._written.get(address)
        taken = any(
            owner.directory == user.directory and owner.email.casefold() not in ("", address)
            for owner in self._owners.get(account, ())
        )
        return None if taken else account
