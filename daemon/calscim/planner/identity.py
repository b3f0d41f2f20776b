"""Determine which SCIM users are the same person, and which Cal.com account that person has.

A link between a user and an account is created once and is kept when the address changes. Without a link, the address
decides, compared as in calscim.names. If the owner of an account moved to another address in the same directory, the
account is not given to the next user with the old address. An account that has an owner in the directory is never
matched to an inactive user, because the owner would lose it.
"""

from collections.abc import Collection, Iterable, Sequence
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass
from itertools import chain
from typing import TypeVar

from calscim.names import address_key
from calscim.planner.desired_state import DeletedUser, DesiredState, Link, User
from calscim.planner.ids import CalUserId, UserId
from calscim.planner.observed_state import Complete, ObservedState

PersonKey = CalUserId | str  # a person: an account id, or an address key without an account
Entry = TypeVar("Entry", User, DeletedUser)


@dataclass(frozen=True, slots=True)
class People:
    """Everyone in the directories. One user is primary for each person; few people have several."""

    key_of: MappingOf[
        UserId, PersonKey
    ]  # without users that have neither an address nor an account
    primary_user: MappingOf[PersonKey, User]
    duplicates: MappingOf[PersonKey, Sequence[User]]  # the primary user first
    deleted: MappingOf[CalUserId, Sequence[DeletedUser]]  # deleted users that were linked
    without_email: Sequence[User]  # neither address nor account
    new_links: Sequence[Link]  # accounts that were matched in this pass

    def users(self, key: PersonKey) -> Sequence[User]:
        """Return every user of this person, the primary one first."""
        several = self.duplicates.get(key)
        if several is not None:
            return several
        primary = self.primary_user.get(key)
        return () if primary is None else (primary,)

    def entries(self, account: CalUserId) -> Sequence[User | DeletedUser]:
        """Return every user of the person with this account, the deleted ones last."""
        return (*self.users(account), *self.deleted.get(account, ()))


def identify(desired: DesiredState, observed: ObservedState | None = None) -> People:
    """Group the users into people. Addresses are compared only for users without a link."""
    key_of: dict[UserId, PersonKey] = {}
    primary_user: dict[PersonKey, User] = {}
    duplicates: dict[PersonKey, list[User]] = {}
    without_email: list[User] = []
    new_links: list[Link] = []
    accounts: _Accounts | None = None
    links = desired.links
    for user in desired.users.values():
        key: PersonKey
        link = links.get(user.id)
        if link is not None:
            key = link.cal_user
        else:
            accounts = accounts or _Accounts(desired, observed)
            account, address = accounts.find(user), address_key(user.email)
            if account is not None:
                new_links.append(Link(user.id, account, "found", user.email))
            elif not address:
                without_email.append(user)
                continue
            key = address if account is None else account
        key_of[user.id] = key
        if (primary := primary_user.setdefault(key, user)) is not user:
            duplicates.setdefault(key, [primary]).append(user)
    for key, users in duplicates.items():
        users.sort(key=_precedence)
        primary_user[key] = users[0]
    deleted = _by_account(desired.links, desired.deleted_users)
    return People(key_of, primary_user, duplicates, deleted, without_email, new_links)


def _precedence(user: User) -> tuple[bool, bool, str, str]:
    """Return a sort key: managed and active users first, then managed ones."""
    return (not (user.managed and user.active), not user.managed, user.directory, user.id)


def _by_account(
    links: MappingOf[UserId, Link], users: MappingOf[UserId, Entry]
) -> dict[CalUserId, list[Entry]]:
    """Group those of the users that have a link."""
    found: dict[CalUserId, list[Entry]] = {}
    for user in users.values():
        if (link := links.get(user.id)) is not None:
            found.setdefault(link.cal_user, []).append(user)
    return found


class _Accounts:
    """Finds the accounts of users without a link."""

    def __init__(self, desired: DesiredState, observed: ObservedState | None) -> None:
        self._former = desired.former_accounts
        self._linked = _by_account(desired.links, desired.users)
        self._members: Collection[CalUserId] = ()
        self._by_address: dict[str, CalUserId] = {}
        if observed is not None and isinstance(observed.people, Complete):
            self._members = observed.people.value
            for account, member in sorted(observed.people.value.items(), reverse=True):
                self._by_address[address_key(member.email)] = account
        self._by_linked_address: dict[str, CalUserId] = {}
        everyone: Iterable[User | DeletedUser] = chain(
            desired.users.values(), desired.deleted_users.values()
        )
        for user in everyone:
            link = desired.links.get(user.id)
            if link is not None and user.managed and user.email:
                address = address_key(user.email)
                known = self._by_linked_address.get(address, link.cal_user)
                self._by_linked_address[address] = min(known, link.cal_user)

    def find(self, user: User) -> CalUserId | None:
        """Return the account that has the user's address in Cal.com, else the account of a user linked under it."""
        address = address_key(user.email)
        account = self._by_address.get(address) if address else None
        if account is None:
            former = self._former_account(user)
            if former is not None or not address:
                return former
            return self._by_linked_address.get(address)
        is_taken = any(
            owner.directory == user.directory
            and (not user.active or address_key(owner.email) not in ("", address))
            for owner in self._linked.get(account, ())
        )
        return None if is_taken else account

    def _former_account(self, user: User) -> CalUserId | None:
        """Return the account that an active user had before, where it is in the organization again."""
        account = self._former.get(user.id)
        if user.active and account in self._members and account not in self._linked:
            return account
        return None
