"""Determine which SCIM users are the same person, and which Cal.com account that person has.

A link between a user and an account is created once and is kept when the address changes. Without a link, the address
decides, compared as in calscim.names. If the owner of an account moved to another address in the same directory, the
account is not given to the next user with the old address. An account that has an owner in the directory is never
matched to an inactive user, because the owner would lose it.
"""

from collections.abc import Collection, Sequence
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass

from calscim.names import address_key
from calscim.planner.desired_state import DeletedUser, DesiredState, Link, User
from calscim.planner.ids import CalUserId, UserId
from calscim.planner.observed_state import Complete, ObservedState

PersonKey = CalUserId | str  # a person: an account id, or an address key without an account


@dataclass(frozen=True, slots=True)
class People:
    """Everyone in the directories. One user is primary for each person; few people have several."""

    of: MappingOf[UserId, PersonKey]  # without users that have neither an address nor an account
    primary_user: MappingOf[PersonKey, User]
    duplicates: MappingOf[PersonKey, Sequence[User]]  # the primary user first
    gone: MappingOf[CalUserId, Sequence[DeletedUser]]  # deleted users that were linked
    without_email: Sequence[User]  # neither address nor account
    found: Sequence[Link]  # accounts that were matched in this pass

    def users(self, key: PersonKey) -> Sequence[User]:
        """Return every user of this person, the primary one first."""
        several = self.duplicates.get(key)
        if several is not None:
            return several
        primary = self.primary_user.get(key)
        return () if primary is None else (primary,)


def identify(desired: DesiredState, observed: ObservedState | None = None) -> People:
    """Group the users into people. Addresses are compared only for users without a link."""
    of: dict[UserId, PersonKey] = {}
    primary_user: dict[PersonKey, User] = {}
    several: dict[PersonKey, list[User]] = {}
    unlinked: list[User] = []
    links = desired.links
    for user in desired.users.values():
        link = links.get(user.id)
        if link is None:
            unlinked.append(user)
            continue
        account = link.cal_user
        of[user.id] = account
        if (primary := primary_user.setdefault(account, user)) is not user:
            several.setdefault(account, [primary]).append(user)
    nameless: list[User] = []
    found: list[Link] = []
    accounts = _Addresses(desired, observed, _linked(desired)) if unlinked else None
    for user in unlinked:
        assert accounts is not None
        address = address_key(user.email)
        known = accounts.of(user, address) if address else accounts.returned(user)
        if known is None and not address:
            nameless.append(user)
            continue
        key: PersonKey = address if known is None else known
        of[user.id] = key
        if (primary := primary_user.setdefault(key, user)) is not user:
            several.setdefault(key, [primary]).append(user)
        if known is not None:
            found.append(Link(user.id, known, "found", user.email))
    for key, users in several.items():
        users.sort(key=_precedence)
        primary_user[key] = users[0]
    return People(of, primary_user, several, _gone(desired), nameless, found)


def _precedence(user: User) -> tuple[bool, bool, str, str]:
    """Return a sort key: managed and active users first, then managed ones."""
    return (not (user.managed and user.active), not user.managed, user.directory, user.id)


def _gone(desired: DesiredState) -> dict[CalUserId, list[DeletedUser]]:
    gone: dict[CalUserId, list[DeletedUser]] = {}
    for departed in desired.deleted_users.values():
        link = desired.links.get(departed.id)
        if link is not None:
            gone.setdefault(link.cal_user, []).append(departed)
    return gone


def _linked(desired: DesiredState) -> dict[CalUserId, list[User]]:
    linked: dict[CalUserId, list[User]] = {}
    for user, link in desired.links.items():
        if (one := desired.users.get(user)) is not None:
            linked.setdefault(link.cal_user, []).append(one)
    return linked


class _Addresses:
    """Maps addresses to accounts. ``linked``: the users of each account by their links."""

    def __init__(
        self,
        desired: DesiredState,
        observed: ObservedState | None,
        linked: MappingOf[CalUserId, Sequence[User]],
    ) -> None:
        self._owners = linked
        self._former = desired.former_accounts
        self._accounts: Collection[CalUserId] = ()
        self._seen: dict[str, CalUserId] = {}
        if observed is not None and isinstance(observed.people, Complete):
            self._accounts = observed.people.value
            for account, person in sorted(observed.people.value.items(), reverse=True):
                self._seen[address_key(person.email)] = account
        self._written: dict[str, CalUserId] = {}
        everyone: list[User | DeletedUser] = [
            *desired.users.values(),
            *desired.deleted_users.values(),
        ]
        for one in everyone:
            link = desired.links.get(one.id)
            if link is not None and one.managed and one.email:
                address = address_key(one.email)
                known = self._written.get(address, link.cal_user)
                self._written[address] = min(known, link.cal_user)

    def of(self, user: User, address: str) -> CalUserId | None:
        """Return the account that has this address in Cal.com, else the account of a user linked under it."""
        account = self._seen.get(address)
        if account is None:
            returned = self.returned(user)
            return self._written.get(address) if returned is None else returned
        taken = any(
            owner.directory == user.directory
            and (not user.active or address_key(owner.email) not in ("", address))
            for owner in self._owners.get(account, ())
        )
        return None if taken else account

    def returned(self, user: User) -> CalUserId | None:
        """Return the account that an active user had before, where it is in the organization again."""
        account = self._former.get(user.id)
        known = user.active and account in self._accounts and account not in self._owners
        return account if known else None
