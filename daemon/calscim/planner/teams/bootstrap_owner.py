"""Remove the API key's user from teams that calscim created.

Cal.com makes the API key's user the owner of every team that calscim creates, although no mapping asks for that. The
ownership is taken back once the team has another owner, because a team is never left without an owner. Only the
membership that came with the team is taken back; one that was added by hand later stays. Only managed and exclusive
mappings allow this.
"""

from collections.abc import Iterable
from dataclasses import replace

from calscim.planner.actions import Action, ChangeTeamRole, Provenance, RemoveMember
from calscim.planner.context import PlanContext
from calscim.planner.desired_state import BootstrapOwner
from calscim.planner.grants import EffectiveGrant, strongest
from calscim.planner.ids import CalUserId, TeamId
from calscim.planner.modes import Mode
from calscim.planner.observed_state import Complete, TeamMember
from calscim.planner.plan import Plan
from calscim.planner.provenance import journal_row
from calscim.planner.roles import Role
from calscim.planner.safeguards import action_states


def plan_bootstrap_owners(plan: Plan, context: PlanContext) -> Plan:
    """Take back the ownership that came with the creation of a team.

    A pass over some of the people cannot tell whether another person is to be an owner, so it takes back nothing.
    """
    if context.chosen is not None:
        return plan
    planner = BootstrapOwnersPlanner(context, plan.actions)
    planner.walk(context.teams)
    return replace(
        plan,
        actions=(*plan.actions, *planner.actions),
        notes=(*plan.notes, *planner.notes),
    )


class BootstrapOwnersPlanner:
    """Fills ``actions`` and ``notes``. ``planned``: the other actions of the same plan on teams."""

    def __init__(self, context: PlanContext, planned: Iterable[Action]) -> None:
        self._desired = context.desired
        self._observed = context.observed
        self._policy = context.policy
        self._grants = context.grants
        self._deprovisioning = context.deprovisioning
        self._protections = context.protections
        self._touched = {
            (action.team, action.cal_user)
            for action in planned
            if isinstance(action, RemoveMember | ChangeTeamRole)
        }
        self.actions: list[Action] = []
        self.notes: list[str] = []

    def walk(self, teams: Iterable[TeamId]) -> None:
        for team in sorted(self._desired.bootstrap_owners.keys() & set(teams)):
            members = self._observed.teams[team]
            creator = self._desired.bootstrap_owners[team]
            if not isinstance(members, Complete):
                continue
            member = members.value.get(creator.cal_user)
            if member is not None and is_bootstrap_owner(creator, member):
                self._owner(team, member, members.value.values())

    def _owner(self, team: TeamId, member: TeamMember, members: Iterable[TeamMember]) -> None:
        live = self._grants.live.get(team, ())
        if not live or strongest(live) not in (Mode.MANAGED, Mode.EXCLUSIVE):
            return
        grant = self._grants.teams.get(team, {}).get(member.user)
        wanted = grant is not None and grant.role is Role.OWNER
        if (
            wanted
            or self._deprovisioning.leaves(member.user)
            or self._deprovisioning.protected(member.user)
        ):
            return
        name = self._protections.name(team)
        owner = next((one.user for one in members if self._stays_owner(team, member, one)), None)
        if owner is None:
            self.notes.append(
                f"{self._protections.email(member.user, None)} stays the owner of {name}, which was made with this "
                "person's key, until another person owns it: map a group to it with --role OWNER"
            )
            return
        self._take_back(team, member, grant, self._protections.email(owner, None))

    def _take_back(
        self, team: TeamId, member: TeamMember, grant: EffectiveGrant | None, owner: str
    ) -> None:
        live = self._grants.live[team]
        seq = max(mapping.seq for mapping in live)
        primary = self._grants.people.primary_user.get(member.user)
        removal = RemoveMember(
            self._protections.email(member.user, None),
            f"owned {self._protections.name(team)} for having made it; {owner} owns it now ({journal_row(seq)})",
            user=None if primary is None else primary.id,
            cal_user=member.user,
            membership=member.membership,
            team=team,
            observed_role=member.role,
            provenance=Provenance(self._policy.stream, seq),
            state=action_states.of_team(self._desired, team, live),
            of_bootstrap_owner=True,
        )
        if grant is None:
            self.actions.append(removal)
            return
        self.actions.append(
            ChangeTeamRole(
                removal.email,
                removal.reason,
                user=removal.user,
                cal_user=member.user,
                membership=member.membership,
                team=team,
                role=grant.role,
                observed_role=member.role,
                mode=strongest(live),
                mappings=grant.ids,
                provenance=removal.provenance,
                state=removal.state,
                of_bootstrap_owner=True,
            )
        )

    def _stays_owner(self, team: TeamId, creator: TeamMember, member: TeamMember) -> bool:
        return (
            is_another_owner(creator.user, member)
            and (team, member.user) not in self._touched
            and not self._deprovisioning.leaves(member.user)
        )


def is_bootstrap_owner(creator: BootstrapOwner, member: TeamMember) -> bool:
    """Return True if the member's ownership is the one that came with the creation of the team."""
    return (
        member.user == creator.cal_user
        and member.role is Role.OWNER
        and member.membership == creator.membership
    )


def is_another_owner(creator: CalUserId, member: TeamMember) -> bool:
    """Return True if another person owns the team."""
    return member.user != creator and member.role is Role.OWNER and member.accepted
