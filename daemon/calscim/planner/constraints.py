"""Constraints: rules about a whole plan that drop some of its proposed actions.

Each constraint is a stage: it takes the plan that the stages for people and teams proposed, and returns it without the
actions that it does not allow, with a note or a waiting entry for each. A constraint that an option of the
organization sets reads the option from ``context.policy``. Their order does not matter.
"""

from collections.abc import Callable, Sequence
from collections.abc import Mapping as MappingOf
from dataclasses import replace

from calscim.planner.actions import Action, ChangeOrgRole, DeprovisionUser
from calscim.planner.context import PlanContext
from calscim.planner.ids import CalUserId
from calscim.planner.observed_state import OrgMember
from calscim.planner.plan import Additions, Plan
from calscim.planner.roles import Role


def keep_last_administrator(plan: Plan, context: PlanContext) -> Plan:
    """Drop one action from a plan that would leave the organization without an administrator."""
    members = context.deprovisioning.members
    last = None if members is None else _find_last(plan.actions, members)
    if last is None:
        return plan
    added = Additions()
    added.leave_protected(last, "the last administrator of the organization")
    actions = tuple(action for action in plan.actions if action is not last)
    return added.add_to(replace(plan, actions=actions))


def _find_last(
    actions: Sequence[Action], members: MappingOf[CalUserId, OrgMember]
) -> Action | None:
    """Return the action to drop if all administrators would go at once: the lowest account id stays."""
    losing = [action for action in actions if _loses_org_role(action)]
    if not losing:
        return None
    administrators = {
        account for account, one in members.items() if one.accepted and one.role is not Role.MEMBER
    }
    if administrators - {action.cal_user for action in losing}:
        return None
    return min(losing, key=lambda one: (one.cal_user not in administrators, one.cal_user or 0))


def _loses_org_role(action: Action) -> bool:
    if not isinstance(action, DeprovisionUser | ChangeOrgRole):
        return False
    if action.observed_role in (None, Role.MEMBER):
        return False
    return isinstance(action, DeprovisionUser) or action.role is Role.MEMBER


CONSTRAINTS: tuple[Callable[[Plan, PlanContext], Plan], ...] = (keep_last_administrator,)
