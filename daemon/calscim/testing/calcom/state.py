"""The state of a simulated Cal.com at one moment: accounts, memberships, teams and attributes, with look-ups."""

from copy import deepcopy
from dataclasses import dataclass, field
from typing import Self

from calscim.names import address_key

ROLES = ("MEMBER", "ADMIN", "OWNER")


@dataclass(slots=True)
class Account:
    id: int
    email: str
    username: str
    name: str | None = None
    locale: str | None = "en"
    time_zone: str = "Europe/London"
    profile: bool = False  # in the organization; without a Profile no team accepts the account
    profile_username: str | None = None  # None: that of the account
    time_format: int = 12
    invited: bool = False  # created by the organization, not by signing up


@dataclass(slots=True)
class Membership:
    """A membership of a team, or of the organization if ``team_id`` is its id."""

    id: int
    user_id: int
    team_id: int
    role: str = "MEMBER"
    accepted: bool = True


@dataclass(slots=True)
class SimTeam:
    id: int
    name: str
    slug: str


@dataclass(slots=True)
class SimAttribute:
    """An attribute. ``options``: the values by option id. TEXT and NUMBER get an option for each value that is set.

    ``slugs``: the slugs by option id, for options created with a slug.
    """

    id: str
    name: str
    slug: str
    type: str
    options: dict[str, str] = field(default_factory=dict)
    slugs: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class State:
    """The rows, in the order of their last writes, as a query without an order tends to return them."""

    accounts: dict[int, Account] = field(default_factory=dict)
    memberships: dict[int, Membership] = field(default_factory=dict)
    teams: dict[int, SimTeam] = field(default_factory=dict)
    attributes: dict[str, SimAttribute] = field(default_factory=dict)
    assigned: dict[str, tuple[int, str]] = field(default_factory=dict)  # id -> membership, option
    _by_email: dict[str, dict[str, int]] = field(default_factory=dict, repr=False)  # by its key
    _by_team: dict[int, dict[int, Membership]] = field(default_factory=dict, repr=False)  # by user

    def copy(self) -> "State":
        """Return a copy that later changes do not affect."""
        return State(
            accounts=deepcopy(self.accounts),
            memberships=deepcopy(self.memberships),
            teams=deepcopy(self.teams),
            attributes=deepcopy(self.attributes),
            assigned=dict(self.assigned),
        ).indexed()

    def indexed(self) -> Self:
        self._by_email, self._by_team = {}, {}
        for account in self.accounts.values():
            self._index(account)
        for one in self.memberships.values():
            self._by_team.setdefault(one.team_id, {})[one.user_id] = one
        return self

    # ---------------------------------------------------------------- look-ups

    def account(self, email: str) -> Account | None:
        """Return the account with an address in exactly this case, or else in another case."""
        spellings = self._by_email.get(address_key(email), {})
        number = spellings.get(email, next(iter(spellings.values()), None))
        return None if number is None else self.accounts[number]

    def stored(self, email: str) -> Account | None:
        """Return the account with an address in exactly this case, as Cal.com looks it up."""
        number = self._by_email.get(address_key(email), {}).get(email)
        return None if number is None else self.accounts[number]

    def user_id(self, email: str) -> int:
        account = self.account(email)
        assert account is not None, f"no account has the address {email}"
        return account.id

    def team_id(self, name: str) -> int:
        return next(team.id for team in self.teams.values() if team.name == name)

    def find(self, user: int, team: int) -> Membership | None:
        return self._by_team.get(team, {}).get(user)

    def of_team(self, team: int) -> list[Membership]:
        return list(self._by_team.get(team, {}).values())

    def options_of(self, membership: int) -> list[tuple[SimAttribute, str]]:
        """Return the attributes of a member of the organization, each with an option id."""
        options = [option for member, option in self.assigned.values() if member == membership]
        return [(self.attribute_of(option), option) for option in options]

    def attribute_of(self, option: str) -> SimAttribute:
        return next(one for one in self.attributes.values() if option in one.options)

    # ---------------------------------------------------------------- writes

    def put_account(self, account: Account) -> None:
        if account.id in self.accounts:
            self.drop_account(account.id)
        self.accounts[account.id] = account
        self._index(account)

    def drop_account(self, user: int) -> None:
        email = self.accounts.pop(user).email
        self._by_email[address_key(email)].pop(email, None)

    def _index(self, account: Account) -> None:
        self._by_email.setdefault(address_key(account.email), {})[account.email] = account.id

    def put_membership(self, membership: Membership) -> None:
        self.memberships.pop(membership.id, None)
        self.memberships[membership.id] = membership
        of_team = self._by_team.setdefault(membership.team_id, {})
        of_team.pop(membership.user_id, None)
        of_team[membership.user_id] = membership

    def drop_membership(self, number: int) -> None:
        membership = self.memberships.pop(number)
        del self._by_team[membership.team_id][membership.user_id]
        self.assigned = {key: one for key, one in self.assigned.items() if one[0] != number}
