"""From what is wanted and what is seen to what is to be done. Decides nothing about limits: see guards.

A removal needs both sides: the directory visibly does not want it, and Cal.com visibly has it.
"""

import hashlib
import json
from collections.abc import Iterable
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass

from calscim.core.mapping import Desired, Person, Wanted, desired
from calscim.core.model import (
    Action,
    CalUserId,
    Cause,
    Complete,
    Directory,
    DirectoryId,
    Edge,
    GroupId,
    Kind,
    Link,
    Mode,
    Observed,
    OrgMember,
    PeopleMode,
    Plan,
    Provision,
    Role,
    Scope,
    State,
    TeamId,
    TeamMember,
    User,
    UserId,
    Waiting,
)

PATIENCE = 3  # complete passes without an account before it counts as gone


@dataclass(frozen=True, slots=True)
class Policy:
    """What an organization's settings allow. ``protected``: addresses, casefolded."""

    organization: str
    protected: frozenset[str] = frozenset()
    people: PeopleMode = PeopleMode.MANAGED
    provision: Provision = Provision.ASSIGNED


def plan(
    directory: Directory,
    observed: Observed,
    policy: Policy,
    scope: Scope = Scope(),  # noqa: B008 - frozen
    missed: MappingOf[UserId, int] | None = None,
) -> Plan:
    """Everything to do within ``scope``, in canonical order."""
    planner = _Planner(directory, observed, policy, scope, missed or {})
    return planner.plan()


class _Planner:
    def __init__(
        self,
        directory: Directory,
        observed: Observed,
        policy: Policy,
        scope: Scope,
        missed: MappingOf[UserId, int],
    ) -> None:
        self.directory = directory
        self.observed = observed
        self.policy = policy
        self.scope = scope
        self.missed = missed
        self.desired: Desired = desired(directory)
        self.seen = observed.people.value if isinstance(observed.people, Complete) else {}
        self.people_known = isinstance(observed.people, Complete)
        self.by_email = {person.email.casefold(): person for person in self.seen.values()}
        self.user_of = {link.cal_user: link.user for link in directory.links.values()}
        self.left: dict[UserId, list[tuple[int, GroupId]]] = {}
        for (group, user), seq in directory.former.items():
            self.left.setdefault(user, []).append((seq, group))
        self.active_accounts = {
            person.cal_user for person in self.desired.people.values() if person.active
        }
        self.actions: list[Action] = []
        self.waiting: dict[UserId, Waiting] = {}
        self.incomplete: list[str] = []
        self.in_place: list[Edge] = []
        self.links: list[Link] = []
        self.accounts: dict[UserId, CalUserId | None] = {}
        self.leaving: set[CalUserId] = set()
        self.coming: set[UserId] = set()

    def plan(self) -> Plan:
        if not self.people_known:
            reason = getattr(self.observed.people, "reason", "")
            self.incomplete.append(f"the organization's members: {reason}")
        for person in self._persons():
            self._person(person)
        self._departed()
        for team in sorted(self.observed.teams):
            self._team(team)
        actions = tuple(sorted(self.actions, key=_order))
        return Plan(
            organization=self.policy.organization,
            actions=actions,
            waiting=tuple(sorted(self.waiting.values(), key=lambda one: (one.email, one.user))),
            incomplete=tuple(self.incomplete),
            in_place=tuple(sorted(self.in_place, key=lambda edge: (edge.team, edge.cal_user))),
            links=tuple(sorted(self.links, key=lambda link: link.user)),
            hash=digest(actions),
        )

    # ---------------------------------------------------------------- people

    def _persons(self) -> list[Person]:
        unique = {person.user.id: person for person in self.desired.people.values()}
        if self.scope.users is None:
            return [unique[key] for key in sorted(unique)]
        wanted = {
            person.user.id
            for user in self.scope.users
            if (person := self.desired.people.get(user)) is not None
        }
        return [unique[key] for key in sorted(wanted)]

    def _person(self, person: Person) -> None:
        user, account = person.user, self._account(person)
        self.accounts[user.id] = account
        if not person.active:
            if any(one.managed for one in person.users):
                self._not_wanted(person, account)
            return
        if self.policy.provision is Provision.MAPPED and user.id not in self.desired.mapped:
            self._not_wanted(person, account)
            return
        if not user.email:
            self._wait(user, "the directory gives no e-mail address: Cal.com knows people by one")
            return
        if not self.people_known:
            return
        if account is None:
            self.coming.add(user.id)
            self._do(
                Kind.CREATE,
                user,
                f"an active user of the directory (journal {user.seq}) without a Cal.com account",
                cause=Cause(user.directory, user.seq),
            )
            return
        seen = self.seen.get(account)
        if seen is None:
            self._absent(user, account)
            return
        if not seen.accepted:
            self._wait(user, "has not accepted the invitation yet")
        self._profile(user, seen)
        self._organization_role(person, seen)

    def _account(self, person: Person) -> CalUserId | None:
        account = person.cal_user
        if account is None and person.user.email:
            found = self.by_email.get(person.user.email.casefold())
            account = found.user if found is not None else None
        if account is not None:
            for user in person.users:
                if user.id not in self.directory.links:
                    self.links.append(Link(user.id, account, "found", user.email))
        return account

    def _absent(self, user: User, account: CalUserId) -> None:
        """Linked, and not in the list: only several complete passes in a row make it true."""
        if self.missed.get(user.id, 0) < PATIENCE:
            self._wait(user, "the account was not in Cal.com's list; looking again before acting")
            self.coming.discard(user.id)
            return
        self._do(
            Kind.ATTACH,
            user,
            "the account has left the organization, and the directory wants it there",
            cal_user=account,
            drift=True,
        )

    def _profile(self, user: User, seen: OrgMember) -> None:
        if not user.managed:
            return
        if user.email.casefold() == seen.email.casefold():
            return  # the API cannot change a name: a difference of names is left alone
        other = self.by_email.get(user.email.casefold())
        if other is not None and other.user != seen.user:
            self._wait(user, f"another account already has the address {user.email}")
            return
        self._do(
            Kind.UPDATE,
            user,
            f"the directory has another address than {seen.email} (journal {user.seq})",
            cal_user=seen.user,
            membership=seen.membership,
            cause=Cause(user.directory, user.seq),
            observed=seen.role,
        )

    def _organization_role(self, person: Person, seen: OrgMember) -> None:
        wanted = self.desired.roles.get(person.user.id)
        if wanted is None or wanted.role is seen.role or self._untouchable(seen) is not None:
            return
        if wanted.role.rank < seen.role.rank and wanted.mode is not Mode.MANAGED:
            return
        self._do(
            Kind.ROLE,
            person.user,
            f"{_sources(wanted)} gives the role {wanted.role.value} in the organization",
            cal_user=seen.user,
            membership=seen.membership,
            role=wanted.role,
            observed=seen.role,
            mode=wanted.mode,
            mappings=wanted.mappings,
            cause=wanted.cause,
            state=_state(wanted),
        )

    def _not_wanted(self, person: Person, account: CalUserId | None) -> None:
        seen = self.seen.get(account) if account is not None else None
        if seen is None or account is None:
            return
        user = max((one for one in person.users if one.managed), key=lambda one: one.seq)
        if person.active:
            because = "no mapped group has this person any more"
            left = self.left.get(user.id)
            cause = Cause(user.directory, max(left)[0] if left else user.seq)
        else:
            because = f"the provider has deactivated this user (journal {user.seq})"
            cause = Cause(user.directory, user.seq)
        self._deprovision(user.id, user.email or seen.email, seen, because, cause)

    def _departed(self) -> None:
        for gone in self.directory.departed.values():
            if self.scope.users is not None and gone.id not in self.scope.users:
                continue
            link = self.directory.links.get(gone.id)
            if link is None or not gone.managed or link.cal_user in self.active_accounts:
                continue
            seen = self.seen.get(link.cal_user)
            if seen is not None:
                because = f"the provider has deleted this user (journal {gone.seq})"
                cause = Cause(gone.directory, gone.seq)
                self._deprovision(gone.id, gone.email or seen.email, seen, because, cause)

    def _deprovision(
        self, user: UserId, email: str, seen: OrgMember, because: str, cause: Cause
    ) -> None:
        if (reason := self._untouchable(seen)) is not None:
            self.waiting[user] = Waiting(user, email, f"{because}, but is left alone: {reason}")
            return
        paused = self.directory.paused or cause.stream in self.directory.paused_directories
        state = State.PAUSED if paused else State.RUN
        if self.policy.people is not PeopleMode.MANAGED:
            state = State.OBSERVED
        if state is State.RUN:
            self.leaving.add(seen.user)
        self.actions.append(
            Action(
                Kind.DEPROVISION,
                email,
                because,
                user=user,
                cal_user=seen.user,
                membership=seen.membership,
                observed_role=seen.role,
                cause=cause,
                state=state,
            )
        )

    def _untouchable(self, seen: OrgMember) -> str | None:
        return untouchable(seen, self.observed.me, self.policy)

    # ---------------------------------------------------------------- teams

    def _team(self, team: TeamId) -> None:
        members = self.observed.teams[team]
        name = self.observed.team_names.get(team, str(team))
        if not isinstance(members, Complete):
            self.incomplete.append(f"team {name}: {members.reason}")
            return
        wanted = self.desired.edges.get(team, {})
        accounts: dict[CalUserId, Wanted] = {}
        for key, edge in wanted.items():
            if not self._in_scope(edge.person):
                account = self._known_account(edge.person)
                if account is not None:
                    accounts[account] = edge
                continue
            account = self._wanted_edge(team, name, key, edge, members.value)
            if account is not None:
                accounts[account] = edge
        for cal_user in sorted(members.value):
            if cal_user not in accounts and cal_user not in self.leaving:
                self._surplus(team, name, members.value[cal_user])

    def _in_scope(self, person: Person) -> bool:
        return self.scope.users is None or any(user.id in self.scope.users for user in person.users)

    def _known_account(self, person: Person) -> CalUserId | None:
        if person.user.id not in self.accounts:
            self.accounts[person.user.id] = self._account(person)
        return self.accounts[person.user.id]

    def _wanted_edge(
        self,
        team: TeamId,
        name: str,
        key: UserId,
        edge: Wanted,
        members: MappingOf[CalUserId, TeamMember],
    ) -> CalUserId | None:
        account = self._known_account(edge.person)
        member = members.get(account) if account is not None else None
        if member is None:
            self._missing(team, name, edge, account)
            return account
        assert account is not None
        ledger = self.directory.ledger.get((team, account))
        origin = ledger.origin if ledger is not None else "found"
        role = member.role
        if member.role is not edge.role and self._may_change_role(edge, member, origin):
            self._role(team, name, edge, account, member)
        self.in_place.append(
            Edge(team, account, key, origin, role, edge.mode, edge.mappings, member.membership)
        )
        return account

    def _missing(self, team: TeamId, name: str, edge: Wanted, account: CalUserId | None) -> None:
        user = edge.person.user
        if account is None:
            if user.id not in self.coming:
                return
        else:
            seen = self.seen.get(account)
            if self.people_known and (seen is None or not seen.accepted):
                return  # waited for, or attached first
        ledger = self.directory.ledger.get((team, account)) if account is not None else None
        because = f"{_sources(edge)} puts this person on {name}"
        if ledger is not None:
            because += ", and somebody took them off in Cal.com"
        self._do(
            Kind.ADD,
            user,
            because,
            cal_user=account,
            team=team,
            role=edge.role,
            mode=edge.mode,
            mappings=edge.mappings,
            cause=edge.cause,
            drift=ledger is not None,
            state=_state(edge),
        )

    def _may_change_role(self, edge: Wanted, member: TeamMember, origin: str) -> bool:
        if edge.mode not in (Mode.MANAGED, Mode.EXCLUSIVE, Mode.OBSERVE):
            return False
        if edge.mode is not Mode.EXCLUSIVE and origin != "added":
            return False
        demotes = edge.role.rank < member.role.rank
        return not (demotes and self._keeps(member, origin))

    def _keeps(self, member: TeamMember, origin: str) -> bool:
        """Never removed or demoted on a team."""
        if member.user == self.observed.me or (member.role is Role.OWNER and origin != "added"):
            return True
        seen = self.seen.get(member.user)
        if seen is None:
            return not self.people_known or bool(self.policy.protected)
        return seen.email.casefold() in self.policy.protected

    def _role(
        self, team: TeamId, name: str, edge: Wanted, account: CalUserId, member: TeamMember
    ) -> None:
        self._do(
            Kind.ROLE,
            edge.person.user,
            f"{_sources(edge)} gives the role {edge.role.value} on {name}",
            cal_user=account,
            membership=member.membership,
            team=team,
            role=edge.role,
            observed=member.role,
            mode=edge.mode,
            mappings=edge.mappings,
            cause=edge.cause,
            state=_state(edge),
        )

    def _surplus(self, team: TeamId, name: str, member: TeamMember) -> None:
        ledger = self.directory.ledger.get((team, member.user))
        user = ledger.user if ledger is not None else self.user_of.get(member.user)
        if not self._surplus_in_scope(user):
            return
        origin = ledger.origin if ledger is not None else "found"
        mode = self.desired.modes.get(team)
        if mode is None:  # not mapped any more: what was given there under a mode that takes back
            mode = ledger.mode if ledger is not None and origin == "added" else None
        if mode is Mode.MANAGED and origin != "added":
            return
        if mode is None or mode is Mode.ADD_ONLY or self._keeps(member, origin):
            return
        if mode is Mode.OBSERVE and origin != "added":
            return
        cause, because = self._reason(team, name, user, ledger)
        if ledger is not None and cause is None and not self._mapped_at_all(ledger):
            return  # the directory itself is gone: nobody asked for this
        seen = self.seen.get(member.user)
        state = State.OBSERVED if mode is Mode.OBSERVE else State.RUN
        if self._paused(team, cause):
            state = State.PAUSED
        self.actions.append(
            Action(
                Kind.REMOVE,
                seen.email if seen is not None else self._email(user, member.user),
                because,
                user=user,
                cal_user=member.user,
                membership=member.membership,
                team=team,
                observed_role=member.role,
                mode=mode,
                cause=cause,
                drift=cause is None and ledger is None,
                state=state,
            )
        )

    def _surplus_in_scope(self, user: UserId | None) -> bool:
        return self.scope.users is None or (user is not None and user in self.scope.users)

    def _mapped_at_all(self, ledger: Edge) -> bool:
        known = {mapping.id for mapping in self.directory.mappings}
        return any(number in known for number in ledger.mappings)

    def _email(self, user: UserId | None, cal_user: CalUserId) -> str:
        if user is not None and user in self.directory.users:
            return self.directory.users[user].email
        if user is not None and user in self.directory.links:
            return self.directory.links[user].email
        return f"account {cal_user}"

    def _paused(self, team: TeamId, cause: Cause | None) -> bool:
        if self.directory.paused or team in self.directory.paused_teams:
            return True
        return cause is not None and cause.stream in self.directory.paused_directories

    def _reason(
        self, team: TeamId, name: str, user: UserId | None, ledger: Edge | None
    ) -> tuple[Cause | None, str]:
        """The journal row behind a removal, and the sentence about it."""
        if user is None:
            return None, f"no mapped group wants this person on {name}, which is exclusive"
        if (one := self.directory.users.get(user)) is not None and not one.active:
            return (
                Cause(one.directory, one.seq),
                f"the provider has deactivated this user (journal {one.seq})",
            )
        if (gone := self.directory.departed.get(user)) is not None:
            return (
                Cause(gone.directory, gone.seq),
                f"the provider has deleted this user (journal {gone.seq})",
            )
        named = set(ledger.mappings) if ledger is not None else set()
        unmapped = [
            mapping
            for mapping in self.directory.mappings
            if mapping.removed_seq is not None and mapping.id in named
        ]
        left = self._left_for(team, user)
        if left is not None:
            seq, group, stream = left
            title = self.directory.groups.get(group, "a deleted group")
            return Cause(stream, seq), f"left {title} (journal {seq}), the last group for {name}"
        if unmapped:
            last = max(unmapped, key=lambda mapping: mapping.removed_seq or 0)
            seq = last.removed_seq or 0
            return (
                Cause(f"@{self.policy.organization}", seq),
                f"{last.group_name} is not mapped to {name} any more (journal {seq})",
            )
        if ledger is not None:
            return None, f"no group wants this person on {name} any more"
        return None, f"no mapped group wants this person on {name}, which is exclusive"

    def _left_for(self, team: TeamId, user: UserId) -> tuple[int, GroupId, DirectoryId] | None:
        """The last group of this team that the person left; a deleted group is bound to no mapping."""
        bound = {mapping.group for mapping in self.directory.mappings if mapping.team == team}
        known = {mapping.group for mapping in self.directory.mappings}
        found = [
            (seq, group)
            for seq, group in self.left.get(user, ())
            if group in bound or group not in known
        ]
        one = self.directory.users.get(user)
        if not found or one is None:
            return None
        seq, group = max(found)
        return seq, group, one.directory

    # ---------------------------------------------------------------- collecting

    def _wait(self, user: User, reason: str) -> None:
        self.waiting[user.id] = Waiting(user.id, user.email, reason)

    def _do(
        self,
        kind: Kind,
        user: User,
        because: str,
        *,
        cal_user: CalUserId | None = None,
        membership: object = None,
        team: TeamId | None = None,
        role: Role | None = None,
        observed: Role | None = None,
        mode: Mode | None = None,
        mappings: tuple[object, ...] = (),
        cause: Cause | None = None,
        drift: bool = False,
        state: State = State.RUN,
    ) -> None:
        if team is None:
            if self.policy.people is PeopleMode.OBSERVE:
                state = State.OBSERVED
            elif self.directory.paused or user.directory in self.directory.paused_directories:
                state = State.PAUSED
        self.actions.append(
            Action(
                kind,
                user.email,
                because,
                user=user.id,
                cal_user=cal_user,
                membership=membership,  # type: ignore[arg-type]
                team=team,
                role=role,
                observed_role=observed,
                name=user.name,
                locale=user.locale,
                time_zone=user.time_zone,
                mode=mode,
                mappings=mappings,  # type: ignore[arg-type]
                cause=cause,
                drift=drift,
                state=state,
            )
        )


def untouchable(seen: OrgMember, me: CalUserId, policy: Policy) -> str | None:
    """Why this person is never deprovisioned or demoted, if so."""
    if seen.user == me:
        return "the API key belongs to this person"
    if seen.role is Role.OWNER:
        return "an owner of the organization"
    if seen.email.casefold() in policy.protected:
        return "on the protected list"
    return None


def _state(wanted: Wanted) -> State:
    if wanted.paused:
        return State.PAUSED
    return State.OBSERVED if wanted.mode is Mode.OBSERVE else State.RUN


def _sources(wanted: Wanted) -> str:
    return ", ".join(f"{name} (journal {seq})" for name, seq in wanted.groups)


_ORDER = {kind: number for number, kind in enumerate(Kind)}


def _order(action: Action) -> tuple[object, ...]:
    return (
        _ORDER[action.kind],
        action.drift,
        action.team or 0,
        action.email.casefold(),
        action.user or "",
        action.cal_user or 0,
    )


def digest(actions: Iterable[Action]) -> str:
    """Names a set of actions by what they do and what was observed, not by when or why."""
    text = json.dumps(
        sorted(
            [
                action.kind.value,
                action.team or 0,
                action.cal_user or 0,
                action.user or "",
                action.membership or 0,
                action.role.value if action.role else "",
                action.observed_role.value if action.observed_role else "",
            ]
            for action in actions
        )
    )
    return hashlib.sha256(text.encode()).hexdigest()[:16]
