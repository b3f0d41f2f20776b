"""A simulated Cal.com without HTTP: one organization, with manual edits and the changes that its API can make.

It behaves as the recorded API v2, traps included: the last owner is not protected, and DELETE of a user deletes the
account, which is counted, so that a test can assert that it never happens.
"""

import json
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any, Self

from calscim.clock import SystemClock
from calscim.names import address_key
from calscim.testing.calcom import builds
from calscim.testing.calcom.names import slug as slug_of
from calscim.testing.calcom.state import ROLES, Account, Membership, SimAttribute, SimTeam, State

__all__ = ["ROLES", "Account", "Membership", "SimAttribute", "SimTeam", "World"]


@dataclass(slots=True)
class World(State):
    """One organization. ``build``: the imitated build, one of ``builds.NAMES``. It may change at any time.

    ``lag_writes`` and ``lag_seconds``: how far the replica that serves reads lags behind.
    """

    organization_id: int = 42
    api_key: str = "cal_sim"
    build: str = builds.HOSTED_2026
    pages_teams: bool = False  # the list of teams respects take and skip
    auto_accept_domains: frozenset[str] | None = None  # None: every domain
    admin_api: bool = True  # of the plan; not every build checks it
    api_key_state: str = "valid"  # or expired, deleted
    seed: int = 0
    lag_writes: int = 0
    lag_seconds: float = 0.0
    clock: Callable[[], float] = field(default=SystemClock().monotonic, repr=False)
    me: int = 0
    next_id: int = 1
    accounts_deleted: int = 0
    mails: list[str] = field(default_factory=list)
    random: Random = field(default_factory=Random, repr=False)
    memory: Path | None = None
    _past: deque[tuple[float, State]] = field(default_factory=deque, repr=False)

    def __post_init__(self) -> None:
        self.random.seed(self.seed)
        builds.named(self.build)

    @property
    def can(self) -> builds.Build:
        """Return the capabilities of the build."""
        return builds.named(self.build)

    @classmethod
    def remembered(cls, path: Path, **new: Any) -> Self:
        """Return the world saved in a file, or a new one. It saves itself there from now on."""
        world = cls(**new)
        world.memory = path
        if path.exists():
            saved = json.loads(path.read_text(encoding="utf-8"))
            world.accounts = {one["id"]: Account(**one) for one in saved["accounts"]}
            world.memberships = {one["id"]: Membership(**one) for one in saved["memberships"]}
            world.teams = {one["id"]: SimTeam(**one) for one in saved["teams"]}
            world.attributes = {
                one["id"]: SimAttribute(**one) for one in saved.get("attributes", ())
            }
            world.assigned = {
                key: (one[0], one[1]) for key, one in saved.get("assigned", {}).items()
            }
            world.me, world.next_id = saved["me"], saved["next_id"]
        return world.indexed()

    def save(self) -> None:
        """Save the world after a change: in its file, and in the history that a lagging replica shows."""
        if self.lag_writes or self.lag_seconds:
            self._past.append((self.clock(), self.copy()))
            while len(self._past) > self.lag_writes + 1 and self._over(self._past[1][0]):
                self._past.popleft()
        if self.memory is None:
            return
        state = {
            "accounts": [asdict(one) for one in self.accounts.values()],
            "memberships": [asdict(one) for one in self.memberships.values()],
            "teams": [asdict(one) for one in self.teams.values()],
            "attributes": [asdict(one) for one in self.attributes.values()],
            "assigned": self.assigned,
            "me": self.me,
            "next_id": self.next_id,
        }
        fresh = self.memory.with_suffix(".new")
        fresh.write_text(json.dumps(state), encoding="utf-8")
        fresh.replace(self.memory)

    def seen(self) -> State:
        """Return the state that a read shows."""
        behind = list(self._past)[: max(0, len(self._past) - self.lag_writes)]
        shown = [state for at, state in behind if self._over(at)] or [
            state for _, state in list(self._past)[:1]
        ]
        return shown[-1] if shown else self

    def lag(self, *, writes: int = 0, seconds: float = 0.0) -> None:
        """Serve reads from a replica that lags this far behind from now on."""
        self.lag_writes, self.lag_seconds = writes, seconds
        self._past.clear()
        if writes or seconds:
            self._past.append((float("-inf"), self.copy()))

    def _over(self, at: float) -> bool:
        return self.clock() - at >= self.lag_seconds

    # ---------------------------------------------------------------- manual edits in Cal.com's own pages

    def add_person(
        self,
        email: str,
        name: str | None = None,
        role: str = "MEMBER",
        *,
        accepted: bool = True,
        in_org: bool = True,
        profile: bool | None = None,
        username: str | None = None,
    ) -> int:
        """Add an account, in the organization or outside. The first owner or admin is the API key's user.

        The address keeps its case. ``profile`` None: the account has a Profile if it has accepted. False with
        ``accepted``: a half-member, as Cal.com's own group sync or POST memberships makes it.
        """
        account = Account(self.new_id(), email, username or email.partition("@")[0], name)
        if in_org:
            account.profile = accepted if profile is None else profile
        self.put_account(account)
        if in_org:
            self._join(account.id, self.organization_id, role, accepted=accepted)
            if not self.me and role in ("OWNER", "ADMIN"):
                self.me = account.id
        self.save()
        return account.id

    def add_team(self, name: str, slug: str | None = None) -> int:
        team = SimTeam(self.new_id(), name, slug or slug_of(name))
        self.teams[team.id] = team
        self.save()
        return team.id

    def remove_team(self, name: str) -> None:
        self.end_team(self.team_id(name))

    def put_on_team(
        self, team: str, email: str, role: str = "MEMBER", *, accepted: bool = True
    ) -> int:
        return self.join(self.user_id(email), self.team_id(team), role, accepted=accepted).id

    def make_pending(self, team: str | None, email: str) -> None:
        """Make a membership of the team pending, or that of the organization for None; a Profile stays."""
        self.change(self._membership(team, email), accepted=False)

    def take_off_team(self, team: str, email: str) -> None:
        membership = self.find(self.user_id(email), self.team_id(team))
        self._drop([membership] if membership else [])

    def remove_from_org(self, email: str) -> None:
        """Remove a person. On every build this also ends the Profile and the team memberships."""
        self._leave_everything(self.user_id(email))

    def accept(self, email: str) -> None:
        """Accept every invitation of a person, which also gives them a Profile.

        Raise AssertionError for a half-member, who has no invitation.
        """
        account = self.accounts[self.user_id(email)]
        pending = [one for one in self._of_user(account.id) if not one.accepted]
        assert pending, f"{email} has no invitation to accept"
        self.put_account(replace(account, profile=True))
        for one in pending:
            self.put_membership(replace(one, accepted=True))
        self.save()

    def make_half_member(self, email: str) -> None:
        """Make an account, new or existing, an accepted member of the organization without a Profile."""
        account = self.account(email)
        if account is None:
            self.add_person(email, profile=False)
            return
        self.put_account(replace(account, profile=False))
        self.join(account.id, self.organization_id, "MEMBER", accepted=True)

    def delete_account_of(self, email: str) -> None:
        """Delete an account. ``accounts_deleted`` counts deletions by the API only."""
        self._delete_account(self.user_id(email))

    def set_role(self, team: str | None, email: str, role: str) -> None:
        self.change(self._membership(team, email), role=role)

    def _membership(self, team: str | None, email: str) -> Membership:
        number = self.organization_id if team is None else self.team_id(team)
        membership = self.find(self.user_id(email), number)
        assert membership is not None, f"{email} has no such membership"
        return membership

    def add_attribute(self, name: str, kind: str = "TEXT", options: tuple[str, ...] = ()) -> str:
        """Add an attribute and return its id. ``kind``: TEXT, NUMBER, SINGLE_SELECT or MULTI_SELECT."""
        made = SimAttribute(f"attr-{self.new_id()}", name, slug_of(name), kind)
        made.options = {f"opt-{self.new_id()}": value for value in options}
        self.attributes[made.id] = made
        self.save()
        return made.id

    def set_attribute(self, email: str, name: str, *values: str) -> None:
        """Give a person exactly these values of an attribute. A missing option is created."""
        membership = self.find(self.user_id(email), self.organization_id)
        assert membership is not None, f"{email} is not in the organization"
        attribute = next(one for one in self.attributes.values() if one.name == name)
        for number, (member, option) in list(self.assigned.items()):
            if member == membership.id and option in attribute.options:
                del self.assigned[number]
        for value in values:
            known = {text: option for option, text in attribute.options.items()}
            option = known.get(value) or f"opt-{self.new_id()}"
            attribute.options[option] = value
            self.assign(membership, option)
        self.save()

    def remove_option(self, name: str, value: str) -> None:
        """Remove an option, also from each person who has it."""
        attribute = next(one for one in self.attributes.values() if one.name == name)
        gone = {option for option, text in attribute.options.items() if text == value}
        self.assigned = {key: one for key, one in self.assigned.items() if one[1] not in gone}
        for option in gone:
            del attribute.options[option]
        self.save()

    def values(self, email: str) -> dict[str, list[str]]:
        """Return the attribute values of a person by attribute name."""
        found: dict[str, list[str]] = {}
        membership = self.find(self.user_id(email), self.organization_id)
        for attribute, option in self.options_of(membership.id) if membership else []:
            found.setdefault(attribute.name, []).append(attribute.options[option])
        return found

    def snapshot(self) -> dict[str, Any]:
        """Return the state as JSON: roles by team and address, and roles in the organization by address."""
        people = self.of_team(self.organization_id)
        return {
            "teams": {
                team.name: {
                    self.accounts[one.user_id].email: one.role for one in self.of_team(team.id)
                }
                for team in self.teams.values()
            },
            "people": {self.accounts[one.user_id].email: one.role for one in people},
            "pending": sorted(
                self.accounts[one.user_id].email for one in people if not one.accepted
            ),
            "accounts_deleted": self.accounts_deleted,
        }

    # ---------------------------------------------------------------- changes by the API

    def new_id(self) -> int:
        """Return an unused number. In Cal.com an organization is a team itself, so no team has its number."""
        number = self.next_id
        if number == self.organization_id:
            number += 1
        self.next_id = number + 1
        return number

    def auto_accepted(self, email: str) -> bool:
        domains = self.auto_accept_domains
        return domains is None or address_key(email).rpartition("@")[2] in domains

    def enrol(self, account: Account, role: str, *, accepted: bool, mail: bool) -> None:
        """Add a new account of the organization."""
        self.put_account(account)
        self._join(account.id, self.organization_id, role, accepted=accepted)
        if mail:
            self.mails.append(account.email)
        self.save()

    def update(self, account: Account) -> None:
        self.put_account(account)
        self.save()

    def join(self, user: int, team: int, role: str, *, accepted: bool) -> Membership:
        """Add a membership, or change the role and state of the existing one."""
        membership = self._join(user, team, role, accepted=accepted)
        self.save()
        return membership

    def change(
        self, membership: Membership, *, role: str | None = None, accepted: bool | None = None
    ) -> Membership:
        changed = replace(
            membership,
            role=role or membership.role,
            accepted=membership.accepted if accepted is None else accepted,
        )
        self.put_membership(changed)
        self.save()
        return changed

    def leave(self, user: int) -> None:
        """Remove a user from the organization. Builds that do not cascade keep the Profile and the teams."""
        membership = self.find(user, self.organization_id)
        if self.can.cascades or membership is None:
            self._leave_everything(user)
        else:
            self._drop([membership])

    def drop(self, membership: Membership) -> None:
        self._drop([membership])

    def end_team(self, team: int) -> None:
        del self.teams[team]
        self._drop(self.of_team(team))

    def delete_account(self, user: int) -> None:
        self.accounts_deleted += 1
        self._delete_account(user)

    def assign(self, membership: Membership, option: str) -> str:
        number = f"assigned-{self.new_id()}"
        self.assigned[number] = (membership.id, option)
        self.save()
        return number

    def unassign(self, number: str) -> None:
        del self.assigned[number]
        self.save()

    def _leave_everything(self, user: int) -> None:
        """Remove the user from everything. The account remains, with another username."""
        account = self.accounts[user]
        username = f"{account.username}-{account.id}"
        self.put_account(replace(account, profile=False, profile_username=None, username=username))
        self._drop(self._of_user(user))

    def _delete_account(self, user: int) -> None:
        for one in self._of_user(user):
            self.drop_membership(one.id)
        self.drop_account(user)
        self.save()

    def _join(self, user: int, team: int, role: str, *, accepted: bool) -> Membership:
        found = self.find(user, team)
        number = self.new_id() if found is None else found.id
        membership = Membership(number, user, team, role, accepted)
        self.put_membership(membership)
        return membership

    def _of_user(self, user: int) -> list[Membership]:
        return [one for one in self.memberships.values() if one.user_id == user]

    def _drop(self, memberships: list[Membership]) -> None:
        for one in memberships:
            self.drop_membership(one.id)
        self.save()
