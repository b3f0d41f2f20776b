"""The state of a simulated Cal.com: accounts, one organization, its teams. Knows no HTTP.

Behaves as Cal.com's API is documented to, traps included: the last owner is not protected, and deleting a
user deletes the account (which is counted, so that a test can insist it never happened).
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Self

ROLES = ("MEMBER", "ADMIN", "OWNER")


@dataclass(slots=True)
class Account:
    id: int
    email: str
    username: str
    name: str | None = None
    locale: str = "en"
    time_zone: str = "Europe/London"
    profile: bool = False  # in the organization


@dataclass(slots=True)
class Membership:
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
class World:
    """``dialect``: hosted (api.cal.com in 2026) or self-hosted (older builds)."""

    organization_id: int = 42
    api_key: str = "cal_sim"
    dialect: str = "hosted"
    auto_accept_domains: frozenset[str] | None = None  # None: every domain
    seed: int = 0
    accounts: dict[int, Account] = field(default_factory=dict)
    memberships: dict[int, Membership] = field(default_factory=dict)
    teams: dict[int, SimTeam] = field(default_factory=dict)
    me: int = 0
    next_id: int = 1
    accounts_deleted: int = 0
    mails: list[str] = field(default_factory=list)
    random: Random = field(default_factory=Random, repr=False)
    memory: Path | None = None

    @classmethod
    def remembered(cls, path: Path, **new: Any) -> Self:
        """The world that was saved there, or a new one that saves itself there from now on."""
        world = cls(**new)
        world.memory = path
        if path.exists():
            state = json.loads(path.read_text(encoding="utf-8"))
            world.accounts = {one["id"]: Account(**one) for one in state["accounts"]}
            world.memberships = {one["id"]: Membership(**one) for one in state["memberships"]}
            world.teams = {one["id"]: SimTeam(**one) for one in state["teams"]}
            world.me, world.next_id = state["me"], state["next_id"]
        return world

    def save(self) -> None:
        if self.memory is None:
            return
        state = {
            "accounts": [asdict(one) for one in self.accounts.values()],
            "memberships": [asdict(one) for one in self.memberships.values()],
            "teams": [asdict(one) for one in self.teams.values()],
            "me": self.me,
            "next_id": self.next_id,
        }
        fresh = self.memory.with_suffix(".new")
        fresh.write_text(json.dumps(state), encoding="utf-8")
        fresh.replace(self.memory)

    # ---------------------------------------------------------------- by hand, as in Cal.com's own pages

    def add_person(
        self,
        email: str,
        name: str | None = None,
        role: str = "MEMBER",
        *,
        accepted: bool = True,
        in_org: bool = True,
    ) -> int:
        """An account, in the organization or outside; the first owner is the API key's user."""
        account = Account(self._id(), email, email.partition("@")[0], name)
        self.accounts[account.id] = account
        if in_org:
            account.profile = accepted
            self._join(account.id, self.organization_id, role, accepted=accepted)
        if not self.me and role in ("OWNER", "ADMIN"):
            self.me = account.id
        self.save()
        return account.id

    def add_team(self, name: str, slug: str | None = None) -> int:
        team = SimTeam(self._id(), name, slug or name.lower().replace(" ", "-"))
        self.teams[team.id] = team
        self.save()
        return team.id

    def remove_team(self, name: str) -> None:
        team = self.team_id(name)
        del self.teams[team]
        self._drop(lambda one: one.team_id == team)

    def put_on_team(self, team: str, email: str, role: str = "MEMBER") -> int:
        number = self._join(self.user_id(email), self.team_id(team), role).id
        self.save()
        return number

    def take_off_team(self, team: str, email: str) -> None:
        user, number = self.user_id(email), self.team_id(team)
        self._drop(lambda one: one.user_id == user and one.team_id == number)

    def remove_from_org(self, email: str) -> None:
        self.leave(self.user_id(email))

    def accept(self, email: str) -> None:
        """The person follows the invitation."""
        user = self.user_id(email)
        for one in self.memberships.values():
            if one.user_id == user:
                one.accepted = True
        self.accounts[user].profile = True
        self.save()

    def set_role(self, team: str | None, email: str, role: str) -> None:
        number = self.organization_id if team is None else self.team_id(team)
        membership = self.find(self.user_id(email), number)
        assert membership is not None
        membership.role = role
        self.save()

    # ---------------------------------------------------------------- looking

    def team_id(self, name: str) -> int:
        return next(team.id for team in self.teams.values() if team.name == name)

    def user_id(self, email: str) -> int:
        account = self.account(email)
        assert account is not None, f"nobody has the address {email}"
        return account.id

    def account(self, email: str) -> Account | None:
        key = email.casefold()
        return next((one for one in self.accounts.values() if one.email.casefold() == key), None)

    def find(self, user: int, team: int) -> Membership | None:
        return next(
            (
                one
                for one in self.memberships.values()
                if one.user_id == user and one.team_id == team
            ),
            None,
        )

    def of_team(self, team: int) -> list[Membership]:
        return [one for one in self.memberships.values() if one.team_id == team]

    def snapshot(self) -> dict[str, Any]:
        """``teams``: name -> address -> role; ``people``: address -> role in the organization."""
        return {
            "teams": {
                team.name: {
                    self.accounts[one.user_id].email: one.role for one in self.of_team(team.id)
                }
                for team in self.teams.values()
            },
            "people": {
                self.accounts[one.user_id].email: one.role
                for one in self.of_team(self.organization_id)
            },
            "pending": sorted(
                self.accounts[one.user_id].email
                for one in self.of_team(self.organization_id)
                if not one.accepted
            ),
            "accounts_deleted": self.accounts_deleted,
        }

    # ---------------------------------------------------------------- what the API does

    def _id(self) -> int:
        number = self.next_id
        self.next_id += 1
        return number

    def join(self, user: int, team: int, role: str, *, accepted: bool) -> Membership:
        membership = self._join(user, team, role, accepted=accepted)
        self.save()
        return membership

    def _join(self, user: int, team: int, role: str, *, accepted: bool = True) -> Membership:
        found = self.find(user, team)
        if found is not None:
            found.role, found.accepted = role, accepted
            return found
        membership = Membership(self._id(), user, team, role, accepted)
        self.memberships[membership.id] = membership
        return membership

    def leave(self, user: int) -> None:
        """Out of the organization and every team; the account survives under another username."""
        account = self.accounts[user]
        account.profile = False
        account.username = f"{account.username}-{account.id}"
        self._drop(lambda one: one.user_id == user)

    def drop(self, membership: int) -> None:
        self.memberships.pop(membership)
        self.save()

    def delete_account(self, user: int) -> None:
        self.accounts_deleted += 1
        self._drop(lambda one: one.user_id == user)
        del self.accounts[user]
        self.save()

    def _drop(self, which: Any) -> None:
        for number in [number for number, one in self.memberships.items() if which(one)]:
            del self.memberships[number]
        self.save()
