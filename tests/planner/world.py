"""A small world to plan in: people, groups, and mappings on one side, accounts and teams on the other.

A test builds a world step by step, and applies actions as Cal.com and the reconciler would. A user ``ann`` has the
address ann@acme.com and, by default, an account in the organization.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from calscim.planner.context import PlanContext, PlanInputs, make_context
from calscim.planner.desired_state import (
    DeletedUser,
    DesiredState,
    Link,
    Mapping,
    MembershipRecord,
    OrgRoleGrant,
    User,
)
from calscim.planner.ids import (
    CalUserId,
    DirectoryId,
    GroupId,
    MappingId,
    MembershipId,
    TeamId,
    UserId,
)
from calscim.planner.modes import Mode
from calscim.planner.observed_state import (
    Attribute,
    AttributeType,
    AttributeValue,
    Complete,
    Incomplete,
    ObservedState,
    OrgMember,
    TeamMember,
)
from calscim.planner.plan import Plan, Scope
from calscim.planner.planner import propose
from calscim.planner.policy import AttributePath, AttributeRule, Policy
from calscim.planner.roles import Role
from calscim.planner.safeguards.limits import Guards
from calscim.planner.safeguards.limits_check import hold_over_limits
from tests.planner.applied_actions import AppliesActions

ME = CalUserId(1)
SUFFIX = "@acme.com"
OBSERVE, ADD_ONLY, MANAGED, EXCLUSIVE = Mode.OBSERVE, Mode.ADD_ONLY, Mode.MANAGED, Mode.EXCLUSIVE
MEMBER, ADMIN, OWNER = Role.MEMBER, Role.ADMIN, Role.OWNER


def address(name: str) -> str:
    return name if "@" in name or not name else name + SUFFIX


@dataclass
class PlannerWorld(AppliesActions):
    users: dict[UserId, User] = field(default_factory=dict)
    deleted_users: dict[UserId, DeletedUser] = field(default_factory=dict)
    groups: dict[GroupId, str] = field(default_factory=dict)
    members: dict[GroupId, dict[UserId, int]] = field(default_factory=dict)
    former: dict[tuple[GroupId, UserId], int] = field(default_factory=dict)
    mappings: list[Mapping] = field(default_factory=list)
    links: dict[UserId, Link] = field(default_factory=dict)
    ledger: dict[tuple[TeamId, CalUserId], MembershipRecord] = field(default_factory=dict)
    org_role_grants: dict[CalUserId, OrgRoleGrant] = field(default_factory=dict)
    paused_directories: set[DirectoryId] = field(default_factory=set)
    paused_teams: set[TeamId] = field(default_factory=set)
    paused: bool = False
    people: dict[CalUserId, OrgMember] = field(default_factory=dict)
    teams: dict[TeamId, dict[CalUserId, TeamMember]] = field(default_factory=dict)
    gaps: dict[TeamId, str] = field(default_factory=dict)
    people_gap: str | None = None
    accounts: dict[str, CalUserId] = field(default_factory=dict)  # by name
    missed: dict[UserId, int] = field(default_factory=dict)
    attributes: dict[str, Attribute] = field(default_factory=dict)
    attributes_gap: str | None = None
    applied_attributes: dict[tuple[CalUserId, str], str] = field(default_factory=dict)
    former_accounts: dict[UserId, CalUserId] = field(default_factory=dict)
    clears_teams: bool | None = None
    policy: Policy = field(default_factory=lambda: Policy("acme"))
    guards: Guards = field(default_factory=Guards)
    seq: int = 0
    number: int = 100

    def __post_init__(self) -> None:
        self.accounts["me"] = ME
        self.people[ME] = OrgMember(MembershipId(1), ME, "me@acme.com", "Me", "me", OWNER, True)

    def _seq(self) -> int:
        self.seq += 1
        return self.seq

    def _number(self) -> int:
        self.number += 1
        return self.number

    # ---------------------------------------------------------------- the directory

    def user(
        self,
        name: str,
        *,
        account: bool = True,
        linked: bool = True,
        active: bool = True,
        managed: bool = True,
        email: str | None = None,
        directory: str = "okta",
        origin: str = "created",
        **seen: object,
    ) -> "PlannerWorld":
        """Add a user. ``seen``: how the account in Cal.com differs: email, role, accepted."""
        user = UserId(name)
        mail = address(name if email is None else email)
        self.users[user] = User(
            user, DirectoryId(directory), mail, name, active, managed, self._seq()
        )
        if account:
            if name not in self.accounts:
                self.account(name, **seen)
            if linked:
                self.links[user] = Link(user, self.accounts[name], origin, mail)
        return self

    def same_account(self, name: str, other: str) -> "PlannerWorld":
        self.links[UserId(name)] = Link(UserId(name), self.accounts[other], "found", address(name))
        return self

    def change(self, user: str, /, **changes: object) -> "PlannerWorld":
        if "email" in changes:
            changes["email"] = address(str(changes["email"]))
        before = self.users[UserId(user)]
        self.users[before.id] = replace(before, seq=self._seq(), **changes)  # type: ignore[arg-type]
        return self

    def depart(self, name: str) -> "PlannerWorld":
        """Delete the user; one journal row also removes it from its groups."""
        user = self.users.pop(UserId(name))
        seq = self._seq()
        self.deleted_users[user.id] = DeletedUser(
            user.id, user.directory, user.email, user.managed, seq
        )
        for group, members in self.members.items():
            if members.pop(user.id, None) is not None:
                self.former[group, user.id] = seq
        return self

    def group(self, name: str, *users: str, directory: str = "okta") -> "PlannerWorld":
        group = GroupId(name)
        self.groups[group] = name
        self.members.setdefault(group, {})
        for mapping in self.mappings:
            if mapping.group is None and mapping.group_name == name and mapping.removed_seq is None:
                self.mappings[self.mappings.index(mapping)] = replace(mapping, group=group)
        for user in users:
            self.join(name, user)
        return self

    def join(self, group: str, user: str) -> "PlannerWorld":
        self.members[GroupId(group)][UserId(user)] = self._seq()
        self.former.pop((GroupId(group), UserId(user)), None)
        return self

    def leave(self, group: str, user: str) -> "PlannerWorld":
        if self.members[GroupId(group)].pop(UserId(user), None) is not None:
            self.former[GroupId(group), UserId(user)] = self._seq()
        return self

    def delete_group(self, name: str) -> "PlannerWorld":
        group = GroupId(name)
        seq = self._seq()
        for user in self.members.pop(group):
            self.former[group, user] = seq
        del self.groups[group]
        self.mappings = [replace(m, group=None) if m.group == group else m for m in self.mappings]
        return self

    def map(
        self,
        group: str,
        team: int | None,
        mode: Mode = MANAGED,
        role: Role = MEMBER,
        directory: str = "okta",
    ) -> "PlannerWorld":
        bound = GroupId(group) if GroupId(group) in self.groups else None
        target = None if team is None else TeamId(team)
        if target is not None:
            self.teams.setdefault(target, {})
        number = MappingId(len(self.mappings) + 1)
        self.mappings.append(
            Mapping(number, DirectoryId(directory), group, bound, target, role, mode, self._seq())
        )
        return self

    def remap(self, number: int, **changes: object) -> "PlannerWorld":
        self.mappings[number - 1] = replace(self.mappings[number - 1], **changes)  # type: ignore[arg-type]
        return self

    def unmap(self, number: int) -> "PlannerWorld":
        return self.remap(number, removed_seq=self._seq())

    def pause(self, *, directory: str | None = None, team: int | None = None) -> "PlannerWorld":
        if directory is not None:
            self.paused_directories.add(DirectoryId(directory))
        elif team is not None:
            self.paused_teams.add(TeamId(team))
        else:
            self.paused = True
        return self

    # ---------------------------------------------------------------- Cal.com

    def account(
        self, name: str, *, email: str | None = None, role: Role = MEMBER, accepted: bool = True
    ) -> "PlannerWorld":
        """Add an account to the organization that no user has."""
        account = self.accounts.setdefault(name, CalUserId(self._number()))
        mail = address(name if email is None else email)
        membership = MembershipId(self._number())
        person = OrgMember(membership, account, mail, name, name, role, accepted, ())
        self.people[account] = person
        return self

    def absent(self, name: str, passes: int = 0) -> "PlannerWorld":
        """Remove the account from the organization's list, for this number of complete passes."""
        self.people.pop(self.accounts[name], None)
        self.missed[UserId(name)] = passes
        return self

    def on(
        self,
        team: int,
        *names: str,
        role: Role = MEMBER,
        ledger: str | None = None,
        given: Role | None = None,
        mappings: tuple[int, ...] = (1,),
        mode: Mode = MANAGED,
        accepted: bool = True,
    ) -> "PlannerWorld":
        """Add a team member. ``ledger``: added or found; ``given``: the role in the ledger."""
        members = self.teams.setdefault(TeamId(team), {})
        for name in names:
            account = self.accounts[name]
            membership = MembershipId(self._number())
            members[account] = TeamMember(membership, account, role, accepted)
            if ledger is not None:
                self.remember(team, name, ledger, given or role, mappings, mode, membership)
        return self

    def remember(
        self,
        team: int,
        name: str,
        origin: str = "added",
        role: Role = MEMBER,
        mappings: tuple[int, ...] = (1,),
        mode: Mode = MANAGED,
        membership: MembershipId | None = None,
    ) -> "PlannerWorld":
        account = self.accounts[name]
        ids = tuple(MappingId(number) for number in mappings)
        self.ledger[TeamId(team), account] = MembershipRecord(
            TeamId(team), account, UserId(name), origin, role, mode, ids, membership
        )
        return self

    def off(self, team: int, *names: str) -> "PlannerWorld":
        for name in names:
            self.teams[TeamId(team)].pop(self.accounts[name], None)
        return self

    def unread(self, team: int | None = None, reason: str = "no answer") -> "PlannerWorld":
        if team is None:
            self.people_gap = reason
        else:
            self.gaps[TeamId(team)] = reason
        return self

    # ---------------------------------------------------------------- both sides

    @property
    def directory(self) -> DesiredState:
        return DesiredState(
            users=self.users,
            deleted_users=self.deleted_users,
            groups=self.groups,
            members=self.members,
            former=self.former,
            mappings=tuple(self.mappings),
            links=self.links,
            ledger=self.ledger,
            paused_directories=frozenset(self.paused_directories),
            paused_teams=frozenset(self.paused_teams),
            paused=self.paused,
            org_role_grants=self.org_role_grants,
            attributes=self.applied_attributes,
            former_accounts=self.former_accounts,
        )

    @property
    def observed(self) -> ObservedState:
        teams: dict = {
            team: Incomplete(self.gaps[team]) if team in self.gaps else Complete(members)
            for team, members in self.teams.items()
        }
        people = Complete(self.people) if self.people_gap is None else Incomplete(self.people_gap)
        names = {team: f"T{team}" for team in self.teams}
        attributes = (
            Complete(tuple(self.attributes.values()))
            if self.attributes_gap is None
            else Incomplete(self.attributes_gap)
        )
        return ObservedState(ME, people, teams, names, attributes, self.clears_teams)

    def plan(
        self, *, users: Iterable[str] | None = None, teams: Iterable[int] | None = None
    ) -> Plan:
        scope = Scope(
            None if users is None else frozenset(UserId(user) for user in users),
            None if teams is None else frozenset(TeamId(team) for team in teams),
        )
        inputs = PlanInputs(self.directory, self.observed, self.policy, scope, absences=self.missed)
        return propose(inputs)

    def guarded(self, *approved: str) -> Plan:
        context = self.context(guards=self.guards, approved=frozenset(approved))
        return hold_over_limits(self.plan(), context)

    def context(self, **inputs: Any) -> PlanContext:
        """Return what a stage reads. ``inputs``: the inputs besides the two states."""
        return make_context(PlanInputs(self.directory, self.observed, self.policy, **inputs))

    def office(
        self, name: str, mappings: tuple[int, ...] = (1,), mode: Mode = MANAGED, role: Role = ADMIN
    ) -> "PlannerWorld":
        """Record that calscim granted this role in the organization."""
        account = self.accounts[name]
        ids = tuple(MappingId(number) for number in mappings)
        self.org_role_grants[account] = OrgRoleGrant(account, UserId(name), role, mode, ids)
        return self

    # ---------------------------------------------------------------- attributes

    def attribute(
        self, name: str, kind: AttributeType = AttributeType.TEXT, *options: str
    ) -> "PlannerWorld":
        """Add an attribute. ``options``: the ones that Cal.com has already."""
        made = Attribute(name, name, name, kind, {value: f"{name}={value}" for value in options})
        self.attributes[name] = made
        return self

    def rule(self, source: str, to: str, *, create_options: bool = False) -> "PlannerWorld":
        schema, _, rest = source.rpartition(":")
        attribute, _, sub = rest.partition(".")
        made = AttributeRule(
            AttributePath(source, schema or None, attribute, sub=sub or None), to, create_options
        )
        self.policy = replace(self.policy, attributes=(*self.policy.attributes, made))
        return self

    def says(self, user: str, **data: object) -> "PlannerWorld":
        """Set these parts of the user's resource."""
        return self.change(user, data=data)

    def holds(self, name: str, attribute: str, *values: str) -> "PlannerWorld":
        """Set exactly these values of the attribute in Cal.com by hand."""
        account = self.accounts[name]
        person = self.people[account]
        rest = [one for one in person.attributes or () if one.attribute != attribute]
        held = [AttributeValue(attribute, f"{attribute}={value}", value) for value in values]
        self.people[account] = replace(person, attributes=tuple(sorted((*rest, *held))))
        return self

    def values(self, name: str, attribute: str) -> list[str]:
        held = self.people[self.accounts[name]].attributes or ()
        return [one.value for one in held if one.attribute == attribute]


def world() -> PlannerWorld:
    return PlannerWorld()


def sales(mode: Mode = MANAGED, role: Role = MEMBER) -> PlannerWorld:
    """Return a world in which ann is in Sales, which is mapped to team 7."""
    return world().user("ann").group("Sales", "ann").map("Sales", 7, mode, role)
