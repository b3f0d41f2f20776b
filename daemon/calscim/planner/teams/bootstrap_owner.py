"""Remove the API key's user from teams that calscim created.

Cal.com makes the API key's user the owner of every team that calscim creates, although no mapping asks for that. The
ownership is taken back once the team has another owner, because a team is never left without an owner. Only the
membership that came with the team is taken back; one that was added by hand later stays. Only managed and exclusive
mappings allow this.
"""

from functools import partial

from calscim.planner.actions import ChangeTeamRole, Provenance, RemoveMember
from calscim.planner.context import PlanContext
from calscim.planner.desired_state import BootstrapOwner
from calscim.planner.grants import strongest
from calscim.planner.ids import CalUserId, TeamId
from calscim.planner.modes import Mode
from calscim.planner.observed_state import Complete, TeamMember
from calscim.planner.plan import Additions, Plan
from calscim.planner.provenance import journal_row
from calscim.planner.roles import Role
from calscim.planner.safeguards import action_states


def plan_bootstrap_owners(plan: Plan, context: PlanContext) -> Plan:
    """Take back the ownership that came with the creation of a team.

    A pass over some of the people cannot tell whether another person is to be an owner, so it takes back nothing.
    """
    if context.people_in_scope is not None:
        return plan
    changing = {
        (action.team, action.cal_user)
        for action in plan.actions
        if isinstance(action, RemoveMember | ChangeTeamRole)
    }
    added = Additions()
    for team, creator in context.desired.bootstrap_owners.items():
        members = context.observed.teams[team] if team in context.teams else None
        if not isinstance(members, Complete):
            continue
        member = members.value.get(creator.cal_user)
        if member is None or not is_bootstrap_owner(creator, member):
            continue
        if not _may_be_taken_back(context, team, member.user):
            continue
        others = (
            one.user
            for one in members.value.values()
            if is_another_owner(member.user, one)
            and (team, one.user) not in changing
            and not context.deprovisioning.is_leaving(one.user)
        )
        owner = next(others, None)
        if owner is None:
            added.notes.append(
                f"{context.protections.email(member.user)} stays the owner of {context.team_name(team)}, which "
                "calscim created with this person's key, until another person owns it: map a group to it with "
                "--role OWNER"
            )
        else:
            added.actions.append(_take_back(context, team, member, owner))
    return added.add_to(plan)


def _may_be_taken_back(context: PlanContext, team: TeamId, account: CalUserId) -> bool:
    """Return True if the mode of the team allows it, and nothing asks for the ownership or protects it."""
    mappings = context.grants.live.get(team, ())
    if not mappings or strongest(mappings) not in (Mode.MANAGED, Mode.EXCLUSIVE):
        return False
    grant = context.grants.teams.get(team, {}).get(account)
    if grant is not None and grant.role is Role.OWNER:
        return False
    deprovisioning = context.deprovisioning
    return not (deprovisioning.is_leaving(account) or deprovisioning.is_on_protected_list(account))


def _take_back(
    context: PlanContext, team: TeamId, member: TeamMember, owner: CalUserId
) -> RemoveMember | ChangeTeamRole:
    """Remove the member, or give the role that a mapping grants. ``owner``: the other owner of the team."""
    mappings = context.grants.live[team]
    seq = max(mapping.seq for mapping in mappings)
    user = context.people.primary_user.get(member.user)
    grant = context.grants.teams.get(team, {}).get(member.user)
    action = (
        RemoveMember
        if grant is None
        else partial(ChangeTeamRole, role=grant.role, mode=strongest(mappings), mappings=grant.ids)
    )
    return action(
        context.protections.email(member.user),
        f"owned {context.team_name(team)} because calscim created it with this person's key; "
        f"{context.protections.email(owner)} owns it now ({journal_row(seq)})",
        user=None if user is None else user.id,
        cal_user=member.user,
        membership=member.membership,
        team=team,
        observed_role=member.role,
        provenance=Provenance(context.policy.stream, seq),
        state=action_states.of_team(context.desired, team, mappings),
        of_bootstrap_owner=True,
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
