"""Plan team memberships: add members, correct roles, and remove members.

A removal requires three things: a Complete list of the team's members, a directory that does not put the person on
the team, and a mode that removes (managed for members that calscim added or adopted, exclusive for any member). A
pending membership counts as present, and is accepted if the directory wants it. The API key's user, protected people,
owners that calscim did not make, and the last administrator of a team are never removed or demoted.
"""

from collections.abc import Iterator
from collections.abc import Mapping as MappingOf
from operator import attrgetter

from calscim.planner.actions import AcceptMember, AddMember, ChangeTeamRole, RemoveMember, State
from calscim.planner.context import PlanContext
from calscim.planner.desired_state import MembershipRecord
from calscim.planner.grants import EffectiveGrant, strongest
from calscim.planner.identity import PersonKey
from calscim.planner.ids import CalUserId, TeamId
from calscim.planner.modes import Mode
from calscim.planner.observed_state import Incomplete, TeamMember
from calscim.planner.people.membership import find_joining
from calscim.planner.plan import Additions, Plan
from calscim.planner.safeguards import action_states
from calscim.planner.teams.bootstrap_owner import is_bootstrap_owner

_CORRECTS_ROLES = (Mode.MANAGED, Mode.EXCLUSIVE, Mode.OBSERVE)


def plan_members(plan: Plan, context: PlanContext) -> Plan:
    """Add members to the mapped teams, correct their roles, and remove members."""
    added = Additions()
    joining = find_joining(plan, context)
    for team in sorted(context.teams):
        members = context.observed.teams[team]
        if isinstance(members, Incomplete):
            name = context.observed.team_names.get(team, team)
            added.incomplete.append(f"team {name}: {members.reason}")
        else:
            _TeamPlanner(context, joining, added, team, members.value).plan()
    return added.add_to(plan)


class _TeamPlanner:
    """Plans one team. ``joining``: the people that an action of the same plan invites, and its state."""

    def __init__(
        self,
        context: PlanContext,
        joining: MappingOf[PersonKey, State],
        added: Additions,
        team: TeamId,
        members: MappingOf[CalUserId, TeamMember],
    ) -> None:
        self._context = context
        self._joining = joining
        self._added = added
        self._team = team
        self._members = members
        self._people = context.people
        self._ledger = context.desired.ledger
        self._deprovisioning = context.deprovisioning
        self._protections = context.protections
        self._grants = context.grants.teams.get(team, {})
        self._mappings = context.grants.live.get(team, ())
        self._is_exclusive = team in context.grants.exclusive
        self._name = context.team_name(team)

    def plan(self) -> None:
        """Plan all members, or only the people in scope."""
        in_place: list[MembershipRecord] = []
        for key, grant in self._people_to_plan():
            member = None if isinstance(key, str) else self._members.get(key)
            if member is None:
                if grant is not None:
                    self._add(key, grant)
            elif grant is None:
                self._remove(member)
            else:
                in_place.append(self._keep(member, grant))
        self._added.in_place += sorted(in_place, key=attrgetter("cal_user"))
        if self._context.people_in_scope is None and len(in_place) < len(self._members):
            self._note_missing_groups()

    def _people_to_plan(self) -> Iterator[tuple[PersonKey, EffectiveGrant | None]]:
        """Yield the people in scope, or everyone who is granted a membership or has one; each with the grant."""
        in_scope = self._context.people_in_scope
        if in_scope is None:
            yield from self._grants.items()
            unwanted = sorted(self._members.keys() - self._grants.keys())
            yield from ((account, None) for account in unwanted)
            return
        for key in sorted(in_scope, key=lambda key: (isinstance(key, str), key)):
            yield key, self._grants.get(key)

    # ---------------------------------------------------------------- wanted members

    def _add(self, key: PersonKey, grant: EffectiveGrant) -> None:
        if not self._can_be_added(key):
            return
        account = None if isinstance(key, str) else key
        record = None if account is None else self._ledger.get((self._team, account))
        state = action_states.of_grant(self._context.desired, self._team, grant)
        if account is None and state is State.RUN:
            state = self._joining[key]
        explanation = self._context.provenance.why_granted(key, grant)
        reason = f"{explanation.puts} this person on {self._name}"
        if record is not None:
            reason += "; the membership was removed in Cal.com"
        user = self._people.primary_user[key]
        self._added.actions.append(
            AddMember(
                user.email if account is None else user.email or self._protections.email(account),
                reason,
                user=user.id,
                cal_user=account,
                team=self._team,
                new_team=self._context.pending_teams.get(self._team),
                role=grant.role,
                mode=grant.mode,
                mappings=grant.ids,
                provenance=explanation.provenance,
                drift=record is not None,
                state=state,
            )
        )

    def _can_be_added(self, key: PersonKey) -> bool:
        """Return True if Cal.com would add this person to a team: an accepted member who is not leaving."""
        if isinstance(key, str):
            return key in self._joining
        if self._deprovisioning.members is None:
            return True  # the account is not known; at worst, Cal.com refuses the call
        person = self._deprovisioning.members.get(key)
        return person is not None and person.has_joined and not self._deprovisioning.is_leaving(key)

    def _keep(self, member: TeamMember, grant: EffectiveGrant) -> MembershipRecord:
        """Correct a wanted member, and return what the ledger should record: the same record if nothing changed."""
        record = self._ledger.get((self._team, member.user))
        if not member.accepted and self._can_be_added(member.user):
            self._accept(member, grant, record)
        role = grant.role
        if member.role is not role:
            self._correct_role(member, grant, record)
            # The ledger keeps what calscim did for a member until Cal.com shows the wanted role.
            role = member.role if record is None else record.role
        origin, user = "found", self._people.primary_user[member.user].id
        if record is not None:
            origin = record.origin
            if self._people.key_of.get(record.user) == member.user:
                user = record.user
            if (
                record.role is role
                and record.mode is grant.mode
                and record.mappings == grant.ids
                and record.membership == member.membership
                and record.user == user
            ):
                return record
        return MembershipRecord(
            self._team, member.user, user, origin, role, grant.mode, grant.ids, member.membership
        )

    def _accept(
        self, member: TeamMember, grant: EffectiveGrant, record: MembershipRecord | None
    ) -> None:
        """Accept a pending team membership: Cal.com gives bookings only to accepted members."""
        explanation = self._context.provenance.why_granted(member.user, grant)
        user = self._people.primary_user[member.user]
        self._added.actions.append(
            AcceptMember(
                user.email or self._protections.email(member.user, record),
                f"{explanation.puts} this person on {self._name}, where the membership is pending: accepts it, "
                "so that the person gets bookings",
                user=user.id,
                cal_user=member.user,
                membership=member.membership,
                team=self._team,
                role=member.role,
                provenance=explanation.provenance,
                state=action_states.of_grant(self._context.desired, self._team, grant),
            )
        )

    def _correct_role(
        self, member: TeamMember, grant: EffectiveGrant, record: MembershipRecord | None
    ) -> None:
        if grant.mode not in _CORRECTS_ROLES or (
            grant.mode is Mode.MANAGED and not self._corrects_managed(member, grant, record)
        ):
            return
        if self._deprovisioning.is_leaving(member.user) or self._is_bootstrap_owner(member):
            return
        state = action_states.of_grant(self._context.desired, self._team, grant)
        if grant.role.rank < member.role.rank:
            protection = self._protections.find(self._team, member, record)
            if protection is not None:
                self._note(member, f"keeps the role {member.role.value}", protection)
                return
            self._protections.reserve_removal(self._team, member, grant.role, state)
        explanation = self._context.provenance.why_granted(member.user, grant, grant.role)
        reason = f"{explanation.gives} the role {grant.role.value} on {self._name}"
        provenance = explanation.provenance
        is_drift = record is not None and record.role is grant.role
        if is_drift:
            reason += f"; the role was changed to {member.role.value} in Cal.com"
        elif grant.role.rank < member.role.rank:
            lost = self._context.provenance.why_role_lowered(
                member.user, record, grant, member.role
            )
            if lost is not None:
                reason, provenance = f"{lost.reason}; {reason}", lost.provenance
        user = self._people.primary_user[member.user]
        self._added.actions.append(
            ChangeTeamRole(
                user.email or self._protections.email(member.user, record),
                reason,
                user=user.id,
                cal_user=member.user,
                membership=member.membership,
                team=self._team,
                role=grant.role,
                observed_role=member.role,
                mode=grant.mode,
                mappings=grant.ids,
                provenance=provenance,
                drift=is_drift,
                state=state,
            )
        )

    def _corrects_managed(
        self, member: TeamMember, grant: EffectiveGrant, record: MembershipRecord | None
    ) -> bool:
        """Return True if `managed` corrects the role: of an added member, or a higher role of an adopted one.

        An adopted member has a role that was set by hand, so it is not lowered. Once calscim has raised the role, the
        membership counts as added.
        """
        if record is None or not record.is_owned:
            return False
        return record.origin == "added" or grant.role.rank > member.role.rank

    # ---------------------------------------------------------------- members that are not wanted

    def _remove(self, member: TeamMember) -> None:
        """Plan a member of the team who is in none of its groups."""
        record = self._ledger.get((self._team, member.user))
        if self._is_left_behind(member):
            self._remove_left_behind(member, record)
            return
        mode = self._removal_mode(member, record)
        if mode in (None, Mode.ADD_ONLY) or self._deprovisioning.is_leaving(member.user):
            return
        if self._is_bootstrap_owner(member):
            return
        explanation = self._context.provenance.why_ended(member.user, record, self._team)
        if explanation is None and mode is Mode.EXCLUSIVE and self._unpushed_groups():
            return  # the member's group may not have been pushed yet; noted once for each team
        protection = self._protections.find(self._team, member, record)
        if protection is not None:
            if mode is not Mode.OBSERVE:
                self._note(member, "stays", protection)
            return
        given = self._context.provenance.given(record)
        state = action_states.of_removal(
            self._context.desired, self._team, mode, given, self._mappings
        )
        self._protections.reserve_removal(self._team, member, None, state)
        user = next((one.id for one in self._people.entries(member.user)), None)
        if user is None and record is not None:
            user = record.user
        self._added.actions.append(
            RemoveMember(
                self._protections.email(member.user, record),
                self._why_unwanted(record) if explanation is None else explanation.reason,
                user=user,
                cal_user=member.user,
                membership=member.membership,
                team=self._team,
                observed_role=member.role,
                provenance=None if explanation is None else explanation.provenance,
                drift=explanation is None,
                state=state,
            )
        )

    def _is_left_behind(self, member: TeamMember) -> bool:
        """Return True if calscim removed this person from the organization, and they are not in it now.

        If Cal.com ends team memberships itself, such a row comes from a stale list, or the person has just joined.
        """
        people = self._deprovisioning.members
        return (
            self._context.observed.clears_teams is not True
            and people is not None
            and member.user not in people
            and member.user in self._context.former_users
        )

    def _remove_left_behind(self, member: TeamMember, record: MembershipRecord | None) -> None:
        """End a membership that a Cal.com build from before 2025-08-18 left behind, whatever the team's mode."""
        desired = self._context.desired
        user = self._context.former_users[member.user]
        known = desired.users.get(user)
        self._added.actions.append(
            RemoveMember(
                self._protections.email(member.user, record) if known is None else known.email,
                "left the organization, and this build of Cal.com kept the team membership",
                user=user,
                cal_user=member.user,
                membership=member.membership,
                team=self._team,
                observed_role=member.role,
                state=action_states.of_removal(
                    desired, self._team, Mode.MANAGED, (), self._mappings
                ),
            )
        )

    def _removal_mode(self, member: TeamMember, record: MembershipRecord | None) -> Mode | None:
        """Return the mode that applies to a member who is not wanted, or None if no mode applies."""
        if self._is_exclusive:
            return Mode.EXCLUSIVE
        if record is not None and record.is_owned:
            given = self._context.provenance.given(record)
            if given:
                return strongest(given)
            self._note(member, "stays", "the directory that asked for the membership was deleted")
            return None
        is_pushed = len(self._unpushed_groups()) < len(self._mappings)
        only_observed = all(mapping.mode is Mode.OBSERVE for mapping in self._mappings)
        return Mode.OBSERVE if is_pushed and only_observed else None

    def _why_unwanted(self, record: MembershipRecord | None) -> str:
        """Explain a removal that no journal row asks for."""
        if record is None or self._is_exclusive:
            names = sorted({self._context.provenance.group(one) for one in self._mappings})
            return f"is in none of the groups mapped to {self._name}: {', '.join(names)}"
        return f"no mapped group puts this person on {self._name} any more"

    def _is_bootstrap_owner(self, member: TeamMember) -> bool:
        creator = self._context.desired.bootstrap_owners.get(self._team)
        return creator is not None and is_bootstrap_owner(creator, member)

    def _unpushed_groups(self) -> list[str]:
        """Return the names of mapped groups that were not pushed yet."""
        return sorted(one.group_name for one in self._mappings if one.group is None)

    # ---------------------------------------------------------------- notes

    def _note_missing_groups(self) -> None:
        missing = self._unpushed_groups()
        if missing and self._is_exclusive:
            self._added.notes.append(
                f"{self._name}: people who were added by hand stay until the group {', '.join(missing)} is pushed"
            )

    def _note(self, member: TeamMember, what: str, why: str) -> None:
        record = self._ledger.get((self._team, member.user))
        email = self._protections.email(member.user, record)
        self._added.notes.append(f"{email} {what} on {self._name}: {why}")
