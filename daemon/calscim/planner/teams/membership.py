"""Plan team memberships: add members, correct roles, and remove members.

A removal requires three things: a Complete list of the team's members, a directory that does not put the person on
the team, and a mode that removes (managed for members that calscim added, exclusive for any member). A pending
membership counts as present, and is accepted if the directory wants it. The API key's user, protected people, owners
that calscim did not make, and the last administrator of a team are never removed or demoted.
"""

from collections.abc import Iterable
from collections.abc import Mapping as MappingOf
from dataclasses import replace
from operator import attrgetter

from calscim.planner.actions import (
    AcceptMember,
    Action,
    AddMember,
    ChangeTeamRole,
    RemoveMember,
    State,
)
from calscim.planner.context import PlanContext
from calscim.planner.desired_state import MembershipRecord
from calscim.planner.grants import EffectiveGrant, strongest
from calscim.planner.identity import PersonKey
from calscim.planner.ids import CalUserId, TeamId
from calscim.planner.modes import Mode
from calscim.planner.observed_state import Incomplete, TeamMember
from calscim.planner.people.membership import joining
from calscim.planner.plan import Plan
from calscim.planner.safeguards import action_states
from calscim.planner.teams import bootstrap_owner

Members = MappingOf[CalUserId, TeamMember]
_KEEPS_ROLES = (Mode.MANAGED, Mode.EXCLUSIVE, Mode.OBSERVE)


def plan_members(plan: Plan, context: PlanContext) -> Plan:
    """Add members to the mapped teams, correct their roles, and remove members."""
    planner = TeamsPlanner(context, joining(plan, context))
    planner.walk(context.teams, context.chosen)
    return replace(
        plan,
        actions=(*plan.actions, *planner.actions),
        in_place=tuple(planner.in_place),
        incomplete=(*plan.incomplete, *planner.incomplete),
        notes=(*plan.notes, *planner.notes),
    )


class TeamsPlanner:
    """Fills ``actions``, ``in_place``, ``incomplete`` and ``notes``, one team after the other."""

    def __init__(self, context: PlanContext, joining: MappingOf[PersonKey, State]) -> None:
        self._desired = context.desired
        self._observed = context.observed
        self._grants = context.grants
        self._people = context.people
        self._provenance = context.provenance
        self._deprovisioning = context.deprovisioning
        self._protections = context.protections
        self._pending_teams = context.pending_teams
        self._coming = joining  # people whom an action of this plan invites
        self._former = frozenset(context.desired.former_accounts.values())
        self.actions: list[Action] = []
        self.in_place: list[MembershipRecord] = []
        self.incomplete: list[str] = []
        self.notes: list[str] = []

    def walk(self, teams: Iterable[TeamId], chosen: frozenset[PersonKey] | None) -> None:
        """Plan these teams, for all members or only for the people in ``chosen``."""
        for team in sorted(teams):
            members = self._observed.teams[team]
            if isinstance(members, Incomplete):
                self.incomplete.append(f"team {self._protections.name(team)}: {members.reason}")
            elif chosen is None:
                self._whole(team, members.value)
            else:
                self._some(team, members.value, chosen)

    def _whole(self, team: TeamId, members: Members) -> None:
        wanted = self._grants.teams.get(team, {})
        there: list[MembershipRecord] = []
        ledger = self._desired.ledger
        for key, grant in wanted.items():
            member = None if isinstance(key, str) else members.get(key)
            if member is None:
                self._missing(team, key, grant)
                continue
            record = ledger.get((team, member.user))
            there.append(self._present(team, member, grant, record))
        there.sort(key=attrgetter("cal_user"))
        self.in_place += there
        if len(there) < len(members):
            for account in sorted(members.keys() - wanted.keys()):
                self._surplus(team, members[account])
            self._wait_for_groups(team)

    def _some(self, team: TeamId, members: Members, chosen: frozenset[PersonKey]) -> None:
        wanted = self._grants.teams.get(team, {})
        for key in sorted(chosen, key=lambda key: (isinstance(key, str), key)):
            grant = wanted.get(key)
            member = None if isinstance(key, str) else members.get(key)
            if grant is None:
                if member is not None:
                    self._surplus(team, member)
            elif member is None:
                self._missing(team, key, grant)
            else:
                record = self._desired.ledger.get((team, member.user))
                self.in_place.append(self._present(team, member, grant, record))

    # ---------------------------------------------------------------- wanted members

    def _present(
        self,
        team: TeamId,
        member: TeamMember,
        grant: EffectiveGrant,
        record: MembershipRecord | None,
    ) -> MembershipRecord:
        """Plan a member that is wanted and present. An unchanged ledger entry is returned as is."""
        if not member.accepted:
            self._pending(team, member, grant, record)
        if member.role is not grant.role:
            self._role(team, member, grant, record)
        # The ledger keeps what calscim did for a member until Cal.com shows the wanted state.
        role = grant.role
        if member.role is not role:
            role = member.role if record is None else record.role
        user = self._people.primary_user[member.user].id
        if record is None:
            mode, ids = grant.mode, grant.ids
            return MembershipRecord(
                team, member.user, user, "found", role, mode, ids, member.membership
            )
        if self._people.of.get(record.user) == member.user:
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
            team,
            member.user,
            user,
            record.origin,
            role,
            grant.mode,
            grant.ids,
            member.membership,
        )

    def _pending(
        self,
        team: TeamId,
        member: TeamMember,
        grant: EffectiveGrant,
        record: MembershipRecord | None,
    ) -> None:
        """Accept a pending team membership: Cal.com gives bookings only to accepted members."""
        if not self._ready(member.user):
            return
        explanation = self._provenance.why_granted(member.user, grant)
        user = self._people.primary_user[member.user]
        self.actions.append(
            AcceptMember(
                user.email or self._protections.email(member.user, record),
                f"{explanation.reason} puts this person on {self._protections.name(team)}, where the membership is "
                "pending: accepts it, so that the person gets bookings",
                user=user.id,
                cal_user=member.user,
                membership=member.membership,
                team=team,
                role=member.role,
                provenance=explanation.provenance,
                state=action_states.of_grant(self._desired, team, grant),
            )
        )

    def _missing(self, team: TeamId, key: PersonKey, grant: EffectiveGrant) -> None:
        if not self._ready(key):
            return
        state = action_states.of_grant(self._desired, team, grant)
        record = None
        if isinstance(key, str):
            coming = self._coming[key]
            state = coming if state is State.RUN else state
        else:
            record = self._desired.ledger.get((team, key))
        explanation = self._provenance.why_granted(key, grant)
        user = self._people.primary_user[key]
        reason = f"{explanation.reason} puts this person on {self._protections.name(team)}"
        if record is not None:
            reason += "; the membership was removed in Cal.com"
        self.actions.append(
            AddMember(
                user.email or self._protections.email(None if isinstance(key, str) else key, None),
                reason,
                user=user.id,
                cal_user=None if isinstance(key, str) else key,
                team=team,
                new_team=self._pending_teams.get(team),
                role=grant.role,
                mode=grant.mode,
                mappings=grant.ids,
                provenance=explanation.provenance,
                drift=record is not None,
                state=state,
            )
        )

    def _ready(self, key: PersonKey) -> bool:
        """Return True if Cal.com would add this person to a team: an accepted member who is not leaving."""
        if isinstance(key, str):
            return key in self._coming
        if self._deprovisioning.seen is None:
            return True  # the account is not known; at worst, Cal.com refuses the call
        person = self._deprovisioning.seen.get(key)
        return person is not None and person.has_joined and not self._deprovisioning.leaves(key)

    def _made_it(self, team: TeamId, member: TeamMember) -> bool:
        """Return True if the person owns the team because the API key created it; see bootstrap_owner."""
        creator = self._desired.bootstrap_owners.get(team)
        return creator is not None and bootstrap_owner.is_bootstrap_owner(creator, member)

    def _role(
        self,
        team: TeamId,
        member: TeamMember,
        grant: EffectiveGrant,
        record: MembershipRecord | None,
    ) -> None:
        added = record is not None and record.origin == "added"
        if grant.mode not in _KEEPS_ROLES or (grant.mode is Mode.MANAGED and not added):
            return
        if self._deprovisioning.leaves(member.user) or self._made_it(team, member):
            return
        explanation = self._provenance.why_granted(member.user, grant, grant.role)
        if member.role.rank > grant.role.rank:
            floor = self._protections.floor(team, member, record)
            if floor is not None:
                self._note(team, member, floor, f"keeps the role {member.role.value}")
                return
        drift = record is not None and record.role is grant.role
        reason = f"{explanation.reason} gives the role {grant.role.value} on {self._protections.name(team)}"
        if drift:
            reason += f"; the role was changed to {member.role.value} in Cal.com"
        user = self._people.primary_user[member.user]
        state = action_states.of_grant(self._desired, team, grant)
        if member.role.rank > grant.role.rank:
            self._protections.reserve_removal(team, member, grant.role, state)
        self.actions.append(
            ChangeTeamRole(
                user.email or self._protections.email(member.user, record),
                reason,
                user=user.id,
                cal_user=member.user,
                membership=member.membership,
                team=team,
                role=grant.role,
                observed_role=member.role,
                mode=grant.mode,
                mappings=grant.ids,
                provenance=explanation.provenance,
                drift=drift,
                state=state,
            )
        )

    # ---------------------------------------------------------------- members that are not wanted

    def _surplus(self, team: TeamId, member: TeamMember) -> None:
        """Plan a member of the team who is in none of its groups."""
        record = self._desired.ledger.get((team, member.user))
        if self._is_leftover(member):
            self._leftover(team, member, record)
            return
        mode = self._removal_mode(team, member, record)
        if mode in (None, Mode.ADD_ONLY) or self._deprovisioning.leaves(member.user):
            return
        if self._made_it(team, member):
            return
        users = self._people.users(member.user)
        gone = self._people.gone.get(member.user, ())
        explanation = self._provenance.why_ended(users, gone, record, team)
        if explanation is None and mode is Mode.EXCLUSIVE and self._grants.waiting(team):
            return  # the member's group may not have been pushed yet; noted once for each team
        floor = self._protections.floor(team, member, record)
        if floor is not None:
            if mode is not Mode.OBSERVE:
                self._note(team, member, floor, "stays")
            return
        live = self._grants.live.get(team, ())
        given = self._provenance.given(record)
        state = action_states.of_removal(self._desired, team, mode, given, live)
        self._protections.reserve_removal(team, member, None, state)
        user = users[0].id if users else (gone[0].id if gone else None)
        if user is None and record is not None:
            user = record.user
        self.actions.append(
            RemoveMember(
                self._protections.email(member.user, record),
                explanation.reason if explanation is not None else self._unasked(team, record),
                user=user,
                cal_user=member.user,
                membership=member.membership,
                team=team,
                observed_role=member.role,
                provenance=None if explanation is None else explanation.provenance,
                drift=explanation is None,
                state=state,
            )
        )

    def _is_leftover(self, member: TeamMember) -> bool:
        """Return True if calscim removed this person from the organization, and they are not in it now.

        If Cal.com ends team memberships itself, such a row comes from a stale list, or the person has just joined.
        """
        seen = self._deprovisioning.seen
        return (
            self._observed.clears_teams is not True
            and seen is not None
            and member.user not in seen
            and member.user in self._former
        )

    def _leftover(self, team: TeamId, member: TeamMember, record: MembershipRecord | None) -> None:
        """End a membership that a Cal.com build from before 2025-08-18 left behind, whatever the team's mode."""
        user = next(
            (
                one
                for one, account in self._desired.former_accounts.items()
                if account == member.user
            ),
            None,
        )
        known = None if user is None else self._desired.users.get(user)
        live = self._grants.live.get(team, ())
        self.actions.append(
            RemoveMember(
                known.email if known is not None else self._protections.email(member.user, record),
                "left the organization, and this build of Cal.com left the team membership behind",
                user=user,
                cal_user=member.user,
                membership=member.membership,
                team=team,
                observed_role=member.role,
                state=action_states.of_removal(self._desired, team, Mode.MANAGED, (), live),
            )
        )

    def _removal_mode(
        self, team: TeamId, member: TeamMember, record: MembershipRecord | None
    ) -> Mode | None:
        """Return the mode that applies to a member who is not wanted, or None if no mode applies."""
        if team in self._grants.exclusive:
            return Mode.EXCLUSIVE
        if record is not None and record.origin == "added":
            given = self._provenance.given(record)
            if given:
                return strongest(given)
            self._note(team, member, "the directory that gave it was deleted", "stays")
            return None
        return Mode.OBSERVE if self._grants.observed_only(team) else None

    def _unasked(self, team: TeamId, record: MembershipRecord | None) -> str:
        if record is None or team in self._grants.exclusive:
            names = sorted({self._provenance.group(one) for one in self._grants.live.get(team, ())})
            return f"is in none of the groups mapped to {self._protections.name(team)}: {', '.join(names)}"
        return f"no group wants this person on {self._protections.name(team)} any more"

    # ---------------------------------------------------------------- messages

    def _wait_for_groups(self, team: TeamId) -> None:
        waiting = self._grants.waiting(team)
        if waiting and team in self._grants.exclusive:
            names = ", ".join(sorted(mapping.group_name for mapping in waiting))
            self.notes.append(
                f"{self._protections.name(team)}: people who were added by hand stay until the group {names} is pushed"
            )

    def _note(self, team: TeamId, member: TeamMember, floor: str, what: str) -> None:
        record = self._desired.ledger.get((team, member.user))
        who = self._protections.email(member.user, record)
        self.notes.append(f"{who} {what} on {self._protections.name(team)}: {floor}")
